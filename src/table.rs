//! Names of tables in messages.

use std::fmt;

/// A table of numbers, named in errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Table {
    /// A model as a whole, `[s, a]`: its numbers of states and actions.
    Model,
    /// P(s'∣s,a), `[s, a, s']`.
    Transitions,
    /// Where each row of compressed [`Table::Transitions`] starts, `[s · A + a]` and one more.
    RowOffsets,
    /// r(s,a), `[s, a]`.
    Rewards,
    /// r(s,a,s'), in the order of the successors of each pair.
    SuccessorRewards,
    /// φ_k of features of rewards: `[s, k]`, `[s, a, k]`, or one row for each transition.
    Features,
    /// φ_k of terminal values, `[s, k]`.
    TerminalFeatures,
    /// θ, the parameters of rewards, `[k]`, or their names.
    Parameters,
    /// Mean or precision of the prior of parameters, `[k]`.
    ParameterPrior,
    /// One reference action for each state, `[s]`.
    ReferenceActions,
    /// ρ(a∣s), `[s, a]`.
    ActionPrior,
    /// Which actions exist in which state, `[s, a]`.
    AvailableActions,
    /// V_T, `[s]`.
    TerminalValues,
    /// The list of terminal states.
    TerminalStates,
    /// The values that a search starts from, `[s]`.
    InitialValues,
    /// p₀, `[s]`.
    Initial,
    /// V_t(s), `[t, s]`.
    StateValues,
    /// Q_t(s,a), `[t, s, a]`.
    ActionValues,
    /// π_t(a∣s), `[t, s, a]`.
    Policy,
    /// log π_t(a∣s), `[t, s, a]`.
    LogPolicy,
    /// log α_t(s), `[t, s]`.
    ForwardMessages,
    /// log Z_t, `[t]`.
    LogNormalizers,
    /// log α_t(†), `[t]`.
    LogAbsorbed,
    /// log p(e).
    LogEvidence,
    /// Log-likelihoods of observations, `[t, s]`.
    Observations,
    /// Log-likelihoods of observations for those who have left for †, `[t]`.
    AbsorbedObservations,
    /// p(s_t∣e), `[t, s]`.
    StateMarginals,
    /// p(s_t = †∣e), `[t]`.
    AbsorbedMarginals,
    /// p(s_t,a_t∣e), `[t, s, a]`.
    StateActionMarginals,
    /// The states and actions of a trajectory.
    Trajectory,
    /// p(s_{t+1}∣s_t,a_t,e), `[s, a, s']`.
    PosteriorDynamics,
    /// The wind of each column of a map, `[column]`.
    Wind,
    /// A step that was taken in an environment.
    Step,
    /// log β(s), `[t, s]`.
    BackwardMessages,
    /// θ(s,a) of a softmax policy, `[t, s, a]`.
    Preferences,
    /// Number of updates of each state–action pair, `[t, s, a]`.
    Visits,
    /// The replay buffer of a learner.
    ReplayBuffer,
    /// The distribution of states under a policy, `[t, s]`.
    StateOccupancy,
    /// The distribution of state–action pairs under a policy, `[t, s, a]`.
    StateActionOccupancy,
    /// How often each state is visited under a stationary policy, `[s]`.
    ExpectedVisits,
    /// The stationary distribution of a policy, `[s]`.
    StationaryDistribution,
    /// The growth rate of the evidence and its bounds.
    GrowthRates,
    /// The gain of an average reward and its bounds.
    Gain,
    /// The relative values of a long-run growth or of an average reward, `[s]`.
    RelativeValues,
    /// The error bound of a search.
    ErrorBound,
    /// Coordinates of states in a picture, `[s, 2]`.
    Coordinates,
    /// Directions of actions in a picture, `[a, 2]`.
    Directions,
    /// The points of a curve.
    Series,
    /// n(s,a), the numbers of times that pairs were seen, `[s, a]`.
    Counts,
    /// The log-likelihood of demonstrations.
    LogLikelihood,
    /// The derivatives of a log-likelihood.
    Gradient,
    /// How often a likelihood counts the value of each state, `[t, s]`.
    ResidualVisits,
    /// The prior over goals, `[k]`.
    GoalPrior,
    /// S(h∣g), the probabilities that goals switch at a step, `[g, h]`.
    GoalSwitching,
    /// The posterior over goals, `[k]`.
    GoalPosterior,
}

/// A place in a table as words, such as `stage 0, state 2`.
pub(crate) struct AtIndex<'a> {
    table: Table,
    index: &'a [usize],
    is_row: bool, // without the last axis
}

impl fmt::Display for AtIndex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let axes = self.table.axes();
        let axes = &axes[..axes.len() - usize::from(self.is_row && !axes.is_empty())];
        // A table without stages has the last axes only.
        let Some(skipped) = axes.len().checked_sub(self.index.len()) else {
            return write!(f, "{:?}", self.index);
        };
        for (position, (axis, index)) in axes[skipped..].iter().zip(self.index).enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(f, "{separator}{axis} {index}")?;
        }
        Ok(())
    }
}

