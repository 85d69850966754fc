//! What is wrong with a file: which file, where in it, and what.

use std::fmt;
use std::path::{Path, PathBuf};

/// What went wrong with a file, and where.
///
/// The message names the file, the place in it and the reason, in this order, as far as each is known.
///
/// # Example
///
/// ```
/// use softmdp::io::{ExplicitMdp, Place, Reason};
///
/// let text = "2 2 2\n0 0 1 1\n1 0 1 one\n";
/// let error = ExplicitMdp::<f64>::parse(text).unwrap_err();
/// assert_eq!(*error.place(), Place::Line(3));
/// assert!(matches!(error.reason(), Reason::Unreadable { .. }));
/// assert_eq!(error.to_string(), "line 3: \"one\" is not a finite number >= 0");
/// ```
#[derive(Debug)]
pub struct Error {
    inner: Box<Inner>, // a result that is rarely an error stays small
}

#[derive(Debug)]
struct Inner {
    path: Option<PathBuf>,
    place: Place,
    reason: Reason,
}

impl Error {
    pub(crate) fn new(place: Place, reason: impl Into<Reason>) -> Self {
        Self { inner: Box::new(Inner { path: None, place, reason: reason.into() }) }
    }

    #[cfg(feature = "npz")]
    pub(crate) fn in_array(name: &str, reason: impl Into<Reason>) -> Self {
        Self::new(Place::Array(name.to_owned()), reason)
    }

    /// This error, with the file that it was met in.
    pub(crate) fn in_file(mut self, path: &Path) -> Self {
        self.inner.path = Some(path.to_owned());
        self
    }

    /// The file, if it was read from or written to one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    /// Where in the file.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.inner.place
    }

    /// What is wrong there.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        &self.inner.reason
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = self.path() {
            write!(f, "{}: ", path.display())?;
        }
        match self.place() {
            Place::File => {}
            Place::Line(line) => write!(f, "line {line}: ")?,
            Place::Array(name) => write!(f, "array `{name}`: ")?,
            Place::Entry { array, index } => write!(f, "array `{array}`, entry {index:?}: ")?,
        }
        self.reason().fmt(f)
    }
}

// The message holds that of the reason, so the source is what lies behind the reason.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.reason().source()
    }
}

/// Where in a file something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// Nowhere in particular: it cannot be opened, or is not what it should be.
    File,
    /// A line of a text, from 1.
    Line(usize),
    /// An array of an archive, by its name.
    Array(String),
    /// A number of such an array.
    Entry {
        /// Name of the array.
        array: String,
        /// Place in it, an index for each axis.
        index: Vec<usize>,
    },
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// It cannot be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// What it holds is no valid model or result.
    #[error(transparent)]
    Model(#[from] crate::Error),

    // --- text -------------------------------------------------------------------------------------
    /// It is not text.
    #[error("not UTF-8")]
    NotUtf8,
    /// It ends too early.
    #[error("the file ends here, expected {expected}")]
    UnexpectedEnd {
        /// What should have followed.
        expected: &'static str,
    },
    /// A line is longer or shorter than it should be.
    #[error("the line has {found} fields, expected {expected}")]
    FieldCount {
        /// Number of fields, divided by blanks.
        found: usize,
        /// What they should be.
        expected: &'static str,
    },
    /// The extension of a file names no format that can be written.
    #[error("the extension is {found:?}, expected {expected}")]
    UnknownExtension {
        /// What it is; empty if there is none.
        found: String,
        /// What it can be.
        expected: &'static str,
    },
    /// A field cannot be read.
    #[error("{field:?} is not {expected}")]
    Unreadable {
        /// The field; its beginning, if it is long.
        field: String,
        /// What it should be.
        expected: &'static str,
    },
    /// An index is too large.
    #[error("{what} {found} is out of range, expected one below {bound}")]
    OutOfRange {
        /// What is counted.
        what: &'static str,
        /// Its index.
        found: usize,
        /// How many there are.
        bound: usize,
    },
    /// A header announces other numbers than those of the lines that follow, or of the model.
    #[error("the header says {expected} {what}, found {found}")]
    CountMismatch {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many the header says.
        expected: usize,
    },
    /// More states than the lines of the file can name.
    #[error("{num_states} states, of which {num_lines} lines can name but a part")]
    UnnamedStates {
        /// Number of states.
        num_states: usize,
        /// Number of lines that name states.
        num_lines: usize,
    },
    /// A choice of a state is there, but not the one before it.
    #[error("state {state} has a choice {choice}, but no choice {}", choice.saturating_sub(1))]
    SkippedChoice {
        /// The state.
        state: usize,
        /// The choice.
        choice: usize,
    },
    /// Something is named a second time.
    #[error("{what} is listed a second time")]
    Repeated {
        /// What it is.
        what: &'static str,
    },
    /// A reward is given for a transition that the model does not have.
    #[error("there is no transition from state {state} by choice {choice} to state {next_state}")]
    NoSuchTransition {
        /// State that it starts in.
        state: usize,
        /// Choice taken there.
        choice: usize,
        /// State that it leads to.
        next_state: usize,
    },

    // --- archives ---------------------------------------------------------------------------------
    /// It is not a zip archive, or a part of one.
    #[error("not a complete zip archive: {detail}")]
    NotAnArchive {
        /// What is wrong with it.
        detail: String,
    },
    /// It is an archive of a kind that is not read.
    #[error("{what} is not supported")]
    Unsupported {
        /// The kind.
        what: &'static str,
    },
    /// The bytes of an array are not the ones that were written.
    #[error("the file is damaged: {detail}")]
    Damaged {
        /// What shows it.
        detail: String,
    },
    /// There are more or fewer bytes than there should be.
    #[error("found {found} bytes, expected {expected}")]
    Length {
        /// Number of bytes there are.
        found: u64,
        /// Number of bytes that the header asks for.
        expected: u64,
    },
    /// An entry of an archive is not an array.
    #[error("not an array in npy format: {expected} is missing")]
    NotAnArray {
        /// What should be there.
        expected: &'static str,
    },
    /// The elements of an array are of the wrong type.
    #[error("elements are of type {found:?}, expected {expected}")]
    ElementType {
        /// Their type, as numpy spells it.
        found: String,
        /// The types that fit.
        expected: &'static str,
    },
    /// An array does not have the shape that it should have.
    #[error("shape is {found:?}, expected {expected}")]
    Shape {
        /// Its shape.
        found: Vec<usize>,
        /// The shape that fits.
        expected: String,
    },
    /// A number is not one that may stand there.
    #[error("{value} is not {expected}")]
    Value {
        /// The number.
        value: f64,
        /// What it should be.
        expected: &'static str,
    },
    /// An array is missing.
    #[error("missing{}", if hint.is_empty() { String::new() } else { format!(": {hint}") })]
    Missing {
        /// What it would have said.
        hint: &'static str,
    },
    /// Two arrays say the same thing, or contradict each other.
    #[error("cannot stand beside array `{other}`")]
    Conflict {
        /// Name of the other array.
        other: &'static str,
    },
    /// The layout has no place for this model.
    #[error("the layout has no place for {what}")]
    NotStorable {
        /// What makes it so.
        what: &'static str,
    },
}
