//! The Markov chain of a policy in a model, and linear systems in its matrix.
//!
//! A [`Chain`] is a matrix J ≥ 0 over the states, whose rows sum to about 1 at most: γ P_π of a
//! policy, or the derivative of a backup. Rows of states that do not take part are zero. Policy
//! evaluation, occupancy and Newton's method solve systems in it:
//!
//! ```text
//! (I − J) x = b,      (I − Jᵀ) x = b
//! ```
//!
//! [`Chain::solve`] and [`Chain::solve_transposed`] use a Krylov method, IDR(4) (`idr`),
//! preconditioned by the two halves of a symmetric Gauss–Seidel sweep (`solve`).
//!
//! [`Transient`] chooses between them and `elimination`, which keeps all digits of chains
//! whose end is very improbable.
//!
//! A chain multiplies finite vectors only: its caller leaves out states with value −∞.

mod dense;
mod elimination;
mod end_components;
mod graph;
mod idr;
mod matrix;
mod mixture;
mod refine;
mod relative;
mod sections;
mod solve;
mod sparse;
mod transient;
mod vectors;

use dense::DenseMatrix;
use elimination::Elimination;
pub(crate) use end_components::{Choices, EndComponents, Successors};
pub(crate) use graph::Graph;
use matrix::SplitMatrix;
use mixture::Mixture;
pub(crate) use refine::Singular;
pub(crate) use relative::Relative;
pub(crate) use sections::Sections;
#[cfg(test)]
pub(crate) use solve::LinearStatus;
pub(crate) use solve::{LinearOutcome, LinearSolve};
use sparse::SparseMatrix;
pub(crate) use transient::{MOST_OPERATIONS, Transient};

use crate::dynamics::compressed::{CompressedRows, MOST_STATES, column};
use crate::parallel::{RowsMut, for_each_piece};
use crate::{Dynamics, Error, Real, Table, arrays};

/// If at least one entry in this many is not 0, full rows are read faster than compressed rows.
const DENSE_SHARE: usize = 4;

/// Entries of this share of the probability of an exit change solutions by less than rounding.
const NEGLIGIBLE: f64 = 1e-17;

/// A matrix J ≥ 0 over the states of a model, whose rows sum to about 1 at most.
pub(crate) struct Chain<'a, F> {
    matrix: Box<dyn SplitMatrix<F> + 'a>,
}

