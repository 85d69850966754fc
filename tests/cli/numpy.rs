//! Models as archives of numpy: those of Gymnasium, and small ones with known values.

use softmdp::io::{ModelFile, Npz};
use softmdp::ndarray::{Array1, array};
use softmdp::{
    AverageReward, Inference, LongRunGrowth, Mdp, Posterior, SoftValueIteration, Solution,
    StationarySolution, Status, TimeVaryingMdp,
};

use super::{Folder, Run, assert_close, softmdp};

const TAXI: &str = "examples/models/taxi.npz";
const LAKE: &str = "examples/models/frozen_lake_4x4.npz";

/// Two states and two actions, with the values of Puterman, *Markov Decision Processes*, §3.1: the
/// model of the guide.
fn two_states(folder: &Folder) -> String {
    let transitions = array![[[0.5, 0.5], [0.0, 1.0]], [[0.8, 0.2], [0.1, 0.9]]];
    let mdp = Mdp::new(transitions, array![[5.0, 10.0], [-1.0, 2.0]]).unwrap();
    let path = folder.path("two_states.npz");
    ModelFile::new(mdp).write_npz(&path).unwrap();
    path
}

fn hard<'a>(model: &'a str, more: &[&'a str]) -> Run {
    softmdp(&[&[model, "--inference", "variational", "--temperature", "0"], more].concat())
}

/// The 500 states of the environment: those after them are copies that end.
#[test]
fn optimal_values_of_taxi_sum_to_5365() {
    let run = hard(TAXI, &["--stationary"]).solved();
    let values = run.column(1);
    assert_eq!(values.len(), 504);
    assert!((values[..500].iter().sum::<f64>() - 5365.0).abs() < 1e-3);
    let (least, most) = (
        values[..500].iter().fold(99.0_f64, |a, &b| a.min(b)),
        values[..500].iter().fold(-99.0_f64, |a, &b| a.max(b)),
    );
    assert_close(
        &[least, most, run.number("V(start)"), run.number("return")],
        &[3.0, 20.0, 7.93, 7.93],
        1e-6,
    );
    assert!(run.line("search").starts_with("converged after "));
    assert_eq!(run.rows()[500][2], "end");
}

/// By value iteration in numpy, see `examples/models/README.md`.
#[test]
fn frozen_lake_is_crossed_as_numpy_says() {
    let run = hard(LAKE, &["--horizon", "1000", "--discount", "0.99"]).solved();
    assert_close(&[run.number("V(start)")], &[0.542_025_932_000_472_6], 1e-6);
    for method in
        ["automatic", "value-iteration", "gauss-seidel", "modified-policy-iteration", "policy-iteration"]
    {
        let run = hard(LAKE, &["--stationary", "--discount", "0.99", "--method", method]).solved();
        assert_close(&[run.number("V(start)")], &[0.542_025_932_000_472_6], 1e-6);
    }
    let run = hard(LAKE, &["--horizon", "100"]).solved();
    assert_close(&[run.number("V(start)"), run.number("return")], &[0.744_190_287_829_268_9; 2], 1e-6);
}

/// The chapter of the guide shows what the command prints, but for the numbers of the search.
#[test]
fn the_guide_shows_the_table() {
    let folder = Folder::new("guide");
    let transitions = array![[[0.5, 0.5], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]];
    let mdp = Mdp::new(transitions, array![[5.0, 10.0], [-1.0, f64::NEG_INFINITY]]).unwrap();
    let model = folder.path("model.npz");
    ModelFile::new(mdp).write_npz(&model).unwrap();
    let run = hard(&model, &["--stationary", "--discount", "0.95"]).solved();
    let guide = std::fs::read_to_string("docs/guide/python.md").unwrap();
    let (_, shown) = guide.split_once("```text\nsearch  ").unwrap();
    let (_, shown) = shown.split_once('\n').unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    assert!(run.out.ends_with(shown), "{}", run.out);
}

