//! Questions of model checkers at γ = 1: the largest probability of reaching a goal, expected
//! totals, ties between optimal policies. Values are closed forms, or known from the literature.

use ndarray::{Array2, array};
use softmdp::{
    ActionPrior, Error, Gridworld, Inference, Mdp, SparseDynamics, StationaryPolicy, StationarySolution,
    StationarySolver, Status, ndarray, solve_stationary,
};

use crate::worlds::METHODS;
use crate::worlds::lakes::frozen_lake;

const INF: f64 = f64::INFINITY;

/// A transition: state, action, next state, probability.
type Step = (usize, usize, usize, f64);

/// A model of two actions at most. An action without transitions is not available; a state without
/// any ends, with the value that `ends` gives.
fn model(
    num_states: usize,
    steps: &[Step],
    reward: impl Fn(usize, usize) -> f64,
    ends: &[(usize, f64)],
) -> Mdp<f64, SparseDynamics> {
    let dynamics = SparseDynamics::from_triplets(num_states, 2, steps.iter().copied()).unwrap();
    let is_end = |s: usize| ends.iter().any(|&(end, _)| end == s);
    let has_step = |s: usize, a: usize| steps.iter().any(|step| (step.0, step.1) == (s, a));
    let available = Array2::from_shape_fn((num_states, 2), |(s, a)| is_end(s) || has_step(s, a));
    let rewards = Array2::from_shape_fn((num_states, 2), |(s, a)| reward(s, a));
    let mut values = ndarray::Array1::zeros(num_states);
    ends.iter().for_each(|&(state, value)| values[state] = value);
    Mdp::builder(dynamics, rewards)
        .temperature(0.0)
        .available_actions(available)
        .terminal_states(ends.iter().map(|&(state, _)| state))
        .terminal_values(values)
        .build()
        .unwrap()
}

/// Checks the values, bounds of 10⁻⁶ that are true, and that the policy and the greedy policy are
/// worth the values, for all methods and for starts below and above.
fn check(mdp: &Mdp<f64, SparseDynamics>, expected: &[f64]) {
    for method in METHODS {
        for start in [None, Some(-3.0), Some(70.0)] {
            let mut solver = StationarySolver::new(1e-6).method(method);
            if let Some(start) = start {
                solver = solver.initial_values(ndarray::Array1::from_elem(expected.len(), start));
            }
            let solved = solver.solve(mdp).unwrap();
            let convergence = solved.convergence();
            let place = format!("{method:?} {start:?} {convergence:?} {}", solved.state_values());
            assert_eq!(convergence.status, Status::Converged, "{place}");
            assert!(convergence.error_bound <= 1e-6, "{place}");
            for (&found, &expected) in solved.state_values().iter().zip(expected) {
                let is_near =
                    found == expected || (found - expected).abs() <= convergence.error_bound + 1e-12;
                assert!(is_near, "{place}, expected {expected}");
            }
            let greedy = greedy(&solved);
            for policy in [solved.policy().clone(), StationaryPolicy::new(greedy).unwrap()] {
                let worth = policy.evaluate(mdp).unwrap();
                for (&worth, &expected) in worth.iter().zip(expected) {
                    assert!(worth == expected || (worth - expected).abs() <= 1e-6, "{place}: worth {worth}");
                }
            }
        }
    }
}

/// The greedy policy of a solution, as a table.
fn greedy(solved: &StationarySolution) -> Array2<f64> {
    let actions = solved.policy().greedy();
    Array2::from_shape_fn(solved.probabilities().raw_dim(), |(s, a)| f64::from(u8::from(actions[s] == a)))
}

/// Steps that are tossed with a fair coin.
fn coins(tosses: &[(usize, usize, usize)]) -> Vec<Step> {
    tosses.iter().flat_map(|&(s, heads, tails)| [(s, 0, heads, 0.5), (s, 0, tails, 0.5)]).collect()
}

/// A die from a coin (Knuth and Yao 1976): states 0 to 6 toss, 7 to 12 are the faces.
fn die() -> Vec<Step> {
    coins(&[(0, 1, 2), (1, 3, 4), (2, 5, 6), (3, 1, 7), (4, 8, 9), (5, 10, 11), (6, 2, 12)])
}

