//! exp and log of whole slices, in vector arithmetic where the processor has it.
//!
//! Both are free of branches, so that the compiler turns a loop over a slice into vector
//! arithmetic. With the feature `simd`, the instruction set is found at run time: AVX-512, AVX2, or
//! the baseline of the target.
//!
//! Errors are below one and a half units in the last place over the whole range, subnormal numbers
//! included; −∞, +∞, NaN, 0 and negative numbers give what the standard library gives. The result
//! depends on the number and on whether the processor has fused multiply-add. It depends neither on
//! the place in a slice nor on the width of vectors.

use super::real::{Real, sealed::Transcendental};
use super::{double, single};

/// Runs a loop in the widest vector arithmetic of the processor.
///
/// The loop is a function whose first constant parameter says whether the processor has fused
/// multiply-add. The function, and every function that it calls, must be `#[inline(always)]`. The
/// choice costs one relaxed load of a byte and a comparison.
macro_rules! vectorised {
    ($loop:ident($($argument:expr),*)) => {
        $crate::kernels::vectorised!($loop::<>($($argument),*))
    };
    ($loop:ident::<$($constant:literal),*>($($argument:expr),*)) => {{
        #[cfg(feature = "simd")]
        match pulp::Arch::new() {
            pulp::Arch::Scalar => $loop::<false, _ $(, $constant)*>($($argument),*),
            arch => arch.dispatch($crate::kernels::Inlined(
                #[inline(always)]
                || $loop::<true, _ $(, $constant)*>($($argument),*),
            )),
        }
        #[cfg(not(feature = "simd"))]
        $loop::<false, _ $(, $constant)*>($($argument),*)
    }};
}
pub(crate) use vectorised;

/// A closure that is compiled for each vector width. A plain closure would be called through a
/// shim, which is compiled only once.
#[cfg(feature = "simd")]
pub(crate) struct Inlined<G>(pub(crate) G);

#[cfg(feature = "simd")]
impl<R, G: FnMut() -> R> pulp::WithSimd for Inlined<G> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(mut self, _: S) -> R {
        (self.0)()
    }
}

impl Transcendental for f64 {
    #[inline(always)]
    fn exp_lane<const FUSED: bool>(self) -> Self {
        double::exp::<FUSED>(self)
    }

    #[inline(always)]
    fn ln_lane<const FUSED: bool>(self) -> Self {
        double::ln::<FUSED>(self)
    }
}

impl Transcendental for f32 {
    #[inline(always)]
    fn exp_lane<const FUSED: bool>(self) -> Self {
        single::exp::<FUSED>(self)
    }

    #[inline(always)]
    fn ln_lane<const FUSED: bool>(self) -> Self {
        single::ln::<FUSED>(self)
    }
}

#[inline(always)]
pub(super) fn exp_loop<const FUSED: bool, F: Transcendental>(xs: &mut [F]) {
    for_each_lane(xs, |x| *x = x.exp_lane::<FUSED>());
}

#[inline(always)]
pub(super) fn ln_loop<const FUSED: bool, F: Transcendental>(xs: &mut [F]) {
    for_each_lane(xs, |x| *x = x.ln_lane::<FUSED>());
}

/// Numbers that start at a cache line, so that no vector crosses one.
#[repr(align(64))]
pub(crate) struct Aligned<F, const N: usize>(pub(crate) [F; N]);

impl<F: Real, const N: usize> Aligned<F, N> {
    #[inline(always)]
    pub(crate) fn zeros() -> Self {
        Self([F::zero(); N])
    }
}

/// Numbers that are computed side by side: 128 bytes, two of the widest registers.
#[inline(always)]
pub(crate) const fn num_lanes<T>() -> usize {
    128 / size_of::<T>()
}

/// Runs `lane` on every number, several at a time, which hides the latency of the polynomials. The
/// effect of `lane` on a number must depend on this number alone; it may be run on copies too.
#[inline(always)]
pub(crate) fn for_each_lane<T: Copy>(xs: &mut [T], lane: impl FnMut(&mut T)) {
    if num_lanes::<T>() == 32 { lanes::<T, 32>(xs, lane) } else { lanes::<T, 16>(xs, lane) }
}

