//! Dynamics and rewards on the successor, read from arrays in one of three layouts: dense,
//! compressed rows, and deterministic.

use std::io::Write;
use std::sync::Arc;

use ndarray::{Array2, Array3};

use super::arrays::{ArrayWriter, Arrays, Codec, required};
use super::compressed::{self, OWN, SCIPY};
use super::place::place_of;
use super::rewards::{SuccessorRewards, beside, of_possible};
use super::stored::AnyDynamics;
use super::transitions::Transitions;
use crate::io::{Error, Reason};
use crate::{DenseDynamics, DeterministicDynamics, Real, SparseDynamics};

/// The dynamics and the rewards on the successor of a file.
pub(super) struct Layout<F> {
    pub(super) dynamics: AnyDynamics<F>,
    /// Name of the array of probabilities, for errors.
    pub(super) probabilities: &'static str,
    pub(super) successor_rewards: Option<SuccessorRewards<F>>,
}

impl<F: Real> Layout<F> {
    pub(super) fn decode(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        const KINDS: [&str; 4] = ["transitions", OWN.row_offsets, SCIPY.row_offsets, "successors"];
        let mut there = KINDS.into_iter().filter(|name| arrays.has(name));
        let first = there.next();
        if let (Some(first), Some(second)) = (first, there.next()) {
            return Err(Error::in_array(second, Reason::Conflict { other: first }));
        }
        match first {
            Some("transitions") => Self::dense(arrays),
            Some("successors") => Self::deterministic(arrays),
            Some(name) => {
                let names = if name == OWN.row_offsets { OWN } else { SCIPY };
                let (dynamics, successor_rewards) = compressed::decode(arrays, &names)?;
                let dynamics: AnyDynamics<F> = Arc::new(dynamics);
                Ok(Self { dynamics, probabilities: names.probabilities, successor_rewards })
            }
            None => {
                compressed::check_format(arrays)?;
                let hint =
                    "expected transitions, row_offsets with next_states and probabilities, or successors";
                Err(Error::in_array("transitions", Reason::missing(hint)))
            }
        }
    }

    fn dense(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        let probabilities = "transitions";
        let transitions: Array3<F> = arrays.needed(probabilities, STATES_FIRST)?;
        let shape = transitions.shape().to_vec();
        if let Some(expected) = other_order(&shape) {
            return Err(Error::in_array(probabilities, Reason::Shape { found: shape, expected }));
        }
        let dynamics = DenseDynamics::new(transitions)
            .map_err(|error| Error::new(place_of(&error, probabilities), error))?;
        let rewards: Option<Array3<F>> = arrays.numbers("successor_rewards", "[s, a, s']")?;
        let rewards = beside(rewards, &shape)?;
        let rewards = rewards.map(|rewards| of_possible(rewards, dynamics.transitions()));
        let successor_rewards = rewards.map(SuccessorRewards::OfTransitions);
        Ok(Self { dynamics: Arc::new(dynamics), probabilities, successor_rewards })
    }

    fn deterministic(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        let probabilities = "successors";
        let successors: Array2<usize> = required(probabilities, arrays.indices(probabilities, "[s, a]")?)?;
        let shape = successors.shape().to_vec();
        let dynamics = DeterministicDynamics::new(successors)
            .map_err(|error| Error::new(place_of(&error, probabilities), error))?;
        let rewards: Option<Array2<F>> = arrays.numbers("successor_rewards", "[s, a]")?;
        let successor_rewards = beside(rewards, &shape)?.map(SuccessorRewards::OfTransitions);
        Ok(Self { dynamics: Arc::new(dynamics), probabilities, successor_rewards })
    }
}

const STATES_FIRST: &str = "[s, a, s']";

/// What to do about a table with its axes in the order of another library.
fn other_order(shape: &[usize]) -> Option<String> {
    let (order, axes) = match *shape {
        [x, y, z] if x != y && y == z => ("[a, s, s']", "1, 0, 2"),
        [x, y, z] if x == y && y != z => ("[s, s', a]", "0, 2, 1"),
        _ => return None,
    };
    Some(format!("{STATES_FIRST}: it looks like {order}, so save P.transpose({axes})"))
}

/// Dynamics alone, in any layout that a model may have.
impl<F: Real> Codec for SparseDynamics<F> {
    fn decode(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        let Layout { dynamics, probabilities, .. } = Layout::decode(arrays)?;
        let dynamics = SparseDynamics::from_dynamics(&dynamics);
        dynamics.map_err(|error| Error::new(place_of(&error, probabilities), error))
    }

    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        let dynamics: AnyDynamics<F> = Arc::new(self.clone());
        Transitions::new(&dynamics, None).encode_rows(writer)
    }
}
