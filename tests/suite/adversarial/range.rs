//! Finite sums that leave the range of the number type are errors that say where; everything that
//! fits is right.

use approx::abs_diff_eq;
use ndarray::{Array1, Array2, Array3, array};
use softmdp::{
    DeterministicDynamics, Error, Inference, Mdp, Policy, Real, SoftValueIteration, Table, forward_messages,
    ndarray, posterior, soft_value_iteration,
};

use crate::adversarial::case::{BOTH, Case};
use crate::common::{MINUS_INFINITY as NEVER, assert_close};

/// Runs a check on both number types, given the largest number of each.
macro_rules! in_both_types {
    ($check:ident) => {
        $check::<f64>(f64::MAX);
        $check::<f32>(f64::from(f32::MAX));
    };
}

/// One state, one action, one reward.
fn single(reward: f64) -> Case {
    Case::certain(array![[0]], array![[reward]])
}

/// States that stay where they are, with one action.
fn islands(rewards: &[f64]) -> Case {
    let successors = Array2::from_shape_fn((rewards.len(), 1), |(state, _)| state);
    Case::certain(successors, Array2::from_shape_vec((rewards.len(), 1), rewards.to_vec()).unwrap())
}

#[test]
fn values_that_leave_the_range_on_either_side_name_stage_and_state() {
    fn check<F: Real>(max: f64) {
        for (inference, sign) in [(BOTH[0], 1.0), (BOTH[0], -1.0), (BOTH[1], 1.0), (BOTH[1], -1.0)] {
            let overflows = |case: Case, horizon, place| case.overflows::<F>(inference, horizon, place);
            // One stage fits, two do not; the state beside it is sound.
            islands(&[0.0, sign * 0.95 * max]).each_solution_in::<F>(inference, 1, |solved| {
                solved.close(solved.v[[0, 1]] / max, sign * 0.95);
            });
            overflows(islands(&[0.0, sign * 0.95 * max]), 2, (Table::ActionValues, 0));
            // Seventeen stages fit, the eighteenth from the end does not.
            single(sign * max / 17.5).each_solution_in::<F>(inference, 17, |solved| {
                solved.close(solved.v[[0, 0]] / max, sign * 17.0 / 17.5);
            });
            overflows(single(sign * max / 17.5), 20, (Table::ActionValues, 2));
            // Two halves of an expectation, each within the range.
            let halves = Case {
                ends: array![sign * 0.7 * max, sign * 0.9 * max],
                ..Case::new(array![[[1.0, 0.0]], [[0.5, 0.5]]], array![[0.0], [sign * 0.5 * max]])
            };
            overflows(halves, 1, (Table::ActionValues, 0));
        }
    }
    in_both_types!(check);
}

#[test]
fn a_discount_keeps_what_it_can_within_the_range() {
    fn check<F: Real>(max: f64) {
        let discounted = |reward: f64| Case { discount: 0.5, ..single(reward) };
        let reward = 0.556 * max;
        // Variational: 0.556 (1 + ½ + ¼) = 0.973, and a half of that more is 1.04.
        for reward in [reward, -reward] {
            discounted(reward).overflows::<F>(Inference::Variational, 6, (Table::ActionValues, 2));
            discounted(reward).each_solution_in::<F>(Inference::Variational, 3, |solved| {
                solved.close(solved.v[[0, 0]] / reward, 1.75);
            });
        }
        // Direct: γ costs log 2 a stage, nothing beside the reward; where all is lost, leaving costs that too.
        discounted(reward).overflows::<F>(Inference::Direct, 6, (Table::ActionValues, 4));
        discounted(-reward).each_solution_in::<F>(Inference::Direct, 6, |solved| {
            assert!(solved.v.column(0).iter().take(6).all(|v| *v == F::from_f64(-reward).into_f64()));
        });
    }
    in_both_types!(check);
}

