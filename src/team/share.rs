//! The states that a process holds, and those of others that its rows lead to.

use std::ops::Range;
use std::sync::Arc;

use super::Team;
use crate::{Error, Real, Table, arrays};

/// The share of a process in the states of a model.
///
/// Dynamics with a share have rows for the own states alone, which count from 0. Their successors
/// are *places*: own states, and the states of other processes that the rows lead to, in the order
/// of all states. So the successors of a row keep their order, and each sum its rounding.
///
/// # Example
///
/// ```
/// use softmdp::team::{LocalTeam, Share};
///
/// // Two members with three states each, of which the first and last read one of the other's.
/// let places = LocalTeam::run(2, |team| {
///     let rank = team.rank();
///     let share = Share::new(team, 3 * rank..3 * rank + 3, &[[3], [2]][rank])?;
///     let own = [10.0 * rank as f64, 1.0, 2.0];
///     let mut places = vec![0.0; share.num_places()];
///     share.complete(&own, &mut places)?;
///     assert_eq!(places[share.place(3 * rank).unwrap()], own[0]);
///     Ok::<_, softmdp::Error>(places)
/// });
/// assert_eq!(places[0], Ok(vec![0.0, 1.0, 2.0, 10.0]));
/// assert_eq!(places[1], Ok(vec![2.0, 10.0, 1.0, 2.0]));
/// ```
#[derive(Debug, Clone)]
pub struct Share {
    team: Arc<dyn Team>,
    firsts: Vec<usize>, // the first state of each process, and the number of states
    plan: Plan,
}

/// Which values are exchanged.
#[derive(Debug, Clone)]
enum Plan {
    /// All values go to all processes: places are all states.
    All,
    /// The values that are named.
    Named(Arc<Named>),
}

#[derive(Debug)]
struct Named {
    states: Vec<usize>, // of other processes, ascending; those below the own ones come first
    num_below: usize,
    take: Vec<usize>, // values from each process; the number of own states from this one
    give: Vec<usize>, // own states, counted from 0, process after process
    give_counts: Vec<usize>,
}

impl Share {
    /// A share of `states`, among all states. Ranges of processes follow each other in the order of
    /// ranks. `named` are the states that the rows lead to, in any order, own ones and repeats
    /// included. If the processes name more than half of the others' states, every process gets all
    /// values, which is then cheaper.
    ///
    /// Collective: all members of the team call it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidShare`] unless ranges are not empty and follow each other;
    /// [`Error::StateOutOfRange`] for a name that is not a state; [`Error::Elsewhere`] for an error
    /// of another process.
    pub fn new(team: Arc<dyn Team>, states: Range<usize>, named: &[usize]) -> Result<Self, Error> {
        let rank = team.rank();
        let ranges = team.gather("Share::new", Ok([states.start as f64, states.end as f64]))?;
        let mut firsts = vec![0];
        for (rank, [start, end]) in ranges.into_iter().map(|range| range.map(to_index)).enumerate() {
            let expected_start = firsts[rank];
            if start != expected_start || end <= start {
                return Err(Error::InvalidShare { rank, states: start..end, expected_start });
            }
            firsts.push(end);
        }
        let num_states = firsts[team.size()];
        let others = Self::others(&states, named, num_states);
        let numbers = others.as_ref().map(|others| [others.len() as f64, (num_states - states.len()) as f64]);
        let [named, unnamed] =
            team.join("Share::new, names", numbers.map_err(Clone::clone), |a, b| [a[0] + b[0], a[1] + b[1]])?;
        let plan = match others {
            Ok(others) if 2.0 * named <= unnamed => {
                Plan::Named(Arc::new(Named::new(&*team, &firsts, rank, others)?))
            }
            _ => Plan::All,
        };
        Ok(Self { team, firsts, plan })
    }

