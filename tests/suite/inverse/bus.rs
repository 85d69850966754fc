//! Rust (1987): when to replace the engine of a bus. Group 4, in bins of 5000 or of 2571 miles.
//!
//! The counts were made from the odometer readings that J. Rust distributes with his program NFXP
//! (file a530875), in the way of his program STORDAT.

use softmdp::inverse::{Demonstrations, RewardFeatures, Score};
use softmdp::ndarray::{Array2, Array3};
use softmdp::{Mdp, SparseDynamics};

/// Months by bin of mileage.
pub(super) struct Records {
    pub(super) num_bins: usize,
    /// Months without a replacement, by bin.
    keep: &'static [u32],
    /// The bin of each replacement.
    replace: &'static [usize],
    /// Months by number of bins that were driven.
    driven: &'static [u32],
}

pub(super) const NINETY: Records = Records {
    num_bins: 90,
    keep: &[
        101, 105, 115, 123, 121, 121, 103, 97, 98, 99, 96, 98, 93, 102, 84, 92, 92, 91, 83, 79, 68, 74, 73,
        72, 64, 68, 62, 64, 55, 54, 57, 49, 49, 54, 54, 50, 52, 51, 50, 51, 57, 59, 47, 52, 48, 46, 45, 49,
        47, 47, 44, 49, 40, 44, 35, 35, 36, 29, 34, 26, 26, 26, 23, 23, 22, 21, 13, 15, 17, 16, 7, 5, 3, 2,
        2, 2, 2, 1,
    ],
    replace: &[
        24, 25, 30, 33, 34, 35, 41, 42, 42, 44, 47, 49, 50, 51, 51, 52, 52, 53, 54, 54, 54, 56, 57, 57, 58,
        59, 60, 64, 65, 66, 70, 72, 77,
    ],
    driven: &[1682, 2555, 55],
};

/// The finer bins of Table X.
pub(super) const FINE: Records = Records {
    num_bins: 175,
    keep: &[
        64, 38, 57, 50, 64, 65, 54, 64, 59, 63, 64, 62, 52, 48, 56, 49, 50, 48, 59, 40, 59, 46, 49, 46, 54,
        46, 51, 49, 43, 50, 45, 51, 43, 45, 48, 43, 42, 39, 41, 33, 38, 43, 32, 44, 36, 33, 39, 32, 37, 27,
        39, 27, 32, 32, 27, 33, 26, 36, 24, 29, 26, 30, 26, 24, 25, 28, 25, 31, 25, 25, 26, 29, 24, 25, 27,
        28, 22, 29, 29, 32, 28, 30, 24, 23, 29, 27, 23, 24, 22, 22, 27, 26, 24, 25, 20, 27, 22, 24, 24, 26,
        23, 24, 19, 22, 22, 19, 16, 19, 19, 15, 20, 14, 18, 17, 14, 17, 13, 14, 11, 12, 16, 9, 12, 14, 9, 12,
        12, 11, 8, 5, 8, 7, 9, 9, 8, 10, 4, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1, 2, 1,
    ],
    replace: &[
        46, 49, 59, 65, 66, 68, 81, 82, 83, 87, 91, 95, 97, 99, 99, 101, 102, 104, 105, 105, 106, 109, 111,
        112, 113, 115, 116, 125, 127, 129, 137, 141, 150,
    ],
    driven: &[511, 2473, 1231, 68, 6, 3],
};

impl Records {
    /// Action 0 keeps the engine at a cost of 0.001 θ x, action 1 replaces it at a cost of RC.
    pub(super) fn mdp(&self, replacement: f64, theta: f64, discount: f64) -> Mdp<f64, SparseDynamics> {
        let total: u32 = self.driven.iter().sum();
        let last = self.num_bins - 1;
        let dynamics = SparseDynamics::from_fn(self.num_bins, 2, |bin, action| {
            let from = if action == 0 { bin } else { 0 };
            let step = move |(step, &count): (usize, &u32)| {
                ((from + step).min(last), f64::from(count) / f64::from(total))
            };
            self.driven.iter().enumerate().map(step)
        });
        let rewards = Array2::from_shape_fn((self.num_bins, 2), |(bin, action)| match action {
            0 => -0.001 * theta * bin as f64,
            _ => -replacement,
        });
        Mdp::builder(dynamics.unwrap(), rewards).discount(discount).build().unwrap()
    }

    /// How often engines were kept and replaced, by bin.
    pub(super) fn counts(&self) -> Array2<f64> {
        let mut counts = Array2::zeros((self.num_bins, 2));
        self.keep.iter().enumerate().for_each(|(bin, &count)| counts[[bin, 0]] = f64::from(count));
        self.replace.iter().for_each(|&bin| counts[[bin, 1]] += 1.0);
        counts
    }

    /// −1 for a replacement, and −0.001 x for an engine that is kept at mileage x.
    pub(super) fn features(&self) -> RewardFeatures {
        let phi = |(bin, action, k)| match (action, k) {
            (1, 0) => -1.0,
            (0, 1) => -0.001 * bin as f64,
            _ => 0.0,
        };
        RewardFeatures::on_pairs(Array3::from_shape_fn((self.num_bins, 2, 2), phi))
            .names(["replacement", "mileage"])
    }

    /// The log-likelihood of what was driven, with the frequencies as probabilities.
    pub(super) fn log_likelihood_of_driving(&self) -> f64 {
        let total: f64 = self.driven.iter().copied().map(f64::from).sum();
        self.driven.iter().map(|&count| f64::from(count) * (f64::from(count) / total).ln()).sum()
    }
}

pub(super) fn group_four(
    replacement: f64,
    theta: f64,
    discount: f64,
) -> (Mdp<f64, SparseDynamics>, Demonstrations) {
    (NINETY.mdp(replacement, theta, discount), Demonstrations::from_counts(counts()).unwrap())
}

/// The gradient in RC and θ.
pub(super) fn gradient(score: &Score) -> [f64; 2] {
    let pairs = score.reward_gradient();
    let kept = pairs.column(0).into_iter().enumerate().map(|(bin, entry)| -0.001 * bin as f64 * entry);
    [-pairs.column(1).sum(), kept.sum()]
}

/// How often engines were kept and replaced, by bin of 5000 miles.
pub(super) fn counts() -> Array2<f64> {
    NINETY.counts()
}

/// The features of bins of 5000 miles.
pub(super) fn features() -> RewardFeatures {
    NINETY.features()
}
