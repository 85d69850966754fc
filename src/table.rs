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
    /// The compressed form of [`Table::Transitions`]: where each row starts, `[s · A + a]` and one more.
    RowOffsets,
    /// r(s,a), `[s, a]`.
    Rewards,
    /// r(s,a,s'), beside the successors of each pair.
    SuccessorRewards,
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
    /// A step that was taken in an environment.
    Step,
    /// log β(s), `[t, s]`.
    BackwardMessages,
    /// θ(s,a) of a softmax policy, `[t, s, a]`.
    Preferences,
    /// How often each state–action pair was learned from, `[t, s, a]`.
    Visits,
    /// The steps that a learner keeps.
    ReplayBuffer,
    /// The distribution of states under a policy, `[t, s]`.
    StateOccupancy,
    /// The distribution of state–action pairs under a policy, `[t, s, a]`.
    StateActionOccupancy,
    /// How often each state is visited under a stationary policy, `[s]`.
    ExpectedVisits,
    /// Where a stationary policy is in the long run, `[s]`.
    StationaryDistribution,
    /// How fast the evidence grows in the long run.
    GrowthRates,
    /// The error bound of a search.
    ErrorBound,
    /// Where states are drawn, `[s, 2]`.
    Coordinates,
    /// Where actions point when they are drawn, `[a, 2]`.
    Directions,
    /// The points of a curve.
    Series,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Table::Model => "model",
            Table::Transitions => "transitions",
            Table::RowOffsets => "row offsets",
            Table::Rewards => "rewards",
            Table::SuccessorRewards => "successor rewards",
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
            Table::StateMarginals => "state marginals",
            Table::AbsorbedMarginals => "absorbed marginals",
            Table::StateActionMarginals => "state-action marginals",
            Table::Trajectory => "trajectory",
            Table::PosteriorDynamics => "posterior dynamics",
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
            Table::ErrorBound => "error bound",
            Table::Coordinates => "coordinates",
            Table::Directions => "directions of actions",
            Table::Series => "series",
        })
    }
}
