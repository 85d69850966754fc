//! The array that an error concerns.

use crate::Table;
use crate::io::Place;

/// The place of an error of a model or result. `probabilities` is the name of the array of
/// probabilities.
pub(super) fn place_of(error: &crate::Error, probabilities: &str) -> Place {
    use crate::Error as E;
    let (row_offsets, next_states) = match probabilities {
        "data" => ("indptr", "indices"), // the names of scipy
        _ => ("row_offsets", "next_states"),
    };
    let array = |name: &str| Place::Array(name.to_owned());
    let entry = |name: &str, index: &[usize]| Place::Entry { array: name.to_owned(), index: index.to_vec() };
    match *error {
        E::InvalidTransition { state, action, next_state, .. } if probabilities == "transitions" => {
            entry(probabilities, &[state, action, next_state])
        }
        E::InvalidTransition { .. } | E::UnnormalizedTransition { .. } | E::CannotRescale { .. } => {
            array(probabilities)
        }
        E::SuccessorOutOfRange { state, action, .. } if probabilities == "successors" => {
            entry(probabilities, &[state, action])
        }
        E::SuccessorOutOfRange { .. } => array(next_states),
        E::InvalidRowOffset { index, .. } => entry(row_offsets, &[index]),
        E::InvalidReward { state, action, .. } => entry("rewards", &[state, action]),
        E::InvalidSuccessorReward { .. } => array("successor_rewards"),
        E::InvalidTerminalValue { state, .. } => entry("terminal_values", &[state]),
        E::InvalidPriorWeight { state, action, .. } => entry("action_prior", &[state, action]),
        E::EmptyPriorRow { .. } => array("action_prior"),
        E::InvalidSetting { setting: setting @ ("discount" | "temperature"), .. } => array(setting),
        E::InvalidInitial { state, .. } => entry("initial", &[state]),
        E::UnnormalizedInitial { .. } => array("initial"),
        E::NoStages => array("rewards"),
        E::InferenceMismatch { .. } => array("inference"),
        E::ImpossibleEvidence { .. } => entry("log_evidence", &[]),
        E::ObservationOutOfRange { .. } => array("observation_stages"),
        // The index names the stage, but the array has rows for some stages only.
        E::InvalidEntry { table: Table::Observations, .. } => array("observations"),
        E::InvalidEntry { table: Table::AbsorbedObservations, .. } => array("absorbed_observations"),
        E::InvalidEntry { table, ref index, .. } => match name_of(table, probabilities) {
            Some(name) => entry(name, index),
            None => Place::File,
        },
        E::ShapeMismatch { table, .. }
        | E::UnnormalizedRow { table, .. }
        | E::EmptyModel { table, .. }
        | E::TooLarge { table, .. }
        | E::StateOutOfRange { table, .. }
        | E::Overflow { table, .. } => name_of(table, probabilities).map_or(Place::File, array),
        _ => Place::File,
    }
}

/// The name of the array with the content of a table.
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
        Table::Observations => "observations",
        Table::AbsorbedObservations => "absorbed_observations",
        Table::StateMarginals => "state_marginals",
        Table::AbsorbedMarginals => "absorbed_marginals",
        Table::StateActionMarginals => "state_action_marginals",
        Table::GrowthRates => "rate",
        Table::Gain => "gain",
        Table::RelativeValues => "relative_values",
        Table::ErrorBound => "error_bound",
        _ => return None,
    })
}
