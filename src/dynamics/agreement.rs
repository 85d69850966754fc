//! Compares the maps of dynamics with the successors that they visit.
//!
//! An override of a map is code of its own, and no other check reads it. Here each map is called
//! with a few vectors, ranges of states and numbers of columns. Its results are compared with sums
//! over the successors of each pair, taken in `f64`.
//!
//! # Inputs
//!
//! Three vectors: ordinary values, values of which a third are −∞, and values so far apart that
//! most exponentials underflow. Each goes through the map by itself, and all three together as
//! columns. The ranges are all states, and three parts of them. The results of a part must be those
//! of the whole to the bit, because threads take parts.
//!
//! # Tolerance
//!
//! A few ulp for each successor, relative to the sum of the magnitudes of all terms.

use std::ops::Range;

use num_traits::{Float, Zero};

use super::{Dynamics, Probability, check_probability, check_successor, for_each_possible_successor};
use crate::kernels::LogBlock;
use crate::{Error, Real, Table, arrays};

/// Number of vectors, and of the columns of the widest call.
const NUM_VECTORS: usize = 3;

/// Compares every map of some dynamics with `for_each_successor`, on the pairs in use.
///
/// Precondition: the rows of these pairs have passed `check_row`.
pub(crate) fn check_maps<D: Dynamics + ?Sized>(
    dynamics: &D,
    temperature: D::Scalar,
    is_used: &[bool], // [s, a]
) -> Result<(), Error> {
    let names = Names {
        expectation: "expectation",
        log_expectation: "log_expectation",
        push_forward: "push_forward",
        work: "work",
    };
    Comparison { dynamics, temperature, is_used, names }.check()?;
    let Some((weights, mixed)) = mixed(dynamics, is_used)? else { return Ok(()) };
    check_mixed_rows(dynamics, &weights, &*mixed)?;
    let names = Names {
        expectation: "expectation of mix_actions",
        log_expectation: "log_expectation of mix_actions",
        push_forward: "push_forward of mix_actions",
        work: "work of mix_actions",
    };
    let is_used = vec![true; dynamics.num_states()];
    Comparison { dynamics: &*mixed, temperature, is_used: &is_used, names }.check()
}

/// Calls a map with a range of states, and room for its results, `[s, a, k]`.
type RunMap<'a, F> = dyn Fn(Range<usize>, &mut [F]) + 'a;

/// The sum over a row for a column, and the largest error that rounding can have.
type RowSum<'a, F> = dyn Fn(&[(usize, Probability<F>)], usize) -> (f64, f64) + 'a;

/// Whether two numbers agree. −∞ agrees with itself, NaN with nothing.
#[allow(clippy::float_cmp, reason = "infinities are equal or not")]
fn agree(found: f64, expected: f64, tolerance: f64) -> bool {
    found == expected || (found - expected).abs() <= tolerance
}

/// Names of the maps, for errors.
struct Names {
    expectation: &'static str,
    log_expectation: &'static str,
    push_forward: &'static str,
    work: &'static str,
}

/// Dynamics whose maps are compared.
struct Comparison<'a, D: Dynamics + ?Sized> {
    dynamics: &'a D,
    temperature: D::Scalar,
    is_used: &'a [bool], // [s, a]
    names: Names,
}

/// One call of a map, for errors.
#[derive(Clone)]
struct Call {
    map: &'static str,
    states: Range<usize>,
    next_states: Range<usize>,
    num_columns: usize,
}

impl Call {
    fn mismatch(&self, index: &[usize], found: f64, expected: f64) -> Error {
        let Self { map, states, next_states, num_columns } = self.clone();
        Error::MapMismatch { map, index: index.to_vec(), states, next_states, num_columns, found, expected }
    }
}

