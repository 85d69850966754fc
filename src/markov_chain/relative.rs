//! Solutions of (I − P_π) x = b that are far larger than their differences between states.
//!
//! If the end of a chain is very improbable, its values are large and nearly equal, and rounding
//! hides their differences. But differences decide which action is best. So each strongly connected
//! class has a reference state, and its states hold their differences from it.

use super::elimination::{Elimination, Refused};
use super::transient::Transient;
use crate::{Dynamics, Error, Real};

/// A number for each state, as the sum of that of a reference state and a difference from it.
#[derive(Debug, Clone)]
pub(crate) struct Relative {
    references: Vec<f64>,  // [s]
    differences: Vec<f64>, // [s]
}

impl Relative {
    /// 0 in all states.
    pub(crate) fn zero(num_states: usize) -> Self {
        Self { references: vec![0.0; num_states], differences: vec![0.0; num_states] }
    }

    /// x(s), rounded.
    pub(crate) fn at(&self, state: usize) -> f64 {
        self.references[state] + self.differences[state]
    }

    /// max x(s), rounded.
    pub(crate) fn largest(&self) -> f64 {
        (0..self.references.len()).fold(0.0, |largest, state| largest.max(self.at(state)))
    }

    /// x(s') − x(s), and the size of its terms.
    pub(crate) fn change(&self, from: usize, to: usize) -> [f64; 2] {
        let across = self.references[to] - self.references[from];
        let (before, after) = (self.differences[from], self.differences[to]);
        [across + after - before, across.abs() + after.abs() + before.abs()]
    }
}

/// A class of states that is eliminated.
#[derive(Debug)]
struct Class {
    states: Vec<usize>,
    outside: Vec<Vec<(usize, f64)>>, // steps that leave the class
    elimination: Elimination,
}

/// A chain whose classes are eliminated, each after all classes that it leads to.
#[derive(Debug)]
pub(crate) struct Factors {
    classes: Vec<Class>,
}

impl<F: Real, D: Dynamics<Scalar = F> + ?Sized> Transient<'_, F, D> {
    /// Eliminates all classes, and subtracts the operations from those that are allowed. Returns
    /// `None` if a state does not reach an end, or if rows do not sum to 1 to within rounding. Also
    /// returns `None` if this takes too many operations.
    pub(crate) fn factors(&self, operations: &mut usize) -> Result<Option<Factors>, Error> {
        let mut classes = Vec::new();
        for states in self.classes()? {
            let steps = self.steps(&states);
            if !steps.sum_to_1 {
                return Ok(None);
            }
            match Elimination::new(steps.inside, steps.exits, *operations) {
                Ok(elimination) => {
                    *operations -= elimination.operations();
                    classes.push(Class { states, outside: steps.outside, elimination });
                }
                Err(Refused::TooLong) => {
                    *operations = 0;
                    return Ok(None);
                }
                Err(Refused::Underflow) => return Ok(None),
            }
        }
        Ok(Some(Factors { classes }))
    }
}

impl Factors {
    /// x = b + P_π x in states that take part, and x = b elsewhere.
    pub(crate) fn solve(&self, b: &[f64]) -> Relative {
        let mut x = Relative { references: b.to_vec(), differences: vec![0.0; b.len()] };
        for Class { states, outside, elimination } in &self.classes {
            // Relative to what the class leads to most of the time, so that nothing large cancels.
            let exits = outside.iter().flatten();
            let likeliest = exits.reduce(|most, exit| if exit.1 > most.1 { exit } else { most });
            let base = likeliest.map_or(0.0, |&(next, _)| x.references[next]);
            let rows = states.iter().zip(outside);
            let mut y: Vec<f64> = rows
                .map(|(&state, outside)| {
                    let from_base = |next: usize| x.references[next] - base + x.differences[next];
                    outside.iter().fold(b[state], |sum, &(next, p)| sum + p * from_base(next))
                })
                .collect();
            let own = elimination.solve_relative(&mut y);
            let reference = base + own;
            let lost = lost_in_sum(base, own, reference);
            for (&state, y) in states.iter().zip(y) {
                (x.references[state], x.differences[state]) = (reference, y + lost);
            }
        }
        x
    }
}

/// a + b minus their rounded sum (Knuth, *The Art of Computer Programming* 2, §4.2.2).
fn lost_in_sum(a: f64, b: f64, sum: f64) -> f64 {
    let rounded_b = sum - a;
    (a - (sum - rounded_b)) + (b - rounded_b)
}
