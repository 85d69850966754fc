//! Models whose rewards depend on the successor.

use std::sync::Arc;

use ndarray::{ArcArray2, Array1, Array2, ArrayView1, ArrayView2};

use super::checks::check_not_shared;
use super::outcomes::SuccessorRewards;
use super::{ActionPrior, Mdp, Model, Stage, forward_description};
use crate::dynamics::FoldedDynamics;
use crate::{DenseDynamics, Dynamics, Error, Inference, Real, Table, arrays};

/// An [`Mdp`] with additional rewards r(s,a,s') on the successor, from
/// [`Mdp::with_successor_rewards`] or [`Mdp::with_outcomes`].
///
/// The model converts these rewards exactly to rewards on the pair. The conversion, called a fold,
/// differs between the inferences:
///
/// ```text
/// variational   r̃(s,a) = Σ_s' P r(s,a,s')                  P unchanged
/// direct        r̃(s,a) = τ log Σ_s' P exp(r(s,a,s')/τ)     P̃ ∝ P exp(r(s,a,s')/τ)
/// ```
///
/// A transition may have several rewards, each with a probability p(s',r∣s,a):
/// [`Mdp::with_outcomes`]. The sums then run over s' and r.
///
/// The model keeps the rewards as given. Each algorithm receives the fold of its inference. A
/// change of temperature computes the folds again. With γ < 1, direct inference steps to s',
/// receives the reward, and then moves to † with probability 1 − γ. At τ = 0 the direct fold takes
/// the largest reward of a possible successor.
///
/// The `with_…` methods are those of [`Mdp`], except `with_dynamics`: other dynamics have other
/// transitions, which need rewards of their own. Use
/// `model.mdp().with_dynamics(…)?.with_successor_rewards(…)`.
///
/// A clone shares all tables. Memory: one number per transition, or two numbers per outcome if a
/// transition has several rewards. Direct inference adds a second, tilted copy of the dynamics.
///
/// # Example
///
/// ```
/// use softmdp::{Inference, Mdp, SoftValueIteration, ndarray::array};
///
/// // A coin: heads (state 1) pays 1, tails costs 1.
/// let coin = Mdp::new(array![[[0.5, 0.5]], [[0.5, 0.5]]], array![[0.0], [0.0]])?
///     .with_successor_rewards(|_, _, next_state| if next_state == 1 { 1.0 } else { -1.0 })?;
/// let value = |inference| {
///     let solver = SoftValueIteration::new(1).inference(inference);
///     Ok::<_, softmdp::Error>(solver.solve(&coin)?.state_values()[[0, 0]])
/// };
/// assert_eq!(value(Inference::Variational)?, 0.0);
/// // log E exp r, not log exp E r:
/// assert!((value(Inference::Direct)? - 1.0_f64.cosh().ln()).abs() < 1e-15);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug)]
pub struct SuccessorRewardMdp<F = f64, D = DenseDynamics<F>> {
    mdp: Mdp<F, D>,
    successor_rewards: Arc<SuccessorRewards<F>>,
    direct: Arc<Fold<F, D>>,
    variational: Arc<Fold<F, D>>,
}

/// The tables of one inference.
#[derive(Debug)]
struct Fold<F, D> {
    dynamics: Arc<FoldedDynamics<F, D>>,
    folded: ArcArray2<F>,  // r̃ of the rewards on the successor alone, [s, a]
    rewards: ArcArray2<F>, // with those on the pair, [s, a]
}

impl<F: Real, D: Dynamics<Scalar = F>> Fold<F, D> {
    fn new(
        mdp: &Mdp<F, D>,
        dynamics: Arc<FoldedDynamics<F, D>>,
        folded: ArcArray2<F>,
    ) -> Result<Arc<Self>, Error> {
        let rewards = total(mdp, arrays::copy(Table::Rewards, &folded)?)?;
        Ok(Arc::new(Self { dynamics, folded, rewards }))
    }

    /// The same fold with the rewards on the pair of another model.
    fn with_rewards_of(&self, mdp: &Mdp<F, D>) -> Result<Arc<Self>, Error> {
        Self::new(mdp, Arc::clone(&self.dynamics), self.folded.clone())
    }
}

