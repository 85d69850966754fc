//! The states of a layout on the page: cells of a map, discs at points, or one image of many
//! states.

use super::bins::{Bins, hatching};
use super::layout::{Grid, StateLayout};
use super::marks::{Anchor, INK, Mark, PALE, PAPER, Point};
use super::scale::{Scale, Spread, short};
use super::shapes::{Colored, Fill, HATCHED, NEUTRAL, WALL, area, crossed_disc, disc, frame, ring, wall};
use super::text::{self, TICK_SIZE, label_at};
use super::titles::MARGIN;
use crate::Cell;
use crate::color::{Color, contrast};

/// More cells or points than this become one image.
const MAX_CELLS: usize = 4096;
const MAX_POINTS: usize = 1024;
/// Largest number of pixels on a side of an image.
const MAX_PIXELS: usize = 1000;
const MAX_CELL: f64 = 46.0;
/// Smaller cells have no lines of their own in a hatching.
const LEAST_HATCHED: f64 = 4.0;
/// Shortest side of a map.
const LEAST_BOARD: f64 = 12.0;
/// Height of ticks and axis name below a board.
pub(super) const BELOW: f64 = 40.0;

/// A rectangle of the page with the states of a layout.
#[derive(Debug)]
pub(super) struct Board<'l> {
    layout: &'l StateLayout,
    origin: Point,
    size: (f64, f64),
    scales: (Scale, Scale), // of columns and rows, or of x and y
    cell: (f64, f64),       // width and height of a cell
    extent: f64,            // the shorter side of a cell, or across a disc
    padding: f64,           // around points, for their discs and arrows
}

impl<'l> Board<'l> {
    /// The largest board with no side longer than `longest`.
    pub(super) fn new(layout: &'l StateLayout, origin: Point, longest: f64) -> Self {
        match layout.grid() {
            Some(grid) => Self::of_grid(layout, grid, origin, longest),
            None => Self::of_points(layout, origin, longest),
        }
    }

    fn of_grid(layout: &'l StateLayout, grid: &Grid, origin: Point, longest: f64) -> Self {
        let (columns, rows) = (grid.width as f64, (grid.cells.len() / grid.width) as f64);
        let side = (longest / columns.max(rows)).min(MAX_CELL);
        // Cells are square, unless the board would be too narrow.
        let cell = (side.max(LEAST_BOARD / columns), side.max(LEAST_BOARD / rows));
        let scale = |number| Scale::new(-0.5, number - 0.5, Spread::Even);
        Self {
            layout,
            origin,
            size: (cell.0 * columns, cell.1 * rows),
            scales: (scale(columns), scale(rows)),
            cell,
            extent: cell.0.min(cell.1),
            padding: 0.0,
        }
    }

    #[allow(clippy::float_cmp, reason = "coordinates are copied, not computed")]
    fn of_points(layout: &'l StateLayout, origin: Point, longest: f64) -> Self {
        let positions = layout.positions();
        let scale_of = |numbers: &mut dyn Iterator<Item = f64>| {
            Scale::even(numbers).unwrap_or(Scale::new(0.0, 1.0, Spread::Even))
        };
        let mut scales =
            (scale_of(&mut positions.iter().map(|p| p.0)), scale_of(&mut positions.iter().map(|p| p.1)));
        // Points on a line parallel to an axis: the other axis gets the same scale.
        let (first_x, first_y) = positions[0];
        let around = |middle: f64, other: &Scale| {
            let room = other.span() / 4.0;
            Scale::new(middle - room, middle + room, Spread::Even)
        };
        match (positions.iter().all(|p| p.0 == first_x), positions.iter().all(|p| p.1 == first_y)) {
            (true, false) => scales.0 = around(first_x, &scales.1),
            (false, true) => scales.1 = around(first_y, &scales.0),
            _ => {}
        }
        let ratio = (scales.1.span() / scales.0.span()).clamp(0.25, 4.0);
        let size = if ratio > 1.0 { (longest / ratio, longest) } else { (longest, longest * ratio) };
        let extent = (0.5 * (size.0 * size.1 / positions.len() as f64).sqrt()).clamp(3.0, 40.0);
        let padding = if positions.len() > MAX_POINTS { 4.0 } else { 0.5 * extent + reach_of(extent) + 3.0 };
        let size = (size.0 + 2.0 * padding, size.1 + 2.0 * padding);
        Self { layout, origin, size, scales, cell: (extent, extent), extent, padding }
    }

