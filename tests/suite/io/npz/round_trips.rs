//! What is written is read again to the bit.

use approx::assert_relative_eq;
use proptest::prelude::*;
use softmdp::io::{ModelFile, Npz, StoredModel};
use softmdp::ndarray::{Array1, Array3, array};
use softmdp::{
    ActionPrior, DeterministicDynamics, ForwardMessages, Inference, Mdp, Model, Policy, Posterior, Real,
    SoftValueIteration, Solution, SparseDynamics, StateValues, TimeVaryingMdp, forward_messages, posterior,
};

use crate::common::{SMALL, Tables, cases, tables};

/// Values, to be compared to the bit, and where they come from.
fn values<F: Real>(model: &impl Model<Scalar = F>, horizon: usize, inference: Inference) -> Solution<F> {
    SoftValueIteration::new(horizon).inference(inference).solve(model).unwrap()
}

/// Writes, reads, writes again: the same bytes and the same values.
#[track_caller]
fn round_trip<F: Real>(file: &ModelFile<F>, horizon: usize) -> ModelFile<F> {
    let bytes = file.to_npz().unwrap();
    let again = ModelFile::<F>::from_npz(&bytes).unwrap();
    assert_eq!(again.to_npz().unwrap(), bytes);
    assert_eq!(again.initial(), file.initial());
    for inference in [Inference::Direct, Inference::Variational] {
        let (found, expected) =
            (values(again.model(), horizon, inference), values(file.model(), horizon, inference));
        assert_eq!(found.state_values().shape(), expected.state_values().shape());
        let pairs = found.state_values().into_iter().zip(expected.state_values());
        for (&found, &expected) in pairs {
            // Another layout may sum in another order.
            let tolerance = 1e4 * F::epsilon().into_f64();
            let (found, expected) = (found.into_f64(), expected.into_f64());
            assert_relative_eq!(found, expected, epsilon = tolerance, max_relative = tolerance);
        }
    }
    again
}

fn model_file(tables: &Tables, model: impl Into<StoredModel>) -> ModelFile {
    ModelFile::new(model).with_initial(tables.initial.clone()).unwrap()
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn models_of_every_kind(tables in tables(SMALL)) {
        let horizon = tables.horizon();
        for (_, mdp) in tables.kinds() {
            let again = round_trip(&model_file(&tables, mdp.clone()), 3);
            let StoredModel::Mdp(again) = again.model() else { panic!("another kind of model") };
            prop_assert_eq!(again.rewards(), mdp.rewards());
            prop_assert_eq!(again.prior_weights(), mdp.prior_weights());
            prop_assert_eq!(again.terminal_values(), mdp.terminal_values());
            prop_assert!(again.terminal_states().eq(mdp.terminal_states()));
            prop_assert_eq!(again.discount(), mdp.discount());
            prop_assert_eq!(again.temperature(), mdp.temperature());
            let rich = mdp.with_successor_rewards(|s, a, n| (s * 7 + a * 3) as f64 - (n * n) as f64).unwrap();
            round_trip(&model_file(&tables, rich.clone()), 3);
            let rewards = Array3::from_shape_fn((horizon, tables.num_states(), tables.num_actions()), |(t, s, a)| {
                tables.stages[t].rewards[[s, a]]
            });
            let varying = TimeVaryingMdp::from_rewards(&mdp, rewards.clone()).unwrap();
            round_trip(&model_file(&tables, varying.clone()), horizon);
            round_trip(&model_file(&tables, varying.repeating()), 2 * horizon);
            let stages = rewards.outer_iter().map(|rewards| rich.with_rewards(rewards.to_owned()).unwrap());
            let varying = TimeVaryingMdp::new(stages).unwrap();
            round_trip(&model_file(&tables, varying), horizon);
        }
    }

    #[test]
    fn results(tables in tables(SMALL)) {
        let mdp = tables.mdp();
        for inference in [Inference::Direct, Inference::Variational] {
            let solver = SoftValueIteration::new(tables.horizon()).inference(inference);
            let solution = solver.solve(&mdp).unwrap();
            prop_assert_eq!(&Solution::from_npz(&solution.to_npz().unwrap()).unwrap(), &solution);
            let policy = solution.policy();
            prop_assert_eq!(&Policy::from_npz(&policy.to_npz().unwrap()).unwrap(), policy);
            let values = solver.solve_values(&mdp).unwrap();
            prop_assert_eq!(&StateValues::from_npz(&values.to_npz().unwrap()).unwrap(), &values);
        }
        if let Ok(messages) = forward_messages(&mdp, &tables.initial, tables.horizon()) {
            prop_assert_eq!(&ForwardMessages::from_npz(&messages.to_npz().unwrap()).unwrap(), &messages);
        }
        if let Ok(posterior) = posterior(&mdp, &tables.initial, tables.horizon()) {
            let bytes = posterior.to_npz().unwrap();
            prop_assert_eq!(&Posterior::from_npz(&bytes).unwrap(), &posterior);
            prop_assert_eq!(&Solution::from_npz(&bytes).unwrap(), posterior.solution());
        }
    }
}

