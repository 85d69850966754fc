//! Changed copies of the model of a file, of any kind.

use ndarray::{Array1, Array2, ArrayView2};

use super::stored::{
    AnyMdp, AnySuccessorRewardMdp, ModelFile, StoredModel, have_same_successor_rewards, map_stages,
};
use crate::{Error, Real};

impl<F: Real> ModelFile<F> {
    /// This model with other terminal states, which replace the current ones. Terminal values stay
    /// the same.
    ///
    /// # Errors
    ///
    /// Those of [`Mdp::with_terminal_states`](crate::Mdp::with_terminal_states) or
    /// [`SuccessorRewardMdp::with_terminal_states`](crate::SuccessorRewardMdp::with_terminal_states).
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::io::ModelFile;
    /// use softmdp::{Mdp, Model, ndarray::array, soft_value_iteration};
    ///
    /// // State 0 leads to state 1, which comes back to itself. Each step costs 1.
    /// let walk = array![[[0.0, 1.0]], [[0.0, 1.0]]]; // [s, a, s']
    /// let file = ModelFile::new(Mdp::new(walk, array![[-1.0], [-1.0]])?);
    /// assert_eq!(soft_value_iteration(file.model(), 9)?.state_values()[[0, 0]], -9.0);
    ///
    /// let file = file.with_terminal_states([1])?;
    /// assert!(file.model().is_terminal(1));
    /// assert_eq!(soft_value_iteration(file.model(), 9)?.state_values()[[0, 0]], -1.0);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn with_terminal_states(self, states: impl IntoIterator<Item = usize>) -> Result<Self, Error> {
        let states: Vec<usize> = states.into_iter().collect();
        let states = || states.iter().copied();
        let model = self
            .model()
            .map(|mdp| mdp.with_terminal_states(states()), |mdp| mdp.with_terminal_states(states()))?;
        Ok(self.with_model(model))
    }

    /// This model with other terminal values, `[s]`.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`], [`Error::InvalidTerminalValue`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::io::ModelFile;
    /// use softmdp::{Mdp, ndarray::array, soft_value_iteration};
    ///
    /// // Action 0 stays, action 1 moves from state 0 to state 1. Only state 1 is a success.
    /// let moves = array![[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]]; // [s, a, s']
    /// let file = ModelFile::new(Mdp::new(moves, array![[0.0, 0.0], [0.0, 0.0]])?);
    /// let file = file.with_terminal_values(array![f64::NEG_INFINITY, 0.0])?;
    /// let solution = soft_value_iteration(file.model(), 1)?;
    /// assert_eq!(solution.policy().probabilities()[[0, 0, 1]], 1.0); // the last chance to move
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn with_terminal_values(self, values: Array1<F>) -> Result<Self, Error> {
        let model = self.model().map(
            |mdp| mdp.with_terminal_values(values.clone()),
            |mdp| mdp.with_terminal_values(values.clone()),
        )?;
        Ok(self.with_model(model))
    }

    /// This model with the opposite sign of all rewards and terminal values, for a file of costs.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidReward`], [`Error::InvalidSuccessorReward`] and
    /// [`Error::InvalidTerminalValue`] for −∞, which would become +∞; [`Error::Overflow`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::io::ModelFile;
    /// use softmdp::{Inference, Mdp, SoftValueIteration, ndarray::array};
    ///
    /// // Repairs cost 5 (action 0) or 3 (action 1).
    /// let costs = Mdp::new(array![[[1.0], [1.0]]], array![[5.0, 3.0]])?.with_temperature(0.0)?;
    /// let file = ModelFile::new(costs).with_negated_rewards()?;
    /// let planner = SoftValueIteration::new(2).inference(Inference::Variational);
    /// assert_eq!(planner.solve(file.model())?.state_values()[[0, 0]], -6.0);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn with_negated_rewards(self) -> Result<Self, Error> {
        let model = match self.model() {
            StoredModel::Mdp(mdp) => StoredModel::Mdp(negated(mdp)?),
            StoredModel::SuccessorRewards(model) => StoredModel::SuccessorRewards(negated_rich(model)?),
            StoredModel::TimeVarying(model) => StoredModel::TimeVarying(map_stages(model, negated)?),
            StoredModel::TimeVaryingSuccessorRewards(model) => {
                // Stages that differ only in their rewards `[s, a]` share the folded tables.
                let first = &model.stages()[0];
                let changed = negated_rich(first)?;
                let model = map_stages(model, |stage| {
                    if have_same_successor_rewards(stage, first) {
                        changed.with_rewards(opposite(stage.mdp().rewards()))
                    } else {
                        negated_rich(stage)
                    }
                });
                StoredModel::TimeVaryingSuccessorRewards(model?)
            }
        };
        Ok(self.with_model(model))
    }
}

fn negated<F: Real>(mdp: &AnyMdp<F>) -> Result<AnyMdp<F>, Error> {
    let values = mdp.terminal_values().mapv(negative);
    mdp.with_rewards(opposite(mdp.rewards()))?.with_terminal_values(values)
}

fn negated_rich<F: Real>(model: &AnySuccessorRewardMdp<F>) -> Result<AnySuccessorRewardMdp<F>, Error> {
    let mut outcomes = Vec::with_capacity(model.successor_rewards().len());
    for (state, action) in ndarray::indices((model.mdp().num_states(), model.mdp().num_actions())) {
        model.for_each_outcome(state, action, |next_state, p, reward| {
            outcomes.push((state, action, next_state, p, negative(reward)));
        });
    }
    negated(model.mdp())?.with_outcomes(outcomes)
}

fn opposite<F: Real>(rewards: ArrayView2<'_, F>) -> Array2<F> {
    rewards.mapv(negative)
}

/// −x, and 0 for 0: results show no negative zero.
fn negative<F: Real>(x: F) -> F {
    F::zero() - x
}