#[test]
fn a_die_of_coins_is_fair_and_takes_eleven_thirds_tosses() {
    for face in 7..13 {
        let faces: Vec<(usize, f64)> = (7..13).map(|end| (end, f64::from(u8::from(end == face)))).collect();
        let solved = solve_stationary(&model(13, &die(), |_, _| 0.0, &faces), 1e-9).unwrap();
        assert!((solved.state_values()[0] - 1.0 / 6.0).abs() <= 1e-9);
    }
    let faces: Vec<(usize, f64)> = (7..13).map(|end| (end, 0.0)).collect();
    let solved = solve_stationary(&model(13, &die(), |_, _| -1.0, &faces), 1e-9).unwrap();
    assert!((solved.state_values()[0] + 11.0 / 3.0).abs() <= 1e-9);
}

#[test]
fn two_dice_in_any_order_show_seven_once_in_six_times() {
    // Two dice whose tosses a scheduler orders: every order gives the same distribution. A die that is
    // done waits for free.
    let pair = |first: usize, second: usize| 13 * first + second;
    let toss = |die_state: usize| -> Vec<(usize, f64)> {
        if die_state >= 7 {
            return vec![(die_state, 1.0)];
        }
        die().iter().filter(|step| step.0 == die_state).map(|step| (step.2, step.3)).collect()
    };
    let mut steps = Vec::new();
    for first in 0..13 {
        for second in 0..13 {
            if first >= 7 && second >= 7 {
                continue;
            }
            let state = pair(first, second);
            steps.extend(toss(first).into_iter().map(|(next, p)| (state, 0, pair(next, second), p)));
            steps.extend(toss(second).into_iter().map(|(next, p)| (state, 1, pair(first, next), p)));
        }
    }
    for sign in [1.0, -1.0] {
        let mut ends = Vec::new();
        for first in 7..13 {
            for second in 7..13 {
                ends.push((pair(first, second), if first + second - 12 == 7 { sign } else { 0.0 }));
            }
        }
        let solved = solve_stationary(&model(169, &steps, |_, _| 0.0, &ends), 1e-6).unwrap();
        // Waiting forever is worth 0, so the least probability is that of −1 for each seven, without waiting.
        let expected = if sign > 0.0 { 1.0 / 6.0 } else { 0.0 };
        assert!((solved.state_values()[0] - expected).abs() <= 1e-6, "{sign} {}", solved.state_values()[0]);
    }
}

#[test]
fn craps_are_won_244_times_of_495() {
    // 0 throws first; 1 to 6 throw for the points 4, 5, 6, 8, 9, 10; 7 wins, 8 loses.
    let ways = [3.0, 4.0, 5.0, 5.0, 4.0, 3.0];
    let mut steps = vec![(0, 0, 7, 8.0 / 36.0), (0, 0, 8, 4.0 / 36.0)];
    for (point, ways) in ways.into_iter().enumerate() {
        steps.push((0, 0, 1 + point, ways / 36.0));
        steps.extend([(1 + point, 0, 7, ways / 36.0), (1 + point, 0, 8, 6.0 / 36.0)]);
        steps.push((1 + point, 0, 1 + point, (30.0 - ways) / 36.0));
    }
    let solved = solve_stationary(&model(9, &steps, |_, _| 0.0, &[(7, 1.0), (8, 0.0)]), 1e-9).unwrap();
    assert!((solved.state_values()[0] - 244.0 / 495.0).abs() <= 1e-9);
}

#[test]
fn a_leader_of_two_is_found_with_certainty_and_soon() {
    // Two processes draw one of k numbers; different ones make a leader (Itai and Rodeh 1990).
    for k in [2.0, 3.0, 8.0] {
        let steps = [(0, 0, 0, 1.0 / k), (0, 0, 1, 1.0 - 1.0 / k), (0, 1, 0, 1.0)];
        check(&model(2, &steps, |_, _| 0.0, &[(1, 1.0)]), &[1.0, 1.0]);
        // Waiting costs as much as drawing, so that it never pays.
        check(&model(2, &steps, |_, _| -1.0, &[(1, 0.0)]), &[-k / (k - 1.0), 0.0]);
    }
}

