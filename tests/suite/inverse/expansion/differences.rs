//! Second derivatives against finite differences of the gradient, and scores against the gradient,
//! on random models.

use softmdp::Inference::{Direct, Variational};
use softmdp::inverse::{Demonstrations, Likelihood, RewardFeatures};
use softmdp::ndarray::{Array1, Array2, Array3, Axis};
use softmdp::{ActionPrior, Dynamics, Mdp, Model, TimeVaryingMdp, Trajectory};

use crate::common::random::Random;

const HORIZON: usize = 5;

/// A random model without features, and features of it.
struct Case {
    known: Mdp,
    features: RewardFeatures,
    theta: Array1<f64>,
}

impl Case {
    /// Rewards are negative if `is_costly`, so that stationary values exist.
    fn new(random: &mut Random, is_deterministic: bool, is_costly: bool) -> Self {
        let (num_states, num_actions) = (2 + random.below(4), 1 + random.below(3));
        let num_features = 1 + random.below(4);
        let mut table = Array3::zeros((num_states, num_actions, num_states));
        for mut row in table.rows_mut() {
            if is_deterministic {
                row[random.below(num_states)] = 1.0;
            } else {
                row.assign(&random.distribution(num_states, 0.6));
            }
        }
        let shape = (num_states, num_actions);
        let shift = if is_costly { 4.0 } else { 0.0 };
        let mut rewards = Array2::from_shape_fn(shape, |_| 2.0 * random.uniform() - 1.0 - shift);
        let mut prior = Array2::from_shape_fn(shape, |_| 0.2 + random.uniform());
        if num_actions > 1 && random.chance(0.5) {
            rewards[[random.below(num_states), 0]] = f64::NEG_INFINITY;
            prior[[random.below(num_states), num_actions - 1]] = 0.0;
        }
        let terminal = (is_costly || random.chance(0.5)).then_some(num_states - 1);
        let known = Mdp::builder(table, rewards)
            .action_prior(ActionPrior::Weights(prior))
            .temperature(random.pick(&[0.5, 1.0, 2.3]))
            .terminal_states(terminal)
            .terminal_values(Array1::from_shape_fn(num_states, |_| random.uniform()))
            .build()
            .unwrap();
        let mut number = || 2.0 * random.uniform() - 1.0;
        let ends = Array2::from_shape_fn((num_states, num_features), |_| number());
        let theta = Array1::from_shape_fn(num_features, |_| 0.5 * number());
        let features = if number() > 0.0 {
            RewardFeatures::on_states(Array2::from_shape_fn((num_states, num_features), |_| number()))
        } else {
            RewardFeatures::on_pairs(Array3::from_shape_fn((num_states, num_actions, num_features), |_| {
                number()
            }))
        };
        Self { known, features: features.terminal(ends), theta }
    }
}

/// A trajectory of a random agent that ends at the horizon, in a terminal state, or in † if it may
/// leave. `None` in a dead end.
fn walk<M: Model<Scalar = f64>>(
    random: &mut Random,
    mdp: &M,
    horizon: Option<usize>,
    may_leave: bool,
) -> Option<Trajectory> {
    let acting: Vec<usize> = (0..mdp.num_states()).filter(|&state| !mdp.is_terminal(state)).collect();
    let (mut states, mut actions) = (vec![random.pick(&acting)], Vec::new());
    let longest = horizon.unwrap_or(200);
    while actions.len() < longest && !mdp.is_terminal(*states.last()?) {
        let state = *states.last()?;
        let stage = mdp.stage(actions.len(), Direct).ok()?;
        let is_possible = |&action: &usize| {
            stage.action_prior[[state, action]] > 0.0 && stage.rewards[[state, action]].is_finite()
        };
        let possible: Vec<usize> = (0..mdp.num_actions()).filter(is_possible).collect();
        if possible.is_empty() {
            return None;
        }
        let action = random.pick(&possible);
        actions.push(action);
        if may_leave && random.chance(0.2) {
            break;
        }
        let mut next = Vec::new();
        stage.dynamics.for_each_successor(state, action, &mut |state, p| {
            if p > 0.0 {
                next.push(state);
            }
        });
        states.push(random.pick(&next));
    }
    Trajectory::new(states, actions).ok()
}

