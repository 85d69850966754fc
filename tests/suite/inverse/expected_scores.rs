//! The expected score vanishes at the true rewards: for every likelihood, over all trajectories
//! with their probabilities under the agent that the likelihood describes.

use proptest::prelude::*;
use softmdp::inverse::{Demonstrations, Likelihood};
use softmdp::{Inference, SoftValueIteration, Trajectory};

use crate::common::enumeration::{self, acting_trajectories, posterior_trajectories};
use crate::common::{MINUS_INFINITY, SMALL, Tables, TimeVarying, cases, tables};

/// Of sums over all trajectories, whose terms are of order 1/τ.
const ROUNDING: f64 = 1e-10;

/// Trajectories with their probabilities, as demonstrations.
fn weighted(tables: &Tables, all: Vec<(enumeration::Trajectory, f64)>) -> Option<Demonstrations> {
    let (all, weights): (Vec<_>, Vec<_>) = all.into_iter().filter(|(_, p)| *p > 0.0).unzip();
    let is_cut_off: Vec<bool> = all
        .iter()
        .map(|one| {
            let is_terminal = one.states.last().is_some_and(|&last| tables.is_terminal[last]);
            !one.left && !is_terminal && one.actions.len() < tables.horizon()
        })
        .collect();
    let trajectories = all.into_iter().map(|one| Trajectory::new(one.states, one.actions).unwrap());
    let demonstrations = Demonstrations::new(trajectories).with_weights(weights.iter().copied()).unwrap();
    (!weights.is_empty()).then(|| demonstrations.with_cut_off(is_cut_off).unwrap())
}

fn check(
    likelihood: &Likelihood,
    tables: &Tables,
    all: Vec<(enumeration::Trajectory, f64)>,
    what: &str,
) -> Result<(), TestCaseError> {
    let Some(demonstrations) = weighted(tables, all) else { return Ok(()) };
    let model = TimeVarying::new(tables.clone());
    let score = likelihood.clone().horizon(tables.horizon()).evaluate(&model, &demonstrations).unwrap();
    let scale = (1.0 + score.value().abs()) / tables.temperature;
    let is_zero = |gradient: f64| gradient.abs() <= ROUNDING * scale;
    prop_assert!(
        score.reward_gradient().iter().all(|&g| is_zero(g)),
        "{what}: {:?}",
        score.reward_gradient()
    );
    prop_assert!(
        score.terminal_gradient().iter().all(|&g| is_zero(g)),
        "{what}: {:?}",
        score.terminal_gradient()
    );
    prop_assert!(is_zero(score.temperature_gradient()), "{what}: τ {:?}", score.temperature_gradient());
    // At the ends of its range, one more or one less trajectory is possible.
    if tables.discount > 0.0 && tables.discount < 1.0 && what != "feature matching" {
        let gradient = score.discount_gradient().unwrap();
        prop_assert!(is_zero(gradient), "{what}: γ {gradient:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn of_trajectories_vanish(tables in tables(SMALL)) {
        let tables = tables.with_varying_priors();
        let all = || posterior_trajectories(&tables);
        check(&Likelihood::trajectories(), &tables, all(), "given the start")?;
        check(&Likelihood::trajectories().initial(tables.initial.clone()), &tables, all(), "joint")?;
    }

    #[test]
    fn of_actions_and_of_features_vanish(tables in tables(SMALL)) {
        let tables = tables.with_varying_priors();
        for inference in [Inference::Direct, Inference::Variational] {
            let solver = SoftValueIteration::new(tables.horizon()).inference(inference);
            let solution = solver.solve(&TimeVarying::new(tables.clone())).unwrap();
            let values = solution.state_values();
            let mut all = acting_trajectories(&tables, &solution.policy().probabilities().to_owned());
            // Success is impossible from a state of value −∞, and so is every action there.
            for (one, _) in &mut all {
                let hopeless = (0..one.actions.len()).find(|&t| values[[t, one.states[t]]] == MINUS_INFINITY);
                if let Some(t) = hopeless {
                    one.states.truncate(t + 1);
                    one.actions.truncate(t);
                }
            }
            all.retain(|(one, _)| values[[0, one.states[0]]] > MINUS_INFINITY);
            check(&Likelihood::actions(inference), &tables, all.clone(), &format!("actions, {inference}"))?;
            // At γ = 0 an agent that does not care may come to such a state.
            let are_whole = tables.discount > 0.0;
            if inference == Inference::Variational && are_whole {
                check(&Likelihood::feature_matching(), &tables, all, "feature matching")?;
            }
        }
    }
}
