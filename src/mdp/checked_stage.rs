//! Stages whose tables are checked when they are read, and checks of whole models.

use std::borrow::Cow;
use std::ops::Range;

use ndarray::ArrayView2;
use num_traits::{Float, Zero};

use super::checks::{
    check_discount, check_not_shared, check_prior_weight, check_reward, check_row, check_temperature,
    check_terminal_values,
};
use super::{Model, Stage};
use crate::dynamics::{check_maps, for_each_possible_successor};
use crate::parallel::{PARALLEL_ENTRIES, fold_pieces};
use crate::{Dynamics, Error, Inference, Real, Table, arrays};

/// A stage with tables in row-major layout that are checked when they are read.
pub(crate) struct CheckedStage<'a, F: Real, D: ?Sized> {
    pub(crate) dynamics: &'a D,
    num_actions: usize,
    rewards: Cow<'a, [F]>,      // [s, a]
    action_prior: Cow<'a, [F]>, // [s, a]
}

impl<'a, F: Real, D: Dynamics<Scalar = F> + ?Sized> CheckedStage<'a, F, D> {
    /// Tells the model that a pass begins a stage, and fetches the stage.
    pub(crate) fn begin<M>(model: &'a M, stage: usize, inference: Inference) -> Result<Self, Error>
    where
        M: Model<Scalar = F, Dynamics = D> + ?Sized,
    {
        model.begin_stage(stage)?;
        Self::new(model, stage, inference)
    }

    /// Fetches a stage and checks its shapes. Allocates only for tables that are not in row-major
    /// layout.
    pub(crate) fn new<M>(model: &'a M, stage: usize, inference: Inference) -> Result<Self, Error>
    where
        M: Model<Scalar = F, Dynamics = D> + ?Sized,
    {
        let Stage { dynamics, rewards, action_prior } = model.stage(stage, inference)?;
        let expected = (model.num_states(), model.num_actions());
        let check = |table, found: (usize, usize)| {
            arrays::check_shape(table, &[found.0, found.1], &[expected.0, expected.1])
        };
        check(Table::Transitions, (dynamics.num_states(), dynamics.num_actions()))?;
        check(Table::Rewards, rewards.dim())?;
        check(Table::ActionPrior, action_prior.dim())?;
        let size = dynamics.share().map_or(1, |share| share.team().size());
        if size != model.team().size() {
            let message = "the team of a model must be that of its dynamics: a model that wraps another one \
                           must forward `Model::team`";
            return Err(Error::Team { message: message.into() });
        }
        let in_rows = |table: ArrayView2<'a, F>| match table.to_slice() {
            Some(rows) => Cow::Borrowed(rows),
            None => Cow::Owned(table.iter().copied().collect()),
        };
        let (rewards, action_prior) = (in_rows(rewards), in_rows(action_prior));
        Ok(Self { dynamics, num_actions: expected.1, rewards, action_prior })
    }

    /// Rewards and prior weights of some states, `[s, a]` each, unchecked.
    #[inline]
    pub(crate) fn rows(&self, states: Range<usize>) -> (&[F], &[F]) {
        let rows = states.start * self.num_actions..states.end * self.num_actions;
        (&self.rewards[rows.clone()], &self.action_prior[rows])
    }

    /// Calls `visit(s')` for each possible successor of a pair, which is the number s · A + a.
    pub(crate) fn for_each_next_state(&self, pair: usize, visit: &mut dyn FnMut(usize)) {
        let pair = (pair / self.num_actions, pair % self.num_actions);
        for_each_possible_successor(self.dynamics, pair, |next_state, _| visit(next_state));
    }

    /// Checks the row of a pair that a policy takes, if the model never uses the row and so has not
    /// checked it.
    pub(crate) fn check_taken(&self, state: usize, action: usize) -> Result<(), Error> {
        let (_, prior) = self.row(state)?;
        if prior[action] > F::zero() { Ok(()) } else { check_row(self.dynamics, state, action) }
    }

    /// Rewards and prior weights of a state, `[a]` each.
    #[inline]
    pub(crate) fn row(&self, state: usize) -> Result<(&[F], &[F]), Error> {
        let row = state * self.num_actions..(state + 1) * self.num_actions;
        let (rewards, prior) = (&self.rewards[row.clone()], &self.action_prior[row]);
        for (action, (&reward, &weight)) in rewards.iter().zip(prior).enumerate() {
            check_reward(state, action, reward)?;
            check_prior_weight(state, action, weight)?;
        }
        Ok((rewards, prior))
    }
}

/// The terminal states of a model, ascending.
pub(crate) fn terminal_states<M: Model + ?Sized>(model: &M) -> impl Iterator<Item = usize> {
    let among = |states: Range<usize>| states.filter(|&state| model.is_terminal(state));
    let num_states = model.num_states();
    // Those of large models are looked for on several threads.
    let is_large = num_states >= PARALLEL_ENTRIES;
    let found = if is_large {
        let join = |mut low: Vec<usize>, high| {
            low.extend(high);
            low
        };
        fold_pieces(num_states, (), &|states, ()| among(states).collect::<Vec<_>>(), &join)
    } else {
        Vec::new()
    };
    found.into_iter().chain(among(0..if is_large { 0 } else { num_states }))
}

/// Whether an action may be taken: its prior weight is positive, and no reward of −∞ forbids it.
#[inline]
pub(crate) fn is_possible<F: Real>(reward: F, weight: F) -> bool {
    weight > F::zero() && reward > F::neg_infinity()
}

/// Checks every stage of your own model up to a horizon against the requirements of [`Model`] and
/// [`Dynamics`].
///
/// Call it in the tests of a [`Model`] or of [`Dynamics`] of your own. It also compares each
/// overridden map with the successors that [`for_each_successor`](Dynamics::for_each_successor)
/// visits: `expectation`, `log_expectation`, `push_forward`, `mix_actions` and its result, `work`
/// and `has_faint_successors`. It calls them with several vectors, some of them with −∞, several
/// ranges of states, and k = 1 and 3. Only pairs in use are compared.
/// [`into_dense`](Dynamics::into_dense) and [`into_sparse`](Dynamics::into_sparse) take the
/// dynamics by value and are not called.
///
/// An [`Mdp`](crate::Mdp) passed the checks of its rows when it was built, but not those of the
/// maps.
///
/// # Errors
///
/// Those of [`MdpBuilder::build`](crate::MdpBuilder::build), for the first invalid stage and state,
/// except [`Error::EmptyPriorRow`]: here a row of zeros is a dead end. [`Error::MapMismatch`] for a
/// map that disagrees with the successors. [`Error::HorizonOutOfRange`]; errors of the model
/// itself.
///
/// # Complexity
///
/// Time O(T · transitions), memory O(S·A). The maps are compared once for dynamics that several
/// stages share. This takes as long as some fifty stages by the default maps.
///
/// # Example
///
/// An override that counts the wrong way:
///
/// ```
/// use std::ops::Range;
/// use softmdp::{Dynamics, Error, Mdp, check_model, ndarray::Array2};
///
/// #[derive(Debug)]
/// struct Ring(usize); // each state leads to the next one
///
/// impl Dynamics for Ring {
///     type Scalar = f64;
///
///     fn num_states(&self) -> usize {
///         self.0
///     }
///     fn num_actions(&self) -> usize {
///         1
///     }
///     fn for_each_successor(&self, state: usize, _: usize, visit: &mut dyn FnMut(usize, f64)) {
///         visit((state + 1) % self.0, 1.0);
///     }
///     fn expectation(&self, states: Range<usize>, k: usize, v: &[f64], y: &mut [f64]) {
///         for (state, y) in states.zip(y.chunks_exact_mut(k)) {
///             let next_state = (state + self.0 - 1) % self.0; // should be state + 1
///             y.copy_from_slice(&v[next_state * k..][..k]);
///         }
///     }
/// }
///
/// let mdp = Mdp::builder(Ring(5), Array2::zeros((5, 1))).build()?;
/// let Err(Error::MapMismatch { map, index, .. }) = check_model(&mdp, 1) else { panic!() };
/// assert_eq!((map, index), ("expectation", vec![0, 0, 0])); // state 0, action 0, column 0
/// # Ok::<(), Error>(())
/// ```
pub fn check_model<M: Model + ?Sized>(model: &M, horizon: usize) -> Result<(), Error> {
    check_options(model, horizon)?;
    let (num_states, num_actions) = (model.num_states(), model.num_actions());
    // Dynamics whose maps have been compared, and the pairs on which.
    let mut compared: [Option<(&M::Dynamics, Vec<bool>)>; 2] = [None, None];
    for t in 0..horizon {
        model.begin_stage(t)?;
        for (kind, inference) in [Inference::Direct, Inference::Variational].into_iter().enumerate() {
            let stage = CheckedStage::new(model, t, inference)?;
            let mut is_used = vec![false; num_states * num_actions];
            for state in 0..num_states {
                let (rewards, prior) = stage.row(state)?;
                if model.is_terminal(state) {
                    continue;
                }
                for action in 0..num_actions {
                    // Tilted dynamics have no successors where the rewards forbid all of them.
                    if prior[action] > M::Scalar::zero() && rewards[action].is_finite() {
                        check_row(stage.dynamics, state, action)?;
                        is_used[state * num_actions + action] = true;
                    }
                }
            }
            let is_compared = compared
                .iter()
                .flatten()
                .any(|(dynamics, pairs)| std::ptr::eq(*dynamics, stage.dynamics) && *pairs == is_used);
            if !is_compared {
                check_maps(stage.dynamics, model.temperature(), &is_used)?;
                compared[kind] = Some((stage.dynamics, is_used));
            }
        }
    }
    Ok(())
}

/// Checks everything about a model except its stages, for a computation that a team cannot share.
pub(crate) fn check_options<M: Model + ?Sized>(model: &M, horizon: usize) -> Result<(), Error> {
    check_not_shared(model, "this computation")?;
    check_own_options(model, horizon)
}

/// Checks everything about a model except its stages. The processes of a team also compare the
/// options that all of them must have. Collective.
pub(crate) fn check_team_options<M: Model + ?Sized>(
    model: &M,
    horizon: usize,
    inference: Inference,
) -> Result<(), Error> {
    let team = model.team();
    let result = check_own_options(model, horizon);
    if team.size() == 1 {
        return result;
    }
    let numbers = [
        horizon as f64,
        f64::from(u8::from(inference == Inference::Direct)),
        model.num_actions() as f64,
        model.discount().into_f64(),
        model.temperature().into_f64(),
        f64::from(u8::from(model.is_homogeneous())),
    ];
    let what = "horizon, direct inference, actions, discount, temperature and whether stages are alike";
    team.check_same(what, result.map(|()| numbers))
}

fn check_own_options<M: Model + ?Sized>(model: &M, horizon: usize) -> Result<(), Error> {
    if let Some(num_stages) = model.num_stages().filter(|&num_stages| num_stages < horizon) {
        return Err(Error::HorizonOutOfRange { horizon, num_stages });
    }
    if model.num_states() == 0 || model.num_actions() == 0 {
        let shape = vec![model.num_states(), model.num_actions()];
        return Err(Error::EmptyModel { table: Table::Rewards, shape });
    }
    check_discount(model.discount())?;
    check_temperature(model.temperature())?;
    check_terminal_values(model.terminal_values(), model.num_states())
}
