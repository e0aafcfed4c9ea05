//! The smallest parts of a JSON text: strings, and words such as numbers and `true`.

/// Whether a number, `true`, `false` or `null` may have each byte.
const IN_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'-' | b'+' | b'.');
        byte += 1;
    }
    table
};

/// Whether a number, `true`, `false` or `null` may have this byte.
pub(super) fn is_in_word(byte: u8) -> bool {
    IN_WORD[usize::from(byte)]
}

/// The length of the rest of the word that continues at `start`.
pub(super) fn word_at(text: &[u8], start: usize) -> usize {
    text.get(start..).unwrap_or_default().iter().take_while(|byte| is_in_word(**byte)).count()
}

/// The string that begins at `start`, behind its first quote and up to its last, as it is written, and whether it has no escape.
#[inline]
pub(super) fn string_at(text: &[u8], start: usize) -> (&[u8], bool) {
    let rest = text.get(start..).unwrap_or_default();
    let end = until_quote_or_escape(rest);
    match rest.get(end) {
        Some(b'"') => (rest.get(..end).unwrap_or_default(), true),
        Some(_) => (with_escapes(rest, end), false),
        // One that is never closed is all of the rest: the parser refuses it.
        None => (rest, true),
    }
}

/// The string at the beginning of `rest` whose first escape is at `end`.
fn with_escapes(rest: &[u8], mut end: usize) -> &[u8] {
    while rest.get(end) == Some(&b'\\') {
        end += 2;
        end += until_quote_or_escape(rest.get(end..).unwrap_or_default());
    }
    rest.get(..end).unwrap_or(rest)
}

/// Whether each escape of a string, as it is written, is the one that a writer has for its character.
pub(super) fn is_escaped_as_written(string: &[u8]) -> bool {
    let mut rest = string.iter();
    while rest.any(|byte| *byte == b'\\') {
        if !matches!(rest.next(), Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't')) {
            return false;
        }
    }
    true
}

/// Where the next `"` or `\` is; the length when there is none.
#[inline]
fn until_quote_or_escape(rest: &[u8]) -> usize {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // Most strings are shorter than what a search with vectors is good for, so eight bytes are compared as one number. The
    // lowest bit that is set belongs to the first zero byte; above it there may be false ones.
    let zeros = |number: u64| number.wrapping_sub(LOW) & !number & HIGH;
    let (eights, last) = rest.as_chunks();
    for (index, eight) in eights.iter().enumerate() {
        let number = u64::from_le_bytes(*eight);
        let found = zeros(number ^ (LOW * b'"' as u64)) | zeros(number ^ (LOW * b'\\' as u64));
        if found != 0 {
            return index * eight.len() + (found.trailing_zeros() / 8) as usize;
        }
    }
    let at = rest.len() - last.len();
    at + last.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(last.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn a_string_ends_at_the_first_quote_that_no_backslash_escapes(text in "[a\u{2}\u{e9}\u{1f409}\"\\\\]{0,40}") {
            let mut is_escaped = false;
            let end = text.bytes().position(|byte| {
                let is_end = byte == b'"' && !is_escaped;
                is_escaped = byte == b'\\' && !is_escaped;
                is_end
            });
            let string = &text[..end.unwrap_or(text.len())];
            prop_assert_eq!(string_at(text.as_bytes(), 0), (string.as_bytes(), !string.contains('\\')));
        }
    }
}
