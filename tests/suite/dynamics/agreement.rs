//! Overrides of maps: those of this crate agree with the successors, and `check_model` finds those
//! that do not.

#![allow(clippy::float_cmp, reason = "numbers of an error are those of the maps")]

use std::ops::Range;

use ndarray::{Array2, Array3, array};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use softmdp::dynamics::LogBlock;
use softmdp::{
    DenseDynamics, DeterministicDynamics, Dynamics, Error, Mdp, SparseDynamics, Table, check_model, ndarray,
};

use crate::common::{SMALL, TimeVarying, cases, tables, tables_with_successor_rewards};

/// Seven states, so that no part of the states is as long as another; two actions. State 6 is
/// terminal.
fn transitions() -> Array3<f64> {
    let mut transitions = Array3::from_shape_fn((7, 2, 7), |(s, a, n)| {
        if (s + 2 * a + 3 * n) % 4 == 0 { 0.0 } else { 1.0 + ((5 * s + a + 2 * n) % 3) as f64 }
    });
    for mut row in transitions.rows_mut() {
        let sum = row.sum();
        row.mapv_inplace(|p| p / sum);
    }
    transitions
}

/// What a map does wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Lie {
    /// Nothing.
    None,
    /// Every number is off by a few billionths.
    Everywhere,
    /// Those of k = 3 are.
    ThreeColumns,
    /// Those of one column are not computed, but copied from the first.
    LastColumn,
    /// Those of ranges that do not start at 0 are.
    LaterStates,
    /// Those of ranges of next states that do not start at 0 are.
    LaterNextStates,
    /// −∞ is taken for a large negative number.
    MinusInfinity,
    /// Action 1 is.
    SecondAction,
    /// The last row is not written.
    Unwritten,
    /// The unused rows are wrong, which nobody sees.
    Unused,
    /// Sums are stored, not added.
    Stored,
    /// The weights are ignored.
    Weights,
    /// There are as many actions as before.
    Shape,
    /// The mixed dynamics have maps that are wrong.
    Mixed,
    /// A range costs as much as all states.
    Constant,
    /// Faint successors are denied.
    Faint,
}

/// Dynamics of which one map lies.
#[derive(Debug, Clone)]
struct Lying {
    dynamics: DenseDynamics,
    map: &'static str,
    lie: Lie,
}

const OFF: f64 = 1.0 + 4e-9;

impl Lying {
    fn new(map: &'static str, lie: Lie) -> Self {
        Self { dynamics: DenseDynamics::new(transitions()).unwrap(), map, lie }
    }

    /// The lie of a map, if it is the one that lies.
    fn lie_of(&self, map: &str) -> Lie {
        if self.map == map { self.lie } else { Lie::None }
    }

    /// Spoils the results y(s,a), `[s, a, k]`, of a map.
    fn spoil(&self, map: &str, states: &Range<usize>, k: usize, y: &mut [f64]) {
        let lie = self.lie_of(map);
        let last = y.len() - k;
        for (entry, y) in y.iter_mut().enumerate() {
            let (pair, column) = (2 * states.start + entry / k, entry % k);
            let is_off = match lie {
                Lie::Everywhere => true,
                Lie::ThreeColumns => k == 3,
                Lie::LastColumn => column == 2,
                Lie::LaterStates => states.start > 0,
                Lie::SecondAction => pair % 2 == 1,
                Lie::Unused => pair >= 12,
                Lie::MinusInfinity => *y == f64::NEG_INFINITY,
                Lie::Unwritten => entry >= last,
                _ => false,
            };
            if is_off {
                *y = match lie {
                    Lie::MinusInfinity => -1e300,
                    Lie::Unwritten => f64::NAN,
                    _ => *y * OFF + 1e-8,
                };
            }
        }
    }
}

impl Dynamics for Lying {
    type Scalar = f64;

    fn num_states(&self) -> usize {
        7
    }

    fn num_actions(&self) -> usize {
        2
    }

    fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, f64)) {
        self.dynamics.for_each_successor(state, action, visit);
    }

    fn for_each_faint_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, f64)) {
        if self.lie == Lie::Faint && (state, action) == (3, 1) {
            visit(0, -800.0);
        }
    }

    fn expectation(&self, states: Range<usize>, k: usize, v: &[f64], y: &mut [f64]) {
        self.dynamics.expectation(states.clone(), k, v, y);
        self.spoil("expectation", &states, k, y);
    }

    fn log_expectation(&self, states: Range<usize>, v: &LogBlock<f64>, y: &mut [f64]) {
        self.dynamics.log_expectation(states.clone(), v, y);
        self.spoil("log_expectation", &states, v.num_columns(), y);
    }

    fn push_forward(
        &self,
        states: Range<usize>,
        next_states: Range<usize>,
        k: usize,
        x: &[f64],
        w: &mut [f64],
    ) {
        let lie = self.lie_of("push_forward");
        if lie == Lie::Stored {
            w.fill(0.0);
        }
        self.dynamics.push_forward(states.clone(), next_states.clone(), k, x, w);
        let is_off = match lie {
            Lie::Everywhere => true,
            Lie::ThreeColumns => k == 3,
            Lie::LaterStates => states.start > 0,
            Lie::LaterNextStates => next_states.start > 0,
            _ => false,
        };
        if is_off {
            w[0] *= OFF;
        }
    }

    fn mix_actions(&self, weights: &[f64]) -> Option<Box<dyn Dynamics<Scalar = f64>>> {
        match self.lie_of("mix_actions") {
            Lie::Weights => self.dynamics.mix_actions(&[0.5; 14]),
            Lie::Shape => Some(Box::new(self.dynamics.clone())),
            Lie::Mixed => {
                let mut rows = Array3::zeros((7, 1, 7));
                let mixed = self.dynamics.mix_actions(weights)?;
                for state in 0..7 {
                    mixed.for_each_successor(state, 0, &mut |n, p| rows[[state, 0, n]] = p);
                }
                Some(Box::new(LyingChain(DenseDynamics::new(rows).unwrap())))
            }
            _ => self.dynamics.mix_actions(weights),
        }
    }

    fn work(&self, states: Range<usize>) -> usize {
        match self.lie_of("work") {
            Lie::Constant => 98,
            _ => self.dynamics.work(states),
        }
    }
}

/// One action, and a log-expectation that is off.
#[derive(Debug)]
struct LyingChain(DenseDynamics);

impl Dynamics for LyingChain {
    type Scalar = f64;

    fn num_states(&self) -> usize {
        7
    }

    fn num_actions(&self) -> usize {
        1
    }

    fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, f64)) {
        self.0.for_each_successor(state, action, visit);
    }

    fn log_expectation(&self, states: Range<usize>, v: &LogBlock<f64>, y: &mut [f64]) {
        self.0.log_expectation(states, v, y);
        y.iter_mut().for_each(|y| *y += 1e-6);
    }
}

fn check(map: &'static str, lie: Lie) -> Result<(), Error> {
    let mdp = Mdp::builder(Lying::new(map, lie), Array2::zeros((7, 2))).terminal_states([6]).build();
    check_model(&mdp.unwrap(), 2)
}

/// Asserts that the lie is found, and returns its place: index, states, next states and k.
#[track_caller]
fn found(map: &'static str, lie: Lie) -> (Vec<usize>, Range<usize>, Range<usize>, usize) {
    let error = check(map, lie).unwrap_err();
    let message = error.to_string();
    let Error::MapMismatch { map: name, index, states, next_states, num_columns, found, expected } = error
    else {
        panic!("{message}")
    };
    assert_eq!(name, map);
    assert!(message.starts_with(map) && message.contains(&format!("is {found}, expected {expected} from")));
    assert!(message.contains("for_each_successor") && !message.ends_with('.'), "{message}");
    assert!(found != expected, "{message}");
    (index, states, next_states, num_columns)
}

