//! Models that are more than one table of rewards.

mod successor_rewards;