impl<F: Real, D: Dynamics<Scalar = F>> Mdp<F, D> {
    /// Returns this model with rewards r(s,a,s') on the successor added to those on the pair.
    ///
    /// `reward(state, action, next_state)` is called once per transition. For a table `[s, a, s']`,
    /// pass `|s, a, n| table[[s, a, n]]`. −∞ forbids the transition in direct inference; in
    /// variational inference it makes the value of the pair −∞.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSuccessorReward`] for NaN or +∞; [`Error::Overflow`] if the rewards of a
    /// pair differ by more than half the range of the number type, or their sum overflows;
    /// [`Error::TooLarge`].
    ///
    /// # Complexity
    ///
    /// Time O(transitions); memory one number per transition, and the tilted dynamics of direct
    /// inference.
    pub fn with_successor_rewards(
        &self,
        reward: impl FnMut(usize, usize, usize) -> F,
    ) -> Result<SuccessorRewardMdp<F, D>, Error> {
        check_not_shared(self, "rewards on the successor")?;
        let rewards = SuccessorRewards::from_fn(&*self.dynamics, reward)?;
        SuccessorRewardMdp::fold(self.clone(), Arc::new(rewards))
    }

    /// Returns this model with the rewards of a list of outcomes added to those on the pair.
    ///
    /// An outcome is `(state, action, next_state, probability, reward)`: p(s',r∣s,a). A transition
    /// may be listed with several rewards. [`SuccessorRewardMdp`] folds them exactly. The order of
    /// the list does not matter.
    ///
    /// The dynamics give P(s'∣s,a). Only the ratios of the probabilities of one transition count,
    /// so probabilities p(r∣s,a,s') are valid too. Outcomes of probability 0 are ignored.
    ///
    /// # Errors
    ///
    /// [`Error::MissingOutcome`] for a transition that is not in the list, and
    /// [`Error::ImpossibleOutcome`] for one that the dynamics exclude. [`Error::StateOutOfRange`],
    /// [`Error::ActionOutOfRange`], [`Error::SuccessorOutOfRange`], [`Error::InvalidTransition`],
    /// and those of [`with_successor_rewards`](Self::with_successor_rewards).
    ///
    /// # Complexity
    ///
    /// For n outcomes, time O(n log n), memory O(n) in addition to that of
    /// `with_successor_rewards`.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Inference, Mdp, SoftValueIteration, SparseDynamics, ndarray::Array2};
    ///
    /// // A slot machine returns to state 0 with a gain of 1 or a loss of 1.
    /// let outcomes = [(0, 0, 0, 0.5, 1.0), (0, 0, 0, 0.5, -1.0)];
    /// let transitions = outcomes.map(|(state, action, next, p, _)| (state, action, next, p));
    /// let dynamics = SparseDynamics::from_triplets(1, 1, transitions)?; // duplicates add up
    /// let machine = Mdp::builder(dynamics, Array2::zeros((1, 1))).build()?.with_outcomes(outcomes)?;
    ///
    /// let value = |inference| {
    ///     let solver = SoftValueIteration::new(1).inference(inference);
    ///     Ok::<_, softmdp::Error>(solver.solve(&machine)?.state_values()[[0, 0]])
    /// };
    /// assert_eq!(value(Inference::Variational)?, 0.0); // the mean
    /// let log_mean_exp = 1.0_f64.cosh().ln(); // log ½(e + 1/e)
    /// assert!((value(Inference::Direct)? - log_mean_exp).abs() < 1e-15);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn with_outcomes(
        &self,
        outcomes: impl IntoIterator<Item = (usize, usize, usize, F, F)>,
    ) -> Result<SuccessorRewardMdp<F, D>, Error> {
        check_not_shared(self, "rewards on the successor")?;
        let rewards = SuccessorRewards::from_outcomes(&*self.dynamics, outcomes)?;
        SuccessorRewardMdp::fold(self.clone(), Arc::new(rewards))
    }
}

