//! exp and log of whole slices, in vector arithmetic where the processor has it.
//!
//! # Form computed
//!
//! Both are free of branches, so that the compiler turns a loop over a slice into vector arithmetic; with the feature `simd`
//! it does so for the instruction set found at run time. Errors are at most one unit in the last place over the whole
//! range, subnormal numbers included; −∞, +∞, NaN, 0 and negative numbers give what the standard library gives.
//!
//! exp x = 2^n e^r with n = round(x/log 2), |r| ≤ log(2)/2, and the Taylor polynomial of degree 13 for e^r. The
//! power of two is multiplied on in two halves, so that subnormal results are rounded once.
//!
//! log x = k log 2 + log m with m in [√½, √2), f = m − 1, s = f/(2 + f), and, so that nothing cancels for x near 1,
//! log(1 + f) = f − (f²/2 − s (f²/2 + R)) with R = 2 s²/3 + 2 s⁴/5 + … .
//!
//! # References
//!
//! Muller, *Elementary Functions*, 3rd ed. (2016), ch. 11, for the reductions; Tang, *Table-driven implementation of the
//! logarithm function*, ACM TOMS 16 (1990), for the split of log 2 in two.

/// What is added to round to an integer, which then stands in the lowest bits: 1.5 · 2^52.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// log 2 to 32 bits, so that a multiple of it is exact.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);

/// The rest of log 2.
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);

/// Numbers that are worked on side by side.
const LANES: usize = 16;

/// a b + c: in one rounding where the processor has an instruction for it.
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
fn exp<const FUSED: bool>(x: f64) -> f64 {
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
    // Beyond these it is 0 and +∞.
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
    power * power_of_two(half) * power_of_two(rest)
}

