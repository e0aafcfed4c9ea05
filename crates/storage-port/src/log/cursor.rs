//! A place in the log, and the history that it belongs to.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, str::FromStr, sync::Arc};
use uuid::Uuid;

/// The longest text of a [`LogCursor`], in bytes.
const MAX_CURSOR: usize = 16 * 1024;

/// One history of a storage. A storage that was restored from a backup begins a new one, because ticks and cursors of the
/// old one may name commits that it does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub Uuid);

impl Epoch {
    /// A new one (UUID version 7).
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default value that differs at every call would surprise")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What the text of a cursor begins with that is [unverified](LogCursor::unverified).
const UNVERIFIED: char = '~';

/// A place in the log: the commits before it have been returned, those after it have not. The text is `<epoch>.<place>`, where
/// the place belongs to the storage that made it; that of an [unverified](Self::unverified) one begins with `~`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogCursor {
    epoch: Epoch,
    place: Arc<str>,
    is_unverified: bool,
}

impl LogCursor {
    /// A cursor of a storage, from its epoch and whatever names the place there. The place consists of ASCII letters,
    /// digits and `: , ~ _ -`, so that the cursor fits into a URL.
    #[must_use]
    pub fn new(epoch: Epoch, place: &impl fmt::Display) -> Self {
        Self { epoch, place: place.to_string().into(), is_unverified: false }
    }

    /// The same place, as a client claims it, who may have made it up. When the storage does not know the place, that is no sign
    /// that it was restored from a backup.
    #[must_use]
    pub fn unverified(self) -> Self {
        Self { is_unverified: true, ..self }
    }

    /// Whether it is [unverified](Self::unverified).
    #[must_use]
    pub fn is_unverified(&self) -> bool {
        self.is_unverified
    }

    /// The epoch it belongs to.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The place within the epoch, in the words of the storage that made it.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl fmt::Display for LogCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_unverified {
            write!(f, "{UNVERIFIED}")?;
        }
        write!(f, "{}.{}", self.epoch, self.place)
    }
}

/// Not the text of a [`LogCursor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a cursor of the log")]
pub struct InvalidLogCursor;

impl FromStr for LogCursor {
    type Err = InvalidLogCursor;

    fn from_str(text: &str) -> Result<Self, InvalidLogCursor> {
        let claimed = text.strip_prefix(UNVERIFIED);
        let (epoch, place) = claimed.unwrap_or(text).split_once('.').ok_or(InvalidLogCursor)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":,~_-".contains(&byte);
        if text.len() > MAX_CURSOR || !place.bytes().all(is_plain) {
            return Err(InvalidLogCursor);
        }
        let epoch = Epoch(epoch.parse().map_err(|_| InvalidLogCursor)?);
        Ok(Self { epoch, place: place.into(), is_unverified: claimed.is_some() })
    }
}

impl Serialize for LogCursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LogCursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_from_its_text_and_nothing_else_is() {
        let cursor = LogCursor::new(Epoch::new(), &"100:104:100,102~7");
        assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
        assert_eq!(serde_json::from_value::<LogCursor>(serde_json::json!(cursor)).unwrap(), cursor);
        let claimed = cursor.clone().unverified();
        assert_eq!((claimed.to_string().parse(), claimed.is_unverified()), (Ok(claimed.clone()), true));
        assert_ne!(claimed, cursor);
        for text in [
            "",
            "x",
            "~",
            "~~1.2",
            "1.2",
            &format!("{}.a b", Uuid::nil()),
            &format!("{}.{}", Uuid::nil(), "1".repeat(20_000)),
        ] {
            assert_eq!(text.parse::<LogCursor>(), Err(InvalidLogCursor), "{text}");
        }
    }
}