impl<F: Real, D: Dynamics<Scalar = F>> SuccessorRewardMdp<F, D> {
    /// Folds the rewards for both inferences.
    fn fold(mdp: Mdp<F, D>, successor_rewards: Arc<SuccessorRewards<F>>) -> Result<Self, Error> {
        let shape = (mdp.num_states(), mdp.num_actions());
        let table = || arrays::filled(Table::Rewards, shape, F::zero());
        let (mut tilted, mut expected) = (table()?, table()?);
        let prior = mdp.prior_weights();
        let is_used =
            |state: usize, action: usize| !mdp.is_terminal(state) && prior[[state, action]] > F::zero();
        let temperature = mdp.temperature();
        let dynamics = FoldedDynamics::tilted(
            mdp.dynamics(),
            temperature,
            |row| successor_rewards.row(row),
            &successor_rewards.folded(Inference::Direct, temperature),
            is_used,
            arrays::slice_mut(&mut tilted),
        )?;
        let means = successor_rewards.folded(Inference::Variational, temperature);
        for ((state, action), expected) in expected.indexed_iter_mut() {
            if is_used(state, action) {
                let mut rewards = means[successor_rewards.row(state * shape.1 + action)].iter();
                mdp.dynamics().for_each_successor(state, action, &mut |_, p| {
                    let reward = rewards.next().copied().unwrap_or_else(F::neg_infinity);
                    if p > F::zero() {
                        *expected += p * reward;
                    }
                });
            }
        }
        let unfolded = FoldedDynamics::unfolded(Arc::clone(&mdp.dynamics));
        let direct = Fold::new(&mdp, Arc::new(dynamics), tilted.into_shared())?;
        let variational = Fold::new(&mdp, Arc::new(unfolded), expected.into_shared())?;
        Ok(Self { mdp, successor_rewards, direct, variational })
    }

    /// The model without the rewards on the successor.
    #[must_use]
    pub fn mdp(&self) -> &Mdp<F, D> {
        &self.mdp
    }

