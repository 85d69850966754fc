//! Models of a kind that depends on the file.

use std::sync::Arc;

use ndarray::{Array1, ArrayView1};

use crate::{
    ActionPrior, Dynamics, Error, Inference, Mdp, Model, Real, RescaledRows, Stage, SuccessorRewardMdp,
    TimeVaryingMdp, check_initial,
};

/// The content of a model file: a model and the initial distribution.
///
/// A clone shares the tables of the model and copies p₀.
///
/// # Example
///
/// ```
/// use softmdp::io::{ModelFile, Npz};
/// use softmdp::{Mdp, ndarray::array, posterior};
///
/// let mdp = Mdp::new(array![[[0.9, 0.1]], [[0.0, 1.0]]], array![[0.0], [-1.0]])?;
/// let bytes = ModelFile::new(mdp.clone()).with_initial(array![1.0, 0.0])?.to_npz()?;
///
/// let file = ModelFile::<f64>::from_npz(&bytes)?;
/// let initial = file.initial().ok_or("no initial distribution")?;
/// let log_evidence = posterior(file.model(), &initial, 5)?.log_evidence();
/// assert_eq!(log_evidence, posterior(&mdp, &array![1.0, 0.0], 5)?.log_evidence());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ModelFile<F: Real = f64> {
    model: StoredModel<F>,
    initial: Option<Array1<F>>,
    ignored_arrays: Vec<String>,
    rescaled_initial: Option<f64>,
}

impl<F: Real> ModelFile<F> {
    /// Takes a model for writing: an [`Mdp`], a [`SuccessorRewardMdp`], or a [`TimeVaryingMdp`] of
    /// either. Stages may differ only in their rewards `[s, a]`. Other differences are an error of
    /// the writer.
    pub fn new(model: impl Into<StoredModel<F>>) -> Self {
        Self { model: model.into(), initial: None, ignored_arrays: Vec::new(), rescaled_initial: None }
    }

    /// Names of the arrays that the reader ignored, such as notes or misspelt names.
    #[must_use]
    pub fn ignored_arrays(&self) -> &[String] {
        &self.ignored_arrays
    }

    pub(super) fn with_ignored_arrays(mut self, names: Vec<String>) -> Self {
        self.ignored_arrays = names;
        self
    }

    /// Sets p₀, `[s]`.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`], [`Error::InvalidInitial`], [`Error::UnnormalizedInitial`].
    pub fn with_initial(mut self, initial: Array1<F>) -> Result<Self, Error> {
        check_initial(&initial, self.model.num_states())?;
        self.initial = Some(initial);
        self.rescaled_initial = None;
        Ok(self)
    }

    /// Sets p₀ after rescaling it, if its sum is within `distance` of 1.
    pub(super) fn with_normalized_initial(
        self,
        mut initial: Array1<F>,
        distance: f64,
    ) -> Result<Self, Error> {
        let sum: f64 = initial.iter().map(|&p| p.into_f64()).sum();
        let off = (sum - 1.0).abs();
        if !(off <= distance) || off <= F::epsilon().into_f64() {
            return self.with_initial(initial);
        }
        initial.mapv_inplace(|p| F::from_f64(p.into_f64() / sum));
        Ok(Self { rescaled_initial: Some(off), ..self.with_initial(initial)? })
    }

    /// The rows of the dynamics that
    /// [`read_npz_normalized`](Self::read_npz_normalized) rescaled; none by default.
    #[must_use]
    pub fn rescaled_rows(&self) -> RescaledRows {
        match &self.model {
            StoredModel::Mdp(mdp) => mdp.rescaled_rows(),
            StoredModel::SuccessorRewards(model) => model.mdp().rescaled_rows(),
            StoredModel::TimeVarying(model) => model.stages()[0].rescaled_rows(),
            StoredModel::TimeVaryingSuccessorRewards(model) => model.stages()[0].mdp().rescaled_rows(),
        }
    }

    /// The distance from 1 of the sum of p₀ in the file, if
    /// [`read_npz_normalized`](Self::read_npz_normalized) rescaled p₀.
    #[must_use]
    pub fn rescaled_initial(&self) -> Option<f64> {
        self.rescaled_initial
    }

    /// This model at another temperature.
    ///
    /// # Errors
    ///
    /// Those of [`Mdp::with_temperature`] or [`SuccessorRewardMdp::with_temperature`].
    pub fn with_temperature(self, temperature: F) -> Result<Self, Error> {
        let model = self
            .model
            .map(|mdp| mdp.with_temperature(temperature), |mdp| mdp.with_temperature(temperature))?;
        Ok(Self { model, ..self })
    }

    /// This model with another discount.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`].
    pub fn with_discount(self, discount: F) -> Result<Self, Error> {
        let model = self.model.map(|mdp| mdp.with_discount(discount), |mdp| mdp.with_discount(discount))?;
        Ok(Self { model, ..self })
    }

