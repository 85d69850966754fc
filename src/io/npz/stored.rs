//! Models whose kind is known when their file has been read.

use std::sync::Arc;

use ndarray::{Array1, ArrayView1};

use crate::mdp::BoxedDynamics;
use crate::mdp::check_initial;
use crate::{
    ActionPrior, Dynamics, Error, Inference, Mdp, Model, Real, Stage, SuccessorRewardMdp, TimeVaryingMdp,
};

/// A model and where its episodes begin, as a file has them.
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
#[derive(Debug)]
pub struct ModelFile<F = f64> {
    model: StoredModel<F>,
    initial: Option<Array1<F>>,
    ignored_arrays: Vec<String>,
}

impl<F: Real> ModelFile<F> {
    /// A model to be written: an [`Mdp`], a [`SuccessorRewardMdp`] or a [`TimeVaryingMdp`] of them. Of stages that differ, the
    /// layout has a place for their rewards on the pair alone.
    pub fn new(model: impl Into<StoredModel<F>>) -> Self {
        Self { model: model.into(), initial: None, ignored_arrays: Vec::new() }
    }

    /// Names of the arrays that were found in the file and mean nothing in a model: notes, or a slip of the pen.
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
        Ok(self)
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
    /// [`Error::InvalidDiscount`].
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
/// It is a [`Model`], so every finite horizon can be asked of it as it is. What belongs to one kind alone is reached by
/// a `match`.
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
#[derive(Debug)]
#[non_exhaustive]
pub enum StoredModel<F = f64> {
    /// The same at every stage, with rewards `[s, a]`.
    Mdp(Mdp<F, BoxedDynamics<F>>),
    /// The same at every stage, with rewards on the successor too.
    SuccessorRewards(SuccessorRewardMdp<F, BoxedDynamics<F>>),
    /// With rewards `[t, s, a]`.
    TimeVarying(TimeVaryingMdp<Mdp<F, BoxedDynamics<F>>>),
    /// With rewards `[t, s, a]`, and rewards on the successor that are the same at every stage.
    TimeVaryingSuccessorRewards(TimeVaryingMdp<SuccessorRewardMdp<F, BoxedDynamics<F>>>),
}

impl<F: Real> StoredModel<F> {
    /// Changes every stage.
    fn map(
        &self,
        mut plain: impl FnMut(&Mdp<F, BoxedDynamics<F>>) -> Result<Mdp<F, BoxedDynamics<F>>, Error>,
        mut with_successors: impl FnMut(
            &SuccessorRewardMdp<F, BoxedDynamics<F>>,
        ) -> Result<SuccessorRewardMdp<F, BoxedDynamics<F>>, Error>,
    ) -> Result<Self, Error> {
        Ok(match self {
            Self::Mdp(mdp) => Self::Mdp(plain(mdp)?),
            Self::SuccessorRewards(mdp) => Self::SuccessorRewards(with_successors(mdp)?),
            Self::TimeVarying(model) => Self::TimeVarying(map_stages(model, plain)?),
            Self::TimeVaryingSuccessorRewards(model) => {
                // Stages that differ in their rewards on the pair alone share what is folded.
                let mut last: Option<(&SuccessorRewardMdp<_, _>, SuccessorRewardMdp<_, _>)> = None;
                let model = map_stages(model, |stage| {
                    let changed = match &last {
                        Some((other, changed)) if stage.differs_in_rewards_alone(other) => {
                            changed.with_rewards(stage.mdp().rewards().to_owned())?
                        }
                        _ => with_successors(stage)?,
                    };
                    last = Some((stage, changed.clone()));
                    Ok(changed)
                });
                Self::TimeVaryingSuccessorRewards(model?)
            }
        })
    }

