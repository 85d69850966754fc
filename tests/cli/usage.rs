//! Errors of the command line, and the text of `--help`.

use super::{Folder, softmdp};

const LAKE: &str = "examples/models/frozen_lake_4x4.npz";

/// The error of a command line, which ends with code 2 and prints nothing else.
#[track_caller]
fn refused(arguments: &[&str]) -> String {
    let run = softmdp(arguments);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{}", run.err);
    run.err.split("\n\n").next().unwrap().to_owned()
}

#[test]
fn an_inference_is_asked_for() {
    let expected = "error: choose an inference:\n  \
        --inference variational   how should I act? The best policy under the true dynamics\n  \
        --inference direct        what happened, given success? The posterior of routes and actions";
    assert_eq!(refused(&[LAKE, "--stationary"]), expected);
}

#[test]
fn a_problem_is_asked_for() {
    let expected = "error: choose a problem:\n  \
        --horizon T    T stages\n  \
        --stationary   an infinite horizon, with one value for each state\n  \
        --average      the average reward of a stage in the long run";
    assert_eq!(refused(&[LAKE, "--inference", "direct"]), expected);
    let error = refused(&[LAKE, "--inference", "direct", "--stationary", "--horizon", "3"]);
    assert!(error.contains("cannot be used with"), "{error}");
}

#[test]
fn options_of_other_kinds_of_files_are_refused() {
    let folder = Folder::new("kinds");
    let lab = folder.write("m.lab", "0=\"init\"\n0: 0\n");
    let problem = [LAKE, "--inference", "direct", "--horizon", "3"];
    let error = refused(&[&problem[..], &["--labels", &lab]].concat());
    let expected = format!(
        "error: --labels, --state-rewards and --transition-rewards need a .tra model, but {LAKE} is .npz"
    );
    assert_eq!(error, expected);
    let error = refused(&[&problem[..], &["--slip", "0.1"]].concat());
    assert_eq!(
        error,
        format!("error: options of maps, such as --slip and --legend, need a .txt map, but {LAKE} is .npz")
    );
}

#[test]
fn values_of_options_are_checked() {
    for (option, value, reason) in [
        ("--terminal", "3=x", "\"x\" is not a number"),
        ("--legend", "g=hole", "\"hole\" is not wall, free, start, goal:V, trap:V or reward:R"),
        ("--wind", "north:1", "\"north\" is not up, right, down or left"),
        ("--inference", "best", "[possible values: variational, direct]"),
        ("--method", "newton", "[possible values: automatic, "),
    ] {
        let error = softmdp(&[LAKE, option, value]);
        assert_eq!(error.code, Some(2));
        assert!(error.err.contains(reason), "{}", error.err);
    }
}

#[test]
fn a_blank_in_front_of_the_distance_is_told() {
    let problem = ["--inference", "variational", "--horizon", "3", "--normalize", "1e-5"];
    for arguments in [[&[LAKE], &problem[..]].concat(), [&problem[..], &[LAKE]].concat()] {
        let run = softmdp(&arguments);
        assert_eq!(run.code, Some(2));
        assert!(run.err.contains("tip: write '--normalize=1e-5', without a blank\n"), "{}", run.err);
    }
    let error = softmdp(&[LAKE, "--normalise"]).err;
    assert!(!error.contains("without a blank"), "{error}");
}

#[test]
fn numbers_and_files_that_are_not_valid_have_code_1() {
    let folder = Folder::new("invalid");
    let problem = ["--inference", "variational", "--horizon", "3"];
    for (arguments, expected) in [
        (vec![LAKE, "--discount", "1.5"], "discount is 1.5, expected "),
        (vec![LAKE, "--temperature", "-1"], "temperature is -1, expected "),
        (
            vec![LAKE, "--initial", "99"],
            "--initial 99: state 99 does not exist: the model has states 0 to 15",
        ),
        (vec![LAKE, "--initial", "start"], "--initial start: \"start\" is not the number of a state"),
        (vec!["no/such/model.npz"], "no/such/model.npz: "),
        (
            vec!["Cargo.toml"],
            "Cargo.toml: expected an .npz file, a .tra file, or a .txt file with a map of cells",
        ),
        (vec![LAKE, "--prior", "LICENSE-MIT"], "LICENSE-MIT: line 1: \"MIT\" is not a number"),
    ] {
        let run = softmdp(&[&arguments[..], &problem].concat());
        assert_eq!((run.code, run.out.as_str()), (Some(1), ""), "{}", run.err);
        assert!(run.err.starts_with(&format!("error: {expected}")), "{}", run.err);
        assert_eq!(run.err.lines().count(), 1);
    }
    let weights = folder.write("weights.txt", "1 1 1\n");
    let run = softmdp(&[&[LAKE, "--prior", &weights], &problem[..]].concat());
    assert_eq!(run.err, format!("error: {weights}: line 1: 3 numbers, expected 4, one for each action\n"));
    let weights = folder.write("weights.txt", "1 1 1 1\n");
    let run = softmdp(&[&[LAKE, "--prior", &weights], &problem[..]].concat());
    assert_eq!(run.err, format!("error: {weights}: 1 line, expected 16, one for each state\n"));
}

#[test]
fn help_fits_a_terminal_and_names_the_exit_codes() {
    let help = softmdp(&["--help"]).solved().out;
    assert_eq!(help, softmdp(&["-h"]).out);
    for line in help.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    for text in ["Exit codes:", "Examples:", "--stationary", "--costs", "--normalize[=<DISTANCE>]"] {
        assert!(help.contains(text), "{text}");
    }
}

/// Every example of the help is a command line that `clap` accepts: its file is missing, no more.
#[test]
fn examples_of_the_help_are_command_lines() {
    let help = softmdp(&["--help"]).out.replace("\\\n", "");
    let examples: Vec<&str> = help.lines().filter_map(|line| line.strip_prefix("    softmdp ")).collect();
    assert_eq!(examples.len(), 5);
    for example in examples {
        let folder = Folder::new("help");
        let plot = folder.path("pictures");
        let arguments: Vec<&str> = example
            .split_whitespace()
            .map(|word| if word == "pictures" { plot.as_str() } else { word })
            .collect();
        let run = softmdp(&arguments);
        assert_eq!(run.code, Some(1), "{example}: {}", run.err);
        assert!(run.err.contains(arguments[0]), "{example}: {}", run.err);
    }
}
