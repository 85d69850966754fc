//! Policies π_t(a∣s), and their evaluation under the true dynamics.
//!
//! A [`Policy`] comes from a [`Solution`](crate::Solution) or from your own table. Occupancy, soft
//! evaluation, ELBO and expected return always use the true dynamics, for a policy of either
//! inference. They describe the execution of the policy.

mod evaluation;
mod measures;
mod occupancy;
mod stationary;

pub use stationary::{StationaryPolicy, StationaryPolicyParts};

use std::ops::Range;

use ndarray::{ArcArray3, Array3, ArrayView2, ArrayView3, Axis};

use crate::mdp::{check_options, is_normalized};
use crate::parallel::{RowsMut, fold_pieces};
use crate::{Error, Model, Real, Table, arrays};

/// A policy over a finite horizon: π_t(a∣s), `[t, s, a]`, with its logarithms.
///
/// Every row is a distribution over actions, or all zeros in a dead end (a state without available
/// actions). Solvers fill the rows of terminal states, and of states where success is impossible,
/// with the normalised prior. The logarithms of a solver's policy stay accurate where probabilities
/// underflow. A clone shares the tables.
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, Policy, ndarray::array, soft_value_iteration};
///
/// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 3.0_f64.ln()]])?;
/// let best = soft_value_iteration(&mdp, 1)?.policy().clone();
/// let even = Policy::new(array![[[0.5, 0.5]]])?;
///
/// // The solver's policy attains the log-evidence. Other policies have a lower ELBO (V7).
/// let initial = array![1.0];
/// assert!((best.elbo(&mdp, &initial)? - 4.0_f64.ln()).abs() < 1e-15);
/// let gap = best.elbo(&mdp, &initial)? - even.elbo(&mdp, &initial)?;
/// assert!((gap - even.kl_divergence(&best)?[[0, 0]]).abs() < 1e-15);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(try_from = "PolicyParts<F>", bound(deserialize = "F: Real + serde::Deserialize<'de>"))
)]
pub struct Policy<F = f64> {
    probabilities: ArcArray3<F>,
    log_probabilities: ArcArray3<F>,
}

/// The tables of a [`Policy`], `[t, s, a]`.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename = "Policy", deny_unknown_fields))]
pub struct PolicyParts<F = f64> {
    /// π_t(a∣s). Each row sums to 1, or is all zeros (a dead end).
    pub probabilities: Array3<F>,
    /// log π_t(a∣s): the logarithms of the probabilities. They stay finite where probabilities
    /// underflow.
    pub log_probabilities: Array3<F>,
}

/// Checks that each table is that of a policy and that the tables agree.
impl<F: Real> TryFrom<PolicyParts<F>> for Policy<F> {
    type Error = Error;

    fn try_from(parts: PolicyParts<F>) -> Result<Self, Error> {
        let PolicyParts { probabilities, log_probabilities } = parts;
        check_rows(&probabilities)?;
        let (table, shape) = (Table::LogPolicy, probabilities.shape());
        arrays::check_shape(table, log_probabilities.shape(), shape)?;
        let tolerance = F::from_f64(F::ROW_SUM_TOLERANCE);
        for (at, (&p, &log)) in probabilities.iter().zip(&log_probabilities).enumerate() {
            let is_close = (log.exp() - p).abs() <= tolerance * p + F::min_positive_value();
            // A probability however small has a logarithm.
            if !is_close || (log == F::neg_infinity() && p > F::zero()) {
                let (index, value) = (arrays::index_of(shape, at), log.into_f64());
                return Err(Error::InvalidEntry { table, index, value });
            }
        }
        Ok(Self::from_solver(probabilities, log_probabilities))
    }
}

impl<F: Real> Policy<F> {
    /// Takes a table of probabilities, `[t, s, a]`. Each row sums to 1 within
    /// [`Real::ROW_SUM_TOLERANCE`], or is all zeros. Rows are never rescaled.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidEntry`] for an entry that is negative, NaN or infinite;
    /// [`Error::UnnormalizedRow`]; [`Error::TooLarge`] if the logarithms cannot be allocated.
    pub fn new(probabilities: Array3<F>) -> Result<Self, Error> {
        check_rows(&probabilities)?;
        let probabilities = arrays::standard_layout(probabilities);
        let mut logs = arrays::filled(Table::Policy, probabilities.dim(), F::zero())?;
        logs.zip_mut_with(&probabilities, |log, &p| *log = p.ln());
        Ok(Self { probabilities: probabilities.into_shared(), log_probabilities: logs.into_shared() })
    }

    /// Makes a policy from a solver's tables, `[t, s, a]` each.
    pub(crate) fn from_solver(probabilities: Array3<F>, log_probabilities: Array3<F>) -> Self {
        let shared = |table| arrays::standard_layout(table).into_shared();
        Self { probabilities: shared(probabilities), log_probabilities: shared(log_probabilities) }
    }

