//! Shapes on the sheet: their place, their colour and their text.

use std::collections::HashSet;

use approx::abs_diff_eq;
use softmdp::ndarray::{Array1, Array2, Axis, array};
use softmdp::plot::{Animation, Curves, StateLayout, StateMap};
use softmdp::{
    ActionPrior, Gridworld, Inference, Mdp, Trajectory, forward_messages, posterior, soft_value_iteration,
};

use crate::plot::svg::{Element, assert_inside, elements, texts};

/// Both ends of the map of values, for what is least and for what is most.
const DARK: &str = "#440154";
const BRIGHT: &str = "#FDE725";

fn grid() -> Gridworld {
    Gridworld::parse("S.#G\n..X.").unwrap()
}

fn fills<'e>(elements: &'e [Element], color: &str) -> Vec<&'e Element> {
    elements
        .iter()
        .filter(|element| {
            element.name == "rect" && element.attributes.contains_key("x") && element.fill() == color
        })
        .collect()
}

#[test]
fn cells_are_where_they_are_on_the_map() {
    // States 0 1 # 2 / 3 4 5 6.
    let values = array![-3.0, 0.0, 10.0, 0.0, 0.0, -7.0, 0.0];
    let svg = StateMap::values(&grid(), &values, Inference::Direct).unwrap().figure().to_svg();
    assert_inside(&svg);
    let all = elements(&svg);
    // On a grid of a quarter pixel: cells of 46 pixels, with half a pixel of paper on each side.
    let cell = |color: &str| {
        let mut cells = fills(&all, color).into_iter().filter(|element| element.area()[2] == 180.0);
        (cells.next().unwrap().area(), cells.next())
    };
    let ((goal, None), (trap, None)) = (cell(BRIGHT), cell(DARK)) else { panic!("one of each") };
    assert_eq!([goal[2], goal[3]], [180.0, 180.0]);
    // The goal is one column to the right of the trap and one row above.
    assert_eq!([goal[0] - trap[0], trap[1] - goal[1]], [184.0, 184.0]);
    // The upper left cell, in which the map begins, is three columns to the left of the goal.
    let frame =
        all.iter().find(|element| element.name == "polyline" && element.attributes["stroke"] == "#787878");
    let corner = frame.unwrap().attributes["points"].split(' ').next().unwrap().to_string();
    assert_eq!(corner, format!("{},{}", goal[0] - 2.0 - 3.0 * 184.0, goal[1] - 2.0));
    // One wall: bricks, and their sample in the key.
    assert_eq!(fills(&all, "#969696").len(), 2);
}

#[test]
fn titles_say_what_and_which_inference_and_bars_have_units() {
    let values = array![-3.0, 0.0, 10.0, 0.0, 0.0, -7.0, 0.0];
    for (inference, how) in [
        (Inference::Direct, "direct inference: given success"),
        (Inference::Variational, "variational inference: true dynamics"),
    ] {
        let figure = StateMap::values(&grid(), &values, inference).unwrap().figure();
        let svg = figure.to_svg();
        let found = texts(&svg);
        assert_eq!(found[..2], ["State values V".to_string(), how.to_string()]);
        for expected in ["V, reward units", "column", "row", "terminal", "wall", "−7.0", "10.0", "−5"] {
            assert!(found.iter().any(|text| text == expected), "{expected} in {found:?}");
        }
        assert_eq!(figure.title(), format!("State values V: {how}"));
        assert!(svg.contains(&format!("<title>State values V: {how}</title>")));
    }
    // Rows are counted from the top: label 0 is above label 1.
    let svg = StateMap::values(&grid(), &values, Inference::Direct).unwrap().figure().to_svg();
    let rows: Vec<Element> = elements(&svg)
        .into_iter()
        .filter(|element| element.name == "text" && element.attributes["text-anchor"] == "end")
        .collect();
    assert_eq!([rows[0].text.as_str(), rows[1].text.as_str()], ["0", "1"]);
    assert!(rows[0].number("y") < rows[1].number("y"));
}

