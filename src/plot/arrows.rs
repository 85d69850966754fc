//! Policies as arrows, and trajectories as lines.

use std::collections::BTreeMap;

use super::board::{Board, background};
use super::layout::StateLayout;
use super::marks::{INK, Mark, PAPER, Point};
use super::shapes::Colored;
use crate::Trajectory;
use crate::color::{Color, contrast};

/// Narrower cells share an arrow with their neighbours.
const LEAST_CELL: f64 = 14.0;
const SHARED: f64 = 24.0;
/// Arrows shorter than this fraction of the longest are not drawn.
const LEAST: f64 = 0.04;

/// Draws an arrow for each action of each state, with a length proportional to its probability.
///
/// Small cells share one arrow, which points in the mean direction of the neighbourhood.
pub(super) fn draw_policy(
    board: &Board<'_>,
    layout: &StateLayout,
    policy: &[f64], // [s, a]
    colored: Option<Colored<'_>>,
    marks: &mut Vec<Mark>,
) {
    let num_actions = policy.len() / layout.num_states();
    let rows = policy.chunks(num_actions).enumerate().filter(|(state, _)| !layout.is_terminal(*state));
    let is_grid = layout.grid().is_some();
    if has_own_arrows(board) {
        for (state, row) in rows {
            let color = if is_grid { contrast(background(state, colored)) } else { INK };
            // Arrows of a disc start at its rim.
            let start = if is_grid { 0.0 } else { board.extent() / 2.0 };
            for (action, &p) in row.iter().enumerate().filter(|(_, p)| **p >= LEAST) {
                let direction = layout.direction(state, action);
                arrow(board.center(state), direction, start, p * board.reach(), board.reach(), color, marks);
            }
        }
        return;
    }
    let mut means: BTreeMap<(usize, usize), Mean> = BTreeMap::new();
    for (state, row) in rows {
        let center = board.center(state);
        let mean = means.entry(((center.0 / SHARED) as usize, (center.1 / SHARED) as usize)).or_default();
        mean.states += 1.0;
        mean.center = (mean.center.0 + center.0, mean.center.1 + center.1);
        for (action, &p) in row.iter().enumerate() {
            let (right, down) = layout.direction(state, action);
            mean.direction = (mean.direction.0 + p * right, mean.direction.1 + p * down);
        }
        mean.number = match (colored.map(|colored| colored.numbers[state]), mean.number) {
            (Some(number), None) if number.is_finite() => Some(state),
            (_, number) => number,
        };
    }
    for mean in means.values() {
        let over = |(x, y): Point| (x / mean.states, y / mean.states);
        let direction = over(mean.direction);
        let length = direction.0.hypot(direction.1);
        if length >= LEAST {
            let unit = (direction.0 / length, direction.1 / length);
            let color = mean.number.map_or(INK, |state| contrast(background(state, colored)));
            let reach = 0.5 * SHARED;
            let (x, y) = over(mean.center);
            let back = length * reach / 2.0;
            arrow((x - back * unit.0, y - back * unit.1), unit, 0.0, length * reach, reach, color, marks);
        }
    }
}

/// Whether each action of each state has an arrow of its own.
pub(super) fn has_own_arrows(board: &Board<'_>) -> bool {
    board.has_shapes() && (!board.is_grid() || board.extent() >= LEAST_CELL)
}

/// Sums over the states of a neighbourhood.
#[derive(Default)]
struct Mean {
    states: f64,
    center: Point,
    direction: Point,
    number: Option<usize>, // a state that gives the neighbourhood its colour
}

