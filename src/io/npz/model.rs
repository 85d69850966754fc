//! Models as arrays: which arrays make which model, and which arrays a model becomes.

use std::io::Write;

use ndarray::{Array1, Array2, Array3, ArrayRef, Axis, Dimension};

use super::arrays::{ArrayWriter, Arrays, Codec, in_array, required};
use super::stored::{ModelFile, StoredModel};
use crate::io::{Error, Place, Reason};
use crate::mdp::BoxedDynamics;
use crate::{
    ActionPrior, DenseDynamics, DeterministicDynamics, Dynamics, Mdp, Model, Real, SparseDynamics, Table,
    TimeVaryingMdp, tables,
};

impl<F: Real> Codec for ModelFile<F> {
    fn decode(arrays: &Arrays<'_>) -> Result<Self, Error> {
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
            return Err(in_array("rewards", Reason::Missing { hint }));
        }
        let rewards = match rewards {
            Some(rewards) => rewards,
            None => tables::filled(Table::Rewards, shape, F::zero()).map_err(invalid)?,
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
                let mut on_successors = on_successors.into_iter();
                mdp.with_successor_rewards(|_, _, _| on_successors.next().unwrap_or_else(F::neg_infinity))
                    .map(StoredModel::SuccessorRewards)
            }
            (Some(on_successors), Some(rewards)) => {
                let mut on_successors = on_successors.into_iter();
                mdp.with_successor_rewards(|_, _, _| on_successors.next().unwrap_or_else(F::neg_infinity))
                    .and_then(|mdp| {
                        let stages = rewards.outer_iter().map(|rewards| mdp.with_rewards(rewards.to_owned()));
                        let model = TimeVaryingMdp::new(stages.collect::<Result<Vec<_>, _>>()?)?;
                        let model = if repeats { model.repeating() } else { model };
                        Ok(StoredModel::TimeVaryingSuccessorRewards(model))
                    })
            }
        };
        let file = ModelFile::new(model.map_err(invalid)?);
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
                let alike = stages.iter().all(|stage| {
                    stage.shares_successor_rewards(first) && stage.mdp().differs_in_rewards_alone(first.mdp())
                });
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

/// Calls back with the reward of each successor of a pair, in the order of the dynamics.
type SuccessorReward<'a, F> = Box<dyn Fn(usize, usize, &mut dyn FnMut(F)) + 'a>;

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
                let table = tables::filled(Table::Rewards, shape, F::zero());
                none.insert(table.map_err(|error| in_array("rewards", error))?)
            }
        };
        rewards.index_axis_mut(Axis(0), t).assign(&stage.rewards());
    }
    if let Some(rewards) = rewards {
        writer.numbers("rewards", &rewards)?;
    }
    if repeats { writer.flag("repeats", true) } else { Ok(()) }
}

/// The dynamics of a file, and rewards on the successor in the order in which they visit successors.
struct Layout<F> {
    dynamics: BoxedDynamics<F>,
    /// Name of the array that has the probabilities.
    probabilities: &'static str,
    successor_rewards: Option<Vec<F>>,
}

impl<F: Real> Layout<F> {
    fn decode(arrays: &Arrays<'_>) -> Result<Self, Error> {
        const KINDS: [&str; 3] = ["transitions", "row_offsets", "successors"];
        let mut there = KINDS.into_iter().filter(|name| arrays.has(name));
        let first = there.next();
        if let (Some(first), Some(second)) = (first, there.next()) {
            return Err(in_array(second, Reason::Conflict { other: first }));
        }
        match first {
            Some("transitions") => Self::dense(arrays),
            Some("row_offsets") => Self::compressed(arrays),
            Some(_) => Self::deterministic(arrays),
            None => {
                let hint =
                    "expected transitions, row_offsets with next_states and probabilities, or successors";
                Err(in_array("transitions", Reason::Missing { hint }))
            }
        }
    }

    fn dense(arrays: &Arrays<'_>) -> Result<Self, Error> {
        let probabilities = "transitions";
        let transitions: Array3<F> = required(probabilities, arrays.numbers(probabilities, "[s, a, s']")?)?;
        let shape = transitions.shape().to_vec();
        let dynamics = DenseDynamics::new(transitions)
            .map_err(|error| Error::new(place_of(&error, probabilities), error))?;
        let rewards: Option<Array3<F>> = arrays.numbers("successor_rewards", "[s, a, s']")?;
        let successor_rewards = beside(rewards, &shape)?.map(|rewards| {
            // A table visits what is possible, and no more.
            let entries = rewards.into_iter().zip(dynamics.transitions());
            entries.filter(|(_, p)| **p > F::zero()).map(|(reward, _)| reward).collect()
        });
        Ok(Self { dynamics: Box::new(dynamics), probabilities, successor_rewards })
    }

