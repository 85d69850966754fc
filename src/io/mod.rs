//! Models and results in files.
//!
//! | what | read | write | with |
//! |---|---|---|---|
//! | models and results as `.npz` archives of numpy | `Npz::read_npz` | `Npz::write_npz` | feature `npz` |
//! | explicit models of PRISM and Storm, as text | [`ExplicitMdp::read`] | – | always |
//!
//! An [`Error`] names the file, the place in it and the reason. Readers never panic, and never
//! allocate for a length that a file merely claims.
//!
//! # Models as `.npz`
//!
//! A `ModelFile` has its dynamics in exactly one of three forms:
//!
//! | form | array | shape | content |
//! |---|---|---|---|
//! | dense | `transitions` | `[s, a, s']` | P(s'∣s,a) |
//! | compressed rows | `row_offsets` | `[S·A + 1]` | row `s · A + a` has the entries `row_offsets[row]..row_offsets[row + 1]` |
//! | | `next_states` | `[n]` | successors, ascending in each row, each once |
//! | | `probabilities` | `[n]` | probabilities of these successors |
//! | deterministic | `successors` | `[s, a]` | the only successor |
//!
//! The other arrays are optional, but one of `rewards` and `successor_rewards` is required. If a
//! file has both, they are added.
//!
//! | array | shape | if absent |
//! |---|---|---|
//! | `rewards` | `[s, a]`, or `[t, s, a]` for a model that changes with time | 0 |
//! | `successor_rewards` | that of the probabilities: `[s, a, s']`, `[n]` or `[s, a]` | 0 |
//! | `num_actions` | `[]`, for compressed rows | the last axis of `rewards`, `available_actions` or `action_prior` |
//! | `discount`, `temperature` | `[]` | 1 |
//! | `action_prior` | `[s, a]` weights | counting prior |
//! | `uniform_prior` | `[]` bool, excludes `action_prior` | false |
//! | `available_actions` | `[s, a]` bool | all |
//! | `terminal_states` | `[k]` indices | none |
//! | `terminal_values` | `[s]` | 0 |
//! | `initial` | `[s]`, p₀ | none |
//! | `repeats` | `[]` bool: stage t uses the rewards of t modulo T | false |
//!
//! Rows of terminal states and of actions that are never taken need not sum to 1 and may be empty.
//! The array `provenance` may say where a model comes from. `ModelFile::ignored_arrays` lists the
//! names of all arrays that have no meaning here.
//!
//! # Results as `.npz`
//!
//! | type | arrays |
//! |---|---|
//! | [`Solution`](crate::Solution) | `state_values` `[t, s]`, `action_values`, `policy`, `log_policy` `[t, s, a]`, `inference` `[]`: 0 direct, 1 variational |
//! | [`StateValues`](crate::StateValues) | `state_values`, `num_actions` `[]`, `inference` |
//! | [`Policy`](crate::Policy) | `policy`, `log_policy` (computed, if absent) |
//! | [`ForwardMessages`](crate::ForwardMessages) | `log_forward` `[t, s]`, `log_normalizers`, `log_absorbed` `[t]`, `log_evidence` `[]` |
//! | [`Posterior`](crate::Posterior) | those of its solution, `initial` `[s]`, `log_evidence` `[]`, `state_marginals` `[t, s]`, `absorbed_marginals` `[t]`, `state_action_marginals` `[t, s, a]` |
//!
//! # Elements
//!
//! Numbers are read from arrays of `f8`, `f4`, bool and integers of 1 to 8 bytes. Indices are read
//! from integers, truth values from bool and from the integers 0 and 1. Both byte orders are read,
//! and both C and Fortran order. Arrays are written as `f8` (`f4` for models in `f32`), `i8` and
//! bool, in C order.
//!
//! Entries of an archive may be stored or deflated, and of any size. Encrypted entries, other
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
