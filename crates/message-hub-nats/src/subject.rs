//! The subject under which an event is kept: `<first segment of its type>.event.<subject>.<type>`.

use crate::percent;
use async_nats::Subject;
use character_message_hub::CloudEvent;
use sha2::{Digest as _, Sha256};

/// The longest part that is kept as it is. NATS takes lines of 4,096 bytes with subject and reply address.
const MAX_SUBJECT_TOKEN: usize = 256;
/// The beginning of a type that is kept as it is: more than the longest pattern of a filter.
const MAX_TYPE: usize = 800;

/// Shortens a long text to its beginning and a digest of all of it, so that different texts stay different.
fn bounded(text: String, maximum: usize, mark: &str) -> String {
    if text.len() <= maximum {
        return text;
    }
    let digest = Sha256::digest(text.as_bytes());
    let digest: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    // Encoded text is ASCII.
    format!("{}{mark}{digest}", text[..maximum].trim_end_matches(['%', '.']))
}

/// The encoded segments of a type.
pub(crate) fn event_type(text: &str) -> String {
    let segments: Vec<_> = text.split('.').map(percent::token).collect();
    bounded(segments.join("."), MAX_TYPE, ".~")
}

/// The subjects of all events of the kind of an event: of the first segment of its type.
pub(crate) fn kind(prefix: &str, event: &CloudEvent) -> String {
    format!("{prefix}{}.event.>", first(&event_type(event.event_type())))
}

/// The subjects of all events of the kind that a pattern of a filter names.
pub(crate) fn kind_of_pattern(prefix: &str, pattern: &str) -> String {
    format!("{prefix}{}.event.>", first(pattern))
}

fn first(event_type: &str) -> String {
    bounded(event_type.split('.').next().unwrap_or_default().to_owned(), MAX_SUBJECT_TOKEN, "~")
}

/// The subject of an event.
pub(crate) fn of(prefix: &str, event: &CloudEvent) -> Subject {
    let event_type = event_type(event.event_type());
    let first = first(&event_type);
    let subject = match event.subject() {
        // The sign of an absent subject.
        Some("-") => "%2D".into(),
        Some(subject) => bounded(percent::token(subject), MAX_SUBJECT_TOKEN, "~"),
        None => "-".into(),
    };
    format!("{prefix}{first}.event.{subject}.{event_type}").into()
}

/// The subjects of the events that a pattern of a filter accepts. It may accept more.
pub(crate) fn accepted_by(prefix: &str, pattern: &str) -> String {
    match pattern.strip_suffix(".*") {
        Some(beginning) => {
            let first = first(beginning);
            format!("{prefix}{first}.event.*.{beginning}.>")
        }
        None => {
            let first = first(pattern);
            format!("{prefix}{first}.event.*.{pattern}")
        }
    }
}

/// The pattern of a filter whose events have these subjects. `None`: the subjects are not of one pattern.
pub(crate) fn pattern_of(prefix: &str, subjects: &str) -> Option<String> {
    let (_, pattern) = subjects.strip_prefix(prefix)?.split_once(".event.*.")?;
    Some(match pattern.strip_suffix(".>") {
        Some(beginning) => format!("{beginning}.*"),
        None => pattern.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_event(event_type: &str, subject: Option<&str>) -> String {
        let event = CloudEvent::new("1", "/", event_type).unwrap();
        let event = match subject {
            Some(subject) => event.with_subject(subject).unwrap(),
            None => event,
        };
        of("", &event).to_string()
    }

    #[test]
    fn the_subject_has_kind_subject_and_type() {
        let cases = [
            ("character.created", Some("8c82-3d20"), "character.event.8c82-3d20.character.created"),
            ("character.created", None, "character.event.-.character.created"),
            ("character.created", Some("-"), "character.event.%2D.character.created"),
            ("bare", Some("a.b *>"), "bare.event.a%2Eb%20%2A%3E.bare"),
            ("a..b *", Some("ü"), "a.event.%C3%BC.a.%.b%20%2A"),
        ];
        for (event_type, subject, expected) in cases {
            assert_eq!(of_event(event_type, subject), expected);
        }
    }

    #[test]
    fn long_parts_are_cut_and_stay_different() {
        let long = |end: &str| format!("{}{end}", "ä".repeat(1000));
        let (one, other) = (of_event(&long("1"), Some(&long("1"))), of_event(&long("2"), Some(&long("2"))));
        assert!(one.len() < 1_800 && one != other, "{one}");
        let parts = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        let (one, other) = (parts(&one), parts(&other));
        assert!(one[2] != other[2] && one.last() != other.last());
        assert!(one.iter().all(|part| !part.is_empty()));
    }

    #[test]
    fn a_pattern_names_the_subjects_of_its_types() {
        assert_eq!(accepted_by("x.", "character.*"), "x.character.event.*.character.>");
        assert_eq!(accepted_by("", "campaign.member.joined"), "campaign.event.*.campaign.member.joined");
        for (prefix, pattern) in [("x.", "character.*"), ("", "campaign.member.joined")] {
            assert_eq!(pattern_of(prefix, &accepted_by(prefix, pattern)).as_deref(), Some(pattern));
        }
        assert_eq!(pattern_of("", "character.event.>"), None);
    }
}
