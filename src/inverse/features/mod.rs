//! Features: what rewards are linear in.
//!
//! ```text
//! r_θ(s,a)    = r₀(s,a) + Σ_k θ_k φ_k(s,a)
//! V_{T,θ}(s)  = V_{T,0}(s) + Σ_k θ_k φ^T_k(s)
//! ```
//!
//! where r₀ and V_{T,0}, the known part, are those of the model that is fitted. −∞ stays −∞, so
//! that what the model forbids remains forbidden.

mod reward_model;

use std::sync::Arc;

use ndarray::{Array1, Array2, Array3, ArrayRef1, ArrayView1, Axis};

pub(super) use reward_model::Reporting;
pub use reward_model::RewardModel;

use super::curvature::{Columns, RewardColumns};
use super::place::FeaturePlace;
use super::{Error, Score};
use crate::arrays::{self, check_shape};
use crate::mdp::CheckedStage;
use crate::{Inference, Model, Real, Table};

/// Features φ_k that the unknown part of the rewards is linear in.
///
/// The rewards are r₀ + Σ_k θ_k φ_k. The known part r₀ is that of the model that is fitted.
/// Features that are known to be worth nothing are simply left out.
///
/// # Example
///
/// ```
/// use softmdp::inverse::RewardFeatures;
/// use softmdp::{Mdp, ndarray::array};
///
/// // Each step costs 1. How much is state 1 worth, and how much does action 1 cost?
/// let moves = array![[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]];
/// let mdp = Mdp::new(moves, array![[-1.0, -1.0], [-1.0, -1.0]])?;
/// let features = RewardFeatures::on_pairs(array![
///     [[0.0, 0.0], [0.0, -1.0]], // state 0: nothing, then the cost of action 1
///     [[1.0, 0.0], [1.0, -1.0]],
/// ])
/// .names(["state 1", "effort"]);
/// let model = features.model(&mdp, &array![5.0, 0.5])?;
/// assert_eq!(model.rewards(), array![[-1.0, -1.5], [4.0, 3.5]]);
/// # Ok::<(), softmdp::inverse::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "features do nothing until rewards are fitted or made with them"]
pub struct RewardFeatures<F = f64> {
    basis: Basis<F>,
    terminal: Option<Array2<F>>, // [s, k]
    names: Option<Vec<String>>,
}

/// Where features live.
#[derive(Debug, Clone)]
enum Basis<F> {
    Columns(RewardColumns<F>),
    Table([usize; 2]), // one indicator for each pair of [s, a]
}

impl<F: Real> RewardFeatures<F> {
    /// Takes features of states, `[s, k]`: φ_k(s) is paid at every action in s.
    pub fn on_states(features: Array2<F>) -> Self {
        Self::of(Basis::Columns(RewardColumns::States(arrays::standard_layout(features))))
    }

    /// Takes features of states and actions, `[s, a, k]`.
    pub fn on_pairs(features: Array3<F>) -> Self {
        Self::of(Basis::Columns(RewardColumns::Pairs(arrays::standard_layout(features))))
    }

    /// Takes K features of transitions. `features(state, action, next_state, values)` writes them
    /// into `values`, which has K entries, all 0.
    ///
    /// The model must have rewards on the successor: a
    /// [`SuccessorRewardMdp`](crate::SuccessorRewardMdp), or a
    /// [`TimeVaryingMdp`](crate::TimeVaryingMdp) of these whose stages have the same successors.
    /// Call `mdp.with_successor_rewards(|_, _, _| 0.0)` if nothing is known about them.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::inverse::RewardFeatures;
    /// use softmdp::{Mdp, ndarray::array};
    ///
    /// let coin = Mdp::new(array![[[0.5, 0.5]], [[0.5, 0.5]]], array![[0.0], [0.0]])?
    ///     .with_successor_rewards(|_, _, _| 0.0)?;
    /// let heads = RewardFeatures::on_successors(1, |_, _, next_state, values| {
    ///     if next_state == 1 {
    ///         values[0] = 1.0;
    ///     }
    /// });
    /// let model = heads.model(&coin, &array![3.0])?;
    /// assert_eq!(model.successor_rewards(), [0.0, 3.0, 0.0, 3.0]);
    /// # Ok::<(), softmdp::inverse::Error>(())
    /// ```
    pub fn on_successors(
        num_features: usize,
        features: impl Fn(usize, usize, usize, &mut [F]) + Send + Sync + 'static,
    ) -> Self {
        let features = move |state, action, next_state, values: &mut [F]| {
            values.fill(F::zero());
            features(state, action, next_state, values);
        };
        Self::of(Basis::Columns(RewardColumns::Successors(num_features, Arc::new(features))))
    }

