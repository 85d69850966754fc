//! A team has the results of one process, to the bit, wherever its states are cut.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use softmdp::dynamics::SharedDynamics;
use softmdp::ndarray::{Array1, Array2, Axis, Slice, concatenate};
use softmdp::team::{LocalTeam, Team};
use softmdp::{
    ActionPrior, Convergence, DenseDynamics, DeterministicDynamics, Dynamics, Error, Inference, Mdp, Method,
    SoftValueIteration, SparseDynamics, StationarySolver, Status,
};

/// A model without its dynamics' type: everything that a process needs to make its part.
struct World {
    num_states: usize,
    num_actions: usize,
    rows: Vec<Vec<(usize, f64)>>, // [s · A + a]
    rewards: Array2<f64>,
    prior: Array2<f64>,
    terminal: Vec<usize>,
    terminal_values: Array1<f64>,
    temperature: f64,
    discount: f64,
}

impl World {
    fn random(random: &mut StdRng, num_successors: usize) -> Self {
        let num_states = if random.random_bool(0.3) {
            random.random_range(600..2000)
        } else {
            random.random_range(61..300)
        };
        let num_actions = random.random_range(1..4);
        let is_local = random.random_bool(0.5);
        let scale = [1.0, 30.0, 3000.0, 1e5][random.random_range(0..4)];
        let mut row = |state: usize| {
            let number = random.random_range(1..=num_successors);
            let mut row: Vec<(usize, f64)> = (0..number)
                .map(|_| {
                    let far = random.random_range(0..num_states);
                    let next = if is_local { (state + far % 5) % num_states } else { far };
                    (next, random.random_range(0.01..1.0))
                })
                .collect();
            let sum: f64 = row.iter().map(|entry| entry.1).sum();
            row.iter_mut().for_each(|entry| entry.1 /= sum);
            row
        };
        let rows = (0..num_states * num_actions).map(|pair| row(pair / num_actions)).collect();
        let shape = (num_states, num_actions);
        let has_dead = random.random_bool(0.5);
        let rewards = Array2::from_shape_simple_fn(shape, || {
            if has_dead && random.random_bool(0.05) {
                f64::NEG_INFINITY
            } else {
                -scale * random.random::<f64>()
            }
        });
        let is_uneven = random.random_bool(0.5);
        let prior = Array2::from_shape_fn(shape, |(_, a)| match is_uneven {
            true if a > 0 && random.random_bool(0.2) => 0.0,
            true => random.random_range(0.1..3.0),
            false => 1.0,
        });
        let num_terminal = random.random_range(0..4);
        Self {
            num_states,
            num_actions,
            rows,
            rewards,
            prior,
            terminal: (0..num_terminal).map(|_| random.random_range(0..num_states)).collect(),
            terminal_values: Array1::from_shape_simple_fn(num_states, || {
                if random.random_bool(0.03) {
                    f64::NEG_INFINITY
                } else {
                    scale * random.random_range(-1.0..1.0)
                }
            }),
            temperature: [0.0, 0.1, 1.0, 20.0][random.random_range(0..4)],
            discount: [0.0, 0.5, 0.95, 1.0, 1.0][random.random_range(0..5)],
        }
    }

    fn row(&self, state: usize, action: usize) -> Vec<(usize, f64)> {
        self.rows[state * self.num_actions + action].clone()
    }

    fn dynamics(&self) -> SparseDynamics {
        SparseDynamics::from_fn(self.num_states, self.num_actions, |s, a| self.row(s, a)).unwrap()
    }

    /// The model of some states, whose dynamics are given.
    fn part<D: Dynamics<Scalar = f64>>(
        &self,
        states: Range<usize>,
        dynamics: D,
    ) -> Result<Mdp<f64, D>, Error> {
        let slice = Slice::from(states.clone());
        let own = |table: &Array2<f64>| table.slice_axis(Axis(0), slice).to_owned();
        let terminal =
            self.terminal.iter().filter(|state| states.contains(state)).map(|state| state - states.start);
        Mdp::builder(dynamics, own(&self.rewards))
            .action_prior(ActionPrior::Weights(own(&self.prior)))
            .terminal_states(terminal)
            .terminal_values(self.terminal_values.slice_axis(Axis(0), slice).to_owned())
            .temperature(self.temperature)
            .discount(self.discount)
            .build()
    }
}

/// Ranges that cover the states, cut at random.
fn cuts(random: &mut StdRng, num_states: usize, size: usize) -> Vec<Range<usize>> {
    let mut ends: Vec<usize> = Vec::new();
    while ends.len() < size - 1 {
        let end = random.random_range(1..num_states);
        if !ends.contains(&end) {
            ends.push(end);
        }
    }
    ends.sort_unstable();
    let starts = std::iter::once(0).chain(ends.clone());
    starts.zip(ends.iter().copied().chain([num_states])).map(|(start, end)| start..end).collect()
}

/// Tables of own states, with the states along an axis.
type Tables = Vec<(usize, softmdp::ndarray::ArrayD<f64>)>;

