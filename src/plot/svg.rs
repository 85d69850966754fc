//! The SVG format.

use std::fmt::Write as _;

use plotters_svg::SVGBackend;

use super::bitmap::encode_png;
use super::draw::{Joins, draw, to_grid};
use super::marks::{Mark, Sheet, UNITS};
use super::text::printable;

/// The SVG document: title for screen readers, background, images, and what plotters draws.
pub(super) fn document(title: &str, sheet: &Sheet) -> String {
    let (width, height) = sheet.size;
    let (grid_width, grid_height) = (width * UNITS as u32, height * UNITS as u32);
    let mut drawing = String::new();
    {
        let mut backend = SVGBackend::with_string(&mut drawing, (grid_width, grid_height));
        draw(&sheet.marks, Joins::OfFormat, &mut backend).expect("a string takes all that is written");
    }
    let title = escape(&printable(title));
    let mut document = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {grid_width} {grid_height}\" role=\"img\">\n<title>{title}</title>\n\
         <rect width=\"{grid_width}\" height=\"{grid_height}\" fill=\"#FFFFFF\"/>\n"
    );
    for mark in &sheet.marks {
        let Mark::Image { from, to, image } = mark else { continue };
        let ((left, top), (right, bottom)) = (to_grid(*from), to_grid(*to));
        let (width, height) = (right - left, bottom - top);
        let data = base64(&encode_png((image.width, image.height()), &image.bytes()));
        // A pixel is a cell of the map, so viewers must not smooth the image.
        let _ = writeln!(
            document,
            "<image x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
             style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{data}\"/>"
        );
    }
    // The first line of plotters opens a document of another size. Its last line closes this one.
    let body = drawing.split_once('\n').map_or("", |(_, body)| body);
    for line in body.lines() {
        document.push_str(line.trim_end());
        document.push('\n');
    }
    document
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Encodes bytes in base 64 (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for letter in 0..4 {
            let index = (bits >> (18 - 6 * letter)) & 63;
            text.push(if letter <= chunk.len() { LETTERS[index as usize].into() } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        let pairs = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (bytes, text) in pairs {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
