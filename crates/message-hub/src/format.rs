//! The formats of attributes: URIs of RFC 3986 and media types of RFC 9110.

/// Whether a text is a URI reference: a URI, or a part of one such as `/characters`.
pub(crate) fn is_uri_reference(text: &str) -> bool {
    let (before, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (before, query) = before.split_once('?').unwrap_or((before, ""));
    let (scheme, hierarchy) = match scheme(before) {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, before),
    };
    let (authority, path) = match hierarchy.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", hierarchy),
    };
    // Without a scheme, a colon in the first part of the path would begin one.
    let is_relative_path = scheme.is_some() || !path.split('/').next().unwrap_or_default().contains(':');
    is_relative_path && has(authority, ":@[]") && has(path, ":@/") && has(query, ":@/?") && has(fragment, ":@/?")
}

/// Whether a text is a URI with a scheme.
pub(crate) fn is_uri(text: &str) -> bool {
    scheme(text).is_some() && is_uri_reference(text)
}

/// The scheme, and what is behind its colon.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let begins = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    let continues = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    (begins && continues).then_some((scheme, rest))
}

/// Whether a part of a URI has nothing but unreserved characters, sub-delimiters, percent-encoded bytes and `more`.
fn has(part: &str, more: &str) -> bool {
    let mut rest = part.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            b'%' => match after.split_at_checked(2) {
                Some((digits, after)) if digits.iter().all(u8::is_ascii_hexdigit) => after,
                _ => return false,
            },
            plain if plain.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(plain) => after,
            other if more.as_bytes().contains(other) => after,
            _ => return false,
        };
    }
    true
}

/// Whether a text is a media type, such as `application/json; charset=utf-8`.
pub(crate) fn is_media_type(text: &str) -> bool {
    let (essence, mut parameters) = text.split_once(';').map_or((text, ""), |(essence, rest)| (essence, rest));
    let is_type = |(kind, subtype): (&str, &str)| is_token(kind) && is_token(subtype);
    if !essence.trim_end_matches([' ', '\t']).split_once('/').is_some_and(is_type) {
        return false;
    }
    loop {
        parameters = parameters.trim_start_matches([' ', '\t']);
        // An empty parameter is permitted, as is a semicolon at the end.
        if let Some(rest) = parameters.strip_prefix(';') {
            parameters = rest;
            continue;
        }
        if parameters.is_empty() {
            return true;
        }
        let Some((name, value)) = parameters.split_once('=') else { return false };
        let Some(rest) = after_value(value).filter(|_| is_token(name)) else { return false };
        let rest = rest.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(';') {
            return false;
        }
        parameters = rest;
    }
}

/// What is behind the token or the quoted string at the beginning.
fn after_value(text: &str) -> Option<&str> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find([';', ' ', '\t']).unwrap_or(text.len()));
        return is_token(value).then_some(rest);
    };
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return quoted.get(at + 1..),
            '\\' => drop(characters.next()?),
            _ => {}
        }
    }
    None
}

fn is_token(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_reference_is_a_uri_or_a_part_of_one() {
        for text in [
            "/characters",
            "characters",
            "./a:b",
            "//host/a",
            "https://user@host:80/a/b;c?d=e/f?#g/?",
            "http://[::1]:8100/",
            "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
            "mailto:ada@example.com",
            "/a%20b",
            "?a",
            "#a",
            "cloudevents/spec/pull/123",
        ] {
            assert!(is_uri_reference(text), "{text}");
        }
        for text in [
            "a b", "/ä", "/a%2", "/a%zz", "1:2", ":a", "/a#b#c", "/a[b]", "/a\"b", "<a>", "a\\b", "a|b", "^", "`", "{}",
        ] {
            assert!(!is_uri_reference(text), "{text}");
        }
    }

    #[test]
    fn a_uri_has_a_scheme() {
        for text in ["urn:character-service:events:character.created", "https://host/schema#/part", "a+b.c-1:x"] {
            assert!(is_uri(text), "{text}");
        }
        for text in ["/schemas/1", "schema", "//host/a", "1a:x", "http://a b", ""] {
            assert!(!is_uri(text), "{text}");
        }
    }

    #[test]
    fn a_media_type_has_two_tokens_and_parameters() {
        for text in [
            "application/json",
            "text/plain; charset=utf-8",
            "application/vnd.game+json;v=1 ; w=\"a;\\\"b\"",
            "text/plain;",
            "text/plain;;a=b",
        ] {
            assert!(is_media_type(text), "{text}");
        }
        for text in [
            "",
            "json",
            "text/",
            "/plain",
            "text/pl ain",
            "text/plain charset",
            "text/plain; charset",
            "a/b; c=\"d",
            "a/b/c",
            "a/b; =c",
            "a/b; c=",
            "ä/b",
            "text/*plain/",
            " a/b",
        ] {
            assert!(!is_media_type(text), "{text}");
        }
    }
}
