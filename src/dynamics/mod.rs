//! Transition probabilities P(s'∣s,a), behind the trait [`Dynamics`].
//!
//! Every algorithm of the crate uses P only through the maps of [`Dynamics`]. So each algorithm
//! accepts dense tables, sparse rows, deterministic successors and your own type.
//!
//! | type | memory | suited to |
//! |---|---|---|
//! | [`DenseDynamics`] | S²A numbers | a few thousand states, any structure |
//! | [`SparseDynamics`] | a number and 32 bits per possible transition | few successors per pair |
//! | [`DeterministicDynamics`] | one index per pair | one certain successor per pair |
//! | your own type | any | rows that are cheaper to compute than to store |
//!
//! To choose the type at run time, use `Box<dyn Dynamics<Scalar = f64>>` or an `Arc`: both
//! implement [`Dynamics`].
//!
//! # Implementing your own
//!
//! Only `num_states`, `num_actions` and `for_each_successor` are required. An override of
//! [`Dynamics::expectation`] makes passes about twice as fast; the guide shows
//! [one](crate::guide::large). An override of [`Dynamics::log_expectation`] receives a
//! [`LogBlock`], which holds the values and their exponentials. [`FoldedDynamics`] is the type of
//! the dynamics of a [`SuccessorRewardMdp`](crate::SuccessorRewardMdp). The crate root re-exports
//! the other types of this module.

mod agreement;
pub(crate) mod blocks;
mod by_successor;
mod cast;
pub(crate) mod compressed;
mod convert;
mod dense;
mod deterministic;
mod folded;
mod forward;
mod mixing;
mod pairs;
mod shared;
mod sparse;
mod sparse_parts;
#[cfg(feature = "sprs")]
mod sparse_sprs;
pub(crate) mod successors;
mod triplets;

use std::fmt::Debug;
use std::ops::Range;

pub(crate) use agreement::check_maps;
pub(crate) use by_successor::BySuccessor;
pub use cast::CastDynamics;
pub use convert::IntoDynamics;
pub use dense::DenseDynamics;
pub(crate) use dense::{check_probability, check_successor};
pub use deterministic::DeterministicDynamics;
pub use folded::FoldedDynamics;
pub use shared::SharedDynamics;
pub use sparse::SparseDynamics;

use num_traits::Zero;

pub use crate::kernels::LogBlock;
use crate::team::Share;
use crate::{Error, Real};

