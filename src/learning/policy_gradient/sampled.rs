//! The score-function estimate from whole episodes.

use ndarray::Array;

use super::SoftPolicyGradient;
use crate::learning::Error;
use crate::learning::horizon::Horizon;
use crate::learning::learner::Learner;
use crate::learning::schedule::{count, mix};
use crate::learning::step::Step;
use crate::learning::task::{Next, Task};
use crate::{Real, Table};

/// How a step continues its episode.
pub(super) struct Follows<F> {
    /// Whether the episode ends with the step.
    pub(super) is_last: bool,
    /// The value after the last step.
    end_value: F,
}

/// Calls `visit(row, pair, γ^t, G_t)` for each step of an episode, from the last to the first.
fn for_each_return<F: Real, H: Horizon>(
    (task, logs): (&Task<F, H>, &[F]),
    (episode, end_value): (&[Step<F>], F),
    mut visit: impl FnMut(usize, usize, F, F),
) -> Result<(), Error> {
    let mut value = end_value;
    for step in episode.iter().rev() {
        let index = task.locate(step)?;
        let log_ratio = logs[index.pair] - task.prior_row(index.row)[step.action].ln();
        let earned = step.reward - task.temperature() * log_ratio;
        let found = task.target(earned, value).filter(|value| value.is_finite());
        value = found.ok_or_else(|| task.overflow(Table::StateValues, index.row))?;
        let weight = task.discount().powf(F::from_f64(step.stage as f64));
        visit(index.row, index.pair, weight, value);
    }
    Ok(())
}

impl<F: Real, H: Horizon> SoftPolicyGradient<F, H> {
    /// Computes the score-function estimate of the gradient (G1) from one whole episode of this
    /// policy. The learner stays the same.
    ///
    /// Its expectation is the gradient if episodes end in terminal states or at the horizon, and if
    /// the baseline comes from other episodes. After a truncated episode, the estimate uses the
    /// baseline of its last state.
    ///
    /// # Shapes
    ///
    /// Returns `[s, a]`, or `[t, s, a]` with a finite horizon.
    ///
    /// # Errors
    ///
    /// Those of [`update`](Learner::update) for each step; [`Error::StepOutOfOrder`] unless the
    /// last step, and no other, ends the episode.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::learning::{SoftPolicyGradient, Step, Task};
    /// use softmdp::ndarray::array;
    ///
    /// // A bandit. Action 1 pays 2.
    /// let task = Task::new(1, 2)?.with_temperature(0.0)?;
    /// let learner = SoftPolicyGradient::new(task)?;
    /// let step = Step { terminated: true, ..Step::new(0, 1, 2.0, 0) };
    /// assert_eq!(learner.estimate(&[step])?, array![[-1.0, 1.0]]); // 2 (e_a − π)
    /// # Ok::<(), softmdp::learning::Error>(())
    /// ```
    pub fn estimate(&self, episode: &[Step<F>]) -> Result<Array<F, H::Pairs>, Error> {
        let mut gradient = self.task.filled(Table::Preferences, F::zero())?;
        let end_value = self.check_episode(episode)?;
        for_each_return((&self.task, &self.logs), (episode, end_value), |row, pair, weight, value| {
            self.add_score((row, pair), weight * (value - self.baseline_of(row)), &mut gradient);
        })?;
        self.task.check_finite(Table::Preferences, &gradient)?;
        Ok(self.task.view(&gradient).to_owned())
    }

    /// b(s) of a row; 0 without a baseline.
    fn baseline_of(&self, row: usize) -> F {
        if self.baseline_size.is_some() { self.baseline[row] } else { F::zero() }
    }

    /// Adds weight · ∂ log π(a|s)/∂θ = weight · (e_a − π) to a table.
    fn add_score(&self, (row, pair): (usize, usize), weight: F, table: &mut [F]) {
        let pairs = self.task.pairs(row);
        for (entry, &p) in table[pairs.clone()].iter_mut().zip(&self.probabilities[pairs]) {
            *entry -= weight * p;
        }
        table[pair] += weight;
    }

    /// Checks all steps of an episode, and returns the value after the last one.
    fn check_episode(&self, episode: &[Step<F>]) -> Result<F, Error> {
        let mut before = None;
        for (at, step) in episode.iter().enumerate() {
            let follows = self.follow_after(before, step)?;
            if follows.is_last != (at + 1 == episode.len()) {
                return Err(Error::StepOutOfOrder { stage: step.stage, state: step.state });
            }
            if follows.is_last {
                return Ok(follows.end_value);
            }
            before = Some(step);
        }
        Ok(F::zero())
    }

    /// Checks that a step continues the current episode.
    pub(super) fn follow(&self, step: &Step<F>) -> Result<Follows<F>, Error> {
        self.follow_after(self.episode.last(), step)
    }