    /// The kind of this model, as it answers for itself.
    fn as_model(&self) -> &dyn ModelOfAnyKind<F> {
        match self {
            Self::Mdp(mdp) => mdp,
            Self::SuccessorRewards(mdp) => mdp,
            Self::TimeVarying(model) => model,
            Self::TimeVaryingSuccessorRewards(model) => model,
        }
    }
}

/// Shares every table.
impl<F: Real> Clone for StoredModel<F> {
    fn clone(&self) -> Self {
        match self {
            Self::Mdp(mdp) => Self::Mdp(mdp.clone()),
            Self::SuccessorRewards(mdp) => Self::SuccessorRewards(mdp.clone()),
            Self::TimeVarying(model) => Self::TimeVarying(model.clone()),
            Self::TimeVaryingSuccessorRewards(model) => Self::TimeVaryingSuccessorRewards(model.clone()),
        }
    }
}

/// Shares every table but p₀.
impl<F: Real> Clone for ModelFile<F> {
    fn clone(&self) -> Self {
        let (initial, ignored_arrays) = (self.initial.clone(), self.ignored_arrays.clone());
        Self { model: self.model.clone(), initial, ignored_arrays }
    }
}

/// Each stage changed alike; whether they repeat stays as it is.
fn map_stages<'a, M: Model, N: Model>(
    model: &'a TimeVaryingMdp<M>,
    change: impl FnMut(&'a M) -> Result<N, Error>,
) -> Result<TimeVaryingMdp<N>, Error> {
    let stages = model.stages().iter().map(change).collect::<Result<Vec<_>, _>>()?;
    let changed = TimeVaryingMdp::new(stages)?;
    Ok(if model.num_stages().is_none() { changed.repeating() } else { changed })
}

/// A [`Model`] that does not name its dynamics.
trait ModelOfAnyKind<F: Real> {
    fn num_states(&self) -> usize;
    fn num_actions(&self) -> usize;
    fn discount(&self) -> F;
    fn temperature(&self) -> F;
    fn is_terminal(&self, state: usize) -> bool;
    fn terminal_values(&self) -> ArrayView1<'_, F>;
    fn num_stages(&self) -> Option<usize>;
    fn is_homogeneous(&self) -> bool;
    fn begin_stage(&self, t: usize) -> Result<(), Error>;
    fn transition_reward(&self, t: usize, state: usize, action: usize, next_state: usize) -> Option<F>;
    fn stage(&self, t: usize, inference: Inference) -> Result<Stage<'_, F, dyn Dynamics<Scalar = F>>, Error>;
}

impl<F: Real, M: Model<Scalar = F, Dynamics: Sized + 'static>> ModelOfAnyKind<F> for M {
    fn num_states(&self) -> usize {
        Model::num_states(self)
    }

    fn num_actions(&self) -> usize {
        Model::num_actions(self)
    }

    fn discount(&self) -> F {
        Model::discount(self)
    }

    fn temperature(&self) -> F {
        Model::temperature(self)
    }

    fn is_terminal(&self, state: usize) -> bool {
        Model::is_terminal(self, state)
    }

    fn terminal_values(&self) -> ArrayView1<'_, F> {
        Model::terminal_values(self)
    }

    fn num_stages(&self) -> Option<usize> {
        Model::num_stages(self)
    }

    fn is_homogeneous(&self) -> bool {
        Model::is_homogeneous(self)
    }

    fn begin_stage(&self, t: usize) -> Result<(), Error> {
        Model::begin_stage(self, t)
    }

    fn transition_reward(&self, t: usize, state: usize, action: usize, next_state: usize) -> Option<F> {
        Model::transition_reward(self, t, state, action, next_state)
    }

    fn stage(&self, t: usize, inference: Inference) -> Result<Stage<'_, F, dyn Dynamics<Scalar = F>>, Error> {
        let Stage { dynamics, rewards, action_prior } = Model::stage(self, t, inference)?;
        Ok(Stage { dynamics, rewards, action_prior })
    }
}

impl<F: Real> Model for StoredModel<F> {
    type Scalar = F;
    type Dynamics = dyn Dynamics<Scalar = F>;

    fn num_states(&self) -> usize {
        self.as_model().num_states()
    }

    fn num_actions(&self) -> usize {
        self.as_model().num_actions()
    }