#[test]
fn minus_infinity_is_hatched_and_explained() {
    let values = array![-3.0, f64::NEG_INFINITY, 10.0, 0.0, 0.0, f64::NEG_INFINITY, 0.0];
    let svg = StateMap::values(&grid(), &values, Inference::Direct).unwrap().figure().to_svg();
    assert_inside(&svg);
    // Two cells and the key.
    assert_eq!(fills(&elements(&svg), "#FDEEE8").len(), 3);
    let found = texts(&svg);
    assert_eq!(found.iter().filter(|text| *text == "−∞").count(), 2);
    assert!(found.iter().any(|text| text == "−∞: success impossible"));
    // Nothing but −∞ has no scale to speak of, and is still a picture.
    let nothing = Array1::from_elem(7, f64::NEG_INFINITY);
    let svg = StateMap::values(&grid(), &nothing, Inference::Direct).unwrap().figure().to_svg();
    assert_inside(&svg);
    assert!(!texts(&svg).iter().any(|text| text == "V, reward units"), "no scale of nothing");
    let never = StateMap::occupancy(&grid(), &Array1::<f64>::zeros(7), Inference::Direct).unwrap();
    let found = texts(&never.figure().to_svg());
    assert!(!found.iter().any(|text| text == "occupancy" || text.contains("308")), "{found:?}");
}

/// The corners of all polygons, relative to a cell's middle.
fn arrows(svg: &str) -> Vec<Vec<(f64, f64)>> {
    let polygons = elements(svg).into_iter().filter(|element| element.name == "polygon");
    polygons
        .map(|element| {
            let points = element.attributes["points"].split_whitespace();
            points
                .map(|point| point.split_once(',').unwrap())
                .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
                .collect()
        })
        .collect()
}

#[test]
fn arrows_are_as_long_as_probable_and_point_where_moves_lead() {
    let grid = Gridworld::parse("S.G").unwrap();
    let policy = array![[0.0, 1.0, 0.0, 0.0], [0.5, 0.0, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25]];
    let map = StateMap::policy_of(&grid, &policy, Inference::Variational).unwrap();
    let svg = map.figure().to_svg();
    assert_inside(&svg);
    let arrows = arrows(&svg);
    assert_eq!(arrows.len(), 4, "one, three, and none where the episode is over");
    // From the middle of the shaft's end to the tip.
    let lengths: Vec<(f64, f64)> = arrows
        .iter()
        .map(|corners| {
            let (tip, tail) = (
                corners[3],
                (f64::midpoint(corners[0].0, corners[6].0), f64::midpoint(corners[0].1, corners[6].1)),
            );
            (tip.0 - tail.0, tip.1 - tail.1)
        })
        .collect();
    let reach = lengths[0].0;
    assert!(reach > 80.0 && lengths[0].1 == 0.0, "to the right");
    for (length, expected) in lengths[1..].iter().zip([(0.0, -0.5), (0.0, 0.25), (-0.25, 0.0)]) {
        assert!(
            abs_diff_eq!(length.0, expected.0 * reach, epsilon = 1.0)
                && abs_diff_eq!(length.1, expected.1 * reach, epsilon = 1.0)
        );
    }
}

#[test]
fn exact_zeros_are_paper_and_what_is_below_the_scale_is_not() {
    let marginals = array![0.9, 0.1, 0.0, 1e-9, 0.0, 0.0, 0.0];
    let svg = StateMap::marginals(&grid(), &marginals, 3).unwrap().figure().to_svg();
    assert_inside(&svg);
    let all = elements(&svg);
    let cells = |color| fills(&all, color).iter().filter(|element| element.area()[2] == 180.0).count();
    assert_eq!((cells("#FFFFFF"), cells("#FFF8CD")), (4, 1));
    let found = texts(&svg);
    for expected in
        ["State marginals p(s | e), stage 3", "0: never visited", "below 10⁻⁴", "probability", "0.01"]
    {
        assert!(found.iter().any(|text| text == expected), "{expected} in {found:?}");
    }
}

