//! The number types: [`f32`] and [`f64`] behind one sealed trait.
//!
//! Every table and every algorithm of the crate is generic over [`Real`]. The trait is sealed,
//! because the guarantees on rounding and range need constants for each type.

use std::fmt::{Debug, Display, LowerExp};

use num_traits::{Float, NumAssign};

use super::numbers::{Numbers, NumbersMut};

/// The floating-point number types of the crate: `f32` and `f64`.
///
/// The arithmetic comes from [`num_traits::Float`]. Choose `f32` if memory traffic dominates and
/// seven digits per stage are enough. `f64` is the default of every generic type of this crate.
///
/// # Example
///
/// ```
/// use softmdp::Real;
///
/// fn half<F: Real>(x: F) -> F {
///     x * F::from_f64(0.5)
/// }
/// assert_eq!(half(3.0_f32).into_f64(), 1.5);
/// ```
pub trait Real:
    sealed::Constants + Float + NumAssign + Debug + Display + LowerExp + Default + Send + Sync + 'static
{
    /// Largest accepted difference between the sum of a probability row and 1: 1e−8 for `f64`, 1e−4
    /// for `f32`.
    ///
    /// The sum of n rounded numbers has an error of at most n/2 ulp. The tolerance accepts rows of
    /// millions of entries, and tables printed with nine digits (`f64`) or five (`f32`). It rejects
    /// a row that lacks an entry. Accepted rows are never rescaled.
    const ROW_SUM_TOLERANCE: f64;

    /// Rounds an `f64` to this type.
    fn from_f64(value: f64) -> Self;

    /// Converts this number to `f64`, exactly.
    fn into_f64(self) -> f64;
}

/// What the kernels need of a number type, hidden from the public trait. See
/// `kernels::log_expectation` for how the constants follow from the exponent range.
pub(crate) mod sealed {
    use crate::kernels::numbers::{Numbers, NumbersMut};
    use crate::kernels::tables::{
        BlockRule, BlockTables, CarriedMessages, Continuation, MessageRule, Pairs, SmallOutputs, SmallRule,
        SmallTables,
    };

    /// Numbers that have an exponential and a logarithm without branches.
    pub trait Transcendental: Copy {
        /// exp x.
        fn exp_lane<const FUSED: bool>(self) -> Self;

        /// log x.
        fn ln_lane<const FUSED: bool>(self) -> Self;
    }

    /// Number types for which the loops are compiled, see `kernels::compiled`. Each method is
    /// documented at the function of the same name without `compiled_`.
    pub trait Compiled: Sized {
        fn compiled_exp(xs: &mut [Self]);

        fn compiled_ln(xs: &mut [Self]);

        fn compiled_dot_rows(rows: &[Self], v: &[Self], y: &mut [Self]);

        fn compiled_guarded_dot_rows(rows: &[Self], v: &[Self], y: &mut [Self]);

        fn compiled_dot_sparse_rows(
            offsets: &[usize],
            entries: (&[u32], &[Self]),
            v: &[Self],
            y: &mut [Self],
        );

        fn compiled_add_scaled_rows(rows: &[Self], columns: (usize, usize), x: &[Self], w: &mut [Self]);

        fn compiled_sum(xs: &[Self]) -> Self;

        fn compiled_add_rewards(
            continuation: Continuation<Self>,
            pairs: Pairs<'_, Self>,
            values: &mut [Self],
        ) -> u64;

        fn compiled_block(
            rule: BlockRule<Self>,
            pairs: Pairs<'_, Self>,
            tables: BlockTables<'_, Self>,
        ) -> u64;

        fn compiled_small(
            tables: &SmallTables<'_, Self>,
            rule: SmallRule<Self>,
            next_values: &[Self],
            outputs: SmallOutputs<'_, Self>,
        ) -> u64;

        fn compiled_carry_small(
            tables: &SmallTables<'_, Self>,
            rule: MessageRule<Self>,
            carried: &mut CarriedMessages<'_, Self>,
            outputs: SmallOutputs<'_, Self>,
        ) -> bool;
    }

    /// Number types that processes exchange.
    pub trait Exchanged: Sized {
        fn numbers(numbers: &[Self]) -> Numbers<'_>;

