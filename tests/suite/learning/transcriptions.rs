//! Each learner beside a plain transcription of its rule: the same numbers after any sequence of steps.

use ndarray::{Array1, Array2, Array3};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use softmdp::learning::{
    Actor, Behaviour, FiniteHorizon, Learner, SoftActorCritic, SoftPolicyGradient, SoftQLearning, Stationary,
    Step, StepSize, Task, ZLearning,
};
use softmdp::ndarray;

use super::worlds::{DEAD, arbitrary_steps, first_exit, stages};

const SEEDS: [u64; 3] = [1, 2, 3];

/// What rules are told, as plain numbers.
struct Told {
    discount: f64,
    temperature: f64,
    prior: Array3<f64>, // [t, s, a], one stage for all time
    is_terminal: Vec<bool>,
    terminal_values: Vec<f64>,
    is_finite: bool,
}

impl Told {
    fn of_first_exit() -> (Self, Task) {
        let (mdp, _) = first_exit();
        let told = Self {
            discount: mdp.discount(),
            temperature: mdp.temperature(),
            prior: mdp.prior_weights().to_owned().insert_axis(ndarray::Axis(0)),
            is_terminal: (0..4).map(|state| mdp.is_terminal(state)).collect(),
            terminal_values: mdp.terminal_values().to_vec(),
            is_finite: false,
        };
        (told, Task::of(&mdp).unwrap())
    }

    fn of_stages() -> (Self, Task<f64, FiniteHorizon>) {
        let (model, _) = stages();
        let first = &model.stages()[0];
        let told = Self {
            discount: first.discount(),
            temperature: first.temperature(),
            prior: Array3::from_shape_fn((3, 3, 2), |(t, s, a)| model.stages()[t].prior_weights()[[s, a]]),
            is_terminal: (0..3).map(|state| first.is_terminal(state)).collect(),
            terminal_values: first.terminal_values().to_vec(),
            is_finite: true,
        };
        (told, Task::of_stages(&model, 3).unwrap())
    }

    fn shape(&self) -> (usize, usize, usize) {
        self.prior.dim()
    }

    /// Where a step belongs, and what comes next: a stage of the table, or nothing but V_T.
    fn place(&self, step: &Step) -> (usize, Option<usize>) {
        let stage = if self.is_finite { step.stage } else { 0 };
        let next = if self.is_finite { stage + 1 } else { 0 };
        let is_over = step.terminated || self.is_terminal[step.next_state] || next >= self.shape().0;
        (stage, (!is_over).then_some(next))
    }

    fn soft_value(&self, (t, s): (usize, usize), q: &Array3<f64>) -> f64 {
        let sum: f64 = (0..self.shape().2)
            .filter(|&a| self.prior[[t, s, a]] > 0.0)
            .map(|a| self.prior[[t, s, a]] * (q[[t, s, a]] / self.temperature).exp())
            .sum();
        self.temperature * sum.ln()
    }

    fn possible(&self) -> impl Fn(usize, usize, usize) -> bool + '_ {
        |t, s, a| !self.is_terminal[s] && self.prior[[if self.is_finite { t } else { 0 }, s, a]] > 0.0
    }

    fn steps(&self, num_steps: usize, rng: &mut StdRng) -> Vec<Step> {
        arbitrary_steps(self.shape(), num_steps, self.possible(), rng)
    }

    fn zeros(&self) -> Array3<f64> {
        Array3::zeros(self.shape())
    }

    /// What is possible in a table is close to the same in another; what is not is −∞ there.
    fn assert_close<'a>(&self, found: impl IntoIterator<Item = &'a f64>, expected: &Array3<f64>) {
        let possible = self.possible();
        let mut count = 0;
        for (((t, s, a), &expected), &found) in expected.indexed_iter().zip(found) {
            count += 1;
            if possible(t, s, a) {
                assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{found} {expected}");
            } else {
                assert_eq!(found, DEAD);
            }
        }
        assert_eq!(count, expected.len());
    }
}

