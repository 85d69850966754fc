//! Random models of a family that is known as Garnet: S. Bhatnagar, R. Sutton, M. Ghavamzadeh, M.
//! Lee, *Natural Actor–Critic Algorithms*, Automatica 45 (2009), 2471–2482, after T. W. Archibald,
//! K. I. M. McKinnon, L. C. Thomas, *On the Generation of Markov Decision Processes*, J. Oper. Res.
//! Soc. 46 (1995), 354–361.
//!
//! Each pair leads to a number of distinct states, drawn without preference, with the lengths of
//! the pieces into which as many points, less one, cut the unit interval. Rewards are uniform in
//! [0, 1). Numbers come from SplitMix64 in this order, for each pair in turn: successors, where one
//! that is drawn again is drawn anew; cuts; the reward. A whole number below n is the remainder of
//! 64 bits by n, a real one their first 53 over 2⁵³.

use super::World;

/// G. L. Steele, D. Lea, C. H. Flood, *Fast Splittable Pseudorandom Number Generators*, OOPSLA
/// 2014.
#[derive(Debug, Clone)]
pub struct SplitMix(u64);

impl SplitMix {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }
}

pub fn garnet(seed: u64, num_states: usize, num_actions: usize, branching: usize, discount: f64) -> World {
    let mut random = SplitMix::new(seed);
    let name = format!("Garnet {num_states}x{num_actions}x{branching}");
    World::new(name, (num_states, num_actions), [], discount, |_, _| {
        let mut successors = Vec::with_capacity(branching);
        while successors.len() < branching {
            let next_state = random.below(num_states);
            if !successors.contains(&next_state) {
                successors.push(next_state);
            }
        }
        let mut cuts: Vec<f64> = (1..branching).map(|_| random.unit()).collect();
        cuts.extend([0.0, 1.0]);
        cuts.sort_by(f64::total_cmp);
        let reward = random.unit();
        let pieces: Vec<f64> = cuts.windows(2).map(|ends| ends[1] - ends[0]).collect();
        successors.into_iter().zip(pieces).map(move |(next_state, p)| (next_state, p, reward))
    })
}
