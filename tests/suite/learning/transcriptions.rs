//! Each learner beside a plain transcription of its rule: the same numbers after any sequence of
//! steps.

mod actor_critic;
mod policy_gradient;

use approx::{abs_diff_eq, assert_relative_eq};
use ndarray::{Array2, Array3};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use softmdp::learning::{
    Behaviour, FiniteHorizon, Horizon, Learner, SoftQLearning, Stationary, Step, StepSize, Task, ZLearning,
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

    /// The stage of the tables that a step belongs to.
    fn stage(&self, step: &Step) -> usize {
        if self.is_finite { step.stage } else { 0 }
    }

    /// Where a step belongs, and what comes next: a stage of the table, or nothing but V_T.
    fn place(&self, step: &Step) -> (usize, Option<usize>) {
        let stage = self.stage(step);
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
                assert_relative_eq!(found, expected, epsilon = 1e-12, max_relative = 1e-12);
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

fn z_learning_is_its_rule_on<H: Horizon>(told: &Told, task: Task<f64, H>, seed: u64) {
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
        assert_relative_eq!(*value, expected, epsilon = 1e-12, max_relative = 1e-12);
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
                assert!(abs_diff_eq!(a, b, epsilon = 1e-12), "{behaviour:?}: {a} {b}");
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
