//! The average reward of endless processes.
//!
//! Against all deterministic policies at temperature 0, against the optimality equation in plain
//! loops above it, against closed forms, and against long horizons.

#![allow(clippy::float_cmp, reason = "−∞")]

use std::ops::ControlFlow;

use approx::{abs_diff_eq, assert_abs_diff_eq};
use ndarray::{Array1, Array2, Array3, array};
use softmdp::{
    ActionPrior, AverageReward, DeterministicDynamics, Error, Inference, Mdp, SoftValueIteration,
    SparseDynamics, StationarySolver, Status, Table, TimeVaryingMdp, Watched, average_reward, log_sum_exp,
    long_run_growth, ndarray,
};

use crate::common::random::Random;
use crate::policy::stationary::reference::Case;

const DEAD: f64 = f64::NEG_INFINITY;

/// The long-run mean of `rewards` from each state of a chain, by powers of the lazy chain.
fn means(chain: &Array2<f64>, rewards: &Array1<f64>) -> Array1<f64> {
    let mut lazy = (chain + &Array2::<f64>::eye(rewards.len())) / 2.0;
    for _ in 0..50 {
        lazy = lazy.dot(&lazy);
        for mut row in lazy.rows_mut() {
            let sum = row.sum();
            row /= sum;
        }
    }
    lazy.dot(rewards)
}

/// What a policy earns in the long run from each state, −∞ where it may come to a forbidden pair.
fn earned(case: &Case, policy: &Array2<f64>) -> Array1<f64> {
    let n = case.num_states();
    let mut case = case.clone();
    case.policy.clone_from(policy);
    let chain = case.chain();
    let rewards = Array1::from_shape_fn(n, |s| case.reward(s, true));
    let mut is_dead: Vec<bool> = rewards.iter().map(|&r| r == DEAD).collect();
    for _ in 0..n {
        for s in 0..n {
            is_dead[s] |= (0..n).any(|next| chain[[s, next]] > 0.0 && is_dead[next]);
        }
    }
    let found = means(&chain, &rewards.mapv(|r| if r == DEAD { 0.0 } else { r }));
    Array1::from_shape_fn(n, |s| if is_dead[s] { DEAD } else { found[s] })
}

/// The best of all deterministic policies, from each state.
fn best_earned(case: &Case) -> Array1<f64> {
    let (n, width) = case.prior.dim();
    let mut best = Array1::from_elem(n, DEAD);
    for code in 0..width.pow(n as u32) {
        let action = |s: usize| code / width.pow(s as u32) % width;
        let policy = Array2::from_shape_fn((n, width), |(s, a)| f64::from(a == action(s)));
        let earned = earned(case, &policy);
        best.zip_mut_with(&earned, |best, &found| *best = best.max(found));
    }
    best
}

/// A small model: few successors, often certain ones, and rewards with many ties and zeros.
fn small(seed: u64, temperature: f64) -> Case {
    let mut random = Random(seed);
    let (n, width) = (1 + random.below(5), 1 + random.below(3));
    let has_dead = random.chance(0.3);
    let mut transitions = Array3::zeros((n, width, n));
    for mut row in transitions.rows_mut() {
        if random.chance(0.5) {
            row[random.below(n)] = 1.0;
        } else {
            row[random.below(n)] += 0.5;
            row[random.below(n)] += 0.25;
            row[random.below(n)] += 0.25;
        }
    }
    let rewards = Array2::from_shape_fn((n, width), |_| {
        if has_dead && random.chance(0.2) { DEAD } else { random.pick(&[0.0, 0.0, 1.0, -1.0, 0.5, 3.0]) }
    });
    let prior = Array2::from_shape_fn((n, width), |(_, a)| {
        if a > 0 && has_dead && random.chance(0.2) { 0.0 } else { 0.5 + random.uniform() }
    });
    let (policy, initial) = (Array2::zeros((n, width)), Array1::zeros(n));
    Case {
        transitions,
        rewards,
        prior,
        terminal_values: Array1::zeros(n),
        is_terminal: vec![false; n],
        discount: 1.0,
        temperature,
        policy,
        initial,
    }
}