/// Some demonstrations with weights. `cut` cuts some of them off.
fn demonstrate<M: Model<Scalar = f64>>(
    random: &mut Random,
    mdp: &M,
    horizon: Option<usize>,
    (may_leave, cut): (bool, bool),
) -> Option<Demonstrations> {
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(walk(random, mdp, horizon, may_leave)?);
    }
    let mut cut_off = vec![false; all.len()];
    if cut {
        for (trajectory, cut_off) in all.iter_mut().zip(&mut cut_off) {
            let keep = random.below(trajectory.actions().len() + 1).min(trajectory.states().len() - 1);
            let states = trajectory.states()[..=keep].to_vec();
            *trajectory = Trajectory::new(states, trajectory.actions()[..keep].to_vec()).ok()?;
            *cut_off = true;
        }
    }
    let weights: Vec<f64> = all.iter().map(|_| random.pick(&[0.5, 1.0, 2.5])).collect();
    Demonstrations::new(all).with_weights(weights).ok()?.with_cut_off(cut_off).ok()
}

/// Compares the expansion at θ with that of its neighbours. Returns false if the model has no
/// values, or excludes a demonstration.
fn check<M: Model<Scalar = f64>>(
    likelihood: &Likelihood,
    seen: &Demonstrations,
    features: &RewardFeatures,
    theta: &Array1<f64>,
    model: impl Fn(&Array1<f64>) -> M,
) -> bool {
    let expand = |theta: &Array1<f64>| likelihood.expand(&model(theta), seen, features);
    let Ok(expansion) = expand(theta) else { return false };
    let k = theta.len();
    let mut total = Array1::<f64>::zeros(k);
    for (score, (_, weight)) in expansion.scores().rows().into_iter().zip(seen.trajectories()) {
        total.scaled_add(weight, &score);
    }
    let scale = 1.0 + expansion.magnitudes().sum();
    for (total, gradient) in total.iter().zip(expansion.gradient()) {
        assert!((total - gradient).abs() <= 1e-11 * scale, "{total} {gradient}");
    }
    // The value changes as the gradient says, and the gradient as the Hessian says.
    let step = 1e-3;
    for parameter in 0..k {
        let at = |steps: f64| {
            let mut moved = theta.clone();
            moved[parameter] += steps * step;
            let expansion = expand(&moved).unwrap();
            (expansion.score().value(), expansion.gradient().to_owned())
        };
        let [(a, da), (b, db), (c, dc), (d, dd)] = [at(-2.0), at(-1.0), at(1.0), at(2.0)];
        let slope = (a - 8.0 * b + 8.0 * c - d) / (12.0 * step);
        assert!((slope - expansion.gradient()[parameter]).abs() <= 1e-8 * scale, "{slope} {expansion:?}");
        let column = (&da - &(8.0 * &db) + &(8.0 * &dc) - &dd) / (12.0 * step);
        for (found, expected) in expansion.hessian().column(parameter).iter().zip(&column) {
            assert!((found - expected).abs() <= 1e-8 * scale, "{found} {expected}, {likelihood:?}");
        }
    }
    true
}

/// Runs a check on models of many seeds, of which most must have values.
fn on_random_models(least: usize, check: impl Fn(&mut Random, f64) -> bool) {
    let mut num_checked = 0;
    for seed in 0..40 {
        let mut random = Random(seed);
        let discount = random.pick(&[1.0, 0.8, 0.3]);
        num_checked += usize::from(check(&mut random, discount));
    }
    assert!(num_checked >= least, "{num_checked}");
}

#[test]
fn trajectories() {
    for (cut, is_joint, is_deterministic) in
        [(false, false, false), (false, true, false), (true, false, false), (false, false, true)]
    {
        on_random_models(25, |random, discount| {
            let Case { known, features, theta } = Case::new(random, is_deterministic, false);
            let known = known.with_discount(discount).unwrap();
            let may_leave = discount < 1.0 && !cut;
            let Some(seen) = demonstrate(random, &known, Some(HORIZON), (may_leave, cut)) else {
                return false;
            };
            let mut likelihood = Likelihood::trajectories().horizon(HORIZON);
            if is_joint {
                let initial = Array1::from_elem(known.num_states(), 1.0 / known.num_states() as f64);
                likelihood = likelihood.initial(initial);
            }
            check(&likelihood, &seen, &features, &theta, |theta| features.model(&known, theta).unwrap())
        });
    }
}

#[test]
fn actions() {
    for (inference, is_deterministic) in [(Direct, false), (Variational, false), (Variational, true)] {
        on_random_models(25, |random, discount| {
            let Case { known, features, theta } = Case::new(random, is_deterministic, false);
            let known = known.with_discount(discount).unwrap();
            let Some(seen) = demonstrate(random, &known, Some(HORIZON), (false, true)) else { return false };
            let likelihood = Likelihood::actions(inference).horizon(HORIZON);
            check(&likelihood, &seen, &features, &theta, |theta| features.model(&known, theta).unwrap())
        });
    }
}

