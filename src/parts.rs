//! The tables of each result, for storage in a format of your own.
//!
//! The accessors of a result return its tables. To make the result again, fill in the struct
//! `…Parts` of the result and convert it by [`TryFrom`]. The conversion checks that shapes agree,
//! that rows are distributions and that no value is NaN. It returns [`Error`](crate::Error) for the
//! first violation. It cannot check whether the result belongs to a model.
//!
//! The features `serde` and `npz` use the same conversions.
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
pub use crate::stationary::{AverageRewardParts, LongRunGrowthParts, StationarySolutionParts};
