//! The tables that each result consists of, to be stored in a format of your own and checked when
//! they are read.
//!
//! The accessors of a result give its tables. To make the result again, fill in the struct of the
//! same name with `Parts` and convert it by [`TryFrom`]. The conversion checks what holds for every
//! value of the type: shapes that agree, rows that are distributions, no NaN. It returns
//! [`Error`](crate::Error) for the first violation. Whether a result belongs to a model cannot be
//! seen in its tables and is not checked.
//!
//! The features `serde` and `npz` store results in the same way.
//!
//! # Example
//!
//! ```
//! use softmdp::parts::PolicyParts;
//! use softmdp::{Error, Mdp, Policy, Table, ndarray::array, soft_value_iteration};
//!
//! let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, -2000.0]])?;
//! let solution = soft_value_iteration(&mdp, 1)?;
//! let policy = solution.policy();
//! let mut parts = PolicyParts {
//!     probabilities: policy.probabilities().to_owned(),         // [[[1.0, 0.0]]]
//!     log_probabilities: policy.log_probabilities().to_owned(), // [[[0.0, -2000.0]]]
//! };
//! assert_eq!(Policy::try_from(parts.clone())?, *policy);
//!
//! parts.log_probabilities[[0, 0, 1]] = -1.0; // exp(−1) is not 0
//! let error = Policy::try_from(parts).unwrap_err();
//! assert!(matches!(error, Error::InvalidEntry { table: Table::LogPolicy, .. }));
//! # Ok::<(), Error>(())
//! ```

pub use crate::backward::{SolutionParts, StateValuesParts};
pub use crate::forward::ForwardMessagesParts;
pub use crate::policy::{PolicyParts, StationaryPolicyParts};
pub use crate::posterior::PosteriorParts;
pub use crate::stationary::{LongRunGrowthParts, StationarySolutionParts};
