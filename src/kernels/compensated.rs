//! Sums that are exact to rounding.

/// A sum whose error does not grow with the number of terms (Neumaier, *ZAMM* 54, 1974).
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct CompensatedSum {
    sum: f64,
    lost: f64,
}

impl CompensatedSum {
    pub(crate) fn add(&mut self, x: f64) {
        let sum = self.sum + x;
        self.lost += if self.sum >= x { (self.sum - sum) + x } else { (x - sum) + self.sum };
        self.sum = sum;
    }

    pub(crate) fn total(&self) -> f64 {
        self.sum + self.lost
    }
}
