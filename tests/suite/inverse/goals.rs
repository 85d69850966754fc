//! The goal of an agent that is watched. The values were computed by an independent program (numpy,
//! 2026).

use approx::assert_abs_diff_eq;
use ndarray::{Array1, Array2, Array3, Axis, array};
use softmdp::inverse::{Likelihood, Observer, goal_posterior};
use softmdp::{
    ActionPrior, Dynamics, Inference, Mdp, Policy, StationaryPolicy, StationarySolver, Trajectory, ndarray,
    solve_stationary,
};

/// A 3 × 3 map, state 3·row + column. Actions up, right, down, left succeed with probability 0.8,
/// and otherwise leave the agent where it is. A step costs 1.
pub(super) fn grid() -> Mdp {
    let mut transitions = Array3::zeros((9, 4, 9));
    for s in 0..9_usize {
        let (row, column) = (s / 3, s % 3);
        let targets = [
            (row.saturating_sub(1), column),
            (row, (column + 1).min(2)),
            ((row + 1).min(2), column),
            (row, column.saturating_sub(1)),
        ];
        for (a, (row, column)) in targets.into_iter().enumerate() {
            transitions[[s, a, 3 * row + column]] += 0.8;
            transitions[[s, a, s]] += 0.2;
        }
    }
    Mdp::builder(transitions, Array2::from_elem((9, 4), -1.0))
        .temperature(0.5)
        .action_prior(ActionPrior::Uniform)
        .terminal_states([2])
        .build()
        .unwrap()
}

/// Each goal is the terminal state of its model.
pub(super) fn goals() -> Vec<Mdp> {
    [2, 6, 8].map(|goal| grid().with_terminal_states([goal]).unwrap()).to_vec()
}

pub(super) fn uniform(n: usize) -> Array1<f64> {
    Array1::from_elem(n, 1.0 / n as f64)
}

const VARIATIONAL: Inference = Inference::Variational;

/// Right to 1, a slip, down to 4, right to 5.
pub(super) const STEPS: [(usize, usize, usize); 4] = [(0, 1, 1), (1, 1, 1), (1, 2, 4), (4, 1, 5)];

pub(super) fn walk() -> Trajectory {
    Trajectory::new(vec![0, 1, 1, 4, 5], vec![1, 1, 2, 1]).unwrap()
}

pub(super) fn watched<'a>(mut observer: Observer<'a>, steps: &[(usize, usize, usize)]) -> Observer<'a> {
    for &(state, action, next_state) in steps {
        observer.watch(state, action, next_state).unwrap();
    }
    observer
}

fn total(observer: &Observer<'_>) -> Array1<f64> {
    observer.log_likelihoods().sum_axis(Axis(0))
}

#[test]
fn values_of_the_start_are_those_of_an_independent_program() {
    let expected = [
        (Inference::Variational, [-4.162991575755, -4.162991575755, -7.237966591554]),
        (Inference::Direct, [-3.536823395302, -3.536823395302, -6.198266007640]),
    ];
    for (inference, values) in expected {
        for (goal, value) in goals().iter().zip(values) {
            let solver = StationarySolver::new(1e-12).inference(inference);
            let found = solver.solve(goal).unwrap().state_values()[0];
            assert!((found - value).abs() < 1e-11, "{inference:?}: {found} {value}");
        }
    }
}

#[test]
fn observer_of_actions_sees_the_attempt() {
    let likelihood = Likelihood::actions(VARIATIONAL);
    let posterior = goal_posterior(goals(), &likelihood, &uniform(3), &walk()).unwrap();
    let expected = array![
        [1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0],
        [0.664233525789, 0.002433140878, 0.333333333333],
        [0.8507852516, 7.94997e-6, 0.1492067984],
        [0.0204586715, 5.21887e-5, 0.9794891398],
        [0.0204597354, 1.91181e-7, 0.9795400734],
    ];
    assert_abs_diff_eq!(posterior, expected, epsilon = 1e-10);
    let observer = watched(Observer::new(goals(), &likelihood, &uniform(3)).unwrap(), &STEPS);
    let logs = array![-6.884390923271, -18.465137469757, -3.015766601128];
    assert_abs_diff_eq!(total(&observer), logs, epsilon = 1e-11);
    let evidence = logs.mapv(f64::exp).sum() / 3.0;
    assert_abs_diff_eq!(observer.log_evidence(), evidence.ln(), epsilon = 1e-11);
}

