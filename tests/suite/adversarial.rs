//! Models at the edge of what is legal give the answer of the equations, or an error that says
//! where: never NaN, never an infinity that a finite number has silently become, never a panic.
//!
//! Each model is solved by both inferences, over every kind of dynamics that can hold it, in `f64`
//! and in `f32` (`adversarial/case.rs`). The numbers expected are derived by hand in the comments.
//! Limits of temperature and prior are in `adversarial/limits.rs`, numbers that leave the range of
//! their type in `adversarial/range.rs`.

#![allow(clippy::float_cmp, reason = "edges have exact values: ±∞, 0, and sums without rounding")]

mod case;
mod limits;
mod range;

use crate::common::{MINUS_INFINITY as NEVER, assert_close};
use approx::{abs_diff_eq, assert_abs_diff_eq};
use case::Case;
use ndarray::{Array1, Array2, Array3, Axis, arr2, array, s};
use softmdp::{
    ActionPrior, DenseDynamics, Error, Inference, Mdp, Policy, SoftValueIteration, SparseDynamics, ndarray,
    posterior, soft_value_iteration,
};

// --- nothing possible -----------------------------------------------------------------------------------

#[test]
fn a_state_whose_every_action_is_forbidden_is_worth_minus_infinity_and_has_the_prior_as_policy() {
    let case = Case::new(
        array![[[0.5, 0.5], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]],
        array![[NEVER, NEVER], [0.0, 1.0]],
    )
    .weights(array![[1.0, 3.0], [1.0, 1.0]]);
    case.each_solution(2, |solved| {
        assert_eq!(solved.v.column(0), array![NEVER, NEVER, 0.0], "{}", solved.what);
        assert!(solved.q.slice(s![.., 0, ..]).iter().all(|q| *q == NEVER));
        assert_eq!(solved.policy.slice(s![.., 0, ..]), array![[0.25, 0.75], [0.25, 0.75]]);
        solved.close(solved.v[[0, 1]], 2.0 * 1.0_f64.exp().ln_1p());
    });
}

#[test]
fn a_dead_end_is_worth_minus_infinity_before_the_end_and_loses_the_mass_that_enters_it() {
    let case = Case {
        available: array![[false, false], [true, true]],
        ..Case::new(array![[[0.3, 0.3], [0.0, 7.0]], [[0.5, 0.5], [0.0, 1.0]]], Array2::zeros((2, 2)))
    };
    case.each_solution(2, |solved| {
        assert_eq!(solved.v.column(0), array![NEVER, NEVER, 0.0], "{}", solved.what);
        assert_eq!(solved.policy.slice(s![.., 0, ..]), Array2::<f64>::zeros((2, 2)));
        // Stage 1 may still step into it; at stage 0 that is luck not to (½) or out of the question.
        solved.close(solved.v[[1, 1]], 2.0_f64.ln());
        let ways = if solved.inference == Inference::Direct { 1.5 } else { 1.0 };
        solved.close(solved.v[[0, 1]], 2.0_f64.ln() + f64::ln(ways));
    });
    let row = [[0.0, 0.0], [0.5, 0.5]];
    let policy = Policy::new(array![row, row, row]).unwrap();
    for (what, mdp) in case.kinds::<f64>() {
        let occupancy = policy.state_occupancy(&mdp, &array![0.0, 1.0]).unwrap();
        let expected = [[0.0, 1.0], [0.25, 0.75], [0.1875, 0.5625], [0.140_625, 0.421_875]];
        assert_eq!(occupancy, arr2(&expected), "{what}");
        assert_eq!(policy.evaluate(&mdp).unwrap().column(1).to_vec()[..2], [NEVER, NEVER], "{what}");
    }
}

#[test]
fn a_state_that_can_never_reach_a_finite_end_is_worth_minus_infinity() {
    // 0 and 1 lead to each other, 2 is the way out, 3 may go to 0 or to 2.
    let case = Case {
        ends: array![NEVER, NEVER, 0.0, NEVER],
        ..Case::certain(array![[1, 1], [0, 0], [2, 2], [0, 2]], Array2::zeros((4, 2)))
    }
    .weights(array![[1.0, 3.0], [2.0, 2.0], [0.5, 0.5], [1.0, 1.0]]);
    case.each_solution(5, |solved| {
        for t in 0..5 {
            for (&value, expected) in solved.v.row(t).iter().zip([NEVER, NEVER, 0.0, 0.0]) {
                solved.close(value, expected);
            }
            assert_eq!(
                solved.policy.index_axis(Axis(0), t),
                array![[0.25, 0.75], [0.5, 0.5], [0.5, 0.5], [0.0, 1.0]],
            );
        }
    });
}

