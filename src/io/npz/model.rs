//! Models as arrays: which arrays make which model, and which arrays a model becomes.

use std::io::Write;

use ndarray::{Array1, Array3, ArrayRef, Axis, Dimension};

use super::arrays::{ArrayWriter, Arrays, Codec};
use super::dynamics::{Layout, Rows, SuccessorReward};
use super::place::place_of;
use super::stored::{ModelFile, StoredModel};
use crate::io::{Error, Place, Reason};
use crate::mdp::BoxedDynamics;
use crate::{ActionPrior, Dynamics, Mdp, Model, Real, SuccessorRewardMdp, Table, TimeVaryingMdp, arrays};

/// All arrays that mean something in a model.
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
        let mdp = builder.build().map_err(invalid)?;
        let repeats = arrays.flag("repeats")?.unwrap_or(false);
        let model = match (successor_rewards, stage_rewards) {
            (None, None) => Ok(StoredModel::Mdp(mdp)),
            (None, Some(rewards)) => TimeVaryingMdp::from_rewards(&mdp, rewards)
                .map(|model| StoredModel::TimeVarying(if repeats { model.repeating() } else { model })),
            (Some(on_successors), None) => {
                SuccessorRewardMdp::from_parts(&mdp, on_successors).map(StoredModel::SuccessorRewards)
            }
            (Some(on_successors), Some(rewards)) => SuccessorRewardMdp::from_parts(&mdp, on_successors)
                .and_then(|mdp| {
                    let stages = rewards.outer_iter().map(|rewards| mdp.with_rewards(rewards.to_owned()));
                    let model = TimeVaryingMdp::new(stages.collect::<Result<Vec<_>, _>>()?)?;
                    let model = if repeats { model.repeating() } else { model };
                    Ok(StoredModel::TimeVaryingSuccessorRewards(model))
                }),
        };
        let ignored = arrays.names().filter(|name| !MODEL_ARRAYS.contains(&name.as_str()));
        let file = ModelFile::new(model.map_err(invalid)?).with_ignored_arrays(ignored.collect());
        match arrays.numbers("initial", "[s]")? {
            Some(initial) => file.with_initial(initial).map_err(invalid),
            None => Ok(file),
        }
    }

    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        let mut on_successor: Option<SuccessorReward<'_, F>> = None;
        let mdp = match self.model() {
            StoredModel::Mdp(mdp) => mdp,
            StoredModel::SuccessorRewards(model) => {
                on_successor = Some(Box::new(|state, action, visit| {
                    model.for_each_successor_reward(state, action, |_, reward| visit(reward));
                }));
                model.mdp()
            }
            StoredModel::TimeVarying(model) => {
                let (first, stages) = (&model.stages()[0], model.stages());
                let alike = stages.iter().all(|stage| stage.differs_in_rewards_alone(first));
                write_stages(writer, alike, stages.iter(), model.num_stages().is_none())?;
                first
            }
            StoredModel::TimeVaryingSuccessorRewards(model) => {
                let (first, stages) = (&model.stages()[0], model.stages());
                let alike = stages.iter().all(|stage| stage.differs_in_rewards_alone(first));
                let tables = stages.iter().map(|stage| stage.mdp());
                write_stages(writer, alike, tables, model.num_stages().is_none())?;
                on_successor = Some(Box::new(|state, action, visit| {
                    first.for_each_successor_reward(state, action, |_, reward| visit(reward));
                }));
                first.mdp()
            }
        };
        if matches!(self.model(), StoredModel::Mdp(_) | StoredModel::SuccessorRewards(_)) {
            writer.numbers("rewards", &mdp.rewards())?;
        }
        Rows::new(mdp.dynamics(), on_successor).encode(writer)?;
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

/// `rewards` `[t, s, a]`, of stages that have nothing else of their own.
fn write_stages<'a, F: Real, W: Write>(
    writer: &mut ArrayWriter<W>,
    alike: bool,
    stages: impl ExactSizeIterator<Item = &'a Mdp<F, BoxedDynamics<F>>>,
    repeats: bool,
) -> Result<(), Error> {
    if !alike {
        let what = "stages that differ in more than rewards [s, a]";
        return Err(Error::new(Place::File, Reason::NotStorable { what }));
    }
    let mut rewards: Option<Array3<F>> = None;
    let horizon = stages.len();
    for (t, stage) in stages.enumerate() {
        let shape = (horizon, stage.num_states(), stage.num_actions());
        let rewards = match &mut rewards {
            Some(rewards) => rewards,
            none => {
                let table = arrays::filled(Table::Rewards, shape, F::zero());
                none.insert(table.map_err(|error| Error::in_array("rewards", error))?)
            }
        };
        rewards.index_axis_mut(Axis(0), t).assign(&stage.rewards());
    }
    if let Some(rewards) = rewards {
        writer.numbers("rewards", &rewards)?;
    }
    if repeats { writer.flag("repeats", true) } else { Ok(()) }
}

/// Rewards are below +∞; here their place is still known.
pub(super) fn check_rewards<F: Real, D: Dimension>(
    name: &str,
    rewards: Option<&ArrayRef<F, D>>,
) -> Result<(), Error> {
    let Some(rewards) = rewards else { return Ok(()) };
    match rewards.iter().enumerate().find(|(_, reward)| !(**reward < F::infinity())) {
        None => Ok(()),
        Some((at, &reward)) => {
            let place = Place::Entry { array: name.to_owned(), index: arrays::index_of(rewards.shape(), at) };
            let (value, expected) = (reward.into_f64(), "a number below +inf");
            Err(Error::new(place, Reason::Value { value, expected }))
        }
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
