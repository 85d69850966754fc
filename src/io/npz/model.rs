//! Models as arrays.

use std::collections::HashSet;
use std::io::Write;

use ndarray::{Array1, Array2, aview1};

use super::arrays::{ArrayWriter, Arrays, Codec, required};
use super::dynamics::Layout;
use super::place::place_of;
use super::rewards::{self, Rewards};
use super::stored::{AnyMdp, ModelFile, StoredModel, differ_in_rewards_alone, have_same_successor_rewards};
use super::transitions::Transitions;
use crate::io::{Error, Place, Reason};
use crate::{ActionPrior, Dynamics, Mdp, Model, Real, SuccessorRewardMdp, Table, TimeVaryingMdp, arrays};

/// All arrays that have a meaning in a model.
const MODEL_ARRAYS: [&str; 19] = [
    "transitions",
    "row_offsets",
    "next_states",
    "probabilities",
    "num_actions",
    "successors",
    "rewards",
    "stage_rewards",
    "successor_rewards",
    "discount",
    "temperature",
    "action_prior",
    "uniform_prior",
    "available_actions",
    "terminal_states",
    "terminal_values",
    "initial",
    "repeats",
    "provenance",
];

/// The arrays of `scipy.sparse.save_npz`.
const SCIPY_ARRAYS: [&str; 6] = ["indptr", "indices", "data", "shape", "format", "_is_array"];

impl<F: Real> Codec for ModelFile<F> {
    fn decode(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        Self::decode_model(arrays, None)
    }

    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        let (mdp, rich) = match self.model() {
            StoredModel::Mdp(mdp) => {
                writer.numbers("rewards", &mdp.rewards())?;
                (mdp, None)
            }
            StoredModel::SuccessorRewards(model) => {
                writer.numbers("rewards", &model.mdp().rewards())?;
                (model.mdp(), Some(model))
            }
            StoredModel::TimeVarying(model) => {
                let stages: Vec<_> = model.stages().iter().collect();
                let are_alike = stages.iter().all(|stage| differ_in_rewards_alone(stage, stages[0]));
                write_stages(writer, are_alike, &stages, model.num_stages().is_none())?;
                (stages[0], None)
            }
            StoredModel::TimeVaryingSuccessorRewards(model) => {
                let first = &model.stages()[0];
                let are_alike = model.stages().iter().all(|stage| have_same_successor_rewards(stage, first));
                let stages: Vec<_> = model.stages().iter().map(SuccessorRewardMdp::mdp).collect();
                write_stages(writer, are_alike, &stages, model.num_stages().is_none())?;
                (first.mdp(), Some(first))
            }
        };
        if mdp.dynamics().share().is_some() {
            let what = "dynamics that a team of processes shares";
            return Err(Error::new(Place::File, Reason::NotStorable { what }));
        }
        Transitions::new(mdp.dynamics(), rich).encode(writer)?;
        writer.number("discount", mdp.discount())?;
        writer.number("temperature", mdp.temperature())?;
        match mdp.action_prior() {
            ActionPrior::Counting => {}
            ActionPrior::Uniform => writer.flag("uniform_prior", true)?,
            ActionPrior::Weights(weights) => writer.numbers("action_prior", weights)?,
        }
        if let Some(available) = mdp.available_actions() {
            writer.flags("available_actions", &available)?;
        }
        let is_terminal: Vec<bool> = (0..mdp.num_states()).map(|state| mdp.is_terminal(state)).collect();
        writer.flags("terminal_states", &aview1(&is_terminal))?;
        writer.numbers("terminal_values", &mdp.terminal_values())?;
        match self.initial() {
            Some(initial) => writer.numbers("initial", &initial),
            None => Ok(()),
        }
    }
}

