//! The two inference problems.

use std::fmt;

/// The inference problem to solve.
///
/// | | [`Direct`](Inference::Direct) | [`Variational`](Inference::Variational) |
/// |---|---|---|
/// | question | what happened, given success? | how should I act? |
/// | dynamics | conditioned on success | true |
/// | backup | Q = r + τ log E exp(V/τ) (D1) | Q = r + E V (V2) |
/// | results | posterior, marginals, evidence | policy, occupancy, ELBO |
/// | use it to | explain a known outcome | plan, control, explain choices |
///
/// Both agree if the dynamics are deterministic and γ = 1.
///
/// # Example
///
/// ```
/// use softmdp::{Inference, Mdp, SoftValueIteration, ndarray::{Array2, array}};
///
/// // One step: a bet that wins or loses 10 with probability 1/2 each, or no bet.
/// let transitions = array![
///     [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]],
///     [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]],
///     [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
/// ];
/// let mdp = Mdp::builder(transitions, Array2::zeros((3, 2)))
///     .terminal_values(array![0.0, 10.0, -10.0])
///     .build()?;
/// let bets = |inference| {
///     let solution = SoftValueIteration::new(1).inference(inference).solve(&mdp)?;
///     Ok::<_, softmdp::Error>(solution.policy().probabilities()[[0, 0, 0]])
/// };
/// assert!(bets(Inference::Direct)? > 0.999); // given success, the agent took the bet and won
/// assert_eq!(bets(Inference::Variational)?, 0.5); // the expected value of the bet is 0
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Inference {
    /// The exact posterior over trajectories, given success (D0). The default.
    #[default]
    Direct,
    /// The best policy under the true dynamics: maximum-entropy control (V1).
    #[doc(alias("maximum_entropy", "logit", "gumbel", "quantal_response"))]
    Variational,
}

impl fmt::Display for Inference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Inference::Direct => "direct",
            Inference::Variational => "variational",
        })
    }
}
