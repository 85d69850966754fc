//! Hidden Markov models: one action, and log-likelihoods of observations as rewards. The last
//! observation is the terminal value.

use approx::assert_abs_diff_eq;
use softmdp::ndarray::{Array1, Array2, Array3, ArrayView1, array};
use softmdp::{
    DenseDynamics, Error, Mdp, Posterior, TimeVaryingMdp, Trajectory, forward_messages, log_sum_exp,
    posterior,
};

/// A hidden Markov model, with the likelihood of what was observed in each state, `[t, s]`.
struct Hidden {
    initial: Array1<f64>,
    transitions: Array2<f64>,
    likelihoods: Array2<f64>,
}

impl Hidden {
    fn horizon(&self) -> usize {
        self.likelihoods.nrows() - 1
    }

    fn model(&self) -> TimeVaryingMdp<Mdp<f64, DenseDynamics>> {
        let (num_states, horizon) = (self.initial.len(), self.horizon());
        let transitions =
            self.transitions.clone().into_shape_with_order((num_states, 1, num_states)).unwrap();
        let logs = self.likelihoods.mapv(f64::ln);
        let mdp = Mdp::builder(transitions, Array2::zeros((num_states, 1)));
        let mdp = mdp.terminal_values(logs.row(horizon).to_owned()).build().unwrap();
        let rewards = Array3::from_shape_fn((horizon, num_states, 1), |(t, state, _)| logs[[t, state]]);
        TimeVaryingMdp::from_rewards(&mdp, rewards).unwrap()
    }

    fn posterior(&self) -> Result<Posterior, Error> {
        posterior(&self.model(), &self.initial, self.horizon())
    }

    /// Every path and its joint probability with what was observed.
    fn paths(&self) -> Vec<(Vec<usize>, f64)> {
        let mut paths = vec![(vec![], 1.0)];
        for likelihoods in self.likelihoods.rows() {
            let mut longer = vec![];
            for (path, p) in &paths {
                for (state, likelihood) in likelihoods.iter().enumerate() {
                    let step = match path.last() {
                        Some(&last) => self.transitions[[last, state]],
                        None => self.initial[state],
                    };
                    let path: Vec<usize> = path.iter().copied().chain([state]).collect();
                    longer.push((path, p * step * likelihood));
                }
            }
            paths = longer;
        }
        paths
    }

    /// Checks evidence, smoothed marginals, filtered distributions and the most likely path against
    /// the sum over all paths.
    fn check(&self, log_evidence: f64, most_likely: &[usize], log_joint: f64) {
        let (model, posterior) = (self.model(), self.posterior().unwrap());
        assert_abs_diff_eq!(posterior.log_evidence(), log_evidence, epsilon = 1e-14);
        let paths = self.paths();
        let total: f64 = paths.iter().map(|(_, p)| p).sum();
        assert_abs_diff_eq!(posterior.log_evidence(), total.ln(), epsilon = 1e-14);
        for ((t, state), &found) in posterior.state_marginals().indexed_iter() {
            let through: f64 = paths.iter().filter(|(path, _)| path[t] == state).map(|(_, p)| p).sum();
            assert_abs_diff_eq!(found, through / total, epsilon = 1e-14);
            assert_eq!(found == 0.0, through == 0.0, "zeros are exact");
        }
        let likely = posterior.most_likely(&model).unwrap();
        assert_eq!(likely.states(), most_likely);
        let (best, p) = paths.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        assert_eq!(best, most_likely);
        assert_abs_diff_eq!(p.ln(), log_joint, epsilon = 1e-14);
        let log_posterior = posterior.log_probability(&model, &likely).unwrap();
        assert_abs_diff_eq!(log_posterior + log_evidence, log_joint, epsilon = 1e-13);
        self.check_filtered(&model);
    }