impl<'a, F: Real> Chain<'a, F> {
    /// The chain γ P_π of a policy: J(s,s') = γ Σ_a π(a|s) P(s'|s,a) in rows of states that take
    /// part, and 0 in all other rows.
    ///
    /// Dynamics with [`Dynamics::mix_actions`] mix their rows once. Other dynamics mix them again
    /// for each product.
    ///
    /// # Shapes
    ///
    /// `policy` `[s, a]`, `takes_part` `[s]`.
    pub(crate) fn new<D>(
        dynamics: &'a D,
        policy: &[F],
        takes_part: &[bool],
        discount: F,
    ) -> Result<Self, Error>
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        Self::in_sections(Sections::of(dynamics), dynamics, policy, takes_part, discount)
    }

    fn in_sections<D>(
        sections: Sections,
        dynamics: &'a D,
        policy: &[F],
        takes_part: &[bool],
        discount: F,
    ) -> Result<Self, Error>
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let num_actions = dynamics.num_actions();
        debug_assert_eq!(takes_part.len(), dynamics.num_states());
        debug_assert_eq!(policy.len(), takes_part.len() * num_actions);
        let mut weights = arrays::filled_vec(Table::Policy, policy.len(), F::zero())?;
        // Smaller weights change products by less than rounding does. Their terms may be subnormal,
        // and `mix_actions` refuses to mix such terms.
        let least = F::min_positive_value() / (F::epsilon() * F::epsilon());
        let outputs = RowsMut { data: &mut weights[..], width: num_actions };
        for_each_piece(takes_part.len(), outputs, &|states, weights: RowsMut<'_, F>| {
            let policy = &policy[states.start * num_actions..states.end * num_actions];
            let rows = weights.data.chunks_exact_mut(num_actions).zip(policy.chunks_exact(num_actions));
            for ((weights, policy), _) in rows.zip(&takes_part[states]).filter(|(_, takes_part)| **takes_part)
            {
                for (weight, &p) in weights.iter_mut().zip(policy) {
                    let product = discount * p;
                    *weight = if product >= least { product } else { F::zero() };
                }
            }
        });
        match dynamics.mix_actions(&weights) {
            Some(mixed) => Self::stored(mixed, sections),
            None => Ok(Self { matrix: Box::new(Mixture::new(dynamics, weights, sections)?) }),
        }
    }

    /// A chain from its rows: `row(s, add)` calls `add(s', J(s,s'))` for the entries that are not
    /// 0, in any order. Several entries of one s' are summed.
    pub(crate) fn from_rows(
        sections: Sections,
        mut row: impl FnMut(usize, &mut dyn FnMut(usize, F)),
    ) -> Result<Self, Error> {
        let num_states = sections.num_states();
        if num_states > MOST_STATES {
            return Err(Error::TooLarge { table: Table::Transitions, shape: vec![num_states, num_states] });
        }
        let rows = CompressedRows::from_rows(num_states, &mut |state, entries| {
            row(state, &mut |next_state, value| {
                debug_assert!(next_state < num_states && value >= F::zero() && value.is_finite());
                entries.push((column(next_state), value));
            });
            sum_equals(entries);
            Ok(())
        })?;
        let rows = Box::new(SparseMatrix::new(rows, sections.clone())?);
        if is_dense(rows.num_entries, num_states) {
            return Ok(Self { matrix: Box::new(DenseMatrix::new(rows.into_dense()?, sections)) });
        }
        Ok(Self { matrix: rows })
    }

    /// The chain of dynamics of one action. Their table or rows become its matrix without a copy.
    fn stored(mixed: Box<dyn Dynamics<Scalar = F>>, sections: Sections) -> Result<Self, Error> {
        let num_states = mixed.num_states();
        if is_dense(mixed.work(0..num_states), num_states) {
            return Ok(Self { matrix: Box::new(DenseMatrix::new(mixed.into_dense()?, sections)) });
        }
        let rows = mixed.into_sparse()?.into_rows();
        Ok(Self { matrix: Box::new(SparseMatrix::new(rows, sections)?) })
    }

    /// This chain with all entries multiplied by a number ≥ 0.
    pub(crate) fn scaled(mut self, by: F) -> Self {
        self.matrix.scale(by);
        self
    }

    /// x = (I − J)⁻¹ b by elimination, for a chain whose rows sum to 1 − `exit` to within rounding,
    /// in the states that take part. Returns `None` if that takes too many operations.
    ///
    /// The diagonal of J is not read: I − J counts as an M-matrix with these row sums. Entries far
    /// below `exit` are left out, because their products may underflow.
    pub(crate) fn eliminate(
        &self,
        takes_part: &[bool],
        exit: f64,
        b: &[F],
        most_work: usize,
    ) -> Option<Vec<F>> {
        let rows = (0..b.len()).map(|state| {
            let mut row = Vec::new();
            if takes_part[state] {
                self.matrix.for_each_other(state, &mut |next, p| {
                    if p.into_f64() > NEGLIGIBLE * exit {
                        row.push((column(next), p.into_f64()));
                    }
                });
            }
            sum_equals(&mut row);
            row
        });
        let exits = takes_part.iter().map(|&takes_part| if takes_part { exit } else { 1.0 }).collect();
        let elimination = Elimination::new(rows.collect(), exits, most_work).ok()?;
        let mut x: Vec<f64> = b.iter().map(|b| b.into_f64()).collect();
        elimination.solve(&mut x);
        Some(x.into_iter().map(F::from_f64).collect())
    }

    /// Transitions that one product reads.
    pub(crate) fn work(&self) -> usize {
        self.matrix.work()
    }

    /// y = J x.
    pub(crate) fn multiply(&self, x: &[F], y: &mut [F]) {
        self.matrix.multiply(x, y);
    }

    /// y = Jᵀ x.
    pub(crate) fn multiply_transposed(&self, x: &[F], y: &mut [F]) {
        self.matrix.multiply_transposed(x, y);
    }
}

