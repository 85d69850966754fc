//! Errors of files: the file, the place in the file, and the reason.

use std::fmt;
use std::path::{Path, PathBuf};

/// An error in reading or writing a file.
///
/// The message names the file, the place in the file and the reason, in this order, if they are
/// known.
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
pub struct Error {
    inner: Box<Inner>, // a result that is rarely an error stays small
}

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

    /// Adds the file that the error belongs to.
    pub(crate) fn in_file(mut self, path: &Path) -> Self {
        self.inner.path = Some(path.to_owned());
        self
    }

    /// Adds the names of all arrays to the error for a missing one.
    #[cfg(feature = "npz")]
    pub(crate) fn listing(mut self, names: impl Iterator<Item = String>) -> Self {
        if let Reason::Missing { found, .. } = &mut self.inner.reason {
            *found = names.collect();
        }
        self
    }

    /// The file, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    /// The place in the file.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.inner.place
    }

    /// The reason of the error.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        &self.inner.reason
    }
}

/// The message, so that `fn main() -> Result<(), Error>` prints it.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
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

// The message contains that of the reason, so the source is that of the reason.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.reason().source()
    }
}

/// The place of an error in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The file as a whole: it cannot be opened, or has another format.
    File,
    /// A line of a text, from 1.
    Line(usize),
    /// An array of an archive, by its name.
    Array(String),
    /// An element of an array of an archive.
    Entry {
        /// Name of the array.
        array: String,
        /// The index of the element, one number for each axis.
        index: Vec<usize>,
    },
}

