//! Texts of clients, cut to a length that a log line or a problem can hold.

use std::borrow::Cow;

/// The text, at most `most` bytes of it. An ellipsis stands for the rest.
pub(crate) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.get(..text.floor_char_boundary(most)) {
        Some(start) if start.len() < text.len() => Cow::Owned(format!("{start}…")),
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_text_is_cut_between_characters_and_marked_as_cut() {
        let text = "aé日🙂";
        for most in 0..=text.len() + 2 {
            let short = cut(text, most);
            let start = short.strip_suffix('…').unwrap_or(&short);
            assert!(text.starts_with(start) && start.len() <= most, "{most}: {short}");
            assert_eq!(short.ends_with('…'), most < text.len(), "{most}: {short}");
        }
    }
}
