//! Values of a stationary policy under the true dynamics, with and without its entropy.

use ndarray::{Array1, ArrayRef1};

use super::StationaryPolicy;
use crate::kernels::LogMemo;
use crate::markov_chain::{Graph, Transient};
use crate::mdp::CheckedStage;
use crate::mdp::{check_initial, initial_expectation};
use crate::policy::evaluation::Entropy;
use crate::{Dynamics, Error, Model, Real, Table, arrays};

impl<F: Real> StationaryPolicy<F> {
    /// Computes the soft value V^π(s) of this policy over an infinite horizon (V6): expected
    /// discounted rewards plus τ times the action entropy relative to the prior.
    ///
    /// The policy of variational inference maximises it. In terminal states it is the terminal
    /// value. It is −∞ in dead ends, and in states where the policy takes an action that is
    /// unavailable, forbidden or of prior weight 0. If γ > 0, it is also −∞ in every state that can
    /// reach a state of value −∞.
    ///
    /// At γ = 1 the policy must reach a terminal state, or a recurrent class in which every reward
    /// and entropy is exactly 0, with probability 1. Such a class has value 0. At temperature 0, a
    /// class has value −∞ if rewards are below 0 somewhere, and nowhere above. Any other class is
    /// an error.
    ///
    /// # Accuracy
    ///
    /// Let h be the expected number of steps until the end, at most 1/(1−γ). Up to 1/(1−γ) = 10³,
    /// the error is a few ulp of max |V| times h.
    ///
    /// Beyond that, the method works on classes of states that lead to each other. Each V has a
    /// relative error of a few ulp per state, however improbable the end is. If rewards have both
    /// signs, the error is relative to the V of their magnitudes. This holds for classes of up to
    /// 256 states, and for larger ones with few successors each, such as grids. If h exceeds the
    /// inverse square root of an ulp, it also holds for full classes of up to 2000 states.
    ///
    /// In other classes the error is 4 ulp of the largest V times h. If that may exceed the cube
    /// root of an ulp, the result is [`Error::ImprobableEnd`].
    ///
    /// Rows that sum to 1 to within rounding count with their stored probabilities of leaving the
    /// state. The probability of staying is the remainder to 1.
    ///
    /// # Shapes
    ///
    /// Returns `[s]`, in reward units.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] if the policy does not fit the model; [`Error::NotHomogeneous`];
    /// [`Error::Endless`] and [`Error::ImprobableEnd`] as described above;
    /// [`Error::UnnormalizedTransition`] if a row exceeds a sum of 1 by more than the probability
    /// of leaving the state; [`Error::IllConditioned`] if the system is singular to working
    /// precision; [`Error::Overflow`]; [`Error::TooLarge`]; errors of your own [`Model`].
    ///
    /// # Complexity
    ///
    /// Time O(transitions) to mix the actions, plus one pass over the mixed rows per product of the
    /// iterative solve: tens of products, or hundreds for slowly mixing chains. Beyond 1/(1−γ) =
    /// 10³, elimination takes about as long, and O(S³) at most: some seconds for 2000 full rows.
    /// Memory O(S) numbers and the mixed rows, and up to n² numbers for a class of n states.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, StationaryPolicy, ndarray::array};
    ///
    /// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[1.0, 3.0]])?.with_discount(0.75)?;
    /// let even = StationaryPolicy::new(array![[0.5, 0.5]])?;
    /// let value = even.evaluate(&mdp)?[0];
    /// // Mean reward plus an entropy of log 2, divided by 1 − γ:
    /// assert!((value - 4.0 * (2.0 + 2.0_f64.ln())).abs() < 1e-14);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn evaluate<M: Model<Scalar = F> + ?Sized>(&self, mdp: &M) -> Result<Array1<F>, Error> {
        self.values(mdp, Entropy::Counted, None)
    }

    /// Computes J(π) = Σ_s p₀(s) V^π(s) (V1) over an infinite horizon, in reward units.
    ///
    /// # Shapes
    ///
    /// `initial` p₀, `[s]`, sums to 1.
    ///
    /// # Errors
    ///
    /// Those of [`evaluate`](Self::evaluate); [`Error::InvalidInitial`],
    /// [`Error::UnnormalizedInitial`]; [`Error::TotalOverflow`] if the sum overflows.
    pub fn elbo<M>(&self, mdp: &M, initial: &ArrayRef1<F>) -> Result<F, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        check_initial(initial, mdp.num_states())?;
        initial_expectation(initial, &self.values(mdp, Entropy::Counted, Some(initial))?)
    }

    /// Computes the expected return of this policy over an infinite horizon: discounted rewards and
    /// terminal value, without entropy.
    ///
    /// It is −∞ if the policy can take an action of prior weight 0 or an unavailable one, or can
    /// reach a dead end.
    ///
    /// # Shapes
    ///
    /// `initial` p₀, `[s]`, sums to 1.
    ///
    /// # Errors
    ///
    /// Those of [`elbo`](Self::elbo).
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, StationaryPolicy, ndarray::array};
    ///
    /// // A step costs 1 and reaches the terminal state with probability 1/2.
    /// let transitions = array![[[0.5, 0.5]], [[0.0, 1.0]]];
    /// let mdp = Mdp::builder(transitions, array![[-1.0], [0.0]]).terminal_states([1]).build()?;
    /// let policy = StationaryPolicy::new(array![[1.0], [1.0]])?;
    /// assert_eq!(policy.expected_return(&mdp, &array![1.0, 0.0])?, -2.0);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn expected_return<M>(&self, mdp: &M, initial: &ArrayRef1<F>) -> Result<F, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        check_initial(initial, mdp.num_states())?;
        initial_expectation(initial, &self.values(mdp, Entropy::Ignored, Some(initial))?)
    }

    /// V^π, `[s]`; if there is a `start`, only of states that can be reached from it.
    fn values<M>(&self, mdp: &M, entropy: Entropy, start: Option<&ArrayRef1<F>>) -> Result<Array1<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let stage = self.stage_of(mdp)?;
        let (num_states, discount) = (mdp.num_states(), mdp.discount());
        let mut values = arrays::filled(Table::StateValues, num_states, F::zero())?;
        self.rewards(mdp, &stage, entropy, arrays::slice_mut(&mut values))?;
        if discount == F::zero() {
            return Ok(values);
        }
        let dead = F::neg_infinity();
        let is_undiscounted = discount == F::one();
        let mut takes_part: Vec<bool> = (0..num_states).map(|state| !mdp.is_terminal(state)).collect();
        if is_undiscounted || values.iter().any(|&value| value == dead) {
            let graph = self.graph(mdp, &stage)?;
            // Entropies are rounded, so their sign is not certain.
            if is_undiscounted && (entropy == Entropy::Ignored || mdp.temperature() == F::zero()) {
                lose_in_classes(&graph, &takes_part, arrays::slice_mut(&mut values));
            }
            if values.iter().any(|&value| value == dead) {
                let leads = graph.leading_to(|state| values[state] == dead);
                for state in (0..num_states).filter(|&state| leads[state]) {
                    (values[state], takes_part[state]) = (dead, false);
                }
            }
            if is_undiscounted {
                let is_reached = start.map(|start| graph.reached_from(|state| start[state] > F::zero()));
                let is_asked = |state: usize| is_reached.as_ref().is_none_or(|is_reached| is_reached[state]);
                leave_out_idle(&graph, &values, &mut takes_part, is_asked)?;
            }
        }
        // States that take no part keep their value: their rows of the system are those of the
        // identity.
        let b: Vec<F> = values.iter().map(|&value| if value == dead { F::zero() } else { value }).collect();
        let system = Transient {
            dynamics: stage.dynamics,
            policy: self.tables().0,
            takes_part: &takes_part,
            discount,
            table: Table::StateValues,
        };
        let solution = system.solve(&b)?;
        for (state, value) in values.iter_mut().enumerate().filter(|(state, _)| takes_part[*state]) {
            *value = solution[state];
            if !value.is_finite() {
                return Err(Error::Overflow { table: Table::StateValues, stage: 0, state });
            }
        }
        Ok(values)
    }

    /// Writes r_π(s) = Σ_a π (r − τ log(π/ρ)), which may be −∞; terminal values in terminal states.
    fn rewards<M>(
        &self,
        mdp: &M,
        stage: &CheckedStage<'_, F, M::Dynamics>,
        entropy: Entropy,
        values: &mut [F],
    ) -> Result<(), Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let (width, dead) = (mdp.num_actions(), F::neg_infinity());
        let (policy, logs) = self.tables();
        let rows = policy.chunks_exact(width).zip(logs.chunks_exact(width));
        let mut log_prior = LogMemo::new();
        for ((state, value), (policy, logs)) in values.iter_mut().enumerate().zip(rows) {
            if mdp.is_terminal(state) {
                *value = mdp.terminal_values()[state];
                continue;
            }
            let (rewards, prior) = stage.row(state)?;
            let is_taken = |action: &usize| policy[*action] > F::zero();
            let is_dead = |action: usize| rewards[action] == dead || prior[action] == F::zero();
            let mut taken = (0..width).filter(is_taken).peekable();
            if taken.peek().is_none() || (0..width).filter(is_taken).any(is_dead) {
                *value = dead;
                continue;
            }
            for action in taken {
                *value += policy[action] * rewards[action];
                if entropy == Entropy::Counted {
                    let cost = logs[action] - log_prior.log(prior[action]);
                    *value -= mdp.temperature() * (policy[action] * cost);
                }
            }
            if !value.is_finite() {
                return Err(Error::Overflow { table: Table::StateValues, stage: 0, state });
            }
        }
        Ok(())
    }

    /// The graph of possible steps under this policy. Terminal states have none.
    pub(super) fn graph<M>(&self, mdp: &M, stage: &CheckedStage<'_, F, M::Dynamics>) -> Result<Graph, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let (policy, width) = (self.tables().0, mdp.num_actions());
        Graph::new(mdp.num_states(), |state, visit| {
            if mdp.is_terminal(state) {
                return;
            }
            let taken = (0..width).filter(|action| policy[state * width + action] > F::zero());
            for action in taken {
                stage.dynamics.for_each_successor(state, action, &mut |next_state, p| {
                    // Rows that the model never uses are unchecked here; `check_taken` checks them.
                    if p > F::zero() && next_state < mdp.num_states() {
                        visit(next_state);
                    }
                });
            }
        })
    }
}

/// Sets the rewards of recurrent classes to −∞ that earn less than 0 somewhere, and nowhere more.
fn lose_in_classes<F: Real>(graph: &Graph, takes_part: &[bool], values: &mut [F]) {
    for class in graph.recurrent_classes() {
        let is_losing = class.iter().all(|&state| takes_part[state] && values[state] <= F::zero());
        if is_losing && class.iter().any(|&state| values[state] < F::zero()) {
            class.iter().for_each(|&state| values[state] = F::neg_infinity());
        }
    }
}

/// Leaves out recurrent classes without rewards. Returns [`Error::Endless`] for a class with
/// rewards that is asked for.
fn leave_out_idle<F: Real>(
    graph: &Graph,
    values: &Array1<F>,
    takes_part: &mut [bool],
    is_asked: impl Fn(usize) -> bool,
) -> Result<(), Error> {
    for class in graph.recurrent_classes() {
        let earns = |state: &&usize| takes_part[**state] && values[**state] != F::zero();
        if let Some(&state) = class.iter().find(earns)
            && is_asked(state)
        {
            return Err(Error::Endless { state });
        }
        class.iter().for_each(|&state| takes_part[state] = false);
    }
    Ok(())
}
