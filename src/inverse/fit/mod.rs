//! Rewards that are linear in features, fitted to demonstrations.
//!
//! ```text
//! θ̂ = argmax  L(θ) − ½ Σ_k λ_k (θ_k − m_k)²
//! ```
//!
//! where L is the log-likelihood of one of the three kinds, of rewards r₀ + Σ_k θ_k φ_k. Without a
//! prior, λ = 0.

mod covariance;
mod fitted;
mod information;
mod lbfgs;
mod newton;
mod objective;
mod prior;
mod pseudo_likelihood;
mod search;
mod summary;
mod symmetric;

use std::cell::RefCell;

use ndarray::{Array1, Array2};

pub use covariance::Covariance;
use covariance::{Matrices, cast};
pub use fitted::FittedRewards;
use newton::{Limits, Maximum, Point};
use objective::{Evaluated, Found, MOST_CURVED, Posterior};
use prior::NormalPrior;
pub use summary::Summary;

use super::demonstrations::Seen;
use super::likelihood::Kind;
use super::{Demonstrations, Error, Likelihood, RewardFeatures, RewardModel};
use crate::arrays::check_shape;
use crate::mdp::check_setting;
use crate::{Convergence, Inference, Model, Real, StationaryPolicy, Status, Table};

/// The most parameters of methods that need second derivatives. A step takes O(K³) time.
const MOST_NEWTON: usize = 1000;

/// How a fit searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FitMethod {
    /// Newton's method with exact second derivatives. It leaves saddles where the likelihood is not
    /// concave.
    #[default]
    Newton,
    /// A method that reads gradients alone, in O(K) numbers. Up to 400 parameters, a few steps of
    /// Newton's method end it. For more, there are no covariances, and a likelihood without a
    /// maximum may end at the limit of iterations.
    Lbfgs,
    /// This many policy iterations, each a choice model given the last policy. They need
    /// [`RewardFit::initial_policy`], and [`Likelihood::actions`] of [`Inference::Variational`]
    /// without a horizon.
    ///
    /// One iteration is the estimator of Hotz and Miller (1993), and many approach the maximum
    /// (Aguirregabiria and Mira 2002).
    PolicyIterations(usize),
}

/// Options of a fit of rewards that are linear in features (I3, I7, I10).
///
/// The fit maximises one of the three [likelihoods](Likelihood), times a prior if one is set. Known
/// rewards of the model stay as they are.
///
/// # Methods
///
/// | method | for | a step costs |
/// |---|---|---|
/// | [`FitMethod::Newton`] | up to a few hundred parameters | a solve and a pass with K columns |
/// | [`FitMethod::Lbfgs`] | many parameters, such as a free table | a solve and a gradient |
/// | [`FitMethod::PolicyIterations`] | stationary choices | K+1 linear systems |
///
/// # When a fit ends
///
/// At the result, at most [`tolerance`](Self::tolerance) nats are left, and moments agree: expected
/// features are those of the demonstrations, except for what a prior holds back. A saddle or a
/// minimum is no end, though its gradient is zero.
///
/// In states that were never seen, behaviour is often not determined. Then many parameters are
/// maxima, and the result is one of them.
///
/// Some likelihoods have no maximum. For instance, a choice that was never seen where others were
/// is best explained by ever lower rewards, and an agent that never errs by ever larger ones. The
/// fit then returns [`Error::Diverging`] with the direction in which the likelihood grows. A
/// [`prior`](Self::prior) gives a maximum.
///
/// # Example
///
/// A machine is replaced or kept every day. What does a replacement cost, and what does age cost?
///
/// ```
/// use softmdp::inverse::{Covariance, Demonstrations, Likelihood, RewardFeatures, RewardFit};
/// use softmdp::{Inference, Mdp, ndarray::{Array2, Array3, array}};
///
/// // Ages 0 to 4. Action 0 keeps the machine, which ages by 1 with probability 0.6; action 1
/// // replaces it.
/// let transitions = Array3::from_shape_fn((5, 2, 5), |(age, action, next)| {
///     let age = if action == 0 { age } else { 0 };
///     let older = (age + 1).min(4);
///     (if next == older { 0.6 } else { 0.0 }) + (if next == age { 0.4 } else { 0.0 })
/// });
/// let mdp = Mdp::new(transitions, Array2::zeros((5, 2)))?.with_discount(0.9)?;
///
/// let features = RewardFeatures::on_pairs(Array3::from_shape_fn((5, 2, 2), |(age, action, k)| {
///     match (action, k) {
///         (1, 0) => -1.0,
///         (0, 1) => -(age as f64),
///         _ => 0.0,
///     }
/// }))
/// .names(["replacement", "age"]);
///
/// // How often machines of each age were kept and replaced.
/// let seen = Demonstrations::from_counts(array![[99.0, 1.0], [80.0, 3.0], [52.0, 8.0], [21.0, 9.0], [9.0, 6.0]])?;
/// let fitted = RewardFit::new(features, Likelihood::actions(Inference::Variational)).fit(&mdp, &seen)?;
/// println!("{fitted}"); // a table of estimates with standard errors
///
/// assert!((fitted.parameters()[0] - 4.831_f64).abs() < 1e-3);
/// assert!((fitted.standard_errors(Covariance::Information)?[0] - 0.704).abs() < 1e-3);
///
/// // A counterfactual: replacements cost half as much.
/// let half = array![0.5 * fitted.parameters()[0], fitted.parameters()[1]];
/// let model = fitted.features().model(&mdp, &half)?;
/// # let _ = model;
/// # Ok::<(), softmdp::inverse::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "options do nothing until rewards are fitted with them"]
pub struct RewardFit<F = f64> {
    features: RewardFeatures<F>,
    likelihood: Likelihood<F>,
    prior: Option<(Array1<F>, Array1<F>)>,
    fits_temperature: bool,
    fits_discount: bool,
    start: Option<Array1<F>>,
    tolerance: Option<F>,
    max_iterations: usize,
    method: FitMethod,
    initial_policy: Option<StationaryPolicy<F>>,
}