impl<D: Dynamics + ?Sized> Comparison<'_, D> {
    fn check(&self) -> Result<(), Error> {
        self.check_faint_successors()?;
        self.check_work()?;
        let vectors = vectors(self.dynamics.num_states(), self.temperature);
        for columns in [&vectors[0..1], &vectors[1..2], &vectors[2..3], &vectors[..]] {
            self.check_expectation(columns)?;
            self.check_log_expectation(columns)?;
        }
        for num_columns in [1, NUM_VECTORS] {
            self.check_push_forward(num_columns)?;
        }
        Ok(())
    }

    /// All states first, then parts of them.
    fn ranges(&self) -> Vec<Range<usize>> {
        let n = self.dynamics.num_states();
        let parts = [0..n / 3, n / 3..n - n / 3, n - n / 3..n];
        let is_part = |part: &Range<usize>| !part.is_empty() && part.len() < n;
        std::iter::once(0..n).chain(parts.into_iter().filter(is_part)).collect()
    }

    fn call(&self, map: &'static str, states: Range<usize>, num_columns: usize) -> Call {
        Call { map, states, next_states: 0..self.dynamics.num_states(), num_columns }
    }

    fn check_faint_successors(&self) -> Result<(), Error> {
        if self.dynamics.has_faint_successors() {
            return Ok(());
        }
        let width = self.dynamics.num_actions();
        for pair in (0..self.is_used.len()).filter(|&pair| self.is_used[pair]) {
            let mut is_visited = false;
            let (state, action) = (pair / width, pair % width);
            self.dynamics.for_each_faint_successor(state, action, &mut |_, _| is_visited = true);
            if is_visited {
                let call = self.call("has_faint_successors", state..state + 1, 1);
                return Err(call.mismatch(&[state, action], 0.0, 1.0));
            }
        }
        Ok(())
    }

    /// The work of all states must be that of the parts, up to a transition for each pair.
    fn check_work(&self) -> Result<(), Error> {
        let ranges = self.ranges();
        let whole = self.dynamics.work(ranges[0].clone());
        let parts = ranges[1..].iter().map(|part| self.dynamics.work(part.clone()));
        let sum = parts.fold(0_usize, usize::saturating_add);
        if ranges.len() == 1 || whole.abs_diff(sum) <= self.is_used.len() {
            return Ok(());
        }
        Err(self.call(self.names.work, ranges[0].clone(), 1).mismatch(&[], whole as f64, sum as f64))
    }

    fn check_expectation(&self, columns: &[Vec<D::Scalar>]) -> Result<(), Error> {
        let (k, v) = (columns.len(), interleaved(columns));
        let run = |states, y: &mut [D::Scalar]| self.dynamics.expectation(states, k, &v, y);
        self.check_rows(self.names.expectation, k, &run, &|row, column| {
            let (mut sum, mut magnitude) = (0.0, 0.0);
            for &(next_state, p) in row {
                if let Probability::Plain(p) = p {
                    let term = p.into_f64() * columns[column][next_state].into_f64();
                    sum += term;
                    magnitude += term.abs();
                }
            }
            let ulp = D::Scalar::epsilon().into_f64();
            (sum, if sum.is_finite() { ulp * (4 * row.len() + 16) as f64 * magnitude } else { 0.0 })
        })
    }

    fn check_log_expectation(&self, columns: &[Vec<D::Scalar>]) -> Result<(), Error> {
        let k = columns.len();
        // Columns of one block may differ in temperature.
        let temperatures: Vec<_> =
            (1..=k).map(|column| self.temperature / D::Scalar::from_f64(column as f64)).collect();
        let block = LogBlock::new(&interleaved(columns), &temperatures)?;
        let largest: Vec<f64> = (columns.iter())
            .map(|v| v.iter().map(|v| v.into_f64()).fold(f64::NEG_INFINITY, f64::max))
            .collect();
        let run = |states, y: &mut [D::Scalar]| self.dynamics.log_expectation(states, &block, y);
        self.check_rows(self.names.log_expectation, k, &run, &|row, column| {
            let temperature = temperatures[column].into_f64();
            let terms = row.iter().map(|&(next_state, p)| {
                let (weight, value) = p.term(columns[column][next_state]);
                (weight.into_f64(), value.into_f64())
            });
            let best = terms.clone().fold(f64::NEG_INFINITY, |best, (_, value)| best.max(value));
            if best == f64::NEG_INFINITY {
                return (best, 0.0);
            }
            if temperature == 0.0 {
                return (best, 4.0 * D::Scalar::epsilon().into_f64() * best.abs());
            }
            let sum: f64 = terms.map(|(weight, value)| weight * ((value - best) / temperature).exp()).sum();
            let expected = best + temperature * sum.ln();
            let scale = temperature * (row.len() + 16) as f64 + expected.abs() + best.abs();
            (expected, 16.0 * D::Scalar::epsilon().into_f64() * (scale + largest[column].abs()))
        })
    }

    /// Compares the results y(s,a), `[s, a, k]`, of a map with sums over rows.
    fn check_rows(
        &self,
        map: &'static str,
        k: usize,
        run: &RunMap<'_, D::Scalar>,
        expected: &RowSum<'_, D::Scalar>,
    ) -> Result<(), Error> {
        let width = self.dynamics.num_actions();
        let mut whole = Vec::new();
        let mut row = Vec::new();
        for states in self.ranges() {
            let call = self.call(map, states.clone(), k);
            // NaN marks entries that the map does not write.
            let shape = (states.len(), width * k);
            let mut y = arrays::filled_vec(Table::ActionValues, shape, D::Scalar::nan())?;
            run(states.clone(), &mut y);
            for pair in states.start * width..states.end * width {
                if !self.is_used[pair] {
                    continue;
                }
                let (state, action) = (pair / width, pair % width);
                let entries = &y[(pair - states.start * width) * k..][..k];
                if whole.is_empty() {
                    row.clear();
                    for_each_possible_successor(self.dynamics, (state, action), |n, p| row.push((n, p)));
                }
                for (column, &found) in entries.iter().enumerate() {
                    let (expected, tolerance) = if whole.is_empty() {
                        expected(&row, column)
                    } else {
                        let found: D::Scalar = whole[pair * k + column];
                        (found.into_f64(), 0.0)
                    };
                    let found = found.into_f64();
                    if !agree(found, expected, tolerance) {
                        return Err(call.mismatch(&[state, action, column], found, expected));
                    }
                }
            }
            if whole.is_empty() {
                whole = y;
            }
        }
        Ok(())
    }

    /// Pushes the pairs of all states, and of a part, into all next states, and into parts.
    fn check_push_forward(&self, k: usize) -> Result<(), Error> {
        let (num_states, width) = (self.dynamics.num_states(), self.dynamics.num_actions());
        let table = |value| arrays::filled_vec(Table::StateOccupancy, (num_states, k), value);
        let mut x = arrays::filled_vec(Table::StateOccupancy, (num_states * width, k), D::Scalar::zero())?;
        for (pair, x) in x.chunks_exact_mut(k).enumerate().filter(|(pair, _)| self.is_used[*pair]) {
            for (column, x) in x.iter_mut().enumerate() {
                let weight = uniform(3 * pair + column, 5);
                *x = D::Scalar::from_f64(if weight < 0.25 { 0.0 } else { weight });
            }
        }
        // Results are added to what is there.
        let before = |entry: usize| D::Scalar::from_f64(uniform(entry, 6));
        let mut all_ranges = self.ranges();
        all_ranges.truncate(3); // all states, and parts that do and do not start at 0
        for states in all_ranges {
            let x = &x[states.start * width * k..states.end * width * k];
            let (mut expected, mut terms) = (table(D::Scalar::zero())?, vec![0_usize; num_states]);
            let mut sums = vec![0.0; num_states * k];
            for (entry, sum) in sums.iter_mut().enumerate() {
                *sum = before(entry).into_f64();
            }
            for (pair, x) in (states.start * width..).zip(x.chunks_exact(k)) {
                if self.is_used[pair] {
                    self.dynamics.for_each_successor(pair / width, pair % width, &mut |next_state, p| {
                        terms[next_state] += 1;
                        for (sum, &x) in sums[next_state * k..][..k].iter_mut().zip(x) {
                            *sum += p.into_f64() * x.into_f64();
                        }
                    });
                }
            }
            for (part, next_states) in self.ranges().into_iter().enumerate() {
                let call = Call {
                    next_states: next_states.clone(),
                    ..self.call(self.names.push_forward, states.clone(), k)
                };
                let entries = next_states.start * k..next_states.end * k;
                let mut w: Vec<_> = entries.clone().map(before).collect();
                self.dynamics.push_forward(states.clone(), next_states, k, x, &mut w);
                for (entry, &found) in entries.zip(&w) {
                    let ulp = D::Scalar::epsilon().into_f64();
                    let (sum, tolerance) = if part == 0 {
                        (sums[entry], ulp * (4 * terms[entry / k] + 16) as f64 * sums[entry])
                    } else {
                        (expected[entry].into_f64(), 0.0)
                    };
                    if !agree(found.into_f64(), sum, tolerance) {
                        return Err(call.mismatch(&[entry / k, entry % k], found.into_f64(), sum));
                    }
                }
                if part == 0 {
                    expected = w;
                }
            }
        }
        Ok(())
    }
}