fn is_inside(average: &AverageReward, gain: f64, slack: f64) -> bool {
    average.lower_bound() - slack <= gain && gain <= average.upper_bound() + slack
}

#[test]
fn at_temperature_zero_the_gain_is_that_of_the_best_policy() {
    let (mut found, mut refused, mut doomed, mut partly) = (0, 0, 0, 0);
    for seed in 0..3000 {
        let case = small(seed, 0.0);
        let best = best_earned(&case);
        let alive: Vec<f64> = best.iter().copied().filter(|&g| g > DEAD).collect();
        let (least, most) =
            alive.iter().fold((f64::INFINITY, DEAD), |(least, most), &g| (least.min(g), most.max(g)));
        match average_reward(&case.mdp(), 1e-9) {
            Ok(average) => {
                found += 1;
                assert!(most - least < 1e-9, "seed {seed}: {best} {average:?}");
                assert!(is_inside(&average, most, 1e-12), "seed {seed}: {best} {average:?}");
                assert!(average.convergence().error_bound <= 1e-9);
                let is_dead = average.relative_values().mapv(|v| v == DEAD);
                assert_eq!(is_dead, best.mapv(|g| g == DEAD), "seed {seed}");
                partly += usize::from(is_dead.iter().any(|&dead| dead));
                for (s, &g) in earned(&case, &average.policy().probabilities().to_owned()).iter().enumerate()
                {
                    // Equal shares of ties have no entropy at temperature 0.
                    assert!(is_dead[s] || g >= average.lower_bound() - 1e-10, "seed {seed}: {g} {average:?}");
                }
            }
            Err(Error::SeveralGains { first, first_gain, second, second_gain }) => {
                refused += 1;
                assert!(most - least > 1e-6, "seed {seed}: {best}");
                assert_abs_diff_eq!(first_gain, most, epsilon = 1e-9);
                assert_abs_diff_eq!(first_gain, best[first], epsilon = 1e-9);
                assert_abs_diff_eq!(second_gain, best[second], epsilon = 1e-9);
                assert!(second_gain < first_gain, "seed {seed}");
            }
            Err(Error::NoEndlessTrajectory) => {
                doomed += 1;
                assert!(alive.is_empty(), "seed {seed}: {best}");
            }
            Err(error) => panic!("seed {seed}: {error}\n{case:?}"),
        }
    }
    assert!(
        found > 1500 && refused > 100 && doomed > 10 && partly > 50,
        "{found} {refused} {doomed} {partly}"
    );
}

/// (B V)(s) in plain loops, over the pairs without a transition to −∞.
fn backed_up(case: &Case, values: &Array1<f64>, s: usize) -> f64 {
    let tau = case.temperature;
    let terms: Vec<f64> = (0..case.prior.ncols())
        .map(|a| {
            let next = values.iter().enumerate().map(|(n, &v)| {
                if case.transitions[[s, a, n]] > 0.0 { case.transitions[[s, a, n]] * v } else { 0.0 }
            });
            case.prior[[s, a]].ln() + (case.rewards[[s, a]] + next.sum::<f64>()) / tau
        })
        .collect();
    tau * log_sum_exp(&terms)
}

