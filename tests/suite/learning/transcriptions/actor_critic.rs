//! Soft actor-critic (A1), in plain loops, and with steps from a memory.

use approx::assert_abs_diff_eq;
use ndarray::Array3;
use rand::{SeedableRng, rngs::StdRng};
use softmdp::learning::{
    Actor, Horizon, Learner, ReplayBuffer, SoftActorCritic, SoftQLearning, Step, StepSize, Task,
};
use softmdp::ndarray;

use super::{SEEDS, Told, softmax};

/// (A1) with an exact actor (no step size) or a gradient one, one or two critics, and a temperature
/// that moves.
fn actor_critic(
    told: &Told,
    steps: &[Step],
    (num_critics, size): (usize, f64),
    (actor, target, rate): (Option<f64>, f64, f64),
) -> (Vec<Array3<f64>>, Array3<f64>, f64) {
    let mut critics = vec![told.zeros(); num_critics];
    let mut visits = vec![Array3::<u32>::zeros(told.shape()); num_critics];
    let (mut theta, mut temperature) = (told.zeros(), told.temperature);
    let least =
        |critics: &[Array3<f64>], at: [usize; 3]| critics.iter().map(|q| q[at]).fold(f64::INFINITY, f64::min);
    // The preferences of an exact actor are τ log ρ + Q, over τ.
    let exact = |critics: &[Array3<f64>], (t, s): (usize, usize), temperature: f64| {
        let mut theta = told.zeros();
        for a in (0..told.shape().2).filter(|&a| told.prior[[t, s, a]] > 0.0) {
            theta[[t, s, a]] = told.prior[[t, s, a]].ln() + least(critics, [t, s, a]) / temperature;
        }
        theta
    };
    for step in steps {
        let (t, next) = told.place(step);
        let value = match next {
            Some(next) => {
                let s = step.next_state;
                if actor.is_none() {
                    theta = exact(&critics, (next, s), temperature);
                }
                let pi = softmax(told, (next, s), &theta);
                let term = |a: usize| {
                    let cost = temperature * (pi[a] / told.prior[[next, s, a]]).ln();
                    pi[a] * (least(&critics, [next, s, a]) - cost)
                };
                (0..pi.len()).filter(|&a| pi[a] > 0.0).map(term).sum()
            }
            None => told.terminal_values[step.next_state],
        };
        let at = [t, step.state, step.action];
        let turn = (0..num_critics).min_by_key(|&k| visits[k][at]).unwrap();
        critics[turn][at] += size * (step.reward + told.discount * value - critics[turn][at]);
        visits[turn][at] += 1;

        let s = step.state;
        if actor.is_none() {
            theta = exact(&critics, (t, s), temperature);
        }
        let pi = softmax(told, (t, s), &theta);
        let soft = |a: usize| least(&critics, [t, s, a]) - temperature * (pi[a] / told.prior[[t, s, a]]).ln();
        let possible: Vec<usize> = (0..pi.len()).filter(|&a| pi[a] > 0.0).collect();
        let mean: f64 = possible.iter().map(|&a| pi[a] * soft(a)).sum();
        for &a in &possible {
            theta[[t, s, a]] += actor.unwrap_or(0.0) * pi[a] * (soft(a) - mean);
        }
        let pi = softmax(told, (t, s), &theta);
        let entropy: f64 = possible.iter().map(|&a| -pi[a] * (pi[a] / told.prior[[t, s, a]]).ln()).sum();
        temperature = (temperature.ln() - rate * (entropy - target)).exp();
    }
    if actor.is_none() {
        theta = told.zeros();
        for (t, s) in ndarray::indices((told.shape().0, told.shape().1)) {
            theta += &exact(&critics, (t, s), temperature);
        }
    }
    (critics, theta, temperature)
}

#[test]
fn actor_critic_is_its_rule() {
    for seed in SEEDS {
        let mut rng = StdRng::seed_from_u64(seed);
        for (num_critics, actor) in [(1, Some(0.4)), (2, Some(0.4)), (1, None), (2, None)] {
            let (told, task) = Told::of_first_exit();
            check_actor_critic(&told, task, (num_critics, actor), &mut rng);
            let (told, task) = Told::of_stages();
            check_actor_critic(&told, task, (num_critics, actor), &mut rng);
        }
    }
}

fn check_actor_critic<H: Horizon>(
    told: &Told,
    task: Task<f64, H>,
    (num_critics, actor): (usize, Option<f64>),
    rng: &mut StdRng,
) {
    let steps = told.steps(400, rng);
    let mut learner = SoftActorCritic::new(task)
        .unwrap()
        .with_step_size(StepSize::Constant(0.3))
        .unwrap()
        .with_actor(actor.map_or(Actor::Exact, Actor::Gradient))
        .unwrap()
        .with_target_entropy(0.3, 0.01)
        .unwrap()
        .with_exploration(0.0)
        .unwrap();
    if num_critics == 2 {
        learner = learner.with_two_critics().unwrap();
    }
    steps.iter().for_each(|step| learner.update(step).unwrap());
    let (critics, theta, temperature) = actor_critic(told, &steps, (num_critics, 0.3), (actor, 0.3, 0.01));
    for (found, expected) in learner.critics().zip(&critics) {
        told.assert_close(found.iter(), expected);
    }
    assert_abs_diff_eq!(learner.temperature(), temperature, epsilon = 1e-12);
    // The policy belongs to the preferences.
    let mut expected = told.zeros();
    for ((t, s, a), p) in expected.indexed_iter_mut() {
        *p = softmax(told, (t, s), &theta)[a];
    }
    let values = learner.action_values().unwrap();
    let least = critics.iter().skip(1).fold(critics[0].clone(), |mut least, q| {
        least.zip_mut_with(q, |least, &q| *least = least.min(q));
        least
    });
    told.assert_close(values.iter(), &least);
    check_policy(told, &learner, &expected);
}

