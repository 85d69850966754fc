//! Files that are no Markov chain or decision process: the message says what they are.

use softmdp::io::{ExplicitMdp, Place, Reason};

fn refused(text: &str, line: usize, found: &str) {
    let error = ExplicitMdp::<f64>::parse(text).expect_err("another kind of file");
    assert_eq!(*error.place(), Place::Line(line), "{error}\n{text}");
    assert!(matches!(error.reason(), Reason::WrongKind { .. }), "{error}\n{text}");
    let message = format!("line {line}: this looks like {found}, expected ");
    assert!(error.to_string().starts_with(&message), "{error}\n{text}");
}

#[test]
fn models_of_other_kinds() {
    let partial = "a partially observable model";
    refused("3 4 6 2\n0 0 1 0.5 0 go\n0 0 2 0.5 1 go\n", 1, partial);
    refused("3 4 6 2\n- - 0 - 0\n0 0 1 0.5 0\n", 1, partial);
    refused("3 4 6 1\n0 0 1 0.5 0\n0 0 2 0.5 0\n", 1, partial);
    refused("pomdp\n0 0 1 1\n", 1, partial);
    let labelled = "a labelled transition system, which has no probabilities";
    refused("3 4 4\n0 0 1 go\n0 1 2\n", 2, labelled);
    refused("3 3 3\n0 0 1\n1 0 2\n2 0 2\n", 2, labelled);
    refused("des (0, 3, 2)\n(0, \"a\", 1)\n", 1, labelled);
    refused("LTS\n0 0 1\n", 1, labelled);
    refused("ctmc\n0 1 3.5\n", 1, "a Markov chain in continuous time");
    refused("ma\n0 0 1 1\n", 1, "a Markov automaton");
    refused("smg\n0 0 1 1\n", 1, "a stochastic game");
    refused("imdp\n0 0 1 [0.4,0.6]\n", 1, "an interval model");
    refused("// Exported by storm\n@type: DTMC\n", 1, "a model in the format DRN");
    refused("@type: MDP\n@parameters\n", 1, "a model in the format DRN");
}

#[test]
fn intervals_in_place_of_probabilities() {
    for text in ["2 2 2\n0 0 1 [0.4,0.6]\n1 0 1 1\n", "2 2\n0 1 [0.4,0.6]\n1 1 1\n", "mdp\n0 0 1 [0,1]\n"] {
        refused(text, 2, "an interval");
    }
}

#[test]
fn other_parts_of_a_model() {
    refused("0=\"init\" 1=\"goal\"\n0: 0\n", 1, "a file of labels");
    refused("#DECLARATION\ninit goal\n#END\n0 init\n", 1, "a file of labels");
    refused("(x,y)\n0:(1,2)\n", 1, "a list of states");
    refused("13 2\n0 1\n4 2.5\n", 2, "a file of state rewards");
    refused("dtmc\nmodule die\n", 2, "a model in the language of PRISM");
    refused("mdp\n\nconst int N = 3;\n", 3, "a model in the language of PRISM");
    refused("3 3 4\n0 0.1:1 0.9:2 south\n", 2, "the row form of PRISM");
    refused("3 4\n0 0.1:1 0.9:2\n", 2, "the row form of PRISM");
    refused("0 0.1:1 0.9:2 south\n1 1:1\n", 1, "the row form of PRISM");
}
