//! Sums and dot products with a fixed order, fast enough to run at the speed of memory.
//!
//! A single running sum waits for the latency of each addition. These keep [`LANES`] running sums, which the
//! compiler turns into vector arithmetic, and add them up in one fixed order at the end: the result depends on
//! the length alone, never on threads or on how rows were split.

use crate::Real;

/// Number of running sums.
const LANES: usize = 16;

/// Adds the lanes as a balanced tree.
#[inline(always)]
fn reduce<F: Real>(mut lanes: [F; LANES]) -> F {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// Σ term(p, v) over two slices of one length.
#[inline(always)]
fn sum_terms<F: Real>(p: &[F], v: &[F], term: impl Fn(F, F) -> F) -> F {
    debug_assert_eq!(p.len(), v.len());
    if p.len() < LANES {
        return p.iter().zip(v).fold(F::zero(), |sum, (&p, &v)| sum + term(p, v));
    }
    let mut lanes = [F::zero(); LANES];
    let (p_chunks, p_rest) = p.as_chunks::<LANES>();
    let (v_chunks, v_rest) = v.as_chunks::<LANES>();
    for (p, v) in p_chunks.iter().zip(v_chunks) {
        for i in 0..LANES {
            lanes[i] += term(p[i], v[i]);
        }
    }
    for ((lane, &p), &v) in lanes.iter_mut().zip(p_rest).zip(v_rest) {
        *lane += term(p, v);
    }
    reduce(lanes)
}

/// Σ p v for finite p and v.
#[inline]
pub(crate) fn dot<F: Real>(p: &[F], v: &[F]) -> F {
    sum_terms(p, v, |p, v| p * v)
}

/// Σ p v with 0 · (−∞) = 0: an entry of probability 0 never counts, whatever its value.
#[inline]
pub(crate) fn guarded_dot<F: Real>(p: &[F], v: &[F]) -> F {
    sum_terms(p, v, |p, v| if p > F::zero() { p * v } else { F::zero() })
}

/// Σ x.
#[inline]
pub(crate) fn sum<F: Real>(x: &[F]) -> F {
    sum_terms(x, x, |x, _| x)
}

/// w += x p, entry by entry.
#[inline]
pub(crate) fn add_scaled<F: Real>(w: &mut [F], x: F, p: &[F]) {
    debug_assert_eq!(w.len(), p.len());
    for (w, &p) in w.iter_mut().zip(p) {
        *w += x * p;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_agrees_with_the_plain_sum_at_every_length() {
        for n in 0..70 {
            // Small integers: every order of summation is exact.
            let p: Vec<f64> = (0..n).map(|i| f64::from(i % 7)).collect();
            let v: Vec<f64> = (0..n).map(|i| f64::from(i % 5) - 2.0).collect();
            let plain: f64 = p.iter().zip(&v).map(|(p, v)| p * v).sum();
            assert_eq!(dot(&p, &v), plain, "n = {n}");
            assert_eq!(guarded_dot(&p, &v), plain, "n = {n}");
            assert_eq!(sum(&v), v.iter().sum::<f64>(), "n = {n}");
        }
    }

    #[test]
    fn guarded_dot_ignores_what_has_probability_zero_and_nothing_else() {
        let inf = f64::INFINITY;
        assert_eq!(guarded_dot(&[0.0, 1.0], &[-inf, 2.0]), 2.0);
        assert_eq!(guarded_dot(&[1e-300, 1.0], &[-inf, 2.0]), -inf);
    }
}