#[test]
fn gamma_zero_makes_q_the_reward_whatever_lies_ahead() {
    for temperature in [0.0, 0.5] {
        let case = Case {
            discount: 0.0,
            temperature,
            ends: array![NEVER, 3.0],
            ..Case::new(
                array![[[1.0, 0.0], [0.25, 0.75]], [[0.5, 0.5], [1.0, 0.0]]],
                array![[0.5, -1.0], [NEVER, 2.0]],
            )
        };
        case.each_solution(2, |solved| {
            for t in 0..2 {
                assert_eq!(solved.q.index_axis(Axis(0), t), case.rewards, "{}, t = {t}", solved.what);
                let soft = temperature * (f64::exp(-3.0)).ln_1p();
                solved.close(solved.v[[t, 0]], 0.5 + soft);
                assert_eq!(solved.v[[t, 1]], 2.0);
            }
        });
    }
}

#[test]
fn an_unavailable_action_is_worth_minus_infinity_and_never_taken_however_good_it_looks() {
    let case = Case {
        available: array![[true, false, true]],
        ..Case::new(array![[[1.0], [1e6], [1.0]]], array![[0.0, 1e6, 0.0]])
    };
    for prior in [ActionPrior::Counting, ActionPrior::Uniform, ActionPrior::Weights(array![[1.0, 9.0, 1.0]])]
    {
        Case { prior, ..case.clone() }.each_solution(1, |solved| {
            assert_eq!(solved.q, array![[[0.0, NEVER, 0.0]]], "{}", solved.what);
            assert_eq!(solved.policy, array![[[0.5, 0.0, 0.5]]], "{}", solved.what);
        });
    }
}

#[test]
fn a_prior_that_forbids_the_best_action_is_obeyed() {
    let case = Case::new(array![[[1.0], [3.0]]], array![[1.0, 1e30]]).weights(array![[1.0, 0.0]]);
    for temperature in [0.0, 1.0, 1e6] {
        Case { temperature, ..case.clone() }.each_solution(3, |solved| {
            assert_eq!(solved.v.column(0).to_vec(), [3.0, 2.0, 1.0, 0.0], "{}", solved.what);
            assert!(solved.q.iter().skip(1).step_by(2).all(|q| *q == NEVER));
            assert!(solved.policy.rows().into_iter().all(|row| row == array![1.0, 0.0]));
        });
    }
}

#[test]
fn impossible_evidence_names_the_first_stage_that_nothing_survives() {
    let chain = |rewards| Case::certain(array![[1], [2], [3], [3]], rewards);
    let zeros = || Array2::zeros((4, 1));
    let first = || array![1.0, 0.0, 0.0, 0.0];
    for stage in 0..3 {
        // A reward of −∞ on the way, and a state without actions on the way.
        let mut rewards = zeros();
        rewards[[stage, 0]] = NEVER;
        chain(rewards).impossible(first(), 3, stage, false);
        let mut available = Array2::from_elem((4, 1), true);
        available[[stage, 0]] = false;
        Case { available, ..chain(zeros()) }.impossible(first(), 3, stage, false);
    }
    let all_lost = Array1::from_elem(4, NEVER);
    Case { ends: all_lost.clone(), ..chain(zeros()) }.impossible(first(), 3, 3, true);
    Case { ends: all_lost.clone(), ..chain(zeros()) }.impossible(first(), 0, 0, true);
    // A terminal state keeps its mass until its value is counted, at the end.
    Case { ends: all_lost, terminal: vec![1], ..chain(zeros()) }.impossible(first(), 5, 5, true);
    // Two islands, and the good end on the other one.
    let islands = Case::new(
        array![
            [[0.5, 0.5, 0.0, 0.0]],
            [[0.5, 0.5, 0.0, 0.0]],
            [[0.0, 0.0, 0.5, 0.5]],
            [[0.0, 0.0, 0.5, 0.5]]
        ],
        zeros(),
    );
    let islands = Case { ends: array![NEVER, NEVER, 0.0, 0.0], ..islands };
    islands.impossible(array![0.5, 0.5, 0.0, 0.0], 4, 4, true);
    islands.each_posterior(array![0.5, 0.0, 0.5, 0.0], 4, |inferred| {
        inferred.close(inferred.log_evidence, 0.5_f64.ln());
        assert_eq!(inferred.states.row(0).to_vec(), [0.0, 0.0, 1.0, 0.0]);
    });
}

