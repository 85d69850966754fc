//! Shapes of states: cells, walls, discs, and the hatching of −∞.

use super::color_scale::ColorScale;
use super::marks::{INK, Mark, PAPER, Point};
use crate::color::Color;

/// A positive number below the scale.
pub(super) const TRACE: Color = [255, 248, 205];
pub(super) const NEUTRAL: Color = [226, 232, 238];
pub(super) const WALL: Color = [150, 150, 150];
pub(super) const MORTAR: Color = [205, 205, 205];
pub(super) const HATCHED: Color = [253, 238, 232];
pub(super) const HATCH: Color = [178, 96, 72];

/// The interior of a state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fill {
    Plain(Color),
    /// −∞, drawn with hatching.
    Impossible,
}

/// Numbers of states, with their colours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Colored<'a> {
    pub(super) numbers: &'a [f64], // [s]
    pub(super) colors: &'a ColorScale,
}

impl Colored<'_> {
    pub(super) fn fill(&self, number: f64) -> Fill {
        match number {
            f64::NEG_INFINITY => Fill::Impossible,
            number if self.colors.is_ink && number <= 0.0 => Fill::Plain(PAPER),
            number if self.colors.is_below(number) => Fill::Plain(TRACE),
            number => Fill::Plain(self.colors.color(number)),
        }
    }
}

/// Draws a rectangle.
pub(super) fn area(fill: Fill, from: Point, to: Point, marks: &mut Vec<Mark>) {
    match fill {
        Fill::Plain(color) => marks.push(Mark::Area { from, to, color }),
        Fill::Impossible => {
            marks.push(Mark::Area { from, to, color: HATCHED });
            let (width, height) = (to.0 - from.0, to.1 - from.1);
            // No line crosses the middle, where a number is written.
            for offset in [0.35, 0.7, 1.3, 1.65] {
                // Lines go from the left or lower edge to the upper or right edge.
                let (start, end) = ((offset - 1.0_f64).max(0.0), offset.min(1.0));
                let points = vec![
                    (from.0 + width * start, from.1 + height * end),
                    (from.0 + width * end, from.1 + height * start),
                ];
                marks.push(Mark::Line { points, width: 0.75, color: HATCH });
            }
        }
    }
}

/// Draws a disc with a rim, so that pale discs are visible on white paper.
pub(super) fn disc(center: Point, radius: f64, color: Color, marks: &mut Vec<Mark>) {
    let rim = (0.08 * radius).min(0.5);
    marks.push(Mark::Disc { center, radius: radius + rim, color: INK });
    marks.push(Mark::Disc { center, radius: radius - rim, color });
}

/// Draws a crossed disc, for −∞ at a point.
pub(super) fn crossed_disc(center: Point, radius: f64, marks: &mut Vec<Mark>) {
    disc(center, radius, HATCHED, marks);
    let reach = 0.6 * radius;
    for (x, y) in [(reach, reach), (reach, -reach)] {
        let points = vec![(center.0 - x, center.1 - y), (center.0 + x, center.1 + y)];
        marks.push(Mark::Line { points, width: 1.0, color: HATCH });
    }
}

/// Draws the ring around the disc of a terminal state.
pub(super) fn ring(center: Point, radius: f64, marks: &mut Vec<Mark>) {
    marks.push(Mark::Disc { center, radius: radius + 3.5, color: INK });
    marks.push(Mark::Disc { center, radius: radius + 2.2, color: PAPER });
}

/// Draws two rows of bricks.
pub(super) fn wall(from: Point, to: Point, marks: &mut Vec<Mark>) {
    marks.push(Mark::Area { from, to, color: WALL });
    let (width, height) = (to.0 - from.0, to.1 - from.1);
    if width.min(height) >= 10.0 {
        let mut line = |a: Point, b: Point| {
            let at = |(x, y): Point| (from.0 + width * x, from.1 + height * y);
            marks.push(Mark::Line { points: vec![at(a), at(b)], width: 1.0, color: MORTAR });
        };
        line((0.0, 0.5), (1.0, 0.5));
        line((0.5, 0.0), (0.5, 0.5));
        line((0.25, 0.5), (0.25, 1.0));
        line((0.75, 0.5), (0.75, 1.0));
    }
}

/// Draws the frame of a terminal cell.
pub(super) fn frame(from: Point, to: Point, color: Color, marks: &mut Vec<Mark>) {
    let size = (to.0 - from.0).min(to.1 - from.1);
    let inset = (0.035 * size).clamp(0.0, 2.0);
    let ((left, top), (right, bottom)) = ((from.0 + inset, from.1 + inset), (to.0 - inset, to.1 - inset));
    let width = (0.05 * size).clamp(0.75, 1.5);
    // Edges are drawn one by one, because a closed line has a notch where its ends meet.
    for (a, b) in [
        ((left, top), (right, top)),
        ((left, bottom), (right, bottom)),
        ((left, top), (left, bottom)),
        ((right, top), (right, bottom)),
    ] {
        let half = width / 2.0;
        marks.push(Mark::Area { from: (a.0 - half, a.1 - half), to: (b.0 + half, b.1 + half), color });
    }
}
