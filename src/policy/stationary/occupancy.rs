//! Discounted occupancy and visits of a stationary policy under the true dynamics.

use ndarray::{Array1, Array2, ArrayRef1};

use super::StationaryPolicy;
use crate::markov_chain::Transient;
use crate::mdp::CheckedStage;
use crate::mdp::check_initial;
use crate::{Error, Model, Real, Table};

impl<F: Real> StationaryPolicy<F> {
    /// Computes the discounted occupancy d(s) = (1−γ) Σ_t γ^t d_t(s), with d_t of (V5): the
    /// distribution of the state at a random stage t of probability (1−γ) γ^t.
    ///
    /// It sums to 1 minus the mass lost in dead ends. Mass that enters a dead end counts at that
    /// stage and is lost at the next. Mass that enters a terminal state stays and counts at every
    /// later stage. So d of a terminal state is Σ_n γ^n p(the agent enters the state at stage n).
    /// In other states, d/(1−γ) is the result of [`expected_visits`](Self::expected_visits).
    ///
    /// Your own policy may take actions of prior weight 0 if their rows of the dynamics are
    /// distributions.
    ///
    /// # Accuracy
    ///
    /// That of [`expected_visits`](Self::expected_visits).
    ///
    /// # Shapes
    ///
    /// `initial` p₀, `[s]`, sums to 1; returns `[s]`.
    ///
    /// # Errors
    ///
    /// [`Error::NoDiscount`] at γ = 1, where d is not defined; [`Error::ShapeMismatch`] if the
    /// policy does not fit the model; [`Error::NotHomogeneous`]; [`Error::InvalidInitial`],
    /// [`Error::UnnormalizedInitial`]; [`Error::UnnormalizedTransition`] for the row of an action
    /// that the policy takes but the model excludes; [`Error::ImprobableEnd`],
    /// [`Error::IllConditioned`], [`Error::Overflow`] and [`Error::TooLarge`] as for
    /// [`evaluate`](Self::evaluate); errors of your own [`Model`].
    ///
    /// # Complexity
    ///
    /// That of [`evaluate`](Self::evaluate).
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, StationaryPolicy, ndarray::array};
    ///
    /// // A step reaches the terminal state with probability 1/2.
    /// let transitions = array![[[0.5, 0.5]], [[0.0, 1.0]]];
    /// let mdp = Mdp::builder(transitions, array![[0.0], [0.0]])
    ///     .discount(0.5)
    ///     .terminal_states([1])
    ///     .build()?;
    /// let policy = StationaryPolicy::new(array![[1.0], [1.0]])?;
    /// let occupancy = policy.discounted_occupancy(&mdp, &array![1.0, 0.0])?;
    /// assert!((occupancy[0] - 2.0_f64 / 3.0).abs() < 1e-15); // ½ Σ (½ · ½)^t
    /// assert!((occupancy.sum() - 1.0).abs() < 1e-15);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn discounted_occupancy<M>(&self, mdp: &M, initial: &ArrayRef1<F>) -> Result<Array1<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let left = F::one() - mdp.discount();
        if !(left > F::zero()) {
            return Err(Error::NoDiscount { table: Table::StateOccupancy });
        }
        let mut occupancy = self.expected_visits(mdp, initial)?;
        for (state, occupancy) in occupancy.iter_mut().enumerate() {
            // Mass in terminal states stays: their visits, counted once at entry, need no factor.
            if !mdp.is_terminal(state) {
                *occupancy *= left;
            }
        }
        Ok(occupancy)
    }

    /// Computes the discounted occupancy of state–action pairs, (1−γ) Σ_t γ^t d_t(s) π(a∣s).
    ///
    /// It is 0 in terminal states, because the agent takes no action there. The sum is 1 minus the
    /// [occupancy](Self::discounted_occupancy) of terminal states and dead ends.
    ///
    /// # Shapes
    ///
    /// `initial` p₀, `[s]`, sums to 1; returns `[s, a]`.
    ///
    /// # Errors
    ///
    /// Those of [`discounted_occupancy`](Self::discounted_occupancy).
    #[doc(alias("occupancy_measure"))]
    pub fn discounted_state_action_occupancy<M>(
        &self,
        mdp: &M,
        initial: &ArrayRef1<F>,
    ) -> Result<Array2<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        Ok(self.pairs(mdp, self.discounted_occupancy(mdp, initial)?))
    }

    /// Computes the expected discounted number of visits to each state, Σ_t γ^t d_t(s), not
    /// normalised.
    ///
    /// A terminal state counts once: its entry is Σ_n γ^n p(the agent enters the state at stage n).
    /// At γ = 1 this is the probability of ending in the state. The entry of each state is the
    /// derivative of Σ p₀ V^π with respect to the reward of that state.
    ///
    /// # Accuracy
    ///
    /// Entries are never negative. They are exactly 0 in states that cannot be reached.
    ///
    /// Up to 1/(1−γ) = 10³, the error is a few ulp of the largest entry times the expected number
    /// of steps. Entries below this error may be 0. Beyond that, each entry has a relative error of
    /// a few ulp per state, in the same classes of states as those of [`evaluate`](Self::evaluate).
    /// Other classes have the error stated there, or are [`Error::ImprobableEnd`].
    ///
    /// # Shapes
    ///
    /// `initial` p₀, `[s]`, sums to 1; returns `[s]`.
    ///
    /// # Errors
    ///
    /// Those of [`discounted_occupancy`](Self::discounted_occupancy), except [`Error::NoDiscount`].
    /// At γ = 1 also [`Error::Endless`], if the policy can reach a recurrent class that is not a
    /// terminal state.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, StationaryPolicy, ndarray::array};
    ///
    /// // A walk over two cells, with a terminal state on each side.
    /// let transitions = array![
    ///     [[1.0, 0.0, 0.0, 0.0]],
    ///     [[0.5, 0.0, 0.5, 0.0]],
    ///     [[0.0, 0.5, 0.0, 0.5]],
    ///     [[0.0, 0.0, 0.0, 1.0]],
    /// ];
    /// let rewards = array![[0.0], [0.0], [0.0], [0.0]];
    /// let mdp = Mdp::builder(transitions, rewards).terminal_states([0, 3]).build()?;
    /// let policy = StationaryPolicy::new(array![[1.0], [1.0], [1.0], [1.0]])?;
    /// let visits = policy.expected_visits(&mdp, &array![0.0, 1.0, 0.0, 0.0])?;
    /// let expected = array![2.0 / 3.0, 4.0 / 3.0, 2.0 / 3.0, 1.0 / 3.0];
    /// assert!((&visits - &expected).iter().all(|difference: &f64| difference.abs() < 1e-15));
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn expected_visits<M>(&self, mdp: &M, initial: &ArrayRef1<F>) -> Result<Array1<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let stage = self.stage_of(mdp)?;
        let num_states = mdp.num_states();
        check_initial(initial, num_states)?;
        let graph = self.graph(mdp, &stage)?;
        let is_reached = graph.reached_from(|state| initial[state] > F::zero());
        self.check_taken(mdp, &stage, &is_reached)?;
        if mdp.discount() == F::one() {
            let is_endless = |class: &Vec<usize>| is_reached[class[0]];
            if let Some(class) = graph.recurrent_classes().into_iter().find(is_endless) {
                return Err(Error::Endless { state: class[0] });
            }
        }
        let takes_part: Vec<bool> =
            (0..num_states).map(|state| is_reached[state] && !mdp.is_terminal(state)).collect();
        let system = Transient {
            dynamics: stage.dynamics,
            policy: self.tables().0,
            takes_part: &takes_part,
            discount: mdp.discount(),
            table: Table::ExpectedVisits,
        };
        let b: Vec<F> = initial.iter().copied().collect();
        Ok(Array1::from_vec(system.solve_transposed(&b)?))
    }

    /// Computes the gradient of Σ_s p₀(s) V^π(s) with respect to the rewards: Σ_t γ^t d_t(s)
    /// π(a∣s), the expected discounted number of visits to each pair (V8).
    ///
    /// It is the gradient of [`elbo`](Self::elbo) and of
    /// [`expected_return`](Self::expected_return). For the policy of a
    /// [`StationarySolution`](crate::StationarySolution) it is also the gradient of the optimal
    /// value, by the envelope theorem. It is not normalised: it equals the
    /// [occupancy](Self::discounted_state_action_occupancy) divided by 1−γ. The gradient with
    /// respect to terminal values is the result of [`expected_visits`](Self::expected_visits) in
    /// terminal states.
    ///
    /// # Shapes
    ///
    /// `initial` p₀, `[s]`, sums to 1; returns `[s, a]`, 0 in terminal states.
    ///
    /// # Errors
    ///
    /// Those of [`expected_visits`](Self::expected_visits).
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, StationaryPolicy, ndarray::array};
    ///
    /// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[1.0, 3.0]])?.with_discount(0.75)?;
    /// let policy = StationaryPolicy::new(array![[0.25, 0.75]])?;
    /// assert_eq!(policy.reward_gradient(&mdp, &array![1.0])?, array![[1.0, 3.0]]); // π/(1 − γ)
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    #[doc(alias("irl", "inverse_reinforcement_learning"))]
    pub fn reward_gradient<M>(&self, mdp: &M, initial: &ArrayRef1<F>) -> Result<Array2<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        Ok(self.pairs(mdp, self.expected_visits(mdp, initial)?))
    }

    /// x(s) π(a|s), 0 in terminal states.
    fn pairs<M>(&self, mdp: &M, states: Array1<F>) -> Array2<F>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let mut pairs = self.probabilities().to_owned();
        for (state, mut row) in pairs.outer_iter_mut().enumerate() {
            let weight = if mdp.is_terminal(state) { F::zero() } else { states[state] };
            row.iter_mut().for_each(|pair| *pair *= weight);
        }
        pairs
    }

    /// Checks the rows of actions that this policy takes in reachable states but the model
    /// excludes.
    pub(super) fn check_taken<M>(
        &self,
        mdp: &M,
        stage: &CheckedStage<'_, F, M::Dynamics>,
        is_reached: &[bool],
    ) -> Result<(), Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let policy = self.probabilities();
        for state in (0..mdp.num_states()).filter(|&state| is_reached[state] && !mdp.is_terminal(state)) {
            let (_, prior) = stage.row(state)?;
            for (action, &weight) in prior.iter().enumerate() {
                if policy[[state, action]] > F::zero() && weight == F::zero() {
                    stage.check_taken(state, action)?;
                }
            }
        }
        Ok(())
    }
}
