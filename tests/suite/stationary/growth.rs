//! The long-run growth rate of direct inference.
//!
//! Against the spectral radius of the full matrix by repeated squaring, against closed forms, and
//! against the posterior of long horizons.

#![allow(clippy::float_cmp, reason = "−∞")]

use std::ops::ControlFlow;

use approx::{abs_diff_eq, assert_abs_diff_eq};
use ndarray::{Array1, Array2, array};
use softmdp::{
    ActionPrior, DeterministicDynamics, Error, Inference, Mdp, SoftValueIteration, SparseDynamics, Status,
    Table, Watched, forward_messages, log_sum_exp, long_run_growth, ndarray,
};

use crate::common::random::Random;
use crate::policy::stationary::reference::Case;

const DEAD: f64 = f64::NEG_INFINITY;

/// M of (D11), `[s, s']`.
fn matrix(case: &Case) -> Array2<f64> {
    let n = case.num_states();
    Array2::from_shape_fn((n, n), |(s, next)| {
        let term = |a: usize| {
            case.prior[[s, a]]
                * (case.rewards[[s, a]] / case.temperature).exp()
                * case.transitions[[s, a, next]]
        };
        (0..case.prior.ncols()).map(term).sum()
    })
}

/// The logarithm of the spectral radius: that of the norm of M^(2^k), over 2^k.
fn log_radius(mut m: Array2<f64>) -> f64 {
    let (mut log, mut weight) = (0.0, 1.0);
    for _ in 0..60 {
        let norm = m.iter().fold(0.0_f64, |norm, &entry| norm.max(entry));
        if norm == 0.0 {
            return DEAD;
        }
        log += weight * norm.ln();
        m.mapv_inplace(|entry| entry / norm);
        m = m.dot(&m);
        weight /= 2.0;
    }
    log
}

/// A model without ends or discount.
fn endless(seed: u64, most_states: usize, lively: bool) -> Case {
    let mut case = Case::random(seed, most_states, 1.0, lively);
    case.is_terminal.fill(false);
    case.temperature = [0.3, 1.0, 20.0][seed as usize % 3];
    case
}

#[test]
fn the_rate_is_the_logarithm_of_the_spectral_radius() {
    let (mut found_any, mut tied) = (0, 0);
    for seed in 0..400 {
        let case = endless(seed, if seed % 4 == 0 { 40 } else { 6 }, seed % 2 == 0);
        let expected = case.temperature * log_radius(matrix(&case));
        match long_run_growth(&case.mdp(), 1e-10) {
            Ok(growth) => {
                found_any += 1;
                let convergence = growth.convergence();
                assert!(convergence.status == Status::Converged && convergence.error_bound <= 1e-10);
                // The reference has its own rounding.
                let slack = 1e-13 * (1.0 + expected.abs() + case.temperature);
                assert!(
                    growth.lower_bound() <= expected + slack && expected <= growth.upper_bound() + slack,
                    "seed {seed}: {expected} {growth:?}"
                );
                assert_abs_diff_eq!(growth.rate(), expected, epsilon = convergence.error_bound + slack);
                check_vector(&case, growth.relative_values().to_owned(), growth.rate(), seed);
                check_policy(
                    &case,
                    growth.relative_values().to_owned(),
                    growth.policy().probabilities().to_owned(),
                );
            }
            Err(Error::NoEndlessTrajectory) => assert_eq!(expected, DEAD, "seed {seed}"),
            Err(Error::TiedGrowth { rate, .. }) => {
                tied += 1;
                assert!(abs_diff_eq!(rate, expected, epsilon = 1e-9), "seed {seed}");
            }
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    assert!(found_any > 350 && tied < 5, "{found_any} {tied}");
}

/// M exp(V/τ) = λ exp(V/τ), where the right side is 0 too.
fn check_vector(case: &Case, values: Array1<f64>, rate: f64, seed: u64) {
    let tau = case.temperature;
    let m = matrix(case);
    assert_eq!(values.iter().copied().fold(DEAD, f64::max), 0.0, "seed {seed}");
    for (s, &value) in values.iter().enumerate() {
        let terms: Vec<f64> = values.iter().zip(m.row(s)).map(|(v, p)| p.ln() + v / tau).collect();
        let backed_up = tau * log_sum_exp(&terms);
        let is_right =
            backed_up == value + rate || abs_diff_eq!(backed_up - value, rate, epsilon = 2e-10 + 1e-12 * tau);
        // From where the fastest class cannot be reached, nothing leads to it.
        assert!(is_right, "seed {seed}, state {s}: {backed_up} {value} {rate} {values}");
    }
}

/// π(a|s) ∝ ρ exp(r/τ) Σ P exp(V/τ), where anything is left.
fn check_policy(case: &Case, values: Array1<f64>, policy: Array2<f64>) {
    for s in (0..values.len()).filter(|&s| values[s] > DEAD) {
        let logs: Vec<f64> = (0..case.prior.ncols())
            .map(|a| {
                let row = values.iter().enumerate();
                let terms: Vec<f64> =
                    row.map(|(n, v)| case.transitions[[s, a, n]].ln() + v / case.temperature).collect();
                case.prior[[s, a]].ln() + case.rewards[[s, a]] / case.temperature + log_sum_exp(&terms)
            })
            .collect();
        let total = log_sum_exp(&logs);
        for (a, log) in logs.iter().enumerate() {
            assert_abs_diff_eq!(policy[[s, a]], (log - total).exp(), epsilon = 1e-9);
        }
    }
}

#[test]
fn one_state_earns_its_soft_maximum() {
    let mdp =
        Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 3.0_f64.ln()]]).unwrap().with_temperature(2.0).unwrap();
    let growth = long_run_growth(&mdp, 1e-12).unwrap();
    let expected = 2.0 * (1.0 + 3.0_f64.ln().exp().powf(0.5)).ln();
    assert_abs_diff_eq!(growth.rate(), expected, epsilon = 1e-13);
    assert_eq!(growth.relative_values(), array![0.0]);
}