/// [`for_each_lane`], `N` at a time.
#[inline(always)]
fn lanes<T: Copy, const N: usize>(xs: &mut [T], mut lane: impl FnMut(&mut T)) {
    let (chunks, rest) = xs.as_chunks_mut::<N>();
    let Some(&first) = chunks.first().map(|chunk| &chunk[0]).or(rest.first()) else { return };
    // The last numbers are padded to a whole chunk, instead of computed one by one.
    let mut last = Aligned([first; N]);
    let last = &mut last.0;
    for (i, x) in last.iter_mut().enumerate() {
        *x = rest.get(i).copied().unwrap_or(first);
    }
    let num_last = usize::from(!rest.is_empty());
    // In one place, so that `lane` is inlined: only then is it compiled for the vector arithmetic
    // around it.
    for chunks in [chunks, &mut std::slice::from_mut(last)[..num_last]] {
        for chunk in chunks {
            for x in chunk {
                lane(x);
            }
        }
    }
    rest.copy_from_slice(&last[..rest.len()]);
}

/// x ← exp x.
pub(crate) fn exp_all<F: Real>(xs: &mut [F]) {
    F::compiled_exp(xs);
}

/// x ← log x.
pub(crate) fn ln_all<F: Real>(xs: &mut [F]) {
    F::compiled_ln(xs);
}

#[cfg(test)]
mod tests {
    use dashu_float::round::mode::HalfEven;
    use dashu_float::{Context, FBig};

    use super::*;

    type Big = FBig<HalfEven, 2>;

    const CONTEXT: Context<HalfEven> = Context::new(200);

    fn big(x: f64) -> Big {
        Big::try_from(x).unwrap().with_precision(200).value()
    }

    /// Runs a loop in every vector arithmetic that the processor has: one result each, the first
    /// without fused operations.
    macro_rules! at_every_level {
        ($loop:ident($xs:expr)) => {{
            let mut results = vec![$xs.clone()];
            $loop::<false, _>(&mut results[0]);
            #[cfg(all(feature = "simd", target_arch = "x86_64"))]
            {
                let v3 = pulp::x86::V3::try_new().map(pulp::Arch::V3);
                let v4 = pulp::x86::V4::try_new().map(pulp::Arch::V4);
                for arch in v3.into_iter().chain(v4) {
                    let mut xs = $xs.clone();
                    arch.dispatch(
                        #[inline(always)]
                        || $loop::<true, _>(&mut xs),
                    );
                    results.push(xs);
                }
            }
            results
        }};
    }

    /// Neither the width of vectors nor the place in the slice matters: only whether operations
    /// were fused.
    fn assert_alike<F: Real + Into<f64>>(results: &[Vec<F>], chosen: &mut [F], run: fn(&mut [F])) {
        let bits = |xs: &[F]| xs.iter().map(|&x| x.into().to_bits()).collect::<Vec<_>>();
        let fused: Vec<_> = results[1..].iter().map(|xs| bits(xs)).collect();
        assert!(fused.windows(2).all(|pair| pair[0] == pair[1]));
        let mut one_by_one = chosen.to_vec();
        one_by_one.chunks_mut(1).for_each(run);
        run(chosen);
        assert_eq!(bits(chosen), bits(&one_by_one));
        assert!(results.iter().any(|xs| bits(xs) == bits(chosen)));
    }

    /// The largest error in units of the last place: beside the standard library, whose own is
    /// below one, for all numbers, and beside arithmetic of 200 bits for some.
    fn worst_double(xs: &[f64], found: &[f64], plain: fn(f64) -> f64, exact: fn(&Big) -> Big) -> f64 {
        let mut worst = 0.0_f64;
        for (i, (&x, &found)) in xs.iter().zip(found).enumerate() {
            let expected = plain(x);
            let distance = found.to_bits().abs_diff(expected.to_bits());
            assert!(found == expected || distance <= 1, "{x:e}: found {found:e}, expected {expected:e}");
            if i % 97 == 0 && expected != 0.0 && expected.is_finite() {
                let ulp = expected.abs().log2().floor().max(-1022.0) as isize - 52;
                let error = (big(found) - exact(&big(x))) >> ulp;
                worst = worst.max(error.to_f64().value().abs());
            }
        }
        worst
    }

    /// The largest error in units of the last place, beside double precision; NaN if there is no
    /// error to be had.
    fn worst_single(xs: &[f32], found: &[f32], plain: fn(f64) -> f64) -> f64 {
        let errors = xs.iter().zip(found).map(|(&x, &found)| {
            let expected = plain(f64::from(x));
            let ulp = 2.0_f64.powf(expected.abs().log2().floor().max(-126.0) - 23.0);
            let is_beyond = expected > f64::from(f32::MAX) + 0.5 * 2.0_f64.powi(104);
            let expected = if is_beyond { f64::INFINITY } else { expected };
            let found = f64::from(found);
            if found == expected { 0.0 } else { ((expected - found) / ulp).abs() }
        });
        // NaN is the largest of all.
        errors.max_by(f64::total_cmp).expect("numbers to look at")
    }