/// (Q1), as it stands.
fn soft_q(told: &Told, steps: &[Step], size: impl Fn(u32) -> f64) -> Array3<f64> {
    let (mut q, mut visits) = (told.zeros(), Array3::<u32>::zeros(told.shape()));
    for step in steps {
        let (t, next) = told.place(step);
        let value = match next {
            Some(next) => told.soft_value((next, step.next_state), &q),
            None => told.terminal_values[step.next_state],
        };
        let at = [t, step.state, step.action];
        q[at] += size(visits[at]) * (step.reward + told.discount * value - q[at]);
        visits[at] += 1;
    }
    q
}

#[test]
fn soft_q_learning_is_its_rule() {
    let schedules = [
        (StepSize::Constant(0.3), (|_| 0.3) as fn(u32) -> f64),
        (StepSize::Polynomial { exponent: 0.7 }, |n| (1.0 + f64::from(n)).powf(-0.7)),
        (StepSize::Hyperbolic { half: 10.0 }, |n| 10.0 / (10.0 + f64::from(n))),
    ];
    for seed in SEEDS {
        let mut rng = StdRng::seed_from_u64(seed);
        for (schedule, size) in schedules {
            let (told, task) = Told::of_first_exit();
            let steps = told.steps(500, &mut rng);
            let mut learner = SoftQLearning::new(task).unwrap().with_step_size(schedule).unwrap();
            steps.iter().for_each(|step| learner.update(step).unwrap());
            told.assert_close(learner.action_values(), &soft_q(&told, &steps, size));

            let (told, task) = Told::of_stages();
            let steps = told.steps(500, &mut rng);
            let mut learner = SoftQLearning::new(task).unwrap().with_step_size(schedule).unwrap();
            steps.iter().for_each(|step| learner.update(step).unwrap());
            told.assert_close(learner.action_values(), &soft_q(&told, &steps, size));
        }
    }
}

/// (Q2) in plain numbers: β of states and of pairs, from actions taken with given probabilities.
fn z_learning(told: &Told, steps: &[(Step, f64)], size: f64) -> (Array2<f64>, Array3<f64>) {
    let (stages, states, _) = told.shape();
    let mut beta = Array2::from_elem((stages, states), 1.0);
    let mut pairs = Array3::from_elem(told.shape(), 1.0);
    for (step, b) in steps {
        let (t, next) = told.place(step);
        let next = match next {
            Some(next) => beta[[next, step.next_state]],
            None => (told.terminal_values[step.next_state] / told.temperature).exp(),
        };
        let weight = told.prior[[t, step.state, step.action]] / b;
        let target = (step.reward / told.temperature).exp() * (told.discount * next + 1.0 - told.discount);
        let (state, pair) = ([t, step.state], [t, step.state, step.action]);
        beta[state] += size * (weight * target - beta[state]);
        pairs[pair] += size * (target - pairs[pair]);
    }
    (beta, pairs)
}

