//! Random numbers for models that no strategy of proptest makes: a seed gives the same ones
//! everywhere.

use ndarray::Array1;
use softmdp::ndarray;

/// SplitMix64.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn chance(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Numbers ≥ 0 that sum to 1, some of them 0.
    pub fn distribution(&mut self, n: usize, share: f64) -> Array1<f64> {
        let mut row = Array1::from_shape_fn(n, |_| if self.chance(share) { self.uniform() } else { 0.0 });
        row[self.below(n)] += 0.1;
        let sum = row.sum();
        row / sum
    }
}
