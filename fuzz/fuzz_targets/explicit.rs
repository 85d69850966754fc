//! Any text as transitions, then rewards of states, rewards of transitions and labels, divided by NUL.
#![no_main]

use libfuzzer_sys::fuzz_target;
use softmdp::io::ExplicitMdp;
use softmdp::soft_value_iteration;

fuzz_target!(|text: &str| {
    let mut parts = text.split('\0');
    let Ok(mut model) = ExplicitMdp::<f64>::parse(parts.next().unwrap_or_default()) else { return };
    if let Some(text) = parts.next() {
        model = model.clone().with_state_rewards(text).unwrap_or(model);
    }
    if let Some(text) = parts.next() {
        model = model.clone().with_transition_rewards(text).unwrap_or(model);
    }
    if let Some(text) = parts.next() {
        model = model.clone().with_labels(text).unwrap_or(model);
    }
    if let Some(initial) = model.initial() {
        assert_eq!(initial.sum(), 1.0);
    }
    if model.num_states() * model.num_actions() > 10_000 {
        return;
    }
    let Ok(mdp) = model.builder().build() else { return };
    assert_eq!(mdp.num_states(), model.num_states());
    if let Ok(mdp) = mdp.with_outcomes(model.outcomes())
        && let Ok(solution) = soft_value_iteration(&mdp, 2)
    {
        assert!(solution.state_values().iter().all(|value| !value.is_nan()));
    }
});
