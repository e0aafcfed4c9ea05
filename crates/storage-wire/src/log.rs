//! The log of commits on the wire: requests, and responses that an older client can read.

use crate::{parameters::Parameters, problem::entity_kind};
use character_domain::{Meta, Revision, Timestamp, Violations};
use character_storage_port::{
    Committed, DomainEvent, KeptAnswer, LogBatch, LogCursor, LoggedCommit, MAX_FOLLOW_WAIT, MAX_FOLLOWED, OWNER_FIELDS,
    RowChange, Scope, Tick, TransactionId,
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::{borrow::Cow, sync::Arc, time::Duration};
use uuid::Uuid;

/// The default of the maximum number of commits or of parked events.
pub const DEFAULT_LIMIT: usize = 100;

/// The parameters of following the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowParameters {
    /// Only the commits after this cursor.
    pub after: LogCursor,
    /// Maximum number of commits, 1 to [`MAX_FOLLOWED`]. Default: [`DEFAULT_LIMIT`].
    pub limit: usize,
    /// How long to wait for a commit when there is none, in whole milliseconds, at most [`MAX_FOLLOW_WAIT`]. Default: zero.
    pub wait: Duration,
}

impl FollowParameters {
    /// The query string, without `?`. A cursor consists of characters that a query may hold as they are.
    #[must_use]
    pub fn encode(&self) -> String {
        format!("after={}&limit={}&wait_ms={}", self.after, self.limit, self.wait.as_millis())
    }

    /// Reads the query string.
    ///
    /// # Errors
    /// Every parameter that is unknown, repeated, missing or wrong, by name.
    pub fn decode(query: &str) -> Result<Self, Violations> {
        let mut parameters = Parameters::read(query, &["after", "limit", "wait_ms"]);
        if parameters.text("after").is_none() {
            parameters.fault("after", "must be given: a cursor, from log/head or from the batch before");
        }
        let after = parameters.parsed("after");
        let limit = parameters.number("limit", 1..=MAX_FOLLOWED, DEFAULT_LIMIT);
        let longest = usize::try_from(MAX_FOLLOW_WAIT.as_millis()).unwrap_or(usize::MAX);
        let wait = Duration::from_millis(parameters.number("wait_ms", 0..=longest, 0) as u64);
        parameters.end()?;
        let after = after.ok_or_else(|| Violations::one("after", "is required"))?;
        Ok(Self { after, limit, wait })
    }
}

/// The end of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadBody {
    /// At the end, or a few commits before it, so that a follower receives those again.
    pub cursor: LogCursor,
}

/// A [`LogBatch`] of a server that may be newer. Rows of unknown kinds are left out, and so are owners by unknown
/// fields: nothing that this client reads depends on them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct LogBatchBody {
    commits: Vec<LoggedCommitBody>,
    next: LogCursor,
    settled: Tick,
    ceiling: Tick,
    more: bool,
}

impl From<LogBatchBody> for LogBatch {
    fn from(body: LogBatchBody) -> Self {
        let LogBatchBody { commits, next, settled, ceiling, more } = body;
        let commits = commits.into_iter().map(|commit| Arc::new(commit.into())).collect();
        Self { commits, next, settled, ceiling, more }
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct LoggedCommitBody {
    tick: Tick,
    transaction: TransactionId,
    committed_at: Timestamp,
    rows: Option<KnownChanges>,
    #[serde(default)]
    events: Vec<DomainEvent>,
    #[serde(default)]
    traceparent: Option<String>,
}

impl From<LoggedCommitBody> for LoggedCommit {
    fn from(body: LoggedCommitBody) -> Self {
        let LoggedCommitBody { tick, transaction, committed_at, rows, events, traceparent } = body;
        Self { tick, transaction, committed_at, rows: rows.map(|rows| rows.0), events, traceparent }
    }
}

/// A [`Committed`] of a server that may be newer, or older: a server before the log does not send `tick` and `changes`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct CommittedBody {
    id: TransactionId,
    tick: Option<Tick>,
    written: Vec<Meta>,
    changes: Option<KnownChanges>,
    #[serde(default, deserialize_with = "KeptAnswer::present")]
    answer: Option<KeptAnswer>,
}

impl CommittedBody {
    /// The outcome; `None` when the server is older than the log.
    #[must_use]
    pub fn into_committed(self) -> Option<Committed> {
        let Self { id, tick, written, changes, answer } = self;
        Some(Committed { id, tick: tick?, written, changes: changes?.0, answer })
    }
}

/// The changes of rows whose kind is known here.
#[derive(Clone, Debug, PartialEq)]
struct KnownChanges(Vec<RowChange>);

impl<'de> Deserialize<'de> for KnownChanges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = Vec::<RowChangeBody>::deserialize(deserializer)?;
        Ok(Self(all.into_iter().filter_map(RowChangeBody::known).collect()))
    }
}

#[derive(Deserialize)]
struct RowChangeBody {
    kind: String,
    id: Uuid,
    revision: Revision,
    /// Absent where it equals `after`.
    before: Option<KnownOwners>,
    after: KnownOwners,
    /// Absent in the response of a server that does not know them.
    #[serde(default)]
    changed: Vec<Cow<'static, str>>,
}

impl RowChangeBody {
    fn known(self) -> Option<RowChange> {
        let Self { kind, id, revision, before, after: KnownOwners(after), changed } = self;
        let kind = entity_kind(&kind)?;
        let before = before.map_or_else(|| after.clone(), |KnownOwners(before)| before);
        Some(RowChange { kind, id, revision, before, after, changed })
    }
}

/// The owners whose field is known here.
struct KnownOwners(Vec<Scope>);