#[test]
fn lakes_without_discount_are_crossed_with_the_largest_probability() {
    for (size, expected) in [(4, 14.0 / 17.0), (8, 1.0)] {
        let mdp = frozen_lake(size, 1.0).mdp;
        for method in METHODS {
            let solved = StationarySolver::new(1e-6).method(method).solve(&mdp).unwrap();
            let convergence = solved.convergence();
            assert_eq!(convergence.status, Status::Converged, "{size} {method:?} {convergence:?}");
            let found: f64 = solved.state_values()[0];
            assert!((found - expected).abs() <= convergence.error_bound, "{size} {method:?} {found}");
            let worth = solved.policy().evaluate(&mdp).unwrap()[0];
            assert!((worth - expected).abs() < 1e-6, "{size} {method:?} {worth}");
        }
    }
}

#[test]
fn steps_for_nothing_keep_the_worth_of_the_goal_in_every_cell() {
    let solve = |map: &str, goal: f64, slip: f64| {
        let world =
            Gridworld::parse(map).unwrap().goal_reward(goal).trap_reward(-goal).step_reward(0.0).slip(slip);
        let mdp = world.mdp().unwrap().with_temperature(0.0).unwrap();
        let solved = solve_stationary(&mdp, 1e-6).unwrap();
        let worth = StationaryPolicy::new(greedy(&solved)).unwrap().evaluate(&mdp).unwrap();
        (world, solved, worth)
    };
    for (map, slip) in [("...G\n.#.X\nS...", 0.2), ("S...G", 0.0), ("..G", 0.2)] {
        let (world, solved, worth) = solve(map, 100.0, slip);
        for (row, line) in map.lines().enumerate() {
            for (column, cell) in line.chars().enumerate() {
                if matches!(cell, '.' | 'S') {
                    let state = world.state_at(row, column).unwrap();
                    assert!((solved.state_values()[state] - 100.0).abs() <= 1e-6, "{map} {state}");
                    assert!((worth[state] - 100.0).abs() <= 1e-6, "{map} {state} {}", worth[state]);
                }
            }
        }
    }
}

#[test]
fn rewards_without_end_diverge_and_waiting_for_free_is_worth_nothing() {
    // 0 → 1 for 1; 1 loops for 1, or goes to the goal.
    let endless =
        model(3, &[(0, 0, 1, 1.0), (1, 0, 1, 1.0), (1, 1, 2, 1.0)], |_, a| 1.0 - a as f64, &[(2, 0.0)]);
    // 0 → 1, which loops at −1, or 0 → 2, which loops for nothing, or leaves for `exit`.
    let choice = |exit: f64| {
        let steps = [(0, 0, 1, 1.0), (0, 1, 2, 1.0), (1, 0, 1, 1.0), (2, 0, 2, 1.0), (2, 1, 3, 1.0)];
        let reward = move |s: usize, a: usize| match (s, a) {
            (1, _) => -1.0,
            (2, 1) => exit,
            _ => 0.0,
        };
        model(4, &steps, reward, &[(3, 0.0)])
    };
    for method in METHODS {
        let solved = StationarySolver::new(1e-6).method(method).solve(&endless).unwrap();
        assert_eq!(solved.convergence().status, Status::Diverging, "{method:?}");
    }
    check(&choice(-5.0), &[0.0, -INF, 0.0, 0.0]);
    check(&choice(5.0), &[5.0, -INF, 5.0, 0.0]);
    let solved = solve_stationary(&choice(5.0), 1e-6).unwrap();
    assert_eq!([0, 2].map(|s| solved.policy().greedy()[s]), [1, 1]);
}

/// A gambler stakes up to half of what is needed, at even odds: the chance to double 1 into n.
fn ruin(n: usize, p: f64) -> Mdp<f64, SparseDynamics> {
    let most = n / 2;
    let dynamics = SparseDynamics::from_fn(n + 1, most, |s, a| {
        let stake = (a + 1).min(s).min(n - s);
        if s == 0 || s == n { vec![] } else { vec![(s + stake, p), (s - stake, 1.0 - p)] }
    });
    let mut values = ndarray::Array1::zeros(n + 1);
    values[n] = 1.0;
    Mdp::builder(dynamics.unwrap(), Array2::zeros((n + 1, most)))
        .temperature(0.0)
        .terminal_states([0, n])
        .terminal_values(values)
        .build()
        .unwrap()
}

