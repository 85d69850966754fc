//! The dynamics P(s'∣s,a) of a model, behind one trait.
//!
//! Every algorithm of the crate touches P only through the linear maps of [`Dynamics`], so it is written once
//! and runs over dense tables, sparse rows, deterministic successors and a user's own model alike.
//!
//! | kind | memory | for |
//! |---|---|---|
//! | [`DenseDynamics`] | S²A numbers | up to a few thousand states, any structure |
//! | [`SparseDynamics`] | a number and 32 bits for each possible transition | few successors a row |
//! | [`DeterministicDynamics`] | one index for each pair | one certain successor a row |
//! | your own | what you like | models that are cheaper to compute than to store |
//!
//! Where the kind is chosen at run time, `Box<dyn Dynamics<Scalar = f64>>` is a [`Dynamics`] too, and so is `Arc`.

pub(crate) mod blocks;
mod compressed;
mod convert;
mod dense;
mod deterministic;
mod folded;
mod mixing;
mod sparse;
mod sparse_parts;
#[cfg(feature = "sprs")]
mod sparse_sprs;

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

pub use convert::IntoDynamics;
pub use dense::DenseDynamics;
pub(crate) use dense::{check_probability, check_successor};
pub use deterministic::DeterministicDynamics;
pub use folded::FoldedDynamics;
pub use sparse::SparseDynamics;

use num_traits::{Float, Zero};

use crate::{LogBlock, Real};

/// The transition probabilities P(s'∣s,a) of a model, as the maps that algorithms need of them.
///
/// An implementer has to say how many states and actions there are and to visit the successors of a pair; all
/// else has a default made of that. Override the maps where the structure of a model makes them faster.
///
/// Tables come as row-major slices. `states` is the range of states whose rows are asked for, so that the caller
/// can split the work among threads; k ≥ 1 is a number of columns that are treated alike and independently.
///
/// # What an implementation promises
///
/// - Successors are below `num_states`, probabilities finite and never negative. Visiting order is fixed. An [`Mdp`](crate::Mdp)
///   checks this when it is built, for a [`Model`](crate::Model) of your own [`check_model`](crate::check_model) does.
/// - The result for one state does not depend on the range that it was asked with, nor, in
///   [`push_forward`](Self::push_forward), on the range of next states. This is what makes results identical
///   for any number of threads.
/// - Rows of pairs that are never taken (unavailable actions, prior weight 0, terminal states) may hold
///   anything that is finite and not negative.
///
/// # Example
///
/// A walk on a ring, with transitions that are computed and never stored:
///
/// ```
/// use softmdp::{Dynamics, Mdp, ndarray::Array2, soft_value_iteration};
///
/// #[derive(Debug)]
/// struct Ring(usize);
///
/// impl Dynamics for Ring {
///     type Scalar = f64;
///
///     fn num_states(&self) -> usize {
///         self.0
///     }
///
///     fn num_actions(&self) -> usize {
///         2
///     }
///
///     fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, f64)) {
///         let n = self.0;
///         let ahead = if action == 0 { (state + 1) % n } else { (state + n - 1) % n };
///         visit(ahead, 0.9); // the step succeeds
///         visit(state, 0.1); // or is lost
///     }
/// }
///
/// let mdp = Mdp::builder(Ring(1_000), Array2::zeros((1_000, 2))).build()?;
/// let solution = soft_value_iteration(&mdp, 3)?;
/// // Nothing to gain or lose: β counts the 2³ action sequences.
/// assert!((solution.state_values()[[0, 7]] - 8.0_f64.ln()).abs() < 1e-12);
/// # Ok::<(), softmdp::Error>(())
/// ```
pub trait Dynamics: Debug + Send + Sync {
    /// The number type of the probabilities.
    type Scalar: Real;

    /// Number S of states.
    fn num_states(&self) -> usize;

    /// Number A of actions.
    fn num_actions(&self) -> usize;

