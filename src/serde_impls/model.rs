//! Models.

use ndarray::{Array1, Array2};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use crate::{
    ActionPrior, Dynamics, Mdp, MdpBuilder, Model, Real, SuccessorRewardMdp, Table, TimeVaryingMdp, arrays,
};

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

/// Writes the dynamics and every option of the builder.
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

/// Reads through [`MdpBuilder::build`], with its errors.
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

/// The rewards on the successor.
#[derive(serde::Serialize, serde::Deserialize)]
enum SuccessorRewardsParts<R, O> {
    /// r(s,a,s') of every transition, in the order of the dynamics.
    OfTransitions(R),
    /// `(state, action, next_state, probability, reward)`, if transitions have several rewards.
    OfOutcomes(O),
}

type OutcomeParts<F> = (usize, usize, usize, F, F);

/// Writes the model without rewards on the successor, and the rewards.
impl<F: Real + Serialize, D: Dynamics<Scalar = F> + Serialize> Serialize for SuccessorRewardMdp<F, D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mdp = self.mdp();
        let mut outcomes: Vec<OutcomeParts<F>> = Vec::new();
        let successor_rewards = if self.has_several_rewards() {
            for (state, action) in ndarray::indices((mdp.num_states(), mdp.num_actions())) {
                self.for_each_outcome(state, action, |next_state, p, reward| {
                    outcomes.push((state, action, next_state, p, reward));
                });
            }
            SuccessorRewardsParts::OfOutcomes(&outcomes)
        } else {
            SuccessorRewardsParts::OfTransitions(self.successor_rewards())
        };
        SuccessorRewardParts { mdp, successor_rewards }.serialize(serializer)
    }
}

/// Folds the rewards again. Errors are those of [`Mdp::with_successor_rewards`],
/// [`Mdp::with_outcomes`] and of reading an [`Mdp`].
impl<'de, F, D> Deserialize<'de> for SuccessorRewardMdp<F, D>
where
    F: Real + Deserialize<'de>,
    D: Dynamics<Scalar = F> + Deserialize<'de>,
{
    fn deserialize<De: Deserializer<'de>>(deserializer: De) -> Result<Self, De::Error> {
        type Rewards<F> = SuccessorRewardsParts<Vec<F>, Vec<OutcomeParts<F>>>;
        let SuccessorRewardParts { mdp, successor_rewards } =
            SuccessorRewardParts::<Mdp<F, D>, Rewards<F>>::deserialize(deserializer)?;
        let successor_rewards = match successor_rewards {
            SuccessorRewardsParts::OfTransitions(rewards) => rewards,
            SuccessorRewardsParts::OfOutcomes(outcomes) => {
                return mdp.with_outcomes(outcomes).map_err(De::Error::custom);
            }
        };
        let mut num_transitions = 0;
        for (state, action) in ndarray::indices((mdp.num_states(), mdp.num_actions())) {
            mdp.dynamics().for_each_successor(state, action, &mut |_, _| num_transitions += 1);
        }
        let found = successor_rewards.len();
        arrays::check_shape(Table::SuccessorRewards, &[found], &[num_transitions])
            .map_err(De::Error::custom)?;
        let mut rewards = successor_rewards.into_iter();
        let rewards = |_, _, _| rewards.next().unwrap_or_else(F::neg_infinity);
        mdp.with_successor_rewards(rewards).map_err(De::Error::custom)
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "TimeVaryingMdp", deny_unknown_fields)]
struct TimeVaryingParts<T> {
    stages: T,
    repeats: bool,
}

/// Writes every stage in full, and whether stages repeat. Tables that stages share are written once
/// for each stage, and are no longer shared when they are read.
impl<M: Model + Serialize> Serialize for TimeVaryingMdp<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        TimeVaryingParts { stages: self.stages(), repeats: self.num_stages().is_none() }.serialize(serializer)
    }
}

/// Reads through [`TimeVaryingMdp::new`], with its errors.
impl<'de, M: Model + Deserialize<'de>> Deserialize<'de> for TimeVaryingMdp<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let TimeVaryingParts { stages, repeats } = TimeVaryingParts::<Vec<M>>::deserialize(deserializer)?;
        let model = TimeVaryingMdp::new(stages).map_err(D::Error::custom)?;
        Ok(if repeats { model.repeating() } else { model })
    }
}
