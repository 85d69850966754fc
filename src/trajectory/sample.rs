//! Exact samples of trajectories.
//!
//! The posterior is a Markov chain whose transitions are the policy and the posterior dynamics
//! (D9). So a sample is one pass from the first stage to the last, without weights or rejection.

use ndarray::{ArrayRef1, ArrayView2};
use rand::Rng;

use super::Trajectory;
use crate::dynamics::successors::LuckyRows;
use crate::kernels::{Draw, draw};
use crate::mdp::{CheckedStage, check_initial};
use crate::{Dynamics, Error, Inference, Model, Policy, Posterior, Real, StationaryPolicy, arrays};

impl<F: Real> Posterior<F> {
    /// Draws an exact, independent sample from p(trajectory ∣ e).
    ///
    /// The same state of the generator gives the same trajectory.
    ///
    /// `mdp` must be the model that was solved; only its shape can be checked.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`], [`Error::HorizonOutOfRange`], [`Error::ZeroTemperature`]; errors
    /// of your own [`Model`].
    ///
    /// # Complexity
    ///
    /// Time O(T · (A + successors of a pair)).
    ///
    /// # Example
    ///
    /// ```
    /// use rand::{SeedableRng, rngs::StdRng};
    /// use softmdp::{Gridworld, posterior};
    ///
    /// let grid = Gridworld::parse("S...G").unwrap().slip(0.2);
    /// let mdp = grid.mdp()?;
    /// let posterior = posterior(&mdp, &grid.initial(), 6)?;
    /// let mut rng = StdRng::seed_from_u64(1);
    /// let trajectory = posterior.sample(&mdp, &mut rng)?;
    /// assert_eq!(trajectory.states()[0], 0);
    /// assert!(posterior.log_probability(&mdp, &trajectory)? > f64::NEG_INFINITY);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn sample<M, R>(&self, mdp: &M, rng: &mut R) -> Result<Trajectory, Error>
    where
        M: Model<Scalar = F> + ?Sized,
        R: Rng + ?Sized,
    {
        let solution = self.solution();
        self.check_model(mdp)?;
        let may_leave = mdp.discount() < F::one();
        let mut state = draw(rng, self.state_marginals().row(0).iter().copied().enumerate()).unwrap_or(0);
        let (mut states, mut actions) = (vec![state], Vec::new());
        let values = solution.state_values();
        for t in 0..self.horizon() {
            if mdp.is_terminal(state) {
                break;
            }
            let policy = self.policy().at(t)?;
            let Some(action) = draw(rng, policy.row(state).iter().copied().enumerate()) else { break };
            actions.push(action);
            let stage = CheckedStage::begin(mdp, t, Inference::Direct)?;
            let next_values = values.row(t + 1);
            let absorbed_value = solution.observed().absorbed_value(t + 1, mdp.temperature())?;
            let may_leave = may_leave && absorbed_value > F::neg_infinity();
            let mut lucky = LuckyRows::new(mdp.discount(), mdp.temperature(), arrays::slice(&next_values))
                .with_absorbed_value(absorbed_value);
            let mut successors = Draw::new(rng);
            lucky.for_each(stage.dynamics, (state, action), |next_state, p| {
                successors.offer(next_state, p);
            });
            match successors.choice(may_leave) {
                Some(next_state) => state = next_state,
                None => break,
            }
            states.push(state);
        }
        Trajectory::new(states, actions)
    }
}

