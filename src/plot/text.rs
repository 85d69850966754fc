//! Text: how wide it is, and its pixels where the format has no text of its own.
//!
//! SVG names a generic family and leaves the letters to the reader's fonts. Bitmaps are written with a part of DejaVu Sans that
//! comes with the crate, so that they look the same everywhere and nothing has to be installed. It has Latin, Greek and the
//! mathematical signs of this field; for other characters bitmaps have a box.

use std::convert::Infallible;
use std::sync::OnceLock;

use ab_glyph::{Font as _, FontRef, Glyph, PxScale, ScaleFont as _, point};
use plotters_backend::text_anchor::{HPos, Pos, VPos};
use plotters_backend::{BackendColor, BackendCoord, BackendTextStyle, FontFamily, FontTransform};

use super::marks::{Anchor, INK, Mark, Point, UNITS};
use crate::color::Color;

/// What an SVG asks for: the bundled font where it is installed, for the same widths, and otherwise whatever is there.
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";
/// Size of labels at ticks and in keys.
pub(super) const TICK_SIZE: f64 = 12.0;
/// Middle of the small letters above the baseline, in font sizes.
const HALF_X_HEIGHT: f32 = 0.27;
/// plotters counts sizes in heights of a line, SVG in ems.
const LINE_HEIGHT: f64 = 1.24;

fn font() -> &'static FontRef<'static> {
    static FONT: OnceLock<FontRef<'static>> = OnceLock::new();
    FONT.get_or_init(|| {
        FontRef::try_from_slice(include_bytes!("font/DejaVuSans-subset.ttf"))
            .expect("the bundled font is whole")
    })
}

/// A size in pixels to the em, as the font wants it: in heights from the deepest to the highest letter.
fn scale(size: f32) -> PxScale {
    let font = font();
    let em = font.units_per_em().unwrap_or(2048.0);
    PxScale::from(size * font.height_unscaled() / em)
}

/// Width of a line of text, in the unit of its size.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let font = font().as_scaled(scale(size as f32));
    text.chars().map(|letter| f64::from(font.h_advance(font.glyph_id(letter)))).sum()
}

/// As much of a text as there is room for, with an ellipsis in the place of the rest.
pub(super) fn cut(text: &str, size: f64, room: f64) -> String {
    // No letter takes less than nothing: a text of many letters need not be measured to its end.
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

/// A small label.
pub(super) fn label_at(at: Point, text: String, anchor: Anchor) -> Mark {
    Mark::Text { at, text, size: TICK_SIZE, anchor, color: INK, upwards: false }
}

/// A text of one line, of characters that XML 1.0 allows.
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

/// How a line of text is written.
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

    /// A box without height: letters are drawn around the middle of the line.
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