/// Weights of the pairs in use, `[s, a]`, and the dynamics that are mixed by them.
type Mixed<F> = (Vec<F>, Box<dyn Dynamics<Scalar = F>>);

/// Mixes the actions by weights of which a quarter are 0. `None` if the dynamics do not support it.
fn mixed<D: Dynamics + ?Sized>(dynamics: &D, is_used: &[bool]) -> Result<Option<Mixed<D::Scalar>>, Error> {
    let weight = |pair: usize| {
        let weight = uniform(pair, 7);
        D::Scalar::from_f64(if is_used[pair] && weight >= 0.25 { weight } else { 0.0 })
    };
    let weights: Vec<_> = (0..is_used.len()).map(weight).collect();
    let Some(mixed) = dynamics.mix_actions(&weights) else { return Ok(None) };
    let found = [mixed.num_states(), mixed.num_actions()];
    arrays::check_shape(Table::Transitions, &found, &[dynamics.num_states(), 1])?;
    Ok(Some((weights, mixed)))
}

/// Compares the rows of mixed dynamics with Σ_a w(s,a) P(s'∣s,a).
fn check_mixed_rows<D: Dynamics + ?Sized>(
    dynamics: &D,
    weights: &[D::Scalar],
    mixed: &dyn Dynamics<Scalar = D::Scalar>,
) -> Result<(), Error> {
    let (num_states, width) = (dynamics.num_states(), dynamics.num_actions());
    let call = Call { map: "mix_actions", states: 0..num_states, next_states: 0..num_states, num_columns: 1 };
    // Sums of one state; all zeros between states.
    let (mut expected, mut found) = (vec![0.0; num_states], vec![0.0; num_states]);
    let mut visited = Vec::new();
    for state in 0..num_states {
        for action in 0..width {
            let weight = weights[state * width + action];
            if weight > D::Scalar::zero() {
                dynamics.for_each_successor(state, action, &mut |next_state, p| {
                    visited.push(next_state);
                    expected[next_state] += weight.into_f64() * p.into_f64();
                });
            }
        }
        let mut result = Ok(());
        mixed.for_each_successor(state, 0, &mut |next_state, p| {
            let checked = check_successor(state, 0, next_state, num_states)
                .and_then(|()| check_probability(state, 0, next_state, p));
            if checked.is_ok() {
                visited.push(next_state);
                found[next_state] += p.into_f64();
            } else if result.is_ok() {
                result = checked;
            }
        });
        result?;
        let tolerance = D::Scalar::epsilon().into_f64() * (4 * visited.len() + 16) as f64;
        for &next_state in &visited {
            let (found, expected) = (found[next_state], expected[next_state]);
            if !((found - expected).abs() <= tolerance * expected) {
                return Err(call.mismatch(&[state, next_state], found, expected));
            }
        }
        for next_state in visited.drain(..) {
            (expected[next_state], found[next_state]) = (0.0, 0.0);
        }
    }
    Ok(())
}

