//! Paths of results, and output into pipes.

use std::io::Read;
use std::process::{Command, Stdio};

use super::{Folder, softmdp};

const TAXI: &str = "examples/models/taxi.npz";

#[test]
fn paths_are_checked_before_the_model_is_read() {
    let folder = Folder::new("paths");
    let model = folder.path("model.npz");
    std::fs::copy(TAXI, &model).unwrap();
    let problem = [model.as_str(), "--horizon", "3", "--inference", "direct", "--out"];
    for (out, expected) in [
        (model.clone(), format!("--out {model} is the file of the model: choose another file")),
        (folder.path(""), format!("--out {} is a folder: add a file name", folder.path(""))),
        (
            folder.path("a.csv"),
            format!(
                "--out {} is not an .npz file: results are archives of numpy, so change the extension",
                folder.path("a.csv")
            ),
        ),
        (
            folder.path("no/a.npz"),
            format!("--out {}: folder {} does not exist", folder.path("no/a.npz"), folder.path("no")),
        ),
    ] {
        let run = softmdp(&[&problem[..], &[out.as_str()]].concat());
        assert_eq!((run.code, run.err, run.out.as_str()), (Some(1), format!("error: {expected}\n"), ""));
    }
    let run = softmdp(&["missing.npz", "--horizon", "3", "--inference", "direct", "--plot", "LICENSE-MIT/x"]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.starts_with("error: --plot LICENSE-MIT/x: "), "{}", run.err);
}

#[test]
fn rows_are_cut_with_a_line_that_counts_them() {
    let problem = ["--horizon", "3", "--inference", "variational", "--rows"];
    let run = softmdp(&[&[TAXI], &problem[..], &["2"]].concat()).solved();
    assert_eq!(run.rows().len(), 2);
    assert!(run.out.ends_with("\n… and 502 more of 504 states; --rows N prints N rows\n"), "{}", run.out);
    let run = softmdp(&[&[TAXI], &problem[..], &["0"]].concat()).solved();
    assert!(run.rows().is_empty());
    let run = softmdp(&[&[TAXI], &problem[..], &["1000"]].concat()).solved();
    assert_eq!(run.rows().len(), 504);
}

/// As `softmdp … | head -1` does: the results are complete, and there is no error.
#[test]
fn a_reader_may_close_its_end() {
    let folder = Folder::new("pipe");
    let out = folder.path("out.npz");
    let mut command = Command::new(env!("CARGO_BIN_EXE_softmdp"))
        .args([TAXI, "--horizon", "30", "--inference", "variational", "--out", &out])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(command.stdout.take()); // before the first line
    let status = command.wait().unwrap();
    let mut errors = String::new();
    command.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!((status.code(), errors.as_str()), (Some(0), ""));
    assert!(folder.has("out.npz"));
}
