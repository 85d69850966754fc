//! γ = 1 with terminal states, and direct inference: closed forms, dense linear solves, and what
//! has no answer.

use approx::{abs_diff_eq, assert_abs_diff_eq};
use ndarray::{Array1, Array2, Array3, array};
use softmdp::{
    ActionPrior, Error, Inference, Mdp, Method, StationarySolver, Status, ndarray, solve_stationary,
};

use crate::stationary::exact::{Exact, error};
use crate::stationary::models::random;
use crate::worlds::METHODS;

/// A walk on 0 … n, which ends at both sides; action 0 goes down, action 1 up.
fn walk(n: usize, step: f64, ends: (f64, f64), prior: ActionPrior) -> Mdp {
    let mut transitions = Array3::zeros((n + 1, 2, n + 1));
    for s in 0..=n {
        transitions[[s, 0, s.saturating_sub(1)]] = 1.0;
        transitions[[s, 1, (s + 1).min(n)]] = 1.0;
    }
    let mut terminal_values = Array1::zeros(n + 1);
    (terminal_values[0], terminal_values[n]) = ends;
    Mdp::builder(transitions, Array2::from_elem((n + 1, 2), step))
        .action_prior(prior)
        .terminal_values(terminal_values)
        .terminal_states([0, n])
        .build()
        .unwrap()
}

#[test]
fn a_gambler_who_wants_to_win_is_ruined_with_the_closed_form() {
    // β(s) = (β(s−1) + β(s+1))/2 with ends 1 and e^w is linear in s.
    let (n, win) = (20, 3.0_f64);
    for inference in [Inference::Direct, Inference::Variational] {
        for method in METHODS {
            let mdp = walk(n, 0.0, (0.0, win), ActionPrior::Uniform);
            let solver = StationarySolver::new(1e-8).inference(inference).method(method);
            let solution = solver.solve(&mdp).unwrap();
            let convergence = solution.convergence();
            assert_eq!(convergence.status, Status::Converged, "{inference} {method:?} {convergence:?}");
            for s in 0..=n {
                let expected = (1.0 + s as f64 / n as f64 * (win.exp() - 1.0)).ln();
                let found = solution.state_values()[s];
                let close = abs_diff_eq!(found, expected, epsilon = convergence.error_bound);
                assert!(close, "{inference} {method:?}: {found} {expected}, {convergence:?}");
            }
        }
    }
}

#[test]
fn steps_that_cost_enough_have_the_closed_form_of_a_linear_recursion() {
    // β(s) = e^−c (β(s−1) + β(s+1)), β(0) = β(n) = 1, c > log 2: a hyperbolic cosine.
    let (n, cost) = (10, 1.0_f64);
    let mdp = walk(n, -cost, (0.0, 0.0), ActionPrior::Counting);
    let rate = (cost.exp() / 2.0).acosh();
    let solution = solve_stationary(&mdp, 1e-9).unwrap();
    for s in 0..=n {
        let middle = n as f64 / 2.0;
        let expected = ((rate * (s as f64 - middle)).cosh() / (rate * middle).cosh()).ln();
        let (found, bound) = (solution.state_values()[s], solution.convergence().error_bound);
        assert!(abs_diff_eq!(found, expected, epsilon = bound), "{s}: {found} {expected}");
    }
}

#[test]
fn entropy_that_comes_in_faster_than_steps_cost_diverges() {
    // The spectral radius of e^−c times the path of n − 1 states is 2 e^−c cos(π/n).
    let n = 10;
    let critical = (2.0 * (std::f64::consts::PI / n as f64).cos()).ln();
    for (cost, expected) in [(critical - 0.01, Status::Diverging), (critical + 0.01, Status::Converged)] {
        for inference in [Inference::Direct, Inference::Variational] {
            for method in METHODS {
                let mdp = walk(n, -cost, (0.0, 0.0), ActionPrior::Counting);
                let solver = StationarySolver::new(1e-6).inference(inference).method(method);
                let solution = solver.solve(&mdp).unwrap();
                let convergence = solution.convergence();
                assert_eq!(convergence.status, expected, "{inference} {method:?} {cost}: {convergence:?}");
                assert_eq!(convergence.error_bound.is_finite(), expected == Status::Converged);
            }
        }
    }
}

