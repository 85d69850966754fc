//! The `.npy` format of one array: a header that says type, order and shape, then the elements.

use ndarray::{Array, ArrayD, Dimension, IxDyn, ShapeBuilder};

use crate::Real;
use crate::io::Reason;

const MAGIC: &[u8] = b"\x93NUMPY";
/// More axes than numpy has.
const MOST_AXES: usize = 64;
/// The header is filled up so that elements begin at a multiple of this.
const ALIGNMENT: usize = 64;

/// An array as its file has it: a header that agrees with the number of bytes behind it.
#[derive(Debug)]
pub(super) struct Npy<'a> {
    pub(super) shape: Vec<usize>,
    is_fortran: bool,
    element: Element,
    type_name: String,
    bytes: &'a [u8],
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

/// A reason, and the place of the element that it concerns.
pub(super) type At = (Option<Vec<usize>>, Reason);

impl<'a> Npy<'a> {
    /// Reads the header. Nothing is taken for the elements before their number is known to fit.
    pub(super) fn parse(file: &'a [u8]) -> Result<Self, Reason> {
        let missing = |expected| Reason::NotAnArray { expected };
        let rest = file.strip_prefix(MAGIC).ok_or(missing("the signature"))?;
        let (header_len, rest) = match *rest {
            [1, _, a, b, ref rest @ ..] => (u32::from(u16::from_le_bytes([a, b])), rest),
            [2 | 3, _, a, b, c, d, ref rest @ ..] => (u32::from_le_bytes([a, b, c, d]), rest),
            _ => return Err(missing("a known version")),
        };
        let header_len = usize::try_from(header_len).unwrap_or(usize::MAX);
        let (header, bytes) = rest.split_at_checked(header_len).ok_or(missing("the end of the header"))?;
        let header = std::str::from_utf8(header).map_err(|_| missing("a readable header"))?;
        let (type_name, is_fortran, shape) = parse_header(header)?;
        let array = Self { element: Element::parse(&type_name), shape, is_fortran, type_name, bytes };
        array.check_length()?;
        Ok(array)
    }

    fn check_length(&self) -> Result<(), Reason> {
        if self.element.kind == Kind::Other {
            return Ok(()); // an error to whoever asks for its elements
        }
        // As numpy counts: an axis of length 0 does not excuse others that cannot be addressed.
        let bytes = (self.shape.iter().filter(|&&axis| axis > 0))
            .try_fold(self.element.size, |bytes, &axis| bytes.checked_mul(axis));
        let is_empty = self.shape.contains(&0);
        match bytes {
            Some(bytes) if self.bytes.len() == if is_empty { 0 } else { bytes } => Ok(()),
            bytes => {
                let expected = bytes.map_or(u64::MAX, |bytes| if is_empty { 0 } else { bytes as u64 });
                Err(Reason::Length { found: self.bytes.len() as u64, expected })
            }
        }
    }

    /// The elements as numbers; integers and truth values too.
    pub(super) fn numbers<F: Real, D: Dimension>(&self, axes: &str) -> Result<Array<F, D>, At> {
        if self.element.kind == Kind::Other {
            return Err(self.wrong_type("a number"));
        }
        self.array(axes, |bytes| {
            let wide = self.element.float(bytes);
            let number = F::from_f64(wide);
            // A finite number must not become one that forbids.
            if number.is_finite() || !wide.is_finite() {
                return Ok(number);
            }
            Err(Reason::Value { value: wide, expected: "in the range of the number type" })
        })
    }

    /// The elements as indices.
    pub(super) fn indices<D: Dimension>(&self, axes: &str) -> Result<Array<usize, D>, At> {
        if !matches!(self.element.kind, Kind::Signed | Kind::Unsigned) {
            return Err(self.wrong_type("an integer"));
        }
        self.array(axes, |bytes| {
            let number = self.element.integer(bytes);
            let expected = "an index >= 0";
            usize::try_from(number).map_err(|_| Reason::Value { value: number as f64, expected })
        })
    }

    /// The elements as truth values; integers 0 and 1 too.
    pub(super) fn flags<D: Dimension>(&self, axes: &str) -> Result<Array<bool, D>, At> {
        if matches!(self.element.kind, Kind::Float | Kind::Other) {
            return Err(self.wrong_type("bool"));
        }
        self.array(axes, |bytes| match self.element.integer(bytes) {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(Reason::Value { value: other as f64, expected: "0 or 1" }),
        })
    }

