//! `If-Match` and `If-None-Match` (RFC 9110, section 13).

use crate::Problem;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use character_domain::Revision;
use character_repositories::Condition;

/// The entity tag of a revision: strong, because a revision is one state to the letter.
pub(crate) fn etag(revision: Revision) -> String {
    format!("\"{revision}\"")
}

/// The revisions that a change accepts.
pub(crate) fn of_change(headers: &HeaderMap) -> Result<Condition, Problem> {
    let (none_of, absent) = match tags(headers, IF_NONE_MATCH, "If-None-Match")? {
        None => (Vec::new(), false),
        Some(Tags::Any) => (Vec::new(), true),
        Some(Tags::Listed(tags)) => (tags.iter().filter_map(Tag::revision).collect(), false),
    };
    Ok(Condition { none_of, absent, ..of_read(headers)? })
}

/// The revisions that a read accepts: those of `If-Match`. `If-None-Match` does not refuse a read, it shortens it.
pub(crate) fn of_read(headers: &HeaderMap) -> Result<Condition, Problem> {
    check_shortening(headers)?;
    Ok(match tags(headers, IF_MATCH, "If-Match")? {
        None | Some(Tags::Any) => Condition::any(),
        Some(Tags::Listed(tags)) => Condition {
            one_of: Some(tags.iter().filter(|tag| !tag.weak).filter_map(Tag::revision).collect()),
            named_weakly: tags.iter().any(|tag| tag.weak),
            ..Condition::any()
        },
    })
}

/// Whether a read with this condition of a list, or of what else has no strong entity tag, may be answered: of such a thing only
/// `If-Match: *` holds (RFC 9110, section 13.1.1).
pub(crate) fn of_untagged(condition: &Condition) -> Result<(), Problem> {
    match condition.one_of {
        None => Ok(()),
        Some(_) => Err(Problem::no_strong_tag()),
    }
}

/// Refuses an `If-None-Match` that cannot be read, whatever `If-Match` comes to: a request that is wrong stays so.
fn check_shortening(headers: &HeaderMap) -> Result<(), Problem> {
    tags(headers, IF_NONE_MATCH, "If-None-Match").map(drop)
}

/// Whether a client that sent these headers has the row at this revision already.
pub(crate) fn is_known(headers: &HeaderMap, actual: Revision) -> Result<bool, Problem> {
    has_one(headers, |tag| tag.revision() == Some(actual))
}

/// Whether a client that sent these headers has a list with this entity tag already.
pub(crate) fn knows(headers: &HeaderMap, list: &str) -> Result<bool, Problem> {
    has_one(headers, |tag| tag.opaque == list.as_bytes())
}

fn has_one(headers: &HeaderMap, is_it: impl Fn(&Tag) -> bool) -> Result<bool, Problem> {
    Ok(match tags(headers, IF_NONE_MATCH, "If-None-Match")? {
        None => false,
        Some(Tags::Any) => true,
        Some(Tags::Listed(tags)) => tags.iter().any(is_it),
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Tags {
    Any,
    Listed(Vec<Tag>),
}

#[derive(Debug, PartialEq, Eq)]
struct Tag {
    weak: bool,
    opaque: Vec<u8>,
}

impl Tag {
    /// The revision it stands for. A tag that we never gave out, such as `"01"`, stands for none.
    fn revision(&self) -> Option<Revision> {
        let text = std::str::from_utf8(&self.opaque).ok()?;
        text.parse().ok().map(Revision).filter(|revision| revision.to_string() == text)
    }
}

fn tags(headers: &HeaderMap, header: HeaderName, shown: &'static str) -> Result<Option<Tags>, Problem> {
    let values: Vec<&[u8]> = headers.get_all(header).map(HeaderValue::as_bytes).collect();
    if values.is_empty() {
        return Ok(None);
    }
    let list = values.join(&b","[..]);
    read_tags(list.trim_ascii()).map(Some).ok_or_else(|| Problem::malformed_precondition(shown))
}

fn read_tags(mut rest: &[u8]) -> Option<Tags> {
    if rest == b"*" {
        return Some(Tags::Any);
    }
    let mut tags = Vec::new();
    loop {
        // RFC 9110, section 5.6.1.2: empty elements of a list are passed over.
        while let Some((b',' | b' ' | b'\t', next)) = rest.split_first() {
            rest = next;
        }
        if rest.is_empty() {
            return (!tags.is_empty()).then_some(Tags::Listed(tags));
        }
        let weak = rest.starts_with(b"W/");
        let quoted = if weak { rest.get(2..)? } else { rest };
        let inner = quoted.strip_prefix(b"\"")?;
        let end = inner.iter().position(|byte| *byte == b'"')?;
        let (opaque, behind) = inner.split_at(end);
        if !opaque.iter().all(|byte| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..)) {
            return None;
        }
        tags.push(Tag { weak, opaque: opaque.to_vec() });
        rest = behind.get(1..)?.trim_ascii_start();
        if !matches!(rest.first(), None | Some(b',')) {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Option<Vec<(bool, String)>> {
        match read_tags(text.as_bytes())? {
            Tags::Any => None,
            Tags::Listed(tags) => {
                Some(tags.into_iter().map(|t| (t.weak, String::from_utf8_lossy(&t.opaque).into_owned())).collect())
            }
        }
    }

    #[test]
    fn a_list_of_tags_may_hold_commas_weak_tags_and_empty_elements() {
        let expected = vec![(false, "1".to_owned()), (true, "a,b".to_owned()), (false, String::new())];
        assert_eq!(listed(r#" , "1" ,W/"a,b",, "" "#), Some(expected));
    }

    #[test]
    fn what_is_not_a_list_of_tags_is_refused() {
        for text in ["", ",", "1", "\"1", "\"1\"2", "\"1\" \"2\"", "w/\"1\"", "W/1", "\"a b\"", "*, \"1\"", "\"1\", *"]
        {
            assert_eq!(read_tags(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn only_the_very_text_of_a_revision_stands_for_it() {
        let revision = |text: &str| Tag { weak: false, opaque: text.as_bytes().to_vec() }.revision();
        assert_eq!(revision("7"), Some(Revision(7)));
        for other in ["07", "+7", "7 ", "x", "", "99999999999999999999"] {
            assert_eq!(revision(other), None, "{other}");
        }
    }
}