impl<F: Real> Policy<F> {
    /// Draws a trajectory of this policy under the true dynamics (V0).
    ///
    /// It ends early in a terminal state or in a dead end (a state whose row of the policy is all
    /// zeros). The same state of the generator gives the same trajectory.
    ///
    /// # Shapes
    ///
    /// `initial` p₀, `[s]`, sums to 1.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] if the policy does not fit the model; [`Error::InvalidInitial`],
    /// [`Error::UnnormalizedInitial`]; [`Error::UnnormalizedTransition`] for the row of an action
    /// that the policy takes but the model excludes; errors of your own [`Model`].
    ///
    /// # Complexity
    ///
    /// Time O(T · (A + successors of a pair)).
    ///
    /// # Example
    ///
    /// ```
    /// use rand::{SeedableRng, rngs::StdRng};
    /// use softmdp::{Mdp, Policy, ndarray::array};
    ///
    /// let mdp = Mdp::new(array![[[0.0, 1.0]], [[1.0, 0.0]]], array![[0.0], [0.0]])?;
    /// let policy = Policy::new(array![[[1.0], [1.0]], [[1.0], [1.0]]])?;
    /// let trajectory = policy.sample(&mdp, &array![1.0, 0.0], &mut StdRng::seed_from_u64(7))?;
    /// assert_eq!((trajectory.states(), trajectory.actions()), (&[0, 1, 0][..], &[0, 0][..]));
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn sample<M, R>(&self, mdp: &M, initial: &ArrayRef1<F>, rng: &mut R) -> Result<Trajectory, Error>
    where
        M: Model<Scalar = F> + ?Sized,
        R: Rng + ?Sized,
    {
        self.check_model(mdp)?;
        act(mdp, initial, self.horizon(), |t| self.at(t), rng)
    }
}

impl<F: Real> StationaryPolicy<F> {
    /// Draws a trajectory of `horizon` actions by this policy under the true dynamics (V0).
    ///
    /// It ends early in a terminal state or in a dead end (a state whose row of the policy is all
    /// zeros). The same state of the generator gives the same trajectory.
    ///
    /// # Shapes
    ///
    /// `initial` p₀, `[s]`, sums to 1.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] if the policy does not fit the model; [`Error::NotHomogeneous`];
    /// [`Error::InvalidInitial`], [`Error::UnnormalizedInitial`]; [`Error::UnnormalizedTransition`]
    /// for the row of an action that the policy takes but the model excludes; errors of your own
    /// [`Model`].
    ///
    /// # Complexity
    ///
    /// Time O(T · (A + successors of a pair)).
    ///
    /// # Example
    ///
    /// ```
    /// use rand::{SeedableRng, rngs::StdRng};
    /// use softmdp::{Mdp, StationaryPolicy, ndarray::array};
    ///
    /// let mdp = Mdp::new(array![[[0.0, 1.0]], [[1.0, 0.0]]], array![[0.0], [0.0]])?;
    /// let policy = StationaryPolicy::new(array![[1.0], [1.0]])?;
    /// let trajectory = policy.sample(&mdp, &array![1.0, 0.0], 3, &mut StdRng::seed_from_u64(7))?;
    /// assert_eq!(trajectory.states(), [0, 1, 0, 1]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn sample<M, R>(
        &self,
        mdp: &M,
        initial: &ArrayRef1<F>,
        horizon: usize,
        rng: &mut R,
    ) -> Result<Trajectory, Error>
    where
        M: Model<Scalar = F> + ?Sized,
        R: Rng + ?Sized,
    {
        self.check_model(mdp)?;
        act(mdp, initial, horizon, |_| Ok(self.probabilities()), rng)
    }
}

/// Draws a trajectory of a policy that is `[s, a]` at each stage.
fn act<'p, F, M, R>(
    mdp: &M,
    initial: &ArrayRef1<F>,
    horizon: usize,
    policy: impl Fn(usize) -> Result<ArrayView2<'p, F>, Error>,
    rng: &mut R,
) -> Result<Trajectory, Error>
where
    F: Real,
    M: Model<Scalar = F> + ?Sized,
    R: Rng + ?Sized,
{
    check_initial(initial, mdp.num_states())?;
    let mut state = draw(rng, initial.iter().copied().enumerate()).unwrap_or(0);
    let (mut states, mut actions) = (vec![state], Vec::new());
    for t in 0..horizon {
        if mdp.is_terminal(state) {
            break;
        }
        let chances = policy(t)?;
        let Some(action) = draw(rng, chances.row(state).iter().copied().enumerate()) else { break };
        actions.push(action);
        let stage = CheckedStage::begin(mdp, t, Inference::Variational)?;
        stage.check_taken(state, action)?;
        let mut successors = Draw::new(rng);
        stage.dynamics.for_each_successor(state, action, &mut |next_state, p| {
            successors.offer(next_state, p);
        });
        state = successors.choice(false).unwrap_or(state);
        states.push(state);
    }
    Trajectory::new(states, actions)
}