#[test]
fn every_stake_of_a_fair_gambler_ties_and_has_a_bound() {
    for n in [2, 4, 6, 8, 9, 10, 16, 33, 60] {
        let expected: Vec<f64> = (0..=n).map(|s| s as f64 / n as f64).collect();
        check(&ruin(n, 0.5), &expected);
    }
}

#[test]
fn a_gambler_with_better_odds_stakes_little() {
    let (n, ratio) = (100, 9.0_f64 / 11.0);
    let expected: Vec<f64> = (0..=n).map(|s| (1.0 - ratio.powi(s)) / (1.0 - ratio.powi(n))).collect();
    let mdp = ruin(n as usize, 0.55);
    let solved = solve_stationary(&mdp, 1e-9).unwrap();
    for (found, expected) in solved.state_values().iter().zip(&expected) {
        assert!((found - expected).abs() <= solved.convergence().error_bound, "{found} {expected}");
    }
    assert!(solved.policy().greedy().iter().skip(1).take(60).all(|&stake| stake == 0));
}

#[test]
fn ties_between_short_and_long_ways_have_a_bound() {
    // 0 → 1 or an even lottery; 1 comes back half of the time. All is worth 1/2.
    let steps =
        [(0, 0, 1, 1.0), (0, 1, 2, 0.5), (0, 1, 3, 0.5), (1, 0, 0, 0.5), (1, 0, 2, 0.25), (1, 0, 3, 0.25)];
    check(&model(4, &steps, |_, _| 0.0, &[(2, 0.0), (3, 1.0)]), &[0.5, 0.5, 0.0, 1.0]);
}

#[test]
fn exact_values_and_exact_ties_stay_exact() {
    for (long, short, expected) in [(-1.0, -2.0, -2.0), (0.0, 0.0, 0.0), (-0.75, -1.5, -1.5)] {
        let steps = [(0, 0, 2, 1.0), (0, 1, 1, 1.0), (1, 0, 2, 1.0)];
        let reward = move |s: usize, a: usize| if (s, a) == (0, 0) { short } else { long };
        let mdp = model(3, &steps, reward, &[(2, 0.0)]);
        for method in METHODS {
            let solved = StationarySolver::new(1e-6).method(method).solve(&mdp).unwrap();
            assert_eq!(solved.state_values(), array![expected, long, 0.0], "{method:?}");
            assert_eq!(solved.probabilities().row(0), array![0.5, 0.5], "{method:?}");
        }
    }
}

#[test]
fn the_best_paths_of_direct_inference_have_bounds_with_rewards_on_successors() {
    // From 0, action 0 leads to 1 for −1 or to 2 for −4; action 1 to 2 for −3. 1 → 2 costs 3, or loops for free.
    let transitions = array![
        [[0.0, 0.5, 0.5, 0.0], [0.0, 0.0, 1.0, 0.0]],
        [[0.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0]],
        [[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]],
        [[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]],
    ];
    for (end, loops, expected) in [
        (0.0, -1.0, [-4.0, -4.0, -1.0, 0.0]),
        (0.0, 0.0, [-1.0, 0.0, -1.0, 0.0]),
        (9.0, 0.0, [5.0, 5.0, 8.0, 9.0]),
    ] {
        let mdp = Mdp::builder(transitions.clone(), Array2::zeros((4, 2)))
            .temperature(0.0)
            .terminal_states([3])
            .terminal_values(array![0.0, 0.0, 0.0, end])
            .build()
            .unwrap()
            .with_successor_rewards(move |s, a, next| match (s, a, next) {
                (0, 0, 2) => -4.0,
                (0, 1, 2) | (1, 0, 2) => -3.0,
                (1, 1, 1) => loops,
                _ => -1.0,
            })
            .unwrap();
        for method in METHODS {
            let solver = StationarySolver::new(1e-9).inference(Inference::Direct).method(method);
            let solved = solver.solve(&mdp).unwrap();
            let place = format!("{method:?} {:?} {}", solved.convergence(), solved.state_values());
            assert_eq!(solved.convergence().status, Status::Converged, "{place}");
            assert_eq!(solved.state_values(), ndarray::aview1(&expected), "{place}");
            if loops == 0.0 {
                // Where the way on is right, the policy does not loop; where it is not, it does.
                let stays = f64::from(u8::from(end == 0.0));
                assert_eq!(solved.probabilities()[[1, 1]], stays, "{place}");
            }
        }
    }
}

