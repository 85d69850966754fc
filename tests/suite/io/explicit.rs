//! Explicit models of PRISM and Storm.
#![allow(clippy::float_cmp, reason = "numbers are read, not computed")]

use crate::common::cases;
use crate::common::damage::{damages, harmed};
use allocation_counter::measure;
use proptest::prelude::*;
use softmdp::io::{Error, ExplicitMdp, Place, Reason};
use softmdp::ndarray::array;
use softmdp::{Dynamics, Inference, SoftValueIteration};

/// Two choices in state 0, one of which is a coin; a trap and a goal.
const PRISM: &str = "4 5 6\n0 0 1 0.5 toss\n0 0 2 .5 toss\n0 1 0 1 wait\n1 0 1 1\n2 0 3 1e0\n3 0 3 1\n";
const STORM: &str = "mdp\n0 0 1 0.5\n0 0 2 0.5\n0 1 0 1\n1 0 1 1\n2 0 3 1\n3 0 3 1\n";

fn parse(text: &str) -> Result<ExplicitMdp, Error> {
    ExplicitMdp::parse(text)
}

fn prism() -> ExplicitMdp {
    parse(PRISM).unwrap()
}

#[test]
fn both_forms_of_transitions_are_the_same_model() {
    let model = prism();
    assert_eq!(parse(STORM).unwrap(), model);
    assert_eq!(parse(STORM.strip_prefix("mdp\n").unwrap()).unwrap(), model);
    let shuffled = "# a comment\n\n  4 5 6\n3 0 3 1\n0 1 0 1\n0 0 2 .5\r\n2 0 3 1\n1\t0\t1\t1\n0 0 1 .5";
    assert_eq!(parse(shuffled).unwrap(), model);
    assert_eq!((model.num_states(), model.num_actions()), (4, 2));

    let mdp = model.builder().build().unwrap();
    let available: Vec<bool> = (0..4).map(|state| mdp.is_available(state, 1)).collect();
    assert_eq!(available, [true, false, false, false]);
    let mut row = Vec::new();
    mdp.dynamics().for_each_successor(0, 0, &mut |next_state, p| row.push((next_state, p)));
    assert_eq!(row, [(1, 0.5), (2, 0.5)]);
}

#[test]
fn transitions_that_are_listed_twice_are_summed() {
    let mdp = parse("mdp\n0 0 1 0.25\n0 0 1 0.5\n0 0 0 0.25\n1 0 1 1\n").unwrap().builder().build().unwrap();
    let mut row = Vec::new();
    mdp.dynamics().for_each_successor(0, 0, &mut |next_state, p| row.push((next_state, p)));
    assert_eq!(row, [(0, 0.25), (1, 0.75)]);
}

#[test]
fn both_forms_of_state_rewards() {
    let of = |text| prism().with_state_rewards(text).unwrap().builder().build().unwrap().rewards().to_owned();
    // Choices that do not exist pay nothing.
    let expected = array![[2.0, 2.0], [0.0, 0.0], [-1.5, 0.0], [f64::NEG_INFINITY, 0.0]];
    assert_eq!(of("# Reward structure \"r\"\n# State rewards\n4 3\n0 2\n2 -1.5\n3 -inf\n"), expected);
    assert_eq!(of("0 2\n2 -1.5\n3 -inf\n"), expected);
    assert_eq!(of(""), softmdp::ndarray::Array2::<f64>::zeros((4, 2)));
}

#[test]
fn both_forms_of_transition_rewards() {
    let prism_form =
        prism().with_transition_rewards("# Transition rewards\n4 5 2\n0 0 2 6 toss\n2 0 3 1\n").unwrap();
    for model in [&prism_form, &prism().with_transition_rewards("0 0 2 6\n2 0 3 1\n").unwrap()] {
        assert!(model.has_transition_rewards());
        let rewards =
            model.outcomes().map(|(state, action, next_state, _, r)| (state, action, next_state, r));
        let expected =
            [(0, 0, 1, 0.0), (0, 0, 2, 6.0), (0, 1, 0, 0.0), (1, 0, 1, 0.0), (2, 0, 3, 1.0), (3, 0, 3, 0.0)];
        assert!(rewards.eq(expected));
    }
    assert!(!prism().has_transition_rewards());
    assert!(prism().outcomes().all(|(.., reward)| reward == 0.0));

    // Toss, and get 6 half of the time, then 1 more.
    let mdp = prism_form.builder().temperature(0.0).build().unwrap();
    let solver = SoftValueIteration::new(2).inference(Inference::Variational);
    let values = solver.solve_values(&mdp.with_outcomes(prism_form.outcomes()).unwrap()).unwrap();
    assert_eq!(values.state_values()[[0, 0]], 3.5);
}