#[test]
fn feature_matching() {
    on_random_models(25, |random, discount| {
        let Case { known, features, theta } = Case::new(random, false, false);
        let known = known.with_discount(discount).unwrap();
        let Some(seen) = demonstrate(random, &known, Some(HORIZON), (false, false)) else { return false };
        let likelihood = Likelihood::feature_matching().horizon(HORIZON);
        check(&likelihood, &seen, &features, &theta, |theta| features.model(&known, theta).unwrap())
    });
}

#[test]
fn stationary_actions() {
    for inference in [Direct, Variational] {
        on_random_models(15, |random, discount| {
            let Case { known, features, theta } = Case::new(random, false, true);
            let known = known.with_discount(discount).unwrap();
            let Some(seen) = demonstrate(random, &known, Some(8), (false, true)) else { return false };
            let likelihood = Likelihood::actions(inference);
            check(&likelihood, &seen, &features, &theta, |theta| features.model(&known, theta).unwrap())
        });
    }
}

#[test]
fn stationary_histories() {
    for (cut, is_joint) in [(false, false), (true, false), (false, true)] {
        on_random_models(15, |random, discount| {
            let Case { known, features, theta } = Case::new(random, false, true);
            let known = known.with_discount(discount).unwrap();
            let ends = (discount < 1.0 && !cut, cut);
            let Some(seen) = demonstrate(random, &known, None, ends) else { return false };
            let mut likelihood = Likelihood::trajectories();
            if is_joint {
                let initial = Array1::from_elem(known.num_states(), 1.0 / known.num_states() as f64);
                likelihood = likelihood.initial(initial);
            }
            check(&likelihood, &seen, &features, &theta, |theta| features.model(&known, theta).unwrap())
        });
    }
}

#[test]
fn features_on_successors() {
    for (likelihood, may_leave) in [
        (Likelihood::trajectories().horizon(HORIZON), true),
        (Likelihood::actions(Direct).horizon(HORIZON), false),
        (Likelihood::actions(Variational).horizon(HORIZON), false),
        (Likelihood::feature_matching().horizon(HORIZON), false),
        (Likelihood::actions(Direct), false),
    ] {
        on_random_models(10, |random, discount| {
            let Case { known, .. } = Case::new(random, false, true);
            let known = known.with_discount(discount).unwrap();
            let is_actions = format!("{likelihood:?}").contains("Actions");
            let horizon = Some(HORIZON);
            let ends = (may_leave && discount < 1.0, is_actions);
            let Some(seen) = demonstrate(random, &known, horizon, ends) else { return false };
            let known = known.with_successor_rewards(|s, _, next| ((s + next) % 3) as f64 / 4.0).unwrap();
            let features = RewardFeatures::on_successors(2, |s, a, next, values: &mut [f64]| {
                values[0] = ((s + 2 * a + 3 * next) % 7) as f64 / 3.0 - 1.0;
                values[1] = ((2 * s + a + next) % 5) as f64 / 4.0;
            });
            let theta = Array1::from_vec(vec![0.3, -0.4]);
            check(&likelihood, &seen, &features, &theta, |theta| features.model(&known, theta).unwrap())
        });
    }
}

#[test]
fn stages_that_differ_and_late_starts() {
    for likelihood in [Likelihood::trajectories(), Likelihood::actions(Variational)] {
        on_random_models(15, |random, discount| {
            let Case { known, features, theta } = Case::new(random, false, false);
            let known = known.with_discount(discount).unwrap();
            let shape = (HORIZON, known.num_states(), known.num_actions());
            let mut rewards = Array3::from_shape_fn(shape, |_| random.uniform());
            for mut stage in rewards.axis_iter_mut(Axis(0)) {
                stage += &known.rewards();
            }
            let known = TimeVaryingMdp::from_rewards(&known, rewards).unwrap();
            // Started late, so that they end at the horizon.
            let mut all = Vec::new();
            for length in 1..=HORIZON {
                let Some(one) = walk(random, &known, Some(length), false) else { return false };
                all.push(one);
            }
            let first: Vec<usize> = (1..=HORIZON).map(|length| HORIZON - length).collect();
            let seen = Demonstrations::new(all).with_first_stages(first).unwrap();
            let likelihood = likelihood.clone().horizon(HORIZON);
            check(&likelihood, &seen, &features, &theta, |theta| features.model(&known, theta).unwrap())
        });
    }
}
