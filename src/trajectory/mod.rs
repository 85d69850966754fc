//! Trajectories: their probability, samples, and the most likely one.
//!
//! ```text
//! p(s₀,a₀,…,s_T | e) = p₀(s₀) Π_t ρ(a_t|s_t) exp(r(s_t,a_t)/τ) γ P(s_{t+1}|s_t,a_t)
//!                      · exp(V_T(s_T)/τ) / p(e)                                     (D0)
//! q(s₀,a₀,…,s_T)     = p₀(s₀) Π_t π_t(a_t|s_t) P(s_{t+1}|s_t,a_t)                   (V0)
//! ```
//!
//! The first is the distribution given success ([`Posterior`](crate::Posterior)). The second is
//! that of a policy under the true dynamics ([`Policy`](crate::Policy)).

mod choices;
mod most_likely;
#[cfg(feature = "rand")]
mod sample;
mod score;

use crate::{Error, Model, Table, arrays};

/// A sequence of states and actions.
///
/// A trajectory over a horizon T has T actions and T+1 states. It is shorter if it ends in a
/// terminal state. In direct inference with γ < 1 the last action may lead to †. Since † is not a
/// state, the number of states then equals the number of actions.
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, Trajectory, ndarray::array, posterior};
///
/// // Two tosses of a coin. Heads (state 1) pays log 3.
/// let reward = 3.0_f64.ln();
/// let mdp = Mdp::builder(array![[[0.5, 0.5]], [[0.5, 0.5]]], array![[0.0], [reward]])
///     .terminal_values(array![0.0, reward])
///     .build()?;
/// let posterior = posterior(&mdp, &array![1.0, 0.0], 2)?;
/// let twice_heads = Trajectory::new(vec![0, 1, 1], vec![0, 0])?;
/// let log_probability = posterior.log_probability(&mdp, &twice_heads)?;
/// assert!((log_probability - 0.75_f64.powi(2).ln()).abs() < 1e-15);
/// assert_eq!(posterior.most_likely(&mdp)?, twice_heads);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "TrajectoryParts"))]
pub struct Trajectory {
    states: Vec<usize>,
    actions: Vec<usize>,
}

#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(rename = "Trajectory", deny_unknown_fields)]
struct TrajectoryParts {
    states: Vec<usize>,
    actions: Vec<usize>,
}

#[cfg(feature = "serde")]
impl TryFrom<TrajectoryParts> for Trajectory {
    type Error = Error;

    fn try_from(parts: TrajectoryParts) -> Result<Self, Error> {
        Self::new(parts.states, parts.actions)
    }
}

impl Trajectory {
    /// Takes states and actions in the order of stages. There is one state more than actions, or
    /// an equal number if the last action led to †.
    ///
    /// The functions that score a trajectory check its states and actions against the model.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] for any other number of states, or if there are no states.
    pub fn new(states: Vec<usize>, actions: Vec<usize>) -> Result<Self, Error> {
        if states.is_empty() || states.len() != actions.len() {
            arrays::check_shape(Table::Trajectory, &[states.len()], &[actions.len() + 1])?;
        }
        Ok(Self { states, actions })
    }

    /// The states s_0, s_1, …; at most T+1.
    #[must_use]
    pub fn states(&self) -> &[usize] {
        &self.states
    }

    /// The actions a_0, a_1, …; at most T.
    #[must_use]
    pub fn actions(&self) -> &[usize] {
        &self.actions
    }

    /// Whether the last action led to †.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.states.len() == self.actions.len()
    }

    /// The steps (t, s, a, s'), s' being `None` for †.
    fn steps(&self) -> impl Iterator<Item = (usize, usize, usize, Option<usize>)> + '_ {
        let steps = self.states.iter().zip(&self.actions).enumerate();
        steps.map(|(t, (&state, &action))| (t, state, action, self.states.get(t + 1).copied()))
    }

    /// Checks that all states and actions are in range.
    fn check_indices(&self, num_states: usize, num_actions: usize) -> Result<(), Error> {
        let table = Table::Trajectory;
        if let Some(&state) = self.states.iter().find(|state| **state >= num_states) {
            return Err(Error::StateOutOfRange { table, state, num_states });
        }
        match self.steps().find(|&(_, _, action, _)| action >= num_actions) {
            Some((_, state, action, _)) => Err(Error::ActionOutOfRange { state, action, num_actions }),
            None => Ok(()),
        }
    }

    /// Checks that a model has these states and actions, that the trajectory ends where it may end,
    /// and that no action follows the end.
    fn check<M: Model + ?Sized>(
        &self,
        mdp: &M,
        horizon: usize,
        may_end: impl Fn(usize, usize) -> bool,
    ) -> Result<(), Error> {
        self.check_indices(mdp.num_states(), mdp.num_actions())?;
        if let Some((stage, state, ..)) = self.steps().find(|&(_, state, ..)| mdp.is_terminal(state)) {
            return Err(Error::ActionAfterEnd { stage, state });
        }
        let found = self.actions.len();
        let ends = |state: usize| mdp.is_terminal(state) || may_end(found, state);
        let is_whole =
            found == horizon || self.has_left() || self.states.last().is_some_and(|&last| ends(last));
        if found <= horizon && is_whole { Ok(()) } else { Err(Error::TrajectoryLength { found, horizon }) }
    }
}
