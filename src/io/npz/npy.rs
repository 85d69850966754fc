//! The `.npy` format of one array: a header with type, order and shape, then the elements.
//!
//! This reader is our own. The crates `ndarray-npy` 0.10.0 and `npyz` 0.9.1 (25 November 2026)
//! allocate the number of bytes that a header claims before they read any element.

use std::io::ErrorKind::UnexpectedEof;
use std::io::{self, Read, Write};

use ndarray::{Array, ArrayD, Dimension, IxDyn, ShapeBuilder};

use super::archive::entry_reason;
use crate::Real;
use crate::io::Reason;

/// The types of numbers, for messages.
const NUMBERS: &str = "float64, float32, integers or bool";

const MAGIC: &[u8] = b"\x93NUMPY";
/// numpy has at most as many axes.
const MOST_AXES: usize = 64;
/// Longest header that is read, in bytes. Headers of numeric arrays have a few dozen bytes.
const MOST_HEADER: u64 = 1 << 16;
/// The header is padded so that the elements begin at a multiple of this number.
const ALIGNMENT: usize = 64;

/// An array whose header has been read and agrees with the number of bytes that follow.
#[derive(Debug)]
pub(super) struct Npy<R> {
    pub(super) shape: Vec<usize>,
    is_fortran: bool,
    element: Element,
    type_name: String,
    num_bytes: u64, // of the elements
    file: R,        // from the first element on
}

/// Type of the elements.
#[derive(Debug, Clone, Copy)]
struct Element {
    kind: Kind,
    size: usize, // bytes
    is_big_endian: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Bool,
    Signed,
    Unsigned,
    Float,
    Other,
}

/// A reason, and the index of the element that it concerns, if it concerns one.
pub(super) type At = (Option<Vec<usize>>, Reason);

impl<R: Read> Npy<R> {
    /// Reads the header of a file of `size` bytes. Allocates nothing for the elements.
    pub(super) fn parse(mut file: R, size: u64) -> Result<Self, Reason> {
        let missing = |expected| Reason::NotAnArray { expected };
        let start = read_most(&mut file, 8)?;
        let version = start.strip_prefix(MAGIC).ok_or(missing("the signature"))?;
        let len_bytes = match version {
            [1, _] => 2,
            [2 | 3, _] => 4,
            _ => return Err(missing("a known version")),
        };
        let len = read_most(&mut file, len_bytes)?.iter().rfold(0, |len, &byte| (len << 8) | u64::from(byte));
        let header = read_most(&mut file, len.min(MOST_HEADER))?;
        if header.len() as u64 != len {
            return Err(missing("the end of the header"));
        }
        let header = std::str::from_utf8(&header).map_err(|_| missing("a readable header"))?;
        let (type_name, is_fortran, shape) = parse_header(header)?;
        let num_bytes = size.saturating_sub(MAGIC.len() as u64 + 2 + len_bytes + len);
        let array =
            Self { element: Element::parse(&type_name), shape, is_fortran, type_name, num_bytes, file };
        array.check_length()?;
        Ok(array)
    }

    pub(super) fn is_bool(&self) -> bool {
        self.element.kind == Kind::Bool
    }

    /// Whether there are no elements, whose type then does not matter: numpy makes `[]` an array of
    /// floats.
    fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    fn check_length(&self) -> Result<(), Reason> {
        if self.element.kind == Kind::Other && !self.is_empty() {
            return Ok(()); // reading the elements is an error
        }
        // As in numpy, axes of length 0 are left out of the product, which then must not overflow.
        let bytes = (self.shape.iter().filter(|&&axis| axis > 0))
            .try_fold(self.element.size, |bytes, &axis| bytes.checked_mul(axis));
        let expected = bytes.map_or(u64::MAX, |bytes| if self.is_empty() { 0 } else { bytes as u64 });
        if bytes.is_some() && self.num_bytes == expected {
            return Ok(());
        }
        Err(Reason::Length { found: self.num_bytes, expected })
    }

