//! The rewards of transitions: one for each, or a distribution.
//!
//! An outcome of a pair is a successor with a reward. p(s',r∣s,a) is its probability, so that
//!
//! ```text
//! P(s'|s,a) = Σ_r p(s',r|s,a),    p(r|s,a,s') = p(s',r|s,a) / P(s'|s,a)
//! ```
//!
//! The rewards of one transition fold into one number for each inference, as the transitions of a
//! pair do:
//!
//! ```text
//! variational   Σ_r p(r|s,a,s') r
//! direct        τ log Σ_r p(r|s,a,s') exp(r/τ)
//! ```

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use crate::dynamics::{check_probability, check_successor};
use crate::kernels::row_log_expectation;
use crate::{Dynamics, Error, Inference, Real, Table, arrays};

/// State, action, next state, probability and reward.
pub(super) type Outcome<F> = (usize, usize, usize, F, F);

/// The rewards of all transitions, in the order in which the dynamics visit successors.
#[derive(Debug, PartialEq)]
pub(super) struct SuccessorRewards<F> {
    row_offsets: Vec<usize>,         // [s · A + a + 1], into the visits
    pub(super) values: Vec<F>,       // visit after visit
    shares: Option<RewardShares<F>>, // none: one reward for each visit
}

/// How the rewards of each transition are distributed.
#[derive(Debug, PartialEq)]
struct RewardShares<F> {
    offsets: Vec<usize>,   // [visit + 1], into the rewards
    probabilities: Vec<F>, // p(s',r|s,a) of each reward
}

impl<F: Real> SuccessorRewards<F> {
    /// One reward for each transition.
    pub(super) fn from_fn<D: Dynamics<Scalar = F>>(
        dynamics: &D,
        mut reward: impl FnMut(usize, usize, usize) -> F,
    ) -> Result<Self, Error> {
        let (mut row_offsets, mut values) = (row_offsets(dynamics)?, Vec::new());
        let pairs = ndarray::indices((dynamics.num_states(), dynamics.num_actions()));
        for ((state, action), end) in pairs.into_iter().zip(&mut row_offsets[1..]) {
            let mut result = Ok(());
            dynamics.for_each_successor(state, action, &mut |next_state, _| {
                let value = reward(state, action, next_state);
                if result.is_ok() {
                    result = check_reward(state, action, next_state, value)
                        .and_then(|()| arrays::push(Table::SuccessorRewards, &mut values, value));
                }
            });
            result?;
            *end = values.len();
        }
        Ok(Self { row_offsets, values, shares: None })
    }

    /// The outcomes of a list, in any order. It must name the transitions of the dynamics and no
    /// others.
    pub(super) fn from_outcomes<D: Dynamics<Scalar = F>>(
        dynamics: &D,
        outcomes: impl IntoIterator<Item = Outcome<F>>,
    ) -> Result<Self, Error> {
        let (num_states, num_actions) = (dynamics.num_states(), dynamics.num_actions());
        let outcomes = sorted(outcomes, num_states, num_actions)?;
        let mut rest = &outcomes[..];
        let mut table = Builder::default();
        let mut row_offsets = row_offsets(dynamics)?;
        let mut is_visited = Vec::new();
        let pairs = ndarray::indices((num_states, num_actions));
        for ((state, action), end) in pairs.into_iter().zip(&mut row_offsets[1..]) {
            let row;
            let len = rest.iter().take_while(|&&(s, a, ..)| (s, a) == (state, action)).count();
            (row, rest) = rest.split_at(len);
            is_visited.clear();
            is_visited.resize(row.len(), false);
            let mut result = Ok(());
            dynamics.for_each_successor(state, action, &mut |next_state, p| {
                let first = row.partition_point(|outcome| outcome.2 < next_state);
                let last = row.partition_point(|outcome| outcome.2 <= next_state);
                if p > F::zero() {
                    is_visited[first..last].fill(true);
                    if first == last && result.is_ok() {
                        result = Err(Error::MissingOutcome { state, action, next_state });
                    }
                }
                let sum = table.add(p, &row[first..last]);
                if result.is_ok() {
                    result = check_probability(state, action, next_state, sum);
                }
            });
            result?;
            if let Some(at) = is_visited.iter().position(|is_visited| !is_visited) {
                let next_state = row[at].2;
                return Err(Error::ImpossibleOutcome { state, action, next_state });
            }
            *end = table.offsets.len() - 1;
        }
        let Builder { values, offsets, probabilities } = table;
        let is_single = values.len() + 1 == offsets.len();
        let shares = (!is_single).then_some(RewardShares { offsets, probabilities });
        Ok(Self { row_offsets, values, shares })
    }

    /// Whether some visit has several rewards.
    pub(super) fn has_several(&self) -> bool {
        self.shares.is_some()
    }

    /// The visits of a pair.
    pub(super) fn row(&self, row: usize) -> Range<usize> {
        self.row_offsets[row]..self.row_offsets[row + 1]
    }