    /// One feature for each state and action of a model: a free table of rewards, K = S·A.
    /// θ is the table in row-major order.
    ///
    /// Behaviour never determines the whole table; see
    /// [`FittedRewards::unidentified`](super::FittedRewards::unidentified).
    pub fn table<M: Model<Scalar = F> + ?Sized>(mdp: &M) -> Self {
        Self::of(Basis::Table([mdp.num_states(), mdp.num_actions()]))
    }

    fn of(basis: Basis<F>) -> Self {
        Self { basis, terminal: None, names: None }
    }

    /// Adds features of the terminal values, φ^T_k, `[s, k]`, with the same parameters; 0 by
    /// default.
    ///
    /// A trajectory that ends in s, in a terminal state or at the horizon, is paid them once.
    pub fn terminal(mut self, features: Array2<F>) -> Self {
        self.terminal = Some(features);
        self
    }

    /// Names the parameters, one name for each, for summaries.
    pub fn names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.names = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Number K of parameters.
    #[must_use]
    pub fn num_parameters(&self) -> usize {
        match &self.basis {
            Basis::Columns(RewardColumns::States(features)) => features.ncols(),
            Basis::Columns(RewardColumns::Pairs(features)) => features.len_of(Axis(2)),
            Basis::Columns(RewardColumns::Successors(k, _)) => *k,
            Basis::Table([num_states, num_actions]) => num_states * num_actions,
        }
    }