/// With one class, V of (A1) is unique up to a constant. So a V that satisfies it is the right one,
/// and its policy earns g.
#[test]
fn above_temperature_zero_the_optimality_equation_holds() {
    let (mut found, mut refused) = (0, 0);
    for seed in 0..2000 {
        let case = small(7000 + seed, [0.1, 1.0, 5.0][seed as usize % 3]);
        let average = match average_reward(&case.mdp(), 1e-9) {
            Ok(average) => average,
            Err(Error::NoEndlessTrajectory) => continue,
            Err(Error::SeveralGains { first_gain, second_gain, .. }) => {
                refused += 1;
                assert!(second_gain < first_gain, "seed {seed}");
                continue;
            }
            Err(error) => panic!("seed {seed}: {error}\n{case:?}"),
        };
        found += 1;
        let values = average.relative_values().to_owned();
        assert_eq!(values.iter().copied().fold(DEAD, f64::max), 0.0);
        let earned = earned(&case, &average.policy().probabilities().to_owned());
        for s in (0..values.len()).filter(|&s| values[s] > DEAD) {
            let rise = backed_up(&case, &values, s) - values[s];
            assert_abs_diff_eq!(rise, average.gain(), epsilon = 2e-9);
            assert!(
                abs_diff_eq!(earned[s], average.gain(), epsilon = 3e-9),
                "seed {seed}: {earned} {average:?}"
            );
        }
    }
    assert!(found > 1000 && refused > 100, "{found} {refused}");
}

/// Far from the horizon every stage adds the gain, where all states lead to all.
#[test]
fn long_horizons_tend_to_it() {
    for seed in 0..40 {
        let mut case = Case::random(100 + seed, 6, 1.0, true);
        case.is_terminal.fill(false);
        case.transitions.mapv_inplace(|p| 0.9 * p);
        let n = case.num_states();
        for mut row in case.transitions.rows_mut() {
            let rest = 1.0 - row.sum();
            row.iter_mut().for_each(|p| *p += rest / n as f64);
        }
        let mdp = case.mdp();
        let average = average_reward(&mdp, 1e-10).unwrap();
        let solution = SoftValueIteration::new(500).inference(Inference::Variational).solve(&mdp).unwrap();
        let values = solution.state_values();
        for s in 0..n {
            let relative = average.relative_values();
            assert_abs_diff_eq!(values[[0, s]] - values[[1, s]], average.gain(), epsilon = 2e-10);
            assert_abs_diff_eq!(values[[0, s]] - values[[0, 0]], relative[s] - relative[0], epsilon = 1e-8);
        }
        let first = solution.policy().at(0).unwrap();
        let pairs = first.iter().zip(average.policy().probabilities());
        assert!(pairs.into_iter().all(|(&found, &expected)| abs_diff_eq!(found, expected, epsilon = 1e-7)));
    }
}

/// Three states and two actions, from a question to another toolbox.
fn three_states() -> Mdp {
    let transitions = array![
        [[0.25, 0.25, 0.5], [0.0, 0.25, 0.75]],
        [[0.75, 0.0, 0.25], [0.25, 0.0, 0.75]],
        [[0.5, 0.5, 0.0], [0.25, 0.25, 0.5]],
    ];
    Mdp::new(transitions, array![[0.55, 0.75], [1.0, 0.8], [1.2, 1.0]]).unwrap()
}

#[test]
fn three_states_have_their_known_gains() {
    let mdp = three_states();
    let soft = average_reward(&mdp, 1e-12).unwrap();

    assert_abs_diff_eq!(soft.gain(), 1.602_119_102_508_23, epsilon = 5e-13);
    let values = soft.relative_values().mapv(|v| v - soft.relative_values()[0]);
    assert_abs_diff_eq!(values[1], 0.158_596_2, epsilon = 1e-7);
    assert_abs_diff_eq!(values[2], 0.334_871_15, epsilon = 1e-8);
    let hard = average_reward(&mdp.with_temperature(0.0).unwrap(), 1e-12).unwrap();
    assert_abs_diff_eq!(hard.gain(), 36.1 / 37.0, epsilon = 1e-12);
    assert_eq!(hard.policy().greedy(), array![1, 0, 0]);
    assert!(is_inside(&hard, 36.1 / 37.0, 1e-15) && is_inside(&soft, 1.602_119_102_508_23, 1e-14));
    // The policy earns it.
    let shares = hard.policy().stationary_distribution(&mdp).unwrap();
    let earned: f64 = (0..3).map(|s| shares[s] * mdp.rewards()[[s, hard.policy().greedy()[s]]]).sum();
    assert_abs_diff_eq!(earned, hard.gain(), epsilon = 1e-12);
}