#[test]
fn a_temperature_that_drives_the_entropy_out_of_range_is_an_overflow() {
    fn check<F: Real>(max: f64) {
        for inference in BOTH {
            let of = |actions: usize, weight: f64| {
                let case = Case::certain(Array2::zeros((1, actions)), Array2::zeros((1, actions)));
                let case = case.weights(Array2::from_elem((1, actions), weight));
                Case { temperature: 0.56 * max, ..case }
            };
            // Two actions: 0.388 a stage; ten: 1.29; two that weigh 1e−5: −6.06.
            of(2, 1.0).each_solution_in::<F>(inference, 2, |solved| {
                solved.close(solved.v[[0, 0]] / max, 2.0 * 0.56 * 2.0_f64.ln());
                assert!(solved.policy.iter().all(|p| *p == 0.5), "{}", solved.what);
            });
            of(2, 1.0).overflows::<F>(inference, 3, (Table::StateValues, 0));
            of(10, 1.0).overflows::<F>(inference, 3, (Table::StateValues, 2));
            of(2, 1e-5).overflows::<F>(inference, 3, (Table::StateValues, 2));
            of(2, 0.5).each_solution_in::<F>(inference, 3, |solved| assert_eq!(solved.v[[0, 0]], 0.0));
        }
    }
    in_both_types!(check);
}

#[test]
fn what_is_hopeless_stays_so_beside_numbers_at_the_limit_and_nothing_else_becomes_it() {
    fn check<F: Real>(max: f64) {
        // State 0 may go wrong, state 1 must, state 2 cannot: −∞ is right for a row that can (variational) or must.
        let case = Case {
            ends: array![0.0, NEVER, 0.9 * max],
            ..Case::new(
                array![[[0.0, 0.5, 0.5]], [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]]],
                array![[0.0], [0.05 * max], [0.05 * max]],
            )
        };
        for (inference, first) in [(Inference::Direct, 0.9), (Inference::Variational, NEVER)] {
            case.each_solution_in::<F>(inference, 1, |solved| {
                for (found, expected) in solved.v.row(0).iter().zip([first, NEVER, 0.95]) {
                    solved.close(found / max, expected);
                }
            });
        }
        // The one successor that is possible has probability e^−2, and τ log P = −1.12 is out of range.
        let p = f64::exp(-2.0);
        let case = Case {
            temperature: 0.56 * max,
            ends: array![0.0, NEVER],
            ..Case::new(array![[[1.0, 0.0]], [[p, 1.0 - p]]], Array2::zeros((2, 1)))
        };
        case.overflows::<F>(Inference::Direct, 1, (Table::ActionValues, 0));
        // All that is left is to leave, and that is out of range: −0.9 + 0.56 log ¼ = −1.68.
        let case =
            Case { temperature: 0.56 * max, discount: 0.75, ends: array![NEVER], ..single(-0.9 * max) };
        case.overflows::<F>(Inference::Direct, 1, (Table::ActionValues, 0));
    }
    in_both_types!(check);
}