#[test]
fn a_row_map_that_is_wrong_somewhere_is_found_with_its_place() {
    for map in ["expectation", "log_expectation"] {
        assert_eq!(found(map, Lie::Everywhere), (vec![0, 0, 0], 0..7, 0..7, 1));
        assert_eq!(found(map, Lie::ThreeColumns), (vec![0, 0, 0], 0..7, 0..7, 3));
        assert_eq!(found(map, Lie::LastColumn), (vec![0, 0, 2], 0..7, 0..7, 3));
        assert_eq!(found(map, Lie::LaterStates), (vec![2, 0, 0], 2..5, 0..7, 1));
        assert_eq!(found(map, Lie::SecondAction), (vec![0, 1, 0], 0..7, 0..7, 1));
        // The last row is that of a terminal state, which nobody reads; that of a part is read.
        assert_eq!(found(map, Lie::Unwritten), (vec![1, 1, 0], 0..2, 0..7, 1));
    }
    // −∞ goes through the expectation, and is left out of the log-expectation.
    assert_eq!(found("expectation", Lie::MinusInfinity).3, 1);
}

#[test]
fn a_log_expectation_of_successors_that_are_all_minus_infinity_must_be_minus_infinity() {
    #[derive(Debug)]
    struct Certain(DeterministicDynamics);

    impl Dynamics for Certain {
        type Scalar = f64;

        fn num_states(&self) -> usize {
            self.0.num_states()
        }

        fn num_actions(&self) -> usize {
            self.0.num_actions()
        }

        fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, f64)) {
            self.0.for_each_successor(state, action, visit);
        }

        fn log_expectation(&self, states: Range<usize>, v: &LogBlock<f64>, y: &mut [f64]) {
            self.0.log_expectation(states, v, y);
            y.iter_mut().for_each(|y| *y = y.max(-1e300)); // a floor
        }
    }
    let next = DeterministicDynamics::from_fn(12, 1, |state, _| (state + 1) % 12).unwrap();
    let mdp = Mdp::builder(Certain(next), Array2::zeros((12, 1))).build().unwrap();
    let Err(Error::MapMismatch { map, found, expected, .. }) = check_model(&mdp, 1) else { panic!() };
    assert_eq!((map, found, expected), ("log_expectation", -1e300, f64::NEG_INFINITY));
}

#[test]
fn a_push_forward_that_is_wrong_somewhere_is_found_with_its_place() {
    let map = "push_forward";
    assert_eq!(found(map, Lie::Everywhere), (vec![0, 0], 0..7, 0..7, 1));
    assert_eq!(found(map, Lie::Stored), (vec![0, 0], 0..7, 0..7, 1));
    assert_eq!(found(map, Lie::ThreeColumns), (vec![0, 0], 0..7, 0..7, 3));
    assert_eq!(found(map, Lie::LaterNextStates), (vec![2, 0], 0..7, 2..5, 1));
    assert_eq!(found(map, Lie::LaterStates), (vec![0, 0], 2..5, 0..7, 1));
}

#[test]
fn mixed_dynamics_that_are_wrong_are_found() {
    let (index, ..) = found("mix_actions", Lie::Weights);
    assert_eq!(index[0], 0); // state, and the next state
    let expected =
        Error::ShapeMismatch { table: Table::Transitions, found: vec![7, 2], expected: vec![7, 1] };
    assert_eq!(check("mix_actions", Lie::Shape).unwrap_err(), expected);
    let Err(Error::MapMismatch { map, index, .. }) = check("mix_actions", Lie::Mixed) else { panic!() };
    assert_eq!((map, index), ("log_expectation of mix_actions", vec![0, 0, 0]));
}

#[test]
fn work_that_does_not_add_up_and_denied_faint_successors_are_found() {
    assert_eq!(found("work", Lie::Constant), (vec![], 0..7, 0..7, 1));
    let Err(Error::MapMismatch { map, index, .. }) = check("", Lie::Faint) else { panic!() };
    assert_eq!((map, index), ("has_faint_successors", vec![3, 1]));
}

#[test]
fn rows_that_no_algorithm_reads_may_be_wrong() {
    assert_eq!(check("", Lie::None), Ok(()));
    for map in ["expectation", "log_expectation"] {
        assert_eq!(check(map, Lie::Unused), Ok(()));
    }
}

