//! The average reward of variational inference, per stage of an endless process.
//!
//! At γ = 1 and without terminal states, values grow with the horizon. The gain g is the largest
//! mean, per stage, of r − τ log(π/ρ) that any policy earns in the long run. Let B V be the backup
//! of (V2) and (V3). The gain and the relative values V solve
//!
//! ```text
//! B V = V + g    (S5)
//! ```
//!
//! The policy of V earns g. At temperature 0 this is the optimality equation of the average reward
//! criterion. Its policy takes the best action, with equal shares of those that tie.
//!
//! # Bounds
//!
//! For any V that is finite on the states that can go on, min (B V − V) ≤ g ≤ max (B V − V). The
//! policy of V earns at least the minimum. The code widens both bounds by the rounding of one
//! backup. The result is the midpoint of the best bounds.
//!
//! # Which states
//!
//! A state goes on if some policy avoids, forever and with probability 1, all states in which every
//! action is forbidden. In other states V = −∞. Some policy has to lead from each state that goes
//! on, with probability 1, to a class with the largest gain. Otherwise the gain depends on the
//! initial state, and the result is an error.
//!
//! # References
//!
//! Puterman, *Markov Decision Processes* (1994), ch. 8 (§8.4 for (S5), §8.5.4 for periodic chains,
//! §8.5.5 for the bounds) and ch. 9; Odoni, *Oper. Res.* 17 (1969) 857–860.

mod search;

use ndarray::{Array1, ArrayView1};
use search::find;

use super::climb::{Climb, Found, check_endless, check_question, check_stored};
use crate::mdp::CheckedStage;
use crate::mdp::run_pass;
use crate::{Convergence, Error, Inference, Model, Real, StationaryPolicy, Table};

/// The average reward of the best policy of variational inference, with relative values and policy.
///
/// Returned by [`average_reward`]. A clone copies the tables.
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, Status, average_reward, ndarray::array};
///
/// // Two shops. Action 0 stays, action 1 goes to the other. A stage in shop 1 earns 2.
/// let transitions = array![[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]; // [s, a, s']
/// let mdp = Mdp::new(transitions, array![[0.0, 0.0], [2.0, 2.0]])?.with_temperature(0.0)?;
/// let average = average_reward(&mdp, 1e-9)?;
///
/// assert!(average.lower_bound() <= average.gain() && average.gain() <= average.upper_bound());
/// let convergence = average.convergence();
/// assert_eq!(convergence.status, Status::Converged);
/// assert!((average.gain() - 2.0_f64).abs() <= convergence.error_bound);
/// assert_eq!(average.policy().greedy(), array![1, 0]); // go to shop 1, and stay there
/// // Who starts in shop 0 loses the reward of one stage.
/// assert!((average.relative_values()[0] + 2.0).abs() < 1e-8);
/// assert_eq!(average.relative_values()[1], 0.0);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        try_from = "AverageRewardParts<F>",
        bound(serialize = "F: Real + serde::Serialize", deserialize = "F: Real + serde::Deserialize<'de>")
    )
)]
pub struct AverageReward<F = f64> {
    gain: F,
    #[cfg_attr(feature = "serde", serde(rename = "lower_bound"))]
    lower: F,
    #[cfg_attr(feature = "serde", serde(rename = "upper_bound"))]
    upper: F,
    relative_values: Array1<F>,
    policy: StationaryPolicy<F>,
    convergence: Convergence<F>,
}

