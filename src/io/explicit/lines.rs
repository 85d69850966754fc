//! Lines and fields of a text, with the line number in each error.

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use crate::Real;
use crate::io::{Error, Place, Reason};

/// The lines of a text, without blank lines and comments, which begin with `#`.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> + Clone {
    numbered(text).filter(|line| !line.text.starts_with('#'))
}

/// The lines of a text, without blank lines. A byte-order mark is skipped. Lines end with LF or CR
/// LF. They end with CR if the text has no LF.
pub(super) fn numbered(text: &str) -> impl Iterator<Item = Line<'_>> + Clone {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let end = if text.contains('\n') { '\n' } else { '\r' };
    let lines = text.split(end).zip(1..).map(|(text, number)| Line { number, text: text.trim() });
    lines.filter(|line| !line.text.is_empty())
}

/// A line, and its number from 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) number: usize,
    pub(super) text: &'a str,
}

impl<'a> Line<'a> {
    pub(super) fn error(self, reason: impl Into<Reason>) -> Error {
        Error::new(Place::Line(self.number), reason)
    }

    pub(super) fn fields(self) -> impl Iterator<Item = &'a str> + Clone {
        self.text.split_ascii_whitespace()
    }

    /// Number of fields.
    pub(super) fn width(self) -> usize {
        self.fields().count()
    }

    /// The first N fields, or an error if the line has fewer than N or more than `most`.
    pub(super) fn split<const N: usize>(
        self,
        most: usize,
        expected: &'static str,
    ) -> Result<[&'a str; N], Error> {
        let found = self.width();
        let mut first = [""; N];
        if found < N || found > most {
            return Err(self.error(Reason::FieldCount { found, expected }));
        }
        first.iter_mut().zip(self.fields()).for_each(|(first, field)| *first = field);
        Ok(first)
    }

    pub(super) fn parse<T: FromStr>(self, field: &str, expected: &'static str) -> Result<T, Error> {
        field.parse().map_err(|_| self.unreadable(field, expected))
    }

    pub(super) fn unreadable(self, field: impl Display, expected: &'static str) -> Error {
        let field = field.to_string().chars().take(40).collect();
        self.error(Reason::Unreadable { field, expected })
    }

    /// An index below `bound`.
    pub(super) fn index(self, field: &str, what: &'static str, bound: usize) -> Result<usize, Error> {
        let found = self.parse(field, "a whole number >= 0")?;
        if found >= bound {
            return Err(self.error(Reason::OutOfRange { what, found, bound }));
        }
        Ok(found)
    }

    /// A decimal number, or a fraction of two.
    fn number(self, field: &str, expected: &'static str) -> Result<f64, Error> {
        let Some((numerator, denominator)) = field.split_once('/') else {
            return self.parse(field, expected);
        };
        let numerator: f64 = self.parse(numerator, expected)?;
        let denominator: f64 = self.parse(denominator, expected)?;
        let ratio = numerator / denominator;
        let are_finite = numerator.is_finite() && denominator.is_finite() && ratio.is_finite();
        let is_number = are_finite && denominator > 0.0;
        if is_number { Ok(ratio) } else { Err(self.unreadable(field, expected)) }
    }

    pub(super) fn probability<F: Real>(self, field: &str) -> Result<F, Error> {
        if field.starts_with('[') {
            let (found, expected) = ("an interval", "one probability: interval models are not supported");
            return Err(self.error(Reason::WrongKind { found, expected }));
        }
        let expected = "a finite number >= 0";
        let p = F::from_f64(self.number(field, expected)?);
        if p >= F::zero() && p < F::infinity() { Ok(p) } else { Err(self.unreadable(field, expected)) }
    }

    pub(super) fn reward<F: Real>(self, field: &str) -> Result<F, Error> {
        let expected = "a number below +inf";
        let wide = self.number(field, expected)?;
        let reward = F::from_f64(wide);
        // A finite number must not overflow to −∞, which forbids.
        let is_kept = reward.is_finite() || wide == f64::NEG_INFINITY;
        if is_kept { Ok(reward) } else { Err(self.unreadable(field, expected)) }
    }
}

/// Reads a file and parses its text. Errors name the file.
pub(super) fn read_text<T>(path: &Path, parse: impl FnOnce(&str) -> Result<T, Error>) -> Result<T, Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::new(Place::File, error));
    let text = |bytes: Vec<u8>| {
        String::from_utf8(bytes).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = valid.split(|&byte| byte == b'\n').count();
            Error::new(Place::Line(line), Reason::NotUtf8)
        })
    };
    bytes.and_then(text).and_then(|text| parse(&text)).map_err(|error| error.in_file(path))
}
