//! Large models, and numbers at the edges of the number type.

use std::time::{Duration, Instant};

use softmdp::ndarray::{Array1, Array2, array};
use softmdp::plot::{Curves, StateLayout, StateMap};
use softmdp::{Gridworld, Inference};

use crate::plot::svg::{assert_inside, elements};

#[test]
fn a_million_states_are_an_image() {
    let size = 1000;
    let grid = Gridworld::parse(&format!("{}\n", ".".repeat(size)).repeat(size)).unwrap();
    let values = Array1::from_shape_fn(size * size, |state| -((state / size + state % size) as f64));
    let policy = Array2::from_shape_fn((size * size, 4), |(_, action)| [0.7, 0.0, 0.0, 0.3][action]);
    let start = Instant::now();
    let map = StateMap::values(&grid, &values, Inference::Variational).unwrap().policy(&policy).unwrap();
    let svg = map.figure().to_svg();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_inside(&svg);
    assert!(svg.len() < 1_000_000, "{} bytes", svg.len());
    let all = elements(&svg);
    assert_eq!(all.iter().filter(|element| element.name == "image").count(), 1);
    let arrows = all.iter().filter(|element| element.name == "polygon").count();
    assert!((100..2000).contains(&arrows), "one for a neighbourhood: {arrows}");
}

#[test]
fn many_points_are_an_image_of_their_means() {
    let size = 300;
    let plane =
        Array2::from_shape_fn((size * size, 2), |(state, axis)| [state % size, state / size][axis] as f64);
    let values = Array1::from_shape_fn(size * size, |state| (state % size) as f64);
    let layout = StateLayout::points(&plane).unwrap();
    let svg = StateMap::values(layout, &values, Inference::Direct).unwrap().figure().to_svg();
    assert_inside(&svg);
    assert_eq!(elements(&svg).iter().filter(|element| element.name == "image").count(), 1);
}

#[test]
fn a_curve_of_a_million_points_is_thinned_and_keeps_its_extremes() {
    let spike = 123_456;
    let points = (0..1_000_000).map(|step| (f64::from(step), if step == spike { 7.0 } else { 1.0 }));
    let svg = Curves::learning().series("it", points).figure().unwrap().to_svg();
    assert_inside(&svg);
    assert!(svg.len() < 100_000, "{} bytes", svg.len());
    let all = elements(&svg);
    let line =
        all.iter().filter(|e| e.name == "polyline").max_by_key(|e| e.attributes["points"].len()).unwrap();
    let heights: Vec<f64> = line.attributes["points"]
        .split_whitespace()
        .map(|point| point.split_once(',').unwrap().1.parse().unwrap())
        .collect();
    let highest = heights.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(heights.iter().filter(|&&height| height == highest).count(), 1, "the spike is there");
}

#[test]
fn numbers_at_the_edges_are_drawn() {
    let grid = Gridworld::parse("S.G\n...").unwrap();
    for values in [
        array![f64::MAX, -f64::MAX, 0.0, 1.0, f64::NEG_INFINITY, 5e-324],
        array![5e-324, 5e-324, 5e-324, 5e-324, 5e-324, 5e-324],
        array![1e300, 1e300, 1e300, 1e300, 1e300, 1.000_000_1e300],
        array![-1e9, -1e9, -1e9, -1e9, -1e9, -1e9 + 1e-3],
        Array1::zeros(6),
    ] {
        let map = StateMap::values(&grid, &values, Inference::Direct).unwrap();
        let svg = map.figure().to_svg();
        assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{values}");
        assert_inside(&svg);
        assert!(!map.figure().to_png().is_empty());
    }
    for frequencies in [Array1::zeros(6), array![1e300, 0.0, 5e-324, 1.0, 1.0, 1.0]] {
        let svg = StateMap::occupancy(&grid, &frequencies, Inference::Direct).unwrap().figure().to_svg();
        assert!(!svg.contains("NaN"));
        assert_inside(&svg);
    }
    for coordinates in
        [array![[0.0, 0.0]], array![[1e300, -1e300], [-1e300, 1e300]], array![[3.0, 3.0], [3.0, 3.0]]]
    {
        let number = coordinates.nrows();
        let layout = StateLayout::points(&coordinates).unwrap();
        let svg = StateMap::values(layout, &Array1::<f64>::zeros(number), Inference::Direct)
            .unwrap()
            .figure()
            .to_svg();
        assert!(!svg.contains("NaN"), "{coordinates}");
        assert_inside(&svg);
    }
}
