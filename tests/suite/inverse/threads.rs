//! Scores are the same to the bit for any number of threads.

#![cfg(feature = "rayon")]

use rayon::ThreadPoolBuilder;
use softmdp::Inference::{Direct, Variational};
use softmdp::inverse::{Demonstrations, Likelihood, Score};
use softmdp::ndarray::Array2;
use softmdp::{Mdp, SparseDynamics};

use super::formula::{rewards, trajectory, transitions};

fn bits(score: &Score) -> Vec<u64> {
    let numbers = [score.value(), score.temperature_gradient(), score.discount_gradient().unwrap()];
    let pairs = score.reward_gradient().into_iter().chain(score.terminal_gradient());
    let visits = pairs.chain(score.residual_visits());
    let all = numbers.iter().chain(visits).chain(score.successor_gradient());
    all.map(|number| number.to_bits()).collect()
}

fn assert_thread_count_is_invisible(evaluate: impl Fn() -> Score + Sync) {
    let with = |threads| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| bits(&evaluate()))
    };
    let one = with(1);
    for threads in [2, 3, 8] {
        assert!(one == with(threads), "{threads} threads");
    }
}

#[test]
fn dense_and_sparse_with_and_without_a_horizon() {
    let dense =
        Mdp::new(transitions(160, 4, 0), rewards(160, 4, 0) - 2.0).unwrap().with_discount(0.9).unwrap();
    let states: Vec<usize> = (0..=9).map(|t| (t * 13) % 160).collect();
    let seen = Demonstrations::new([trajectory(&states, &[0, 1, 2, 3, 0, 1, 2, 3, 0])]);
    let cut_off = seen.clone().with_cut_off([true]).unwrap();
    let on_successors = dense.with_successor_rewards(|s, a, next| ((s + a + next) % 5) as f64 / 5.0).unwrap();
    for likelihood in [Likelihood::actions(Direct), Likelihood::actions(Variational)] {
        assert_thread_count_is_invisible(|| likelihood.clone().horizon(9).evaluate(&dense, &seen).unwrap());
        assert_thread_count_is_invisible(|| likelihood.evaluate(&dense, &seen).unwrap());
        assert_thread_count_is_invisible(|| {
            likelihood.clone().horizon(9).evaluate(&on_successors, &seen).unwrap()
        });
    }
    assert_thread_count_is_invisible(|| Likelihood::trajectories().evaluate(&dense, &cut_off).unwrap());

    // Too large to keep Q of all stages.
    let n = 120_000;
    let ring = SparseDynamics::from_fn(n, 4, |s, a| [((s + a) % n, 0.75), ((s + 1) % n, 0.25)]).unwrap();
    let table = Array2::from_shape_fn((n, 4), |(s, a)| ((s * 7 + a * 3) % 11) as f64 / 11.0);
    let ring = Mdp::builder(ring, table).discount(0.95).build().unwrap();
    let seen = Demonstrations::new([trajectory(&[5, 6, 7, 8, 9, 10, 11, 12, 13, 14], &[0; 9])]);
    for likelihood in [Likelihood::trajectories(), Likelihood::actions(Variational)] {
        assert_thread_count_is_invisible(|| likelihood.clone().horizon(9).evaluate(&ring, &seen).unwrap());
    }
}
