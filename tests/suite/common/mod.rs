//! Random lopsided models, shared by the integration tests.
//!
//! Symmetric or steady models hide index slips; these have zeros, −∞ rewards, priors of every kind,
//! unavailable actions whose rows are no distributions, terminal states and values, discounts, and
//! stages that differ.

#![allow(dead_code, unreachable_pub, reason = "each program uses a part of this")]
#![allow(clippy::float_cmp, reason = "infinities are equal or not")]

pub mod damage;
pub mod elimination;
pub mod enumeration;
pub mod random;

use std::ops::Range;

use approx::{abs_diff_eq, relative_eq};
use ndarray::{Array1, Array2, Array3, ArrayView1};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use softmdp::dynamics::LogBlock;
use softmdp::{
    ActionPrior, DenseDynamics, DeterministicDynamics, Dynamics, Error, Inference, Mdp, Model, Policy,
    SparseDynamics, Stage, ndarray,
};

pub const MINUS_INFINITY: f64 = f64::NEG_INFINITY;

/// A fixed seed and a number of cases: every run tests the same models.
pub fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(0x50f7_3d9b),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// The tables of one stage, before they become a model.
#[derive(Debug, Clone)]
pub struct StageTables {
    pub transitions: Array3<f64>,
    pub rewards: Array2<f64>,
    /// Effective weights: 0 where unavailable.
    pub prior: Array2<f64>,
    /// r(s,a,s'), beside `rewards`; zeros unless a test draws them.
    pub successor_rewards: Array3<f64>,
}

/// Everything that makes a problem, as plain tables.
#[derive(Debug, Clone)]
pub struct Tables {
    /// One for each stage; `mdp` takes the first.
    pub stages: Vec<StageTables>,
    pub kind: ActionPrior,
    pub available: Array2<bool>,
    pub discount: f64,
    pub temperature: f64,
    pub is_terminal: Vec<bool>,
    pub terminal_values: Array1<f64>,
    pub initial: Array1<f64>,
}

/// Boxed, so that one test runs over every kind.
pub type AnyMdp = Mdp<f64, Box<dyn Dynamics<Scalar = f64>>>;

impl Tables {
    pub fn horizon(&self) -> usize {
        self.stages.len()
    }

    pub fn num_states(&self) -> usize {
        self.initial.len()
    }

    pub fn num_actions(&self) -> usize {
        self.available.ncols()
    }

    /// The same problem with the first stage at every time.
    pub fn homogeneous(mut self) -> Self {
        let first = self.stages.first().cloned();
        self.stages.fill_with(|| first.clone().expect("a stage to repeat"));
        self
    }

    /// The model of the first stage, over given dynamics.
    pub fn mdp_over<D: Dynamics<Scalar = f64>>(&self, dynamics: D) -> Mdp<f64, D> {
        Mdp::builder(dynamics, self.stages[0].rewards.clone())
            .discount(self.discount)
            .temperature(self.temperature)
            .action_prior(self.kind.clone())
            .available_actions(self.available.clone())
            .terminal_states((0..self.num_states()).filter(|&state| self.is_terminal[state]))
            .terminal_values(self.terminal_values.clone())
            .build()
            .expect("a valid model")
    }

    /// The dense model of the first stage.
    pub fn mdp(&self) -> Mdp {
        self.mdp_over(DenseDynamics::new(self.stages[0].transitions.clone()).expect("valid rows"))
    }

    /// The dense model of any stage, with the weights of its prior.
    pub fn mdp_of_stage(&self, t: usize) -> Mdp {
        let StageTables { transitions, rewards, prior, .. } = &self.stages[t];
        let one = Self { kind: ActionPrior::Weights(prior.clone()), ..self.clone() };
        one.mdp().with_dynamics(transitions.clone()).unwrap().with_rewards(rewards.clone()).unwrap()
    }

    /// Priors that differ from stage to stage.
    pub fn with_varying_priors(mut self) -> Self {
        for (t, stage) in self.stages.iter_mut().enumerate().skip(1) {
            for ((s, a), weight) in stage.prior.indexed_iter_mut() {
                *weight *= 1.0 + 0.25 * ((t + 2 * s + 3 * a) % 3) as f64;
            }
        }
        self
    }