/// A constant added to all rewards adds to the gain, and changes nothing else.
#[test]
fn a_shift_of_rewards_shifts_the_gain() {
    let mdp = three_states();
    let average = average_reward(&mdp, 1e-10).unwrap();
    for shift in [-1000.0, 3.0, 1e4] {
        let shifted = mdp.with_rewards(mdp.rewards().mapv(|r| r + shift)).unwrap();
        let shifted = average_reward(&shifted, 1e-10).unwrap();
        assert_abs_diff_eq!(shifted.gain(), average.gain() + shift, epsilon = 2e-10);
        let pairs = shifted.relative_values().to_owned() - average.relative_values();
        assert!(pairs.iter().all(|&gap| abs_diff_eq!(gap, 0.0, epsilon = 1e-9)), "{pairs}");
    }
}

/// With deterministic dynamics the two inferences agree.
#[test]
fn without_chance_it_is_the_growth_of_the_evidence() {
    for seed in 0..20 {
        let mut random = Random(seed);
        let n = 2 + random.below(8);
        let next = Array2::from_shape_fn((n, 2), |(s, a)| if a == 0 { (s + 1) % n } else { random.below(n) });
        let dynamics = DeterministicDynamics::from_fn(n, 2, |s, a| next[[s, a]]).unwrap();
        let rewards = Array2::from_shape_fn((n, 2), |_| random.uniform());
        let mdp = Mdp::builder(dynamics, rewards).temperature(0.4).build().unwrap();
        let (average, growth) = (average_reward(&mdp, 1e-11).unwrap(), long_run_growth(&mdp, 1e-11).unwrap());
        assert_abs_diff_eq!(average.gain(), growth.rate(), epsilon = 2e-11);
        let gaps = average.relative_values().to_owned() - growth.relative_values();
        assert!(gaps.iter().all(|&gap| abs_diff_eq!(gap, 0.0, epsilon = 1e-8)), "{gaps}");
    }
}

/// At temperature 0 and without chance, the gain is the largest mean of a cycle (Karp, *Discrete
/// Math.* 23, 1978).
#[test]
fn without_chance_the_best_cycle_counts() {
    for seed in 0..30 {
        let mut random = Random(seed);
        let n = 2 + random.below(60);
        let next = Array2::from_shape_fn((n, 3), |(s, a)| if a == 0 { (s + 1) % n } else { random.below(n) });
        let rewards = Array2::from_shape_fn((n, 3), |_| random.uniform());
        let mut walks = vec![Array1::from_elem(n, DEAD)]; // best walks from 0, by length
        walks[0][0] = 0.0;
        for length in 0..n {
            let mut longer = Array1::from_elem(n, DEAD);
            for ((s, a), &reward) in rewards.indexed_iter() {
                let to = &mut longer[next[[s, a]]];
                *to = f64::max(*to, walks[length][s] + reward);
            }
            walks.push(longer);
        }
        let through = |s: usize| {
            let mean = |length: usize| (walks[n][s] - walks[length][s]) / (n - length) as f64;
            (0..n).filter(|&length| walks[length][s] > DEAD).map(mean).fold(f64::INFINITY, f64::min)
        };
        let expected = (0..n).filter(|&s| walks[n][s] > DEAD).map(through).fold(DEAD, f64::max);
        let dynamics = DeterministicDynamics::from_fn(n, 3, |s, a| next[[s, a]]).unwrap();
        let mdp = Mdp::builder(dynamics, rewards).temperature(0.0).build().unwrap();
        let average = average_reward(&mdp, 1e-10).unwrap();
        assert!(is_inside(&average, expected, 1e-13), "seed {seed}: {expected} {average:?}");
    }
}