/// The numbers of an [`AverageReward`].
///
/// # Example
///
/// ```
/// use softmdp::parts::AverageRewardParts;
/// use softmdp::{AverageReward, Error, Mdp, Table, average_reward, ndarray::array};
///
/// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[3.0, 1.0]])?;
/// let average = average_reward(&mdp, 1e-9)?;
/// let mut parts = AverageRewardParts {
///     gain: average.gain(), // log(e³ + e)
///     lower_bound: average.lower_bound(),
///     upper_bound: average.upper_bound(),
///     relative_values: average.relative_values().to_owned(),
///     policy: average.policy().clone(),
///     convergence: average.convergence().clone(),
/// };
/// assert_eq!(AverageReward::try_from(parts.clone())?, average);
///
/// parts.gain += 1.0; // above the upper bound
/// let refused = AverageReward::try_from(parts).unwrap_err();
/// assert!(matches!(refused, Error::InvalidEntry { table: Table::Gain, .. }));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        rename = "AverageReward",
        deny_unknown_fields,
        bound(deserialize = "F: Real + serde::Deserialize<'de>")
    )
)]
pub struct AverageRewardParts<F = f64> {
    /// The gain: finite, and between the bounds.
    pub gain: F,
    /// A lower bound on the gain.
    pub lower_bound: F,
    /// An upper bound on the gain.
    pub upper_bound: F,
    /// The relative value of each state, `[s]`, at most 0.
    pub relative_values: Array1<F>,
    /// π(a∣s).
    pub policy: StationaryPolicy<F>,
    /// How the search ended, with an error bound of at least 0.
    pub convergence: Convergence<F>,
}

/// Checks that shapes agree, that the bounds enclose the gain and that no relative value is above 0
/// or NaN.
impl<F: Real> TryFrom<AverageRewardParts<F>> for AverageReward<F> {
    type Error = Error;

    fn try_from(parts: AverageRewardParts<F>) -> Result<Self, Error> {
        let AverageRewardParts { gain, lower_bound: lower, upper_bound: upper, .. } = parts;
        let AverageRewardParts { relative_values, policy, convergence, .. } = parts;
        check_stored((Table::Gain, gain), (lower, upper), &relative_values, &policy, &convergence)?;
        Ok(Self { gain, lower, upper, relative_values, policy, convergence })
    }
}

impl<F: Real> AverageReward<F> {
    /// The gain g, in reward units per stage: the largest long-run mean of r − τ log(π/ρ).
    ///
    /// It is V_t − V_{t+1} of variational inference far from the horizon, unless the chain of the
    /// policy is periodic.
    #[must_use]
    pub fn gain(&self) -> F {
        self.gain
    }

    /// A lower bound on the gain. The policy earns at least this much, up to rounding.
    #[must_use]
    pub fn lower_bound(&self) -> F {
        self.lower
    }

    /// An upper bound on the gain. No policy earns more.
    #[must_use]
    pub fn upper_bound(&self) -> F {
        self.upper
    }

    /// Values relative to the best state, `[s]`, in reward units: V of (S5).
    ///
    /// The largest is 0. The difference of two states is how much more the process earns if it
    /// starts in one instead of the other. The value is −∞ in states in which no policy can go on
    /// forever with probability 1.
    ///
    /// If the best policy could stay in several classes of states that earn the same gain, (S5)
    /// leaves the differences between these classes open. The result is one solution.
    #[must_use]
    pub fn relative_values(&self) -> ArrayView1<'_, F> {
        self.relative_values.view()
    }

    /// The policy π(a∣s), the same at all stages, which earns the gain from every state with a
    /// finite relative value.
    ///
    /// Rows of states with relative value −∞ are the normalised prior.
    #[must_use]
    pub fn policy(&self) -> &StationaryPolicy<F> {
        &self.policy
    }

    /// The number of passes and the error bound of the gain.
    ///
    /// The relative values satisfy B V = V + g to within the error bound.
    #[must_use]
    pub fn convergence(&self) -> &Convergence<F> {
        &self.convergence
    }
}