    /// Calls `visit(next_state, probability)` for each successor of a pair, in a fixed order.
    ///
    /// Successors of probability 0 may be left out. One that is visited twice counts with the sum.
    ///
    /// # Panics
    ///
    /// May panic if the state or the action is out of range; the dynamics of this crate do.
    fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, Self::Scalar));

    /// Calls `visit(next_state, τ log P)` for each successor that is possible, but whose probability is too small for a
    /// plain number. [`for_each_successor`](Self::for_each_successor) leaves those out. None by default.
    ///
    /// Direct inference needs them: what is next to impossible may be the only way to go on. They are what folding rewards on
    /// the successor leads to ([`FoldedDynamics`]), which is why they are given in reward units. They add nothing to an
    /// [`expectation`](Self::expectation).
    fn for_each_faint_successor(
        &self,
        state: usize,
        action: usize,
        visit: &mut dyn FnMut(usize, Self::Scalar),
    ) {
        let _ = (state, action, visit);
    }

    /// Whether any pair has successors that only
    /// [`for_each_faint_successor`](Self::for_each_faint_successor) visits.
    fn has_faint_successors(&self) -> bool {
        false
    }

    /// Computes y(s,a) = Σ_s' P(s'∣s,a) v(s'), the expectation of (V2).
    ///
    /// A successor of probability 0 never counts, also where v is −∞; one of positive probability and value −∞
    /// makes the sum −∞.
    ///
    /// # Shapes
    ///
    /// `v` `[s', k]` over all states; `y` `[s, a, k]` over `states`, overwritten.
    fn expectation(&self, states: Range<usize>, k: usize, v: &[Self::Scalar], y: &mut [Self::Scalar]) {
        for_each_row(states, self.num_actions(), y, k, |state, action, y| {
            y.fill(Self::Scalar::zero());
            self.for_each_successor(state, action, &mut |next_state, p| {
                if p > Self::Scalar::zero() {
                    for (y, &v) in y.iter_mut().zip(&v[next_state * k..]) {
                        *y += p * v;
                    }
                }
            });
        });
    }

    /// Computes y(s,a) = τ log Σ_s' P(s'∣s,a) exp(v(s')/τ), the log-expectation of (D1), exactly for any spread
    /// of v.
    ///
    /// A successor of value −∞ drops out of the sum; at τ = 0 the sum is the largest v of positive probability.
    ///
    /// # Shapes
    ///
    /// `v` `[s', k]` over all states; `y` `[s, a, k]` over `states`, overwritten.
    fn log_expectation(&self, states: Range<usize>, v: &LogBlock<Self::Scalar>, y: &mut [Self::Scalar]) {
        let k = v.num_columns();
        for_each_row(states, self.num_actions(), y, k, |state, action, y| {
            y.fill(Self::Scalar::zero());
            self.for_each_successor(state, action, &mut |next_state, p| {
                for (y, &e) in y.iter_mut().zip(&v.exponentials()[next_state * k..]) {
                    *y += p * e;
                }
            });
            resolve_row(self, v, (state, action), y);
        });
    }

    /// Adds w(s') += Σ_{s,a} P(s'∣s,a) x(s,a), the adjoint of [`expectation`](Self::expectation), as in (D5) and
    /// (V5).
    ///
    /// The sum runs over `states`, and only the successors in `next_states` are wanted: threads split the
    /// latter, so that no sum changes its order.
    ///
    /// # Shapes
    ///
    /// `x` `[s, a, k]` over `states`; `w` `[s', k]` over `next_states`, added to.
    fn push_forward(
        &self,
        states: Range<usize>,
        next_states: Range<usize>,
        k: usize,
        x: &[Self::Scalar],
        w: &mut [Self::Scalar],
    ) {
        let num_actions = self.num_actions();
        let rows = states.flat_map(|state| (0..num_actions).map(move |action| (state, action)));
        for ((state, action), x) in rows.zip(x.chunks_exact(k)) {
            if x.iter().all(|&x| x == Self::Scalar::zero()) {
                continue;
            }
            self.for_each_successor(state, action, &mut |next_state, p| {
                if next_states.contains(&next_state) {
                    let first = (next_state - next_states.start) * k;
                    for (w, &x) in w[first..].iter_mut().zip(x) {
                        *w += p * x;
                    }
                }
            });
        }
    }

    /// Makes the dynamics Σ_a w(s,a) P(s'∣s,a), which have one action: M of (D11), or those of a policy.
    ///
    /// `None`, the default, if these dynamics have no way to do so. `None` too where a term w P > 0 is below the least normal
    /// number, since that would lose digits, or what is possible at all; so it is where successors are
    /// [faint](Self::has_faint_successors). The result holds its rows itself, and takes the place of these dynamics where a
    /// pass needs them no other way: with A actions it reads up to A times less.
    ///
    /// # Shapes
    ///
    /// `weights` `[s, a]`, finite and not negative; pairs of weight 0 are left out.
    ///
    /// # Panics
    ///
    /// If there are not S · A weights.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{DenseDynamics, Dynamics, ndarray::array};
    ///
    /// let dynamics = DenseDynamics::new(array![[[1.0, 0.0], [0.2, 0.8]], [[0.0, 1.0], [1.0, 0.0]]])?;
    /// let walk = dynamics.mix_actions(&[0.5, 0.5, 1.0, 0.0]).expect("dense rows can be mixed");
    /// let mut expected = [0.0; 2];
    /// walk.expectation(0..2, 1, &[0.0, 10.0], &mut expected);
    /// assert_eq!(expected, [4.0, 10.0]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    fn mix_actions(&self, weights: &[Self::Scalar]) -> Option<Box<dyn Dynamics<Scalar = Self::Scalar>>> {
        let _ = weights;
        None
    }

    /// Number of stored transitions in the rows of `states`: what threads are given equal shares of.
    ///
    /// It is asked for often and should cost O(1). The default counts one transition a pair.
    fn work(&self, states: Range<usize>) -> usize {
        states.len() * self.num_actions()
    }
}

