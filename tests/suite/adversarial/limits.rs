//! Temperatures and prior weights at the ends of their ranges.

use approx::{abs_diff_eq, assert_abs_diff_eq};
use ndarray::{Axis, arr1, array};
use softmdp::{ActionPrior, Error, Inference, Real, Table, forward_messages, ndarray, posterior};

use crate::adversarial::case::{BOTH, Case, Solved};
use crate::common::{MINUS_INFINITY as NEVER, assert_close};

#[test]
fn temperature_zero_takes_the_best_possible_successor_directly_and_the_mean_variationally() {
    // The successor worth 5 has the least probability that each number type can hold.
    fn check<F: Real>() {
        let least = (F::min_positive_value() * F::epsilon()).into_f64();
        let case = Case {
            temperature: 0.0,
            ends: array![0.0, 1.0, 5.0, 9.0],
            ..Case::new(
                array![
                    [[0.0, 1.0, least, 0.0], [0.0, 1.0, 0.0, 0.0]],
                    [[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]],
                    [[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 0.0]],
                    [[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]]
                ],
                array![[0.5, 0.5], [0.0, -1.0], [0.0, 0.0], [NEVER, NEVER]],
            )
        };
        for inference in BOTH {
            case.each_solution_in::<F>(inference, 1, |solved| {
                let best = if inference == Inference::Direct { 5.5 } else { 1.5 };
                assert_eq!(solved.q.index_axis(Axis(0), 0).row(0), array![best, 1.5], "{}", solved.what);
                assert_eq!(solved.v.row(0).to_vec(), [best, 1.0, 5.0, NEVER], "{}", solved.what);
            });
        }
        // Leaving is worth 0: with a chance of it, direct inference takes it where all else is worse.
        for (ahead, direct) in [(-5.0, 0.5), (5.0, 5.5), (NEVER, 0.5)] {
            let case = Case {
                temperature: 0.0,
                discount: 0.25,
                ends: array![ahead],
                ..Case::certain(array![[0]], array![[0.5]])
            };
            case.each_solution_in::<F>(Inference::Direct, 1, |solved| {
                assert_eq!(solved.v[[0, 0]], direct, "{}", solved.what);
            });
            case.each_solution_in::<F>(Inference::Variational, 1, |solved| {
                assert_eq!(solved.v[[0, 0]], 0.5 + 0.25 * ahead, "{}", solved.what);
            });
        }
    }
    check::<f64>();
    check::<f32>();
}

#[test]
fn temperature_zero_splits_ties_by_the_prior_and_has_no_posterior() {
    let case = Case::certain(array![[0, 0, 0, 0]], array![[2.0, 2.0, 1.0, 2.0]]);
    let case = Case { temperature: 0.0, ..case }.weights(array![[1.0, 3.0, 9.0, 0.0]]);
    case.each_solution(2, |solved| {
        let row = [0.25, 0.75, 0.0, 0.0];
        assert!(solved.policy.rows().into_iter().all(|found| found == arr1(&row)), "{}", solved.what);
        assert_eq!(solved.v.column(0).to_vec(), [4.0, 2.0, 0.0], "{}", solved.what);
    });
    for (what, mdp) in case.kinds::<f64>() {
        let expected = Error::ZeroTemperature { table: Table::ForwardMessages };
        assert_eq!(posterior(&mdp, &array![1.0], 2).unwrap_err(), expected, "{what}");
        assert_eq!(forward_messages(&mdp, &array![1.0], 2).unwrap_err(), expected, "{what}");
        assert_eq!(posterior(&mdp, &array![1.0], 0).unwrap_err(), expected, "{what}");
    }
}

#[test]
fn a_temperature_far_above_the_rewards_gives_the_prior_and_the_mean_reward() {
    let prior = ActionPrior::Uniform;
    let case = Case::certain(array![[0, 0, 0, 0]], array![[-3.0, 0.0, 1.0, 4.0]]);
    let case = Case { temperature: 1e9, prior, ..case };
    case.each_solution(1, |solved| {
        assert!(solved.policy.iter().all(|&p| abs_diff_eq!(p, 0.25, epsilon = 1e-8)), "{}", solved.what);
        // V = τ log(mean exp(r/τ)) is known to an ulp of τ.
        assert!(abs_diff_eq!(solved.v[[0, 0]], 0.5, epsilon = 1e9 * 4.0 * solved.epsilon), "{}", solved.what);
    });
}

