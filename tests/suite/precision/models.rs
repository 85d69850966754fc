//! Small, lopsided models that are hard for floating point, before they are rounded to a number
//! type.

use ndarray::{Array1, Array2, Array3, array};
use softmdp::{ActionPrior, Mdp, Real, ndarray};

const MINUS_INFINITY: f64 = f64::NEG_INFINITY;

/// What is extreme for a number type.
pub(crate) trait Tested: Real {
    /// A reward or a weight far below everything else, well inside the normal range, as is its
    /// inverse.
    const TINY: f64;
    /// A discount next to 1.
    const NEAR_ONE: f64;

    /// Probabilities down to the least positive number.
    fn rare() -> [f64; 4] {
        [0.25, Self::TINY, Self::min_positive_value().into_f64(), Self::least()]
    }

    /// The least positive number.
    fn least() -> f64 {
        (Self::min_positive_value() * Self::epsilon()).into_f64()
    }
}

impl Tested for f64 {
    const TINY: f64 = 1e-300;
    const NEAR_ONE: f64 = 1.0 - 1e-9;
}

impl Tested for f32 {
    const TINY: f64 = 1e-30;
    const NEAR_ONE: f64 = 1.0 - 1e-6;
}

/// A model in double precision.
#[derive(Debug, Clone)]
pub(crate) struct Inputs {
    pub(crate) transitions: Array3<f64>,
    pub(crate) rewards: Array2<f64>,
    /// Counting, if there is none.
    pub(crate) prior: Option<Array2<f64>>,
    pub(crate) discount: f64,
    pub(crate) temperature: f64,
    pub(crate) terminal_values: Array1<f64>,
    pub(crate) terminal_states: Vec<usize>,
}

impl Inputs {
    pub(crate) fn build<F: Real>(&self) -> Mdp<F> {
        let prior = self.prior.as_ref().map(|weights| ActionPrior::Weights(weights.mapv(F::from_f64)));
        Mdp::builder(self.transitions.mapv(F::from_f64), self.rewards.mapv(F::from_f64))
            .action_prior(prior.unwrap_or_default())
            .discount(F::from_f64(self.discount))
            .temperature(F::from_f64(self.temperature))
            .terminal_values(self.terminal_values.mapv(F::from_f64))
            .terminal_states(self.terminal_states.iter().copied())
            .build()
            .unwrap()
    }

    /// This model with all that is in reward units, but for τ, `scale` times as large.
    pub(crate) fn scaled(mut self, scale: f64) -> Self {
        self.rewards *= scale;
        self.terminal_values *= scale;
        self
    }
}

/// Three states, two actions, no two numbers alike, and rewards of both signs.
pub(crate) fn lopsided() -> Inputs {
    Inputs {
        transitions: array![
            [[0.2, 0.5, 0.3], [0.0, 0.9, 0.1]],
            [[0.65, 0.0, 0.35], [1.0, 0.0, 0.0]],
            [[0.15, 0.8, 0.05], [0.0, 0.25, 0.75]],
        ],
        rewards: array![[0.31, -1.7], [-0.83, 0.47], [1.21, -0.29]],
        prior: None,
        discount: 1.0,
        temperature: 1.0,
        terminal_values: array![0.4, -0.9, 0.1],
        terminal_states: Vec::new(),
    }
}

/// Rewards of every scale in one model.
pub(crate) fn mixed<F: Tested>() -> Inputs {
    Inputs {
        rewards: array![[F::TINY, 1e5], [-1e-8, -1.0], [-1e5, 3e-8]],
        terminal_values: array![0.0, 1e-8, -1e3],
        ..lopsided()
    }
}

/// Prior weights over the whole range.
pub(crate) fn spread_prior<F: Tested>() -> Array2<f64> {
    array![[F::TINY, 1.0 / F::TINY], [1.0, 1e-20], [3e-5, 0.7]]
}

/// Nothing can be done in state 2; only action 1 of the other states keeps clear of it.
pub(crate) fn forbidding() -> Inputs {
    Inputs {
        transitions: array![
            [[0.2, 0.5, 0.3], [0.35, 0.65, 0.0]],
            [[0.65, 0.0, 0.35], [1.0, 0.0, 0.0]],
            [[0.15, 0.8, 0.05], [0.0, 0.25, 0.75]],
        ],
        rewards: array![[0.31, -1.7], [MINUS_INFINITY, 0.47], [MINUS_INFINITY, MINUS_INFINITY]],
        ..lopsided()
    }
}

