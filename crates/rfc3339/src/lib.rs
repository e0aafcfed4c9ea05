//! Reads times of RFC 3339, and no other forms of ISO 8601.
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The types of dates, times and offsets.
pub use jiff;

use jiff::{civil::DateTime, fmt::temporal::Pieces, tz::Offset};
use std::borrow::Cow;

/// Digits of the fraction of a second that are kept: those of the parser.
const DIGITS: usize = 9;

/// Date and time of day with their offset from UTC; digits of a second behind the ninth are cut. `None`: the text is no time of RFC 3339.
#[must_use]
pub fn parse(text: &str) -> Option<(DateTime, Offset)> {
    // The parser also takes other forms of ISO 8601, which a client that checks the format would not send.
    if !is_rfc3339(text) {
        return None;
    }
    // The parser takes nine digits of a second and no more.
    let text = cut(text);
    let pieces = Pieces::parse(&*text).ok()?;
    match (pieces.time(), pieces.to_numeric_offset(), pieces.time_zone_annotation()) {
        (Some(time), Some(offset), None) => Some((DateTime::from_parts(pieces.date(), time), offset)),
        _ => None,
    }
}

/// Whether the text has the form of RFC 3339. That the numbers are those of a time is checked by the parser, except for the
/// offset, of which the parser takes more.
fn is_rfc3339(text: &str) -> bool {
    const SECONDS: &[u8; 19] = b"0000-00-00T00:00:00";
    const OFFSET: &[u8; 6] = b"+00:00";
    let is_like = |text: &[u8], form: &[u8]| {
        text.iter().zip(form).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            b'T' => matches!(byte, b'T' | b't' | b' '),
            b'+' => matches!(byte, b'+' | b'-'),
            form => byte == form,
        })
    };
    let Some((seconds, rest)) = text.as_bytes().split_first_chunk::<19>() else { return false };
    let rest = match rest.strip_prefix(b".") {
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            fraction.get(digits..).filter(|_| digits > 0).unwrap_or_default()
        }
        None => rest,
    };
    let has_offset = match rest {
        b"Z" | b"z" => true,
        [_, hours @ .., b':', _, _] => rest.len() == OFFSET.len() && is_like(rest, OFFSET) && hours <= b"23",
        _ => false,
    };
    is_like(seconds, SECONDS) && has_offset
}

/// The text without those digits of the fraction of a second that are not kept.
fn cut(text: &str) -> Cow<'_, str> {
    let Some((seconds, fraction)) = text.split_once('.') else { return text.into() };
    let offset = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let digits = fraction.len() - offset.len();
    match fraction.get(..DIGITS) {
        Some(kept) if digits > DIGITS => format!("{seconds}.{kept}{offset}").into(),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_digits_of_a_second_is_read_before_any_offset() {
        for digits in 1..20 {
            let fraction = "123456789012345678901".get(..digits).unwrap_or_default();
            let nanoseconds = format!("{fraction:0<9}").get(..9).and_then(|text| text.parse().ok());
            for (offset, seconds) in [("Z", 0), ("+01:00", 3_600), ("-23:59", -86_340)] {
                let text = format!("2026-01-02T03:04:05.{fraction}{offset}");
                let read = parse(&text).map(|(time, offset)| (Some(time.subsec_nanosecond()), offset.seconds()));
                assert_eq!(read, Some((nanoseconds, seconds)), "{text}");
            }
        }
    }

    #[test]
    fn only_the_forms_of_rfc_3339_are_times() {
        for text in ["2026-01-02T03:04:05Z", "2026-01-02t03:04:05.9999999999999z", "2026-01-02 03:04:05-23:59"] {
            assert!(parse(text).is_some(), "{text}");
        }
        for text in [
            "",
            "2026-01-02",
            "2026-01-02T03:04Z",
            "20260102T030405Z",
            "2026-01-02T03:04:05",
            "2026-01-02T03:04:05,5Z",
            "2026-01-02T03:04:05+01",
            "2026-01-02T03:04:05+24:00",
            "2026-01-02T03:04:05Z[Europe/Berlin]",
            "+002026-01-02T03:04:05Z",
            "2026-02-30T03:04:05Z",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
