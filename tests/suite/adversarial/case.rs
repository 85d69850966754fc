//! A model as plain numbers, solved over every kind of dynamics and in both number types.

use ndarray::{Array, Array1, Array2, Array3, ArrayRef, ArrayView1, Axis, Dimension, s};
use softmdp::{
    ActionPrior, DenseDynamics, DeterministicDynamics, Dynamics, Error, Inference, Mdp, Real,
    SoftValueIteration, SparseDynamics, Table, forward_messages, ndarray, posterior,
};

use crate::common::{Heavy, MINUS_INFINITY as NEVER, assert_close};

pub(crate) const BOTH: [Inference; 2] = [Inference::Direct, Inference::Variational];

pub(crate) type AnyMdp<F> = Mdp<F, Box<dyn Dynamics<Scalar = F>>>;

/// A model as plain numbers, to be built over every kind of dynamics and in both number types.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) transitions: Array3<f64>,
    pub(crate) rewards: Array2<f64>,
    pub(crate) prior: ActionPrior,
    pub(crate) available: Array2<bool>,
    pub(crate) discount: f64,
    pub(crate) temperature: f64,
    pub(crate) terminal: Vec<usize>,
    pub(crate) ends: Array1<f64>,
}

/// Implements nothing but what the trait asks for, and visits successors of probability 0 too.
#[derive(Debug)]
struct Plain<F>(DenseDynamics<F>);

impl<F: Real> Dynamics for Plain<F> {
    type Scalar = F;

    fn num_states(&self) -> usize {
        self.0.num_states()
    }

    fn num_actions(&self) -> usize {
        self.0.num_actions()
    }

    fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, F)) {
        let transitions = self.0.transitions();
        let row = transitions.slice(s![state, action, ..]);
        row.iter().enumerate().for_each(|(next_state, &p)| visit(next_state, p));
    }
}

pub(crate) fn narrow<F: Real, D: Dimension>(table: &ArrayRef<f64, D>) -> Array<F, D> {
    table.mapv(F::from_f64)
}

pub(crate) fn wide<F: Real, D: Dimension>(table: &ArrayRef<F, D>) -> Array<f64, D> {
    let table = table.mapv(F::into_f64);
    assert!(table.iter().all(|x| *x < f64::INFINITY), "NaN or +∞ in {table}");
    table
}

impl Case {
    /// Given rows and rewards, everything else at its default.
    pub(crate) fn new(transitions: Array3<f64>, rewards: Array2<f64>) -> Self {
        let (available, ends) =
            (Array2::from_elem(rewards.dim(), true), Array1::zeros(transitions.len_of(Axis(0))));
        let (discount, temperature) = (1.0, 1.0);
        let (prior, terminal) = (ActionPrior::Counting, vec![]);
        Self { transitions, rewards, prior, available, discount, temperature, terminal, ends }
    }

    /// Every pair with one certain successor, `[s, a] → s'`.
    pub(crate) fn certain(successors: Array2<usize>, rewards: Array2<f64>) -> Self {
        let (states, actions) = successors.dim();
        let transitions = Array3::from_shape_fn((states, actions, states), |(s, a, next)| {
            f64::from(u8::from(successors[[s, a]] == next))
        });
        Self::new(transitions, rewards)
    }

    pub(crate) fn weights(self, weights: Array2<f64>) -> Self {
        Self { prior: ActionPrior::Weights(weights), ..self }
    }

    fn over<F: Real, D: Dynamics<Scalar = F>>(&self, dynamics: D) -> Mdp<F, D> {
        let prior = match &self.prior {
            ActionPrior::Weights(weights) => ActionPrior::Weights(narrow(weights)),
            ActionPrior::Uniform => ActionPrior::Uniform,
            _ => ActionPrior::Counting,
        };
        Mdp::builder(dynamics, narrow(&self.rewards))
            .action_prior(prior)
            .available_actions(self.available.clone())
            .discount(F::from_f64(self.discount))
            .temperature(F::from_f64(self.temperature))
            .terminal_states(self.terminal.iter().copied())
            .terminal_values(narrow(&self.ends))
            .build()
            .unwrap()
    }

