//! Small temperatures approach temperature 0, at the rate that the equations promise.

use approx::abs_diff_eq;
use proptest::prelude::*;
use softmdp::Inference;

use crate::common::{MINUS_INFINITY, Tables, cases};
use crate::identities::{models, slack, solve};

/// Asserts that values at the temperature of `tables` lie within the sum over stages of τ
/// `nats(t)`, discounted, of those at temperature 0; −∞ exactly where they are.
fn approaches_zero(
    tables: &Tables,
    inference: Inference,
    discount: f64,
    nats: impl Fn(usize) -> f64,
) -> Result<(), TestCaseError> {
    let soft = solve(tables, inference).state_values().to_owned();
    let hard = solve(&Tables { temperature: 0.0, ..tables.clone() }, inference).state_values().to_owned();
    let mut bound = 0.0;
    for t in (0..=tables.horizon()).rev() {
        if t < tables.horizon() {
            bound = discount * bound + tables.temperature * nats(t);
        }
        for (soft, hard) in soft.row(t).iter().zip(hard.row(t)) {
            prop_assert!(
                soft == hard || hard.is_finite() && abs_diff_eq!(soft, hard, epsilon = bound + slack(*hard)),
                "stage {t}, τ = {}: {soft} is not within {bound} of {hard}",
                tables.temperature
            );
        }
    }
    Ok(())
}

/// The largest |log ρ(a*)|, |log Σ_a ρ| of a stage, a* a maximiser at temperature 0.
fn nats_of_choice(tables: &Tables, inference: Inference) -> Vec<f64> {
    let hard = solve(&Tables { temperature: 0.0, ..tables.clone() }, inference);
    let mut nats = vec![0.0_f64; tables.horizon()];
    for ((t, state, action), q) in hard.action_values().indexed_iter() {
        let prior = &tables.stages[t].prior;
        if *q > MINUS_INFINITY && *q == hard.state_values()[[t, state]] {
            let (best, total) = (prior[[state, action]].ln(), prior.row(state).sum().ln());
            nats[t] = nats[t].max(best.abs()).max(total.abs());
        }
    }
    nats
}

/// The largest |log(γ P)| and |log(1 − γ)| of a stage.
fn nats_of_luck(tables: &Tables, t: usize) -> f64 {
    let least =
        tables.stages[t].transitions.iter().filter(|p| **p > 0.0).fold(1.0_f64, |least, p| least.min(*p));
    let logs = [(tables.discount * least).ln(), (1.0 - tables.discount).ln()];
    logs.into_iter().filter(|log| log.is_finite()).fold(0.0, |most, log| log.abs().max(most))
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn variational_values_are_within_the_entropy_of_the_hard_ones(
        tables in models(),
        temperature in prop_oneof![Just(1e-9), Just(1e-3), 0.01..5.0],
    ) {
        let tables = Tables { temperature, ..tables };
        let nats = nats_of_choice(&tables, Inference::Variational);
        approaches_zero(&tables, Inference::Variational, tables.discount, |t| nats[t])?;
    }

    #[test]
    fn direct_values_are_within_entropy_and_luck_of_the_hard_ones(
        tables in models(),
        temperature in prop_oneof![Just(1e-9), Just(1e-3), 0.01..5.0],
    ) {
        let tables = Tables { temperature, ..tables };
        let nats = nats_of_choice(&tables, Inference::Direct);
        // A chance to leave does not discount errors: γ is among the nats of luck.
        approaches_zero(&tables, Inference::Direct, 1.0, |t| nats[t] + nats_of_luck(&tables, t))?;
    }
}
