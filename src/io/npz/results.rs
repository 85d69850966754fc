//! Results as arrays.

use std::io::Write;

use ndarray::{Array1, Array2, Array3, ArrayView1, Ix1};

use super::arrays::{ArrayWriter, Arrays, Codec, required};
use super::place::place_of;
use crate::arrays::check_shape;
use crate::io::{Error, Place};
use crate::parts::{ForwardMessagesParts, PolicyParts, PosteriorParts, SolutionParts, StateValuesParts};
use crate::{ForwardMessages, Observation, Policy, Posterior, Real, Solution, StateValues, Table};

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
        let observations = read_observations(arrays)?;
        SolutionParts { state_values, action_values, policy, inference, observations }
            .try_into()
            .map_err(invalid)
    }

    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        writer.numbers("state_values", &self.state_values())?;
        writer.numbers("action_values", &self.action_values())?;
        self.policy().encode(writer)?;
        writer.inference(self.inference())?;
        write_observations(writer, &self.observations(), self.state_values().ncols())
    }
}

/// Writes observations, if there are any: a row for each stage that has some.
fn write_observations<F: Real, W: Write>(
    writer: &mut ArrayWriter<W>,
    observations: &[Observation<F>],
    num_states: usize,
) -> Result<(), Error> {
    if observations.is_empty() {
        return Ok(());
    }
    let shape = [observations.len(), num_states];
    let stages: Vec<usize> = observations.iter().map(Observation::stage).collect();
    let rows = observations.iter().map(|seen| (0..num_states).filter_map(|state| seen.log_likelihood(state)));
    let logs: Vec<F> = rows.flatten().collect();
    let absorbed: Vec<F> = observations.iter().map(Observation::log_likelihood_absorbed).collect();
    writer.indices("observation_stages", &shape[..1], &stages)?;
    writer.table("observations", &shape, &logs)?;
    writer.table("absorbed_observations", &shape[..1], &absorbed)
}

/// Reads observations, if there are any: a row for each stage that has some.
fn read_observations<F: Real>(arrays: &mut Arrays<'_>) -> Result<Vec<Observation<F>>, Error> {
    let Some(stages) = arrays.indices::<Ix1>("observation_stages", "[k]")? else { return Ok(Vec::new()) };
    let logs: Array2<F> = arrays.needed("observations", "[k, s]")?;
    let absorbed: Array1<F> = arrays.needed("absorbed_observations", "[k]")?;
    let expected = [stages.len(), logs.ncols()];
    check_shape(Table::Observations, logs.shape(), &expected).map_err(invalid)?;
    check_shape(Table::AbsorbedObservations, absorbed.shape(), &expected[..1]).map_err(invalid)?;
    let rows = stages.iter().zip(logs.outer_iter()).zip(&absorbed);
    let observation = |((&stage, logs), &absorbed): ((_, ArrayView1<'_, F>), _)| {
        Observation::new(stage, logs.to_owned()).absorbed(absorbed)
    };
    Ok(rows.map(observation).collect())
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
