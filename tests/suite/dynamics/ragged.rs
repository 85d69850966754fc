//! Sparse dynamics in which most pairs have no transitions.
#![allow(clippy::float_cmp, reason = "infinities are equal or not")]

use std::ops::Range;

use crate::common::random::Random;
use softmdp::dynamics::LogBlock;
use softmdp::ndarray::Array2;
use softmdp::{
    DenseDynamics, Dynamics, Error, Inference, Mdp, SoftValueIteration, SparseDynamics, StationaryPolicy,
    forward_messages, soft_value_iteration,
};

type Triplet = (usize, usize, usize, f64);

/// State `s` of eight has the leading actions that `counts` lists. Some rows in between are empty.
fn triplets(counts: &[usize], random: &mut Random) -> Vec<Triplet> {
    let num_states = counts.len();
    let mut triplets = Vec::new();
    for (state, &count) in counts.iter().enumerate() {
        for action in 0..count {
            if action + 1 < count && random.chance(0.2) {
                continue;
            }
            let row = random.distribution(num_states, 0.4);
            let row = row.iter().enumerate().filter(|(_, p)| **p > 0.0);
            triplets.extend(row.map(|(next_state, &p)| (state, action, next_state, p)));
        }
    }
    triplets
}

/// The rows of other dynamics, with the default of every map.
#[derive(Debug)]
struct Plain(DenseDynamics);

impl Dynamics for Plain {
    type Scalar = f64;
    fn num_states(&self) -> usize {
        self.0.num_states()
    }
    fn num_actions(&self) -> usize {
        self.0.num_actions()
    }
    fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, f64)) {
        self.0.for_each_successor(state, action, visit);
    }
}

/// A map of dynamics, over some states, into a table.
type Map<'a> = dyn Fn(&dyn Dynamics<Scalar = f64>, Range<usize>, &mut [f64]) + 'a;

/// Numbers of actions, most of which are ragged enough for rows of leading pairs alone.
const COUNTS: [[usize; 8]; 6] = [
    [12, 0, 0, 0, 0, 0, 0, 0],
    [1, 1, 1, 1, 12, 1, 1, 1],
    [0, 2, 0, 12, 1, 0, 3, 0],
    [0, 0, 0, 0, 0, 0, 0, 0],
    [12, 12, 3, 12, 12, 1, 12, 12],
    [0, 5, 0, 6, 5, 6, 0, 5],
];

#[test]
fn every_constructor_makes_the_same_table() {
    let mut random = Random(3);
    for counts in COUNTS {
        let triplets = triplets(&counts, &mut random);
        let of_pair = |state, action| {
            let of = triplets.iter().filter(move |&&(s, a, ..)| (s, a) == (state, action));
            of.map(|&(_, _, next_state, p)| (next_state, p)).collect::<Vec<_>>()
        };
        let sorted = SparseDynamics::from_triplets(8, 12, triplets.clone()).unwrap();
        let reversed = SparseDynamics::from_triplets(8, 12, triplets.iter().rev().copied()).unwrap();
        let from_fn = SparseDynamics::from_fn(8, 12, of_pair).unwrap();
        let (row_offsets, next_states, probabilities) = sorted.to_compressed_rows();
        assert_eq!(row_offsets.len(), 8 * 12 + 1);
        let new = SparseDynamics::new(8, 12, row_offsets, next_states, probabilities).unwrap();
        let dense = DenseDynamics::from_dynamics(&sorted).unwrap();
        let from_dense = SparseDynamics::from_dynamics(&dense).unwrap();
        for other in [&reversed, &from_fn, &new, &from_dense] {
            assert_eq!(other, &sorted, "{counts:?}");
        }
        for state in 0..8 {
            for action in 0..12 {
                let mut row = Vec::new();
                sorted.for_each_successor(state, action, &mut |next_state, p| row.push((next_state, p)));
                assert_eq!(row, of_pair(state, action), "{counts:?} ({state}, {action})");
            }
        }
        assert_eq!(sorted.work(0..8), triplets.len());
        let shares: usize = (0..8).map(|state| sorted.work(state..state + 1)).sum();
        assert_eq!(shares, triplets.len());
    }
}