impl<F: Real> RewardFit<F> {
    /// Fits the parameters of these features with this likelihood. Parameters start at 0.
    pub fn new(features: RewardFeatures<F>, likelihood: Likelihood<F>) -> Self {
        Self {
            features,
            likelihood,
            prior: None,
            fits_temperature: false,
            fits_discount: false,
            start: None,
            tolerance: None,
            max_iterations: 200,
            method: FitMethod::Newton,
            initial_policy: None,
        }
    }

    /// Sets a normal prior: its means m and precisions λ ≥ 0, one of each for each feature.
    ///
    /// The precision is 1/σ², the inverse of the variance. 0 means no prior for this parameter. The
    /// result is then the most probable θ, and errors are those of the posterior.
    pub fn prior(mut self, mean: Array1<F>, precision: Array1<F>) -> Self {
        self.prior = Some((mean, precision));
        self
    }

    /// Fits the temperature too, from that of the model on. It becomes the parameter after those of
    /// the features.
    ///
    /// This needs rewards that are known: if all rewards are fitted, rewards and temperature of
    /// twice the size explain the same behaviour. A prior on the parameters does not change that.
    /// If no temperature above 0 is best, because choices look random or perfect, the fit returns
    /// an error.
    pub fn fit_temperature(mut self) -> Self {
        self.fits_temperature = true;
        self
    }

    /// Fits the discount too, from that of the model on, which must be in (0, 1). It becomes the
    /// last parameter.
    ///
    /// This needs fewer features than a free table has: under a free table, every discount explains
    /// the same behaviour. If no discount above 0 and below 1 is best, the fit returns an error.
    pub fn fit_discount(mut self) -> Self {
        self.fits_discount = true;
        self
    }

    /// Sets the parameters of the features to start from, `[k]`; 0 by default.
    pub fn start(mut self, start: Array1<F>) -> Self {
        self.start = Some(start);
        self
    }

    /// Sets how many nats may be left at the end; by default the root of the rounding unit, 1.5e−8
    /// in double precision.
    pub fn tolerance(mut self, tolerance: F) -> Self {
        self.tolerance = Some(tolerance);
        self
    }

