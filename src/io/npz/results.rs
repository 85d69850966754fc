//! Results as arrays.

use std::io::Write;

use ndarray::Array3;

use super::arrays::{ArrayWriter, Arrays, Codec, required};
use super::place::place_of;
use crate::io::{Error, Place};
use crate::{ForwardMessages, Policy, Posterior, Real, Solution, StateValues};

impl<F: Real> Codec for Policy<F> {
    /// A table without logarithms, as one's own may be, gets them.
    fn decode(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        let probabilities: Array3<F> = required("policy", arrays.numbers("policy", "[t, s, a]")?)?;
        match arrays.numbers("log_policy", "[t, s, a]")? {
            Some(logs) => Policy::from_tables(probabilities, logs),
            None => Policy::new(probabilities),
        }
        .map_err(invalid)
    }

    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        writer.numbers("policy", &self.probabilities())?;
        writer.numbers("log_policy", &self.log_probabilities())
    }
}

impl<F: Real> Codec for Solution<F> {
    fn decode(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        let state_values = required("state_values", arrays.numbers("state_values", "[t, s]")?)?;
        let action_values = required("action_values", arrays.numbers("action_values", "[t, s, a]")?)?;
        let policy = Policy::decode(arrays)?;
        let inference = arrays.inference()?;
        Solution::from_tables(state_values, action_values, policy, inference).map_err(invalid)
    }

    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        writer.numbers("state_values", &self.state_values())?;
        writer.numbers("action_values", &self.action_values())?;
        self.policy().encode(writer)?;
        writer.inference(self.inference())
    }
}

impl<F: Real> Codec for StateValues<F> {
    fn decode(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        let state_values = required("state_values", arrays.numbers("state_values", "[t, s]")?)?;
        let num_actions = required("num_actions", arrays.index("num_actions")?)?;
        let inference = arrays.inference()?;
        StateValues::from_tables(state_values, num_actions, inference).map_err(invalid)
    }

    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        writer.numbers("state_values", &self.state_values())?;
        writer.indices("num_actions", &[], &[self.num_actions()])?;
        writer.inference(self.inference())
    }
}

impl<F: Real> Codec for ForwardMessages<F> {
    fn decode(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        let log_forward = required("log_forward", arrays.numbers("log_forward", "[t, s]")?)?;
        let log_normalizers = required("log_normalizers", arrays.numbers("log_normalizers", "[t]")?)?;
        let log_absorbed = required("log_absorbed", arrays.numbers("log_absorbed", "[t]")?)?;
        let log_evidence = required("log_evidence", arrays.number("log_evidence")?)?;
        ForwardMessages::from_tables(log_forward, log_normalizers, log_absorbed, log_evidence).map_err(
            |error| match error {
                // Of messages, it is the normaliser that says so.
                crate::Error::ImpossibleEvidence { stage } => {
                    let place = Place::Entry { array: "log_normalizers".to_owned(), index: vec![stage] };
                    Error::new(place, error)
                }
                error => invalid(error),
            },
        )
    }

    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        writer.numbers("log_forward", &self.log_forward())?;
        writer.numbers("log_normalizers", &self.log_normalizers())?;
        writer.numbers("log_absorbed", &self.log_absorbed())?;
        writer.number("log_evidence", self.log_evidence())
    }
}

impl<F: Real> Codec for Posterior<F> {
    fn decode(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        let solution = Solution::decode(arrays)?;
        let initial = required("initial", arrays.numbers("initial", "[s]")?)?;
        let log_evidence = required("log_evidence", arrays.number("log_evidence")?)?;
        let states = required("state_marginals", arrays.numbers("state_marginals", "[t, s]")?)?;
        let absorbed = required("absorbed_marginals", arrays.numbers("absorbed_marginals", "[t]")?)?;
        let pairs = arrays.numbers("state_action_marginals", "[t, s, a]")?;
        let pairs = required("state_action_marginals", pairs)?;
        Posterior::from_tables(solution, initial, log_evidence, states, absorbed, pairs).map_err(invalid)
    }

    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        self.solution().encode(writer)?;
        writer.numbers("initial", &self.initial())?;
        writer.number("log_evidence", self.log_evidence())?;
        writer.numbers("state_marginals", &self.state_marginals())?;
        writer.numbers("absorbed_marginals", &self.absorbed_marginals())?;
        writer.numbers("state_action_marginals", &self.state_action_marginals())
    }
}

/// What is wrong with the tables of a result, with its place.
fn invalid(error: crate::Error) -> Error {
    Error::new(place_of(&error, ""), error)
}
