//! Pictures of an answer: maps of a gridworld, curves of any other model.

use std::error::Error;
use std::path::Path;

use softmdp::ndarray::{ArrayView1, ArrayView2, Axis};
use softmdp::plot::{Animation, Curves, StateLayout, StateMap};
use softmdp::{Gridworld, Inference, Model, Posterior, Real, Solution, StationarySolution, StationarySolver};

use crate::answer::StateResults;
use crate::consequences::Consequences;
use crate::problem::Task;
use crate::screen::Screen;

/// Longer animations take minutes to draw.
const LONGEST_ANIMATION: usize = 200;
/// More curves in one picture hide each other.
const MAX_CURVES: usize = 8;

/// A folder, and the names of the pictures in it.
struct Album<'a> {
    folder: &'a Path,
    names: Vec<String>,
}

impl<'a> Album<'a> {
    /// The folder of the command line, if it has one.
    fn of<F: Real>(task: &Task<'a, F>) -> Option<Self> {
        let folder = task.arguments.output.plot.as_deref()?;
        Some(Self { folder, names: Vec::new() })
    }

    /// The path of a new picture.
    fn add(&mut self, name: &str) -> std::path::PathBuf {
        self.names.push(name.to_owned());
        self.folder.join(name)
    }

    /// Draws curves, if they have a point: values of −∞ have none.
    fn draw(&mut self, name: &str, curves: &Curves) -> Result<(), softmdp::plot::Error> {
        match curves.figure() {
            Err(softmdp::plot::Error::NothingToDraw { .. }) => Ok(()),
            figure => figure?.save(self.add(name)),
        }
    }

    fn print(&self, screen: &mut Screen) -> std::io::Result<()> {
        if self.names.is_empty() {
            return screen.line("pictures", "none, because every value is -inf");
        }
        screen.line("pictures", format!("{}: {}", self.folder.display(), self.names.join(", ")))
    }
}

pub(crate) fn of_finite<F: Real>(
    task: &Task<'_, F>,
    solution: &Solution<F>,
    consequences: &Consequences<F>,
    screen: &mut Screen,
) -> Result<(), Box<dyn Error>> {
    let Some(mut album) = Album::of(task) else { return Ok(()) };
    let inference = task.inference;
    if let Some(grid) = task.input.names.grid() {
        let layout = layout(grid, task.model())?;
        let first = solution.state_values().row(0).to_owned();
        let policy = if solution.horizon() > 0 { Some(solution.policy().at(0)?) } else { None };
        maps(&mut album, &layout, first.view(), policy, inference)?;
        match consequences {
            Consequences::None => {}
            Consequences::Policy(acting) => {
                let stages = acting.states.nrows();
                StateMap::occupancy(layout, &acting.states.sum_axis(Axis(0)), inference)?
                    .title(format!("Expected number of the {stages} stages spent in each cell"))
                    .save(album.add("occupancy.svg"))?;
            }
            Consequences::Posterior(posterior) => of_posterior(task, &layout, posterior, &mut album)?,
        }
    }
    album.draw("values_by_stage.svg", &values_by_stage(solution, inference))?;
    Ok(album.print(screen)?)
}

pub(crate) fn of_stationary<F: Real>(
    task: &Task<'_, F>,
    solver: &StationarySolver<F>,
    solution: &StationarySolution<F>,
    screen: &mut Screen,
) -> Result<(), Box<dyn Error>> {
    let Some(mut album) = Album::of(task) else { return Ok(()) };
    let results = StateResults {
        name: "V",
        title: "State values V",
        values: solution.state_values(),
        policy: Some(solution.probabilities()),
    };
    of_states(task, &results, &mut album)?;
    // The search runs again with lower limits, each twice the last. Together they take as long as
    // one search.
    let mut bounds = Vec::new();
    let limits = (0..).map(|power| 1_usize << power);
    for limit in limits.take_while(|&limit| limit < solution.convergence().iterations) {
        let early = solver.clone().max_iterations(limit).solve(task.model())?;
        bounds.push(*early.convergence());
    }
    bounds.push(*solution.convergence());
    let points: Vec<(f64, f64)> = bounds
        .iter()
        .map(|convergence| (convergence.iterations as f64, convergence.error_bound.into_f64()))
        .filter(|(_, bound)| bound.is_finite() && *bound > 0.0)
        .collect();
    if points.len() > 1 {
        let curves = Curves::convergence().subtitle(subtitle(task.inference));
        curves.series("error bound", points).save(album.add("convergence.svg"))?;
    }
    Ok(album.print(screen)?)
}

