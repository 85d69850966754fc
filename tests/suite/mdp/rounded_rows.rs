//! Rows that other programs rounded: to `float32`, or to the digits that they print.
#![allow(clippy::float_cmp, reason = "rows that are left alone keep their bits")]

use std::sync::Arc;

use crate::common::cases;
use crate::common::random::Random;
use softmdp::ndarray::{Array2, Array3, array};
use softmdp::{
    ActionPrior, DenseDynamics, Dynamics, Error, Inference, Mdp, Real, SparseDynamics, TimeVaryingMdp,
    soft_value_iteration,
};

/// Two actions in each of four states. Every row is exact in rational numbers.
fn fractions() -> Array3<f64> {
    let third = 1.0 / 3.0;
    array![
        [[third, third, third, 0.0], [0.0, 1.0 / 7.0, 6.0 / 7.0, 0.0]],
        [[0.1, 0.2, 0.3, 0.4], [2.0 / 11.0, 9.0 / 11.0, 0.0, 0.0]],
        [[0.0, 0.0, 1.0, 0.0], [1.0 / 6.0, 1.0 / 6.0, 1.0 / 6.0, 0.5]],
        [[0.25, 0.25, 0.25, 0.25], [0.0, 0.0, third, 2.0 * third]],
    ]
}

fn rewards() -> Array2<f64> {
    array![[0.0, -1.0], [0.5, 1.0], [-2.0, 0.25], [1.0, 0.0]]
}

/// Rounds as a program does that prints so many digits behind the point.
fn printed(digits: usize) -> Array3<f64> {
    fractions().mapv(|p| format!("{p:.digits$}").parse().unwrap())
}

fn in_single() -> Array3<f64> {
    fractions().mapv(|p| f64::from(p as f32))
}

fn sums(table: &Array3<f64>) -> Vec<f64> {
    table.rows().into_iter().map(|row| row.sum()).collect()
}

/// The count and the distance that a report must have.
fn expected_report(table: &Array3<f64>) -> (usize, f64) {
    let off: Vec<f64> =
        sums(table).into_iter().map(|sum| (sum - 1.0).abs()).filter(|&off| off > 2e-15).collect();
    (off.len(), off.iter().copied().fold(0.0, f64::max))
}

#[test]
fn rounded_tables_pass_dense_and_sparse_and_are_reported() {
    let exact = soft_value_iteration(&Mdp::new(fractions(), rewards()).unwrap(), 5).unwrap();
    for (table, distance) in [(printed(6), 1e-5), (printed(8), 1e-7), (in_single(), 1e-6)] {
        let refused = Mdp::new(table.clone(), rewards()).unwrap_err();
        assert!(matches!(refused, Error::UnnormalizedTransition { state: 0, action: 0, .. }));
        assert!(refused.to_string().contains("`normalize_rows`"), "{refused}");

        let dense = Mdp::builder(table.clone(), rewards()).normalize_rows(distance).build().unwrap();
        let rows = SparseDynamics::from_dynamics(&DenseDynamics::new(table.clone()).unwrap()).unwrap();
        let sparse = Mdp::builder(rows, rewards()).normalize_rows(distance).build().unwrap();
        assert_eq!(DenseDynamics::from_dynamics(sparse.dynamics()).unwrap(), *dense.dynamics());

        let (count, largest) = expected_report(&table);
        assert!(count >= 2, "the table is no test");
        for report in [dense.rescaled_rows(), sparse.rescaled_rows()] {
            assert_eq!((report.count(), report.largest_distance()), (count, largest));
        }
        let rescaled = dense.dynamics().transitions().to_owned();
        assert!(sums(&rescaled).iter().all(|sum| (sum - 1.0).abs() <= 4.0 * f64::EPSILON));
        for (row, given) in rescaled.rows().into_iter().zip(table.rows()) {
            for (p, given_p) in row.iter().zip(given) {
                let ratio = if *given_p == 0.0 { 0.0 } else { given_p / given.sum() };
                assert!((p - ratio).abs() <= f64::EPSILON, "ratios are kept");
            }
        }
        let values = soft_value_iteration(&dense, 5).unwrap();
        let off = &values.state_values() - &exact.state_values();
        assert!(off.iter().all(|off| off.abs() < 30.0 * distance), "values move by about the rounding");
    }
}

