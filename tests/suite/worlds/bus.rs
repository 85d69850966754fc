//! When to replace the engine of a bus: J. Rust, *Optimal Replacement of GMC Bus Engines: An
//! Empirical Model of Harold Zurcher*, Econometrica 55 (1987), 999–1033.
//!
//! Mileage since the last replacement is counted in bins of 5000 miles, 0 to 89. A month's driving
//! adds 0, 1, 2, … bins with fixed probabilities, at most up to the last. Keeping an engine costs
//! 0.001 · θ · bin, and replacing it costs RC and then drives from bin 0. Each choice has a shock
//! of the extreme-value distribution, which is what temperature 1 is.
//!
//! Rust's shocks have mean 0. If their location is 0 instead, and their mean Euler's constant
//! 0.577…, values are higher by 0.577… / (1 − γ); differences of values and choices are the same.

use super::World;

pub const NUM_STATES: usize = 90;
pub const DISCOUNT: f64 = 0.9999;
/// The two actions.
pub const KEEP: usize = 0;
pub const REPLACE: usize = 1;
/// θ of group 4 in table IX for γ = 0.9999, and how many bins a month adds.
pub const MAINTENANCE: f64 = 2.2930;
pub const REPLACEMENT: f64 = 10.0750;
pub const INCREMENTS: [f64; 3] = [0.3919, 0.5953, 0.0128];

/// With the estimates for group 4, linear cost, table IX.
pub fn group4() -> World {
    model("bus, group 4", REPLACEMENT, MAINTENANCE, &INCREMENTS)
}

/// With RC, θ and the probabilities of 0, 1, 2, … bins a month.
pub fn model(name: &str, replacement: f64, maintenance: f64, increments: &[f64]) -> World {
    let world = World::new(name, (NUM_STATES, 2), [], DISCOUNT, |bin, action| {
        let (from, reward) = match action {
            KEEP => (bin, -0.001 * maintenance * bin as f64),
            _ => (0, -replacement),
        };
        let drive = move |(added, &p): (usize, &f64)| ((from + added).min(NUM_STATES - 1), p, reward);
        increments.iter().enumerate().map(drive).collect::<Vec<_>>()
    });
    World { name: name.into(), ..world.soft(1.0) }
}
