//! Points in time: one type, one range, one parser and one writer for every interface.

use jiff::{SignedDuration, civil::DateTime, fmt::temporal::DateTimePrinter, tz::Offset};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr, time::Duration};

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
/// Microseconds from 1970 to 0001-01-01T00:00:00Z.
const FIRST: i64 = -62_135_596_800_000_000;
/// Microseconds from 1970 to 9999-12-31T23:59:59.999999Z.
const LAST: i64 = 253_402_300_799_999_999;
/// Digits of the fraction of a second that are kept.
const DIGITS: u8 = 6;
static PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(DIGITS));

/// A point in time, UTC, in whole microseconds, from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999Z.
///
/// Every value can be stored and read again. It is read from RFC 3339 with any offset, finer digits are cut, and it is
/// written as RFC 3339 in UTC with all six digits, so that times compare as texts.
///
/// ```
/// use character_domain::Timestamp;
///
/// let time: Timestamp = "2026-01-02T04:04:05.1234567+01:00".parse()?;
/// assert_eq!(time.to_string(), "2026-01-02T03:04:05.123456Z");
/// assert!("9999-12-31T23:59:59-01:00".parse::<Timestamp>().is_err());
/// # Ok::<(), character_domain::InvalidTimestamp>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text or a number is not a [`Timestamp`]; the message says what would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTimestamp {
    /// It is not a time with an offset.
    #[error("must be a time with an offset in RFC 3339, such as 2026-01-31T12:00:00Z")]
    Syntax,
    /// It is a time outside the range.
    #[error("must be a time from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999Z")]
    Range,
}

impl Timestamp {
    /// 0001-01-01T00:00:00Z.
    pub const MIN: Self = Self(FIRST);
    /// 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self(LAST);

    /// The time this number of microseconds after 1970-01-01T00:00:00Z, or before it.
    ///
    /// # Errors
    /// [`InvalidTimestamp::Range`].
    pub fn from_microsecond(microseconds: i64) -> Result<Self, InvalidTimestamp> {
        match microseconds {
            FIRST..=LAST => Ok(Self(microseconds)),
            _ => Err(InvalidTimestamp::Range),
        }
    }

    /// The time this number of seconds after 1970-01-01T00:00:00Z, or before it.
    ///
    /// # Errors
    /// [`InvalidTimestamp::Range`].
    pub fn from_second(seconds: i64) -> Result<Self, InvalidTimestamp> {
        seconds.checked_mul(1_000_000).ok_or(InvalidTimestamp::Range).and_then(Self::from_microsecond)
    }

    /// Microseconds since 1970-01-01T00:00:00Z, negative before it.
    #[must_use]
    pub fn as_microsecond(self) -> i64 {
        self.0
    }

    /// The next microsecond; at the end of the range, the end.
    #[must_use]
    pub fn next(self) -> Self {
        self.saturating_add(Duration::from_micros(1))
    }

    /// Later by `duration`, at most [`Timestamp::MAX`].
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let microseconds = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(microseconds).min(LAST))
    }

    /// The time that has passed since `earlier`; zero when that is later.
    #[must_use]
    pub fn duration_since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or_default())
    }

    /// Earlier by `duration`, at least [`Timestamp::MIN`].
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let microseconds = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(microseconds).max(FIRST))
    }
}

/// The current time by the clock of this machine, cut to the microsecond.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let (local, offset) = character_rfc3339::parse(text).ok_or(InvalidTimestamp::Syntax)?;
        let local = local.duration_since(EPOCH);
        let utc =
            local.checked_sub(SignedDuration::from_secs(offset.seconds().into())).ok_or(InvalidTimestamp::Range)?;
        // Both parts have the same sign, and the second one is cut towards the past.
        let finer = i64::from(utc.subsec_nanos()).div_euclid(1_000);
        let micros = utc.as_secs().checked_mul(1_000_000).and_then(|micros| micros.checked_add(finer));
        micros.ok_or(InvalidTimestamp::Range).and_then(Self::from_microsecond)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().map_err(|_| fmt::Error)?.as_str())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A row has two or three, and a list has hundreds of rows: in one piece, since a serializer looks at each for escapes.
        serializer.serialize_str(self.text().map_err(serde::ser::Error::custom)?.as_str())
    }
}

impl Timestamp {
    fn text(self) -> Result<Text, jiff::Error> {
        let time = match jiff::Timestamp::from_microsecond(self.0) {
            Ok(time) => Offset::UTC.to_datetime(time),
            // The last day of the range is behind that of the library, whose sum of a date and a duration is several times slower.
            Err(_) => EPOCH.checked_add(SignedDuration::from_micros(self.0))?,
        };
        let mut text = Text::default();
        PRINTER.print_datetime(&time, &mut text)?;
        jiff::fmt::Write::write_str(&mut text, "Z")?;
        Ok(text)
    }
}