    fn follow_after(&self, before: Option<&Step<F>>, step: &Step<F>) -> Result<Follows<F>, Error> {
        let index = self.task.locate(step)?;
        let &Step { stage, state, action, .. } = step;
        let expected = before.map_or((0, state), |before| (before.stage + 1, before.next_state));
        if (stage, state) != expected {
            return Err(Error::StepOutOfOrder { stage, state });
        }
        if self.probabilities[index.pair] == F::zero() {
            return Err(Error::InvalidBehaviour { state, action, value: 0.0 });
        }
        let (is_last, end_value) = match index.next {
            Next::End(value) => (true, value),
            Next::Row(next) if self.task.is_dead_end(next) => (true, F::neg_infinity()),
            Next::Row(next) => (step.truncated, self.baseline_of(next)),
        };
        // At γ = 0 the value after the last step does not matter.
        let end_value = if self.task.discount() == F::zero() { F::zero() } else { end_value };
        if step.reward == F::neg_infinity() || end_value == F::neg_infinity() {
            return Err(Error::NoGradient { stage, state });
        }
        Ok(Follows { is_last, end_value })
    }

    /// Climbs the estimate of the episode that has just ended, and updates the baseline.
    fn climb(&mut self, end_value: F) -> Result<(), Error> {
        let rate = self.rate * self.schedule.after(self.num_episodes);
        let (mut total, mut largest) = (F::zero(), F::zero());
        for_each_return((&self.task, &self.logs), (&self.episode, end_value), |row, _, weight, value| {
            total += rate * weight * (value - self.baseline_of(row)).abs();
            let preferences = self.preferences[self.task.pairs(row)].iter();
            for preference in preferences.filter(|preference| preference.is_finite()) {
                largest = largest.max(preference.abs());
            }
        })?;
        if !(largest + total < F::max_value() * F::from_f64(0.25)) {
            return Err(self.task.overflow(Table::Preferences, 0));
        }
        // Taken out: the estimate uses the preferences from before the episode.
        let mut preferences = std::mem::take(&mut self.preferences);
        let climbed = for_each_return(
            (&self.task, &self.logs),
            (&self.episode, end_value),
            |row, pair, weight, value| {
                let weight = rate * weight * (value - self.baseline_of(row));
                self.add_score((row, pair), weight, &mut preferences);
            },
        );
        self.preferences = preferences;
        climbed?;
        if let Some(step_size) = self.baseline_size {
            let (baseline, visits) = (&mut self.baseline, &mut self.baseline_visits);
            for_each_return((&self.task, &self.logs), (&self.episode, end_value), |row, _, _, value| {
                // A mixture of two finite numbers is finite.
                baseline[row] = mix(baseline[row], value, step_size.after(visits[row])).unwrap_or(value);
                count(&mut visits[row]);
            })?;
        }
        count(&mut self.num_episodes);
        for at in 0..self.episode.len() {
            let step = self.episode[at];
            if let Ok(row) = self.task.acting_row(step.stage, step.state) {
                self.refresh(row);
            }
        }
        self.episode.clear();
        Ok(())
    }
}

/// [`update`](Learner::update) stores each step, and learns at the end of the episode. It allocates
/// memory if the episode is longer than all earlier ones. It also returns
/// [`Error::StepOutOfOrder`], [`Error::InvalidBehaviour`] for an action of probability 0, and
/// [`Error::NoGradient`] for a value of −∞.
impl<F: Real, H: Horizon> Learner for SoftPolicyGradient<F, H> {
    type Scalar = F;
    type Horizon = H;

    fn task(&self) -> &Task<F, H> {
        &self.task
    }

    /// The softmax of the preferences.
    fn policy(&self) -> Result<H::Policy<F>, Error> {
        self.task.policy(|row, policy| {
            policy.probabilities.copy_from_slice(&self.probabilities[self.task.pairs(row)]);
            policy.logs.copy_from_slice(&self.logs[self.task.pairs(row)]);
        })
    }

    /// The baseline b(s), an estimate of V^π from the returns after each state.
    fn state_values(&self) -> Result<Array<F, H::States>, Error> {
        self.task.state_values(|row| Some(self.baseline[row]))
    }

    fn begin_episode(&mut self) {
        self.episode.clear();
    }

    fn update(&mut self, step: &Step<F>) -> Result<(), Error> {
        let follows = self.follow(step)?;
        self.episode.push(*step);
        if follows.is_last {
            let climbed = self.climb(follows.end_value);
            if climbed.is_err() {
                self.episode.pop();
            }
            return climbed;
        }
        Ok(())
    }

    #[cfg(feature = "rand")]
    fn act_at<R: rand::Rng + ?Sized>(&self, stage: usize, state: usize, rng: &mut R) -> Result<usize, Error> {
        let row = self.task.acting_row(stage, state)?;
        let probabilities = &self.probabilities[self.task.pairs(row)];
        let choice = crate::kernels::draw(rng, probabilities.iter().copied().enumerate());
        choice.ok_or(Error::DeadEnd { stage, state })
    }
}
