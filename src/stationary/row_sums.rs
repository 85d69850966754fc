//! Row sums of the dynamics, which bound the factor by which B scales a shift of its argument.

use crate::dynamics::blocks::{self, Size};
use crate::dynamics::{Probability, for_each_possible_successor};
use crate::kernels::CompensatedSum;
use crate::mdp::{CheckedStage, is_possible};
use crate::parallel::RowsMut;
use crate::{Dynamics, Error, Real};

/// Sums are taken by matrix products if their error is at most this share of 1 − γ.
const SHARE: f64 = 0.01;

/// Extreme row sums, over the pairs that are available in nonterminal states.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowSums {
    /// Least sum over nonterminal successors.
    pub(super) least: f64,
    /// Largest sum over nonterminal successors.
    pub(super) most: f64,
    least_of_all: f64, // over all successors
    /// The largest number of successors of a pair.
    pub(super) most_terms: usize,
    /// Relative error of the sums.
    pub(super) slack: f64,
}

impl RowSums {
    /// The sums over all states, and whether each state keeps shifts, `[s]`: γ times the sum of
    /// each of its rows is 1 to within rounding.
    pub(super) fn of<F, D>(
        stage: &CheckedStage<'_, F, D>,
        is_fixed: &[bool],
        discount: f64,
    ) -> Result<(Self, Vec<bool>), Error>
    where
        F: Real,
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let (dynamics, num_states) = (stage.dynamics, is_fixed.len());
        let width = dynamics.num_actions();
        let size = Size::of_all(dynamics)?;
        // Full rows are summed by a matrix product, which is faster than visiting entries, if it is
        // exact enough.
        let is_full = size.successors_of_a_pair() >= size.num_states.div_ceil(2) && size.num_states > 8;
        let slack_of_products = (size.num_states as f64 + 4.0) * F::epsilon().into_f64();
        let by_products = is_full && slack_of_products <= SHARE * (1.0 - discount);
        let slack = if by_products { slack_of_products } else { 4.0 * f64::EPSILON };
        let mut inside: Vec<F> =
            is_fixed.iter().map(|&fixed| if fixed { F::zero() } else { F::one() }).collect();
        if let Some(share) = dynamics.share() {
            inside = share.completed(&inside)?;
        }
        let empty =
            Self { least: f64::INFINITY, most: 0.0, least_of_all: f64::INFINITY, most_terms: 0, slack };
        let mut rows = vec![empty; num_states];
        let found = blocks::for_each_block(dynamics, RowsMut::column(&mut rows[..]), &|states, rows| {
            let mut sums = vec![F::zero(); if by_products { states.len() * width } else { 0 }];
            if by_products {
                dynamics.expectation(states.clone(), 1, &inside, &mut sums);
            }
            for (index, (state, row)) in states.zip(rows.data).enumerate() {
                let (rewards, prior) = stage.row(state)?;
                for action in 0..width {
                    if is_fixed[state] || !is_possible(rewards[action], prior[action]) {
                        continue;
                    }
                    row.include(if by_products {
                        let sum = sums[index * width + action].into_f64();
                        // Below discount 1, `least_of_all` is not used.
                        Self { least: sum, most: sum, least_of_all: 0.0, most_terms: size.num_states, slack }
                    } else {
                        Self::of_row(dynamics, (state, action), &inside)
                    });
                }
            }
            Ok(())
        });
        let mut all = empty;
        let keep_shifts = rows.iter().map(|row| row.keep_shifts::<F>(discount)).collect();
        rows.into_iter().for_each(|row| all.include(row));
        all.join_team(dynamics, found)?;
        if all.least > all.most {
            all.least = 0.0; // nothing is used
        }
        Ok((all, keep_shifts))
    }

    /// The sums of one row, compensated for rounding.
    fn of_row<F, D>(dynamics: &D, pair: (usize, usize), inside_places: &[F]) -> Self
    where
        F: Real,
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let (mut inside, mut outside, mut terms) = (CompensatedSum::default(), CompensatedSum::default(), 0);
        for_each_possible_successor(dynamics, pair, |next_state, p| {
            terms += 1;
            if let Probability::Plain(p) = p {
                let sum = if inside_places[next_state] == F::zero() { &mut outside } else { &mut inside };
                sum.add(p.into_f64());
            }
        });
        let (inside, outside) = (inside.total(), outside.total());
        let slack = 4.0 * f64::EPSILON;
        Self { least: inside, most: inside, least_of_all: inside + outside, most_terms: terms, slack }
    }

    /// Includes the rows of other processes of a team. Collective.
    fn join_team<D: Dynamics + ?Sized>(
        &mut self,
        dynamics: &D,
        found: Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(share) = dynamics.share() else { return found };
        let Self { least, most, least_of_all, most_terms, .. } = *self;
        let mine = found.map(|()| [least, most, least_of_all, most_terms as f64]);
        let [least, most, least_of_all, most_terms] = share.team().join("RowSums::of", mine, |a, b| {
            [a[0].min(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].max(b[3])]
        })?;
        let most_terms = most_terms as usize;
        *self = Self { least, most, least_of_all, most_terms, ..*self };
        Ok(())
    }

    fn include(&mut self, other: Self) {
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
        self.least_of_all = self.least_of_all.min(other.least_of_all);
        self.most_terms = self.most_terms.max(other.most_terms);
    }

    /// The largest distance of a sum over nonterminal successors from 1.
    pub(super) fn distance_from_one(&self) -> f64 {
        (1.0 - self.least).max(self.most - 1.0)
    }

    /// Whether rows preserve shifts: γ times each row sum is 1 to within rounding.
    fn keep_shifts<F: Real>(&self, discount: f64) -> bool {
        let rounding = (self.most_terms as f64 + 4.0) * F::epsilon().into_f64();
        if discount >= 1.0 {
            self.least_of_all >= 1.0 - rounding
        } else {
            discount * self.least_of_all * (1.0 - self.slack) >= 1.0
        }
    }
}
