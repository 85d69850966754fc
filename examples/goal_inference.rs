//! Where does it want to go?
//!
//! An agent walks on a map with three goals. The observer knows the map, and how probable each step
//! would be under each goal. The posterior over goals moves while the agent walks: first towards A,
//! until the agent changes its mind. After Baker, Saxe and Tenenbaum, *Action understanding as
//! inverse planning*, Cognition 113 (2009): one goal (model M1) and goals that change (M2).
//!
//! One step slips. Under the likelihood of *actions*, the attempt counts. Under the likelihood of
//! *trajectories*, which believes that the agent will succeed, the outcome counts.
//!
//! ```text
//! cargo run --release --example goal_inference
//! cargo run --release --features plot --example goal_inference -- --out target/pictures
//! ```

mod support;

use std::error::Error;
use std::fmt::Write as _;
#[cfg(feature = "plot")]
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use softmdp::inverse::{Likelihood, Observer, goal_posterior};
use softmdp::ndarray::{Array1, Array2, Axis, array};
use softmdp::{ActionPrior, Cell, Gridworld, Inference, Mdp, SparseDynamics, Trajectory};
use support::side_by_side;

const MAP: &str = "
    ....#.....A
    ....#......
    ....#......
    S.........B
    ....#......
    ....#......
    ....#.....C
";
const GOALS: [char; 3] = ['A', 'B', 'C'];
/// The cells of the walk, (row, column).
const CELLS: [(usize, usize); 18] = [
    (3, 0),
    (3, 1),
    (3, 2),
    (3, 3),
    (3, 4),
    (3, 5), // through the gap
    (2, 5),
    (2, 6),
    (2, 7), // the slip
    (1, 7),
    (1, 8),
    (2, 8), // changes its mind
    (3, 8),
    (4, 8),
    (5, 8),
    (6, 8),
    (6, 9),
    (6, 10),
];
const GAP: usize = 5;
const SLIP: usize = 8;
const TURN: usize = 10;
const MOVES: [&str; 4] = ["up", "right", "down", "left"];

fn main() -> ExitCode {
    support::exit(run(&support::OutOnly::parse()))
}

fn run(options: &support::OutOnly) -> Result<(), Box<dyn Error>> {
    options.out.prepare()?;
    let grid = Gridworld::parse_with(MAP, &GOALS.map(|goal| (goal, Cell::Reward(-1.0))))?.slip(0.2);
    let goals = goals(&grid)?;
    let walk = walk(&grid)?;
    let prior = Array1::from_elem(3, 1.0 / 3.0);

    // [t, k]: after t steps.
    let actions = Likelihood::actions(Inference::Variational);
    let of_actions = goal_posterior(&goals, &actions, &prior, &walk)?;
    let of_trajectories = goal_posterior(&goals, &Likelihood::trajectories(), &prior, &walk)?;
    let changing = array![[0.96, 0.02, 0.02], [0.02, 0.96, 0.02], [0.02, 0.02, 0.96]];
    let mut observer = Observer::new(&goals, &actions, &prior)?.with_switching(changing)?;
    let mut of_changing = Array2::zeros(of_actions.dim());
    of_changing.row_mut(0).assign(&prior);
    for t in 0..walk.actions().len() {
        let after = observer.watch(walk.states()[t], walk.actions()[t], walk.states()[t + 1])?;
        of_changing.row_mut(t + 1).assign(&after);
    }

    println!("An agent walks. One step in five slips. It may want A, B or C, and may change its mind.\n");
    let shown = [0, GAP, TURN - 1, TURN + 2, TURN + 4, walk.actions().len()];
    for steps in shown.chunks(3) {
        let frames = steps.iter().map(|&t| (format!("after {t} steps"), frame(&grid, t, &of_changing)));
        println!("{}", side_by_side(24, &frames.collect::<Vec<_>>()));
    }
    print_table(&walk, &[&of_actions, &of_trajectories, &of_changing]);

    // Before the gap, nothing tells the goals apart. Then the agent turns up.
    assert!(of_actions.row(GAP).iter().all(|p| (0.2..0.5).contains(p)));
    assert!(of_actions[[TURN, 0]] > 0.99 && of_changing[[TURN, 0]] > 0.9);
    // It tried to go up, and moved to the right: the attempt says A, the outcome B.
    assert!(of_actions[[SLIP, 0]] > of_actions[[SLIP - 1, 0]]);
    assert!(of_trajectories[[SLIP, 0]] < of_trajectories[[SLIP - 1, 0]]);
    // An observer of one goal needs as much evidence against A as it had for A.
    assert!(of_changing[[TURN + 2, 0]] < 0.1 && of_actions[[TURN + 2, 0]] > 0.25);
    assert!(of_changing[[17, 2]] > 0.95 && of_actions[[17, 2]] > 0.99);

    let smoothed = observer.smoothed();
    println!("Looking back on the whole walk, if goals change, the goal of the step");
    for (step, what) in [(0, "first"), (TURN - 2, "last one up"), (TURN, "first one down"), (16, "last")] {
        let [a, b, c] = [0, 1, 2].map(|goal| smoothed[[step, goal]]);
        println!("  {what:<14} was A {a:.3}, B {b:.3}, C {c:.3}");
    }
    assert!(smoothed[[TURN - 2, 0]] > 0.9 && smoothed[[TURN, 2]] > 0.7);

    temperatures(&goals, &walk)?;
    #[cfg(feature = "plot")]
    if let Some(folder) = options.out.folder() {
        pictures(folder, &grid, &walk, &of_actions, &of_changing)?;
    }
    Ok(())
}

