//! Rewards, temperature and goals from behaviour.
