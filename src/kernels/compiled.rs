//! The large loops of this module, compiled once.
//!
//! Code that is generic over the number type is compiled anew in every crate that uses it, each vector loop for each kind of
//! vector arithmetic. What stands here is compiled with this crate, for `f32` and `f64`, and only linked elsewhere.

use super::real::sealed::Compiled;
use super::transcendental::{exp_loop, ln_loop, vectorised};
use super::{dot, soft_maxima};

macro_rules! compile_for {
    ($($number:ty),*) => {$(
        impl Compiled for $number {
            fn compiled_exp(xs: &mut [Self]) {
                vectorised!(exp_loop(xs));
            }

            fn compiled_ln(xs: &mut [Self]) {
                vectorised!(ln_loop(xs));
            }

            fn compiled_dot_rows(rows: &[Self], v: &[Self], y: &mut [Self]) {
                use dot::plain_rows;
                vectorised!(plain_rows(rows, v, y));
            }

            fn compiled_guarded_dot_rows(rows: &[Self], v: &[Self], y: &mut [Self]) {
                use dot::guarded_rows;
                vectorised!(guarded_rows(rows, v, y));
            }

            fn compiled_sum(xs: &[Self]) -> Self {
                use dot::sum_loop;
                vectorised!(sum_loop(xs))
            }

            fn compiled_soft_maxima(
                width: usize,
                input: (&[Self], &[Self], Self),
                values: &mut [Self],
                policy: Option<(&mut [Self], &mut [Self])>,
            ) {
                soft_maxima::at_once(width, input, values, policy);
            }
        }
    )*};
}

compile_for!(f32, f64);
