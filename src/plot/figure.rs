//! Figures, and the formats of their files.

use std::fs;
use std::path::Path;

use super::error::Error;
use super::marks::{Mark, Sheet};
use super::{bitmap, svg};

/// A picture that can be written to a file.
///
/// [`StateMap`](super::StateMap), [`Animation`](super::Animation) and [`Curves`](super::Curves)
/// make figures. A figure holds shapes, not pixels. A clone copies the shapes.
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
/// # Ok::<(), softmdp::plot::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    title: String,
    sheet: Sheet,
}

impl Figure {
    /// A picture of marks; `size` is width and height in pixels.
    pub(super) fn new(size: (f64, f64), title: String, marks: Vec<Mark>) -> Self {
        Self { title, sheet: Sheet::new(size, marks) }
    }

    /// Width and height in pixels of an SVG at its natural size.
    ///
    /// A PNG has twice this number of pixels on each side, a GIF the same number.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.sheet.size
    }

    /// Title and subtitle of the picture.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    pub(super) fn into_sheet(self) -> Sheet {
        self.sheet
    }

    /// Returns the picture as an SVG document.
    #[must_use]
    pub fn to_svg(&self) -> String {
        svg::document(&self.title, &self.sheet)
    }

    /// Returns the picture as a PNG file, with two pixels per unit of [`size`](Self::size).
    #[must_use]
    pub fn to_png(&self) -> Vec<u8> {
        bitmap::png(&self.sheet)
    }

    /// Writes the picture to a file. The extension chooses the format: `.svg`, `.png` or `.gif`.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownExtension`], [`Error::PictureTooLarge`] for a GIF with a side of more than
    /// 65535 pixels, and [`Error::Io`] if the file cannot be written.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::plot::{Curves, Error};
    ///
    /// let line = [(0.0, 0.0), (1.0, 1.0)];
    /// let figure = Curves::new("A line", "x", "y").series("x", line).figure()?;
    /// let message = "line.bmp: the extension is \"bmp\", expected svg, png or gif";
    /// assert_eq!(figure.save("line.bmp").unwrap_err().to_string(), message);
    /// let error = figure.save("no/such/folder/line.svg").unwrap_err();
    /// assert!(matches!(error, Error::Io { .. }));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let bytes = match extension(path).as_str() {
            "svg" => self.to_svg().into_bytes(),
            "png" => self.to_png(),
            "gif" => bitmap::gif(self.size(), 0, [&self.sheet])?,
            _ => return Err(unknown_extension(path, "svg, png or gif")),
        };
        write(path, &bytes)
    }
}

/// The extension of a file name, in lower case; empty if the name has no extension.
pub(super) fn extension(path: &Path) -> String {
    path.extension().map(|extension| extension.to_string_lossy().to_lowercase()).unwrap_or_default()
}

pub(super) fn unknown_extension(path: &Path, expected: &'static str) -> Error {
    Error::UnknownExtension { path: path.to_owned(), found: extension(path), expected }
}

pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    fs::write(path, bytes).map_err(|error| Error::Io { path: path.to_owned(), error })
}