impl Table {
    /// The place of an entry, for messages.
    pub(crate) fn entry_at(self, index: &[usize]) -> AtIndex<'_> {
        AtIndex { table: self, index, is_row: false }
    }

    /// The place of a row, for messages.
    pub(crate) fn row_at(self, index: &[usize]) -> AtIndex<'_> {
        AtIndex { table: self, index, is_row: true }
    }

    /// Names of the axes; none where places are given as numbers.
    fn axes(self) -> &'static [&'static str] {
        match self {
            Table::Policy
            | Table::LogPolicy
            | Table::ActionValues
            | Table::StateActionMarginals
            | Table::StateActionOccupancy
            | Table::Preferences
            | Table::Visits => &["stage", "state", "action"],
            Table::StateValues
            | Table::StateMarginals
            | Table::StateOccupancy
            | Table::ForwardMessages
            | Table::BackwardMessages
            | Table::Observations
            | Table::ResidualVisits => &["stage", "state"],
            Table::Transitions | Table::SuccessorRewards => &["state", "action", "next state"],
            Table::Rewards | Table::ActionPrior | Table::Counts => &["state", "action"],
            Table::TerminalValues
            | Table::InitialValues
            | Table::RelativeValues
            | Table::ExpectedVisits
            | Table::StationaryDistribution => &["state"],
            Table::AbsorbedMarginals
            | Table::LogNormalizers
            | Table::LogAbsorbed
            | Table::AbsorbedObservations => &["stage"],
            Table::GoalPrior => &["goal"],
            Table::GoalSwitching => &["goal", "next goal"],
            _ => &[],
        }
    }

    /// The valid numbers of the table, for messages.
    pub(crate) fn entries(self) -> &'static str {
        match self {
            Table::Policy
            | Table::StateMarginals
            | Table::AbsorbedMarginals
            | Table::StateOccupancy
            | Table::StateActionOccupancy
            | Table::StationaryDistribution
            | Table::GoalPrior
            | Table::GoalSwitching => "a probability >= 0 and <= 1",
            Table::StateActionMarginals => "a probability, at most that of the state",
            Table::LogPolicy => "the logarithm of the probability in the policy",
            Table::Coordinates | Table::Directions | Table::Series => "a finite number",
            Table::GrowthRates | Table::Gain => "a finite number between its bounds",
            Table::RelativeValues => "a number <= 0",
            Table::ErrorBound | Table::ExpectedVisits => "a number >= 0",
            _ => "a number below +inf",
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Table::Model => "model",
            Table::Transitions => "transitions",
            Table::RowOffsets => "row offsets",
            Table::Rewards => "rewards",
            Table::SuccessorRewards => "successor rewards",
            Table::Features => "features",
            Table::TerminalFeatures => "features of terminal values",
            Table::Parameters => "parameters",
            Table::ParameterPrior => "prior of parameters",
            Table::ReferenceActions => "reference actions",
            Table::ActionPrior => "action prior",
            Table::AvailableActions => "available actions",
            Table::TerminalValues => "terminal values",
            Table::TerminalStates => "terminal states",
            Table::InitialValues => "initial values",
            Table::Initial => "initial distribution",
            Table::StateValues => "state values",
            Table::ActionValues => "action values",
            Table::Policy => "policy",
            Table::LogPolicy => "log-policy",
            Table::ForwardMessages => "forward messages",
            Table::LogNormalizers => "log-normalizers",
            Table::LogAbsorbed => "logarithms of absorbed mass",
            Table::LogEvidence => "log-evidence",
            Table::Observations => "observations",
            Table::AbsorbedObservations => "observations of absorbed mass",
            Table::StateMarginals => "state marginals",
            Table::AbsorbedMarginals => "absorbed marginals",
            Table::StateActionMarginals => "state-action marginals",
            Table::Trajectory => "trajectory",
            Table::PosteriorDynamics => "posterior dynamics",
            Table::Wind => "wind of columns",
            Table::Step => "step",
            Table::BackwardMessages => "backward messages",
            Table::Preferences => "preferences",
            Table::Visits => "visits",
            Table::ReplayBuffer => "replay buffer",
            Table::StateOccupancy => "state occupancy",
            Table::StateActionOccupancy => "state-action occupancy",
            Table::ExpectedVisits => "expected visits",
            Table::StationaryDistribution => "stationary distribution",
            Table::GrowthRates => "growth rates",
            Table::Gain => "gain",
            Table::RelativeValues => "relative values",
            Table::ErrorBound => "error bound",
            Table::Coordinates => "coordinates",
            Table::Directions => "directions of actions",
            Table::Series => "series",
            Table::Counts => "counts",
            Table::LogLikelihood => "log-likelihood",
            Table::Gradient => "gradient",
            Table::ResidualVisits => "residual visits",
            Table::GoalPrior => "prior over goals",
            Table::GoalSwitching => "switching of goals",
            Table::GoalPosterior => "posterior over goals",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_named_by_the_axes_that_a_table_has() {
        assert_eq!(Table::Policy.entry_at(&[1, 2, 0]).to_string(), "stage 1, state 2, action 0");
        assert_eq!(Table::Policy.entry_at(&[2, 0]).to_string(), "state 2, action 0"); // without stages
        assert_eq!(Table::Policy.row_at(&[1, 2]).to_string(), "stage 1, state 2");
        assert_eq!(Table::StateMarginals.row_at(&[3]).to_string(), "stage 3");
        assert_eq!(Table::Directions.entry_at(&[0, 1]).to_string(), "[0, 1]");
        assert_eq!(Table::StateValues.entry_at(&[0, 1, 2]).to_string(), "[0, 1, 2]"); // of no such shape
    }
}