#[test]
fn values_further_apart_than_the_largest_number_are_compared_where_the_temperature_allows() {
    fn check<F: Real>(max: f64) {
        // Q = ±0.9, which differ by 1.8: over τ = 0.6 that is 3 nats.
        let case =
            Case { temperature: 0.6 * max, ..Case::certain(array![[0, 0]], array![[0.9, -0.9]] * max) };
        for inference in BOTH {
            case.each_solution_in::<F>(inference, 1, |solved| {
                solved.close(solved.v[[0, 0]] / max, 0.9 + 0.6 * f64::exp(-3.0).ln_1p());
                solved.close(solved.policy[[0, 0, 1]], 1.0 / (1.0 + f64::exp(3.0)));
            });
        }
        // A weight of e³ lifts Q = −0.9 by 1.8, a probability of e^−3 lowers V = 0.9 by as much.
        let case = Case { rewards: array![[-0.9 * max]], temperature: 0.6 * max, ..single(0.0) };
        let case = case.weights(array![[f64::exp(3.0)]]);
        for inference in BOTH {
            case.each_solution_in::<F>(inference, 1, |solved| solved.close(solved.v[[0, 0]] / max, 0.9));
        }
        let p = f64::exp(-3.0);
        let case = Case {
            temperature: 0.6 * max,
            ends: array![0.9 * max, NEVER],
            ..Case::new(array![[[p, 1.0 - p]], [[0.0, 1.0]]], Array2::zeros((2, 1)))
        };
        case.each_solution_in::<F>(Inference::Direct, 1, |solved| solved.close(solved.v[[0, 0]] / max, -0.9));
        // The same for successors, and for what they look like to those who were lucky.
        let case = Case {
            temperature: 0.6 * max,
            ends: array![0.0, 0.9 * max, -0.9 * max],
            ..Case::new(
                array![[[0.0, 0.5, 0.5]], [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]]],
                Array2::zeros((3, 1)),
            )
        };
        case.each_solution_in::<F>(Inference::Direct, 1, |solved| {
            solved.close(solved.v[[0, 0]] / max, 0.9 + 0.6 * (0.5 + 0.5 * f64::exp(-3.0)).ln());
        });
        for (what, mdp) in case.kinds::<F>() {
            let posterior = posterior(&mdp, &array![F::one(), F::zero(), F::zero()], 1).unwrap();
            let lucky = posterior.dynamics_at(&mdp, 0).unwrap()[[0, 0, 2]].into_f64();
            assert_close(lucky, 1.0 / (1.0 + f64::exp(3.0)), 1e-6, &what);
            assert_close(posterior.state_marginals()[[1, 2]].into_f64(), lucky, 1e-6, &what);
        }
    }
    in_both_types!(check);
}

#[test]
fn a_direct_discount_is_right_at_temperatures_whose_logarithms_do_not_fit() {
    fn check<F: Real>(max: f64) {
        let temperature = 0.56 * max;
        // γ e^0 + 1 − γ = 1, although τ log γ or τ log(1 − γ) is out of range.
        for discount in [0.1, 0.9, 0.999] {
            let case = Case { discount, temperature, ..single(0.0) };
            case.each_solution_in::<F>(Inference::Direct, 1, |solved| {
                let error = solved.v[[0, 0]].abs() / temperature;
                assert!(error <= 4.0 * solved.epsilon, "{}: {error:e} τ at γ = {discount}", solved.what);
            });
        }
        // The one successor that is possible has probability e^−2: τ log P is out of range, τ log(½ P + ½) is not.
        // An error is no wrong answer; −∞ or log ½ would be.
        let p = f64::exp(-2.0);
        let case = Case {
            temperature,
            discount: 0.5,
            ends: array![NEVER, 0.0],
            ..Case::new(array![[[1.0 - p, p]], [[0.0, 1.0]]], Array2::zeros((2, 1)))
        };
        for (what, mdp) in case.kinds::<F>() {
            match soft_value_iteration(&mdp, 1) {
                Ok(solution) => {
                    let found = solution.state_values()[[0, 0]].into_f64() / temperature;
                    assert_close(found, (0.5 * p + 0.5).ln(), 1e-5, &what);
                }
                Err(error) => {
                    assert_eq!(error, Error::Overflow { table: Table::ActionValues, stage: 0, state: 0 });
                }
            }
        }
    }
    in_both_types!(check);
}

#[test]
fn a_policy_that_is_worth_more_than_fits_is_an_overflow() {
    fn check<F: Real>(max: f64) {
        let policy = Policy::<F>::new(Array3::ones((2, 2, 1))).unwrap();
        let initial = Array1::from_elem(2, F::from_f64(0.5));
        for sign in [1.0, -1.0] {
            for (what, mdp) in islands(&[0.0, sign * 0.95 * max]).kinds::<F>() {
                let expected = Error::Overflow { table: Table::StateValues, stage: 0, state: 1 };
                assert_eq!(policy.evaluate(&mdp).unwrap_err(), expected, "{what}");
                assert_eq!(policy.elbo(&mdp, &initial).unwrap_err(), expected, "{what}");
                assert_eq!(policy.expected_return(&mdp, &initial).unwrap_err(), expected, "{what}");
            }
            // Ends at the limit, and an initial distribution that sums to a little more than 1.
            let case = Case { ends: array![sign * max, sign * max], ..islands(&[0.0, 0.0]) };
            let excess = F::from_f64(0.5 * F::ROW_SUM_TOLERANCE);
            let initial = array![F::from_f64(0.5) + excess, F::from_f64(0.5)];
            let none = Policy::<F>::new(Array3::zeros((0, 2, 1))).unwrap();
            for (what, mdp) in case.kinds::<F>() {
                let expected = Error::TotalOverflow { table: Table::StateValues };
                assert_eq!(none.elbo(&mdp, &initial).unwrap_err(), expected, "{what}");
                assert_eq!(none.expected_return(&mdp, &initial).unwrap_err(), expected, "{what}");
            }
        }
    }
    in_both_types!(check);
}

