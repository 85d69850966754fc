//! Second derivatives of log-likelihoods, and the scores of demonstrations.

mod differences;
mod identification;
mod independent;
#[cfg(feature = "rayon")]
mod threads;
