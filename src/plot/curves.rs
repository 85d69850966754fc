//! Curves: the convergence of a solver, or the progress of a learner.
//!
//! Axes and key are drawn here and not by the chart layer of plotters (0.3.7). Its key is clipped
//! to the plot, where it hides curves, and does not fit more than a dozen names. Its axes look as
//! good with the ticks of `scale`, but then 35 lines here become 190: plotters needs a coordinate
//! type, and a backend that records marks.

use std::path::Path;

use super::arrows::line_color;
use super::error::Error;
use super::figure::Figure;
use super::marks::{Anchor, INK, Mark, PALE, Point};
use super::scale::Scale;
use super::text::{self, TICK_SIZE, label_at};
use super::titles::{draw_titles, join, title_width};
use crate::Table;

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 300.0;
/// A longer curve is divided into this many pieces, and only their extremes are drawn.
const MAX_POINTS: usize = 1000;
/// Longer names of series are cut.
const LONGEST_NAME: f64 = 320.0;
/// Size of the names of axes.
const NAME_SIZE: f64 = 13.0;
const FAINT: [u8; 3] = [226, 226, 226];

/// Series of numbers, drawn as lines over one axis.
///
/// # Example
///
/// The error bound of a stationary solve against the limit of passes:
///
/// ```
/// use softmdp::plot::Curves;
/// use softmdp::{Mdp, Method, StationarySolver, ndarray::array};
///
/// let mdp = Mdp::new(array![[[0.9, 0.1]], [[0.2, 0.8]]], array![[0.0], [1.0]])?;
/// let mdp = mdp.with_discount(0.95)?;
/// let solver = StationarySolver::new(1e-12).method(Method::ValueIteration);
/// let bound_after = |passes: usize| {
///     let solution = solver.clone().max_iterations(passes).solve(&mdp)?;
///     Ok::<_, softmdp::Error>((passes as f64, solution.convergence().error_bound))
/// };
/// let bounds = (1..20).map(bound_after).collect::<Result<Vec<_>, _>>()?;
/// let figure = Curves::convergence().series("value iteration", bounds).figure()?;
/// assert!(figure.to_svg().contains("error bound, reward units"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    title: String,
    subtitle: String,
    x: String,
    y: String,
    is_logarithmic: bool,
    series: Vec<(String, Vec<Point>)>,
}