#[test]
fn points_are_drawn_with_y_upwards() {
    let corners = array![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]];
    let layout =
        StateLayout::points(&corners).unwrap().axes("east", "north").with_terminal_states([2]).unwrap();
    let values = array![0.0_f32, 1.0, f32::NEG_INFINITY];
    let svg = StateMap::values(layout, &values, Inference::Direct).unwrap().figure().to_svg();
    assert_inside(&svg);
    let all = elements(&svg);
    let disc = |color: &str| {
        let disc = all.iter().find(|element| element.name == "circle" && element.fill() == color).unwrap();
        (disc.number("cx"), disc.number("cy"))
    };
    let (origin, east, north) = (disc(DARK), disc(BRIGHT), disc("#FDEEE8"));
    assert!(east.0 > origin.0 && east.1 == origin.1);
    assert!(north.1 < origin.1 && north.0 == origin.0);
    assert_eq!(east.0 - origin.0, origin.1 - north.1, "one scale for both axes");
    assert!(texts(&svg).iter().any(|text| text == "north"));
}

#[test]
fn actions_point_to_where_they_lead_on_average() {
    // One to the right for sure, half a chance of two up.
    let transitions = array![
        [[0.0, 1.0, 0.0], [0.5, 0.0, 0.5]],
        [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]],
        [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
    ];
    let mdp = Mdp::new(transitions, Array2::zeros((3, 2))).unwrap();
    let layout = StateLayout::points(&array![[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]]).unwrap();
    let layout = layout.with_moves_of(mdp.dynamics()).unwrap();
    let policy = array![[0.5, 0.5], [1.0, 0.0], [1.0, 0.0]];
    let svg = StateMap::policy_of(layout, &policy, Inference::Variational).unwrap().figure().to_svg();
    assert_inside(&svg);
    let arrows = arrows(&svg);
    assert_eq!(arrows.len(), 2, "those who stay have a dot");
    let tip = |corners: &[(f64, f64)]| (corners[3].0 - corners[0].0, corners[3].1 - corners[0].1);
    assert!(tip(&arrows[0]).0 > 20.0 && tip(&arrows[1]).1 < -20.0, "to the right, and up");
}

#[test]
fn a_trajectory_goes_from_its_first_state_to_its_last() {
    let grid = Gridworld::parse("S..G").unwrap();
    let there_and_back = Trajectory::new(vec![0, 1, 1, 0, 1, 2, 3], vec![1, 0, 3, 1, 1, 1]).unwrap();
    let values = array![0.0, 1.0, 2.0, 3.0];
    let map = StateMap::values(&grid, &values, Inference::Direct).unwrap();
    let svg = map.with_trajectory(&there_and_back).unwrap().figure().to_svg();
    assert_inside(&svg);
    let all = elements(&svg);
    let line =
        all.iter().rfind(|element| element.name == "polyline" && element.attributes["stroke"] == "#D55E00");
    let points = line.unwrap().attributes["points"].split_whitespace().count();
    assert_eq!(points, 8, "two ends, two for each of the two turns, and two where it goes on straight");
    let (start, end) = (
        all.iter().rfind(|element| element.name == "circle" && element.fill() == "#D55E00").unwrap(),
        all.iter().rfind(|element| element.name == "rect" && element.fill() == "#D55E00").unwrap(),
    );
    assert_eq!(end.number("x") + end.number("width") / 2.0 - start.number("cx"), 3.0 * 184.0);
}

#[test]
fn panels_are_named_and_share_a_scale() {
    let grid = grid();
    let mdp = grid.mdp().unwrap().with_action_prior(ActionPrior::Uniform).unwrap();
    let posterior = posterior(&mdp, &grid.initial(), 5).unwrap();
    let animation = Animation::of_posterior(&grid, &mdp, &posterior).unwrap();
    assert_eq!(animation.num_stages(), 6);
    let svg = animation.frame(2).unwrap().to_svg();
    assert_inside(&svg);
    let found = texts(&svg);
    let names =
        ["prior: no evidence", "filtered: evidence so far", "posterior: all evidence", "stage 2 of 5"];
    for expected in names {
        assert!(found.iter().any(|text| text == expected), "{expected} in {found:?}");
    }
    assert!(found[0].contains("Direct inference"));
    assert_eq!(found.iter().filter(|text| *text == "probability").count(), 1);
    let strip = animation.stages(&[0, 5]).unwrap().to_svg();
    assert_inside(&strip);
    assert!(texts(&strip).iter().any(|text| text == "posterior: all evidence, stage 5"));
}