    /// r(s,a) + r̃(s,a) of an inference, `[s, a]`, in reward units: rewards on the pair plus folded
    /// rewards on the successor.
    #[must_use]
    pub fn folded_rewards(&self, inference: Inference) -> ArrayView2<'_, F> {
        self.fold_of(inference).rewards.view()
    }

    /// r(s,a,s') of every transition, in reward units: pair after pair in row-major order, and the
    /// successors of a pair in the order in which the dynamics visit them. A transition with
    /// several rewards has all of them, in ascending order.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, ndarray::array};
    ///
    /// let coin = Mdp::new(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[0.0], [0.0]])?;
    /// let model = coin.with_successor_rewards(|_, _, next_state| next_state as f64)?;
    /// // (0, 0) → 0, (0, 0) → 1 and (1, 0) → 1: impossible transitions have no reward.
    /// assert_eq!(model.successor_rewards(), [0.0, 1.0, 1.0]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    #[must_use]
    pub fn successor_rewards(&self) -> &[F] {
        &self.successor_rewards.values
    }

    /// Whether some transition has several rewards.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, ndarray::array};
    ///
    /// let shop = Mdp::new(array![[[1.0]]], array![[0.0]])?;
    /// let takings = shop.with_successor_rewards(|_, _, _| 2.0)?;
    /// assert!(!takings.has_several_rewards());
    /// // On a quarter of all days, the shop takes in 8, and on the others nothing.
    /// let takings = takings.with_outcomes([(0, 0, 0, 0.25, 8.0), (0, 0, 0, 0.75, 0.0)])?;
    /// assert!(takings.has_several_rewards());
    /// assert_eq!(takings.successor_rewards(), [0.0, 8.0]); // instead of 2
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    #[must_use]
    pub fn has_several_rewards(&self) -> bool {
        self.successor_rewards.has_several()
    }

    /// Calls `visit(next_state, probability, reward)` for each outcome of a pair, with p(s',r∣s,a).
    ///
    /// Successors come in the order of the dynamics. A transition with several rewards is visited
    /// once for each, in ascending order of the rewards.
    ///
    /// # Panics
    ///
    /// If the state or the action is out of range.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, ndarray::array};
    ///
    /// // Half of the bets are lost, and one in ten of these costs 5.
    /// let bet = Mdp::new(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[0.0], [0.0]])?;
    /// let bet = bet.with_outcomes([
    ///     (0, 0, 1, 0.5, 1.0),
    ///     (0, 0, 0, 0.45, -1.0),
    ///     (0, 0, 0, 0.05, -5.0),
    ///     (1, 0, 1, 1.0, 0.0),
    /// ])?;
    /// let mut outcomes = Vec::new();
    /// bet.for_each_outcome(0, 0, |next_state, p, reward| outcomes.push((next_state, p, reward)));
    /// assert_eq!(outcomes, [(0, 0.05, -5.0), (0, 0.45, -1.0), (1, 0.5, 1.0)]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn for_each_outcome(&self, state: usize, action: usize, mut visit: impl FnMut(usize, F, F)) {
        assert!(action < self.mdp.num_actions(), "action {action} of {}", self.mdp.num_actions());
        let mut visits = self.successor_rewards.row(state * self.mdp.num_actions() + action);
        self.mdp.dynamics().for_each_successor(state, action, &mut |next_state, p| {
            let Some(at) = visits.next() else { return };
            self.successor_rewards.for_each_reward(at, p, |p, reward| visit(next_state, p, reward));
        });
    }

    /// Returns this model at another temperature, with its rewards folded again.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`], and those of [`Mdp::with_successor_rewards`].
    pub fn with_temperature(&self, temperature: F) -> Result<Self, Error> {
        Self::fold(self.mdp.with_temperature(temperature)?, Arc::clone(&self.successor_rewards))
    }

    /// Returns this model with another action prior, with its rewards folded again.
    ///
    /// # Errors
    ///
    /// Those of [`Mdp::with_action_prior`] and of [`Mdp::with_successor_rewards`].
    pub fn with_action_prior(&self, action_prior: ActionPrior<F>) -> Result<Self, Error> {
        Self::fold(self.mdp.with_action_prior(action_prior)?, Arc::clone(&self.successor_rewards))
    }

    /// Returns this model with other rewards on the pair, `[s, a]`. Rewards on the successor and
    /// their folds are shared.
    ///
    /// # Errors
    ///
    /// Those of [`Mdp::with_rewards`]; [`Error::Overflow`] if the sum of the rewards of a pair
    /// overflows.
    pub fn with_rewards(&self, rewards: Array2<F>) -> Result<Self, Error> {
        let mdp = self.mdp.with_rewards(rewards)?;
        let (direct, variational) =
            (self.direct.with_rewards_of(&mdp)?, self.variational.with_rewards_of(&mdp)?);
        Ok(Self { mdp, direct, variational, successor_rewards: Arc::clone(&self.successor_rewards) })
    }

    /// Returns this model with another discount.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`].
    pub fn with_discount(&self, discount: F) -> Result<Self, Error> {
        Ok(Self { mdp: self.mdp.with_discount(discount)?, ..self.clone() })
    }

    /// Returns this model with other terminal values, `[s]`.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`], [`Error::InvalidTerminalValue`].
    pub fn with_terminal_values(&self, terminal_values: Array1<F>) -> Result<Self, Error> {
        Ok(Self { mdp: self.mdp.with_terminal_values(terminal_values)?, ..self.clone() })
    }

    /// Returns this model with other terminal states, which replace the present ones, and with its
    /// rewards folded again.
    ///
    /// # Errors
    ///
    /// Those of [`Mdp::with_terminal_states`] and of [`Mdp::with_successor_rewards`].
    pub fn with_terminal_states(&self, states: impl IntoIterator<Item = usize>) -> Result<Self, Error> {
        Self::fold(self.mdp.with_terminal_states(states)?, Arc::clone(&self.successor_rewards))
    }

    /// Returns this model with other rewards r(s,a,s') on the successor, which replace the present
    /// ones.
    ///
    /// # Errors
    ///
    /// Those of [`Mdp::with_successor_rewards`].
    pub fn with_successor_rewards(
        &self,
        reward: impl FnMut(usize, usize, usize) -> F,
    ) -> Result<Self, Error> {
        self.mdp.with_successor_rewards(reward)
    }

    /// Returns this model with the rewards of a list of outcomes, which replace the present rewards
    /// on the successor.
    ///
    /// # Errors
    ///
    /// Those of [`Mdp::with_outcomes`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Inference, Mdp, ndarray::array};
    ///
    /// // A bet costs 1 and returns to state 0. Then the odds change.
    /// let table = Mdp::new(array![[[1.0]]], array![[-1.0]])?;
    /// let bet = table.with_outcomes([(0, 0, 0, 0.5, 2.0), (0, 0, 0, 0.5, 0.0)])?;
    /// assert_eq!(bet.folded_rewards(Inference::Variational), array![[0.0]]); // a fair bet
    /// let bet = bet.with_outcomes([(0, 0, 0, 0.25, 2.0), (0, 0, 0, 0.75, 0.0)])?;
    /// assert_eq!(bet.folded_rewards(Inference::Variational), array![[-0.5]]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn with_outcomes(
        &self,
        outcomes: impl IntoIterator<Item = (usize, usize, usize, F, F)>,
    ) -> Result<Self, Error> {
        self.mdp.with_outcomes(outcomes)
    }

    /// Erases the type of the dynamics, as [`Mdp::into_dyn`] does.
    #[must_use]
    pub fn into_dyn(self) -> SuccessorRewardMdp<F, Arc<dyn Dynamics<Scalar = F>>>
    where
        D: 'static,
    {
        let mdp = self.mdp.into_dyn();
        let over = |fold: &Fold<F, D>| {
            let (folded, rewards) = (fold.folded.clone(), fold.rewards.clone());
            Arc::new(Fold { dynamics: Arc::new(fold.dynamics.over(&mdp.dynamics)), folded, rewards })
        };
        let (direct, variational) = (over(&self.direct), over(&self.variational));
        SuccessorRewardMdp { mdp, successor_rewards: self.successor_rewards, direct, variational }
    }

    fn fold_of(&self, inference: Inference) -> &Fold<F, D> {
        match inference {
            Inference::Direct => &self.direct,
            Inference::Variational => &self.variational,
        }
    }
}