    /// A share whose places are all states.
    ///
    /// Collective: all members of the team call it.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    pub fn of_all(team: Arc<dyn Team>, states: Range<usize>) -> Result<Self, Error> {
        Ok(Self { plan: Plan::All, ..Self::new(team, states, &[])? })
    }

    /// The named states of other processes, ascending.
    fn others(states: &Range<usize>, named: &[usize], num_states: usize) -> Result<Vec<usize>, Error> {
        let mut others: Vec<usize> = named.iter().copied().filter(|state| !states.contains(state)).collect();
        others.sort_unstable();
        others.dedup();
        match others.last() {
            Some(&state) if state >= num_states => {
                Err(Error::StateOutOfRange { table: Table::Transitions, state, num_states })
            }
            _ => Ok(others),
        }
    }

    /// The team.
    #[must_use]
    pub fn team(&self) -> &Arc<dyn Team> {
        &self.team
    }

    /// The number of states of all processes.
    #[must_use]
    pub fn num_all_states(&self) -> usize {
        self.firsts[self.team.size()]
    }

    /// The own states, among all states.
    #[must_use]
    pub fn states(&self) -> Range<usize> {
        self.firsts[self.team.rank()]..self.firsts[self.team.rank() + 1]
    }

    /// The number of places.
    #[must_use]
    pub fn num_places(&self) -> usize {
        match &self.plan {
            Plan::All => self.num_all_states(),
            Plan::Named(named) => self.states().len() + named.states.len(),
        }
    }

    /// The places of the own states.
    #[must_use]
    pub fn own(&self) -> Range<usize> {
        match &self.plan {
            Plan::All => self.states(),
            Plan::Named(named) => named.num_below..named.num_below + self.states().len(),
        }
    }

    /// The place of a state, counted among all states; `None` if the process does not know it.
    #[must_use]
    pub fn place(&self, state: usize) -> Option<usize> {
        let states = self.states();
        match &self.plan {
            Plan::All => Some(state).filter(|&state| state < self.num_all_states()),
            Plan::Named(named) if states.contains(&state) => Some(named.num_below + state - states.start),
            Plan::Named(named) => {
                let at = named.states.binary_search(&state).ok()?;
                Some(if at < named.num_below { at } else { at + states.len() })
            }
        }
    }

    /// Writes the values of all places, `[place]`, given those of the own states, `[s]`.
    ///
    /// Collective: all members of the team call it.
    ///
    /// # Errors
    ///
    /// [`Error::Team`] if the values could not be exchanged.
    ///
    /// # Panics
    ///
    /// If a slice does not have one entry for each own state, or each place.
    pub fn complete<F: Real>(&self, own: &[F], places: &mut [F]) -> Result<(), Error> {
        self.complete_columns(1, own, places)
    }

    /// The values of all places, as [`complete`](Self::complete) writes them.
    pub(crate) fn completed<F: Real>(&self, own: &[F]) -> Result<Vec<F>, Error> {
        let mut places = vec![F::zero(); self.num_places()];
        self.complete(own, &mut places)?;
        Ok(places)
    }

    /// Checks that the processes hold a number of states together. Collective.
    pub(crate) fn check_num_states(&self, num_states: usize) -> Result<(), Error> {
        let checked = arrays::check_shape(Table::Transitions, &[self.num_all_states()], &[num_states]);
        self.team.agree("Share::check_num_states", checked)
    }

    /// [`complete`](Self::complete) for k columns, `[s, k]` and `[place, k]`.
    ///
    /// # Errors
    ///
    /// [`Error::Team`] if the values could not be exchanged.
    ///
    /// # Panics
    ///
    /// Unless the slices have these shapes.
    pub fn complete_columns<F: Real>(&self, k: usize, own: &[F], places: &mut [F]) -> Result<(), Error> {
        assert_eq!(own.len(), k * self.states().len(), "one entry for each own state");
        assert_eq!(places.len(), k * self.num_places(), "one entry for each place");
        let times = |counts: &[usize]| counts.iter().map(|count| k * count).collect::<Vec<_>>();
        match &self.plan {
            Plan::All => {
                let counts: Vec<_> = self.firsts.windows(2).map(|ends| k * (ends[1] - ends[0])).collect();
                self.team.all_gather(F::numbers(own), F::numbers_mut(places), &counts)
            }
            Plan::Named(named) => {
                let here = self.own();
                places[k * here.start..k * here.end].copy_from_slice(own);
                let out: Vec<F> =
                    named.give.iter().flat_map(|&state| &own[k * state..k * (state + 1)]).copied().collect();
                let (out_counts, into_counts) = (times(&named.give_counts), times(&named.take));
                self.team.exchange(F::numbers(&out), &out_counts, F::numbers_mut(places), &into_counts)
            }
        }
    }
}

impl Named {
    /// Tells the others which of their values this process reads. Collective.
    fn new(team: &dyn Team, firsts: &[usize], rank: usize, states: Vec<usize>) -> Result<Self, Error> {
        use super::{Numbers, NumbersMut};
        let size = team.size();
        let place = |state: usize| states.partition_point(|&other| other < state);
        let wanted: Vec<usize> = firsts.windows(2).map(|ends| place(ends[1]) - place(ends[0])).collect();
        let num_below = place(firsts[rank]);
        // Which process reads how many values of which.
        let row: Vec<f64> = wanted.iter().map(|&count| count as f64).collect();
        let mut table = vec![0.0; size * size];
        team.all_gather(Numbers::F64(&row), NumbersMut::F64(&mut table), &vec![size; size])?;
        let give_counts: Vec<usize> = (0..size).map(|reader| to_index(table[reader * size + rank])).collect();
        let out: Vec<f64> = states.iter().map(|&state| state as f64).collect();
        let mut give = vec![0.0; give_counts.iter().sum()];
        team.exchange(Numbers::F64(&out), &wanted, NumbersMut::F64(&mut give), &give_counts)?;
        let give = give.into_iter().map(|state| to_index(state) - firsts[rank]).collect();
        let mut take = wanted;
        take[rank] = firsts[rank + 1] - firsts[rank];
        Ok(Self { states, num_below, take, give, give_counts })
    }
}

/// Shares are equal if they hold the same states and exchange the same values.
impl PartialEq for Share {
    fn eq(&self, other: &Self) -> bool {
        let names = |share: &Self| match &share.plan {
            Plan::All => None,
            Plan::Named(named) => Some(Arc::clone(named)),
        };
        let is_same = match (names(self), names(other)) {
            (None, None) => true,
            (Some(a), Some(b)) => a.states == b.states && a.give == b.give,
            _ => false,
        };
        is_same && self.firsts == other.firsts && self.team.rank() == other.team.rank()
    }
}

/// An index that was sent as a number.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was an index before")]
fn to_index(number: f64) -> usize {
    number as usize
}
