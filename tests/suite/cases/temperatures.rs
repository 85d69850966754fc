//! Temperatures and priors at the ends of the number types, for one state and one stage.

use approx::assert_abs_diff_eq;
use softmdp::ndarray::{Array1, Array2, Array3, array};
use softmdp::{
    ActionPrior, Inference, Mdp, Policy, Real, SoftValueIteration, Solution, StationaryPolicy, log_sum_exp,
};

/// The values of one state whose actions have these rewards, by either inference.
fn choose<F: Real>(rewards: &[F], prior: ActionPrior<F>, temperature: F) -> [Solution<F>; 2] {
    let shape = (1, rewards.len());
    let mdp = Mdp::builder(
        Array3::from_elem((1, rewards.len(), 1), F::one()),
        Array2::from_shape_vec(shape, rewards.to_vec()).unwrap(),
    );
    let mdp = mdp.temperature(temperature).action_prior(prior).build().unwrap();
    [Inference::Variational, Inference::Direct]
        .map(|inference| SoftValueIteration::new(1).inference(inference).solve(&mdp).unwrap())
}

fn check(found: f64, expected: f64) {
    assert_abs_diff_eq!(found, expected, epsilon = 1e-14 * expected.abs());
}

#[test]
fn small_temperatures_of_f64() {
    let rewards = [1.0, 0.9, -5.0];
    for solution in choose(&rewards, ActionPrior::Counting, 0.08) {
        check(solution.state_values()[[0, 0]], 1.020_154_326_507_629_8);
        let policy = solution.policy().probabilities();
        assert_abs_diff_eq!(policy[[0, 0, 0]], 0.777_299_861_2, epsilon = 1e-10);
        assert_abs_diff_eq!(policy[[0, 0, 1]], 0.222_700_138_8, epsilon = 1e-10);
        assert_abs_diff_eq!(policy[[0, 0, 2]], 2.08e-33, epsilon = 5e-36);
    }
    for solution in choose(&rewards, ActionPrior::Counting, 1e-3) {
        assert_eq!(solution.state_values()[[0, 0]], 1.0);
        // exp(−100): the difference of the rewards is 0.1 within one unit in the last place of 1.
        let p = solution.policy().probabilities()[[0, 0, 1]];
        assert!((p / 3.720_075_976e-44 - 1.0).abs() < 2e-10, "{p:e}");
    }
    // The cold end: log π is −0.1/τ as long as that is a number.
    for temperature in [1e-8, 1e-300, 1e-307, 5e-324] {
        for solution in choose(&rewards, ActionPrior::Counting, temperature) {
            assert_eq!(solution.state_values()[[0, 0]], 1.0, "τ = {temperature:e}");
            assert_eq!(solution.policy().probabilities(), array![[[1.0, 0.0, 0.0]]], "τ = {temperature:e}");
            let (found, expected) =
                (solution.policy().log_probabilities()[[0, 0, 1]], (0.9 - 1.0) / temperature);
            let is_close = found == expected || (found / expected - 1.0).abs() < 1e-15;
            assert!(is_close, "τ = {temperature:e}: {found:e}, not {expected:e}");
        }
    }
    // The hot end: every action alike, and V = τ log 3.
    for solution in choose(&rewards, ActionPrior::Counting, 1e300) {
        check(solution.state_values()[[0, 0]], 1e300 * 3.0_f64.ln());
        solution.policy().probabilities().iter().for_each(|&p| check(p, 1.0 / 3.0));
    }
}

#[test]
fn the_ends_of_f32() {
    for solution in choose(&[1e38_f32, 2e38], ActionPrior::Counting, 0.25) {
        assert_eq!(solution.state_values()[[0, 0]], 2e38);
        assert_eq!(solution.policy().probabilities(), array![[[0.0, 1.0]]]);
    }
    for solution in choose(&[2e38_f32, -2e38], ActionPrior::Counting, 3e38) {
        assert!((f64::from(solution.state_values()[[0, 0]]) / 2.701_887_5e38 - 1.0).abs() < 1e-6);
        let policy = solution.policy().probabilities();
        assert_abs_diff_eq!(policy[[0, 0, 0]], 0.791_391_5, epsilon = 1e-6);
        assert_abs_diff_eq!(policy[[0, 0, 1]], 0.208_608_5, epsilon = 1e-6);
    }
    let least = f32::from_bits(1); // 2⁻¹⁴⁹
    for solution in choose(&[1.0_f32, 0.5], ActionPrior::Counting, least) {
        assert_eq!(solution.state_values()[[0, 0]], 1.0);
        assert_eq!(solution.policy().probabilities(), array![[[1.0, 0.0]]]);
        assert_eq!(solution.policy().log_probabilities()[[0, 0, 1]], f32::NEG_INFINITY, "−0.5/τ is no f32");
    }
}

/// The largest reward belongs to an action of prior 0, by far. The others keep their digits.
#[test]
fn an_excluded_action_does_not_set_the_scale() {
    let prior = ActionPrior::Weights(array![[0.0, 0.5, 0.5]]);
    for solution in choose(&[1e5, 1.0, 2.0], prior, 1.0) {
        check(solution.state_values()[[0, 0]], f64::midpoint(1.0_f64.exp(), 2.0_f64.exp()).ln());
        let policy = solution.policy().probabilities();
        assert_eq!(policy[[0, 0, 0]], 0.0);
        assert_abs_diff_eq!(policy[[0, 0, 1]], 0.268_941_421_4, epsilon = 1e-10);
        assert_abs_diff_eq!(policy[[0, 0, 2]], 0.731_058_578_6, epsilon = 1e-10);
    }
    // A tiny prior is not 0: log ρ + Q/τ decides.
    for weight in [1e-300_f64, 5e-324] {
        let prior = ActionPrior::Weights(array![[weight, 0.5, 0.5]]);
        for solution in choose(&[1e5, 1.0, 2.0], prior, 1.0) {
            check(solution.state_values()[[0, 0]], 1e5 + weight.ln());
            assert_eq!(solution.policy().probabilities()[[0, 0, 0]], 1.0);
        }
    }
}

#[test]
fn sums_of_exponentials_beyond_the_range() {
    check(log_sum_exp(&[-800.0, -801.0]), -799.686_738_312_481_8);
    check(log_sum_exp(&[-1213.0, -1214.0]), -1_212.686_738_312_481_8);
    check(log_sum_exp(&[1000.0, 1000.0]), 1_000.693_147_180_559_9);
    assert_eq!(log_sum_exp(&[f64::NEG_INFINITY, f64::NEG_INFINITY]), f64::NEG_INFINITY);
    assert_eq!(log_sum_exp::<f64>(&[]), f64::NEG_INFINITY);
}

/// Where a policy is at each stage: time is the outermost loop, so that no step is counted early.
#[test]
fn occupancy_of_a_ring_goes_around_one_state_at_a_stage() {
    let ring = array![[[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]]];
    let mdp = Mdp::new(ring, Array2::zeros((3, 1))).unwrap();
    let policy: Policy = StationaryPolicy::new(Array2::ones((3, 1))).unwrap().repeated(3).unwrap();
    let start: Array1<f64> = array![1.0, 0.0, 0.0];
    let occupancy = policy.state_occupancy(&mdp, &start).unwrap();
    assert_eq!(occupancy, array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]);
}
