//! The log-likelihood of demonstrations and its gradients.

use std::convert::Infallible;
use std::ops::ControlFlow;

use ndarray::{Array1, ArrayView2};

use super::observed::Observed;
use super::score::Score;
use super::{Likelihood, finite, stationary};
use crate::inverse::{Demonstrations, Error};
use crate::mdp::{check_options, check_tolerance};
use crate::{Model, Real, Table, check_initial};

impl<F: Real> Likelihood<F> {
    /// Computes the log-likelihood of demonstrations and its gradients.
    ///
    /// The gradients are those in the tables of the model: rewards, terminal values, temperature
    /// and discount. The chain rule gives the gradient in any parameters of the tables.
    ///
    /// With a horizon, the calculation is one backward and one forward pass, for any number of
    /// demonstrations. A [`Watched`](crate::Watched) model is told of 2·T stages. Without a
    /// horizon, it is one stationary solve and one linear system.
    ///
    /// # Errors
    ///
    /// - [`Error::NoDemonstrations`].
    /// - Demonstrations of the wrong kind: [`Error::NotTrajectories`],
    ///   [`Error::CountsWithHorizon`], [`Error::CutOff`], [`Error::Unended`],
    ///   [`Error::UnusedInitial`], [`Error::LateStart`].
    /// - Demonstrations that do not fit the model: [`Error::StateOutOfRange`],
    ///   [`Error::ActionOutOfRange`], [`Error::ActionAfterEnd`], [`Error::TooLong`].
    /// - Demonstrations that the model excludes: [`Error::ImpossibleStart`],
    ///   [`Error::ImpossibleAction`], [`Error::ImpossibleTransition`],
    ///   [`Error::ImpossibleLeaving`], [`Error::ImpossibleEnd`], [`Error::ImpossibleCount`].
    /// - [`Error::Model`] with [`ZeroTemperature`](crate::Error::ZeroTemperature) at τ = 0, with
    ///   [`NotConverged`](crate::Error::NotConverged) if stationary values are less exact than
    ///   asked or the solve was stopped, with [`TotalOverflow`](crate::Error::TotalOverflow) if the
    ///   result leaves the number type, and with the errors of
    ///   [`SoftValueIteration::solve`](crate::SoftValueIteration) or
    ///   [`StationarySolver::solve`](crate::StationarySolver::solve).
    ///
    /// # Complexity
    ///
    /// With a horizon, time O(T · transitions), memory 2·T·S + O(S·A). Direct inference may add a
    /// table of mixed rows, no larger than the transitions. Without a horizon, the time of a
    /// stationary solve and of one system of its size.
    ///
    /// # Example
    ///
    /// One step of gradient ascent on the rewards:
    ///
    /// ```
    /// use softmdp::inverse::{Demonstrations, Error, Likelihood};
    /// use softmdp::{Inference, Mdp, Trajectory, ndarray::array};
    ///
    /// let transitions = array![[[1.0, 0.0], [0.2, 0.8]], [[0.5, 0.5], [0.0, 1.0]]]; // [s, a, s']
    /// let mdp = Mdp::new(transitions, array![[0.0, 0.0], [0.0, 0.0]])?;
    /// let seen = Demonstrations::new([
    ///     Trajectory::new(vec![0, 0, 1, 1], vec![1, 1, 1])?,
    ///     Trajectory::new(vec![0, 1, 1, 1], vec![1, 1, 1])?,
    /// ]);
    /// let likelihood = Likelihood::actions(Inference::Variational).horizon(3);
    /// let score = likelihood.evaluate(&mdp, &seen)?;
    /// let rewards = &mdp.rewards() + &score.reward_gradient();
    /// let better = likelihood.evaluate(&mdp.with_rewards(rewards)?, &seen)?;
    /// assert!(better.value() > score.value());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn evaluate<M>(&self, mdp: &M, demonstrations: &Demonstrations<F>) -> Result<Score<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        self.evaluate_from(mdp, demonstrations, None)
    }

    /// [`evaluate`](Self::evaluate) with initial values of a stationary solve, `[s]`.
    pub(in crate::inverse) fn evaluate_from<M>(
        &self,
        mdp: &M,
        demonstrations: &Demonstrations<F>,
        initial_values: Option<&Array1<F>>,
    ) -> Result<Score<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        self.check(mdp)?;
        let observed = Observed::new(self, mdp, demonstrations)?;
        match self.horizon {
            Some(horizon) => {
                type Visit<F> = fn(usize, ArrayView2<'_, F>) -> ControlFlow<Infallible>;
                let seen = (demonstrations, &observed);
                match finite::evaluate(self, mdp, seen, horizon, None::<Visit<F>>)? {
                    ControlFlow::Continue(score) => Ok(score),
                    ControlFlow::Break(never) => match never {},
                }
            }
            None => stationary::evaluate(self, mdp, (demonstrations, &observed), initial_values),
        }
    }

    /// Evaluates a likelihood with a horizon, and calls `visit(t, gradient)` with the gradient in
    /// the rewards of each stage t, from the first to the last.
    ///
    /// For models whose rewards vary by stage, such as [`TimeVaryingMdp`](crate::TimeVaryingMdp).
    /// The gradients of all stages add up to [`Score::reward_gradient`]. No table of all stages is
    /// made. If `visit` returns `Break`, the pass ends and returns the break value.
    ///
    /// # Shapes
    ///
    /// `gradient` `[s, a]`, in nats per reward unit.
    ///
    /// # Errors
    ///
    /// [`Error::NoHorizon`] without a horizon, and those of [`evaluate`](Self::evaluate).
    ///
    /// # Example
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use softmdp::inverse::{Demonstrations, Error, Likelihood};
    /// use softmdp::{Mdp, TimeVaryingMdp, Trajectory, ndarray::array};
    ///
    /// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 0.0]])?;
    /// let rewards = array![[[0.0, 0.0]], [[0.0, 3.0_f64.ln()]]]; // [t, s, a]
    /// let model = TimeVaryingMdp::from_rewards(&mdp, rewards)?;
    /// let seen = Demonstrations::new([Trajectory::new(vec![0, 0, 0], vec![1, 1])?]);
    /// let mut gradients = Vec::new();
    /// let likelihood = Likelihood::trajectories().horizon(2);
    /// let ended = likelihood.stream_reward_gradient(&model, &seen, |_, gradient| {
    ///     gradients.push(gradient[[0, 1]]); // 1 − π(1)
    ///     ControlFlow::<()>::Continue(())
    /// })?;
    /// assert!((gradients[0] - 0.5_f64).abs() < 1e-15 && (gradients[1] - 0.25).abs() < 1e-15);
    /// let ControlFlow::Continue(score) = ended else { panic!() };
    /// assert!((score.value() - (0.5 * 0.75_f64).ln()).abs() < 1e-15);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn stream_reward_gradient<M, B>(
        &self,
        mdp: &M,
        demonstrations: &Demonstrations<F>,
        visit: impl FnMut(usize, ArrayView2<'_, F>) -> ControlFlow<B> + Send,
    ) -> Result<ControlFlow<B, Score<F>>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
        B: Send,
    {
        self.check(mdp)?;
        let horizon = self.horizon.ok_or(Error::NoHorizon)?;
        let observed = Observed::new(self, mdp, demonstrations)?;
        finite::evaluate(self, mdp, (demonstrations, &observed), horizon, Some(visit))
    }

    /// Checks the options, and the model except its stages.
    fn check<M>(&self, mdp: &M) -> Result<(), Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        check_options(mdp, self.horizon.unwrap_or(1))?;
        if mdp.temperature() == F::zero() {
            return Err(crate::Error::ZeroTemperature { table: Table::LogLikelihood }.into());
        }
        self.tolerance.map_or(Ok(()), check_tolerance)?;
        if let Some(initial) = &self.initial {
            check_initial(initial, mdp.num_states())?;
        }
        Ok(())
    }
}
