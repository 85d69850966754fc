//! Properties of a policy without a model: entropy, divergence, most probable actions.

use ndarray::{Array2, Zip};

use super::Policy;
use crate::{Error, Real, Table, arrays};

impl<F: Real> Policy<F> {
    /// Computes the entropy −Σ_a π log π of every row, `[t, s]`, in nats; 0 for a row of zeros.
    /// Ignore the entries of terminal states, whose rows are not used.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Policy, ndarray::array};
    ///
    /// let policy = Policy::new(array![[[0.5, 0.5], [1.0, 0.0]]])?;
    /// assert_eq!(policy.entropy(), array![[2.0_f64.ln(), 0.0]]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    #[must_use]
    pub fn entropy(&self) -> Array2<F> {
        self.sum_rows(|_, p, log| -(p * log))
    }

    /// Computes the divergence KL(self ‖ other) = Σ_a π log(π/π') of every row, `[t, s]`, in nats.
    ///
    /// It is +∞ if an action of positive probability has probability 0 in the other policy, and 0
    /// for a row of zeros.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] if the other policy has another shape.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Policy, ndarray::array};
    ///
    /// let policy = Policy::new(array![[[1.0, 0.0]]])?;
    /// let even = Policy::new(array![[[0.5, 0.5]]])?;
    /// assert_eq!(policy.kl_divergence(&even)?, array![[2.0_f64.ln()]]);
    /// assert_eq!(even.kl_divergence(&policy)?, array![[f64::INFINITY]]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn kl_divergence(&self, other: &Self) -> Result<Array2<F>, Error> {
        let (found, expected) = (other.probabilities.shape(), self.probabilities.shape());
        arrays::check_shape(Table::Policy, found, expected)?;
        let others = arrays::slice(&other.log_probabilities);
        Ok(self.sum_rows(|index, p, log| p * (log - others[index])))
    }

    /// Returns the most probable action of every row, `[t, s]`. In a tie it returns the first
    /// action, and for a row of zeros it returns 0. Ignore the entries of terminal states, whose
    /// rows are not used.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Policy, ndarray::array};
    ///
    /// let policy = Policy::new(array![[[0.2, 0.8], [0.5, 0.5]]])?;
    /// assert_eq!(policy.greedy(), array![[1, 0]]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    #[must_use]
    pub fn greedy(&self) -> Array2<usize> {
        let mut greedy = Array2::zeros((self.horizon(), self.num_states()));
        Zip::from(&mut greedy).and(self.log_probabilities.rows()).for_each(|greedy, row| {
            for (action, &log) in row.iter().enumerate() {
                if log > row[*greedy] {
                    *greedy = action;
                }
            }
        });
        greedy
    }

    /// Sums `term(index, π, log π)` over each row, leaving out actions of probability 0.
    fn sum_rows(&self, term: impl Fn(usize, F, F) -> F) -> Array2<F> {
        let mut sums = Array2::zeros((self.horizon(), self.num_states()));
        let num_actions = self.num_actions();
        let probabilities = arrays::slice(&self.probabilities);
        let logs = arrays::slice(&self.log_probabilities);
        for (row, sum) in sums.iter_mut().enumerate() {
            for index in row * num_actions..(row + 1) * num_actions {
                if probabilities[index] > F::zero() {
                    *sum += term(index, probabilities[index], logs[index]);
                }
            }
        }
        sums
    }
}
