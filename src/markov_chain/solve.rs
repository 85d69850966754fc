//! The systems (I − J) x = b and (I − Jᵀ) x = b, to a residual in the maximum norm.
//!
//! # Form computed
//!
//! Let J = L + diagonal + U + E, where E leads from one [section](super::sections) of states to
//! another, and let D be the diagonal of I − J, so that I − J = D − L − U − E. IDR(4) solves
//!
//! ```text
//! (D − L)⁻¹ (I − J) (D − U)⁻¹ y = (D − L)⁻¹ r,      x ← x + (D − U)⁻¹ y,      r = b − (I − J) x
//! ```
//!
//! The two inverses are the halves of a symmetric Gauss–Seidel sweep within the sections. With t =
//! (D − U)⁻¹ v, the product of this matrix and v is t + (D − L)⁻¹ (v − D t − E t). So it takes one
//! walk over U and one over L, and reads J once, as a plain product does. Most models have one
//! section, and E is 0. After each run the residual r is computed
//! from x, and IDR solves for the rest. The reported residual is therefore that of x, whatever the
//! recurrences have lost to rounding.
//!
//! The table shows the gain of the preconditioner. It lists passes over the mixed rows and the
//! model for all steps of Newton's method, to a bound of 1e−6, with inner systems solved to a
//! hundredth, at τ = 1:
//!
//! | model | plain | between half sweeps |
//! |---|---|---|
//! | Rust's bus, γ = .9999 | 785 | 89 |
//! | admission queue, 200 places, γ = .999 | 1261 | 187 |
//! | slippery grid 50 × 50, terminal corner, γ = .999 | 799 | 423 |
//! | the same with a corner that loops | 868 | 334 |
//! | slippery grid 200 × 200, terminal corner, γ = .9999 | 3162 | 1606 |
//! | random, 2000 states, 4 actions, 5 successors, γ = .999 | 79 | 46 |
//! | forest of 1000 ages, γ = .999 | 183 | 64 |
//!
//! A sweep in one direction is better still if all steps go in that direction (the bus: 50), and
//! gains nothing if they go in the other (794).
//!
//! Crates with such methods over a trait for operators come with a library of linear algebra
//! several times the size of this crate. These two files are smaller than the code that would
//! connect them.
//!
//! # References
//!
//! S. Eisenstat, *Efficient implementation of a class of preconditioned conjugate gradient
//! methods*, SIAM J. Sci. Stat. Comput. 2, 1981, for the product at the price of one.

use std::ops::{ControlFlow, Range};

use super::Chain;
use super::idr::{Idr, Operator};
use super::vectors::{add, larger, largest, map};
use crate::Real;
use crate::parallel::{RowsMut, fold_pieces, for_each_piece, num_threads, run_parts};

/// A residual of this many units in the last place of its terms is pure rounding.
const ROUNDING: f64 = 4.0;

/// Rounds that do not halve the residual before the solve gives up.
const MOST_FAILURES: usize = 2;

/// Options of a solve.
pub(crate) struct LinearSolve<'w, F> {
    /// The largest max |b − (I − J) x| that meets the request.
    pub(crate) tolerance: F,
    /// The limit of products with J. A solve may exceed it by a few.
    pub(crate) max_products: usize,
    /// Called before every product, with the products so far and an estimate of max |b − (I − J)
    /// x|.
    pub(crate) watch: Option<&'w mut dyn FnMut(usize, F) -> ControlFlow<()>>,
}

/// How a solve ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinearStatus {
    /// The residual is within the tolerance.
    Converged,
    /// The residual is above the tolerance, but within the rounding of its terms.
    Rounding,
    /// The limit of products was reached.
    OutOfProducts,
    /// The residual has stopped falling: the system is singular, or nearly.
    Stalled,
    /// `watch` stopped the solve.
    Stopped,
}

/// The outcome of a solve.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinearOutcome<F> {
    /// Transitions read, in units of one product, rounded up.
    pub(crate) products: usize,
    /// max |b − (I − J) x|, computed from the returned x. Finite if it was finite for the initial
    /// x.
    pub(crate) residual: F,
    pub(crate) status: LinearStatus,
}

