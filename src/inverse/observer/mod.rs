//! The goal of an agent that is watched.
//!
//! ```text
//! p(g | s_0 a_0 … s_u) ∝ p(g) Π_t l_t(g)
//! log l_t(g) = log π^g_t(a_t|s_t)                              actions of an agent
//! log l_t(g) = log π^g_t(a_t|s_t) + log p^g(s_{t+1}|s_t,a_t,e) trajectories        (I14)
//! ```
//!
//! `goal` computes the log-likelihood of a step under one goal, and `belief` the posterior over
//! goals that may switch.
//!
//! # References
//!
//! Baker, Saxe, Tenenbaum, *Action understanding as inverse planning*, Cognition 113 (2009);
//! Ramachandran, Amir, *Bayesian Inverse Reinforcement Learning*, IJCAI 2007.

mod belief;
mod checks;
mod goal;
mod goal_posterior;

use std::fmt;
use std::sync::Arc;

use ndarray::{Array2, ArrayRef1, ArrayView1, ArrayView2};

use super::{Error, Likelihood};
use crate::{Model, Policy, Real, StationaryPolicy, Table, arrays};
use belief::Belief;
use checks::{check_distribution, check_goals};
use goal::{Acts, Goal, Step};

pub use goal_posterior::goal_posterior;

/// An observer of an agent that pursues one of k goals: the posterior over the goals, step by step.
///
/// A goal is a model that the agent solves, or any policy. Models share states and actions, but may
/// differ in everything else: rewards, terminal states, temperature, dynamics. To learn the goal
/// and the temperature together, pass a model for each pair of them; see
/// [`posterior_grid`](Self::posterior_grid).
///
/// [`Likelihood`] chooses what a step tells:
///
/// - [`Likelihood::actions`]: the agent chooses actions, the world chooses the outcomes. An attempt
///   counts, whether it succeeds or not.
/// - [`Likelihood::trajectories`]: the agent is known to be successful, and outcomes are evidence
///   too. Without a horizon, an attempt that leaves the state unchanged does not change the odds of
///   goals that share dynamics and rewards.
///
/// The likelihood of a goal multiplies over the whole history before goals mix. An improbable goal
/// keeps its logarithm, so that no history underflows. Once a step is impossible under a goal, such
/// as a step after the goal's end, the posterior of the goal is 0. Only a goal that may
/// [switch](Self::with_switching) returns from 0.
///
/// A clone shares the goals, and copies the history.
///
/// # Example
///
/// An agent walks in a corridor of five cells. Does it want to leave on the left or on the right?
///
/// ```
/// use softmdp::inverse::{Likelihood, Observer};
/// use softmdp::ndarray::{Array2, array};
/// use softmdp::{ActionPrior, DeterministicDynamics, Inference, Mdp};
///
/// let walk = |s: usize, a: usize| if a == 0 { s.saturating_sub(1) } else { (s + 1).min(4) };
/// let rewards = Array2::from_elem((5, 2), -1.0);
/// let mdp = Mdp::builder(DeterministicDynamics::from_fn(5, 2, walk)?, rewards)
///     .action_prior(ActionPrior::Uniform)
///     .terminal_states([0])
///     .build()?;
/// let goals = [mdp.clone(), mdp.with_terminal_states([4])?]; // left, right
///
/// let likelihood = Likelihood::actions(Inference::Variational);
/// let mut observer = Observer::new(&goals, &likelihood, &array![0.5, 0.5])?;
/// observer.watch(2, 1, 3)?;
/// assert!(observer.posterior()[1] > 0.85);
/// observer.watch(3, 0, 2)?; // back
/// assert!(observer.posterior()[1] < 0.7);
/// # Ok::<(), softmdp::inverse::Error>(())
/// ```
#[derive(Clone)]
pub struct Observer<'a, F = f64> {
    goals: Vec<Arc<dyn Goal<F> + 'a>>,
    belief: Belief<F>,
    /// The steps that were watched.
    steps: Vec<Step>,
    /// Steps of this episode.
    stage: usize,
    /// Where the last step of this episode ended.
    state: Option<usize>,
}

impl<F: Real> fmt::Debug for Observer<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<_> = self.steps.iter().map(|step| (step.state, step.action)).collect();
        let posterior = self.posterior();
        let mut fields = f.debug_struct("Observer");
        fields.field("steps", &steps).field("posterior", &posterior).finish_non_exhaustive()
    }
}