/// Draws an arrow that starts at a distance from a point; a dot for an action that stays.
fn arrow(
    (x, y): Point,
    (right, down): Point,
    start: f64,
    length: f64,
    longest: f64,
    color: Color,
    marks: &mut Vec<Mark>,
) {
    if right == 0.0 && down == 0.0 {
        marks.push(Mark::Disc { center: (x, y), radius: (0.25 * length).max(0.5), color });
        return;
    }
    let head = (0.55 * length).min(0.4 * longest);
    let (wide, thin) = (0.6 * head, (0.06 * longest).min(0.4 * head));
    let at = |along: f64, across: f64| {
        let along = start + along;
        (x + along * right - across * down, y + along * down + across * right)
    };
    let neck = length - head;
    marks.push(Mark::Polygon {
        corners: vec![
            at(0.0, thin),
            at(neck, thin),
            at(neck, wide),
            at(length, 0.0),
            at(neck, -wide),
            at(neck, -thin),
            at(0.0, -thin),
        ],
        color,
    });
}

/// Colours of lines, by M. Okabe and K. Ito: colour-blind readers can distinguish them.
///
/// Their yellow is left out, because it is too bright for paper. Seven colours have no common
/// divisor with the four symbols and the four places of trajectories, so 28 lines differ.
const LINES: [Color; 7] =
    [[213, 94, 0], [0, 114, 178], [204, 121, 167], [230, 159, 0], [0, 158, 115], [86, 180, 233], [0, 0, 0]];
/// Number of places side by side on the way from state to state.
const PLACES: usize = 4;

/// The colour of one of several lines.
pub(super) fn line_color(index: usize) -> Color {
    LINES[index % LINES.len()]
}

/// Draws a trajectory: a line from state to state, with a disc at its start and a square at its
/// end.
///
/// The line lies to the right of the way, so that the way back is another line. Later trajectories
/// lie further to the right. A dot marks a step that stays.
pub(super) fn draw_trajectory(
    board: &Board<'_>,
    trajectory: &Trajectory,
    index: usize,
    marks: &mut Vec<Mark>,
) {
    let (extent, color) = (board.extent(), line_color(index));
    let width = (0.06 * extent).clamp(1.0, 2.5);
    let centers: Vec<Point> = trajectory.states().iter().map(|&state| board.center(state)).collect();
    let side = (0.07 + 0.1 * (index % PLACES) as f64) * extent;
    let path = beside(&centers, side);
    for (color, extra) in [(PAPER, 1.5), (color, 0.0)] {
        if path.len() > 1 {
            marks.push(Mark::Line { points: path.clone(), width: width + extra, color });
        }
        for stay in centers.windows(2).filter(|leg| leg[0] == leg[1]) {
            marks.push(Mark::Disc { center: stay[0], radius: 1.3 * width + extra / 2.0, color });
        }
    }
    let radius = (0.13 * extent).clamp(2.5, 6.0);
    if let (Some(&first), Some(&(x, y))) = (centers.first(), centers.last()) {
        for (extra, color) in [(1.0, PAPER), (0.0, color)] {
            let half = radius + extra;
            marks.push(Mark::Disc { center: first, radius: half, color });
            marks.push(Mark::Area { from: (x - half, y - half), to: (x + half, y + half), color });
        }
    }
}

/// The line through points, moved to its right.
fn beside(points: &[Point], side: f64) -> Vec<Point> {
    let mut way: Vec<Point> = points.to_vec();
    way.dedup();
    let normals: Vec<Point> = way
        .windows(2)
        .map(|leg| {
            let (x, y) = (leg[1].0 - leg[0].0, leg[1].1 - leg[0].1);
            let length = x.hypot(y);
            (-y / length, x / length)
        })
        .collect();
    let (Some(&first), Some(&last)) = (normals.first(), normals.last()) else { return Vec::new() };
    let moved = |(x, y): Point, (right, down): Point, by: f64| (x + by * right, y + by * down);
    let mut path = vec![moved(way[0], first, side)];
    for (corner, pair) in normals.windows(2).enumerate() {
        let ((a, b), vertex) = ((pair[0], pair[1]), way[corner + 1]);
        let alike = a.0 * b.0 + a.1 * b.1;
        if alike > -0.5 {
            // The moved legs meet here.
            path.push(moved(vertex, (a.0 + b.0, a.1 + b.1), side / (1.0 + alike)));
        } else {
            path.extend([moved(vertex, a, side), moved(vertex, b, side)]);
        }
    }
    path.push(moved(way[way.len() - 1], last, side));
    path
}
