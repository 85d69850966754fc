//! The key below a map: samples of walls, terminal states and −∞, with their meaning.

use super::color_scale::ColorScale;
use super::layout::StateLayout;
use super::marks::{Anchor, INK, Mark, PALE, PAPER, Point};
use super::scale::power_of_ten;
use super::shapes::{Fill, NEUTRAL, TRACE, area, crossed_disc, disc, frame, ring, wall};
use super::text::{self, TICK_SIZE, label_at};
use crate::Cell;

/// An entry of the key. `is_cell` says whether states are cells or discs.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    Wall,
    Terminal { is_cell: bool },
    Impossible { is_cell: bool },
    Nothing,
    Trace(String),
    Text(String),
}

impl Key {
    fn text(&self) -> &str {
        match self {
            Key::Wall => "wall",
            Key::Terminal { .. } => "terminal",
            Key::Impossible { .. } => "−∞: success impossible",
            Key::Nothing => "0: never visited",
            Key::Trace(text) | Key::Text(text) => text,
        }
    }

    fn width(&self) -> f64 {
        let sample = if matches!(self, Key::Text(_)) { 0.0 } else { 19.0 };
        sample + text::width(self.text(), TICK_SIZE) + 16.0
    }

    /// Draws the sample in front of the text.
    fn draw(&self, (left, middle): Point, marks: &mut Vec<Mark>) {
        let (from, to) = ((left, middle - 6.5), (left + 13.0, middle + 6.5));
        let center = (left + 6.5, middle);
        let mut outlined = |color| {
            marks.push(Mark::Area { from, to, color: PALE });
            let inner = ((from.0 + 0.75, from.1 + 0.75), (to.0 - 0.75, to.1 - 0.75));
            marks.push(Mark::Area { from: inner.0, to: inner.1, color });
        };
        match self {
            Key::Wall => wall(from, to, marks),
            Key::Impossible { is_cell: true } => area(Fill::Impossible, from, to, marks),
            Key::Impossible { is_cell: false } => crossed_disc(center, 5.5, marks),
            // The frame lies in a coloured cell, so that it differs from the sample of blank paper.
            Key::Terminal { is_cell: true } => {
                outlined(NEUTRAL);
                frame((from.0 + 2.0, from.1 + 2.0), (to.0 - 2.0, to.1 - 2.0), INK, marks);
            }
            Key::Terminal { is_cell: false } => {
                ring(center, 3.5, marks);
                disc(center, 3.5, PAPER, marks);
            }
            Key::Nothing => outlined(PAPER),
            Key::Trace(_) => outlined(TRACE),
            Key::Text(_) => {}
        }
    }
}

/// Draws the entries in lines no wider than `width`. Returns the lower edge of the last line.
pub(super) fn draw_keys(keys: &[Key], (left, top): Point, width: f64, marks: &mut Vec<Mark>) -> f64 {
    let (mut x, mut y) = (left, top);
    for key in keys {
        if x > left && x + key.width() - 16.0 > left + width {
            (x, y) = (left, y + 20.0);
        }
        key.draw((x, y), marks);
        let text_left = if matches!(key, Key::Text(_)) { x } else { x + 19.0 };
        marks.push(label_at((text_left, y), key.text().to_string(), Anchor::Start));
        x += key.width();
    }
    if keys.is_empty() { top - 10.0 } else { y + 12.0 }
}

/// Entries for walls and terminal states of the layout, and for numbers outside the colour scale.
pub(super) fn keys<'n>(
    layout: &StateLayout,
    numbers: impl IntoIterator<Item = &'n f64>,
    colors: Option<&ColorScale>,
) -> Vec<Key> {
    let is_ink = colors.is_some_and(|colors| colors.is_ink);
    let (mut is_impossible, mut is_nothing, mut is_trace) = (false, false, false);
    for &number in numbers {
        is_impossible |= number == f64::NEG_INFINITY;
        is_nothing |= is_ink && number <= 0.0;
        is_trace |= number > 0.0 && colors.is_some_and(|colors| colors.is_below(number));
    }
    let is_cell = layout.grid().is_some();
    let has_walls = layout.grid().is_some_and(|grid| grid.cells.iter().any(|(cell, _)| *cell == Cell::Wall));
    let has_terminal = (0..layout.num_states()).any(|state| layout.is_terminal(state));
    let least = colors.map_or(0.0, |colors| colors.scale.low());
    [
        (has_terminal, Key::Terminal { is_cell }),
        (has_walls, Key::Wall),
        (is_impossible, Key::Impossible { is_cell }),
        (is_nothing, Key::Nothing),
        (is_trace, Key::Trace(format!("below {}", power_of_ten(least)))),
    ]
    .into_iter()
    .filter_map(|(is_there, key)| is_there.then_some(key))
    .collect()
}
