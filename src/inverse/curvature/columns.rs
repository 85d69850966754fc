//! The parameters of a curvature: how rewards and terminal values depend on them.

use std::fmt;
use std::sync::Arc;

use ndarray::{Array2, Array3};

use crate::{Dynamics, Inference, Real, arrays};

/// φ(s,a,s') of k features, written for a state, an action and a successor.
pub(crate) type SuccessorFeatures<F> = dyn Fn(usize, usize, usize, &mut [F]) + Send + Sync;

/// φ and φ^T of k features: the derivatives of rewards and terminal values in k parameters.
#[derive(Debug, Clone)]
pub(crate) struct Columns<F> {
    pub(crate) rewards: RewardColumns<F>,
    /// φ^T, `[s, k]`; `None` if terminal values depend on no parameter.
    pub(crate) terminal: Option<Array2<F>>,
    /// Whether the temperature is one more parameter, after the features.
    pub(crate) with_temperature: bool,
    /// Whether the discount is one more parameter, the last one.
    pub(crate) with_discount: bool,
}

/// φ, the same at every stage.
#[derive(Clone)]
pub(crate) enum RewardColumns<F> {
    /// φ(s), `[s, k]`, for every action.
    States(Array2<F>),
    /// φ(s,a), `[s, a, k]`.
    Pairs(Array3<F>),
    /// φ(s,a,s') of k features.
    Successors(usize, Arc<SuccessorFeatures<F>>),
}

impl<F: fmt::Debug> fmt::Debug for RewardColumns<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::States(table) => f.debug_tuple("States").field(table).finish(),
            Self::Pairs(table) => f.debug_tuple("Pairs").field(table).finish(),
            Self::Successors(k, _) => f.debug_tuple("Successors").field(k).finish_non_exhaustive(),
        }
    }
}

impl<F: Real> Columns<F> {
    /// Features alone, in standard layout.
    pub(crate) fn new(rewards: RewardColumns<F>, terminal: Option<Array2<F>>) -> Self {
        let rewards = match rewards {
            RewardColumns::States(table) => RewardColumns::States(arrays::standard_layout(table)),
            RewardColumns::Pairs(table) => RewardColumns::Pairs(arrays::standard_layout(table)),
            successors @ RewardColumns::Successors(..) => successors,
        };
        let terminal = terminal.map(arrays::standard_layout);
        Self { rewards, terminal, with_temperature: false, with_discount: false }
    }

    /// Number of features.
    pub(crate) fn num_features(&self) -> usize {
        match &self.rewards {
            RewardColumns::States(table) => table.ncols(),
            RewardColumns::Pairs(table) => table.dim().2,
            RewardColumns::Successors(k, _) => *k,
        }
    }

    /// Number of parameters: features, temperature and discount.
    pub(crate) fn num_parameters(&self) -> usize {
        self.num_features() + usize::from(self.with_temperature) + usize::from(self.with_discount)
    }

    /// φ of a pair s · A + a, `[k]`, unless it depends on the successor.
    pub(super) fn on_pair(&self, pair: usize, num_actions: usize) -> Option<&[F]> {
        let k = self.num_features();
        let (table, row) = match &self.rewards {
            RewardColumns::States(table) => (arrays::slice(table), pair / num_actions),
            RewardColumns::Pairs(table) => (arrays::slice(table), pair),
            RewardColumns::Successors(..) => return None,
        };
        Some(&table[row * k..(row + 1) * k])
    }
}

impl<F: Real> RewardColumns<F> {
    /// [`expected`](Self::expected) features on successors, if an inference folds them; or none.
    pub(super) fn folded<D: Dynamics<Scalar = F> + ?Sized>(
        &self,
        inference: Inference,
        dynamics: &D,
    ) -> Vec<F> {
        match (self, inference) {
            (Self::Successors(k, features), Inference::Variational) => {
                Self::expected(*k, &**features, dynamics)
            }
            _ => Vec::new(),
        }
    }

    /// φ̄(s,a) = Σ_s' P φ(s,a,s'), `[s, a, k]`.
    pub(crate) fn expected<D: Dynamics<Scalar = F> + ?Sized>(
        k: usize,
        features: &SuccessorFeatures<F>,
        dynamics: &D,
    ) -> Vec<F> {
        if k == 0 {
            return Vec::new();
        }
        let num_actions = dynamics.num_actions();
        let mut expected = vec![F::zero(); dynamics.num_states() * num_actions * k];
        let mut row = vec![F::zero(); k];
        for (pair, expected) in expected.chunks_exact_mut(k).enumerate() {
            let (state, action) = (pair / num_actions, pair % num_actions);
            dynamics.for_each_successor(state, action, &mut |next_state, p| {
                if p > F::zero() {
                    features(state, action, next_state, &mut row);
                    expected.iter_mut().zip(&row).for_each(|(expected, &phi)| *expected += p * phi);
                }
            });
        }
        expected
    }
}