    /// The rewards of the visits, each folded into one number.
    pub(super) fn folded(&self, inference: Inference, temperature: F) -> Cow<'_, [F]> {
        let Some(RewardShares { offsets, probabilities }) = &self.shares else {
            return Cow::Borrowed(&self.values);
        };
        let fold = |visit: &[usize]| {
            let (rewards, probabilities) =
                (&self.values[visit[0]..visit[1]], &probabilities[visit[0]..visit[1]]);
            if let [reward] = rewards {
                return *reward;
            }
            let sum = probabilities.iter().fold(F::zero(), |sum, &p| sum + p);
            let outcomes = || rewards.iter().zip(probabilities).filter(|(_, p)| **p > F::zero());
            match inference {
                Inference::Direct => row_log_expectation(temperature, |add| {
                    outcomes().for_each(|(&reward, &p)| add(p / sum, reward));
                }),
                Inference::Variational => {
                    outcomes().fold(F::zero(), |mean, (&reward, &p)| mean + p / sum * reward)
                }
            }
        };
        offsets.windows(2).map(fold).collect()
    }

    /// Calls `visit(p(s',r|s,a), r)` for each reward of a visit, whose probability is `p`.
    pub(super) fn for_each_reward(&self, visit: usize, p: F, mut call: impl FnMut(F, F)) {
        match &self.shares {
            None => call(p, self.values[visit]),
            Some(RewardShares { offsets, probabilities }) => {
                let rewards = offsets[visit]..offsets[visit + 1];
                rewards.for_each(|at| call(probabilities[at], self.values[at]));
            }
        }
    }
}

/// An offset for each row and the end, all 0.
fn row_offsets<D: Dynamics + ?Sized>(dynamics: &D) -> Result<Vec<usize>, Error> {
    let num_rows = dynamics.num_states() * dynamics.num_actions();
    arrays::filled_vec(Table::SuccessorRewards, num_rows + 1, 0)
}

/// Rewards and their probabilities, visit after visit.
struct Builder<F> {
    values: Vec<F>,
    offsets: Vec<usize>, // [visit + 1]
    probabilities: Vec<F>,
}

impl<F> Default for Builder<F> {
    fn default() -> Self {
        Self { values: Vec::new(), offsets: vec![0], probabilities: Vec::new() }
    }
}

impl<F: Real> Builder<F> {
    /// Adds a visit of probability `p`, which its outcomes share in proportion to theirs. Returns
    /// the sum of their probabilities.
    fn add(&mut self, p: F, outcomes: &[Outcome<F>]) -> F {
        // In the order in which sparse rows add up duplicates: the sum is then P to the bit.
        let mut ascending: Vec<F> = outcomes.iter().map(|outcome| outcome.3).collect();
        ascending.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
        let sum = ascending.into_iter().fold(F::zero(), |sum, p| sum + p);
        for same in outcomes.chunk_by(|a, b| a.4 == b.4) {
            let share = same.iter().fold(F::zero(), |sum, outcome| sum + outcome.3);
            self.values.push(same[0].4);
            self.probabilities.push(if sum == p { share } else { p * (share / sum) });
        }
        if outcomes.is_empty() {
            self.values.push(F::zero()); // a visit of probability 0
            self.probabilities.push(F::zero());
        }
        self.offsets.push(self.values.len());
        sum
    }
}

/// Checks a list and sorts it by transition, then by reward. Outcomes of probability 0 are left
/// out.
fn sorted<F: Real>(
    outcomes: impl IntoIterator<Item = Outcome<F>>,
    num_states: usize,
    num_actions: usize,
) -> Result<Vec<Outcome<F>>, Error> {
    let outcomes = outcomes.into_iter();
    let (mut list, len) = (Vec::new(), outcomes.size_hint().0);
    let too_large = |_| Error::TooLarge { table: Table::SuccessorRewards, shape: vec![len] };
    list.try_reserve_exact(len).map_err(too_large)?;
    for outcome in outcomes {
        let (state, action, next_state, p, reward) = outcome;
        if state >= num_states {
            return Err(Error::StateOutOfRange { table: Table::SuccessorRewards, state, num_states });
        }
        if action >= num_actions {
            return Err(Error::ActionOutOfRange { state, action, num_actions });
        }
        check_successor(state, action, next_state, num_states)?;
        check_probability(state, action, next_state, p)?;
        check_reward(state, action, next_state, reward)?;
        if p > F::zero() {
            list.push(outcome);
        }
    }
    let by = |a: &F, b: &F| a.partial_cmp(b).unwrap_or(Ordering::Equal);
    list.sort_unstable_by(|a, b| {
        (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)).then(by(&a.4, &b.4)).then(by(&a.3, &b.3))
    });
    Ok(list)
}

/// Returns [`Error::InvalidSuccessorReward`] unless the reward is below +∞.
fn check_reward<F: Real>(state: usize, action: usize, next_state: usize, reward: F) -> Result<(), Error> {
    if reward < F::infinity() {
        return Ok(());
    }
    Err(Error::InvalidSuccessorReward { state, action, next_state, value: reward.into_f64() })
}