    pub(super) fn size(&self) -> (f64, f64) {
        self.size
    }

    /// Width of a cell or a disc.
    pub(super) fn extent(&self) -> f64 {
        self.extent
    }

    /// Length of an arrow of probability 1.
    pub(super) fn reach(&self) -> f64 {
        if self.layout.grid().is_some() { 0.47 * self.extent } else { reach_of(self.extent) }
    }

    /// Whether states are cells.
    pub(super) fn is_grid(&self) -> bool {
        self.layout.grid().is_some()
    }

    /// Whether each state has a shape of its own.
    pub(super) fn has_shapes(&self) -> bool {
        match self.layout.grid() {
            Some(grid) => grid.cells.len() <= MAX_CELLS,
            None => self.layout.num_states() <= MAX_POINTS,
        }
    }

    /// The place of a state on the page.
    pub(super) fn center(&self, state: usize) -> Point {
        let (x, y) = self.layout.positions()[state];
        (self.across(x), self.down(y))
    }

    /// The place of a column, or of an x coordinate, on the page.
    fn across(&self, x: f64) -> f64 {
        self.origin.0 + self.padding + (self.size.0 - 2.0 * self.padding) * self.scales.0.fraction(x)
    }

    /// The place of a row, or of a y coordinate, on the page. Rows count downwards, y upwards.
    fn down(&self, y: f64) -> f64 {
        let fraction = self.scales.1.fraction(y);
        let fraction = if self.layout.grid().is_some() { fraction } else { 1.0 - fraction };
        self.origin.1 + self.padding + (self.size.1 - 2.0 * self.padding) * fraction
    }