impl<'a, F: Real> Observer<'a, F> {
    /// Solves a model for each goal.
    ///
    /// The models may be owned or borrowed: `&models` of a slice or of a `Vec` is accepted. Without
    /// a [`horizon`](Likelihood::horizon), the agent solves stationary problems. With a horizon,
    /// each episode starts at stage 0. If the likelihood is joint with the start
    /// ([`Likelihood::initial`]), the first state of each episode is evidence too.
    ///
    /// # Shapes
    ///
    /// `prior` `[k]`, one probability a model, sums to 1.
    ///
    /// # Errors
    ///
    /// [`Error::NoStepProbability`] for feature matching; [`Error::UnusedInitial`] for an initial
    /// distribution of actions; [`Error::UnsolvedGoal`] if the stationary problem of a goal is not
    /// solved. In [`Error::Model`]: [`ShapeMismatch`](crate::Error::ShapeMismatch),
    /// [`InvalidEntry`](crate::Error::InvalidEntry) and
    /// [`UnnormalizedRow`](crate::Error::UnnormalizedRow) for the prior, and `ShapeMismatch` for
    /// models of different sizes; [`ZeroTemperature`](crate::Error::ZeroTemperature) for
    /// trajectories; errors of the solver.
    ///
    /// # Complexity
    ///
    /// Time of k solves. Memory k·S numbers for trajectories, k·S·A for actions; times T with a
    /// horizon.
    pub fn new<M>(
        models: impl IntoIterator<Item = M>,
        likelihood: &Likelihood<F>,
        prior: &ArrayRef1<F>,
    ) -> Result<Self, Error>
    where
        M: Model<Scalar = F> + Send + 'a,
    {
        let models: Vec<M> = models.into_iter().collect();
        let shapes = models.iter().map(|model| (model.num_states(), model.num_actions()));
        check_goals(shapes, prior)?;
        Ok(Self::of_goals(goal::solve(models, likelihood)?, prior))
    }

    /// Watches for stationary policies of any origin, such as exp(Q/τ) for a Q of your own.
    ///
    /// The likelihood of a step is π(a∣s). A policy does not know where its goal ends, and accepts
    /// every next state. A row of zeros says that the agent does not act in a state.
    ///
    /// # Shapes
    ///
    /// `prior` `[k]`, one probability a policy, sums to 1.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new) for the prior and the sizes.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{StationaryPolicy, inverse::Observer, ndarray::array};
    ///
    /// let left = StationaryPolicy::new(array![[0.9, 0.1], [0.8, 0.2]])?;
    /// let right = StationaryPolicy::new(array![[0.3, 0.7], [0.1, 0.9]])?;
    /// let mut observer = Observer::of_stationary_policies(vec![left, right], &array![0.5, 0.5])?;
    /// observer.watch(0, 0, 0)?;
    /// assert!((observer.posterior()[0] - 0.75_f64).abs() < 1e-15); // 0.9 : 0.3
    /// # Ok::<(), softmdp::inverse::Error>(())
    /// ```
    pub fn of_stationary_policies(
        policies: Vec<StationaryPolicy<F>>,
        prior: &ArrayRef1<F>,
    ) -> Result<Self, Error> {
        Self::of_acts(policies.into_iter().map(Acts::Always).collect(), prior)
    }