/// Two states and an end; the first may loop for `loop_reward`, or go to the second, which leaves
/// for the end.
fn with_loop(loop_reward: f64, temperature: f64) -> Mdp {
    let transitions = array![
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
        [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
    ];
    Mdp::builder(transitions, array![[loop_reward, -1.0], [-1.0, -1.0], [0.0, 0.0]])
        .temperature(temperature)
        .terminal_states([2])
        .build()
        .unwrap()
}

#[test]
fn a_loop_that_costs_nothing_is_worth_nothing_wherever_the_search_starts() {
    let mdp = with_loop(0.0, 0.0);
    for method in METHODS {
        for start in [0.0, -5.0, 4.0] {
            let solver = StationarySolver::new(1e-6).method(method).initial_values(array![start, -1.0, 0.0]);
            let solution = solver.solve(&mdp).unwrap();
            assert_eq!(solution.state_values(), array![0.0, -1.0, 0.0], "{method:?} from {start}");
            assert_eq!(solution.probabilities().row(0), array![1.0, 0.0], "{method:?} from {start}");
            assert_eq!(solution.convergence().status, Status::Converged);
        }
    }
    for (reward, temperature, status) in
        [(0.1, 1.0, Status::Diverging), (0.5, 0.0, Status::Diverging), (-0.5, 0.0, Status::Converged)]
    {
        let solution = StationarySolver::new(1e-6).solve(&with_loop(reward, temperature)).unwrap();
        assert_eq!(solution.convergence().status, status, "{reward} {temperature}");
    }
}

/// Two states that the agent may go round in, for 1 and −1, or leave for an end worth −3.
fn cancelling() -> Mdp {
    let transitions = array![
        [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]],
        [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
    ];
    Mdp::builder(transitions, array![[1.0, -3.0], [-1.0, -1.0], [0.0, 0.0]])
        .temperature(0.0)
        .terminal_states([2])
        .build()
        .unwrap()
}

#[test]
fn rewards_that_cancel_on_a_loop_leave_no_bound_and_the_status_names_a_state() {
    for method in METHODS {
        let solution = StationarySolver::new(1e-6).method(method).solve(&cancelling()).unwrap();
        let convergence = solution.convergence();
        let Status::SeveralFixedPoints { state } = convergence.status else {
            panic!("{method:?} {convergence:?}")
        };
        assert!(state < 2, "{method:?} {convergence:?}");
        assert_eq!(convergence.error_bound, f64::INFINITY);
        assert!(convergence.iterations < 1000, "{method:?} {convergence:?}");
    }
}

#[test]
fn a_cell_without_a_way_out_is_lost_if_every_step_in_it_costs() {
    let transitions = array![[[0.0, 0.0, 1.0]], [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]]];
    let mdp = |reward| {
        let rewards = array![[-1.0], [reward], [0.0]];
        Mdp::builder(transitions.clone(), rewards).terminal_states([2]).build().unwrap()
    };
    let solution = solve_stationary(&mdp(-0.1), 1e-9).unwrap();
    assert_eq!(solution.state_values(), array![-1.0, f64::NEG_INFINITY, 0.0]);
    let solve = |reward| *StationarySolver::new(1e-9).solve(&mdp(reward)).unwrap().convergence();
    assert_eq!(solve(0.1).status, Status::Diverging);
    assert_eq!(solve_stationary(&mdp(0.0), 1e-9).unwrap().state_values(), array![-1.0, 0.0, 0.0]);
}

