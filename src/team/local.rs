//! A team of threads in one process.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{Numbers, NumbersMut, Team};
use crate::Error;

/// A team of threads in one process. Its members exchange copies through memory.
///
/// It shows that a program works with several processes, without a second process. To use several
/// cores of one machine, do without a team: the crate has threads of its own.
///
/// # Example
///
/// ```
/// use softmdp::team::LocalTeam;
/// use softmdp::{Error, Mdp, SparseDynamics, ndarray::Array2, soft_value_iteration};
///
/// // A ring of 100 states; each of 4 members makes its own 25.
/// let successors = |state: usize, _| [((state + 1) % 100, 0.9), (state, 0.1)];
/// let reward = |state: usize| if state == 30 { 1.0 } else { 0.0 };
/// let values = LocalTeam::run(4, |team| {
///     let states = 25 * team.rank()..25 * (team.rank() + 1);
///     let rewards = Array2::from_shape_fn((25, 1), |(own, _)| reward(states.start + own));
///     let dynamics = SparseDynamics::shared_from_fn(team, 100, 1, states, successors)?;
///     let solution = soft_value_iteration(&Mdp::builder(dynamics, rewards).build()?, 50)?;
///     Ok::<Vec<f64>, Error>(solution.state_values().row(0).to_vec()) // of its own states
/// });
/// let values = values.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
///
/// let dynamics = SparseDynamics::from_fn(100, 1, successors)?;
/// let rewards = Array2::from_shape_fn((100, 1), |(state, _)| reward(state));
/// let alone = soft_value_iteration(&Mdp::builder(dynamics, rewards).build()?, 50)?;
/// assert_eq!(values, alone.state_values().row(0).to_vec());
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct LocalTeam {
    hub: Arc<Hub>,
    rank: usize,
}

impl LocalTeam {
    /// Runs `member` on `size` threads, each with its view of the team. Returns what the members
    /// return, in the order of ranks.
    ///
    /// If a member has returned or panicked, calls that wait for it return an error.
    ///
    /// # Panics
    ///
    /// If a member panics, after all of them have ended.
    pub fn run<R: Send>(size: usize, member: impl Fn(Arc<dyn Team>) -> R + Sync) -> Vec<R> {
        let hub = Arc::new(Hub { size, state: Mutex::default(), changed: Condvar::new() });
        let (member, hub) = (&member, &hub);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..size)
                .map(|rank| {
                    scope.spawn(move || {
                        let _leaving = Leaving { hub, rank };
                        member(Arc::new(Self { hub: Arc::clone(hub), rank }))
                    })
                })
                .collect();
            let results: Vec<_> = threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
            results
                .into_iter()
                .map(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        })
    }

    /// Waits until all members have come to a call, and returns what each has brought.
    fn meet(&self, brought: Deposit) -> Result<Vec<Arc<Deposit>>, Error> {
        let Hub { size, changed, .. } = &*self.hub;
        let mut state = self.hub.lock();
        state.arrived.resize(*size, None);
        let round = state.round;
        state.arrived[self.rank] = Some(Arc::new(brought));
        if state.arrived.iter().all(Option::is_some) {
            state.complete = state.arrived.iter_mut().filter_map(Option::take).collect();
            state.round += 1;
            changed.notify_all();
        }
        while state.round == round {
            if let Some(rank) = state.gone {
                return Err(Error::Team { message: format!("process {rank} has left the team") });
            }
            state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // The next round is complete only after this member has come to it, so these are its own.
        Ok(state.complete.clone())
    }
}

/// Where the members meet.
#[derive(Debug)]
struct Hub {
    size: usize,
    state: Mutex<State>,
    changed: Condvar,
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct State {
    round: usize,
    arrived: Vec<Option<Arc<Deposit>>>, // of this round, [rank]
    complete: Vec<Arc<Deposit>>,        // of the last round, [rank]
    gone: Option<usize>,                // a member that has left
}

/// Tells the others that a member has left, also if it panics.
struct Leaving<'h> {
    hub: &'h Hub,
    rank: usize,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.hub.lock().gone.get_or_insert(self.rank);
        self.hub.changed.notify_all();
    }
}

/// What a member brings to a call.
#[derive(Debug)]
struct Deposit {
    kind: Kind,
    numbers: Owned,
    counts: Vec<usize>, // for each rank
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    AllGather,
    Exchange,
}

#[derive(Debug)]
enum Owned {
    F32(Vec<f32>),
    F64(Vec<f64>),
    Bytes(Vec<u8>),
}

impl Owned {
    fn of(numbers: Numbers<'_>) -> Self {
        match numbers {
            Numbers::F32(numbers) => Self::F32(numbers.to_vec()),
            Numbers::F64(numbers) => Self::F64(numbers.to_vec()),
            Numbers::Bytes(numbers) => Self::Bytes(numbers.to_vec()),
        }
    }

    /// Copies `len` numbers from `from` on to `to` on. Returns whether there are as many, of the
    /// same type.
    fn copy(&self, from: usize, into: &mut NumbersMut<'_>, to: usize, len: usize) -> bool {
        fn copy<T: Copy>(source: Option<&[T]>, target: Option<&mut [T]>) -> bool {
            source.zip(target).map(|(source, target)| target.copy_from_slice(source)).is_some()
        }
        match (self, into) {
            (Self::F32(a), NumbersMut::F32(b)) => copy(a.get(from..from + len), b.get_mut(to..to + len)),
            (Self::F64(a), NumbersMut::F64(b)) => copy(a.get(from..from + len), b.get_mut(to..to + len)),
            (Self::Bytes(a), NumbersMut::Bytes(b)) => copy(a.get(from..from + len), b.get_mut(to..to + len)),
            _ => false,
        }
    }
}

/// The error of members that do not agree.
fn disagreement() -> Error {
    Error::Team { message: "the processes have come to different calls: all must make the same calls in the same order, with the same options".into() }
}

impl Team for LocalTeam {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.hub.size
    }

    fn all_gather(&self, mine: Numbers<'_>, mut all: NumbersMut<'_>, counts: &[usize]) -> Result<(), Error> {
        let numbers = Owned::of(mine);
        let deposits = self.meet(Deposit { kind: Kind::AllGather, numbers, counts: counts.to_vec() })?;
        let mut to = 0;
        for (rank, deposit) in deposits.iter().enumerate() {
            let agrees = deposit.kind == Kind::AllGather && deposit.counts == counts;
            if !agrees || !deposit.numbers.copy(0, &mut all, to, counts[rank]) {
                return Err(disagreement());
            }
            to += counts[rank];
        }
        Ok(())
    }

    fn exchange(
        &self,
        out: Numbers<'_>,
        out_counts: &[usize],
        mut into: NumbersMut<'_>,
        into_counts: &[usize],
    ) -> Result<(), Error> {
        let numbers = Owned::of(out);
        let deposits = self.meet(Deposit { kind: Kind::Exchange, numbers, counts: out_counts.to_vec() })?;
        if deposits.iter().any(|deposit| deposit.kind != Kind::Exchange) {
            return Err(disagreement());
        }
        let mut to = 0;
        for (rank, deposit) in deposits.iter().enumerate() {
            if rank != self.rank {
                let from = deposit.counts[..self.rank].iter().sum();
                let agrees = deposit.counts[self.rank] == into_counts[rank];
                if !agrees || !deposit.numbers.copy(from, &mut into, to, into_counts[rank]) {
                    return Err(disagreement());
                }
            }
            to += into_counts[rank];
        }
        Ok(())
    }
}
