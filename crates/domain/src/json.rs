//! Reading JSON text that a stranger sent: bounded nesting, and no number that would be changed silently.

use serde::de::DeserializeOwned;

/// How deep a [`Document`](crate::Document) may be nested, itself counted as one level.
pub const MAX_DEPTH: usize = 128;

/// How deep a whole message may be nested: a document inside the envelopes that our contracts put around it.
pub const MAX_MESSAGE_DEPTH: usize = MAX_DEPTH + 16;

/// Why a text is not acceptable JSON, before any type is looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Nested deeper than allowed.
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
    /// A number that 64 bits do not hold, so that storing it would change it.
    #[error("the number {0} does not fit 64 bits")]
    Number(String),
}

/// Walks over the text once, without recursion, and refuses what a parser would crash on or alter.
/// It does not check the syntax: that is the parser's work.
///
/// # Errors
/// [`ScanError`] with the first thing refused.
pub fn scan(text: &[u8], max_depth: usize) -> Result<(), ScanError> {
    let (mut depth, mut i) = (0usize, 0usize);
    while let Some(&byte) = text.get(i) {
        match byte {
            b'"' => {
                i += 1;
                while let Some(&inner) = text.get(i) {
                    match inner {
                        b'\\' => i += 1,
                        b'"' => break,
                        _ => {}
                    }
                    i += 1;
                }
            }
            b'[' | b'{' => {
                depth += 1;
                if depth > max_depth {
                    return Err(ScanError::TooDeep(max_depth));
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'-' | b'0'..=b'9' => {
                let rest = text.get(i..).unwrap_or_default();
                let length = rest
                    .iter()
                    .position(|b| !matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
                    .unwrap_or(rest.len());
                let number = String::from_utf8_lossy(rest.get(..length).unwrap_or_default());
                if !representable(&number) {
                    return Err(ScanError::Number(number.chars().take(40).collect()));
                }
                i += length;
                continue;
            }
            _ => {}
        }
        i += 1;
    }
    Ok(())
}

fn representable(number: &str) -> bool {
    if number.contains(['.', 'e', 'E']) {
        number.parse::<f64>().map_or(true, f64::is_finite)
    } else if number.len() < 19 {
        true
    } else {
        // A malformed number is left to the parser, which names the place.
        let digits = number.strip_prefix('-').unwrap_or(number);
        !digits.bytes().all(|b| b.is_ascii_digit()) || number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok()
    }
}

/// Parses a message of our own contracts, at the nesting those need. Scan a stranger's text first.
///
/// # Errors
/// The parser's error, with line and column.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> serde_json::Result<T> {
    if let Err(error) = scan(text, MAX_MESSAGE_DEPTH) {
        return Err(<serde_json::Error as serde::de::Error>::custom(error));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    deserializer.disable_recursion_limit();
    let value = T::deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_at_the_limit_passes_and_one_level_more_does_not() {
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert_eq!(scan(nested(128).as_bytes(), 128), Ok(()));
        assert_eq!(scan(nested(129).as_bytes(), 128), Err(ScanError::TooDeep(128)));
        assert_eq!(scan(br#""[[[[[\"[[[[""#, 2), Ok(()));
    }

    #[test]
    fn a_number_that_would_be_changed_is_refused() {
        for fine in ["18446744073709551615", "-9223372036854775808", "1e300", "0.1", "-0", "[1,2]"] {
            assert_eq!(scan(fine.as_bytes(), 9), Ok(()), "{fine}");
        }
        for lost in ["18446744073709551616", "-9223372036854775809", "1e400", "[1,123456789012345678901234567890]"] {
            assert!(matches!(scan(lost.as_bytes(), 9), Err(ScanError::Number(_))), "{lost}");
        }
    }
}
