//! Models.

use ndarray::{Array1, Array2};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use crate::{ActionPrior, Dynamics, Mdp, MdpBuilder, Model, Real, SuccessorRewardMdp, TimeVaryingMdp};

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

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "SuccessorRewardMdp", deny_unknown_fields)]
struct SuccessorRewardParts<M, R> {
    mdp: M,
    successor_rewards: R,
}

/// As the model without them, and r(s,a,s') of every transition in the order in which the dynamics visit it.
impl<F: Real + Serialize, D: Dynamics<Scalar = F> + Serialize> Serialize for SuccessorRewardMdp<F, D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (mdp, successor_rewards) = (self.mdp(), self.successor_rewards());
        SuccessorRewardParts { mdp, successor_rewards }.serialize(serializer)
    }
}

/// Folds the rewards anew, with the errors of [`Mdp::with_successor_rewards`] and of reading an [`Mdp`].
impl<'de, F, D> Deserialize<'de> for SuccessorRewardMdp<F, D>
where
    F: Real + Deserialize<'de>,
    D: Dynamics<Scalar = F> + Deserialize<'de>,
{
    fn deserialize<De: Deserializer<'de>>(deserializer: De) -> Result<Self, De::Error> {
        let SuccessorRewardParts { mdp, successor_rewards } =
            SuccessorRewardParts::<Mdp<F, D>, Vec<F>>::deserialize(deserializer)?;
        SuccessorRewardMdp::from_parts(&mdp, successor_rewards).map_err(De::Error::custom)
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "TimeVaryingMdp", deny_unknown_fields)]
struct TimeVaryingParts<T> {
    stages: T,
    repeats: bool,
}

/// As its stages, each in full, and whether they repeat: tables that stages share are written once a stage, and what is
/// read shares none.
impl<M: Model + Serialize> Serialize for TimeVaryingMdp<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        TimeVaryingParts { stages: self.stages(), repeats: self.num_stages().is_none() }.serialize(serializer)
    }
}

/// By [`TimeVaryingMdp::new`], with its errors.
impl<'de, M: Model + Deserialize<'de>> Deserialize<'de> for TimeVaryingMdp<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let TimeVaryingParts { stages, repeats } = TimeVaryingParts::<Vec<M>>::deserialize(deserializer)?;
        let model = TimeVaryingMdp::new(stages).map_err(D::Error::custom)?;
        Ok(if repeats { model.repeating() } else { model })
    }
}
