//! exp and log in double precision, free of branches.
//!
//! # Form computed
//!
//! exp x = 2^n e^r with n = round(x/log 2), |r| ≤ log(2)/2, and the Taylor polynomial of degree 13
//! for e^r. The power of two is applied in two factors, so that subnormal results are rounded once.
//!
//! log x = k log 2 + log m with m in [√½, √2), f = m − 1, s = f/(2 + f), and, so that nothing
//! cancels for x near 1, log(1 + f) = f − (f²/2 − s (f²/2 + R)) with R = 2 s²/3 + 2 s⁴/5 + … .
//!
//! # References
//!
//! Muller, *Elementary Functions*, 3rd ed. (2016), ch. 11, for the reductions; Tang, *Table-driven
//! implementation of the logarithm function*, ACM TOMS 16 (1990), for the split of log 2 in two.

/// 1.5 · 2^52. Adding it rounds to an integer, which then stands in the lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// log 2 to 32 bits, so that a multiple of it is exact.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);

/// The rest of log 2.
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);

/// a b + c, in one rounding where the processor has fused multiply-add.
#[inline(always)]
fn multiply_add<const FUSED: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// 2^n of an integer n that was added to [`ROUND`].
#[inline(always)]
fn power_of_two(shifted: f64) -> f64 {
    f64::from_bits((shifted.to_bits() << 52).wrapping_add(1023 << 52))
}

#[inline(always)]
pub(super) fn exp<const FUSED: bool>(x: f64) -> f64 {
    /// 1/k! from k = 2 on.
    const C: [f64; 12] = {
        let mut c = [0.5; 12];
        let mut k = 1;
        while k < 12 {
            c[k] = c[k - 1] / (k + 2) as f64;
            k += 1;
        }
        c
    };
    // Beyond these bounds the result is 0 or +∞.
    let bounded = x.clamp(-746.0, 710.0);
    let shifted = multiply_add::<FUSED>(bounded, std::f64::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = multiply_add::<FUSED>(n, -LN_2_LOW, multiply_add::<FUSED>(n, -LN_2_HIGH, bounded));
    let (r2, r4) = (r * r, (r * r) * (r * r));
    let pair = |k: usize| multiply_add::<FUSED>(C[k + 1], r, C[k]);
    let four = |k: usize| multiply_add::<FUSED>(pair(k + 2), r2, pair(k));
    let tail = multiply_add::<FUSED>(multiply_add::<FUSED>(four(8), r4, four(4)), r4, four(0));
    let power = 1.0 + multiply_add::<FUSED>(tail, r2, r);
    let half = multiply_add::<FUSED>(n, 0.5, ROUND);
    let rest = (n - (half - ROUND)) + ROUND;
    // A product that underflows to 0 would take a hundred cycles on some processors.
    power * power_of_two(half) * if x < -745.2 { 0.0 } else { power_of_two(rest) }
}

#[inline(always)]
pub(super) fn ln<const FUSED: bool>(x: f64) -> f64 {
    /// 2/(2k + 3).
    const C: [f64; 10] = {
        let mut c = [0.0; 10];
        let mut k = 0;
        while k < 10 {
            c[k] = 2.0 / (2 * k + 3) as f64;
            k += 1;
        }
        c
    };
    const ONE: u64 = 1.0_f64.to_bits();
    const HALF_ROOT: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
    /// 2^52, whose lowest bit is worth 1.
    const UNIT: f64 = 4_503_599_627_370_496.0;
    let is_subnormal = x < f64::MIN_POSITIVE;
    let normal = if is_subnormal { x * 18_014_398_509_481_984.0 } else { x }; // 2^54
    // The exponent changes at √½ instead of 1, and is read off as an integer between UNIT and 2
    // UNIT.
    let moved = normal.to_bits().wrapping_add(ONE - HALF_ROOT);
    let exponent = f64::from_bits((moved >> 52) | UNIT.to_bits()) - (UNIT + 1023.0);
    let k = if is_subnormal { exponent - 54.0 } else { exponent };
    let m = f64::from_bits((moved & ((1 << 52) - 1)).wrapping_add(HALF_ROOT));
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let (z2, z4) = (z * z, (z * z) * (z * z));
    let pair = |k: usize| multiply_add::<FUSED>(C[k + 1], z, C[k]);
    let four = |k: usize| multiply_add::<FUSED>(pair(k + 2), z2, pair(k));
    let high = multiply_add::<FUSED>(pair(8), z4, four(4));
    let series = multiply_add::<FUSED>(high, z4, four(0)) * z;
    let h = 0.5 * f * f;
    let low = multiply_add::<FUSED>(k, LN_2_LOW, s * (h + series));
    let log = multiply_add::<FUSED>(k, LN_2_HIGH, f - (h - low));
    let or_special = if x > 0.0 { log } else { f64::NAN };
    let or_zero = if x == 0.0 { f64::NEG_INFINITY } else { or_special };
    if x == f64::INFINITY { x } else { or_zero }
}
