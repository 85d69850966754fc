//! γ = 1 and τ = 0 with loops that cost nothing: reachability, free waiting, gambler's ruin, ties.
//!
//! The value is the supremum over policies of the expected total reward, where going on forever
//! without a reward is worth 0 (S4). On small random models, that is the maximum over deterministic
//! policies, each evaluated here by classes and elimination.

use ndarray::{Array1, Array2, Array3};
use softmdp::{Mdp, Method, StationarySolver, Status, ndarray};

use crate::common::elimination::{Number, eliminate};
use crate::common::random::Random;
use crate::precision::reference::{Big, big, small};
use crate::worlds::METHODS;

const INF: f64 = f64::INFINITY;

/// What a policy earns in total, from one state.
#[derive(Debug, Clone, PartialEq)]
enum Worth<T> {
    Finite(T),
    Loses,
    Gains,
    /// Rewards cancel on an endless loop.
    Undefined,
}

/// Solves (I − P) x = b. Rows of P sum to 1 at most, and every state can leave.
fn solve<T: Number>(p: &[Vec<T>], b: &[T], number: impl Fn(f64) -> T) -> Vec<T> {
    let unit = |i: usize, j: usize| number(f64::from(u8::from(i == j)));
    let row =
        |(i, row): (usize, &Vec<T>)| row.iter().enumerate().map(|(j, p)| unit(i, j) - p.clone()).collect();
    eliminate(p.iter().enumerate().map(row).collect(), b.to_vec())
}

/// The total reward of a policy `[s, a]` from each state.
fn worth<T: Number>(mdp: &Mdp, policy: &Array2<f64>, number: impl Fn(f64) -> T + Copy) -> Vec<Worth<T>> {
    let (n, transitions) = (mdp.num_states(), mdp.dynamics().transitions());
    let ends: Vec<bool> = (0..n).map(|s| mdp.is_terminal(s)).collect();
    let taken = |s: usize| (0..mdp.num_actions()).filter(move |&a| policy[[s, a]] > 0.0);
    let step = |s: usize, next: usize| {
        taken(s).fold(number(0.0), |sum, a| sum + number(policy[[s, a]]) * number(transitions[[s, a, next]]))
    };
    let p: Vec<Vec<T>> = (0..n)
        .map(|s| (0..n).map(|next| if ends[s] { number(0.0) } else { step(s, next) }).collect())
        .collect();
    let mut reaches: Vec<Vec<bool>> =
        (0..n).map(|s| (0..n).map(|next| s == next || p[s][next] != number(0.0)).collect()).collect();
    for via in 0..n {
        for s in 0..n {
            for next in 0..n {
                reaches[s][next] |= reaches[s][via] && reaches[via][next];
            }
        }
    }
    let is_recurrent = |s: usize| !ends[s] && (0..n).all(|next| !reaches[s][next] || reaches[next][s]);
    let own: Vec<Option<Worth<T>>> = (0..n)
        .map(|s| {
            if ends[s] {
                let value = mdp.terminal_values()[s];
                return Some(if value == -INF { Worth::Loses } else { Worth::Finite(number(value)) });
            }
            let class: Vec<usize> = (0..n).filter(|&next| reaches[s][next]).collect();
            let rewards = || class.iter().flat_map(|&s| taken(s).map(move |a| mdp.rewards()[[s, a]]));
            if taken(s).next().is_none() || taken(s).any(|a| mdp.rewards()[[s, a]] == -INF) {
                return Some(Worth::Loses);
            }
            if !is_recurrent(s) {
                return None;
            }
            if rewards().all(|r| r == 0.0) {
                return Some(Worth::Finite(number(0.0)));
            }
            if rewards().any(|r| r == -INF) {
                return Some(Worth::Loses);
            }
            // The reward until the class comes back to s has the sign of its mean reward.
            let rest: Vec<usize> = class.iter().copied().filter(|&next| next != s).collect();
            let mean = |s: usize| {
                taken(s)
                    .fold(number(0.0), |sum, a| sum + number(policy[[s, a]]) * number(mdp.rewards()[[s, a]]))
            };
            let inside: Vec<Vec<T>> =
                rest.iter().map(|&s| rest.iter().map(|&next| p[s][next].clone()).collect()).collect();
            let until: Vec<T> = solve(&inside, &rest.iter().map(|&s| mean(s)).collect::<Vec<_>>(), number);
            let total = rest.iter().zip(until).fold(mean(s), |sum, (&next, x)| sum + p[s][next].clone() * x);
            // Rewards are multiples of 1/4: what is smaller is rounding.
            Some(if total > number(1e-9) {
                Worth::Gains
            } else if total < number(-1e-9) {
                Worth::Loses
            } else {
                Worth::Undefined
            })
        })
        .collect();
    let kind = |s: usize| {
        let found =
            |worth: &Worth<T>| (0..n).any(|next| reaches[s][next] && own[next].as_ref() == Some(worth));
        match (found(&Worth::Loses), found(&Worth::Gains), found(&Worth::Undefined)) {
            (false, false, false) => None,
            (true, false, false) => Some(Worth::Loses),
            (false, true, false) => Some(Worth::Gains),
            _ => Some(Worth::Undefined),
        }
    };
    let open: Vec<usize> = (0..n).filter(|&s| own[s].is_none() && kind(s).is_none()).collect();
    let inside: Vec<Vec<T>> =
        open.iter().map(|&s| open.iter().map(|&next| p[s][next].clone()).collect()).collect();
    let earned: Vec<T> = open
        .iter()
        .map(|&s| {
            let reward = taken(s)
                .fold(number(0.0), |sum, a| sum + number(policy[[s, a]]) * number(mdp.rewards()[[s, a]]));
            (0..n).fold(reward, |sum, next| match &own[next] {
                Some(Worth::Finite(value)) => sum + p[s][next].clone() * value.clone(),
                _ => sum,
            })
        })
        .collect();
    let values = solve(&inside, &earned, number);
    (0..n)
        .map(|s| match (kind(s), open.iter().position(|&other| other == s)) {
            (Some(kind), _) => kind,
            (None, Some(place)) => Worth::Finite(values[place].clone()),
            (None, None) => own[s].clone().expect("neither open nor lost"),
        })
        .collect()
}

