//! Transition tables.

use ndarray::{Array2, Array3};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Error as _, Serialize, Serializer};

use crate::{DenseDynamics, DeterministicDynamics, Dynamics, Real, SparseDynamics};

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "DenseDynamics", deny_unknown_fields)]
struct DenseParts<T> {
    transitions: T,
}

/// Writes `transitions`, `[s, a, s']`.
impl<F: Real + Serialize> Serialize for DenseDynamics<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        DenseParts { transitions: self.transitions() }.serialize(serializer)
    }
}

/// Reads through [`DenseDynamics::new`], with its errors.
impl<'de, F: Real + Deserialize<'de>> Deserialize<'de> for DenseDynamics<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parts = DenseParts::<Array3<F>>::deserialize(deserializer)?;
        DenseDynamics::new(parts.transitions).map_err(D::Error::custom)
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "SparseDynamics", deny_unknown_fields)]
struct SparseParts<F> {
    num_states: usize,
    num_actions: usize,
    row_offsets: Vec<usize>,
    next_states: Vec<usize>,
    probabilities: Vec<F>,
}

/// Writes the arguments of [`SparseDynamics::new`]. Copies the rows.
impl<F: Real + Serialize> Serialize for SparseDynamics<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.share().is_some() {
            return Err(S::Error::custom("dynamics that a team of processes shares cannot be written"));
        }
        let (row_offsets, next_states, probabilities) = self.to_compressed_rows();
        let (num_states, num_actions) = (self.num_states(), self.num_actions());
        SparseParts { num_states, num_actions, row_offsets, next_states, probabilities }.serialize(serializer)
    }
}

/// Reads through [`SparseDynamics::new`], with its errors.
impl<'de, F: Real + Deserialize<'de>> Deserialize<'de> for SparseDynamics<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let SparseParts { num_states, num_actions, row_offsets, next_states, probabilities } =
            SparseParts::deserialize(deserializer)?;
        SparseDynamics::new(num_states, num_actions, row_offsets, next_states, probabilities)
            .map_err(D::Error::custom)
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "DeterministicDynamics", deny_unknown_fields)]
struct DeterministicParts<T> {
    successors: T,
}

/// Writes `successors`, `[s, a]`.
impl<F: Real> Serialize for DeterministicDynamics<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        DeterministicParts { successors: self.successors() }.serialize(serializer)
    }
}

/// Reads through [`DeterministicDynamics::new`], with its errors.
impl<'de, F: Real> Deserialize<'de> for DeterministicDynamics<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parts = DeterministicParts::<Array2<usize>>::deserialize(deserializer)?;
        DeterministicDynamics::new(parts.successors).map_err(D::Error::custom)
    }
}