    /// Reads the elements as numbers, also from integers and bool.
    pub(super) fn numbers<F: Real, D: Dimension>(&mut self, axes: &str) -> Result<Array<F, D>, At> {
        if self.element.kind == Kind::Other && !self.is_empty() {
            return Err(self.wrong_type(NUMBERS));
        }
        let element = self.element;
        self.array(axes, |bytes| {
            let wide = element.float(bytes);
            let number = F::from_f64(wide);
            // A finite number must not overflow to −∞, which forbids.
            if number.is_finite() || !wide.is_finite() {
                return Ok(number);
            }
            Err(Reason::Value { value: wide, expected: "in the range of the number type" })
        })
    }

    /// Reads the elements as indices.
    pub(super) fn indices<D: Dimension>(&mut self, axes: &str) -> Result<Array<usize, D>, At> {
        if !matches!(self.element.kind, Kind::Signed | Kind::Unsigned) && !self.is_empty() {
            return Err(self.wrong_type("an integer"));
        }
        let element = self.element;
        self.array(axes, |bytes| {
            let number = element.integer(bytes);
            let expected = "an index >= 0";
            usize::try_from(number).map_err(|_| Reason::Value { value: number as f64, expected })
        })
    }

    /// Reads the elements as truth values, also from the integers 0 and 1.
    pub(super) fn flags<D: Dimension>(&mut self, axes: &str) -> Result<Array<bool, D>, At> {
        if matches!(self.element.kind, Kind::Float | Kind::Other) && !self.is_empty() {
            return Err(self.wrong_type("bool"));
        }
        let element = self.element;
        self.array(axes, |bytes| match element.integer(bytes) {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(Reason::Value { value: other as f64, expected: "0 or 1" }),
        })
    }

    /// Reads the beginning of a text in ASCII. numpy fills the elements with zero bytes.
    pub(super) fn text(&mut self) -> Result<String, At> {
        if !self.type_name.contains(['S', 'U']) {
            return Err(self.wrong_type("a string"));
        }
        let bytes = read_most(&mut self.file, 64).map_err(|reason| (None, reason))?;
        Ok(bytes.iter().filter(|&&byte| byte != 0).map(|&byte| char::from(byte)).collect())
    }

    fn wrong_type(&self, expected: &'static str) -> At {
        (None, Reason::ElementType { found: self.type_name.clone(), expected })
    }

    /// Reads all elements, piece by piece, so that memory grows with the bytes that exist.
    fn array<T, D: Dimension>(
        &mut self,
        axes: &str,
        mut element: impl FnMut(&[u8]) -> Result<T, Reason>,
    ) -> Result<Array<T, D>, At> {
        let shape = self.shape.clone();
        let wrong_shape = || (None, Reason::Shape { found: shape.clone(), expected: axes.to_owned() });
        if D::NDIM.is_some_and(|rank| rank != shape.len()) {
            return Err(wrong_shape());
        }
        let broken = |error| (None, entry_reason(error));
        let mut elements = Vec::new();
        let mut piece = [0; 1 << 13]; // a multiple of every element size
        let mut left = self.num_bytes;
        while left > 0 {
            let len = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.file.read_exact(&mut piece[..len]).map_err(broken)?;
            for bytes in piece[..len].chunks_exact(self.element.size) {
                elements.push(element(bytes).map_err(|reason| (Some(self.index(elements.len())), reason))?);
            }
            left -= len as u64;
        }
        // `zip` compares the checksum when it reaches the end.
        self.file.read_exact(&mut piece[..1]).map_or_else(
            |error| if error.kind() == UnexpectedEof { Ok(()) } else { Err(broken(error)) },
            |()| Err((None, Reason::Length { found: self.num_bytes + 1, expected: self.num_bytes })),
        )?;
        let strided = IxDyn(&shape).set_f(self.is_fortran);
        let array = ArrayD::from_shape_vec(strided, elements).map_err(|_| wrong_shape())?;
        array.into_dimensionality().map_err(|_| wrong_shape())
    }

    /// The index of an element, from its position in the file.
    fn index(&self, mut at: usize) -> Vec<usize> {
        let mut index = vec![0; self.shape.len()];
        let mut step = |axis: usize| {
            index[axis] = at % self.shape[axis].max(1);
            at /= self.shape[axis].max(1);
        };
        if self.is_fortran {
            (0..self.shape.len()).for_each(&mut step);
        } else {
            (0..self.shape.len()).rev().for_each(&mut step);
        }
        index
    }
}