#[test]
fn a_temperature_far_below_huge_rewards_still_gives_the_finite_answer() {
    // V/τ = ±1e309 is no number, V = ±1e300 + τ log(1 + e^−∞) is: nothing but V itself has to fit.
    let case = Case { temperature: 1e-9, ..Case::new(array![[[1.0], [1.0]]], array![[0.0, 0.0]]) };
    for (best, other, type_of) in
        [(1e300, 0.0, 64), (-1e300, -2e300, 64), (1e30, 0.0, 32), (-1e30, -2e30, 32)]
    {
        let case = Case { rewards: array![[best, other]], ..case.clone() };
        let check = |solved: &Solved| {
            solved.close(solved.v[[0, 0]] / best, 3.0);
            assert_eq!(solved.policy.index_axis(Axis(0), 1), array![[1.0, 0.0]], "{}", solved.what);
        };
        for inference in BOTH {
            match type_of {
                64 => case.each_solution_in::<f64>(inference, 3, check),
                _ => case.each_solution_in::<f32>(inference, 3, check),
            }
        }
    }
}

#[test]
fn prior_weights_at_both_ends_of_the_range_are_weighed_exactly() {
    fn check<F: Real>(small: f64, large: f64) {
        // Rewards that balance the weights: ρ(0) e^r(0) is e times ρ(1) e^r(1).
        let reward = F::from_f64(large.ln() - small.ln() + 1.0).into_f64();
        let case = Case::certain(array![[0, 0]], array![[reward, 0.0]]).weights(array![[small, large]]);
        let (first, second) = (small.ln() + reward, large.ln());
        let value = first + (second - first).exp().ln_1p();
        for inference in BOTH {
            case.each_solution_in::<F>(inference, 1, |solved| {
                let tolerance = 4.0 * solved.epsilon * reward;
                assert!(abs_diff_eq!(solved.v[[0, 0]], value, epsilon = tolerance), "{}", solved.what);
                assert_abs_diff_eq!(solved.policy[[0, 0, 0]], (first - value).exp(), epsilon = tolerance);
                assert!(
                    abs_diff_eq!(solved.policy.sum(), 1.0, epsilon = 2.0 * solved.epsilon),
                    "{}",
                    solved.what
                );
            });
        }
    }
    check::<f64>(1e-320_f64, 1e308);
    check::<f32>(f64::from(1e-44_f32), f64::from(1e38_f32));
}

#[test]
fn the_least_probability_of_a_successor_far_below_the_best_is_not_lost() {
    fn check<F: Real>(below: f64) {
        let least = F::min_positive_value() * F::epsilon();
        // All but the least probability leads to where nothing is possible; state 1 has the best value by far.
        let case = Case {
            ends: array![0.0, 0.0, -below, NEVER],
            ..Case::new(
                array![
                    [[0.0, 0.0, least.into_f64(), 1.0]],
                    [[0.0, 1.0, 0.0, 0.0]],
                    [[0.0, 0.0, 1.0, 0.0]],
                    [[0.0, 0.0, 0.0, 1.0]]
                ],
                array![[0.0], [0.0], [0.0], [0.0]],
            )
        };
        case.each_solution_in::<F>(Inference::Direct, 1, |solved| {
            solved.close(solved.v[[0, 0]], least.into_f64().ln() - below);
        });
    }
    // Just within what exponentials beside the best can hold, and far beyond it.
    [590.0, 700.0, 5000.0].into_iter().for_each(check::<f64>);
    [49.0, 90.0, 5000.0].into_iter().for_each(check::<f32>);
}

#[test]
fn a_discount_and_a_value_at_opposite_ends_of_the_range_are_weighed_exactly() {
    fn check<F: Real>(discount: f64, ahead: f64) {
        // γ e^V is about 1, where e^−V has no more than a few bits: log(γ e^V + 1 − γ) from log γ + V.
        let case = Case { discount, ends: array![ahead], ..Case::certain(array![[0]], array![[0.0]]) };
        let expected = (discount.ln() + ahead).exp().ln_1p();
        case.each_solution_in::<F>(Inference::Direct, 1, |solved| {
            let tolerance = 4.0 * solved.epsilon * ahead;
            assert!(abs_diff_eq!(solved.v[[0, 0]], expected, epsilon = tolerance), "{}", solved.what);
        });
    }
    check::<f64>(4e-322, 740.0);
    check::<f32>(f64::from(1e-44_f32), 101.0);
}

#[test]
fn rewards_of_1e_300_alone_keep_their_relative_accuracy() {
    let case = Case::certain(array![[0, 0]], array![[1e-300, 0.0]]);
    let case = Case { temperature: 1e-300, ..case };
    for inference in BOTH {
        case.each_solution_in::<f64>(inference, 2, |solved| {
            solved.close(solved.v[[0, 0]] * 1e300, 2.0 * 1.0_f64.exp().ln_1p());
            solved.close(solved.policy[[0, 0, 0]], 1.0 / (1.0 + f64::exp(-1.0)));
        });
        let one = Case::certain(array![[0]], array![[1e-300]]);
        one.each_solution_in::<f64>(inference, 3, |solved| {
            assert_close(solved.v[[0, 0]] * 1e300, 3.0, 4.0 * solved.epsilon, &solved.what);
        });
    }
}
