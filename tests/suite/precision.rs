//! Values, policies, messages and marginals against 256-bit arithmetic, where numbers are hard:
//! rewards from 1e−300 to 1e5 and temperatures from 1e−6 to 1e6, alone and mixed, prior weights
//! from 1e−300 to 1e300, probabilities down to the least positive number, successors 10^6 τ below
//! the best, forward messages below e^−5000, 10^5 stages. All of it in `f64` and in `f32`, whose
//! reference starts from the numbers that it holds.
//!
//! # What is proved
//!
//! The promise of relative accuracy: the error, in nats, that one stage may add is
//!
//! ```text
//! C · ε · max(1, |r|/τ, |V_t|/τ, |V_{t+1}|/τ),    ε the machine epsilon, the largest over the stage.
//! ```
//!
//! It is tested twice. *Stage by stage*: the crate's V_t and log π_t against one exact backup of
//! the crate's own V_{t+1}. *Together*: against the exact recursion from V_T on, with the sum of
//! the maxima over stages t … T−1, since a backup never makes a difference of values larger; and
//! twice that for log π_t, the difference of a Q and a V. A log-probability is never better than
//! its own last place, so |log π| joins the maximum there. Forward messages and soft evaluation are
//! tested in the same two ways, with |log ρ| and |log α| in the maximum.
//!
//! # Where the constants come from
//!
//! A stage is about ten roundings of ε/2 each, of numbers that the maximum bounds, and they do not
//! all point in one direction. A constant is the worst error that was measured, given beside it,
//! times two to four.

mod errors;
mod models;
pub(crate) mod reference;

use ndarray::{Array1, Array3, array};
use softmdp::Inference::{Direct, Variational};
use softmdp::{Inference, Mdp, Policy, Real, SoftValueIteration, forward_messages, ndarray};

use errors::{Backward, Errors, Forward, Worst, as_if_large, compare, compare_values, error};
use models::{
    GAPS, Inputs, Tested, far_below, lopsided, mixed, of_every_scale, spread_prior, two_states,
    with_minus_infinity, with_small_messages,
};
use reference::{Big, Exact, Log, Messages, Stage, big, largest, ln, small, sum};

/// V and log π after one backup: 1.22, or 2.09 beside probabilities whose logarithms the maximum
/// leaves out.
const STAGE: f64 = 4.5;
/// V and log π of an exact recursion: 1.04.
const TOTAL: f64 = 2.5;
/// The same after 10^5 stages, whose roundings do not all point in one direction: 0.30.
const LONG_TOTAL: f64 = 0.7;
/// The evidence of a forward pass of 10^5 stages, a sum of small numbers in the unit of that:
/// 0.009.
const LONG_EVIDENCE: f64 = 0.025;
/// Forward messages after one stage: 0.99.
const FORWARD_STAGE: f64 = 2.5;
/// Forward messages and evidence of an exact recursion: 0.94.
const FORWARD_TOTAL: f64 = 2.0;
/// Evidence from a backward pass: 0.19.
const EVIDENCE: f64 = 0.5;
/// State marginals: 0.61.
const MARGINALS: f64 = 1.5;
/// Rows of the lucky dynamics: 1.11.
const LUCK: f64 = 2.5;
/// V^π after one stage: 1.01.
const EVALUATION_STAGE: f64 = 2.5;
/// V^π of an exact recursion, and J: 0.55.
const EVALUATION_TOTAL: f64 = 1.5;
/// J of the best policy, whose own error counts in second order only: 0.26.
const BEST: f64 = 0.7;

/// Every combination of inference and a discount below and at 1.
const KINDS: [(f64, Inference); 4] = [(1.0, Direct), (0.9, Direct), (1.0, Variational), (0.9, Variational)];

/// Every reward scale, temperature, discount and prior.
fn check_scales<F: Tested>(inference: Inference) {
    let mut errors = Errors::new();
    let scaled = [F::TINY, 1e-8, 1.0, 1e5].map(|scale| (scale.to_string(), lopsided().scaled(scale)));
    for (scale, inputs) in scaled.into_iter().chain([("any scale".to_owned(), mixed::<F>())]) {
        for temperature in [1e-6, 1e-3, 1.0, 1e3, 1e6] {
            for discount in [1.0, 0.9, F::NEAR_ONE] {
                for (kind, prior) in [("counting", None), ("spread", Some(spread_prior::<F>()))] {
                    let inputs = Inputs { prior, discount, temperature, ..inputs.clone() };
                    let what =
                        format!("rewards of {scale}, τ = {temperature:e}, γ = {discount}, {kind} prior");
                    errors.backward(&inputs.build::<F>(), inference, 3, &what);
                }
            }
        }
    }
    errors.assert_at_most(STAGE, TOTAL);
}

