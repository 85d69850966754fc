//! A log-likelihood with its gradients.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::observed::Observed;
use super::starts::Starts;
use super::tally::Tally;
use super::{Kind, Likelihood};
use crate::inverse::Error;
use crate::{Convergence, Inference, Model, Real, Table, arrays};

/// A log-likelihood of demonstrations with its gradients in the tables of the model.
///
/// Made by [`Likelihood::evaluate`]. If parameters θ determine the rewards, the chain rule gives
/// the gradient in θ: Σ_{s,a} `reward_gradient`(s,a) ∂r(s,a)/∂θ, and likewise for terminal values.
/// A clone copies all tables.
///
/// # Example
///
/// The gradient in the weights of features:
///
/// ```
/// use softmdp::inverse::{Demonstrations, Error, Likelihood};
/// use softmdp::{Inference, Mdp, Trajectory, ndarray::array};
///
/// let features = array![[0.0, 1.0], [-1.0, 0.5]]; // φ(s,a), one feature
/// let transitions = array![[[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.5, 0.5]]]; // [s, a, s']
/// let mdp = Mdp::new(transitions, 0.3 * &features)?; // θ = 0.3
/// let seen = Demonstrations::new([Trajectory::new(vec![0, 1, 0], vec![1, 0])?]);
/// let likelihood = Likelihood::actions(Inference::Variational).horizon(2);
/// let derivative = (&likelihood.evaluate(&mdp, &seen)?.reward_gradient() * &features).sum();
///
/// let at = |theta: f64| {
///     let mdp = mdp.with_rewards(theta * &features)?;
///     Ok::<_, Error>(likelihood.evaluate(&mdp, &seen)?.value())
/// };
/// let difference = (at(0.3 + 1e-5)? - at(0.3 - 1e-5)?) / 2e-5;
/// assert!((derivative - difference).abs() < 1e-9);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Score<F = f64> {
    pub(in crate::inverse) value: F,
    pub(in crate::inverse) reward_gradient: Array2<F>, // [s, a]
    pub(in crate::inverse) terminal_gradient: Array1<F>, // [s]
    pub(in crate::inverse) successor_gradient: Array1<F>, // outcome by outcome, or empty
    pub(in crate::inverse) temperature_gradient: F,
    pub(in crate::inverse) discount_gradient: F, // infinite or NaN if it leaves the number type
    pub(in crate::inverse) residual_visits: Array2<F>, // [t, s]; a stationary one has one row
    pub(in crate::inverse) state_values: Array2<F>, // V, [t, s]; a stationary one has one row
    pub(in crate::inverse) is_locally_concave: bool,
    pub(in crate::inverse) convergence: Option<Convergence<F>>,
}

impl<F: Real> Score<F> {
    /// The log-likelihood, in nats.
    ///
    /// For [`feature_matching`](Likelihood::feature_matching) it is the dual function, which is no
    /// logarithm of a probability.
    #[must_use]
    pub fn value(&self) -> F {
        self.value
    }