    /// Allocates a policy of this shape, filled with zeros.
    pub(crate) fn with_shape(shape: (usize, usize, usize)) -> Result<Self, Error> {
        let table = || Ok(arrays::filled(Table::Policy, shape, F::zero())?.into_shared());
        Ok(Self { probabilities: table()?, log_probabilities: table()? })
    }

    /// Probabilities and their logarithms, mutable.
    pub(crate) fn tables_mut(&mut self) -> (&mut [F], &mut [F]) {
        let logs = arrays::slice_mut(&mut self.log_probabilities);
        (arrays::slice_mut(&mut self.probabilities), logs)
    }

    /// π_t(a∣s), `[t, s, a]`. Each row sums to 1, or is all zeros.
    #[must_use]
    pub fn probabilities(&self) -> ArrayView3<'_, F> {
        self.probabilities.view()
    }

    /// log π_t(a∣s), `[t, s, a]`, in nats; −∞ for actions of probability 0, and for logarithms that
    /// overflow.
    #[must_use]
    pub fn log_probabilities(&self) -> ArrayView3<'_, F> {
        self.log_probabilities.view()
    }

    /// π_t(a∣s) of one stage, `[s, a]`.
    ///
    /// # Errors
    ///
    /// [`Error::StageOutOfRange`] if `stage` is not below the horizon.
    pub fn at(&self, stage: usize) -> Result<ArrayView2<'_, F>, Error> {
        if stage >= self.horizon() {
            return Err(Error::StageOutOfRange { stage, horizon: self.horizon() });
        }
        Ok(self.probabilities.index_axis(Axis(0), stage))
    }

    /// Number T of decision stages.
    #[must_use]
    pub fn horizon(&self) -> usize {
        self.probabilities.dim().0
    }

    /// Number S of states.
    #[must_use]
    pub fn num_states(&self) -> usize {
        self.probabilities.dim().1
    }

    /// Number A of actions.
    #[must_use]
    pub fn num_actions(&self) -> usize {
        self.probabilities.dim().2
    }

    /// One stage of both tables, `[s, a]` each.
    fn stage(&self, t: usize) -> (&[F], &[F]) {
        let pairs = self.num_states() * self.num_actions();
        let stage = t * pairs..(t + 1) * pairs;
        (&arrays::slice(&self.probabilities)[stage.clone()], &arrays::slice(&self.log_probabilities)[stage])
    }

    /// Writes m(s) π_t(a∣s) for masses m of states, `[s, a]`; 0 in the terminal states.
    pub(crate) fn pair_masses(&self, t: usize, masses: &[F], terminal: &[usize], pairs: &mut [F]) {
        let (width, policy) = (self.num_actions(), self.stage(t).0);
        let multiply = |states: Range<usize>, pairs: RowsMut<'_, F>| {
            let policy = policy[states.start * width..states.end * width].chunks_exact(width);
            let rows = pairs.data.chunks_exact_mut(width).zip(policy).zip(&masses[states]);
            for ((pairs, policy), &mass) in rows {
                pairs.iter_mut().zip(policy).for_each(|(pair, &p)| *pair = mass * p);
            }
        };
        fold_pieces(masses.len(), RowsMut { data: &mut *pairs, width }, &multiply, &|(), ()| ());
        terminal.iter().for_each(|state| pairs[state * width..][..width].fill(F::zero()));
    }

    /// Checks that this policy fits a model.
    pub(crate) fn check_model<M: Model<Scalar = F> + ?Sized>(&self, mdp: &M) -> Result<(), Error> {
        check_options(mdp, self.horizon())?;
        let expected = [self.horizon(), mdp.num_states(), mdp.num_actions()];
        arrays::check_shape(Table::Policy, self.probabilities.shape(), &expected)
    }
}

/// Checks that each row of probabilities, `[t, s, a]`, is a distribution or all zeros.
fn check_rows<F: Real>(probabilities: &Array3<F>) -> Result<(), Error> {
    let (horizon, num_states, num_actions) = probabilities.dim();
    for stage in 0..horizon {
        for state in 0..num_states {
            let mut sum = 0.0;
            for action in 0..num_actions {
                let p = probabilities[[stage, state, action]];
                if !(p >= F::zero() && p < F::infinity()) {
                    let (index, value) = (vec![stage, state, action], p.into_f64());
                    return Err(Error::InvalidEntry { table: Table::Policy, index, value });
                }
                sum += p.into_f64();
            }
            if sum > 0.0 && !is_normalized::<F>(sum) {
                let tolerance = F::ROW_SUM_TOLERANCE;
                let (table, index) = (Table::Policy, vec![stage, state]);
                return Err(Error::UnnormalizedRow { table, index, sum, tolerance });
            }
        }
    }
    Ok(())
}
