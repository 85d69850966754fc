//! Colour scales: from numbers to colours, and the colour bar.

use super::marks::{Anchor, INK, Mark, Point};
use super::scale::{Scale, Spread};
use super::text::{self, TICK_SIZE, label_at};
use crate::color::{Color, viridis};

/// Smaller probabilities get the colour of a trace.
const LEAST_PROBABILITY: f64 = 1e-4;
const BAR_WIDTH: f64 = 14.0;
const BAR_STEPS: usize = 128;
const LONGEST_UNIT: f64 = 300.0;

/// A scale, and the colour of each place on it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ColorScale {
    pub(super) scale: Scale,
    /// Probabilities are ink on paper: 0 is white, and dark is likely.
    pub(super) is_ink: bool,
    pub(super) unit: String,
}

impl ColorScale {
    /// An even scale of all finite numbers. Without a finite number it goes from 0 to 1.
    pub(super) fn of_values(numbers: &[f64], unit: &str) -> Self {
        let scale = Scale::even(numbers.iter().copied()).unwrap_or(Scale::new(0.0, 1.0, Spread::Even));
        Self { scale, is_ink: false, unit: unit.to_string() }
    }

    /// A logarithmic scale of ink from 10⁻⁴ to 1.
    pub(super) fn of_probabilities() -> Self {
        let scale = Scale::new(LEAST_PROBABILITY, 1.0, Spread::Logarithmic);
        Self { scale, is_ink: true, unit: "probability".to_string() }
    }

    /// A logarithmic scale of ink over four powers of ten below the largest number.
    pub(super) fn of_frequencies(numbers: &[f64], unit: &str) -> Self {
        let largest = numbers.iter().copied().fold(0.0, f64::max);
        // A power of ten, so that the scale ends where it has a tick.
        let least = (LEAST_PROBABILITY * 10.0_f64.powf(largest.log10().ceil())).max(f64::MIN_POSITIVE);
        let scale = Scale::new(least, largest.max(least), Spread::Logarithmic);
        Self { scale, is_ink: true, unit: unit.to_string() }
    }

    /// Whether a frequency lies below the scale.
    pub(super) fn is_below(&self, number: f64) -> bool {
        self.is_ink && self.scale.fraction(number) < -1e-9
    }

    pub(super) fn color(&self, number: f64) -> Color {
        self.color_at(self.scale.fraction(number))
    }

    fn color_at(&self, fraction: f64) -> Color {
        viridis(if self.is_ink { 1.0 - fraction.clamp(0.0, 1.0) } else { fraction })
    }

    /// Width of the bar with its labels and its unit.
    pub(super) fn bar_width(&self) -> f64 {
        let ticks = self.scale.ticks(6);
        let labels = ticks.iter().map(|(_, label)| text::width(label, TICK_SIZE)).fold(0.0, f64::max);
        BAR_WIDTH + 8.0 + labels + 22.0
    }

    /// Height of the bar beside a board: enough for the unit, unless the unit is very long.
    pub(super) fn bar_height(&self, board: f64) -> f64 {
        board.max(110.0).max(text::width(&self.unit, TICK_SIZE).min(LONGEST_UNIT))
    }

    /// Draws the bar, its ticks and its unit.
    pub(super) fn bar(&self, (left, top): Point, height: f64, marks: &mut Vec<Mark>) {
        let right = left + BAR_WIDTH;
        let bottom = top + height;
        let step = height / BAR_STEPS as f64;
        for index in 0..BAR_STEPS {
            let color = self.color_at((index as f64 + 0.5) / BAR_STEPS as f64);
            // Each step reaches to the top and covers the last one: steps with a common edge show
            // paper there.
            let low = bottom - index as f64 * step;
            marks.push(Mark::Area { from: (left, top), to: (right, low), color });
        }
        let mut widest = 0.0_f64;
        for (number, label) in self.scale.ticks(6) {
            let y = bottom - height * self.scale.fraction(number);
            marks.push(Mark::Line { points: vec![(right, y), (right + 4.0, y)], width: 1.0, color: INK });
            widest = widest.max(text::width(&label, TICK_SIZE));
            marks.push(label_at((right + 7.0, y), label, Anchor::Start));
        }
        let unit = text::cut(&self.unit, TICK_SIZE, height);
        let at = (right + 7.0 + widest + 13.0, top + height / 2.0);
        marks.push(Mark::upwards(at, unit, TICK_SIZE, INK));
    }
}
