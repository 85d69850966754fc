//! Models and results in files.
//!
//! | what | read | write | with |
//! |---|---|---|---|
//! | models and results as `.npz` archives of numpy | `Npz::read_npz` | `Npz::write_npz` | feature `npz` |
//! | explicit models of PRISM and Storm, as text | [`ExplicitMdp::read`] | – | always |
//!
//! An [`Error`] names the file, the place in the file and the reason. Readers never panic, and
//! never allocate for a length that a file merely claims.
//!
//! # Models as `.npz`
//!
//! A `ModelFile` has its dynamics in exactly one of three forms:
//!
//! | form | array | shape | content |
//! |---|---|---|---|
//! | dense | `transitions` | `[s, a, s']` | P(s'∣s,a) |
//! | compressed rows | `row_offsets` | `[S·A + 1]` | row `s · A + a` has the entries `row_offsets[row]..row_offsets[row + 1]` |
//! | | `next_states` | `[n]` | successors, in any order |
//! | | `probabilities` | `[n]` | probabilities of these successors |
//! | deterministic | `successors` | `[s, a]` | the only successor |
//!
//! A row of compressed rows may list a successor several times. The probabilities are added. Each
//! entry has a reward of its own in `successor_rewards`: [`Mdp::with_outcomes`] says what that
//! means. The arrays may also be named `indptr`, `indices` and `data`, as in scipy. A
//! `SparseDynamics` is read from the file of `scipy.sparse.save_npz` of a matrix `[S·A, S]` in CSR
//! format, or from the dynamics of a model.
//!
//! The other arrays are optional, but a model must have `rewards`, `stage_rewards` or
//! `successor_rewards`. The model has the sum of the rewards on the pair and on the successor.
//!
//! | array | shape | if absent |
//! |---|---|---|
//! | `rewards` | `[s, a]` | 0 |
//! | `stage_rewards` | `[t, s, a]`, for a model that varies by stage; excludes `rewards` | – |
//! | `successor_rewards` | the shape of the probabilities: `[s, a, s']`, `[n]` or `[s, a]` | 0 |
//! | `num_actions` | `[]`, for compressed rows | the last axis of `rewards`, `stage_rewards`, `available_actions` or `action_prior` |
//! | `discount`, `temperature` | `[]` | 1 |
//! | `action_prior` | `[s, a]` weights | counting prior |
//! | `uniform_prior` | `[]` bool, excludes `action_prior` | false |
//! | `available_actions` | `[s, a]` bool | all |
//! | `terminal_states` | `[s]` bool, or `[k]` indices | none |
//! | `terminal_values` | `[s]` | 0 |
//! | `initial` | `[s]`, p₀ | none |
//! | `repeats` | `[]` bool: stage t uses the rewards of t modulo T | false |
//!
//! Rows of terminal states, of unavailable actions and of actions of prior weight 0 need not sum to
//! 1 and may be empty. Other rows sum to 1. `ModelFile::read_npz_normalized` rescales rows of
//! `float32` or of few printed digits, and counts them. The array `provenance` may hold the source
//! of a model. `ModelFile::ignored_arrays` lists the names of all arrays that the reader ignores.
//!
//! Arrays that could be read as another model are errors, and the error names the remedy:
//!
//! | array | reason |
//! |---|---|
//! | `rewards` `[t, s, a]` with T = S | it may be `successor_rewards`. With T ≠ S it is read as `stage_rewards` |
//! | `transitions` `[a, s, s']` | the first axis is the state. If S = A, the reader cannot detect the order |
//! | `terminal_states` of integers 0 and 1, one for each state | it may be a mask. Save masks as bool |
//! | `terminal_states` with a state twice | it is not a list of indices |
//!
//! A model whose rewards differ by stage is a `StoredModel::TimeVarying`.
//!
//! [`Mdp::with_outcomes`]: crate::Mdp::with_outcomes
//!
//! # Results as `.npz`
//!
//! | type | arrays |
//! |---|---|
//! | [`Solution`](crate::Solution) | `state_values` `[t, s]`, `action_values`, `policy`, `log_policy` `[t, s, a]`, `inference` `[]`: 0 direct, 1 variational; given observations, `observation_stages`, `absorbed_observations` `[k]`, `observations` `[k, s]` |
//! | [`StateValues`](crate::StateValues) | `state_values`, `num_actions` `[]`, `inference` |
//! | [`Policy`](crate::Policy) | `policy`, `log_policy` (computed, if absent) |
//! | [`ForwardMessages`](crate::ForwardMessages) | `log_forward` `[t, s]`, `log_normalizers`, `log_absorbed` `[t]`, `log_evidence` `[]` |
//! | [`Posterior`](crate::Posterior) | those of its solution, `initial` `[s]`, `log_evidence` `[]`, `state_marginals` `[t, s]`, `absorbed_marginals` `[t]`, `state_action_marginals` `[t, s, a]` |
//! | [`StationarySolution`](crate::StationarySolution) | `state_values` `[s]`, `action_values`, `policy`, `log_policy` `[s, a]`, `inference` `[]`, and those of the search |
//! | [`StationaryPolicy`](crate::StationaryPolicy) | `policy`, `log_policy` `[s, a]` (computed, if absent) |
//! | [`LongRunGrowth`](crate::LongRunGrowth) | `rate`, `lower_bound`, `upper_bound` `[]`, `relative_values` `[s]`, `policy`, `log_policy` `[s, a]`, and those of the search |
//! | [`AverageReward`](crate::AverageReward) | `gain`, `lower_bound`, `upper_bound` `[]`, `relative_values` `[s]`, `policy`, `log_policy` `[s, a]`, and those of the search |
//! | the search ([`Convergence`](crate::Convergence)) | `error_bound`, `iterations`, `status` `[]`: 0 converged, 1 iteration limit, 2 rounding floor, 3 several fixed points (with a state of the loop, `endless_state` `[]`), 4 stopped, 5 diverging |
//!
//! # Elements
//!
//! Readers accept numbers as arrays of `f8`, `f4`, bool and integers of 1 to 8 bytes. They accept
//! indices as integers, and truth values as bool or as the integers 0 and 1. They accept both byte
//! orders, and C and Fortran order. The type of an empty array does not matter. Writers use `f8`
//! (`f4` for models in `f32`), `i8` and bool, in C order.
//!
//! Entries of an archive may be stored or deflated, and may have any size. Encrypted entries, other
//! methods of compression and pickled objects are errors.

pub use error::{Error, Place, Reason};
pub use explicit::ExplicitMdp;
#[cfg(feature = "npz")]
#[cfg_attr(docsrs, doc(cfg(feature = "npz")))]
pub use npz::{ModelFile, Npz, NpzWriter, StoredModel};

mod error;
mod explicit;
#[cfg(feature = "npz")]
mod npz;