/// Reads `len` bytes, or fewer if the file ends before.
fn read_most(file: &mut impl Read, len: u64) -> Result<Vec<u8>, Reason> {
    let mut bytes = Vec::new();
    file.take(len).read_to_end(&mut bytes).map_err(entry_reason)?;
    Ok(bytes)
}

impl Element {
    /// Reads a type as numpy names it, such as `<f8` or `float64`.
    fn parse(name: &str) -> Self {
        let (order, code) = match name.as_bytes() {
            [order @ (b'<' | b'>' | b'|' | b'='), code @ ..] => (*order, code),
            code => (b'|', code),
        };
        // numpy writes the short forms, and reads the others too.
        let (kind, size) = match code {
            b"b1" | b"?" | b"bool" => (Kind::Bool, 1),
            [b'i', size @ (b'1' | b'2' | b'4' | b'8')] => (Kind::Signed, size - b'0'),
            [b'u', size @ (b'1' | b'2' | b'4' | b'8')] => (Kind::Unsigned, size - b'0'),
            [b'f', size @ (b'4' | b'8')] => (Kind::Float, size - b'0'),
            b"b" | b"int8" => (Kind::Signed, 1),
            b"h" | b"int16" => (Kind::Signed, 2),
            b"i" | b"int32" => (Kind::Signed, 4),
            b"q" | b"int64" => (Kind::Signed, 8),
            b"B" | b"uint8" => (Kind::Unsigned, 1),
            b"H" | b"uint16" => (Kind::Unsigned, 2),
            b"I" | b"uint32" => (Kind::Unsigned, 4),
            b"Q" | b"uint64" => (Kind::Unsigned, 8),
            b"f" | b"float32" => (Kind::Float, 4),
            b"d" | b"float64" => (Kind::Float, 8),
            _ => (Kind::Other, 1),
        };
        Self { kind, size: size.into(), is_big_endian: order == b'>' }
    }

    /// The bytes of an element in little-endian order, extended by `fill` to 8 bytes.
    fn lowest_first(self, bytes: &[u8], fill: u8) -> [u8; 8] {
        let mut wide = [fill; 8];
        for (at, &byte) in bytes.iter().enumerate() {
            wide[if self.is_big_endian { self.size - 1 - at } else { at }] = byte;
        }
        wide
    }

    fn integer(self, bytes: &[u8]) -> i128 {
        let top = if self.is_big_endian { bytes[0] } else { bytes[self.size - 1] };
        if self.kind == Kind::Signed && top >= 0x80 {
            return i64::from_le_bytes(self.lowest_first(bytes, 0xff)).into();
        }
        u64::from_le_bytes(self.lowest_first(bytes, 0)).into()
    }

    fn float(self, bytes: &[u8]) -> f64 {
        match (self.kind, self.size) {
            (Kind::Float, 4) => {
                let [a, b, c, d, ..] = self.lowest_first(bytes, 0);
                f32::from_le_bytes([a, b, c, d]).into()
            }
            (Kind::Float, _) => f64::from_le_bytes(self.lowest_first(bytes, 0)),
            _ => self.integer(bytes) as f64,
        }
    }
}

/// Reads type, order and shape from a Python dictionary, whose three entries come in any order.
fn parse_header(header: &str) -> Result<(String, bool, Vec<usize>), Reason> {
    let mut text = Literal(header);
    let (mut descr, mut fortran_order, mut shape) = (None, None, None);
    text.expect("{")?;
    while !text.accept("}") {
        let key = text.string()?;
        text.expect(":")?;
        let is_new = match key {
            "descr" => descr.replace(text.type_name()?).is_none(),
            "fortran_order" => fortran_order.replace(text.flag()?).is_none(),
            "shape" => shape.replace(text.shape()?).is_none(),
            _ => false,
        };
        if !is_new {
            return Err(Reason::NotAnArray { expected: "a header of type, order and shape" });
        }
        if !text.accept(",") {
            text.expect("}")?;
            break;
        }
    }
    match (descr, fortran_order, shape, text.0.trim().is_empty()) {
        (Some(descr), Some(fortran_order), Some(shape), true) => Ok((descr, fortran_order, shape)),
        _ => Err(Reason::NotAnArray { expected: "a header of type, order and shape" }),
    }
}

