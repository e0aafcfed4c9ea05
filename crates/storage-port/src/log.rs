//! The log of commits: what changed, in order, for everybody who must know.

mod cursor;

use crate::{DomainEvent, Entity, EntityKind, Result, Scope, StorageError, TransactionId};
use async_trait::async_trait;
use character_domain::{Revision, Timestamp, Violations};
pub use cursor::{Epoch, InvalidLogCursor, LogCursor};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt, str::FromStr, sync::Arc, time::Duration};
use uuid::Uuid;

/// The operation name of following the log.
pub const FOLLOW: &str = "log.follow";
/// The operation name of reading the head of the log.
pub const HEAD: &str = "log.head";
/// The maximum number of commits of one batch.
pub const MAX_FOLLOWED: usize = 1_000;
/// The longest time that [`Log::follow`] waits for a commit. A longer `wait` counts as this one.
pub const MAX_FOLLOW_WAIT: Duration = Duration::from_secs(60);
/// The number that a storage gives a commit. Ticks of one [`Epoch`] compare; commits that were made durable together may
/// share one. A later commit of a row has a higher tick than an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tick(pub u64);

impl fmt::Display for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a commit did to one row: identifiers, never its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    /// The kind of the row.
    pub kind: EntityKind,
    /// Its id.
    pub id: Uuid,
    /// Its revision after the commit.
    pub revision: Revision,
    /// The owners of the row before the commit ([`Scope::Owner`] alone): the lists that it was in. Empty for a row that
    /// was absent.
    pub before: Vec<Scope>,
    /// The owners after the commit: the lists that it is in, deleted or not. Empty for a row that the storage has removed,
    /// such as a version beyond those that are kept.
    pub after: Vec<Scope>,
    /// The names of the fields that have another value after the commit, `meta` aside, in alphabetical order. Empty for a
    /// row that was created, imported, deleted, restored unchanged or removed, and in the log of a release that did not
    /// record them.
    pub changed: Vec<Cow<'static, str>>,
}

/// The names of the fields in which two states of a row differ, as [`RowChange::changed`] has them.
///
/// # Errors
/// A state has no JSON form.
pub fn changed_fields<E: Entity>(before: &E, after: &E) -> serde_json::Result<Vec<Cow<'static, str>>> {
    let fields_of = |row: &E| serde_json::to_value(row).and_then(serde_json::from_value::<Map<String, Value>>);
    let (before, after) = (fields_of(before)?, fields_of(after)?);
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    let differs = |name: &&String| *name != "meta" && before.get(*name) != after.get(*name);
    let mut changed: Vec<_> = names.filter(differs).map(|name| Cow::Owned(name.clone())).collect();
    changed.sort_unstable();
    Ok(changed)
}

impl RowChange {
    /// The owners before and after, each once.
    pub fn owners(&self) -> impl Iterator<Item = Scope> + '_ {
        let left = self.before.iter().filter(|scope| !self.after.contains(scope));
        self.after.iter().chain(left).copied()
    }
}

/// The JSON of a [`RowChange`]. `before` is left out where it equals `after`, as nearly everywhere.
#[derive(Serialize, Deserialize)]
struct RowChangeText<'a> {
    kind: EntityKind,
    id: Uuid,
    revision: Revision,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    before: Option<Cow<'a, [Scope]>>,
    after: Cow<'a, [Scope]>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    changed: Cow<'a, [Cow<'static, str>]>,
}

impl Serialize for RowChange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let before = (self.before != self.after).then(|| self.before.as_slice().into());
        let (kind, id, revision) = (self.kind, self.id, self.revision);
        let (after, changed) = (self.after.as_slice().into(), self.changed.as_slice().into());
        RowChangeText { kind, id, revision, before, after, changed }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RowChange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let RowChangeText { kind, id, revision, before, after, changed } = RowChangeText::deserialize(deserializer)?;
        let after = after.into_owned();
        let before = before.map_or_else(|| after.clone(), Cow::into_owned);
        Ok(Self { kind, id, revision, before, after, changed: changed.into_owned() })
    }
}

/// One commit, as the log tells of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoggedCommit {
    /// Its tick.
    pub tick: Tick,
    /// Its transaction.
    pub transaction: TransactionId,
    /// When it was committed, by the clock of the storage.
    pub committed_at: Timestamp,
    /// The rows that it wrote, in the order of its writes. `None`: the storage does not know, so any row may have changed.
    /// That happens while an older release writes to the same database.
    pub rows: Option<Vec<RowChange>>,
    /// Its events, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<DomainEvent>,
    /// The W3C `traceparent` of the call that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// A part of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogBatch {
    /// In the order in which they are to be applied. Commits that touch one row, or have events of one subject, are in the
    /// order of its revisions.
    pub commits: Vec<Arc<LoggedCommit>>,
    /// Where the next batch begins.
    pub next: LogCursor,
    /// Every commit with a smaller tick has been returned, in this batch or before it. It never goes back within an epoch, and
    /// an open transaction of another writer can keep it from rising.
    pub settled: Tick,
    /// Every commit that has been returned, in this batch or before it, has a smaller tick. Without overlapping writers it
    /// equals `settled`.
    pub ceiling: Tick,
    /// Whether more commits are there already.
    pub more: bool,
}

