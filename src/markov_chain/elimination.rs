//! Systems in I − J by elimination without subtractions, for chains whose end is very improbable.
//!
//! J holds the steps between the states of a chain, and e(s) is the probability of leaving the
//! chain from s. The diagonal of I − J is never read: it is the probability of leaving a state,
//!
//! ```text
//! 1 − J(s,s) = e(s) + Σ_{s'≠s} J(s,s')
//! ```
//!
//! Eliminating a state k gives the chain that is observed only in the other states. With
//! d = e(k) + Σ J(k,s'), the probability of leaving k,
//!
//! ```text
//! J(s,s') += J(s,k)/d · J(k,s'),     e(s) += J(s,k)/d · e(k)          s, s' ≠ k
//! ```
//!
//! All terms are positive, so nothing cancels: each entry keeps its relative accuracy, however
//! improbable leaving is. The substitutions do not subtract either. If b ≥ 0, each entry of the
//! solution has a relative error of a few units in the last place per state. For b of both signs
//! that is the error relative to the solution for |b|.
//!
//! # Form computed
//!
//! The next state is one with the fewest new entries at most, J(·,k) times J(k,·) (Markowitz). So
//! chains with few successors need far less than n³ operations. Once the rest is dense, it is
//! eliminated in a full table.
//!
//! # References
//!
//! W. Grassmann, M. Taksar, D. Heyman, *Regenerative analysis and steady state distributions for
//! Markov chains*, Oper. Res. 33, 1985; A. Alfa, J. Xue, Q. Ye, *Accurate computation of the
//! smallest eigenvalue of a diagonally dominant M-matrix*, Math. Comp. 71, 2002, for systems;
//! H. Markowitz, *The elimination form of the inverse*, Manag. Sci. 3, 1957, for the order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::dynamics::compressed::column;
use crate::kernels::add_scaled;

/// Entries are in this many parts of the rest before it is eliminated in a full table.
const DENSE_SHARE: usize = 4;

/// An entry of a row or a column: the other state, and a number > 0.
type Entry = (u32, f64);

/// The reason for which there is no elimination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It would take too many operations.
    TooLong,
    /// A probability underflows.
    Underflow,
}

/// An eliminated state.
#[derive(Debug)]
struct Step {
    state: usize,
    leaving: f64,       // d
    exit: f64,          // e(k)
    row: Vec<Entry>,    // J(k,s') of later states
    column: Vec<Entry>, // J(s,k)/d of later states
}

/// A chain whose states are eliminated.
#[derive(Debug)]
pub(super) struct Elimination {
    steps: Vec<Step>,
    operations: usize,
}

impl Elimination {
    /// Eliminates the states of a chain from its rows and from e, `[s]`.
    ///
    /// Rows are sorted, and hold the steps to other states.
    pub(super) fn new(rows: Vec<Vec<Entry>>, exits: Vec<f64>, most_work: usize) -> Result<Self, Refused> {
        let mut rest = Rest::new(rows, exits, most_work);
        while let Some(state) = rest.next() {
            if rest.is_dense() {
                rest.eliminate_in_table()?;
                break;
            }
            rest.eliminate(state)?;
        }
        Ok(Self { steps: rest.steps, operations: most_work - rest.work_left })
    }

    /// The number of operations that it took.
    pub(super) fn operations(&self) -> usize {
        self.operations
    }

    /// x ← (I − J)⁻¹ x.
    pub(super) fn solve(&self, x: &mut [f64]) {
        for step in &self.steps {
            let own = x[step.state];
            step.column.iter().for_each(|&(other, visits)| x[other as usize] += visits * own);
        }
        for step in self.steps.iter().rev() {
            let later: f64 = step.row.iter().map(|&(other, p)| p * x[other as usize]).sum();
            x[step.state] = (x[step.state] + later) / step.leaving;
        }
    }

    /// (I − J)⁻¹ x in the last state, where that number may be far larger than all differences from
    /// it. They are written to x, and keep digits that the solution itself cannot hold.
    pub(super) fn solve_relative(&self, x: &mut [f64]) -> f64 {
        for step in &self.steps {
            let own = x[step.state];
            step.column.iter().for_each(|&(other, visits)| x[other as usize] += visits * own);
        }
        let mut reference = None;
        for step in self.steps.iter().rev() {
            let reference = *reference.get_or_insert(x[step.state] / step.leaving);
            // d (x(k) − reference) = b(k) + Σ J (x(s') − reference) − e(k) reference
            let later: f64 = step.row.iter().map(|&(other, p)| p * x[other as usize]).sum();
            x[step.state] = (x[step.state] - step.exit * reference + later) / step.leaving;
        }
        if let Some(last) = self.steps.last() {
            x[last.state] = 0.0;
        }
        reference.unwrap_or(0.0)
    }