    /// This model with another action prior.
    ///
    /// # Errors
    ///
    /// Those of [`Mdp::with_action_prior`] or [`SuccessorRewardMdp::with_action_prior`].
    pub fn with_action_prior(self, action_prior: &ActionPrior<F>) -> Result<Self, Error> {
        let model = self.model.map(
            |mdp| mdp.with_action_prior(action_prior.clone()),
            |mdp| mdp.with_action_prior(action_prior.clone()),
        )?;
        Ok(Self { model, ..self })
    }

    /// Another model in place of this one, over the same states.
    pub(super) fn with_model(self, model: StoredModel<F>) -> Self {
        Self { model, ..self }
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &StoredModel<F> {
        &self.model
    }

    /// p₀, `[s]`, if the file has one.
    #[must_use]
    pub fn initial(&self) -> Option<ArrayView1<'_, F>> {
        self.initial.as_ref().map(|initial| initial.view())
    }
}

/// A model whose kind is chosen at run time.
///
/// It implements [`Model`], so every solver accepts it. Use `match` for methods of one kind of
/// model, such as [`Mdp::with_rewards`].
///
/// A clone shares all tables.
///
/// # Example
///
/// ```
/// use softmdp::io::StoredModel;
/// use softmdp::{Mdp, Model, ndarray::array};
///
/// let coin = Mdp::new(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[0.0], [0.0]])?;
/// let model = StoredModel::from(coin.with_successor_rewards(|_, _, next_state| next_state as f64)?);
/// assert_eq!(model.num_states(), 2);
/// assert!(matches!(model, StoredModel::SuccessorRewards(_)));
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StoredModel<F: Real = f64> {
    /// The same at every stage, with rewards `[s, a]`.
    Mdp(Mdp<F, Arc<dyn Dynamics<Scalar = F>>>),
    /// The same at every stage, with additional rewards on the successor.
    SuccessorRewards(SuccessorRewardMdp<F, Arc<dyn Dynamics<Scalar = F>>>),
    /// With rewards `[t, s, a]`.
    TimeVarying(TimeVaryingMdp<Mdp<F, Arc<dyn Dynamics<Scalar = F>>>>),
    /// With rewards `[t, s, a]` and additional rewards on the successor, which are the same at
    /// every stage.
    TimeVaryingSuccessorRewards(TimeVaryingMdp<SuccessorRewardMdp<F, Arc<dyn Dynamics<Scalar = F>>>>),
}

/// Dynamics whose type is chosen at run time.
pub(super) type AnyDynamics<F> = Arc<dyn Dynamics<Scalar = F>>;
/// An [`Mdp`] of a file.
pub(super) type AnyMdp<F> = Mdp<F, AnyDynamics<F>>;
/// A [`SuccessorRewardMdp`] of a file.
pub(super) type AnySuccessorRewardMdp<F> = SuccessorRewardMdp<F, AnyDynamics<F>>;

impl<F: Real> StoredModel<F> {
    /// Changes every stage, but for its rewards.
    pub(super) fn map(
        &self,
        mut plain: impl FnMut(&AnyMdp<F>) -> Result<AnyMdp<F>, Error>,
        mut rich: impl FnMut(&AnySuccessorRewardMdp<F>) -> Result<AnySuccessorRewardMdp<F>, Error>,
    ) -> Result<Self, Error> {
        Ok(match self {
            Self::Mdp(mdp) => Self::Mdp(plain(mdp)?),
            Self::SuccessorRewards(mdp) => Self::SuccessorRewards(rich(mdp)?),
            Self::TimeVarying(model) => Self::TimeVarying(map_stages(model, plain)?),
            Self::TimeVaryingSuccessorRewards(model) => {
                // Stages that differ only in their rewards `[s, a]` share the folded tables.
                let mut last: Option<(&AnySuccessorRewardMdp<F>, AnySuccessorRewardMdp<F>)> = None;
                let model = map_stages(model, |stage| {
                    let changed = match &last {
                        Some((other, changed)) if have_same_successor_rewards(stage, other) => {
                            changed.with_rewards(stage.mdp().rewards().to_owned())?
                        }
                        _ => rich(stage)?,
                    };
                    last = Some((stage, changed.clone()));
                    Ok(changed)
                });
                Self::TimeVaryingSuccessorRewards(model?)
            }
        })
    }
}

/// Whether two models are equal but for their rewards `[s, a]`.
pub(super) fn differ_in_rewards_alone<F: Real>(one: &AnyMdp<F>, other: &AnyMdp<F>) -> bool {
    Arc::ptr_eq(one.dynamics(), other.dynamics())
        && one.discount() == other.discount()
        && one.temperature() == other.temperature()
        && one.action_prior() == other.action_prior()
        && one.available_actions() == other.available_actions()
        && one.terminal_states().eq(other.terminal_states())
        && one.terminal_values() == other.terminal_values()
}

