//! Gauss elimination in any arithmetic.

use std::ops::{Add, Div, Mul, Sub};

use dashu_float::FBig;
use dashu_float::round::mode::HalfEven;

/// A number of plain arithmetic: `f64`, or one of many digits.
pub trait Number:
    Clone + PartialOrd + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
}

impl Number for f64 {}
impl Number for FBig<HalfEven, 2> {}

/// The solution of a linear system whose pivots need no search.
pub fn eliminate<T: Number>(mut matrix: Vec<Vec<T>>, mut b: Vec<T>) -> Vec<T> {
    let n = b.len();
    for pivot in 0..n {
        let pivot_row = matrix[pivot].clone();
        for row in pivot + 1..n {
            let factor = matrix[row][pivot].clone() / pivot_row[pivot].clone();
            for (x, p) in matrix[row].iter_mut().zip(&pivot_row).skip(pivot) {
                *x = x.clone() - factor.clone() * p.clone();
            }
            b[row] = b[row].clone() - factor * b[pivot].clone();
        }
    }
    for row in (0..n).rev() {
        for later in row + 1..n {
            b[row] = b[row].clone() - matrix[row][later].clone() * b[later].clone();
        }
        b[row] = b[row].clone() / matrix[row][row].clone();
    }
    b
}
