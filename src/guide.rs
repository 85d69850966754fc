//! From the idea to a model of one's own, a chapter at a time.
//!
//! 1. [`idea`]: planning as inference
//! 2. [`first_model`]: two states, and a map
//! 3. [`which_inference`]: how it went, or how to act
//! 4. [`priors`]: action priors, temperature, discount
//! 5. [`endings`]: terminal against absorbing states
//! 6. [`dynamics`]: sparse, deterministic, computed; models that are drawn
//! 7. [`large`]: long horizons and big models
//! 8. [`stationary`]: no horizon at all
//! 9. [`learning`]: from samples
//! 10. [`numerics`]: and what −∞ means
//! 11. [`python`]: what it is called in other libraries
//!
//! The equations are in [`formulas`](crate::formulas), the overview of all types is on the [first page](crate).

#[doc = include_str!("../docs/guide/dynamics.md")]
pub mod dynamics {}

#[doc = include_str!("../docs/guide/endings.md")]
pub mod endings {}

#[doc = include_str!("../docs/guide/first_model.md")]
pub mod first_model {}

#[doc = include_str!("../docs/guide/idea.md")]
pub mod idea {}

#[doc = include_str!("../docs/guide/large.md")]
pub mod large {}

#[doc = include_str!("../docs/guide/learning.md")]
pub mod learning {}

#[doc = include_str!("../docs/guide/numerics.md")]
pub mod numerics {}

#[doc = include_str!("../docs/guide/priors.md")]
pub mod priors {}

#[doc = include_str!("../docs/guide/python.md")]
pub mod python {}

#[doc = include_str!("../docs/guide/stationary.md")]
pub mod stationary {}

#[doc = include_str!("../docs/guide/which_inference.md")]
pub mod which_inference {}
