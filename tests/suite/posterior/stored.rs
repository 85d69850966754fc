//! Results keep the observations that they are given, in memory, in archives and serialised.

use super::walk;
use crate::common::MINUS_INFINITY;
use ndarray::array;
use softmdp::{
    Error, Observation, Solution, ndarray, posterior, posterior_given, posterior_into, soft_value_iteration,
};

/// An observation stays with what was computed from it, until something else is.
#[test]
fn results_keep_their_observations() {
    let (mdp, initial) = (walk().with_discount(0.9).unwrap(), array![1.0, 0.0, 0.0, 0.0]);
    let seen = [
        Observation::new(3, array![0.0, -1.0, MINUS_INFINITY, 0.5]).absorbed(-2.0),
        Observation::at(1, 0),
        Observation::new(3, array![0.0, -1.0, 0.0, 0.25]).absorbed(-0.5),
    ];
    let mut given = posterior_given(&mdp, &initial, 5, seen).unwrap();
    let expected = [
        Observation::new(1, array![0.0, MINUS_INFINITY, MINUS_INFINITY, MINUS_INFINITY]),
        Observation::new(3, array![0.0, -2.0, MINUS_INFINITY, 0.75]).absorbed(-2.5),
    ];
    assert_eq!(given.solution().observations(), expected);
    assert_eq!(given.solution().posterior(&mdp, &initial).unwrap(), given);
    let again = posterior_given(&mdp, &initial, 5, given.solution().observations()).unwrap();
    assert_eq!(again, given);

    posterior_into(&mdp, &initial, &mut given).unwrap();
    assert_eq!(given, posterior(&mdp, &initial, 5).unwrap());
    assert!(given.solution().observations().is_empty());
}

#[cfg(feature = "npz")]
#[test]
fn archives_keep_observations() {
    use softmdp::io::Npz;

    let (mdp, initial) = (walk().with_discount(0.9).unwrap(), array![1.0, 0.0, 0.0, 0.0]);
    let seen =
        [Observation::new(3, array![0.0, -1.0, MINUS_INFINITY, 0.5]).absorbed(-2.0), Observation::at(5, 3)];
    let given = posterior_given(&mdp, &initial, 5, seen).unwrap();
    let bytes = given.to_npz().unwrap();
    assert_eq!(softmdp::Posterior::from_npz(&bytes).unwrap(), given);
    assert_eq!(&Solution::from_npz(&bytes).unwrap(), given.solution());
}

#[cfg(feature = "serde")]
#[test]
fn serialised_results_keep_observations() {
    let (mdp, initial) = (walk().with_discount(0.9).unwrap(), array![1.0, 0.0, 0.0, 0.0]);
    let seen = Observation::new(3, array![0.0, -1.0, MINUS_INFINITY, 0.5]).absorbed(-2.0);
    let given = posterior_given(&mdp, &initial, 5, [seen.clone()]).unwrap();
    let text = ron::to_string(&given).unwrap();
    assert_eq!(ron::from_str::<softmdp::Posterior>(&text).unwrap(), given);
    let bytes = postcard::to_allocvec(given.solution()).unwrap();
    assert_eq!(&postcard::from_bytes::<Solution>(&bytes).unwrap(), given.solution());
    assert_eq!(ron::from_str::<Observation>(&ron::to_string(&seen).unwrap()).unwrap(), seen);
}

/// The tables of a solution with observations that it cannot have.
#[test]
fn parts_with_observations_are_checked() {
    let mdp = walk();
    let parts = |observations, inference| {
        let solution = softmdp::SoftValueIteration::new(2).inference(inference).solve(&mdp).unwrap();
        Solution::try_from(softmdp::parts::SolutionParts {
            state_values: solution.state_values().to_owned(),
            action_values: solution.action_values().to_owned(),
            policy: solution.policy().clone(),
            inference,
            observations,
        })
    };
    use softmdp::Inference::{Direct, Variational};
    assert_eq!(parts(vec![], Direct).unwrap(), soft_value_iteration(&mdp, 2).unwrap());
    let beyond = Error::ObservationOutOfRange { stage: 3, horizon: 2 };
    assert_eq!(parts(vec![Observation::at(3, 0)], Direct).unwrap_err(), beyond);
    let mismatch = Error::InferenceMismatch { expected: Direct, found: Variational };
    assert_eq!(parts(vec![Observation::at(1, 0)], Variational).unwrap_err(), mismatch);
}