/// The supremum over policies: a number, or an infinity. `None` where the total reward of some
/// policy is undefined.
pub(super) fn best(mdp: &Mdp) -> Option<Vec<f64>> {
    let (n, width) = (mdp.num_states(), mdp.num_actions());
    let mut best = vec![-INF; n];
    let is_free = |s: usize| !mdp.is_terminal(s);
    let free: Vec<usize> = (0..n).filter(|&s| is_free(s)).collect();
    for number in 0..width.pow(free.len() as u32) {
        let mut policy = Array2::zeros((n, width));
        let is_possible = free.iter().enumerate().all(|(place, &s)| {
            let a = number / width.pow(place as u32) % width;
            policy[[s, a]] = 1.0;
            mdp.prior_weights()[[s, a]] > 0.0 && mdp.rewards()[[s, a]] > -INF
                || (a == 0 && (0..width).all(|a| mdp.rewards()[[s, a]] == -INF))
        });
        if !is_possible {
            continue;
        }
        for (best, worth) in best.iter_mut().zip(worth::<f64>(mdp, &policy, |x| x)) {
            match worth {
                Worth::Undefined => return None,
                Worth::Gains => *best = INF,
                Worth::Loses => {}
                Worth::Finite(value) => *best = best.max(value),
            }
        }
    }
    Some(best)
}

