//! A gambler's stakes: Sutton and Barto, *Reinforcement Learning*, example 4.3, with a coin that is
//! better than fair.

use approx::assert_abs_diff_eq;
use softmdp::StationarySolver;

use crate::worlds::{METHODS, World};

const GOAL: usize = 100;

/// Action a stakes a + 1 of the capital, as far as there is so much and the goal is so far.
fn gambler(p: f64) -> World {
    World::new("gambler", (GOAL + 1, GOAL / 2), [0, GOAL], 1.0, move |capital, action| {
        let stake = (action + 1).min(capital).min(GOAL - capital);
        let pays = f64::from(u8::from(capital + stake == GOAL));
        [(capital + stake, p, pays), (capital - stake, 1.0 - p, 0.0)]
    })
}

/// With p = 0.55 the least stake is best: V(s) = (1 − ρ^s)/(1 − ρ^100), ρ = (1 − p)/p = 9/11. The
/// values of larger stakes are within 1e-7 of it from a capital of 80 on.
#[test]
fn a_good_coin_asks_for_the_least_stake() {
    let world = gambler(0.55);
    let closed = |capital: i32| (1.0 - (9.0_f64 / 11.0).powi(capital)) / (1.0 - (9.0_f64 / 11.0).powi(100));
    for (capital, value) in
        [(1, 0.181_818_182_168_626_71), (50, 0.999_956_099_228_975_8), (80, 0.999_999_895_271_287)]
    {
        assert_abs_diff_eq!(closed(capital), value, epsilon = 1e-15);
    }
    for method in METHODS {
        let solution = StationarySolver::new(1e-9).method(method).solve(&world.mdp).unwrap();
        let bound = solution.convergence().error_bound;
        assert!(bound <= 1e-9, "{method:?}: {bound:e}");
        for (capital, &value) in (1..100).zip(solution.state_values().iter().skip(1)) {
            assert!((value - closed(capital)).abs() <= bound + 1e-15, "{method:?}, {capital}: {value}");
        }
        let greedy = solution.policy().greedy();
        assert!((1..GOAL).all(|capital| greedy[capital] == 0), "{method:?}: {greedy}");
    }
}
