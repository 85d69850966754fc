//! Small models that hide nothing: lopsided priors, actions that are missing, ends that are worth
//! something, stages that differ.

use std::ops::ControlFlow;

use ndarray::{Array1, Array2, Array3, array};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use softmdp::learning::{Environment, Error, Step};
use softmdp::{ActionPrior, Mdp, TimeVaryingMdp, ndarray};

pub(crate) const DEAD: f64 = f64::NEG_INFINITY;

/// Four states and three actions, of which one is missing in state 1; state 3 ends the episode and
/// is worth −2; γ = 0.8, τ = 0.7, and prior weights that sum to nothing in particular.
pub(crate) fn first_exit() -> (Mdp, Array1<f64>) {
    let transitions = array![
        [[0.5, 0.3, 0.2, 0.0], [0.0, 0.9, 0.0, 0.1], [0.1, 0.1, 0.7, 0.1]],
        [[0.2, 0.2, 0.2, 0.4], [0.0, 0.0, 0.0, 0.0], [0.6, 0.0, 0.4, 0.0]],
        [[0.0, 0.5, 0.5, 0.0], [0.3, 0.3, 0.3, 0.1], [0.0, 0.0, 0.2, 0.8]],
        [[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]],
    ];
    let rewards = array![[0.5, -1.0, 0.2], [1.0, 0.0, -0.3], [-0.6, 0.8, 0.1], [9.0, 9.0, 9.0]];
    let weights = array![[0.5, 2.0, 1.0], [1.0, 0.0, 3.0], [0.2, 0.3, 0.5], [1.0, 1.0, 1.0]];
    let mdp = Mdp::builder(transitions, rewards)
        .discount(0.8)
        .temperature(0.7)
        .action_prior(ActionPrior::Weights(weights))
        .terminal_states([3])
        .terminal_values(array![0.0, 0.0, 0.0, -2.0])
        .build()
        .unwrap();
    (mdp, array![0.5, 0.2, 0.3, 0.0])
}

/// [`first_exit`] at a cost of 1.5 a step more: β is finite, which direct inference at γ < 1 does
/// not promise.
pub(crate) fn dear_exit() -> (Mdp, Array1<f64>) {
    let (mdp, initial) = first_exit();
    (mdp.with_rewards(mdp.rewards().mapv(|reward| reward - 1.5)).unwrap(), initial)
}

/// Six states that go on for ever, three actions, rows with few successors; γ = 0.75, τ = 1.3, the
/// uniform prior.
pub(crate) fn endless() -> (Mdp, Array1<f64>) {
    let mut rng = StdRng::seed_from_u64(20);
    let mut transitions = Array3::zeros((6, 3, 6));
    for mut row in transitions.rows_mut() {
        for _ in 0..3 {
            let next = rng.random_range(0..6);
            row[next] += rng.random::<f64>() + 0.1;
        }
        let sum: f64 = row.sum();
        row.mapv_inplace(|p| p / sum);
    }
    let rewards = Array2::from_shape_simple_fn((6, 3), || 2.0 * rng.random::<f64>() - 1.0);
    let mdp = Mdp::builder(transitions, rewards)
        .discount(0.75)
        .temperature(1.3)
        .action_prior(ActionPrior::Uniform)
        .build()
        .unwrap();
    (mdp, Array1::from_elem(6, 1.0 / 6.0))
}

/// Three stages that have nothing in common but their shape, their end, γ = 0.9 and τ = 0.8; V_T is
/// not 0.
pub(crate) fn stages() -> (TimeVaryingMdp, Array1<f64>) {
    let base = Mdp::builder(
        array![
            [[0.2, 0.8, 0.0], [0.5, 0.0, 0.5]],
            [[0.0, 0.4, 0.6], [1.0, 0.0, 0.0]],
            [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
        ],
        array![[1.0, -0.5], [0.3, 0.4], [7.0, 7.0]],
    )
    .discount(0.9)
    .temperature(0.8)
    .terminal_states([2])
    .terminal_values(array![0.5, -1.0, 1.5])
    .build()
    .unwrap();
    let second = base
        .with_rewards(array![[-1.0, 0.7], [0.0, 2.0], [7.0, 7.0]])
        .unwrap()
        .with_action_prior(ActionPrior::Weights(array![[0.3, 1.7], [1.0, 0.0], [1.0, 1.0]]))
        .unwrap();
    let third = second
        .with_dynamics(array![
            [[1.0, 0.0, 0.0], [0.1, 0.9, 0.0]],
            [[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]],
            [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
        ])
        .unwrap();
    (TimeVaryingMdp::new([base, second, third]).unwrap(), array![0.6, 0.4, 0.0])
}

/// A hook that does not stop the training.
pub(crate) fn go_on<L, P>(_: &L, _: &P) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// An environment whose rewards scatter evenly by up to `width` to either side.
#[derive(Debug)]
pub(crate) struct Noisy<E> {
    pub(crate) world: E,
    pub(crate) width: f64,
}

impl<E: Environment<Scalar = f64>> Environment for Noisy<E> {
    type Scalar = f64;

    fn reset<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Result<usize, Error> {
        self.world.reset(rng)
    }

    fn step<R: Rng + ?Sized>(&mut self, action: usize, rng: &mut R) -> Result<Step, Error> {
        let step = self.world.step(action, rng)?;
        Ok(Step { reward: step.reward + self.width * (2.0 * rng.random::<f64>() - 1.0), ..step })
    }
}

/// Any steps whatever that fit a model of so many states and actions: no order, no environment.
pub(crate) fn arbitrary_steps(
    (num_stages, num_states, num_actions): (usize, usize, usize),
    num_steps: usize,
    is_possible: impl Fn(usize, usize, usize) -> bool,
    rng: &mut StdRng,
) -> Vec<Step> {
    let mut steps = Vec::new();
    while steps.len() < num_steps {
        let stage = rng.random_range(0..num_stages);
        let (state, action) = (rng.random_range(0..num_states), rng.random_range(0..num_actions));
        if is_possible(stage, state, action) {
            steps.push(Step {
                stage,
                terminated: rng.random_bool(0.1),
                truncated: rng.random_bool(0.1),
                ..Step::new(state, action, rng.random_range(-2.0..2.0), rng.random_range(0..num_states))
            });
        }
    }
    steps
}