/// Sorts entries by column and sums those of one column in their original order, which is the order
/// of the actions.
fn sum_equals<F: Real>(entries: &mut Vec<(u32, F)>) {
    if entries.is_sorted_by(|a, b| a.0 < b.0) {
        return;
    }
    entries.sort_by_key(|entry| entry.0);
    entries.dedup_by(|next, kept| {
        let is_equal = next.0 == kept.0;
        if is_equal {
            kept.1 += next.1;
        }
        is_equal
    });
}

/// Whether full rows are faster than compressed rows.
fn is_dense(num_entries: usize, num_states: usize) -> bool {
    num_entries.saturating_mul(DENSE_SHARE) >= num_states.saturating_mul(num_states)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SparseDynamics;

    /// Successors of a pair.
    type Row = Vec<(usize, f64)>;

    /// Products for a system and its transpose, to a residual of 10⁻¹⁰, under the uniform policy
    /// and with one terminal state.
    fn products(
        (num_states, num_actions, end): (usize, usize, usize),
        discount: f64,
        row: impl Fn(usize, usize) -> Row,
    ) -> [usize; 2] {
        let dynamics = SparseDynamics::from_fn(num_states, num_actions, row).unwrap();
        let policy = vec![1.0 / num_actions as f64; num_states * num_actions];
        let takes_part: Vec<bool> = (0..num_states).map(|state| state != end).collect();
        let chain = Chain::new(&dynamics, &policy, &takes_part, discount).unwrap();
        let b: Vec<f64> = (0..num_states).map(|i| if i == end { 0.0 } else { (i as f64).sin() }).collect();
        let (mut x, mut y) = (vec![0.0; num_states], vec![0.0; num_states]);
        let options = || LinearSolve { tolerance: 1e-10, max_products: 5000, watch: None };
        let outcomes = [chain.solve(&b, &mut x, options()), chain.solve_transposed(&b, &mut y, options())];
        outcomes.map(|outcome| {
            assert_eq!(outcome.status, LinearStatus::Converged, "{outcome:?}");
            outcome.products
        })
    }

    /// A queue of 200 places; one of two actions refuses new arrivals.
    fn queue(state: usize, action: usize) -> Row {
        let arrival = if action == 0 { 0.45 } else { 0.0 };
        vec![((state + 1).min(199), arrival), (state.saturating_sub(1), 0.55), (state, 0.45 - arrival)]
    }

    /// A slippery grid of 50 × 50.
    fn grid(state: usize, action: usize) -> Row {
        let (row, column) = (state / 50, state % 50);
        let (up, down) = (row.saturating_sub(1), (row + 1).min(49));
        let (left, right) = (column.saturating_sub(1), (column + 1).min(49));
        let cells = [(up, column), (row, right), (down, column), (row, left)];
        let turns = [(0, 0.8), (1, 0.1), (3, 0.1)];
        turns.map(|(turn, p)| (50 * cells[(action + turn) % 4].0 + cells[(action + turn) % 4].1, p)).to_vec()
    }

    /// Rust's bus engine: mileage grows by up to two bins, from the present bin or from 0.
    fn bus(state: usize, action: usize) -> Row {
        let from = if action == 0 { state } else { 0 };
        [0.3919, 0.5953, 0.0128].iter().enumerate().map(|(k, &p)| ((from + k).min(89), p)).collect()
    }

    /// Five pseudorandom successors.
    fn random(state: usize, action: usize) -> Row {
        let successor =
            |k| (state * 7919 + action * 104_729 + k * k * 1_299_709 + state * state * k * 31) % 2000;
        (0..5).map(|k| (successor(k), 0.2)).collect()
    }

    /// Value iteration would take thousands of products: each reduces the error by a factor of
    /// about γ.
    #[test]
    fn products_are_few_where_mixing_is_slow() {
        let found = [
            products((200, 2, 199), 0.999, queue),
            products((200, 2, 0), 1.0, queue),
            products((2500, 4, 2499), 0.999, grid),
            products((2500, 4, 2499), 1.0, grid),
            products((90, 2, 89), 0.9999, bus),
            products((2000, 4, 0), 0.999, random),
        ];
        let most = [90, 90, 160, 180, 15, 25];
        assert!(found.iter().zip(most).all(|(found, most)| found[0].max(found[1]) <= most), "{found:?}");
    }
}