/// The text of a time, without an allocation. All have the same length.
#[derive(Default)]
struct Text {
    bytes: [u8; 27],
    length: usize,
}

impl Text {
    fn as_str(&self) -> &str {
        self.bytes.get(..self.length).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }
}

impl jiff::fmt::Write for Text {
    fn write_str(&mut self, part: &str) -> Result<(), jiff::Error> {
        let end = self.length + part.len();
        let room =
            self.bytes.get_mut(self.length..end).ok_or_else(|| jiff::Error::from_args(format_args!("too long")))?;
        room.copy_from_slice(part.as_bytes());
        self.length = end;
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time with an offset in RFC 3339")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Result<String, InvalidTimestamp> {
        text.parse::<Timestamp>().map(|time| time.to_string())
    }

    #[test]
    fn both_ends_of_the_range_are_what_they_are_called() {
        assert_eq!(Timestamp::MIN.to_string(), "0001-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!((parsed("9999-12-31T23:59:59Z"), Timestamp::default().to_string()), {
            (Ok("9999-12-31T23:59:59.000000Z".into()), "1970-01-01T00:00:00.000000Z".into())
        });
    }

    #[test]
    fn any_offset_is_read_and_finer_digits_are_cut() {
        for (text, written) in [
            ("2026-01-02T03:04:05+14:00", "2026-01-01T13:04:05.000000Z"),
            ("2026-01-02t03:04:05.9999999999999z", "2026-01-02T03:04:05.999999Z"),
            ("2026-01-02 03:04:05-00:00", "2026-01-02T03:04:05.000000Z"),
            ("2026-01-02T03:04:05.5+01:00", "2026-01-02T02:04:05.500000Z"),
            ("2026-01-02T03:04:05+23:59", "2026-01-01T03:05:05.000000Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000000Z"),
            ("1969-12-31T23:59:59.9999999-00:30", "1970-01-01T00:29:59.999999Z"),
            ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999999Z"),
            ("0001-01-01T01:00:00+01:00", "0001-01-01T00:00:00.000000Z"),
            ("0000-12-31T23:30:00-00:30", "0001-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(parsed(text).as_deref(), Ok(written), "{text}");
        }
    }

    #[test]
    fn a_time_outside_the_range_is_refused_as_such() {
        for text in ["9999-12-31T23:59:59-00:01", "0001-01-01T00:00:00+00:01", "0000-12-31T23:59:59.999999Z"] {
            assert_eq!(parsed(text), Err(InvalidTimestamp::Range), "{text}");
        }
        assert_eq!(Timestamp::from_microsecond(FIRST - 1), Err(InvalidTimestamp::Range));
        assert_eq!(Timestamp::from_microsecond(LAST + 1), Err(InvalidTimestamp::Range));
        assert_eq!(Timestamp::from_second(i64::MAX), Err(InvalidTimestamp::Range));
    }

    #[test]
    fn what_is_no_time_with_an_offset_is_refused() {
        for text in [
            "",
            "now",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-02-30T00:00:00Z",
            "2026-01-01T25:00:00Z",
            "2026-01-01T00:00:00Z[Europe/Berlin]",
            "2026-01-01T00:00:00.Z",
            "10000-01-01T00:00:00Z",
            "1767225600",
            "2026-01-01T00:00Z",
            "2026-01-01T00Z",
            "20260101T000000Z",
            "+002026-01-01T00:00:00Z",
            "2026-01-01T00:00:00,5Z",
            "2026-01-01T00:00:00+01",
            "2026-01-01T00:00:00+0100",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+01:60",
            "2026-01-01T00:00:00+01:00:30",
            "2026-01-01T00:00:00.5",
            "2026-01-01T00:00:00Z ",
        ] {
            assert_eq!(parsed(text), Err(InvalidTimestamp::Syntax), "{text}");
        }
        assert!(serde_json::from_str::<Timestamp>("0").is_err());
    }

    #[test]
    fn arithmetic_ends_at_the_ends_of_the_range() {
        assert_eq!(Timestamp::MAX.next(), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.next().as_microsecond(), FIRST + 1);
        assert_eq!(Timestamp::MIN.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.saturating_sub(Duration::MAX), Timestamp::MIN);
    }

    proptest! {
        #[test]
        fn every_time_is_read_back_as_it_was_written(microseconds in FIRST..=LAST) {
            let time = Timestamp::from_microsecond(microseconds).unwrap();
            prop_assert_eq!(time.to_string().parse(), Ok(time));
            let json = serde_json::to_string(&time).unwrap();
            prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);
        }

        #[test]
        fn times_compare_as_the_texts_they_are_written_as(one in FIRST..=LAST, other in FIRST..=LAST) {
            let (one, other) = (Timestamp(one), Timestamp(other));
            prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,40}") {
            let _ = text.parse::<Timestamp>();
        }
    }
}