#[test]
fn results_that_underflow() {
    // Logarithms go on where probabilities are 0, and values of −∞ have a policy.
    let mdp = Mdp::builder(
        array![[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]],
        array![[0.0, -800.0], [0.0, 1.0]],
    )
    .terminal_values(array![f64::NEG_INFINITY, 0.0])
    .build()
    .unwrap();
    let solution = values(&mdp, 40, Inference::Direct);
    assert!(solution.policy().probabilities().iter().any(|&p| p == 0.0));
    assert_eq!(Solution::from_npz(&solution.to_npz().unwrap()).unwrap(), solution);
}

#[test]
fn models_and_results_in_single_precision() {
    let mdp = Mdp::builder(array![[[0.25_f32, 0.75]], [[0.0, 1.0]]], array![[-1.5_f32], [f32::NEG_INFINITY]])
        .temperature(0.3)
        .action_prior(ActionPrior::Weights(array![[0.1], [7.0]]))
        .build()
        .unwrap();
    let file = ModelFile::new(mdp.clone()).with_initial(array![0.3, 0.7]).unwrap();
    let bytes = round_trip(&file, 4).to_npz().unwrap();
    let solution = values(&mdp, 4, Inference::Variational);
    assert_eq!(Solution::from_npz(&solution.to_npz().unwrap()).unwrap(), solution);
    // What is in single precision is read in double, exactly.
    let wide = ModelFile::<f64>::from_npz(&bytes).unwrap();
    assert_eq!(wide.model().temperature(), f64::from(0.3_f32));
}

#[test]
fn the_smallest_layout_is_written() {
    let names = |file: &ModelFile| {
        let bytes = file.to_npz().unwrap();
        ["transitions.npy", "row_offsets.npy", "successors.npy"]
            .map(|name| bytes.windows(name.len()).any(|window| window == name.as_bytes()))
    };
    let n = 50;
    let ring = DeterministicDynamics::<f64>::from_fn(n, 2, |s, a| (s + a) % n).unwrap();
    let slip = SparseDynamics::from_fn(n, 2, |s, a| [((s + a) % n, 0.5), ((s + 7) % n, 0.5)]).unwrap();
    let rewards = softmdp::ndarray::Array2::zeros((n, 2));
    let full = Array3::from_elem((3, 1, 3), 1.0 / 3.0);
    let model = |mdp| ModelFile::new(mdp);
    assert_eq!(
        names(&model(StoredModel::from(Mdp::builder(ring, rewards.clone()).build().unwrap()))),
        [false, false, true]
    );
    assert_eq!(
        names(&model(StoredModel::from(Mdp::builder(slip, rewards).build().unwrap()))),
        [false, true, false]
    );
    assert_eq!(
        names(&model(StoredModel::from(Mdp::new(full, array![[0.0], [0.0], [0.0]]).unwrap()))),
        [true, false, false]
    );
}

#[test]
fn a_file_on_disk() {
    let path = std::env::temp_dir().join(format!("softmdp-files-{}.npz", std::process::id()));
    let mdp = Mdp::new(array![[[1.0]]], array![[0.5]]).unwrap();
    let file = ModelFile::new(mdp).with_initial(Array1::ones(1)).unwrap();
    file.write_npz(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let again = ModelFile::<f64>::read_npz(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(bytes, file.to_npz().unwrap());
    assert_eq!(again.initial(), file.initial());
}
