//! Updates of critics, actor and temperature.

use ndarray::Array;

use super::actor::climb;
use super::{Actor, SoftActorCritic};
use crate::kernels::SoftRow;
use crate::learning::Error;
use crate::learning::schedule::{count, mix};
use crate::learning::task::{Next, Task};
use crate::learning::{Horizon, Learner, Step};
use crate::{Real, Table};

impl<F: Real, H: Horizon> Learner for SoftActorCritic<F, H> {
    type Scalar = F;
    type Horizon = H;

    fn task(&self) -> &Task<F, H> {
        &self.task
    }

    /// The policy of the actor.
    fn policy(&self) -> Result<H::Policy<F>, Error> {
        let mut values = vec![F::zero(); self.task.num_actions()];
        self.task.policy(|row, policy| {
            self.copy_row(row, &mut values);
            self.actor_row(row).write(&values, policy);
        })
    }

    /// The soft maximum of the action values at the current temperature.
    fn state_values(&self) -> Result<Array<F, H::States>, Error> {
        self.task.soft_values(|row, out| self.copy_row(row, out), self.temperature)
    }

    fn update(&mut self, step: &Step<F>) -> Result<(), Error> {
        let index = self.task.locate(step)?;
        let (row, pair) = (index.row, index.pair);
        for row in &mut self.scratch.0 {
            row.resize(self.task.num_actions(), F::zero());
        }
        let next_value = match index.next {
            Next::End(value) => value,
            Next::Row(_) if self.task.discount() == F::zero() => F::zero(),
            Next::Row(next) => {
                let value = self.soften(next);
                let value = self.task.unless_lost(next, &self.scratch.0[0], value);
                value.ok_or_else(|| self.task.overflow(Table::StateValues, next))?
            }
        };
        let taught = self.least_taught(pair);
        let critic = &self.critics[taught];
        let target = self.task.target(step.reward, next_value);
        let size = self.step_size.after(critic.visits[pair]);
        let value = target.and_then(|target| mix(critic.action_values[pair], target, size));
        let value = value.ok_or_else(|| self.task.overflow(Table::ActionValues, row))?;
        let before = std::mem::replace(&mut self.critics[taught].action_values[pair], value);
        if let Err(error) = self.follow(row) {
            self.critics[taught].action_values[pair] = before;
            return Err(error);
        }
        count(&mut self.critics[taught].visits[pair]);
        Ok(())
    }

    #[cfg(feature = "rand")]
    fn act_at<R: rand::Rng + ?Sized>(&self, stage: usize, state: usize, rng: &mut R) -> Result<usize, Error> {
        use crate::learning::Behaviour;
        use rand::RngExt;
        let row = self.task.acting_row(stage, state)?;
        let first = self.task.pairs(row).start;
        if self.exploration > F::zero() && rng.random::<f64>() < self.exploration.into_f64() {
            let values = &self.critics[0].action_values[self.task.pairs(row)];
            let any = Behaviour::Uniform.row(self.task.prior_row(row), values, self.temperature).draw(rng);
            return any.ok_or(Error::DeadEnd { stage, state });
        }
        let choice = self.actor_row(row).draw(|action| self.value(first + action), rng);
        choice.ok_or(Error::DeadEnd { stage, state })
    }

    /// Adds the step to the replay buffer and learns from a batch drawn from it. An invalid step is
    /// refused and not added. If a number leaves the number type within a batch, the earlier
    /// updates of the batch and the step in the buffer stay.
    #[cfg(feature = "rand")]
    fn learn<R: rand::Rng + ?Sized>(&mut self, step: &Step<F>, rng: &mut R) -> Result<(), Error> {
        self.task.locate(step)?;
        let Some(replay) = &mut self.replay else { return self.update(step) };
        replay.buffer.push(*step);
        for _ in 0..replay.batch {
            let Some(step) = self.replay.as_ref().and_then(|replay| replay.buffer.sample(rng)).copied()
            else {
                break;
            };
            self.update(&step)?;
        }
        Ok(())
    }
}

impl<F: Real, H: Horizon> SoftActorCritic<F, H> {
    /// The critic with the fewest updates of a pair.
    fn least_taught(&self, pair: usize) -> usize {
        let visits = |&critic: &usize| self.critics[critic].visits[pair];
        (0..self.critics.len()).min_by_key(visits).unwrap_or(0)
    }

    /// Writes action values and policy of a row to the scratch, and returns Σ π ( Q − τ log(π/ρ) ).
    fn soften(&mut self, row: usize) -> F {
        // Taken out, because writing to it reads the learner.
        let mut rows = std::mem::take(&mut self.scratch.0);
        let [values, probabilities, logs] = &mut rows;
        self.copy_row(row, values);
        let value = self.actor_row(row).write(values, SoftRow { probabilities, logs });
        self.scratch.0 = rows;
        value
    }

    /// Updates actor and temperature in the state of a row; an error changes nothing.
    fn follow(&mut self, row: usize) -> Result<(), Error> {
        if let Actor::Gradient(rate) = self.actor {
            let mean = self.soften(row);
            let [values, probabilities, logs] = &mut self.scratch.0;
            let prior = self.task.prior_row(row);
            let preferences = &mut self.preferences[self.task.pairs(row)];
            let policy = (&probabilities[..], &mut logs[..]);
            let climbed = climb(preferences, rate, (values, prior), policy, (self.temperature, mean));
            climbed.ok_or_else(|| self.task.overflow(Table::Preferences, row))?;
        }
        if let Some(target_entropy) = self.target_entropy {
            self.soften(row);
            let [_, probabilities, logs] = &self.scratch.0;
            let entropy = self.actor_row(row).entropy(probabilities, logs);
            self.temperature = target_entropy.next_temperature(self.temperature, entropy);
        }
        Ok(())
    }
}
