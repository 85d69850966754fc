//! Models.

use ndarray::{Array1, Array2};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use crate::{ActionPrior, Dynamics, Mdp, MdpBuilder, Real};

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "Mdp", deny_unknown_fields)]
struct MdpParts<D, Rewards, F, Prior, Available, Values> {
    dynamics: D,
    rewards: Rewards,
    discount: F,
    temperature: F,
    action_prior: Prior,
    available_actions: Option<Available>,
    terminal_states: Vec<usize>,
    terminal_values: Values,
}

/// As the dynamics and every option of the builder.
impl<F: Real + Serialize, D: Dynamics<Scalar = F> + Serialize> Serialize for Mdp<F, D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        MdpParts {
            dynamics: self.dynamics(),
            rewards: self.rewards(),
            discount: self.discount(),
            temperature: self.temperature(),
            action_prior: self.action_prior(),
            available_actions: self.available_actions(),
            terminal_states: self.terminal_states().collect(),
            terminal_values: self.terminal_values(),
        }
        .serialize(serializer)
    }
}

/// By [`MdpBuilder::build`], with its errors.
impl<'de, F, D> Deserialize<'de> for Mdp<F, D>
where
    F: Real + Deserialize<'de>,
    D: Dynamics<Scalar = F> + Deserialize<'de>,
{
    fn deserialize<De: Deserializer<'de>>(deserializer: De) -> Result<Self, De::Error> {
        type Parts<D, F> = MdpParts<D, Array2<F>, F, ActionPrior<F>, Array2<bool>, Array1<F>>;
        let parts = Parts::<D, F>::deserialize(deserializer)?;
        let mut builder = MdpBuilder::new(Ok(parts.dynamics), parts.rewards)
            .discount(parts.discount)
            .temperature(parts.temperature)
            .action_prior(parts.action_prior)
            .terminal_states(parts.terminal_states)
            .terminal_values(parts.terminal_values);
        if let Some(available_actions) = parts.available_actions {
            builder = builder.available_actions(available_actions);
        }
        builder.build().map_err(De::Error::custom)
    }
}