        fn numbers_mut(numbers: &mut [Self]) -> NumbersMut<'_>;
    }

    /// Constants of the scaled exponentials.
    pub trait Constants: Compiled + Transcendental + Exchanged {
        /// Widest gap below the maximum, in nats, at which a lifted exponential is still kept.
        const SPREAD: Self;
        /// Power of two by which exponentials are lifted away from the subnormal range.
        const LIFT: Self;
        /// 1 / `LIFT`, exactly.
        const UNLIFT: Self;
        /// log `LIFT`.
        const LOG_LIFT: Self;
        /// Lifted sums at or above this are right even where terms beyond `SPREAD` were dropped.
        const TRUSTED_SUM: Self;
    }
}

/// 2 to an integer power, as a constant: the bits of a normal `f64`.
const fn exp2_f64(power: i64) -> f64 {
    f64::from_bits(((power + 1023) as u64) << 52)
}

/// 2 to an integer power, as a constant: the bits of a normal `f32`.
const fn exp2_f32(power: i32) -> f32 {
    f32::from_bits(((power + 127) as u32) << 23)
}

impl sealed::Constants for f64 {
    const SPREAD: Self = 600.0;
    const LIFT: Self = exp2_f64(920);
    const UNLIFT: Self = exp2_f64(-920);
    const LOG_LIFT: Self = 920.0 * std::f64::consts::LN_2;
    const TRUSTED_SUM: Self = exp2_f64(108);
}

impl sealed::Constants for f32 {
    const SPREAD: Self = 50.0;
    const LIFT: Self = exp2_f32(96);
    const UNLIFT: Self = exp2_f32(-96);
    const LOG_LIFT: Self = 96.0 * std::f32::consts::LN_2;
    const TRUSTED_SUM: Self = exp2_f32(48);
}

impl sealed::Exchanged for f64 {
    fn numbers(numbers: &[Self]) -> Numbers<'_> {
        Numbers::F64(numbers)
    }

    fn numbers_mut(numbers: &mut [Self]) -> NumbersMut<'_> {
        NumbersMut::F64(numbers)
    }
}

impl sealed::Exchanged for f32 {
    fn numbers(numbers: &[Self]) -> Numbers<'_> {
        Numbers::F32(numbers)
    }

    fn numbers_mut(numbers: &mut [Self]) -> NumbersMut<'_> {
        NumbersMut::F32(numbers)
    }
}

impl Real for f64 {
    const ROW_SUM_TOLERANCE: f64 = 1e-8;

    fn from_f64(value: f64) -> Self {
        value
    }

    fn into_f64(self) -> f64 {
        self
    }
}

impl Real for f32 {
    const ROW_SUM_TOLERANCE: f64 = 1e-4;

    // Rounding is the purpose.
    fn from_f64(value: f64) -> Self {
        value as f32
    }

    fn into_f64(self) -> f64 {
        f64::from(self)
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::Real;

    /// The three inequalities that the derivation in `kernels::log_expectation` rests on.
    fn constants_are_consistent<F: Real>() {
        let smallest_subnormal = F::min_positive_value() * F::epsilon();
        let smallest_kept = (-F::SPREAD).exp() * F::LIFT;
        assert!(
            smallest_subnormal * smallest_kept >= F::min_positive_value() * F::from_f64(0.5),
            "a product of the least probability with the least kept exponential must not lose bits"
        );
        assert!(smallest_kept / F::epsilon() <= F::TRUSTED_SUM);
        let rows = F::from_f64(2.0_f64.powi(31));
        assert!((F::LIFT * rows).is_finite(), "2^31 lifted terms must not overflow");
        assert!(F::LIFT * F::UNLIFT == F::one());
        let epsilon = (F::LOG_LIFT * F::epsilon()).into_f64();
        assert_abs_diff_eq!(F::LIFT.ln().into_f64(), F::LOG_LIFT.into_f64(), epsilon = epsilon);
    }

    #[test]
    fn constants_hold_for_both_types() {
        constants_are_consistent::<f64>();
        constants_are_consistent::<f32>();
    }
}