    pub(crate) fn kinds<F: Real>(&self) -> Vec<(String, AnyMdp<F>)> {
        let dense = DenseDynamics::<F>::new(narrow(&self.transitions)).unwrap();
        let sparse = SparseDynamics::from_dynamics(&dense).unwrap();
        let (states, actions) = self.rewards.dim();
        let with_zeros = SparseDynamics::new(
            states,
            actions,
            (0..=states * actions).map(|row| row * states).collect(),
            (0..states * actions).flat_map(|_| 0..states).collect(),
            narrow::<F, _>(&self.transitions).iter().copied().collect(),
        );
        let mut kinds: Vec<(&str, Box<dyn Dynamics<Scalar = F>>)> = vec![
            ("defaults of the trait", Box::new(Plain(dense.clone()))),
            ("dense", Box::new(dense.clone())),
            ("sparse", Box::new(sparse.clone())),
            ("dense, as if it were large", Box::new(Heavy(dense))),
            ("sparse, as if it were large", Box::new(Heavy(sparse))),
            ("sparse with stored zeros", Box::new(with_zeros.unwrap())),
        ];
        let certain = |row: ArrayView1<'_, f64>| {
            let alone = row.iter().filter(|p| **p > 0.0).count() == 1;
            row.iter().position(|p| *p == 1.0).filter(|_| alone)
        };
        let successors: Option<Vec<usize>> = (self.transitions.rows().into_iter().zip(&self.available))
            .map(|(row, &available)| if available { certain(row) } else { Some(0) })
            .collect();
        if let Some(successors) = successors {
            let successors = Array2::from_shape_vec(self.rewards.dim(), successors).unwrap();
            let deterministic = DeterministicDynamics::new(successors).unwrap();
            kinds.push(("deterministic", Box::new(deterministic.clone())));
            kinds.push(("deterministic, as if it were large", Box::new(Heavy(deterministic))));
        }
        let label = |kind| format!("{kind} in {}", std::any::type_name::<F>());
        kinds.into_iter().map(|(kind, dynamics)| (label(kind), self.over(dynamics))).collect()
    }

    /// Calls `check` with every solution: both inferences, every kind, both number types.
    pub(crate) fn each_solution(&self, horizon: usize, check: impl Fn(&Solved)) {
        for inference in BOTH {
            self.each_solution_in::<f64>(inference, horizon, &check);
            self.each_solution_in::<f32>(inference, horizon, &check);
        }
    }

    pub(crate) fn each_solution_in<F: Real>(
        &self,
        inference: Inference,
        horizon: usize,
        check: impl Fn(&Solved),
    ) {
        for (kind, mdp) in self.kinds::<F>() {
            let solver = SoftValueIteration::new(horizon).inference(inference);
            let solution = solver.solve(&mdp).unwrap();
            let values = solver.solve_values(&mdp).unwrap();
            let (what, epsilon) = (format!("{inference}, {kind}"), F::epsilon().into_f64());
            let solved = Solved {
                inference,
                epsilon,
                v: wide(&solution.state_values()),
                q: wide(&solution.action_values()),
                policy: wide(&solution.policy().probabilities()),
                what,
            };
            wide(&solution.policy().log_probabilities());
            for (alone, v) in values.state_values().iter().zip(&solved.v) {
                assert_close(alone.into_f64(), *v, 4.0 * epsilon, &solved.what);
            }
            check(&solved);
        }
    }

    /// Asserts that every kind fails with this overflow.
    pub(crate) fn overflows<F: Real>(
        &self,
        inference: Inference,
        horizon: usize,
        (table, stage): (Table, usize),
    ) {
        let state = self.rewards.nrows() - 1;
        for (kind, mdp) in self.kinds::<F>() {
            let solver = SoftValueIteration::new(horizon).inference(inference);
            let expected = Error::Overflow { table, stage, state };
            assert_eq!(solver.solve(&mdp).unwrap_err(), expected, "{inference}, {kind}");
            assert_eq!(solver.solve_values(&mdp).unwrap_err(), expected, "{inference}, {kind}, V alone");
        }
    }

    /// Calls `check` with every posterior, after comparing the evidence of both passes.
    pub(crate) fn each_posterior(&self, initial: Array1<f64>, horizon: usize, check: impl Fn(&Inferred)) {
        self.each_posterior_in::<f64>(&initial, horizon, &check);
        self.each_posterior_in::<f32>(&initial, horizon, &check);
    }

    pub(crate) fn each_posterior_in<F: Real>(
        &self,
        initial: &Array1<f64>,
        horizon: usize,
        check: impl Fn(&Inferred),
    ) {
        for (what, mdp) in self.kinds::<F>() {
            let initial = narrow(initial);
            let posterior = posterior(&mdp, &initial, horizon).unwrap();
            let forward = forward_messages(&mdp, &initial, horizon).unwrap();
            let inferred = Inferred {
                tolerance: 8.0 * F::epsilon().into_f64(),
                log_evidence: posterior.log_evidence().into_f64(),
                states: wide(&posterior.state_marginals()),
                absorbed: wide(&posterior.absorbed_marginals()),
                pairs: wide(&posterior.state_action_marginals()),
                log_forward: wide(&forward.log_forward()),
                what,
            };
            let forwards = forward.log_evidence().into_f64();
            assert_close(forwards, inferred.log_evidence, inferred.tolerance, &inferred.what);
            check(&inferred);
        }
    }

    /// Asserts that every posterior finds the evidence impossible at this stage, and so does the
    /// forward pass, unless it is only the end that rules it out.
    pub(crate) fn impossible(&self, initial: Array1<f64>, horizon: usize, stage: usize, only_the_end: bool) {
        self.impossible_in::<f64>(&initial, horizon, stage, only_the_end);
        self.impossible_in::<f32>(&initial, horizon, stage, only_the_end);
    }

    pub(crate) fn impossible_in<F: Real>(
        &self,
        initial: &Array1<f64>,
        horizon: usize,
        stage: usize,
        only_the_end: bool,
    ) {
        let expected = Error::ImpossibleEvidence { stage };
        for (what, mdp) in self.kinds::<F>() {
            let initial = narrow(initial);
            assert_eq!(posterior(&mdp, &initial, horizon).unwrap_err(), expected, "{what}");
            let forward = forward_messages(&mdp, &initial, horizon);
            let evidence = forward.as_ref().map(|forward| forward.log_evidence().into_f64());
            assert_eq!(evidence, if only_the_end { Ok(NEVER) } else { Err(&expected) }, "{what}");
        }
    }
}

/// A solution, widened to `f64`.
pub(crate) struct Solved {
    pub(crate) what: String,
    pub(crate) inference: Inference,
    pub(crate) epsilon: f64,
    pub(crate) v: Array2<f64>,
    pub(crate) q: Array3<f64>,
    pub(crate) policy: Array3<f64>,
}

impl Solved {
    #[track_caller]
    pub(crate) fn close(&self, found: f64, expected: f64) {
        assert_close(found, expected, 16.0 * self.epsilon, &self.what);
    }
}

/// A posterior, widened to `f64`.
pub(crate) struct Inferred {
    pub(crate) what: String,
    pub(crate) tolerance: f64,
    pub(crate) log_evidence: f64,
    pub(crate) states: Array2<f64>,
    pub(crate) absorbed: Array1<f64>,
    pub(crate) pairs: Array3<f64>,
    pub(crate) log_forward: Array2<f64>,
}

impl Inferred {
    #[track_caller]
    pub(crate) fn close(&self, found: f64, expected: f64) {
        assert_close(found, expected, self.tolerance, &self.what);
    }
}
