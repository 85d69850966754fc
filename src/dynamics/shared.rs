//! Dynamics that every process of a team has, and of which each works on its own states.

use std::ops::Range;
use std::sync::Arc;

use super::Dynamics;
use crate::Error;
use crate::kernels::LogBlock;
use crate::team::{Share, Team};

/// The rows of the states that a process of a [team](crate::team) holds, of dynamics of all states.
///
/// For dynamics whose rows are computed, or small enough for the memory of every process. If rows
/// take most of the memory, [`SparseDynamics::shared_from_fn`](crate::SparseDynamics) stores those
/// of the own states alone.
///
/// # Example
///
/// ```
/// use softmdp::dynamics::SharedDynamics;
/// use softmdp::team::LocalTeam;
/// use softmdp::{DeterministicDynamics, Dynamics, Error};
///
/// let own = LocalTeam::run(2, |team| {
///     let ring = DeterministicDynamics::<f64>::from_fn(6, 1, |state, _| (state + 1) % 6)?;
///     let states = 3 * team.rank()..3 * team.rank() + 3;
///     let shared = SharedDynamics::new(team, states, ring)?;
///     let mut successors = Vec::new();
///     shared.for_each_successor(2, 0, &mut |next_state, _| successors.push(next_state));
///     Ok::<_, Error>((shared.num_states(), shared.num_places(), successors))
/// });
/// assert_eq!(own, [Ok((3, 6, vec![3])), Ok((3, 6, vec![0]))]);
/// ```
#[derive(Debug)]
pub struct SharedDynamics<D> {
    whole: D,
    share: Share,
}

impl<D: Dynamics> SharedDynamics<D> {
    /// The rows of `states` in the dynamics of all states. Collective: all members of the team call
    /// it, each with its own states and with the same dynamics.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidShare`] unless the ranges of the processes are not empty and follow each
    /// other; [`Error::ShapeMismatch`] unless they end with the last state.
    pub fn new(team: Arc<dyn Team>, states: Range<usize>, whole: D) -> Result<Self, Error> {
        let share = Share::of_all(team, states)?;
        share.check_num_states(whole.num_states())?;
        Ok(Self { whole, share })
    }

    /// Own states, among all states.
    fn among_all(&self, states: Range<usize>) -> Range<usize> {
        let first = self.share.states().start;
        first + states.start..first + states.end
    }
}

impl<D: Dynamics> Dynamics for SharedDynamics<D> {
    type Scalar = D::Scalar;

    fn num_states(&self) -> usize {
        self.share.states().len()
    }

    fn num_actions(&self) -> usize {
        self.whole.num_actions()
    }

    fn share(&self) -> Option<&Share> {
        Some(&self.share)
    }

    fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, D::Scalar)) {
        self.whole.for_each_successor(self.share.states().start + state, action, visit);
    }

    fn for_each_faint_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, D::Scalar)) {
        self.whole.for_each_faint_successor(self.share.states().start + state, action, visit);
    }

    fn has_faint_successors(&self) -> bool {
        self.whole.has_faint_successors()
    }

    fn expectation(&self, states: Range<usize>, k: usize, v: &[D::Scalar], y: &mut [D::Scalar]) {
        self.whole.expectation(self.among_all(states), k, v, y);
    }

    fn log_expectation(&self, states: Range<usize>, v: &LogBlock<D::Scalar>, y: &mut [D::Scalar]) {
        self.whole.log_expectation(self.among_all(states), v, y);
    }

    fn push_forward(
        &self,
        states: Range<usize>,
        next_states: Range<usize>,
        k: usize,
        x: &[D::Scalar],
        w: &mut [D::Scalar],
    ) {
        self.whole.push_forward(self.among_all(states), next_states, k, x, w);
    }

    /// Mixes rows of all states, those of others with weight 0.
    fn mix_actions(&self, weights: &[D::Scalar]) -> Option<Box<dyn Dynamics<Scalar = D::Scalar>>> {
        let (all, width) = (self.share.num_all_states(), self.num_actions());
        let mut of_all = vec![D::Scalar::default(); all * width];
        let own = self.share.states();
        of_all[own.start * width..own.end * width].copy_from_slice(weights);
        let whole = self.whole.mix_actions(&of_all)?;
        Some(Box::new(SharedDynamics { whole, share: self.share.clone() }))
    }

    fn work(&self, states: Range<usize>) -> usize {
        self.whole.work(self.among_all(states))
    }
}
