//! The models themselves, by slow references alone.

use approx::{abs_diff_eq, assert_abs_diff_eq};

use crate::worlds::published::{Published, published};
use crate::worlds::reference::{Reference, by_elimination, by_iteration, distance};
use crate::worlds::{World, bus, chains, garnet, lakes, taxi};

/// The models of the file with values, in its order.
pub(crate) fn published_worlds() -> Vec<(World, Published)> {
    let worlds = vec![
        chains::forest(3, 0.9),
        chains::forest(100, 0.99),
        lakes::frozen_lake(4, 0.99),
        lakes::frozen_lake(8, 0.99),
        lakes::cliff_walking(0.9),
        taxi::taxi(0.95),
        chains::ring(40, 0.1, 0.99),
        chains::queue(100, 0.999),
        garnet::garnet(1995, 200, 4, 5, 0.95),
        bus::group4(),
    ];
    let found = published();
    assert_eq!(worlds.len(), found.len(), "a model for each list of values");
    for (world, found) in worlds.iter().zip(&found) {
        assert!(world.name.starts_with(found.name), "{} and {}", world.name, found.name);
        assert_eq!(
            (world.mdp.discount(), world.mdp.temperature(), world.mdp.num_states()),
            (found.discount, found.temperature, found.values.len()),
            "{}",
            world.name
        );
    }
    worlds.into_iter().zip(found).collect()
}

#[test]
fn models_have_the_values_that_other_programs_find() {
    for (world, found) in published_worlds() {
        let reference = by_elimination(&world.mdp);
        let distance = distance(&reference.values, &found.values);
        assert!(reference.bound < 1e-7, "{}: {:e}", world.name, reference.bound);
        assert!(
            distance <= reference.bound + found.tolerance,
            "{}, by {}: {distance:e}",
            world.name,
            found.source
        );
    }
}

#[test]
fn slow_programs_agree() {
    for (world, _) in published_worlds() {
        if world.mdp.discount() > 0.99 {
            continue; // Value iteration by its plain rule is slow indeed, and held up by rounding.
        }
        for temperature in [0.0, 0.05, 1.0] {
            for world in [world.soft(temperature), world.uniform().soft(temperature)] {
                let (slow, exact) = (by_iteration(&world.mdp, 1e-10), by_elimination(&world.mdp));
                let distance = distance(&slow.values, &exact.values);
                assert!(distance <= slow.bound + exact.bound, "{}: {distance:e}", world.name);
            }
        }
    }
}

#[test]
fn well_known_values_of_starts() {
    // Dynamic programming along the shortest safe path: 13 steps along the cliff.
    let start = by_elimination(&lakes::cliff_walking(0.9).mdp).values[36];
    assert_abs_diff_eq!(start, -10.0 * (1.0 - 0.9_f64.powi(13)), epsilon = 1e-12);
    // The documentation of pymdptoolbox: V of the forest, γ = 0.9.
    let forest = by_elimination(&chains::forest(3, 0.9).mdp).values;
    assert!(distance(&forest, &[26.244, 29.484, 33.484]) < 1e-12, "{forest:?}");
}

#[test]
fn ring_without_failures_has_a_closed_form() {
    for (num_places, discount) in [(1, 0.9), (2, 0.5), (9, 0.9), (40, 0.95)] {
        let Reference { values, bound } = by_elimination(&chains::ring(num_places, 0.0, discount).mdp);
        let distance = distance(&values, &chains::ring_values(num_places, discount));
        assert!(distance <= bound, "{num_places}: {distance:e}");
    }
}

#[test]
fn bus_is_that_of_the_literature() {
    // E V after keeping in bins 0, 1, 44 and 89, as the tests of the program ruspy have it (OpenSourceEconomics)
    // for RC = 10, θ = 2 and 0 to 3 bins a month with probabilities 0.2, 0.3, 0.15 and 0.35. It solves to a
    // residual of 1e-12, times 1 / (1 − γ), and its shocks are located at 0, as ours are.
    let increments = [0.2, 0.3, 0.15, 0.35];
    let values = by_elimination(&bus::model("bus of ruspy", 10.0, 2.0, &increments).mdp).values;
    for (bin, expected) in [
        (0, -1_722.820_390_492_623_3),
        (1, -1_722.923_721_574_748_5),
        (44, -1_726.237_387_643_544_7),
        (89, -1_727.397_895_262_125_5),
    ] {
        let steps = increments.iter().enumerate();
        let found: f64 = steps.map(|(j, p)| p * values[(bin + j).min(bus::NUM_STATES - 1)]).sum();
        assert!(abs_diff_eq!(found, expected, epsilon = 1e-6), "{bin}: {found}");
    }
}

#[test]
fn constructors_are_the_bundled_models_of_gymnasium() {
    #[cfg(feature = "npz")]
    for (world, file) in [
        (lakes::frozen_lake(4, 0.99), "frozen_lake_4x4"),
        (lakes::frozen_lake(8, 0.99), "frozen_lake_8x8"),
        (lakes::cliff_walking(0.9), "cliff_walking"),
        (taxi::taxi(0.95), "taxi"),
    ] {
        use softmdp::io::{ModelFile, Npz, StoredModel};
        use softmdp::{Inference, Model, SoftValueIteration};

        let path = format!("{}/examples/models/{file}.npz", env!("CARGO_MANIFEST_DIR"));
        let bundled = ModelFile::<f64>::read_npz(path).unwrap();
        assert!(!matches!(bundled.model(), StoredModel::TimeVarying(_)), "{file}");
        // The same decisions for the same outcomes: values of a few stages differ where any row or reward does.
        let bundled = bundled.with_discount(world.mdp.discount()).unwrap().with_temperature(0.7).unwrap();
        let world = world.soft(0.7);
        let solver = SoftValueIteration::new(9).inference(Inference::Variational);
        let expected = solver.solve_values(bundled.model()).unwrap();
        let found = solver.solve_values(&world.mdp).unwrap();
        assert_eq!(bundled.model().num_states(), world.mdp.num_states(), "{file}");
        let distance = distance(found.state_values(), expected.state_values());
        assert!(distance < 1e-12, "{file}: {distance:e}");
    }
}