fn assert_same(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let is_same = found == expected || (found - expected).abs() <= 1e-13 * expected.abs().max(1.0);
        assert!(is_same, "{what} at {at}: {found}, expected {expected}");
    }
}

#[test]
fn every_map_equals_its_definition() {
    let mut random = Random(4);
    for counts in COUNTS {
        let triplets = triplets(&counts, &mut random);
        let ragged = SparseDynamics::from_triplets(8, 12, triplets).unwrap();
        let plain = Plain(DenseDynamics::from_dynamics(&ragged).unwrap());
        for k in [1, 3] {
            let mut v: Vec<f64> = (0..8 * k).map(|_| 4.0 * random.uniform() - 2.0).collect();
            v[random.below(8 * k)] = f64::NEG_INFINITY;
            for states in [0..8, 0..1, 3..5, 7..8, 2..2] {
                let num_pairs = states.len() * 12;
                let both = |map: &Map<'_>| {
                    let mut results = [vec![7.0; num_pairs * k], vec![7.0; num_pairs * k]];
                    map(&ragged, states.clone(), &mut results[0]);
                    map(&plain, states.clone(), &mut results[1]);
                    results
                };
                let [found, expected] = both(&|dynamics, states, y| dynamics.expectation(states, k, &v, y));
                assert_same(&found, &expected, "expectation");
                for temperature in [0.0, 0.5] {
                    let block = LogBlock::new(&v, &vec![temperature; k]).unwrap();
                    let [found, expected] =
                        both(&|dynamics, states, y| dynamics.log_expectation(states, &block, y));
                    assert_same(&found, &expected, "log-expectation");
                }
                let x: Vec<f64> = (0..num_pairs * k).map(|_| random.uniform()).collect();
                for next_states in [0..8, 2..6] {
                    let mut pushed = [vec![1.0; next_states.len() * k], vec![1.0; next_states.len() * k]];
                    ragged.push_forward(states.clone(), next_states.clone(), k, &x, &mut pushed[0]);
                    plain.push_forward(states.clone(), next_states.clone(), k, &x, &mut pushed[1]);
                    assert_same(&pushed[0], &pushed[1], "push");
                }
            }
        }
        let weights: Vec<f64> = (0..8 * 12).map(|_| f64::from(u8::from(random.chance(0.7)))).collect();
        let mixed = [&ragged as &dyn Dynamics<Scalar = f64>, &plain.0].map(|dynamics| {
            let mixed = dynamics.mix_actions(&weights).expect("large terms");
            DenseDynamics::from_dynamics(&*mixed).unwrap()
        });
        let tables = mixed.each_ref().map(|mixed| mixed.transitions().iter().copied().collect::<Vec<_>>());
        assert_same(&tables[0], &tables[1], "mixture");
    }
}

