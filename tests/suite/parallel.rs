//! Results are the same to the bit for any number of threads.

#![cfg(feature = "rayon")]

use rayon::ThreadPoolBuilder;
use softmdp::ndarray::{Array1, Array2, Array3};
use softmdp::{
    DenseDynamics, DeterministicDynamics, Dynamics, Inference, Mdp, Method, SoftValueIteration,
    SparseDynamics, StationaryPolicy, StationarySolver, Status, forward_messages, posterior,
};

const HORIZON: usize = 9;

/// Every number that the passes return, as bits.
fn all_bits<D: Dynamics<Scalar = f64>>(mdp: &Mdp<f64, D>) -> Vec<u64> {
    let initial = Array1::from_elem(mdp.num_states(), 1.0 / mdp.num_states() as f64);
    let mut numbers: Vec<f64> = Vec::new();
    for inference in [Inference::Direct, Inference::Variational] {
        let solver = SoftValueIteration::new(HORIZON).inference(inference);
        let solution = solver.solve(mdp).unwrap();
        numbers.extend(solution.state_values());
        numbers.extend(solution.action_values());
        numbers.extend(solution.policy().probabilities());
        numbers.extend(solution.policy().log_probabilities());
        numbers.extend(solver.solve_values(mdp).unwrap().state_values());
        numbers.extend(solution.policy().evaluate(mdp).unwrap());
        numbers.extend(solution.policy().state_occupancy(mdp, &initial).unwrap());
        let forever = StationaryPolicy::new(solution.policy().at(0).unwrap().to_owned()).unwrap();
        let discounted = mdp.with_discount(0.9).unwrap();
        numbers.extend(forever.evaluate(&discounted).unwrap());
        numbers.extend(forever.expected_visits(&discounted, &initial).unwrap());
    }
    let forward = forward_messages(mdp, &initial, HORIZON).unwrap();
    numbers.extend(forward.log_forward());
    numbers.push(forward.log_evidence());
    let posterior = posterior(mdp, &initial, HORIZON).unwrap();
    numbers.extend(posterior.state_marginals());
    numbers.extend(posterior.state_action_marginals());
    numbers.into_iter().map(f64::to_bits).collect()
}

fn assert_thread_count_is_invisible<D: Dynamics<Scalar = f64>>(mdp: &Mdp<f64, D>) {
    let bits = |threads| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| all_bits(mdp))
    };
    let one = bits(1);
    for threads in [2, 3, 8] {
        assert!(one == bits(threads), "{threads} threads");
    }
    assert!(one == all_bits(mdp), "the global pool");
}