#[test]
fn a_policy_that_is_worth_a_number_that_fits_is_evaluated() {
    fn check<F: Real>(max: f64) {
        // −τ log π is out of range for the rare action, −τ π log π is not.
        let rare = F::from_f64(1e-5);
        let policy = Policy::<F>::new(array![[[F::one() - rare, rare]]]).unwrap();
        let case =
            Case { temperature: 0.56 * max, ..Case::certain(Array2::zeros((1, 2)), Array2::zeros((1, 2))) };
        let expected = 0.56 * policy.entropy()[[0, 0]].into_f64();
        for (what, mdp) in case.kinds::<F>() {
            let value = policy.evaluate(&mdp).unwrap()[[0, 0]].into_f64() / max;
            assert!(
                abs_diff_eq!(value / expected, 1.0, epsilon = 1e-3),
                "{what}: {value:e} and not {expected:e}"
            );
        }
        // An action that is worth −∞ makes the policy −∞, in whatever company and order.
        let case =
            Case { ends: array![0.9 * max], ..Case::certain(Array2::zeros((1, 2)), Array2::zeros((1, 2))) };
        let even = Policy::<F>::new(Array3::from_elem((1, 1, 2), F::from_f64(0.5))).unwrap();
        for rewards in [array![[NEVER, 0.9 * max]], array![[0.9 * max, NEVER]]] {
            for (what, mdp) in (Case { rewards, ..case.clone() }).kinds::<F>() {
                assert_eq!(even.evaluate(&mdp).unwrap()[[0, 0]], F::neg_infinity(), "{what}");
            }
        }
    }
    in_both_types!(check);
}

#[test]
fn forward_messages_whose_factors_do_not_fit_name_stage_and_state() {
    fn check<F: Real>(max: f64) {
        for sign in [1.0, -1.0] {
            let rewards = [0.0, sign * 1e-3 * max];
            let case = Case { temperature: 1e-9, ..islands(&rewards) };
            let initial = Array1::from_elem(2, F::from_f64(0.5));
            let expected = Error::Overflow { table: Table::ForwardMessages, stage: 0, state: 1 };
            for (what, mdp) in case.kinds::<F>() {
                assert_eq!(forward_messages(&mdp, &initial, 2).unwrap_err(), expected, "{what}");
                assert_eq!(posterior(&mdp, &initial, 2).unwrap_err(), expected, "{what}");
                // What no mass reaches is not looked at.
                let elsewhere = array![F::one(), F::zero()];
                let posterior = posterior(&mdp, &elsewhere, 2).unwrap();
                assert_eq!(posterior.log_evidence(), F::zero(), "{what}");
                assert_eq!(posterior.state_marginals().column(1).sum(), F::zero(), "{what}");
            }
        }
    }
    in_both_types!(check);
}

/// Asserts that both passes give this log-evidence, or say that some number does not fit; a finite
/// logarithm is never −∞, and possible evidence never impossible.
fn right_or_out_of_range<F: Real>(case: &Case, initial: &Array1<f64>, horizon: usize, expected: f64) {
    for (what, mdp) in case.kinds::<F>() {
        let initial = initial.mapv(F::from_f64);
        let posterior = posterior(&mdp, &initial, horizon).map(|posterior| posterior.log_evidence());
        let forward = forward_messages(&mdp, &initial, horizon).map(|forward| forward.log_evidence());
        for (pass, evidence) in [("posterior", posterior), ("forward", forward)] {
            match evidence {
                Err(Error::Overflow { .. } | Error::TotalOverflow { .. }) => {}
                Ok(found) if found.is_finite() => {
                    assert_close(found.into_f64() / expected, 1.0, 1e-5, &format!("{pass}, {what}"));
                }
                wrong => panic!("{pass}, {what}: {wrong:?}, and not {expected:e} or an overflow"),
            }
        }
    }
}