/// [`differ_in_rewards_alone`], with equal rewards on the successor.
pub(super) fn have_same_successor_rewards<F: Real>(
    one: &AnySuccessorRewardMdp<F>,
    other: &AnySuccessorRewardMdp<F>,
) -> bool {
    let (rewards, others) = (one.successor_rewards(), other.successor_rewards());
    let are_shared = std::ptr::eq(rewards, others); // as mostly
    let have_equal_outcomes = || {
        ndarray::indices((one.mdp().num_states(), one.mdp().num_actions()))
            .into_iter()
            .all(|pair| outcomes(one, pair) == outcomes(other, pair))
    };
    differ_in_rewards_alone(one.mdp(), other.mdp())
        && (are_shared || rewards == others && have_equal_outcomes())
}

/// Next state, probability and reward of each outcome of a pair.
pub(super) fn outcomes<F: Real>(
    model: &AnySuccessorRewardMdp<F>,
    (state, action): (usize, usize),
) -> Vec<(usize, F, F)> {
    let mut outcomes = Vec::new();
    model.for_each_outcome(state, action, |next_state, p, reward| outcomes.push((next_state, p, reward)));
    outcomes
}

/// Changes every stage. The stages repeat if they did before.
pub(super) fn map_stages<'a, M: Model, N: Model>(
    model: &'a TimeVaryingMdp<M>,
    change: impl FnMut(&'a M) -> Result<N, Error>,
) -> Result<TimeVaryingMdp<N>, Error> {
    let stages = model.stages().iter().map(change).collect::<Result<Vec<_>, _>>()?;
    let changed = TimeVaryingMdp::new(stages)?;
    Ok(if model.num_stages().is_none() { changed.repeating() } else { changed })
}

/// Calls a method of the model of any kind.
macro_rules! ask {
    ($stored:expr, $model:ident => $question:expr) => {
        match $stored {
            StoredModel::Mdp($model) => $question,
            StoredModel::SuccessorRewards($model) => $question,
            StoredModel::TimeVarying($model) => $question,
            StoredModel::TimeVaryingSuccessorRewards($model) => $question,
        }
    };
}

impl<F: Real> Model for StoredModel<F> {
    type Scalar = F;
    type Dynamics = dyn Dynamics<Scalar = F>;

    fn num_states(&self) -> usize {
        ask!(self, model => model.num_states())
    }

    fn num_actions(&self) -> usize {
        ask!(self, model => model.num_actions())
    }

    fn discount(&self) -> F {
        ask!(self, model => model.discount())
    }

    fn temperature(&self) -> F {
        ask!(self, model => model.temperature())
    }

    fn is_terminal(&self, state: usize) -> bool {
        ask!(self, model => model.is_terminal(state))
    }

    fn terminal_values(&self) -> ArrayView1<'_, F> {
        ask!(self, model => model.terminal_values())
    }

    fn num_stages(&self) -> Option<usize> {
        ask!(self, model => model.num_stages())
    }

    fn is_homogeneous(&self) -> bool {
        ask!(self, model => model.is_homogeneous())
    }

    fn begin_stage(&self, t: usize) -> Result<(), Error> {
        ask!(self, model => model.begin_stage(t))
    }

    fn for_each_transition_reward(
        &self,
        t: usize,
        state: usize,
        action: usize,
        next_state: usize,
        visit: &mut dyn FnMut(F, F),
    ) {
        ask!(self, model => model.for_each_transition_reward(t, state, action, next_state, visit));
    }

    fn for_each_stage_outcome(
        &self,
        t: usize,
        state: usize,
        action: usize,
        visit: &mut dyn FnMut(usize, F, F),
    ) {
        ask!(self, model => model.for_each_stage_outcome(t, state, action, visit));
    }

    fn stage(&self, t: usize, inference: Inference) -> Result<Stage<'_, F, Self::Dynamics>, Error> {
        ask!(self, model => {
            let Stage { dynamics, rewards, action_prior } = model.stage(t, inference)?;
            Ok(Stage { dynamics, rewards, action_prior })
        })
    }
}

impl<F: Real, D: Dynamics<Scalar = F> + 'static> From<Mdp<F, D>> for StoredModel<F> {
    fn from(mdp: Mdp<F, D>) -> Self {
        Self::Mdp(mdp.into_dyn())
    }
}

impl<F: Real, D: Dynamics<Scalar = F> + 'static> From<SuccessorRewardMdp<F, D>> for StoredModel<F> {
    fn from(mdp: SuccessorRewardMdp<F, D>) -> Self {
        Self::SuccessorRewards(mdp.into_dyn())
    }
}

impl<F: Real, D: Dynamics<Scalar = F> + 'static> From<TimeVaryingMdp<Mdp<F, D>>> for StoredModel<F> {
    fn from(model: TimeVaryingMdp<Mdp<F, D>>) -> Self {
        Self::TimeVarying(model.into_dyn())
    }
}

impl<F: Real, D: Dynamics<Scalar = F> + 'static> From<TimeVaryingMdp<SuccessorRewardMdp<F, D>>>
    for StoredModel<F>
{
    fn from(model: TimeVaryingMdp<SuccessorRewardMdp<F, D>>) -> Self {
        Self::TimeVaryingSuccessorRewards(model.into_dyn())
    }
}
