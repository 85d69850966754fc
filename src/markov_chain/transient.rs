//! The systems of a policy, (I − γ P_π) x = b and (I − γ P_πᵀ) x = b, by the method that keeps
//! their digits.
//!
//! Let h be the largest expected number of steps until the chain ends, (I − γ P_π)⁻¹ 1. The
//! residual of an iterative method is rounding, and h amplifies it: the error relative to the
//! largest entry of x is a few h units in the last place.
//!
//! - If 1/(1−γ) is at most [`FEW_STEPS`], h is too. The iterative method solves the system.
//! - Otherwise the strongly connected classes are solved one after the other.
//!   [Elimination](super::elimination), which keeps all digits, solves a class if it takes about as
//!   many operations as the iterative method. It also does so if the iterative method would lose
//!   more than half of the digits.
//! - The iterative method solves classes whose elimination takes too many operations. If fewer than
//!   a third of the digits are certain, the result is an error instead.
//!
//! # Rows that do not sum to 1
//!
//! If the sum of a row is 1 to within rounding, its stored probabilities of leaving count. The
//! probability of staying is the remainder to 1. If the sum is smaller, the difference from 1 is
//! added to the probability of leaving.

use super::elimination::{Elimination, Refused};
use super::{Chain, Graph, sum_equals};
use crate::dynamics::compressed::column;
use crate::kernels::CompensatedSum;
use crate::{Dynamics, Error, Real, Table, arrays};

/// Expected steps up to which the iterative method loses three digits at most.
const FEW_STEPS: f64 = 1e3;

/// Operations of an elimination that takes no longer than the iterative method, for each step of
/// the class. The second number is allowed to any class. Full rows of 256 states fit.
const FEW_OPERATIONS: (usize, usize) = (300, 6_000_000);

/// The largest number of operations of an elimination: some seconds. Full rows of 2000 states fit.
pub(crate) const MOST_OPERATIONS: usize = 3_000_000_000;

/// The error of a large class, in units in the last place for each expected step.
const ROUNDING: f64 = 4.0;

/// γ P_π in the states that take part. Other states have rows of the identity in both systems.
#[derive(Clone, Copy)]
pub(crate) struct Transient<'a, F, D: ?Sized> {
    pub(crate) dynamics: &'a D,
    pub(crate) policy: &'a [F],        // [s, a]
    pub(crate) takes_part: &'a [bool], // [s]
    pub(crate) discount: F,
    /// The table that errors name.
    pub(crate) table: Table,
}

/// The steps from the states of a class.
pub(super) struct Steps {
    pub(super) inside: Vec<Vec<(u32, f64)>>, // to other states of the class, by place
    pub(super) outside: Vec<Vec<(usize, f64)>>,
    pub(super) exits: Vec<f64>,
    pub(super) sum_to_1: bool, // to within rounding
    num_inside: usize,
}

