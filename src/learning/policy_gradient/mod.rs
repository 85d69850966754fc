//! Soft policy gradients: exact, natural, and from samples.
//!
//! The policy is the softmax of preferences θ over the available actions. The learner maximises
//! J = Σ p₀ V^π (V1) by gradient ascent.
//!
//! ```text
//! ∂J/∂θ(s,a) = 1/(1−γ) · d^π(s) π(a|s) ( Q^π(s,a) − τ log(π(a|s)/ρ(a|s)) − V^π(s) )       (G1)
//! natural:     π ∝ π_k^{1−ητ/(1−γ)} · (ρ^τ exp Q^{π_k})^{η/(1−γ)},   0 < η ≤ (1−γ)/τ      (G2)
//! sampled:     Σ_t γ^t ( G_t − b(s_t) ) ∂ log π(a_t|s_t)/∂θ,
//!              G_t = Σ_{k≥t} γ^{k−t} ( r_k − τ log(π/ρ)(a_k|s_k) ) + γ^{N−t} V_T(s_N)
//! ```
//!
//! where d^π/(1−γ) is the discounted number of visits. The baseline b may be any number that does
//! not depend on the action. It reduces variance and adds no bias. With a finite horizon there is a
//! θ for each stage, with visits γ^t d_t. With a finite horizon, and at γ = 1, 1 replaces 1−γ in
//! (G2).
//!
//! # References
//!
//! Mei, Xiao, Szepesvári and Schuurmans, *On the Global Convergence Rates of Softmax Policy
//! Gradient Methods*, ICML 2020 (G1); Cen, Cheng, Chen, Wei and Chi, *Fast Global Convergence of
//! Natural Policy Gradient Methods with Entropy Regularization*, Oper. Res. 2022 (G2); Williams,
//! *Simple Statistical Gradient-Following Algorithms*, Machine Learning 8, 1992 (sampled).

mod exact;
mod sampled;

use ndarray::{Array, ArrayRef, ArrayView};

use super::error::Error;
use super::horizon::{Horizon, Stationary};
use super::schedule::StepSize;
use super::settings::check_rate;
use super::step::Step;
use super::task::Task;
use crate::kernels::{SoftRow, softmax};
use crate::{Real, Table};

/// A softmax policy that learns by gradient ascent on its soft value, exactly from a model or from
/// sampled steps.
///
/// *Exactly*: [`gradient`](Self::gradient) (G1), [`ascend`](Self::ascend) and
/// [`natural_step`](Self::natural_step) (G2), which is soft policy iteration at η = (1−γ)/τ.
///
/// *From steps*: [`update`](super::Learner::update) collects an episode, and takes a step along the
/// score-function estimate when the episode ends. [`estimate`](Self::estimate) returns the
/// estimate. Learning is on-policy: pass whole episodes in order, from stage 0, with actions from
/// [`act`](super::Learner::act). An environment without an end needs a time limit.
///
/// Make forbidden actions unavailable instead of giving them a reward of −∞. A softmax takes every
/// available action with positive probability.
///
/// # Example
///
/// ```
/// use softmdp::learning::{Learner, SoftPolicyGradient, Task};
/// use softmdp::{Mdp, ndarray::array, solve_stationary};
///
/// let transitions = array![[[0.9, 0.1], [1.0, 0.0]], [[0.0, 1.0], [0.8, 0.2]]];
/// let mdp = Mdp::new(transitions, array![[1.0, -1.0], [0.0, -1.0]])?.with_discount(0.9)?;
/// let mut learner = SoftPolicyGradient::new(Task::of(&mdp)?)?;
/// let largest = (1.0 - 0.9) / mdp.temperature();
/// for _ in 0..6 {
///     learner.natural_step(&mdp, largest)?; // Newton's method: quadratic convergence
/// }
/// let best = solve_stationary(&mdp, 1e-10)?;
/// let difference = &learner.policy()?.probabilities() - &best.probabilities();
/// assert!(difference.iter().all(|d: &f64| d.abs() < 1e-9));
/// # Ok::<(), softmdp::learning::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(remote = "Self", deny_unknown_fields))]
pub struct SoftPolicyGradient<F = f64, H = Stationary> {
    #[cfg_attr(
        feature = "serde",
        serde(bound(
            serialize = "F: serde::Serialize, H: serde::Serialize",
            deserialize = "F: Real + serde::Deserialize<'de>, H: Horizon + serde::Deserialize<'de>"
        ))
    )]
    task: Task<F, H>,
    rate: F,
    schedule: StepSize<F>,
    baseline_size: Option<StepSize<F>>,
    preferences: Vec<F>, // θ, [t, s, a]; −∞ where an action cannot be taken
    #[cfg_attr(feature = "serde", serde(skip))]
    probabilities: Vec<F>, // π, [t, s, a]
    #[cfg_attr(feature = "serde", serde(skip))]
    logs: Vec<F>, // log π, [t, s, a]
    baseline: Vec<F>,    // b, [t, s]
    baseline_visits: Vec<u32>,
    num_episodes: u32,
    episode: Vec<Step<F>>,
}