#[test]
fn a_row_farther_off_is_still_an_error() {
    let off = |sum: f64| array![[[0.5, 0.5]], [[sum - 0.25, 0.25]]];
    let build = |sum, distance| {
        Mdp::builder(off(sum), array![[0.0], [0.0]])
            .normalize_rows(distance)
            .build()
            .map(|mdp| mdp.rescaled_rows())
    };
    for (sum, distance) in [(0.9, 1e-5), (1.0 + 1.1e-5, 1e-5), (1.0 - 2e-6, 1e-6), (1.0 + 1e-9, 1e-10)] {
        let found = off(sum)[[1, 0, 0]] + 0.25;
        let expected = Error::UnnormalizedTransition { state: 1, action: 0, sum: found, tolerance: distance };
        assert_eq!(build(sum, distance), Err(expected));
    }
    assert_eq!(build(0.9, 0.11).unwrap().count(), 1);
    assert_eq!(build(1.0, 0.0).unwrap().count(), 0, "a distance of 0 accepts rows that sum to 1");
    for distance in [-1e-6, 1.0, f64::NAN, f64::INFINITY] {
        let error = build(1.0, distance).unwrap_err();
        assert!(
            matches!(error, Error::InvalidSetting { setting: "the distance of normalize_rows", .. }),
            "{error}"
        );
    }
    let empty = array![[[0.0, 0.0]], [[0.0, 1.0]]];
    let error = Mdp::builder(empty, array![[0.0], [0.0]]).normalize_rows(0.999).build().unwrap_err();
    assert!(matches!(error, Error::UnnormalizedTransition { sum: 0.0, .. }), "a row of zeros has no ratios");
}

#[test]
fn rows_without_use_are_left_alone() {
    let table = printed(6);
    let build = |table: Array3<f64>| {
        Mdp::builder(table, rewards())
            .terminal_states([0])
            .available_actions(array![[true, true], [true, false], [true, true], [true, true]])
            .action_prior(ActionPrior::Weights(array![[1.0, 1.0], [1.0, 1.0], [1.0, 0.0], [1.0, 2.0]]))
            .normalize_rows(1e-5)
            .build()
            .unwrap()
    };
    let mut unused = table.clone();
    for pair in [[0, 0, 1], [0, 1, 1], [1, 1, 1], [2, 1, 1]] {
        unused[pair] = 7.0; // far off, and no error
    }
    let mdp = build(unused.clone());
    let (found, given) = (mdp.dynamics().transitions(), unused.view());
    for (state, action) in [(0, 0), (0, 1), (1, 1), (2, 1)] {
        for next_state in 0..4 {
            let index = [state, action, next_state];
            assert_eq!(found[index], given[index], "{index:?}");
        }
    }
    // Of the other rows, (3, 1) is .333333 + .666667 and (1, 0) is short: neither is off. So none changes.
    assert_eq!(mdp.rescaled_rows().count(), 0);
    let mut short = table;
    short[[3, 1, 3]] = 0.666_666;
    assert_eq!(build(short).rescaled_rows().count(), 1);
}

#[test]
fn models_that_pass_the_strict_door_keep_their_bits() {
    let mut random = Random(7);
    for _ in 0..200 {
        let rows = (0..6).flat_map(|_| random.distribution(3, 0.4)).collect();
        let table = Array3::from_shape_vec((3, 2, 3), rows).unwrap();
        let strict = Mdp::new(table.clone(), Array2::zeros((3, 2))).unwrap();
        let rescaled = Mdp::builder(table, Array2::zeros((3, 2))).normalize_rows(1e-5).build().unwrap();
        assert_eq!(rescaled, strict);
        assert_eq!((rescaled.rescaled_rows().count(), rescaled.rescaled_rows().largest_distance()), (0, 0.0));
    }
}

/// A model whose only row in use is the given one.
fn one_row<F: Real>(row: &[F]) -> Result<Mdp<F>, Error> {
    let n = row.len();
    let in_row =
        |(state, _, next_state): (usize, usize, usize)| if state == 0 { row[next_state] } else { F::zero() };
    let table = Array3::from_shape_fn((n, 1, n), in_row);
    Mdp::builder(table, Array2::zeros((n, 1))).terminal_states(1..n).normalize_rows(0.2).build()
}

#[test]
fn a_second_rescaling_changes_nothing() {
    fn check<F: Real>(random: &mut Random) {
        for n in [2, 3, 10, 60] {
            let scale = 0.9 + 0.2 * random.uniform();
            let row: Vec<F> = random.distribution(n, 1.0).iter().map(|&p| F::from_f64(p * scale)).collect();
            let once = one_row(&row).unwrap();
            assert_eq!(once.rescaled_rows().count(), 1);
            let rescaled: Vec<F> = once.dynamics().transitions().iter().take(n).copied().collect();
            let twice = one_row(&rescaled).unwrap();
            assert_eq!(twice, once);
            assert_eq!(twice.rescaled_rows().count(), 0);
        }
    }
    let mut random = Random(11);
    for _ in 0..cases(100).cases {
        check::<f64>(&mut random);
        check::<f32>(&mut random);
    }
}

#[test]
fn the_smallest_probability_stays_possible() {
    let row = [5e-324, 0.5, 0.500_001];
    assert!(one_row(&row).unwrap().dynamics().transitions()[[0, 0, 0]] > 0.0);
}