/// Computes the best average reward of an endless process, by variational inference, to an error of
/// at most `tolerance`.
///
/// For a model without discount and without terminal states. The result holds for any τ ≥ 0. At
/// temperature 0, the gain is the largest mean reward per stage that any policy earns in the long
/// run. Above, the gain includes −τ log(π/ρ): with the counting prior the entropy of the policy,
/// with a prior that sums to 1 a cost. To get the mean reward alone, weight the rewards of the
/// policy with its [`stationary_distribution`](StationaryPolicy::stationary_distribution).
///
/// For direct inference, the evidence grows at the rate of
/// [`long_run_growth`](crate::long_run_growth). The two agree if the dynamics are deterministic.
///
/// # One gain for all states
///
/// The gain is one number if some policy leads from every state to the best class of states, with
/// probability 1. This holds if each state can be reached from each other one (a communicating
/// model). It holds if every policy has a single recurrent class (a unichain model), and for many
/// other models. Otherwise the gain depends on the initial state, and [`Error::SeveralGains`] names
/// two classes with their gains.
///
/// Periodic chains need no special care. A reward of −∞ forbids a pair. Variational inference also
/// avoids pairs that risk a state from which no policy goes on forever.
///
/// # Errors
///
/// - [`Error::NotConverged`] if the tolerance is not met, or if the hook of a
///   [`Watched`](crate::Watched) model stops the search.
/// - [`Error::InvalidSetting`] unless γ = 1 and the tolerance is above 0.
/// - [`Error::EndsInTerminalState`] if there is a terminal state; use
///   [`solve_stationary`](crate::solve_stationary) for such a model.
/// - [`Error::SeveralGains`] if the gain depends on the initial state.
/// - [`Error::NoEndlessTrajectory`] if no policy can go on forever with probability 1.
/// - [`Error::NotHomogeneous`] if the stages of the model may differ.
/// - [`Error::Overflow`], [`Error::TooLarge`], and the errors of a custom [`Model`].
///
/// # Complexity
///
/// Time O(transitions) a pass. A search takes tens of passes, or hundreds if the model mixes
/// slowly. Each class of several states that the agent can stay in takes a search of its own,
/// unless there is only one. Memory O(transitions).
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, average_reward, ndarray::array};
///
/// // A machine works (0) or is broken (1). Action 0 runs it, action 1 repairs it.
/// let transitions = array![[[0.9, 0.1], [1.0, 0.0]], [[0.0, 1.0], [0.8, 0.2]]]; // [s, a, s']
/// let rewards = array![[1.0, -1.0], [0.0, -1.0]];
/// let mdp = Mdp::new(transitions, rewards)?.with_temperature(0.0)?;
/// let average = average_reward(&mdp, 1e-9)?;
/// // The machine works 8/9 of the time and earns 1; each repair costs 1.
/// assert!((average.gain() - 7.0_f64 / 9.0).abs() <= average.convergence().error_bound);
/// assert_eq!(average.policy().greedy(), array![0, 1]); // run, and repair if broken
/// // A broken machine is worth (0 + 1 + g) / 0.8 less.
/// assert!((average.relative_values()[1] + 20.0_f64 / 9.0).abs() < 1e-8);
/// # Ok::<(), softmdp::Error>(())
/// ```
pub fn average_reward<M: Model + ?Sized>(
    mdp: &M,
    tolerance: M::Scalar,
) -> Result<AverageReward<M::Scalar>, Error> {
    check_question(mdp, tolerance)?;
    if mdp.discount() < num_traits::one() {
        return Err(Error::InvalidSetting {
            setting: "discount",
            value: mdp.discount().into_f64(),
            expected: "1 for an average reward; for a discount < 1, call `solve_stationary`",
        });
    }
    check_endless(mdp)?;
    run_pass(mdp, 1, Inference::Variational, || {
        let stage = CheckedStage::new(mdp, 0, Inference::Variational)?;
        (0..mdp.num_states()).try_for_each(|state| stage.row(state).map(|_| ()))?;
        let search = Climb::new(mdp, Inference::Variational)?;
        let found = find(search, tolerance.into_f64(), &stage, mdp.temperature())?;
        let convergence = found.convergence();
        let Found { rate: gain, lower, upper, relative_values, policy, log_policy, .. } = found;
        let policy = StationaryPolicy::from_solver(policy, log_policy);
        Ok(AverageReward { gain, lower, upper, relative_values, policy, convergence })
    })
}