    /// x ← (I − Jᵀ)⁻¹ x.
    pub(super) fn solve_transposed(&self, x: &mut [f64]) {
        for step in &self.steps {
            x[step.state] /= step.leaving;
            let own = x[step.state];
            step.row.iter().for_each(|&(other, p)| x[other as usize] += p * own);
        }
        for step in self.steps.iter().rev() {
            let later: f64 = step.column.iter().map(|&(other, visits)| visits * x[other as usize]).sum();
            x[step.state] += later;
        }
    }
}

/// The part that is not eliminated yet.
struct Rest {
    rows: Vec<Vec<Entry>>,   // sorted; empty for eliminated states
    exits: Vec<f64>,         // e
    sources: Vec<Vec<u32>>,  // s with J(s,k) > 0, and eliminated states
    num_sources: Vec<usize>, // that are not eliminated
    is_eliminated: Vec<bool>,
    queue: BinaryHeap<Reverse<(usize, u32)>>, // by price; an outdated price stays until it is met
    num_left: usize,
    num_entries: usize,
    work_left: usize,
    steps: Vec<Step>,
}

impl Rest {
    fn new(rows: Vec<Vec<Entry>>, exits: Vec<f64>, most_work: usize) -> Self {
        let num_left = rows.len();
        let mut sources = vec![Vec::new(); num_left];
        for (state, row) in (0_u32..).zip(&rows) {
            row.iter().for_each(|&(next, _)| sources[next as usize].push(state));
        }
        let mut rest = Self {
            num_sources: sources.iter().map(Vec::len).collect(),
            num_entries: rows.iter().map(Vec::len).sum(),
            rows,
            exits,
            sources,
            is_eliminated: vec![false; num_left],
            queue: BinaryHeap::new(),
            num_left,
            work_left: most_work,
            steps: Vec::with_capacity(num_left),
        };
        (0_u32..).zip(0..num_left).for_each(|(state, _)| rest.enqueue(state));
        rest
    }

    /// The most entries that the elimination of a state adds.
    fn price(&self, state: usize) -> usize {
        self.rows[state].len() * self.num_sources[state]
    }

    fn enqueue(&mut self, state: u32) {
        self.queue.push(Reverse((self.price(state as usize), state)));
    }

    /// The state of the least price.
    fn next(&mut self) -> Option<usize> {
        while let Some(Reverse((price, state))) = self.queue.pop() {
            let state = state as usize;
            if !self.is_eliminated[state] && price == self.price(state) {
                return Some(state);
            }
        }
        None
    }

    fn is_dense(&self) -> bool {
        self.num_entries * DENSE_SHARE >= self.num_left * self.num_left
    }

    fn spend(&mut self, work: usize) -> Result<(), Refused> {
        self.work_left = self.work_left.checked_sub(work).ok_or(Refused::TooLong)?;
        Ok(())
    }

    fn eliminate(&mut self, state: usize) -> Result<(), Refused> {
        let row = std::mem::take(&mut self.rows[state]);
        let exit = self.exits[state];
        let leaving = row.iter().fold(exit, |sum, &(_, p)| sum + p);
        if !(leaving > 0.0) {
            return Err(Refused::Underflow);
        }
        self.is_eliminated[state] = true;
        self.num_left -= 1;
        self.num_entries -= row.len();
        row.iter().for_each(|&(next, _)| self.num_sources[next as usize] -= 1);
        let mut sources = Vec::with_capacity(self.num_sources[state]);
        for source in std::mem::take(&mut self.sources[state]) {
            let other = source as usize;
            if self.is_eliminated[other] {
                continue;
            }
            self.spend(row.len() + self.rows[other].len())?;
            let old = std::mem::take(&mut self.rows[other]);
            let (new, visits) = self.detour(source, &old, &row, leaving, column(state))?;
            self.exits[other] = sum(self.exits[other], visits * exit, exit > 0.0)?;
            self.num_entries = self.num_entries + new.len() - old.len();
            self.rows[other] = new;
            sources.push((source, visits));
        }
        // Prices are those of the rows and columns that have changed.
        sources.iter().chain(&row).for_each(|&(other, _)| self.enqueue(other));
        self.steps.push(Step { state, leaving, exit, row, column: sources });
        Ok(())
    }

