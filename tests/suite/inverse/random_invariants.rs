//! Invariants of likelihoods, on random models.

use proptest::prelude::*;
use softmdp::Inference::{Direct, Variational};
use softmdp::Trajectory;
use softmdp::inverse::{Demonstrations, Likelihood};
use softmdp::ndarray::{Array1, Axis};

use super::worlds::{NUM_STATES, World};
use crate::common::random::Random;

const HORIZON: usize = 4;

fn likelihoods() -> [Likelihood; 4] {
    [
        Likelihood::trajectories(),
        Likelihood::actions(Direct),
        Likelihood::actions(Variational),
        Likelihood::feature_matching(),
    ]
}

fn value(world: &World, likelihood: &Likelihood, seen: &Demonstrations) -> f64 {
    likelihood.evaluate(&world.mdp(), seen).unwrap().value()
}

/// Each likelihood with a horizon and, at γ < 1, without one, and what it can see in a world.
fn cases(
    world: &World,
    seed: u64,
    likelihoods: impl IntoIterator<Item = Likelihood>,
) -> Vec<(Likelihood, Demonstrations)> {
    let mut cases = Vec::new();
    for likelihood in likelihoods {
        let with_horizon = likelihood.clone().horizon(HORIZON);
        let stationary = (world.discount < 1.0).then_some(likelihood);
        for likelihood in stationary.into_iter().chain([with_horizon]) {
            let kinds = (Some(HORIZON), false, false);
            if let Some(seen) = world.demonstrations(&mut Random(seed), &likelihood, kinds) {
                cases.push((likelihood, seen));
            }
        }
    }
    cases
}

fn worlds() -> impl Strategy<Value = (World, u64)> {
    let discount = prop::sample::select(vec![1.0, 0.8, 0.3]);
    (any::<u64>(), discount).prop_map(|(seed, discount)| (World::random(seed, discount, -2.0), seed))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn scales_of_rewards_and_temperature_cancel((world, seed) in worlds(), scale in 0.2..5.0_f64) {
        let mut scaled = world.clone();
        scaled.rewards.mapv_inplace(|reward| scale * reward);
        scaled.terminal_values.mapv_inplace(|value| scale * value);
        scaled.temperature *= scale;
        for (likelihood, seen) in cases(&world, seed, likelihoods()) {
            let (a, b) = (value(&world, &likelihood, &seen), value(&scaled, &likelihood, &seen));
            prop_assert!((a - b).abs() < 1e-10 * (1.0 + a.abs()), "{a} {b} {likelihood:?}");
        }
    }

    #[test]
    fn shaping_leaves_variational_actions_alone((world, seed) in worlds()) {
        let random = &mut Random(seed ^ 1);
        let mut h = Array1::from_shape_simple_fn(NUM_STATES, || 4.0 * random.uniform() - 2.0);
        world.terminal.iter().for_each(|&state| h[state] = 0.0);
        let expected = world.transitions.map_axis(Axis(2), |row| row.dot(&h)); // [s, a]
        let mut shaped = world.clone();
        shaped.rewards = &world.rewards + &(&h.clone().insert_axis(Axis(1)) - &(world.discount * expected));
        shaped.terminal_values = &world.terminal_values + &h;
        for (likelihood, seen) in cases(&world, seed, [Likelihood::actions(Variational)]) {
            let (a, b) = (value(&world, &likelihood, &seen), value(&shaped, &likelihood, &seen));
            prop_assert!((a - b).abs() < 1e-10 * (1.0 + a.abs()), "{a} {b} {likelihood:?}");
        }
    }

    #[test]
    fn a_weight_is_a_number_of_repetitions((world, seed) in worlds()) {
        for (likelihood, seen) in cases(&world, seed, likelihoods()) {
            let all: Vec<Trajectory> = seen.trajectories().map(|(one, _)| one.clone()).collect();
            let counts: Vec<usize> = (0..all.len()).map(|i| (i * 2 + 1) % 4).collect();
            let weighted = Demonstrations::new(all.clone())
                .with_weights(counts.iter().map(|&count| count as f64).collect::<Vec<_>>())
                .unwrap();
            let copies = all.iter().zip(&counts).flat_map(|(one, &count)| std::iter::repeat_n(one.clone(), count));
            let (a, b) = (
                value(&world, &likelihood, &weighted),
                value(&world, &likelihood, &Demonstrations::new(copies)),
            );
            prop_assert!((a - b).abs() < 1e-11 * (1.0 + a.abs()), "{a} {b} {likelihood:?}");
        }
    }

    #[test]
    fn parts_of_a_trajectory_add_up((world, seed) in worlds(), cut in 1..HORIZON) {
        for likelihood in [Likelihood::trajectories(), Likelihood::actions(Direct), Likelihood::actions(Variational)] {
            let likelihood = likelihood.horizon(HORIZON);
            let Some(seen) = world.demonstrations(&mut Random(seed), &likelihood, (Some(HORIZON), true, false)) else {
                continue;
            };
            for (whole, _) in seen.trajectories() {
                if cut >= whole.actions().len() {
                    continue;
                }
                let part = |states: &[usize], actions: &[usize]| {
                    Demonstrations::new([Trajectory::new(states.to_vec(), actions.to_vec()).unwrap()])
                };
                let prefix = part(&whole.states()[..=cut], &whole.actions()[..cut]).with_cut_off([true]).unwrap();
                let rest = part(&whole.states()[cut..], &whole.actions()[cut..]).with_first_stages([cut]).unwrap();
                let [a, b] = [prefix, rest].map(|seen| value(&world, &likelihood, &seen));
                let all = value(&world, &likelihood, &Demonstrations::new([whole.clone()]));
                prop_assert!((all - a - b).abs() < 1e-10 * (1.0 + all.abs()), "{all} {a} {b} {likelihood:?}");
            }
        }
    }

    /// At γ = 1 and without ends, the gradient of a constant is 0.
    #[test]
    fn observed_and_expected_steps_balance(seed in any::<u64>()) {
        let mut world = World::random(seed, 1.0, -1.0);
        world.terminal.clear();
        for likelihood in likelihoods() {
            let likelihood = likelihood.horizon(HORIZON);
            let kinds = (Some(HORIZON), false, false);
            let Some(seen) = world.demonstrations(&mut Random(seed), &likelihood, kinds) else { continue };
            // A walk into a dead end is no whole trajectory, and is not among them.
            let score = likelihood.evaluate(&world.mdp(), &seen).unwrap();
            prop_assert!(score.reward_gradient().sum().abs() < 1e-10, "{}", score.reward_gradient());
        }
    }
}