fn z_learning_is_its_rule_on<H: softmdp::learning::Horizon>(told: &Told, task: Task<f64, H>, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let steps: Vec<(Step, f64)> =
        told.steps(300, &mut rng).into_iter().map(|step| (step, rng.random_range(0.1..1.0))).collect();
    let mut learner = ZLearning::new(task).unwrap().with_step_size(StepSize::Constant(0.2)).unwrap();
    steps.iter().for_each(|(step, b)| learner.update_from(step, *b).unwrap());
    let (beta, pairs) = z_learning(told, &steps, 0.2);
    told.assert_close(learner.action_values().iter(), &pairs.mapv(|beta| told.temperature * beta.ln()));
    let values = learner.state_values().unwrap();
    for (((_, state), beta), value) in beta.indexed_iter().zip(&values) {
        let expected =
            if told.is_terminal[state] { told.terminal_values[state] } else { told.temperature * beta.ln() };
        assert!((value - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{value} {expected}");
    }
}

#[test]
fn z_learning_is_its_rule() {
    for seed in SEEDS {
        let (told, task) = Told::of_first_exit();
        z_learning_is_its_rule_on::<Stationary>(&told, task, seed);
        let (told, task) = Told::of_stages();
        z_learning_is_its_rule_on::<FiniteHorizon>(&told, task, seed);
    }
}

/// Z-learning by its own behaviour takes the probability that the behaviour has at that moment.
#[test]
fn z_learning_knows_how_probable_its_own_actions_are() {
    let (told, task) = Told::of_first_exit();
    let mut rng = StdRng::seed_from_u64(5);
    let steps = told.steps(300, &mut rng);
    for behaviour in [
        Behaviour::Uniform,
        Behaviour::EpsilonGreedy(0.2),
        Behaviour::Soft,
        Behaviour::EpsilonSoft(0.3),
        Behaviour::Boltzmann(2.0),
    ] {
        let fresh = ZLearning::new(task.clone()).unwrap().with_behaviour(behaviour).unwrap();
        let fresh = fresh.with_step_size(StepSize::Constant(0.2)).unwrap();
        let (mut learner, mut told_so) = (fresh.clone(), fresh);
        for step in &steps {
            let q = told_so.action_values().row(step.state).to_owned();
            let prior: Vec<f64> = told.prior.slice(ndarray::s![0, step.state, ..]).to_vec();
            let num = prior.iter().filter(|&&weight| weight > 0.0).count() as f64;
            let boltzmann = |temperature: f64| {
                let weight =
                    |a: usize| if prior[a] > 0.0 { prior[a] * (q[a] / temperature).exp() } else { 0.0 };
                weight(step.action) / (0..3).map(weight).sum::<f64>()
            };
            let best = q.iter().fold(DEAD, |max, &q| max.max(q));
            let ties = q.iter().filter(|&&q| q == best).count() as f64;
            let b = match behaviour {
                Behaviour::Uniform => 1.0 / num,
                Behaviour::EpsilonGreedy(e) => {
                    e / num + if q[step.action] == best { (1.0 - e) / ties } else { 0.0 }
                }
                Behaviour::Boltzmann(temperature) => boltzmann(temperature),
                Behaviour::EpsilonSoft(e) => e / num + (1.0 - e) * boltzmann(told.temperature),
                _ => boltzmann(told.temperature),
            };
            if b < 1e-3 {
                continue; // a behaviour that takes such an action finds β to scatter by 1/b
            }
            learner.update(step).unwrap();
            told_so.update_from(step, b).unwrap();
            for (a, b) in learner.state_values().unwrap().iter().zip(&told_so.state_values().unwrap()) {
                assert!((a - b).abs() < 1e-12, "{behaviour:?}: {a} {b}");
            }
        }
    }
}

/// Softmax of preferences over what is possible.
fn softmax(told: &Told, (t, s): (usize, usize), theta: &Array3<f64>) -> Vec<f64> {
    let weight = |a: usize| if told.prior[[t, s, a]] > 0.0 { theta[[t, s, a]].exp() } else { 0.0 };
    let sum: f64 = (0..told.shape().2).map(weight).sum();
    (0..told.shape().2).map(|a| weight(a) / sum).collect()
}

/// (A1) with an exact actor (no step size) or a gradient one, one or two critics, and a temperature that moves.
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

fn check_actor_critic<H: softmdp::learning::Horizon>(
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
    assert!((learner.temperature() - temperature).abs() < 1e-12);
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

/// The policy of a learner, by what it does in 20 000 draws from each state: within five standard errors.
fn check_policy<H: softmdp::learning::Horizon>(
    told: &Told,
    learner: &SoftActorCritic<f64, H>,
    expected: &Array3<f64>,
) {
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
            assert!((f64::from(count) - 20_000.0 * p).abs() <= 5.0 * error + 1e-9, "{count} {p}");
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
    assert!((&found.probabilities() - &expected.probabilities()).iter().all(|d| d.abs() < 1e-12));
}

/// The score-function estimate by the definition: Σ_t γ^t (G_t − b) ∂ log π, each return summed from its own step on.
fn estimate(
    told: &Told,
    episode: &[Step],
    theta: &Array3<f64>,
    (baseline, end): (&Array2<f64>, f64),
) -> Array3<f64> {
    let mut gradient = told.zeros();
    let stage = |t: usize| if told.is_finite { t } else { 0 };
    for (t, step) in episode.iter().enumerate() {
        let mut total = 0.0;
        for (k, later) in episode.iter().enumerate().skip(t) {
            let pi = softmax(told, (stage(k), later.state), theta);
            let ratio = pi[later.action] / told.prior[[stage(k), later.state, later.action]];
            let weight = told.discount.powi(i32::try_from(k - t).unwrap());
            total += weight * (later.reward - told.temperature * ratio.ln());
        }
        total += told.discount.powi(i32::try_from(episode.len() - t).unwrap()) * end;
        let weight =
            told.discount.powi(i32::try_from(t).unwrap()) * (total - baseline[[stage(t), step.state]]);
        for (a, p) in softmax(told, (stage(t), step.state), theta).into_iter().enumerate() {
            let score = if a == step.action { 1.0 - p } else { -p };
            gradient[[stage(t), step.state, a]] += weight * score;
        }
    }
    gradient
}

#[test]
fn policy_gradient_is_its_rule() {
    let (told, task) = Told::of_first_exit();
    let (_, states, actions) = told.shape();
    for seed in SEEDS {
        let mut rng = StdRng::seed_from_u64(seed);
        let schedule = StepSize::Hyperbolic { half: 30.0 };
        let mut learner = SoftPolicyGradient::new(task.clone()).unwrap().with_rate(0.05, schedule).unwrap();
        let mut theta = told.zeros();
        let (mut baseline, mut visits) = (Array2::<f64>::zeros((1, states)), Array1::<f64>::zeros(states));
        for number in 0..60 {
            // An episode of any states that ends in the terminal one, or is cut off.
            let is_cut = number % 3 == 0;
            let len = rng.random_range(1..6);
            let mut episode = Vec::new();
            let mut state = rng.random_range(0..3);
            for stage in 0..len {
                let action = loop {
                    let action = rng.random_range(0..actions);
                    if told.prior[[0, state, action]] > 0.0 {
                        break action;
                    }
                };
                let is_last = stage + 1 == len;
                let next_state = if is_last && !is_cut { 3 } else { rng.random_range(0..3) };
                let truncated = is_last && is_cut;
                let reward = rng.random_range(-1.0..1.0);
                episode.push(Step { stage, truncated, ..Step::new(state, action, reward, next_state) });
                state = next_state;
            }
            let end = if is_cut { baseline[[0, state]] } else { told.terminal_values[3] };
            let expected = estimate(&told, &episode, &theta, (&baseline, end));
            let found = learner.estimate(&episode).unwrap();
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            }
            let before = theta.clone();
            theta.scaled_add(0.05 * 30.0 / (30.0 + f64::from(number)), &expected);
            // The baseline is the mean of all returns, in the order from the last step to the first.
            for t in (0..episode.len()).rev() {
                let total = estimate_return(&told, &episode[t..], &before, end);
                let s = episode[t].state;
                visits[s] += 1.0;
                baseline[[0, s]] += (total - baseline[[0, s]]) / visits[s];
            }
            episode.iter().for_each(|step| learner.update(step).unwrap());
            told.assert_close(learner.preferences(), &theta);
            for (found, expected) in learner.state_values().unwrap().iter().zip(&baseline).take(3) {
                assert!((found - expected).abs() < 1e-12);
            }
        }
    }
}

/// G of the first step of what is left of an episode.
fn estimate_return(told: &Told, episode: &[Step], theta: &Array3<f64>, end: f64) -> f64 {
    episode.iter().rev().fold(end, |value, step| {
        let pi = softmax(told, (0, step.state), theta);
        let ratio = pi[step.action] / told.prior[[0, step.state, step.action]];
        step.reward - told.temperature * ratio.ln() + told.discount * value
    })
}