    /// A policy that no solver made: lopsided, with zeros and rows of zeros, also on actions of
    /// prior weight 0.
    pub fn own_policy(&self) -> Policy {
        let shape = (self.horizon(), self.num_states(), self.num_actions());
        let mut table = Array3::from_shape_fn(shape, |(t, s, a)| {
            if self.available[[s, a]] { ((3 * t + 5 * s + 7 * a) % 4) as f64 } else { 0.0 }
        });
        for mut row in table.rows_mut() {
            let sum = row.sum();
            if sum > 0.0 {
                row.mapv_inplace(|p| p / sum);
            }
        }
        Policy::new(table).unwrap()
    }

    /// The model of the first stage over every kind of dynamics that can hold it.
    pub fn kinds(&self) -> Vec<(&'static str, AnyMdp)> {
        let transitions = &self.stages[0].transitions;
        let boxed = |dynamics| self.mdp_over(dynamics);
        let dense = DenseDynamics::new(transitions.clone()).expect("valid rows");
        let sparse = SparseDynamics::from_triplets(
            self.num_states(),
            self.num_actions(),
            // Last first: the order of triplets must not matter.
            transitions
                .indexed_iter()
                .map(|((s, a, n), &p)| (s, a, n, p))
                .collect::<Vec<_>>()
                .into_iter()
                .rev(),
        );
        let mut kinds = vec![
            ("defaults of the trait", boxed(Box::new(Plain(dense.clone())) as _)),
            ("dense", boxed(Box::new(dense.clone()) as _)),
            ("sparse", boxed(Box::new(sparse.clone().expect("valid triplets")) as _)),
            ("dense, as if it were large", boxed(Box::new(Heavy(dense)) as _)),
            ("sparse, as if it were large", boxed(Box::new(Heavy(sparse.expect("valid triplets"))) as _)),
        ];
        if let Some(successors) = self.successors() {
            let deterministic = DeterministicDynamics::new(successors).expect("valid successors");
            kinds.push(("deterministic", boxed(Box::new(deterministic.clone()) as _)));
            kinds.push(("deterministic, as if it were large", boxed(Box::new(Heavy(deterministic)) as _)));
        }
        kinds
    }

    /// The one successor of every used pair, if that is all there is.
    fn successors(&self) -> Option<Array2<usize>> {
        let StageTables { transitions, prior, .. } = &self.stages[0];
        let mut successors = Array2::zeros(prior.dim());
        for ((state, action), successor) in successors.indexed_iter_mut() {
            let row = transitions.slice_move_row(state, action);
            match row.iter().position(|&p| abs_diff_eq!(p, 1.0, epsilon = f64::EPSILON / 2.0)) {
                Some(next_state) => *successor = next_state,
                None if prior[[state, action]] > 0.0 && !self.is_terminal[state] => return None,
                None => {}
            }
        }
        Some(successors)
    }
}

/// `array[[i, j, ..]]` as a row.
trait SliceRow {
    fn slice_move_row(&self, i: usize, j: usize) -> ArrayView1<'_, f64>;
}

impl SliceRow for Array3<f64> {
    fn slice_move_row(&self, i: usize, j: usize) -> ArrayView1<'_, f64> {
        self.index_axis(ndarray::Axis(0), i).index_axis_move(ndarray::Axis(0), j)
    }
}

/// Dynamics that implement nothing but what the trait requires.
#[derive(Debug, Clone)]
pub struct Plain(pub DenseDynamics);

impl Dynamics for Plain {
    type Scalar = f64;

    fn num_states(&self) -> usize {
        self.0.num_states()
    }

    fn num_actions(&self) -> usize {
        self.0.num_actions()
    }

    fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, f64)) {
        // Halves, so that successors that are visited twice are covered.
        self.0.for_each_successor(state, action, &mut |next_state, p| {
            visit(next_state, 0.5 * p);
            visit(next_state, 0.5 * p);
        });
    }
}

/// Dynamics that claim to be large: passes over them take the ways that are meant for large models,
/// and cut the states into blocks of one.
#[derive(Debug, Clone)]
pub struct Heavy<D>(pub D);

impl<D: Dynamics> Dynamics for Heavy<D> {
    type Scalar = D::Scalar;

    fn num_states(&self) -> usize {
        self.0.num_states()
    }

    fn num_actions(&self) -> usize {
        self.0.num_actions()
    }

    fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, D::Scalar)) {
        self.0.for_each_successor(state, action, visit);
    }

    fn for_each_faint_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, D::Scalar)) {
        self.0.for_each_faint_successor(state, action, visit);
    }

    fn has_faint_successors(&self) -> bool {
        self.0.has_faint_successors()
    }

    fn expectation(&self, states: Range<usize>, k: usize, v: &[D::Scalar], y: &mut [D::Scalar]) {
        self.0.expectation(states, k, v, y);
    }

    fn log_expectation(&self, states: Range<usize>, v: &LogBlock<D::Scalar>, y: &mut [D::Scalar]) {
        self.0.log_expectation(states, v, y);
    }

    fn push_forward(
        &self,
        states: Range<usize>,
        next_states: Range<usize>,
        k: usize,
        x: &[D::Scalar],
        w: &mut [D::Scalar],
    ) {
        self.0.push_forward(states, next_states, k, x, w);
    }

    fn mix_actions(&self, weights: &[D::Scalar]) -> Option<Box<dyn Dynamics<Scalar = D::Scalar>>> {
        Some(Box::new(Heavy(self.0.mix_actions(weights)?)))
    }

    fn work(&self, states: Range<usize>) -> usize {
        states.len() << 20
    }
}

/// A model whose every stage is different.
#[derive(Debug)]
pub struct TimeVarying {
    pub tables: Tables,
    dynamics: Vec<DenseDynamics>,
}

impl TimeVarying {
    pub fn new(tables: Tables) -> Self {
        let dynamics = (tables.stages.iter())
            .map(|stage| DenseDynamics::new(stage.transitions.clone()).expect("valid rows"))
            .collect();
        Self { tables, dynamics }
    }
}

impl Model for TimeVarying {
    type Scalar = f64;
    type Dynamics = DenseDynamics;

    fn num_states(&self) -> usize {
        self.tables.num_states()
    }

    fn num_actions(&self) -> usize {
        self.tables.num_actions()
    }

    fn discount(&self) -> f64 {
        self.tables.discount
    }

    fn temperature(&self) -> f64 {
        self.tables.temperature
    }

    fn is_terminal(&self, state: usize) -> bool {
        self.tables.is_terminal[state]
    }

    fn terminal_values(&self) -> ArrayView1<'_, f64> {
        self.tables.terminal_values.view()
    }

    fn num_stages(&self) -> Option<usize> {
        Some(self.tables.horizon())
    }

    fn stage(&self, t: usize, _: Inference) -> Result<Stage<'_, f64, DenseDynamics>, Error> {
        let StageTables { rewards, prior, .. } = &self.tables.stages[t];
        Ok(Stage { dynamics: &self.dynamics[t], rewards: rewards.view(), action_prior: prior.view() })
    }
}

/// Sizes of the models to draw.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub states: usize,
    pub actions: usize,
    pub horizon: usize,
}

/// What [`Sizes`] the oracle can enumerate.
pub const SMALL: Sizes = Sizes { states: 4, actions: 3, horizon: 4 };

/// A probability, or 0: a third of the successors are impossible.
fn weight() -> impl Strategy<Value = f64> {
    prop_oneof![1 => Just(0.0), 2 => 0.05..1.0]
}

fn normalized(mut row: Vec<f64>) -> Vec<f64> {
    let sum: f64 = row.iter().sum();
    if sum > 0.0 {
        row.iter_mut().for_each(|p| *p /= sum);
    } else {
        row[0] = 1.0;
    }
    row
}

/// A row of probabilities; certain successors in deterministic models.
fn row(states: usize, deterministic: bool) -> BoxedStrategy<Vec<f64>> {
    if deterministic {
        (0..states)
            .prop_map(move |next| (0..states).map(|s| f64::from(u8::from(s == next))).collect())
            .boxed()
    } else {
        vec(weight(), states).prop_map(normalized).boxed()
    }
}

fn stage(states: usize, actions: usize, deterministic: bool) -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    let reward = prop_oneof![1 => Just(MINUS_INFINITY), 6 => -3.0..2.0];
    (vec(row(states, deterministic), states * actions), vec(reward, states * actions))
        .prop_map(|(rows, rewards)| (rows.concat(), rewards))
}

/// Draws a problem with at most the given sizes, every stage different.
pub fn tables(most: Sizes) -> impl Strategy<Value = Tables> {
    let sizes = (1..=most.states, 1..=most.actions, 1..=most.horizon, prop::bool::weighted(0.3));
    sizes.prop_flat_map(|(states, actions, horizon, deterministic)| {
        let pairs = states * actions;
        let prior = prop_oneof![
            Just(None),
            Just(Some(None)),
            vec(prop_oneof![1 => Just(0.0), 4 => 0.1..3.0], pairs).prop_map(|w| Some(Some(w))),
        ];
        let terminal_value = prop_oneof![1 => Just(MINUS_INFINITY), 1 => Just(0.0), 3 => -2.0..2.0];
        let tables = (
            vec(stage(states, actions, deterministic), horizon),
            prior,
            vec(prop::bool::weighted(0.8), pairs),
            vec(prop::bool::weighted(0.2), states),
            vec(terminal_value, states),
            vec(weight(), states).prop_map(normalized),
        );
        let numbers = (
            prop_oneof![3 => Just(1.0), 1 => Just(0.9), 1 => Just(0.5), 1 => Just(0.0)],
            prop_oneof![2 => Just(1.0), 1 => Just(0.2), 1 => Just(3.7)],
        );
        (Just((states, actions)), tables, numbers).prop_map(assemble)
    })
}

