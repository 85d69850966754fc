//! Conversion of models between the number types.

use ndarray::{Array, ArrayRef, Dimension};

use super::checks::check_setting;
use super::{ActionPrior, Mdp, SuccessorRewardMdp};
use crate::kernels::{cast_positive, cast_reward};
use crate::{CastDynamics, Error, Real, Table, arrays};

impl<F: Real, D: CastDynamics<Scalar = F>> Mdp<F, D> {
    /// Converts this model to another number type: to `f32` to halve the memory, to `f64` for more
    /// digits.
    ///
    /// All numbers are rounded. [`CastDynamics`] says what happens to the rows of the dynamics. A
    /// reward or a terminal value may become 0, which changes it by less than 1e−45.
    ///
    /// # Errors
    ///
    /// [`Error::NotRepresentable`] for a finite reward or terminal value that becomes infinite, and
    /// for a positive probability or prior weight that underflows or becomes infinite.
    /// [`Error::InvalidSetting`] for a temperature that does so, and for a discount that becomes 0
    /// or 1. [`Error::TooLarge`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Error, Mdp, ndarray::array, soft_value_iteration};
    ///
    /// let mdp = Mdp::new(array![[[0.9, 0.1]], [[0.2, 0.8]]], array![[1.0], [0.0]])?;
    /// let exact: f64 = soft_value_iteration(&mdp, 10)?.state_values()[[0, 0]];
    /// let rounded: f32 = soft_value_iteration(&mdp.cast::<f32>()?, 10)?.state_values()[[0, 0]];
    /// assert!((exact - f64::from(rounded)).abs() < 1e-5);
    ///
    /// let huge = mdp.with_rewards(array![[1e40], [0.0]])?; // f32 ends at 3.4e38
    /// assert!(matches!(huge.cast::<f32>(), Err(Error::NotRepresentable { .. })));
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias("precision", "to_f32", "to_f64"))]
    pub fn cast<G: Real>(&self) -> Result<Mdp<G, D::Cast<G>>, Error> {
        let rewards = cast_table(Table::Rewards, &self.rewards, cast_reward)?;
        let values = cast_table(Table::TerminalValues, &self.terminal_values, cast_reward)?;
        let action_prior = match self.action_prior() {
            ActionPrior::Counting => ActionPrior::Counting,
            ActionPrior::Uniform => ActionPrior::Uniform,
            ActionPrior::Weights(weights) => {
                ActionPrior::Weights(cast_table(Table::ActionPrior, weights, cast_positive)?)
            }
        };
        let mut builder = Mdp::builder(self.dynamics.cast::<G>()?, rewards)
            .discount(cast_discount(self.discount)?)
            .temperature(cast_temperature(self.temperature)?)
            .action_prior(action_prior)
            .terminal_states(self.terminal_states())
            .terminal_values(values);
        if let Some(available) = self.available_actions() {
            builder = builder.available_actions(available.to_owned());
        }
        builder.build()
    }
}

impl<F: Real, D: CastDynamics<Scalar = F>> SuccessorRewardMdp<F, D> {
    /// Converts this model to another number type, as [`Mdp::cast`] does. Rewards on the successor
    /// are rounded like those on the pair, and then folded again.
    ///
    /// # Errors
    ///
    /// Those of [`Mdp::cast`] and of [`Mdp::with_outcomes`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, ndarray::array};
    ///
    /// let coin = Mdp::new(array![[[0.5, 0.5]], [[0.5, 0.5]]], array![[0.0], [0.0]])?
    ///     .with_successor_rewards(|_, _, next_state| next_state as f64)?;
    /// assert_eq!(coin.cast::<f32>()?.successor_rewards(), [0.0_f32, 1.0, 0.0, 1.0]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn cast<G: Real>(&self) -> Result<SuccessorRewardMdp<G, D::Cast<G>>, Error> {
        let mdp = self.mdp().cast::<G>()?;
        let mut outcomes = Vec::with_capacity(self.successor_rewards().len());
        for (state, action) in ndarray::indices((mdp.num_states(), mdp.num_actions())) {
            let mut result = Ok(());
            self.for_each_outcome(state, action, |next_state, p, reward| {
                let index = [state, action, next_state];
                let p = cast_positive::<G>(Table::Transitions, &index, p.into_f64());
                let reward = cast_reward::<G>(Table::SuccessorRewards, &index, reward.into_f64());
                match (p, reward) {
                    (Ok(p), Ok(reward)) => outcomes.push((state, action, next_state, p, reward)),
                    (Err(error), _) | (_, Err(error)) if result.is_ok() => result = Err(error),
                    _ => {}
                }
            });
            result?;
        }
        mdp.with_outcomes(outcomes)
    }
}

/// Converts every entry of a table.
fn cast_table<F: Real, G: Real, I: Dimension>(
    table: Table,
    entries: &ArrayRef<F, I>,
    cast: impl Fn(Table, &[usize], f64) -> Result<G, Error>,
) -> Result<Array<G, I>, Error> {
    let mut converted = arrays::filled(table, entries.raw_dim(), G::zero())?;
    for (at, (converted, entry)) in converted.iter_mut().zip(entries).enumerate() {
        let value = entry.into_f64();
        // Only an error needs the index.
        *converted = cast(table, &[], value)
            .or_else(|_| cast(table, &arrays::index_of(entries.shape(), at), value))?;
    }
    Ok(converted)
}

/// Rounds a discount, which must not become 0 or 1.
fn cast_discount<F: Real, G: Real>(discount: F) -> Result<G, Error> {
    let rounded = G::from_f64(discount.into_f64());
    let is_alike =
        (rounded > G::zero()) == (discount > F::zero()) && (rounded < G::one()) == (discount < F::one());
    check_setting(is_alike, "discount", discount, "a number that does not become 0 or 1 in the new type")?;
    Ok(rounded)
}

/// Rounds a temperature.
fn cast_temperature<F: Real, G: Real>(temperature: F) -> Result<G, Error> {
    let rounded = cast_positive(Table::Model, &[], temperature.into_f64());
    check_setting(rounded.is_ok(), "temperature", temperature, "a number in the range of the new type")?;
    rounded
}
