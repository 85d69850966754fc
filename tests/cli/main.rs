//! The command `softmdp`: its numbers, messages, files and exit codes.

mod explicit;
mod files;
mod maps;
mod numpy;
mod usage;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a run of the command left.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs the command in the folder of the crate.
fn softmdp(arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_softmdp"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the command runs");
    let Output { status, stdout, stderr } = output;
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    Run { code: status.code(), out: text(stdout), err: text(stderr) }
}

impl Run {
    /// A run that solved its problem.
    #[track_caller]
    fn solved(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.err);
        assert_eq!(self.err, "");
        self
    }

    /// The text of a line with a title.
    #[track_caller]
    fn line(&self, title: &str) -> &str {
        let line = self.out.lines().find(|line| line.split("  ").next() == Some(title));
        line.unwrap_or_else(|| panic!("no line {title:?} in\n{}", self.out))[title.len()..].trim()
    }

    /// The number that a line begins with.
    #[track_caller]
    fn number(&self, title: &str) -> f64 {
        let text = self.line(title);
        let first = text.split([' ', ',']).next().unwrap();
        first.parse().unwrap_or_else(|_| panic!("{text:?} begins with no number"))
    }

    /// The rows of the table: its fields between blanks.
    #[track_caller]
    fn rows(&self) -> Vec<Vec<&str>> {
        let lines = self.out.lines().skip_while(|line| !line.trim_start().starts_with("state "));
        let rows = lines.skip(1).take_while(|line| !line.starts_with('…'));
        rows.map(|row| row.split_whitespace().collect()).collect()
    }

    /// A column of numbers of the table.
    #[track_caller]
    fn column(&self, index: usize) -> Vec<f64> {
        self.rows().iter().map(|row| row[index].parse().unwrap()).collect()
    }
}

/// A folder for the files of one test, which is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("softmdp-cli-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file and returns its path.
    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.0.join(name), text).unwrap();
        self.path(name)
    }

    fn has(&self, name: &str) -> bool {
        Path::exists(&self.0.join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[track_caller]
fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (x, y) in found.iter().zip(expected) {
        assert!((x - y).abs() <= tolerance, "{found:?} is not {expected:?}");
    }
}