/// Dynamics of a user, with rows that sum to `sum`.
#[derive(Debug)]
struct Own {
    sum: f64,
}

impl Dynamics for Own {
    type Scalar = f64;
    fn num_states(&self) -> usize {
        2
    }
    fn num_actions(&self) -> usize {
        1
    }
    fn for_each_successor(&self, state: usize, _action: usize, visit: &mut dyn FnMut(usize, f64)) {
        visit(0, 0.5);
        visit(1, if state == 0 { 0.5 } else { self.sum - 0.5 });
    }
}

#[test]
fn dynamics_that_cannot_rescale_say_so() {
    let build = |sum| Mdp::builder(Own { sum }, array![[0.0], [0.0]]).normalize_rows(1e-3).build();
    assert_eq!(build(1.0).unwrap().rescaled_rows().count(), 0);
    let error = build(1.0 - 1e-6).unwrap_err();
    assert_eq!(error, Error::CannotRescale { state: 1, action: 0, sum: 0.5 + (1.0 - 1e-6 - 0.5) });
    for part in ["state 1", "action 0", "`SparseDynamics`", "`Dynamics::divide_row`"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(matches!(build(0.9), Err(Error::UnnormalizedTransition { .. })));

    // A pointer forwards, unless the dynamics are shared.
    let off = || DenseDynamics::new(array![[[0.333_333, 0.666_666]], [[0.0, 1.0]]]).unwrap();
    let alone: Arc<dyn Dynamics<Scalar = f64>> = Arc::new(off());
    let mdp = Mdp::builder(alone, array![[0.0], [0.0]]).normalize_rows(1e-5).build().unwrap();
    assert_eq!(mdp.rescaled_rows().count(), 1);
    let boxed: Box<dyn Dynamics<Scalar = f64>> = Box::new(off());
    let mdp = Mdp::builder(boxed, array![[0.0], [0.0]]).normalize_rows(1e-5).build().unwrap();
    assert_eq!(mdp.rescaled_rows().count(), 1);
    let shared = Arc::new(off());
    let error =
        Mdp::builder(Arc::clone(&shared), array![[0.0], [0.0]]).normalize_rows(1e-5).build().unwrap_err();
    assert!(matches!(error, Error::CannotRescale { state: 0, action: 0, .. }), "{error}");
    assert_eq!(*shared, off());
}

#[test]
fn rewards_on_the_successor_are_folded_with_rescaled_rows() {
    let (p, q) = (0.333_333, 0.666_666);
    let mdp = Mdp::builder(array![[[p, q]], [[0.0, 1.0]]], array![[0.0], [0.0]])
        .normalize_rows(1e-5)
        .build()
        .unwrap();
    let rich =
        mdp.with_successor_rewards(|_, _, next_state| if next_state == 0 { 3.0 } else { -1.0 }).unwrap();
    let mean: f64 = (3.0 * p - q) / (p + q);
    let log_mean = ((p * 3.0_f64.exp() + q * (-1.0_f64).exp()) / (p + q)).ln();
    assert!((rich.folded_rewards(Inference::Variational)[[0, 0]] - mean).abs() < 1e-15);
    assert!((rich.folded_rewards(Inference::Direct)[[0, 0]] - log_mean).abs() < 1e-15);
    assert_eq!(rich.mdp().rescaled_rows().count(), 1);
}

#[test]
fn the_report_belongs_to_the_dynamics() {
    let off = || array![[[0.333_333, 0.666_666]], [[0.0, 1.0]]];
    let mdp = Mdp::builder(off(), array![[0.0], [0.0]]).normalize_rows(1e-5).build().unwrap();
    let count = |mdp: &Mdp| mdp.rescaled_rows().count();
    let changed = mdp.with_rewards(array![[1.0], [2.0]]).unwrap().with_temperature(2.0).unwrap();
    assert_eq!(
        (count(&changed), count(&mdp.clone()), mdp.clone().into_dyn().rescaled_rows().count()),
        (1, 1, 1)
    );
    let stages = TimeVaryingMdp::new([mdp.clone(), mdp.with_rewards(array![[1.0], [2.0]]).unwrap()]).unwrap();
    assert!(stages.stages().iter().all(|stage| count(stage) == 1));

    // The note makes no two models differ. New dynamics are checked strictly, and have no note.
    let same = mdp.with_dynamics(mdp.dynamics().clone()).unwrap();
    assert_eq!((count(&same), &same), (0, &mdp));
    assert!(matches!(mdp.with_dynamics(off()), Err(Error::UnnormalizedTransition { tolerance: 1e-8, .. })));
    let ended =
        Mdp::builder(off(), array![[0.0], [0.0]]).terminal_states([0]).normalize_rows(1e-5).build().unwrap();
    assert!(matches!(
        ended.with_terminal_states([]),
        Err(Error::UnnormalizedTransition { tolerance: 1e-8, .. })
    ));
}