// --- one of everything ----------------------------------------------------------------------------------

#[test]
fn one_state_and_one_action_have_every_table_in_its_shape() {
    let case = Case { ends: array![0.25], ..Case::certain(array![[0]], array![[1.5]]) };
    for horizon in [0, 1] {
        let value = 0.25 + 1.5 * horizon as f64;
        case.each_solution(horizon, |solved| {
            let v = if horizon == 0 { array![[0.25]] } else { array![[1.75], [0.25]] };
            assert_eq!(solved.v, v, "{}", solved.what);
            assert_eq!(solved.q, Array3::from_elem((horizon, 1, 1), 1.75));
            assert_eq!(solved.policy, Array3::<f64>::ones((horizon, 1, 1)));
        });
        case.each_posterior(array![1.0], horizon, |inferred| {
            assert_eq!(inferred.log_evidence, value, "{}", inferred.what);
            assert_eq!(inferred.states, Array2::<f64>::ones((horizon + 1, 1)));
            assert_eq!(inferred.absorbed, Array1::<f64>::zeros(horizon + 1));
            assert_eq!(inferred.pairs, Array3::<f64>::ones((horizon, 1, 1)));
            assert_eq!(inferred.log_forward, Array2::<f64>::zeros((horizon + 1, 1)));
        });
        for (what, mdp) in case.kinds::<f64>() {
            let policy = soft_value_iteration(&mdp, horizon).unwrap().policy().clone();
            let initial = array![1.0];
            assert_eq!(
                policy.state_occupancy(&mdp, &initial).unwrap(),
                Array2::<f64>::ones((horizon + 1, 1))
            );
            let pairs = policy.state_action_occupancy(&mdp, &initial).unwrap();
            assert_eq!(pairs, Array3::<f64>::ones((horizon, 1, 1)), "{what}");
            assert_eq!(policy.elbo(&mdp, &initial), Ok(value), "{what}");
            assert_eq!(policy.expected_return(&mdp, &initial), Ok(value), "{what}");
            assert_eq!(policy.entropy(), Array2::<f64>::zeros((horizon, 1)));
            assert_eq!(policy.greedy(), Array2::<usize>::zeros((horizon, 1)));
        }
    }
}

#[test]
fn a_successor_that_is_named_twice_counts_with_the_sum() {
    let expected = DenseDynamics::new(array![[[0.25, 0.75]], [[0.0, 1.0]]]).unwrap();
    let triplets = [(0, 0, 1, 0.5), (1, 0, 1, 1.0), (0, 0, 0, 0.25), (0, 0, 1, 0.25), (0, 0, 0, 0.0)];
    let row = |state: usize, _| -> Vec<(usize, f64)> {
        triplets.iter().filter(|(s, ..)| *s == state).map(|&(_, _, next, p)| (next, p)).collect()
    };
    let sparse = SparseDynamics::from_triplets(2, 1, triplets).unwrap();
    assert_eq!(sparse, SparseDynamics::from_dynamics(&expected).unwrap());
    assert_eq!(sparse.num_transitions(), 3);
    assert_eq!(SparseDynamics::from_fn(2, 1, row).unwrap(), sparse);
    assert_eq!(DenseDynamics::from_fn(2, 1, row).unwrap(), expected);
    assert_eq!(DenseDynamics::from_dynamics(&sparse).unwrap(), expected);
}

// --- the past and the future -----------------------------------------------------------------------------

#[test]
fn a_state_that_the_filter_all_but_gave_up_comes_back_if_the_end_demands_it() {
    // Two islands. Staying on the second costs 5000: log α_1(1) = −5000, nothing in plain numbers. The end then
    // rules out the first, or leaves it with a third of what is left to the second.
    let case = Case::certain(array![[0], [1]], array![[0.0], [-5000.0]]);
    for (end, share) in [(NEVER, 1.0), (-5000.0 - 3.0_f64.ln(), 0.75)] {
        let case = Case { ends: array![end, 0.0], ..case.clone() };
        case.each_posterior(array![0.5, 0.5], 1, |inferred| {
            assert_eq!(inferred.log_forward[[1, 1]], -5000.0, "{}", inferred.what);
            // The ends differ by 5000 nats, which have an ulp of their own.
            let tolerance = 5000.0 * inferred.tolerance;
            for t in 0..2 {
                let found = inferred.states[[t, 1]];
                let exact = share == 1.0;
                assert!(
                    found == share || !exact && abs_diff_eq!(found, share, epsilon = tolerance),
                    "{}",
                    inferred.what
                );
            }
            inferred.close(inferred.pairs[[0, 1, 0]], inferred.states[[0, 1]]);
            inferred.close(inferred.log_evidence, 0.5_f64.ln() - 5000.0 - share.ln());
        });
    }
}