/// All names of the library are spelt as in the documentation of `softmdp::io`.
#[test]
fn results_are_those_of_the_library() {
    let folder = Folder::new("results");
    let model = two_states(&folder);
    let mdp = ModelFile::<f64>::read_npz(&model).unwrap();
    for inference in [Inference::Direct, Inference::Variational] {
        let out = folder.path(&format!("{inference}.npz"));
        let name = inference.to_string();
        let arguments = [&model, "--horizon", "4", "--inference", &name, "--initial", "1", "--out", &out];
        let run = softmdp(&arguments).solved();
        assert_eq!(run.line("results"), out);
        let expected = SoftValueIteration::new(4).inference(inference).solve(mdp.model()).unwrap();
        assert_eq!(Solution::read_npz(&out).unwrap(), expected);
        assert_close(&run.column(1), &expected.state_values().row(0).to_vec(), 1e-6);
        let start = array![0.0, 1.0];
        if inference == Inference::Direct {
            let posterior = expected.posterior(mdp.model(), &start).unwrap();
            assert_eq!(Posterior::read_npz(&out).unwrap(), posterior);
            assert_close(&[run.number("V(start)")], &[posterior.log_evidence()], 1e-6);
        } else {
            let value = expected.policy().elbo(mdp.model(), &start).unwrap();
            let expected_return = expected.policy().expected_return(mdp.model(), &start).unwrap();
            assert_close(&[run.number("V(start)"), run.number("return")], &[value, expected_return], 1e-6);
        }
    }
    let out = folder.path("stationary.npz");
    let run =
        softmdp(&[&model, "--stationary", "--inference", "variational", "--discount", "0.9", "--out", &out]);
    let written = StationarySolution::<f64>::read_npz(&out).unwrap();
    assert_close(&run.solved().column(1), &written.state_values().to_vec(), 1e-6);
    assert_eq!(written.convergence().status, Status::Converged);
}

#[test]
fn the_probability_of_an_end_is_printed_if_a_state_is_terminal() {
    let folder = Folder::new("ends");
    let model = two_states(&folder);
    for inference in ["direct", "variational"] {
        let problem = [&model, "--horizon", "3", "--initial", "0", "--inference", inference];
        let endless = softmdp(&problem).solved();
        assert!(!endless.out.contains("P(terminal)"), "{}", endless.out);
        assert!(endless.out.contains("episodes start in state 0\n"), "{}", endless.out);
        let run = softmdp(&[&problem[..], &["--terminal", "0"]].concat()).solved();
        assert!(run.line("P(terminal)").starts_with("1.000000,"), "{}", run.out);
    }
}

/// One action pays 1 in state 0 and 0 in state 1, and each state follows with probability 1/2.
#[test]
fn the_growth_of_the_evidence_is_the_average_of_direct_inference() {
    let folder = Folder::new("growth");
    let coin = Mdp::new(array![[[0.5, 0.5]], [[0.5, 0.5]]], array![[0.0], [0.5_f64.ln()]]).unwrap();
    let (model, out) = (folder.path("coin.npz"), folder.path("growth.npz"));
    ModelFile::new(coin).write_npz(&model).unwrap();
    let run = softmdp(&[&model, "--average", "--inference", "direct", "--out", &out]).solved();
    assert_close(&[run.number("growth")], &[0.75_f64.ln()], 1e-6);
    let growth = LongRunGrowth::<f64>::read_npz(&out).unwrap();
    assert_close(&[growth.rate()], &[0.75_f64.ln()], 1e-6);
}

/// Policy (1, 0, 0) has the stationary distribution that earns 36.1/37, by linear algebra. The soft
/// gain is that of relative value iteration in plain Python.
#[test]
fn the_average_reward_has_gain_policy_and_bounds() {
    let folder = Folder::new("average");
    let transitions = array![
        [[0.25, 0.25, 0.5], [0.0, 0.25, 0.75]],
        [[0.75, 0.0, 0.25], [0.25, 0.0, 0.75]],
        [[0.5, 0.5, 0.0], [0.25, 0.25, 0.5]]
    ];
    let mdp = Mdp::new(transitions, array![[0.55, 0.75], [1.0, 0.8], [1.2, 1.0]]).unwrap();
    let (model, out) = (folder.path("model.npz"), folder.path("out.npz"));
    ModelFile::new(mdp).write_npz(&model).unwrap();
    let run = hard(&model, &["--average", "--out", &out]).solved();
    assert_close(&[run.number("gain")], &[36.1 / 37.0], 1e-6);
    assert_eq!(run.rows().iter().map(|row| row[2]).collect::<Vec<_>>(), ["1", "0", "0"]);
    let written = AverageReward::<f64>::read_npz(&out).unwrap();
    assert!(written.lower_bound() <= 36.1 / 37.0 && 36.1 / 37.0 <= written.upper_bound());
    let run = softmdp(&[&model, "--average", "--inference", "variational"]).solved();
    assert_close(&[run.number("gain")], &[1.602_119_102_508_23], 1e-6);

    // Each message names an option of the command, and no call of the library.
    let start = ["--inference", "direct", "--temperature", "0", "--average"];
    for (arguments, expected) in [
        (vec!["--inference", "variational", "--stationary"], "or use --average"),
        (vec!["--inference", "direct", "--stationary"], "or use --average"),
        (
            vec!["--inference", "variational", "--average", "--discount", "0.9"],
            "for a discount < 1, use --stationary",
        ),
        (vec!["--inference", "direct", "--average", "--terminal", "0"], "use --stationary, or a model"),
        (start.to_vec(), "or use --inference variational"),
    ] {
        let run = softmdp(&[&[model.as_str()], &arguments[..]].concat());
        assert_eq!(run.code, Some(1), "{}", run.err);
        assert!(run.err.contains(expected) && !run.err.contains('`'), "{}", run.err);
    }
}