/// The rest of a header.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    fn accept(&mut self, token: &str) -> bool {
        self.0 = self.0.trim_start();
        let rest = self.0.strip_prefix(token);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), Reason> {
        if self.accept(token) {
            Ok(())
        } else {
            Err(Reason::NotAnArray { expected: "a dictionary as header" })
        }
    }

    fn string(&mut self) -> Result<&'a str, Reason> {
        let expected = "a quoted word in the header";
        let quote = if self.accept("'") { '\'' } else { '"' };
        if quote == '"' && !self.accept("\"") {
            return Err(Reason::NotAnArray { expected });
        }
        let (word, rest) = self.0.split_once(quote).ok_or(Reason::NotAnArray { expected })?;
        self.0 = rest;
        Ok(word)
    }

    /// A type. A type that is a list is that of records, which are not supported.
    fn type_name(&mut self) -> Result<String, Reason> {
        if self.0.trim_start().starts_with('[') {
            return Err(Reason::ElementType { found: "record".to_owned(), expected: NUMBERS });
        }
        Ok(self.string()?.chars().take(40).collect())
    }

    fn flag(&mut self) -> Result<bool, Reason> {
        match (self.accept("True"), self.accept("False")) {
            (true, false) => Ok(true),
            (false, true) => Ok(false),
            _ => Err(Reason::NotAnArray { expected: "True or False in the header" }),
        }
    }

    fn shape(&mut self) -> Result<Vec<usize>, Reason> {
        let expected = "a shape in the header";
        let mut shape = Vec::new();
        self.expect("(")?;
        while !self.accept(")") {
            self.0 = self.0.trim_start();
            let end = self.0.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(self.0.len());
            let (digits, rest) = self.0.split_at(end);
            shape.push(digits.parse().map_err(|_| Reason::NotAnArray { expected })?);
            self.0 = rest;
            if shape.len() > MOST_AXES {
                return Err(Reason::NotAnArray { expected });
            }
            if !self.accept(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(shape)
    }
}

/// Writes an array of numbers, as `<f8`, or as `<f4` for `f32`.
pub(super) fn write_numbers<F: Real>(
    out: &mut impl Write,
    shape: &[usize],
    elements: impl Iterator<Item = F>,
) -> io::Result<()> {
    if size_of::<F>() == 4 {
        // Exact: the numbers are of this type.
        write(out, "<f4", shape, elements.map(|number| (number.into_f64() as f32).to_le_bytes()))
    } else {
        write(out, "<f8", shape, elements.map(|number| number.into_f64().to_le_bytes()))
    }
}

/// Writes an array of indices, as `<i8`.
pub(super) fn write_indices(
    out: &mut impl Write,
    shape: &[usize],
    elements: impl Iterator<Item = usize>,
) -> io::Result<()> {
    write(out, "<i8", shape, elements.map(|index| (index as u64).to_le_bytes()))
}

/// Writes an array of truth values.
pub(super) fn write_flags(
    out: &mut impl Write,
    shape: &[usize],
    elements: impl Iterator<Item = bool>,
) -> io::Result<()> {
    write(out, "|b1", shape, elements.map(|flag| [u8::from(flag)]))
}

fn write<const N: usize>(
    out: &mut impl Write,
    type_name: &str,
    shape: &[usize],
    mut elements: impl Iterator<Item = [u8; N]>,
) -> io::Result<()> {
    let axes = shape.iter().fold(String::new(), |axes, axis| axes + &format!("{axis}, "));
    let mut header = format!("{{'descr': '{type_name}', 'fortran_order': False, 'shape': ({axes}), }}");
    let before = MAGIC.len() + 4;
    let fill = (before + header.len() + 1).next_multiple_of(ALIGNMENT) - before - header.len() - 1;
    header.extend(std::iter::repeat_n(' ', fill));
    header.push('\n');
    out.write_all(MAGIC)?;
    out.write_all(&[1, 0])?;
    out.write_all(&(header.len() as u16).to_le_bytes())?; // a few dozen bytes
    out.write_all(header.as_bytes())?;
    elements.try_for_each(|element| out.write_all(&element))
}
