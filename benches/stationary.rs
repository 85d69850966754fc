//! How many passes over the dynamics, and how long, does each method need to an error of at most
//! 1e-6?
//!
//! Groups are `stationary/{model}`, at temperature 1: Garnet models of 5000 states, 10 actions and
//! 10 successors; slippery grids of 50 × 50 cells with a corner that ends the walk, and with one
//! that loops; an admission queue; Rust's bus. They are the models of `tests/suite/worlds`, which
//! say where they come from, and are on either side of what each method is good for.
//!
//! Before anything is timed, all answers are compared with `plain`: value iteration with the bound
//! (S2) as one would write it first. A table says how many passes each method takes, what it
//! promises, and how far from the truth it is. A pass reads every stored transition once; products
//! with the rows of a policy count what they read.
//!
//! The group `stationary/threads` takes Newton's method to a slippery grid of 200 × 200 cells, on
//! one thread and on two.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rayon::ThreadPoolBuilder;
use softmdp::{Method, StationarySolver};

#[path = "../tests/suite/worlds/mod.rs"]
mod worlds;

use worlds::grids::{Corner, slippery};
use worlds::reference::by_span;
use worlds::{METHODS, World, bus, chains, garnet};

const TOLERANCE: f64 = 1e-6;
/// Of the plain loop that answers are compared with.
const FINER: f64 = 1e-7;

fn models() -> Vec<World> {
    let mut models = vec![];
    for discount in [0.99, 0.999] {
        models.push(garnet::garnet(1995, 5000, 10, 10, discount));
        models.push(slippery(50, Corner::Terminal, discount));
        models.push(slippery(50, Corner::Looping, discount));
    }
    models.push(chains::queue(100, 0.999));
    models.push(bus::group4());
    models.into_iter().map(|world| world.discounted(world.mdp.discount()).soft(1.0)).collect()
}

/// Solves everything once, checks the answers, and says what they took.
fn table(models: &[World]) {
    println!("\n{:<50}{:<25}{:>8}{:>10}{:>10}{:>12}", "model", "method", "passes", "bound", "error", "time");
    for world in models {
        let line = |method: &str, passes: usize, bound: f64, error: f64, time: Duration| {
            println!("{:<50}{method:<25}{passes:>8}{bound:>10.1e}{error:>10.1e}{time:>12.2?}", world.name);
        };
        let (expected, _) = by_span(&world.mdp, FINER);
        let started = Instant::now();
        let (plain, sweeps) = by_span(&world.mdp, TOLERANCE);
        line("plain", sweeps, plain.bound, expected.distance(&plain.values), started.elapsed());
        for method in METHODS {
            let name = format!("{method:?}");
            let started = Instant::now();
            let solution =
                StationarySolver::new(TOLERANCE).method(method).solve(&world.mdp).expect("finite values");
            let (time, convergence) = (started.elapsed(), solution.convergence());
            let error = expected.distance(solution.state_values());
            line(&name, convergence.iterations, convergence.error_bound, error, time);
            assert!(convergence.error_bound <= TOLERANCE, "{}, {name}: {convergence:?}", world.name);
            assert!(error <= convergence.error_bound + expected.bound, "{}, {name}: {error:e}", world.name);
        }
    }
    println!();
}

fn methods(criterion: &mut Criterion) {
    let models = models();
    table(&models);
    for world in &models {
        let mut group = criterion.benchmark_group(format!("stationary/{}", world.name));
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(2));
        for method in METHODS {
            let solver = StationarySolver::new(TOLERANCE).method(method);
            group.bench_function(BenchmarkId::from_parameter(format!("{method:?}")), |b| {
                b.iter(|| solver.solve(&world.mdp).expect("finite values"));
            });
        }
        group.finish();
    }
}

/// Newton's method on a model of several sections: how much do two threads gain?
fn threads(criterion: &mut Criterion) {
    let world = slippery(200, Corner::Terminal, 0.9999);
    let world = world.discounted(world.mdp.discount()).soft(1.0);
    let solver = StationarySolver::new(TOLERANCE).method(Method::Newton);
    let mut group = criterion.benchmark_group(format!("stationary/threads/{}", world.name));
    group.sample_size(10).measurement_time(Duration::from_secs(15));
    for threads in [1, 2] {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        group.bench_function(BenchmarkId::from_parameter(threads), |b| {
            b.iter(|| pool.install(|| solver.solve(&world.mdp).expect("finite values")));
        });
    }
    group.finish();
}

criterion_group!(benches, methods, threads);
criterion_main!(benches);
