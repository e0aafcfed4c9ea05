//! Reads the numbers of JSON documents exactly, from their text, and computes with them without rounding.

pub use rust_decimal::Decimal;
use serde_json::{Number, Value};

/// The whole number that `value` is, also when it is written as `10.0` or `1e1`. `None` for everything else, and for a
/// number that 64 bits do not hold.
#[must_use]
pub fn whole(value: &Value) -> Option<i64> {
    let number = value.as_number()?;
    number.as_i64().or_else(|| parse(&number.to_string()).and_then(as_whole))
}

fn as_whole(number: Decimal) -> Option<i64> {
    let number = number.normalize();
    (number.scale() == 0).then(|| i64::try_from(number.mantissa()).ok()).flatten()
}

/// The number that `value` is, with the decimals it is written with. `None` for everything else, and for a number that
/// has more digits than a [`Decimal`] holds (28).
#[must_use]
pub fn decimal(value: &Value) -> Option<Decimal> {
    parse(&value.as_number()?.to_string())
}

/// A decimal as a JSON number. It keeps all digits when `serde_json` keeps numbers as text (`arbitrary_precision`), and
/// some 15 of them otherwise.
#[must_use]
pub fn json(number: Decimal) -> Number {
    #[expect(clippy::expect_used, reason = "a decimal is written as digits with at most one sign and one point")]
    number.to_string().parse().expect("the text of a decimal is a JSON number")
}

/// `one + other`; `None` when a [`Decimal`] cannot hold all digits of it. Its own addition would round.
#[must_use]
pub fn sum(one: Decimal, other: Decimal) -> Option<Decimal> {
    aligned_sum(one, other).or_else(|| aligned_sum(one.normalize(), other.normalize()))
}

fn aligned_sum(one: Decimal, other: Decimal) -> Option<Decimal> {
    let scale = one.scale().max(other.scale());
    let at_scale = |number: Decimal| number.mantissa().checked_mul(10_i128.checked_pow(scale - number.scale())?);
    fitted(at_scale(one)?.checked_add(at_scale(other)?)?, scale)
}

/// `number * times`; `None` when a [`Decimal`] cannot hold all digits of it. Its own multiplication would round.
#[must_use]
pub fn product(number: Decimal, times: i64) -> Option<Decimal> {
    fitted(number.mantissa().checked_mul(times.into())?, number.scale())
}

/// `mantissa * 10^-scale`, with fewer zeros at the end where that makes it fit.
fn fitted(mut mantissa: i128, mut scale: u32) -> Option<Decimal> {
    loop {
        if let Ok(number) = Decimal::try_from_i128_with_scale(mantissa, scale) {
            return Some(number);
        }
        if scale == 0 || mantissa % 10 != 0 {
            return None;
        }
        (mantissa, scale) = (mantissa / 10, scale - 1);
    }
}