impl<'de> Deserialize<'de> for KnownOwners {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let is_unknown = |text: &String| text.split_once(':').is_some_and(|(field, _)| !OWNER_FIELDS.contains(&field));
        let known = Vec::<String>::deserialize(deserializer)?.into_iter().filter(|text| !is_unknown(text));
        known.map(|text| text.parse().map_err(D::Error::custom)).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use character_domain::{CharacterId, now};
    use character_storage_port::{EntityKind, Epoch};
    use serde_json::{Value, json};

    fn cursor(place: &str) -> LogCursor {
        LogCursor::new(Epoch::new(), &place)
    }

    fn change(kind: EntityKind) -> RowChange {
        let owner = |field| Scope::Owner(field, Uuid::now_v7());
        let (before, after) = (vec![owner("user_id")], vec![owner("user_id"), owner("campaign_id")]);
        let changed = vec!["data".into(), "name".into()];
        RowChange { kind, id: Uuid::now_v7(), revision: Revision(2), before, after, changed }
    }

    fn batch() -> LogBatch {
        let event = DomainEvent::new("character.updated", CharacterId::new(), now(), json!({ "revision": 2 }));
        let commit = |rows, events| LoggedCommit {
            tick: Tick(101),
            transaction: TransactionId::new(),
            committed_at: now(),
            rows,
            events,
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        };
        let unchanged = RowChange { before: vec![], after: vec![], changed: vec![], ..change(EntityKind::Quest) };
        let rows = EntityKind::ALL.iter().copied().map(change).chain([unchanged]).collect();
        let commits = vec![Arc::new(commit(Some(rows), vec![event])), Arc::new(commit(None, vec![]))];
        LogBatch { commits, next: cursor("100:104:100,102~7"), settled: Tick(100), ceiling: Tick(104), more: true }
    }

    fn read(text: Value) -> Result<LogBatch, String> {
        let body = crate::decode::<LogBatchBody>(text.to_string().as_bytes());
        body.map(LogBatch::from).map_err(|error| error.to_string())
    }

    #[test]
    fn a_batch_comes_back_as_it_was_written() {
        for written in [batch(), LogBatch { commits: vec![], more: false, ..batch() }] {
            assert_eq!(read(json!(written)), Ok(written));
        }
    }

    #[test]
    fn rows_of_unknown_kinds_and_owners_by_unknown_fields_are_left_out() {
        let expected = batch();
        let mut text = json!(expected);
        let rows = text["commits"][0]["rows"].as_array_mut().expect("rows");
        for row in &mut *rows {
            row["after"].as_array_mut().expect("owners").push(json!("guild_id:7"));
            if let Some(before) = row.get_mut("before") {
                before.as_array_mut().expect("owners").insert(0, json!("guild_id:7"));
            }
            row["colour"] = json!("red");
        }
        let dragon = json!({ "kind": "dragon", "id": Uuid::nil(), "revision": 1, "after": ["hoard_id:x"] });
        rows.insert(1, dragon.clone());
        rows.push(dragon);
        assert_eq!(read(text), Ok(expected));
    }

    #[test]
    fn a_known_owner_that_is_no_uuid_and_a_text_that_is_no_owner_are_refused() {
        for owner in ["user_id:7", "user_id", "", "7"] {
            let mut text = json!(batch());
            text["commits"][0]["rows"][0]["after"] = json!([owner]);
            assert!(read(text).is_err(), "{owner}");
        }
    }

    #[test]
    fn an_outcome_comes_back_and_one_of_a_server_without_a_log_is_recognised() {
        let meta: Meta = serde_json::from_value(json!({
            "revision": 2, "created_at": now(), "updated_at": now(), "deleted_at": null,
        }))
        .expect("a meta");
        let (id, changes) = (TransactionId::new(), vec![change(EntityKind::Character)]);
        let committed = Committed { id, tick: Tick(7), written: vec![meta], changes, answer: None };
        let read = |text: &Value| serde_json::from_value::<CommittedBody>(text.clone()).expect("readable");
        let text = json!(committed);
        assert_eq!(read(&text).into_committed(), Some(committed));
        for member in ["tick", "changes"] {
            let mut older = text.clone();
            older.as_object_mut().expect("an object").remove(member);
            assert_eq!(read(&older).into_committed(), None, "{member}");
        }
    }

    #[test]
    fn the_parameters_come_back_and_a_cursor_is_not_escaped() {
        for wait in [Duration::ZERO, Duration::from_millis(1), MAX_FOLLOW_WAIT] {
            for limit in [1, MAX_FOLLOWED] {
                let asked = FollowParameters { after: cursor("100:104:100,102~7"), limit, wait };
                assert_eq!(FollowParameters::decode(&asked.encode()), Ok(asked.clone()));
                assert!(asked.encode().starts_with(&format!("after={}&", asked.after)));
            }
        }
        let after = cursor("1");
        let asked = FollowParameters::decode(&format!("after={after}")).expect("the others have defaults");
        assert_eq!(asked, FollowParameters { after, limit: DEFAULT_LIMIT, wait: Duration::ZERO });
    }

    #[test]
    fn every_wrong_parameter_is_named() {
        let query = "after=x&limit=0&wait_ms=60001&colour=red&limit=2";
        let faults = FollowParameters::decode(query).expect_err("wrong");
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["colour", "limit", "after", "limit", "wait_ms"]);
        for (query, field) in [("", "after"), ("after=", "after"), ("limit=1", "after")] {
            assert_eq!(FollowParameters::decode(query).expect_err("no cursor")[0].field, field, "{query}");
        }
    }
}
