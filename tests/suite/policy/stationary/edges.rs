//! −∞, dead ends, γ = 0 and γ = 1, sizes, and what is refused.

use approx::{abs_diff_eq, assert_abs_diff_eq, relative_eq};
use softmdp::ndarray::{Array1, Array2, array};
use softmdp::{
    ActionPrior, DeterministicDynamics, Error, Mdp, SparseDynamics, StationaryPolicy, Table, TimeVaryingMdp,
    solve_stationary,
};

const DEAD: f64 = f64::NEG_INFINITY;

fn policy(rows: Array2<f64>) -> StationaryPolicy {
    StationaryPolicy::new(rows).unwrap()
}

/// Whether numbers are equal but for a few units in the last place; −∞ has to be met exactly.
fn near(found: &Array1<f64>, expected: &Array1<f64>) -> bool {
    relative_eq!(found, expected, epsilon = 0.0, max_relative = 1e-14)
}

/// A path 0 → 1 → 2 → 3, and the way from 0 to 4 by action 1; 3 and 4 stay.
fn path(rewards: Array2<f64>, discount: f64) -> Mdp<f64, DeterministicDynamics> {
    let dynamics = DeterministicDynamics::new(array![[1, 4], [2, 2], [3, 3], [3, 3], [4, 4]]).unwrap();
    Mdp::builder(dynamics, rewards).discount(discount).temperature(0.0).build().unwrap()
}

#[test]
fn minus_infinity_reaches_what_can_reach_it_and_nothing_else() {
    let mut rewards = Array2::ones((5, 2));
    rewards[[2, 0]] = DEAD;
    let left = array![[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]];
    let mdp = path(rewards, 0.5);
    assert!(near(&policy(left.clone()).evaluate(&mdp).unwrap(), &array![DEAD, DEAD, DEAD, 2.0, 2.0]));
    // Never so improbable that it does not count, as long as it is possible.
    let mut rare = left.clone();
    rare[[0, 0]] = 1e-300;
    rare[[0, 1]] = 1.0;
    assert!(near(&policy(rare).evaluate(&mdp).unwrap(), &array![DEAD, DEAD, DEAD, 2.0, 2.0]));
    let mut around = left.clone();
    around.row_mut(0).assign(&array![0.0, 1.0]);
    assert!(near(&policy(around).evaluate(&mdp).unwrap(), &array![2.0, DEAD, DEAD, 2.0, 2.0]));
    // Without a future there is nothing to fear.
    let mdp = mdp.with_discount(0.0).unwrap();
    assert_eq!(policy(left).evaluate(&mdp).unwrap(), array![1.0, 1.0, DEAD, 1.0, 1.0]);
}

