//! What the kernels of backups take and return: plain data, without arithmetic.

use std::ops::Range;

/// One row of a policy to be written: probabilities and their logarithms, `[a]` each.
#[derive(Debug)]
pub(crate) struct SoftRow<'a, F> {
    pub(crate) probabilities: &'a mut [F],
    pub(crate) logs: &'a mut [F],
}

/// Policies to be written: probabilities and their logarithms, `[s, a]` each.
#[derive(Debug)]
pub struct SoftRows<'a, F> {
    pub(crate) probabilities: &'a mut [F],
    pub(crate) logs: &'a mut [F],
}

impl<F> SoftRows<'_, F> {
    /// The same rows for a shorter time.
    pub(crate) fn reborrow(&mut self) -> SoftRows<'_, F> {
        SoftRows { probabilities: self.probabilities, logs: self.logs }
    }

    /// The row of one state, which has these pairs.
    pub(crate) fn row(&mut self, pairs: Range<usize>) -> SoftRow<'_, F> {
        SoftRow { probabilities: &mut self.probabilities[pairs.clone()], logs: &mut self.logs[pairs] }
    }
}

/// What comes after the reward, given the expectation or log-expectation y.
#[derive(Debug, Clone, Copy)]
pub enum Continuation<F> {
    /// γ y + c: (V2), and (D1) where nothing leaves to †, with factor 1 and c = τ log γ.
    Linear { factor: F, constant: F },
    /// τ log(γ exp(y/τ) + (1 − γ) exp(V(†)/τ)): (D1), for a finite V(†).
    Leaving { discount: F, temperature: F, absorbed_value: F },
}

/// Tables of some states, `[s, a]` each.
#[derive(Debug, Clone, Copy)]
pub struct Pairs<'a, F> {
    pub(crate) rewards: &'a [F],
    pub(crate) prior: &'a [F],
}

/// The constants of a backup of states with `width` actions.
#[derive(Debug, Clone, Copy)]
pub struct BlockRule<F> {
    pub(crate) width: usize,
    pub(crate) temperature: F,
    pub(crate) continuation: Continuation<F>,
}

/// The tables that a backup writes: Q `[s, a]`, which hold the expectations before, V `[s]`, and π.
pub(crate) type BlockTables<'a, F> = (&'a mut [F], &'a mut [F], Option<SoftRows<'a, F>>);

/// The tables of a model, `[a, lane]` unless another shape is given, padded to a multiple of
/// 16 entries.
#[derive(Debug, Clone, Copy)]
pub struct SmallTables<'a, F> {
    pub(crate) num_states: usize,
    pub(crate) num_actions: usize,
    pub(crate) num_lanes: usize,
    /// P, as `[part, s', entry]` with parts of 16 entries.
    pub(crate) rows: &'a [F],
    pub(crate) rewards: &'a [F],
    /// ρ; 0 in lanes behind the last state.
    pub(crate) prior: &'a [F],
    /// log ρ.
    pub(crate) log_prior: &'a [F],
    /// 1 for each state that acts, and 0 in all other lanes, `[lane]`.
    pub(crate) acts: &'a [F],
    /// w = ρ exp(r/τ), for carried messages.
    pub(crate) weights: &'a [F],
    /// log w.
    pub(crate) log_weights: &'a [F],
}

/// What a backup of a small model depends on beside its tables.
#[derive(Debug, Clone, Copy)]
pub struct SmallRule<F> {
    pub(crate) is_direct: bool,
    /// Above 0.
    pub(crate) temperature: F,
    pub(crate) continuation: Continuation<F>,
}

/// What is written: V, `[s]`, and if wanted Q and π with its logarithm, `[s, a]` each. Rows of
/// terminal states are meaningless.
pub(crate) type SmallOutputs<'a, F> = (&'a mut [F], Option<&'a mut [F]>, Option<SoftRows<'a, F>>);

/// Messages of a small model that are carried from stage to stage: b = exp((V − base)/τ), lifted.
#[derive(Debug)]
pub struct CarriedMessages<'a, F> {
    /// b, `[lane]`; 0 behind the last state.
    pub(crate) messages: &'a mut [F],
    /// That of †.
    pub(crate) absorbed: F,
    /// In reward units.
    pub(crate) base: F,
}

/// What a backup of carried messages depends on beside its tables.
#[derive(Debug, Clone, Copy)]
pub struct MessageRule<F> {
    /// Above 0.
    pub(crate) temperature: F,
    /// Above 0.
    pub(crate) discount: F,
    /// Whether the trajectory may leave for †.
    pub(crate) leaves: bool,
}