#[test]
fn a_message_that_normalising_drives_out_of_range_is_not_an_impossible_one() {
    fn check<F: Real>(max: f64) {
        // The first island has all of the filtered mass, and is ruled out by the end.
        let both = array![0.5, 0.5];
        let case = Case { ends: array![NEVER, 0.0], ..islands(&[0.556 * max, -0.556 * max]) };
        right_or_out_of_range::<F>(&case, &both, 1, -0.556 * max);
        let case = Case { ends: array![NEVER, -0.83 * max], ..islands(&[0.556 * max, 0.0]) };
        right_or_out_of_range::<F>(&case, &both, 1, -0.83 * max);
        // V_1/τ = −1.11 max, and V_0/τ = −0.556 max.
        let rewards = array![[0.0556], [-0.0556], [-0.0556], [0.0]] * max;
        let case = Case { temperature: 0.1, ..Case::certain(array![[1], [2], [3], [3]], rewards) };
        right_or_out_of_range::<F>(&case, &array![1.0, 0.0, 0.0, 0.0], 3, -0.556 * max);
    }
    in_both_types!(check);
}

#[test]
fn evidence_that_does_not_fit_is_an_overflow_and_impossible_evidence_is_not() {
    fn check<F: Real>(max: f64) {
        let one = array![F::one()];
        for sign in [1.0, -1.0] {
            for (what, mdp) in single(sign * 0.556 * max).kinds::<F>() {
                let expected = Error::TotalOverflow { table: Table::ForwardMessages };
                assert_eq!(forward_messages(&mdp, &one, 2).unwrap_err(), expected, "{what}");
                assert!(matches!(posterior(&mdp, &one, 2), Err(Error::Overflow { .. })), "{what}");
            }
            let case = Case { temperature: 1e-9, ends: array![sign * 1e-3 * max], ..single(0.0) };
            for (what, mdp) in case.kinds::<F>() {
                assert!(
                    matches!(forward_messages(&mdp, &one, 1), Err(Error::TotalOverflow { .. })),
                    "{what}"
                );
                assert!(matches!(posterior(&mdp, &one, 0), Err(Error::TotalOverflow { .. })), "{what}");
            }
        }
        // Factors whose product does not fit, times 0.
        let case = Case { ends: array![NEVER], ..single(0.556 * max) };
        case.impossible_in::<F>(&array![1.0], 2, 2, true);
    }
    in_both_types!(check);
}

#[test]
fn a_horizon_beyond_memory_is_an_error_and_no_panic() {
    let mdp = DeterministicDynamics::<f64>::new(array![[0, 1], [1, 0]]).unwrap();
    let mdp = Mdp::builder(mdp, array![[0.0, 1.0], [1.0, 0.0]]).build().unwrap();
    for horizon in [usize::MAX, usize::MAX - 1, usize::MAX / 2, usize::MAX / 3, 1 << 61, 1 << 50] {
        let shape = vec![horizon.saturating_add(1), 2];
        let too_large = |table| Error::TooLarge { table, shape: shape.clone() };
        for inference in BOTH {
            let solver = SoftValueIteration::new(horizon).inference(inference);
            assert_eq!(solver.solve(&mdp).unwrap_err(), too_large(Table::StateValues));
            assert_eq!(solver.solve_values(&mdp).unwrap_err(), too_large(Table::StateValues));
        }
        let initial = array![0.5, 0.5];
        assert_eq!(forward_messages(&mdp, &initial, horizon).unwrap_err(), too_large(Table::ForwardMessages));
        assert_eq!(posterior(&mdp, &initial, horizon).unwrap_err(), too_large(Table::StateValues));
    }
}
