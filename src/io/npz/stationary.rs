//! Stationary results as arrays. Their tables have no axis of stages.

use std::io::Write;

use ndarray::{Array1, Array2};

use super::arrays::{ArrayWriter, Arrays, Codec, required};
use super::place::place_of;
use crate::io::{Error, Place, Reason};
use crate::parts::{AverageRewardParts, LongRunGrowthParts, StationaryPolicyParts, StationarySolutionParts};
use crate::{AverageReward, Convergence, LongRunGrowth, Real, StationaryPolicy, StationarySolution, Status};

impl<F: Real> Codec for StationaryPolicy<F> {
    /// Computes the logarithms if the archive has none.
    fn decode(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        let probabilities: Array2<F> = arrays.needed("policy", "[s, a]")?;
        let policy = match arrays.numbers("log_policy", "[s, a]")? {
            Some(log_probabilities) => StationaryPolicyParts { probabilities, log_probabilities }.try_into(),
            None => StationaryPolicy::new(probabilities),
        };
        policy.map_err(|error| match place_of(&error, "") {
            // The policy is checked as that of stage 0, an axis that the array does not have.
            Place::Entry { array, index } if index.len() == 3 => {
                Error::new(Place::Entry { array, index: index[1..].to_vec() }, error)
            }
            place => Error::new(place, error),
        })
    }

    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        writer.numbers("policy", &self.probabilities())?;
        writer.numbers("log_policy", &self.log_probabilities())
    }
}

impl<F: Real> Codec for StationarySolution<F> {
    fn decode(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        let state_values = arrays.needed("state_values", "[s]")?;
        let action_values = arrays.needed("action_values", "[s, a]")?;
        let policy = StationaryPolicy::decode(arrays)?;
        let inference = arrays.inference()?;
        let convergence = Convergence::decode(arrays)?;
        let parts = StationarySolutionParts { state_values, action_values, policy, inference, convergence };
        parts.try_into().map_err(invalid)
    }

    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        writer.numbers("state_values", &self.state_values())?;
        writer.numbers("action_values", &self.action_values())?;
        self.policy().encode(writer)?;
        writer.inference(self.inference())?;
        self.convergence().encode(writer)
    }
}

/// What growth rates and average rewards have in common.
struct LongRun<F> {
    bounds: (F, F), // of the rate
    relative_values: Array1<F>,
    policy: StationaryPolicy<F>,
    convergence: Convergence<F>,
}

impl<F: Real> Codec for LongRun<F> {
    fn decode(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        let lower_bound = required("lower_bound", arrays.number("lower_bound")?)?;
        let upper_bound = required("upper_bound", arrays.number("upper_bound")?)?;
        let relative_values = arrays.needed("relative_values", "[s]")?;
        let policy = StationaryPolicy::decode(arrays)?;
        let convergence = Convergence::decode(arrays)?;
        Ok(Self { bounds: (lower_bound, upper_bound), relative_values, policy, convergence })
    }

    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        writer.number("lower_bound", self.bounds.0)?;
        writer.number("upper_bound", self.bounds.1)?;
        writer.numbers("relative_values", &self.relative_values)?;
        self.policy.encode(writer)?;
        self.convergence.encode(writer)
    }
}

impl<F: Real> Codec for LongRunGrowth<F> {
    fn decode(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        let rate = required("rate", arrays.number("rate")?)?;
        let LongRun { bounds, relative_values, policy, convergence } = LongRun::decode(arrays)?;
        let (lower_bound, upper_bound) = bounds;
        LongRunGrowthParts { rate, lower_bound, upper_bound, relative_values, policy, convergence }
            .try_into()
            .map_err(invalid)
    }

    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        writer.number("rate", self.rate())?;
        let bounds = (self.lower_bound(), self.upper_bound());
        let relative_values = self.relative_values().to_owned();
        let (policy, convergence) = (self.policy().clone(), *self.convergence());
        LongRun { bounds, relative_values, policy, convergence }.encode(writer)
    }
}

impl<F: Real> Codec for AverageReward<F> {
    fn decode(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        let gain = required("gain", arrays.number("gain")?)?;
        let LongRun { bounds, relative_values, policy, convergence } = LongRun::decode(arrays)?;
        let (lower_bound, upper_bound) = bounds;
        AverageRewardParts { gain, lower_bound, upper_bound, relative_values, policy, convergence }
            .try_into()
            .map_err(invalid)
    }

    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        writer.number("gain", self.gain())?;
        let bounds = (self.lower_bound(), self.upper_bound());
        let relative_values = self.relative_values().to_owned();
        let (policy, convergence) = (self.policy().clone(), *self.convergence());
        LongRun { bounds, relative_values, policy, convergence }.encode(writer)
    }
}

impl<F: Real> Codec for Convergence<F> {
    fn decode(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        let status = match required("status", arrays.index("status")?)? {
            0 => Status::Converged,
            1 => Status::IterationLimit,
            2 => Status::RoundingFloor,
            3 => {
                let state = required("endless_state", arrays.index("endless_state")?)?;
                Status::SeveralFixedPoints { state }
            }
            4 => Status::Stopped,
            5 => Status::Diverging,
            number => {
                let reason = Reason::Value { value: number as f64, expected: "the number of a status" };
                return Err(Error::in_array("status", reason));
            }
        };
        let iterations = required("iterations", arrays.index("iterations")?)?;
        let error_bound = required("error_bound", arrays.number("error_bound")?)?;
        Ok(Self { status, iterations, error_bound })
    }

    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        writer.indices("status", &[], &[number_of(self.status)])?;
        if let Status::SeveralFixedPoints { state } = self.status {
            writer.indices("endless_state", &[], &[state])?;
        }
        writer.indices("iterations", &[], &[self.iterations])?;
        writer.number("error_bound", self.error_bound)
    }
}

/// The number of a status in a file. The numbers are part of the format.
fn number_of(status: Status) -> usize {
    match status {
        Status::Converged => 0,
        Status::IterationLimit => 1,
        Status::RoundingFloor => 2,
        Status::SeveralFixedPoints { .. } => 3,
        Status::Stopped => 4,
        Status::Diverging => 5,
    }
}

/// Adds the place to an error of a result.
fn invalid(error: crate::Error) -> Error {
    Error::new(place_of(&error, ""), error)
}
