//! Errors name the table and the entry that cannot be drawn, or the file that cannot be written.

use std::path::Path;

use softmdp::ndarray::{Array2, array};
use softmdp::plot::{self, Animation, Curves, StateLayout, StateMap};
use softmdp::{Error, Gridworld, Inference, Mdp, Table, Trajectory};

fn grid() -> Gridworld {
    Gridworld::parse("S.G").unwrap()
}

/// The error of the crate in an error of a picture.
fn of_table<T: std::fmt::Debug>(result: Result<T, plot::Error>) -> Error {
    match result.unwrap_err() {
        plot::Error::Model(error) => error,
        error => panic!("{error}"),
    }
}

/// Whether the error says that a table has nothing to draw.
fn is_nothing<T>(result: Result<T, plot::Error>, expected: Table) -> bool {
    matches!(result, Err(plot::Error::NothingToDraw { table }) if table == expected)
}

#[test]
fn coordinates_that_do_not_fit() {
    let table = Table::Coordinates;
    let none = Array2::<f64>::zeros((0, 2));
    assert_eq!(of_table(StateLayout::points(&none)), Error::EmptyModel { table, shape: vec![0, 2] });
    let three = Array2::<f64>::zeros((4, 3));
    let error = Error::ShapeMismatch { table, found: vec![4, 3], expected: vec![4, 2] };
    assert_eq!(of_table(StateLayout::points(&three)), error);
    let error = StateLayout::points(&array![[0.0, 1.0], [2.0, f64::INFINITY]]).unwrap_err();
    assert!(matches!(error, plot::Error::InvalidCoordinate { state: 1, axis: 1, value: f64::INFINITY }));
    assert_eq!(error.to_string(), "coordinate 1 of state 1 is inf, expected a finite number");

    let points = StateLayout::points(&array![[0.0, 0.0], [1.0, 1.0]]).unwrap();
    let error = of_table(StateMap::values(points.clone(), &array![1.0, 2.0, 3.0], Inference::Direct));
    assert_eq!(error, Error::ShapeMismatch { table: Table::StateValues, found: vec![3], expected: vec![2] });
    let mdp = Mdp::new(array![[[1.0]]], array![[0.0]]).unwrap();
    let error = of_table(points.clone().with_moves_of(mdp.dynamics()));
    assert_eq!(error, Error::ShapeMismatch { table, found: vec![2, 2], expected: vec![1, 2] });
    let error = of_table(points.clone().with_terminal_states([2]));
    assert_eq!(error, Error::StateOutOfRange { table: Table::TerminalStates, state: 2, num_states: 2 });
    let error = of_table(points.clone().with_moves(&array![[1.0, f64::INFINITY]]));
    assert_eq!(
        error,
        Error::InvalidEntry { table: Table::Directions, index: vec![0, 1], value: f64::INFINITY }
    );
    // Without actions there are no rows of a policy.
    let error = of_table(points.clone().with_moves(&Array2::<f64>::zeros((0, 2))));
    assert_eq!(error, Error::EmptyModel { table: Table::Directions, shape: vec![0, 2] });
    let error = of_table(points.clone().with_moves(&Array2::<f64>::zeros((1, 3))));
    assert_eq!(
        error,
        Error::ShapeMismatch { table: Table::Directions, found: vec![1, 3], expected: vec![1, 2] }
    );
    let one = points.clone().with_moves(&array![[1.0, 0.0]]).unwrap();
    let error = of_table(StateMap::policy_of(one, &Array2::<f64>::zeros((2, 0)), Inference::Direct));
    assert_eq!(error, Error::ShapeMismatch { table: Table::Policy, found: vec![2, 0], expected: vec![2, 1] });
    let error = StateMap::policy_of(points, &array![[1.0], [1.0]], Inference::Direct).unwrap_err();
    assert!(matches!(error, plot::Error::NoDirections));
    assert_eq!(format!("{error:?}"), error.to_string(), "what `main` prints is the message");
}