    /// Watches for policies over a finite horizon, of any origin. Each episode starts at stage 0.
    ///
    /// The rest is as in [`of_stationary_policies`](Self::of_stationary_policies).
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new) for the prior and the sizes.
    pub fn of_policies(policies: Vec<Policy<F>>, prior: &ArrayRef1<F>) -> Result<Self, Error> {
        Self::of_acts(policies.into_iter().map(Acts::Stages).collect(), prior)
    }

    fn of_acts(acts: Vec<Acts<F>>, prior: &ArrayRef1<F>) -> Result<Self, Error> {
        check_goals(acts.iter().map(Goal::shape), prior)?;
        Ok(Self::of_goals(acts, prior))
    }

    fn of_goals<G: Goal<F> + 'a>(goals: Vec<G>, prior: &ArrayRef1<F>) -> Self {
        let goals = goals.into_iter().map(|goal| Arc::new(goal) as Arc<dyn Goal<F> + 'a>).collect();
        Self { goals, belief: Belief::new(prior.to_owned()), steps: Vec::new(), stage: 0, state: None }
    }

    /// Makes a copy whose agent may change its goal between steps.
    ///
    /// The first step has a goal of the prior. S(h∣g) = `switching[[g, h]]` is the probability that
    /// a step has goal h if the step before it had goal g. Steps that were watched already are
    /// weighed again.
    ///
    /// With models for each goal and temperature, let a switch keep the temperature: an agent
    /// changes its goal, and keeps how rational it is.
    ///
    /// # Shapes
    ///
    /// `switching` `[g, h]`, each row sums to 1.
    ///
    /// # Errors
    ///
    /// [`ShapeMismatch`](crate::Error::ShapeMismatch), [`InvalidEntry`](crate::Error::InvalidEntry)
    /// and [`UnnormalizedRow`](crate::Error::UnnormalizedRow), in [`Error::Model`];
    /// [`Error::ImpossibleStep`] if steps that were watched are impossible then, with state and
    /// action.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{StationaryPolicy, inverse::Observer, ndarray::array};
    ///
    /// let left = StationaryPolicy::new(array![[0.9, 0.1]])?;
    /// let right = StationaryPolicy::new(array![[0.1, 0.9]])?;
    /// let mut observer = Observer::of_stationary_policies(vec![left, right], &array![0.5, 0.5])?
    ///     .with_switching(array![[0.8, 0.2], [0.2, 0.8]])?;
    /// for action in [0, 0, 0, 1, 1, 1] {
    ///     observer.watch(0, action, 0)?;
    /// }
    /// assert!(observer.posterior()[1] > 0.9);
    /// let smoothed = observer.smoothed(); // [t, k]
    /// assert!(smoothed[[0, 0]] > 0.9 && smoothed[[5, 1]] > 0.9);
    /// # Ok::<(), softmdp::inverse::Error>(())
    /// ```
    pub fn with_switching(self, switching: Array2<F>) -> Result<Self, Error> {
        let (table, num_goals) = (Table::GoalSwitching, self.num_goals());
        arrays::check_shape(table, switching.shape(), &[num_goals, num_goals])?;
        for (goal, row) in switching.outer_iter().enumerate() {
            check_distribution(table, &[goal], row)?;
        }
        let belief =
            self.belief.with_switching(&switching).map_err(|step| self.steps[step].impossible(step))?;
        Ok(Self { belief, ..self })
    }

    /// Learns from a step of the agent, and returns the posterior over goals, `[k]`.
    ///
    /// The step starts where the last one of the episode ended. If it returns an error, the
    /// observer has not changed.
    ///
    /// # Errors
    ///
    /// [`Error::ImpossibleStep`] if the step is impossible under every goal that is still possible;
    /// [`Error::BrokenPath`]; [`Error::AfterHorizon`]. In [`Error::Model`]:
    /// [`StateOutOfRange`](crate::Error::StateOutOfRange),
    /// [`ActionOutOfRange`](crate::Error::ActionOutOfRange);
    /// [`TotalOverflow`](crate::Error::TotalOverflow); errors of your own [`Model`].
    ///
    /// # Complexity
    ///
    /// Time O(k · successors of a pair), and k² if goals switch. The history takes k numbers a
    /// step.
    pub fn watch(
        &mut self,
        state: usize,
        action: usize,
        next_state: usize,
    ) -> Result<ArrayView1<'_, F>, Error> {
        self.step(state, action, Some(next_state))?;
        (self.stage, self.state) = (self.stage + 1, Some(next_state));
        Ok(self.posterior())
    }

    /// Learns from a step by which the agent left for the absorbing state † of direct inference
    /// with γ < 1. The next step starts a new episode.
    ///
    /// The step is impossible in variational inference, and under γ = 1.
    ///
    /// # Errors
    ///
    /// Those of [`watch`](Self::watch).
    pub fn watch_leaving(&mut self, state: usize, action: usize) -> Result<ArrayView1<'_, F>, Error> {
        self.step(state, action, None)?;
        self.start_episode();
        Ok(self.posterior())
    }

    /// Says that the agent starts anew, at stage 0 and in any state. What is known of its goal
    /// stays.
    pub fn start_episode(&mut self) {
        (self.stage, self.state) = (0, None);
    }

    /// Checks a step and updates the belief.
    fn step(&mut self, state: usize, action: usize, next_state: Option<usize>) -> Result<(), Error> {
        let step = self.num_steps();
        let (num_states, num_actions) = self.goals[0].shape();
        for state in [Some(state), next_state].into_iter().flatten() {
            if state >= num_states {
                let table = Table::Step;
                return Err(crate::Error::StateOutOfRange { table, state, num_states }.into());
            }
        }
        if action >= num_actions {
            return Err(crate::Error::ActionOutOfRange { state, action, num_actions }.into());
        }
        match self.state {
            Some(expected) if expected != state => return Err(Error::BrokenPath { step, state, expected }),
            _ => {}
        }
        let horizons = self.goals.iter().filter_map(|goal| goal.horizon());
        if let Some(horizon) = horizons.min().filter(|&horizon| self.stage >= horizon) {
            return Err(Error::AfterHorizon { step, horizon });
        }
        let seen = Step { stage: self.stage, state, action, next_state };
        let logs = self.goals.iter().map(|goal| goal.log_likelihood(&seen)).collect::<Result<Vec<_>, _>>()?;
        if !self.belief.update(&logs) {
            return Err(seen.impossible(step));
        }
        self.steps.push(seen);
        Ok(())
    }

    /// Number k of goals.
    #[must_use]
    pub fn num_goals(&self) -> usize {
        self.goals.len()
    }

    /// Number of steps that were watched, in all episodes.
    #[must_use]
    pub fn num_steps(&self) -> usize {
        self.steps.len()
    }

    /// p(goal ∣ steps so far), `[k]`, sums to 1. If goals switch, it is that of the last step.
    #[must_use]
    pub fn posterior(&self) -> ArrayView1<'_, F> {
        self.belief.posterior().view()
    }

    /// The posterior as a table of goals and temperatures, or of any two properties of the k
    /// models, `[goal, temperature]`.
    ///
    /// The models are given goal by goal: all temperatures of the first goal, then those of the
    /// second. Sums over an axis are the marginals.
    ///
    /// # Errors
    ///
    /// [`Error::NotAGrid`] unless k is a multiple of `num_temperatures`.
    ///
    /// # Example
    ///
    /// Does the agent want A or B, and how rational is it?
    ///
    /// ```
    /// use softmdp::inverse::{Likelihood, Observer};
    /// use softmdp::ndarray::{Array1, Axis, array};
    /// use softmdp::{Inference, Mdp};
    ///
    /// let mut models = Vec::new();
    /// for rewards in [array![[1.0, 0.0]], array![[0.0, 1.0]]] {
    ///     for temperature in [0.2, 1.0, 5.0] {
    ///         let mdp = Mdp::new(array![[[1.0], [1.0]]], rewards.clone())?.with_discount(0.9)?;
    ///         models.push(mdp.with_temperature(temperature)?);
    ///     }
    /// }
    /// let prior = Array1::from_elem(6, 1.0 / 6.0);
    /// let likelihood = Likelihood::actions(Inference::Variational);
    /// let mut observer = Observer::new(&models, &likelihood, &prior)?;
    /// for action in [0, 0, 0, 0, 1, 0, 0] {
    ///     observer.watch(0, action, 0)?;
    /// }
    /// let grid = observer.posterior_grid(3)?;
    /// let (goals, temperatures) = (grid.sum_axis(Axis(1)), grid.sum_axis(Axis(0)));
    /// assert!(goals[0] > 0.85); // A
    /// assert!(temperatures[1] > temperatures[0] && temperatures[1] > temperatures[2]);
    /// # Ok::<(), softmdp::inverse::Error>(())
    /// ```
    pub fn posterior_grid(&self, num_temperatures: usize) -> Result<ArrayView2<'_, F>, Error> {
        let num_models = self.num_goals();
        let num_goals = num_models.checked_div(num_temperatures).unwrap_or(0);
        if num_goals * num_temperatures != num_models {
            return Err(Error::NotAGrid { num_models, num_temperatures });
        }
        Ok(arrays::view(arrays::slice(self.belief.posterior()), (num_goals, num_temperatures)))
    }

    /// log Σ_g p(g) Π_t l_t(g), or its form for goals that switch: the log-likelihood of all steps,
    /// in nats. It compares sets of goals.
    #[must_use]
    pub fn log_evidence(&self) -> F {
        self.belief.log_evidence()
    }

    /// log l_t(g), the log-likelihood of each step under each goal, `[t, k]`, in nats; −∞ for a
    /// step that is impossible under the goal.
    #[must_use]
    pub fn log_likelihoods(&self) -> ArrayView2<'_, F> {
        self.belief.log_likelihoods()
    }

    /// Computes p(goal of step t ∣ all steps), `[t, k]`, one row a step that was watched.
    ///
    /// If goals do not switch, each row is the [`posterior`](Self::posterior).
    ///
    /// # Complexity
    ///
    /// Time O(steps · k²), memory O(steps · k).
    #[must_use]
    pub fn smoothed(&self) -> Array2<F> {
        self.belief.smoothed()
    }
}
