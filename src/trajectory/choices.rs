//! Log-probabilities of the choices of a path, one for each action.

use ndarray::Array1;

use super::Trajectory;
use crate::{Error, Policy, Real, StationaryPolicy, Table, arrays};

impl<F: Real> Policy<F> {
    /// Computes log π_t(a_t∣s_t) of each action of a path, `[t]`, in nats.
    ///
    /// The path starts at stage 0 and may be unfinished. The sum of the entries is the
    /// log-likelihood of its actions. Unlike in [`log_probability`](Self::log_probability),
    /// outcomes do not count: neither the initial state nor the transitions. An action of
    /// probability 0 has the entry −∞.
    ///
    /// # Errors
    ///
    /// [`Error::TrajectoryTooLong`] if the path has more actions than the policy has stages;
    /// [`Error::StateOutOfRange`], [`Error::ActionOutOfRange`]. Without a model, the call cannot
    /// check whether an action follows a terminal state.
    ///
    /// # Complexity
    ///
    /// Time and memory O(number of actions).
    ///
    /// # Example
    ///
    /// How surprising is each choice of an agent that is still on its way?
    ///
    /// ```
    /// use softmdp::{Policy, Trajectory, ndarray::array};
    ///
    /// // One state, three stages. The agent prefers action 1 more and more.
    /// let policy = Policy::new(array![[[0.5, 0.5]], [[0.25, 0.75]], [[0.125, 0.875]]])?;
    /// let path = Trajectory::new(vec![0, 0, 0], vec![1, 0])?; // stage 2 is not decided yet
    /// let log_choices = policy.log_choices(&path)?;
    /// assert_eq!(log_choices, array![0.5_f64.ln(), 0.25_f64.ln()]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    #[doc(alias("action_log_likelihood", "log_likelihood_of_actions", "surprise"))]
    pub fn log_choices(&self, trajectory: &Trajectory) -> Result<Array1<F>, Error> {
        let (found, horizon) = (trajectory.actions().len(), self.horizon());
        if found > horizon {
            return Err(Error::TrajectoryTooLong { found, horizon });
        }
        log_choices(trajectory, self.num_states(), self.num_actions(), |t, state, action| {
            self.log_probabilities()[[t, state, action]]
        })
    }
}

impl<F: Real> StationaryPolicy<F> {
    /// Computes log π(a_t∣s_t) of each action of a path, `[t]`, in nats.
    ///
    /// The path may have any length and may be unfinished. The sum of the entries is the
    /// log-likelihood of its actions; outcomes do not count. An action of probability 0 has the
    /// entry −∞.
    ///
    /// # Errors
    ///
    /// [`Error::StateOutOfRange`], [`Error::ActionOutOfRange`].
    ///
    /// # Complexity
    ///
    /// Time and memory O(number of actions).
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{StationaryPolicy, Trajectory, ndarray::array};
    ///
    /// let policy = StationaryPolicy::new(array![[0.25, 0.75], [0.5, 0.5]])?;
    /// let path = Trajectory::new(vec![0, 0, 1], vec![1, 0])?;
    /// let log_likelihood = policy.log_choices(&path)?.sum();
    /// assert!((log_likelihood - 0.1875_f64.ln()).abs() < 1e-15);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn log_choices(&self, trajectory: &Trajectory) -> Result<Array1<F>, Error> {
        log_choices(trajectory, self.num_states(), self.num_actions(), |_, state, action| {
            self.log_probabilities()[[state, action]]
        })
    }
}

/// `log_policy(t, s, a)` of each step.
fn log_choices<F: Real>(
    trajectory: &Trajectory,
    num_states: usize,
    num_actions: usize,
    log_policy: impl Fn(usize, usize, usize) -> F,
) -> Result<Array1<F>, Error> {
    trajectory.check_indices(num_states, num_actions)?;
    let mut logs = arrays::filled(Table::Trajectory, trajectory.actions().len(), F::zero())?;
    for (log, (t, state, action, _)) in logs.iter_mut().zip(trajectory.steps()) {
        *log = log_policy(t, state, action);
    }
    Ok(logs)
}
