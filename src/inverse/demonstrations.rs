//! What was seen: trajectories with their weights, or counts of choices.

use ndarray::{Array1, Array2};

use crate::{Real, Trajectory};

/// Demonstrations of an agent: trajectories with their weights, or counts of its choices.
#[derive(Debug, Clone, PartialEq)]
pub struct Demonstrations<F = f64> {
    pub(super) seen: Seen<F>,
}

/// The kinds of demonstrations.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Seen<F> {
    Trajectories(Vec<Demonstration<F>>),
    /// n(s,a), `[s, a]`.
    Counts(Array2<F>),
}

/// A trajectory, and how it counts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Demonstration<F> {
    pub(super) trajectory: Trajectory,
    pub(super) weight: F,
    /// The stage of its first state.
    pub(super) first_stage: usize,
    /// Whether it was cut off: it went on after its last state, unseen.
    pub(super) is_cut_off: bool,
}

impl<F: Real> Demonstrations<F> {
    /// Takes trajectories of any lengths, each whole and of weight 1, that start at stage 0.
    pub fn new(trajectories: impl IntoIterator<Item = Trajectory>) -> Self {
        let demonstration =
            |trajectory| Demonstration { trajectory, weight: F::one(), first_stage: 0, is_cut_off: false };
        Self { seen: Seen::Trajectories(trajectories.into_iter().map(demonstration).collect()) }
    }

    /// Σ of the weights of all demonstrations, or of all counts.
    #[must_use]
    pub fn total_weight(&self) -> F {
        match &self.seen {
            Seen::Trajectories(all) => all.iter().fold(F::zero(), |sum, one| sum + one.weight),
            Seen::Counts(counts) => Array1::from_iter(counts.iter().copied()).sum(),
        }
    }
}