    fn compressed(arrays: &Arrays<'_>) -> Result<Self, Error> {
        let (name, axes) = ("row_offsets", "[S · A + 1]");
        let row_offsets: Array1<usize> = required(name, arrays.indices(name, axes)?)?;
        let next_states: Array1<usize> = required("next_states", arrays.indices("next_states", "[n]")?)?;
        let probabilities: Array1<F> = required("probabilities", arrays.numbers("probabilities", "[n]")?)?;
        let num_actions = num_actions(arrays)?;
        let num_rows = row_offsets.len().saturating_sub(1);
        if num_actions == 0 || !num_rows.is_multiple_of(num_actions) || row_offsets.is_empty() {
            let expected = format!("[S · A + 1] with A = {num_actions}");
            return Err(in_array(name, Reason::Shape { found: vec![row_offsets.len()], expected }));
        }
        let shape = [next_states.len()];
        let dynamics = SparseDynamics::new(
            num_rows / num_actions,
            num_actions,
            row_offsets.into_raw_vec_and_offset().0,
            next_states.into_raw_vec_and_offset().0,
            probabilities.into_raw_vec_and_offset().0,
        )
        .map_err(|error| Error::new(place_of(&error, "probabilities"), error))?;
        let rewards: Option<Array1<F>> = arrays.numbers("successor_rewards", "[n]")?;
        let successor_rewards = beside(rewards, &shape)?;
        Ok(Self { dynamics: Box::new(dynamics), probabilities: "probabilities", successor_rewards })
    }

    fn deterministic(arrays: &Arrays<'_>) -> Result<Self, Error> {
        let probabilities = "successors";
        let successors: Array2<usize> = required(probabilities, arrays.indices(probabilities, "[s, a]")?)?;
        let shape = successors.shape().to_vec();
        let dynamics = DeterministicDynamics::new(successors)
            .map_err(|error| Error::new(place_of(&error, probabilities), error))?;
        let rewards: Option<Array2<F>> = arrays.numbers("successor_rewards", "[s, a]")?;
        let successor_rewards = beside(rewards, &shape)?;
        Ok(Self { dynamics: Box::new(dynamics), probabilities, successor_rewards })
    }
}

/// Number of actions, which compressed rows do not tell: that of `num_actions`, or of a table `[s, a]`.
fn num_actions(arrays: &Arrays<'_>) -> Result<usize, Error> {
    if let Some(num_actions) = arrays.index("num_actions")? {
        return Ok(num_actions);
    }
    let tables = [
        ("rewards", "[s, a] or [t, s, a]", 2..=3),
        ("available_actions", "[s, a]", 2..=2),
        ("action_prior", "[s, a]", 2..=2),
    ];
    for (name, axes, ranks) in tables {
        let Some(shape) = arrays.shape(name)? else { continue };
        match shape.last() {
            Some(&num_actions) if ranks.contains(&shape.len()) => return Ok(num_actions),
            _ => return Err(in_array(name, Reason::Shape { found: shape, expected: axes.to_owned() })),
        }
    }
    let hint = "row_offsets do not tell the number of actions";
    Err(in_array("num_actions", Reason::Missing { hint }))
}

/// Rewards on the successor, in row-major order, if they have the shape of the transitions.
fn beside<F: Real, D: Dimension>(
    rewards: Option<ndarray::Array<F, D>>,
    shape: &[usize],
) -> Result<Option<Vec<F>>, Error> {
    let Some(rewards) = rewards else { return Ok(None) };
    if rewards.shape() != shape {
        let (found, expected) = (rewards.shape().to_vec(), format!("{shape:?}, as the transitions have"));
        return Err(in_array("successor_rewards", Reason::Shape { found, expected }));
    }
    check_rewards("successor_rewards", Some(&rewards))?;
    Ok(Some(tables::standard_layout(rewards).into_raw_vec_and_offset().0))
}

