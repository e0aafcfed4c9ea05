//! Checks that several entities share.

use crate::{Violations, text::is_invisible};

/// Longest name and title, in Unicode scalar values.
pub(crate) const MAX_NAME: usize = 255;
/// Longest theme, kind, status and the like, in Unicode scalar values.
pub(crate) const MAX_WORD: usize = 64;
/// Longest free text (notes, descriptions, contents), in Unicode scalar values.
pub(crate) const MAX_TEXT: usize = 100_000;
/// Maximum number of entries of a list inside a row, such as tags or achievements.
pub(crate) const MAX_ENTRIES: usize = 10_000;

/// A short text for people: it has a visible character, is not too long, and has no control characters.
pub(crate) fn short(violations: &mut Violations, field: &str, text: &str, max: usize) {
    let has_control = text.chars().any(char::is_control);
    if text.trim().is_empty() {
        violations.push(field, "must not be empty");
    } else if !has_control && is_invisible(text) {
        violations.push(field, "must contain a visible character");
    } else if text.chars().count() > max {
        violations.push(field, format!("must not be longer than {max} characters"));
    }
    if has_control {
        violations.push(field, "must not contain control characters");
    }
}

/// The same, where it may be absent.
pub(crate) fn maybe_short(violations: &mut Violations, field: &str, text: Option<&String>, max: usize) {
    if let Some(text) = text {
        short(violations, field, text, max);
    }
}

/// Any text, also an empty one; only what a storage cannot store is rejected.
pub(crate) fn text(violations: &mut Violations, field: &str, text: &str) {
    if text.chars().count() > MAX_TEXT {
        violations.push(field, format!("must not be longer than {MAX_TEXT} characters"));
    }
    if text.contains('\0') {
        violations.push(field, "must not contain the character U+0000");
    }
}

/// The same, where it may be absent.
pub(crate) fn maybe_text(violations: &mut Violations, field: &str, given: Option<&String>) {
    if let Some(given) = given {
        text(violations, field, given);
    }
}