#[test]
fn direct_values_and_policies_are_right_at_every_scale() {
    check_scales::<f64>(Direct);
    check_scales::<f32>(Direct);
}

#[test]
fn variational_values_and_policies_are_right_at_every_scale() {
    check_scales::<f64>(Variational);
    check_scales::<f32>(Variational);
}

fn check_ends_of_the_range<F: Tested>() {
    let mut errors = Errors::new();
    for scale in [F::TINY, 1.0 / F::TINY] {
        for ratio in [0.03, 1.0, 40.0] {
            for (discount, inference) in KINDS {
                let inputs = Inputs { temperature: scale * ratio, discount, ..lopsided().scaled(scale) };
                let what = format!("rewards of {scale:e}, τ {ratio} times that, γ = {discount}");
                errors.backward(&inputs.build::<F>(), inference, 4, &what);
            }
        }
    }
    errors.assert_at_most(STAGE, TOTAL);
}

#[test]
fn rewards_and_temperature_may_lie_at_either_end_of_the_range() {
    check_ends_of_the_range::<f64>();
    check_ends_of_the_range::<f32>();
}

fn check_minus_infinity<F: Tested>() {
    let mut errors = Errors::new();
    for (name, inputs) in with_minus_infinity() {
        for (scale, temperature) in [(F::TINY, 1.0), (1.0, 1e-3), (1e5, 1e-6), (1.0, 1e6)] {
            for (discount, inference) in KINDS {
                let inputs = Inputs { discount, temperature, ..inputs.clone().scaled(scale) };
                let what = format!("{name}, rewards of {scale:e}, τ = {temperature:e}, γ = {discount}");
                errors.backward(&inputs.build::<F>(), inference, 4, &what);
            }
        }
    }
    errors.assert_at_most(STAGE, TOTAL);
}

#[test]
fn minus_infinity_is_exact_and_leaves_the_rest_right() {
    check_minus_infinity::<f64>();
    check_minus_infinity::<f32>();
}

fn check_far_below<F: Tested>() {
    let mut errors = Errors::new();
    for gap in GAPS {
        for rare in F::rare() {
            for (temperature, dead) in [(1.0, false), (3e4, false), (7e-5, true)] {
                let mdp = far_below(gap, rare, temperature, dead).build::<F>();
                let what = format!("{gap} τ below, probability {rare:e}, τ = {temperature:e}, dead: {dead}");
                errors.backward(&mdp, Direct, 2, &what);
            }
        }
    }
    errors.assert_at_most(STAGE, TOTAL);
}

#[test]
fn successors_far_below_the_best_and_of_least_probability_are_not_lost() {
    check_far_below::<f64>();
    check_far_below::<f32>();
}

const LONG: usize = 100_000;

/// The exact recursion over 10^5 stages, without a logarithm; some stages are kept, each with the
/// sum of scales.
fn long_reference(inference: Inference) -> Vec<(usize, Stage, f64)> {
    let exact = Exact::new(&two_states().build::<f64>());
    // Within 1 of |log β|: the exponent is enough for a scale.
    let size = |beta: &Big| ((beta.repr().exponent() + beta.digits() as isize) as f64).abs() * 2f64.ln();
    let mut next = exact.end.plain.clone();
    let (mut kept, mut scale) = (Vec::new(), 0.0);
    for t in (0..LONG).rev() {
        let step = |state| match inference {
            Variational => exact.step_by_roots(state, &next),
            Direct => exact.step(state, &next),
        };
        let now = vec![step(0), step(1)];
        scale += now.iter().chain(&next).map(size).fold(exact.reward_scale(), f64::max);
        if t % 4000 == 0 || t + 3 > LONG {
            kept.push((t, exact.backup(inference, &Messages::from_plain(next)), scale));
        }
        next = now;
    }
    kept
}

