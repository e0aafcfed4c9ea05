//! Which events a subscription receives.

use crate::CloudEvent;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::{fmt, str::FromStr, sync::Arc};

/// Not the text of a [`Filter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be types of events separated by commas, each whole (character.created) or with .* at its end (character.*)"
)]
pub struct InvalidFilter;

/// The types of events that a subscription receives: whole types, such as `character.created`, and beginnings, such as
/// `character.*`. An empty filter lets every event through. Its text has the patterns separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct Filter(Arc<[Arc<str>]>);

impl Filter {
    /// Every event.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// The patterns. None: every event passes.
    pub fn patterns(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Whether an event passes.
    #[must_use]
    pub fn accepts(&self, event: &CloudEvent) -> bool {
        self.accepts_type(event.event_type())
    }

    /// Whether events of this type pass.
    #[must_use]
    pub fn accepts_type(&self, event_type: &str) -> bool {
        let is_of = |pattern: &Arc<str>| match pattern.strip_suffix('*') {
            Some(beginning) => event_type.starts_with(beginning),
            None => event_type == &**pattern,
        };
        self.0.is_empty() || self.0.iter().any(is_of)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

impl From<Filter> for String {
    fn from(filter: Filter) -> Self {
        filter.to_string()
    }
}

impl FromStr for Filter {
    type Err = InvalidFilter;

    fn from_str(text: &str) -> Result<Self, InvalidFilter> {
        let is_plain = |segment: &str| {
            !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let checked = |pattern: &str| {
            let whole = pattern.strip_suffix(".*").unwrap_or(pattern);
            let plain = pattern.len() <= 256 && whole.split('.').all(is_plain);
            if plain { Ok(pattern.into()) } else { Err(InvalidFilter) }
        };
        let patterns = text.split(',').map(str::trim).filter(|pattern| !pattern.is_empty());
        patterns.map(checked).collect::<Result<_, _>>().map(Self)
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(event_type: &str) -> CloudEvent {
        CloudEvent::new("1", "/", event_type).unwrap()
    }

    #[test]
    fn a_filter_takes_whole_types_and_beginnings_of_types() {
        let filter: Filter = "character.created, campaign.*".parse().unwrap();
        for (event_type, accepted) in [
            ("character.created", true),
            ("character.created.again", false),
            ("campaign.renamed", true),
            ("campaign.member.joined", true),
            ("campaign", false),
            ("campaigns.x", false),
        ] {
            assert_eq!(filter.accepts(&event(event_type)), accepted, "{event_type}");
        }
        assert!("".parse::<Filter>().unwrap().accepts(&event("anything")));
        assert_eq!(filter.to_string().parse(), Ok(filter));
    }

    #[test]
    fn a_star_stands_alone_at_the_end() {
        for text in ["*", "a*", "a.*.b", ".", "a..b", "a.", "ä", &"a".repeat(300)] {
            assert_eq!(text.parse::<Filter>(), Err(InvalidFilter), "{text}");
        }
    }
}
