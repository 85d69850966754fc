//! Teams: several processes that solve one model together.
//!
//! A process of a team holds some of the states, and has a model of these states alone: a model
//! whose [`Dynamics`](crate::Dynamics) have a [`Share`]. Everything else is written as for a model
//! of one's own: `soft_value_iteration(&mdp, horizon)` returns the values of the own states.
//!
//! ```text
//! process 0: states 0..4        process 1: states 4..9        process 2: states 9..12
//! ```
//!
//! Before a stage reads the next values, the processes exchange those that others read: a
//! [collective](Team) call. Only the rows of a process, its rewards and its results are in its
//! memory, and the values of states that its rows lead to.
//!
//! [`LocalTeam`] is a team of threads in one process, for tests and to see how it works. For
//! processes on several machines, implement [`Team`] over their transport.
//!
//! # What a team shares
//!
//! - Soft value iteration over a finite horizon, direct and variational: `solve`, `solve_values`,
//!   their `_into` forms, `stream`, and [`soft_bellman_backup`](crate::soft_bellman_backup).
//!   `solve_batch` solves one model after the other.
//! - Stationary problems of variational inference with a discount below 1, by
//!   [`Method::ValueIteration`](crate::Method), with the certified bound.
//! - Sparse rows, made for each process by
//!   [`SparseDynamics::shared_from_fn`](crate::SparseDynamics::shared_from_fn), and all other
//!   dynamics by [`SharedDynamics`](crate::dynamics::SharedDynamics).
//!
//! Everything else refuses a model with a share: [`Error::Team`].
//!
//! # Rules
//!
//! All members call the same functions of this crate in the same order, with the same options.
//! A member that does something else is an error for all of them, as far as it can be noticed. With
//! debug assertions, members tell each other which call they have come to.
//!
//! An error of one member, such as an invalid reward, is an error of all: the others get
//! [`Error::Elsewhere`]. This holds for [`MdpBuilder::build`](crate::MdpBuilder::build), for making
//! shared dynamics, and for everything that a team shares. It does not hold for changes of a model,
//! such as [`Mdp::with_rewards`](crate::Mdp::with_rewards): a member that returns from one of these
//! with an error has to end the team.
//!
//! If the visitor of a `stream` breaks in one process, the streams of the others end with
//! [`Error::Stopped`].
//!
//! # Results
//!
//! Results do not depend on the number of processes, or on where states are cut. They are those of
//! one process without a team, to the bit, with three exceptions. Very small models (up to some
//! 3000 numbers P) have a layout of their own in one process, which rounds in another order. And if
//! value iteration takes more than 4096 passes, or ends by rounding, one process also tries
//! differences of values, which may lower its bound. And where values come near the end of the
//! number type, states are computed one by one that have others as neighbours in the memory of a
//! process, which may change last digits.

mod alone;
mod local;
mod meeting;
mod share;

pub use alone::Alone;
pub use local::LocalTeam;
pub use share::Share;

use std::fmt::Debug;

use crate::Error;
pub use crate::kernels::{Numbers, NumbersMut};
use crate::parallel::first_end;

/// The processes that solve a model together, as one of them sees it.
///
/// Implement it for a transport of your own. Both methods are *collective*: all members call the
/// same methods in the same order, each with its own numbers. They are called from the thread that
/// called the crate, never from several threads at a time.
///
/// # Example
///
/// ```
/// use softmdp::team::{LocalTeam, Numbers, NumbersMut};
///
/// let sums = LocalTeam::run(3, |team| {
///     let (mine, mut all) = ([team.rank() as f64 + 1.0], [0.0; 3]);
///     team.all_gather(Numbers::F64(&mine), NumbersMut::F64(&mut all), &[1, 1, 1])?;
///     Ok::<f64, softmdp::Error>(all.iter().sum())
/// });
/// assert_eq!(sums, [Ok(6.0), Ok(6.0), Ok(6.0)]);
/// ```
pub trait Team: Debug + Send + Sync {
    /// The number of this process, from 0.
    fn rank(&self) -> usize;

    /// The number of processes, at least 1.
    fn size(&self) -> usize;

    /// Writes everybody's numbers to `all`, in the order of ranks: `counts[rank]` of each.
    ///
    /// # Errors
    ///
    /// [`Error::Team`] if the numbers could not be exchanged.
    fn all_gather(&self, mine: Numbers<'_>, all: NumbersMut<'_>, counts: &[usize]) -> Result<(), Error>;

    /// Sends `out_counts[rank]` numbers of `out` to each process, and receives `into_counts[rank]`
    /// from each, both in the order of ranks. This process's own part of `into` is left as it is,
    /// and its own count of `out` is 0.
    ///
    /// # Errors
    ///
    /// [`Error::Team`] if the numbers could not be exchanged.
    fn exchange(
        &self,
        out: Numbers<'_>,
        out_counts: &[usize],
        into: NumbersMut<'_>,
        into_counts: &[usize],
    ) -> Result<(), Error>;
}

/// States, cut into a range for each process, of about equal work.
///
/// `work(states)` is the work of a range in any unit, such as its transitions.
///
/// # Panics
///
/// If there are fewer states than processes, or no process.
///
/// # Example
///
/// ```
/// use softmdp::team::divide;
///
/// assert_eq!(divide(10, 3, |states| states.len()), [0..4, 4..7, 7..10]);
/// // The first state has as much work as all others.
/// assert_eq!(divide(7, 2, |states| states.map(|s| if s == 0 { 6 } else { 1 }).sum()), [0..1, 1..7]);
/// ```
#[must_use]
pub fn divide(
    num_states: usize,
    size: usize,
    work: impl Fn(std::ops::Range<usize>) -> usize,
) -> Vec<std::ops::Range<usize>> {
    assert!((1..=num_states).contains(&size), "{size} processes for {num_states} states");
    let total = work(0..num_states) as u128;
    let mut ranges = Vec::with_capacity(size);
    let mut first = 0;
    for rank in 0..size {
        let left = size - rank - 1;
        let share = (total * (rank as u128 + 1)).div_ceil(size as u128);
        let end = first_end(first + 1..num_states - left, |end| (work(0..end) as u128) < share);
        let end = if left == 0 { num_states } else { end };
        ranges.push(first..end);
        first = end;
    }
    ranges
}
