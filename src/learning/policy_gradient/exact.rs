//! The exact gradient from a model, and steps along it.

use ndarray::{Array, ArrayRef1, aview1};

use super::SoftPolicyGradient;
use crate::learning::settings::check_rate;
use crate::learning::{Error, Horizon, Learner};
use crate::mdp::CheckedStage;
use crate::mdp::check_setting;
use crate::{Inference, Model, Real, Table, soft_bellman_backup};

/// V^π and Q^π of a policy in a model.
struct Evaluated<F> {
    values: Vec<F>,        // [t, s], with a last row if there is a horizon
    action_values: Vec<F>, // [t, s, a]
}

impl<F: Real, H: Horizon> SoftPolicyGradient<F, H> {
    /// Computes J = Σ_s p₀(s) V^π(s) of the policy in a model (V1).
    ///
    /// `mdp` must be the model of the task; only its shape can be checked.
    ///
    /// # Shapes
    ///
    /// `initial` p₀, `[s]`, sums to 1.
    ///
    /// # Errors
    ///
    /// Those of [`StationaryPolicy::elbo`](crate::StationaryPolicy::elbo), or of
    /// [`Policy::elbo`](crate::Policy::elbo) with a finite horizon.
    pub fn objective<M>(&self, mdp: &M, initial: &ArrayRef1<F>) -> Result<F, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        Ok(H::elbo(&self.policy()?, mdp, initial)?)
    }

    /// Computes the exact gradient of J with respect to the preferences (G1).
    ///
    /// It is 0 in terminal states and in states that the policy never reaches.
    ///
    /// # Shapes
    ///
    /// `initial` p₀, `[s]`, sums to 1; returns `[s, a]`, or `[t, s, a]` with a finite horizon, in
    /// reward units.
    ///
    /// # Errors
    ///
    /// [`Error::NoGradient`] if the policy can meet a value of −∞; the errors of evaluating the
    /// policy and of its [visits](crate::StationaryPolicy::expected_visits);
    /// [`softmdp::Error::Overflow`](crate::Error::Overflow).
    ///
    /// # Complexity
    ///
    /// Twice that of [`StationaryPolicy::evaluate`](crate::StationaryPolicy::evaluate), or O(T ·
    /// transitions).
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::learning::{SoftPolicyGradient, Task};
    /// use softmdp::{Mdp, ndarray::array};
    ///
    /// // A bandit with one stage: ∂J/∂θ(a) = π(a) (r(a) − mean).
    /// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[1.0, 3.0]])?;
    /// let learner = SoftPolicyGradient::new(Task::of(&mdp)?.within(1))?;
    /// assert_eq!(learner.gradient(&mdp, &array![1.0])?, array![[[-0.5, 0.5]]]);
    /// # Ok::<(), softmdp::learning::Error>(())
    /// ```
    pub fn gradient<M>(&self, mdp: &M, initial: &ArrayRef1<F>) -> Result<Array<F, H::Pairs>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        Ok(self.task.view(&self.gradient_table(mdp, initial)?).to_owned())
    }

    /// Takes a step θ += η ∂J/∂θ along the exact gradient, with η > 0, and drops an unfinished
    /// episode.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting) for η; those of
    /// [`gradient`](Self::gradient); [`softmdp::Error::Overflow`](crate::Error::Overflow). An error
    /// leaves the policy unchanged.
    pub fn ascend<M>(&mut self, mdp: &M, initial: &ArrayRef1<F>, step_size: F) -> Result<(), Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        check_rate(step_size, "step size of the gradient")?;
        let mut preferences = self.gradient_table(mdp, initial)?;
        for (entry, &preference) in preferences.iter_mut().zip(&self.preferences) {
            *entry = preference + step_size * *entry;
        }
        self.replace(preferences)
    }

    /// Takes a step of the natural gradient (G2), with 0 < η ≤ (1−γ)/τ, and drops an unfinished
    /// episode.
    ///
    /// The largest η is one step of soft policy iteration: π ∝ ρ exp(Q^π/τ) over the actions of
    /// positive probability. A smaller η is a part of this step. A preference of −∞ stays. The step
    /// also updates unvisited states, so it needs no initial distribution. With a finite horizon,
    /// and at γ = 1, 1 replaces 1−γ. The preferences become logarithms of weights, in nats.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting) for η;
    /// [`Error::NoGradient`] if the policy can meet a value of −∞; the errors of evaluating the
    /// policy; [`softmdp::Error::Overflow`](crate::Error::Overflow). An error leaves the policy
    /// unchanged.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::learning::{Learner, SoftPolicyGradient, Task};
    /// use softmdp::{Mdp, ndarray::array};
    ///
    /// let rewards = array![[0.0, 3.0_f64.ln()]];
    /// let mdp = Mdp::new(array![[[1.0], [1.0]]], rewards)?.with_discount(0.5)?;
    /// let mut learner = SoftPolicyGradient::new(Task::of(&mdp)?)?;
    /// learner.natural_step(&mdp, 0.5)?;
    /// assert!((learner.policy()?.probabilities()[[0, 1]] - 0.75).abs() < 1e-15);
    /// # Ok::<(), softmdp::learning::Error>(())
    /// ```
    pub fn natural_step<M>(&mut self, mdp: &M, step_size: F) -> Result<(), Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let left = F::one() - mdp.discount();
        let scale = if !H::IS_FINITE && left > F::zero() { left } else { F::one() };
        let temperature = mdp.temperature();
        let (power, kept) = (step_size / scale, F::one() - step_size * temperature / scale);
        // The largest step may exceed the bound by its own rounding.
        let slack = F::epsilon() * F::from_f64(4.0);
        let is_valid = step_size > F::zero() && step_size < F::infinity() && kept >= -slack;
        let (setting, expected) =
            ("step size of the natural gradient", "a number in (0, (1 - discount) / temperature]");
        check_setting(is_valid, setting, step_size, expected)?;
        let kept = if kept > slack { kept } else { F::zero() };
        let Evaluated { values, action_values } = self.evaluated(mdp)?;
        let mut preferences = self.preferences.clone();
        for (row, &value) in values.iter().enumerate().take(self.task.num_rows()) {
            let (stage, state) = (row / self.task.num_states(), row % self.task.num_states());
            let pairs = self.task.pairs(row);
            if preferences[pairs.clone()].iter().all(|preference| *preference == F::neg_infinity()) {
                continue;
            }
            if value == F::neg_infinity() {
                return Err(Error::NoGradient { stage, state });
            }
            let tables = CheckedStage::new(mdp, stage, Inference::Variational)?;
            let (_, prior) = tables.row(state)?;
            for (pair, &weight) in pairs.zip(prior) {
                if preferences[pair] == F::neg_infinity() {
                    continue;
                }
                let kept = if kept == F::zero() { F::zero() } else { kept * self.logs[pair] };
                // Relative to V: small differences between large values keep their digits.
                let advantage = action_values[pair] - value;
                preferences[pair] = kept + power * (temperature * weight.ln() + advantage);
            }
        }
        self.replace(preferences)
    }

    /// Sets new preferences; finite ones have to stay finite.
    fn replace(&mut self, preferences: Vec<F>) -> Result<(), Error> {
        let mut pairs = preferences.iter().zip(&self.preferences);
        // An overflow to −∞ would give an action up for good.
        let is_wrong = |(new, old): (&F, &F)| !(new.is_finite() || *old == F::neg_infinity());
        if let Some(pair) = pairs.position(is_wrong) {
            return Err(self.task.overflow(Table::Preferences, pair / self.task.num_actions()));
        }
        self.preferences = preferences;
        self.episode.clear();
        (0..self.task.num_rows()).for_each(|row| self.refresh(row));
        Ok(())
    }

    /// (G1), `[t, s, a]`.
    fn gradient_table<M>(&self, mdp: &M, initial: &ArrayRef1<F>) -> Result<Vec<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let visits = H::visits(&self.policy()?, mdp, initial)?;
        let Evaluated { values, action_values } = self.evaluated(mdp)?;
        let mut gradient = self.task.filled(Table::Preferences, F::zero())?;
        for row in (0..self.task.num_rows()).filter(|&row| visits[row] > F::zero()) {
            let (stage, state) = (row / self.task.num_states(), row % self.task.num_states());
            if mdp.is_terminal(state) {
                continue;
            }
            if values[row] == F::neg_infinity() {
                return Err(Error::NoGradient { stage, state });
            }
            let tables = CheckedStage::new(mdp, stage, Inference::Variational)?;
            let (_, prior) = tables.row(state)?;
            for (pair, &weight) in self.task.pairs(row).zip(prior) {
                let p = self.probabilities[pair];
                if p > F::zero() {
                    let cost = mdp.temperature() * (self.logs[pair] - weight.ln());
                    gradient[pair] = visits[row] * p * (action_values[pair] - cost - values[row]);
                }
            }
        }
        self.task.check_finite(Table::Preferences, &gradient)?;
        Ok(gradient)
    }

    /// V^π, and Q^π = r + γ P V^π (V2).
    fn evaluated<M>(&self, mdp: &M) -> Result<Evaluated<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let values = H::evaluate(&self.policy()?, mdp)?;
        let (horizon, num_states, num_actions) = (self.task.horizon(), mdp.num_states(), mdp.num_actions());
        let mut action_values = self.task.filled(Table::ActionValues, F::neg_infinity())?;
        for (t, stage_values) in action_values.chunks_exact_mut(num_states * num_actions).enumerate() {
            let next = horizon.table_after(t).unwrap_or(horizon.num_stages()) * num_states;
            let next_values = &values[next..next + num_states];
            let backup = soft_bellman_backup(mdp, &aview1(next_values), t, Inference::Variational)?;
            stage_values.iter_mut().zip(backup.action_values()).for_each(|(q, &found)| *q = found);
        }
        Ok(Evaluated { values, action_values })
    }
}