pub(crate) fn of_average<F: Real>(
    task: &Task<'_, F>,
    results: &StateResults<'_, F>,
    screen: &mut Screen,
) -> Result<(), Box<dyn Error>> {
    let Some(mut album) = Album::of(task) else { return Ok(()) };
    of_states(task, results, &mut album)?;
    Ok(album.print(screen)?)
}

/// Maps of a gridworld, or the values as a curve.
fn of_states<F: Real>(
    task: &Task<'_, F>,
    results: &StateResults<'_, F>,
    album: &mut Album<'_>,
) -> Result<(), Box<dyn Error>> {
    if let Some(grid) = task.input.names.grid() {
        let layout = layout(grid, task.model())?;
        return maps(album, &layout, results.values, results.policy, task.inference);
    }
    let points = results.values.iter().enumerate().map(|(state, v)| (state as f64, v.into_f64()));
    let curves = Curves::new(results.title, "state", format!("{}, reward units", results.name))
        .subtitle(subtitle(task.inference))
        .series(results.name, points.collect::<Vec<_>>());
    Ok(album.draw("values.svg", &curves)?)
}

/// The layout of a map, with the terminal states of the command line.
fn layout<F: Real>(grid: &Gridworld, model: &impl Model<Scalar = F>) -> Result<StateLayout, Box<dyn Error>> {
    let terminal = (0..model.num_states()).filter(|&state| model.is_terminal(state));
    Ok(StateLayout::from(grid).with_terminal_states(terminal)?)
}

fn maps<F: Real>(
    album: &mut Album<'_>,
    layout: &StateLayout,
    values: ArrayView1<'_, F>,
    policy: Option<ArrayView2<'_, F>>,
    inference: Inference,
) -> Result<(), Box<dyn Error>> {
    StateMap::values(layout.clone(), &values, inference)?.save(album.add("values.svg"))?;
    if let Some(policy) = policy {
        let map = StateMap::values(layout.clone(), &values, inference)?.with_policy(&policy)?;
        map.save(album.add("policy.svg"))?;
        map.save(album.add("policy.png"))?;
    }
    Ok(())
}

/// Where a successful agent is, and its most likely route.
fn of_posterior<F: Real>(
    task: &Task<'_, F>,
    layout: &StateLayout,
    posterior: &Posterior<F>,
    album: &mut Album<'_>,
) -> Result<(), Box<dyn Error>> {
    let (model, horizon) = (task.model(), posterior.horizon());
    let likely = posterior.most_likely(model)?;
    StateMap::values(layout.clone(), &posterior.solution().state_values().row(0), task.inference)?
        .with_trajectory(&likely)?
        .title("The most likely trajectory, over state values V")
        .save(album.add("trajectory.svg"))?;
    let animation = Animation::of_posterior(layout.clone(), model, posterior)?;
    let mut quarters: Vec<usize> = (0..=4).map(|quarter| horizon * quarter / 4).collect();
    quarters.dedup();
    animation.stages(&quarters)?.save(album.add("posterior.svg"))?;
    if horizon <= LONGEST_ANIMATION {
        animation.save(album.add("posterior.gif"))?;
    }
    Ok(())
}

/// V of each state against the stage; of many states, the least, the quartiles and the largest V.
fn values_by_stage<F: Real>(solution: &Solution<F>, inference: Inference) -> Curves {
    let values = solution.state_values();
    let mut curves =
        Curves::new("State values by stage", "stage", "V, reward units").subtitle(subtitle(inference));
    let stages = || values.rows().into_iter().enumerate();
    if values.ncols() <= MAX_CURVES {
        for state in 0..values.ncols() {
            let points = stages().map(|(t, row)| (t as f64, row[state].into_f64()));
            curves = curves.series(format!("state {state}"), points.collect::<Vec<_>>());
        }
        return curves;
    }
    let mut points = vec![Vec::new(); 5];
    for (t, row) in stages() {
        let mut sorted: Vec<f64> = row.iter().map(|&v| v.into_f64()).collect();
        sorted.sort_by(f64::total_cmp);
        for (quarter, points) in points.iter_mut().enumerate() {
            points.push((t as f64, sorted[(sorted.len() - 1) * quarter / 4]));
        }
    }
    let names = ["least of all states", "first quartile", "median", "third quartile", "largest"];
    names.into_iter().zip(points).rev().fold(curves, |curves, (name, points)| curves.series(name, points))
}

fn subtitle(inference: Inference) -> String {
    format!("{inference} inference")
}
