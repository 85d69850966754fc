//! The title of a picture and the line below it.

use super::marks::{Anchor, INK, Mark, PALE};
use super::text;

const TITLE_SIZE: f64 = 17.0;
const SUBTITLE_SIZE: f64 = 13.0;
/// Paper around a picture.
pub(super) const MARGIN: f64 = 14.0;
/// Longer titles are cut: a picture has a width that every format can count.
const LONGEST_TITLE: f64 = 800.0;

/// Title and subtitle; returns where the rest begins.
pub(super) fn draw_titles(title: &str, subtitle: &str, marks: &mut Vec<Mark>) -> f64 {
    let text = |y, text: &str, size, color| Mark::Text {
        at: (MARGIN, y),
        text: text::cut(text, size, LONGEST_TITLE),
        size,
        anchor: Anchor::Start,
        color,
        upwards: false,
    };
    marks.push(text(20.0, title, TITLE_SIZE, INK));
    if subtitle.is_empty() {
        return 42.0;
    }
    marks.push(text(42.0, subtitle, SUBTITLE_SIZE, PALE));
    62.0
}

/// How wide title and subtitle are, with the margins beside them.
pub(super) fn title_width(title: &str, subtitle: &str) -> f64 {
    2.0 * MARGIN + text::width(title, TITLE_SIZE).max(text::width(subtitle, SUBTITLE_SIZE)).min(LONGEST_TITLE)
}

/// Both in one line, for those who cannot see the picture.
pub(super) fn join(title: &str, subtitle: &str) -> String {
    if subtitle.is_empty() { title.to_string() } else { format!("{title}: {subtitle}") }
}