/// Rewards are below +∞; here their place is still known.
fn check_rewards<F: Real, D: Dimension>(name: &str, rewards: Option<&ArrayRef<F, D>>) -> Result<(), Error> {
    let Some(rewards) = rewards else { return Ok(()) };
    match rewards.iter().enumerate().find(|(_, reward)| !(**reward < F::infinity())) {
        None => Ok(()),
        Some((at, &reward)) => {
            let place = Place::Entry { array: name.to_owned(), index: tables::index_of(rewards.shape(), at) };
            let (value, expected) = (reward.into_f64(), "a number below +inf");
            Err(Error::new(place, Reason::Value { value, expected }))
        }
    }
}

fn action_prior<F: Real>(arrays: &Arrays<'_>) -> Result<ActionPrior<F>, Error> {
    let weights = arrays.numbers("action_prior", "[s, a]")?;
    match (weights, arrays.flag("uniform_prior")?) {
        (Some(_), Some(true)) => Err(in_array("uniform_prior", Reason::Conflict { other: "action_prior" })),
        (Some(weights), _) => Ok(ActionPrior::Weights(weights)),
        (None, Some(true)) => Ok(ActionPrior::Uniform),
        (None, _) => Ok(ActionPrior::Counting),
    }
}

/// Transitions in rows: successors ascending, each once, none of probability 0.
struct Rows<F> {
    shape: [usize; 2],
    offsets: Vec<usize>,
    next_states: Vec<usize>,
    probabilities: Vec<F>,
    rewards: Option<Vec<F>>,
}

impl<F: Real> Rows<F> {
    fn new(dynamics: &BoxedDynamics<F>, on_successor: Option<SuccessorReward<'_, F>>) -> Self {
        let (num_states, num_actions) = (dynamics.num_states(), dynamics.num_actions());
        let mut rows = Self {
            shape: [num_states, num_actions],
            offsets: vec![0],
            next_states: Vec::new(),
            probabilities: Vec::new(),
            rewards: on_successor.as_ref().map(|_| Vec::new()),
        };
        let (mut row, mut row_rewards) = (Vec::new(), Vec::new());
        for state in 0..num_states {
            for action in 0..num_actions {
                row.clear();
                row_rewards.clear();
                if let Some(on_successor) = &on_successor {
                    on_successor(state, action, &mut |reward| row_rewards.push(reward));
                }
                let mut rewards = row_rewards.iter();
                dynamics.for_each_successor(state, action, &mut |next_state, p| {
                    let reward = rewards.next().copied().unwrap_or_else(F::zero);
                    if p > F::zero() {
                        row.push((next_state, p, reward));
                    }
                });
                // Stable: what is visited twice is summed in the order of the visits.
                row.sort_by_key(|&(next_state, ..)| next_state);
                rows.add(&row);
            }
        }
        rows
    }

    fn add(&mut self, row: &[(usize, F, F)]) {
        let first = self.next_states.len();
        for &(next_state, p, reward) in row {
            match self.probabilities.last_mut() {
                Some(sum) if self.next_states[first..].last() == Some(&next_state) => *sum += p,
                _ => {
                    self.next_states.push(next_state);
                    self.probabilities.push(p);
                    self.rewards.iter_mut().for_each(|rewards| rewards.push(reward));
                }
            }
        }
        self.offsets.push(self.next_states.len());
    }

    /// Writes the smallest of the three layouts.
    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        let [num_states, num_actions] = self.shape;
        let num_entries = self.next_states.len();
        let is_certain = self.offsets.iter().enumerate().all(|(row, &offset)| offset == row)
            && self.probabilities.iter().all(|&p| p == F::one());
        if is_certain {
            writer.indices("successors", &self.shape, &self.next_states)?;
            return match &self.rewards {
                Some(rewards) => writer.table("successor_rewards", &self.shape, rewards),
                None => Ok(()),
            };
        }
        let table_len = (num_states.checked_mul(num_states)).and_then(|len| len.checked_mul(num_actions));
        if let Some(table_len) = table_len.filter(|&len| len <= 2 * num_entries + self.offsets.len()) {
            let shape = [num_states, num_actions, num_states];
            writer.table("transitions", &shape, &self.spread(table_len, &self.probabilities))?;
            return match &self.rewards {
                Some(rewards) => writer.table("successor_rewards", &shape, &self.spread(table_len, rewards)),
                None => Ok(()),
            };
        }
        writer.indices("num_actions", &[], &[num_actions])?;
        writer.indices("row_offsets", &[self.offsets.len()], &self.offsets)?;
        writer.indices("next_states", &[num_entries], &self.next_states)?;
        writer.table("probabilities", &[num_entries], &self.probabilities)?;
        match &self.rewards {
            Some(rewards) => writer.table("successor_rewards", &[num_entries], rewards),
            None => Ok(()),
        }
    }

    /// Entries as a table `[s, a, s']` of the given length, 0 elsewhere.
    fn spread(&self, len: usize, entries: &[F]) -> Vec<F> {
        let mut table = vec![F::zero(); len];
        for (row, bounds) in self.offsets.windows(2).enumerate() {
            for at in bounds[0]..bounds[1] {
                table[row * self.shape[0] + self.next_states[at]] = entries[at];
            }
        }
        table
    }
}