#[test]
fn a_row_of_zeros_is_a_dead_end() {
    let ones = Array2::ones((5, 2));
    let dead_end = array![[0.25, 0.75], [1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [1.0, 0.0]];
    let mdp = path(ones, 0.5);
    assert!(near(&policy(dead_end.clone()).evaluate(&mdp).unwrap(), &array![DEAD, DEAD, DEAD, 2.0, 2.0]));
    let start = array![1.0, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(policy(dead_end.clone()).expected_return(&mdp, &start).unwrap(), DEAD);
    // A quarter goes to 1 and 2 and is gone, three quarters stay in 4.
    let visits = policy(dead_end).expected_visits(&mdp, &start).unwrap();
    assert!(near(&visits, &array![1.0, 0.125, 0.0625, 0.0, 0.75]), "{visits}");
}

#[test]
fn actions_without_prior_weight_are_worth_nothing_but_lead_somewhere() {
    let weights = array![[0.0, 1.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]];
    let mdp = path(Array2::ones((5, 2)), 0.5).with_action_prior(ActionPrior::Weights(weights)).unwrap();
    let left = policy(array![[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]);
    let values = left.evaluate(&mdp).unwrap();
    assert!(near(&values, &array![DEAD, 2.0, 2.0, 2.0, 2.0]), "{values}");
    let visits = left.expected_visits(&mdp, &array![1.0, 0.0, 0.0, 0.0, 0.0]).unwrap();
    assert!(near(&visits, &array![1.0, 0.5, 0.25, 0.25, 0.0]), "{visits}");
    // Unless their rows are no distributions: nobody has looked at them.
    let dynamics = SparseDynamics::from_fn(2, 2, |_, a| [(1, if a == 0 { 1.0 } else { 7.0 })]).unwrap();
    let mdp = Mdp::builder(dynamics, Array2::zeros((2, 2)))
        .discount(0.5)
        .available_actions(array![[true, false], [true, false]])
        .build()
        .unwrap();
    let other = policy(array![[0.5, 0.5], [1.0, 0.0]]);
    let found = other.expected_visits(&mdp, &array![1.0, 0.0]);
    assert!(matches!(found, Err(Error::UnnormalizedTransition { state: 0, action: 1, .. })), "{found:?}");
    assert!(matches!(other.stationary_distribution(&mdp), Err(Error::UnnormalizedTransition { .. })));
    // Where the policy never gets to, they do not matter.
    assert!(near(&other.expected_visits(&mdp, &array![0.0, 1.0]).unwrap(), &array![0.0, 2.0]));
    assert_eq!(other.evaluate(&mdp).unwrap(), array![DEAD, 0.0]);
}

#[test]
fn without_discount_a_walk_is_ruined_as_gamblers_are() {
    // From 1..99 up or down by one, by even chances or not; a step costs 1, and 100 pays 10.
    let walk = |up: f64, num: usize| {
        let row = |s: usize, _| [((s + 1).min(num - 1), up), (s.saturating_sub(1), 1.0 - up)];
        let dynamics = SparseDynamics::from_fn(num, 1, row).unwrap();
        let mut ends = Array1::zeros(num);
        ends[num - 1] = 10.0;
        Mdp::builder(dynamics, Array2::from_elem((num, 1), -1.0))
            .terminal_states([0, num - 1])
            .terminal_values(ends)
            .build()
            .unwrap()
    };
    let (num, only) = (101, policy(Array2::ones((101, 1))));
    let values = only.evaluate(&walk(0.5, num)).unwrap();
    let mut start = Array1::zeros(num);
    start[30] = 1.0;
    let visits = only.expected_visits(&walk(0.5, num), &start).unwrap();
    for (s, (&value, &visits)) in values.iter().zip(&visits).enumerate() {
        let k = s as f64;
        assert!(abs_diff_eq!(value, 10.0 * k / 100.0 - k * (100.0 - k), epsilon = 1e-9), "{s}: {value}");
        let expected = match s {
            0 => 0.7,
            100 => 0.3,
            _ => 2.0 * k.min(30.0) * (100.0 - k.max(30.0)) / 100.0,
        };
        assert!(abs_diff_eq!(visits, expected, epsilon = 1e-11), "{s}: {visits} {expected}");
    }
    let ratio: f64 = 0.6 / 0.4;
    for (s, &value) in only.evaluate(&walk(0.4, num)).unwrap().iter().enumerate() {
        let (k, n) = (s as f64, 100.0);
        let wins = (ratio.powf(k) - 1.0) / (ratio.powf(n) - 1.0);
        let steps = (k - n * wins) / (0.6 - 0.4);
        let expected = if s == 100 { 10.0 } else { 10.0 * wins - steps };
        assert!(abs_diff_eq!(value, expected, epsilon = 1e-10), "{s}: {value} {expected}");
    }
    assert_eq!(
        only.discounted_occupancy(&walk(0.5, num), &start),
        Err(Error::NoDiscount { table: Table::StateOccupancy })
    );
}

#[test]
fn what_never_ends_has_no_value_unless_it_earns_nothing() {
    let mut rewards = Array2::zeros((5, 2));
    rewards[[1, 0]] = -3.0;
    let left = policy(array![[0.5, 0.5], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]);
    let mdp = path(rewards.clone(), 1.0);
    assert_eq!(left.evaluate(&mdp).unwrap(), array![-1.5, -3.0, 0.0, 0.0, 0.0]);
    let start = array![1.0, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(left.expected_visits(&mdp, &start), Err(Error::Endless { state: 3 }));
    // Entropy is earned too.
    let soft = mdp.with_temperature(1.0).unwrap();
    assert_eq!(left.evaluate(&soft).unwrap()[3], 0.0);
    let idle = policy(array![[0.5, 0.5], [1.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.5, 0.5]]);
    assert_eq!(idle.evaluate(&mdp).unwrap()[3], 0.0);
    assert_eq!(idle.evaluate(&soft), Err(Error::Endless { state: 3 }));
    let uniform = soft.with_action_prior(ActionPrior::Uniform).unwrap();
    assert_eq!(idle.evaluate(&uniform).unwrap()[3], 0.0);
    // What is not asked for does not matter.
    rewards[[4, 0]] = 1.0;
    let mdp = path(rewards, 1.0);
    assert_eq!(left.evaluate(&mdp), Err(Error::Endless { state: 4 }));
    assert_eq!(left.expected_return(&mdp, &start), Err(Error::Endless { state: 4 }));
    assert_eq!(left.expected_return(&mdp, &array![0.0, 1.0, 0.0, 0.0, 0.0]).unwrap(), -3.0);
    // Nor does what is worth −∞ in any case.
    let mut rewards = Array2::ones((5, 2));
    rewards[[3, 0]] = DEAD;
    rewards[[4, 0]] = DEAD;
    assert!(left.evaluate(&path(rewards, 1.0)).unwrap().iter().all(|&value| value == DEAD));
}

#[test]
fn sizes_do_not_matter_until_they_do_not_fit() {
    let model = |size: f64, discount: f64| {
        Mdp::new(array![[[0.5, 0.5]], [[0.25, 0.75]]], array![[size], [-2.0 * size]])
            .unwrap()
            .with_discount(discount)
            .unwrap()
    };
    let only = policy(array![[1.0], [1.0]]);
    let expected = only.evaluate(&model(1.0, 0.9)).unwrap();
    for size in [1000, -1000].map(|power| 2.0_f64.powi(power)) {
        assert_eq!(only.evaluate(&model(size, 0.9)).unwrap(), expected.mapv(|value| value * size));
    }
    let overflow = only.evaluate(&model(5e307, 0.999));
    assert!(
        matches!(overflow, Err(Error::Overflow { table: Table::StateValues, stage: 0, .. })),
        "{overflow:?}"
    );
}

#[test]
fn single_precision_has_its_own_digits() {
    let dynamics =
        SparseDynamics::<f32>::from_fn(50, 2, |s, a| [((s + a + 1) % 50, 0.75), ((s * 7) % 50, 0.25)])
            .unwrap();
    let rewards = Array2::from_shape_fn((50, 2), |(s, a)| (s * (a + 1) % 11) as f32);
    let mdp = Mdp::builder(dynamics, rewards.clone()).discount(0.99).build().unwrap();
    let wide = SparseDynamics::<f64>::from_fn(50, 2, |s, a| [((s + a + 1) % 50, 0.75), ((s * 7) % 50, 0.25)])
        .unwrap();
    let wide = Mdp::builder(wide, rewards.mapv(f64::from)).discount(f64::from(0.99_f32)).build().unwrap();
    let even = StationaryPolicy::new(Array2::from_elem((50, 2), 0.5_f32)).unwrap();
    let exact = policy(Array2::from_elem((50, 2), 0.5));
    let (found, expected) = (even.evaluate(&mdp).unwrap(), exact.evaluate(&wide).unwrap());
    let start = Array1::from_elem(50, 0.02);
    let visits = even.expected_visits(&mdp, &start.mapv(|p| p as f32)).unwrap();
    let expected_visits = exact.expected_visits(&wide, &start).unwrap();
    let settled = even.stationary_distribution(&mdp).unwrap();
    let expected_settled = exact.stationary_distribution(&wide).unwrap();
    for state in 0..50 {
        let near = |found: f32, expected: f64, slack: f64| {
            abs_diff_eq!(f64::from(found), expected, epsilon = slack * expected)
        };
        assert!(near(found[state], expected[state], 3e-5), "{state}");
        assert!(near(visits[state], expected_visits[state], 3e-5), "{state}");
        assert!(near(settled[state], expected_settled[state], 1e-6), "{state}");
    }
}

/// (S3): the policy of a solver falls short of the optimum by no more than the bound allows, and
/// never exceeds it.
#[test]
fn the_policy_of_a_solver_is_worth_what_it_says() {
    let transitions =
        SparseDynamics::from_fn(30, 3, |s, a| [((s + a) % 30, 0.6), ((s * s + 1) % 30, 0.4)]).unwrap();
    let rewards = Array2::from_shape_fn((30, 3), |(s, a)| ((s * 5 + a * 3) % 7) as f64 - 3.0);
    let mdp = Mdp::builder(transitions, rewards).discount(0.99).build().unwrap();
    let solution = solve_stationary(&mdp, 1e-9).unwrap();
    let optimal = policy(solution.probabilities().to_owned());
    for (value, best) in optimal.evaluate(&mdp).unwrap().iter().zip(solution.state_values()) {
        assert_abs_diff_eq!(value, best, epsilon = 3e-9);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mdp = path(Array2::ones((5, 2)), 0.5);
    let start = array![1.0, 0.0, 0.0, 0.0, 0.0];
    let small = policy(array![[1.0, 0.0]]);
    let mismatch = Error::ShapeMismatch { table: Table::Policy, found: vec![1, 2], expected: vec![5, 2] };
    assert_eq!(small.evaluate(&mdp), Err(mismatch.clone()));
    assert_eq!(small.expected_visits(&mdp, &start), Err(mismatch.clone()));
    assert_eq!(small.discounted_occupancy(&mdp, &start), Err(mismatch.clone()));
    assert_eq!(small.stationary_distribution(&mdp), Err(mismatch));
    let fits = policy(Array2::from_elem((5, 2), 0.5));
    assert!(matches!(fits.expected_visits(&mdp, &array![1.0]), Err(Error::ShapeMismatch { .. })));
    assert!(matches!(
        fits.expected_return(&mdp, &array![1.0, 1.0, 0.0, 0.0, 0.0]),
        Err(Error::UnnormalizedInitial { .. })
    ));
    assert!(matches!(
        fits.reward_gradient(&mdp, &array![2.0, -1.0, 0.0, 0.0, 0.0]),
        Err(Error::InvalidInitial { state: 1, .. })
    ));
    assert!(matches!(
        StationaryPolicy::new(array![[0.5, f64::NAN]]),
        Err(Error::InvalidEntry { table: Table::Policy, .. })
    ));
    assert!(matches!(
        StationaryPolicy::new(array![[1.0, 0.0], [0.5, 0.4]]),
        Err(Error::UnnormalizedRow { table: Table::Policy, .. })
    ));
    let stages = TimeVaryingMdp::new(vec![mdp.clone(), mdp]).unwrap();
    assert_eq!(fits.evaluate(&stages), Err(Error::NotHomogeneous));
}
