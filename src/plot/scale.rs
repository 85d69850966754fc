//! Scales: the place of a number between two ends, and the ticks of an axis.
//!
//! Ticks are chosen here and not by plotters (0.3.7). Its logarithmic ticks are
//! `9.999999999999999e-5`, none lie within a decade, and none lie below 2.2e−16. Its default labels
//! repeat on a narrow range, such as `1000000.0`. Its search for ticks does not end where the range
//! is as long as `f64::MAX`.

/// How a scale spreads numbers between its ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Spread {
    Even,
    Logarithmic,
}

/// An interval of numbers, spread over a length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    spread: Spread,
}

impl Scale {
    /// The shortest even scale that contains all finite numbers; `None` without one.
    pub(super) fn even(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (low, high) = ends(numbers.into_iter().filter(|number| number.is_finite()))?;
        Some(Self::new(low, high, Spread::Even))
    }

    /// The shortest logarithmic scale that contains all positive finite numbers; `None` without
    /// one.
    pub(super) fn logarithmic(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (low, high) = ends(numbers.into_iter().filter(|&number| number > 0.0 && number.is_finite()))?;
        Some(Self::new(low, high, Spread::Logarithmic))
    }

    /// A scale between two ends. Equal ends are moved apart, so that the number lies in the middle.
    pub(super) fn new(low: f64, high: f64, spread: Spread) -> Self {
        let apart = high / 2.0 - low / 2.0 > 4.0 * f64::EPSILON * low.abs().max(high.abs());
        let (low, high) = match spread {
            _ if apart => (low, high),
            Spread::Even => (low - 0.5 * low.abs().max(1.0), high + 0.5 * high.abs().max(1.0)),
            Spread::Logarithmic => ((low / 3.0).max(f64::from_bits(1)), high * 3.0),
        };
        Self { low: low.max(-f64::MAX), high: high.min(f64::MAX), spread }
    }

    /// The same scale with a margin at both ends.
    pub(super) fn with_margin(self) -> Self {
        let Self { low, high, spread } = self;
        match spread {
            Spread::Even => {
                let room = 0.04 * (high / 2.0 - low / 2.0);
                Self { low: (low - room).max(-f64::MAX), high: (high + room).min(f64::MAX), spread }
            }
            Spread::Logarithmic => {
                Self { low: (low / 1.5).max(f64::from_bits(1)), high: (high * 1.5).min(f64::MAX), spread }
            }
        }
    }

    pub(super) fn low(&self) -> f64 {
        self.low
    }

    /// Half the distance between the ends, which is always a finite number.
    pub(super) fn span(&self) -> f64 {
        self.high / 2.0 - self.low / 2.0
    }

    /// The place of a number: 0 at the lower end, 1 at the upper end.
    pub(super) fn fraction(&self, number: f64) -> f64 {
        match self.spread {
            // Halves, because the difference of two numbers can overflow.
            Spread::Even => (number / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0),
            Spread::Logarithmic => (number.ln() - self.low.ln()) / (self.high.ln() - self.low.ln()),
        }
    }

    /// Round numbers on the scale with their labels, about as many as asked for.
    pub(super) fn ticks(&self, about: usize) -> Vec<(f64, String)> {
        match self.spread {
            Spread::Even => self.even_ticks(about.max(1) as f64),
            Spread::Logarithmic => self.decades(about.max(1)),
        }
    }

