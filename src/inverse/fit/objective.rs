//! The logarithm of likelihood times prior, as a function of numbers without bounds.
//!
//! ```text
//! L(θ, τ, γ) − ½ Σ_k λ_k (θ_k − m_k)²
//! ```
//!
//! where m are the means and λ ≥ 0 the precisions of the prior.
//!
//! # Form computed
//!
//! The search moves log τ and log γ/(1−γ), which have no bounds. With x = log τ, dτ/dx = τ and
//! d²τ/dx² = τ; with x = log γ/(1−γ), dγ/dx = γ(1−γ) and d²γ/dx² = γ(1−γ)(1−2γ).

use std::cell::RefCell;

use ndarray::{Array1, Array2};

use super::information::Information;
use super::newton::{Maximum, Objective, Point};
use super::prior::NormalPrior;
use crate::inverse::curvature::{Columns, Curvature};
use crate::inverse::features::Reporting;
use crate::inverse::{Demonstrations, Error, Likelihood, RewardFeatures, RewardModel, Score};
use crate::{Model, Real};

/// Rounding of a matrix of second derivatives, in units in the last place for each pair.
const ROUNDING: f64 = 16.0;

/// How far moments may differ at a maximum, relative to the root of the rounding unit.
const GAP: f64 = 100.0;

/// The largest change of log τ and of log γ/(1−γ) in a step. Much farther, choices are uniform or
/// certain, and no derivative leads back.
const MOST_CHANGE: f64 = 0.5;

/// A relative eigenvalue up to which temperature and discount count as not identified. Their null
/// directions are exact only where the gradient is zero.
const UNIDENTIFIED: f64 = 1e-6;

/// The most parameters whose second derivatives are computed after a search that did not need them.
pub(super) const MOST_CURVED: usize = 400;

/// What a fit maximises.
pub(super) struct Posterior<'a, F, M: ?Sized> {
    pub(super) features: &'a RewardFeatures<F>,
    pub(super) likelihood: &'a Likelihood<F>,
    pub(super) mdp: &'a M,
    pub(super) demonstrations: &'a Demonstrations<F>,
    /// Absent if second derivatives would take too much memory.
    pub(super) columns: Option<Columns<F>>,
    pub(super) fits_temperature: bool,
    pub(super) fits_discount: bool,
    /// The largest |φ_k|, `[k]`.
    pub(super) largest: Array1<f64>,
    pub(super) prior: Option<NormalPrior>,
    /// V of the last evaluation without a horizon, from which the next one starts.
    pub(super) values: RefCell<Option<Array1<F>>>,
}

/// The end of a search over the posterior.
pub(super) type Found<F, M> = Maximum<Evaluated<F, <M as RewardModel>::Fitted>, Curved>;

/// A model with its likelihood.
#[derive(Debug)]
pub(super) struct Evaluated<F, M> {
    pub(super) model: M,
    pub(super) score: Score<F>,
    /// The gradient of the log-likelihood in θ, τ and γ.
    pub(super) gradient: Array1<f64>,
    /// Present if the gradient needs it.
    curvature: Option<Curvature<F>>,
}

/// Second derivatives of the log-likelihood in θ, τ and γ.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curved {
    /// −H, `[k, k]`.
    pub(super) information: Array2<f64>,
    /// What its diagonal would be if nothing cancelled, `[k]`.
    pub(super) magnitudes: Array1<f64>,
    /// The score of each demonstration of weight 1, or of one observation of each pair, `[i, k]`.
    pub(super) scores: Array2<f64>,
}

/// Which numbers a fit moves, and how they depend on numbers without bounds.
struct Change {
    first: f64,
    second: f64,
}

