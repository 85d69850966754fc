//! What the rows of the dynamics sum to: by how much B passes a shift of its argument on.

use crate::dynamics::{Probability, blocks, for_each_possible_successor};
use crate::mdp::CheckedStage;
use crate::parallel::RowsMut;
use crate::{Dynamics, Error, Real};

/// How much of 1 − γ an error of the sums may be, that they are taken by the faster way.
const SHARE: f64 = 0.01;

/// What the rows that are used sum to.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowSums {
    /// Over successors that are not terminal.
    pub(super) least: f64,
    pub(super) most: f64,
    least_of_all: f64, // over all successors
    /// The most terms in a sum, of any successors.
    pub(super) most_terms: usize,
    /// Relative error of the sums.
    pub(super) slack: f64,
}

impl RowSums {
    pub(super) fn of<F, D>(
        stage: &CheckedStage<'_, F, D>,
        is_fixed: &[bool],
        discount: f64,
    ) -> Result<Self, Error>
    where
        F: Real,
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let (dynamics, num_states) = (stage.dynamics, is_fixed.len());
        let width = dynamics.num_actions();
        let work = dynamics.work(0..num_states);
        // Rows that are full are summed by a product, which is faster than to visit what they hold; if that is exact enough.
        let is_full = work / num_states.max(1) / width.max(1) >= num_states.div_ceil(2) && num_states > 8;
        let slack_of_products = (num_states as f64 + 4.0) * F::epsilon().into_f64();
        let by_products = is_full && slack_of_products <= SHARE * (1.0 - discount);
        let slack = if by_products { slack_of_products } else { 4.0 * f64::EPSILON };
        let inside: Vec<F> = is_fixed.iter().map(|&fixed| if fixed { F::zero() } else { F::one() }).collect();
        let empty =
            Self { least: f64::INFINITY, most: 0.0, least_of_all: f64::INFINITY, most_terms: 0, slack };
        let mut rows = vec![empty; num_states];
        blocks::for_each_block(dynamics, RowsMut { data: &mut rows[..], width: 1 }, &|states, rows| {
            let mut sums = vec![F::zero(); if by_products { states.len() * width } else { 0 }];
            if by_products {
                dynamics.expectation(states.clone(), 1, &inside, &mut sums);
            }
            for (index, (state, row)) in states.zip(rows.data).enumerate() {
                let (rewards, prior) = stage.row(state)?;
                for action in 0..width {
                    let is_used = prior[action] > F::zero() && rewards[action] > F::neg_infinity();
                    if is_fixed[state] || !is_used {
                        continue;
                    }
                    row.include(if by_products {
                        let sum = sums[index * width + action].into_f64();
                        // Nobody asks for that over all successors below discount 1.
                        Self { least: sum, most: sum, least_of_all: 0.0, most_terms: num_states, slack }
                    } else {
                        Self::of_row(dynamics, (state, action), is_fixed)
                    });
                }
            }
            Ok(())
        })?;
        let mut all = empty;
        rows.into_iter().for_each(|row| all.include(row));
        if all.least > all.most {
            all.least = 0.0; // nothing is used
        }
        Ok(all)
    }

    /// Those of one row, summed without rounding errors that add up.
    fn of_row<F, D>(dynamics: &D, pair: (usize, usize), is_fixed: &[bool]) -> Self
    where
        F: Real,
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let (mut inside, mut outside, mut terms) = (Sum::default(), Sum::default(), 0);
        for_each_possible_successor(dynamics, pair, |next_state, p| {
            terms += 1;
            if let Probability::Plain(p) = p {
                let sum = if is_fixed[next_state] { &mut outside } else { &mut inside };
                sum.add(p.into_f64());
            }
        });
        let (inside, outside) = (inside.total(), outside.total());
        let slack = 4.0 * f64::EPSILON;
        Self { least: inside, most: inside, least_of_all: inside + outside, most_terms: terms, slack }
    }

    fn include(&mut self, other: Self) {
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
        self.least_of_all = self.least_of_all.min(other.least_of_all);
        self.most_terms = self.most_terms.max(other.most_terms);
    }

    /// Whether rows pass shifts on undiminished: 1 is what they sum to if nothing but rounding is missing.
    pub(super) fn keep_shifts<F: Real>(&self, discount: f64) -> bool {
        let rounding = (self.most_terms as f64 + 4.0) * F::epsilon().into_f64();
        if discount >= 1.0 {
            self.least_of_all >= 1.0 - rounding
        } else {
            discount * self.least_of_all * (1.0 - self.slack) >= 1.0
        }
    }
}

/// A sum whose error does not grow with the number of terms (Neumaier, *ZAMM* 54, 1974).
#[derive(Debug, Default)]
struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    fn add(&mut self, x: f64) {
        let sum = self.sum + x;
        self.lost += if self.sum >= x { (self.sum - sum) + x } else { (x - sum) + self.sum };
        self.sum = sum;
    }

    fn total(&self) -> f64 {
        self.sum + self.lost
    }
}
