//! Many states in one image: a pixel shows the mean of those that fall into it.

use super::marks::Image;
use super::shapes::{Colored, Fill, HATCH, HATCHED, NEUTRAL};
use crate::color::Color;

/// From one line of a hatching to the next, in pixels.
const HATCHING: usize = 5;

/// The colour of a place that is too small for lines: diagonals from the lower left to the upper right, as in cells.
pub(super) fn hatching(column: usize, row: usize) -> Color {
    if (column + row).is_multiple_of(HATCHING) { HATCH } else { HATCHED }
}

/// Sums of the numbers in each pixel of an image.
pub(super) struct Bins {
    pub(super) columns: usize,
    empty: Color,
    sums: Vec<(f64, u32, u32)>, // of finite numbers, how many they are, and how many states there are
}

impl Bins {
    pub(super) fn new((columns, rows): (usize, usize), empty: Color) -> Self {
        Self { columns, empty, sums: vec![(0.0, 0, 0); columns * rows] }
    }

    pub(super) fn rows(&self) -> usize {
        self.sums.len() / self.columns
    }

    pub(super) fn add(&mut self, (column, row): (usize, usize), colored: Option<Colored<'_>>, state: usize) {
        let (sum, finite, all) = &mut self.sums[row * self.columns + column];
        *all += 1;
        if let Some(number) =
            colored.map(|colored| colored.numbers[state]).filter(|number| number.is_finite())
        {
            // The mean so far: a sum might leave the number type.
            *finite += 1;
            *sum += (number - *sum) / f64::from(*finite);
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
        Image { width: self.columns, pixels: self.sums.iter().enumerate().map(color).collect() }
    }
}
