//! Any text as a map: an error or a model, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use softmdp::{Gridworld, soft_value_iteration};

fuzz_target!(|text: &str| {
    let Ok(world) = Gridworld::parse(text) else { return };
    let world = world.slip(0.25).goal_reward(3.0).trap_reward(f64::NEG_INFINITY);
    let Ok(mdp) = world.mdp() else { return };
    let initial = world.initial();
    assert_eq!(initial.len(), mdp.num_states());
    let solution = soft_value_iteration(&mdp, 2).expect("a map is a valid model");
    assert!(solution.state_values().iter().all(|value| !value.is_nan()));
    if mdp.num_states() <= 64 {
        let dense = world.dense_mdp().expect("as valid as the sparse one");
        assert_eq!(dense.num_states(), mdp.num_states());
    }
});