#[test]
fn the_first_panel_of_a_posterior_is_the_prior_walk() {
    // Half of the moves stay. From the middle, a quarter falls into the trap in one step and 1/4 + 1/8 in two; those on the
    // right came there at once, and stayed with 3/4, or in the second step: 3/16 + 1/8.
    let prior = array![0.375, 0.3125, 0.3125];
    let grid = Gridworld::parse("XS.").unwrap();
    let mdp = grid.mdp().unwrap();
    let posterior = posterior(&mdp, &grid.initial(), 3).unwrap();
    let messages = forward_messages(&mdp, &grid.initial(), 3).unwrap();
    let filtered = messages.log_forward().row(2).mapv(f64::exp);
    let marginals = posterior.state_marginals().row(2).to_owned();
    let cells = |svg: &str| -> Vec<String> {
        let all = elements(svg);
        let cells = all.iter().filter(|e| e.attributes.get("width").is_some_and(|width| width == "180"));
        cells.map(|cell| cell.fill().to_string()).collect()
    };
    let alone =
        |numbers: &Array1<f64>| cells(&StateMap::marginals(&grid, numbers, 2).unwrap().figure().to_svg());
    let panels = [alone(&prior), alone(&filtered), alone(&marginals)];
    assert!(panels[0] != panels[1] && panels[1] != panels[2] && panels[0] != panels[2], "{panels:?}");
    let animation = Animation::of_posterior(&grid, &mdp, &posterior).unwrap();
    // Cells are drawn panel by panel.
    assert_eq!(cells(&animation.frame(2).unwrap().to_svg()), panels.concat());
}

#[test]
fn curves_have_axes_symbols_and_names() {
    let bounds = (0..50).map(|pass| (f64::from(pass), 0.5_f64.powi(pass)));
    let figure = Curves::convergence()
        .subtitle("variational inference")
        .series("value iteration", bounds)
        .series("a point", [(3.0, 1.0)])
        .figure()
        .unwrap();
    let svg = figure.to_svg();
    assert_inside(&svg);
    let found = texts(&svg);
    for expected in [
        "Convergence",
        "variational inference",
        "passes over the dynamics",
        "error bound, reward units (log scale)",
        "value iteration",
        "a point",
        "40",
    ] {
        assert!(found.iter().any(|text| text == expected), "{expected} in {found:?}");
    }
    // On a logarithmic scale a geometric decline is a straight line downwards.
    let all = elements(&svg);
    let line =
        all.iter().filter(|e| e.name == "polyline").max_by_key(|e| e.attributes["points"].len()).unwrap();
    let points: Vec<(f64, f64)> = line.attributes["points"]
        .split_whitespace()
        .map(|point| point.split_once(',').unwrap())
        .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
        .collect();
    assert_eq!(points.len(), 50);
    let slope = (points[49].1 - points[0].1) / (points[49].0 - points[0].0);
    assert!(slope > 0.0, "downwards on the page");
    assert!(points.iter().all(|(x, y)| abs_diff_eq!(
        y - points[0].1,
        slope * (x - points[0].0),
        epsilon = 1.5
    )));
}

#[test]
fn gaps_are_left_where_there_is_no_number() {
    let line = |y: f64| [(0.0, 1.0), (1.0, y), (2.0, 3.0), (3.0, 4.0)];
    let lines = |curves: Curves| {
        let svg = curves.figure().unwrap().to_svg();
        elements(&svg).iter().filter(|e| e.name == "polyline" && e.attributes["stroke"] == "#D55E00").count()
    };
    // The sample in the key, and what is connected.
    assert_eq!(lines(Curves::learning().series("whole", line(2.0))), 2);
    assert_eq!(lines(Curves::learning().series("a point and a line", line(f64::NAN))), 2);
    let (split, nothing) = ([(0.0, 1.0), (1.0, 1.0), (2.0, -1.0), (3.0, 1.0), (4.0, 2.0)], f64::NEG_INFINITY);
    assert_eq!(lines(Curves::learning().log_scale().series("two lines", split)), 3);
    assert_eq!(lines(Curves::learning().series("ends early", line(nothing))), 2);
}