impl<F: Real> Chain<'_, F> {
    /// Solves (I − J) x = b. `x` is the initial value, and afterwards the iterate of the least
    /// residual.
    ///
    /// Preconditions: b and x are finite.
    pub(crate) fn solve(&self, b: &[F], x: &mut [F], options: LinearSolve<'_, F>) -> LinearOutcome<F> {
        System::new(self, false, options).solve(b, x)
    }

    /// Solves (I − Jᵀ) x = b, like [`solve`](Self::solve).
    pub(crate) fn solve_transposed(
        &self,
        b: &[F],
        x: &mut [F],
        options: LinearSolve<'_, F>,
    ) -> LinearOutcome<F> {
        System::new(self, true, options).solve(b, x)
    }
}

/// A system that is being solved.
struct System<'s, 'a, 'w, F> {
    walks: Walks<'s, 'a, F>,
    t: Vec<F>,     // scratch
    unit: F,       // scale of the residuals of a round
    halves: usize, // half products so far
    stopped: bool,
    options: LinearSolve<'w, F>,
}

impl<'s, 'a, 'w, F: Real> System<'s, 'a, 'w, F> {
    fn new(chain: &'s Chain<'a, F>, is_transposed: bool, options: LinearSolve<'w, F>) -> Self {
        let walks = Walks::new(chain, is_transposed);
        let t = vec![F::zero(); walks.inverse.len()];
        Self { walks, t, unit: F::one(), halves: 0, stopped: false, options }
    }

    fn products(&self) -> usize {
        self.halves.div_ceil(2)
    }

    fn solve(mut self, b: &[F], x: &mut [F]) -> LinearOutcome<F> {
        let (mut r, mut y) = (vec![F::zero(); b.len()], vec![F::zero(); b.len()]);
        let mut best = x.to_vec();
        let mut idr = None;
        let mut least = self.residual(b, x, &mut r);
        // The ratio of the residuals of y and x, initially: rows of L and U sum to at most 1.
        let mut scale = F::from_f64(0.5);
        let mut failures = 0;
        let status = loop {
            if least <= self.options.tolerance {
                break LinearStatus::Converged;
            }
            let terms = largest(b) + largest(&best) + largest(&best);
            if least <= F::from_f64(ROUNDING) * F::epsilon() * terms {
                break LinearStatus::Rounding;
            }
            if self.stopped {
                break LinearStatus::Stopped;
            }
            if self.products() >= self.options.max_products {
                break LinearStatus::OutOfProducts;
            }
            if failures >= MOST_FAILURES || !least.is_finite() {
                break LinearStatus::Stalled;
            }
            let (walks, matrix) = (&self.walks, &self.walks.chain.matrix);
            self.halves += 2 * matrix.price_of_walks();
            let sections = matrix.sections();
            sections.run(RowsMut::column(&mut r[..]), &|pair, r| walks.left(&pair, r.data));
            let goal = (self.options.tolerance * scale).max(F::epsilon() * terms);
            let memory = idr.get_or_insert_with(|| Idr::new(sections));
            self.correct(memory, &mut r, &mut y, goal);
            let walks = &self.walks;
            sections.run(RowsMut::column(&mut y[..]), &|pair, y| walks.right(&pair, y.data));
            add(x, &y);
            let residual = self.residual(b, x, &mut r);
            failures = if residual <= least * F::from_f64(0.5) { 0 } else { failures + 1 };
            if residual < least {
                // The recurrence may have underestimated the residual.
                let lacking = self.options.tolerance / residual;
                scale *= lacking.min(F::one()).max(F::from_f64(0.01));
                least = residual;
                best.copy_from_slice(x);
            } else {
                x.copy_from_slice(&best);
                self.residual(b, x, &mut r);
            }
        };
        x.copy_from_slice(&best);
        LinearOutcome { products: self.products(), residual: least, status }
    }

    /// Solves for y with right-hand side r, to a residual of about `goal`. Overwrites r.
    fn correct(&mut self, idr: &mut Idr<F>, r: &mut [F], y: &mut [F], goal: F) {
        // Scale r, so that squares do not overflow.
        self.unit = largest(r);
        if !(self.unit > F::zero() && self.unit.is_finite()) {
            return y.fill(F::zero());
        }
        map(r, |r| r / self.unit);
        // Below its own rounding, the recurrence is meaningless.
        let goal = (goal / self.unit).max(F::from_f64(ROUNDING) * F::epsilon());
        idr.reduce(self, r, y, goal);
        map(y, |y| y * self.unit);
    }