    /// Sets the largest number of steps; 200 by default.
    pub fn max_iterations(mut self, max_iterations: usize) -> Self {
        self.max_iterations = max_iterations;
        self
    }

    /// Sets the method; Newton's by default.
    pub fn method(mut self, method: FitMethod) -> Self {
        self.method = method;
        self
    }

    /// Sets the policy that [`FitMethod::PolicyIterations`] start from: frequencies of choices, for
    /// instance. States in which no choice was seen need probabilities too.
    pub fn initial_policy(mut self, policy: StationaryPolicy<F>) -> Self {
        self.initial_policy = Some(policy);
        self
    }

    /// Fits the parameters.
    ///
    /// The status of the result says whether the search converged: see
    /// [`FittedRewards::convergence`]. A [`Watched`](crate::Watched) model reports progress. If its
    /// hook asks to stop after the first evaluation, the result has the status
    /// [`Stopped`](Status::Stopped).
    ///
    /// # Errors
    ///
    /// - [`Error::Diverging`] if the likelihood has no maximum. It gives the direction in which the
    ///   likelihood grows.
    /// - [`Error::UnidentifiedSetting`] if the demonstrations do not determine the temperature or
    ///   the discount that was to be fitted, or none is best.
    /// - [`Error::DiscountOfFeatureMatching`] if feature matching was to fit the discount.
    /// - [`Error::NameMismatch`], [`Error::StartMismatch`], [`Error::InvalidParameter`] and
    ///   [`Error::InvalidPrior`] for names, a start or a prior that is invalid.
    /// - Those of [`RewardFeatures::model`] and of [`Likelihood::evaluate`].
    /// - [`Error::NotForPolicyIterations`], [`Error::NoInitialPolicy`],
    ///   [`Error::InvalidProbability`], [`Error::ForbiddenEnd`] for
    ///   [`FitMethod::PolicyIterations`].
    /// - [`Error::Model`] for a setting or a shape that is invalid.
    ///
    /// # Complexity
    ///
    /// A step of Newton's method takes one backward and one forward pass, and one pass with K
    /// columns. Without a horizon these are a solve, and K+1 linear systems with one matrix. Memory
    /// O(K·S·A).
    ///
    /// A step also computes all eigenpairs of the second derivatives, in time O(K³): 0.2 s for 180
    /// parameters, 2 s for 400. L-BFGS does so at its end alone, and never for more than 400.
    pub fn fit<M>(
        &self,
        mdp: &M,
        demonstrations: &Demonstrations<F>,
    ) -> Result<FittedRewards<M::Fitted>, Error>
    where
        M: RewardModel<Scalar = F> + ?Sized,
    {
        self.features.check(mdp)?;
        self.check_settings(mdp)?;
        let limits = self.limits()?;
        let theta = self.checked_start()?;
        let is_curved = self.method != FitMethod::Lbfgs
            || self.features.num_parameters() <= MOST_CURVED
            || !self.features.is_on_pairs();
        let mut columns = if is_curved { Some(self.features.columns()?) } else { None };
        if let Some(columns) = &mut columns {
            (columns.with_temperature, columns.with_discount) = (self.fits_temperature, self.fits_discount);
        }
        let posterior = Posterior {
            features: &self.features,
            likelihood: &self.likelihood,
            mdp,
            demonstrations,
            columns,
            fits_temperature: self.fits_temperature,
            fits_discount: self.fits_discount,
            largest: self.features.largest(),
            prior: self.checked_prior()?,
            values: RefCell::new(None),
        };
        let (found, pseudo_log_likelihood) =
            self.search(&posterior, &theta, limits).map_err(|error| match error {
                Error::Diverging { direction, .. } => Error::Diverging { direction, names: self.names() },
                other => other,
            })?;
        self.finish(&posterior, found, pseudo_log_likelihood)
    }

