//! Markov chains as `.tra`, in every form that PRISM and Storm write.
#![allow(clippy::float_cmp, reason = "numbers are read, not computed")]
#![allow(clippy::format_push_string, clippy::format_collect, reason = "short texts of a test")]

use softmdp::io::{ExplicitMdp, Place, Reason};
use softmdp::ndarray::Array1;
use softmdp::{
    Dynamics, Inference, Mdp, SoftValueIteration, SparseDynamics, StationarySolver, soft_value_iteration,
};

/// The die of Knuth and Yao, which tosses a coin in the states 0 to 6. The states 7 to 12 are
/// faces.
const TOSSES: [(usize, [usize; 2]); 7] =
    [(0, [1, 2]), (1, [3, 4]), (2, [5, 6]), (3, [1, 7]), (4, [8, 9]), (5, [10, 11]), (6, [2, 12])];

/// The lines of the die, one for each transition. Faces lead back to themselves.
fn lines(half: &str, rest: &str) -> String {
    let mut text = String::new();
    for (state, next_states) in TOSSES {
        for next_state in next_states {
            text += &format!("{state} {next_state} {half}{rest}\n");
        }
    }
    (7..13).for_each(|face| text += &format!("{face} {face} 1{rest}\n"));
    text
}

fn forms() -> Vec<String> {
    let plain = lines("0.5", "");
    vec![
        format!("13 20\n{plain}"),
        format!("dtmc\n{plain}"),
        format!("dTmC\n{plain}"),
        format!("DTMC\n13 20\n{plain}"),
        plain.clone(),
        format!("13 20\n{}", lines("1/2", "")),
        format!("13 20\n{}", lines("5e-1", " toss")),
        lines(".5", " toss"),
        format!("\u{feff}13 20\r\n{}", plain.replace('\n', "\r\n")),
        format!("# Transitions (DTMC)\r13 20\r{}", plain.replace('\n', "\r")),
        format!("dtmc\n\n{}\n7 7 0\n", plain.replace(' ', "\t ")),
    ]
}