impl<F: Real, H: Horizon> SoftPolicyGradient<F, H> {
    /// Returns a learner whose preferences are all 0: all available actions have equal probability.
    /// The rate is 0.1, and the baseline is the mean return from each state.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::TooLarge`](crate::Error::TooLarge).
    pub fn new(task: Task<F, H>) -> Result<Self, Error> {
        let mut learner = Self {
            preferences: task.action_values(Table::Preferences, F::zero())?,
            probabilities: task.filled(Table::Policy, F::zero())?,
            logs: task.filled(Table::Policy, F::zero())?,
            baseline: vec![F::zero(); task.num_rows()],
            baseline_visits: vec![0; task.num_rows()],
            rate: F::from_f64(0.1),
            schedule: StepSize::Constant(F::one()),
            baseline_size: Some(StepSize::Polynomial { exponent: F::one() }),
            num_episodes: 0,
            episode: Vec::new(),
            task,
        };
        (0..learner.task.num_rows()).for_each(|row| learner.refresh(row));
        Ok(learner)
    }

    /// Sets the step size of learning from episodes: `rate` times the step size of `schedule` after
    /// the number of episodes so far.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting) unless the rate is finite
    /// and above 0.
    pub fn with_rate(self, rate: F, schedule: StepSize<F>) -> Result<Self, Error> {
        check_rate(rate, "rate of the policy gradient")?;
        schedule.check()?;
        Ok(Self { rate, schedule, ..self })
    }

    /// Sets the step size of the baseline; `None` for no baseline, which increases the variance.
    /// Without a baseline, the value after a truncated episode counts as 0.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting).
    pub fn with_baseline(self, step_size: Option<StepSize<F>>) -> Result<Self, Error> {
        if let Some(step_size) = &step_size {
            step_size.check()?;
        }
        Ok(Self { baseline_size: step_size, ..self })
    }

    /// Sets the preferences θ and drops an unfinished episode. A preference of −∞ excludes an
    /// action. Entries of unavailable actions and of terminal states become −∞.
    ///
    /// # Shapes
    ///
    /// `preferences` `[s, a]`, or `[t, s, a]` with a finite horizon.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::ShapeMismatch`](crate::Error::ShapeMismatch);
    /// [`softmdp::Error::InvalidEntry`](crate::Error::InvalidEntry) for NaN and +∞;
    /// [`Error::NoPreference`] for a state whose available actions all have preference −∞.
    pub fn with_preferences(mut self, preferences: &ArrayRef<F, H::Pairs>) -> Result<Self, Error> {
        let preferences = self.task.take_table(Table::Preferences, preferences)?;
        self.check_preferences(&preferences)?;
        self.preferences = preferences;
        (0..self.task.num_rows()).for_each(|row| self.refresh(row));
        self.episode.clear();
        Ok(self)
    }