    /// r = b − (I − J) x, and max |r|; +∞ if there is a NaN.
    fn residual(&mut self, b: &[F], x: &[F], r: &mut [F]) -> F {
        self.halves += 2;
        if self.walks.is_transposed {
            self.walks.chain.multiply_transposed(x, r);
        } else {
            self.walks.chain.multiply(x, r);
        }
        let piece = |states: Range<usize>, r: RowsMut<'_, F>| {
            for (r, (&b, &x)) in r.data.iter_mut().zip(b[states.clone()].iter().zip(&x[states])) {
                *r += b - x;
            }
            largest(r.data)
        };
        let largest = fold_pieces(b.len(), RowsMut::column(r), &piece, &larger);
        if largest.is_nan() { F::infinity() } else { largest }
    }
}

/// The halves of a symmetric Gauss–Seidel sweep, within sections.
struct Walks<'s, 'a, F> {
    chain: &'s Chain<'a, F>,
    is_transposed: bool,
    inverse: Vec<F>, // 1/D of the walks; D is 1 − J(s,s), or slightly more
    centre: Vec<F>,  // 2 D of the walks less the true D
}

impl<'s, 'a, F: Real> Walks<'s, 'a, F> {
    fn new(chain: &'s Chain<'a, F>, is_transposed: bool) -> Self {
        let diagonal = chain.matrix.diagonal();
        let num_states = diagonal.len();
        let (mut inverse, mut centre) = (vec![F::zero(); num_states], vec![F::zero(); num_states]);
        let outputs = (RowsMut::column(&mut inverse[..]), RowsMut::column(&mut centre[..]));
        for_each_piece(
            num_states,
            outputs,
            &|states, (inverse, centre): (RowsMut<'_, F>, RowsMut<'_, F>)| {
                let outputs = inverse.data.iter_mut().zip(centre.data);
                for ((inverse, centre), &own) in outputs.zip(&diagonal[states]) {
                    // Where 1 − J(s,s) is 0, walks divide by the machine epsilon instead.
                    let d = F::one() - own;
                    *inverse = F::one() / d.max(F::epsilon());
                    *centre = F::from_f64(2.0) / *inverse - d;
                }
            },
        );
        Self { chain, is_transposed, inverse, centre }
    }

    /// z ← (D − U)⁻¹ z in a pair of sections, or (D − Lᵀ)⁻¹ z for the transpose.
    fn right(&self, pair: &Range<usize>, z: &mut [F]) {
        let (matrix, inverse) = (&self.chain.matrix, &self.inverse[pair.clone()]);
        if self.is_transposed {
            matrix.solve_before_transposed(pair, inverse, z);
        } else {
            matrix.solve_behind(pair, inverse, z);
        }
    }

    /// z ← (D − L)⁻¹ z in a pair of sections, or what it is for the transpose.
    fn left(&self, pair: &Range<usize>, z: &mut [F]) {
        let (matrix, inverse) = (&self.chain.matrix, &self.inverse[pair.clone()]);
        if self.is_transposed {
            matrix.solve_behind_transposed(pair, inverse, z);
        } else {
            matrix.solve_before(pair, inverse, z);
        }
    }

    /// t = (D − U)⁻¹ v and y = v − (2 D of the walks − D) t, pair by pair.
    fn first_half(&self, v: &[F], t: &mut [F], y: &mut [F]) {
        let outputs = (RowsMut::column(t), RowsMut::column(y));
        let first_half = |pair: Range<usize>, (t, y): (RowsMut<'_, F>, RowsMut<'_, F>)| {
            let (v, centre) = (&v[pair.clone()], &self.centre[pair.clone()]);
            t.data.copy_from_slice(v);
            self.right(&pair, t.data);
            for ((y, &v), (&centre, &t)) in y.data.iter_mut().zip(v).zip(centre.iter().zip(&*t.data)) {
                *y = v - centre * t;
            }
        };
        self.chain.matrix.sections().run(outputs, &first_half);
    }

    /// y ← t + (D − L)⁻¹ (y − E t), pair by pair.
    fn second_half(&self, t: &[F], y: &mut [F]) {
        let matrix = &self.chain.matrix;
        let sections = matrix.sections();
        if self.is_transposed && !sections.is_single() {
            let subtract = |part: Range<usize>, y: RowsMut<'_, F>| {
                matrix.subtract_outside_transposed(&part, t, y.data);
            };
            run_parts(0..t.len(), RowsMut::column(y), &subtract, num_threads());
        }
        let second_half = |pair: Range<usize>, y: RowsMut<'_, F>| {
            if !self.is_transposed && !sections.is_single() {
                matrix.subtract_outside(&pair, t, y.data);
            }
            self.left(&pair, y.data);
            y.data.iter_mut().zip(&t[pair]).for_each(|(y, &t)| *y += t);
        };
        sections.run(RowsMut::column(y), &second_half);
    }
}