type Model = Mdp<f64, SparseDynamics<f64>>;

/// A model for each goal, which is its only terminal state. Other goals are free cells there.
fn goals(grid: &Gridworld) -> Result<Vec<Model>, softmdp::Error> {
    let mdp = grid.mdp()?.with_temperature(0.8)?.with_action_prior(ActionPrior::Uniform)?;
    goal_states(grid).iter().map(|&goal| mdp.with_terminal_states([goal])).collect()
}

fn goal_states(grid: &Gridworld) -> [usize; 3] {
    [(0, 10), (3, 10), (6, 10)].map(|(row, column)| grid.state_at(row, column).unwrap_or_default())
}

/// The walk, with one step that slips.
fn walk(grid: &Gridworld) -> Result<Trajectory, Box<dyn Error>> {
    let meant = grid.trajectory(&CELLS)?;
    let mut actions = meant.actions().to_vec();
    actions[SLIP - 1] = 0; // up, and not to the right
    Ok(Trajectory::new(meant.states().to_vec(), actions)?)
}

/// The map after t steps, and the probability of each goal.
fn frame(grid: &Gridworld, t: usize, posterior: &Array2<f64>) -> String {
    let mut text = String::new();
    for row in 0..grid.height() {
        for column in 0..grid.width() {
            let is_visited = CELLS[..t].contains(&(row, column));
            let letter = match grid.symbol(row, column) {
                _ if CELLS[t] == (row, column) => '@',
                Some(symbol @ ('#' | 'A' | 'B' | 'C')) => symbol,
                _ if is_visited => 'o',
                _ => '.',
            };
            text.push(letter);
            text.push(' ');
        }
        text.push('\n');
    }
    for (goal, &p) in GOALS.iter().zip(posterior.row(t)) {
        let _ = writeln!(text, "{goal} {p:5.3} {}", "█".repeat((p * 16.0).round() as usize));
    }
    text
}

fn print_table(walk: &Trajectory, posteriors: &[&Array2<f64>; 3]) {
    println!("            {:^24}{:^24}{:^24}", "actions", "trajectories", "actions, goals change");
    println!("step        {0}{0}{0}", GOALS.map(|goal| format!("{goal:>7} ")).concat());
    for t in 0..=walk.actions().len() {
        let action = t.checked_sub(1).map_or("", |last| MOVES[walk.actions()[last]]);
        let note = match t {
            GAP => "  through the gap",
            SLIP => "  slips to the right",
            TURN => "  turns after this step",
            _ => "",
        };
        let numbers = posteriors.iter().flat_map(|posterior| posterior.row(t).to_vec());
        let numbers: Vec<String> = numbers.map(|p| format!("{p:8.4}")).collect();
        let numbers = numbers.concat();
        println!("{t:>4} {action:<6} {numbers}{note}");
    }
    println!();
}

