//! The events that consumers have set aside.

use super::token;
use crate::{
    fault::{Fault, corrupt},
    session::{Session, Statement, Work},
    value::{Row, Value},
};
use character_domain::json;
use character_storage_port::{
    ConsumerName, DomainEvent, ErrorKind, EventId, LeaseToken, PARK, PARKED, ParkedEvent, StorageError, kept_reason,
};
use uuid::Uuid;

/// Sets an event aside.
pub(crate) struct Park {
    pub(crate) token: LeaseToken,
    pub(crate) event: DomainEvent,
    pub(crate) reason: String,
}

impl Work for Park {
    type Output = ();

    async fn run<S: Session>(&self, session: &mut S) -> Result<(), Fault> {
        let dialect = session.dialect();
        let held = format!("SELECT 1 FROM consumers WHERE name = $1 AND lease = $2{}", dialect.for_update());
        if session.query(Statement::new(held, token(&self.token))).await?.is_empty() {
            return Err(StorageError::new(ErrorKind::LeaseLost, PARK).into());
        }
        let sql = format!(
            "INSERT INTO parked_events (consumer, event_id, event, reason, parked_at, replay) \
             VALUES ($1, $2, $3, $4, {}, $5) ON CONFLICT (consumer, event_id) DO UPDATE \
             SET event = excluded.event, reason = excluded.reason, parked_at = excluded.parked_at, \
             replay = excluded.replay",
            dialect.now()
        );
        let event = serde_json::to_string(&self.event).map_err(|error| corrupt(PARK, error))?;
        let values = vec![
            Value::Text(self.token.consumer.to_string()),
            self.event.id.0.into(),
            Value::Text(event),
            Value::Text(kept_reason(&self.reason)),
            Value::Bool(false),
        ];
        session.query(Statement::new(sql, values)).await.map(drop)
    }
}

pub(super) const PARKED_COLUMNS: &str = "SELECT event, reason, parked_at, replay FROM parked_events";

pub(super) fn parked_event(mut row: Row) -> Result<ParkedEvent, Fault> {
    let event: String = row.read()?;
    let event: DomainEvent = json::parse(event.as_bytes()).map_err(|error| corrupt(PARKED, error))?;
    Ok(ParkedEvent { event, reason: row.read()?, parked_at: row.read()?, replay: row.read()? })
}

/// Lists parked events.
pub(crate) struct ListParked {
    pub(crate) consumer: ConsumerName,
    pub(crate) after: Option<EventId>,
    pub(crate) limit: usize,
}

impl Work for ListParked {
    type Output = Vec<ParkedEvent>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Vec<ParkedEvent>, Fault> {
        let limit = Value::Int(i64::try_from(self.limit).unwrap_or(i64::MAX));
        let mut values = vec![Value::Text(self.consumer.to_string()), limit];
        let mut behind = "";
        if let Some(after) = self.after {
            values.push(after.0.into());
            behind = " AND event_id > $3";
        }
        let sql = format!("{PARKED_COLUMNS} WHERE consumer = $1{behind} ORDER BY event_id LIMIT $2");
        session.query(Statement::new(sql, values)).await?.into_iter().map(parked_event).collect()
    }
}

/// What to do with parked events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handling {
    /// Mark them for a replay.
    Replay,
    /// Drop them.
    Discard,
}

/// Marks or drops parked events, and returns how many there were.
pub(crate) struct HandleParked {
    pub(crate) consumer: ConsumerName,
    pub(crate) ids: Vec<EventId>,
    pub(crate) handling: Handling,
}

impl Work for HandleParked {
    type Output = u64;

    async fn run<S: Session>(&self, session: &mut S) -> Result<u64, Fault> {
        let ids: Vec<Uuid> = self.ids.iter().map(|id| id.0).collect();
        let (wanted, ids) = session.dialect().is_one_of("event_id", "$2", &ids);
        let verb = match self.handling {
            Handling::Replay => "UPDATE parked_events SET replay = TRUE",
            Handling::Discard => "DELETE FROM parked_events",
        };
        let sql = format!("{verb} WHERE consumer = $1 AND {wanted} RETURNING 1");
        let rows = session.query(Statement::new(sql, vec![Value::Text(self.consumer.to_string()), ids])).await?;
        Ok(rows.len() as u64)
    }

    fn has_changes(handled: &u64) -> bool {
        *handled > 0
    }
}