#[test]
fn both_number_types_draw_the_same() {
    let grid = Gridworld::parse("S.G\n..X").unwrap();
    let values = soft_value_iteration(&grid.mdp().unwrap(), 4)
        .unwrap()
        .state_values()
        .index_axis(Axis(0), 0)
        .to_owned();
    let rounded = values.mapv(|value| value as f32);
    let widened = rounded.mapv(f64::from);
    let double = StateMap::values(&grid, &widened, Inference::Direct).unwrap().figure().to_svg();
    let single = StateMap::values(&grid, &rounded, Inference::Direct).unwrap().figure().to_svg();
    assert_eq!(double, single);
    let elsewhere =
        StateMap::values(&grid, &(&widened * &widened), Inference::Direct).unwrap().figure().to_svg();
    assert_ne!(double, elsewhere);
}

#[test]
fn what_a_title_says_is_text() {
    let values = Array1::<f64>::zeros(7);
    let map = StateMap::values(&grid(), &values, Inference::Direct).unwrap().title("a < b & \"c\"");
    let svg = map.figure().to_svg();
    assert!(svg.contains("<title>a &lt; b &amp; \"c\""));
    assert!(svg.contains("a &lt; b &amp; &quot;c&quot;\n"));
}

#[test]
fn long_texts_stay_on_the_sheet() {
    let long = "as long as a text may be that nobody has ever cut, ".repeat(200);
    let values = Array1::from_shape_fn(3, |state| state as f64);
    let row = || StateLayout::from(&Gridworld::parse("S.G").unwrap()).axes(long.as_str(), long.as_str());
    let map = StateMap::numbers(row(), &values, &long, &long).unwrap().subtitle(long.as_str());
    let unit = StateMap::numbers(row(), &values, "Distance", "steps to the nearest goal, if any").unwrap();
    let svg = unit.figure().to_svg();
    assert_inside(&svg);
    assert!(texts(&svg).iter().any(|text| text == "steps to the nearest goal, if any"), "there is room");
    let curves = Curves::new(long.as_str(), long.as_str(), long.as_str()).subtitle(long.as_str());
    let curves = curves.log_scale().series(long.as_str(), [(0.0, 1.0), (1.0, 2.0)]);
    let marginals = Array2::from_elem((2, 3), 0.25);
    let animation = Animation::new(row(), long.as_str()).with_panel(long.as_str(), &marginals).unwrap();
    let animation = animation.with_panel(long.as_str(), &marginals).unwrap();
    for figure in [
        map.figure(),
        curves.figure().unwrap(),
        animation.frame(1).unwrap(),
        animation.stages(&[0, 1]).unwrap(),
    ] {
        let svg = figure.to_svg();
        assert_inside(&svg);
        assert!(figure.size().0 < 2000, "{:?}", figure.size());
        assert!(texts(&svg).iter().any(|text| text.ends_with('…')));
        assert!(figure.title().starts_with(&long) && svg.contains(&format!("<title>{long}")), "whole there");
    }
    let svg = curves.figure().unwrap().to_svg();
    assert!(texts(&svg).iter().any(|text| text.ends_with("… (log scale)")));
}

#[test]
fn characters_that_no_xml_may_hold_are_replaced() {
    let values = Array1::<f64>::zeros(7);
    let title = "a\u{0}b\u{1b}c\u{ffff}d\ne";
    let map = StateMap::values(&grid(), &values, Inference::Direct).unwrap().title(title);
    let svg = map.figure().to_svg();
    assert!(svg.contains("<title>a\u{fffd}b\u{fffd}c\u{fffd}d e: "));
    assert_eq!(texts(&svg)[0], "a\u{fffd}b\u{fffd}c\u{fffd}d e");
    let is_forbidden = |letter: char| letter.is_control() && letter != '\n';
    assert!(!svg.chars().any(|letter| is_forbidden(letter) || matches!(letter, '\u{fffe}' | '\u{ffff}')));
    assert!(!map.figure().to_png().is_empty());
}

#[test]
fn the_key_tells_terminal_cells_from_blank_ones() {
    let marginals = array![0.9, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0];
    let svg = StateMap::marginals(&grid(), &marginals, 3).unwrap().figure().to_svg();
    assert_inside(&svg);
    // Of all cells and samples only that of a terminal state is the colour of a blank map.
    assert_eq!(fills(&elements(&svg), "#E2E8EE").len(), 1);
}