#[test]
fn a_period_does_not_matter() {
    for (n, temperature) in [(2, 0.0), (3, 1.0), (50, 0.0), (301, 0.5), (1000, 0.0)] {
        let dynamics = DeterministicDynamics::from_fn(n, 1, |s, _| (s + 1) % n).unwrap();
        let rewards = Array2::from_shape_fn((n, 1), |(s, _)| if s == 0 { n as f64 } else { -1.0 });
        let mdp = Mdp::builder(dynamics, rewards).temperature(temperature).build().unwrap();
        let average = average_reward(&mdp, 1e-9).unwrap();
        let gain = 1.0 / n as f64;
        assert!(is_inside(&average, gain, 0.0), "{n}: {:?}", average.convergence());
        assert!(average.convergence().iterations < 300, "{n}: {:?}", average.convergence());
        let values = average.relative_values();
        for s in 1..n {
            let step = values[s] - values[(s + 1) % n];
            assert!(abs_diff_eq!(step, -1.0 - gain, epsilon = 3e-9), "{n}, {s}: {step}");
        }
    }
}

/// A queue with one server. Its stationary distribution is a power of the load, its relative values
/// have the size of the number of places squared.
#[test]
fn a_long_queue_takes_few_passes() {
    for (places, arrival) in [(1000, 0.3), (1000, 0.5), (300, 0.55)] {
        let service = 0.6;
        let row = |s: usize, _| {
            let (up, down) = (arrival * (1.0 - service), service * (1.0 - arrival));
            let (up, down) = if s == 0 { (arrival, 0.0) } else { (up, down) };
            let up = if s + 1 == places { 0.0 } else { up };
            [(s.saturating_sub(1), down), (s, 1.0 - up - down), ((s + 1).min(places - 1), up)]
        };
        let dynamics = SparseDynamics::from_fn(places, 1, row).unwrap();
        let rewards = Array2::from_shape_fn((places, 1), |(s, _)| -0.01 * s as f64);
        let mdp = Mdp::builder(dynamics, rewards).temperature(0.0).build().unwrap();
        let average = average_reward(&mdp, 1e-9).unwrap();
        let mut shares = vec![1.0];
        for s in 1..places {
            let up = if s == 1 { arrival } else { arrival * (1.0 - service) };
            shares.push(shares[s - 1] * up / (service * (1.0 - arrival)));
        }
        let total: f64 = shares.iter().sum();
        let length: f64 = shares.iter().enumerate().map(|(s, share)| 0.01 * s as f64 * share / total).sum();
        assert!(is_inside(&average, -length, 1e-11), "{arrival}: {length} {:?}", average.convergence());
        assert!(average.convergence().iterations < 2500, "{arrival}: {:?}", average.convergence());
    }
}

/// Admission to a queue of 1000 places: a customer pays, waiting costs.
#[test]
fn a_long_queue_is_controlled() {
    let places = 1000;
    for temperature in [0.0, 0.1] {
        let row = |s: usize, a: usize| {
            let arrival = if a == 0 { 0.0 } else { 0.5 };
            [(s.saturating_sub(1), 0.5), (s, 0.5 - arrival), ((s + 1).min(places - 1), arrival)]
        };
        let dynamics = SparseDynamics::from_fn(places, 2, row).unwrap();
        let rewards = Array2::from_shape_fn((places, 2), |(s, a)| 5.0 * a as f64 - 0.1 * s as f64);
        let mdp = Mdp::builder(dynamics, rewards.clone()).temperature(temperature).build().unwrap();
        let average = average_reward(&mdp, 1e-9).unwrap();
        assert!(average.convergence().iterations < 3000, "{:?}", average.convergence());
        if temperature == 0.0 {
            // The best threshold: admit below it.
            let mean = |threshold: usize| {
                // Up and down with ½ each below the threshold: uniform over 0..=threshold, but for
                // state 0, whose way down stays, and the threshold, where nobody is admitted.
                let states = threshold as f64 + 1.0;
                (0..=threshold).map(|s| rewards[[s, usize::from(s < threshold)]]).sum::<f64>() / states
            };
            let best = (0..places).map(mean).fold(DEAD, f64::max);
            assert!(is_inside(&average, best, 1e-12), "{best} {average:?}");
        }
    }
}