#[test]
fn a_best_path_that_gains_on_a_cycle_diverges_and_one_that_cancels_is_named() {
    let transitions = array![[[0.0, 1.0, 0.0]], [[0.5, 0.0, 0.5]], [[0.0, 0.0, 1.0]]];
    for (there, back, is_diverging) in [(2.0, -1.0, true), (1.0, -1.0, false)] {
        let mdp = Mdp::builder(transitions.clone(), array![[there], [back], [0.0]])
            .temperature(0.0)
            .terminal_states([2])
            .build()
            .unwrap();
        let solved = StationarySolver::new(1e-9).inference(Inference::Direct).solve(&mdp).unwrap();
        match solved.convergence().status {
            Status::Diverging => assert!(is_diverging),
            Status::SeveralFixedPoints { state } => assert!(!is_diverging && state < 2),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_free_loop_beside_a_way_out_grows_without_end_if_actions_count() {
    // V = log(e^V + 1) grows like the logarithm of the horizon. With a uniform prior, V = 0.
    let loops = [(0, 0, 0, 1.0), (0, 1, 1, 1.0)];
    let longer = [(0, 0, 2, 1.0), (0, 1, 1, 1.0), (2, 0, 0, 0.5), (2, 0, 2, 0.5)];
    for (steps, num_states) in [(&loops[..], 2), (&longer[..], 3)] {
        let hard = model(num_states, steps, |_, _| 0.0, &[(1, 0.0)]);
        for inference in [Inference::Direct, Inference::Variational] {
            for method in METHODS {
                let solver = StationarySolver::new(1e-6).inference(inference).method(method);
                let counting = hard.with_temperature(1.0).unwrap();
                let convergence = *solver.solve(&counting).unwrap().convergence();
                assert_eq!(convergence.status, Status::Diverging, "{inference} {method:?} {convergence:?}");
                let uniform = counting.with_action_prior(ActionPrior::Uniform).unwrap();
                let solved = solver.solve(&uniform).unwrap();
                assert_eq!(solved.convergence().status, Status::Converged, "{inference} {method:?}");
                assert!(solved.state_values()[0].abs() <= 1e-6);
            }
        }
    }
    // Without the way out, going round is worth nothing.
    let steps = [(0, 0, 2, 1.0), (2, 0, 0, 0.5), (2, 0, 2, 0.5)];
    let closed = model(3, &steps, |_, _| 0.0, &[(1, 0.0)]).with_temperature(1.0).unwrap();
    assert_eq!(solve_stationary(&closed, 1e-9).unwrap().state_values(), array![0.0, 0.0, 0.0]);
}

#[test]
fn uniform_priors_have_no_free_loops_to_worry_about() {
    let steps = [(0, 0, 0, 1.0), (0, 1, 1, 1.0)];
    let hard = model(2, &steps, |_, _| 0.0, &[(1, 1.0)]);
    for temperature in [1e-12, 0.1, 1.0] {
        let rewards = array![[0.0, 0.0], [0.0, 0.0]];
        let mdp = Mdp::builder(hard.dynamics().clone(), rewards)
            .temperature(temperature)
            .action_prior(ActionPrior::Uniform)
            .terminal_states([1])
            .terminal_values(array![0.0, 1.0])
            .build()
            .unwrap();
        let solved = solve_stationary(&mdp, 1e-6).unwrap();
        // V = τ log(½ e^(V/τ) + ½ e^(1/τ)), so V = 1.
        assert!((solved.state_values()[0] - 1.0).abs() <= 1e-6, "{temperature}");
    }
}

#[test]
fn a_model_without_any_end_is_worth_what_free_loops_are_worth() {
    // 0 → 1, which loops at −1, or 0 → 2, which loops for nothing.
    let steps = [(0, 0, 1, 1.0), (0, 1, 2, 1.0), (1, 0, 1, 1.0), (2, 0, 2, 1.0)];
    let mdp = model(3, &steps, |s, _| if s == 1 { -1.0 } else { 0.0 }, &[]);
    for inference in [Inference::Direct, Inference::Variational] {
        for method in METHODS {
            let solver = StationarySolver::new(1e-9).inference(inference).method(method);
            let solved = solver.solve(&mdp).unwrap();
            assert_eq!(solved.state_values(), array![0.0, -INF, 0.0], "{inference} {method:?}");
            assert_eq!(solved.convergence().status, Status::Converged, "{inference} {method:?}");
        }
    }
    let costly = model(1, &[(0, 0, 0, 1.0)], |_, _| -1.0, &[]);
    assert!(matches!(solve_stationary(&costly, 1e-9), Err(Error::NoTerminalState { .. })));
}

#[test]
fn cycles_that_cannot_end_gain_cancel_or_lose_in_direct_inference() {
    // 0 and 1 lead to each other; nothing leads to the end, 2.
    let steps = [(0, 0, 1, 1.0), (1, 0, 0, 1.0)];
    for (there, back) in [(2.0, -1.0), (1.0, -1.0), (1.0, -2.0), (0.0, 0.0)] {
        let mdp = model(3, &steps, |s, _| if s == 0 { there } else { back }, &[(2, 0.0)]);
        for inference in [Inference::Direct, Inference::Variational] {
            let solved = StationarySolver::new(1e-9).inference(inference).solve(&mdp).unwrap();
            let place = format!("{inference} {there} {back} {:?}", solved.convergence());
            match solved.convergence().status {
                Status::Diverging => assert!(there + back > 0.0, "{place}"),
                Status::SeveralFixedPoints { state } => {
                    assert!(there == -back && there != 0.0 && state < 2, "{place}");
                }
                Status::Converged => {
                    let expected = if there == 0.0 { 0.0 } else { -INF };
                    assert!(there + back < 0.0 || there == 0.0, "{place}");
                    assert_eq!(solved.state_values()[0], expected, "{place}");
                }
                _ => panic!("{place}"),
            }
        }
    }
}

#[test]
fn best_paths_of_many_steps_take_few_passes() {
    // A corridor; a step to the left costs as much as one to the right.
    let n = 20_000;
    let dynamics = SparseDynamics::from_fn(n, 2, |s: usize, a| {
        vec![(if a == 0 { s.saturating_sub(1) } else { (s + 1).min(n - 1) }, 1.0)]
    });
    let mdp = Mdp::builder(dynamics.unwrap(), Array2::from_elem((n, 2), -1.0))
        .temperature(0.0)
        .terminal_states([0])
        .build()
        .unwrap();
    let solved = StationarySolver::new(1e-3).inference(Inference::Direct).solve(&mdp).unwrap();
    let convergence = solved.convergence();
    assert_eq!(convergence.status, Status::Converged, "{convergence:?}");
    assert!(convergence.iterations < 50, "{convergence:?}");
    assert_eq!(solved.state_values()[n - 1], 1.0 - n as f64);
}

#[test]
fn ties_that_rounding_makes_do_not_hold_the_policy() {
    // 0 → 1 for a loss, 1 → 0 for nothing; 0 may leave for an end that is worth so much that the loss
    // vanishes beside it.
    for (loss, worth) in [(1e-9, 1e8), (1e-3, 1e14), (1e-20, 1.0)] {
        let steps = [(0, 0, 1, 1.0), (0, 1, 2, 1.0), (1, 0, 0, 1.0)];
        let mdp = model(3, &steps, |s, a| if (s, a) == (0, 0) { -loss } else { 0.0 }, &[(2, worth)]);
        let solved = StationarySolver::new(1.0).solve(&mdp).unwrap();
        assert_eq!(solved.probabilities().row(0), array![0.0, 1.0], "{loss} {:?}", solved.convergence());
        let found = StationaryPolicy::new(greedy(&solved)).unwrap().evaluate(&mdp).unwrap();
        assert_eq!(found, array![worth, worth, worth]);
    }
}
