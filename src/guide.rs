//! The guide leads from the idea to your own model.
//!
//! 1. [`idea`]: planning as inference
//! 2. [`first_model`]: two states, and a map
//! 3. [`which_inference`]: to choose actions, or to explain a success
//! 4. [`priors`]: action priors, temperature, discount
//! 5. [`endings`]: terminal states and absorbing states
//! 6. [`dynamics`]: sparse, deterministic and computed transitions
//! 7. [`large`]: long horizons and big models
//! 8. [`stationary`]: infinite horizons
//! 9. [`learning`]: the same results from samples
//! 10. [`hidden_markov`]: filtering, smoothing and Viterbi paths, and observations of an
//!     agent that acts
//! 11. [`inverse`]: three likelihoods of demonstrations, fits and their errors
//! 12. [`watching`]: the posterior over goals of an agent that is watched
//! 13. [`pictures`]: maps, curves and animations
//! 14. [`numerics`]: the meaning of −∞, and the accuracy of results
//! 15. [`python`]: names in other libraries
//!
//! [`formulas`](crate::formulas) lists every equation. The [crate page](crate) lists all types and
//! the notation.

// The chapters are files that GitHub shows too. There, their links lead to other files and to docs.rs. Here the first
// definition of a link counts, so that the definitions of `links.md` replace those at the end of each chapter.

#[doc = include_str!("links.md")]
#[doc = include_str!("../docs/guide/dynamics.md")]
pub mod dynamics {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../docs/guide/endings.md")]
pub mod endings {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../docs/pictures/inline.md")]
#[doc = include_str!("../docs/guide/first_model.md")]
pub mod first_model {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../docs/guide/hidden_markov.md")]
pub mod hidden_markov {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../docs/guide/idea.md")]
pub mod idea {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../docs/guide/inverse.md")]
pub mod inverse {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../docs/guide/large.md")]
pub mod large {}

#[doc = include_str!("links.md")]
#[cfg_attr(feature = "rand", doc = include_str!("../docs/guide/learning.md"))]
#[cfg_attr(
    not(feature = "rand"),
    doc = "Build the documentation with the feature `rand` to see this chapter."
)]
pub mod learning {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../docs/guide/numerics.md")]
pub mod numerics {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../docs/pictures/inline.md")]
#[cfg_attr(feature = "plot", doc = include_str!("../docs/guide/pictures.md"))]
#[cfg_attr(
    not(feature = "plot"),
    doc = "Build the documentation with the feature `plot` to see this chapter."
)]
pub mod pictures {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../docs/guide/priors.md")]
pub mod priors {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../docs/guide/python.md")]
pub mod python {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../docs/guide/stationary.md")]
pub mod stationary {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../docs/pictures/inline.md")]
#[doc = include_str!("../docs/guide/watching.md")]
pub mod watching {}

#[doc = include_str!("links.md")]
#[doc = include_str!("../docs/guide/which_inference.md")]
pub mod which_inference {}
