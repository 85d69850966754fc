//! Files decode to the expected sizes and colours.

use std::fs;
use std::path::PathBuf;

use softmdp::ndarray::{Array2, array};
use softmdp::plot::{Animation, Curves, StateMap};
use softmdp::{Gridworld, Inference};

/// A folder of its own for each test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("softmdp-plot-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn map() -> StateMap {
    let grid = Gridworld::parse("S.#\n.XG").unwrap();
    StateMap::values(&grid, &array![0.0, 1.0, 2.0, -5.0, 10.0], Inference::Direct).unwrap()
}

#[test]
fn a_png_has_two_pixels_a_unit_and_the_colours_of_its_cells() {
    let figure = map().figure();
    let bytes = figure.to_png();
    let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let (width, height) = figure.size();
    assert_eq!((info.width, info.height), (2 * width, 2 * height));
    assert_eq!(info.color_type, png::ColorType::Rgb);
    // The corner is paper; the goal's yellow is there, a cell of 90 pixels square less what is written on it.
    assert_eq!(&pixels[..3], &[255; 3]);
    let yellow = pixels.chunks(3).filter(|pixel| *pixel == [253, 231, 37]).count();
    assert!((6000..8200).contains(&yellow), "{yellow}");
    let ink = pixels.chunks(3).filter(|pixel| pixel.iter().all(|&channel| channel < 60)).count();
    assert!(ink > 500, "letters are drawn without any font of the system");
}

#[test]
fn a_gif_has_a_frame_for_each_stage() {
    let folder = Folder::new("gif");
    let grid = Gridworld::parse("S..").unwrap();
    let marginals = Array2::from_shape_fn((4, 3), |(t, state)| if state == t.min(2) { 1.0 } else { 0.0 });
    let animation = Animation::new(&grid, "A walk").with_panel("where it is", &marginals).unwrap().delay(25);
    let path = folder.0.join("walk.gif");
    animation.save(&path).unwrap();

    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::Indexed);
    let mut decoder = options.read_info(fs::File::open(&path).unwrap()).unwrap();
    let (width, height) = animation.frame(3).unwrap().size();
    assert_eq!((u32::from(decoder.width()), u32::from(decoder.height())), (width, height));
    let mut frames = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        assert_eq!((u32::from(frame.width), u32::from(frame.height), frame.delay), (width, height, 25));
        frames.push(frame.buffer.to_vec());
    }
    assert_eq!(frames.len(), 4);
    assert!(
        frames[0] != frames[1] && frames[2] != frames[3],
        "the last two differ in the number of the stage"
    );

    animation.save_stages(&path, 1..3).unwrap();
    let mut decoder = gif::DecodeOptions::new().read_info(fs::File::open(&path).unwrap()).unwrap();
    let mut number = 0;
    while decoder.read_next_frame().unwrap().is_some() {
        number += 1;
    }
    assert_eq!(number, 2);
}

#[test]
fn the_extension_chooses_the_format() {
    let folder = Folder::new("formats");
    for (name, start) in [("a.svg", b"<svg".as_slice()), ("a.PNG", b"\x89PNG"), ("a.gif", b"GIF89a")] {
        let path = folder.0.join(name);
        map().save(&path).unwrap();
        assert!(fs::read(&path).unwrap().starts_with(start), "{name}");
    }
    let curves = Curves::learning().series("it", [(0.0, 1.0), (1.0, 2.0)]);
    curves.save(folder.0.join("learning.svg")).unwrap();
}

#[test]
fn the_same_picture_is_the_same_file() {
    assert_eq!(map().figure(), map().figure());
    assert_eq!(map().figure().to_svg(), map().figure().to_svg());
    assert_eq!(map().figure().to_png(), map().figure().to_png());
}
