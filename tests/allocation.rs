//! A stage allocates nothing: memory is taken once a pass, whatever the horizon.

#[path = "suite/common/mod.rs"]
mod common;

use std::ops::ControlFlow;

use allocation_counter::measure;
use common::{SMALL, cases, tables};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use softmdp::inverse::{Demonstrations, Likelihood};
use softmdp::ndarray::Array2;
use softmdp::{
    Dynamics, Inference, Mdp, PosteriorStage, SoftValueIteration, SparseDynamics, Trajectory, Workspace,
    forward_messages, posterior, posterior_into, stream_posterior_with,
};

/// A ring with slips, with `num_states` states.
fn ring(num_states: usize) -> Mdp<f64, SparseDynamics<f64>> {
    let dynamics = SparseDynamics::from_fn(num_states, 3, |state, action| {
        [((state + action) % num_states, 0.8), ((state + 1) % num_states, 0.15), (0, 0.05)]
    });
    let rewards = Array2::from_shape_fn((num_states, 3), |(s, a)| -((s * 7 + a * 3) as f64 % 5.0));
    Mdp::builder(dynamics.expect("valid rows"), rewards).discount(0.95).build().expect("a valid model")
}

#[test]
fn solving_again_into_the_same_solution_allocates_nothing() {
    let mdp = ring(20);
    for inference in [Inference::Direct, Inference::Variational] {
        let solver = SoftValueIteration::new(50).inference(inference);
        let mut solution = solver.solve(&mdp).unwrap();
        let fresh = solver.solve(&mdp.with_temperature(0.5).unwrap()).unwrap();
        let warm = mdp.with_temperature(0.5).unwrap();
        let used = measure(|| solver.solve_into(&warm, &mut solution).unwrap());
        assert_eq!(used.count_total, 0, "{inference}: {used:?}");
        assert_eq!(solution, fresh, "{inference}");
    }
}

/// What a call allocates that has been made before.
fn second_use(mut call: impl FnMut()) -> allocation_counter::AllocationInfo {
    call();
    measure(call)
}