    /// p(s_t | o_0 … o_t) is the normalised product of the forward message and the likelihood.
    fn check_filtered(&self, model: &TimeVaryingMdp<Mdp<f64, DenseDynamics>>) {
        let messages = forward_messages(model, &self.initial, self.horizon()).unwrap();
        for t in 0..=self.horizon() {
            let log_likelihoods = self.likelihoods.row(t).mapv(f64::ln);
            let logs: Array1<f64> = &messages.log_forward().row(t) + &log_likelihoods;
            let filtered = logs.mapv(|log| (log - log_sum_exp(&logs.to_vec())).exp());
            let likelihoods = self.likelihoods.slice(softmdp::ndarray::s![..=t, ..]).to_owned();
            let (initial, transitions) = (self.initial.clone(), self.transitions.clone());
            let paths = Hidden { initial, transitions, likelihoods }.paths();
            let total: f64 = paths.iter().map(|(_, p)| p).sum();
            for (state, &found) in filtered.iter().enumerate() {
                let ends = paths.iter().filter(|(path, _)| path.last() == Some(&state));
                let expected = ends.map(|(_, p)| p).sum::<f64>() / total;
                assert_abs_diff_eq!(found, expected, epsilon = 1e-14);
            }
        }
    }
}

fn close(found: ArrayView1<'_, f64>, expected: [f64; 3]) {
    found.iter().zip(expected).for_each(|(&found, expected)| {
        assert_abs_diff_eq!(found, expected, epsilon = 1e-14);
    });
}

/// A chain that only goes forward.
#[test]
fn zeros_of_the_transitions_forbid_paths() {
    let hidden = Hidden {
        initial: array![1.0, 0.0, 0.0],
        transitions: array![[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]],
        likelihoods: array![[0.1, 0.2, 0.9], [0.05, 0.1, 0.95], [0.2, 0.1, 0.9], [0.3, 0.3, 0.9]],
    };
    hidden.check(-6.064_035_239_942_816, &[0, 1, 2, 2], -6.202_185_578_423_633_5);
    let posterior = hidden.posterior().unwrap();
    let marginals = posterior.state_marginals();
    close(marginals.row(1), [0.064_516_129_032_258_01, 0.935_483_870_967_741_5, 0.0]);
    close(marginals.row(2), [0.032_258_064_516_129, 0.096_774_193_548_387_1, 0.870_967_741_935_483_9]);
    close(marginals.row(3), [0.016_129_032_258_064_5, 0.040_322_580_645_161_25, 0.943_548_387_096_774_1]);
}

/// Symbols 0, 1, 2, 2, 0 were observed.
fn symbols() -> Hidden {
    let emissions = array![[0.5, 0.5, 0.0], [0.2, 0.3, 0.5], [0.0, 0.1, 0.9]];
    let observed = [0, 1, 2, 2, 0];
    Hidden {
        initial: array![0.3, 0.2, 0.5],
        transitions: array![[0.0, 0.2, 0.8], [1.0, 0.0, 0.0], [0.4, 0.4, 0.2]],
        likelihoods: Array2::from_shape_fn((5, 3), |(t, state)| emissions[[state, observed[t]]]),
    }
}

#[test]
fn zeros_of_the_emissions_forbid_states() {
    symbols().check(-5.995_221_997_491_421, &[1, 0, 2, 1, 0], -6.543_112_165_394_227);
    let posterior = symbols().posterior().unwrap();
    let marginals = posterior.state_marginals();
    close(marginals.row(0), [0.130_434_782_608_695_7, 0.869_565_217_391_304_7, 0.0]);
    close(marginals.row(3), [0.0, 0.664_893_617_021_276_8, 0.335_106_382_978_723_64]);
}

