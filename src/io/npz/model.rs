//! Models as arrays.

use std::io::Write;

use ndarray::Array1;

use super::arrays::{ArrayWriter, Arrays, Codec};
use super::dynamics::{Layout, Transitions, check_rewards};
use super::place::place_of;
use super::stored::{AnyMdp, ModelFile, StoredModel, differ_in_rewards_alone, have_same_successor_rewards};
use crate::io::{Error, Place, Reason};
use crate::{ActionPrior, Dynamics, Mdp, Model, Real, SuccessorRewardMdp, Table, TimeVaryingMdp, arrays};

/// All arrays that have a meaning in a model.
const MODEL_ARRAYS: [&str; 18] = [
    "transitions",
    "row_offsets",
    "next_states",
    "probabilities",
    "num_actions",
    "successors",
    "rewards",
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

impl<F: Real> Codec for ModelFile<F> {
    fn decode(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        Self::decode_model(arrays, None)
    }
    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        let (mdp, successor_rewards) = match self.model() {
            StoredModel::Mdp(mdp) => {
                writer.numbers("rewards", &mdp.rewards())?;
                (mdp, None)
            }
            StoredModel::SuccessorRewards(model) => {
                writer.numbers("rewards", &model.mdp().rewards())?;
                (model.mdp(), Some(model.successor_rewards()))
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
                (first.mdp(), Some(first.successor_rewards()))
            }
        };
        Transitions::new(mdp.dynamics(), successor_rewards).encode(writer)?;
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
        let terminal: Vec<usize> = mdp.terminal_states().collect();
        writer.indices("terminal_states", &[terminal.len()], &terminal)?;
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

        let is_time_varying = arrays.shape("rewards")?.is_some_and(|shape| shape.len() == 3);
        let mut stage_rewards = None;
        let mut rewards = None;
        if is_time_varying {
            stage_rewards = arrays.numbers("rewards", "[t, s, a]")?;
            check_rewards("rewards", stage_rewards.as_deref())?;
        } else {
            rewards = arrays.numbers("rewards", "[s, a] or [t, s, a]")?;
            check_rewards("rewards", rewards.as_deref())?;
        }
        if !is_time_varying && rewards.is_none() && successor_rewards.is_none() {
            let hint = "expected rewards, successor_rewards, or both";
            return Err(Error::in_array("rewards", Reason::Missing { hint }));
        }
        let rewards = match rewards {
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
        let terminal_states: Option<Array1<usize>> = arrays.indices("terminal_states", "[k]")?;
        builder = builder.terminal_states(terminal_states.into_iter().flatten());
        if let Some(values) = arrays.numbers("terminal_values", "[s]")? {
            builder = builder.terminal_values(values);
        }
        if let Some(distance) = distance {
            builder = builder.normalize_rows(distance);
        }
        let mdp = builder.build().map_err(invalid)?;
        let repeats = arrays.flag("repeats")?.unwrap_or(false);
        let rich = successor_rewards.map(|rewards| {
            let mut rewards = rewards.into_iter();
            mdp.with_successor_rewards(|_, _, _| rewards.next().unwrap_or_else(F::neg_infinity))
        });
        let model = match (rich.transpose().map_err(invalid)?, stage_rewards) {
            (None, None) => StoredModel::Mdp(mdp),
            (Some(rich), None) => StoredModel::SuccessorRewards(rich),
            (None, Some(rewards)) => {
                let model = TimeVaryingMdp::from_rewards(&mdp, rewards).map_err(invalid)?;
                StoredModel::TimeVarying(if repeats { model.repeating() } else { model })
            }
            (Some(rich), Some(rewards)) => {
                let stages = rewards.outer_iter().map(|rewards| rich.with_rewards(rewards.to_owned()));
                let stages = stages.collect::<Result<Vec<_>, _>>();
                let model = stages.and_then(TimeVaryingMdp::new).map_err(invalid)?;
                StoredModel::TimeVaryingSuccessorRewards(if repeats { model.repeating() } else { model })
            }
        };
        let ignored = arrays.names().filter(|name| !MODEL_ARRAYS.contains(&name.as_str()));
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

/// Writes the rewards of all stages as `rewards` `[t, s, a]`.
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
    let mut rewards = rewards.map_err(|error| Error::in_array("rewards", error))?;
    for (mut rewards, stage) in rewards.outer_iter_mut().zip(stages) {
        rewards.assign(&stage.rewards());
    }
    writer.numbers("rewards", &rewards)?;
    if repeats { writer.flag("repeats", true) } else { Ok(()) }
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