/// A ring goes around with a period: the rate is the mean of what a round earns, the relative
/// values are what is ahead.
#[test]
fn a_period_does_not_matter() {
    for n in [2, 3, 50, 301] {
        let dynamics = DeterministicDynamics::from_fn(n, 1, |s, _| (s + 1) % n).unwrap();
        let rewards = Array2::from_shape_fn((n, 1), |(s, _)| if s == 0 { n as f64 } else { -1.0 });
        let mdp = Mdp::builder(dynamics, rewards).temperature(0.5).build().unwrap();
        let growth = long_run_growth(&mdp, 1e-9).unwrap();
        let rate = 1.0 / n as f64;
        assert!(abs_diff_eq!(growth.rate(), rate, epsilon = 1e-9), "{n}: {growth:?}");
        let values = growth.relative_values();
        for s in 1..n {
            // The step from s earns −1 − rate, and then comes the next.
            let step = values[s] - values[(s + 1) % n];
            assert!(abs_diff_eq!(step, -1.0 - rate, epsilon = 3e-9), "{n}, {s}: {step}");
        }
    }
}

/// A walk on a ring of which one place pays: the closer to the largest eigenvalue the others come,
/// the slower it mixes.
#[test]
fn slow_mixing_takes_few_passes() {
    let n = 400;
    let row = |s: usize, _| [((s + 1) % n, 0.5), ((s + n - 1) % n, 0.5)];
    let dynamics = SparseDynamics::from_fn(n, 1, row).unwrap();
    let mut rewards = Array2::<f64>::zeros((n, 1));
    rewards[[0, 0]] = 0.01;
    let mdp = Mdp::builder(dynamics, rewards.clone()).build().unwrap();
    let growth = long_run_growth(&mdp, 1e-10).unwrap();
    let m = Array2::from_shape_fn((n, n), |(s, next)| {
        let near = (s + 1) % n == next || (next + 1) % n == s;
        if near { 0.5 * rewards[[s, 0]].exp() } else { 0.0 }
    });
    assert_abs_diff_eq!(growth.rate(), log_radius(m), epsilon = 1e-10);
    // Powers of M gain a factor of e in 16,000.
    assert!(growth.convergence().iterations < 1600, "{:?}", growth.convergence());
}