impl<F: Real, M: RewardModel<Scalar = F> + ?Sized> Posterior<'_, F, M> {
    /// The numbers without bounds for θ and the settings of the model.
    pub(super) fn unbounded(&self, theta: &Array1<f64>) -> Array1<f64> {
        let mut numbers = theta.to_vec();
        if self.fits_temperature {
            numbers.push(self.mdp.temperature().into_f64().ln());
        }
        if self.fits_discount {
            let discount = self.mdp.discount().into_f64();
            numbers.push((discount / (1.0 - discount)).ln());
        }
        numbers.into()
    }

    /// θ, τ and γ of a model at these numbers.
    pub(super) fn parameters(&self, numbers: &Array1<f64>, model: &M::Fitted) -> Array1<f64> {
        let mut parameters = numbers.clone();
        let mut at = self.features.num_parameters();
        if self.fits_temperature {
            parameters[at] = model.temperature().into_f64();
            at += 1;
        }
        if self.fits_discount {
            parameters[at] = model.discount().into_f64();
        }
        parameters
    }

    /// Derivatives of θ, τ and γ in the numbers without bounds.
    fn changes(&self, model: &M::Fitted) -> Vec<Change> {
        let linear = || Change { first: 1.0, second: 0.0 };
        let mut changes: Vec<Change> = (0..self.features.num_parameters()).map(|_| linear()).collect();
        if self.fits_temperature {
            let temperature = model.temperature().into_f64();
            changes.push(Change { first: temperature, second: temperature });
        }
        if self.fits_discount {
            let discount = model.discount().into_f64();
            let first = discount * (1.0 - discount);
            changes.push(Change { first, second: first * (1.0 - 2.0 * discount) });
        }
        changes
    }

    /// The model at these numbers.
    fn model(&self, numbers: &Array1<f64>) -> Result<M::Fitted, Error> {
        let mut rest = numbers.iter().skip(self.features.num_parameters());
        let mut next = || rest.next().copied().unwrap_or(0.0);
        let theta: Array1<F> =
            numbers.iter().take(self.features.num_parameters()).map(|&theta| F::from_f64(theta)).collect();
        if let Some(parameter) = theta.iter().position(|theta| !theta.is_finite()) {
            return Err(Error::InvalidParameter { parameter, value: numbers[parameter] });
        }
        let mut model = self.features.sum(self.mdp, &theta)?;
        if self.fits_temperature {
            model = model.with_temperature(F::from_f64(next().exp()))?;
        }
        if self.fits_discount {
            model = model.with_discount(F::from_f64(1.0 / (1.0 + (-next()).exp())))?;
        }
        Ok(model)
    }

    fn curvature(&self, model: &M::Fitted, score: &Score<F>) -> Result<Curvature<F>, Error> {
        let columns = self.columns.as_ref().ok_or_else(|| self.too_many())?;
        let model = Reporting { model, original: self.mdp };
        Curvature::new(self.likelihood, &model, self.demonstrations, score, columns)
    }

    fn too_many(&self) -> Error {
        Error::NoCurvature { num_parameters: self.features.num_parameters(), most: MOST_CURVED }
    }

    /// What A of each number is at most, roughly.
    pub(super) fn natural(&self, point: &Point<Evaluated<F, M::Fitted>>) -> Array1<f64> {
        let temperature = point.found.model.temperature().into_f64();
        let total = self.demonstrations.total_weight().into_f64();
        let mut natural = Array1::from_elem(point.parameters.len(), total);
        for (natural, largest) in natural.iter_mut().zip(&self.largest) {
            *natural *= (largest / temperature).powi(2);
        }
        if let Some(prior) = &self.prior {
            prior.add_precision(&mut natural);
        }
        natural
    }

    /// A relative eigenvalue up to which a direction counts as null.
    pub(super) fn threshold(&self) -> f64 {
        let size = self.mdp.num_states().saturating_mul(self.mdp.num_actions()).max(100);
        ROUNDING * size as f64 * F::epsilon().into_f64()
    }

    /// Whether the temperature or the discount is fitted.
    pub(super) fn fits_settings(&self) -> bool {
        self.fits_temperature || self.fits_discount
    }

    /// A + Λ in θ, τ and γ, split. Without settings, the numbers of the search are these.
    pub(super) fn split(&self, (information, curved): &(Information, Curved)) -> Information {
        let split =
            if self.fits_settings() { self.split_by(curved, self.threshold()) } else { information.clone() };
        split.with_threshold_in_gap()
    }

    /// Which of θ, τ and γ the demonstrations do not determine, for settings that are fitted.
    pub(super) fn is_undetermined(&self, curved: &Curved) -> Vec<bool> {
        self.split_by(curved, self.threshold().max(UNIDENTIFIED)).is_unidentified()
    }

    fn split_by(&self, curved: &Curved, threshold: f64) -> Information {
        self.information_of(curved.information.clone(), curved.magnitudes.clone(), threshold)
    }

    /// A + Λ, split.
    fn information_of(&self, mut a: Array2<f64>, mut natural: Array1<f64>, threshold: f64) -> Information {
        if let Some(prior) = &self.prior {
            prior.add_curvature(&mut a, &mut natural);
        }
        Information::new(&a, &natural, threshold)
    }
}

