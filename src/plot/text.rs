//! Text: its width, and its pixels in bitmaps.
//!
//! An SVG names font families and leaves the letters to the viewer. Bitmaps use a subset of DejaVu
//! Sans in this crate, so they look the same everywhere and need no installed font. The subset has
//! Latin, Greek and mathematical signs. Other characters become boxes.
//!
//! Letters are drawn here and not by the feature `ab_glyph` of plotters (0.3.7). That code drops
//! the left bearing of each letter, so that words have uneven gaps. It also takes fonts from a
//! table that the whole process shares.

use std::convert::Infallible;
use std::sync::OnceLock;

use ab_glyph::{Font as _, FontRef, Glyph, PxScale, ScaleFont as _, point};
use plotters_backend::text_anchor::{HPos, Pos, VPos};
use plotters_backend::{BackendColor, BackendCoord, BackendTextStyle, FontFamily, FontTransform};

use super::marks::{Anchor, INK, Mark, Point, UNITS};
use crate::color::Color;

/// Font families in an SVG: the bundled font first, because layouts use its widths.
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";
/// Size of the labels of ticks and keys.
pub(super) const TICK_SIZE: f64 = 12.0;
/// Height of the middle of small letters above the baseline, in font sizes.
const HALF_X_HEIGHT: f32 = 0.27;
/// plotters gives sizes as heights of a line, SVG as ems.
const LINE_HEIGHT: f64 = 1.24;

fn font() -> &'static FontRef<'static> {
    static FONT: OnceLock<FontRef<'static>> = OnceLock::new();
    FONT.get_or_init(|| {
        FontRef::try_from_slice(include_bytes!("font/DejaVuSans-subset.ttf"))
            .expect("the bundled font is whole")
    })
}

/// Converts pixels per em to the scale of the font, which counts from the lowest to the highest
/// letter.
fn scale(size: f32) -> PxScale {
    let font = font();
    let em = font.units_per_em().unwrap_or(2048.0);
    PxScale::from(size * font.height_unscaled() / em)
}

/// Width of a line of text, in the unit of `size`.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let font = font().as_scaled(scale(size as f32));
    text.chars().map(|letter| f64::from(font.h_advance(font.glyph_id(letter)))).sum()
}

/// Cuts a text to a width, and ends it with an ellipsis if it is longer.
pub(super) fn cut(text: &str, size: f64, room: f64) -> String {
    // Widths are not negative, so measuring stops as soon as the text is too wide.
    let font = font().as_scaled(scale(size as f32));
    let advance = |letter: char| f64::from(font.h_advance(font.glyph_id(letter)));
    let (mut taken, mut kept) = (0.0, 0);
    for (start, letter) in text.char_indices() {
        if taken + advance('…') <= room {
            kept = start;
        }
        taken += advance(letter);
        if taken > room {
            return format!("{}…", text[..kept].trim_end());
        }
    }
    text.to_string()
}

/// A label of a tick or a key.
pub(super) fn label_at(at: Point, text: String, anchor: Anchor) -> Mark {
    Mark::text(at, text, anchor, TICK_SIZE, INK)
}

/// Replaces line breaks by spaces, and characters that XML 1.0 forbids.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '\t' | '\n' | '\r' => ' ',
            '\u{fffe}' | '\u{ffff}' => char::REPLACEMENT_CHARACTER,
            letter if letter.is_control() => char::REPLACEMENT_CHARACTER,
            letter => letter,
        })
        .collect()
}

/// Size, colour and place of a line of text.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextStyle {
    pub(super) size: f64, // of an em, in pixels
    pub(super) color: Color,
    pub(super) anchor: Anchor,
    pub(super) upwards: bool,
}

impl BackendTextStyle for TextStyle {
    type FontError = Infallible;

    fn color(&self) -> BackendColor {
        let [red, green, blue] = self.color;
        BackendColor { alpha: 1.0, rgb: (red, green, blue) }
    }

    fn size(&self) -> f64 {
        self.size * UNITS * LINE_HEIGHT
    }

    fn transform(&self) -> FontTransform {
        if self.upwards { FontTransform::Rotate270 } else { FontTransform::None }
    }

    fn anchor(&self) -> Pos {
        let horizontal = match self.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        Pos::new(horizontal, VPos::Center)
    }

    fn family(&self) -> FontFamily<'_> {
        FontFamily::Name(FAMILY)
    }

    /// A box without height, because letters are drawn around the middle of the line.
    fn layout_box(&self, text: &str) -> Result<((i32, i32), (i32, i32)), Infallible> {
        Ok(((0, 0), (width(text, self.size * UNITS).round() as i32, 0)))
    }

    fn draw<E, DrawFunc: FnMut(i32, i32, BackendColor) -> Result<(), E>>(
        &self,
        text: &str,
        (left, middle): BackendCoord,
        mut draw: DrawFunc,
    ) -> Result<Result<(), E>, Infallible> {
        let size = (self.size * UNITS) as f32;
        let scaled = font().as_scaled(scale(size));
        let baseline = middle as f32 + HALF_X_HEIGHT * size;
        let (mut pen, mut result) = (left as f32, Ok(()));
        for letter in text.chars() {
            let id = scaled.glyph_id(letter);
            let glyph = Glyph { id, scale: scaled.scale(), position: point(pen, baseline) };
            pen += scaled.h_advance(id);
            if id.0 == 0 {
                let (right, top) = ((pen - 0.08 * size) as i32, (baseline - 0.72 * size) as i32);
                let (left, bottom) = ((pen - scaled.h_advance(id) + 0.08 * size) as i32, baseline as i32);
                let thick = (0.06 * size).max(1.0) as i32;
                for (x, y) in (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y))) {
                    let is_rim =
                        x - left < thick || right - x <= thick || y - top < thick || bottom - y <= thick;
                    if is_rim && result.is_ok() {
                        result = draw(x, y, self.color());
                    }
                }
                continue;
            }
            let Some(outline) = scaled.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, coverage| {
                if result.is_ok() && coverage > 0.0 {
                    let color = BackendColor { alpha: f64::from(coverage.min(1.0)), ..self.color() };
                    result = draw(corner.x as i32 + x as i32, corner.y as i32 + y as i32, color);
                }
            });
        }
        Ok(result)
    }
}