#[inline(always)]
fn ln<const FUSED: bool>(x: f64) -> f64 {
    /// 2/(2k + 3).
    const C: [f64; 11] = {
        let mut c = [0.0; 11];
        let mut k = 0;
        while k < 11 {
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
    // The exponent changes at √½ instead of 1, and is read off as an integer between UNIT and 2 UNIT.
    let moved = normal.to_bits().wrapping_add(ONE - HALF_ROOT);
    let exponent = f64::from_bits((moved >> 52) | UNIT.to_bits()) - (UNIT + 1023.0);
    let k = if is_subnormal { exponent - 54.0 } else { exponent };
    let m = f64::from_bits((moved & ((1 << 52) - 1)).wrapping_add(HALF_ROOT));
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let series = C.iter().rev().fold(0.0, |sum, &c| multiply_add::<FUSED>(sum, z, c)) * z;
    let h = 0.5 * f * f;
    let low = multiply_add::<FUSED>(k, LN_2_LOW, s * (h + series));
    let log = multiply_add::<FUSED>(k, LN_2_HIGH, f - (h - low));
    let is_regular = x > 0.0 && x < f64::INFINITY;
    let special = if x == 0.0 { f64::NEG_INFINITY } else { x + if x < 0.0 { f64::NAN } else { 0.0 } };
    if is_regular { log } else { special }
}

/// Runs a loop in the widest vector arithmetic that the processor has. The loop is a function with a constant for whether
/// multiplications and additions are fused in one instruction; it and all that it calls has to be `#[inline(always)]`.
macro_rules! vectorised {
    ($loop:ident($($argument:expr),*)) => {
        $crate::kernels::vectorised!($loop::<>($($argument),*))
    };
    ($loop:ident::<$($constant:literal)?>($($argument:expr),*)) => {{
        #[cfg(feature = "simd")]
        match pulp::Arch::new() {
            pulp::Arch::Scalar => $loop::<false, _ $(, $constant)?>($($argument),*),
            arch => arch.dispatch(
                #[inline(always)]
                || $loop::<true, _ $(, $constant)?>($($argument),*),
            ),
        }
        #[cfg(not(feature = "simd"))]
        $loop::<false, _ $(, $constant)?>($($argument),*)
    }};
}
pub(crate) use vectorised;

/// Numbers that have an exponential and a logarithm without branches.
pub trait Transcendental: Copy {
    /// exp x.
    fn exp_lane<const FUSED: bool>(self) -> Self;

    /// log x.
    fn ln_lane<const FUSED: bool>(self) -> Self;
}

impl Transcendental for f64 {
    #[inline(always)]
    fn exp_lane<const FUSED: bool>(self) -> Self {
        exp::<FUSED>(self)
    }

    #[inline(always)]
    fn ln_lane<const FUSED: bool>(self) -> Self {
        ln::<FUSED>(self)
    }
}

/// Through double precision.
// Rounding is the purpose.
#[allow(clippy::cast_possible_truncation)]
impl Transcendental for f32 {
    #[inline(always)]
    fn exp_lane<const FUSED: bool>(self) -> Self {
        exp::<FUSED>(f64::from(self)) as f32
    }

    #[inline(always)]
    fn ln_lane<const FUSED: bool>(self) -> Self {
        ln::<FUSED>(f64::from(self)) as f32
    }
}

#[inline(always)]
fn exp_loop<const FUSED: bool, F: Transcendental>(xs: &mut [F]) {
    for_each_lane(xs, |x| *x = x.exp_lane::<FUSED>());
}

#[inline(always)]
fn ln_loop<const FUSED: bool, F: Transcendental>(xs: &mut [F]) {
    for_each_lane(xs, |x| *x = x.ln_lane::<FUSED>());
}

/// Runs `lane` on every number, several at a time: while one waits for its polynomial, others are worked on.
#[inline(always)]
pub(crate) fn for_each_lane<T>(xs: &mut [T], mut lane: impl FnMut(&mut T)) {
    let (chunks, rest) = xs.as_chunks_mut::<LANES>();
    // Loops and no closures of iterators: those are not always inlined, and then miss the vector instructions.
    for chunk in chunks {
        for x in chunk {
            lane(x);
        }
    }
    for x in rest {
        lane(x);
    }
}

/// x ← exp x.
pub(crate) fn exp_all<F: Transcendental>(xs: &mut [F]) {
    vectorised!(exp_loop(xs));
}

/// x ← log x.
pub(crate) fn ln_all<F: Transcendental>(xs: &mut [F]) {
    vectorised!(ln_loop(xs));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of every magnitude, from the bits of a fixed sequence.
    fn any_positive() -> impl Iterator<Item = f64> {
        (0..400_000_u64)
            .map(|i| f64::from_bits(i.wrapping_mul(0x9e37_79b9_7f4a_7c15) & 0x7fef_ffff_ffff_ffff))
    }

    /// Distance in units of the last place; the standard library's own error is below one.
    #[track_caller]
    fn assert_within_an_ulp(found: f64, expected: f64, x: f64) {
        let distance = found.to_bits().abs_diff(expected.to_bits());
        assert!(found == expected || distance <= 1, "{x:e}: found {found:e}, expected {expected:e}");
    }

    #[test]
    fn exponentials_are_right_over_the_whole_range() {
        let golden = |i: u32| (f64::from(i) * 0.618_033_988_749_894_9).fract();
        let wide = (0..300_000).map(|i| 1456.0 * golden(i) - 745.5);
        let near_zero = (0..100_000).map(|i| 2.0 * golden(i) - 1.0);
        let tiny = any_positive().map(|x| x.min(1.0 / x)).map(|x| -x);
        for x in wide.chain(near_zero).chain(tiny) {
            let (mut fused, plain) = ([x; 5], exp::<false>(x));
            exp_all(&mut fused);
            assert_within_an_ulp(fused[0], x.exp(), x);
            assert_within_an_ulp(plain, x.exp(), x);
            assert_eq!(fused, [fused[0]; 5], "a place in the slice must not matter");
        }
        for (x, expected) in
            [(0.0, 1.0), (-0.0, 1.0), (-1e300, 0.0), (f64::NEG_INFINITY, 0.0), (1e300, f64::INFINITY)]
        {
            assert_eq!((exp::<true>(x), exp::<false>(x)), (expected, expected));
        }
        assert_eq!(exp::<true>(f64::INFINITY), f64::INFINITY);
        assert!(exp::<true>(f64::NAN).is_nan() && exp::<false>(f64::NAN).is_nan());
    }

    #[test]
    fn logarithms_are_right_over_the_whole_range() {
        let near_one = (0..400_000).map(|i| 1.0 + (f64::from(i) - 2e5) * 1e-6);
        let nearer = (0..1000).map(|i| 1.0 + (f64::from(i) - 500.0) * f64::EPSILON);
        let subnormal = (1..1000).map(|i| f64::from_bits(i * i * i * 4_000_000));
        for x in any_positive().chain(near_one).chain(nearer).chain(subnormal) {
            let (mut fused, plain) = ([x; 5], ln::<false>(x));
            ln_all(&mut fused);
            assert_within_an_ulp(fused[0], x.ln(), x);
            assert_within_an_ulp(plain, x.ln(), x);
            assert_eq!(fused, [fused[0]; 5]);
        }
        assert_eq!((ln::<true>(0.0), ln::<false>(-0.0)), (f64::NEG_INFINITY, f64::NEG_INFINITY));
        assert_eq!((ln::<true>(f64::INFINITY), ln::<false>(1.0)), (f64::INFINITY, 0.0));
        assert!(
            ln::<true>(-1.0).is_nan()
                && ln::<true>(f64::NAN).is_nan()
                && ln::<true>(f64::NEG_INFINITY).is_nan()
        );
    }

    #[test]
    #[allow(clippy::cast_possible_truncation)]
    fn single_precision_is_rounded_from_double() {
        for i in 0..100_000 {
            let x = -110.0 + 0.002 * i as f32;
            let (mut power, mut log) = ([x], [x.abs()]);
            exp_all(&mut power);
            ln_all(&mut log);
            // Once rounded from double; a tie may go the other way.
            assert!(power[0].to_bits().abs_diff((f64::from(x).exp() as f32).to_bits()) <= 1, "{x}");
            assert!(log[0].to_bits().abs_diff((f64::from(x.abs()).ln() as f32).to_bits()) <= 1, "{x}");
        }
    }
}