/// It takes 10 to move to the place that pays 0.001 more. Value iteration moves after 10,000
/// stages.
#[test]
fn a_costly_way_to_a_slightly_better_place_is_found() {
    for temperature in [0.0, 1e-5] {
        // 0 and 3 stay, or move by way of 1 and 2.
        let next = [[0, 1], [2, 2], [3, 1], [3, 2]];
        let dynamics = DeterministicDynamics::from_fn(4, 2, |s, a| next[s][a]).unwrap();
        let rewards = array![[1.0, 1.0], [-10.0, -10.0], [-1.0, -1.0], [1.001, 1.0]];
        let mdp = Mdp::builder(dynamics, rewards).temperature(temperature).build().unwrap();
        let average = average_reward(&mdp, 1e-9).unwrap();
        assert_abs_diff_eq!(average.gain(), 1.001, epsilon = 1e-9);
        assert_eq!(average.policy().greedy()[0], 1);
        assert!(average.convergence().iterations < 1000, "{:?}", average.convergence());
        // No way back: two classes, of which the better is reached surely.
        let next = [[0, 1], [2, 2], [3, 3], [3, 3]];
        let dynamics = DeterministicDynamics::from_fn(4, 2, |s, a| next[s][a]).unwrap();
        let rewards = array![[1.0, 1.0], [-10.0, -10.0], [-1.0, -1.0], [1.001, DEAD]];
        let mdp = Mdp::builder(dynamics, rewards).temperature(temperature).build().unwrap();
        let average = average_reward(&mdp, 1e-9).unwrap();
        assert_abs_diff_eq!(average.gain(), 1.001, epsilon = 1e-9);
        assert!(average.policy().probabilities()[[0, 1]] > 0.999, "{average:?}");
    }
}

/// A long corridor, in which every cell pays a little for staying, leads to a place that pays more.
#[test]
fn a_long_way_past_temptations_is_found() {
    let n = 500;
    let dynamics = DeterministicDynamics::from_fn(n, 3, |s, a| match a {
        0 => s,
        1 => (s + 1).min(n - 1),
        _ => s.saturating_sub(1),
    })
    .unwrap();
    let mut rewards = Array2::from_shape_fn((n, 3), |(_, a)| if a == 0 { 0.1 } else { 0.0 });
    rewards[[n - 1, 0]] = 1.0;
    let mdp = Mdp::builder(dynamics, rewards).temperature(0.0).build().unwrap();
    let average = average_reward(&mdp, 1e-9).unwrap();
    assert_abs_diff_eq!(average.gain(), 1.0, epsilon = 1e-9);
    assert_abs_diff_eq!(average.relative_values()[0], 1.0 - n as f64, epsilon = 1e-5);
    assert!(average.convergence().iterations < 20_000, "{:?}", average.convergence());
}

