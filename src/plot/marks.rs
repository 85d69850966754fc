//! A sheet of marks: a picture before it has a file format.

use crate::color::Color;

/// Points of the drawing grid per pixel of an SVG at its natural size.
///
/// SVG uses the coordinates of the grid. Bitmaps are averages of the grid, which smooths all edges.
pub(super) const UNITS: f64 = 4.0;

pub(super) const INK: Color = [38, 38, 38];
pub(super) const PALE: Color = [120, 120, 120];
pub(super) const PAPER: Color = [255, 255, 255];

/// A point, in pixels to the right of the upper left corner and below it.
pub(super) type Point = (f64, f64);

/// Marks on a sheet of paper. `size` is its width and height in pixels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sheet {
    pub(super) size: (u32, u32),
    pub(super) marks: Vec<Mark>,
}

impl Sheet {
    /// A sheet of the given width and height, rounded up to whole pixels.
    pub(super) fn new((width, height): (f64, f64), marks: Vec<Mark>) -> Self {
        Self { size: (width.ceil() as u32, height.ceil() as u32), marks }
    }

    /// The same marks on a sheet of another size. Marks beyond its edges are cut off.
    pub(super) fn cut_to(self, size: (u32, u32)) -> Self {
        Self { size, ..self }
    }
}

/// The part of a text that lies at its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A shape, a text or an image. Later marks cover earlier ones; images lie below all other marks.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mark {
    Area { from: Point, to: Point, color: Color },
    Polygon { corners: Vec<Point>, color: Color },
    Line { points: Vec<Point>, width: f64, color: Color },
    Disc { center: Point, radius: f64, color: Color },
    Text { at: Point, text: String, size: f64, anchor: Anchor, color: Color, upwards: bool },
    Image { from: Point, to: Point, image: Image },
}

impl Mark {
    /// A line of text from left to right.
    pub(super) fn text(at: Point, text: String, anchor: Anchor, size: f64, color: Color) -> Self {
        Mark::Text { at, text, size, anchor, color, upwards: false }
    }

    /// A line of text that reads upwards, with its middle at a point.
    pub(super) fn upwards(at: Point, text: String, size: f64, color: Color) -> Self {
        Mark::Text { at, text, size, anchor: Anchor::Middle, color, upwards: true }
    }
}

/// Pixels in rows, the upper row first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Image {
    pub(super) width: usize,
    pub(super) pixels: Vec<Color>,
}

impl Image {
    pub(super) fn height(&self) -> usize {
        self.pixels.len() / self.width.max(1)
    }

    /// Red, green and blue of each pixel, in order.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.pixels.as_flattened().to_vec()
    }
}