#[test]
fn what_is_computed_again_in_the_same_memory_allocates_nothing() {
    let (mdp, initial) = (ring(20), ndarray_ones(20));
    let warm = mdp.with_temperature(0.5).unwrap();
    for inference in [Inference::Direct, Inference::Variational] {
        let solver = SoftValueIteration::new(50).inference(inference);
        let mut values = solver.solve_values(&mdp).unwrap();
        let used = second_use(|| solver.solve_values_into(&warm, &mut values).unwrap());
        assert_eq!(used.count_total, 0, "{inference}: {used:?}");
        assert_eq!(values, solver.solve_values(&warm).unwrap(), "{inference}");

        let mut workspace = Workspace::new();
        let mut sum = 0.0;
        let used = second_use(|| {
            let end = solver.stream_with(&warm, &mut workspace, |stage| {
                sum += stage.probabilities()[[3, 1]];
                if stage.stage() == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert_eq!(end, Ok(ControlFlow::Break(())));
        });
        assert_eq!(used.count_total, 0, "{inference}: {used:?}");
    }
    let mut workspace = Workspace::new();
    let mut sum = 0.0;
    let used = second_use(|| {
        let visit = |stage: PosteriorStage<'_, Mdp<f64, SparseDynamics>>| {
            sum += stage.state_marginals()[3];
            ControlFlow::<()>::Continue(())
        };
        assert!(stream_posterior_with(&warm, &initial, 50, &mut workspace, visit).unwrap().is_continue());
    });
    assert_eq!(used.count_total, 0, "streamed posterior: {used:?}");

    let mut belief = posterior(&mdp, &initial, 50).unwrap();
    let used = second_use(|| posterior_into(&warm, &initial, &mut belief).unwrap());
    assert_eq!(used.count_total, 0, "posterior: {used:?}");
    assert_eq!(belief, posterior(&warm, &initial, 50).unwrap());
}

#[test]
fn one_workspace_serves_small_and_large_models_in_turn_without_allocating() {
    let (small, large) = (ring(20), ring(90));
    let (few, many) = (ndarray_ones(20), ndarray_ones(90));
    let mut workspace = Workspace::new();
    let mut call = || {
        for (mdp, initial) in [(&small, &few), (&large, &many)] {
            for horizon in [3, 50] {
                let end = SoftValueIteration::new(horizon)
                    .stream_with(mdp, &mut workspace, |_| ControlFlow::<()>::Continue(()));
                assert!(end.unwrap().is_continue());
                let end = stream_posterior_with(mdp, initial, horizon, &mut workspace, |_| {
                    ControlFlow::<()>::Continue(())
                });
                assert!(end.unwrap().is_continue());
            }
        }
    };
    call();
    let used = second_use(call);
    assert_eq!(used.count_total, 0, "{used:?}");
}

#[test]
fn a_linear_recursion_allocates_only_its_matrix_again() {
    let mdp = ring(20_000); // large enough for the recursion
    let (solver, initial) = (SoftValueIteration::new(30), ndarray_ones(20_000));
    let transitions = {
        let mixed = mdp.dynamics().mix_actions(&vec![0.5; 60_000]).expect("sparse rows can be mixed");
        mixed.work(0..20_000) as u64
    };
    // M in compressed rows, a flag for each state, and the heads of the rows that are merged.
    let matrix = 12 * transitions + 8 * 20_001 + 20_000;
    let most = matrix + 64 * 1024;
    let mut values = solver.solve_values(&mdp).unwrap();
    let used = second_use(|| solver.solve_values_into(&mdp, &mut values).unwrap());
    assert!(used.bytes_max <= most, "values: {used:?}, {most}");
    assert!(used.bytes_max >= 12 * transitions, "no recursion: the test means nothing");
    let mut workspace = Workspace::new();
    let used = second_use(|| {
        let end =
            stream_posterior_with(&mdp, &initial, 30, &mut workspace, |_| ControlFlow::<()>::Continue(()));
        assert!(end.unwrap().is_continue());
    });
    // The forward pass makes M too, keeps it by successor, and c.
    assert!(used.bytes_max <= most + 2 * matrix + 8 * 8 * 20_000, "streamed posterior: {used:?}, {most}");
}

#[test]
fn gradients_of_demonstrations_take_two_tables_of_all_stages() {
    let (num_states, horizon) = (20_000, 200);
    let mdp = ring(num_states);
    let seen = Trajectory::new((1..=horizon + 1).collect(), vec![1; horizon]).unwrap();
    let seen = Demonstrations::new([seen]);
    let (table, row) = (8 * (num_states * (horizon + 1)) as u64, 8 * num_states as u64);
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for likelihood in [Likelihood::trajectories(), Likelihood::actions(Inference::Variational)] {
        let likelihood = likelihood.horizon(horizon);
        // Memory is counted for the present thread, which is then the whole pool.
        let evaluate = || assert!(likelihood.evaluate(&mdp, &seen).unwrap().value() < 0.0);
        let used = alone.install(|| measure(evaluate));
        // Values and visits of all stages. Some tables of one stage, and M of (D11).
        assert!(used.bytes_max <= 2 * table + 60 * row, "{used:?}, {table}");
        assert!(used.bytes_max >= 2 * table, "values and visits are kept: {used:?}, {table}");
        // The gradient in four parameters, from the stages as they come.
        let feature = |state: usize, action: usize, k: usize| ((state * 7 + action * 3 + k) % 11) as f64;
        let stream = || {
            let mut gradient = [0.0; 4];
            let end = likelihood.stream_reward_gradient(&mdp, &seen, |_, stage| {
                for ((state, action), entry) in stage.indexed_iter() {
                    for (k, sum) in gradient.iter_mut().enumerate() {
                        *sum += feature(state, action, k) * entry;
                    }
                }
                ControlFlow::<()>::Continue(())
            });
            assert!(end.unwrap().is_continue() && gradient.iter().all(|sum| *sum != 0.0));
        };
        let used = alone.install(|| measure(stream));
        assert!(used.bytes_max <= 2 * table + 60 * row, "{used:?}, {table}");
    }
}

#[test]
fn rewards_are_exchanged_without_a_copy() {
    let mut mdp = ring(1000);
    let mut rewards = mdp.rewards().mapv(|r| r - 1.0);
    let places = [mdp.rewards().as_ptr(), rewards.as_ptr()];
    let used = measure(|| mdp.swap_rewards(&mut rewards).unwrap());
    assert_eq!([rewards.as_ptr(), mdp.rewards().as_ptr()], places);
    assert!(used.bytes_total < 200, "{used:?}");
}

#[test]
fn passes_allocate_as_often_for_a_thousand_stages_as_for_ten() {
    let mdp = ring(20);
    let initial = ndarray_ones(20);
    let policy = |horizon| SoftValueIteration::new(horizon).solve(&mdp).unwrap().policy().clone();
    let (short, long) = (policy(10), policy(1000));
    type Pass<'a> = Box<dyn Fn(bool) + 'a>;
    let horizon = |long: bool| if long { 1000 } else { 10 };
    let pick = |is_long: bool| if is_long { &long } else { &short };
    let solver = |long, inference| SoftValueIteration::new(horizon(long)).inference(inference);
    let passes: Vec<(&str, Pass<'_>)> = vec![
        ("direct", Box::new(|long| drop(solver(long, Inference::Direct).solve(&mdp).unwrap()))),
        ("variational", Box::new(|long| drop(solver(long, Inference::Variational).solve(&mdp).unwrap()))),
        ("values", Box::new(|long| drop(solver(long, Inference::Direct).solve_values(&mdp).unwrap()))),
        ("forward", Box::new(|long| drop(forward_messages(&mdp, &initial, horizon(long)).unwrap()))),
        ("occupancy", Box::new(|long| drop(pick(long).state_occupancy(&mdp, &initial).unwrap()))),
        ("evaluation", Box::new(|long| drop(pick(long).evaluate(&mdp).unwrap()))),
    ];
    for (name, pass) in passes {
        let (short, long) = (measure(|| pass(false)), measure(|| pass(true)));
        assert_eq!(short.count_total, long.count_total, "{name}");
    }
}

#[cfg(feature = "rayon")]
#[test]
fn a_stage_that_is_split_among_threads_allocates_nothing_either() {
    let mdp = ring(20_000); // large enough to be split
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let count = |horizon| {
        let solver = SoftValueIteration::new(horizon);
        pool.install(|| measure(|| drop(solver.solve_values(&mdp).unwrap()))).count_total
    };
    assert_eq!(count(10), count(40));
}

#[test]
fn errors_leave_a_solution_that_can_be_solved_into_again() {
    let mdp = ring(5);
    let solver = SoftValueIteration::new(3);
    let mut solution = solver.solve(&mdp).unwrap();
    let huge = mdp.with_rewards(Array2::from_elem((5, 3), 1.5e308)).unwrap();
    solver.solve_into(&huge, &mut solution).unwrap_err();
    solver.solve_into(&mdp, &mut solution).unwrap();
    assert_eq!(solution, solver.solve(&mdp).unwrap());
}

#[test]
fn a_reused_solution_equals_a_fresh_one_for_lopsided_models() {
    let mut runner = TestRunner::new(cases(1));
    for _ in 0..50 {
        let tables = tables(SMALL).new_tree(&mut runner).unwrap().current();
        let mdp = tables.mdp();
        let direct = SoftValueIteration::new(tables.horizon());
        let variational = direct.clone().inference(Inference::Variational);
        let mut solution = variational.solve(&mdp).unwrap();
        direct.solve_into(&mdp, &mut solution).unwrap();
        assert_eq!(solution, direct.solve(&mdp).unwrap());
    }
}

fn ndarray_ones(num_states: usize) -> softmdp::ndarray::Array1<f64> {
    softmdp::ndarray::Array1::from_elem(num_states, 1.0 / num_states as f64)
}

/// The memory that a table keeps, and the most that was held while it was made.
fn kept_and_most<T>(make: impl FnOnce() -> T) -> (u64, u64) {
    let mut table = None;
    let info = measure(|| table = Some(make()));
    (u64::try_from(info.bytes_current).expect("a table takes memory"), info.bytes_max)
}

#[test]
fn a_transition_takes_twelve_bytes_and_a_row_eight() {
    let (num_states, num_actions) = (500, 4);
    // In an order that is none, a fifth of them twice, some impossible.
    let triplet = |i: usize| {
        let i = i * 7919 % 20_011 % 16_000;
        let p = if i.is_multiple_of(10) { 0.0 } else { 1.0 / (1.0 + i as f64) };
        (i % 500, i / 500 % 4, i * i % 500, p)
    };
    let len = 20_000;
    let (kept, _) = kept_and_most(|| {
        let triplets = (0..len).map(triplet);
        SparseDynamics::from_triplets(num_states, num_actions, triplets).unwrap()
    });
    let dynamics = SparseDynamics::from_triplets(num_states, num_actions, (0..len).map(triplet)).unwrap();
    let (transitions, rows) = (dynamics.num_transitions() as u64, 2000);
    assert!(transitions < 15_000, "{transitions}: duplicates and zeros were meant to go");
    assert_eq!(kept, 12 * transitions + 8 * (rows + 1));
    // Without duplicates the result is as long as what comes in.
    let unique = |i: usize| (i % 500, i / 500 % 4, (i / 2000 + i) % 500, 1e-3);
    let (kept, most) = kept_and_most(|| {
        SparseDynamics::from_triplets(num_states, num_actions, (0..len).map(unique)).unwrap()
    });
    assert_eq!(kept, 12 * len as u64 + 8 * (rows + 1));
    assert!(most <= 2 * kept, "{most} for {kept}");
    // The other ways to make it end with the same table.
    let (kept, _) = kept_and_most(|| SparseDynamics::from_dynamics(&dynamics).unwrap());
    assert_eq!(kept, 12 * transitions + 8 * (rows + 1));
}

#[test]
fn stages_that_differ_in_rewards_share_what_is_folded() {
    let mdp = ring(1000).with_successor_rewards(|_, _, next_state| -((next_state % 7) as f64)).unwrap();
    let rewards = mdp.mdp().rewards().to_owned();
    let (kept, _) = kept_and_most(|| mdp.with_rewards(rewards.clone()).unwrap());
    // The rewards on the pair, and with what is folded for either inference.
    assert!(kept < 3 * 8 * 3000 + 1024, "{kept}");
}

/// Acts and learns for a thousand steps, and then for a thousand more that are watched.
#[cfg(feature = "rand")]
#[track_caller]
fn learns_without_allocating<H: softmdp::learning::Horizon>(
    mut learner: impl softmdp::learning::Learner<Scalar = f64, Horizon = H>,
) {
    use rand::{SeedableRng, rngs::StdRng};
    use softmdp::learning::{Environment, Simulator};
    let mdp = ring(20);
    let initial = ndarray_ones(20);
    let mut world = Simulator::new(&mdp, &initial).unwrap().with_time_limit(4).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    let mut run = || {
        for _ in 0..250 {
            let mut state = world.reset(&mut rng).unwrap();
            for stage in 0..4 {
                let action = learner.act_at(stage, state, &mut rng).unwrap();
                let step = world.step(action, &mut rng).unwrap();
                learner.learn(&step, &mut rng).unwrap();
                state = step.next_state;
            }
        }
    };
    run();
    let used = measure(run);
    assert_eq!(used.count_total, 0, "{used:?}");
}

#[cfg(feature = "rand")]
#[test]
fn learning_from_a_step_allocates_nothing() {
    use softmdp::learning::{Actor, SoftActorCritic, SoftPolicyGradient, SoftQLearning, Task, ZLearning};
    let task = || Task::of(&ring(20)).unwrap();
    learns_without_allocating(SoftQLearning::new(task()).unwrap());
    learns_without_allocating(ZLearning::new(task().within(4)).unwrap());
    // From its second episode on: memory is taken for the longest one.
    learns_without_allocating(SoftPolicyGradient::new(task()).unwrap());
    let critic = SoftActorCritic::new(task()).unwrap().with_two_critics().unwrap();
    let critic = critic.with_actor(Actor::Gradient(0.1)).unwrap().with_replay(2000, 3).unwrap();
    learns_without_allocating(critic.with_target_entropy(0.1, 0.01).unwrap());
}