fn check_long<F: Tested>(inference: Inference, reference: &[(usize, Stage, f64)]) {
    let (mut values, mut evidence) = (Worst::new(), Worst::new());
    let mdp = two_states().build::<F>();
    let solution = SoftValueIteration::new(LONG).inference(inference).solve(&mdp).unwrap();
    for (t, stage, scale) in reference {
        compare(&mut values, &mdp, &solution, (*t, stage), (*scale, 2.0), "two states");
    }
    let large = as_if_large(&mdp);
    let alone = SoftValueIteration::new(LONG).inference(inference).solve_values(&large).unwrap();
    for (t, stage, scale) in reference {
        let found = alone.state_values().row(*t).to_vec();
        compare_values(&mut values, &mdp, &found, stage, *scale, || format!("stage {t}, two states, alone"));
    }
    values.assert_at_most(LONG_TOTAL);
    if inference == Direct {
        let (_, first, scale) = reference.last().expect("stage 0");
        let even = array![F::from_f64(0.5), F::from_f64(0.5)];
        let found = forward_messages(&mdp, &even, LONG).unwrap().log_evidence();
        let off = error(found, F::one(), &ln(&(sum(&first.values.plain) / big(2.0))));
        evidence.see(off, F::epsilon().into_f64() * scale, || "evidence (D6)".to_owned());
        evidence.assert_at_most(LONG_EVIDENCE);
    }
}

#[test]
fn direct_values_and_evidence_are_right_after_100_000_stages() {
    let reference = long_reference(Direct);
    check_long::<f64>(Direct, &reference);
    check_long::<f32>(Direct, &reference);
}

#[test]
fn variational_values_are_right_after_100_000_stages() {
    let reference = long_reference(Variational);
    check_long::<f64>(Variational, &reference);
    check_long::<f32>(Variational, &reference);
}

fn initial<F: Real>() -> Array1<F> {
    array![0.5, 0.25, 0.25].mapv(F::from_f64)
}

const HORIZON: usize = 8;

fn check_forward<F: Tested>() {
    let mut errors = Errors::new();
    let mut largest: f64 = 0.0;
    for (what, inputs) in with_small_messages::<F>() {
        largest = largest.max(errors.forward(&inputs.build::<F>(), &initial(), HORIZON, &what));
    }
    assert!(largest > 5000.0, "the least message is e^−{largest}");
    for (what, inputs) in of_every_scale::<F>() {
        errors.forward(&inputs.build::<F>(), &initial(), 3, &what);
    }
    errors.assert_at_most(FORWARD_STAGE, FORWARD_TOTAL);
}

#[test]
fn forward_messages_are_right_at_every_scale_and_below_e_to_the_minus_5000() {
    check_forward::<f64>();
    check_forward::<f32>();
}

/// Marginals (D7), evidence (D6) and lucky dynamics (D9). The error of a probability, relative to
/// itself, is that of the logarithms that it is made from.
fn check_posterior<F: Tested>() {
    let (mut marginals, mut luck, mut evidence) = (Worst::new(), Worst::new(), Worst::new());
    for (what, inputs) in with_small_messages::<F>() {
        let mdp = inputs.build::<F>();
        let forward = Forward::new(&mdp, &initial(), HORIZON);
        let Backward { exact, stages, solution, scales } = Backward::new(&mdp, Direct, HORIZON);
        let posterior = solution.posterior(&mdp, &initial()).unwrap();

        let unit = F::epsilon().into_f64() * (scales[0] + forward.scales[0]);
        let off = error(posterior.log_evidence(), F::one(), &forward.log_evidence());
        evidence.see(off, unit, || what.clone());

        for (t, (alpha, Stage { values, .. })) in forward.alphas.iter().zip(&stages).enumerate() {
            let masses = alpha.weigh(values);
            let total = sum(&masses);
            let scale = forward.scales[t] + scales[t] + alpha.scale().max(values.scale()).max(1.0);
            let mut found = posterior.state_marginals().row(t).to_vec();
            found.push(posterior.absorbed_marginals()[t]);
            for (state, (found, mass)) in found.into_iter().zip(&masses).enumerate() {
                let place = || format!("state {state}, stage {t}, {what}");
                marginals.see_probability(found, &(mass / &total), scale, place);
            }
        }
        for t in 0..HORIZON {
            let (rows, next) = (posterior.dynamics_at(&mdp, t).unwrap(), &stages[t + 1].values);
            for ((state, action, next_state), &found) in rows.indexed_iter() {
                let row = exact.luck((state, action), next);
                let p = big(mdp.dynamics().transitions()[[state, action, next_state]]);
                let scale = scales[t + 1] + next.scale().max(largest(&[ln(&p)])).max(1.0);
                let place = || format!("row of {state}, {action} to {next_state}, stage {t}, {what}");
                luck.see_probability(found, &row[next_state], scale, place);
            }
        }
    }
    evidence.assert_at_most(EVIDENCE);
    marginals.assert_at_most(MARGINALS);
    luck.assert_at_most(LUCK);
}

