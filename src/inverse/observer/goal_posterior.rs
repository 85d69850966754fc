//! The posterior over goals along a whole trajectory.

use ndarray::{Array2, ArrayRef1};

use super::super::{Error, Likelihood};
use super::Observer;
use crate::{Model, Real, Table, Trajectory, arrays};

/// Computes the posterior over goals after each step of a trajectory, `[t, k]`.
///
/// Row t is p(goal ∣ the first t steps), so that row 0 is the prior. The trajectory may be cut off
/// anywhere. For the options, see [`Observer::new`].
///
/// # Errors
///
/// Those of [`Observer::new`] and of [`Observer::watch`].
///
/// # Complexity
///
/// Time of k solves, and O(k · successors of a pair) a step.
///
/// # Example
///
/// ```
/// use softmdp::inverse::{Likelihood, goal_posterior};
/// use softmdp::{ActionPrior, Gridworld, Inference, Trajectory, ndarray::array};
///
/// let grid = Gridworld::parse(".....").unwrap().step_reward(-1.0);
/// let mdp = grid.mdp()?.with_action_prior(ActionPrior::Uniform)?;
/// let goals = [mdp.with_terminal_states([0])?, mdp.with_terminal_states([4])?];
/// let walk = Trajectory::new(vec![2, 3, 4], vec![1, 1])?; // right, right
/// let likelihood = Likelihood::actions(Inference::Variational).horizon(10);
/// let posterior = goal_posterior(&goals, &likelihood, &array![0.5, 0.5], &walk)?;
/// assert_eq!(posterior.dim(), (3, 2));
/// assert!(posterior[[2, 1]] > posterior[[1, 1]] && posterior[[1, 1]] > 0.5);
/// # Ok::<(), softmdp::inverse::Error>(())
/// ```
pub fn goal_posterior<F, M>(
    models: impl IntoIterator<Item = M>,
    likelihood: &Likelihood<F>,
    prior: &ArrayRef1<F>,
    trajectory: &Trajectory,
) -> Result<Array2<F>, Error>
where
    F: Real,
    M: Model<Scalar = F> + Send,
{
    let mut observer = Observer::new(models, likelihood, prior)?;
    let shape = (trajectory.actions().len() + 1, observer.num_goals());
    let mut posterior = arrays::filled(Table::GoalPosterior, shape, F::zero())?;
    posterior.row_mut(0).assign(prior);
    let steps = trajectory.states().iter().zip(trajectory.actions());
    for (t, (&state, &action)) in steps.enumerate() {
        let after = match trajectory.states().get(t + 1) {
            Some(&next_state) => observer.watch(state, action, next_state)?,
            None => observer.watch_leaving(state, action)?,
        };
        posterior.row_mut(t + 1).assign(&after);
    }
    Ok(posterior)
}
