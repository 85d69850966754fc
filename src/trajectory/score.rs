//! Probabilities of trajectories.

use ndarray::ArrayRef1;

use super::Trajectory;
use crate::dynamics::successors::log_transition;
use crate::mdp::CheckedStage;
use crate::mdp::check_initial;
use crate::{Error, Inference, Model, Policy, Posterior, Real, Table};

impl<F: Real> Posterior<F> {
    /// Computes log p(trajectory ∣ e), in nats (D0), or given observations (D12). It is −∞ if the
    /// trajectory is impossible, excludes success or contradicts an observation.
    ///
    /// `mdp` must be the model that was solved; only its shape can be checked.
    ///
    /// # Errors
    ///
    /// [`Error::StateOutOfRange`], [`Error::ActionOutOfRange`]; [`Error::TrajectoryLength`] if it
    /// is longer than the horizon, or shorter without ending in a terminal state or in †;
    /// [`Error::ActionAfterEnd`]; [`Error::ShapeMismatch`], [`Error::HorizonOutOfRange`],
    /// [`Error::ZeroTemperature`]; [`Error::TotalOverflow`]; errors of your own [`Model`].
    ///
    /// # Complexity
    ///
    /// Time O(T · successors of a pair).
    pub fn log_probability<M>(&self, mdp: &M, trajectory: &Trajectory) -> Result<F, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        self.check_model(mdp)?;
        trajectory.check(mdp, self.horizon(), |_, _| false)?;
        let mut total = Total::new(self.initial()[trajectory.states()[0]].ln());
        let (log_discount, log_leave) = (mdp.discount().ln(), (F::one() - mdp.discount()).ln());
        for (t, state, action, next_state) in trajectory.steps() {
            let stage = CheckedStage::begin(mdp, t, Inference::Direct)?;
            let (rewards, prior) = stage.row(state)?;
            total.add(prior[action].ln());
            total.add_quotient(rewards[action], mdp.temperature());
            match next_state {
                Some(next_state) => {
                    total.add(log_discount);
                    let pair = (state, action);
                    total.add(log_transition(stage.dynamics, mdp.temperature(), pair, next_state));
                }
                None => total.add(log_leave),
            }
        }
        let (observations, num_actions) = (self.solution().observed(), trajectory.actions().len());
        for (t, state, ..) in trajectory.steps() {
            if let Some((logs, _)) = observations.at(t) {
                total.add(logs[state]);
            }
        }
        // The rest of the time is spent where the trajectory has ended.
        match (trajectory.has_left(), trajectory.states().last()) {
            (false, Some(&last)) => {
                total.add_quotient(mdp.terminal_values()[last], mdp.temperature());
                observations.of_state_from(num_actions, last).for_each(|log| total.add(log));
            }
            _ => total.add(observations.absorbed_from(num_actions)),
        }
        total.add(-self.log_evidence());
        total.finish()
    }
}

impl<F: Real> Policy<F> {
    /// Computes log q(trajectory), in nats, of this policy under the true dynamics (V0). It is −∞
    /// for an impossible trajectory. Under q, moving to † is impossible.
    ///
    /// # Shapes
    ///
    /// `initial` p₀, `[s]`, sums to 1.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] if the policy does not fit the model; [`Error::InvalidInitial`],
    /// [`Error::UnnormalizedInitial`]; [`Error::StateOutOfRange`], [`Error::ActionOutOfRange`];
    /// [`Error::TrajectoryLength`] if it is longer than the horizon, or shorter without ending in a
    /// terminal state or a dead end; [`Error::ActionAfterEnd`]; [`Error::UnnormalizedTransition`]
    /// for the row of an action that the policy takes but the model excludes;
    /// [`Error::TotalOverflow`]; errors of your own [`Model`].
    ///
    /// # Complexity
    ///
    /// Time O(T · successors of a pair).
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, Policy, Trajectory, ndarray::array};
    ///
    /// let transitions = array![[[0.5, 0.5], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]];
    /// let mdp = Mdp::new(transitions, array![[0.0, 0.0], [0.0, 0.0]])?;
    /// let policy = Policy::new(array![[[0.2, 0.8], [0.5, 0.5]]])?;
    /// let trajectory = Trajectory::new(vec![0, 1], vec![0])?;
    /// let log_probability = policy.log_probability(&mdp, &array![1.0, 0.0], &trajectory)?;
    /// assert!((log_probability - 0.1_f64.ln()).abs() < 1e-15);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn log_probability<M>(
        &self,
        mdp: &M,
        initial: &ArrayRef1<F>,
        trajectory: &Trajectory,
    ) -> Result<F, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        self.check_model(mdp)?;
        check_initial(initial, mdp.num_states())?;
        trajectory.check(mdp, self.horizon(), |t, state| self.is_dead_end(t, state))?;
        let mut total = Total::new(initial[trajectory.states()[0]].ln());
        for (t, state, action, next_state) in trajectory.steps() {
            let stage = CheckedStage::begin(mdp, t, Inference::Variational)?;
            let log = self.log_probabilities()[[t, state, action]];
            total.add(log);
            stage.row(state)?;
            if log > F::neg_infinity() {
                stage.check_taken(state, action)?;
            }
            total.add(match next_state {
                Some(next_state) => {
                    log_transition(stage.dynamics, mdp.temperature(), (state, action), next_state)
                }
                None => F::neg_infinity(),
            });
        }
        total.finish()
    }

    /// Whether the row of a state is all zeros.
    pub(super) fn is_dead_end(&self, t: usize, state: usize) -> bool {
        t < self.horizon()
            && (0..self.num_actions()).all(|action| self.probabilities()[[t, state, action]] == F::zero())
    }
}

/// A sum of logarithms that distinguishes impossible factors from overflow.
struct Total<F> {
    sum: F,
    is_impossible: bool,
}

impl<F: Real> Total<F> {
    fn new(log: F) -> Self {
        Self { sum: log, is_impossible: log == F::neg_infinity() }
    }

    fn add(&mut self, log: F) {
        self.is_impossible |= log == F::neg_infinity();
        self.sum += log;
    }

    /// Adds value/τ.
    fn add_quotient(&mut self, value: F, temperature: F) {
        self.is_impossible |= value == F::neg_infinity();
        self.sum += value / temperature;
    }

    fn finish(self) -> Result<F, Error> {
        if self.is_impossible {
            return Ok(F::neg_infinity());
        }
        if self.sum.is_finite() {
            Ok(self.sum)
        } else {
            Err(Error::TotalOverflow { table: Table::Trajectory })
        }
    }
}
