//! What the solvers leave behind.
//!
//! Whether a result belongs to a model cannot be told from it; that its own tables fit each other can.

use ndarray::{Array1, Array2, Array3};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use crate::{
    ForwardMessages, Inference, Policy, Posterior, Real, Solution, StateValues, StationaryPolicy, Trajectory,
};

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "Policy", deny_unknown_fields)]
struct PolicyParts<T> {
    probabilities: T,
    log_probabilities: T,
}

/// As probabilities and logarithms, `[t, s, a]` each: the latter go on where the former underflow.
impl<F: Real + Serialize> Serialize for Policy<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (probabilities, log_probabilities) = (self.probabilities(), self.log_probabilities());
        PolicyParts { probabilities, log_probabilities }.serialize(serializer)
    }
}

/// With the errors of [`Policy::new`], and [`Error::InvalidEntry`](crate::Error::InvalidEntry) for a logarithm that is none.
impl<'de, F: Real + Deserialize<'de>> Deserialize<'de> for Policy<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let PolicyParts { probabilities, log_probabilities } =
            PolicyParts::<Array3<F>>::deserialize(deserializer)?;
        Policy::from_tables(probabilities, log_probabilities).map_err(D::Error::custom)
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "StationaryPolicy", deny_unknown_fields)]
struct StationaryPolicyParts<T> {
    probabilities: T,
    log_probabilities: T,
}

/// As probabilities and logarithms, `[s, a]` each: the latter go on where the former underflow.
impl<F: Real + Serialize> Serialize for StationaryPolicy<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (probabilities, log_probabilities) = (self.probabilities(), self.log_probabilities());
        StationaryPolicyParts { probabilities, log_probabilities }.serialize(serializer)
    }
}

/// With the errors of [`StationaryPolicy::new`], and [`Error::InvalidEntry`](crate::Error::InvalidEntry) for a logarithm that is
/// none.
impl<'de, F: Real + Deserialize<'de>> Deserialize<'de> for StationaryPolicy<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let StationaryPolicyParts { probabilities, log_probabilities } =
            StationaryPolicyParts::<Array2<F>>::deserialize(deserializer)?;
        StationaryPolicy::from_tables(probabilities, log_probabilities).map_err(D::Error::custom)
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "StateValues", deny_unknown_fields)]
struct StateValuesParts<T> {
    state_values: T,
    num_actions: usize,
    inference: Inference,
}

/// As `state_values`, `[t, s]`, the number of actions, and which inference.
impl<F: Real + Serialize> Serialize for StateValues<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (num_actions, inference) = (self.num_actions(), self.inference());
        StateValuesParts { state_values: self.state_values(), num_actions, inference }.serialize(serializer)
    }
}

/// Refuses shapes that fit no model, NaN and +∞.
impl<'de, F: Real + Deserialize<'de>> Deserialize<'de> for StateValues<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let StateValuesParts { state_values, num_actions, inference } =
            StateValuesParts::<Array2<F>>::deserialize(deserializer)?;
        StateValues::from_tables(state_values, num_actions, inference).map_err(D::Error::custom)
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "Solution", deny_unknown_fields)]
struct SolutionParts<V, Q, P> {
    state_values: V,
    action_values: Q,
    policy: P,
    inference: Inference,
}

/// As `state_values`, `[t, s]`, `action_values`, `[t, s, a]`, the policy, and which inference.
impl<F: Real + Serialize> Serialize for Solution<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SolutionParts {
            state_values: self.state_values(),
            action_values: self.action_values(),
            policy: self.policy(),
            inference: self.inference(),
        }
        .serialize(serializer)
    }
}

/// Refuses shapes that do not fit each other, NaN and +∞, and what [`Policy`] refuses.
impl<'de, F: Real + Deserialize<'de>> Deserialize<'de> for Solution<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let SolutionParts { state_values, action_values, policy, inference } =
            SolutionParts::<Array2<F>, Array3<F>, Policy<F>>::deserialize(deserializer)?;
        Solution::from_tables(state_values, action_values, policy, inference).map_err(D::Error::custom)
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "ForwardMessages", deny_unknown_fields)]
struct ForwardParts<M, L, F> {
    log_forward: M,
    log_normalizers: L,
    log_absorbed: L,
    log_evidence: F,
}

/// As `log_forward`, `[t, s]`, `log_normalizers`, `[t]`, `log_absorbed`, `[t]`, and `log_evidence`.
impl<F: Real + Serialize> Serialize for ForwardMessages<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ForwardParts {
            log_forward: self.log_forward(),
            log_normalizers: self.log_normalizers(),
            log_absorbed: self.log_absorbed(),
            log_evidence: self.log_evidence(),
        }
        .serialize(serializer)
    }
}

/// Refuses shapes that do not fit each other, NaN and +∞.
impl<'de, F: Real + Deserialize<'de>> Deserialize<'de> for ForwardMessages<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ForwardParts { log_forward, log_normalizers, log_absorbed, log_evidence } =
            ForwardParts::<Array2<F>, Array1<F>, F>::deserialize(deserializer)?;
        ForwardMessages::from_tables(log_forward, log_normalizers, log_absorbed, log_evidence)
            .map_err(D::Error::custom)
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "Posterior", deny_unknown_fields)]
struct PosteriorParts<Solution, L, F, S, P> {
    solution: Solution,
    initial: L,
    log_evidence: F,
    state_marginals: S,
    absorbed_marginals: L,
    state_action_marginals: P,
}

/// As the solution, `initial`, `[s]`, `log_evidence`, and `state_marginals`, `[t, s]`, `absorbed_marginals`, `[t]`, and
/// `state_action_marginals`, `[t, s, a]`.
impl<F: Real + Serialize> Serialize for Posterior<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        PosteriorParts {
            solution: self.solution(),
            initial: self.initial(),
            log_evidence: self.log_evidence(),
            state_marginals: self.state_marginals(),
            absorbed_marginals: self.absorbed_marginals(),
            state_action_marginals: self.state_action_marginals(),
        }
        .serialize(serializer)
    }
}

/// Refuses a solution of variational inference, shapes that do not fit it, and marginals that are no distributions.
impl<'de, F: Real + Deserialize<'de>> Deserialize<'de> for Posterior<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        type Parts<F> = PosteriorParts<Solution<F>, Array1<F>, F, Array2<F>, Array3<F>>;
        let PosteriorParts {
            solution,
            initial,
            log_evidence,
            state_marginals,
            absorbed_marginals,
            state_action_marginals,
        } = Parts::<F>::deserialize(deserializer)?;
        Posterior::from_tables(
            solution,
            initial,
            log_evidence,
            state_marginals,
            absorbed_marginals,
            state_action_marginals,
        )
        .map_err(D::Error::custom)
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "Trajectory", deny_unknown_fields)]
struct TrajectoryParts<T> {
    states: T,
    actions: T,
}

/// As `states` and `actions`.
impl Serialize for Trajectory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        TrajectoryParts { states: self.states(), actions: self.actions() }.serialize(serializer)
    }
}

/// By [`Trajectory::new`], with its errors.
impl<'de> Deserialize<'de> for Trajectory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let TrajectoryParts { states, actions } = TrajectoryParts::<Vec<usize>>::deserialize(deserializer)?;
        Trajectory::new(states, actions).map_err(D::Error::custom)
    }
}
