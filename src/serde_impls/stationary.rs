//! What the solvers of stationary problems leave behind.

use ndarray::{Array1, Array2};
use serde::de::{Deserialize, Deserializer, Error as _, Unexpected};
use serde::ser::{Serialize, Serializer};

use crate::{Convergence, Inference, LongRunGrowth, Real, StationaryPolicy, StationarySolution};

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
        check(&convergence)?;
        StationarySolution::from_tables(state_values, action_values, policy, inference, convergence)
            .map_err(D::Error::custom)
    }
}

fn check<F: Real, E: serde::de::Error>(convergence: &Convergence<F>) -> Result<(), E> {
    if convergence.error_bound >= F::zero() {
        return Ok(());
    }
    let found = Unexpected::Float(convergence.error_bound.into_f64());
    Err(E::invalid_value(found, &"an error bound of at least 0"))
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "LongRunGrowth", deny_unknown_fields)]
struct GrowthParts<F, V, P, C> {
    rate: F,
    lower_bound: F,
    upper_bound: F,
    relative_values: V,
    policy: P,
    convergence: C,
}

/// As the rate and its bounds, the relative values, `[s]`, the policy, and how the search ended.
impl<F: Real + Serialize> Serialize for LongRunGrowth<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        GrowthParts {
            rate: self.rate(),
            lower_bound: self.lower_bound(),
            upper_bound: self.upper_bound(),
            relative_values: self.relative_values(),
            policy: self.policy(),
            convergence: self.convergence(),
        }
        .serialize(serializer)
    }
}

/// Refuses bounds that do not enclose the rate, relative values above 0 or NaN, shapes that do not fit each other, an error bound
/// that is none, and what [`StationaryPolicy`] refuses.
impl<'de, F: Real + Deserialize<'de>> Deserialize<'de> for LongRunGrowth<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        type Parts<F> = GrowthParts<F, Array1<F>, StationaryPolicy<F>, Convergence<F>>;
        let parts = Parts::<F>::deserialize(deserializer)?;
        check(&parts.convergence)?;
        let GrowthParts { rate, lower_bound, upper_bound, relative_values, policy, convergence } = parts;
        if !(rate.is_finite() && lower_bound <= rate && rate <= upper_bound) {
            let found = Unexpected::Float(rate.into_f64());
            return Err(D::Error::invalid_value(found, &"a rate between its bounds"));
        }
        LongRunGrowth::from_tables((rate, lower_bound, upper_bound), relative_values, policy, convergence)
            .map_err(D::Error::custom)
    }
}
