//! The PNG and GIF formats.
//!
//! GIFs are written here and not by plotters (0.3.7), which chooses new colours for each frame, so
//! that animations flicker.

use std::borrow::{Borrow, Cow};

use plotters_bitmap::BitMapBackend;

use super::draw::{Joins, draw, to_grid};
use super::error::Error;
use super::marks::{Mark, Sheet, UNITS};
use crate::color::{Color, viridis};

const PNG_PIXELS: usize = 2;
const GIF_PIXELS: usize = 1;
/// The palette has shades of the colour map, greys, and a cube of red, green and blue: 256 colours.
const SHADES: usize = 96;
const GREYS: usize = 35;
const STEPS: usize = 5;

/// Encodes a picture as PNG.
pub(super) fn png(sheet: &Sheet) -> Vec<u8> {
    let (width, _) = sheet.size;
    let pixels = pixels(sheet, PNG_PIXELS);
    let width = width as usize * PNG_PIXELS;
    encode_png((width, pixels.len() / width.max(1)), pixels.as_flattened())
}

/// Encodes red, green and blue of pixels in columns and rows as PNG.
pub(super) fn encode_png((width, height): (usize, usize), bytes: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::High);
    let mut writer =
        encoder.write_header().expect("a picture has a size, and a vector takes all that is written");
    writer.write_image_data(bytes).expect("as many bytes as the header says");
    writer.finish().expect("a vector takes all that is written");
    file
}

/// Encodes pictures of one size as GIF, each shown for some hundredths of a second, in a loop.
///
/// Draws one picture at a time. [`Error::PictureTooLarge`] if a side exceeds the limit of the
/// format.
pub(super) fn gif(
    (columns, rows): (u32, u32),
    hundredths: u16,
    sheets: impl IntoIterator<Item = impl Borrow<Sheet>>,
) -> Result<Vec<u8>, Error> {
    let (Ok(width), Ok(height)) = (u16::try_from(columns), u16::try_from(rows)) else {
        return Err(Error::PictureTooLarge { width: columns, height: rows, limit: u16::MAX.into() });
    };
    let palette = Palette::new();
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, width, height, palette.colors.as_flattened())
        .expect("a vector takes all that is written");
    encoder.set_repeat(gif::Repeat::Infinite).expect("a vector takes all that is written");
    for sheet in sheets {
        let indices: Vec<u8> =
            pixels(sheet.borrow(), GIF_PIXELS).iter().map(|&color| palette.nearest(color)).collect();
        let buffer = Cow::Owned(indices);
        let frame = gif::Frame { width, height, buffer, delay: hundredths, ..gif::Frame::default() };
        encoder.write_frame(&frame).expect("a vector takes all that is written");
    }
    drop(encoder);
    Ok(file)
}

/// Draws a picture on the fine grid and averages to `per_unit` pixels per unit of its size.
fn pixels(sheet: &Sheet, per_unit: usize) -> Vec<Color> {
    let (width, height) = sheet.size;
    let (grid_width, grid_height) = (width as usize * UNITS as usize, height as usize * UNITS as usize);
    let mut grid = vec![u8::MAX; grid_width * grid_height * 3];
    lay_images(sheet, &mut grid, grid_width);
    {
        let mut backend = BitMapBackend::with_buffer(&mut grid, (grid_width as u32, grid_height as u32));
        draw(&sheet.marks, Joins::Drawn, &mut backend).expect("the buffer has the size of the grid");
    }
    let block = UNITS as usize / per_unit;
    let (columns, rows) = (grid_width / block, grid_height / block);
    let mut pixels = Vec::with_capacity(columns * rows);
    for row in 0..rows {
        for column in 0..columns {
            let mut sums = [0_usize; 3];
            for line in row * block..(row + 1) * block {
                let start = 3 * (line * grid_width + column * block);
                for color in grid[start..start + 3 * block].chunks_exact(3) {
                    for (sum, &channel) in sums.iter_mut().zip(color) {
                        *sum += usize::from(channel);
                    }
                }
            }
            pixels.push(sums.map(|sum| (sum / (block * block)) as u8));
        }
    }
    pixels
}

/// Paints images: each point of the grid gets the pixel that covers it.
fn lay_images(sheet: &Sheet, grid: &mut [u8], grid_width: usize) {
    for mark in &sheet.marks {
        let Mark::Image { from, to, image } = mark else { continue };
        let ((left, top), (right, bottom)) = (to_grid(*from), to_grid(*to));
        for y in top.max(0)..bottom {
            for x in left.max(0)..right.min(grid_width as i32) {
                let column = (x - left) as usize * image.width / (right - left) as usize;
                let row = (y - top) as usize * image.height() / (bottom - top) as usize;
                let start = 3 * (y as usize * grid_width + x as usize);
                if let Some(point) = grid.get_mut(start..start + 3) {
                    point.copy_from_slice(&image.pixels[row * image.width + column]);
                }
            }
        }
    }
}

/// One palette for all frames of a GIF, so that colours do not flicker.
struct Palette {
    colors: Vec<Color>,
    nearest: Vec<u8>, // by the five upper bits of red, green and blue
}

impl Palette {
    fn new() -> Self {
        let level = |step: usize, steps: usize| (255 * step / (steps - 1)) as u8;
        let mut colors: Vec<Color> =
            (0..SHADES).map(|shade| viridis(shade as f64 / (SHADES - 1) as f64)).collect();
        colors.extend((0..GREYS).map(|grey| [level(grey, GREYS); 3]));
        colors.extend((0..STEPS.pow(3)).map(|index| {
            [index / (STEPS * STEPS), index / STEPS % STEPS, index % STEPS].map(|step| level(step, STEPS))
        }));
        let nearest = (0..1_usize << 15)
            .map(|key| {
                // Bits scale to 0 … 255, so that white stays white.
                let color = [key >> 10, key >> 5 & 31, key & 31].map(|bits| (bits * 255 / 31) as i32);
                let distance = |entry: &Color| -> i32 {
                    entry.iter().zip(color).map(|(&entry, channel)| (i32::from(entry) - channel).pow(2)).sum()
                };
                let best = (0..colors.len()).min_by_key(|&index| distance(&colors[index])).unwrap_or(0);
                best as u8
            })
            .collect();
        Self { colors, nearest }
    }

    fn nearest(&self, color: Color) -> u8 {
        let [red, green, blue] = color.map(|channel| usize::from(channel >> 3));
        self.nearest[red << 10 | green << 5 | blue]
    }
}
