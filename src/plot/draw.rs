//! Draws marks on a backend of plotters.

use plotters_backend::{BackendColor, BackendCoord, BackendStyle, DrawingBackend, DrawingErrorKind};

use super::marks::{Mark, Point, UNITS};
use super::text::{TextStyle, printable};
use crate::color::Color;

/// A colour, and the width of a stroke in units of the grid.
struct Style {
    color: Color,
    width: u32,
}

impl BackendStyle for Style {
    fn color(&self) -> BackendColor {
        let [red, green, blue] = self.color;
        BackendColor { alpha: 1.0, rgb: (red, green, blue) }
    }

    fn stroke_width(&self) -> u32 {
        self.width
    }
}

/// The nearest point of the drawing grid.
pub(super) fn to_grid((x, y): Point) -> BackendCoord {
    ((x * UNITS).round() as i32, (y * UNITS).round() as i32)
}

/// Who joins the pieces of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joins {
    OfFormat,
    /// In bitmaps, plotters draws long thorns at sharp turns, so pieces are drawn one by one.
    Drawn,
}

/// Draws all marks except images, which each format handles by itself.
pub(super) fn draw<B: DrawingBackend>(
    marks: &[Mark],
    joins: Joins,
    backend: &mut B,
) -> Result<(), DrawingErrorKind<B::ErrorType>> {
    let plain = |color| Style { color, width: 1 };
    for mark in marks {
        match mark {
            &Mark::Area { from, to, color } => {
                backend.draw_rect(to_grid(from), to_grid(to), &plain(color), true)?;
            }
            Mark::Polygon { corners, color } => {
                backend.fill_polygon(corners.iter().copied().map(to_grid), &plain(*color))?;
            }
            Mark::Line { points, width, color } => {
                let style = Style { color: *color, width: ((width * UNITS).round() as u32).max(1) };
                if joins == Joins::OfFormat {
                    backend.draw_path(points.iter().copied().map(to_grid), &style)?;
                    continue;
                }
                for (index, piece) in points.windows(2).enumerate() {
                    if index > 0 && style.width > 2 {
                        backend.draw_circle(to_grid(piece[0]), style.width / 2, &style, true)?;
                    }
                    backend.draw_path(piece.iter().copied().map(to_grid), &style)?;
                }
            }
            &Mark::Disc { center, radius, color } => {
                let radius = ((radius * UNITS).round() as u32).max(1);
                backend.draw_circle(to_grid(center), radius, &plain(color), true)?;
            }
            Mark::Text { at, text, size, anchor, color, upwards } => {
                let style = TextStyle { size: *size, color: *color, anchor: *anchor, upwards: *upwards };
                backend.draw_text(&printable(text), &style, to_grid(*at))?;
            }
            Mark::Image { .. } => {}
        }
    }
    backend.present()
}