#[test]
fn mass_that_the_discount_absorbs_is_counted_in_every_table() {
    // β_2 = 3, β_1 = 2(½·3 + ½) = 4, β_0 = 2(½·4 + ½) = 5; Z_0 = 2, α_1 = ½, α_1(†) = ½, Z_1 = 2·½ + ½ = 3/2,
    // α_2 = ½·2·½ / Z_1 = 1/3, α_2(†) = 2/3, and 2 · 3/2 · (1/3·3 + 2/3) = 5 again.
    let case = Case::certain(array![[0]], array![[2.0_f64.ln()]]);
    let case = Case { discount: 0.5, ends: array![3.0_f64.ln()], ..case };
    case.each_posterior(array![1.0], 2, |inferred| {
        inferred.close(inferred.log_evidence, 5.0_f64.ln());
        let forward = [0.0, 0.5_f64.ln(), (1.0_f64 / 3.0).ln()];
        // p(s_t|e) = α β / (α β + α(†)): 2/(2 + ½) and 1/(1 + ⅔).
        for (t, (forward, share)) in forward.into_iter().zip([1.0, 0.8, 0.6]).enumerate() {
            inferred.close(inferred.log_forward[[t, 0]], forward);
            inferred.close(inferred.states[[t, 0]], share);
            inferred.close(inferred.absorbed[t], 1.0 - share);
        }
    });
    // Variational: J = Σ ½^t log 2 + ¼ log 3, nothing is absorbed.
    case.each_solution_in::<f64>(Inference::Variational, 2, |solved| {
        solved.close(solved.v[[0, 0]], 1.5 * 2.0_f64.ln() + 0.25 * 3.0_f64.ln());
    });
}

#[test]
fn a_terminal_state_is_worth_its_end_and_an_absorbing_one_goes_on_collecting_entropy() {
    // The numbers of `MdpBuilder::terminal_states`: A = 4, τ = 1, ten stages, rewards 0.
    let absorbing = Case::certain(array![[0, 0, 0, 0]], Array2::zeros((1, 4)));
    absorbing.each_solution(10, |solved| {
        solved.close(solved.v[[0, 0]], 10.0 * 4.0_f64.ln());
        assert_abs_diff_eq!(solved.v[[0, 0]], 13.9, epsilon = 0.05);
    });
    let terminal = Case { terminal: vec![0], ..absorbing }.weights(array![[1.0, 2.0, 1.0, 0.0]]);
    terminal.each_solution(10, |solved| {
        assert_eq!(solved.v, Array2::<f64>::zeros((11, 1)), "{}", solved.what);
        assert!(solved.q.iter().all(|q| *q == NEVER), "{}", solved.what);
        assert!(solved.policy.rows().into_iter().all(|row| row == array![0.25, 0.5, 0.25, 0.0]));
    });
}

#[test]
fn an_episode_that_starts_at_its_end_stays_there_and_is_worth_it_once() {
    // State 1 is terminal and worth log 7 whatever its rewards, its discount and its rows say.
    let case = Case {
        terminal: vec![1],
        discount: 0.5,
        ends: array![0.0, 7.0_f64.ln()],
        ..Case::certain(array![[0], [0]], array![[0.0], [1e9]])
    };
    case.each_posterior(array![0.0, 1.0], 4, |inferred| {
        inferred.close(inferred.log_evidence, 7.0_f64.ln());
        assert_eq!(inferred.states.column(1), Array1::<f64>::ones(5), "{}", inferred.what);
        assert_eq!((inferred.pairs.sum(), inferred.absorbed.sum()), (0.0, 0.0), "{}", inferred.what);
    });
    // Half of the mass starts in state 0, whose β is 1 throughout: shares 1 and 7, and of the former ½ leaves a stage.
    case.each_posterior(array![0.5, 0.5], 4, |inferred| {
        inferred.close(inferred.log_evidence, 4.0_f64.ln());
        for t in 0..5 {
            let left = 0.125 * 0.5_f64.powi(t);
            let t = t as usize;
            inferred.close(inferred.states[[t, 0]], left);
            inferred.close(inferred.states[[t, 1]], 0.875);
            inferred.close(inferred.absorbed[t], 0.125 - left);
        }
    });
    for (what, mdp) in case.kinds::<f64>() {
        let policy = Policy::new(Array3::ones((2, 2, 1))).unwrap();
        let initial = array![0.5, 0.5];
        let occupancy = policy.state_occupancy(&mdp, &initial).unwrap();
        assert_eq!(occupancy, Array2::from_elem((3, 2), 0.5), "{what}");
        let pairs = policy.state_action_occupancy(&mdp, &initial).unwrap();
        assert_eq!(pairs.sum_axis(Axis(0)), array![[1.0], [0.0]], "{what}");
        assert_eq!(policy.elbo(&mdp, &initial).unwrap(), 0.5 * 7.0_f64.ln(), "{what}");
    }
}