/// The vectors that go through expectations, `[s']` each.
fn vectors<F: Real>(num_states: usize, temperature: F) -> [Vec<F>; NUM_VECTORS] {
    // The spread of the last vector must stay in the number type.
    let most = F::max_value() * F::from_f64(1e-6);
    let unit = if temperature > F::zero() { temperature.min(most) } else { F::one() };
    let vector = |value: &dyn Fn(usize) -> f64| {
        (0..num_states).map(|state| unit * F::from_f64(value(state))).collect()
    };
    let ordinary = |state| 4.0 * uniform(state, 1) - 2.0;
    [
        vector(&ordinary),
        vector(&|state| if uniform(state, 2) < 1.0 / 3.0 { f64::NEG_INFINITY } else { ordinary(state) }),
        vector(&|state| -2000.0 * uniform(state, 3)),
    ]
}

/// Columns as one table, `[s', k]`.
fn interleaved<F: Real>(columns: &[Vec<F>]) -> Vec<F> {
    (0..columns[0].len()).flat_map(|state| columns.iter().map(move |column| column[state])).collect()
}

/// A number in [0, 1) that looks random, but is the same in every run (the mixer of splitmix64).
fn uniform(index: usize, stream: u64) -> f64 {
    let mut bits = (index as u64).wrapping_add(stream << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}