/// Models with values of −∞, each with what it has.
pub(crate) fn with_minus_infinity() -> [(&'static str, Inputs); 4] {
    let weights = array![[0.0, 3.0], [1e-9, 2.0], [1.0, 0.0]];
    let lost = array![0.4, -0.9, MINUS_INFINITY];
    [
        ("a dead state", forbidding()),
        ("a dead state and weights of 0", Inputs { prior: Some(weights), ..forbidding() }),
        ("a terminal state", Inputs { terminal_states: vec![2], ..forbidding() }),
        (
            "a terminal state to keep clear of",
            Inputs { terminal_states: vec![2], terminal_values: lost, ..forbidding() },
        ),
    ]
}

/// Gaps, in nats, on both sides of what a type can hold beside the best: e^−600 to e^−745 in `f64`,
/// e^−50 to e^−103 in `f32`.
pub(crate) const GAPS: [f64; 14] =
    [1.0, 49.0, 51.0, 88.0, 104.0, 200.0, 563.0, 599.0, 600.0, 601.0, 745.0, 800.0, 1e4, 1e6];

/// Rows that see the best state, do not see it, or see it with probability `rare`. The others lie
/// `gap` τ below it, or state 1 is dead, so that state 2 is seen with that probability and nothing
/// beside it.
pub(crate) fn far_below(gap: f64, rare: f64, temperature: f64, dead: bool) -> Inputs {
    let middle = if dead { MINUS_INFINITY } else { -gap - 1.5 };
    let mut transitions = array![
        [[0.0, 0.75, 0.25], [rare, 0.25, 0.75]],
        [[rare, 0.0, 1.0], [0.0, 1.0, rare]],
        [[1.0, 0.0, 0.0], [0.0, rare, 1.0]],
    ];
    transitions.rows_mut().into_iter().for_each(|mut row| row /= row.sum());
    Inputs {
        transitions,
        rewards: lopsided().rewards * temperature,
        terminal_values: (array![0.0, middle, -gap] + 3.25) * temperature,
        temperature,
        ..lopsided()
    }
}

/// Two states, two actions, with numbers that both types hold exactly and probabilities in
/// quarters.
pub(crate) fn two_states() -> Inputs {
    Inputs {
        transitions: array![[[0.25, 0.75], [1.0, 0.0]], [[0.75, 0.25], [0.0, 1.0]]],
        rewards: array![[0.5, -1.5], [-0.75, -0.25]],
        prior: Some(Array2::from_elem((2, 2), 0.5)),
        discount: 1.0,
        temperature: 0.5,
        terminal_values: array![0.75, -0.5],
        terminal_states: Vec::new(),
    }
}

/// Three classes that fall behind each other by hundreds of nats a stage. At the end the last may
/// be first: `end` is V_T of the class that leads.
fn falling_behind<F: Tested>(end: f64) -> Inputs {
    Inputs {
        transitions: array![
            [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]],
            [[0.0, 0.7, 0.3], [0.0, 0.4, 0.6]],
            [[0.0, 0.0, 1.0], [0.0, F::TINY, 1.0]],
        ],
        rewards: array![[0.0, -2.0], [-800.0, -640.5], [-1100.0, -1050.25]],
        terminal_values: array![end, 0.0, 1.5],
        ..lopsided()
    }
}

/// Models for messages in both directions, at γ = 1 and γ = 0.9.
pub(crate) fn with_small_messages<F: Tested>() -> Vec<(String, Inputs)> {
    let mut models = vec![
        ("a spread prior".to_owned(), Inputs { prior: Some(spread_prior::<F>()), ..lopsided() }),
        ("a terminal state".to_owned(), Inputs { terminal_states: vec![2], ..forbidding() }),
    ];
    for end in [MINUS_INFINITY, -5211.5, 3.0] {
        models.push((format!("falling behind, V_T(0) = {end}"), falling_behind::<F>(end)));
    }
    for gap in [51.0, 601.0, 1e4] {
        for rare in F::rare() {
            models.push((format!("{gap} τ below, probability {rare:e}"), far_below(gap, rare, 7.0, false)));
        }
    }
    let leaving = models.clone().into_iter();
    models.extend(
        leaving.map(|(what, inputs)| (format!("{what}, γ = 0.9"), Inputs { discount: 0.9, ..inputs })),
    );
    models
}

/// Models of every kind at every scale, at discounts below, next to and at 1.
pub(crate) fn of_every_scale<F: Tested>() -> Vec<(String, Inputs)> {
    let mut kinds = with_minus_infinity().to_vec();
    kinds.push(("any scale", mixed::<F>()));
    kinds.push(("a spread prior", Inputs { prior: Some(spread_prior::<F>()), ..lopsided() }));
    let mut models = Vec::new();
    for (scale, temperature) in
        [(F::TINY, 1.0), (1e-8, 1e-6), (1.0, 1.0), (1e5, 1e-6), (1e5, 1e3), (1.0, 1e6)]
    {
        for (what, inputs) in &kinds {
            for discount in [1.0, 0.9, F::NEAR_ONE] {
                let what = format!("{what}, times {scale:e}, τ = {temperature:e}, γ = {discount}");
                models.push((what, Inputs { discount, temperature, ..inputs.clone().scaled(scale) }));
            }
        }
    }
    models
}
