//! Matrices of the crate `sprs` and sparse dynamics are the same rows, in any storage and with any
//! index type.

#![cfg(feature = "sprs")]

use proptest::prelude::*;
use softmdp::sprs::{CsMat, CsMatI, TriMat};
use softmdp::{Dynamics, Error, SparseDynamics, Table};

use crate::common::{SMALL, cases, tables};

/// Successors and probabilities of every pair.
fn rows(dynamics: &SparseDynamics) -> Vec<Vec<(usize, f64)>> {
    let pairs = (0..dynamics.num_states()).flat_map(|s| (0..dynamics.num_actions()).map(move |a| (s, a)));
    pairs
        .map(|(state, action)| {
            let mut row = Vec::new();
            dynamics.for_each_successor(state, action, &mut |next_state, p| row.push((next_state, p)));
            row
        })
        .collect()
}

fn mismatch(found: [usize; 2], expected: [usize; 2]) -> Error {
    Error::ShapeMismatch { table: Table::Transitions, found: found.to_vec(), expected: expected.to_vec() }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn dynamics_come_back_from_every_layout(tables in tables(SMALL)) {
        let (num_states, num_actions) = (tables.num_states(), tables.num_actions());
        let dynamics = SparseDynamics::from_dynamics(tables.mdp().dynamics()).unwrap();
        let matrix = dynamics.to_sprs();
        prop_assert_eq!((matrix.rows(), matrix.cols()), (num_states * num_actions, num_states));
        prop_assert_eq!(matrix.nnz(), dynamics.num_transitions());
        prop_assert_eq!(&SparseDynamics::from_sprs(num_actions, &matrix).unwrap(), &dynamics);
        prop_assert_eq!(&SparseDynamics::from_sprs(num_actions, &matrix.view()).unwrap(), &dynamics);
        prop_assert_eq!(&SparseDynamics::from_sprs(num_actions, &matrix.to_csc()).unwrap(), &dynamics);
        let narrow: CsMatI<f64, u16, u32> = matrix.to_other_types();
        prop_assert_eq!(&SparseDynamics::from_sprs(num_actions, &narrow).unwrap(), &dynamics);

        let mut actions: Vec<_> = (0..num_actions).map(|_| TriMat::new((num_states, num_states))).collect();
        for (row, entries) in rows(&dynamics).into_iter().enumerate() {
            for (next_state, p) in entries {
                actions[row % num_actions].add_triplet(row / num_actions, next_state, p);
            }
        }
        let in_rows: Vec<CsMat<f64>> = actions.iter().map(TriMat::to_csr).collect();
        prop_assert_eq!(&SparseDynamics::from_sprs_actions(&in_rows).unwrap(), &dynamics);
        // Each may be stored in its own way.
        let mixed: Vec<CsMat<f64>> = (actions.iter().enumerate())
            .map(|(action, matrix)| if action % 2 == 0 { matrix.to_csc() } else { matrix.to_csr() })
            .collect();
        prop_assert_eq!(&SparseDynamics::from_sprs_actions(&mixed).unwrap(), &dynamics);
    }
}

#[test]
fn a_part_of_a_larger_matrix_is_a_matrix() {
    // Its row offsets do not begin at 0.
    let whole: CsMat<f64> =
        CsMat::new((4, 2), vec![0, 2, 3, 5, 6], vec![0, 1, 0, 0, 1, 1], vec![0.5, 0.5, 1.0, 0.25, 0.75, 1.0]);
    let dynamics = SparseDynamics::from_sprs(1, &whole.slice_outer(2..4)).unwrap();
    assert_eq!(rows(&dynamics), [vec![(0, 0.25), (1, 0.75)], vec![(1, 1.0)]]);
}

#[test]
fn what_is_listed_twice_is_summed_and_zeros_are_left_out() {
    let mut entries = TriMat::new((1, 1));
    entries.add_triplet(0, 0, 0.25);
    entries.add_triplet(0, 0, 0.75);
    let dynamics = SparseDynamics::from_sprs(1, &entries.to_csr::<usize>()).unwrap();
    assert_eq!(rows(&dynamics), [[(0, 1.0)]]);
    let with_zero = CsMat::new((2, 2), vec![0, 2, 3], vec![0, 1, 1], vec![0.0, 1.0, 1.0]);
    let dynamics = SparseDynamics::from_sprs(1, &with_zero).unwrap();
    assert_eq!(rows(&dynamics), [[(1, 1.0)], [(1, 1.0)]]);
}

#[test]
fn matrices_of_other_shapes_are_refused() {
    let zero = |rows, columns| CsMat::<f64>::zero((rows, columns));
    assert_eq!(SparseDynamics::from_sprs(2, &zero(5, 3)), Err(mismatch([5, 3], [6, 3])));
    assert_eq!(SparseDynamics::from_sprs(2, &zero(3, 6).to_csc()), Err(mismatch([3, 6], [12, 6])));
    let table = Table::Transitions;
    assert_eq!(
        SparseDynamics::from_sprs(0, &zero(0, 3)),
        Err(Error::EmptyModel { table, shape: vec![3, 0] })
    );
    assert_eq!(
        SparseDynamics::from_sprs(2, &zero(0, 0)),
        Err(Error::EmptyModel { table, shape: vec![0, 2] })
    );
    assert_eq!(
        SparseDynamics::from_sprs(usize::MAX, &zero(2, 2)),
        Err(Error::TooLarge { table, shape: vec![2, usize::MAX] })
    );
    let actions = |matrices: &[CsMat<f64>]| SparseDynamics::from_sprs_actions(matrices);
    assert_eq!(actions(&[]), Err(Error::EmptyModel { table, shape: vec![0, 0] }));
    assert_eq!(actions(&[zero(2, 3)]), Err(mismatch([2, 3], [2, 2])));
    assert_eq!(actions(&[zero(2, 2), zero(3, 3)]), Err(mismatch([3, 3], [2, 2])));
    // The index type of a wide matrix in columns need not be able to count them.
    let wide: CsMatI<f64, u16, u32> = CsMatI::new_csc((1, 100_000), vec![0; 100_001], vec![], vec![]);
    assert_eq!(SparseDynamics::from_sprs(1, &wide), Err(mismatch([1, 100_000], [100_000, 100_000])));
}

#[test]
fn entries_that_are_no_probabilities_are_refused() {
    let invalid = |state, action, value| Error::InvalidTransition { state, action, next_state: 0, value };
    let matrix = CsMat::new((2, 1), vec![0, 1, 2], vec![0, 0], vec![1.0, -0.5]);
    assert_eq!(SparseDynamics::from_sprs(2, &matrix), Err(invalid(0, 1, -0.5)));
    let matrix = CsMat::new((1, 1), vec![0, 1], vec![0], vec![f64::INFINITY]);
    assert_eq!(SparseDynamics::from_sprs_actions(&[matrix]), Err(invalid(0, 0, f64::INFINITY)));
}