#[test]
fn every_way_to_end_has_a_status_and_a_message_with_a_cure() {
    let loops = |reward| with_loop(reward, 1.0);
    let solve = |mdp: &Mdp, tolerance| {
        let solver = StationarySolver::new(tolerance).max_iterations(5000);
        *solver.solve(mdp).unwrap().convergence()
    };
    // The same question with a bound that cannot be had, one that can, and passes that do not suffice.
    let costly = loops(-2.0);
    assert_eq!(solve(&costly, 1e-6).status, Status::Converged);
    assert_eq!(solve(&costly, 1e-300).status, Status::RoundingFloor);
    let few = StationarySolver::new(1e-6).method(Method::ValueIteration).max_iterations(3);
    let few = *few.solve(&costly).unwrap().convergence();
    assert_eq!(few.status, Status::IterationLimit);
    assert!(matches!(solve(&cancelling(), 1e-6).status, Status::SeveralFixedPoints { .. }));
    assert_eq!(solve(&loops(0.5), 1e-6).status, Status::Diverging);
    let message = |mdp: &Mdp, tolerance| solve_stationary(mdp, tolerance).unwrap_err().to_string();
    let diverging = message(&loops(0.5), 1e-6);
    for part in ["entropy of the action prior", "`ActionPrior::Uniform`", "smaller discount", "higher costs"]
    {
        assert!(diverging.contains(part), "{diverging}");
    }
    let floor = message(&costly, 1e-300);
    let smallest = solve(&costly, 1e-300).error_bound;
    let (_, named) = floor.split_once("at or above ").unwrap();
    let named: f64 = named.split(';').next().unwrap().parse().unwrap();
    assert!(smallest > 0.0 && smallest < 1e-12 && smallest <= named && named <= 1.01 * smallest, "{floor}");
    let several = message(&cancelling(), 1e-6);
    for part in ["rewards cancel on a loop through state", "no error bound", "more iterations do not help"] {
        assert!(several.contains(part), "{several}");
    }
    let limit = Error::NotConverged { status: few.status, iterations: 3, error_bound: 0.5 }.to_string();
    assert_eq!(
        limit,
        "not converged after 3 iterations: the error bound is 0.5 at the limit of iterations; raise the limit or \
         the tolerance"
    );
}