/// With every observation as a stage reward, the model makes one transition more, which nothing
/// observes. Evidence and marginals are the same, but the most likely trajectory ends in a further
/// state, whose probability counts.
#[test]
fn emissions_at_every_stage_lead_one_transition_further() {
    let hidden = symbols();
    let logs = hidden.likelihoods.mapv(f64::ln);
    let transitions = hidden.transitions.clone().into_shape_with_order((3, 1, 3)).unwrap();
    let mdp = Mdp::new(transitions, Array2::zeros((3, 1))).unwrap();
    let rewards = Array3::from_shape_fn((5, 3, 1), |(t, state, _)| logs[[t, state]]);
    let model = TimeVaryingMdp::from_rewards(&mdp, rewards).unwrap();
    let further = posterior(&model, &hidden.initial, 5).unwrap();
    let exact = hidden.posterior().unwrap();
    assert_abs_diff_eq!(further.log_evidence(), exact.log_evidence(), epsilon = 1e-14);
    for ((t, state), &p) in exact.state_marginals().indexed_iter() {
        assert_abs_diff_eq!(further.state_marginals()[[t, state]], p, epsilon = 1e-14);
    }
    assert_eq!(further.most_likely(&model).unwrap().states(), [1, 0, 2, 1, 0, 2]);
    let path = Trajectory::new(vec![1, 0, 2, 1, 0], vec![0; 4]).unwrap();
    assert_eq!(exact.most_likely(&hidden.model()).unwrap(), path);

    // The further transition can change the states before it: 0.55 · 0.5 < 0.45 · 1.
    let mdp = Mdp::new(array![[[0.5, 0.5]], [[0.0, 1.0]]], Array2::zeros((2, 1))).unwrap();
    let likely = |horizon| {
        let posterior = posterior(&mdp, &array![0.55, 0.45], horizon).unwrap();
        posterior.most_likely(&mdp).unwrap().states().to_vec()
    };
    assert_eq!((likely(0), likely(1)), (vec![0], vec![1, 1]));
}

/// An observation that no state explains, alone or after what came before.
#[test]
fn impossible_observations_are_errors_that_name_the_stage() {
    let hidden = |likelihoods: Array2<f64>| Hidden {
        initial: array![0.5, 0.5],
        transitions: array![[1.0, 0.0], [0.0, 1.0]],
        likelihoods,
    };
    let refused = |likelihoods, stage| {
        let hidden = hidden(likelihoods);
        let error = hidden.posterior().unwrap_err();
        assert_eq!(error, Error::ImpossibleEvidence { stage });
        // Filtering goes on up to the last observation.
        match forward_messages(&hidden.model(), &hidden.initial, hidden.horizon()) {
            Ok(messages) => {
                assert_eq!((messages.log_evidence(), stage), (f64::NEG_INFINITY, hidden.horizon()));
            }
            Err(error) => assert_eq!(error, Error::ImpossibleEvidence { stage }),
        }
    };
    refused(array![[0.5, 0.5], [0.0, 0.0], [0.5, 0.5]], 1);
    refused(array![[0.0, 0.0], [0.5, 0.5]], 0);
    // The last observation, which is the terminal value.
    refused(array![[0.5, 0.5], [0.5, 0.5], [0.0, 0.0]], 2);
    // Each one is possible, but no state explains both.
    refused(array![[0.5, 0.0], [0.0, 0.5], [0.5, 0.5]], 1);
}

/// Twenty symbols that alternate, each emitted by one of two states that are left with probability
/// 1/2: only one path, of probability 2⁻¹⁹ after its start.
#[test]
fn certain_emissions_leave_one_path() {
    let hidden = Hidden {
        initial: array![1.0, 0.0],
        transitions: array![[0.5, 0.5], [0.5, 0.5]],
        likelihoods: Array2::from_shape_fn((20, 2), |(t, state)| if t % 2 == state { 1.0 } else { 0.0 }),
    };
    let posterior = hidden.posterior().unwrap();
    assert_abs_diff_eq!(posterior.log_evidence(), -13.169_796_430_638_96, epsilon = 1e-13);
    let path: Vec<usize> = (0..20).map(|t| t % 2).collect();
    assert_eq!(posterior.most_likely(&hidden.model()).unwrap().states(), path);
}