/// The agent can stay, or leave for good. It stays where staying is worth more, at the price of
/// never taking the other action.
#[test]
fn a_class_that_may_be_left_counts_without_its_exits() {
    let staying = 2.0 + 0.5_f64.ln(); // reward 2, with weight 1/2
    let world = |pays: f64| {
        // 0 stays or leaves; 1 stays; 2 leads to 0 or to 1.
        let transitions = array![
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
            [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]],
            [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]],
        ];
        let rewards = array![[2.0, 2.0], [pays, pays], [0.0, 0.0]];
        Mdp::builder(transitions, rewards).action_prior(ActionPrior::Uniform).build().unwrap()
    };
    // The other class is better: everybody leaves.
    let left = average_reward(&world(3.0), 1e-10).unwrap();
    assert_abs_diff_eq!(left.gain(), 3.0, epsilon = 1e-10);
    // exp(V₀ + 3) = (exp(2 + V₀) + exp(2 + V₁)) / 2
    let gap = (0.5 / (1.0_f64.exp() - 0.5)).ln();
    let values = left.relative_values();
    assert_abs_diff_eq!(values[0] - values[1], gap, epsilon = 1e-9);
    // The other class is worse, and there is no way back.
    let several = average_reward(&world(1.0), 1e-10).unwrap_err();
    let Error::SeveralGains { first: 0, first_gain, second: 1, second_gain } = several else {
        panic!("{several}");
    };
    assert_abs_diff_eq!(first_gain, staying, epsilon = 1e-10);
    assert_abs_diff_eq!(second_gain, 1.0, epsilon = 1e-10);
    // Forbidden, it leaves the first class alone, and 2 takes no risk.
    let alone = world(1.0);
    let mut rewards = alone.rewards().to_owned();
    rewards.row_mut(1).fill(DEAD);
    let alone = average_reward(&alone.with_rewards(rewards).unwrap(), 1e-10).unwrap();
    assert_abs_diff_eq!(alone.gain(), staying, epsilon = 1e-10);
    assert_eq!(alone.relative_values()[1], DEAD);
    assert_eq!(alone.policy().probabilities().row(2), array![0.0, 1.0]);
    // Both are worth the same: one gain, whichever counts.
    let tied = average_reward(&world(staying), 1e-6).unwrap();
    assert!(is_inside(&tied, staying, 1e-12), "{tied:?}");
}

/// Two classes that are not left, with a state before them that chooses by chance.
#[test]
fn classes_of_equal_gain_share_it() {
    let transitions = array![[[0.0, 0.5, 0.5]], [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]]];
    for temperature in [0.0, 1.0] {
        let mdp = Mdp::new(transitions.clone(), array![[7.0], [0.25], [0.25]]).unwrap();
        let mdp = mdp.with_temperature(temperature).unwrap();
        let average = average_reward(&mdp, 1e-12).unwrap();
        assert_abs_diff_eq!(average.gain(), 0.25, epsilon = 1e-12);
        let several = average_reward(&mdp.with_rewards(array![[7.0], [0.25], [0.5]]).unwrap(), 1e-9);
        let expected = Error::SeveralGains { first: 2, first_gain: 0.5, second: 1, second_gain: 0.25 };
        assert_eq!(several, Err(expected));
    }
}

#[test]
fn single_precision_has_its_own_digits() {
    let row = |s: usize, a: usize| [((s + a + 1) % 30, 0.75), ((s * 7) % 30, 0.25)];
    let narrow = SparseDynamics::<f32>::from_fn(30, 2, |s, a| row(s, a).map(|(n, p)| (n, p as f32))).unwrap();
    let wide = SparseDynamics::from_fn(30, 2, row).unwrap();
    let rewards = Array2::from_shape_fn((30, 2), |(s, a)| (s * (a + 1) % 11) as f32);
    for temperature in [0.0, 1.0] {
        let wide = Mdp::builder(wide.clone(), rewards.mapv(f64::from)).temperature(temperature).build();
        let expected = average_reward(&wide.unwrap(), 1e-10).unwrap();
        let mdp = Mdp::builder(narrow.clone(), rewards.clone()).temperature(temperature as f32).build();
        let found = average_reward(&mdp.unwrap(), 1e-3).unwrap();
        assert!(f64::from(found.lower_bound()) <= expected.gain(), "{found:?} {expected:?}");
        assert!(expected.gain() <= f64::from(found.upper_bound()), "{found:?} {expected:?}");
    }
}

