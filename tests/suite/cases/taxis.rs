//! Taxi-v3 of Gymnasium without a discount.

use softmdp::StationarySolver;

use crate::worlds::METHODS;
use crate::worlds::taxi::taxi;

/// The sum of V* over the 500 states is 5365, one number for a check of a whole program. Over the
/// 300 states where an episode can start the mean is 7.93, as leaderboards have it.
#[test]
fn values_of_all_states_sum_to_5365() {
    let world = taxi(1.0);
    for method in METHODS {
        let solution = StationarySolver::new(1e-9).method(method).solve(&world.mdp).unwrap();
        assert!(solution.convergence().error_bound <= 1e-9, "{method:?}");
        let values = solution.state_values();
        let sum: f64 = values.iter().take(500).sum();
        assert!((sum - 5365.0).abs() <= 500.0 * 1e-9, "{method:?}: {sum}");
        // The passenger waits at another place than the destination.
        let is_start = |state: usize| state / 4 % 5 < 4 && state / 4 % 5 != state % 4;
        let starts: Vec<f64> = (0..500).filter(|&state| is_start(state)).map(|state| values[state]).collect();
        let mean = starts.iter().sum::<f64>() / 300.0;
        assert!(starts.len() == 300 && (mean - 7.93).abs() < 1e-8, "{method:?}: {mean}");
    }
}