#[test]
fn both_forms_of_labels() {
    for text in [
        "0=\"init\" 1=\"deadlock\" 2=\"goal\"\n0: 0\n3: 2 1\n2: 2\n",
        "#DECLARATION\ninit deadlock\ngoal\n#END\n0 init\n3 goal deadlock\n2 goal\n",
    ] {
        let model = prism().with_labels(text).unwrap();
        assert!(model.labels().eq(["init", "deadlock", "goal"]));
        assert_eq!(model.states_labelled("goal"), Some(&[2, 3][..]));
        assert_eq!(model.states_labelled("deadlock"), Some(&[3][..]));
        assert_eq!(model.states_labelled("nowhere"), None);
        assert_eq!(model.initial(), Some(array![1.0, 0.0, 0.0, 0.0]));
    }
    assert_eq!(prism().initial(), None);
    let two = prism().with_labels("0=\"init\"\n0: 0\n1: 0\n").unwrap();
    assert_eq!(two.initial(), None, "no distribution over several is given");
}

macro_rules! assert_error {
    ($result:expr, $place:expr, $reason:pat, $message:expr) => {{
        let error = $result.expect_err("something is wrong with it");
        assert_eq!((error.place(), error.to_string()), (&$place, String::from($message)));
        assert!(matches!(error.reason(), $reason), "{error:?}");
    }};
}

#[test]
fn transitions_that_cannot_be_read() {
    use Place::Line;
    assert_error!(
        parse("# nothing\n"),
        Place::File,
        Reason::UnexpectedEnd { .. },
        "the file ends here, expected a Markov chain or a Markov decision process, one transition per line"
    );
    assert_error!(
        parse("states 3\n0 0 1\n"),
        Line(1),
        Reason::Unreadable { .. },
        "line 1: \"states 3\" is not `dtmc`, `mdp`, a header of numbers or a transition"
    );
    assert_error!(
        parse("\n2\n0 1 1\n"),
        Line(2),
        Reason::FieldCount { found: 1, .. },
        "line 2: the line has 1 fields, expected `states transitions`, `states choices transitions`, `dtmc` or `mdp`"
    );
    assert_error!(
        parse("1 1 1\n0 0 0 1\n0 0 0\n"),
        Line(3),
        Reason::FieldCount { found: 3, .. },
        "line 3: the line has 3 fields, expected 4 or 5 of a decision process: \
         `state choice next_state probability [action]`"
    );
    assert_error!(
        parse("1 1 1\n0 0 0 1 a b\n"),
        Line(2),
        Reason::FieldCount { found: 6, .. },
        "line 2: the line has 6 fields, expected 4 or 5 of a decision process: \
         `state choice next_state probability [action]`"
    );
    for p in ["-0.5", "nan", "inf", "1/0", "1/inf", "1/-2", "-1/2", "0/0", "1/2/3", "inf/inf"] {
        let field = if p == "1/2/3" { "2/3" } else { p };
        assert_error!(
            parse(&format!("1 1 1\n0 0 0 {p}\n")),
            Line(2),
            Reason::Unreadable { .. },
            format!("line 2: {field:?} is not a finite number >= 0")
        );
    }
    assert_error!(
        parse("1 1 1\n0 -1 0 1\n"),
        Line(2),
        Reason::Unreadable { .. },
        "line 2: \"-1\" is not a whole number >= 0"
    );
    assert_error!(
        parse("1 1 1\n0 0 1 1\n"),
        Line(2),
        Reason::OutOfRange { found: 1, bound: 1, .. },
        "line 2: state 1 is out of range, expected one below 1"
    );
    assert_error!(
        parse("1 1 2\n0 0 0 1\n"),
        Line(1),
        Reason::CountMismatch { found: 1, expected: 2, .. },
        "line 1: the header says 2 transitions, found 1"
    );
    assert_error!(
        parse("1 2 1\n0 0 0 1\n"),
        Line(1),
        Reason::CountMismatch { found: 1, expected: 2, .. },
        "line 1: the header says 2 choices, found 1"
    );
    assert_error!(
        parse("1000000000000 1 1\n0 0 0 1\n"),
        Line(1),
        Reason::UnnamedStates { num_states: 1_000_000_000_000, num_lines: 1 },
        "line 1: the header says 1000000000000 states, but 1 lines name at most two states each"
    );
    assert_error!(
        parse("mdp\n0 0 0 1\n0 1 999999999999 1\n"),
        Line(3),
        Reason::UnnamedStates { .. },
        "line 3: the header says 1000000000000 states, but 2 lines name at most two states each"
    );
    assert_error!(
        parse("mdp\n0 0 0 1\n1 0 0 1\n1 2 0 1\n"),
        Line(4),
        Reason::SkippedChoice { state: 1, choice: 2 },
        "line 4: state 1 has a choice 2, but no choice 1"
    );
    assert_error!(
        parse("mdp\n0 999999999999 0 1\n"),
        Line(2),
        Reason::SkippedChoice { .. },
        "line 2: state 0 has a choice 999999999999, but no choice 999999999998"
    );
    let long = "x".repeat(1000);
    let error = parse(&format!("1 1 1\n0 0 0 {long}\n")).expect_err("no number");
    assert!(error.to_string().len() < 100, "a message does not repeat the file");
}

