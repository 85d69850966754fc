//! Values and policy of a map, drawn as text.

use std::error::Error;

use softmdp::{ColorChoice, Gridworld, Real};

use crate::answer::StateResults;
use crate::screen::Screen;

/// Draws a map if it fits. The table below has the numbers in any case.
pub(crate) fn print<F: Real>(
    grid: &Gridworld,
    results: &StateResults<'_, F>,
    screen: &mut Screen,
) -> Result<(), Box<dyn Error>> {
    let values = grid.render_values(&results.values.mapv(Real::into_f64))?;
    let mut drawings = vec![(format!("{} of each cell", results.name), values)];
    if let Some(policy) = results.policy {
        let policy = grid.render_policy(&policy.mapv(Real::into_f64))?;
        drawings
            .push(("Moves that are at least half as probable as the most probable one".to_owned(), policy));
    }
    for (title, drawing) in drawings {
        let plain = drawing.to_string();
        let width = plain.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        if screen.fits(width, plain.lines().count() + 2) {
            screen.print(&format!("\n{title}:\n{}", drawing.colored(ColorChoice::Auto)))?;
        }
    }
    Ok(())
}