#[test]
fn rewards_that_differ_by_stage_are_named() {
    let folder = Folder::new("stages");
    let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 0.0]]).unwrap();
    let rewards = array![[[1.0, 0.0]], [[0.0, 2.0]]];
    let varying = TimeVaryingMdp::from_rewards(&mdp, rewards).unwrap();
    let model = folder.path("stages.npz");
    ModelFile::new(varying.clone()).write_npz(&model).unwrap();
    let run = hard(&model, &[]).solved(); // the model has two stages
    assert_eq!(run.line("rewards"), "differ by stage: 2 stages");
    assert!(run.line("problem").starts_with("horizon of 2 stages"));
    assert_close(&run.column(1), &[3.0], 0.0);
    let run = hard(&model, &["--horizon", "3"]);
    assert_eq!((run.code, run.out.contains("search")), (Some(1), false));
    let run = hard(&model, &["--stationary"]);
    assert_eq!(run.code, Some(1));

    ModelFile::new(varying.repeating()).write_npz(&model).unwrap();
    let run = hard(&model, &["--horizon", "4"]).solved();
    assert_eq!(run.line("rewards"), "differ by stage: 2 stages, which repeat");
    assert_close(&run.column(1), &[6.0], 0.0);
}

/// A shortest path: costs of 2 and 5, or of 6 at once.
#[test]
fn costs_are_minimised() {
    let folder = Folder::new("costs");
    let transitions = array![
        [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
        [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    ];
    let mdp = Mdp::builder(transitions, array![[2.0, 6.0], [5.0, 5.0], [0.0, 0.0]])
        .terminal_states([2])
        .terminal_values(array![0.0, 0.0, 1.0])
        .build()
        .unwrap();
    let model = folder.path("costs.npz");
    ModelFile::new(mdp.clone()).write_npz(&model).unwrap();
    let run = hard(&model, &["--stationary", "--costs"]).solved();
    assert_close(&run.column(1), &[-7.0, -6.0, -1.0], 1e-6);
    assert_eq!(run.rows()[0][2], "1");
    assert!(!run.out.contains("-0.000000"));
    // Values of the command line are in reward units.
    let run = hard(&model, &["--stationary", "--costs", "--terminal", "2=1"]).solved();
    assert_close(&run.column(1), &[-5.0, -4.0, 1.0], 1e-6);

    // A transition with a cost of its own, and the same at each stage.
    let rich = mdp.with_successor_rewards(|_, action, _| if action == 0 { 3.0 } else { 0.0 }).unwrap();
    let costs = [array![[2.0, 6.0], [5.0, 5.0], [0.0, 0.0]], array![[0.0, 1.0], [2.0, 2.0], [0.0, 0.0]]];
    let stages = costs.map(|costs| rich.with_rewards(costs).unwrap());
    ModelFile::new(TimeVaryingMdp::new(stages).unwrap()).write_npz(&model).unwrap();
    let run = hard(&model, &["--costs"]).solved();
    // 2 + 3, then 2; or 6 at once: each with the terminal cost of 1.
    assert_close(&run.column(1), &[-7.0, -6.0, -1.0], 1e-6);
}

/// One state whose actions are worth 0: V is τ log of the total weight.
#[test]
fn priors_come_from_names_and_files() {
    let folder = Folder::new("priors");
    let model = folder.path("model.npz");
    let mdp = Mdp::new(array![[[1.0], [1.0], [1.0]]], array![[0.0, 0.0, 0.0]]).unwrap();
    ModelFile::new(mdp).write_npz(&model).unwrap();
    let weights = folder.write("weights.csv", "# state 0\n2,3.5 , 1.5\n");
    for (prior, expected) in [("counting", 3.0_f64), ("uniform", 1.0), (&weights, 7.0)] {
        let run = softmdp(&[&model, "--horizon", "1", "--inference", "direct", "--prior", prior]).solved();
        assert_close(&run.column(1), &[expected.ln()], 1e-6);
    }
    // The policy of a result is a prior of the next problem.
    let out = folder.path("out.npz");
    let weighted = ["--prior", &weights, "--discount", "0.5", "--inference", "variational", "--stationary"];
    softmdp(&[&[model.as_str(), "--out", &out], &weighted[..]].concat()).solved();
    let run = softmdp(&[&model, "--horizon", "1", "--inference", "direct", "--prior", &out]).solved();
    assert_eq!(run.rows()[0][3..], ["0.2857", "0.5000", "0.2143"]);
}

/// 1/3 in `float32`, three times, is 1 + 3e-8.
#[test]
fn rows_of_single_precision_are_read_or_rescaled() {
    let folder = Folder::new("single");
    let third = 1.0_f32 / 3.0;
    let dice = array![[[third, third, third]], [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]]];
    let mdp = Mdp::new(dice, array![[1.0_f32], [0.0], [0.0]]).unwrap();
    let model = folder.path("single.npz");
    ModelFile::new(mdp).write_npz(&model).unwrap();
    let run = hard(&model, &["--horizon", "2"]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("sums to 1.0000000298"), "{}", run.err);
    let run = hard(&model, &["--horizon", "2", "--normalize"]).solved();
    assert!(run.out.contains("rescaled 1 row, whose sums differed from 1 by at most 2.98e-8"), "{}", run.out);
    assert_close(&run.column(1), &[4.0 / 3.0, 0.0, 0.0], 1e-6);
    let run = hard(&model, &["--horizon", "2", "--normalize=1e-9"]);
    assert_eq!(run.code, Some(1));

    let out = folder.path("out.npz");
    let run = hard(&model, &["--horizon", "2", "--precision", "single", "--out", &out]).solved();
    assert_close(&run.column(1), &[4.0 / 3.0, 0.0, 0.0], 1e-6);
    assert_eq!(Solution::<f32>::read_npz(&out).unwrap().horizon(), 2);
}

#[test]
fn a_tolerance_that_is_not_met_has_its_own_code() {
    let folder = Folder::new("unmet");
    let (model, out) = (two_states(&folder), folder.path("out.npz"));
    let search = ["--stationary", "--discount", "0.99", "--method", "value-iteration"];
    let run = hard(&model, &[&search[..], &["--max-iterations", "5", "--out", &out]].concat());
    assert_eq!(run.code, Some(3));
    assert!(run.err.starts_with("warning: not converged after "), "{}", run.err);
    assert!(run.line("search").starts_with("iteration limit after "), "{}", run.out);
    assert_eq!(run.column(1).len(), 2, "what was found is printed");
    let written = StationarySolution::<f64>::read_npz(&out).unwrap();
    assert_eq!(written.convergence().status, Status::IterationLimit);

    // Rounding is in the way of a tolerance, but not of the default.
    let run = hard(&model, &["--stationary", "--discount", "0.99", "--tolerance", "1e-16"]);
    assert_eq!(run.code, Some(3));
    assert!(run.line("search").starts_with("rounding floor after "), "{}", run.out);
    let large = Mdp::new(array![[[0.5, 0.5]], [[0.25, 0.75]]], array![[1e9], [-3e8]]).unwrap();
    let model = folder.path("large.npz");
    ModelFile::new(large).write_npz(&model).unwrap();
    let run = hard(&model, &["--stationary", "--discount", "0.99"]).solved();
    assert!(run.line("search").starts_with("rounding floor after "), "{}", run.out);
    let run = hard(&model, &["--average"]).solved();
    assert!((run.number("gain") - 4e8 / 3.0).abs() < 1.0, "{}", run.out); // 1/3 · 10⁹ − 2/3 · 3 · 10⁸

    // A loop that pays 1 for ever, and an end.
    let mdp = Mdp::builder(array![[[1.0, 0.0]], [[0.0, 1.0]]], array![[1.0], [0.0]]).terminal_states([1]);
    let model = folder.path("loop.npz");
    ModelFile::new(mdp.build().unwrap()).write_npz(&model).unwrap();
    let run = hard(&model, &["--stationary"]);
    assert_eq!(run.code, Some(3), "{}", run.err);
    assert!(run.line("search").starts_with("diverging after "), "{}", run.out);
}

/// A dead end is worth −∞: it has no action, and no number is NaN.
#[test]
fn dead_ends_are_printed() {
    let folder = Folder::new("dead");
    let forbidden = f64::NEG_INFINITY;
    let mdp = Mdp::builder(
        array![[[0.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]],
        array![[0.0, 0.0], [forbidden, 0.0]],
    )
    .available_actions(array![[true, true], [true, false]])
    .build()
    .unwrap();
    let model = folder.path("dead.npz");
    ModelFile::new(mdp).with_initial(Array1::from(vec![1.0, 0.0])).unwrap().write_npz(&model).unwrap();
    let run = hard(&model, &["--horizon", "2"]).solved();
    assert_eq!(run.line("V"), "-inf to 0.000000, at stage 0");
    assert_eq!(run.rows()[1][1], "-inf");
    assert!(!run.out.contains("NaN"));

    // Values of −∞ have no curve.
    let mdp = Mdp::new(array![[[1.0]]], array![[forbidden]]).unwrap();
    ModelFile::new(mdp).write_npz(&model).unwrap();
    let plot = folder.path("plot");
    let run = hard(&model, &["--stationary", "--discount", "0.5", "--plot", &plot]).solved();
    assert_eq!(run.line("V"), "-inf to -inf");
    assert_eq!(run.line("pictures"), "none, because every value is -inf");
}