    fn search<M>(
        &self,
        posterior: &Posterior<'_, F, M>,
        theta: &Array1<f64>,
        limits: Limits,
    ) -> Result<(Found<F, M>, Option<f64>), Error>
    where
        M: RewardModel<Scalar = F> + ?Sized,
    {
        let start = posterior.unbounded(theta);
        search::check_seen(posterior, &start)?;
        let (found, pseudo_log_likelihood) = match self.method {
            FitMethod::Newton => (newton::maximize(posterior, &start, limits)?, None),
            FitMethod::Lbfgs => (search::lbfgs(posterior, &start, limits)?, None),
            FitMethod::PolicyIterations(number) => {
                let policy = self.nested_policy()?;
                let (found, value) = pseudo_likelihood::maximize(posterior, policy, &start, number, limits)?;
                (found, Some(value))
            }
        };
        Ok((search::shortest(posterior, found, limits)?, pseudo_log_likelihood))
    }

    fn finish<M>(
        &self,
        posterior: &Posterior<'_, F, M>,
        found: Found<F, M>,
        pseudo_log_likelihood: Option<f64>,
    ) -> Result<FittedRewards<M::Fitted>, Error>
    where
        M: RewardModel<Scalar = F> + ?Sized,
    {
        let Maximum { point, curved, status, iterations, gain } = found;
        let Point { parameters: numbers, found: Evaluated { model, score, gradient, .. }, .. } = point;
        let parameters = posterior.parameters(&numbers, &model);
        let num_features = self.features.num_parameters();
        let names = self.names();
        let mut precision = Array1::zeros(parameters.len());
        if let Some(prior) = &posterior.prior {
            prior.add_precision(&mut precision);
        }
        let log_prior = posterior.prior.as_ref().map(|prior| prior.log_density(&parameters));
        let total = posterior.demonstrations.total_weight().into_f64();
        let scale = model.temperature().into_f64() / total;
        let moment_gap =
            gradient.iter().take(num_features).map(|entry| F::from_f64(entry.abs() * scale)).collect();
        let mut scores = Array2::zeros((0, parameters.len()));
        let mut null_basis = scores.clone();
        let is_end = matches!(status, Status::Converged | Status::RoundingFloor);
        if let (true, true, Some((_, curved))) = (posterior.fits_settings(), is_end, &curved) {
            let is_undetermined = posterior.is_undetermined(curved);
            if let Some(k) = (num_features..names.len()).find(|&k| is_undetermined[k]) {
                let is_temperature = self.fits_temperature && k == num_features;
                let setting = if is_temperature { "temperature" } else { "discount" };
                return Err(Error::UnidentifiedSetting { setting });
            }
        }
        let matrices = curved.map(|curved| {
            let (split, curved) = (posterior.split(&curved), curved.1);
            let squares = squares(posterior.demonstrations);
            null_basis = split.null_basis();
            let matrices = Matrices::new(split, &curved, &squares, precision, posterior.threshold());
            scores = curved.scores;
            matrices
        });
        Ok(FittedRewards {
            features: self.features.clone(),
            names,
            rounded: parameters.mapv(F::from_f64),
            parameters,
            model,
            score,
            moment_gap,
            scores: cast(&scores),
            null_basis: cast(&null_basis),
            matrices,
            log_prior,
            pseudo_log_likelihood: pseudo_log_likelihood.map(F::from_f64),
            num_observations: posterior.demonstrations.total_weight(),
            observation: match posterior.demonstrations.seen {
                Seen::Trajectories(_) => "demonstration",
                Seen::Counts(_) => "choice",
            },
            convergence: Convergence { status, iterations, error_bound: F::from_f64(gain) },
        })
    }

    /// The names of all parameters.
    fn names(&self) -> Vec<String> {
        let name = |k: usize| self.features.name(k);
        let mut names: Vec<String> = (0..self.features.num_parameters()).map(name).collect();
        names.extend(self.fits_temperature.then(|| "temperature".into()));
        names.extend(self.fits_discount.then(|| "discount".into()));
        names
    }

    fn limits(&self) -> Result<Limits, Error> {
        let tolerance = self.tolerance.unwrap_or_else(|| F::epsilon().sqrt());
        let is_valid = tolerance > F::zero() && tolerance < F::infinity();
        check_setting(is_valid, "tolerance of the fit", tolerance, "a finite number > 0")?;
        Ok(Limits { tolerance: tolerance.into_f64(), max_iterations: self.max_iterations })
    }