#[test]
fn lucky_dynamics_do_not_depend_on_what_other_states_are_worth() {
    // A fair coin, one side worth three times the other; state 3 is out of reach and worth a lot.
    let transitions = array![
        [[0.0, 0.5, 0.5, 0.0]],
        [[0.0, 1.0, 0.0, 0.0]],
        [[0.0, 0.0, 1.0, 0.0]],
        [[0.0, 0.0, 0.0, 1.0]]
    ];
    let mdp = Mdp::new(transitions, Array2::zeros((4, 1))).unwrap();
    // The last two of these divided by τ are no numbers.
    for elsewhere in [0.0, 1e3, 1e9, 1e15, 1e17, NEVER, 1e300, -1e300] {
        let temperature = if elsewhere.abs() == 1e300 { 1e-9 } else { 1.0 };
        let worth = array![0.0, 0.0, temperature * 3.0_f64.ln(), elsewhere];
        let mdp = mdp.with_temperature(temperature).unwrap().with_terminal_values(worth).unwrap();
        let posterior = posterior(&mdp, &array![1.0, 0.0, 0.0, 0.0], 1).unwrap();
        let lucky = posterior.dynamics_at(&mdp, 0).unwrap();
        assert_close(lucky[[0, 0, 2]], 0.75, 1e-14, &format!("beside a value of {elsewhere:e}"));
        assert_close(posterior.state_marginals()[[1, 2]], 0.75, 1e-14, "marginal");
        let island = if elsewhere == NEVER { 0.0 } else { 1.0 };
        assert_eq!(lucky[[3, 0, 3]], island, "the row of a state worth {elsewhere:e}");
    }
}

#[test]
fn rows_that_sum_to_nearly_one_are_used_as_they_are() {
    // ε more a row: ε a stage in nats (direct), a factor 1 + ε a stage (variational, occupancy).
    let epsilon = 1e-9;
    let case = Case::new(array![[[0.5, 0.5 + epsilon]], [[0.25 + epsilon, 0.75]]], array![[1.0], [1.0]]);
    let (what, mdp) = case.kinds::<f64>().pop().unwrap();
    let initial = array![0.5, 0.5];
    let values = |inference| SoftValueIteration::new(10).inference(inference).solve(&mdp).unwrap();
    let direct = values(Inference::Direct);
    assert_close(direct.state_values()[[0, 0]], 10.0 + 10.0 * epsilon, 1e-15, &what);
    let variational = values(Inference::Variational);
    // Σ_k (1 + ε)^k = 10 + 45 ε.
    assert_close(variational.state_values()[[0, 0]], 10.0 + 45.0 * epsilon, 1e-15, &what);
    let occupancy = variational.policy().state_occupancy(&mdp, &initial).unwrap();
    assert_close(occupancy.row(10).sum() - 1.0, 10.0 * epsilon, 1e-14, &what);
    let posterior = posterior(&mdp, &initial, 10).unwrap();
    for row in posterior.state_marginals().rows() {
        assert_close(row.sum(), 1.0, 4.0 * f64::EPSILON, &what);
    }
    assert!(direct.policy().probabilities().iter().all(|p| *p == 1.0));

    // The bound is 1e−8 in f64 and 1e−4 in f32.
    fn build<F: softmdp::Real>(excess: f64) -> Result<(), Error> {
        let row = array![[[F::from_f64(1.0 + excess)]]];
        Mdp::new(row, array![[F::zero()]]).map(drop)
    }
    assert!(build::<f64>(1e-9).is_ok() && build::<f64>(-1e-9).is_ok());
    assert!(build::<f32>(1e-5).is_ok() && build::<f32>(-1e-5).is_ok());
    for excess in [1e-3, -1e-3] {
        assert!(matches!(build::<f64>(excess), Err(Error::UnnormalizedTransition { .. })));
        assert!(matches!(build::<f32>(excess), Err(Error::UnnormalizedTransition { .. })));
    }
    assert!(matches!(build::<f64>(1e-7), Err(Error::UnnormalizedTransition { .. })));
}
