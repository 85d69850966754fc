//! γ = 1 with states that cannot reach the end, rows that do not sum to 1, limits and hooks; and
//! claims that need a proof.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use approx::{abs_diff_eq, assert_abs_diff_eq};
use ndarray::{Array1, Array2, Array3, array};
use softmdp::{
    ActionPrior, Inference, Mdp, Method, SoftValueIteration, SparseDynamics, StationarySolver, Status,
    Watched, ndarray,
};

use super::total_reward::best;
use crate::common::random::Random;
use crate::worlds::METHODS;

const INF: f64 = f64::INFINITY;

/// A corridor of `n` cells that ends at the right and where steps may slip back, beside traps given
/// as steps `(from, to)` with rewards. In the first cell, the second action leads into the first
/// trap.
fn corridor(n: usize, traps: &[(usize, usize, f64)], step: f64) -> Mdp<f64, SparseDynamics> {
    let num_states = n + 1 + traps.len();
    let mut triplets = Vec::new();
    let mut rewards = Array2::from_elem((num_states, 2), step);
    for s in 0..n {
        triplets.extend([(s, 0, s + 1, 0.8), (s, 0, s.saturating_sub(1), 0.2)]);
        triplets.push((s, 1, if s == 0 && !traps.is_empty() { n + 1 } else { s.saturating_sub(1) }, 1.0));
    }
    triplets.extend([(n, 0, n, 1.0), (n, 1, n, 1.0)]);
    for &(from, to, reward) in traps {
        triplets.extend([0, 1].map(|action| (n + 1 + from, action, n + 1 + to, 1.0)));
        rewards.row_mut(n + 1 + from).assign(&array![reward, -INF]);
    }
    let dynamics = SparseDynamics::from_triplets(num_states, 2, triplets).unwrap();
    Mdp::builder(dynamics, rewards).terminal_states([n]).build().unwrap()
}

#[test]
fn a_trap_is_lost_and_does_not_slow_down_the_rest() {
    // The second trap loses in the mean of its period only, and starts with a gain; the third leads to the second.
    let traps = [(0, 0, -1.0), (1, 2, -3.0), (2, 1, 1.0), (3, 1, 5.0)];
    let (n, mut plain_passes) = (100, Vec::new());
    for inference in [Inference::Direct, Inference::Variational] {
        let plain = corridor(n, &[], -1.0);
        for method in METHODS {
            let solver = StationarySolver::new(1e-6).inference(inference).method(method);
            // Without the trap, the first cell has its second action still: to itself.
            let solved = solver.solve(&corridor(n, &traps, -1.0)).unwrap();
            let place = format!("{inference} {method:?} {:?}", solved.convergence());
            assert_eq!(solved.convergence().status, Status::Converged, "{place}");
            let values = solved.state_values();
            assert!(values.iter().skip(n + 1).all(|&v| v == -INF), "{place}: {values}");
            assert!(values.iter().take(n).all(|&v| v < 0.0 && v > -1e4), "{place}");
            assert_eq!(solved.probabilities()[[0, 1]], 0.0, "{place}");
            plain_passes.push(solver.solve(&plain).unwrap().convergence().iterations);
            let passes = solved.convergence().iterations;
            assert!(passes <= 2 * plain_passes[plain_passes.len() - 1] + 100, "{place}");
        }
    }
}

#[test]
fn beside_a_loop_that_costs_nothing_a_trap_is_lost_all_the_same() {
    let traps = [(0, 0, 0.0), (1, 2, -3.0), (2, 1, 1.0), (3, 3, -1e-3)];
    for method in METHODS {
        let solver = StationarySolver::new(1e-6).method(method);
        let solved = solver.solve(&corridor(5, &traps, -1.0)).unwrap();
        let place = format!("{method:?} {:?}", solved.convergence());
        assert_eq!(solved.state_values().slice(ndarray::s![6..]), array![0.0, -INF, -INF, -INF], "{place}");
        assert_eq!(solved.convergence().status, Status::Converged, "{place}");
        assert!(solved.convergence().iterations < 20_000, "{place}");
    }
}

#[test]
fn a_trap_that_gains_in_the_mean_of_its_period_diverges() {
    for method in METHODS {
        let solver = StationarySolver::new(1e-6).method(method);
        let solved = solver.solve(&corridor(5, &[(0, 1, -3.0), (1, 0, 3.5)], -1.0)).unwrap();
        assert_eq!(solved.convergence().status, Status::Diverging, "{method:?}");
    }
}