/// Without a period, log Z_t of the forward messages tends to the rate, and the policy of the first
/// stage to that of the long run.
#[test]
fn long_horizons_tend_to_it() {
    for seed in 0..20 {
        let mut random = Random(seed);
        let mut case = endless(100 + seed, 6, true);
        case.transitions.mapv_inplace(|p| 0.9 * p);
        let n = case.num_states();
        for mut row in case.transitions.rows_mut() {
            let rest = 1.0 - row.sum();
            row.iter_mut().for_each(|p| *p += rest / n as f64); // all lead to all
        }
        let mdp = case.mdp();
        let growth = long_run_growth(&mdp, 1e-11).unwrap();
        let horizon = 500 + random.below(5);
        let forward = forward_messages(&mdp, &case.initial, horizon).unwrap();
        let last = forward.log_normalizers()[horizon - 1] * case.temperature;
        assert!(abs_diff_eq!(last, growth.rate(), epsilon = 1e-9), "seed {seed}: {last} {}", growth.rate());
        let solution = SoftValueIteration::new(horizon).inference(Inference::Direct).solve(&mdp).unwrap();
        let first = solution.policy().at(0).unwrap();
        let pairs = first.iter().zip(growth.policy().probabilities());
        assert!(
            pairs.into_iter().all(|(&found, &expected)| abs_diff_eq!(found, expected, epsilon = 1e-9)),
            "seed {seed}"
        );
        let values = solution.state_values();
        let relative = growth.relative_values();
        for s in 0..n {
            let found = values[[0, s]] - values[[0, 0]];
            assert!(abs_diff_eq!(found, relative[s] - relative[0], epsilon = 1e-8), "seed {seed}");
        }
    }
}

/// A corridor to a goal that goes on forever, which pays; on the way there is a loop that pays
/// less, and behind the start a pit that pays nothing and is not left.
#[test]
fn the_fastest_set_counts_and_what_leads_to_it() {
    // 0 ⇄ 1 → 2 → 3 stays; 0 → 4 stays; 5 has nothing to do but to go on to 6, which has no action that is allowed.
    let transitions = SparseDynamics::from_triplets(
        7,
        2,
        [
            (0, 0, 1, 1.0),
            (0, 1, 4, 1.0),
            (1, 0, 0, 1.0),
            (1, 1, 2, 1.0),
            (2, 0, 3, 1.0),
            (2, 1, 3, 1.0),
            (3, 0, 3, 1.0),
            (3, 1, 3, 1.0),
            (4, 0, 4, 1.0),
            (4, 1, 4, 1.0),
            (5, 0, 6, 1.0),
            (5, 1, 6, 1.0),
            (6, 0, 5, 1.0),
            (6, 1, 5, 1.0),
        ],
    )
    .unwrap();
    let mut rewards = Array2::zeros((7, 2));
    rewards.row_mut(3).fill(1.0);
    rewards.row_mut(4).fill(-1.0);
    rewards.row_mut(6).fill(DEAD);
    let mdp = Mdp::builder(transitions.clone(), rewards.clone())
        .action_prior(ActionPrior::Uniform)
        .build()
        .unwrap();
    let growth = long_run_growth(&mdp, 1e-12).unwrap();
    assert_abs_diff_eq!(growth.rate(), 1.0, epsilon = 1e-12);
    let values = growth.relative_values();
    assert_eq!((values[3], values[4], values[5], values[6]), (0.0, DEAD, DEAD, DEAD));
    assert_abs_diff_eq!(values[2], -1.0, epsilon = 1e-11); // one stage later
    // β_0 = e^{−1} β_1 / 2, β_1 = e^{−1} (β_0 + β_2) / 2.
    let (half, e) = (0.5, (-1.0_f64).exp());
    let one = half * e * e / (1.0 - half * half * e * e);
    assert_abs_diff_eq!(values[1], one.ln(), epsilon = 1e-11);
    assert_abs_diff_eq!(values[0], (half * e * one).ln(), epsilon = 1e-11);
    // If the pit pays as much, neither is the fastest.
    rewards.row_mut(4).fill(1.0);
    let tied = long_run_growth(&mdp.with_rewards(rewards.clone()).unwrap(), 1e-12);
    assert!(
        matches!(tied, Err(Error::TiedGrowth { first: 3, second: 4, rate }) if abs_diff_eq!(rate, 1.0, epsilon = 1e-12)),
        "{tied:?}"
    );
    // If the way to and fro pays most, it is that which counts.
    rewards.row_mut(0).fill(5.0);
    rewards.row_mut(1).fill(5.0);
    let growth = long_run_growth(&mdp.with_rewards(rewards).unwrap(), 1e-12).unwrap();
    assert_abs_diff_eq!(growth.rate(), 5.0 - 2.0_f64.ln(), epsilon = 1e-12);
    assert_eq!(
        growth.relative_values().mapv(|v| v > DEAD).to_vec(),
        [true, true, false, false, false, false, false]
    );
}