    /// Returns the model with rewards r₀ + Σ θ_k φ_k and the terminal values V_{T,0} + Σ θ_k φ^T_k.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFeature`], [`Error::InvalidParameter`] for numbers that are not finite;
    /// [`Error::NameMismatch`] for another number of names than of parameters;
    /// [`Error::NoSuccessorRewards`] for features of transitions if the rewards of the model do not
    /// depend on the successor; [`Error::Model`] for wrong shapes, and if rewards overflow.
    pub fn model<M>(&self, mdp: &M, theta: &ArrayRef1<F>) -> Result<M::Fitted, Error>
    where
        M: RewardModel<Scalar = F> + ?Sized,
    {
        self.check(mdp)?;
        check_shape(Table::Parameters, theta.shape(), &[self.num_parameters()])?;
        if let Some((parameter, value)) = theta.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            return Err(Error::InvalidParameter { parameter, value: value.into_f64() });
        }
        self.sum(mdp, theta)
    }

    /// [`model`](Self::model) with features that have been checked.
    pub(super) fn sum<M>(&self, mdp: &M, theta: &ArrayRef1<F>) -> Result<M::Fitted, Error>
    where
        M: RewardModel<Scalar = F> + ?Sized,
    {
        let shape = (mdp.num_states(), mdp.num_actions());
        let rewards = match &self.basis {
            Basis::Columns(RewardColumns::States(features)) => {
                let rewards = features.dot(theta).insert_axis(Axis(1));
                rewards.broadcast(shape).map_or_else(|| Array2::zeros(shape), |rewards| rewards.to_owned())
            }
            Basis::Columns(RewardColumns::Pairs(features)) => {
                let mut rewards = Array2::zeros(shape);
                for (reward, features) in rewards.iter_mut().zip(features.rows()) {
                    *reward = features.dot(theta);
                }
                rewards
            }
            Basis::Table(_) => {
                let mut rewards = Array2::zeros(shape);
                rewards.iter_mut().zip(theta).for_each(|(reward, &theta)| *reward = theta);
                rewards
            }
            Basis::Columns(RewardColumns::Successors(..)) => Array2::zeros(shape),
        };
        let terminal_values = match &self.terminal {
            Some(features) => features.dot(theta),
            None => Array1::zeros(shape.0),
        };
        let model = mdp.with_added_rewards(rewards, terminal_values)?;
        let Basis::Columns(RewardColumns::Successors(k, features)) = &self.basis else { return Ok(model) };
        let (mut values, mut invalid) = (Array1::zeros(*k), None);
        let changed = model.with_added_successor_rewards(&mut |state, action, next_state| {
            features(state, action, next_state, arrays::slice_mut(&mut values));
            let place = FeaturePlace::Transition(state, action, next_state);
            if invalid.is_none() {
                invalid = check_finite(place, values.iter()).err();
            }
            if invalid.is_some() { F::zero() } else { values.dot(theta) }
        })?;
        match invalid {
            Some(error) => Err(error),
            None => changed.ok_or(Error::NoSuccessorRewards),
        }
    }

    /// Checks shapes and numbers against a model.
    pub(super) fn check<M>(&self, mdp: &M) -> Result<(), Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let (num_states, num_actions, k) = (mdp.num_states(), mdp.num_actions(), self.num_parameters());
        match &self.basis {
            Basis::Columns(RewardColumns::States(features)) => {
                check_shape(Table::Features, features.shape(), &[num_states, k])?;
                for (state, row) in features.rows().into_iter().enumerate() {
                    check_finite(FeaturePlace::State(state), row.iter())?;
                }
            }
            Basis::Columns(RewardColumns::Pairs(features)) => {
                check_shape(Table::Features, features.shape(), &[num_states, num_actions, k])?;
                for (pair, row) in features.rows().into_iter().enumerate() {
                    check_finite(FeaturePlace::Pair(pair / num_actions, pair % num_actions), row.iter())?;
                }
            }
            Basis::Table(shape) => check_shape(Table::Features, shape, &[num_states, num_actions])?,
            Basis::Columns(RewardColumns::Successors(..)) => {} // checked where they are computed
        }
        if let Some(features) = &self.terminal {
            check_shape(Table::TerminalFeatures, features.shape(), &[num_states, k])?;
            for (state, row) in features.rows().into_iter().enumerate() {
                check_finite(FeaturePlace::End(state), row.iter())?;
            }
        }
        match &self.names {
            Some(names) if names.len() != k => Err(Error::NameMismatch { found: names.len(), expected: k }),
            _ => Ok(()),
        }
    }

    /// Checks features of transitions, which [`check`](Self::check) does not compute. Stages of a
    /// homogeneous model are checked once.
    pub(super) fn check_transitions<M>(
        &self,
        mdp: &M,
        horizon: usize,
        inference: Inference,
    ) -> Result<(), Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let Basis::Columns(RewardColumns::Successors(k, features)) = &self.basis else { return Ok(()) };
        let mut row = vec![F::zero(); *k];
        for t in 0..if mdp.is_homogeneous() { horizon.min(1) } else { horizon } {
            let stage = CheckedStage::new(mdp, t, inference)?;
            for pair in 0..mdp.num_states() * mdp.num_actions() {
                let (state, action) = (pair / mdp.num_actions(), pair % mdp.num_actions());
                let mut found = Ok(());
                stage.for_each_next_state(pair, &mut |next_state| {
                    if found.is_ok() {
                        features(state, action, next_state, &mut row);
                        found = check_finite(FeaturePlace::Transition(state, action, next_state), row.iter());
                    }
                });
                found?;
            }
        }
        Ok(())
    }

    /// The name of a parameter. Without names, those of a free table are its pairs.
    pub(super) fn name(&self, parameter: usize) -> String {
        match (&self.names, &self.basis) {
            (Some(names), _) => names[parameter].clone(),
            (None, Basis::Table([_, num_actions])) => {
                format!("state {}, action {}", parameter / num_actions, parameter % num_actions)
            }
            (None, Basis::Columns(_)) => format!("parameter {parameter}"),
        }
    }

    /// Whether every pair has a parameter of its own.
    pub(super) fn is_table(&self) -> bool {
        matches!(self.basis, Basis::Table(_)) && self.terminal.is_none()
    }

    /// Whether the gradient in the tables of a score determines that in θ.
    pub(super) fn is_on_pairs(&self) -> bool {
        !matches!(self.basis, Basis::Columns(RewardColumns::Successors(..)))
    }

    /// The largest |φ_k| of each parameter, `[k]`; 1 for features of transitions.
    pub(super) fn largest(&self) -> Array1<f64> {
        let mut largest = Array1::zeros(self.num_parameters());
        let mut join = |features: ArrayView1<'_, F>| {
            for (largest, feature) in largest.iter_mut().zip(features) {
                *largest = feature.into_f64().abs().max(*largest);
            }
        };
        match &self.basis {
            Basis::Columns(RewardColumns::States(features)) => {
                features.rows().into_iter().for_each(&mut join);
            }
            Basis::Columns(RewardColumns::Pairs(features)) => features.rows().into_iter().for_each(&mut join),
            _ => join(Array1::ones(self.num_parameters()).view()),
        }
        self.terminal.iter().for_each(|features| features.rows().into_iter().for_each(&mut join));
        largest
    }

    /// The gradient in θ, `[k]`, from that in the tables of rewards and terminal values. Features
    /// of transitions count as 0.
    pub(super) fn gradient(&self, score: &Score<F>) -> Array1<F> {
        let table = score.reward_gradient();
        let mut gradient = match &self.basis {
            Basis::Columns(RewardColumns::States(features)) => features.t().dot(&table.sum_axis(Axis(1))),
            Basis::Columns(RewardColumns::Pairs(features)) => {
                let mut gradient = Array1::zeros(self.num_parameters());
                for (&weight, features) in table.iter().zip(features.rows()) {
                    gradient.scaled_add(weight, &features);
                }
                gradient
            }
            Basis::Table(_) => table.iter().copied().collect(),
            Basis::Columns(RewardColumns::Successors(k, _)) => Array1::zeros(*k),
        };
        if let Some(features) = &self.terminal {
            gradient += &features.t().dot(&score.terminal_gradient());
        }
        gradient
    }

    /// All features as columns. A free table becomes indicators, in memory O(K²).
    pub(super) fn columns(&self) -> Result<Columns<F>, Error> {
        let columns = match &self.basis {
            Basis::Columns(columns) => columns.clone(),
            &Basis::Table([num_states, num_actions]) => {
                let k = num_states * num_actions;
                let mut pairs = arrays::filled(Table::Features, (num_states, num_actions, k), F::zero())?;
                let rows = pairs.rows_mut().into_iter();
                rows.enumerate().for_each(|(pair, mut row)| row[pair] = F::one());
                RewardColumns::Pairs(pairs)
            }
        };
        Ok(Columns::new(columns, self.terminal.clone()))
    }
}

fn check_finite<'a, F: Real>(
    place: FeaturePlace,
    features: impl Iterator<Item = &'a F>,
) -> Result<(), Error> {
    match features.enumerate().find(|(_, value)| !value.is_finite()) {
        Some((feature, value)) => Err(Error::InvalidFeature { feature, place, value: value.into_f64() }),
        None => Ok(()),
    }
}
