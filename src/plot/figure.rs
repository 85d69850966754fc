//! A picture: a list of marks, and the files that it can become.

use std::fs;
use std::path::Path;

use super::{bitmap, svg};
use crate::color::Color;
use crate::io::{self, Place, Reason};

/// Lengths are in pixels of an SVG at its natural size. Drawing is done on a grid this much finer: SVG counts in it, and bitmaps
/// are averaged down from it, which smooths all edges.
pub(super) const UNITS: f64 = 4.0;

/// A point, in pixels from the upper left corner.
pub(super) type Point = (f64, f64);

/// A picture, ready to be written to a file or shown by other means.
///
/// Made by [`StateMap`](super::StateMap), [`Animation`](super::Animation) and [`Curves`](super::Curves). It holds shapes, not
/// pixels; a clone copies them.
///
/// # Example
///
/// ```
/// use softmdp::plot::Curves;
///
/// let figure = Curves::new("Something that doubles", "step", "size")
///     .log_scale()
///     .series("it", (0..10).map(|step| (f64::from(step), 2.0_f64.powi(step))))
///     .figure()?;
/// let svg = figure.to_svg();
/// assert!(svg.contains("Something that doubles") && svg.ends_with("</svg>\n"));
/// assert_eq!(&figure.to_png()[1..4], b"PNG");
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    size: (f64, f64),
    title: String,
    marks: Vec<Mark>,
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

impl Figure {
    pub(super) fn new(size: (f64, f64), title: String, marks: Vec<Mark>) -> Self {
        Self { size: (size.0.ceil(), size.1.ceil()), title, marks }
    }

    /// Width and height, in pixels of an SVG at its natural size. A PNG has twice as many on a side, a GIF the same.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.size.0 as u32, self.size.1 as u32)
    }

    /// The same marks on another sheet, cut off where it is smaller.
    pub(super) fn with_size(mut self, (width, height): (u32, u32)) -> Self {
        self.size = (width.into(), height.into());
        self
    }

    /// What the picture says that it shows.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    pub(super) fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// The picture as the text of an SVG.
    #[must_use]
    pub fn to_svg(&self) -> String {
        svg::document(self)
    }

    /// The picture as the bytes of a PNG, at two pixels a unit of [`size`](Self::size).
    #[must_use]
    pub fn to_png(&self) -> Vec<u8> {
        bitmap::png(self)
    }

    /// Writes the picture to a file, in the format that its extension names: `.svg`, `.png` or `.gif`.
    ///
    /// # Errors
    ///
    /// [`io::Error`] names the file: [`Reason::UnknownExtension`], [`Reason::Model`] with
    /// [`Error::PictureTooLarge`](crate::Error::PictureTooLarge) for a GIF of more than 65535 pixels on a side, or [`Reason::Io`] if it
    /// cannot be written.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::io::Reason;
    /// use softmdp::plot::Curves;
    ///
    /// let figure = Curves::new("A line", "x", "y").series("x", [(0.0, 0.0), (1.0, 1.0)]).figure()?;
    /// let error = figure.save("line.bmp").unwrap_err();
    /// assert_eq!(error.to_string(), "line.bmp: the extension is \"bmp\", expected svg, png or gif");
    /// let error = figure.save("no/such/folder/line.svg").unwrap_err();
    /// assert!(matches!(error.reason(), Reason::Io(_)));
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), io::Error> {
        let path = path.as_ref();
        let bytes = match extension(path).as_str() {
            "svg" => self.to_svg().into_bytes(),
            "png" => self.to_png(),
            "gif" => bitmap::gif(self.size(), 0, [self.clone()])
                .map_err(|error| io::Error::new(Place::File, error).in_file(path))?,
            _ => return Err(unknown_extension(path, "svg, png or gif")),
        };
        write(path, &bytes)
    }
}

/// The extension of a file name, in small letters; empty if there is none.
pub(super) fn extension(path: &Path) -> String {
    path.extension().map(|extension| extension.to_string_lossy().to_lowercase()).unwrap_or_default()
}

pub(super) fn unknown_extension(path: &Path, expected: &'static str) -> io::Error {
    let found = extension(path);
    io::Error::new(Place::File, Reason::UnknownExtension { found, expected }).in_file(path)
}

pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), io::Error> {
    fs::write(path, bytes).map_err(|error| io::Error::new(Place::File, error).in_file(path))
}