    /// The row of a source without the step to `gone`, and with the detours over it; and the visits
    /// to it.
    fn detour(
        &mut self,
        source: u32,
        old: &[Entry],
        row: &[Entry],
        leaving: f64,
        gone: u32,
    ) -> Result<(Vec<Entry>, f64), Refused> {
        let place = old.partition_point(|&(next, _)| next < gone);
        let visits = old[place].1 / leaving;
        let mut new = Vec::with_capacity(old.len() + row.len());
        let mut old = old.iter().copied().filter(|&(next, _)| next != gone).peekable();
        for &(next, p) in row.iter().filter(|&&(next, _)| next != source) {
            while let Some(entry) = old.next_if(|entry| entry.0 < next) {
                new.push(entry);
            }
            let before = if let Some((_, before)) = old.next_if(|entry| entry.0 == next) {
                before
            } else {
                self.sources[next as usize].push(source);
                self.num_sources[next as usize] += 1;
                0.0
            };
            new.push((next, sum(before, visits * p, true)?));
        }
        new.extend(old);
        Ok((new, visits))
    }

    /// Eliminates all states that are left, in a full table.
    fn eliminate_in_table(&mut self) -> Result<(), Refused> {
        let left: Vec<usize> = (0..self.rows.len()).filter(|&state| !self.is_eliminated[state]).collect();
        let n = left.len();
        self.spend(n.saturating_mul(n).saturating_mul(n) / 3)?;
        let width = n + 1; // e comes last
        let mut table = vec![0.0; n * width];
        for (cells, &state) in table.chunks_exact_mut(width).zip(&left) {
            for &(next, p) in &std::mem::take(&mut self.rows[state]) {
                cells[left.partition_point(|&other| other < next as usize)] = p;
            }
            cells[n] = self.exits[state];
        }
        // The diagonal is written, but never read. A 1 there does not underflow.
        (0..n).for_each(|place| table[place * width + place] = 1.0);
        let entries = |cells: &mut dyn Iterator<Item = (usize, f64)>| {
            cells.filter(|cell| cell.1 > 0.0).map(|(place, p)| (column(left[place]), p)).collect()
        };
        for first in 0..n {
            let (above, below) = table.split_at_mut((first + 1) * width);
            let row = &above[first * width + first + 1..];
            let leaving: f64 = row.iter().sum();
            if !(leaving > 0.0) {
                return Err(Refused::Underflow);
            }
            let positive = row.iter().filter(|&&p| p > 0.0);
            let least = positive.fold(f64::INFINITY, |least, &p| least.min(p));
            for other in below.chunks_exact_mut(width) {
                other[first] /= leaving;
                let visits = other[first];
                if !(visits > 0.0) {
                    continue;
                }
                let cells = &mut other[first + 1..];
                if visits * least >= f64::MIN_POSITIVE {
                    add_scaled(cells, visits, row);
                    continue;
                }
                for (cell, &p) in cells.iter_mut().zip(row) {
                    *cell = sum(*cell, visits * p, p > 0.0)?;
                }
            }
            let row_exit = row[n - first - 1];
            let row = entries(&mut row[..n - first - 1].iter().enumerate().map(|(i, &p)| (first + 1 + i, p)));
            let mut sources =
                below.chunks_exact(width).enumerate().map(|(i, other)| (first + 1 + i, other[first]));
            let column = entries(&mut sources);
            self.steps.push(Step { state: left[first], leaving, exit: row_exit, row, column });
        }
        Ok(())
    }
}

/// The sum of a number and a product. Refuses the digits that the product loses to underflow,
/// unless the sum is so large that they do not count.
fn sum(before: f64, product: f64, is_positive: bool) -> Result<f64, Refused> {
    let sum = before + product;
    let is_lost = is_positive && product < f64::MIN_POSITIVE && sum < f64::MIN_POSITIVE;
    if is_lost { Err(Refused::Underflow) } else { Ok(sum) }
}