/// Loops of every kind; rewards are often 0, and may cancel if `gains`.
fn looping(seed: u64, gains: bool) -> Mdp {
    let mut random = Random(seed);
    let (num_states, num_actions) = (3 + random.below(5), 1 + random.below(3));
    let num_states = if num_actions == 3 { num_states.min(6) } else { num_states + random.below(3) };
    let mut transitions = Array3::zeros((num_states, num_actions, num_states));
    let mut rewards = Array2::zeros((num_states, num_actions));
    let choices: &[f64] =
        if gains { &[0.0, 0.0, 0.0, -1.0, 1.0, -0.5, 2.0, -INF] } else { &[0.0, 0.0, 0.0, 0.0, -1.0, -0.25] };
    for s in 0..num_states {
        for a in 0..num_actions {
            let successors: &[f64] =
                random.pick(&[&[1.0], &[1.0], &[0.5, 0.5], &[0.25, 0.75], &[0.5, 0.25, 0.25]]);
            for &p in successors {
                transitions[[s, a, random.below(num_states)]] += p;
            }
            rewards[[s, a]] = random.pick(choices);
        }
    }
    let mut values = Array1::zeros(num_states);
    let ends = [num_states - 1, num_states - 2];
    let ends = &ends[..=random.below(2)];
    for &end in ends {
        values[end] = random.pick(&[0.0, 1.0, 1.0, -2.0, 5.0]);
    }
    Mdp::builder(transitions, rewards)
        .temperature(0.0)
        .terminal_states(ends.iter().copied())
        .terminal_values(values)
        .build()
        .unwrap()
}

/// Solves a random model by one method and judges all that it claims. Returns the status.
fn check(seed: u64) -> Status {
    let mdp = looping(seed, seed.is_multiple_of(4));
    let method = METHODS[seed as usize % METHODS.len()];
    let is_sweeping = matches!(method, Method::ValueIteration | Method::GaussSeidel);
    let mut solver = StationarySolver::new(1e-6).method(method).max_iterations(20_000);
    if seed.is_multiple_of(3) {
        // The values do not depend on where the search starts.
        solver =
            solver.initial_values(Array1::from_elem(mdp.num_states(), [100.0, -100.0][seed as usize % 2]));
    }
    let solved = solver.solve(&mdp).unwrap();
    let (found, convergence) = (solved.state_values(), *solved.convergence());
    let expected = best(&mdp);
    let place = format!("{seed} {method:?} {convergence:?}: {found}, expected {expected:?}\n{mdp:?}");
    match (convergence.status, expected) {
        (Status::Converged, Some(expected)) => {
            assert!(convergence.error_bound <= 1e-6);
            let is_near = |found: f64, expected: f64| found == expected || (found - expected).abs() <= 1e-6;
            assert!(found.iter().zip(&expected).all(|(&v, &e)| is_near(v, e)), "{place}");
            let policy = solved.probabilities().to_owned();
            let mut greedy = Array2::zeros(policy.raw_dim());
            solved.policy().greedy().iter().enumerate().for_each(|(s, &a)| greedy[[s, a]] = 1.0);
            for policy in [policy, greedy] {
                for (s, worth) in worth::<Big>(&mdp, &policy, big).into_iter().enumerate() {
                    let is_attained = match worth {
                        Worth::Finite(worth) => (small(&worth) - found[s]).abs() <= 1e-6,
                        Worth::Loses => found[s] == -INF,
                        Worth::Gains | Worth::Undefined => false,
                    };
                    assert!(is_attained, "{s} {policy} {place}");
                }
            }
        }
        (Status::Diverging, expected) => {
            assert!(expected.is_none_or(|expected| expected.contains(&INF)), "{place}");
        }
        (Status::Converged | Status::SeveralFixedPoints { .. } | Status::RoundingFloor, None) => {}
        // From above, sweeps come down by what the cheapest loop costs.
        (Status::IterationLimit, _) if is_sweeping && seed.is_multiple_of(6) => {}
        _ => panic!("{place}"),
    }
    convergence.status
}

#[test]
fn loops_that_cost_nothing_have_a_value_and_a_policy_that_attains_it() {
    let number = std::env::var("SOFTMDP_RANDOM_MODELS").map_or(1000, |number| number.parse().unwrap());
    let mut counts = [0; 3];
    for seed in 0..number {
        match check(seed) {
            Status::Converged => counts[0] += 1,
            Status::Diverging => counts[1] += 1,
            _ => counts[2] += 1,
        }
    }
    println!("{number} models: {} converged, {} diverging, {} undefined", counts[0], counts[1], counts[2]);
    assert!(counts[0] > 9 * number as usize / 10 && counts[1] > 0, "{counts:?}");
}