/// The policy of a learner, by what it does in 20 000 draws from each state: within five standard
/// errors.
fn check_policy<H: Horizon>(told: &Told, learner: &SoftActorCritic<f64, H>, expected: &Array3<f64>) {
    let mut rng = StdRng::seed_from_u64(77);
    let (stages, states, actions) = told.shape();
    for (t, s) in ndarray::indices((stages, states)) {
        if told.is_terminal[s] {
            assert!(learner.act_at(t, s, &mut rng).is_err());
            continue;
        }
        let mut counts = vec![0_u32; actions];
        (0..20_000).for_each(|_| counts[learner.act_at(t, s, &mut rng).unwrap()] += 1);
        for (a, &count) in counts.iter().enumerate() {
            let p = expected[[t, s, a]];
            let error = (20_000.0 * p * (1.0 - p)).sqrt();
            assert_abs_diff_eq!(f64::from(count), 20_000.0 * p, epsilon = 5.0 * error + 1e-9);
        }
    }
}

/// With one critic, the exact actor and a fixed temperature, (A1) is (Q1).
#[test]
fn an_exact_actor_makes_the_critic_soft_q_learning() {
    let (told, task) = Told::of_first_exit();
    let steps = told.steps(500, &mut StdRng::seed_from_u64(9));
    let mut critic = SoftActorCritic::new(task.clone()).unwrap();
    let mut learner = SoftQLearning::new(task).unwrap();
    for step in &steps {
        critic.update(step).unwrap();
        learner.update(step).unwrap();
    }
    told.assert_close(
        &critic.action_values().unwrap(),
        &learner.action_values().to_owned().insert_axis(ndarray::Axis(0)),
    );
    let (found, expected) = (critic.policy().unwrap(), learner.policy().unwrap());
    assert_abs_diff_eq!(found.probabilities(), expected.probabilities(), epsilon = 1e-12);
}

/// With a memory, a step is kept first, and then as many are learned from as the batch says, each
/// drawn from what is kept.
#[test]
fn what_is_learned_is_drawn_from_the_memory() {
    fn check<H: Horizon>(told: &Told, task: Task<f64, H>, seed: u64) {
        let steps = told.steps(200, &mut StdRng::seed_from_u64(seed));
        let (mut rng, mut same_rng) = (StdRng::seed_from_u64(seed + 100), StdRng::seed_from_u64(seed + 100));
        let plain = SoftActorCritic::new(task).unwrap();
        let mut learner = plain.clone().with_replay(40, 3).unwrap();
        let (mut reference, mut buffer) = (plain, ReplayBuffer::new(40).unwrap());
        for step in &steps {
            learner.learn(step, &mut rng).unwrap();
            buffer.push(*step);
            for _ in 0..3 {
                reference.update(buffer.sample(&mut same_rng).unwrap()).unwrap();
            }
        }
        assert_eq!(learner.action_values(), reference.action_values());
        assert_eq!(learner.visits(), reference.visits());
        assert_eq!(learner.replay(), Some(&buffer));
    }
    for seed in SEEDS {
        let (told, task) = Told::of_first_exit();
        check(&told, task, seed);
        let (told, task) = Told::of_stages();
        check(&told, task, seed);
    }
}

/// A memory goes on teaching what the newest steps do not show: half of it is of another pair than
/// all that come.
#[test]
fn a_memory_teaches_what_is_no_longer_done() {
    let (_, task) = Told::of_first_exit();
    for seed in SEEDS {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut learner = SoftActorCritic::new(task.clone()).unwrap().with_replay(800, 4).unwrap();
        (0..400).for_each(|_| learner.learn(&Step::new(2, 0, 1.0, 1), &mut rng).unwrap());
        let before = learner.visits().unwrap();
        assert_eq!(before[[2, 0]], 4 * 400);
        (0..400).for_each(|_| learner.learn(&Step::new(0, 1, -1.0, 2), &mut rng).unwrap());
        let visits = learner.visits().unwrap();
        // When k of the new steps are in the memory, k/(400+k) of what is drawn is new: by the binomial law, to five errors.
        let share = |k: u32| f64::from(k) / f64::from(400 + k);
        let mean: f64 = (1..=400).map(|k| 4.0 * share(k)).sum();
        let variance: f64 = (1..=400).map(|k| 4.0 * share(k) * (1.0 - share(k))).sum();
        assert_abs_diff_eq!(f64::from(visits[[0, 1]]), mean, epsilon = 5.0 * variance.sqrt());
        assert_eq!(visits[[2, 0]] + visits[[0, 1]], 4 * 800);
    }
}