#[test]
fn risks_that_are_lost_make_traps_of_what_is_left() {
    // The end can be reached only at the risk of the trap 2; the other action of 0 and 1 leads around. Variational
    // inference cannot take a risk of −∞, and direct inference is lucky.
    let transitions = array![
        [[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]],
        [[0.0, 0.0, 0.5, 0.5], [1.0, 0.0, 0.0, 0.0]],
        [[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 0.0]],
        [[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]],
    ];
    let rewards = Array2::from_elem((4, 2), -1.0);
    let mdp = Mdp::builder(transitions, rewards).terminal_states([3]).build().unwrap();
    for method in METHODS {
        let solver = StationarySolver::new(1e-9).method(method);
        let acting = solver.solve(&mdp).unwrap();
        assert_eq!(acting.state_values(), array![-INF, -INF, -INF, 0.0], "{method:?}");
        assert_eq!(acting.convergence().status, Status::Converged);
        let lucky = solver.inference(Inference::Direct).solve(&mdp).unwrap();
        // β₁ = e⁻¹ (1/2 + β₀), β₀ = 2 e⁻¹ β₁: actions count, two lead from 0 to 1.
        let e = (-1.0_f64).exp();
        let expected = (0.5 * e / (1.0 - 2.0 * e * e)).ln();
        assert!(
            abs_diff_eq!(lucky.state_values()[1], expected, epsilon = 1e-9),
            "{method:?} {}",
            lucky.state_values()
        );
        assert_eq!(lucky.state_values()[2], -INF);
    }
}

#[test]
fn an_end_that_is_worth_nothing_is_no_way_out() {
    let transitions = array![[[0.5, 0.5]], [[0.0, 1.0]]];
    let mdp = Mdp::builder(transitions, array![[-1.0], [0.0]])
        .terminal_values(array![0.0, -INF])
        .terminal_states([1])
        .build()
        .unwrap();
    for inference in [Inference::Direct, Inference::Variational] {
        let solved = StationarySolver::new(1e-9).inference(inference).solve(&mdp).unwrap();
        assert_eq!(solved.state_values(), array![-INF, -INF], "{inference}");
        assert_eq!(solved.convergence().error_bound, 0.0);
    }
}

#[test]
fn rows_that_sum_to_less_than_one_are_taken_as_they_are() {
    // In a loop that goes on with 1 − 9·10⁻⁹ the value is −1/(9·10⁻⁹), or that with +: neither −∞ nor without end.
    let missing = 9e-9;
    let transitions = array![[[1.0 - missing, 0.0]], [[0.0, 1.0]]];
    for reward in [-1.0, 1.0] {
        let mdp =
            Mdp::builder(transitions.clone(), array![[reward], [0.0]]).terminal_states([1]).build().unwrap();
        for method in [Method::Automatic, Method::Newton] {
            let solved = StationarySolver::new(100.0).method(method).solve(&mdp).unwrap();
            let (found, convergence): (f64, _) = (solved.state_values()[0], solved.convergence());
            assert_eq!(convergence.status, Status::Converged, "{convergence:?}");
            assert_abs_diff_eq!(found, reward / missing, epsilon = 100.0); // 1 − 9·10⁻⁹ is rounded itself
        }
        let solver = StationarySolver::new(1.0).method(Method::ValueIteration).max_iterations(1000);
        let convergence = *solver.solve(&mdp).unwrap().convergence();
        assert_eq!(convergence.status, Status::RoundingFloor, "{convergence:?}");
        assert!(convergence.error_bound < 100.0 && convergence.iterations < 1000, "{convergence:?}");
    }
}

#[test]
fn a_row_that_sums_to_less_hides_no_trap_elsewhere() {
    // State 0 loses or gains in a loop; state 1 has a row of 1 − 9·10⁻⁹, and leads to the end.
    let missing = 9e-9;
    let transitions = array![[[1.0, 0.0, 0.0]], [[0.0, 0.5, 0.5 - missing]], [[0.0, 0.0, 1.0]]];
    for (reward, expected) in [(-1.0, Status::Converged), (1.0, Status::Diverging)] {
        let mdp = Mdp::builder(transitions.clone(), array![[reward], [-1.0], [0.0]]).terminal_states([2]);
        let mdp = mdp.build().unwrap();
        for method in METHODS {
            let solved = StationarySolver::new(1e-6).method(method).solve(&mdp).unwrap();
            let convergence = solved.convergence();
            assert_eq!(convergence.status, expected, "{method:?} {convergence:?}");
            assert!(convergence.iterations < 1000, "{method:?} {convergence:?}");
            if expected == Status::Converged {
                assert_eq!(solved.state_values()[0], -INF);
                assert_abs_diff_eq!(solved.state_values()[1], -2.0, epsilon = 1e-6);
            }
        }
    }
}