impl<F: Real, D: Dynamics<Scalar = F> + ?Sized> Transient<'_, F, D> {
    /// x = b + γ P_π x in states that take part, and x = b elsewhere.
    pub(crate) fn solve(&self, b: &[F]) -> Result<Vec<F>, Error> {
        let mut x = b.to_vec();
        self.solve_columns(1, &mut x)?;
        Ok(x)
    }

    /// Like [`solve`](Self::solve), for k right-hand sides. The matrix is made once, and eliminated
    /// once at most. `x`, `[s, k]`, holds b, and then x.
    pub(crate) fn solve_columns(&self, k: usize, x: &mut [F]) -> Result<(), Error> {
        if self.most_steps() > FEW_STEPS {
            return self.by_class(k, x, false);
        }
        let chain = self.chain(self.takes_part)?;
        for column in 0..k {
            let b: Vec<F> = x.iter().skip(column).step_by(k).copied().collect();
            let solution = chain.solve_exactly(&b).map_err(|singular| singular.of(self.table))?;
            x.iter_mut().skip(column).step_by(k).zip(solution).for_each(|(x, solution)| *x = solution);
        }
        Ok(())
    }

    /// x = b + γ P_πᵀ x. If b ≥ 0, then x ≥ 0.
    pub(crate) fn solve_transposed(&self, b: &[F]) -> Result<Vec<F>, Error> {
        if self.most_steps() > FEW_STEPS {
            let mut x = b.to_vec();
            self.by_class(1, &mut x, true)?;
            return Ok(x);
        }
        let x = self.chain(self.takes_part)?.solve_transposed_exactly(b);
        x.map_err(|singular| singular.of(self.table))
    }

    fn chain(&self, takes_part: &[bool]) -> Result<Chain<'_, F>, Error> {
        Chain::new(self.dynamics, self.policy, takes_part, self.discount)
    }

    /// The expected number of steps if nothing but the discount ends the chain.
    fn most_steps(&self) -> f64 {
        1.0 / (F::one() - self.discount).into_f64()
    }

    /// The strongly connected classes, each after all classes that it leads to.
    pub(super) fn classes(&self) -> Result<Vec<Vec<usize>>, Error> {
        let graph = Graph::new(self.takes_part.len(), |state, visit| {
            self.for_each_step(state, |next, _| {
                if self.takes_part[next] {
                    visit(next);
                }
            });
        })?;
        let mut classes = graph.classes();
        classes.retain(|class| self.takes_part[class[0]]);
        Ok(classes)
    }

    /// k columns of x, class by class. `x` holds b before.
    fn by_class(&self, k: usize, x: &mut [F], is_transposed: bool) -> Result<(), Error> {
        let mut classes = self.classes()?;
        if is_transposed {
            classes.reverse();
        }
        let mut wide: Vec<f64> = x.iter().map(|b| b.into_f64()).collect(); // [s, k]
        for class in &classes {
            let steps = self.steps(class);
            let mut columns = vec![vec![0.0; class.len()]; k];
            for (column, y) in columns.iter_mut().enumerate() {
                for ((y, &state), outside) in y.iter_mut().zip(class).zip(&steps.outside) {
                    *y = wide[state * k + column];
                    if !is_transposed {
                        *y = outside.iter().fold(*y, |sum, &(next, p)| sum + p * wide[next * k + column]);
                    }
                }
            }
            self.solve_class(class, &steps, &mut columns, is_transposed)?;
            for (column, y) in columns.iter().enumerate() {
                for ((&state, &y), outside) in class.iter().zip(y).zip(&steps.outside) {
                    wide[state * k + column] = y;
                    if is_transposed {
                        outside.iter().for_each(|&(next, p)| wide[next * k + column] += p * y);
                    }
                }
            }
        }
        for (entry, (x, &wide)) in x.iter_mut().zip(&wide).enumerate() {
            *x = F::from_f64(wide);
            if !x.is_finite() {
                return Err(Error::Overflow { table: self.table, stage: 0, state: entry / k });
            }
        }
        Ok(())
    }

    /// Solves a class: each column is b, and afterwards x, in the states of the class.
    fn solve_class(
        &self,
        class: &[usize],
        steps: &Steps,
        columns: &mut [Vec<f64>],
        is_transposed: bool,
    ) -> Result<(), Error> {
        let (for_each, for_all) = FEW_OPERATIONS;
        let few = for_all.max(for_each.saturating_mul(steps.num_inside));
        if self.eliminate(steps, few, columns, is_transposed)? {
            return Ok(());
        }
        let num_states = self.takes_part.len();
        let mut is_inside = arrays::filled_vec(Table::StateValues, num_states, false)?;
        class.iter().for_each(|&state| is_inside[state] = true);
        let chain = self.chain(&is_inside)?;
        let unit = F::epsilon().into_f64();
        let most = self.most_steps();
        let longest = if most * unit.sqrt() <= 1.0 { most } else { chain.longest(&is_inside, most) };
        let error = (ROUNDING * unit * longest).min(1.0);
        let loses_half = longest * unit.sqrt() > 1.0;
        if loses_half && self.eliminate(steps, MOST_OPERATIONS, columns, is_transposed)? {
            return Ok(());
        }
        if error > unit.cbrt() {
            if let Some(place) = steps.exits.iter().position(|&exit| exit < 0.0) {
                return Err(self.exceeding_row(class[place]));
            }
            let (state, num_states) = (class[0], class.len());
            return Err(Error::ImprobableEnd { table: self.table, state, num_states, error });
        }
        for column in 0..columns.len() {
            let mut b = arrays::filled_vec(self.table, num_states, F::zero())?;
            class.iter().zip(&columns[column]).for_each(|(&state, &y)| b[state] = F::from_f64(y));
            let x = if is_transposed { chain.solve_transposed_exactly(&b) } else { chain.solve_exactly(&b) };
            match x {
                Ok(x) => {
                    class.iter().zip(&mut columns[column]).for_each(|(&state, y)| *y = x[state].into_f64());
                }
                // The iterative method may not converge at all.
                Err(singular) => {
                    let rest = &mut columns[column..];
                    if loses_half || !self.eliminate(steps, MOST_OPERATIONS, rest, is_transposed)? {
                        return Err(singular.of(self.table));
                    }
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Solves a class by elimination. Returns false if that takes too many operations, or if rows
    /// sum to more than 1: the probability of leaving is then unreliable.
    fn eliminate(
        &self,
        steps: &Steps,
        most_operations: usize,
        columns: &mut [Vec<f64>],
        is_transposed: bool,
    ) -> Result<bool, Error> {
        if steps.exits.iter().any(|&exit| exit < 0.0) {
            return Ok(false);
        }
        let elimination = match Elimination::new(steps.inside.clone(), steps.exits.clone(), most_operations) {
            Ok(elimination) => elimination,
            Err(Refused::TooLong) => return Ok(false),
            Err(Refused::Underflow) => {
                return Err(Error::IllConditioned { table: self.table, residual: 1.0 });
            }
        };
        for y in columns {
            if is_transposed {
                elimination.solve_transposed(y);
            } else {
                elimination.solve(y);
            }
        }
        Ok(true)
    }

    /// The steps from a class, with their probabilities times γ.
    pub(super) fn steps(&self, class: &[usize]) -> Steps {
        let (inside, outside, exits) = (Vec::new(), Vec::new(), Vec::new());
        let mut steps = Steps { inside, outside, exits, sum_to_1: true, num_inside: 0 };
        let discount = self.discount.into_f64();
        for &state in class {
            let (mut inside, mut outside, mut row) = (Vec::new(), Vec::new(), RowSum::default());
            self.for_each_step(state, |next, p| {
                row.add(p);
                match class.binary_search(&next) {
                    Ok(_) if next == state => {}
                    Ok(place) => inside.push((column(place), discount * p)),
                    Err(_) => outside.push((next, discount * p)),
                }
            });
            sum_equals(&mut inside);
            let exit = outside.iter().fold((F::one() - self.discount).into_f64(), |sum, &(_, p)| sum + p);
            let missing = row.missing::<F>();
            let exit = exit + discount * missing;
            steps.sum_to_1 &= missing == 0.0;
            steps.num_inside += inside.len();
            steps.inside.push(inside);
            steps.outside.push(outside);
            steps.exits.push(exit);
        }
        steps
    }

    /// Calls `visit(s', π P)` for each step that is possible.
    fn for_each_step(&self, state: usize, mut visit: impl FnMut(usize, f64)) {
        if !self.takes_part[state] {
            return;
        }
        let width = self.dynamics.num_actions();
        for (action, &chance) in self.policy[state * width..(state + 1) * width].iter().enumerate() {
            if chance > F::zero() {
                self.dynamics.for_each_successor(state, action, &mut |next, p| {
                    if p > F::zero() {
                        visit(next, chance.into_f64() * p.into_f64());
                    }
                });
            }
        }
    }

    /// The error for the row of a state that sums to more than 1.
    fn exceeding_row(&self, state: usize) -> Error {
        let width = self.dynamics.num_actions();
        let policy = &self.policy[state * width..(state + 1) * width];
        for action in (0..width).filter(|&action| policy[action] > F::zero()) {
            let mut row = RowSum::default();
            self.dynamics.for_each_successor(state, action, &mut |_, p| row.add(p.into_f64()));
            if row.missing::<F>() < 0.0 {
                let (sum, tolerance) = (row.sum.total(), row.rounding::<F>());
                return Error::UnnormalizedTransition { state, action, sum, tolerance };
            }
        }
        let mut row = RowSum::default();
        policy.iter().for_each(|chance| row.add(chance.into_f64()));
        let (sum, tolerance) = (row.sum.total(), row.rounding::<F>());
        Error::UnnormalizedRow { table: Table::Policy, index: vec![state], sum, tolerance }
    }
}

/// The sum of a row.
#[derive(Default)]
struct RowSum {
    sum: CompensatedSum,
    num_terms: usize,
}

impl RowSum {
    fn add(&mut self, p: f64) {
        self.sum.add(p);
        self.num_terms += 1;
    }

    /// The largest distance from 1 of the sum of a distribution by rounding.
    fn rounding<F: Real>(&self) -> f64 {
        (self.num_terms as f64 + 4.0) * F::epsilon().into_f64()
    }

    /// 1 minus the sum, or 0 if the difference is rounding.
    fn missing<F: Real>(&self) -> f64 {
        let missing = 1.0 - self.sum.total();
        if missing.abs() <= self.rounding::<F>() { 0.0 } else { missing }
    }
}
