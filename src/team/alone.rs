//! A team of one.

use super::{Numbers, NumbersMut, Team};
use crate::Error;

/// The team of a process without others: what models without a [`Share`](super::Share) have.
///
/// # Example
///
/// ```
/// use softmdp::team::{Alone, Team};
///
/// assert_eq!((Alone.rank(), Alone.size()), (0, 1));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Alone;

impl Team for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn all_gather(&self, mine: Numbers<'_>, all: NumbersMut<'_>, _counts: &[usize]) -> Result<(), Error> {
        match (mine, all) {
            (Numbers::F32(mine), NumbersMut::F32(all)) if mine.len() == all.len() => {
                all.copy_from_slice(mine);
            }
            (Numbers::F64(mine), NumbersMut::F64(all)) if mine.len() == all.len() => {
                all.copy_from_slice(mine);
            }
            (Numbers::Bytes(mine), NumbersMut::Bytes(all)) if mine.len() == all.len() => {
                all.copy_from_slice(mine);
            }
            _ => return Err(Error::Team { message: "other numbers are received than sent".into() }),
        }
        Ok(())
    }

    fn exchange(
        &self,
        _out: Numbers<'_>,
        _out_counts: &[usize],
        _into: NumbersMut<'_>,
        _into_counts: &[usize],
    ) -> Result<(), Error> {
        Ok(())
    }
}