impl<F: Real> ModelFile<F> {
    /// Reads a model. `distance` is that of [`normalize_rows`](crate::MdpBuilder::normalize_rows).
    pub(super) fn decode_model(arrays: &mut Arrays<'_>, distance: Option<f64>) -> Result<Self, Error> {
        let Layout { dynamics, probabilities, successor_rewards } = Layout::decode(arrays)?;
        let invalid = |error: crate::Error| Error::new(place_of(&error, probabilities), error);
        let shape = (dynamics.num_states(), dynamics.num_actions());

        let (rewards, stage_rewards) = match rewards::decode(arrays, shape)? {
            Some(Rewards::OfPairs(rewards)) => (Some(rewards), None),
            Some(Rewards::OfStages(name, rewards)) => (None, Some((name, rewards))),
            None if successor_rewards.is_some() => (None, None),
            None => {
                let hint = "expected rewards, stage_rewards or successor_rewards";
                return Err(Error::in_array("rewards", Reason::missing(hint)));
            }
        };
        let rewards: Array2<F> = match rewards {
            Some(rewards) => rewards,
            None => arrays::filled(Table::Rewards, shape, F::zero()).map_err(invalid)?,
        };

        let mut builder = Mdp::builder(dynamics, rewards).action_prior(action_prior(arrays)?);
        if let Some(discount) = arrays.number("discount")? {
            builder = builder.discount(discount);
        }
        if let Some(temperature) = arrays.number("temperature")? {
            builder = builder.temperature(temperature);
        }
        if let Some(available) = arrays.flags("available_actions", "[s, a]")? {
            builder = builder.available_actions(available);
        }
        builder = builder.terminal_states(terminal_states(arrays, shape.0)?);
        if let Some(values) = arrays.numbers("terminal_values", "[s]")? {
            builder = builder.terminal_values(values);
        }
        if let Some(distance) = distance {
            builder = builder.normalize_rows(distance);
        }
        let mdp = builder.build().map_err(invalid)?;
        let repeats = arrays.flag("repeats")?.unwrap_or(false);
        let rich = successor_rewards.map(|rewards| rewards.add_to(&mdp));
        let model = match (rich.transpose().map_err(invalid)?, stage_rewards) {
            (None, None) => StoredModel::Mdp(mdp),
            (Some(rich), None) => StoredModel::SuccessorRewards(rich),
            (None, Some((name, rewards))) => {
                let model = TimeVaryingMdp::from_rewards(&mdp, rewards);
                let model = model.map_err(|error| Error::in_array(name, error))?;
                StoredModel::TimeVarying(if repeats { model.repeating() } else { model })
            }
            (Some(rich), Some((name, rewards))) => {
                let stages = rewards.outer_iter().map(|rewards| rich.with_rewards(rewards.to_owned()));
                let stages = stages.collect::<Result<Vec<_>, _>>();
                let model = stages.and_then(TimeVaryingMdp::new);
                let model = model.map_err(|error| Error::in_array(name, error))?;
                StoredModel::TimeVaryingSuccessorRewards(if repeats { model.repeating() } else { model })
            }
        };
        let is_of_scipy = arrays.has(SCIPY_ARRAYS[0]);
        let is_known =
            |name: &str| MODEL_ARRAYS.contains(&name) || is_of_scipy && SCIPY_ARRAYS.contains(&name);
        let ignored = arrays.names().filter(|name| !is_known(name));
        let file = ModelFile::new(model).with_ignored_arrays(ignored.collect());
        match (arrays.numbers("initial", "[s]")?, distance) {
            (Some(initial), Some(distance)) => {
                file.with_normalized_initial(initial, distance).map_err(invalid)
            }
            (Some(initial), None) => file.with_initial(initial).map_err(invalid),
            (None, _) => Ok(file),
        }
    }
}

/// Writes the rewards of all stages as `stage_rewards` `[t, s, a]`.
fn write_stages<F: Real, W: Write>(
    writer: &mut ArrayWriter<W>,
    are_alike: bool,
    stages: &[&AnyMdp<F>],
    repeats: bool,
) -> Result<(), Error> {
    if !are_alike {
        let what = "stages that differ in more than rewards [s, a]";
        return Err(Error::new(Place::File, Reason::NotStorable { what }));
    }
    let shape = (stages.len(), stages[0].num_states(), stages[0].num_actions());
    let rewards = arrays::filled(Table::Rewards, shape, F::zero());
    let mut rewards = rewards.map_err(|error| Error::in_array("stage_rewards", error))?;
    for (mut rewards, stage) in rewards.outer_iter_mut().zip(stages) {
        rewards.assign(&stage.rewards());
    }
    writer.numbers("stage_rewards", &rewards)?;
    if repeats { writer.flag("repeats", true) } else { Ok(()) }
}

/// The terminal states: indices, or a mask of bool.
fn terminal_states(arrays: &mut Arrays<'_>, num_states: usize) -> Result<Vec<usize>, Error> {
    let name = "terminal_states";
    if arrays.is_bool(name)? {
        let mask: Array1<bool> = required(name, arrays.flags(name, "[s] bool")?)?;
        if !mask.is_empty() && mask.len() != num_states {
            let (found, expected) = (vec![mask.len()], format!("[{num_states}], a flag for each state"));
            return Err(Error::in_array(name, Reason::Shape { found, expected }));
        }
        return Ok(mask.iter().enumerate().filter(|(_, flag)| **flag).map(|(state, _)| state).collect());
    }
    let states = arrays.indices(name, "[k] indices, or [s] bool").map_err(|error| match error.reason() {
        Reason::ElementType { found, .. } => {
            let expected = "integers that are indices, or a mask of bool";
            Error::in_array(name, Reason::ElementType { found: found.clone(), expected })
        }
        _ => error,
    })?;
    let states: Option<Array1<usize>> = states;
    let states = states.map_or_else(Vec::new, arrays::into_vec);
    if !states.is_empty() && states.len() == num_states && states.iter().all(|&state| state <= 1) {
        let readings = "indices of states, or a mask of 0 and 1";
        let remedy = "save a mask as bool, with one flag for each state";
        return Err(Error::in_array(name, Reason::Ambiguous { readings, remedy }));
    }
    let mut seen = HashSet::new();
    match states.iter().position(|&state| !seen.insert(state)) {
        Some(at) => {
            let place = Place::Entry { array: name.to_owned(), index: vec![at] };
            Err(Error::new(place, Reason::Repeated { what: "the state" }))
        }
        None => Ok(states),
    }
}

fn action_prior<F: Real>(arrays: &mut Arrays<'_>) -> Result<ActionPrior<F>, Error> {
    let weights = arrays.numbers("action_prior", "[s, a]")?;
    match (weights, arrays.flag("uniform_prior")?) {
        (Some(_), Some(true)) => {
            Err(Error::in_array("uniform_prior", Reason::Conflict { other: "action_prior" }))
        }
        (Some(weights), _) => Ok(ActionPrior::Weights(weights)),
        (None, Some(true)) => Ok(ActionPrior::Uniform),
        (None, _) => Ok(ActionPrior::Counting),
    }
}
