//! Models of PRISM and Storm: labels, terminal values by label, costs, several files of rewards.

use super::{Folder, Run, assert_close, softmdp};

/// A robot on 2 × 3 fields with a hazard (1), a goal (5) and two more goals (2, 3): the model of
/// the tutorial of PRISM, written anew.
const ROBOT: &str = "\
# Transitions (MDP)
6 10 17
0 0 0 0.4 east
0 0 1 0.6 east
0 1 1 0.1 south
0 1 3 0.8 south
0 1 4 0.1 south
1 0 2 1 east
1 1 2 0.5 south
1 1 4 0.5 south
2 0 2 1 stuck
3 0 3 1 stuck
4 0 5 1 east
4 1 3 0.6 west
4 1 4 0.4 west
5 0 2 0.9 north
5 0 5 0.1 north
5 1 4 1 west
5 1 5 0 west
";
const LABELS: &str =
    "0=\"init\" 1=\"deadlock\" 2=\"hazard\" 3=\"goal1\" 4=\"goal2\"\n0: 0\n1: 2\n2: 4\n3: 4\n5: 3\n";

struct Robot {
    folder: Folder,
    model: String,
    labels: String,
}

impl Robot {
    fn new(test: &str) -> Self {
        let folder = Folder::new(test);
        let (model, labels) = (folder.write("robot.tra", ROBOT), folder.write("robot.lab", LABELS));
        Self { folder, model, labels }
    }

    fn run(&self, more: &[&str]) -> Run {
        softmdp(&[&[self.model.as_str(), "--labels", &self.labels], more].concat())
    }

    /// Rewards of −1 a step.
    fn steps(&self, reward: f64) -> String {
        let lines: Vec<String> = (0..6).map(|state| format!("{state} {reward}")).collect();
        self.folder.write("steps.srew", &lines.join("\n"))
    }
}

/// V of each state: the first number of a row with a point. Labels may be missing or several.
fn values(run: &Run) -> Vec<f64> {
    let rows = run.rows();
    rows.iter().map(|row| row.iter().find(|field| field.contains('.')).unwrap().parse().unwrap()).collect()
}

const HARD: [&str; 4] = ["--inference", "variational", "--temperature", "0"];

/// Pmax of PRISM: the goal is worth 1, and going on without it is worth 0.
#[test]
fn the_largest_probability_of_reaching_a_label() {
    let robot = Robot::new("reach");
    let run = robot.run(&[&HARD[..], &["--terminal", "goal1=1", "--stationary"]].concat()).solved();
    assert_close(&values(&run), &[0.5, 0.5, 0.0, 0.0, 1.0, 1.0], 1e-6);
    assert_close(&[run.number("V(start)")], &[0.5], 1e-6);
    // In two steps: from 0 by 4 with probability 1/10.
    let run = robot.run(&[&HARD[..], &["--terminal", "goal1=1", "--horizon", "2"]].concat()).solved();
    assert_close(&[run.number("V(start)")], &[0.1], 1e-6);
    assert!(run.out.contains("\n    5   goal1  1.000000"), "{}", run.out);
    assert!(run.rows()[5].contains(&"end"), "{}", run.out);
}

/// Values of an independent program, by plain loops.
#[test]
fn soft_values_with_terminal_labels() {
    let robot = Robot::new("soft");
    let ends = ["--terminal", "goal1", "--terminal", "goal2", "--prior", "uniform", "--horizon", "10"];
    let rewards = robot.steps(-1.0);
    let run = robot.run(&[&ends[..], &["--state-rewards", &rewards, "--inference", "variational"]].concat());
    let expected = [-1.671_479_247_816_82, -1.258_052_703_359_75, 0.0, 0.0, -1.213_538_954_222_12, 0.0];
    assert_close(&values(&run.solved()), &expected, 1e-6);
    let run = robot.run(&[&ends[..], &["--state-rewards", &rewards, "--inference", "direct"]].concat());
    let expected = [-1.572_366_452_653_81, -1.187_029_547_780_58, 0.0, 0.0, -1.146_720_406_183_06, 0.0];
    assert_close(&values(&run.solved()), &expected, 1e-6);

    // The same as costs, in two files that add up.
    let half = robot.steps(0.5);
    let costs = ["--state-rewards", &half, "--state-rewards", &half, "--costs", "--inference", "direct"];
    assert_close(&values(&robot.run(&[&ends[..], &costs].concat()).solved()), &expected, 1e-6);
}

/// Start and goals may be numbers, labels may be numbers, and values may be −∞.
#[test]
fn states_have_numbers_and_labels() {
    let folder = Folder::new("names");
    let model = folder.write("m.tra", "mdp\n0 0 1 1\n0 1 2 1\n1 0 1 1\n2 0 2 1\n");
    let labels = folder.write("m.lab", "#DECLARATION\n1 a=b init\n#END\n0 init\n2 1\n1 a=b\n");
    let run = |terminal: [&str; 2]| {
        let ends = ["--terminal", terminal[0], "--terminal", terminal[1], "--horizon", "1"];
        softmdp(&[&[model.as_str(), "--labels", &labels], &HARD[..], &ends].concat())
    };
    assert_close(&[run(["1=5", "a=b=3"]).solved().number("V(start)")], &[5.0], 0.0); // the label 1 is state 2
    assert_close(&[run(["2=-inf", "a=b=3"]).solved().number("V(start)")], &[3.0], 0.0);
    let run = run(["2=1", "1=2"]);
    assert_eq!(run.code, Some(1));
    assert_eq!(run.err, "error: --terminal gives state 2 two values: 1 as 2, 2 as 1\n");
}