    /// The gradient in r(s,a), common to all stages, `[s, a]`, in nats per reward unit (I7).
    ///
    /// It is observed less expected visits, divided by τ. It is 0 in terminal states and for
    /// impossible pairs. For models with rewards r(s,a,s'), it is the gradient in the rewards on
    /// the pair.
    #[must_use]
    pub fn reward_gradient(&self) -> ArrayView2<'_, F> {
        self.reward_gradient.view()
    }

    /// The gradient in V_T(s), `[s]`, in nats per reward unit (I7).
    ///
    /// Without a horizon, it is 0 except in terminal states.
    #[must_use]
    pub fn terminal_gradient(&self) -> ArrayView1<'_, F> {
        self.terminal_gradient.view()
    }

    /// The gradient in r(s,a,s'), in nats per reward unit, in the order of
    /// [`SuccessorRewardMdp::successor_rewards`](crate::SuccessorRewardMdp::successor_rewards).
    ///
    /// In direct inference it compares transitions that were seen with those that the posterior
    /// expects. For actions of variational inference and for feature matching it is P(s'∣s,a) times
    /// the gradient in r(s,a): which transition followed an action does not matter.
    ///
    /// It is empty for models whose rewards do not depend on the successor, and for models that
    /// vary by stage.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::inverse::{Demonstrations, Error, Likelihood};
    /// use softmdp::{Mdp, Trajectory, ndarray::array};
    ///
    /// // A fair coin. Somebody who believes in luck has seen heads (state 1) in 3 of 4 tosses.
    /// let coin = Mdp::new(array![[[0.5, 0.5]], [[0.5, 0.5]]], array![[0.0], [0.0]])?;
    /// let coin = coin.with_successor_rewards(|_, _, _| 0.0)?;
    /// let toss = |next| Trajectory::new(vec![0, next], vec![0]);
    /// let seen = Demonstrations::new([toss(1)?, toss(0)?]).with_weights([3.0, 1.0])?;
    /// let score = Likelihood::trajectories().horizon(1).evaluate(&coin, &seen)?;
    /// assert_eq!(score.successor_gradient(), array![-1.0, 1.0, 0.0, 0.0]); // of state 0, then 1
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn successor_gradient(&self) -> ArrayView1<'_, F> {
        self.successor_gradient.view()
    }

    /// The derivative in τ, in nats per reward unit (I11, I12).
    #[must_use]
    pub fn temperature_gradient(&self) -> F {
        self.temperature_gradient
    }

    /// The derivative in γ, in nats (I11, I12).
    ///
    /// At γ = 1 it is the derivative from below, and at γ = 0 from above. At γ = 0, successors of
    /// value −∞ are left out of it.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] with [`TotalOverflow`](crate::Error::TotalOverflow) if the derivative
    /// leaves the number type. This happens in direct inference near γ = 1 if rewards are very
    /// negative, because leaving for † then is far better than going on.
    pub fn discount_gradient(&self) -> Result<F, Error> {
        if self.discount_gradient.is_finite() {
            return Ok(self.discount_gradient);
        }
        Err(crate::Error::TotalOverflow { table: Table::Gradient }.into())
    }

    /// The residual visits x_t(s), `[t, s]`, in weights of demonstrations (I6, I9).
    ///
    /// T+1 rows with a horizon; one row without, which is the sum over all stages. −x_t(s)/τ is the
    /// derivative of the log-likelihood in V_t(s), which includes that through earlier stages.
    ///
    /// For whole trajectories and for feature matching, x are the expected visits. For actions, x
    /// are the observed visits less those which the model expects to follow from the observed
    /// actions, plus those which it expects to follow from its policy.
    #[must_use]
    pub fn residual_visits(&self) -> ArrayView2<'_, F> {
        self.residual_visits.view()
    }

    /// V_t(s) of the model, `[t, s]`, in reward units; one row without a horizon.
    #[must_use]
    pub fn state_values(&self) -> ArrayView2<'_, F> {
        self.state_values.view()
    }

    /// Whether the log-likelihood is proven to be concave near this model, in all rewards and
    /// terminal values together.
    ///
    /// The proof is x_t(s) ≥ 0 at all decisions, to within rounding (I8). Terminal states and stage
    /// T have no decision. Then the matrix of second derivatives has no positive eigenvalue at this
    /// model. It says nothing about models far away. `false` means that nothing is proven.
    ///
    /// It is always true for feature matching and for trajectories that were not cut off; these
    /// likelihoods are concave everywhere. It is always false for actions under direct inference,
    /// where x ≥ 0 is no proof.
    #[must_use]
    pub fn is_locally_concave(&self) -> bool {
        self.is_locally_concave
    }

    /// How the search for stationary values ended; none with a horizon.
    #[must_use]
    pub fn convergence(&self) -> Option<&Convergence<F>> {
        self.convergence.as_ref()
    }

    /// Puts the parts together.
    ///
    /// `values` and `visits` are `[t, s]`, of which the last row counts ends.
    pub(super) fn new<M: Model<Scalar = F> + ?Sized>(
        likelihood: &Likelihood<F>,
        mdp: &M,
        observed: &Observed<F>,
        (starts, tally): (&Starts<F>, Tally<F>),
        (state_values, residual_visits): (Array2<F>, Array2<F>),
        convergence: Option<Convergence<F>>,
    ) -> Result<Self, Error> {
        let (temperature, discount) = (mdp.temperature(), mdp.discount());
        let terminal_values = mdp.terminal_values();
        let mut bracket = tally.observed.0;
        let mut slope = tally.observed.1;
        for end in &observed.ends {
            let value = terminal_values[end.state];
            bracket += product(end.weight, value);
            slope += if value > F::neg_infinity() { end.slope * value } else { F::zero() };
        }
        for source in &starts.sources {
            bracket -= product(source.weight, state_values[[source.stage, source.state]]);
        }
        let (mut value, mut discount_gradient) = (tally.observed.0, tally.discount_gradient());
        let mut temperature_gradient = tally.temperature_gradient();
        if !matches!(likelihood.kind, Kind::Actions(_)) {
            let log_moves = product(observed.num_steps.0, discount.ln())
                + product(observed.num_steps.1, (F::one() - discount).ln());
            value = observed.constant + log_moves + (bracket / temperature + starts.correction);
            temperature_gradient -= bracket / temperature / temperature;
            discount_gradient += observed.constant_slope + slope / temperature;
            let (steps, left) = observed.num_steps;
            let quotient = |weight: F, by: F| if weight > F::zero() { weight / by } else { weight };
            discount_gradient += quotient(steps, discount) - quotient(left, F::one() - discount);
        }
        let largest_choice = observed.choices.iter().fold(F::zero(), |most, choice| most.max(choice.weight));
        let num_decisions = likelihood.horizon.unwrap_or(1); // V_T is linear in all parameters
        let is_locally_concave = likelihood.kind != Kind::Actions(Inference::Direct)
            && is_positive(mdp, &residual_visits, num_decisions, largest_choice);
        let mut terminal_gradient = arrays::filled(Table::Gradient, mdp.num_states(), F::zero())?;
        for end in &observed.ends {
            terminal_gradient[end.state] += end.weight;
        }
        let last = if likelihood.horizon.is_some() { residual_visits.nrows() - 1 } else { usize::MAX };
        for (t, visits) in residual_visits.rows().into_iter().enumerate() {
            for (state, &x) in visits.iter().enumerate().filter(|(_, x)| **x != F::zero()) {
                if t == last || mdp.is_terminal(state) {
                    terminal_gradient[state] -= x;
                }
            }
        }
        terminal_gradient.mapv_inplace(|entry| entry / temperature);
        let shape = (mdp.num_states(), mdp.num_actions());
        let (gradient, successors) = tally.into_gradient();
        let (successor_gradient, heat) = successors.finish(mdp, &gradient);
        let reward_gradient = arrays::from_vec(gradient, shape);
        temperature_gradient += heat;
        if !value.is_finite() {
            return Err(crate::Error::TotalOverflow { table: Table::LogLikelihood }.into());
        }
        let gradients_are_finite = temperature_gradient.is_finite()
            && successor_gradient.iter().all(|entry| entry.is_finite())
            && reward_gradient.iter().all(|entry| entry.is_finite())
            && terminal_gradient.iter().all(|entry| entry.is_finite());
        if !gradients_are_finite {
            return Err(crate::Error::TotalOverflow { table: Table::Gradient }.into());
        }
        Ok(Self {
            value,
            reward_gradient,
            terminal_gradient,
            successor_gradient,
            temperature_gradient,
            discount_gradient,
            residual_visits,
            state_values,
            is_locally_concave,
            convergence,
        })
    }
}

/// weight · value with 0 · (−∞) = 0.
fn product<F: Real>(weight: F, value: F) -> F {
    if weight == F::zero() { weight } else { weight * value }
}

/// Whether x ≥ 0 to within rounding in the first rows, in states that are not terminal.
fn is_positive<F: Real, M: Model<Scalar = F> + ?Sized>(
    mdp: &M,
    residual_visits: &Array2<F>,
    num_rows: usize,
    largest_choice: F,
) -> bool {
    let largest = residual_visits.iter().fold(largest_choice, |most, x| most.max(x.abs()));
    // Each stage adds the rounding of a few terms of this size; stationary systems add more.
    let units = F::from_f64(1024.0 + residual_visits.nrows() as f64);
    let least = -largest * F::epsilon() * units;
    let mut rows = residual_visits.rows().into_iter().take(num_rows);
    rows.all(|row| row.iter().enumerate().all(|(state, &x)| x >= least || mdp.is_terminal(state)))
}
