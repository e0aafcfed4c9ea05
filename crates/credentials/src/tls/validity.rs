//! From when until when a certificate is valid, read from its DER form.

use jiff::{Timestamp, civil::DateTime, tz::Offset};

pub(super) const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The tag of the optional version, which comes first.
const VERSION: u8 = 0xa0;

/// The validity of a certificate, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) begins: Timestamp,
    pub(crate) ends: Timestamp,
}

impl Validity {
    /// `None`: not a certificate of X.509.
    pub(crate) fn of(certificate: &[u8]) -> Option<Self> {
        let (validity, _) = tagged(from_validity(certificate)?, SEQUENCE)?;
        let (tag, begins, rest) = element(validity)?;
        let begins = time(tag, begins)?;
        let (tag, ends, _) = element(rest)?;
        Some(Self { begins, ends: time(tag, ends)? })
    }
}

/// The part of a certificate that begins with its validity.
pub(super) fn from_validity(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = tagged(certificate, SEQUENCE)?;
    let (mut signed, _) = tagged(certificate, SEQUENCE)?;
    if let Some((VERSION, _, rest)) = element(signed) {
        signed = rest;
    }
    // The serial number, the algorithm of the signature, and the issuer come before.
    for _ in 0..3 {
        signed = element(signed)?.2;
    }
    Some(signed)
}

/// Tag, content and what follows the first element.
pub(super) fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // Up to four bytes of length: more than any certificate has.
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

pub(super) fn tagged(input: &[u8], expected: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(input)?;
    (tag == expected).then_some((content, rest))
}

/// `YYMMDDHHMMSSZ` of the years 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
fn time(tag: u8, text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME if text.len() == 12 => {
            let year: i16 = text.get(..2)?.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
        }
        GENERALIZED_TIME if text.len() == 14 => (text.get(..4)?.parse().ok()?, text.get(4..)?),
        _ => return None,
    };
    let part = |from: usize| rest.get(from..from + 2)?.parse::<i8>().ok();
    let time = DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0).ok()?;
    // The last day of the year 9999 stands for "never".
    Some(Offset::UTC.to_timestamp(time).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_time_are_read_and_others_refused() {
        let of = |tag, text: &str| time(tag, text.as_bytes()).map(|time| time.to_string());
        assert_eq!(of(UTC_TIME, "500102030405Z").as_deref(), Some("1950-01-02T03:04:05Z"));
        assert_eq!(of(UTC_TIME, "491231235959Z").as_deref(), Some("2049-12-31T23:59:59Z"));
        assert_eq!(of(GENERALIZED_TIME, "20500102030405Z").as_deref(), Some("2050-01-02T03:04:05Z"));
        assert_eq!(time(GENERALIZED_TIME, b"99991231235959Z"), Some(Timestamp::MAX));
        for (tag, text) in [(UTC_TIME, "491331235959Z"), (UTC_TIME, "4912312359Z"), (GENERALIZED_TIME, ""), (2, "Z")] {
            assert_eq!(time(tag, text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_is_cut_off_is_no_certificate() {
        for bytes in [&[][..], &[SEQUENCE], &[SEQUENCE, 5, 1], &[SEQUENCE, 0x85, 1, 1, 1, 1, 1], &[SEQUENCE, 0x81]] {
            assert_eq!(Validity::of(bytes), None, "{bytes:?}");
        }
    }
}
