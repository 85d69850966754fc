//! Images of many states: each pixel shows the mean of the states in it.

use super::marks::Image;
use super::shapes::{Colored, Fill, HATCH, HATCHED, NEUTRAL};
use crate::color::Color;

/// Distance of the lines of a hatching, in pixels.
const HATCHING: usize = 5;

/// The colour of a cell of a hatching that is made of cells: its lines rise to the right.
pub(super) fn hatching(column: usize, row: usize) -> Color {
    if (column + row).is_multiple_of(HATCHING) { HATCH } else { HATCHED }
}

/// Means of the numbers in each pixel of an image.
pub(super) struct Bins {
    pub(super) columns: usize,
    empty: Color,
    means: Vec<(f64, u32, u32)>, // mean and count of finite numbers, and count of states
}

impl Bins {
    pub(super) fn new((columns, rows): (usize, usize), empty: Color) -> Self {
        Self { columns, empty, means: vec![(0.0, 0, 0); columns * rows] }
    }

    pub(super) fn rows(&self) -> usize {
        self.means.len() / self.columns
    }

    pub(super) fn add(&mut self, (column, row): (usize, usize), colored: Option<Colored<'_>>, state: usize) {
        let (mean, finite, all) = &mut self.means[row * self.columns + column];
        *all += 1;
        if let Some(number) =
            colored.map(|colored| colored.numbers[state]).filter(|number| number.is_finite())
        {
            // A running mean, because a sum can overflow.
            *finite += 1;
            *mean += (number - *mean) / f64::from(*finite);
        }
    }

    pub(super) fn image(&self, colored: Option<Colored<'_>>) -> Image {
        let color = |(index, &(mean, finite, all)): (usize, &(f64, u32, u32))| match colored {
            _ if all == 0 => self.empty,
            None => NEUTRAL,
            Some(_) if finite == 0 => hatching(index % self.columns, index / self.columns),
            Some(colored) => match colored.fill(mean) {
                Fill::Plain(color) => color,
                Fill::Impossible => HATCHED,
            },
        };
        Image { width: self.columns, pixels: self.means.iter().enumerate().map(color).collect() }
    }
}
