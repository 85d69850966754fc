//! Rust's model of bus engines: the records of Harold Zurcher, what a bus does, and what it costs.
//!
//! The records are in `examples/data/bus_engines.txt`, with their source.

use softmdp::ndarray::{Array1, Array2, Array3, Axis};
use softmdp::{Mdp, SparseDynamics, StationaryPolicy};

pub(crate) const NUM_BINS: usize = 90;
pub(crate) const BIN_MILES: usize = 5000;
pub(crate) const KEEP: usize = 0;
pub(crate) const REPLACE: usize = 1;

/// Engines drive at most 2 bins a month.
const NUM_INCREMENTS: usize = 3;

/// What a bus does: an engine is driven 0, 1, 2, … bins a month with these probabilities.
///
/// A new engine is driven from bin 0 in the month of its replacement.
pub(crate) fn dynamics(increments: &[f64]) -> Result<SparseDynamics, softmdp::Error> {
    SparseDynamics::from_fn(NUM_BINS, 2, |bin, action| {
        let from = if action == KEEP { bin } else { 0 };
        let drive = move |(bins, &p): (usize, &f64)| ((from + bins).min(NUM_BINS - 1), p);
        increments.iter().enumerate().map(drive)
    })
}

/// Rewards, `[s, a]`: a new engine costs RC, a month with an engine of bin x costs 0.001 θ x.
pub(crate) fn rewards(replacement: f64, maintenance: f64) -> Array2<f64> {
    Array2::from_shape_fn((NUM_BINS, 2), |(bin, action)| match action {
        KEEP => -0.001 * maintenance * bin as f64,
        _ => -replacement,
    })
}

/// The derivatives of the rewards in RC and in θ, `[s, a, k]`.
pub(crate) fn features() -> Array3<f64> {
    let derivatives = [rewards(1.0, 0.0), rewards(0.0, 1.0)];
    Array3::from_shape_fn((NUM_BINS, 2, 2), |(bin, action, k)| derivatives[k][[bin, action]])
}

/// New engines per bus and year in the long run.
pub(crate) fn replacements_a_year(
    mdp: &Mdp<f64, SparseDynamics>,
    policy: &StationaryPolicy,
) -> Result<f64, softmdp::Error> {
    Ok(12.0 * policy.stationary_distribution(mdp)?.dot(&policy.probabilities().column(REPLACE)))
}

/// Months of some groups of buses, by bin, choice and bins driven before, `[s, a, i]`.
#[derive(Debug, Clone)]
pub(crate) struct Records(Array3<f64>);

impl Records {
    /// Reads the records of some groups, 1 to 4.
    pub(crate) fn of_groups(groups: &[usize]) -> Result<Self, std::num::ParseIntError> {
        let mut months = Array3::zeros((NUM_BINS, 2, NUM_INCREMENTS));
        let text = include_str!("../data/bus_engines.txt");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let numbers = line.split(' ').map(str::parse).collect::<Result<Vec<usize>, _>>()?;
            let (group, bin, counts) = (numbers[0], numbers[1], &numbers[2..]);
            if groups.contains(&group) {
                let mut row = months.index_axis_mut(Axis(0), bin);
                row.iter_mut().zip(counts).for_each(|(sum, &count)| *sum += count as f64);
            }
        }
        Ok(Self(months))
    }

    /// Months by bin, choice and bins driven before, `[s, a, i]`.
    pub(crate) fn months(&self) -> &Array3<f64> {
        &self.0
    }

    /// Months by bin and choice, `[s, a]`.
    pub(crate) fn choices(&self) -> Array2<f64> {
        self.0.sum_axis(Axis(2))
    }

    /// Months by bins driven before, `[i]`.
    pub(crate) fn driven(&self) -> Array1<f64> {
        self.0.sum_axis(Axis(0)).sum_axis(Axis(0))
    }
}
