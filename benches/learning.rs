//! How many steps a second does each learner learn from?
//!
//! The group is `update/S10000_A8`: fifty thousand steps of a fixed sequence over 10⁴ states and 8
//! actions, counting prior, τ = 1, γ = 0.99; throughput is in steps. `plain` is soft Q-learning as
//! one would write it first, and its table is compared with the learner's before anything is timed.
//! `limit` reads and writes what an update has to, two rows and one entry, without an exponential
//! or a check: what the memory allows. `policy_gradient` takes episodes of ten steps. `learn` of
//! the actor-critic draws four steps from a memory for each that is taken.

use approx::assert_abs_diff_eq;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use softmdp::learning::{
    Actor, Behaviour, Learner, SoftActorCritic, SoftPolicyGradient, SoftQLearning, Step, StepSize, Task,
    ZLearning,
};

const NUM_STATES: usize = 10_000;
const NUM_ACTIONS: usize = 8;
const NUM_STEPS: usize = 50_000;
const EPISODE: usize = 10;

fn task() -> Task {
    Task::new(NUM_STATES, NUM_ACTIONS).and_then(|task| task.with_discount(0.99)).expect("a valid task")
}

/// Walks from state to state, cut off after every few steps.
fn steps() -> Vec<Step> {
    let mut rng = StdRng::seed_from_u64(1);
    let mut state = 0;
    (0..NUM_STEPS)
        .map(|at| {
            let (action, next_state) = (rng.random_range(0..NUM_ACTIONS), rng.random_range(0..NUM_STATES));
            let step = Step {
                stage: at % EPISODE,
                truncated: (at + 1) % EPISODE == 0,
                ..Step::new(state, action, rng.random_range(-1.0..0.0), next_state)
            };
            state = next_state;
            step
        })
        .collect()
}

/// (Q1) with a constant step size, as one would write it first.
fn plain(values: &mut [Vec<f64>], steps: &[Step], size: f64) {
    for step in steps {
        let next = &values[step.next_state];
        let max = next.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let value = max + next.iter().map(|q| (q - max).exp()).sum::<f64>().ln();
        let entry = &mut values[step.state][step.action];
        *entry += size * (step.reward + 0.99 * value - *entry);
    }
}

/// The memory traffic of (Q1): the row of the next state, and one entry, in one table.
fn limit(values: &mut [f64], steps: &[Step], size: f64) {
    for step in steps {
        let next = &values[step.next_state * NUM_ACTIONS..][..NUM_ACTIONS];
        let value: f64 = next.iter().sum();
        let entry = &mut values[step.state * NUM_ACTIONS + step.action];
        *entry += size * (step.reward + 0.1 * value - *entry);
    }
}

fn update(criterion: &mut Criterion) {
    let steps = steps();
    let mut group = criterion.benchmark_group(format!("update/S{NUM_STATES}_A{NUM_ACTIONS}"));
    group.throughput(Throughput::Elements(NUM_STEPS as u64));
    let mut table = vec![vec![0.0; NUM_ACTIONS]; NUM_STATES];
    let mut soft = SoftQLearning::new(task())
        .and_then(|learner| learner.with_step_size(StepSize::Constant(0.1)))
        .expect("a valid learner");
    plain(&mut table, &steps, 0.1);
    run(&mut soft, &steps);
    for (found, expected) in soft.action_values().iter().zip(table.iter().flatten()) {
        assert_abs_diff_eq!(found, expected, epsilon = 1e-12);
    }
    let mut flat = vec![0.0; NUM_STATES * NUM_ACTIONS];
    group.bench_function("limit", |b| b.iter(|| limit(&mut flat, &steps, 0.1)));
    group.bench_function("plain", |b| b.iter(|| plain(&mut table, &steps, 0.1)));
    group.bench_function("soft_q_learning", |b| b.iter(|| run(&mut soft, &steps)));

    let z = ZLearning::new(task()).and_then(|learner| learner.with_behaviour(Behaviour::Uniform));
    let mut z = z.expect("a valid learner");
    group.bench_function("z_learning", |b| b.iter(|| run(&mut z, &steps)));

    let mut gradient = SoftPolicyGradient::new(task()).expect("a valid learner");
    group.bench_function("policy_gradient", |b| b.iter(|| run(&mut gradient, &steps)));

    let critic = || SoftActorCritic::new(task()).expect("a valid learner");
    let mut exact = critic();
    group.bench_function("actor_critic", |b| b.iter(|| run(&mut exact, &steps)));
    let mut full = critic()
        .with_two_critics()
        .and_then(|learner| learner.with_actor(Actor::Gradient(0.01)))
        .and_then(|learner| learner.with_target_entropy(1.0, 1e-4))
        .expect("a valid learner");
    group.bench_function("actor_critic_two_gradient_temperature", |b| b.iter(|| run(&mut full, &steps)));
    let mut replaying = critic().with_replay(100_000, 4).expect("a valid learner");
    let mut rng = StdRng::seed_from_u64(2);
    group.bench_function("actor_critic_learn_batch_4", |b| {
        b.iter(|| steps.iter().for_each(|step| replaying.learn(step, &mut rng).expect("a good step")));
    });
    group.finish();
}

fn run(learner: &mut impl Learner<Scalar = f64>, steps: &[Step]) {
    steps.iter().for_each(|step| learner.update(step).expect("a good step"));
}

criterion_group!(benches, update);
criterion_main!(benches);