impl<F: Real, M: RewardModel<Scalar = F> + ?Sized> Objective for Posterior<'_, F, M> {
    type Found = Evaluated<F, M::Fitted>;
    type Curved = Curved;

    fn evaluate(&self, numbers: &Array1<f64>) -> Result<Point<Self::Found>, Error> {
        let model = self.model(numbers)?;
        let reporting = Reporting { model: &model, original: self.mdp };
        let warm = self.values.take();
        let score = self.likelihood.evaluate_from(&reporting, self.demonstrations, warm.as_ref())?;
        if self.likelihood.horizon.is_none() {
            self.values.replace(Some(score.state_values.row(0).to_owned()));
        }
        let (mut own, mut curvature) = (Vec::new(), None);
        if self.features.is_on_pairs() {
            own.extend(self.features.gradient(&score).iter().map(|entry| entry.into_f64()));
            if self.fits_temperature {
                own.push(score.temperature_gradient().into_f64());
            }
            if self.fits_discount {
                own.push(score.discount_gradient()?.into_f64());
            }
        } else {
            let found = self.curvature(&model, &score)?;
            own.extend(found.gradient.iter().map(|entry| entry.into_f64()));
            curvature = Some(found);
        }
        let own = Array1::from(own);
        let mut gradient: Array1<f64> =
            own.iter().zip(self.changes(&model)).map(|(entry, change)| entry * change.first).collect();
        let mut value = score.value().into_f64();
        if let Some(prior) = &self.prior {
            prior.add_to(numbers, &mut value, &mut gradient);
        }
        let found = Evaluated { model, score, gradient: own, curvature };
        Ok(Point { parameters: numbers.clone(), value, gradient, found })
    }

    fn information(&self, point: &Point<Self::Found>) -> Result<(Information, Curved), Error> {
        let Evaluated { model, score, gradient, curvature } = &point.found;
        let curvature = match curvature {
            Some(curvature) => curvature.clone(),
            None => self.curvature(model, score)?,
        };
        let number = |entry: &F| entry.into_f64();
        let curved = Curved {
            information: curvature.hessian.mapv(|entry| -entry.into_f64()),
            magnitudes: curvature.magnitudes.iter().map(number).collect(),
            scores: curvature.scores.mapv(F::into_f64),
        };
        let changes = self.changes(model);
        let mut a = Array2::from_shape_fn(curved.information.dim(), |(i, j)| {
            curved.information[[i, j]] * changes[i].first * changes[j].first
        });
        let mut natural: Array1<f64> = curved
            .magnitudes
            .iter()
            .zip(&changes)
            .map(|(natural, change)| natural * change.first * change.first)
            .collect();
        for (k, (change, slope)) in changes.iter().zip(gradient).enumerate() {
            a[[k, k]] -= slope * change.second;
            natural[k] += (slope * change.second).abs();
        }
        Ok((self.information_of(a, natural, self.threshold()), curved))
    }

    fn small_gradient(&self, point: &Point<Self::Found>) -> Array1<f64> {
        let temperature = point.found.model.temperature().into_f64();
        let total = self.demonstrations.total_weight().into_f64();
        let share = GAP * F::epsilon().into_f64().sqrt();
        let mut small = Array1::from_elem(point.parameters.len(), total * share);
        for (small, largest) in small.iter_mut().zip(&self.largest) {
            *small *= largest.max(1.0) / temperature;
        }
        small
    }

    fn rounding_gradient(&self, point: &Point<Self::Found>) -> Array1<f64> {
        self.small_gradient(point) * F::epsilon().into_f64().sqrt()
    }

    fn reach(&self, direction: &Array1<f64>) -> f64 {
        let settings = direction.iter().skip(self.features.num_parameters());
        settings.fold(1.0, |reach, change| reach.min(MOST_CHANGE / change.abs()))
    }

    fn noise(&self, point: &Point<Self::Found>) -> f64 {
        F::epsilon().into_f64().sqrt() * (1.0 + point.value.abs())
    }
}