/// Rows of `n` random numbers, each over their sum in single precision.
fn full_rows(n: usize, discount: f32) -> Mdp<f32> {
    let mut random = Random(7);
    let mut random = || 1.0 + random.uniform() as f32;
    let mut transitions = Array3::from_shape_simple_fn((n, 1, n), &mut random);
    for mut row in transitions.rows_mut() {
        let sum = row.sum();
        row /= sum;
    }
    let rewards = Array2::from_shape_simple_fn((n, 1), || 0.01 * random());
    Mdp::new(transitions, rewards).unwrap().with_discount(discount).unwrap()
}

#[test]
fn rounding_in_long_rows_makes_nothing_diverge() {
    for discount in [0.999_f32, 0.9999] {
        let mdp = full_rows(1000, discount);
        let solved = StationarySolver::new(1.0_f32).solve(&mdp).unwrap();
        let convergence = solved.convergence();
        assert_ne!(convergence.status, Status::Diverging, "{discount} {convergence:?}");
        assert!(convergence.error_bound < 100.0, "{discount} {convergence:?}");
        let mean = mdp.rewards().iter().map(|&r| f64::from(r)).sum::<f64>() / 1000.0;
        let expected = mean / (1.0 - f64::from(discount));
        let found = f64::from(solved.state_values()[0]);
        assert!(abs_diff_eq!(found, expected, epsilon = 0.02 * expected), "{discount}: {found} {expected}");
    }
}

#[test]
fn discounts_next_to_one_are_discounts() {
    let n = 900;
    let row = 1.0 / n as f64;
    let mdp = Mdp::new(Array3::from_elem((n, 1, n), row), Array2::from_elem((n, 1), 1e-13)).unwrap();
    let mdp = mdp.with_discount(1.0 - 1e-13).unwrap();
    let solved = StationarySolver::new(1e-2).solve(&mdp).unwrap();
    let convergence = solved.convergence();
    assert_ne!(convergence.status, Status::Diverging, "{convergence:?}");
    assert!(convergence.error_bound < INF, "{convergence:?}");
    assert!(
        abs_diff_eq!(solved.state_values()[0], 1.0, epsilon = convergence.error_bound + 1e-2),
        "{convergence:?}"
    );
}

#[test]
fn limits_and_hooks_hold_everywhere() {
    // Slack: the pass that is under way, and the answer.
    let diverging = corridor(30, &[], -0.1);
    let trapped = corridor(300, &[(0, 1, -3.0), (1, 0, 2.999)], -1.0);
    for (name, mdp) in [("diverging", diverging), ("trapped", trapped), ("plain", corridor(300, &[], -1.0))] {
        for inference in [Inference::Direct, Inference::Variational] {
            for method in METHODS {
                for limit in [1, 3, 10, 17, 30, 60] {
                    let solver = StationarySolver::new(1e-6).inference(inference).method(method);
                    let passes = solver.clone().max_iterations(limit).solve(&mdp).unwrap();
                    let passes = passes.convergence().iterations;
                    assert!(passes <= limit + 5, "{name} {inference} {method:?}: {passes} for {limit}");
                    let last = AtomicUsize::new(0);
                    let watched = Watched::new(&mdp, |passes| {
                        last.store(passes, Ordering::Relaxed);
                        if passes < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                    });
                    let stopped = solver.solve(&watched).unwrap();
                    let convergence = stopped.convergence();
                    let stopped_in_time = convergence.iterations <= limit + 5;
                    let last = last.load(Ordering::Relaxed);
                    let was_asked = convergence.status != Status::Stopped || last >= limit;
                    assert!(
                        stopped_in_time && was_asked,
                        "{name} {inference} {method:?} {limit}: {convergence:?}, {last}"
                    );
                }
            }
        }
    }
}

#[test]
fn values_next_to_the_largest_number_have_a_bound() {
    let mdp = Mdp::new(array![[[1.0]]], array![[0.7e308]]).unwrap().with_discount(0.5).unwrap();
    let solved = StationarySolver::new(1e300).solve(&mdp).unwrap();
    assert_eq!(solved.convergence().status, Status::Converged, "{:?}", solved.convergence());
    let found: f64 = solved.state_values()[0];
    assert_abs_diff_eq!(found, 1.4e308, epsilon = 1e300);
}