fn tables<D: Dynamics<Scalar = f64>>(mdp: &Mdp<f64, D>, horizon: usize) -> Result<Tables, Error> {
    let mut found: Tables = Vec::new();
    for inference in [Inference::Direct, Inference::Variational] {
        let solver = SoftValueIteration::new(horizon).inference(inference);
        let solution = solver.solve(mdp)?;
        found.push((1, solution.state_values().to_owned().into_dyn()));
        found.push((1, solution.action_values().to_owned().into_dyn()));
        found.push((1, solution.policy().probabilities().to_owned().into_dyn()));
        found.push((1, solution.policy().log_probabilities().to_owned().into_dyn()));
        found.push((1, solver.solve_values(mdp)?.state_values().to_owned().into_dyn()));
        let mut first = None;
        let _ = solver.stream(mdp, |stage| -> ControlFlow<()> {
            first = Some(stage.state_values().to_owned().into_dyn());
            ControlFlow::Continue(())
        })?;
        found.extend(first.map(|values| (0, values)));
    }
    if mdp.discount() < 1.0 {
        let tolerance = 1e-4 * mdp.temperature().max(10.0);
        let solver = StationarySolver::new(tolerance).method(Method::ValueIteration).max_iterations(400);
        let solution = solver.solve(mdp)?;
        found.push((0, solution.state_values().to_owned().into_dyn()));
        found.push((0, solution.action_values().to_owned().into_dyn()));
        found.push((0, solution.probabilities().to_owned().into_dyn()));
        let &Convergence { status, iterations, error_bound, .. } = solution.convergence();
        let known = [Status::Converged, Status::IterationLimit, Status::RoundingFloor];
        let code = known.iter().position(|&known| known == status).unwrap();
        // One entry for each state, so that all members are compared.
        let numbers = [code as f64, iterations as f64, error_bound];
        found.extend(numbers.map(|number| (0, Array1::from_elem(mdp.num_states(), number).into_dyn())));
    }
    Ok(found)
}

/// Compares a team with one process. `share` makes the dynamics of a member.
fn assert_same<D, S>(
    (name, world): (&str, &World),
    ranges: &[Range<usize>],
    alone: &Mdp<f64, D>,
    share: impl Fn(Arc<dyn Team>, Range<usize>) -> Result<S, Error> + Sync,
) where
    D: Dynamics<Scalar = f64>,
    S: Dynamics<Scalar = f64>,
{
    let horizon = 9;
    let expected = tables(alone, horizon);
    let found = LocalTeam::run(ranges.len(), |team| {
        let states = ranges[team.rank()].clone();
        tables(&world.part(states.clone(), share(team, states)?)?, horizon)
    });
    let about = format!(
        "{name}, {ranges:?}, {} states, {} actions, τ = {}, γ = {}",
        world.num_states, world.num_actions, world.temperature, world.discount
    );
    let Ok(expected) = expected else { return assert!(found.iter().all(Result::is_err), "{about}") };
    let found: Vec<Tables> =
        found.into_iter().collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{about}: {error}"));
    for (index, (axis, expected)) in expected.iter().enumerate() {
        let parts: Vec<_> = found.iter().map(|tables| tables[index].1.view()).collect();
        let joined = concatenate(Axis(*axis), &parts).unwrap();
        let differs = joined.iter().zip(expected).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
        let worst = joined
            .iter()
            .zip(expected)
            .filter(|(a, b)| a.to_bits() != b.to_bits())
            .map(|(a, b)| (a - b).abs() / b.abs().max(1.0))
            .fold(0.0, f64::max);
        assert!(
            differs == 0,
            "{about}: table {index} differs in {differs} of {} entries, by {worst:e}",
            expected.len()
        );
    }
}

#[test]
fn sparse_rows_are_those_of_one_process() {
    let mut num_compared = 0;
    for seed in 0..200 {
        let mut random = StdRng::seed_from_u64(seed);
        let world = World::random(&mut random, 5);
        let size = random.random_range(1..=5);
        let ranges = cuts(&mut random, world.num_states, size);
        // A prior without an action is an error.
        let Ok(alone) = world.part(0..world.num_states, world.dynamics()) else { continue };
        num_compared += 1;
        assert_same((&format!("seed {seed}"), &world), &ranges, &alone, |team, states| {
            SparseDynamics::shared_from_fn(team, world.num_states, world.num_actions, states, |s, a| {
                world.row(s, a)
            })
        });
    }
    assert!(num_compared > 150, "{num_compared}");
}

#[test]
fn dense_rows_are_those_of_one_process() {
    for seed in 0..40 {
        let mut random = StdRng::seed_from_u64(1000 + seed);
        let world = World::random(&mut random, 60);
        let size = random.random_range(1..=5);
        let ranges = cuts(&mut random, world.num_states, size);
        let dense = DenseDynamics::from_dynamics(&world.dynamics()).unwrap();
        let Ok(alone) = world.part(0..world.num_states, dense.clone()) else { continue };
        assert_same((&format!("seed {seed}"), &world), &ranges, &alone, |team, states| {
            SharedDynamics::new(team, states, dense.clone())
        });
    }
}

#[test]
fn deterministic_rows_are_those_of_one_process() {
    for seed in 0..60 {
        let mut random = StdRng::seed_from_u64(2000 + seed);
        let world = World::random(&mut random, 1);
        let size = random.random_range(1..=5);
        let ranges = cuts(&mut random, world.num_states, size);
        let dynamics =
            DeterministicDynamics::from_fn(world.num_states, world.num_actions, |s, a| world.row(s, a)[0].0);
        let dynamics = dynamics.unwrap();
        let Ok(alone) = world.part(0..world.num_states, dynamics.clone()) else { continue };
        assert_same((&format!("seed {seed}"), &world), &ranges, &alone, |team, states| {
            SharedDynamics::new(team, states, dynamics.clone())
        });
    }
}