    fn checked_start(&self) -> Result<Array1<f64>, Error> {
        let k = self.features.num_parameters();
        let Some(start) = &self.start else { return Ok(Array1::zeros(k)) };
        if start.len() != k {
            return Err(Error::StartMismatch { found: start.shape().to_vec(), expected: k });
        }
        match start.iter().position(|value| !value.is_finite()) {
            Some(parameter) => Err(Error::InvalidParameter { parameter, value: start[parameter].into_f64() }),
            None => Ok(start.mapv(F::into_f64)),
        }
    }

    fn checked_prior(&self) -> Result<Option<NormalPrior>, Error> {
        let Some((mean, precision)) = &self.prior else { return Ok(None) };
        for table in [mean, precision] {
            check_shape(Table::ParameterPrior, table.shape(), &[self.features.num_parameters()])?;
        }
        let invalid = |property, (parameter, value): (usize, &F), expected| {
            Err(Error::InvalidPrior { property, parameter, value: value.into_f64(), expected })
        };
        if let Some(entry) = mean.iter().enumerate().find(|(_, mean)| !mean.is_finite()) {
            return invalid("mean", entry, "a finite number");
        }
        let is_valid = |precision: F| precision >= F::zero() && precision < F::infinity();
        if let Some(entry) = precision.iter().enumerate().find(|(_, entry)| !is_valid(**entry)) {
            return invalid("precision", entry, "a finite number >= 0");
        }
        let (mean, precision) = (mean.mapv(F::into_f64), precision.mapv(F::into_f64));
        Ok(Some(NormalPrior { mean, precision }))
    }

    /// Checks that a fit of temperature or discount can start.
    fn check_settings<M>(&self, mdp: &M) -> Result<(), Error>
    where
        M: RewardModel<Scalar = F> + ?Sized,
    {
        let num_parameters = self.features.num_parameters();
        if self.method != FitMethod::Lbfgs && num_parameters > MOST_NEWTON {
            return Err(Error::NoCurvature { num_parameters, most: MOST_NEWTON });
        }
        if let FitMethod::PolicyIterations(number) = self.method {
            let count = F::from_f64(if number == 0 { 0.0 } else { 1.0 });
            check_setting(number > 0, "number of policy iterations", count, "at least 1")?;
        }
        if self.fits_discount {
            if self.likelihood.kind == Kind::FeatureMatching {
                return Err(Error::DiscountOfFeatureMatching);
            }
            let discount = mdp.discount();
            let is_inside = discount > F::zero() && discount < F::one();
            check_setting(is_inside, "discount to start a fit from", discount, "a number in (0, 1)")?;
        }
        if self.fits_temperature {
            let temperature = mdp.temperature();
            let is_valid = temperature > F::zero();
            check_setting(is_valid, "temperature to start a fit from", temperature, "a number > 0")?;
            let is_zero = |reward: &F| *reward == F::zero() || *reward == F::neg_infinity();
            let mut is_known = !mdp.terminal_values().iter().all(is_zero);
            for t in 0..self.likelihood.horizon.unwrap_or(1) {
                is_known =
                    is_known || !mdp.stage(t, self.likelihood.kind.inference())?.rewards.iter().all(is_zero);
            }
            if !is_known {
                return Err(Error::UnidentifiedSetting { setting: "temperature" });
            }
        }
        Ok(())
    }

    /// The policy to start from, if policy iterations can fit this likelihood.
    fn nested_policy(&self) -> Result<&StationaryPolicy<F>, Error> {
        let is_nested = self.likelihood.kind == Kind::Actions(Inference::Variational)
            && self.likelihood.horizon.is_none()
            && !self.fits_temperature
            && !self.fits_discount;
        if !is_nested {
            return Err(Error::NotForPolicyIterations);
        }
        self.initial_policy.as_ref().ok_or(Error::NoInitialPolicy)
    }
}

/// Weights of s sᵀ for each row of the scores.
fn squares<F: Real>(demonstrations: &Demonstrations<F>) -> Vec<f64> {
    match &demonstrations.seen {
        Seen::Trajectories(all) => all.iter().map(|one| one.weight.into_f64().powi(2)).collect(),
        Seen::Counts(counts) => counts.iter().map(|count| count.into_f64()).collect(),
    }
}