    /// θ(s,a), `[s, a]`, or `[t, s, a]` with a finite horizon; −∞ for excluded and unavailable
    /// actions, and in terminal states.
    #[must_use]
    pub fn preferences(&self) -> ArrayView<'_, F, H::Pairs> {
        self.task.view(&self.preferences)
    }

    /// The action values that would make this policy optimal, b(s) + τ log(π(a∣s)/ρ(a∣s)) (V3),
    /// `[s, a]`, or `[t, s, a]` with a finite horizon.
    ///
    /// This learner has no table of action values. After convergence the result equals Q. It is −∞
    /// for excluded and unavailable actions, and in terminal states.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::TooLarge`](crate::Error::TooLarge);
    /// [`softmdp::Error::Overflow`](crate::Error::Overflow).
    pub fn action_values(&self) -> Result<Array<F, H::Pairs>, Error> {
        let mut values = self.task.action_values(Table::ActionValues, F::zero())?;
        for (row, values) in values.chunks_exact_mut(self.task.num_actions()).enumerate() {
            let logs = &self.logs[self.task.pairs(row)];
            for ((value, &log), &weight) in values.iter_mut().zip(logs).zip(self.task.prior_row(row)) {
                if *value == F::neg_infinity() || log == F::neg_infinity() {
                    *value = F::neg_infinity();
                    continue;
                }
                *value = self.baseline[row] + self.task.temperature() * (log - weight.ln());
                if !value.is_finite() {
                    return Err(self.task.overflow(Table::ActionValues, row));
                }
            }
        }
        Ok(self.task.view(&values).to_owned())
    }

    /// [`Error::NoPreference`] for a row whose available actions are all excluded.
    fn check_preferences(&self, preferences: &[F]) -> Result<(), Error> {
        let num_states = self.task.num_states();
        for row in (0..self.task.num_rows()).filter(|row| !self.task.is_terminal(row % num_states)) {
            let is_none = |preference: &F| *preference == F::neg_infinity();
            if !self.task.is_dead_end(row) && preferences[self.task.pairs(row)].iter().all(is_none) {
                return Err(Error::NoPreference { stage: row / num_states, state: row % num_states });
            }
        }
        Ok(())
    }

    /// Writes π and log π of a row.
    fn refresh(&mut self, row: usize) {
        let pairs = self.task.pairs(row);
        let (probabilities, logs) = (&mut self.probabilities[pairs.clone()], &mut self.logs[pairs.clone()]);
        let out = SoftRow { probabilities, logs };
        let preferences = &self.preferences[pairs];
        softmax(|action| preferences[action], self.task.prior_row(row), out);
    }

    /// Checks what was read and computes the policy, which follows from the preferences.
    /// Exponentials can differ in the last bit between machines, so the policy is not stored.
    #[cfg(feature = "serde")]
    fn restored(mut self) -> Result<Self, Error> {
        use super::serde_impls::{check_len, check_table};
        check_rate(self.rate, "rate of the policy gradient")?;
        self.schedule.check()?;
        if let Some(step_size) = &self.baseline_size {
            step_size.check()?;
        }
        let rows = self.task.num_rows();
        let len = rows * self.task.num_actions();
        check_table(Table::Preferences, &self.preferences, len, true)?;
        self.task.check_forbidden(Table::Preferences, &self.preferences)?;
        self.check_preferences(&self.preferences)?;
        check_table(Table::StateValues, &self.baseline, rows, false)?;
        check_len(Table::Visits, &self.baseline_visits, rows)?;
        self.probabilities = self.task.filled(Table::Policy, F::zero())?;
        self.logs = self.task.filled(Table::LogPolicy, F::zero())?;
        (0..rows).for_each(|row| self.refresh(row));
        for step in std::mem::take(&mut self.episode) {
            if self.follow(&step)?.is_last {
                return Err(Error::StepOutOfOrder { stage: step.stage, state: step.state });
            }
            self.episode.push(step);
        }
        Ok(self)
    }
}

#[cfg(feature = "serde")]
super::serde_impls::checked!(SoftPolicyGradient<F, H>, Self::restored);