fn die(text: &str) -> ExplicitMdp {
    ExplicitMdp::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn model(die: &ExplicitMdp, values: Array1<f64>) -> Mdp<f64, SparseDynamics<f64>> {
    die.build_with(|builder| builder.terminal_states(7..13).terminal_values(values)).unwrap()
}

#[test]
fn every_form_of_the_die_is_fair_and_takes_11_thirds_tosses() {
    for text in forms() {
        let die = die(&text);
        assert_eq!((die.num_states(), die.num_actions()), (13, 1), "{text}");
        for face in 7..13 {
            let mdp = model(&die, Array1::from_shape_fn(13, |state| f64::from(u8::from(state == face))));
            let solver = SoftValueIteration::new(120).inference(Inference::Variational);
            let p = solver.solve_values(&mdp).unwrap().state_values()[[0, 0]];
            assert!((p - 1.0 / 6.0).abs() < 1e-15, "face {face}: {p}");
        }
        let tosses: String = (0..7).map(|state| format!("{state} 1\n")).collect();
        let mdp = model(&die.with_state_rewards(&tosses).unwrap(), Array1::zeros(13));
        let solver = StationarySolver::new(1e-12).inference(Inference::Variational);
        let solution = solver.solve(&mdp).unwrap();
        assert!((solution.state_values()[0] - 11.0 / 3.0).abs() < 1e-12);
    }
}

#[test]
fn rewards_of_the_transitions_of_a_chain() {
    for rewards in ["13 2\n0 1 6\n3 1 1/2\n", "dtmc\n0 1 6\n3 1 0.5\n", "0 1 6 toss\n3 1 .5\n"] {
        let die = die(&forms()[0]).with_transition_rewards(rewards).unwrap();
        let paid = die.outcomes().filter(|(.., reward)| *reward != 0.0);
        assert!(paid.eq([(0, 0, 1, 0.5, 6.0), (3, 0, 1, 0.5, 0.5)]));
    }
    let error = die(&forms()[0]).with_transition_rewards("0 3 1\n").unwrap_err();
    assert_eq!(error.to_string(), "line 1: there is no transition from state 0 by choice 0 to state 3");
    let error = die(&forms()[0]).with_transition_rewards("13 20 0\n").unwrap_err();
    assert!(matches!(error.reason(), Reason::NoSuchTransition { .. }), "{error}");
}

#[test]
fn a_line_that_fits_no_chain_says_that_the_file_is_one() {
    let error = ExplicitMdp::<f64>::parse("2 2\n0 1 1\n1 0 1 1 go\n").unwrap_err();
    assert_eq!(*error.place(), Place::Line(3));
    assert_eq!(
        error.to_string(),
        "line 3: the line has 5 fields, expected 3 or 4 of a Markov chain: `state next_state probability [action]`"
    );
    let error = ExplicitMdp::<f64>::parse("2 3\n0 1 1\n1 0 1\n").unwrap_err();
    assert_eq!(error.to_string(), "line 1: the header says 3 transitions, found 2");
}

#[test]
fn the_first_line_tells_a_header_from_a_transition() {
    let shape = |text: &str| {
        let model = ExplicitMdp::<f64>::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        (model.num_states(), model.num_actions())
    };
    assert_eq!(shape("1 1 1\n0 0 0 1\n"), (1, 1), "states, choices and transitions");
    assert_eq!(shape("1 1 1\n0 0 1\n"), (2, 1), "1 → 1 and 0 → 0, each with probability 1");
    assert_eq!(shape("2 3 3\n0 0 0 1\n0 1 1 1\n1 0 1 1\n"), (2, 2));
    assert_eq!(shape("0 0 1 1\n1 0 1 1\n1 1 0 1\n"), (2, 2), "a process without header");
    assert_eq!(shape("0 1 0.5 go\n0 0 1/2 go\n1 1 1 stay\n"), (2, 1), "a chain with names of actions");
    assert_eq!(shape("MDP\n2 2 2\n0 0 1 1\n1 0 1 1\n"), (2, 1), "a word and numbers");
    for word in ["mDp", "MDP", "Mdp"] {
        assert_eq!(shape(&format!("{word}\n0 0 0 1\n0 1 0 1\n")), (1, 2));
    }
}

#[test]
fn a_chain_is_the_process_with_one_choice() {
    let chain = die(&forms()[0]).build_with(|builder| builder).unwrap();
    let process = lines("0.5", "").replace('\n', " \n");
    let process: String = process
        .lines()
        .map(|line| line.split_once(' ').map(|(state, rest)| format!("{state} 0 {rest}\n")).unwrap())
        .collect();
    let process = ExplicitMdp::<f64>::parse(&format!("13 13 20\n{process}")).unwrap();
    let process = process.build_with(|builder| builder).unwrap();
    assert_eq!(chain, process);
    assert_eq!(chain.dynamics().num_actions(), 1);
    assert_eq!(soft_value_iteration(&chain, 3).unwrap(), soft_value_iteration(&process, 3).unwrap());
}

#[test]
fn fractions_are_exact_quotients() {
    let text = "mdp\n0 0 0 2/5\n0 0 1 3/5\n1 0 0 1e-1/2e-1\n1 0 1 0.5/1\n";
    let mdp = ExplicitMdp::<f64>::parse(text).unwrap().builder().build().unwrap();
    let mut row = Vec::new();
    mdp.dynamics().for_each_successor(0, 0, &mut |next_state, p| row.push((next_state, p)));
    assert_eq!(row, [(0, 2.0 / 5.0), (1, 3.0 / 5.0)]);
    let rewards = ExplicitMdp::<f64>::parse(text).unwrap().with_state_rewards("0 -1/3\n1 7/2\n").unwrap();
    let rewards = rewards.builder().build().unwrap().rewards().to_owned();
    assert_eq!(rewards, softmdp::ndarray::array![[-1.0 / 3.0], [3.5]]);
}
