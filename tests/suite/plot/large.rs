//! Large models, and the largest and smallest numbers.

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
    let map = StateMap::values(&grid, &values, Inference::Variational).unwrap().with_policy(&policy).unwrap();
    let svg = map.figure().to_svg();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_inside(&svg);
    assert!(svg.len() < 1_000_000, "{} bytes", svg.len());
    let all = elements(&svg);
    assert_eq!(all.iter().filter(|element| element.name == "image").count(), 1);
    let arrows = all.iter().filter(|element| element.name == "polygon").count();
    assert!((100..2000).contains(&arrows), "one for a neighbourhood: {arrows}");
}

/// The only image in an SVG: its width, and its pixels.
fn image(svg: &str) -> (usize, Vec<[u8; 3]>) {
    let all = elements(svg);
    let images: Vec<_> = all.iter().filter(|element| element.name == "image").collect();
    assert_eq!(images.len(), 1);
    let data = images[0].attributes["href"].strip_prefix("data:image/png;base64,").unwrap();
    let mut bytes = Vec::new();
    for letters in data.as_bytes().chunks(4) {
        let bits = letters.iter().fold(0_u32, |bits, &letter| {
            let value = match letter {
                b'A'..=b'Z' => letter - b'A',
                b'a'..=b'z' => letter - b'a' + 26,
                b'0'..=b'9' => letter - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => 0,
            };
            bits << 6 | u32::from(value)
        });
        bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width as usize, pixels.chunks_exact(3).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect())
}

#[test]
fn many_points_are_an_image_of_their_means() {
    // Each place of a lattice has two points, the mean of whose numbers is its column, counted from −1 to 1.
    let size = 101;
    let place = |state: usize| (state / 2 % size, state / 2 / size);
    let plane = Array2::from_shape_fn((2 * size * size, 2), |(state, axis)| {
        [place(state).0 as f64, place(state).1 as f64][axis]
    });
    let values = Array1::from_shape_fn(2 * size * size, |state| {
        let mean = (place(state).0 as f64 - 50.0) / 50.0;
        mean + if state % 2 == 0 { 3.0 } else { -3.0 } * (1.0 - mean.abs())
    });
    let layout = StateLayout::points(&plane).unwrap();
    let svg = StateMap::values(layout, &values, Inference::Direct).unwrap().figure().to_svg();
    assert_inside(&svg);
    let (width, pixels) = image(&svg);
    assert_eq!((width, pixels.len()), (size, size * size));
    // The scale goes from −3 to 3: 0 is the middle of the colour map, though no point in that column has it.
    let middle = [33, 145, 140];
    for row in [0, 50, 100] {
        assert_eq!(pixels[row * width + 50], middle);
        let (left, right) = (pixels[row * width], pixels[row * width + 100]);
        assert!(
            left[1] < middle[1] && right[1] > middle[1],
            "the mean rises from −1 to 1: {left:?}, {right:?}"
        );
    }
}

#[test]
fn minus_infinity_is_hatched_in_an_image_too() {
    let grid = Gridworld::parse(&format!("{}\n", ".".repeat(100)).repeat(100)).unwrap();
    let values = Array1::from_shape_fn(10_000, |state| if state < 5000 { f64::NEG_INFINITY } else { 0.0 });
    let svg = StateMap::values(&grid, &values, Inference::Direct).unwrap().figure().to_svg();
    let (_, pixels) = image(&svg);
    let number = |color: [u8; 3]| pixels.iter().filter(|&&pixel| pixel == color).count();
    assert_eq!((number([178, 96, 72]), number([253, 238, 232])), (1000, 4000));

    // So are cells that are smaller than a line.
    let row = Gridworld::parse(&".".repeat(1000)).unwrap();
    let values = Array1::from_shape_fn(1000, |state| if state < 500 { f64::NEG_INFINITY } else { 0.0 });
    let svg = StateMap::values(&row, &values, Inference::Direct).unwrap().figure().to_svg();
    let all = elements(&svg);
    let number = |color: &str| all.iter().filter(|e| e.name == "rect" && e.fill() == color).count();
    assert_eq!((number("#B26048"), number("#FDEEE8")), (100, 401), "one more in the key");
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