impl Curves {
    /// Starts a picture without a series. `x` and `y` name the axes.
    pub fn new(title: impl Into<String>, x: impl Into<String>, y: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            subtitle: String::new(),
            x: x.into(),
            y: y.into(),
            is_logarithmic: false,
            series: Vec::new(),
        }
    }

    /// Starts a picture of error bounds against passes over the dynamics, on a logarithmic scale.
    #[must_use]
    pub fn convergence() -> Self {
        Self::new("Convergence", "passes over the dynamics", "error bound, reward units").log_scale()
    }

    /// Starts a picture of returns against the number of steps in an environment.
    #[must_use]
    pub fn learning() -> Self {
        Self::new("Learning", "steps", "return, reward units")
    }

    /// Replaces the title.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Sets the line below the title, such as the inference.
    #[must_use]
    pub fn subtitle(mut self, subtitle: impl Into<String>) -> Self {
        self.subtitle = subtitle.into();
        self
    }

    /// Makes the y axis logarithmic. Points with y ≤ 0 become gaps in the curve.
    #[must_use]
    pub fn log_scale(mut self) -> Self {
        self.is_logarithmic = true;
        self
    }

    /// Adds a curve through points (x, y). A point that is not finite is a gap in the curve.
    #[must_use]
    pub fn series(mut self, name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.series.push((name.into(), points.into_iter().collect()));
        self
    }

    /// Draws the picture.
    ///
    /// # Errors
    ///
    /// [`Error::NothingToDraw`] if no curve has a point that can be drawn.
    pub fn figure(&self) -> Result<Figure, Error> {
        let nothing = || Error::NothingToDraw { table: Table::Series };
        let points =
            || self.series.iter().flat_map(|(_, points)| points).filter(|point| self.is_drawn(**point));
        let xs = Scale::even(points().map(|point| point.0)).ok_or_else(nothing)?;
        let scale = if self.is_logarithmic { Scale::logarithmic } else { Scale::even };
        let ys = scale(&mut points().map(|point| point.1)).ok_or_else(nothing)?.with_margin();

        let mut marks = Vec::new();
        let top = draw_titles(&self.title, &self.subtitle, &mut marks);
        let labels = ys.ticks(6).into_iter().map(|(_, label)| text::width(&label, TICK_SIZE));
        let left = 44.0 + labels.fold(20.0, f64::max);
        let (right, bottom) = (left + WIDTH, top + HEIGHT);
        let place = |(x, y): Point| (left + WIDTH * xs.fraction(x), bottom - HEIGHT * ys.fraction(y));
        self.draw_axes((left, top), &xs, &ys, &mut marks);
        for (index, (_, points)) in self.series.iter().enumerate() {
            for run in points.split(|&point| !self.is_drawn(point)).filter(|run| !run.is_empty()) {
                draw_line(&run.iter().map(|&point| place(point)).collect::<Vec<_>>(), index, &mut marks);
            }
        }
        let mut widest = 0.0_f64;
        for (index, (name, _)) in self.series.iter().enumerate() {
            let (x, y) = (right + 16.0, top + 10.0 + 20.0 * index as f64);
            let points = vec![(x, y), (x + 22.0, y)];
            marks.push(Mark::Line { points, width: 1.8, color: line_color(index) });
            draw_symbol((x + 11.0, y), index, &mut marks);
            let name = text::cut(name, TICK_SIZE, LONGEST_NAME);
            widest = widest.max(28.0 + text::width(&name, TICK_SIZE));
            marks.push(label_at((x + 28.0, y), name, Anchor::Start));
        }
        let width = (right + 16.0 + widest + 14.0).max(title_width(&self.title, &self.subtitle));
        let height = (bottom + 54.0).max(top + 20.0 * self.series.len() as f64 + 10.0);
        let title = join(&self.title, &self.subtitle);
        Ok(Figure::new((width, height), title, marks))
    }

    fn is_drawn(&self, (x, y): Point) -> bool {
        x.is_finite() && y.is_finite() && (y > 0.0 || !self.is_logarithmic)
    }

    fn draw_axes(&self, (left, top): Point, xs: &Scale, ys: &Scale, marks: &mut Vec<Mark>) {
        let (right, bottom) = (left + WIDTH, top + HEIGHT);
        for (number, label) in xs.ticks(6) {
            let x = left + WIDTH * xs.fraction(number);
            marks.push(Mark::Line { points: vec![(x, bottom), (x, bottom + 4.0)], width: 1.0, color: PALE });
            marks.push(label_at((x, bottom + 14.0), label, Anchor::Middle));
        }
        for (number, label) in ys.ticks(6) {
            let y = bottom - HEIGHT * ys.fraction(number);
            marks.push(Mark::Line { points: vec![(left, y), (right, y)], width: 1.0, color: FAINT });
            marks.push(label_at((left - 7.0, y), label, Anchor::End));
        }
        marks.push(Mark::Line { points: vec![(left, top), (left, bottom)], width: 1.0, color: PALE });
        marks.push(Mark::Line { points: vec![(left, bottom), (right, bottom)], width: 1.0, color: PALE });
        let x = text::cut(&self.x, NAME_SIZE, WIDTH);
        marks.push(Mark::text(
            (f64::midpoint(left, right), bottom + 37.0),
            x,
            Anchor::Middle,
            NAME_SIZE,
            INK,
        ));
        let how = if self.is_logarithmic { " (log scale)" } else { "" };
        let y = text::cut(&self.y, NAME_SIZE, HEIGHT + 30.0 - text::width(how, NAME_SIZE)) + how;
        marks.push(Mark::upwards((20.0, f64::midpoint(top, bottom)), y, NAME_SIZE, INK));
    }

    /// Writes the picture to a file; see [`Figure::save`].
    ///
    /// # Errors
    ///
    /// The errors of [`figure`](Self::figure) and of [`Figure::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.figure()?.save(path)
    }
}

/// Draws a curve, with symbols that distinguish it from other curves without colour.
fn draw_line(points: &[Point], index: usize, marks: &mut Vec<Mark>) {
    let line = thinned(points);
    if line.len() > 1 {
        marks.push(Mark::Line { points: line.clone(), width: 1.8, color: line_color(index) });
    }
    let step = points.len().div_ceil(12).max(1);
    // The symbols of each curve start at another point, so that they do not hide each other.
    let first = (index * step / 3).min(points.len() - 1);
    for &point in points.iter().skip(first).step_by(step) {
        draw_symbol(point, index, marks);
    }
}

/// The highest and the lowest point of each piece of a long curve, in the order of the curve.
fn thinned(points: &[Point]) -> Vec<Point> {
    if points.len() <= 2 * MAX_POINTS {
        return points.to_vec();
    }
    let mut kept = Vec::with_capacity(2 * MAX_POINTS);
    for piece in points.chunks(points.len().div_ceil(MAX_POINTS)) {
        let by_height = |a: &usize, b: &usize| piece[*a].1.total_cmp(&piece[*b].1);
        let low = (0..piece.len()).min_by(by_height).unwrap_or(0);
        let high = (0..piece.len()).max_by(by_height).unwrap_or(0);
        kept.push(piece[low.min(high)]);
        if low != high {
            kept.push(piece[low.max(high)]);
        }
    }
    kept
}

/// Draws a disc, a square, a triangle or a lozenge.
fn draw_symbol((x, y): Point, index: usize, marks: &mut Vec<Mark>) {
    let color = line_color(index);
    let polygon = |corners: &[Point]| Mark::Polygon {
        corners: corners.iter().map(|(right, down)| (x + right, y + down)).collect(),
        color,
    };
    marks.push(match index % 4 {
        0 => Mark::Disc { center: (x, y), radius: 3.2, color },
        1 => Mark::Area { from: (x - 3.0, y - 3.0), to: (x + 3.0, y + 3.0), color },
        2 => polygon(&[(0.0, -4.2), (3.8, 2.8), (-3.8, 2.8)]),
        _ => polygon(&[(0.0, -4.2), (4.2, 0.0), (0.0, 4.2), (-4.2, 0.0)]),
    });
}