#[test]
fn the_first_stage_with_other_dynamics_or_other_pairs_in_use_is_compared() {
    use softmdp::TimeVaryingMdp;
    let of = |lie, terminal: &[usize]| {
        let dynamics = Lying::new("expectation", lie);
        let builder = Mdp::builder(dynamics, Array2::zeros((7, 2)));
        builder.terminal_states(terminal.iter().copied()).build().unwrap()
    };
    let stages = [of(Lie::None, &[6]), of(Lie::Everywhere, &[6])];
    let model = TimeVaryingMdp::new(stages).unwrap();
    assert_eq!(check_model(&model, 1), Ok(()));
    assert!(matches!(check_model(&model, 2), Err(Error::MapMismatch { .. })));
    // The same dynamics; the prior of stage 1 uses a row that stage 0 does not.
    let lying = of(Lie::SecondAction, &[]);
    let prior =
        |weight| softmdp::ActionPrior::Weights(Array2::from_shape_fn((7, 2), |(_, a)| [1.0, weight][a]));
    let stages = [0.0, 1.0].map(|weight| lying.with_action_prior(prior(weight)).unwrap());
    let model = TimeVaryingMdp::new(stages).unwrap();
    assert_eq!(check_model(&model, 1), Ok(()));
    assert!(matches!(check_model(&model, 2), Err(Error::MapMismatch { .. })));
}

#[test]
fn the_dynamics_of_this_crate_agree_with_their_successors() {
    let mut runner = TestRunner::new(cases(1));
    for _ in 0..200 {
        let tables = tables(SMALL).new_tree(&mut runner).unwrap().current();
        for (name, mdp) in tables.kinds() {
            for temperature in [0.0, 1e-3, 1.0, 1e9] {
                let mdp = mdp.with_temperature(temperature).unwrap();
                assert_eq!(check_model(&mdp, 2), Ok(()), "{name} at {temperature}");
                let single = mdp.cast::<f32>().unwrap();
                assert_eq!(check_model(&single, 1), Ok(()), "{name} in f32 at {temperature}");
            }
        }
        let horizon = tables.horizon();
        assert_eq!(check_model(&TimeVarying::new(tables), horizon), Ok(()));
        let tables = tables_with_successor_rewards(SMALL).new_tree(&mut runner).unwrap().current();
        for (name, mdp) in tables.kinds() {
            // At a low temperature, some successors of the tilted dynamics are faint.
            for temperature in [1e-3, 1.0] {
                let reward = |s, a, n| tables.stages[0].successor_rewards[[s, a, n]];
                let mdp = mdp.with_temperature(temperature).unwrap();
                let mdp = mdp.with_successor_rewards(reward).unwrap();
                assert_eq!(check_model(&mdp, 2), Ok(()), "{name} at {temperature}");
            }
        }
    }
}

#[test]
fn long_rows_and_many_states_agree_too() {
    let wide = |s: usize, a: usize, n: usize| 1.0 + ((7 * s + 3 * a + 11 * n) % 13) as f64;
    for num_states in [1, 2, 3, 65, 300] {
        let mut rows = Array3::from_shape_fn((num_states, 3, num_states), |(s, a, n)| wide(s, a, n));
        for mut row in rows.rows_mut() {
            let sum = row.sum();
            row.mapv_inplace(|p| p / sum);
        }
        let dense = DenseDynamics::new(rows).unwrap();
        let sparse = SparseDynamics::from_fn(num_states, 3, |s, a| {
            (0..=(s + a) % 12).map(move |i| ((s + i * i) % num_states, 1.0 / (1 + (s + a) % 12) as f64))
        });
        let rewards = Array2::<f64>::zeros((num_states, 3));
        let dense = Mdp::builder(dense, rewards.clone()).build().unwrap();
        let sparse = Mdp::builder(sparse.unwrap(), rewards).build().unwrap();
        assert_eq!(check_model(&dense, 1), Ok(()));
        assert_eq!(check_model(&sparse, 1), Ok(()));
        assert_eq!(check_model(&dense.cast::<f32>().unwrap(), 1), Ok(()));
        assert_eq!(check_model(&sparse.cast::<f32>().unwrap(), 1), Ok(()));
    }
    let certain =
        Mdp::builder(DeterministicDynamics::<f64>::new(array![[0]]).unwrap(), array![[0.0]]).build();
    assert_eq!(check_model(&certain.unwrap(), 1), Ok(()));
}
