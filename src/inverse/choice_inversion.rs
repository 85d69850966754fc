//! Rewards from a policy, by inversion of its probabilities.
//!
//! ```text
//! ℓ = τ log(π/ρ)
//! V = (I − γ P_{a₀})⁻¹ ( r(·,a₀) − ℓ(·,a₀) )                                            (I13)
//! r = ℓ + V − γ P V
//! ```
//!
//! where a₀(s) is the reference action of s, whose reward is known, and V = V_T in terminal states.
//! Other reference rewards give other rewards with the same policy.
//!
//! # References
//!
//! T. Magnac, D. Thesmar, *Identifying dynamic discrete decision processes*, Econometrica 70, 2002.

use ndarray::{Array2, ArrayRef1};

use super::Error;
use super::likelihood::Derivative;
use crate::markov_chain::Transient;
use crate::mdp::{CheckedStage, check_discount};
use crate::{Inference, Model, Real, StationaryPolicy, Table, arrays};

/// Computes the rewards under which a policy is the stationary variational policy of a model, from
/// the rewards of one *reference action* in each state.
///
/// `reference` names that action for every state, and `mdp` holds its reward; other rewards of
/// `mdp` are not read. Terminal states need no reference, and their entries are not read. The
/// result has the rewards of `mdp` in terminal states and for actions of prior weight 0.
///
/// No fit is needed: frequencies of choices are a policy. But rewards are as noisy as the
/// frequencies, and depend on the reference. Differences of rewards between actions of a state
/// depend on it too if the actions lead to different states.
///
/// # Shapes
///
/// `reference` a₀(s), `[s]`; returns r(s,a), `[s, a]`, in reward units.
///
/// # Errors
///
/// [`Error::InvalidProbability`] if the policy has probability 0 for an action that the model
/// allows, or takes one that it excludes; [`Error::UnknownReference`] if the reward of a reference
/// action is −∞; [`Error::ForbiddenEnd`] for a terminal value of −∞. [`Error::Model`]: for shapes,
/// for an action out of range, and with [`IllConditioned`](crate::Error::IllConditioned) if γ = 1
/// and reference actions never end; [`InvalidSetting`](crate::Error::InvalidSetting) at τ = 0.
///
/// # Complexity
///
/// That of [`StationaryPolicy::evaluate`].
///
/// # Example
///
/// ```
/// use softmdp::inverse::rewards_of;
/// use softmdp::{Mdp, ndarray::array, solve_stationary};
///
/// let transitions = array![[[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]]];
/// let mdp = Mdp::new(transitions, array![[0.0, 1.5], [0.0, -0.5]])?.with_discount(0.9)?;
/// let policy = solve_stationary(&mdp, 1e-12)?.policy().clone();
///
/// // Who knows that action 0 is worth 0 finds the other rewards in the policy.
/// let known = mdp.with_rewards(array![[0.0, 0.0], [0.0, 0.0]])?;
/// let rewards = rewards_of(&known, &policy, &array![0, 0])?;
/// assert!((rewards - mdp.rewards()).iter().all(|error: &f64| error.abs() < 1e-9));
/// # Ok::<(), softmdp::inverse::Error>(())
/// ```
pub fn rewards_of<F, M>(
    mdp: &M,
    policy: &StationaryPolicy<F>,
    reference: &ArrayRef1<usize>,
) -> Result<Array2<F>, Error>
where
    F: Real,
    M: Model<Scalar = F> + ?Sized,
{
    let (num_states, num_actions) = (mdp.num_states(), mdp.num_actions());
    let (temperature, discount) = (mdp.temperature(), mdp.discount());
    arrays::check_shape(Table::Policy, policy.probabilities().shape(), &[num_states, num_actions])?;
    arrays::check_shape(Table::ReferenceActions, reference.shape(), &[num_states])?;
    check_discount(discount)?;
    let is_valid = temperature > F::zero() && temperature < F::infinity();
    crate::mdp::check_setting(is_valid, "temperature", temperature, "a finite number > 0")?;
    let stage = CheckedStage::begin(mdp, 0, Inference::Variational)?;
    let mut logs = Array2::zeros((num_states, num_actions)); // ℓ
    let mut choices = vec![F::zero(); num_states * num_actions]; // the policy a₀
    let mut b = mdp.terminal_values().to_vec();
    let takes_part: Vec<bool> = (0..num_states).map(|state| !mdp.is_terminal(state)).collect();
    for state in (0..num_states).filter(|&state| takes_part[state]) {
        let (rewards, prior) = stage.row(state)?;
        for (action, &weight) in prior.iter().enumerate() {
            let place = [state, action];
            let (probability, log) = (policy.probabilities()[place], policy.log_probabilities()[place]);
            let invalid = |expected| Error::InvalidProbability {
                state,
                action,
                probability: probability.into_f64(),
                expected,
            };
            if weight == F::zero() {
                if probability > F::zero() {
                    return Err(invalid("0, because the prior weight of the action is 0"));
                }
                continue;
            }
            if log == F::neg_infinity() {
                return Err(invalid("a number > 0: no finite reward explains a probability of 0"));
            }
            logs[place] = temperature * (log - weight.ln());
        }
        let action = reference[state];
        if action >= num_actions {
            return Err(crate::Error::ActionOutOfRange { state, action, num_actions }.into());
        }
        if !(rewards[action].is_finite() && prior[action] > F::zero()) {
            let value = if prior[action] > F::zero() { rewards[action] } else { F::neg_infinity() };
            return Err(Error::UnknownReference { state, action, value: value.into_f64() });
        }
        choices[state * num_actions + action] = F::one();
        b[state] = rewards[action] - logs[[state, action]];
    }
    if let Some(state) = (0..num_states).find(|&state| b[state] == F::neg_infinity()) {
        return Err(Error::ForbiddenEnd { state });
    }
    let (dynamics, table) = (stage.dynamics, Table::Rewards);
    let chain = Transient { dynamics, policy: &choices, takes_part: &takes_part, discount, table };
    let values = chain.solve(&b)?;
    let mut next = vec![F::zero(); num_states * num_actions];
    Derivative::variational(dynamics, discount).expectation(1, &values, &mut next)?;
    let (rewards, prior) = stage.rows(0..num_states);
    Ok(Array2::from_shape_fn((num_states, num_actions), |(state, action)| {
        let pair = state * num_actions + action;
        if !takes_part[state] || prior[pair] == F::zero() {
            return rewards[pair];
        }
        if reference[state] == action {
            return rewards[pair]; // exactly
        }
        logs[[state, action]] + values[state] - next[pair]
    }))
}
