//! `.tra` files of few digits: an error names file, line and remedy.
#![allow(clippy::float_cmp, reason = "numbers are read, not computed")]

use softmdp::io::{ExplicitMdp, Place, Reason};
use softmdp::{Dynamics, Error};

/// Three choices in state 0: thirds with `digits` digits, a certain one, and a coin.
fn text(third: &str) -> String {
    format!(
        "# thirds\n3 5 9\n0 1 0 1\n0 0 0 {third}\n0 0 1 {third}\n0 0 2 {third}\n0 2 1 .5\n0 2 2 .5\n1 0 1 1\n2 0 2 .4\n2 0 0 .6\n"
    )
}

#[test]
fn rows_of_few_digits_are_located_and_rescaled() {
    for (third, distance) in [("0.333333", 1e-5), (".33333333", 1e-7), ("0.33", 0.02)] {
        let model = ExplicitMdp::<f64>::parse(&text(third)).unwrap();
        let error = model.build_with(|builder| builder).unwrap_err();
        assert_eq!(*error.place(), Place::Line(4), "the first line of the row");
        assert!(matches!(
            error.reason(),
            Reason::Model(Error::UnnormalizedTransition { state: 0, action: 0, .. })
        ));
        assert!(error.to_string().contains("`normalize_rows`"), "{error}");
        let error = model.build_with(|builder| builder.normalize_rows(1e-9)).unwrap_err();
        assert_eq!(*error.place(), Place::Line(4));

        let mdp = model.build_with(|builder| builder.normalize_rows(distance)).unwrap();
        assert_eq!(mdp.rescaled_rows().count(), 1);
        let mut row = Vec::new();
        mdp.dynamics().for_each_successor(0, 0, &mut |_, p| row.push(p));
        assert!(row.iter().all(|p| (p - 1.0 / 3.0).abs() <= f64::EPSILON / 4.0), "{row:?}");
    }
    let exact = ExplicitMdp::<f64>::parse(&text("1/3")).unwrap();
    assert_eq!(
        exact.build_with(|builder| builder.normalize_rows(1e-5)).unwrap(),
        exact.builder().build().unwrap()
    );
    // In single precision, six digits are within the strict tolerance.
    ExplicitMdp::<f32>::parse(&text("0.333333")).unwrap().builder().build().unwrap();
}

#[test]
fn the_error_names_the_file() {
    let path = std::env::temp_dir().join(format!("softmdp-rounded-{}.tra", std::process::id()));
    std::fs::write(&path, text("0.4")).unwrap();
    let model = ExplicitMdp::<f64>::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let error = model.build_with(|builder| builder).unwrap_err();
    assert_eq!(error.path(), Some(path.as_path()));
    let start = format!("{}: line 4: transition row (state 0, action 0) sums to 1.2", path.display());
    assert!(error.to_string().starts_with(&start), "{error}");
    let error = model.build_with(|builder| builder.discount(2.0)).unwrap_err();
    assert_eq!((error.path(), error.place()), (Some(path.as_path()), &Place::File));
}
