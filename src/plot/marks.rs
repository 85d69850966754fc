//! A sheet of marks: what a picture consists of before it has a format.

use crate::color::Color;

/// Lengths are in pixels of an SVG at its natural size. Drawing is done on a grid this much finer: SVG counts in it, and bitmaps
/// are averaged down from it, which smooths all edges.
pub(super) const UNITS: f64 = 4.0;

pub(super) const INK: Color = [38, 38, 38];
pub(super) const PALE: Color = [120, 120, 120];
pub(super) const PAPER: Color = [255, 255, 255];

/// A point, in pixels from the upper left corner.
pub(super) type Point = (f64, f64);

/// Marks on paper of a size, in pixels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sheet {
    pub(super) size: (u32, u32),
    pub(super) marks: Vec<Mark>,
}

impl Sheet {
    /// A sheet of whole pixels that is large enough for a width and a height.
    pub(super) fn new((width, height): (f64, f64), marks: Vec<Mark>) -> Self {
        Self { size: (width.ceil() as u32, height.ceil() as u32), marks }
    }

    /// The same marks on another sheet, cut off where it is smaller.
    pub(super) fn cut_to(self, size: (u32, u32)) -> Self {
        Self { size, ..self }
    }
}

/// Where a text is relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// Something to be drawn. Later marks cover earlier ones, but images lie below everything.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mark {
    Area { from: Point, to: Point, color: Color },
    Polygon { corners: Vec<Point>, color: Color },
    Line { points: Vec<Point>, width: f64, color: Color },
    Disc { center: Point, radius: f64, color: Color },
    Text { at: Point, text: String, size: f64, anchor: Anchor, color: Color, upwards: bool },
    Image { from: Point, to: Point, image: Image },
}

/// Colours in rows of a width, the upper row first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Image {
    pub(super) width: usize,
    pub(super) pixels: Vec<Color>,
}

impl Image {
    pub(super) fn height(&self) -> usize {
        self.pixels.len() / self.width.max(1)
    }

    /// Red, green and blue of each pixel.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.pixels.as_flattened().to_vec()
    }
}
