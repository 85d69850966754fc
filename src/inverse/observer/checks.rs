//! Checks of goals, of a prior over them, and of their switching.

use ndarray::{ArrayRef1, ArrayView1};

use crate::mdp::is_normalized;
use crate::{Error, Real, Table, arrays};

/// Checks that goals have the same sizes, and that there is a prior over them.
pub(super) fn check_goals<F: Real>(
    shapes: impl Iterator<Item = (usize, usize)>,
    prior: &ArrayRef1<F>,
) -> Result<(), Error> {
    let shapes: Vec<_> = shapes.collect();
    for shape in &shapes {
        let (found, expected) = ([shape.0, shape.1], [shapes[0].0, shapes[0].1]);
        arrays::check_shape(Table::Model, &found, &expected)?;
    }
    arrays::check_shape(Table::GoalPrior, prior.shape(), &[shapes.len()])?;
    check_distribution(Table::GoalPrior, &[], prior.view())
}

/// Checks a row of probabilities.
pub(super) fn check_distribution<F: Real>(
    table: Table,
    row_index: &[usize],
    row: ArrayView1<'_, F>,
) -> Result<(), Error> {
    let mut sum = 0.0;
    for (goal, &p) in row.iter().enumerate() {
        if !(p >= F::zero() && p <= F::one()) {
            let index = [row_index, &[goal]].concat();
            return Err(Error::InvalidEntry { table, index, value: p.into_f64() });
        }
        sum += p.into_f64();
    }
    if is_normalized::<F>(sum) {
        return Ok(());
    }
    let (index, tolerance) = (row_index.to_vec(), F::ROW_SUM_TOLERANCE);
    Err(Error::UnnormalizedRow { table, index, sum, tolerance })
}
