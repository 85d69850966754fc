//! Models and results in files.
//!
//! | what | read | write | with |
//! |---|---|---|---|
//! | models and results as `.npz` archives, for numpy | `Npz::read_npz` | `Npz::write_npz` | feature `npz` |
//! | explicit models of PRISM and Storm, as text | [`ExplicitMdp::read`] | – | always |
//!
//! What is wrong with a file is an [`Error`] that names the file, the place in it and the reason. No file makes a reader
//! panic, or take memory for what it only announces: a length is compared with what is there before anything is taken.
//!
//! # Models as `.npz`
//!
//! A `ModelFile` has exactly one of three forms of dynamics:
//!
//! | array | shape | |
//! |---|---|---|
//! | `transitions` | `[s, a, s']` | P(s'∣s,a), or: |
//! | `row_offsets` | `[S·A + 1]` | row `s · A + a` has entries `row_offsets[row]..row_offsets[row + 1]` of |
//! | `next_states` | `[n]` | its successors, ascending, each once, and |
//! | `probabilities` | `[n]` | their probabilities; or: |
//! | `successors` | `[s, a]` | the one certain successor |
//!
//! and these, of which `rewards` or `successor_rewards` has to be there; both add up:
//!
//! | array | shape | if absent |
//! |---|---|---|
//! | `rewards` | `[s, a]`, or `[t, s, a]` for a model that changes with time | 0 |
//! | `successor_rewards` | beside the dynamics: `[s, a, s']`, `[n]` or `[s, a]` | 0 |
//! | `num_actions` | `[]`, beside `row_offsets` | that of `rewards`, `available_actions` or `action_prior` |
//! | `discount`, `temperature` | `[]` | 1 |
//! | `action_prior` | `[s, a]` weights | counting |
//! | `uniform_prior` | `[]` bool; not beside `action_prior` | false |
//! | `available_actions` | `[s, a]` bool | all |
//! | `terminal_states` | `[k]` indices | none |
//! | `terminal_values` | `[s]` | 0 |
//! | `initial` | `[s]`, p₀ | none |
//! | `repeats` | `[]` bool: stage t is that of t modulo T | false |
//!
//! Rows of terminal states and of actions that are never taken need not be distributions, and may be empty. Other arrays
//! are not looked at, and named by `ModelFile::ignored_arrays`; but for `provenance`, which says where a model comes from.
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
//! Numbers are read from arrays of `f8`, `f4`, integers of 1 to 8 bytes and bool, indices from integers, truth values from
//! bool and from integers 0 and 1; in either byte order, in C and Fortran order. They are written as `f8` (`f4` for models in
//! `f32`), `i8` and bool, in C order. Entries of an archive may be stored or deflated, of any size; encryption, other
//! compression and pickled objects are not read.

pub use error::{Error, Place, Reason};
pub use explicit::ExplicitMdp;
#[cfg(feature = "npz")]
#[cfg_attr(docsrs, doc(cfg(feature = "npz")))]
pub use npz::{ModelFile, Npz, NpzWriter, StoredModel};

mod error;
mod explicit;
#[cfg(feature = "npz")]
mod npz;
