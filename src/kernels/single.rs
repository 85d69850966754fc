//! exp and log in single precision: the method of `double`, with shorter series.
//!
//! A number takes half the memory and a third of the work of double precision. The polynomials stop
//! where the remainder is below a tenth of a unit in the last place.

/// 1.5 · 2^23. Adding it rounds to an integer, which then stands in the lowest bits.
const ROUND: f32 = 12_582_912.0;

/// log 2 to 15 bits, so that a multiple of it is exact.
const LN_2_HIGH: f32 = f32::from_bits(0x3f31_7200);

/// The rest of log 2.
// Rounding is the purpose.
const LN_2_LOW: f32 = (std::f64::consts::LN_2 - LN_2_HIGH as f64) as f32;

/// a b + c, in one rounding where the processor has fused multiply-add.
#[inline(always)]
fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// 2^n of an integer n that was added to [`ROUND`].
#[inline(always)]
fn power_of_two(shifted: f32) -> f32 {
    f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

#[inline(always)]
pub(super) fn exp<const FUSED: bool>(x: f32) -> f32 {
    // Beyond these bounds the result is 0 or +∞.
    let bounded = x.clamp(-105.0, 89.0);
    let shifted = multiply_add::<FUSED>(bounded, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = multiply_add::<FUSED>(n, -LN_2_LOW, multiply_add::<FUSED>(n, -LN_2_HIGH, bounded));
    let r2 = r * r;
    // 1/k! for k from 2 to 7.
    let two = multiply_add::<FUSED>(1.0 / 6.0, r, 0.5);
    let four = multiply_add::<FUSED>(1.0 / 120.0, r, 1.0 / 24.0);
    let six = multiply_add::<FUSED>(1.0 / 5040.0, r, 1.0 / 720.0);
    let tail = multiply_add::<FUSED>(multiply_add::<FUSED>(six, r2, four), r2, two);
    let power = 1.0 + multiply_add::<FUSED>(tail, r2, r);
    let half = multiply_add::<FUSED>(n, 0.5, ROUND);
    let rest = (n - (half - ROUND)) + ROUND;
    // A product that underflows to 0 would take a hundred cycles on some processors.
    power * power_of_two(half) * if x < -104.0 { 0.0 } else { power_of_two(rest) }
}

#[inline(always)]
pub(super) fn ln<const FUSED: bool>(x: f32) -> f32 {
    const ONE: u32 = 1.0_f32.to_bits();
    const HALF_ROOT: u32 = std::f32::consts::FRAC_1_SQRT_2.to_bits();
    /// 2^23, whose lowest bit is worth 1.
    const UNIT: f32 = 8_388_608.0;
    let is_subnormal = x < f32::MIN_POSITIVE;
    let normal = if is_subnormal { x * 33_554_432.0 } else { x }; // 2^25
    // The exponent changes at √½ instead of 1, and is read off as an integer between UNIT and 2
    // UNIT.
    let moved = normal.to_bits().wrapping_add(ONE - HALF_ROOT);
    let exponent = f32::from_bits((moved >> 23) | UNIT.to_bits()) - (UNIT + 127.0);
    let k = if is_subnormal { exponent - 25.0 } else { exponent };
    let m = f32::from_bits((moved & ((1 << 23) - 1)).wrapping_add(HALF_ROOT));
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    // 2/(2k + 3) for k from 0 to 3.
    let high = multiply_add::<FUSED>(2.0 / 9.0, z, 2.0 / 7.0);
    let series = multiply_add::<FUSED>(multiply_add::<FUSED>(high, z, 2.0 / 5.0), z, 2.0 / 3.0) * z;
    let h = 0.5 * f * f;
    let low = multiply_add::<FUSED>(k, LN_2_LOW, s * (h + series));
    let log = multiply_add::<FUSED>(k, LN_2_HIGH, f - (h - low));
    let is_regular = (x > 0.0) & (x < f32::INFINITY);
    let special = if x == 0.0 { f32::NEG_INFINITY } else { x + if x < 0.0 { f32::NAN } else { 0.0 } };
    if is_regular { log } else { special }
}