    /// Draws all states. `is_written` adds the numbers of states where they fit.
    pub(super) fn draw(&self, colored: Option<Colored<'_>>, is_written: bool, marks: &mut Vec<Mark>) {
        match self.layout.grid() {
            Some(grid) if self.has_shapes() => self.draw_cells(grid, colored, is_written, marks),
            Some(grid) => self.draw_cell_image(grid, colored, marks),
            None if self.has_shapes() => self.draw_discs(colored, is_written, marks),
            None => self.draw_point_image(colored, marks),
        }
        let (left, top) = self.origin;
        let (right, bottom) = (left + self.size.0, top + self.size.1);
        let around = vec![(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
        marks.push(Mark::Line { points: around, width: 1.0, color: PALE });
    }

    fn draw_cells(&self, grid: &Grid, colored: Option<Colored<'_>>, is_written: bool, marks: &mut Vec<Mark>) {
        let mut state = 0;
        // Cells that are much larger than a hairline have a hairline of paper between them.
        let gap = if self.extent >= 10.0 { 0.5 } else { 0.0 };
        for (index, &(cell, symbol)) in grid.cells.iter().enumerate() {
            let left = self.origin.0 + (index % grid.width) as f64 * self.cell.0;
            let top = self.origin.1 + (index / grid.width) as f64 * self.cell.1;
            let from = (left + gap, top + gap);
            let to = (left + self.cell.0 - gap, top + self.cell.1 - gap);
            if cell == Cell::Wall {
                wall(from, to, marks);
                continue;
            }
            let fill = colored.map_or(Fill::Plain(NEUTRAL), |colored| colored.fill(colored.numbers[state]));
            let (column, row) = (index % grid.width, index / grid.width);
            match fill {
                // Lines would cover a small cell, so some cells are the line.
                Fill::Impossible if self.extent < LEAST_HATCHED => {
                    area(Fill::Plain(hatching(column, row)), from, to, marks);
                }
                fill => area(fill, from, to, marks),
            }
            let background = background(state, colored);
            if self.layout.is_terminal(state) {
                frame(from, to, contrast(background), marks);
            }
            let number = colored.map(|colored| colored.numbers[state]).filter(|_| is_written);
            let label = match number {
                Some(f64::NEG_INFINITY) => "−∞".to_string(),
                Some(number) => short(number),
                None if cell.is_terminal() => symbol.to_string(),
                None => String::new(),
            };
            self.write_in_cell(label, self.center(state), contrast(background), marks);
            if matches!(cell, Cell::Reward(_)) {
                self.write_in_corner(symbol, from, contrast(background), marks);
            }
            state += 1;
        }
    }

    /// Writes a label in the middle of a cell, if it fits.
    fn write_in_cell(&self, text: String, at: Point, color: Color, marks: &mut Vec<Mark>) {
        let size = (0.26 * self.extent).clamp(8.0, 12.0);
        if !text.is_empty() && text::width(&text, size) <= 0.84 * self.extent && size < 0.6 * self.extent {
            marks.push(Mark::text(at, text, Anchor::Middle, size, color));
        }
    }

    /// Writes the symbol of a cell into its upper left corner, next to numbers and arrows, if there
    /// is room.
    fn write_in_corner(&self, symbol: char, (left, top): Point, color: Color, marks: &mut Vec<Mark>) {
        let size = 8.0;
        if self.extent >= 3.0 * size {
            let at = (left + 0.7 * size, top + 0.75 * size);
            marks.push(Mark::text(at, symbol.to_string(), Anchor::Middle, size, color));
        }
    }

    fn draw_discs(&self, colored: Option<Colored<'_>>, is_written: bool, marks: &mut Vec<Mark>) {
        let radius = self.extent / 2.0;
        for state in 0..self.layout.num_states() {
            let center = self.center(state);
            if self.layout.is_terminal(state) {
                ring(center, radius, marks);
            }
            if colored.is_some_and(|colored| colored.numbers[state] == f64::NEG_INFINITY) {
                crossed_disc(center, radius, marks);
            } else {
                let background = background(state, colored);
                disc(center, radius, background, marks);
                let number = colored.map(|colored| colored.numbers[state]).filter(|_| is_written);
                let label = number.map_or(String::new(), short);
                self.write_in_cell(label, center, contrast(background), marks);
            }
        }
    }

    /// Draws an image with a pixel for each block of cells.
    fn draw_cell_image(&self, grid: &Grid, colored: Option<Colored<'_>>, marks: &mut Vec<Mark>) {
        let height = grid.cells.len() / grid.width;
        let (across, down) = (grid.width.div_ceil(MAX_PIXELS), height.div_ceil(MAX_PIXELS));
        let mut bins = Bins::new((grid.width.div_ceil(across), height.div_ceil(down)), WALL);
        let mut state = 0;
        for (index, &(cell, _)) in grid.cells.iter().enumerate() {
            if cell != Cell::Wall {
                bins.add((index % grid.width / across, index / grid.width / down), colored, state);
                state += 1;
            }
        }
        // The last pixels can extend beyond the edge of the map.
        let (wide, tall) = (across as f64 * self.cell.0, down as f64 * self.cell.1);
        let to = (self.origin.0 + bins.columns as f64 * wide, self.origin.1 + bins.rows() as f64 * tall);
        marks.push(Mark::Image { from: self.origin, to, image: bins.image(colored) });
        self.mark_terminal_states(marks);
    }

    /// Draws an image with a pixel for the points in each small rectangle.
    fn draw_point_image(&self, colored: Option<Colored<'_>>, marks: &mut Vec<Mark>) {
        let positions = self.layout.positions();
        let (columns, rows) = self.num_bins();
        let (mut low, mut high) = (self.center(0), self.center(0));
        for state in 1..positions.len() {
            let (x, y) = self.center(state);
            (low, high) = ((low.0.min(x), low.1.min(y)), (high.0.max(x), high.1.max(y)));
        }
        let step = |low: f64, high: f64, number: usize| (high - low) / (number.max(2) - 1) as f64;
        let (wide, tall) = (step(low.0, high.0, columns).max(0.5), step(low.1, high.1, rows).max(0.5));
        let mut bins = Bins::new((columns, rows), PAPER);
        for state in 0..positions.len() {
            let (x, y) = self.center(state);
            let place = |offset: f64, number: usize| (offset.round() as usize).min(number - 1);
            bins.add((place((x - low.0) / wide, columns), place((y - low.1) / tall, rows)), colored, state);
        }
        let from = (low.0 - wide / 2.0, low.1 - tall / 2.0);
        let to = (from.0 + wide * columns as f64, from.1 + tall * rows as f64);
        marks.push(Mark::Image { from, to, image: bins.image(colored) });
        self.mark_terminal_states(marks);
    }

    /// Columns and rows of the image: those of a lattice of points, otherwise about a pixel per
    /// three points.
    fn num_bins(&self) -> (usize, usize) {
        let distinct = |coordinate: fn(&(f64, f64)) -> f64| {
            let mut numbers: Vec<f64> = self.layout.positions().iter().map(coordinate).collect();
            numbers.sort_unstable_by(f64::total_cmp);
            numbers.dedup();
            numbers.len()
        };
        let number = self.layout.num_states();
        let (columns, rows) = (distinct(|point| point.0), distinct(|point| point.1));
        let is_lattice = columns.saturating_mul(rows) <= number.saturating_mul(2);
        let most =
            if is_lattice { MAX_PIXELS } else { MAX_PIXELS.min((0.6 * (number as f64).sqrt()) as usize) };
        (columns.clamp(1, most), rows.clamp(1, most))
    }

    /// Frames the terminal states of an image, unless there are too many to tell apart.
    fn mark_terminal_states(&self, marks: &mut Vec<Mark>) {
        let states: Vec<usize> =
            (0..self.layout.num_states()).filter(|&state| self.layout.is_terminal(state)).take(101).collect();
        for &state in states.iter().filter(|_| states.len() <= 100) {
            let ((x, y), half) = (self.center(state), (self.extent / 2.0).max(3.0));
            frame((x - half, y - half), (x + half, y + half), INK, marks);
        }
    }

    /// Width of ticks and axis name on the left.
    pub(super) fn room_left(&self) -> f64 {
        let ticks = self.scales.1.ticks(about(self.size.1));
        let labels = ticks.into_iter().map(|(number, label)| self.counted(number, label));
        let widest = labels.map(|label| text::width(&label, TICK_SIZE)).fold(0.0, f64::max);
        widest + 30.0
    }

    /// The label of a tick. Cells count in whole numbers.
    fn counted(&self, number: f64, label: String) -> String {
        if self.layout.grid().is_some() { (number.round() as i64).to_string() } else { label }
    }

    /// Draws ticks along the left and the lower edge. `named` adds the names of the x and the y
    /// axis.
    pub(super) fn draw_axes(&self, named: (bool, bool), marks: &mut Vec<Mark>) {
        let (left, top) = self.origin;
        let (right, bottom) = (left + self.size.0, top + self.size.1);
        let is_grid = self.layout.grid().is_some();
        let is_whole = |number: f64| !is_grid || number.fract().abs() < 1e-9;
        for (number, label) in self.scales.0.ticks(about(self.size.0)) {
            let x = self.across(number);
            if is_whole(number) {
                marks.push(Mark::Line {
                    points: vec![(x, bottom), (x, bottom + 3.0)],
                    width: 1.0,
                    color: PALE,
                });
                marks.push(label_at((x, bottom + 12.0), self.counted(number, label), Anchor::Middle));
            }
        }
        for (number, label) in self.scales.1.ticks(about(self.size.1)) {
            let y = self.down(number);
            if is_whole(number) {
                marks.push(Mark::Line { points: vec![(left - 3.0, y), (left, y)], width: 1.0, color: PALE });
                marks.push(label_at((left - 6.0, y), self.counted(number, label), Anchor::End));
            }
        }
        let (x, y) = self.layout.axis_names();
        let cut = |name: &str, room: f64| text::cut(name, TICK_SIZE, room);
        if named.0 {
            let at = (f64::midpoint(left, right), bottom + 29.0);
            let name = cut(x, (right - left + 28.0).max(60.0));
            marks.push(Mark::text(at, name, Anchor::Middle, TICK_SIZE, PALE));
        }
        if named.1 {
            let at = (left - self.room_left() + 9.0, f64::midpoint(top, bottom));
            let name = cut(y, (bottom - top + 28.0).max(40.0));
            marks.push(Mark::upwards(at, name, TICK_SIZE, PALE));
        }
    }
}

/// The upper left corner of the first board of a picture, below its titles.
pub(super) fn first_board(layout: &StateLayout, longest: f64, top: f64) -> Point {
    (MARGIN + Board::new(layout, (0.0, 0.0), longest).room_left(), top)
}

/// Number of ticks that fit a length.
fn about(length: f64) -> usize {
    (length / 60.0).clamp(2.0, 10.0) as usize
}

/// Length of an arrow of probability 1 beyond the rim of a disc.
fn reach_of(extent: f64) -> f64 {
    (0.8 * extent).max(9.0)
}

/// The colour behind text and arrows of a state.
pub(super) fn background(state: usize, colored: Option<Colored<'_>>) -> Color {
    match colored.map(|colored| colored.fill(colored.numbers[state])) {
        None => NEUTRAL,
        Some(Fill::Plain(color)) => color,
        Some(Fill::Impossible) => HATCHED,
    }
}