#[test]
fn rewards_of_transitions_are_folded_by_inference() {
    let folder = Folder::new("trew");
    let model = folder.write("m.tra", "2 2 3\n0 0 0 0.5\n0 0 1 0.5\n1 0 1 1\n");
    let rewards = folder.write("m.trew", "0 0 0 1\n0 0 1 -1\n");
    let run = |inference| {
        softmdp(&[&model, "--transition-rewards", &rewards, "--horizon", "1", "--inference", inference])
            .solved()
    };
    assert_close(&run("variational").column(1), &[0.0, 0.0], 0.0);
    assert_close(&run("direct").column(1), &[1.0_f64.cosh().ln(), 0.0], 1e-6);
}

/// State 0 has a way to 3, and a way to 4 that strays to 3.
#[test]
fn bounded_probabilities_of_reaching_a_state() {
    let folder = Folder::new("bounded");
    let text =
        "0 0 1 .9\n0 0 0 .1\n0 1 2 .9\n0 1 0 .1\n1 0 3 .9\n1 0 1 .1\n2 0 4 .9\n2 0 1 .1\n3 0 3 1\n4 0 4 1\n";
    let model = folder.write("m.tra", &format!("mdp\n{text}"));
    let run = |more: &[&str]| {
        let run = softmdp(&[&[&model, "--initial", "0", "--horizon", "5"], more].concat());
        run.solved().number("V(start)")
    };
    let most = run(&[&HARD[..], &["--terminal", "3=1"]].concat());
    let least = -run(&[&HARD[..], &["--terminal", "3=-1"]].concat());
    assert_close(&[most, least], &[0.999_54, 0.099_63], 1e-6);
    // log P under a scheduler that draws uniformly: success is to be in 3 at the end.
    let success = ["--terminal", "3", "--otherwise", "-inf", "--prior", "uniform", "--inference", "direct"];
    assert_close(&[run(&success)], &[-0.598_591_831_022_865_7], 1e-6);
}

/// A transition that is listed twice may have two rewards: they are not averaged.
#[test]
fn several_rewards_of_a_transition() {
    let folder = Folder::new("several");
    let model = folder.write("m.tra", "mdp\n0 0 0 1/2\n0 0 0 1/2\n");
    let rewards = folder.write("m.trew", "0 0 0 1\n0 0 0 -1\n");
    let run = |inference: &str, more: &[&str]| {
        let problem = [&model, "--transition-rewards", &rewards, "--horizon", "1", "--inference", inference];
        softmdp(&[&problem[..], more].concat()).solved()
    };
    assert_close(&run("variational", &[]).column(1), &[0.0], 0.0);
    assert_close(&run("direct", &[]).column(1), &[1.0_f64.cosh().ln()], 1e-6);
    assert_close(&run("direct", &["--costs"]).column(1), &[1.0_f64.cosh().ln()], 1e-6);
    let rewards = folder.write("n.trew", "0 0 0 2\n0 0 0 0\n");
    let problem = [
        model.as_str(),
        "--transition-rewards",
        &rewards,
        "--horizon",
        "1",
        "--inference",
        "direct",
        "--costs",
    ];
    assert_close(&softmdp(&problem).solved().column(1), &[1.0_f64.cosh().ln() - 1.0], 1e-6);
}

/// PRISM prints six digits.
#[test]
fn rows_of_six_digits_are_refused_with_a_line_or_rescaled() {
    let folder = Folder::new("digits");
    let model = folder.write("m.tra", "2 2 3\n1 0 1 1\n0 0 0 0.333333\n0 0 1 0.666666\n");
    let run = softmdp(&[&[model.as_str(), "--horizon", "1"], &HARD[..]].concat());
    assert_eq!(run.code, Some(1));
    assert!(run.err.starts_with(&format!("error: {model}: line 3: ")), "{}", run.err);
    let run = softmdp(&[&[model.as_str(), "--horizon", "1", "--normalize"], &HARD[..]].concat()).solved();
    assert!(run.out.contains("rescaled 1 row, whose sums differed from 1 by at most 1e-6"), "{}", run.out);
}

#[test]
fn wrong_names_say_what_is_known() {
    let robot = Robot::new("wrong");
    let run = |terminal| robot.run(&[&HARD[..], &["--horizon", "1", "--terminal", terminal]].concat());
    let expected = "error: --terminal goal: \"goal\" is not the number of a state or one of the labels \
                    init, deadlock, hazard, goal1, goal2\n";
    assert_eq!((run("goal=1").code, run("goal=1").err.as_str()), (Some(1), expected));
    let expected = "error: --terminal 6: state 6 does not exist: the model has states 0 to 5\n";
    assert_eq!((run("6").code, run("6").err.as_str()), (Some(1), expected));
}
