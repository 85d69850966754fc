//! Where policies settle.

use approx::{abs_diff_eq, assert_abs_diff_eq};
use softmdp::ndarray::{Array1, Array2};
use softmdp::{Error, Mdp, SparseDynamics, StationaryPolicy};

use super::distance;
use super::reference::{Case, solve};

/// The one policy of a model with one action.
fn only(num_states: usize) -> StationaryPolicy {
    StationaryPolicy::new(Array2::ones((num_states, 1))).unwrap()
}

fn chain(num_states: usize, row: impl Fn(usize) -> Vec<(usize, f64)>) -> Mdp<f64, SparseDynamics> {
    let dynamics = SparseDynamics::from_fn(num_states, 1, |s, _| row(s)).unwrap();
    Mdp::builder(dynamics, Array2::zeros((num_states, 1))).build().unwrap()
}

/// μ of μ = Pᵀ μ, Σ μ = 1, by Gauss: one equation is replaced by the sum.
fn by_gauss(case: &Case) -> Array1<f64> {
    let (n, chain) = (case.num_states(), case.chain());
    let matrix = Array2::from_shape_fn((n, n), |(s, from)| match s {
        0 => 1.0,
        _ => f64::from(u8::from(s == from)) - chain[[from, s]],
    });
    let mut b = Array1::zeros(n);
    b[0] = 1.0;
    solve(matrix, b)
}

#[test]
fn it_is_that_of_the_linear_system() {
    let mut found_any = 0;
    for seed in 0..200 {
        let mut case = Case::random(seed, 12, 1.0, true);
        case.is_terminal.fill(false);
        let Ok(found) = case.stationary().stationary_distribution(&case.mdp()) else { continue };
        found_any += 1;
        assert!(distance(&found, &by_gauss(&case)) < 1e-12, "seed {seed}");
        assert_abs_diff_eq!(found.sum(), 1.0, epsilon = 1e-14);
        // The discount has nothing to do with it.
        case.discount = 0.3;
        assert_eq!(case.stationary().stationary_distribution(&case.mdp()).unwrap(), found);
    }
    assert!(found_any > 100);
}

/// A queue's distribution is geometric: every digit, down to what is next to impossible, where
/// states are few; digits beside the largest where they are many.
#[test]
fn a_queue_is_geometric() {
    for places in [2, 10, 200, 256, 257, 1000] {
        let (up, down): (f64, f64) = (0.3, 0.5);
        let mdp = chain(places, |s| {
            let (above, below) = ((s + 1).min(places - 1), s.saturating_sub(1));
            vec![(above, up), (below, down), (s, 1.0 - up - down)]
        });
        let found = only(places).stationary_distribution(&mdp).unwrap();
        let ratio = up / down;
        let total: f64 = (0..places as i32).map(|s| ratio.powi(s)).sum();
        for (s, &found) in found.iter().enumerate() {
            let expected = ratio.powi(s as i32) / total;
            let slack = if places <= 256 { 1e-12 * expected } else { 1e-13 };
            assert!(
                abs_diff_eq!(found, expected, epsilon = slack),
                "{places} places, {s}: {found:e} {expected:e}"
            );
            assert!(found > 0.0 || places > 256, "{places} places, {s}: {expected:e}");
        }
    }
}

#[test]
fn a_period_does_not_matter() {
    for places in [3, 100, 400] {
        let ring = chain(places, |s| vec![((s + 1) % places, 1.0)]);
        let found = only(places).stationary_distribution(&ring).unwrap();
        let share = 1.0 / places as f64;
        assert!(found.iter().all(|&found| abs_diff_eq!(found, share, epsilon = 1e-13)), "{places}: {found}");
        // To and fro between even and odd places.
        let swing = chain(places + places % 2, |s| vec![(s ^ 1, 0.5), ((s + 1) % 2, 0.5)]);
        let found = only(places + places % 2).stationary_distribution(&swing).unwrap();
        assert!(
            abs_diff_eq!(found.iter().step_by(2).sum::<f64>(), 0.5, epsilon = 1e-13),
            "{places}: {found}"
        );
    }
}

#[test]
fn terminal_states_are_where_it_ends() {
    let dynamics = SparseDynamics::from_fn(4, 1, |s, _| [((s + 1) % 4, 1.0)]).unwrap();
    let mdp = |ends: &[usize]| {
        let builder = Mdp::builder(dynamics.clone(), Array2::zeros((4, 1)));
        builder.terminal_states(ends.iter().copied()).build().unwrap()
    };
    let policy = only(4);
    assert_eq!(policy.stationary_distribution(&mdp(&[2])).unwrap().to_vec(), [0.0, 0.0, 1.0, 0.0]);
    let several = policy.stationary_distribution(&mdp(&[3, 1]));
    assert_eq!(several, Err(Error::SeveralClasses { first: 1, second: 3 }));
}

#[test]
fn where_it_settles_depends_on_the_policy() {
    // 0 leads to 1 or 2, each of which stays; 3 can do nothing at all.
    let transitions = SparseDynamics::from_fn(4, 2, |s, a| [(if s == 0 { a + 1 } else { s }, 1.0)]).unwrap();
    let mdp = Mdp::builder(transitions, Array2::zeros((4, 2))).build().unwrap();
    let policy = |rows: [[f64; 2]; 4]| StationaryPolicy::new(Array2::from(rows.to_vec())).unwrap();
    let (left, none) = ([1.0, 0.0], [0.0, 0.0]);
    let settled = policy([left, left, none, none]).stationary_distribution(&mdp).unwrap();
    assert_eq!(settled.to_vec(), [0.0, 1.0, 0.0, 0.0]);
    let torn = policy([left, left, left, none]).stationary_distribution(&mdp);
    assert_eq!(torn, Err(Error::SeveralClasses { first: 1, second: 2 }));
    let lost = policy([left, none, none, none]).stationary_distribution(&mdp);
    assert_eq!(lost, Err(Error::NoRecurrentClass { state: 1 }));
}

/// Two halves of 300 states each, next to never left.
#[test]
fn what_is_nearly_two_classes_is_one_as_long_as_digits_last() {
    for leak in [1e-3, 1e-6, 1e-9] {
        let mdp = chain(600, |s| {
            let half = s / 300 * 300;
            let near = [(half + (s + 1) % 300, 0.5), (half + (7 * s + 3) % 300, 0.5 - leak)];
            // Twice as easily from the first half to the second as back.
            let (over, stay) = if half == 0 { (leak, 0.0) } else { (leak / 2.0, leak / 2.0) };
            near.into_iter().chain([((s + 300) % 600, over), (s, stay)]).collect()
        });
        let found = only(600).stationary_distribution(&mdp).unwrap();
        let first: f64 = found.iter().take(300).sum();
        assert!(abs_diff_eq!(first, 1.0 / 3.0, epsilon = 1e-15 / leak * 100.0), "{leak:e}: {first}");
    }
}