#[test]
fn rewards_that_cannot_be_read() {
    use Place::Line;
    let states = |text: &str| prism().with_state_rewards(text);
    assert_error!(
        states("4 1\n0 1\n1 2\n"),
        Line(1),
        Reason::CountMismatch { found: 2, expected: 1, .. },
        "line 1: the header says 1 rewards, found 2"
    );
    assert_error!(
        states("0 1\n0 2\n"),
        Line(2),
        Reason::Repeated { .. },
        "line 2: the reward of a state is listed a second time"
    );
    assert_error!(
        states("0 1\n4 2\n"),
        Line(2),
        Reason::OutOfRange { .. },
        "line 2: state 4 is out of range, expected one below 4"
    );
    for reward in ["nan", "inf", "1e999", "one", "-1/0", "-inf/1", "-1e300/1e-300"] {
        assert_error!(
            states(&format!("0 {reward}\n")),
            Line(1),
            Reason::Unreadable { .. },
            format!("line 1: {reward:?} is not a number below +inf")
        );
    }
    let single = ExplicitMdp::<f32>::parse(PRISM).unwrap().with_state_rewards("0 -1e300\n");
    assert!(single.is_err(), "a finite reward does not become one that forbids");

    let transitions = |text: &str| prism().with_transition_rewards(text);
    assert_error!(
        transitions("mdp\n0 0 3 1\n"),
        Line(2),
        Reason::NoSuchTransition { state: 0, choice: 0, next_state: 3 },
        "line 2: there is no transition from state 0 by choice 0 to state 3"
    );
    assert_error!(
        transitions("0 0 1 1\n0 0 1 1\n"),
        Line(2),
        Reason::Repeated { .. },
        "line 2: the reward of a transition is listed a second time"
    );
    assert_error!(
        transitions("5 5 0\n"),
        Line(1),
        Reason::CountMismatch { .. },
        "line 1: the header says 5 states, found 4"
    );
    assert_error!(
        transitions("4 6 0\n"),
        Line(1),
        Reason::CountMismatch { .. },
        "line 1: the header says 6 choices, found 5"
    );
    assert_error!(
        transitions("4 5 2\n0 0 1 1\n"),
        Line(1),
        Reason::CountMismatch { .. },
        "line 1: the header says 2 rewards, found 1"
    );
}