/// The number that this JSON text is.
fn parse(text: &str) -> Option<Decimal> {
    if let Ok(number) = Decimal::from_str_exact(text) {
        // A decimal knows a negative zero and shows it.
        return Some(if number.is_zero() { number.abs() } else { number });
    }
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{integer}{fraction}");
    let significant = digits.trim_end_matches('0');
    if !significant.contains(|digit: char| ('1'..='9').contains(&digit)) {
        return Some(Decimal::ZERO);
    }
    let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
    let decimals = i64::try_from(fraction.len()).ok()?.checked_sub(zeros)?;
    let scale = decimals.checked_sub(exponent.parse().ok()?)?;
    let mantissa: i128 = significant.parse().ok()?;
    match u32::try_from(scale) {
        Ok(scale) => Decimal::try_from_i128_with_scale(mantissa, scale).ok(),
        Err(_) => {
            let factor = 10_i128.checked_pow(u32::try_from(scale.checked_neg()?).ok()?)?;
            Decimal::try_from_i128_with_scale(mantissa.checked_mul(factor)?, 0).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<String> {
        parse(text).map(|number| number.to_string())
    }

    #[test]
    fn every_spelling_of_a_number_is_read_exactly() {
        let zeros = "0".repeat(60);
        for (text, number) in [
            ("10", "10"),
            ("10.0", "10.0"),
            ("1e1", "10"),
            ("1E+1", "10"),
            ("1.5e-3", "0.0015"),
            ("-0", "0"),
            ("-0.0", "0.0"),
            ("-0e5", "0"),
            ("0e99999999999999999999", "0"),
            ("4.70", "4.70"),
            ("-2.5e0", "-2.5"),
            ("79228162514264337593543950335", "79228162514264337593543950335"),
            ("0.0000000000000000000000000001", "0.0000000000000000000000000001"),
            (&format!("1.5{zeros}"), "1.5"),
            (&format!("1{zeros}e-60"), "1"),
            (&format!("0.{zeros}1e61"), "1"),
        ] {
            assert_eq!(read(text).as_deref(), Some(number), "{text}");
        }
    }

    #[test]
    fn a_number_with_too_many_digits_is_not_read() {
        let ones = "1".repeat(30);
        for text in [
            "1e29",
            "1e-29",
            "1e99999999999999999999",
            "1e-9223372036854775808",
            "1e9223372036854775807",
            "79228162514264337593543950336",
            "1.00000000000000000000000000001",
            &format!("0.{ones}"),
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_is_whole_and_fits_64_bits_is_a_whole_number() {
        let whole = |text: &str| whole(&serde_json::from_str(text).unwrap());
        for text in ["10", "10.0", "1e1", "100e-1"] {
            assert_eq!(whole(text), Some(10), "{text}");
        }
        assert_eq!(whole("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(whole("-0.0"), Some(0));
        for text in
            ["12.5", "\"15\"", "[1]", "{}", "true", "null", "18446744073709551615", "9223372036854775808", "1e300"]
        {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn what_would_have_to_be_rounded_has_no_sum_and_no_product() {
        let number = |text| parse(text).unwrap();
        assert_eq!(sum(number("1e27"), number("0.01")), None);
        assert_eq!(sum(number("1e27"), number("0.0000")), Some(number("1e27")));
        assert_eq!(product(number("0.1234567890123456789012345678"), 999_999_999), None);
        assert_eq!(product(number("0.1000000000000000000000000000"), 1_000_000_000), Some(number("1e8")));
        assert_eq!(product(number("0.1"), 12).map(|it| it.to_string()).as_deref(), Some("1.2"));
    }

    proptest! {
        #[test]
        fn the_spelling_makes_no_difference(mantissa in -(1_i128 << 90)..(1_i128 << 90), scale in 0_u32..=28, shift in 0_u32..12) {
            let number = Decimal::try_from_i128_with_scale(mantissa, scale).unwrap();
            let zeros = "0".repeat(shift as usize);
            for text in [number.to_string(), format!("{mantissa}e-{scale}"), format!("{mantissa}{zeros}E-{}", scale + shift)] {
                prop_assert_eq!(parse(&text), Some(number), "{}", text);
            }
        }

        #[test]
        fn sums_and_products_are_exact_and_in_any_order_equal(
            one in -(1_i128 << 70)..(1_i128 << 70), other in any::<i64>(), scales in (0_u32..=9, 0_u32..=9), times in 0_i64..=1_000,
        ) {
            let a = Decimal::try_from_i128_with_scale(one, scales.0).unwrap();
            let b = Decimal::try_from_i128_with_scale(other.into(), scales.1).unwrap();
            let scale = scales.0.max(scales.1);
            let exact = one * 10_i128.pow(scale - scales.0) + i128::from(other) * 10_i128.pow(scale - scales.1);
            let total = sum(a, b);
            prop_assert_eq!(total, sum(b, a));
            match total {
                Some(total) => prop_assert_eq!(total.mantissa() * 10_i128.pow(scale - total.scale()), exact),
                None => prop_assert!(exact.abs() >= 1 << 96),
            }
            let by_adding = (0..times).try_fold(Decimal::ZERO, |total, _| sum(total, a));
            prop_assert_eq!(product(a, times), by_adding);
        }
    }
}