/// Calls `row(state, action, y)` with the k entries of `y` that belong to each pair, in order.
fn for_each_row<F>(
    states: Range<usize>,
    num_actions: usize,
    y: &mut [F],
    k: usize,
    mut row: impl FnMut(usize, usize, &mut [F]),
) {
    let mut rows = y.chunks_exact_mut(k);
    for state in states {
        for (action, y) in (0..num_actions).zip(&mut rows) {
            row(state, action, y);
        }
    }
}

/// Turns the sums Σ P · exponentials of a row, one for each column, into log-expectations.
fn resolve_row<D: Dynamics + ?Sized>(
    dynamics: &D,
    v: &LogBlock<D::Scalar>,
    (state, action): (usize, usize),
    y: &mut [D::Scalar],
) {
    let is_faint = dynamics.has_faint_successors();
    for (column, y) in y.iter_mut().enumerate() {
        let successors = |visit: &mut dyn FnMut(usize, D::Scalar)| {
            dynamics.for_each_successor(state, action, visit);
        };
        *y = if is_faint {
            v.resolve_with_faint(column, *y, successors, |visit| {
                dynamics.for_each_faint_successor(state, action, visit);
            })
        } else {
            v.resolve(column, *y, successors)
        };
    }
}

/// Calls `visit(next_state, log P)` for every successor that is possible, however faint.
pub(crate) fn for_each_log_successor<D: Dynamics + ?Sized>(
    dynamics: &D,
    temperature: D::Scalar,
    (state, action): (usize, usize),
    visit: &mut dyn FnMut(usize, D::Scalar),
) {
    dynamics.for_each_successor(state, action, &mut |next_state, p| {
        if p > D::Scalar::zero() {
            visit(next_state, p.ln());
        }
    });
    dynamics.for_each_faint_successor(state, action, &mut |next_state, offset| {
        visit(next_state, offset / temperature);
    });
}

/// Forwards every method to the value behind a smart pointer.
macro_rules! forward_dynamics {
    ($pointer:ident) => {
        impl<D: Dynamics + ?Sized> Dynamics for $pointer<D> {
            type Scalar = D::Scalar;

            fn num_states(&self) -> usize {
                (**self).num_states()
            }

            fn num_actions(&self) -> usize {
                (**self).num_actions()
            }

            fn for_each_successor(
                &self,
                state: usize,
                action: usize,
                visit: &mut dyn FnMut(usize, Self::Scalar),
            ) {
                (**self).for_each_successor(state, action, visit);
            }

            fn for_each_faint_successor(
                &self,
                state: usize,
                action: usize,
                visit: &mut dyn FnMut(usize, Self::Scalar),
            ) {
                (**self).for_each_faint_successor(state, action, visit);
            }

            fn has_faint_successors(&self) -> bool {
                (**self).has_faint_successors()
            }

            fn expectation(
                &self,
                states: Range<usize>,
                k: usize,
                v: &[Self::Scalar],
                y: &mut [Self::Scalar],
            ) {
                (**self).expectation(states, k, v, y);
            }

            fn log_expectation(
                &self,
                states: Range<usize>,
                v: &LogBlock<Self::Scalar>,
                y: &mut [Self::Scalar],
            ) {
                (**self).log_expectation(states, v, y);
            }

            fn push_forward(
                &self,
                states: Range<usize>,
                next_states: Range<usize>,
                k: usize,
                x: &[Self::Scalar],
                w: &mut [Self::Scalar],
            ) {
                (**self).push_forward(states, next_states, k, x, w);
            }

            fn mix_actions(
                &self,
                weights: &[Self::Scalar],
            ) -> Option<Box<dyn Dynamics<Scalar = Self::Scalar>>> {
                (**self).mix_actions(weights)
            }

            fn work(&self, states: Range<usize>) -> usize {
                (**self).work(states)
            }
        }
    };
}

forward_dynamics!(Box);
forward_dynamics!(Arc);