/// The log of commits. Every commit is one entry of it.
///
/// # Cancel safety
/// Both methods may be dropped at any point; nothing is left behind.
#[async_trait]
pub trait Log: Send + Sync {
    /// The commits behind `after`, at most `limit` (1 to [`MAX_FOLLOWED`]). When there is none, it waits for one, at most
    /// `wait`, and then returns an empty batch, which is news too: nothing has been committed.
    ///
    /// A follower that passes [`LogBatch::next`] on receives every commit behind its first cursor exactly once, whatever the
    /// order in which transactions began and ended, and nothing of a refused one. A read that starts after a batch was
    /// received returns at least what the batch tells.
    ///
    /// A storage keeps entries for a time (24 hours or more), and longer for a consumer that has not passed them.
    ///
    /// # Errors
    /// [`Gone`](crate::ErrorKind::Gone): the cursor belongs to another epoch, or to a time before what is kept, or names a
    /// commit that the storage does not have, because it was restored from a backup; then the storage has begun a new
    /// epoch, unless the cursor is [unverified](LogCursor::unverified). Begin again at [`head`](Log::head) and take nothing that was read before for current. `Invalid`: the limit, or
    /// a cursor of another kind of storage. Others as [`Store::find`](crate::Store::find).
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch>;

    /// A cursor behind every commit that was acknowledged a moment ago; it may lie a few commits before the end, so that a
    /// follower receives them once more.
    ///
    /// # Errors
    /// As [`Store::find`](crate::Store::find).
    async fn head(&self) -> Result<LogCursor>;
}

/// Refuses a limit outside 1 to [`MAX_FOLLOWED`].
///
/// # Errors
/// `Invalid`.
pub fn check_follow(limit: usize) -> Result<()> {
    check_limit(limit, MAX_FOLLOWED, FOLLOW)
}

pub(crate) fn check_limit(limit: usize, most: usize, operation: &'static str) -> Result<()> {
    if (1..=most).contains(&limit) {
        return Ok(());
    }
    Err(StorageError::invalid(Violations::one("limit", format!("must be from 1 to {most}")), operation))
}

/// The fields that name the owner of a row.
pub const OWNER_FIELDS: &[&str] = &[
    "user_id",
    "dm_user_id",
    "campaign_id",
    "parent_id",
    "character_id",
    "event_id",
    "root_id",
    "container",
    "journal_entry_id",
];

/// Not the text of a [`Scope`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is neither all nor the name of an owner's field, a colon and a UUID")]
pub struct InvalidScope;

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        if text == "all" {
            return Ok(Self::All);
        }
        let (field, id) = text.split_once(':').ok_or(InvalidScope)?;
        let field = OWNER_FIELDS.iter().copied().find(|owner| *owner == field).ok_or(InvalidScope)?;
        Ok(Self::Owner(field, id.parse().map_err(|_| InvalidScope)?))
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entity, every_kind};

    #[test]
    fn a_change_says_the_owners_before_only_where_they_differ() {
        let owner = Scope::Owner("user_id", Uuid::nil());
        for (before, has_before) in [(vec![owner], false), (vec![], true)] {
            let (kind, id, revision) = (EntityKind::Character, Uuid::nil(), Revision(1));
            let change = RowChange { kind, id, revision, before, after: vec![owner], changed: Vec::new() };
            let text = serde_json::to_value(&change).unwrap();
            assert_eq!(text.get("before").is_some(), has_before, "{text}");
            assert_eq!(serde_json::from_value::<RowChange>(text).unwrap(), change);
        }
    }

    #[test]
    fn a_change_of_a_release_that_did_not_record_fields_has_none() {
        let text = serde_json::json!({ "kind": "campaign", "id": Uuid::nil(), "revision": 2, "after": [] });
        let read: RowChange = serde_json::from_value(text.clone()).unwrap();
        assert_eq!(read.changed, Vec::<String>::new());
        assert_eq!(serde_json::to_value(&read).unwrap(), text);
    }

    #[test]
    fn every_owner_of_every_kind_has_its_field_in_the_list() {
        fn owners<E: Entity>() -> &'static [&'static str] {
            E::OWNERS
        }
        let all = every_kind!(Row => owners::<Row>()).concat();
        assert!(all.iter().all(|field| OWNER_FIELDS.contains(field)), "{all:?}");
        assert!(OWNER_FIELDS.iter().all(|field| all.contains(field)), "{all:?}");
    }
}