/// Transition probabilities P(s'∣s,a), as the maps that algorithms use.
///
/// An implementation returns the numbers of states and actions, and visits the successors of a
/// pair. All other methods have defaults. Override a map if the structure of your model makes it
/// faster.
///
/// Tables are row-major slices. `states` is the range of states whose rows the caller needs:
/// callers split the states among threads. k ≥ 1 is the number of columns. The map applies to each
/// column separately.
///
/// # Requirements
///
/// - Successors are below [`num_places`](Self::num_places), which is the number of states unless a
///   [team](crate::team) shares them. Probabilities are finite and not negative. The order of
///   visits is fixed. Building an [`Mdp`](crate::Mdp) checks successors and probabilities; for your
///   own [`Model`](crate::Model), call [`check_model`](crate::check_model).
/// - An overridden map gives the sums over the successors that `for_each_successor` visits, for all
///   pairs in use. [`check_model`](crate::check_model) compares them: call it in your tests.
/// - The result for a state does not depend on the range `states`, nor, in
///   [`push_forward`](Self::push_forward), on the range of next states. So results are the same for
///   any number of threads.
/// - Rows of unused pairs (unavailable actions, prior weight 0, terminal states) need not sum to 1.
///   Their entries are also finite and not negative.
///
/// # Example
///
/// A walk on a ring whose transitions are computed, not stored:
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
///     fn for_each_successor(
///         &self,
///         state: usize,
///         action: usize,
///         visit: &mut dyn FnMut(usize, f64),
///     ) {
///         let n = self.0;
///         let ahead = if action == 0 { (state + 1) % n } else { (state + n - 1) % n };
///         visit(ahead, 0.9); // the step succeeds
///         visit(state, 0.1); // or fails
///     }
/// }
///
/// let mdp = Mdp::builder(Ring(1_000), Array2::zeros((1_000, 2))).build()?;
/// let solution = soft_value_iteration(&mdp, 3)?;
/// // All rewards are 0, so β is the number of action sequences, 2³.
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

    /// The share of a process of a [team](crate::team) in the states, if several processes hold
    /// them. `None` by default.
    ///
    /// With a share, the states are those of this process, and successors are
    /// [places](crate::team::Share): below [`num_places`](Self::num_places), which is the length of
    /// vectors that are read through P.
    fn share(&self) -> Option<&Share> {
        None
    }

    /// The number that successors are below: S, or the number of places of the share.
    fn num_places(&self) -> usize {
        self.share().map_or_else(|| self.num_states(), Share::num_places)
    }

    /// Calls `visit(next_state, probability)` for each successor of a pair, in a fixed order.
    ///
    /// Successors of probability 0 may be left out. If a successor is visited several times, its
    /// probabilities add up.
    ///
    /// # Panics
    ///
    /// May panic if the state or the action is out of range. The types of this crate do.
    fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, Self::Scalar));

    /// Calls `visit(next_state, τ log P)` for each *faint* successor: one that is possible, but
    /// whose probability P underflows.
    ///
    /// [`for_each_successor`](Self::for_each_successor) leaves faint successors out. By default
    /// there are none.
    ///
    /// Direct inference needs them, because the evidence may exclude every other successor.
    /// [`FoldedDynamics`] has faint successors, because it folds rewards on the successor into P.
    /// That is why τ log P has reward units. Faint successors do not contribute to an
    /// [`expectation`](Self::expectation).
    fn for_each_faint_successor(
        &self,
        state: usize,
        action: usize,
        visit: &mut dyn FnMut(usize, Self::Scalar),
    ) {
        let _ = (state, action, visit);
    }

    /// Whether [`for_each_faint_successor`](Self::for_each_faint_successor) visits a successor of
    /// any pair.
    fn has_faint_successors(&self) -> bool {
        false
    }

    /// Computes y(s,a) = Σ_s' P(s'∣s,a) v(s'), the expectation of (V2).
    ///
    /// A successor of probability 0 does not count, even if v is −∞. A successor of positive
    /// probability and value −∞ makes the sum −∞.
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

    /// Computes y(s,a) = τ log Σ_s' P(s'∣s,a) exp(v(s')/τ), the log-expectation of (D1), accurately
    /// for any spread of v.
    ///
    /// A successor of value −∞ does not count. At τ = 0 the result is the largest v among
    /// successors of positive probability.
    ///
    /// The default takes the [`expectation`](Self::expectation) of the exponentials of v. So an
    /// override of `expectation` makes both inferences faster.
    ///
    /// # Shapes
    ///
    /// `v` `[s', k]` over all states; `y` `[s, a, k]` over `states`, overwritten.
    fn log_expectation(&self, states: Range<usize>, v: &LogBlock<Self::Scalar>, y: &mut [Self::Scalar]) {
        self.expectation(states.clone(), v.num_columns(), v.exponentials(), y);
        if self.has_faint_successors() {
            return resolve_faint_rows(self, states, v, y);
        }
        let width = self.num_actions();
        v.resolve_visited(y, |row, visit| {
            self.for_each_successor(states.start + row / width, row % width, visit);
        });
    }

    /// Computes w(s') += Σ_{s,a} P(s'∣s,a) x(s,a), the adjoint of
    /// [`expectation`](Self::expectation), for (D5) and (V5).
    ///
    /// The sum runs over the pairs of `states`. Only successors in `next_states` receive a result:
    /// callers split the next states among threads, so that the order of every sum is fixed.
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

    /// Returns the dynamics Σ_a w(s,a) P(s'∣s,a), which have one action: M of (D11), or the Markov
    /// chain of a policy.
    ///
    /// With A actions, a pass over the result reads up to A times less memory. The result stores
    /// its own rows.
    ///
    /// Returns `None`, the default, if the type does not support mixing. Also returns `None` if a
    /// term w P > 0 is subnormal, which would lose digits, and if there are
    /// [faint successors](Self::has_faint_successors).
    ///
    /// # Shapes
    ///
    /// `weights` `[s, a]`, finite and not negative. Pairs of weight 0 are left out.
    ///
    /// # Panics
    ///
    /// If the number of weights is not S · A.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{DenseDynamics, Dynamics, ndarray::array};
    ///
    /// let rows = array![[[1.0, 0.0], [0.2, 0.8]], [[0.0, 1.0], [1.0, 0.0]]];
    /// let dynamics = DenseDynamics::new(rows)?;
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

    /// Divides the probabilities of a row by their sum, so that the row sums to 1. Returns whether
    /// the type supports this; `false`, the default, leaves the row as it is.
    ///
    /// [`MdpBuilder::normalize_rows`](crate::MdpBuilder::normalize_rows) calls it. Dense and sparse
    /// dynamics implement it. An `Arc` forwards the call only if no other `Arc` shares the
    /// dynamics.
    ///
    /// # Shapes
    ///
    /// `sum` is in (0, 2). It is a sum in `f64` for every number type.
    ///
    /// # Panics
    ///
    /// May panic if the state or the action is out of range. The types of this crate do.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{DenseDynamics, Dynamics, ndarray::array};
    ///
    /// let mut dynamics = DenseDynamics::new(array![[[0.75, 0.75]], [[0.0, 1.0]]])?;
    /// assert!(dynamics.divide_row(0, 0, 1.5));
    /// assert_eq!(dynamics.transitions(), array![[[0.5, 0.5]], [[0.0, 1.0]]]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    fn divide_row(&mut self, state: usize, action: usize, sum: f64) -> bool {
        let _ = (state, action, sum);
        false
    }

    /// Turns these dynamics into a full table. [`DenseDynamics`] are not copied.
    ///
    /// # Errors
    ///
    /// Those of [`DenseDynamics::from_dynamics`], which is the default.
    fn into_dense(self: Box<Self>) -> Result<DenseDynamics<Self::Scalar>, Error> {
        DenseDynamics::from_dynamics(&*self)
    }

    /// Turns these dynamics into sparse rows. [`SparseDynamics`] are not copied.
    ///
    /// # Errors
    ///
    /// Those of [`SparseDynamics::from_dynamics`], which is the default.
    fn into_sparse(self: Box<Self>) -> Result<SparseDynamics<Self::Scalar>, Error> {
        SparseDynamics::from_dynamics(&*self)
    }

    /// Number of stored transitions in the rows of `states`. Threads receive about equal shares of
    /// this number.
    ///
    /// Algorithms call this method often, so it should take O(1) time. The default is one
    /// transition per pair.
    fn work(&self, states: Range<usize>) -> usize {
        states.len() * self.num_actions()
    }
}