/// The preconditioned matrix.
impl<F: Real> Operator<F> for System<'_, '_, '_, F> {
    fn apply(&mut self, v: &[F], y: &mut [F]) {
        self.halves += 2 * self.walks.chain.matrix.price_of_walks();
        self.walks.first_half(v, &mut self.t, y);
        self.walks.second_half(&self.t, y);
    }

    fn goes_on(&mut self, residual: F) -> bool {
        let products = self.products();
        if let Some(watch) = &mut self.options.watch {
            self.stopped |= watch(products, residual * self.unit).is_break();
        }
        !self.stopped && products < self.options.max_products
    }
}

#[cfg(test)]
mod tests {
    use approx::{abs_diff_eq, assert_abs_diff_eq};

    use super::super::Sections;
    use super::*;
    use crate::{Dynamics, SparseDynamics};

    /// Dynamics that cannot be mixed.
    #[derive(Debug)]
    struct Opaque(SparseDynamics);

    impl Dynamics for Opaque {
        type Scalar = f64;

        fn num_states(&self) -> usize {
            self.0.num_states()
        }

        fn num_actions(&self) -> usize {
            self.0.num_actions()
        }

        fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, f64)) {
            self.0.for_each_successor(state, action, visit);
        }
    }

    /// A queue that an arrival lengthens and a departure shortens.
    fn queue(places: usize) -> SparseDynamics {
        SparseDynamics::from_fn(places, 2, |state: usize, action| {
            let rate = if action == 0 { 0.3 } else { 0.6 };
            [((state + 1).min(places - 1), rate), (state.saturating_sub(1), 1.0 - rate)]
        })
        .unwrap()
    }

    /// Ten states with four pseudorandom successors each, which may repeat.
    fn ten_states() -> SparseDynamics {
        let row = |state: usize, action: usize| {
            (0..4).map(move |k| ((state * state * 7 + action * 3 + k * k * 5) % 10, 0.1 + 0.1 * k as f64))
        };
        SparseDynamics::from_fn(10, 2, row).unwrap()
    }

    /// z with A z = v, by elimination without pivots.
    fn eliminated(mut a: Vec<Vec<f64>>, mut v: Vec<f64>) -> Vec<f64> {
        for pivot in 0..v.len() {
            for row in (0..v.len()).filter(|&row| row != pivot) {
                let factor = a[row][pivot] / a[pivot][pivot];
                (0..v.len()).for_each(|column| a[row][column] -= factor * a[pivot][column]);
                v[row] -= factor * v[pivot];
            }
        }
        (0..v.len()).map(|i| v[i] / a[i][i]).collect()
    }

    /// One product against its definition, with the matrices written out: a product of wrong
    /// entries between sections would still give right solutions, in more passes.
    #[test]
    fn walks_stay_in_their_sections_and_the_product_does_not() {
        let (dynamics, opaque) = (ten_states(), Opaque(ten_states()));
        let table = crate::DenseDynamics::from_dynamics(&dynamics).unwrap();
        let policy: Vec<f64> = (0..20).map(|i| if i % 2 == 0 { 0.3 } else { 0.7 }).collect();
        let takes_part: Vec<bool> = (0..10).map(|state| state != 6).collect();
        let v: Vec<f64> = (0..10).map(|i| f64::from(i * i % 7) - 2.5).collect();
        for ends in [&[10][..], &[5, 10], &[1, 4, 9, 10]] {
            let sections = || Sections::ending_at(ends);
            let chains = [
                Chain::in_sections(sections(), &dynamics, &policy, &takes_part, 0.9).unwrap(),
                Chain::in_sections(sections(), &table, &policy, &takes_part, 0.9).unwrap(),
                Chain::in_sections(sections(), &opaque, &policy, &takes_part, 0.9).unwrap(),
            ];
            for (chain, is_transposed) in chains.iter().flat_map(|chain| [(chain, false), (chain, true)]) {
                let column = |next: usize| -> Vec<f64> {
                    let unit: Vec<f64> = (0..10).map(|i| f64::from(u8::from(i == next))).collect();
                    let mut column = vec![0.0; 10];
                    if is_transposed {
                        chain.multiply_transposed(&unit, &mut column);
                    } else {
                        chain.multiply(&unit, &mut column);
                    }
                    column
                };
                let columns: Vec<Vec<f64>> = (0..10).map(column).collect();
                // I − J, its upper and its lower part within sections, each with the diagonal.
                let part = |keeps: &dyn Fn(usize, usize) -> bool| -> Vec<Vec<f64>> {
                    let entry = |s: usize, n: usize| {
                        let entry = f64::from(u8::from(s == n)) - columns[n][s];
                        if keeps(s, n) { entry } else { 0.0 }
                    };
                    (0..10).map(|s| (0..10).map(|n| entry(s, n)).collect()).collect()
                };
                let together = |s, n| chain.matrix.sections().of_state(s).contains(&n);
                let t = eliminated(part(&|s, n| s <= n && together(s, n)), v.clone());
                let whole = part(&|_, _| true);
                let product = whole.iter().map(|row| row.iter().zip(&t).map(|(a, t)| a * t).sum());
                let expected = eliminated(part(&|s, n| s >= n && together(s, n)), product.collect());
                let options = LinearSolve { tolerance: 1e-9, max_products: 1000, watch: None };
                let mut system = System::new(chain, is_transposed, options);
                let mut y = vec![0.0; 10];
                system.apply(&v, &mut y);
                for (y, expected) in y.iter().zip(&expected) {
                    assert_abs_diff_eq!(y, expected, epsilon = 1e-13);
                }
                let mut x = vec![0.0; 10];
                assert_eq!(system.solve(&v, &mut x).status, LinearStatus::Converged);
                let exact = eliminated(whole, v.clone());
                for (x, exact) in x.iter().zip(&exact) {
                    assert_abs_diff_eq!(x, exact, epsilon = 1e-7);
                }
            }
        }
    }

    #[test]
    fn a_solution_has_the_residual_that_was_asked_for() {
        for places in [1, 2, 3, 5, 8, 50, 300] {
            let dynamics = queue(places);
            let (policy, takes_part) = (vec![0.5; 2 * places], vec![true; places]);
            let opaque = Opaque(queue(places));
            let chains = [
                Chain::new(&dynamics, &policy, &takes_part, 0.999).unwrap(),
                Chain::new(&opaque, &policy, &takes_part, 0.999).unwrap(),
            ];
            let b: Vec<f64> = (0..places).map(|i| (i * i % 7) as f64).collect();
            for (chain, is_transposed) in chains.iter().flat_map(|chain| [(chain, false), (chain, true)]) {
                let mut x = vec![0.0; places];
                let options = LinearSolve { tolerance: 1e-9, max_products: 1000, watch: None };
                let outcome = System::new(chain, is_transposed, options).solve(&b, &mut x);
                assert_eq!(outcome.status, LinearStatus::Converged, "{places} {outcome:?}");
                let mut y = vec![0.0; places];
                if is_transposed {
                    chain.multiply_transposed(&x, &mut y);
                } else {
                    chain.multiply(&x, &mut y);
                }
                for ((x, y), b) in x.iter().zip(&y).zip(&b) {
                    assert_abs_diff_eq!(x - y, b, epsilon = 1e-9 + 1e-12);
                }
            }
        }
    }

    fn outcome(chain: &Chain<'_, f64>, b: &[f64], x: &mut [f64], tolerance: f64) -> LinearOutcome<f64> {
        chain.solve(b, x, LinearSolve { tolerance, max_products: 2000, watch: None })
    }

    #[test]
    fn below_rounding_there_is_rounding() {
        let dynamics = queue(100);
        for discount in [0.0, 0.5, 0.99, 0.999_999] {
            let chain = Chain::new(&dynamics, &[0.5; 200], &[true; 100], discount).unwrap();
            let b: Vec<f64> = (0..100).map(|i| f64::from(i).sin()).collect();
            let mut x = vec![0.0; 100];
            let found = outcome(&chain, &b, &mut x, 0.0);
            let exact = found.residual == 0.0;
            assert!(exact || found.status == LinearStatus::Rounding, "{discount} {found:?}");
            let largest = x.iter().fold(1.0_f64, |largest, x| largest.max(x.abs()));
            assert!(found.residual <= 12.0 * f64::EPSILON * largest, "{found:?} {largest}");
            assert!(found.products < 200, "{found:?}");
        }
    }

    #[test]
    fn sizes_do_not_matter() {
        let dynamics = queue(60);
        let chain = Chain::new(&dynamics, &[0.5; 120], &[true; 60], 0.99).unwrap();
        let solution = |unit: f64| {
            let b: Vec<f64> = (0..60).map(|i| unit * f64::from(i % 7)).collect();
            let mut x = vec![0.0; 60];
            let found = outcome(&chain, &b, &mut x, 1e-9 * unit);
            assert_eq!(found.status, LinearStatus::Converged, "{unit:e} {found:?}");
            x.iter().map(|x| x / unit).collect::<Vec<_>>()
        };
        let expected = solution(1.0);
        // Powers of two: the same digits throughout.
        for unit in [1000, -1000].map(|power| 2.0_f64.powi(power)) {
            assert_eq!(solution(unit), expected);
        }
    }

    #[test]
    fn a_system_without_a_solution_is_told_from_one_that_takes_longer() {
        // State 0 stays where it is.
        let loops = SparseDynamics::from_fn(3, 1, |s: usize, _| [(s.saturating_sub(1), 1.0_f64)]).unwrap();
        let chain = Chain::new(&loops, &[1.0; 3], &[true; 3], 1.0).unwrap();
        let mut x = vec![0.0; 3];
        let found = outcome(&chain, &[1.0; 3], &mut x, 1e-9);
        assert_eq!(found.status, LinearStatus::Stalled, "{found:?}");
        assert!(x.iter().all(|x| x.is_finite()) && found.residual <= 1.0);
        // It can be left alone, or have nothing to gain.
        assert_eq!(outcome(&chain, &[0.0, 1.0, 1.0], &mut [0.0; 3], 1e-9).status, LinearStatus::Converged);
        let chain = Chain::new(&loops, &[1.0; 3], &[false, true, true], 1.0).unwrap();
        let mut x = vec![0.0; 3];
        assert_eq!(outcome(&chain, &[1.0; 3], &mut x, 1e-9).status, LinearStatus::Converged);
        assert_eq!(x, [1.0, 2.0, 3.0]);
        // The same for a large ring without an exit.
        let ring =
            SparseDynamics::from_fn(500, 1, |s, _| [((s + 1) % 500, 0.5), ((s + 499) % 500, 0.5)]).unwrap();
        let chain = Chain::new(&ring, &[1.0; 500], &[true; 500], 1.0).unwrap();
        let mut x = vec![0.0; 500];
        let found = outcome(&chain, &[1.0; 500], &mut x, 1e-9);
        assert_eq!(found.status, LinearStatus::Stalled, "{found:?}");
        assert!(x.iter().all(|x| x.is_finite()) && found.residual <= 1.0);
    }

    #[test]
    fn limit_and_watch_stop_with_the_best_that_was_found() {
        let dynamics = queue(400);
        let chain = Chain::new(&dynamics, &[0.5; 800], &[true; 400], 0.9999).unwrap();
        let b = [1.0; 400];
        let mut last = 1.0;
        for most in [1, 3, 10, 30] {
            let mut x = vec![0.0; 400];
            let found =
                chain.solve(&b, &mut x, LinearSolve { tolerance: 1e-12, max_products: most, watch: None });
            assert_eq!(found.status, LinearStatus::OutOfProducts);
            assert!(found.residual <= last && found.products <= most + 4, "{found:?}");
            last = found.residual;
            let mut x = vec![0.0; 400];
            let mut seen = 0;
            let mut watch = |products: usize, residual: f64| {
                assert!(products >= seen && residual.is_finite());
                seen = products;
                if products < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            };
            let options = LinearSolve { tolerance: 1e-12, max_products: 1000, watch: Some(&mut watch) };
            let stopped = chain.solve(&b, &mut x, options);
            assert_eq!(stopped.status, LinearStatus::Stopped);
            assert_eq!(stopped.residual, found.residual);
            assert!(seen <= most + 2);
        }
    }

    #[test]
    fn single_precision_reaches_its_own_rounding() {
        let dynamics = SparseDynamics::<f32>::from_fn(80, 1, |s: usize, _| {
            [((s + 1).min(79), 0.4), (s.saturating_sub(1), 0.6)]
        })
        .unwrap();
        let chain = Chain::new(&dynamics, &[1.0; 80], &[true; 80], 0.99).unwrap();
        let mut x = vec![0.0; 80];
        let found =
            chain.solve(&[1.0; 80], &mut x, LinearSolve { tolerance: 0.0, max_products: 500, watch: None });
        assert!(matches!(found.status, LinearStatus::Rounding | LinearStatus::Converged), "{found:?}");
        assert!(x.iter().all(|&x| abs_diff_eq!(x, 100.0, epsilon = 100.0 * 399.0 * f32::EPSILON)), "{x:?}");
    }
}