#[test]
fn direct_inference_that_diverges_is_told_soon_by_every_method() {
    // Each step gains: finite values would need γ e^(r + entropy) < 1.
    let n = 400;
    let dynamics = SparseDynamics::from_fn(n, 2, |s, a| {
        let next = if a == 0 { (s + 1) % n } else { (s + n - 1) % n };
        [(next, 0.9), (s, 0.1)]
    });
    let rewards = Array1::linspace(-0.1, 0.1, 2 * n).into_shape_with_order((n, 2)).unwrap();
    let mdp = Mdp::builder(dynamics.unwrap(), rewards).discount(0.99).build().unwrap();
    for method in METHODS {
        let solver = StationarySolver::new(1e-6).inference(Inference::Direct).method(method);
        let convergence = *solver.solve(&mdp).unwrap().convergence();
        assert_eq!(convergence.status, Status::Diverging, "{method:?}");
        assert!(convergence.iterations < 500, "{method:?} {convergence:?}");
    }
}

/// A random small model at γ = 1 with one end, worth 0 or −∞, loops of every kind and rewards that
/// may cancel.
fn tangled(seed: u64) -> (Mdp, Inference) {
    let mut random = Random(seed);
    let (num_states, num_actions) = (2 + random.below(5), 1 + random.below(2));
    let end = num_states - 1;
    let mut transitions = Array3::zeros((num_states, num_actions, num_states));
    let mut rewards = Array2::zeros((num_states, num_actions));
    for s in 0..num_states {
        for a in 0..num_actions {
            let num_successors = 1 + random.below(2);
            for _ in 0..num_successors {
                transitions[[s, a, random.below(num_states)]] += 1.0 / num_successors as f64;
            }
            rewards[[s, a]] = [-1.0, -2.0, -0.25, 0.0, 1.0, -3.0, -INF][random.below(7)];
        }
    }
    let mut terminal_values = Array1::zeros(num_states);
    terminal_values[end] = if random.below(5) == 0 { -INF } else { 0.0 };
    let temperature = [0.0, 1.0, 0.1][random.below(3)];
    let is_direct = random.below(2) == 0 && temperature > 0.0;
    let prior = if random.below(2) == 0 { ActionPrior::Uniform } else { ActionPrior::Counting };
    let mdp = Mdp::builder(transitions, rewards)
        .temperature(temperature)
        .terminal_states([end])
        .terminal_values(terminal_values)
        .action_prior(prior)
        .build()
        .unwrap();
    (mdp, if is_direct { Inference::Direct } else { Inference::Variational })
}

#[test]
fn what_is_claimed_is_what_long_horizons_come_to() {
    let mut counts = [0; 3];
    for seed in 0..600 {
        let (mdp, inference) = tangled(seed);
        let values = SoftValueIteration::new(4000).inference(inference).solve_values(&mdp).unwrap();
        let (mut long, mut longer) =
            (values.state_values().row(2000).to_owned(), values.state_values().row(0).to_owned());
        if mdp.temperature() == 0.0 {
            // At temperature 0 the agent may wait for free, and take a reward just before a horizon.
            let Some(best) = best(&mdp) else { continue };
            longer = Array1::from_vec(best);
            long = longer.mapv(|value| if value == INF { 0.0 } else { value });
        }
        let method = METHODS[seed as usize % METHODS.len()];
        let solver = StationarySolver::new(1e-6).inference(inference).method(method).max_iterations(3000);
        let solved = solver.solve(&mdp).unwrap();
        let (found, convergence) = (solved.state_values(), *solved.convergence());
        let place = format!("{seed} {inference} {method:?} {convergence:?}: {found}, {long}, {longer}");
        match convergence.status {
            Status::Converged => {
                counts[0] += 1;
                for (s, &v) in found.indexed_iter() {
                    let is_right = if v == -INF {
                        longer[s] == -INF || longer[s] < long[s] - 10.0
                    } else {
                        abs_diff_eq!(v, longer[s], epsilon = convergence.error_bound + 1e-3)
                    };
                    assert!(is_right, "{place}");
                }
            }
            Status::Diverging => {
                counts[1] += 1;
                assert!(long.iter().zip(&longer).any(|(long, longer)| longer > long), "{place}");
            }
            Status::IterationLimit | Status::SeveralFixedPoints { .. } => {
                counts[2] += 1;
                assert_eq!(convergence.error_bound, INF, "{place}");
            }
            _ => panic!("{place}"),
        }
    }
    assert!(counts[0] > 400 && counts[1] > 80 && counts[2] < 60, "{counts:?}");
}
