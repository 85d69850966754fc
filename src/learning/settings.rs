//! Checks of the settings of learners and environments.

use crate::mdp::check_setting;
use crate::{Error, Real};

/// [`Error::InvalidSetting`] unless a rate is finite and above 0.
pub(super) fn check_rate<F: Real>(rate: F, setting: &'static str) -> Result<(), Error> {
    check_setting(rate > F::zero() && rate < F::infinity(), setting, rate, "a finite number > 0")
}

/// [`Error::InvalidSetting`] unless the probability of a random action is in [0, 1].
pub(super) fn check_chance<F: Real>(chance: F) -> Result<(), Error> {
    let is_valid = chance >= F::zero() && chance <= F::one();
    check_setting(is_valid, "chance of a random action", chance, "a probability in [0, 1]")
}

/// [`Error::InvalidSetting`] for a number of steps that is 0.
pub(super) fn check_num_steps(num_steps: usize, setting: &'static str) -> Result<(), Error> {
    check_setting(num_steps > 0, setting, 0.0, "at least one step")
}
