//! [`Dynamics`] for `Box` and `Arc`.

use std::ops::Range;
use std::sync::Arc;

use super::Dynamics;
use crate::kernels::LogBlock;
use crate::team::Share;

/// Implements [`Dynamics`] for a smart pointer by forwarding every method. `$get_mut` borrows the
/// dynamics, unless they are shared.
macro_rules! forward_dynamics {
    ($pointer:ident, $get_mut:expr) => {
        impl<D: Dynamics + ?Sized> Dynamics for $pointer<D> {
            type Scalar = D::Scalar;

            fn num_states(&self) -> usize {
                (**self).num_states()
            }

            fn num_actions(&self) -> usize {
                (**self).num_actions()
            }

            fn share(&self) -> Option<&Share> {
                (**self).share()
            }

            fn num_places(&self) -> usize {
                (**self).num_places()
            }

            fn for_each_successor(
                &self,
                state: usize,
                action: usize,
                visit: &mut dyn FnMut(usize, Self::Scalar),
            ) {
                (**self).for_each_successor(state, action, visit);
            }

            fn for_each_faint_successor(
                &self,
                state: usize,
                action: usize,
                visit: &mut dyn FnMut(usize, Self::Scalar),
            ) {
                (**self).for_each_faint_successor(state, action, visit);
            }

            fn has_faint_successors(&self) -> bool {
                (**self).has_faint_successors()
            }

            fn expectation(
                &self,
                states: Range<usize>,
                k: usize,
                v: &[Self::Scalar],
                y: &mut [Self::Scalar],
            ) {
                (**self).expectation(states, k, v, y);
            }

            fn log_expectation(
                &self,
                states: Range<usize>,
                v: &LogBlock<Self::Scalar>,
                y: &mut [Self::Scalar],
            ) {
                (**self).log_expectation(states, v, y);
            }

            fn push_forward(
                &self,
                states: Range<usize>,
                next_states: Range<usize>,
                k: usize,
                x: &[Self::Scalar],
                w: &mut [Self::Scalar],
            ) {
                (**self).push_forward(states, next_states, k, x, w);
            }

            fn mix_actions(
                &self,
                weights: &[Self::Scalar],
            ) -> Option<Box<dyn Dynamics<Scalar = Self::Scalar>>> {
                (**self).mix_actions(weights)
            }

            fn divide_row(&mut self, state: usize, action: usize, sum: f64) -> bool {
                let get_mut: fn(&mut Self) -> Option<&mut D> = $get_mut;
                get_mut(self).is_some_and(|dynamics| dynamics.divide_row(state, action, sum))
            }

            fn work(&self, states: Range<usize>) -> usize {
                (**self).work(states)
            }
        }
    };
}

forward_dynamics!(Box, |dynamics| Some(&mut **dynamics));
forward_dynamics!(Arc, Arc::get_mut);