/// The bounds hold for rows rescaled to 1, so they are no narrower than what the rows are off.
#[test]
fn rows_that_are_off_widen_the_bounds() {
    for off in [1e-9, -1e-9] {
        let transitions = array![[[0.9, 0.1 + off]], [[0.1, 0.9]]];
        let mdp = Mdp::new(transitions, array![[0.0], [1000.0]]).unwrap();
        let average = average_reward(&mdp, 1e-4).unwrap();
        let q = 1.0 + off;
        let (up, down) = ((0.1 + off) / q, 0.1);
        assert!(is_inside(&average, 1000.0 * up / (up + down), 0.0), "{average:?}");
        assert!(matches!(average_reward(&mdp, 1e-9), Err(Error::NotConverged { .. })));
    }
}

#[test]
fn below_rounding_every_search_ends_with_a_small_bound() {
    for seed in 0..200 {
        match average_reward(&small(seed, [0.0, 1.0][seed as usize % 2]).mdp(), 1e-300) {
            Err(Error::NotConverged { status: Status::RoundingFloor, iterations, error_bound }) => {
                assert!(iterations < 20_000 && error_bound < 1e-8, "{seed}: {iterations} {error_bound:e}");
            }
            Ok(_) | Err(Error::NoEndlessTrajectory | Error::SeveralGains { .. }) => {}
            other => panic!("{seed}: {other:?}"),
        }
    }
}

#[test]
fn what_has_no_answer_is_refused() {
    let mdp = three_states();
    assert_eq!(
        average_reward(&mdp, 0.0),
        Err(Error::InvalidSetting { setting: "tolerance", value: 0.0, expected: "a number > 0" })
    );
    let discounted = average_reward(&mdp.with_discount(0.5).unwrap(), 1e-6).unwrap_err();
    assert!(matches!(discounted, Error::InvalidSetting { setting: "discount", value: 0.5, .. }));
    let ends = Mdp::builder(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[0.0], [1.0]]);
    let ends = ends.terminal_states([1]).build().unwrap();
    assert_eq!(average_reward(&ends, 1e-6), Err(Error::EndsInTerminalState { state: 1 }));
    // A risk of 1/2 to come to a state without a way on is taken by direct inference only.
    let risky = Mdp::new(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[0.0], [DEAD]]).unwrap();
    assert_eq!(average_reward(&risky, 1e-6), Err(Error::NoEndlessTrajectory));
    assert_abs_diff_eq!(long_run_growth(&risky, 1e-9).unwrap().rate(), 0.5_f64.ln(), epsilon = 1e-9);
    let varying = TimeVaryingMdp::from_rewards(&mdp, Array3::zeros((2, 3, 2))).unwrap();
    assert_eq!(average_reward(&varying, 1e-6), Err(Error::NotHomogeneous));
    let mut asked = 0;
    let watched = Watched::new(&mdp, |_| {
        asked += 1;
        if asked < 4 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let stopped = average_reward(&watched, 1e-12);
    assert!(matches!(stopped, Err(Error::NotConverged { status: Status::Stopped, .. })), "{stopped:?}");
}

/// Without discount and without end, the errors name the function that answers.
#[test]
fn errors_without_an_end_name_the_right_function() {
    let mdp = three_states();
    let message = |inference, temperature| {
        let mdp = mdp.with_temperature(temperature).unwrap();
        StationarySolver::new(1e-6).inference(inference).solve(&mdp).unwrap_err().to_string()
    };
    for temperature in [0.0, 1.0] {
        let found = message(Inference::Variational, temperature);
        assert!(found.ends_with("or call `average_reward`"), "{found}");
    }
    let found = message(Inference::Direct, 1.0);
    assert!(found.ends_with("or call `long_run_growth`"), "{found}");
    let found = message(Inference::Direct, 0.0);
    assert!(found.ends_with("or choose a temperature > 0 and call `long_run_growth`"), "{found}");
    let hard = long_run_growth(&mdp.with_temperature(0.0).unwrap(), 1e-6).unwrap_err();
    assert_eq!(hard, Error::ZeroTemperature { table: Table::GrowthRates });
    assert!(hard.to_string().ends_with("or call `average_reward` for the best mean reward"), "{hard}");
}
