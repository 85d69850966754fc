//! What cannot be drawn or written is an error that says where.

use softmdp::io::Reason;
use softmdp::ndarray::{Array2, array};
use softmdp::plot::{Animation, Curves, StateLayout, StateMap};
use softmdp::{Error, Gridworld, Inference, Mdp, Table, Trajectory};

fn grid() -> Gridworld {
    Gridworld::parse("S.G").unwrap()
}

#[test]
fn coordinates_that_do_not_fit() {
    let table = Table::Coordinates;
    let none = Array2::<f64>::zeros((0, 2));
    assert_eq!(StateLayout::points(&none), Err(Error::EmptyModel { table, shape: vec![0, 2] }));
    let three = Array2::<f64>::zeros((4, 3));
    let error = Error::ShapeMismatch { table, found: vec![4, 3], expected: vec![4, 2] };
    assert_eq!(StateLayout::points(&three), Err(error));
    let error = StateLayout::points(&array![[0.0, 1.0], [2.0, f64::INFINITY]]).unwrap_err();
    assert_eq!(error, Error::InvalidCoordinate { state: 1, axis: 1, value: f64::INFINITY });
    assert_eq!(error.to_string(), "coordinate 1 of state 1 is inf, expected a finite number");

    let points = StateLayout::points(&array![[0.0, 0.0], [1.0, 1.0]]).unwrap();
    let error = StateMap::values(points.clone(), &array![1.0, 2.0, 3.0], Inference::Direct).unwrap_err();
    assert_eq!(error, Error::ShapeMismatch { table: Table::StateValues, found: vec![3], expected: vec![2] });
    let mdp = Mdp::new(array![[[1.0]]], array![[0.0]]).unwrap();
    let error = points.clone().moves_of(mdp.dynamics()).unwrap_err();
    assert_eq!(error, Error::ShapeMismatch { table, found: vec![2, 2], expected: vec![1, 2] });
    let error = points.clone().terminal_states([2]).unwrap_err();
    assert_eq!(error, Error::StateOutOfRange { table: Table::TerminalStates, state: 2, num_states: 2 });
    let error = points.clone().moves(&array![[1.0, f64::INFINITY]]).unwrap_err();
    assert_eq!(
        error,
        Error::InvalidEntry { table: Table::Directions, index: vec![0, 1], value: f64::INFINITY }
    );
    // Without actions there are no rows of a policy.
    let error = points.clone().moves(&Array2::<f64>::zeros((0, 2))).unwrap_err();
    assert_eq!(error, Error::EmptyModel { table: Table::Directions, shape: vec![0, 2] });
    let error = points.clone().moves(&Array2::<f64>::zeros((1, 3))).unwrap_err();
    assert_eq!(
        error,
        Error::ShapeMismatch { table: Table::Directions, found: vec![1, 3], expected: vec![1, 2] }
    );
    let one = points.clone().moves(&array![[1.0, 0.0]]).unwrap();
    let error = StateMap::policy_of(one, &Array2::<f64>::zeros((2, 0)), Inference::Direct).unwrap_err();
    assert_eq!(error, Error::ShapeMismatch { table: Table::Policy, found: vec![2, 0], expected: vec![2, 1] });
    let error = StateMap::policy_of(points, &array![[1.0], [1.0]], Inference::Direct).unwrap_err();
    assert_eq!(error, Error::NoDirections);
}

#[test]
fn tables_that_are_none() {
    let values = StateMap::values(&grid(), &array![0.0, f64::INFINITY, 1.0], Inference::Direct);
    assert_eq!(
        values.unwrap_err(),
        Error::InvalidEntry { table: Table::StateValues, index: vec![1], value: f64::INFINITY }
    );
    assert!(matches!(
        StateMap::values(&grid(), &array![0.0, f64::NAN, 1.0], Inference::Direct),
        Err(Error::InvalidEntry { table: Table::StateValues, .. })
    ));
    let negative = StateMap::marginals(&grid(), &array![0.5, 0.6, -0.1], 0).unwrap_err();
    assert_eq!(negative, Error::InvalidEntry { table: Table::StateMarginals, index: vec![2], value: -0.1 });
    let likely = StateMap::marginals(&grid(), &array![0.5, 1.1, 0.1], 0).unwrap_err();
    assert_eq!(likely, Error::InvalidEntry { table: Table::StateMarginals, index: vec![1], value: 1.1 });
    assert!(StateMap::marginals(&grid(), &array![0.0_f32, 1.000_01, 0.0], 0).is_ok(), "rounding");
    let wide = Array2::from_elem((3, 5), 0.2);
    let error = StateMap::policy_of(&grid(), &wide, Inference::Direct).unwrap_err();
    assert_eq!(error, Error::ShapeMismatch { table: Table::Policy, found: vec![3, 5], expected: vec![3, 4] });
    let wrong = Array2::from_elem((3, 4), 2.0);
    let error = StateMap::policy_of(&grid(), &wrong, Inference::Direct).unwrap_err();
    assert_eq!(error, Error::InvalidEntry { table: Table::Policy, index: vec![0, 0], value: 2.0 });
    let away = Trajectory::new(vec![0, 7], vec![1]).unwrap();
    let map = StateMap::values(&grid(), &array![0.0, 0.0, 0.0], Inference::Direct).unwrap();
    let error = map.trajectory(&away).unwrap_err();
    assert_eq!(error, Error::StateOutOfRange { table: Table::Trajectory, state: 7, num_states: 3 });
}