#[test]
fn observer_of_trajectories_learns_nothing_from_a_slip() {
    let likelihood = Likelihood::trajectories();
    let posterior = goal_posterior(goals(), &likelihood, &uniform(3), &walk()).unwrap();
    let expected = array![
        [1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0],
        [0.665040447541, 0.001626219126, 0.333333333333],
        [0.665040447541, 0.001626219126, 0.333333333333],
        [0.004831514766, 0.004831514766, 0.990336970467],
        [0.004854913997, 1.18717e-5, 0.995133214313],
    ];
    assert_abs_diff_eq!(posterior, expected, epsilon = 1e-10);
    assert_abs_diff_eq!(posterior.row(1), posterior.row(2), epsilon = 1e-15);
    let observer = watched(Observer::new(goals(), &likelihood, &uniform(3)).unwrap(), &STEPS);
    let log_dynamics = 3.0 * 0.8_f64.ln() + 0.2_f64.ln();
    let logs = array![-10.022869922248, -16.036460018787, -4.699984697571] + log_dynamics;
    assert_abs_diff_eq!(total(&observer), logs, epsilon = 1e-11);
}

#[test]
fn actions_of_direct_inference_differ_from_its_trajectories() {
    let [actions, trajectories] = [Likelihood::actions(Inference::Direct), Likelihood::trajectories()]
        .map(|likelihood| goal_posterior(goals(), &likelihood, &uniform(3), &walk()).unwrap());
    assert!((actions[[2, 0]] - actions[[1, 0]]).abs() > 0.1); // the slip
    assert!((&actions - &trajectories).iter().any(|d| d.abs() > 1e-3));
    // The policy is that of the solver.
    let solver = StationarySolver::new(1e-12).inference(Inference::Direct);
    let mut logs = Array1::zeros(3);
    for (log, goal) in logs.iter_mut().zip(&goals()) {
        let solution = solver.solve(goal).unwrap();
        *log = STEPS.iter().map(|&(s, a, _)| solution.probabilities()[[s, a]].ln()).sum();
    }
    let likelihood = Likelihood::actions(Inference::Direct);
    let observer = watched(Observer::new(goals(), &likelihood, &uniform(3)).unwrap(), &STEPS);
    assert_abs_diff_eq!(total(&observer), logs, epsilon = 1e-10);
}

/// Goals and temperatures 0.25, 0.5, 1 and 2.
fn over_temperatures() -> Vec<Mdp> {
    let models = goals().into_iter().flat_map(|goal| {
        [0.25, 0.5, 1.0, 2.0].map(|temperature| goal.with_temperature(temperature).unwrap())
    });
    models.collect()
}

#[test]
fn temperatures_multiply_over_the_history_before_they_mix() {
    for (likelihood, of_goals, of_temperatures) in [
        (
            Likelihood::actions(VARIATIONAL),
            array![0.09842856978967, 0.00061173917720, 0.9009596910331],
            array![0.301175641093, 0.275358099485, 0.234274321392, 0.189191938030],
        ),
        (
            Likelihood::trajectories(),
            array![0.071261770291, 0.005076083275, 0.923662146433],
            array![0.031061606228, 0.195198243740, 0.372414275140, 0.401325874892],
        ),
    ] {
        let observer = Observer::new(over_temperatures(), &likelihood, &uniform(12)).unwrap();
        let observer = watched(observer, &STEPS);
        let grid = observer.posterior_grid(4).unwrap();
        assert_abs_diff_eq!(grid.sum_axis(Axis(1)), of_goals, epsilon = 1e-11);
        assert_abs_diff_eq!(grid.sum_axis(Axis(0)), of_temperatures, epsilon = 1e-11);
        // The wrong program mixes the temperatures at each step.
        let likelihoods = observer.log_likelihoods().mapv(f64::exp);
        let mut mixed = uniform(3);
        for step in likelihoods.outer_iter() {
            let mean = step.to_shape((3, 4)).unwrap().mean_axis(Axis(1)).unwrap();
            mixed *= &mean;
        }
        mixed /= mixed.sum();
        assert!((mixed[2] - of_goals[2]).abs() > 1e-3);
    }
}