    fn discount(&self) -> F {
        self.as_model().discount()
    }

    fn temperature(&self) -> F {
        self.as_model().temperature()
    }

    fn is_terminal(&self, state: usize) -> bool {
        self.as_model().is_terminal(state)
    }

    fn terminal_values(&self) -> ArrayView1<'_, F> {
        self.as_model().terminal_values()
    }

    fn num_stages(&self) -> Option<usize> {
        self.as_model().num_stages()
    }

    fn is_homogeneous(&self) -> bool {
        self.as_model().is_homogeneous()
    }

    fn begin_stage(&self, t: usize) -> Result<(), Error> {
        self.as_model().begin_stage(t)
    }

    fn transition_reward(&self, t: usize, state: usize, action: usize, next_state: usize) -> Option<F> {
        self.as_model().transition_reward(t, state, action, next_state)
    }

    fn stage(&self, t: usize, inference: Inference) -> Result<Stage<'_, F, Self::Dynamics>, Error> {
        self.as_model().stage(t, inference)
    }
}

impl<F: Real, D: Dynamics<Scalar = F> + 'static> From<Mdp<F, D>> for StoredModel<F> {
    fn from(mdp: Mdp<F, D>) -> Self {
        Self::Mdp(Boxes::default().mdp(&mdp))
    }
}

impl<F: Real, D: Dynamics<Scalar = F> + 'static> From<SuccessorRewardMdp<F, D>> for StoredModel<F> {
    fn from(mdp: SuccessorRewardMdp<F, D>) -> Self {
        Self::SuccessorRewards(Boxes::default().successor_reward_mdp(&mdp))
    }
}

impl<F: Real, D: Dynamics<Scalar = F> + 'static> From<TimeVaryingMdp<Mdp<F, D>>> for StoredModel<F> {
    fn from(model: TimeVaryingMdp<Mdp<F, D>>) -> Self {
        let mut boxes = Boxes::default();
        Self::TimeVarying(model.map(|mdp| boxes.mdp(mdp)))
    }
}

impl<F: Real, D: Dynamics<Scalar = F> + 'static> From<TimeVaryingMdp<SuccessorRewardMdp<F, D>>>
    for StoredModel<F>
{
    fn from(model: TimeVaryingMdp<SuccessorRewardMdp<F, D>>) -> Self {
        let mut boxes = Boxes::default();
        Self::TimeVaryingSuccessorRewards(model.map(|mdp| boxes.successor_reward_mdp(mdp)))
    }
}

/// Dynamics that have been boxed, so that stages which shared theirs still do.
struct Boxes<F: Real, D> {
    made: Vec<(Arc<D>, Arc<BoxedDynamics<F>>)>,
}

impl<F: Real, D> Default for Boxes<F, D> {
    fn default() -> Self {
        Self { made: Vec::new() }
    }
}

impl<F: Real, D: Dynamics<Scalar = F> + 'static> Boxes<F, D> {
    fn boxed(&mut self, dynamics: &Arc<D>) -> Arc<BoxedDynamics<F>> {
        let made = self.made.iter().find(|(known, _)| Arc::ptr_eq(known, dynamics));
        if let Some((_, boxed)) = made {
            return Arc::clone(boxed);
        }
        let boxed: Arc<BoxedDynamics<F>> = Arc::new(Box::new(Arc::clone(dynamics)));
        self.made.push((Arc::clone(dynamics), Arc::clone(&boxed)));
        boxed
    }

    fn mdp(&mut self, mdp: &Mdp<F, D>) -> Mdp<F, BoxedDynamics<F>> {
        mdp.with_boxed(&self.boxed(mdp.shared_dynamics()))
    }

    fn successor_reward_mdp(
        &mut self,
        mdp: &SuccessorRewardMdp<F, D>,
    ) -> SuccessorRewardMdp<F, BoxedDynamics<F>> {
        mdp.with_boxed(&self.boxed(mdp.mdp().shared_dynamics()))
    }
}
