//! The rules for attributes of an event.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

/// An attribute that breaks the CloudEvents specification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{attribute}: {reason}")]
pub struct InvalidAttribute {
    /// The name of the attribute.
    pub attribute: String,
    /// What is wrong, and what would be right.
    pub reason: &'static str,
}

impl InvalidAttribute {
    pub(crate) fn new(attribute: impl Into<String>, reason: &'static str) -> Self {
        Self { attribute: attribute.into(), reason }
    }
}

/// The maximum length of a value of an attribute, in bytes.
const MAX_VALUE: usize = 4096;

/// The value of an attribute: not empty, not long, without control characters.
pub(crate) fn value(attribute: &str, text: impl Into<Arc<str>>) -> Result<Arc<str>, InvalidAttribute> {
    let text = text.into();
    let reason = match &*text {
        "" => "must not be empty",
        long if long.len() > MAX_VALUE => "must not be longer than 4096 bytes",
        control if control.chars().any(char::is_control) => "must not contain control characters",
        _ => return Ok(text),
    };
    Err(InvalidAttribute::new(attribute, reason))
}

/// A time of RFC 3339.
pub(crate) fn time(text: impl Into<Arc<str>>) -> Result<Arc<str>, InvalidAttribute> {
    let text = value("time", text)?;
    match character_rfc3339::parse(&text) {
        Some(_) => Ok(text),
        None => Err(InvalidAttribute::new("time", "must be a time of RFC 3339, such as 2026-11-26T14:00:00Z")),
    }
}

/// The name of an extension attribute: 1 to 20 of the characters `a-z 0-9`, and none of those that CloudEvents defines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeName(Arc<str>);

/// The attributes that CloudEvents defines, and the two names of the data in JSON.
pub(crate) const DEFINED: [&str; 10] =
    ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "data_base64"];

impl AttributeName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AttributeName {
    type Err = InvalidAttribute;

    fn from_str(text: &str) -> Result<Self, InvalidAttribute> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if !(1..=20).contains(&text.len()) || !text.bytes().all(is_plain) {
            let shown: String = text.chars().take(40).collect();
            return Err(InvalidAttribute::new(shown, "the name must be 1 to 20 of the characters a-z and 0-9"));
        }
        if DEFINED.contains(&text) {
            return Err(InvalidAttribute::new(text, "is no extension: CloudEvents defines it"));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for AttributeName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_form_of_rfc_3339_and_another_one_is_refused_by_name() {
        for text in ["2026-11-26T14:00:00Z", "2026-11-26t14:00:00.123456789012+01:00", "2026-11-26 14:00:00-00:00"] {
            assert_eq!(time(text).as_deref(), Ok(text));
        }
        for text in [
            "now",
            "2026-11-26",
            "2026-11-26T14:00Z",
            "20261126T140000Z",
            "2026-11-26T14:00:00",
            "2026-11-26T14:00:00,5Z",
            "2026-11-26T14:00:00+01",
            "2026-11-26T14:00:00+0100",
            "2026-11-26T14:00:00Z[Europe/Berlin]",
            "+002026-11-26T14:00:00Z",
        ] {
            let refused = time(text).unwrap_err();
            assert_eq!((&*refused.attribute, refused.reason.contains("RFC 3339")), ("time", true), "{text}");
        }
    }
}