/// Values over thousands of τ: nothing of it is held by plain numbers.
#[test]
fn low_temperature_comes_to_the_best_round() {
    for tau in [1e-2, 1e-4] {
        let mut case = endless(7, 12, true);
        case.temperature = tau;
        let growth = long_run_growth(&case.mdp(), 1e-9).unwrap();
        // By a long horizon: V_t − V_{t+k} = k g for every period k.
        let horizon = 5000;
        let values = SoftValueIteration::new(horizon).solve_values(&case.mdp()).unwrap();
        let values = values.state_values();
        let found = (values[[0, 0]] - values[[2520, 0]]) / 2520.0;
        assert!(abs_diff_eq!(found, growth.rate(), epsilon = 1e-8), "{tau}: {found} {}", growth.rate());
    }
}

#[test]
fn single_precision_has_its_own_digits() {
    let dynamics =
        SparseDynamics::<f32>::from_fn(30, 2, |s, a| [((s + a + 1) % 30, 0.75), ((s * 7) % 30, 0.25)])
            .unwrap();
    let rewards = Array2::from_shape_fn((30, 2), |(s, a)| (s * (a + 1) % 11) as f32);
    let mdp = Mdp::builder(dynamics, rewards.clone()).build().unwrap();
    let wide = SparseDynamics::<f64>::from_fn(30, 2, |s, a| [((s + a + 1) % 30, 0.75), ((s * 7) % 30, 0.25)])
        .unwrap();
    let wide = Mdp::builder(wide, rewards.mapv(f64::from)).build().unwrap();
    let (found, expected) = (long_run_growth(&mdp, 1e-3).unwrap(), long_run_growth(&wide, 1e-10).unwrap());
    let bound = f64::from(found.convergence().error_bound);
    assert!(
        abs_diff_eq!(f64::from(found.rate()), expected.rate(), epsilon = bound),
        "{found:?} {expected:?}"
    );
    assert!(
        f64::from(found.lower_bound()) <= expected.rate()
            && expected.rate() <= f64::from(found.upper_bound())
    );
}

#[test]
fn below_rounding_every_search_ends_with_a_small_bound() {
    for seed in 0..60 {
        let case = endless(seed, 2 + seed as usize % 4, true);
        match long_run_growth(&case.mdp(), 1e-300) {
            Err(Error::NotConverged { status: Status::RoundingFloor, iterations, error_bound }) => {
                assert!(iterations < 5000 && error_bound < 1e-10, "{seed}: {iterations} {error_bound:e}");
            }
            Ok(_) | Err(Error::NoEndlessTrajectory | Error::TiedGrowth { .. }) => {}
            other => panic!("{seed}: {other:?}"),
        }
    }
}

#[test]
fn what_has_no_answer_is_refused() {
    let mdp = Mdp::new(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[0.0], [1.0]]).unwrap();
    assert_eq!(
        long_run_growth(&mdp, 0.0),
        Err(Error::InvalidSetting { setting: "tolerance", value: 0.0, expected: "a number > 0" })
    );
    let discounted = mdp.with_discount(0.5).unwrap();
    assert_eq!(long_run_growth(&discounted, 1e-6), Err(Error::DiscountedGrowth { discount: 0.5 }));
    let hard = mdp.with_temperature(0.0).unwrap();
    assert_eq!(long_run_growth(&hard, 1e-6), Err(Error::ZeroTemperature { table: Table::GrowthRates }));
    let ends =
        Mdp::builder(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[0.0], [1.0]]).terminal_states([1]).build();
    assert_eq!(long_run_growth(&ends.unwrap(), 1e-6), Err(Error::EndsInTerminalState { state: 1 }));
    let doomed = mdp.with_rewards(array![[DEAD], [DEAD]]).unwrap();
    assert_eq!(long_run_growth(&doomed, 1e-6), Err(Error::NoEndlessTrajectory));
    // Below rounding, it says what is known.
    let ring = Mdp::new(array![[[0.3, 0.7]], [[0.6, 0.4]]], array![[0.1], [1.0]]).unwrap();
    match long_run_growth(&ring, 1e-300) {
        Err(Error::NotConverged { status: Status::RoundingFloor, error_bound, .. }) => {
            assert!(error_bound < 1e-12);
        }
        other => panic!("{other:?}"),
    }
    let mut asked = 0;
    let watched = Watched::new(&ring, |_| {
        asked += 1;
        if asked < 4 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let stopped = long_run_growth(&watched, 1e-12);
    assert!(matches!(stopped, Err(Error::NotConverged { status: Status::Stopped, .. })), "{stopped:?}");
}
