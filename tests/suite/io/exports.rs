//! Models as PRISM and Storm export them, with all their files.

use softmdp::io::ExplicitMdp;
use softmdp::ndarray::{Array1, array};
use softmdp::{ActionPrior, Inference, Mdp, SoftValueIteration, SparseDynamics};

/// A robot on six cells that heads for the cells 2, 3 and 5. Its motors are unreliable.
const TRANSITIONS: &str = "# Transitions (MDP)\n6 10 16\n\
    0 0 0 0.4 east\n0 0 1 0.6 east\n0 1 1 0.1 south\n0 1 3 0.8 south\n0 1 4 0.1 south\n1 0 2 1 east\n\
    1 1 2 0.5 south\n1 1 4 0.5 south\n2 0 2 1 stuck\n3 0 3 1 stuck\n4 0 5 1 east\n4 1 3 0.6 west\n\
    4 1 4 0.4 west\n5 0 2 0.9 north\n5 0 5 0.1 north\n5 1 4 1 west\n";
const LABELS: &str = "# Labels\n0=\"init\" 1=\"deadlock\" 2=\"goal1\" 3=\"goal2\"\n0: 0\n2: 3\n3: 3\n5: 2\n";
const TIME: &str = "# Reward structure: \"time\"\n# State rewards\n6 6\n0 1\n1 1\n2 1\n3 1\n4 1\n5 1\n";
const NOTHING: &str = "# Reward structure: \"time\"\n# Transition rewards\n6 10 0\n";

fn robot() -> ExplicitMdp {
    let robot = ExplicitMdp::parse(TRANSITIONS).unwrap().with_labels(LABELS).unwrap();
    robot.with_state_rewards(TIME).unwrap().with_transition_rewards(NOTHING).unwrap().negate_rewards()
}

fn values(mdp: &Mdp<f64, SparseDynamics<f64>>, inference: Inference, horizon: usize) -> Array1<f64> {
    let solver = SoftValueIteration::new(horizon).inference(inference);
    solver.solve_values(mdp).unwrap().state_values().row(0).to_owned()
}

#[test]
fn a_robot_with_all_its_files() {
    let robot = robot();
    let goals = [robot.states_labelled("goal1").unwrap(), robot.states_labelled("goal2").unwrap()].concat();
    let mdp = robot
        .build_with(|builder| builder.terminal_states(goals).action_prior(ActionPrior::Uniform))
        .unwrap();
    let expected = [
        (
            Inference::Variational,
            array![-1.6714792478168197, -1.2580527033597457, 0.0, 0.0, -1.2135389542221195, 0.0],
        ),
        (
            Inference::Direct,
            array![-1.5723664526538115, -1.187029547780584, 0.0, 0.0, -1.1467204061830611, 0.0],
        ),
    ];
    for (inference, expected) in expected {
        let found = values(&mdp, inference, 10);
        assert!((&found - &expected).iter().all(|off| off.abs() < 1e-14), "{inference}: {found}");
    }
    assert_eq!(robot.initial(), Some(array![1.0, 0.0, 0.0, 0.0, 0.0, 0.0]));
}

#[test]
fn the_largest_probability_of_a_goal() {
    let robot = ExplicitMdp::<f64>::parse(TRANSITIONS).unwrap().with_labels(LABELS).unwrap();
    let goal = robot.states_labelled("goal1").unwrap().to_vec();
    let worth = array![0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    let mdp = robot
        .build_with(|builder| builder.temperature(0.0).terminal_states(goal).terminal_values(worth))
        .unwrap();
    let found = values(&mdp, Inference::Variational, 80);
    let expected = array![0.5, 0.5, 0.0, 0.0, 1.0, 1.0];
    assert!((&found - &expected).iter().all(|off| off.abs() < 1e-15), "{found}");
}

#[test]
fn what_the_tests_of_storm_contain() {
    // Blanks of every kind, any order, a state without lines, and no end of the last line.
    let text =
        "\u{feff}mDp \r\n\r\n3\t0 0   0.25\t\r\n0 1 4 1\r\n 0 0 2 0\r\n0 0 1 1\r\n3 0 4 .75\r\n1 0 1 1e0";
    let model = ExplicitMdp::<f64>::parse(text).unwrap();
    assert_eq!((model.num_states(), model.num_actions()), (5, 2));
    let mdp = model.builder().build().unwrap();
    assert_eq!(mdp.dynamics().num_transitions(), 5, "a probability of 0 is no transition");
    assert_eq!(
        (mdp.is_available(2, 0), mdp.is_available(3, 0), mdp.is_available(3, 1)),
        (false, true, false)
    );
    assert_eq!(values(&mdp, Inference::Variational, 1)[2], f64::NEG_INFINITY, "a dead end");
    let none = model.with_labels("\u{feff}#DECLARATION\r\n#END\r\n").unwrap();
    assert_eq!(none.labels().count(), 0);
}
