//! What no demonstration tells about rewards is a null direction of the Hessian.

use softmdp::Inference::Variational;
use softmdp::inverse::{Demonstrations, Likelihood, RewardFeatures};
use softmdp::ndarray::{Array1, Array2, Array3, Axis};
use softmdp::{Mdp, Trajectory};

use crate::common::random::Random;

/// Four states and three actions, without exact zeros.
fn model(seed: u64, discount: f64, is_terminal: bool) -> Mdp {
    let mut random = Random(seed);
    let mut table = Array3::from_shape_fn((4, 3, 4), |_| 0.1 + random.uniform());
    for mut row in table.rows_mut() {
        let sum = row.sum();
        row /= sum;
    }
    let rewards = Array2::from_shape_fn((4, 3), |_| random.uniform() - 2.0);
    Mdp::builder(table, rewards).discount(discount).terminal_states(is_terminal.then_some(3)).build().unwrap()
}

/// −H of a free table, without the rows of terminal states, scaled to a diagonal of 1.
fn information(likelihood: &Likelihood, mdp: &Mdp, seen: &Demonstrations) -> Array2<f64> {
    let acting: Vec<usize> = (0..4).filter(|&state| !mdp.is_terminal(state)).collect();
    let pairs = acting.iter().flat_map(|&state| (0..3).map(move |action| (state, action)));
    let mut features = Array3::zeros((4, 3, 3 * acting.len()));
    pairs.enumerate().for_each(|(k, (state, action))| features[[state, action, k]] = 1.0);
    let expansion = likelihood.expand(mdp, seen, &RewardFeatures::on_pairs(features)).unwrap();
    let mut information = expansion.hessian().mapv(|entry| -entry);
    let scale: Array1<f64> = information.diag().mapv(|entry| 1.0 / entry.sqrt());
    information.outer_iter_mut().zip(&scale).for_each(|(mut row, scale)| row *= *scale);
    information * &scale
}

/// Eigenvalues of at most 10⁻¹³, which rounding explains. All others must be far larger; where a
/// likelihood is not concave, some are negative.
fn nullity(information: &Array2<f64>) -> usize {
    let eigenvalues = eigenvalues(information);
    let null = eigenvalues.iter().filter(|eigenvalue| eigenvalue.abs() <= 1e-13).count();
    let sure = eigenvalues.iter().filter(|eigenvalue| eigenvalue.abs() > 1e-8).count();
    assert_eq!(null + sure, eigenvalues.len(), "{eigenvalues:?}");
    null
}

/// By Jacobi's rotations.
fn eigenvalues(matrix: &Array2<f64>) -> Vec<f64> {
    let mut a = matrix.clone();
    let n = a.nrows();
    for _ in 0..30 {
        for (i, j) in (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))) {
            if a[[i, j]].abs() < 1e-300 {
                continue;
            }
            let angle = 0.5 * (2.0 * a[[i, j]]).atan2(a[[j, j]] - a[[i, i]]);
            let (sin, cos) = angle.sin_cos();
            for axis in [Axis(0), Axis(1)] {
                let (first, second) = (a.index_axis(axis, i).to_owned(), a.index_axis(axis, j).to_owned());
                a.index_axis_mut(axis, i).assign(&(cos * &first - sin * &second));
                a.index_axis_mut(axis, j).assign(&(sin * &first + cos * &second));
            }
        }
    }
    a.diag().to_vec()
}

/// Starts from every state, so that all states are visited.
fn seen(mdp: &Mdp, horizon: usize) -> Demonstrations {
    let starts = (0..4).filter(|state| !mdp.is_terminal(*state));
    Demonstrations::new(starts.map(|start| {
        let mut states = vec![start];
        states.extend((0..horizon).map(|step| (start + step) % 3));
        Trajectory::new(states, (0..horizon).map(|step| step % 3).collect()).unwrap()
    }))
}

#[test]
fn stationary_actions_are_blind_to_shaping() {
    for (is_terminal, expected) in [(false, 4), (true, 3)] {
        let mdp = model(1, 0.9, is_terminal);
        let mut counts = Array2::from_elem((4, 3), 2.0);
        if is_terminal {
            counts.row_mut(3).fill(0.0);
        }
        let counts = Demonstrations::from_counts(counts).unwrap();
        let likelihood = Likelihood::actions(Variational);
        assert_eq!(nullity(&information(&likelihood, &mdp, &counts)), expected);
    }
}

#[test]
fn actions_over_a_horizon_are_blind_to_constants() {
    for (horizon, is_terminal, expected) in
        [(1, false, 4), (1, true, 3), (2, false, 1), (2, true, 0), (6, false, 1)]
    {
        let mdp = model(2, 1.0, is_terminal);
        for likelihood in [Likelihood::actions(Variational), Likelihood::feature_matching()] {
            let seen = seen(&mdp, horizon);
            let found = nullity(&information(&likelihood.horizon(horizon), &mdp, &seen));
            assert_eq!(found, expected, "{horizon} {is_terminal}");
        }
    }
}

#[test]
fn trajectories_see_more_under_stochastic_dynamics() {
    for (horizon, discount, is_terminal, expected) in
        [(2, 1.0, false, 1), (6, 1.0, false, 1), (2, 1.0, true, 0), (2, 0.8, false, 0), (6, 0.8, true, 0)]
    {
        let mdp = model(3, discount, is_terminal);
        let likelihood = Likelihood::trajectories().horizon(horizon);
        let found = nullity(&information(&likelihood, &mdp, &seen(&mdp, horizon)));
        assert_eq!(found, expected, "{horizon} {discount} {is_terminal}");
    }
}

/// The second derivative in a feature of a constant is what rounding makes of 0: the square of the
/// rounding of one value.
#[test]
fn a_constant_has_no_curvature_unless_lengths_differ() {
    let constant = |mdp: &Mdp, likelihood: &Likelihood, seen: &Demonstrations| {
        let features = RewardFeatures::on_states(Array2::ones((4, 1)));
        let expansion = likelihood.expand(mdp, seen, &features).unwrap();
        let share = expansion.hessian()[[0, 0]].abs() / expansion.magnitudes()[0];
        i32::from(share < 1e-12)
    };
    for (is_terminal, expected) in [(false, 1), (true, 0)] {
        let mdp = model(4, 1.0, is_terminal);
        let seen = seen(&mdp, 6);
        for likelihood in [
            Likelihood::trajectories(),
            Likelihood::actions(Variational),
            Likelihood::actions(softmdp::Inference::Direct),
            Likelihood::feature_matching(),
        ] {
            assert_eq!(constant(&mdp, &likelihood.horizon(6), &seen), expected);
        }
        let mdp = model(4, 0.999, is_terminal);
        assert_eq!(constant(&mdp, &Likelihood::actions(Variational), &seen), expected);
    }
}
