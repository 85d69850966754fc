//! The bundled models, read from what Python wrote, against values that Python computed.
//!
//! The numbers are those of `examples/models/README.md`: a value iteration in numpy over the lists
//! of the environments themselves, which shares nothing with this crate but those lists.

use softmdp::io::{ModelFile, Npz};
use softmdp::{ActionPrior, Inference, Model, SoftValueIteration, SparseDynamics};

use crate::common::assert_close;

fn bundled(name: &str) -> ModelFile {
    ModelFile::read_npz(format!("{}/examples/models/{name}.npz", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The optimal value, averaged over where episodes begin.
fn optimal_value(name: &str, discount: f64, horizon: usize) -> f64 {
    let file = bundled(name).with_temperature(0.0).unwrap().with_discount(discount).unwrap();
    let solver = SoftValueIteration::new(horizon).inference(Inference::Variational);
    let values = solver.solve_values(file.model()).unwrap();
    file.initial().unwrap().dot(&values.state_values().row(0))
}

#[test]
fn optimal_values_are_those_of_numpy() {
    for (name, discount, horizon, expected) in [
        ("frozen_lake_4x4", 0.99, 1000, 0.542_025_932_000_472_6),
        ("frozen_lake_4x4", 1.0, 100, 0.744_190_287_829_268_9),
        ("frozen_lake_8x8", 0.99, 1000, 0.414_640_361_799_958_67),
        ("frozen_lake_8x8", 1.0, 200, 0.913_220_150_201_628_8),
        ("cliff_walking", 1.0, 50, -13.0),
        ("cliff_walking", 0.9, 50, -7.458_134_171_671),
        ("cliff_walking_slippery", 1.0, 3000, -64.709_175_909_962_11),
        ("taxi", 1.0, 30, 7.93),
        ("taxi", 0.95, 60, 1.729_930_016_832_183_8),
    ] {
        assert_close(optimal_value(name, discount, horizon), expected, 1e-13, name);
    }
}

#[test]
fn a_transition_with_two_rewards_folds_for_each_inference() {
    let file = bundled("cliff_walking_slippery").with_action_prior(&ActionPrior::Uniform).unwrap();
    for (inference, expected) in
        [(Inference::Direct, -14.466_145_046_032_564), (Inference::Variational, -21.195_873_906_902_62)]
    {
        let values = SoftValueIteration::new(13).inference(inference).solve_values(file.model()).unwrap();
        assert_close(values.state_values()[[0, 36]], expected, 1e-14, "V(36)");
    }
}

#[test]
fn matrices_that_scipy_wrote() {
    // `scipy.sparse.save_npz` of scipy 1.17.1, with compressed=False, of an array [S · A, S].
    let path = |name| format!("{}/tests/data/npz/scipy_{name}.npz", env!("CARGO_MANIFEST_DIR"));
    let triplets = [(0, 0, 0, 1.0), (0, 1, 0, 0.25), (0, 1, 1, 0.75), (1, 0, 0, 1.0), (1, 1, 1, 1.0)];
    let expected = SparseDynamics::from_triplets(2, 2, triplets).unwrap();
    assert_eq!(SparseDynamics::read_npz(path("csr")).unwrap(), expected);
    let error = SparseDynamics::<f64>::read_npz(path("csc")).unwrap_err();
    assert!(error.to_string().ends_with("\"csc\" is not \"csr\": convert the matrix by .tocsr()"), "{error}");
}

#[test]
fn bundled_models_are_as_described() {
    for (name, num_states, num_actions, num_terminal) in [
        ("frozen_lake_4x4", 16, 4, 5),
        ("frozen_lake_8x8", 64, 4, 11),
        ("cliff_walking", 48, 4, 1),
        ("cliff_walking_slippery", 48, 4, 1),
        ("taxi", 504, 6, 4),
    ] {
        let file = bundled(name);
        let model = file.model();
        assert_eq!((model.num_states(), model.num_actions()), (num_states, num_actions), "{name}");
        let num_found = (0..num_states).filter(|&state| model.is_terminal(state)).count();
        assert_eq!(num_found, num_terminal, "{name}");
        softmdp::check_model(model, 1).unwrap();
        let again = ModelFile::<f64>::from_npz(&file.to_npz().unwrap()).unwrap();
        assert_eq!(again.to_npz().unwrap(), file.to_npz().unwrap(), "{name}");
    }
}
