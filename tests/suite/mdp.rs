//! Models with rewards on the successor.

mod successor_rewards;
