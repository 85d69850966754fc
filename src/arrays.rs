//! Tables: fallible allocation, slices of arrays, checks of shapes and entries.

use std::fmt;

use ndarray::{Array, Array2, ArrayRef, ArrayView1, ArrayView2, Dimension, IntoDimension};

use crate::parallel::{RowsMut, for_each_piece};
use crate::{Error, Real, Table};

/// A table filled with one value, or [`Error::TooLarge`] if it cannot be allocated.
pub(crate) fn filled<T: Clone, D: Dimension, I: IntoDimension<Dim = D>>(
    table: Table,
    shape: I,
    value: T,
) -> Result<Array<T, D>, Error> {
    let shape = shape.into_dimension();
    let data = filled_vec(table, shape.clone(), value)?;
    Array::from_shape_vec(shape.clone(), data)
        .map_err(|_| Error::TooLarge { table, shape: shape.slice().to_vec() })
}

/// The entries of [`filled`], in row-major order.
pub(crate) fn filled_vec<T: Clone, I: IntoDimension>(
    table: Table,
    shape: I,
    value: T,
) -> Result<Vec<T>, Error> {
    let shape = shape.into_dimension();
    let too_large = || Error::TooLarge { table, shape: shape.slice().to_vec() };
    let len =
        (shape.slice().iter()).try_fold(1_usize, |len, &axis| len.checked_mul(axis)).ok_or_else(too_large)?;
    // The first allocation tests for room; the second lets the system provide zeroed pages. Writing
    // the zeros would take as long as a stage.
    let mut room = Vec::<T>::new();
    room.try_reserve_exact(len).map_err(|_| too_large())?;
    drop(std::hint::black_box(room)); // keeps the optimiser from removing the test
    Ok(vec![value; len])
}

/// A copy of a table, or [`Error::TooLarge`]. Zeros are not written, so that a table of few other
/// entries takes little memory.
pub(crate) fn copy<F: Real, D: Dimension>(
    table: Table,
    source: &ArrayRef<F, D>,
) -> Result<Array<F, D>, Error> {
    let mut copy = filled(table, source.raw_dim(), F::zero())?;
    for (copy, &entry) in copy.iter_mut().zip(source) {
        if entry != F::zero() {
            *copy = entry;
        }
    }
    Ok(copy)
}

/// Copies a vector to a slice of its length, on several threads if it is long.
pub(crate) fn copy_to<F: Real>(source: ArrayView1<'_, F>, target: &mut [F]) {
    let Some(entries) = source.as_slice() else {
        return target.iter_mut().zip(source).for_each(|(target, &entry)| *target = entry);
    };
    for_each_piece(entries.len(), RowsMut::column(target), &|piece, target: RowsMut<'_, F>| {
        target.data.copy_from_slice(&entries[piece]);
    });
}

/// Appends an entry, or returns [`Error::TooLarge`] if there is no room for it.
pub(crate) fn push<T>(table: Table, entries: &mut Vec<T>, entry: T) -> Result<(), Error> {
    entries.try_reserve(1).map_err(|_| Error::TooLarge { table, shape: vec![entries.len() + 1] })?;
    entries.push(entry);
    Ok(())
}

/// The entries of an array in standard layout, which every table of this crate has.
pub(crate) fn slice<T, D: Dimension>(array: &ArrayRef<T, D>) -> &[T] {
    array.as_slice().expect("tables are in standard layout by construction")
}

/// [`slice`], mutable.
pub(crate) fn slice_mut<T, D: Dimension>(array: &mut ArrayRef<T, D>) -> &mut [T] {
    array.as_slice_mut().expect("tables are in standard layout by construction")
}

/// Rows and columns of a table in row-major order.
pub(crate) fn view<T>(entries: &[T], shape: (usize, usize)) -> ArrayView2<'_, T> {
    ArrayView2::from_shape(shape, entries).expect("tables have as many entries as their shape")
}

/// [`view`] of entries that it takes over.
pub(crate) fn from_vec<T>(entries: Vec<T>, shape: (usize, usize)) -> Array2<T> {
    Array2::from_shape_vec(shape, entries).expect("tables have as many entries as their shape")
}

/// Brings an array into standard (row-major) layout, without a copy if it already is.
pub(crate) fn standard_layout<T: Clone, D: Dimension>(array: Array<T, D>) -> Array<T, D> {
    if array.is_standard_layout() { array } else { array.as_standard_layout().into_owned() }
}

/// The entries of an array in row-major order, without a copy if it is in standard layout.
pub(crate) fn into_vec<T: Clone, D: Dimension>(array: Array<T, D>) -> Vec<T> {
    standard_layout(array).into_raw_vec_and_offset().0
}

/// Returns [`Error::ShapeMismatch`] unless a table has the expected shape.
#[inline]
pub(crate) fn check_shape(table: Table, found: &[usize], expected: &[usize]) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    Err(Error::ShapeMismatch { table, found: found.to_vec(), expected: expected.to_vec() })
}

/// Returns [`Error::InvalidEntry`] for the first invalid entry of a table of results.
pub(crate) fn check_entries<F: Real, D: Dimension>(
    table: Table,
    array: &ArrayRef<F, D>,
    is_valid: impl Fn(F) -> bool,
) -> Result<(), Error> {
    let Some((at, &value)) = array.iter().enumerate().find(|&(_, &value)| !is_valid(value)) else {
        return Ok(());
    };
    Err(Error::InvalidEntry { table, index: index_of(array.shape(), at), value: value.into_f64() })
}

/// The index of an entry from its position in row-major order.
pub(crate) fn index_of(shape: &[usize], mut at: usize) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (index, &axis) in index.iter_mut().zip(shape).rev() {
        *index = at % axis.max(1);
        at /= axis.max(1);
    }
    index
}

/// Memory that is no part of a value: it makes no two values differ, and a clone starts without it.
pub(crate) struct Scratch<T>(pub(crate) T);

impl<T: Default> Default for Scratch<T> {
    fn default() -> Self {
        Self(T::default())
    }
}

impl<T: Default> Clone for Scratch<T> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<T> PartialEq for Scratch<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> fmt::Debug for Scratch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

/// A note about the origin of a value. It is not part of the value: comparisons ignore it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Note<T>(pub(crate) T);

impl<T> PartialEq for Note<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_beyond_the_address_space_is_an_error() {
        for shape in [(usize::MAX, 2), (usize::MAX / 8, 1), (1 << 40, 1 << 20)] {
            let error = filled::<f64, _, _>(Table::StateValues, shape, 0.0).unwrap_err();
            assert_eq!(error, Error::TooLarge { table: Table::StateValues, shape: vec![shape.0, shape.1] });
            assert_eq!(filled_vec(Table::StateValues, shape, 0.0).unwrap_err(), error);
        }
        assert_eq!(filled(Table::StateValues, (2, 0), 1.0).unwrap(), Array2::<f64>::ones((2, 0)));
    }
}