    /// Numbers of every magnitude, from the bits of a fixed sequence.
    fn any_positive() -> impl Iterator<Item = f64> {
        (0..400_000_u64)
            .map(|i| f64::from_bits(i.wrapping_mul(0x9e37_79b9_7f4a_7c15) & 0x7fef_ffff_ffff_ffff))
    }

    #[test]
    fn exponentials_are_right_over_the_whole_range() {
        let golden = |i: u32| (f64::from(i) * 0.618_033_988_749_894_9).fract();
        let wide = (0..300_000).map(|i| 1456.0 * golden(i) - 745.5);
        let near_zero = (0..100_000).map(|i| 2.0 * golden(i) - 1.0);
        let tiny = any_positive().map(|x| x.min(1.0 / x)).map(|x| -x);
        let mut xs: Vec<f64> = wide.chain(near_zero).chain(tiny).collect();
        let results = at_every_level!(exp_loop(xs));
        for found in &results {
            let worst = worst_double(&xs, found, f64::exp, |x| CONTEXT.exp(x.repr(), None).unwrap().value());
            assert!(worst < 1.1, "{worst} units");
        }
        assert_alike(&results, &mut xs, exp_all);
    }

    #[test]
    fn logarithms_are_right_over_the_whole_range() {
        let near_one = (0..400_000).map(|i| 1.0 + (f64::from(i) - 2e5) * 1e-6);
        let nearer = (0..1000).map(|i| 1.0 + (f64::from(i) - 500.0) * f64::EPSILON);
        let subnormal = (1..1000).map(|i| f64::from_bits(i * i * i * 4_000_000));
        let mut xs: Vec<f64> = any_positive().chain(near_one).chain(nearer).chain(subnormal).collect();
        let results = at_every_level!(ln_loop(xs));
        for found in &results {
            let worst = worst_double(&xs, found, f64::ln, |x| CONTEXT.ln(x.repr(), None).unwrap().value());
            assert!(worst < 1.1, "{worst} units");
        }
        assert_alike(&results, &mut xs, ln_all);
    }

    #[test]
    fn single_precision_is_right_over_the_whole_range() {
        check_single(1009);
    }

    #[test]
    #[ignore = "looks at every number there is: a minute with optimisation"]
    fn single_precision_is_right_everywhere() {
        check_single(1);
    }

    /// Every `step`th number of single precision, infinities included.
    fn check_single(step: usize) {
        let infinity = f32::INFINITY.to_bits();
        for first in (0..=infinity).step_by(1 << 24) {
            let last = infinity.min(first + ((1 << 24) - 1));
            let magnitudes: Vec<f32> = (first..=last).step_by(step).map(f32::from_bits).collect();
            let mut xs: Vec<f32> = magnitudes.iter().flat_map(|&x| [x, -x]).collect();
            let results = at_every_level!(exp_loop(xs));
            for found in &results {
                let worst = worst_single(&xs, found, f64::exp);
                assert!(worst < 1.1, "exp: {worst} units from {first:#x} on");
            }
            assert_alike(&results, &mut xs, exp_all);
            let mut xs = magnitudes;
            let results = at_every_level!(ln_loop(xs));
            for found in &results {
                let worst = worst_single(&xs, found, f64::ln);
                assert!(worst < 1.1, "log: {worst} units from {first:#x} on");
            }
            assert_alike(&results, &mut xs, ln_all);
        }
    }

    #[test]
    fn special_values_are_those_of_the_standard_library() {
        fn check<F: Real + Into<f64>>() {
            let (inf, zero) = (F::infinity(), F::zero());
            let huge = F::max_value();
            let xs = vec![zero, -zero, -huge, -inf, huge, inf, F::nan(), F::one(), -F::one()];
            for (found, plain) in [
                (at_every_level!(exp_loop(xs)), F::exp as fn(F) -> F),
                (at_every_level!(ln_loop(xs)), F::ln as fn(F) -> F),
            ] {
                for (i, &x) in xs.iter().enumerate() {
                    let expected = plain(x);
                    let is_right = |found: F| found == expected || (found.is_nan() && expected.is_nan());
                    // exp(±1) is no special value.
                    let is_inexact = expected.is_finite() && expected != F::one() && expected != zero;
                    assert!(found.iter().all(|found| is_inexact || is_right(found[i])), "{x}: {expected}");
                }
            }
        }
        check::<f64>();
        check::<f32>();
    }
}