/// Adds the rewards on the pair to the folded ones, `[s, a]`.
fn total<F: Real, D: Dynamics<Scalar = F>>(
    mdp: &Mdp<F, D>,
    mut folded: Array2<F>,
) -> Result<ArcArray2<F>, Error> {
    for (((state, _), folded), &reward) in folded.indexed_iter_mut().zip(mdp.rewards()) {
        if reward == F::zero() {
            continue; // an entry that is not written takes no memory
        }
        let is_possible = *folded > F::neg_infinity() && reward > F::neg_infinity();
        *folded += reward;
        if is_possible && !folded.is_finite() {
            return Err(Error::Overflow { table: Table::Rewards, stage: 0, state });
        }
    }
    Ok(folded.into_shared())
}

/// Shares every table. The dynamics need not be `Clone`.
impl<F: Real, D> Clone for SuccessorRewardMdp<F, D> {
    fn clone(&self) -> Self {
        Self {
            mdp: self.mdp.clone(),
            successor_rewards: Arc::clone(&self.successor_rewards),
            direct: Arc::clone(&self.direct),
            variational: Arc::clone(&self.variational),
        }
    }
}

/// Compares what the model was made from, which determines the folds.
impl<F: Real, D: PartialEq> PartialEq for SuccessorRewardMdp<F, D> {
    fn eq(&self, other: &Self) -> bool {
        self.mdp == other.mdp && self.successor_rewards == other.successor_rewards
    }
}

impl<F: Real, D: Dynamics<Scalar = F>> Model for SuccessorRewardMdp<F, D> {
    type Scalar = F;
    type Dynamics = FoldedDynamics<F, D>;

    forward_description!(self => self.mdp);

    fn is_homogeneous(&self) -> bool {
        true
    }

    fn for_each_stage_outcome(
        &self,
        _t: usize,
        state: usize,
        action: usize,
        visit: &mut dyn FnMut(usize, F, F),
    ) {
        let reward_on_pair = self.mdp.rewards()[[state, action]];
        self.for_each_outcome(state, action, |next_state, p, reward| {
            visit(next_state, p, reward_on_pair + reward);
        });
    }

    fn stage(&self, _t: usize, inference: Inference) -> Result<Stage<'_, F, Self::Dynamics>, Error> {
        let Fold { dynamics, rewards, .. } = self.fold_of(inference);
        Ok(Stage { dynamics, rewards: rewards.view(), action_prior: self.mdp.prior_weights() })
    }
}