#[test]
fn animations_and_curves_of_nothing() {
    let empty = Animation::new(&grid(), "Nothing");
    let error = empty.frame(0).unwrap_err();
    assert_eq!(error, Error::StageOutOfRange { stage: 0, horizon: 0 });
    assert_eq!(error.to_string(), "stage 0 is out of range, expected a stage below 0");
    let none = Array2::<f64>::zeros((0, 3));
    let table = Table::StateMarginals;
    assert_eq!(empty.clone().panel("none", &none), Err(Error::NothingToDraw { table }));
    let one = empty.panel("one", &Array2::from_elem((2, 3), 0.25)).unwrap();
    let error = one.clone().panel("two", &Array2::from_elem((3, 3), 0.25)).unwrap_err();
    assert_eq!(error, Error::ShapeMismatch { table, found: vec![3, 3], expected: vec![2, 3] });
    let error = one.clone().panel("two", &array![[1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]).unwrap_err();
    assert_eq!(error, Error::InvalidEntry { table, index: vec![1, 1], value: -1.0 });
    let error = one.clone().panel("two", &array![[1.0, 0.0, 0.0], [0.0, 1.5, 0.0]]).unwrap_err();
    assert_eq!(error, Error::InvalidEntry { table, index: vec![1, 1], value: 1.5 });
    assert_eq!(one.stages(&[0, 2]), Err(Error::StageOutOfRange { stage: 2, horizon: 2 }));
    assert_eq!(one.stages(&[]), Err(Error::NothingToDraw { table }));

    let nothing = Err(Error::NothingToDraw { table: Table::Series });
    assert_eq!(Curves::learning().figure(), nothing);
    assert_eq!(Curves::learning().series("none", []).figure(), nothing);
    assert_eq!(
        Curves::learning().series("nowhere", [(0.0, f64::NAN), (f64::INFINITY, 1.0)]).figure(),
        nothing
    );
    assert_eq!(Curves::convergence().series("below", [(0.0, 0.0), (1.0, -1.0)]).figure(), nothing);
}

#[test]
fn files_that_cannot_be_written() {
    let map = StateMap::values(&grid(), &array![0.0, 0.0, 0.0], Inference::Direct).unwrap();
    let error = map.save("no/such/folder/map.svg").unwrap_err();
    assert!(matches!(error.reason(), Reason::Io(_)));
    assert!(error.to_string().starts_with("no/such/folder/map.svg: "), "{error}");
    for (path, found) in [("map", ""), ("map.jpeg", "jpeg")] {
        let error = map.save(path).unwrap_err();
        assert!(
            matches!(error.reason(), Reason::UnknownExtension { found: extension, .. } if extension == found)
        );
    }
    let animation = Animation::new(&grid(), "A").panel("one", &Array2::from_elem((2, 3), 0.25)).unwrap();
    let error = animation.save("walk.png").unwrap_err();
    assert_eq!(
        error.to_string(),
        "walk.png: the extension is \"png\", expected gif, or a single stage as svg or png"
    );
    let error = animation.save_stages("walk.gif", 1..4).unwrap_err();
    assert!(matches!(error.reason(), Reason::Model(Error::StageOutOfRange { stage: 3, horizon: 2 })));
    let error = Animation::new(&grid(), "none").save("walk.gif").unwrap_err();
    assert!(matches!(error.reason(), Reason::Model(Error::NothingToDraw { .. })));
    let stages = animation.stages(&[0; 1000]).unwrap();
    let error = stages.save("stages.gif").unwrap_err();
    assert!(matches!(error.reason(), Reason::Model(Error::PictureTooLarge { limit: 65535, .. })));
    assert!(!std::path::Path::new("stages.gif").exists());
    let error = Curves::learning().save("curve.svg").unwrap_err();
    assert!(matches!(error.reason(), Reason::Model(Error::NothingToDraw { .. })));
    assert!(!std::path::Path::new("walk.gif").exists(), "nothing is begun that cannot be finished");
}