#[test]
fn policies_of_any_origin_are_goals() {
    let counting = |goal: &Mdp| goal.with_discount(0.95)?.with_action_prior(ActionPrior::Counting);
    let goals: Vec<Mdp> = goals().iter().map(|goal| counting(goal).unwrap()).collect();
    let softmax = |q: &Array2<f64>| {
        let mut policy = q.mapv(|q| if q.is_finite() { (q / 0.5).exp() } else { 1.0 }); // terminal: 1
        for mut row in policy.rows_mut() {
            let sum = row.sum();
            row /= sum;
        }
        policy
    };
    let soft = goals.iter().map(|goal| solve_stationary(goal, 1e-12).unwrap().policy().clone());
    // exp(Q/τ) of the Q without entropy.
    let hard = goals.iter().map(|goal| {
        let hard = goal.with_temperature(0.0).unwrap();
        let q = solve_stationary(&hard, 1e-12).unwrap().action_values().to_owned();
        StationaryPolicy::new(softmax(&q)).unwrap()
    });
    // The fixed point of π = softmax(Q^π/τ), where Q^π counts no entropy.
    let consistent = goals.iter().map(|goal| {
        let (mut policy, terminal) = (Array2::from_elem((9, 4), 0.25), goal.terminal_states().next());
        let mut q = Array2::<f64>::zeros((9, 4));
        for _ in 0..2000 {
            let mut v = (&policy * &q).sum_axis(Axis(1));
            v[terminal.unwrap()] = 0.0;
            let transitions = goal.dynamics();
            q = Array2::from_shape_fn((9, 4), |(s, a)| {
                let mut next = 0.0;
                transitions.for_each_successor(s, a, &mut |s_next, p| next += p * v[s_next]);
                -1.0 + 0.95 * next
            });
            policy = softmax(&q);
        }
        StationaryPolicy::new(policy).unwrap()
    });
    let (soft, hard): (Vec<_>, Vec<_>) = (soft.collect(), hard.collect());
    let consistent: Vec<_> = consistent.collect();
    for (policies, expected) in [
        (soft, array![0.3604359187546, 0.0076425379444, 0.631921543301]),
        (hard, array![0.1370980359738, 6.710845417e-5, 0.8628348555721]),
        (consistent, array![0.1153469934807, 3.185300283e-5, 0.8846211535165]),
    ] {
        let once: Vec<Policy> = policies.iter().map(|policy| policy.repeated(4).unwrap()).collect();
        let observer = Observer::of_stationary_policies(policies, &uniform(3)).unwrap();
        let observer = watched(observer, &STEPS);
        assert_abs_diff_eq!(observer.posterior(), expected, epsilon = 1e-10);
        let of_stages = watched(Observer::of_policies(once, &uniform(3)).unwrap(), &STEPS);
        assert_eq!(of_stages.posterior(), observer.posterior());
    }
}

#[test]
fn goals_that_switch_are_filtered_and_smoothed() {
    // The goal is drawn anew with probability 0.15 a step.
    let switching = Array2::from_shape_fn((3, 3), |(g, h)| if g == h { 0.9 } else { 0.05 });
    let observer = Observer::new(goals(), &Likelihood::actions(VARIATIONAL), &uniform(3)).unwrap();
    let observer = watched(observer.with_switching(switching).unwrap(), &STEPS);
    let filtered = array![0.077701939209, 0.001085872747, 0.921212188044];
    assert_abs_diff_eq!(observer.posterior(), filtered, epsilon = 1e-11);
    let smoothed = observer.smoothed();
    let first = array![0.3222492474516, 0.00032818481835, 0.67742256773];
    assert_abs_diff_eq!(smoothed.row(0), first, epsilon = 1e-12);
    assert_abs_diff_eq!(smoothed.row(3), filtered, epsilon = 1e-11);
    assert_abs_diff_eq!(observer.log_evidence(), -3.970194142495, epsilon = 1e-11);
}

#[test]
fn single_precision_gives_the_same_posterior() {
    let goals = goals().into_iter().map(|goal| goal.cast::<f32>().unwrap());
    let prior = uniform(3).mapv(|p| p as f32);
    let mut observer = Observer::new(goals, &Likelihood::trajectories(), &prior).unwrap();
    for (state, action, next_state) in STEPS {
        observer.watch(state, action, next_state).unwrap();
    }
    let expected = array![0.004854914_f32, 1.18717e-5, 0.9951332];
    assert_abs_diff_eq!(observer.posterior(), expected, epsilon = 1e-6);
}
