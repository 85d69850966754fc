//! Numbers as text.

use softmdp::Real;

/// A number with six decimals, or with an exponent if that would show none of its digits. A zero
/// has no sign.
pub(crate) fn number<F: Real>(value: F) -> String {
    let value = value.into_f64();
    let size = value.abs();
    if value == 0.0 {
        "0.000000".to_owned()
    } else if size < 1e-4 || size >= 1e9 && size.is_finite() {
        format!("{value:.6e}")
    } else {
        format!("{value:.6}")
    }
}

/// A bound on an error, in about three digits, with an exponent only if it is very small or very
/// large.
pub(crate) fn bound(value: f64) -> String {
    let short = format!("{value:.2e}").parse().unwrap_or(value);
    let is_plain = short == 0.0 || (1e-3..1e6).contains(&short);
    if is_plain { format!("{short}") } else { format!("{short:e}") }
}

/// `1 state`, `2 states`, `3 passes`.
pub(crate) fn count(number: usize, singular: &str) -> String {
    let plural = match (number, singular) {
        (1, _) => "",
        (_, word) if word.ends_with('s') => "es",
        _ => "s",
    };
    format!("{number} {singular}{plural}")
}

/// The least and the largest of some values.
pub(crate) fn range<F: Real>(values: impl IntoIterator<Item = F>) -> (F, F) {
    let start = (F::infinity(), F::neg_infinity());
    values.into_iter().fold(start, |(least, most), value| (least.min(value), most.max(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_digits_and_zeros_have_no_sign() {
        assert_eq!(
            [0.0, -0.0, 7.93, -2.5e-7, 1e12].map(number),
            ["0.000000", "0.000000", "7.930000", "-2.500000e-7", "1.000000e12"]
        );
        assert_eq!([f64::NEG_INFINITY, f64::INFINITY].map(number), ["-inf", "inf"]);
        assert_eq!(
            [0.0, 0.776_045_894, 1.7, 1.234_5e-9, 2e6].map(bound),
            ["0", "0.776", "1.7", "1.23e-9", "2e6"]
        );
    }
}
