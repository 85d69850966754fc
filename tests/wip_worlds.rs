//! Temporary.
#[allow(unused)]
mod suite {
    mod cases;
    mod gridworld;
    pub mod worlds;
}
pub use suite::worlds;