#[test]
fn posterior_marginals_and_lucky_dynamics_are_right_where_messages_are_small() {
    check_posterior::<f64>();
    check_posterior::<f32>();
}

/// Policies with rare, certain and forbidden actions.
fn policy<F: Tested>() -> Policy<F> {
    let mut table = Array3::zeros((F::rare().len(), 3, 2));
    for (mut stage, rare) in table.outer_iter_mut().zip(F::rare()) {
        stage.assign(&array![[rare, 1.0 - rare], [0.3, 0.7], [0.0, 1.0]]);
    }
    Policy::new(table.mapv(F::from_f64)).unwrap()
}

/// Σ p₀ V/τ.
fn expectation<F: Real>(values: &[Log]) -> Log {
    let mut sum = big(0.0);
    for (&p, value) in initial::<F>().iter().zip(values) {
        sum += big(p) * value.as_ref()?;
    }
    Some(sum)
}

fn check_evaluation_of<F: Tested>(mdp: &Mdp<F>, errors: &mut Errors, what: &str) {
    let (policy, exact, epsilon) = (policy::<F>(), Exact::new(mdp), F::epsilon().into_f64());
    let found = policy.evaluate(mdp).unwrap();
    let mut next = exact.end.logs.clone();
    let mut total = 0.0;
    for t in (0..policy.horizon()).rev() {
        let table = policy.probabilities();
        let table = table.index_axis(ndarray::Axis(0), t);
        let from_own = exact.evaluate(&table, &exact.widen(&found.row(t + 1)).logs);
        let now = exact.evaluate(&table, &next);
        let scale = exact.reward_scale().max(exact.prior_scale()).max(largest(&now)).max(largest(&next));
        total += scale;
        for (state, &value) in found.row(t).iter().enumerate() {
            let off = |exact: &[Log]| error(value, mdp.temperature(), &exact[state]);
            errors.stage.see(off(&from_own), epsilon * scale, || format!("state {state}, stage {t}, {what}"));
            errors.total.see(off(&now), epsilon * total, || format!("state {state}, stage {t}, {what}"));
        }
        next = now;
    }
    let unit = epsilon * (total + largest(&next));
    let elbo = policy.elbo(mdp, &initial()).unwrap();
    errors.total.see(error(elbo, mdp.temperature(), &expectation::<F>(&next)), unit, || format!("J, {what}"));
}

fn check_evaluation<F: Tested>() {
    let mut errors = Errors::new();
    for (what, inputs) in of_every_scale::<F>() {
        check_evaluation_of(&inputs.build::<F>(), &mut errors, &what);
    }
    errors.assert_at_most(EVALUATION_STAGE, EVALUATION_TOTAL);
}

#[test]
fn soft_evaluation_and_elbo_are_right_at_every_scale() {
    check_evaluation::<f64>();
    check_evaluation::<f32>();
}

/// (V4): the solver's policy is worth Σ p₀ V_0 of the reference.
fn check_best<F: Tested>() {
    let mut worst = Worst::new();
    for (what, inputs) in of_every_scale::<F>() {
        let mdp = inputs.build::<F>();
        let Backward { stages, solution, scales, .. } = Backward::new(&mdp, Variational, 3);
        let exact = expectation::<F>(&stages[0].values.logs);
        let elbo = solution.policy().elbo(&mdp, &initial()).unwrap();
        let unit = F::epsilon().into_f64() * (scales[0] + stages[0].values.scale());
        worst.see(error(elbo, mdp.temperature(), &exact), unit, || what);
    }
    worst.assert_at_most(BEST);
}

#[test]
fn the_best_policy_is_worth_the_best_value() {
    check_best::<f64>();
    check_best::<f32>();
}

#[test]
fn the_reference_agrees_with_itself_to_70_digits() {
    let apart = |a: &Log, b: &Log| small(&(a.as_ref().unwrap() - b.as_ref().unwrap())).abs();
    for (what, inputs) in with_small_messages::<f64>() {
        let mdp = inputs.build::<f64>();
        let forward = Forward::new(&mdp, &initial(), HORIZON);
        let stages = Exact::new(&mdp).solve(Direct, HORIZON);
        let evidence = sum(&forward.alphas[0].weigh(&stages[0].values));
        assert!(apart(&forward.log_evidence(), &ln(&evidence)) < 1e-70, "{what}");
        assert!(apart(&ln(&evidence), &Some(evidence.ln())) < 1e-70, "{what}");
    }
}
