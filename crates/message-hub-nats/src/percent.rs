//! Percent-encoding: of the values of headers as the CloudEvents binding asks, and of the parts of subjects.

/// Encodes the bytes of `text` that `is_plain` refuses.
fn encoded(text: &str, is_plain: impl Fn(u8) -> bool) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_plain(byte) {
            encoded.push(char::from(byte));
        } else {
            let [high, low] = [byte >> 4, byte & 15].map(|half| char::from(DIGITS[usize::from(half)]));
            encoded.extend(['%', high, low]);
        }
    }
    encoded
}

/// The value of a header: spaces, `"`, `%` and everything but printable ASCII is encoded.
pub(crate) fn header(text: &str) -> String {
    encoded(text, |byte| (0x21..=0x7E).contains(&byte) && !b"\"%".contains(&byte))
}

/// One token of a subject, never empty: what NATS gives a meaning, and everything but printable ASCII, is encoded.
pub(crate) fn token(text: &str) -> String {
    if text.is_empty() {
        // No encoded text is a single percent sign.
        return "%".into();
    }
    encoded(text, |byte| byte.is_ascii_alphanumeric() || b"-_~:@+=".contains(&byte))
}

/// The text of an encoded value. `None`: the bytes are no UTF-8, or an escape is cut or no hexadecimal number.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut half = || char::from(bytes.next()?).to_digit(16);
        let (high, low) = (half()?, half()?);
        decoded.push(u8::try_from(high << 4 | low).ok()?);
    }
    // Overlong forms are no UTF-8.
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_survives_a_header() {
        for text in ["plain/text-1.0", " a \"b\" 100% ", "Ünï\u{1f409}", "%41", "\u{7f}"] {
            let value = header(text);
            assert!(value.bytes().all(|byte| byte.is_ascii_graphic()), "{value}");
            assert_eq!(decode(&value).as_deref(), Some(text));
        }
        assert_eq!(header("Euro € 😀"), "Euro%20%E2%82%AC%20%F0%9F%98%80");
    }

    #[test]
    fn what_is_no_encoding_is_refused() {
        for text in ["%", "%4", "%zz", "%C0%A0", "%FF"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn different_texts_become_different_tokens() {
        let texts = ["", "-", "%", "a.b", "a b", "*", ">", "ü", "%00"];
        let tokens: std::collections::BTreeSet<_> = texts.iter().map(|text| token(text)).collect();
        assert_eq!(tokens.len(), texts.len());
        assert!(tokens.iter().all(|token| !token.contains(['.', ' ', '*', '>'])));
    }
}