/// A random model in which every step may end, and costs so much that values are finite.
fn ending(seed: u64, discount: f64, temperature: f64) -> Mdp {
    let mdp = random::<f64>(seed, &[discount], &[temperature]);
    let end = mdp.num_states();
    let mut transitions = Array3::zeros((end + 1, mdp.num_actions(), end + 1));
    for ((s, a, n), &p) in mdp.dynamics().transitions().indexed_iter() {
        transitions[[s, a, n]] = 0.9 * p;
    }
    for s in 0..=end {
        for a in 0..mdp.num_actions() {
            let rest: f64 = transitions.slice(ndarray::s![s, a, ..]).sum();
            transitions[[s, a, end]] += 1.0 - rest;
        }
    }
    let mut rewards = Array2::from_elem((end + 1, mdp.num_actions()), -1.0);
    let mut weights = rewards.clone();
    let largest = mdp.rewards().iter().filter(|r| r.is_finite()).fold(0.0_f64, |m, r| m.max(r.abs()));
    for ((s, a), &r) in mdp.rewards().indexed_iter() {
        rewards[[s, a]] = r - largest - 3.0 * temperature;
        weights[[s, a]] = mdp.prior_weights()[[s, a]];
    }
    weights.row_mut(end).fill(1.0);
    let mut values = mdp.terminal_values().to_vec();
    values.push(0.5);
    Mdp::builder(transitions, rewards)
        .discount(discount)
        .temperature(temperature)
        .action_prior(ActionPrior::Weights(weights))
        .terminal_values(Array1::from_vec(values))
        .terminal_states(mdp.terminal_states().chain([end]))
        .available_actions(Array2::from_shape_fn((end + 1, mdp.num_actions()), |(s, a)| {
            s == end || mdp.is_available(s, a)
        }))
        .build()
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn certificates_are_true() {
    let mut converged = 0;
    for seed in 0..150 {
        let kinds = [(Inference::Direct, 1.0), (Inference::Direct, 0.9), (Inference::Variational, 1.0)];
        let (inference, discount) = kinds[seed as usize % 3];
        let mdp = ending(seed, discount, [1.0, 0.1, 20.0, 0.0][seed as usize % 4]);
        if inference == Inference::Direct && mdp.temperature() == 0.0 {
            continue;
        }
        let exact = Exact::new(&mdp, inference).solve();
        for method in METHODS {
            for tolerance in [1e-300, 1e-7, 1e-2] {
                let solver = StationarySolver::new(tolerance).inference(inference).method(method);
                let solution = solver.max_iterations(20_000).solve(&mdp).unwrap();
                let convergence = *solution.convergence();
                let place = format!("seed {seed} {inference} {method:?} {tolerance:e} {convergence:?}");
                let error = error(&solution.state_values().to_owned(), &exact);
                assert!(error <= convergence.error_bound, "{place}: {error:e}\n{mdp:?}");
                let scale =
                    mdp.rewards().iter().filter(|r| r.is_finite()).fold(1.0, |m: f64, r| m.max(r.abs()));
                if tolerance > 1e-12 * scale * 100.0 {
                    assert_eq!(convergence.status, Status::Converged, "{place}\n{mdp:?}");
                }
                converged += usize::from(convergence.status == Status::Converged);
            }
        }
    }
    assert!(converged > 300, "{converged}");
}

#[test]
fn direct_inference_solves_the_linear_system_of_its_messages() {
    // β = γ M β + (1−γ) M 1 inside, and the gain of a step is small enough for a fixed point.
    let transitions = array![[[0.5, 0.3, 0.2]], [[0.4, 0.4, 0.2]], [[0.0, 0.0, 1.0]]];
    for discount in [1.0, 0.8] {
        let mdp = Mdp::builder(transitions.clone(), array![[-0.3], [-0.1], [0.0]])
            .discount(discount)
            .terminal_values(array![0.0, 0.0, 1.0])
            .terminal_states([2])
            .build()
            .unwrap();
        let solver = StationarySolver::new(1e-10).inference(Inference::Direct);
        let solution = solver.solve(&mdp).unwrap();
        // Cramer's rule.
        let (e0, e1, end) = ((-0.3_f64).exp(), (-0.1_f64).exp(), 1.0_f64.exp());
        let (a, b) = (1.0 - discount * e0 * 0.5, -discount * e0 * 0.3);
        let (c, d) = (-discount * e1 * 0.4, 1.0 - discount * e1 * 0.4);
        let leave = discount * 0.2 * end + 1.0 - discount;
        let (x, y) = (e0 * leave, e1 * leave);
        let determinant = a * d - b * c;
        let expected = [((x * d - b * y) / determinant).ln(), ((a * y - c * x) / determinant).ln()];
        for (&found, expected) in solution.state_values().iter().zip(expected) {
            assert_abs_diff_eq!(found, expected, epsilon = 1e-10 + 1e-14);
        }
    }
}

#[test]
fn direct_inference_may_diverge_although_it_is_discounted() {
    // β = γ e^r β + (1−γ) e^r: finite if and only if γ e^r < 1.
    let mdp = |reward: f64| Mdp::new(array![[[1.0]]], array![[reward]]).unwrap().with_discount(0.5).unwrap();
    for method in [Method::Automatic, Method::ValueIteration] {
        let solver = StationarySolver::new(1e-9).inference(Inference::Direct).method(method);
        let finite = solver.solve(&mdp(0.6)).unwrap();
        let e = 0.6_f64.exp();
        assert_abs_diff_eq!(finite.state_values()[0], (0.5 * e / (1.0 - 0.5 * e)).ln(), epsilon = 1e-9);
        assert_eq!(solver.solve(&mdp(0.7)).unwrap().convergence().status, Status::Diverging);
    }
}