#[test]
fn models_equal_their_dense_twins() {
    let mut random = Random(5);
    for counts in [[12, 1, 1, 1, 1, 1, 2, 1], [1, 3, 1, 12, 1, 0, 3, 1]] {
        let all = |state: usize, action| action < counts[state];
        let rows: Vec<_> = (0..96).map(|_| random.distribution(8, 0.5)).collect();
        let successors = |state: usize, action: usize| {
            let row = rows[state * 12 + action].iter().copied().enumerate().filter(|(_, p)| *p > 0.0);
            if all(state, action) { row.collect() } else { Vec::new() }
        };
        let ragged = SparseDynamics::from_fn(8, 12, successors).unwrap();
        let dense = DenseDynamics::from_dynamics(&ragged).unwrap();
        let available = Array2::from_shape_fn((8, 12), |(state, action)| all(state, action));
        let rewards = Array2::from_shape_fn((8, 12), |(s, a)| ((s * 7 + a * 3) % 5) as f64 - 2.0);
        let ragged =
            Mdp::builder(ragged, rewards.clone()).available_actions(available.clone()).build().unwrap();
        let dense = Mdp::builder(dense, rewards).available_actions(available).build().unwrap();
        for inference in [Inference::Direct, Inference::Variational] {
            let solver = SoftValueIteration::new(5).inference(inference);
            let (one, other) = (solver.solve(&ragged).unwrap(), solver.solve(&dense).unwrap());
            assert_same(&entries(one.state_values()), &entries(other.state_values()), "values");
            assert_same(
                &entries(one.policy().probabilities()),
                &entries(other.policy().probabilities()),
                "policy",
            );
        }
        let start = softmdp::ndarray::Array1::from_elem(8, 0.125);
        let (one, other) =
            (forward_messages(&ragged, &start, 4).unwrap(), forward_messages(&dense, &start, 4).unwrap());
        assert!((one.log_evidence() - other.log_evidence()).abs() < 1e-12);
        let reward = |_, _, next_state| next_state as f64 / 4.0;
        let one = soft_value_iteration(&ragged.with_successor_rewards(reward).unwrap(), 4).unwrap();
        let other = soft_value_iteration(&dense.with_successor_rewards(reward).unwrap(), 4).unwrap();
        assert_same(&entries(one.state_values()), &entries(other.state_values()), "folded");
    }
}

fn entries<D: softmdp::ndarray::Dimension>(table: softmdp::ndarray::ArrayView<'_, f64, D>) -> Vec<f64> {
    table.iter().copied().collect()
}

#[test]
fn sums_that_overflow_are_named_by_their_pair() {
    let triplets = [(3, 1, 0, 1e308), (3, 0, 3, 1.0), (3, 1, 0, 1e308), (0, 0, 0, 1.0)];
    let expected = Error::InvalidTransition { state: 3, action: 1, next_state: 0, value: f64::INFINITY };
    assert_eq!(SparseDynamics::from_triplets(40, 40, triplets).unwrap_err(), expected);
}

#[test]
fn rows_can_be_rescaled() {
    let triplets = (0..30).map(|state| (state, 0, 0, 0.999_999)).chain([(0, 29, 7, 1.0)]);
    let dynamics = SparseDynamics::from_triplets(30, 30, triplets).unwrap();
    let available =
        Array2::from_shape_fn((30, 30), |(state, action)| action == 0 || (state, action) == (0, 29));
    let builder = Mdp::builder(dynamics, Array2::zeros((30, 30))).available_actions(available);
    let mdp = builder.normalize_rows(1e-5).build().unwrap();
    assert_eq!(mdp.rescaled_rows().count(), 30);
    let policy = Array2::from_shape_fn((30, 30), |(_, action)| f64::from(u8::from(action == 0)));
    let policy = StationaryPolicy::new(policy).unwrap();
    let values = policy.evaluate(&mdp.with_discount(0.5).unwrap()).unwrap();
    assert!(values.iter().all(|value| value.is_finite()));
}

#[test]
fn the_number_of_pairs_is_not_the_size_of_the_table() {
    let (num_states, num_actions) = (1000, 1 << 40);
    let stay = |last: usize| {
        (0..num_states).map(move |state| (state, if state == 7 { last } else { 0 }, state, 1.0))
    };
    let dynamics = SparseDynamics::from_triplets(num_states, num_actions, stay(3)).unwrap();
    let mut row = Vec::new();
    dynamics.for_each_successor(7, 3, &mut |next_state, p: f64| row.push((next_state, p)));
    dynamics.for_each_successor(8, num_actions - 1, &mut |next_state, p| row.push((next_state, p)));
    assert_eq!(row, [(7, 1.0)]);
    let error = SparseDynamics::from_triplets(num_states, num_actions, stay(num_actions - 1)).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}