    /// Multiples of 1, 2 or 5 times a power of ten.
    fn even_ticks(&self, about: f64) -> Vec<(f64, String)> {
        let rough = (self.high / about - self.low / about).max(f64::MIN_POSITIVE);
        let power = 10.0_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|&factor| factor * power >= 0.999 * rough);
        let step = step.unwrap_or(10.0) * power;
        let (first, last) = ((self.low / step - 1e-9).ceil(), (self.high / step + 1e-9).floor());
        let largest = self.low.abs().max(self.high.abs());
        let ticks: Vec<(f64, String)> =
            if step > 0.0 && step.is_finite() && (0.0..=4.0 * about).contains(&(last - first)) {
                let numbers = (0..=(last - first) as usize).map(|index| (first + index as f64) * step);
                numbers.map(|number| (number, written(number, step, largest))).collect()
            } else {
                Vec::new()
            };
        // Steps below the last digit of the numbers have equal labels.
        if ticks.is_empty() || ticks.windows(2).any(|pair| pair[0].1 == pair[1].1) {
            return self.both_ends();
        }
        ticks
    }

    /// The two ends, with all their digits.
    fn both_ends(&self) -> Vec<(f64, String)> {
        [self.low, self.high].map(|number| (number, with_minus(format!("{number:e}")))).to_vec()
    }

    /// Ticks of a logarithmic scale: powers of ten, some of them skipped on a long scale.
    ///
    /// A scale with at most one power of ten has ticks at 1, 2 and 5 times powers of ten. A scale
    /// with at most one of these has multiples of a step.
    fn decades(&self, about: usize) -> Vec<(f64, String)> {
        let (low, high) = (self.low.log10() - 1e-9, self.high.log10() + 1e-9);
        let (first, last) = (low.ceil() as i32, high.floor() as i32);
        if last > first {
            let step = ((last - first) as usize).div_ceil(about).max(1);
            let powers = (first..=last).step_by(step);
            return powers.map(|power| (10.0_f64.powf(power.into()), labelled_power(power))).collect();
        }
        let digits = (low.floor() as i32..=last).flat_map(|power| [1, 2, 5].map(|digit| (digit, power)));
        let ticks: Vec<(f64, String)> = digits
            .map(|(digit, power)| (f64::from(digit) * 10.0_f64.powf(power.into()), digit, power))
            .filter(|(number, ..)| (low..=high).contains(&number.log10()))
            .map(|(number, digit, power)| (number, labelled_digit(digit, power)))
            .collect();
        if ticks.len() >= 2 {
            return ticks;
        }
        let ticks = self.even_ticks(about as f64);
        // Among the smallest positive numbers, a multiple of a step can round to 0.
        if ticks.iter().all(|&(number, _)| number > 0.0) { ticks } else { self.both_ends() }
    }
}

fn ends(numbers: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    numbers.fold(None, |ends, number| match ends {
        None => Some((number, number)),
        Some((low, high)) => Some((low.min(number), high.max(number))),
    })
}

/// Writes a multiple of a step, with the digits that distinguish it from its neighbours.
///
/// Very large and very small numbers are written with a power of ten.
fn written(number: f64, step: f64, largest: f64) -> String {
    let place = |number: f64| (number.abs().log10() + 1e-9).floor() as i32;
    let digits = (place(largest) - place(step)).max(0);
    let is_plain = match largest {
        _ if !(1e-3..1e9).contains(&largest) => false,
        _ if largest >= 1e6 || step < 1e-4 => digits > 2,
        _ => true,
    };
    if !is_plain {
        let decimals = if number == 0.0 { 0 } else { (place(number) - place(step)).max(0) as usize };
        return if number == 0.0 { "0".to_string() } else { with_minus(format!("{number:.decimals$e}")) };
    }
    let decimals = (-place(step)).max(0) as usize;
    let text = format!("{number:.decimals$}");
    if text.trim_start_matches('-').bytes().all(|byte| matches!(byte, b'0' | b'.')) {
        return text.trim_start_matches('-').to_string();
    }
    with_minus(text)
}

/// Replaces hyphens by minus signs.
fn with_minus(text: String) -> String {
    text.replace('-', "−")
}

/// Writes 1, 2 or 5 times a power of ten.
fn labelled_digit(digit: u8, power: i32) -> String {
    match power {
        -3..=3 => written(f64::from(digit) * 10.0_f64.powi(power), 10.0_f64.powi(power), 1.0),
        power => format!("{digit}·10{}", superscript(power)),
    }
}

/// Writes a number in a few characters, to fit into a cell.
pub(super) fn short(number: f64) -> String {
    let size = number.abs();
    let text = match size {
        _ if size >= 1e5 || (size < 1e-3 && size > 0.0) => format!("{number:.0e}"),
        _ if size >= 100.0 => format!("{number:.0}"),
        _ if size >= 0.0995 || size == 0.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    };
    if text == "-0.0" { "0.0".to_string() } else { with_minus(text) }
}

/// Writes a power of ten, in full from 0.001 to 1000.
pub(super) fn power_of_ten(number: f64) -> String {
    if number > 0.0 { labelled_power(number.log10().round() as i32) } else { "0".to_string() }
}