#[test]
fn labels_that_cannot_be_read() {
    use Place::Line;
    let labels = |text: &str| prism().with_labels(text);
    assert_error!(
        labels(""),
        Place::File,
        Reason::UnexpectedEnd { .. },
        "the file ends here, expected labels: 0=\"init\" 1=…"
    );
    let next = "the next label, as in 0=\"init\" 1=\"deadlock\"";
    for field in ["1=\"init\"", "0=init", "init"] {
        assert_error!(
            labels(field),
            Line(1),
            Reason::Unreadable { .. },
            format!("line 1: {field:?} is not {next}")
        );
    }
    assert_error!(
        labels("0=\"a\" 1=\"a\""),
        Line(1),
        Reason::Repeated { .. },
        "line 1: a label is listed a second time"
    );
    assert_error!(
        labels("0=\"a\"\n0 0\n"),
        Line(2),
        Reason::Unreadable { .. },
        "line 2: \"0 0\" is not `state: label label …`"
    );
    assert_error!(
        labels("0=\"a\"\n0: 1\n"),
        Line(2),
        Reason::OutOfRange { .. },
        "line 2: label 1 is out of range, expected one below 1"
    );
    assert_error!(
        labels("0=\"a\"\n4: 0\n"),
        Line(2),
        Reason::OutOfRange { .. },
        "line 2: state 4 is out of range, expected one below 4"
    );
    assert_error!(
        labels("#DECLARATION\na b\n"),
        Place::File,
        Reason::UnexpectedEnd { .. },
        "the file ends here, expected #END"
    );
    assert_error!(
        labels("#DECLARATION\na\n#END\n0 b\n"),
        Line(4),
        Reason::Unreadable { .. },
        "line 4: \"b\" is not a label that was declared"
    );
}

#[test]
fn files_are_named() {
    let path = std::env::temp_dir().join(format!("softmdp-explicit-{}.tra", std::process::id()));
    std::fs::write(&path, PRISM).unwrap();
    assert_eq!(ExplicitMdp::read(&path).unwrap(), prism());
    std::fs::write(&path, b"mdp\n0 0 0 1\n0 1 0 \xff\n").unwrap();
    let error = ExplicitMdp::<f64>::read(&path).expect_err("no text");
    let rewards = prism().read_transition_rewards(&path).expect_err("no text");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(error.to_string(), format!("{}: line 3: not UTF-8", path.display()));
    assert_eq!(rewards.to_string(), error.to_string());
    let error = ExplicitMdp::<f64>::read(&path).expect_err("no file any more");
    assert!(matches!((error.place(), error.reason()), (Place::File, Reason::Io(_))));
    assert_eq!(error.path(), Some(path.as_path()));
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn damaged_texts_neither_panic_nor_take_memory(damages in damages()) {
        let rewards = "4 5 2\n0 0 2 6\n2 0 3 1\n";
        let by_index = "0=\"init\" 1=\"deadlock\" 2=\"goal\"\n0: 0\n3: 2 1\n";
        let by_name = "#DECLARATION\ninit goal\n#END\n0 init\n3 goal\n";
        let harmed = |text: &str| String::from_utf8_lossy(&harmed(text.as_bytes(), &damages)).into_owned();
        for text in [PRISM, STORM].map(harmed) {
            let used = measure(|| drop(parse(&text)));
            prop_assert!(used.bytes_max <= 32 * text.len() as u64 + 4096, "{:?}", used);
            if let Ok(mdp) = parse(&text).unwrap_or_else(|_| prism()).builder().build() {
                prop_assert!(SoftValueIteration::new(2).solve_values(&mdp).is_ok());
            }
        }
        for text in ["4 3\n0 2\n2 -1.5\n3 1\n", rewards, by_index, by_name].map(harmed) {
            let used = measure(|| {
                drop(prism().with_state_rewards(&text));
                drop(prism().with_transition_rewards(&text));
                drop(prism().with_labels(&text));
            });
            prop_assert!(used.bytes_max <= 32 * text.len() as u64 + 4096, "{:?}", used);
        }
    }
}