/// The array that an error of a model or result is about. `probabilities` is the one that has the probabilities.
pub(super) fn place_of(error: &crate::Error, probabilities: &str) -> Place {
    use crate::Error as E;
    let array = |name: &str| Place::Array(name.to_owned());
    let entry = |name: &str, index: &[usize]| Place::Entry { array: name.to_owned(), index: index.to_vec() };
    match *error {
        E::InvalidTransition { state, action, next_state, .. } if probabilities == "transitions" => {
            entry(probabilities, &[state, action, next_state])
        }
        E::InvalidTransition { .. } | E::UnnormalizedTransition { .. } => array(probabilities),
        E::SuccessorOutOfRange { state, action, .. } if probabilities == "successors" => {
            entry(probabilities, &[state, action])
        }
        E::SuccessorOutOfRange { .. } | E::UnsortedSuccessors { .. } => array("next_states"),
        E::InvalidRowOffset { index, .. } => entry("row_offsets", &[index]),
        E::InvalidReward { state, action, .. } => entry("rewards", &[state, action]),
        E::InvalidSuccessorReward { .. } => array("successor_rewards"),
        E::InvalidTerminalValue { state, .. } => entry("terminal_values", &[state]),
        E::InvalidPriorWeight { state, action, .. } => entry("action_prior", &[state, action]),
        E::EmptyPriorRow { .. } => array("action_prior"),
        E::InvalidDiscount { .. } => array("discount"),
        E::InvalidTemperature { .. } => array("temperature"),
        E::InvalidInitial { state, .. } => entry("initial", &[state]),
        E::UnnormalizedInitial { .. } => array("initial"),
        E::NoStages => array("rewards"),
        E::InvalidPolicy { stage, state, action, .. } => entry("policy", &[stage, state, action]),
        E::UnnormalizedPolicy { .. } => array("policy"),
        E::UnnormalizedMarginals { .. } => array("state_marginals"),
        E::InferenceMismatch { .. } => array("inference"),
        E::InvalidEntry { table, ref index, .. } => match name_of(table, probabilities) {
            Some(name) => entry(name, index),
            None => Place::File,
        },
        E::ShapeMismatch { table, .. }
        | E::EmptyModel { table, .. }
        | E::TooLarge { table, .. }
        | E::StateOutOfRange { table, .. }
        | E::Overflow { table, .. } => name_of(table, probabilities).map_or(Place::File, array),
        _ => Place::File,
    }
}

/// The array that holds a table.
fn name_of(table: Table, probabilities: &str) -> Option<&str> {
    Some(match table {
        Table::Transitions => probabilities,
        Table::RowOffsets => "row_offsets",
        Table::Rewards => "rewards",
        Table::SuccessorRewards => "successor_rewards",
        Table::ActionPrior => "action_prior",
        Table::AvailableActions => "available_actions",
        Table::TerminalValues => "terminal_values",
        Table::TerminalStates => "terminal_states",
        Table::Initial => "initial",
        Table::StateValues => "state_values",
        Table::ActionValues => "action_values",
        Table::Policy => "policy",
        Table::LogPolicy => "log_policy",
        Table::ForwardMessages => "log_forward",
        Table::LogNormalizers => "log_normalizers",
        Table::LogAbsorbed => "log_absorbed",
        Table::LogEvidence => "log_evidence",
        Table::StateMarginals => "state_marginals",
        Table::AbsorbedMarginals => "absorbed_marginals",
        Table::StateActionMarginals => "state_action_marginals",
        _ => return None,
    })
}