#[test]
fn tables_that_are_none() {
    let values = of_table(StateMap::values(&grid(), &array![0.0, f64::INFINITY, 1.0], Inference::Direct));
    assert_eq!(
        values,
        Error::InvalidEntry { table: Table::StateValues, index: vec![1], value: f64::INFINITY }
    );
    assert!(matches!(
        of_table(StateMap::values(&grid(), &array![0.0, f64::NAN, 1.0], Inference::Direct)),
        Error::InvalidEntry { table: Table::StateValues, .. }
    ));
    let negative = of_table(StateMap::marginals(&grid(), &array![0.5, 0.6, -0.1], 0));
    assert_eq!(negative, Error::InvalidEntry { table: Table::StateMarginals, index: vec![2], value: -0.1 });
    let likely = of_table(StateMap::marginals(&grid(), &array![0.5, 1.1, 0.1], 0));
    assert_eq!(likely, Error::InvalidEntry { table: Table::StateMarginals, index: vec![1], value: 1.1 });
    assert!(StateMap::marginals(&grid(), &array![0.0_f32, 1.000_01, 0.0], 0).is_ok(), "rounding");
    let wide = Array2::from_elem((3, 5), 0.2);
    let error = of_table(StateMap::policy_of(&grid(), &wide, Inference::Direct));
    assert_eq!(error, Error::ShapeMismatch { table: Table::Policy, found: vec![3, 5], expected: vec![3, 4] });
    let wrong = Array2::from_elem((3, 4), 2.0);
    let error = of_table(StateMap::policy_of(&grid(), &wrong, Inference::Direct));
    assert_eq!(error, Error::InvalidEntry { table: Table::Policy, index: vec![0, 0], value: 2.0 });
    let away = Trajectory::new(vec![0, 7], vec![1]).unwrap();
    let map = StateMap::values(&grid(), &array![0.0, 0.0, 0.0], Inference::Direct).unwrap();
    let error = of_table(map.with_trajectory(&away));
    assert_eq!(error, Error::StateOutOfRange { table: Table::Trajectory, state: 7, num_states: 3 });
}

#[test]
fn animations_and_curves_of_nothing() {
    let empty = Animation::new(&grid(), "Nothing");
    let error = of_table(empty.frame(0));
    assert_eq!(error, Error::StageOutOfRange { stage: 0, horizon: 0 });
    assert_eq!(error.to_string(), "stage 0 is out of range, expected a stage below 0");
    let none = Array2::<f64>::zeros((0, 3));
    let table = Table::StateMarginals;
    assert!(is_nothing(empty.clone().with_panel("none", &none), table));
    let one = empty.with_panel("one", &Array2::from_elem((2, 3), 0.25)).unwrap();
    let error = of_table(one.clone().with_panel("two", &Array2::from_elem((3, 3), 0.25)));
    assert_eq!(error, Error::ShapeMismatch { table, found: vec![3, 3], expected: vec![2, 3] });
    let error = of_table(one.clone().with_panel("two", &array![[1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]));
    assert_eq!(error, Error::InvalidEntry { table, index: vec![1, 1], value: -1.0 });
    let error = of_table(one.clone().with_panel("two", &array![[1.0, 0.0, 0.0], [0.0, 1.5, 0.0]]));
    assert_eq!(error, Error::InvalidEntry { table, index: vec![1, 1], value: 1.5 });
    assert_eq!(of_table(one.stages(&[0, 2])), Error::StageOutOfRange { stage: 2, horizon: 2 });
    assert!(is_nothing(one.stages(&[]), table));

    for curves in [
        Curves::learning(),
        Curves::learning().series("none", []),
        Curves::learning().series("nowhere", [(0.0, f64::NAN), (f64::INFINITY, 1.0)]),
        Curves::convergence().series("below", [(0.0, 0.0), (1.0, -1.0)]),
    ] {
        assert!(is_nothing(curves.figure(), Table::Series), "{curves:?}");
    }
}

#[test]
fn files_that_cannot_be_written() {
    let map = StateMap::values(&grid(), &array![0.0, 0.0, 0.0], Inference::Direct).unwrap();
    let error = map.save("no/such/folder/map.svg").unwrap_err();
    assert!(matches!(&error, plot::Error::Io { path, .. } if path == Path::new("no/such/folder/map.svg")));
    assert!(error.to_string().starts_with("no/such/folder/map.svg: "), "{error}");
    for (name, extension) in [("map", ""), ("map.jpeg", "jpeg")] {
        let Err(plot::Error::UnknownExtension { path, found, .. }) = map.save(name) else { panic!("{name}") };
        assert_eq!((path.as_path(), found.as_str()), (Path::new(name), extension));
    }
    let animation = Animation::new(&grid(), "A").with_panel("one", &Array2::from_elem((2, 3), 0.25)).unwrap();
    let error = animation.save("walk.png").unwrap_err();
    assert_eq!(
        error.to_string(),
        "walk.png: the extension is \"png\", expected gif, or a single stage as svg or png"
    );
    let error = of_table(animation.save_stages("walk.gif", 1..4));
    assert_eq!(error, Error::StageOutOfRange { stage: 3, horizon: 2 });
    assert!(is_nothing(Animation::new(&grid(), "none").save("walk.gif"), Table::StateMarginals));
    let stages = animation.stages(&[0; 1000]).unwrap();
    let error = stages.save("stages.gif").unwrap_err();
    assert!(matches!(error, plot::Error::PictureTooLarge { limit: 65535, .. }));
    assert!(!std::path::Path::new("stages.gif").exists());
    assert!(is_nothing(Curves::learning().save("curve.svg"), Table::Series));
    assert!(!std::path::Path::new("walk.gif").exists(), "nothing is begun that cannot be finished");
}
