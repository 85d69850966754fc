//! Macros that forward the methods of [`Model`], and [`Model`] for pointers.

use std::sync::Arc;

use ndarray::ArrayView1;

use super::{Model, Stage};
use crate::{Error, Inference};

/// Forwards the methods of [`Model`] that describe the model as a whole.
macro_rules! forward_description {
    ($self:ident => $model:expr) => {
        fn num_states(&$self) -> usize {
            $model.num_states()
        }

        fn num_actions(&$self) -> usize {
            $model.num_actions()
        }

        fn discount(&$self) -> Self::Scalar {
            $model.discount()
        }

        fn temperature(&$self) -> Self::Scalar {
            $model.temperature()
        }

        fn is_terminal(&$self, state: usize) -> bool {
            $model.is_terminal(state)
        }

        fn terminal_values(&$self) -> ArrayView1<'_, Self::Scalar> {
            $model.terminal_values()
        }

        fn team(&$self) -> &dyn $crate::team::Team {
            $model.team()
        }
    };
}
pub(crate) use forward_description;

/// Forwards all methods of [`Model`] except `begin_stage`.
macro_rules! forward_model {
    ($self:ident => $model:expr) => {
        $crate::mdp::forward_description!($self => $model);

        fn num_stages(&$self) -> Option<usize> {
            $model.num_stages()
        }

        fn is_homogeneous(&$self) -> bool {
            $model.is_homogeneous()
        }

        fn stage(
            &$self,
            t: usize,
            inference: Inference,
        ) -> Result<Stage<'_, Self::Scalar, Self::Dynamics>, Error> {
            $model.stage(t, inference)
        }

        fn for_each_transition_reward(
            &$self,
            t: usize,
            state: usize,
            action: usize,
            next_state: usize,
            visit: &mut dyn FnMut(Self::Scalar, Self::Scalar),
        ) {
            $model.for_each_transition_reward(t, state, action, next_state, visit);
        }

        fn for_each_stage_outcome(
            &$self,
            t: usize,
            state: usize,
            action: usize,
            visit: &mut dyn FnMut(usize, Self::Scalar, Self::Scalar),
        ) {
            $model.for_each_stage_outcome(t, state, action, visit);
        }
    };
}
pub(crate) use forward_model;

macro_rules! model_behind {
    ($([$($bound:tt)*] $pointer:ty),*) => {$(
        impl<M: Model + ?Sized $($bound)*> Model for $pointer {
            type Scalar = M::Scalar;
            type Dynamics = M::Dynamics;

            forward_model!(self => (**self));

            fn begin_stage(&self, t: usize) -> Result<(), Error> {
                (**self).begin_stage(t)
            }
        }
    )*};
}

model_behind!([] &M, [] Box<M>, [+ Send] Arc<M>);