    fn wrong_type(&self, expected: &'static str) -> At {
        (None, Reason::ElementType { found: self.type_name.clone(), expected })
    }

    fn array<T, D: Dimension>(
        &self,
        axes: &str,
        mut element: impl FnMut(&[u8]) -> Result<T, Reason>,
    ) -> Result<Array<T, D>, At> {
        let wrong_shape = || (None, Reason::Shape { found: self.shape.clone(), expected: axes.to_owned() });
        if D::NDIM.is_some_and(|rank| rank != self.shape.len()) {
            return Err(wrong_shape());
        }
        let mut elements = Vec::with_capacity(self.bytes.len() / self.element.size);
        for (at, bytes) in self.bytes.chunks_exact(self.element.size).enumerate() {
            elements.push(element(bytes).map_err(|reason| (Some(self.index(at)), reason))?);
        }
        let shape = IxDyn(&self.shape).set_f(self.is_fortran);
        let array = ArrayD::from_shape_vec(shape, elements).map_err(|_| wrong_shape())?;
        array.into_dimensionality().map_err(|_| wrong_shape())
    }

    /// The place of an element, from its number in the file.
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

impl Element {
    /// Reads a type as numpy spells it, `<f8`.
    fn parse(name: &str) -> Self {
        let (order, code) = match name.as_bytes() {
            [order @ (b'<' | b'>' | b'|' | b'='), code @ ..] => (*order, code),
            code => (b'|', code),
        };
        let (kind, size) = match code {
            b"b1" | b"?" => (Kind::Bool, 1),
            [b'i', size @ (b'1' | b'2' | b'4' | b'8')] => (Kind::Signed, size - b'0'),
            [b'u', size @ (b'1' | b'2' | b'4' | b'8')] => (Kind::Unsigned, size - b'0'),
            [b'f', size @ (b'4' | b'8')] => (Kind::Float, size - b'0'),
            _ => (Kind::Other, 1),
        };
        Self { kind, size: size.into(), is_big_endian: order == b'>' }
    }

    /// The bytes of an element, lowest first, filled up with `fill`.
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

/// Type, order and shape: a dictionary as Python prints it, with these three entries in any order.
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

    /// A type; one that is not a word is a record, which no table is.
    fn type_name(&mut self) -> Result<String, Reason> {
        if self.0.trim_start().starts_with('[') {
            return Err(Reason::ElementType { found: "record".to_owned(), expected: "a number" });
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

/// The bytes of a file of numbers, `<f8` or `<f4`, in the number type of the table.
pub(super) fn write_numbers<F: Real>(shape: &[usize], elements: impl Iterator<Item = F>) -> Vec<u8> {
    if size_of::<F>() == 4 {
        // Exact: the numbers are of this type.
        #[allow(clippy::cast_possible_truncation)]
        write("<f4", shape, elements.map(|number| (number.into_f64() as f32).to_le_bytes()))
    } else {
        write("<f8", shape, elements.map(|number| number.into_f64().to_le_bytes()))
    }
}

/// The bytes of a file of indices, `<i8`.
pub(super) fn write_indices(shape: &[usize], elements: impl Iterator<Item = usize>) -> Vec<u8> {
    write("<i8", shape, elements.map(|index| (index as u64).to_le_bytes()))
}

/// The bytes of a file of truth values.
pub(super) fn write_flags(shape: &[usize], elements: impl Iterator<Item = bool>) -> Vec<u8> {
    write("|b1", shape, elements.map(|flag| [u8::from(flag)]))
}

fn write<const N: usize>(
    type_name: &str,
    shape: &[usize],
    elements: impl Iterator<Item = [u8; N]>,
) -> Vec<u8> {
    let axes: String = shape.iter().map(|axis| format!("{axis}, ")).collect();
    let mut header = format!("{{'descr': '{type_name}', 'fortran_order': False, 'shape': ({axes}), }}");
    let before = MAGIC.len() + 4;
    let fill = (before + header.len() + 1).next_multiple_of(ALIGNMENT) - before - header.len() - 1;
    header.extend(std::iter::repeat_n(' ', fill));
    header.push('\n');
    let mut file = Vec::with_capacity(before + header.len() + N * shape.iter().product::<usize>());
    file.extend(MAGIC);
    file.extend([1, 0]);
    file.extend((header.len() as u16).to_le_bytes()); // a few dozen bytes
    file.extend(header.as_bytes());
    file.extend(elements.flatten());
    file
}