/// The reason of an error in a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Its content is not a valid model or result.
    #[error(transparent)]
    Model(#[from] crate::Error),

    // --- text -------------------------------------------------------------------------------------
    /// A text is not encoded in UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// The text ends too early.
    #[error("the file ends here, expected {expected}")]
    UnexpectedEnd {
        /// The expected text.
        expected: &'static str,
    },
    /// A line has too many or too few fields.
    #[error("the line has {found} fields, expected {expected}")]
    FieldCount {
        /// Number of fields, separated by blanks.
        found: usize,
        /// The expected fields.
        expected: &'static str,
    },
    /// A field cannot be read.
    #[error("{field:?} is not {expected}")]
    Unreadable {
        /// The field; its beginning, if it is long.
        field: String,
        /// The expected content.
        expected: &'static str,
    },
    /// The file is of another kind: another model, or another part of a model.
    #[error("this looks like {found}, expected {expected}")]
    WrongKind {
        /// The kind of the file.
        found: &'static str,
        /// The kinds that can be read here.
        expected: &'static str,
    },
    /// An index is too large.
    #[error("{what} {found} is out of range, expected one below {bound}")]
    OutOfRange {
        /// What the index counts.
        what: &'static str,
        /// The index.
        found: usize,
        /// The number of items. The index must be below this number.
        bound: usize,
    },
    /// A number in a header differs from that of the lines that follow, or of the model.
    #[error("the header says {expected} {what}, found {found}")]
    CountMismatch {
        /// What the header counts.
        what: &'static str,
        /// The number found.
        found: usize,
        /// The number in the header.
        expected: usize,
    },
    /// The header counts more states than the lines of the file can name. Each line names two
    /// states.
    #[error("the header says {num_states} states, but {num_lines} lines name at most two states each")]
    UnnamedStates {
        /// Number of states.
        num_states: usize,
        /// Number of lines with a transition.
        num_lines: usize,
    },
    /// A state has a choice n, but no choice n − 1.
    #[error("state {state} has a choice {choice}, but no choice {}", choice.saturating_sub(1))]
    SkippedChoice {
        /// The state.
        state: usize,
        /// The choice.
        choice: usize,
    },
    /// An item is listed a second time.
    #[error("{what} is listed a second time")]
    Repeated {
        /// The item.
        what: &'static str,
    },
    /// A transition that is listed several times has neither one reward nor one for each line.
    #[error("the transition has {found} rewards, expected 1, or {expected}: one for each of its lines")]
    RewardCount {
        /// Number of rewards.
        found: usize,
        /// Number of lines with the transition.
        expected: usize,
    },
    /// A reward belongs to a transition that the model does not have.
    #[error("there is no transition from state {state} by choice {choice} to state {next_state}")]
    NoSuchTransition {
        /// The state before the transition.
        state: usize,
        /// The choice in that state.
        choice: usize,
        /// The state after the transition.
        next_state: usize,
    },

    // --- archives ---------------------------------------------------------------------------------
    /// The file is not a zip archive, or is incomplete.
    #[error("not a complete zip archive: {detail}")]
    NotAnArchive {
        /// The message of the crate `zip`.
        detail: String,
    },
    /// The number of entries at the end of an archive differs from that of its table of contents.
    #[error(
        "the end of the archive counts {expected} entries, but its table of contents has {found}: \
         save the file again"
    )]
    EntryCount {
        /// Number of entries in the table of contents.
        found: usize,
        /// Number of entries at the end of the archive.
        expected: usize,
    },
    /// An archive has a property that is not supported.
    #[error("{what} is not supported")]
    Unsupported {
        /// The property.
        what: &'static str,
    },
    /// The bytes of an array changed after they were written.
    #[error("the file is damaged: {detail}")]
    Damaged {
        /// The message of the crate that reads the archive.
        detail: String,
    },
    /// The number of bytes of an array differs from that of its type and shape.
    #[error("the elements have {found} bytes, but type and shape take {expected}")]
    Length {
        /// Number of bytes of all elements.
        found: u64,
        /// Number of bytes that type and shape take; `u64::MAX` if it overflows.
        expected: u64,
    },
    /// An entry of an archive is not an array.
    #[error("not an array in npy format: {expected} is missing")]
    NotAnArray {
        /// The part of the format that is missing.
        expected: &'static str,
    },
    /// The elements of an array are of the wrong type.
    #[error("elements are of type {found:?}, expected {expected}")]
    ElementType {
        /// The type, as numpy writes it.
        found: String,
        /// The types that can be read.
        expected: &'static str,
    },
    /// An array has the wrong shape.
    #[error("shape is {found:?}, expected {expected}")]
    Shape {
        /// The shape.
        found: Vec<usize>,
        /// The shape that is expected.
        expected: String,
    },
    /// An element is out of range.
    #[error("{value} is not {expected}")]
    Value {
        /// The element.
        value: f64,
        /// The range.
        expected: &'static str,
    },
    /// An array is missing.
    #[error("missing{}{}", Hint(hint), Listed(found))]
    Missing {
        /// The expected arrays; may be empty.
        hint: &'static str,
        /// The names of the arrays of the archive.
        found: Vec<String>,
    },
    /// An array has two readings.
    #[error("this can be {readings}: {remedy}")]
    Ambiguous {
        /// The two readings.
        readings: &'static str,
        /// How to choose one of them.
        remedy: &'static str,
    },
    /// Two arrays define the same table or setting.
    #[error("conflicts with array `{other}`: keep one of them")]
    Conflict {
        /// Name of the other array.
        other: &'static str,
    },
    /// The format cannot store this model or array.
    #[error("an .npz file cannot hold {what}")]
    NotStorable {
        /// The property that cannot be stored.
        what: &'static str,
    },
}

#[cfg(feature = "npz")]
impl Reason {
    /// A missing array, without the names of those that are there.
    pub(crate) fn missing(hint: &'static str) -> Self {
        Self::Missing { hint, found: Vec::new() }
    }
}

/// `: expected …`, or nothing.
struct Hint<'a>(&'a str);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

/// `; the archive has …`, with the beginning of a long list.
struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST_NAMES: usize = 20;
        const MOST_CHARS: usize = 40;
        for (at, name) in self.0.iter().take(MOST_NAMES).enumerate() {
            let separator = if at == 0 { "; the archive has " } else { ", " };
            let name: String = name.chars().take(MOST_CHARS).collect();
            write!(f, "{separator}{}", name.escape_debug())?;
        }
        match self.0.len().checked_sub(MOST_NAMES) {
            Some(more @ 1..) => write!(f, " and {more} more"),
            _ => Ok(()),
        }
    }
}