/// How rational is the agent? Goals and temperatures are learnt together, before it turns.
fn temperatures(goals: &[Model], walk: &Trajectory) -> Result<(), softmdp::inverse::Error> {
    let temperatures = [0.25, 0.5, 1.0, 2.0];
    let mut models = Vec::new();
    for goal in goals {
        for temperature in temperatures {
            models.push(goal.with_temperature(temperature)?);
        }
    }
    let prior = Array1::from_elem(models.len(), 1.0 / models.len() as f64);
    let mut observer = Observer::new(models, &Likelihood::actions(Inference::Variational), &prior)?;
    for t in 0..TURN {
        observer.watch(walk.states()[t], walk.actions()[t], walk.states()[t + 1])?;
    }
    let grid = observer.posterior_grid(temperatures.len())?; // [goal, temperature]
    println!("\nGoal and temperature together, after {TURN} steps:");
    for (temperature, p) in temperatures.iter().zip(grid.sum_axis(Axis(0))) {
        println!("  temperature {temperature:<5} {p:.3}");
    }
    let of_goals = grid.sum_axis(Axis(1));
    println!("  goal A            {:.3}", of_goals[0]);
    assert!((grid.sum() - 1.0).abs() < 1e-12 && of_goals[0] > 0.9);
    assert!(grid.sum_axis(Axis(0))[3] < 0.2, "the walk is too straight for a high temperature");
    Ok(())
}

/// The walk, the posterior over goals, and both together as an animation.
#[cfg(feature = "plot")]
fn pictures(
    folder: &Path,
    grid: &Gridworld,
    walk: &Trajectory,
    of_actions: &Array2<f64>,
    of_changing: &Array2<f64>,
) -> Result<(), Box<dyn Error>> {
    use softmdp::plot::{Animation, Curves, StateMap};
    use softmdp::solve_stationary;

    let c = solve_stationary(&goals(grid)?[2], 1e-9)?;
    // Goals of this map have a frame.
    let framed = Gridworld::parse_with(MAP, &GOALS.map(|goal| (goal, Cell::Goal(0.0))))?;
    StateMap::values(&framed, &c.state_values(), Inference::Variational)?
        .with_trajectory(walk)?
        .title("The walk, over the values of goal C")
        .save(folder.join("goal_inference_walk.svg"))?;
    for (name, subtitle, posterior) in
        [("", "one goal", of_actions), ("_changing", "goals may change", of_changing)]
    {
        let mut curves = Curves::new("Posterior over goals", "steps", "probability").subtitle(subtitle);
        for (goal, column) in GOALS.iter().zip(posterior.columns()) {
            curves =
                curves.series(format!("goal {goal}"), column.iter().enumerate().map(|(t, &p)| (t as f64, p)));
        }
        curves.save(folder.join(format!("goal_inference{name}.svg")))?;
    }

    // The posterior as numbers of the goal cells.
    let on_map = |posterior: &Array2<f64>| {
        let mut marginals = Array2::<f64>::zeros((CELLS.len(), grid.num_states()));
        for (t, row) in posterior.outer_iter().enumerate() {
            goal_states(grid).iter().zip(row).for_each(|(&state, &p)| marginals[[t, state]] = p);
        }
        marginals
    };
    let mut agent = Array2::<f64>::zeros((CELLS.len(), grid.num_states()));
    for (t, states) in (1..=CELLS.len()).map(|n| &walk.states()[..n]).enumerate() {
        states.iter().for_each(|&state| agent[[t, state]] = 2e-4); // a faint trail
        agent[[t, states[t]]] = 1.0;
    }
    let animation = Animation::new(&framed, "Where does it want to go?")
        .with_panel("the agent", &agent)?
        .with_panel("one goal", &on_map(of_actions))?
        .with_panel("goals may change", &on_map(of_changing))?;
    animation.frame(TURN + 2)?.save(folder.join("goal_inference_frame.svg"))?;
    let spinner = support::spinner("writing goal_inference.gif");
    animation.save(folder.join("goal_inference.gif"))?;
    spinner.finish_and_clear();
    println!("pictures written to {}", folder.display());
    Ok(())
}