/// Refuses to copy rows whose successors are places of a process, and not states.
fn check_whole<D: Dynamics + ?Sized>(dynamics: &D) -> Result<(), Error> {
    if dynamics.share().is_none() {
        return Ok(());
    }
    let message = "rows that a team of processes shares cannot be copied or converted: make them for each process, \
                   with `SparseDynamics::shared_from_fn` or `SharedDynamics::new`";
    Err(Error::Team { message: message.into() })
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

/// Divides stored probabilities by their sum. No positive one becomes 0, because `sum` is below 2.
fn divide<F: Real>(probabilities: &mut [F], sum: f64) {
    for p in probabilities {
        *p = F::from_f64(p.into_f64() / sum);
    }
}

/// Turns the sums Σ P · exponentials of rows with faint successors, `[s, a, k]`, into
/// log-expectations.
fn resolve_faint_rows<D: Dynamics + ?Sized>(
    dynamics: &D,
    states: Range<usize>,
    v: &LogBlock<D::Scalar>,
    y: &mut [D::Scalar],
) {
    let k = v.num_columns();
    for_each_row(states, dynamics.num_actions(), y, k, |state, action, y| {
        for (column, y) in y.iter_mut().enumerate() {
            *y = v.resolve_with_faint(column, *y, |visit| {
                for_each_possible_successor(dynamics, (state, action), |next_state, p| {
                    let (weight, value) = p.term(v.values()[next_state * k + column]);
                    visit(weight, value);
                });
            });
        }
    });
}

/// The probability of a successor that is possible.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Probability<F> {
    /// P > 0.
    Plain(F),
    /// τ log P, in reward units, because P underflows.
    Faint(F),
}

impl<F: Real> Probability<F> {
    /// log P.
    fn ln(self, temperature: F) -> F {
        match self {
            Self::Plain(p) => p.ln(),
            Self::Faint(offset) => offset / temperature,
        }
    }

    /// Weight w and value v of the term w exp(v/τ) = P exp(value/τ) of a log-expectation.
    pub(crate) fn term(self, value: F) -> (F, F) {
        match self {
            Self::Plain(p) => (p, value),
            Self::Faint(offset) => (F::one(), value + offset),
        }
    }
}

/// Calls `visit(next_state, probability)` for each possible successor: first the plain ones, then
/// the faint ones.
pub(crate) fn for_each_possible_successor<D: Dynamics + ?Sized>(
    dynamics: &D,
    (state, action): (usize, usize),
    mut visit: impl FnMut(usize, Probability<D::Scalar>),
) {
    dynamics.for_each_successor(state, action, &mut |next_state, p| {
        if p > D::Scalar::zero() {
            visit(next_state, Probability::Plain(p));
        }
    });
    dynamics.for_each_faint_successor(state, action, &mut |next_state, offset| {
        visit(next_state, Probability::Faint(offset));
    });
}
