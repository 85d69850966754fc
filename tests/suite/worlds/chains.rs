//! Worlds along a line or a circle: a forest, a ring and a queue.

use super::World;

/// When to cut a forest, as in the documentation of pymdptoolbox (`mdptoolbox.example.forest`).
///
/// State is the age. Waiting (0) makes the forest a year older, unless it burns down (probability
/// 0.1), and pays 4 at the greatest age; cutting (1) pays 1, at the greatest age 2, and at age 0
/// nothing.
pub fn forest(num_ages: usize, discount: f64) -> World {
    const BURNS: f64 = 0.1;
    let oldest = num_ages - 1;
    World::new(format!("forest {num_ages}"), (num_ages, 2), [], discount, |age, action| {
        if action == 1 {
            let reward = if age == 0 { 0.0 } else { f64::from(1 + u8::from(age == oldest)) };
            return vec![(0, 1.0, reward)];
        }
        let reward = if age == oldest { 4.0 } else { 0.0 };
        vec![(0, BURNS, reward), ((age + 1).min(oldest), 1.0 - BURNS, reward)]
    })
}

/// A circle of places where staying (1) pays at place 0 only, and a step back (0) or forth (2)
/// costs a little and fails with a probability.
pub fn ring(num_places: usize, fails: f64, discount: f64) -> World {
    const STEP: f64 = -0.01;
    World::new(format!("ring {num_places}"), (num_places, 3), [], discount, |place, action| {
        if action == 1 {
            return vec![(place, 1.0, f64::from(u8::from(place == 0)))];
        }
        let next = (place + if action == 0 { num_places - 1 } else { 1 }) % num_places;
        vec![(place, fails, STEP), (next, 1.0 - fails, STEP)]
    })
}

/// The value of the ring without failures at τ = 0, in closed form: walk the shorter way to place 0
/// and stay, or stay where you are for nothing.
pub fn ring_values(num_places: usize, discount: f64) -> Vec<f64> {
    let at_home = 1.0 / (1.0 - discount);
    let distance = |place: usize| i32::try_from(place.min(num_places - place)).expect("few places");
    let walk = |steps: i32| -0.01 * (1.0 - discount.powi(steps)) * at_home + discount.powi(steps) * at_home;
    (0..num_places).map(|place| walk(distance(place)).max(0.0)).collect()
}

/// Who may join a queue: P. Naor, *The Regulation of Queue Size by Levying Tolls*, Econometrica 37
/// (1969), 15–24.
///
/// The continuous queue is watched at the events of a Poisson clock (uniformisation): an event is
/// an arrival with probability 0.48 and the end of a service otherwise, which does nothing when
/// nobody waits. The decision is what to do with the next arrival, reject (0) or admit (1), which
/// pays 20; each one who waits costs 0.05 an event. A full queue rejects.
pub fn queue(capacity: usize, discount: f64) -> World {
    const ARRIVES: f64 = 0.48;
    const PAYS: f64 = 20.0;
    const WAITS: f64 = -0.05;
    World::new(format!("queue {capacity}"), (capacity + 1, 2), [], discount, |length, action| {
        let cost = WAITS * length as f64;
        let joined = if action == 1 { (length + 1).min(capacity) } else { length };
        let paid = if joined > length { PAYS } else { 0.0 };
        [(joined, ARRIVES, paid + cost), (length.saturating_sub(1), 1.0 - ARRIVES, cost)]
    })
}
