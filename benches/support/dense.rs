//! Dense models that several benches solve, each in its own size.

mod sequence;

use sequence::Sequence;
use softmdp::ndarray::{Array2, Array3};

/// Random rows `[s, a, s']` and rewards `[s, a]` in [−1, 0): a size always gives the same ones.
pub(crate) fn tables(num_states: usize, num_actions: usize) -> (Array3<f64>, Array2<f64>) {
    let mut sequence = Sequence::new();
    let mut uniform = || sequence.draw() as f64 / (1_u64 << 53) as f64;
    let mut transitions = Array3::from_shape_simple_fn((num_states, num_actions, num_states), &mut uniform);
    for mut row in transitions.rows_mut() {
        let sum = row.sum();
        row.mapv_inplace(|p| p / sum);
    }
    let rewards = Array2::from_shape_simple_fn((num_states, num_actions), || uniform() - 1.0);
    (transitions, rewards)
}