fn labelled_power(power: i32) -> String {
    match power {
        -3..=3 => 10.0_f64.powi(power).to_string(),
        power => format!("10{}", superscript(power)),
    }
}

fn superscript(power: i32) -> String {
    let digit = |letter: char| match letter {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        _ => char::from_u32('⁰' as u32 + letter.to_digit(10).unwrap_or(0)).unwrap_or(letter),
    };
    power.to_string().chars().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn labels(low: f64, high: f64, spread: Spread) -> Vec<String> {
        Scale::new(low, high, spread).ticks(5).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels(0.0, 10.0, Spread::Even), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(labels(-1.3, 0.2, Spread::Even), ["−1.0", "−0.5", "0.0"]);
        assert_eq!(labels(1e-4, 1.0, Spread::Logarithmic), ["10⁻⁴", "0.001", "0.01", "0.1", "1"]);
        assert_eq!(
            labels(1e-40, 1e-20, Spread::Logarithmic),
            ["10⁻⁴⁰", "10⁻³⁶", "10⁻³²", "10⁻²⁸", "10⁻²⁴", "10⁻²⁰"]
        );
    }

    #[test]
    fn ticks_have_the_digits_that_tell_them_apart() {
        assert_eq!(labels(0.5, 0.5001, Spread::Even)[..3], ["0.50000", "0.50002", "0.50004"]);
        assert_eq!(labels(1e6, 1.049e6, Spread::Even)[..2], ["1.00e6", "1.01e6"]);
        assert_eq!(labels(1e6, 1_000_049.0, Spread::Even)[..2], ["1000000", "1000010"]);
        assert_eq!(labels(-2e-5, 2e-5, Spread::Even), ["−2e−5", "−1e−5", "0", "1e−5", "2e−5"]);
        assert_eq!(labels(-1e12, 4e12, Spread::Even)[..3], ["−1e12", "0", "1e12"]);
        assert_eq!(labels(0.03, 0.6, Spread::Logarithmic), ["0.05", "0.1", "0.2", "0.5"]);
        assert_eq!(labels(3e-8, 6e-8, Spread::Logarithmic)[..2], ["3e−8", "4e−8"]);
    }

    #[test]
    fn any_two_numbers_make_a_scale() {
        let ends = [
            0.0,
            1.0,
            0.5,
            0.50012,
            1e6,
            1.049e6,
            1e6 + 1e-6,
            2e9,
            2e9 + 7.0,
            -1.0,
            -0.999_999_9,
            1.0 + f64::EPSILON,
            1.0 + 20.0 * f64::EPSILON,
            f64::MIN_POSITIVE,
            5e-324,
            1e-310,
            1e300,
            f64::MAX,
            -f64::MAX,
        ];
        for low in ends {
            for high in ends.into_iter().filter(|&high| high >= low) {
                let scale = Scale::new(low, high, Spread::Even).with_margin();
                for number in [low, high] {
                    let fraction = scale.fraction(number);
                    assert!((-1e-9..=1.0 + 1e-9).contains(&fraction), "{low:e}, {high:e}: {fraction}");
                }
                let mut scales = vec![scale, Scale::new(low, high, Spread::Even)];
                if low > 0.0 {
                    let scale = Scale::new(low, high, Spread::Logarithmic);
                    scales.extend([scale, scale.with_margin()]);
                }
                for (scale, about) in scales.iter().flat_map(|scale| [(scale, 2), (scale, 6), (scale, 10)]) {
                    let ticks = scale.ticks(about);
                    assert!((1..=40).contains(&ticks.len()), "{scale:?}: {ticks:?}");
                    let different: HashSet<&str> = ticks.iter().map(|(_, label)| label.as_str()).collect();
                    assert_eq!(different.len(), ticks.len(), "{scale:?}: {ticks:?}");
                    assert!(!ticks.iter().any(|(_, label)| label.contains('-')), "{scale:?}: {ticks:?}");
                    for (number, _) in ticks {
                        let fraction = scale.fraction(number);
                        assert!(
                            (-1e-6..=1.0 + 1e-6).contains(&fraction),
                            "{scale:?}: {number:e} at {fraction}"
                        );
                    }
                }
            }
        }
    }
}
