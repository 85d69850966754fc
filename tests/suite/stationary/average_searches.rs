//! Searches for the average reward of models that are hard to search: they end, with a small bound.
//!
//! Chains and rings whose ends are far apart, classes that are left once in a million stages, and
//! costly ways to slightly better places.

use std::collections::BTreeMap;

use ndarray::Array2;
use softmdp::{Error, Mdp, SparseDynamics, Status, average_reward, ndarray};

use crate::common::random::Random;

/// A model of one of four kinds.
fn model(random: &mut Random, most_states: usize, kind: usize) -> Mdp<f64, SparseDynamics> {
    let (n, width) = (2 + random.below(most_states), 1 + random.below(4));
    let mut rows = Vec::new();
    for (s, a) in (0..n).flat_map(|s| (0..width).map(move |a| (s, a))) {
        let p = random.uniform();
        let row = match kind {
            0 => (0..=random.below(3)).map(|_| (random.below(n), 1.0)).collect(),
            1 => vec![((s + 1).min(n - 1), p), (s.saturating_sub(1), 1.0), (s, 1.0 - p)],
            2 if a == 0 => vec![(s, 1.0)],
            2 => vec![(if p < 0.8 { (s + 1) % n } else { random.below(n) }, 1.0)],
            _ => {
                let rare = 10_f64.powi(-[0, 1, 2, 3, 4, 5, 6][random.below(7)]);
                vec![(s, 1.0 - rare), (random.below(n), rare)]
            }
        };
        let total: f64 = row.iter().map(|&(_, p)| p).sum();
        let mut merged = BTreeMap::new();
        row.into_iter().for_each(|(next, p)| *merged.entry(next).or_insert(0.0) += p / total);
        rows.push(merged.into_iter().collect::<Vec<_>>());
    }
    let dynamics = SparseDynamics::from_fn(n, width, |s, a| rows[s * width + a].clone()).unwrap();
    let (scale, has_ties) = (random.pick(&[1.0, 100.0, 0.01]), random.chance(0.3));
    let rewards = Array2::from_shape_fn((n, width), |_| {
        let reward = scale * (2.0 * random.uniform() - 1.0);
        if has_ties { (3.0 * reward).round() } else { reward }
    });
    let temperature = random.pick(&[0.0, 0.0, 1e-6, 0.01, 1.0]);
    Mdp::builder(dynamics, rewards).temperature(temperature).build().unwrap()
}

#[test]
fn hard_models_are_answered_in_few_passes() {
    let (mut found, mut refused, mut rounded) = (0, 0, 0);
    for seed in 0..1500 {
        let mut random = Random(seed);
        let kind = random.below(4);
        let mdp = model(&mut random, if seed % 10 == 0 { 200 } else { 40 }, kind);
        match average_reward(&mdp, 1e-8) {
            Ok(average) => {
                found += 1;
                let convergence = average.convergence();
                assert!(convergence.iterations < 40_000, "seed {seed}: {convergence:?}");
            }
            Err(Error::SeveralGains { .. }) => refused += 1,
            // Classes that are left once in a million stages have relative values of a million rewards.
            Err(Error::NotConverged { status: Status::RoundingFloor, iterations, error_bound }) => {
                rounded += 1;
                assert!(kind == 3 && iterations < 60_000 && error_bound < 1e-4, "seed {seed}");
            }
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    assert!(found > 1000 && refused > 100 && rounded < 100, "{found} {refused} {rounded}");
}