#[test]
fn narrow_maps_are_wide_enough_to_be_seen() {
    for (map, size) in
        [(".".repeat(1000), (1000, 1)), (".\n".repeat(1000), (1, 1000)), (".".repeat(9000), (9000, 1))]
    {
        let grid = Gridworld::parse(&map).unwrap();
        let values = Array1::from_shape_fn(grid.num_states(), |state| state as f64);
        let svg = StateMap::values(&grid, &values, Inference::Direct).unwrap().figure().to_svg();
        assert_inside(&svg);
        let all = elements(&svg);
        let frame = all.iter().find(|e| e.name == "polyline" && e.attributes["stroke"] == "#787878").unwrap();
        let corners: Vec<(f64, f64)> = frame.attributes["points"]
            .split_whitespace()
            .map(|point| point.split_once(',').unwrap())
            .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
            .collect();
        let (wide, tall) = (corners[2].0 - corners[0].0, corners[2].1 - corners[0].1);
        let expected = if size.0 > size.1 { (2240.0, 48.0) } else { (48.0, 2240.0) };
        assert!(
            abs_diff_eq!(wide, expected.0, epsilon = 1.0) && abs_diff_eq!(tall, expected.1, epsilon = 1.0),
            "{size:?}: {wide}, {tall}"
        );
    }
}

#[test]
fn no_two_of_many_series_look_alike() {
    let curves = (0..28).fold(Curves::learning(), |curves, index| {
        curves.series(format!("series {index}"), [(0.0, f64::from(index)), (1.0, f64::from(index))])
    });
    let svg = curves.figure().unwrap().to_svg();
    assert_inside(&svg);
    // The symbol in the key, with its colour, follows its line.
    let all = elements(&svg);
    let names = all.iter().enumerate().filter(|(_, element)| element.text.starts_with("series "));
    let looks: HashSet<String> = names
        .map(|(index, _)| {
            let symbol = &all[index - 1];
            let corners =
                symbol.attributes.get("points").map_or(0, |points| points.split_whitespace().count());
            format!("{} of {corners} in {}", symbol.name, symbol.fill())
        })
        .collect();
    assert_eq!(looks.len(), 28, "{looks:?}");
}

#[test]
fn points_on_a_line_keep_the_scale_of_the_line() {
    let values = Array1::<f64>::zeros(5);
    for size in [1e-3, 1.0, 1e6] {
        for axis in [0, 1] {
            let line = Array2::from_shape_fn(
                (5, 2),
                |(state, other)| if other == axis { state as f64 * size } else { 3.0 },
            );
            let layout = StateLayout::points(&line).unwrap();
            let svg = StateMap::values(layout, &values, Inference::Direct).unwrap().figure().to_svg();
            assert_inside(&svg);
            let all = elements(&svg);
            let discs = || all.iter().filter(|e| e.name == "circle");
            let (x, y): (Vec<f64>, Vec<f64>) = discs().map(|e| (e.number("cx"), e.number("cy"))).unzip();
            let span = |numbers: &[f64]| {
                numbers.iter().copied().fold(f64::MIN, f64::max)
                    - numbers.iter().copied().fold(f64::MAX, f64::min)
            };
            let spans = if axis == 0 { (span(&x), span(&y)) } else { (span(&y), span(&x)) };
            assert_eq!(spans, (2240.0, 0.0), "{size}");
        }
    }
}

#[test]
fn directions_may_be_of_any_length() {
    let policy = array![[0.5, 0.5], [1.0, 0.0]];
    let picture = |length: f64| {
        let layout = StateLayout::points(&array![[0.0, 0.0], [1.0, 1.0]]).unwrap();
        let layout = layout.with_moves(&array![[length, 0.0], [length, -length]]).unwrap();
        StateMap::policy_of(layout, &policy, Inference::Direct).unwrap().figure()
    };
    for length in [1e-300, 1e-20, 3.0, 1e200, f64::MAX] {
        assert_eq!(picture(length), picture(1.0), "{length:e}");
    }
}

#[test]
fn characters_without_a_letter_are_boxes_in_bitmaps() {
    let map = |title: &str| {
        let map = StateMap::values(&grid(), &Array1::<f64>::zeros(7), Inference::Direct).unwrap();
        map.title(title).figure().to_png()
    };
    // The two are as wide, and neither is in the font.
    assert_eq!(map("\u{4e00}"), map("\u{4e01}"));
    assert_ne!(map("\u{4e00}"), map(" "));
}
