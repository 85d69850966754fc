//! The title of a picture and the line below it.

use super::marks::{Anchor, INK, Mark, PALE};
use super::text;

const TITLE_SIZE: f64 = 17.0;
const SUBTITLE_SIZE: f64 = 13.0;
/// Paper around a picture.
pub(super) const MARGIN: f64 = 14.0;
/// Longer titles are cut, so that every format can hold the width of the picture.
const LONGEST_TITLE: f64 = 800.0;

/// Draws title and subtitle. Returns the upper edge of the rest of the picture.
pub(super) fn draw_titles(title: &str, subtitle: &str, marks: &mut Vec<Mark>) -> f64 {
    let line = |y, line: &str, size, color| {
        Mark::text((MARGIN, y), text::cut(line, size, LONGEST_TITLE), Anchor::Start, size, color)
    };
    marks.push(line(20.0, title, TITLE_SIZE, INK));
    if subtitle.is_empty() {
        return 42.0;
    }
    marks.push(line(42.0, subtitle, SUBTITLE_SIZE, PALE));
    62.0
}

/// Width of title and subtitle, with margins.
pub(super) fn title_width(title: &str, subtitle: &str) -> f64 {
    2.0 * MARGIN + text::width(title, TITLE_SIZE).max(text::width(subtitle, SUBTITLE_SIZE)).min(LONGEST_TITLE)
}

/// Title and subtitle in one line, for screen readers.
pub(super) fn join(title: &str, subtitle: &str) -> String {
    if subtitle.is_empty() { title.to_string() } else { format!("{title}: {subtitle}") }
}