/// Draws a problem whose rewards depend on the successor too.
pub fn tables_with_successor_rewards(most: Sizes) -> impl Strategy<Value = Tables> {
    tables(most).prop_flat_map(|tables| {
        let reward = prop_oneof![1 => Just(MINUS_INFINITY), 2 => Just(0.0), 8 => -3.0..2.0];
        let shape = tables.stages[0].transitions.dim();
        let rewards = vec(vec(reward, shape.0 * shape.1 * shape.2), tables.horizon());
        (Just(tables), rewards).prop_map(move |(mut tables, rewards)| {
            for (stage, rewards) in tables.stages.iter_mut().zip(rewards) {
                stage.successor_rewards = Array3::from_shape_vec(shape, rewards).expect("S·A·S entries");
            }
            tables
        })
    })
}

type Drawn = (
    (usize, usize),
    (Vec<(Vec<f64>, Vec<f64>)>, Option<Option<Vec<f64>>>, Vec<bool>, Vec<bool>, Vec<f64>, Vec<f64>),
    (f64, f64),
);

fn assemble(((states, actions), tables, (discount, temperature)): Drawn) -> Tables {
    let (stages, prior, available, is_terminal, terminal_values, initial) = tables;
    let shaped = |data| Array2::from_shape_vec((states, actions), data).expect("S·A entries");
    let available = Array2::from_shape_vec((states, actions), available).expect("S·A entries");
    let kind = match prior {
        None => ActionPrior::Counting,
        Some(None) => ActionPrior::Uniform,
        Some(Some(weights)) => {
            let mut weights = shaped(weights);
            for state in 0..states {
                let used = |a: &usize| available[[state, *a]] && weights[[state, *a]] > 0.0;
                let first = (0..actions).find(|&a| available[[state, a]]);
                if let (None, Some(first)) = ((0..actions).find(used), first) {
                    weights[[state, first]] = 0.7;
                }
            }
            ActionPrior::Weights(weights)
        }
    };
    let effective = Array2::from_shape_fn((states, actions), |(state, action)| {
        let count = available.row(state).iter().filter(|&&a| a).count();
        match &kind {
            _ if !available[[state, action]] => 0.0,
            ActionPrior::Uniform => 1.0 / count as f64,
            ActionPrior::Weights(weights) => weights[[state, action]],
            _ => 1.0,
        }
    });
    let stages = (stages.into_iter())
        .map(|(rows, rewards)| {
            let mut transitions =
                Array3::from_shape_vec((states, actions, states), rows).expect("S·A·S entries");
            for ((state, action, _), p) in transitions.indexed_iter_mut() {
                if !available[[state, action]] {
                    *p = 0.3; // never used: need not be a distribution
                }
            }
            let successor_rewards = Array3::zeros(transitions.dim());
            StageTables { transitions, rewards: shaped(rewards), prior: effective.clone(), successor_rewards }
        })
        .collect();
    Tables {
        stages,
        kind,
        available,
        discount,
        temperature,
        is_terminal,
        terminal_values: terminal_values.into(),
        initial: initial.into(),
    }
}

/// Asserts equality within a relative tolerance, ±∞ exactly; NaN never passes.
#[track_caller]
pub fn assert_close(found: f64, expected: f64, tolerance: f64, what: &str) {
    let close = relative_eq!(found, expected, epsilon = tolerance, max_relative = tolerance);
    assert!(close, "{what}: found {found:e}, expected {expected:e}");
}

/// [`assert_close`] for whole tables, which must have the same shape.
#[track_caller]
pub fn assert_tables_close<D: ndarray::Dimension>(
    found: &ndarray::ArrayRef<f64, D>,
    expected: &ndarray::ArrayRef<f64, D>,
    tolerance: f64,
    what: &str,
) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    for (index, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        assert_close(found, expected, tolerance, &format!("{what}, entry {index}"));
    }
}
