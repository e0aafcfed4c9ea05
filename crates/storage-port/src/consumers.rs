//! Durable readers of the log, one holder at a time.

use crate::{DomainEvent, EventId, LogCursor, Result, StorageError, log::check_limit};
use async_trait::async_trait;
use character_domain::{Timestamp, Violations};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::{fmt, str::FromStr, sync::Arc, time::Duration};
use uuid::Uuid;

/// The operation name of a lease.
pub const LEASE: &str = "consumer.lease";
/// The operation name of an advance.
pub const ADVANCE: &str = "consumer.advance";
/// The operation name of giving a lease back.
pub const RELEASE: &str = "consumer.release";
/// The operation name of parking an event.
pub const PARK: &str = "consumer.park";
/// The operation name of listing parked events.
pub const PARKED: &str = "consumer.parked";
/// The operation name of marking parked events for a replay.
pub const UNPARK: &str = "consumer.unpark";
/// The operation name of dropping parked events.
pub const DISCARD: &str = "consumer.discard";
/// The operation name of listing consumers.
pub const CONSUMERS: &str = "consumer.list";
/// The maximum number of parked events that one call lists, marks or drops, and of replays in one lease.
pub const MAX_PARKED: usize = 1_000;
/// The longest lease. A longer one counts as this one.
pub const MAX_LEASE: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest reason that is kept with a parked event, in Unicode scalar values. The rest of a longer one is cut off.
pub const MAX_PARK_REASON: usize = 1_000;

/// The name of a durable consumer, such as `hub`: 1 to 64 of the characters `a-z 0-9 - _`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ConsumerName(Arc<str>);

impl ConsumerName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConsumerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Not the name of a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 of the characters a-z, 0-9, - and _")]
pub struct InvalidConsumerName;

impl FromStr for ConsumerName {
    type Err = InvalidConsumerName;

    fn from_str(text: &str) -> Result<Self, InvalidConsumerName> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        match (1..=64).contains(&text.len()) && text.bytes().all(is_plain) {
            true => Ok(Self(text.into())),
            false => Err(InvalidConsumerName),
        }
    }
}

impl<'de> Deserialize<'de> for ConsumerName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A process that may hold leases. Each process makes one when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HolderId(pub Uuid);

impl HolderId {
    /// A new one (UUID version 7).
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default value that differs at every call would surprise")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

/// The right to move one consumer, until another holder has a lease of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LeaseToken {
    /// The consumer.
    pub consumer: ConsumerName,
    /// Which lease of it.
    pub lease: Uuid,
}

/// A consumer whose lease the caller holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leased {
    /// To be shown with each change of the consumer.
    pub token: LeaseToken,
    /// How far it has come. [`Log::follow`](crate::Log::follow) continues from here.
    pub cursor: LogCursor,
    /// Parked events that an operator has marked for a replay, ordered by the ids of the events: deliver them first, and then
    /// [`discard`](Consumers::discard) them.
    pub replays: Vec<ParkedEvent>,
}

/// An event that a consumer could not handle, set aside so that those behind it can go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParkedEvent {
    /// The event.
    pub event: DomainEvent,
    /// Why, in words for an operator.
    pub reason: String,
    /// When it was parked, by the clock of the storage.
    pub parked_at: Timestamp,
    /// Whether it is marked for a replay.
    pub replay: bool,
}

/// A consumer, for operators.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConsumerState {
    /// Its name.
    pub name: ConsumerName,
    /// The holder of its lease; `None` when there is none or it has ended.
    pub holder: Option<HolderId>,
    /// When the oldest commit was committed that it has not passed; `None` when it has passed all.
    pub behind_since: Option<Timestamp>,
    /// The number of its parked events.
    pub parked: u64,
}

/// Durable cursors of the log, each moved by one holder at a time.
#[async_trait]
pub trait Consumers: Send + Sync {
    /// The lease of a consumer for at most `lease` (to [`MAX_LEASE`]), or `None` while another holder has it. A holder that
    /// has it prolongs it and keeps its token. A consumer that is new begins with the oldest commit that is kept; one that
    /// a storage could not wait for, or of an earlier epoch, continues with the oldest that is kept and not passed.
    ///
    /// # Errors
    /// As [`Store::find`](crate::Store::find).
    async fn lease(&self, consumer: &ConsumerName, holder: HolderId, lease: Duration) -> Result<Option<Leased>>;

    /// Moves the consumer: what lies before `to` is passed.
    ///
    /// # Errors
    /// [`LeaseLost`](crate::ErrorKind::LeaseLost): another lease was granted since, or the token was released; nothing
    /// moved. `Gone`: `to` belongs to another epoch. Others as [`Store::find`](crate::Store::find). May be repeated.
    async fn advance(&self, token: &LeaseToken, to: &LogCursor) -> Result<()>;

    /// Gives a lease back, so that another holder need not wait for its end. A token that is not current is passed over.
    ///
    /// # Errors
    /// As [`Store::find`](crate::Store::find).
    async fn release(&self, token: &LeaseToken) -> Result<()>;

    /// Sets an event aside that cannot be handled. An event that is parked already gets the new reason and is not marked
    /// for a replay any more.
    ///
    /// # Errors
    /// [`LeaseLost`](crate::ErrorKind::LeaseLost), as [`advance`](Consumers::advance).
    async fn park(&self, token: &LeaseToken, event: &DomainEvent, reason: &str) -> Result<()>;

    /// The parked events of a consumer with an id above `after`, at most `limit` (1 to [`MAX_PARKED`]), by their ids.
    ///
    /// # Errors
    /// `Invalid`: the limit. Others as [`Store::find`](crate::Store::find).
    async fn parked(&self, consumer: &ConsumerName, after: Option<EventId>, limit: usize) -> Result<Vec<ParkedEvent>>;

    /// Marks parked events for a replay, at most [`MAX_PARKED`], and returns how many there were. Ids that are not parked
    /// are passed over, and an id that is given twice counts once.
    ///
    /// # Errors
    /// `Invalid`: too many. Others as [`Store::find`](crate::Store::find).
    async fn unpark(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64>;

    /// Drops parked events, at most [`MAX_PARKED`], and returns how many there were. Ids that are not parked are passed
    /// over, and an id that is given twice counts once.
    ///
    /// # Errors
    /// As [`unpark`](Consumers::unpark).
    async fn discard(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64>;

    /// Every consumer that has ever had a lease, by name.
    ///
    /// # Errors
    /// As [`Store::find`](crate::Store::find).
    async fn consumers(&self) -> Result<Vec<ConsumerState>>;
}

/// Refuses a limit outside 1 to [`MAX_PARKED`].
///
/// # Errors
/// `Invalid`.
pub fn check_parked(limit: usize) -> Result<()> {
    check_limit(limit, MAX_PARKED, PARKED)
}

/// Refuses more than [`MAX_PARKED`] ids.
///
/// # Errors
/// `Invalid`.
pub fn check_parked_ids(ids: &[EventId], operation: &'static str) -> Result<()> {
    if ids.len() <= MAX_PARKED {
        return Ok(());
    }
    Err(StorageError::invalid(Violations::one("ids", format!("must not be more than {MAX_PARKED}")), operation))
}

/// The reason as it is kept: at most [`MAX_PARK_REASON`] characters, without U+0000, which PostgreSQL cannot hold.
#[must_use]
pub fn kept_reason(reason: &str) -> String {
    reason.chars().filter(|letter| *letter != '\0').take(MAX_PARK_REASON).collect()
}
