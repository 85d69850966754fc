//! Files in which one state has very many choices. Memory is proportional to the file.
#![allow(clippy::float_cmp, reason = "numbers are read, not computed")]

use std::fmt::Write;

use allocation_counter::measure;
use softmdp::io::ExplicitMdp;
use softmdp::{Inference, SoftValueIteration, SparseDynamics};

/// State 0 chooses any of `num_states` states. The others go back to state 0.
fn star(num_states: usize) -> String {
    let mut text = String::from("mdp\n");
    for choice in 0..num_states {
        writeln!(text, "0 {choice} {choice} 1").unwrap();
    }
    for state in 1..num_states {
        writeln!(text, "{state} 0 0 1").unwrap();
    }
    text
}

fn triplets(num_states: usize) -> impl ExactSizeIterator<Item = (usize, usize, usize, f64)> {
    let triplets = (0..num_states).map(|choice| (0, choice, choice, 1.0));
    let back = (1..num_states).map(|state| (state, 0, 0, 1.0));
    triplets.chain(back).collect::<Vec<_>>().into_iter()
}

#[test]
fn reading_takes_memory_for_the_lines_alone() {
    let text = star(20_000); // 4 · 10⁸ pairs
    let mut model = None;
    let used = measure(|| model = Some(ExplicitMdp::<f64>::parse(&text).unwrap()));
    assert!(used.bytes_max <= 16 * text.len() as u64, "{used:?} for {} bytes", text.len());
    let model = model.unwrap();
    assert_eq!((model.num_states(), model.num_actions()), (20_000, 20_000));
}

#[test]
fn rows_are_stored_for_the_pairs_that_exist() {
    let n = 20_000;
    let triplets = triplets(n);
    let mut dynamics = None;
    let used = measure(|| dynamics = Some(SparseDynamics::from_triplets(n, n, triplets).unwrap()));
    let dynamics = dynamics.unwrap();
    assert_eq!(dynamics.num_transitions(), 2 * n - 1);
    // 20 bytes a transition, and three offsets for each of 2 n rows and n states.
    assert!(used.bytes_max <= 2 * n as u64 * (20 + 16 + 16), "{used:?}");
    assert!(used.bytes_current <= 2 * n as i64 * (12 + 8 + 4) + 64, "{used:?}");
}

#[test]
fn a_wide_state_is_solved() {
    let n = 300;
    let model = ExplicitMdp::<f64>::parse(&star(n)).unwrap().with_state_rewards("7 1\n").unwrap();
    let mdp = model.build_with(|builder| builder.temperature(0.0)).unwrap();
    let solver = SoftValueIteration::new(4).inference(Inference::Variational);
    let solution = solver.solve(&mdp).unwrap();
    // 0 → 7 → 0 → 7 →: the reward of state 7 is paid twice.
    assert_eq!(solution.state_values()[[0, 0]], 2.0);
    assert_eq!(solution.policy().probabilities()[[0, 0, 7]], 1.0);
    assert_eq!(solution.action_values()[[0, 1, 1]], f64::NEG_INFINITY, "there is no such choice");
}

/// Runs the test `child` of this program with 0.8 GB of address space.
#[cfg(target_os = "linux")]
#[test]
fn what_does_not_fit_is_an_error_and_no_abort() {
    let program = std::env::current_exe().unwrap();
    let test = concat!(module_path!(), "::child").split_once("::").unwrap().1;
    let limited =
        format!("ulimit -v 800000 && exec '{}' --exact {test} --ignored --test-threads 1", program.display());
    let output = std::process::Command::new("sh").args(["-c", &limited]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs a limit of memory: another test runs it"]
fn child() {
    use softmdp::{Error, Mdp, ndarray::Array2};

    let is_too_large = |error: Error| assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    // Tables of 3.2 GB in the model of a file of 500 kB.
    let model = ExplicitMdp::<f64>::parse(&star(20_000)).unwrap();
    is_too_large(model.builder().build().unwrap_err());
    let error = model.build_with(|builder| builder).unwrap_err();
    assert!(error.to_string().starts_with("cannot allocate "), "{error}");
    // Each state has its last action: a row for each pair. One table of offsets does not fit, or fits
    // but not the second one, for entries in any order.
    let n = 20_000;
    let last = (0..n).map(|state| (state, n - 1, 0, 1.0));
    is_too_large(SparseDynamics::from_triplets(n, n, last).unwrap_err());
    let m = 7500;
    let last = (0..m).rev().map(|state| (state, m - 1, 0, 1.0));
    is_too_large(SparseDynamics::from_triplets(m, m, last).unwrap_err());
    is_too_large(SparseDynamics::from_fn(n, n, |_, _| [(0, 1.0)]).unwrap_err());
    // The model fits, but not with the folded rewards of both inferences.
    let m = 4500;
    let dynamics = SparseDynamics::from_triplets(m, m, triplets(m)).unwrap();
    let available = Array2::from_shape_fn((m, m), |(state, action)| state == 0 || action == 0);
    let mdp = Mdp::builder(dynamics, Array2::zeros((m, m))).available_actions(available).build().unwrap();
    is_too_large(mdp.with_successor_rewards(|_, _, _| 1.0).unwrap_err());
    is_too_large(mdp.with_outcomes(triplets(m).map(|(s, a, n, p)| (s, a, n, p, 1.0))).unwrap_err());
}
