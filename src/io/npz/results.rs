//! Results as arrays.

use std::io::Write;

use ndarray::Array3;

use super::arrays::{ArrayWriter, Arrays, Codec, required};
use super::place::place_of;
use crate::io::{Error, Place};
use crate::parts::{ForwardMessagesParts, PolicyParts, PosteriorParts, SolutionParts, StateValuesParts};
use crate::{ForwardMessages, Policy, Posterior, Real, Solution, StateValues};

impl<F: Real> Codec for Policy<F> {
    /// Computes the logarithms if the archive has none.
    fn decode(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        let probabilities: Array3<F> = arrays.needed("policy", "[t, s, a]")?;
        match arrays.numbers("log_policy", "[t, s, a]")? {
            Some(log_probabilities) => PolicyParts { probabilities, log_probabilities }.try_into(),
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
        let state_values = arrays.needed("state_values", "[t, s]")?;
        let action_values = arrays.needed("action_values", "[t, s, a]")?;
        let policy = Policy::decode(arrays)?;
        let inference = arrays.inference()?;
        SolutionParts { state_values, action_values, policy, inference }.try_into().map_err(invalid)
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
        let state_values = arrays.needed("state_values", "[t, s]")?;
        let num_actions = required("num_actions", arrays.index("num_actions")?)?;
        let inference = arrays.inference()?;
        StateValuesParts { state_values, num_actions, inference }.try_into().map_err(invalid)
    }

    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        writer.numbers("state_values", &self.state_values())?;
        writer.indices("num_actions", &[], &[self.num_actions()])?;
        writer.inference(self.inference())
    }
}

impl<F: Real> Codec for ForwardMessages<F> {
    fn decode(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        let log_forward = arrays.needed("log_forward", "[t, s]")?;
        let log_normalizers = arrays.needed("log_normalizers", "[t]")?;
        let log_absorbed = arrays.needed("log_absorbed", "[t]")?;
        let log_evidence = required("log_evidence", arrays.number("log_evidence")?)?;
        let parts = ForwardMessagesParts { log_forward, log_normalizers, log_absorbed, log_evidence };
        parts.try_into().map_err(|error| match error {
            // The normaliser of that stage is −∞.
            crate::Error::ImpossibleEvidence { stage } => {
                let place = Place::Entry { array: "log_normalizers".to_owned(), index: vec![stage] };
                Error::new(place, error)
            }
            error => invalid(error),
        })
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
        let initial = arrays.needed("initial", "[s]")?;
        let log_evidence = required("log_evidence", arrays.number("log_evidence")?)?;
        let state_marginals = arrays.needed("state_marginals", "[t, s]")?;
        let absorbed_marginals = arrays.needed("absorbed_marginals", "[t]")?;
        let state_action_marginals = arrays.needed("state_action_marginals", "[t, s, a]")?;
        let parts = PosteriorParts {
            solution,
            initial,
            log_evidence,
            state_marginals,
            absorbed_marginals,
            state_action_marginals,
        };
        parts.try_into().map_err(invalid)
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

/// Adds the place to an error of a result.
fn invalid(error: crate::Error) -> Error {
    Error::new(place_of(&error, ""), error)
}