/// Numbers without a pattern, in 0..1.
fn scrambled(index: usize) -> f64 {
    let mut bits = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits ^= bits >> 29;
    bits = bits.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Rewards over few τ, which leave direct inference linear, and over many, so that rows are
/// computed on every path.
fn rewards(num_states: usize, num_actions: usize) -> [Array2<f64>; 2] {
    [5.0, 2000.0].map(|scale| {
        Array2::from_shape_fn((num_states, num_actions), |(s, a)| match scrambled(s * num_actions + a) {
            x if x < 0.05 => f64::NEG_INFINITY,
            x if x < 0.06 => -2000.0,
            x => -scale * x * x,
        })
    })
}

fn dense(num_states: usize) -> DenseDynamics {
    let mut index = 0;
    let mut transitions = Array3::from_shape_simple_fn((num_states, 3, num_states), || {
        index += 1;
        if scrambled(index) < 0.5 { 0.0 } else { scrambled(index) }
    });
    for mut row in transitions.rows_mut() {
        let sum = row.sum();
        row.mapv_inplace(|p| p / sum);
    }
    DenseDynamics::new(transitions).unwrap()
}

#[test]
fn dense_results_do_not_depend_on_the_number_of_threads() {
    for (rewards, discount) in rewards(301, 3).into_iter().zip([1.0, 0.97]) {
        let mdp = Mdp::builder(dense(301), rewards).discount(discount).terminal_states([17, 200]).build();
        assert_thread_count_is_invisible(&mdp.unwrap());
    }
}

#[test]
fn sparse_results_do_not_depend_on_the_number_of_threads() {
    let n = 12_007;
    let dynamics = SparseDynamics::from_fn(n, 3, |state, action| {
        // Rows of very different lengths.
        let successors = 1 + (state * 7 + action) % 13;
        (0..successors).map(move |i| ((state * 31 + action * 17 + i * i * 101) % n, 1.0 / successors as f64))
    });
    let dynamics = dynamics.unwrap();
    for rewards in rewards(n, 3) {
        assert_thread_count_is_invisible(&Mdp::builder(dynamics.clone(), rewards).build().unwrap());
    }
}

#[test]
fn deterministic_results_do_not_depend_on_the_number_of_threads() {
    let n = 12_007;
    let dynamics = DeterministicDynamics::from_fn(n, 3, |state, action| (state * 5 + action * 4001 + 1) % n);
    let dynamics = dynamics.unwrap();
    for rewards in rewards(n, 3) {
        let mdp = Mdp::builder(dynamics.clone(), rewards).discount(0.9).build();
        assert_thread_count_is_invisible(&mdp.unwrap());
    }
}

/// Walks and sums go by sections, of which a model of this size has several: neither may go by
/// threads.
#[test]
fn stationary_results_do_not_depend_on_the_number_of_threads() {
    let n = 33_013;
    let dynamics = SparseDynamics::from_fn(n, 2, |state: usize, action| {
        let ahead = (state + 1 + action).min(n - 1);
        [(ahead, 0.5), (state.saturating_sub(2), 0.3), ((state * 31 + action * 17) % n, 0.2)]
    });
    let rewards = Array2::from_shape_fn((n, 2), |(s, a)| -scrambled(2 * s + a));
    let mdp =
        Mdp::builder(dynamics.unwrap(), rewards).discount(0.9).terminal_states([n - 1]).build().unwrap();
    let hard = mdp.with_temperature(0.0).unwrap();
    let initial = Array1::from_elem(n, 1.0 / n as f64);
    let bits = |threads| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut numbers: Vec<f64> = Vec::new();
            for method in [Method::Newton, Method::ModifiedPolicyIteration] {
                for mdp in [&mdp, &hard] {
                    let solution = StationarySolver::new(1e-6).method(method).solve(mdp).unwrap();
                    assert_eq!(solution.convergence().status, Status::Converged, "{method:?}");
                    numbers.extend(solution.state_values());
                    numbers.push(solution.convergence().error_bound);
                    numbers.push(solution.convergence().iterations as f64);
                    if method == Method::Newton {
                        numbers.extend(solution.policy().expected_visits(mdp, &initial).unwrap());
                    }
                }
            }
            numbers.into_iter().map(f64::to_bits).collect::<Vec<_>>()
        })
    };
    let one = bits(1);
    for threads in [2, 3] {
        assert!(one == bits(threads), "{threads} threads");
    }
}

#[test]
fn every_terminal_state_of_a_large_model_ends() {
    let n = 70_000;
    let terminal = [0, 1023, 1024, 40_000, n - 1];
    let ring = DeterministicDynamics::from_fn(n, 1, |state, _| (state + 1) % n).unwrap();
    let mdp = Mdp::builder(ring, Array2::zeros((n, 1)))
        .terminal_states(terminal)
        .terminal_values(Array1::from_shape_fn(n, |state| state as f64))
        .build();
    let values = SoftValueIteration::new(1).solve_values(&mdp.unwrap()).unwrap();
    for (state, &value) in values.state_values().row(0).indexed_iter() {
        let expected = if terminal.contains(&state) { state } else { (state + 1) % n };
        assert!((value - expected as f64).abs() < 1e-9, "{state}: {value}");
    }
}
