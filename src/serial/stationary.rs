//! What the solvers of stationary problems leave behind.

use ndarray::{Array1, Array2};
use serde::de::{Deserialize, Deserializer, Error as _, Unexpected};
use serde::ser::{Serialize, Serializer};

use crate::{Convergence, Inference, Real, StationaryPolicy, StationarySolution};

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "StationarySolution", deny_unknown_fields)]
struct SolutionParts<V, Q, P, C> {
    state_values: V,
    action_values: Q,
    policy: P,
    inference: Inference,
    convergence: C,
}

/// As `state_values`, `[s]`, `action_values`, `[s, a]`, the policy, which inference, and how the search ended.
impl<F: Real + Serialize> Serialize for StationarySolution<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SolutionParts {
            state_values: self.state_values(),
            action_values: self.action_values(),
            policy: self.policy(),
            inference: self.inference(),
            convergence: self.convergence(),
        }
        .serialize(serializer)
    }
}

/// Refuses shapes that do not fit each other, NaN and +∞ among values, an error bound that is none, and what
/// [`StationaryPolicy`] refuses.
impl<'de, F: Real + Deserialize<'de>> Deserialize<'de> for StationarySolution<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        type Parts<F> = SolutionParts<Array1<F>, Array2<F>, StationaryPolicy<F>, Convergence<F>>;
        let SolutionParts { state_values, action_values, policy, inference, convergence } =
            Parts::<F>::deserialize(deserializer)?;
        if !(convergence.error_bound >= F::zero()) {
            let found = Unexpected::Float(convergence.error_bound.into_f64());
            return Err(D::Error::invalid_value(found, &"an error bound of at least 0"));
        }
        StationarySolution::from_tables(state_values, action_values, policy, inference, convergence)
            .map_err(D::Error::custom)
    }
}
