//! Several files of rewards or labels, and costs.

use softmdp::Inference;
use softmdp::io::{ExplicitMdp, Place, Reason};
use softmdp::ndarray::array;

const TEXT: &str = "2 3 4\n0 0 0 0.5\n0 0 1 0.5\n0 1 1 1\n1 0 1 1\n";

fn model() -> ExplicitMdp {
    ExplicitMdp::parse(TEXT).unwrap()
}

#[test]
fn the_rewards_of_a_second_file_are_added() {
    let model =
        model().with_state_rewards("2 1\n0 2\n").unwrap().with_state_rewards("0 1/2\n1 -inf\n").unwrap();
    let rewards = model.builder().build().unwrap().rewards().to_owned();
    assert_eq!(rewards, array![[2.5, 2.5], [f64::NEG_INFINITY, 0.0]]);

    let model = model.with_transition_rewards("2 3 1\n0 0 1 3\n").unwrap();
    let model =
        model.with_transition_rewards("0 0 1 -1\n1 0 1 7\n").unwrap().with_transition_rewards("").unwrap();
    let rewards: Vec<f64> = model.outcomes().map(|(.., reward)| reward).collect();
    assert_eq!(rewards, [0.0, 2.0, 0.0, 7.0]);
}

#[test]
fn a_sum_of_files_does_not_overflow_to_a_reward_that_forbids() {
    let first = model().with_state_rewards("0 -1e308\n").unwrap();
    let error = first.with_state_rewards("# more\n0 -1e308\n").unwrap_err();
    assert_eq!(*error.place(), Place::Line(2));
    assert_eq!(
        error.to_string(),
        "line 2: \"-1e308\" is not a reward whose sum with that of an earlier file is finite"
    );
}

#[test]
fn costs_become_rewards() {
    let model = model().with_state_rewards("0 2\n").unwrap().with_transition_rewards("0 0 1 3\n").unwrap();
    let negated = model.negate_rewards().with_state_rewards("1 5\n").unwrap();
    let rewards = negated.builder().build().unwrap().rewards().to_owned();
    assert_eq!(rewards, array![[-2.0, -2.0], [5.0, 0.0]]);
    assert!(rewards.iter().all(|reward| *reward != 0.0 || reward.is_sign_positive()), "0 stays 0");
    assert!(negated.outcomes().map(|(.., reward)| reward).eq([0.0, -3.0, 0.0, 0.0]));
    let error =
        self::model().with_state_rewards("1 -inf\n").unwrap().negate_rewards().build_with(|builder| builder);
    assert!(matches!(
        error.unwrap_err().reason(),
        Reason::Model(softmdp::Error::InvalidReward { state: 1, action: 0, .. })
    ));
}

#[test]
fn the_labels_of_a_second_file_are_added() {
    let first = || model().with_labels("0=\"init\" 1=\"goal\"\n0: 0\n1: 1\n").unwrap();
    let both = first().with_labels("0=\"init\" 1=\"trap\"\n0: 0 1\n").unwrap();
    assert!(both.labels().eq(["init", "goal", "trap"]));
    assert_eq!(both.states_labelled("trap"), Some(&[0][..]));
    assert_eq!(both.initial(), Some(array![1.0, 0.0]));
    let error = first().with_labels("0=\"goal\"\n0: 0\n").unwrap_err();
    assert_eq!(error.to_string(), "a label that has other states in an earlier file is listed a second time");
    let none = first().with_labels("#DECLARATION #END\n").unwrap();
    assert!(none.labels().eq(["init", "goal"]));
    let odd = model().with_labels("0=\"9\" 1=\"&\" 2=\"\"\"\n0: 0 0 1 2\n").unwrap();
    assert!(odd.labels().eq(["9", "&", "\""]));
}

/// A start that is left for state 1 by 1/4 + 1/2, and that is kept by 1/4. Going costs 1 or 5.
const SEVERAL: &str = "mdp\n0 0 1 1/2\n1 0 1 1\n0 0 0 1/4\n0 0 1 1/4\n";

#[test]
fn a_transition_has_as_many_rewards_as_lines() {
    let model = ExplicitMdp::<f64>::parse(SEVERAL).unwrap();
    let model = model.with_transition_rewards("0 0 1 -1\n0 0 0 2\n0 0 1 -5\n").unwrap();
    let expected = [(0, 0, 0, 0.25, 2.0), (0, 0, 1, 0.5, -1.0), (0, 0, 1, 0.25, -5.0), (1, 0, 1, 1.0, 0.0)];
    assert!(model.outcomes().eq(expected));
    let mdp = model.build_with(|builder| builder.terminal_states([1])).unwrap();
    let mdp = mdp.with_outcomes(model.outcomes()).unwrap();
    let mean = 0.25 * 2.0 - 0.5 - 0.25 * 5.0;
    let log_mean = (0.25 * 2.0_f64.exp() + 0.5 * (-1.0_f64).exp() + 0.25 * (-5.0_f64).exp()).ln();
    for (inference, expected) in [(Inference::Variational, mean), (Inference::Direct, log_mean)] {
        assert!((mdp.folded_rewards(inference)[[0, 0]] - expected).abs() < 1e-15, "{inference}");
    }
    // A second file with one reward adds it to both.
    let more = model.with_transition_rewards("0 0 1 10\n").unwrap();
    assert!(more.outcomes().map(|(.., reward)| reward).eq([2.0, 9.0, 5.0, 0.0]));
}

#[test]
fn rewards_that_do_not_fit_the_lines_are_refused() {
    let three = "mdp\n0 0 0 1/2\n0 0 0 1/4\n0 0 0 1/4\n";
    let read = |text| ExplicitMdp::<f64>::parse(three).unwrap().with_transition_rewards(text);
    assert!(read("0 0 0 1\n").unwrap().outcomes().all(|(.., reward)| reward == 1.0));
    let error = read("# two of three\n0 0 0 1\n0 0 0 2\n").unwrap_err();
    assert_eq!(*error.place(), Place::Line(2));
    assert!(matches!(error.reason(), Reason::RewardCount { found: 2, expected: 3 }), "{error}");
    assert_eq!(
        error.to_string(),
        "line 2: the transition has 2 rewards, expected 1, or 3: one for each of its lines"
    );
    let error = read("0 0 0 1\n0 0 0 2\n0 0 0 3\n0 0 0 4\n").unwrap_err();
    assert_eq!(error.to_string(), "line 4: the reward of a transition is listed a second time");
}
