//! The posterior given observations of the state (D12).

use ndarray::ArrayRef1;

use super::Posterior;
use crate::observation::{Observation, Observations};
use crate::{Error, Model, Real, backward, forward};

/// Computes the posterior over trajectories of direct inference, given also observations of the
/// state.
///
/// Each trajectory has the weight of (D0), times the likelihoods of the observations (D12). A
/// trajectory that has ended is in its terminal state at all later stages, and observations of
/// these stages count there. For the step to † at γ < 1, see [`Observation`].
///
/// Policy, marginals, [`dynamics_at`](Posterior::dynamics_at), samples and log-probabilities of
/// the result are given success and all observations. The log-evidence minus that of
/// [`posterior`](crate::posterior()) is the log-probability of the observations, given success.
/// Without observations, the result is that of [`posterior`](crate::posterior()).
///
/// Rewards of −∞ at a stage do not replace an observation. They do not count for agents that have
/// ended, because these take no action.
///
/// # Shapes
///
/// `initial` p₀, `[s]`, sums to 1. Observations are in any order, and several may be of one stage.
///
/// # Errors
///
/// [`Error::ObservationOutOfRange`] for a stage after the horizon; [`Error::StateOutOfRange`],
/// [`Error::ShapeMismatch`] for states that the model does not have; [`Error::InvalidEntry`] for a
/// log-likelihood that is NaN or +∞; [`Error::ImpossibleObservations`] with the first stage at
/// which no trajectory agrees with the observations so far; [`Error::ImpossibleEvidence`] if every
/// trajectory that agrees has weight 0 later; [`Error::Overflow`], [`Error::TotalOverflow`] if
/// finite log-likelihoods overflow; those of [`posterior`](crate::posterior()).
///
/// # Complexity
///
/// That of [`posterior`](crate::posterior()), and S numbers for each stage with an observation.
///
/// # Example
///
/// An agent walks over three cells and ends in the last one. Was it in the middle at stage 1?
///
/// ```
/// use softmdp::{Mdp, Observation, ndarray::{Array2, array}, posterior, posterior_given};
///
/// // Each step succeeds with probability 1/2. Cell 2 is terminal.
/// let transitions = array![[[0.5, 0.5, 0.0]], [[0.0, 0.5, 0.5]], [[0.0, 0.0, 1.0]]];
/// let mdp = Mdp::builder(transitions, Array2::zeros((3, 1))).terminal_states([2]).build()?;
/// let initial = array![1.0, 0.0, 0.0];
/// let before = posterior(&mdp, &initial, 3)?;
/// assert!((before.state_marginals()[[1, 1]] - 0.5_f64).abs() < 1e-15);
///
/// // At stage 3 it has ended: 3 paths of 4 that end by then passed the middle at stage 1.
/// let ended = Observation::at(3, 2);
/// let given = posterior_given(&mdp, &initial, 3, [ended.clone()])?;
/// assert!((given.state_marginals()[[1, 1]] - 0.75_f64).abs() < 1e-15);
/// assert!((given.log_evidence() - 0.5_f64.ln()).abs() < 1e-15); // the probability of the end
///
/// // A noisy sensor saw it in cell 0 at stage 1, and is right three times as often as wrong.
/// let sensor = Observation::new(1, array![3.0_f64.ln(), 0.0, 0.0]);
/// let given = posterior_given(&mdp, &initial, 3, [ended, sensor])?;
/// assert!((given.state_marginals()[[1, 1]] - 0.5_f64).abs() < 1e-15);
/// # Ok::<(), softmdp::Error>(())
/// ```
///
/// An agent with a policy of its own has no rewards. Its policy is the action prior, and γ is 1:
///
/// ```
/// use softmdp::{ActionPrior, Mdp, Observation, ndarray::{Array2, array}, posterior_given};
///
/// // Action 0 stays, action 1 changes the state. The agent stays with these probabilities.
/// let transitions = array![[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]];
/// let policy = array![[0.9, 0.1], [0.5, 0.5_f64]];
/// let mdp = Mdp::new(transitions, Array2::zeros((2, 2)))?
///     .with_action_prior(ActionPrior::Weights(policy))?;
/// let given = posterior_given(&mdp, &array![1.0, 0.0], 2, [Observation::at(2, 1)])?;
/// // Two paths end in state 1: 0, 0, 1 with 0.9 · 0.1 and 0, 1, 1 with 0.1 · 0.5.
/// assert!((given.log_evidence().exp() - 0.14_f64).abs() < 1e-15);
/// assert!((given.state_marginals()[[1, 1]] - 0.05 / 0.14_f64).abs() < 1e-15);
/// # Ok::<(), softmdp::Error>(())
/// ```
pub fn posterior_given<F: Real, M: Model<Scalar = F> + ?Sized>(
    mdp: &M,
    initial: &ArrayRef1<F>,
    horizon: usize,
    observations: impl IntoIterator<Item = Observation<F>>,
) -> Result<Posterior<F>, Error> {
    forward::check(mdp, initial, horizon)?;
    let observations = Observations::new(observations, horizon, mdp.num_states())?;
    Posterior::new(mdp, initial, backward::solve_given(mdp, horizon, observations)?)
}
