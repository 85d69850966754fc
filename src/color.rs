//! The colour map of the terminal and of pictures: viridis.
//!
//! Its lightness rises evenly from one end to the other, so it remains readable in grey and for
//! colour-blind readers. By S. van der Walt, N. Smith and E. Firing, for matplotlib; dedicated to
//! the public domain (CC0).
//!
//! The map of plotters (0.3.7) has 8 entries and differs from this one by up to 21 of 255 steps.
//! The terminal also needs the map without the feature `plot`.

/// A colour, in red, green and blue.
pub(crate) type Color = [u8; 3];

/// The map at 0, 1/32, …, 1. Linear interpolation is within 3 of 255 steps of all 256 entries.
const VIRIDIS: [Color; 33] = [
    [68, 1, 84],
    [71, 13, 96],
    [72, 24, 106],
    [72, 35, 116],
    [71, 45, 123],
    [69, 55, 129],
    [66, 64, 134],
    [62, 73, 137],
    [59, 82, 139],
    [55, 91, 141],
    [51, 99, 141],
    [47, 107, 142],
    [44, 114, 142],
    [41, 122, 142],
    [38, 130, 142],
    [35, 137, 142],
    [33, 145, 140],
    [31, 152, 139],
    [31, 160, 136],
    [34, 167, 133],
    [40, 174, 128],
    [50, 182, 122],
    [63, 188, 115],
    [78, 195, 107],
    [94, 201, 98],
    [112, 207, 87],
    [132, 212, 75],
    [152, 216, 62],
    [173, 220, 48],
    [194, 223, 35],
    [216, 226, 25],
    [236, 229, 27],
    [253, 231, 37],
];

/// The colour of a fraction from 0 to 1. A number outside gets the colour of the nearer end.
pub(crate) fn viridis(fraction: f64) -> Color {
    let place = fraction.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let index = (place as usize).min(VIRIDIS.len() - 2);
    let share = place - index as f64;
    let mix = |low: u8, high: u8| ((1.0 - share) * f64::from(low) + share * f64::from(high)).round() as u8;
    std::array::from_fn(|channel| mix(VIRIDIS[index][channel], VIRIDIS[index + 1][channel]))
}

/// Perceived brightness of a colour, from 0 to 1 (the luma of ITU-R BT.601).
pub(crate) fn luma([red, green, blue]: Color) -> f64 {
    (0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue)) / 255.0
}

/// Black or white, whichever is readable on a colour.
pub(crate) fn contrast(background: Color) -> Color {
    if luma(background) > 0.5 { [0, 0, 0] } else { [255, 255, 255] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lightness_rises_from_end_to_end() {
        let lightness: Vec<f64> =
            (0..=100).map(|percent| luma(viridis(f64::from(percent) / 100.0))).collect();
        assert!(lightness.windows(2).all(|pair| pair[0] < pair[1] + 2e-3), "readable in grey");
        assert!(lightness[100] - lightness[0] > 0.7);
        assert_eq!((viridis(-1.0), viridis(2.0)), ([68, 1, 84], [253, 231, 37]));
    }
}
