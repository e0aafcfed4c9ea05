//! The events that consumers have set aside.

use super::token;
use crate::{
    fault::{Fault, corrupt},
    session::{Session, Statement, Work},
    sql::sql,
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
        let held = sql!("lock_lease", dialect);
        if session.query(Statement::new(held, token(&self.token))).await?.is_empty() {
            return Err(StorageError::new(ErrorKind::LeaseLost, PARK).into());
        }
        let event = serde_json::to_string(&self.event).map_err(|error| corrupt(PARK, error))?;
        let values = vec![
            Value::Text(self.token.consumer.to_string()),
            self.event.id.0.into(),
            Value::Text(event),
            Value::Text(kept_reason(&self.reason)),
            Value::Bool(false),
        ];
        session.query(Statement::new(sql!("park_event", dialect), values)).await.map(drop)
    }
}

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
        let sql = match self.after {
            Some(after) => {
                values.push(after.0.into());
                sql!("list_parked_after")
            }
            None => sql!("list_parked"),
        };
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
        let dialect = session.dialect();
        let ids: Vec<Uuid> = self.ids.iter().map(|id| id.0).collect();
        let sql = match self.handling {
            Handling::Replay => sql!("replay_parked", dialect),
            Handling::Discard => sql!("discard_parked", dialect),
        };
        let values = vec![Value::Text(self.consumer.to_string()), dialect.ids(&ids)];
        let rows = session.query(Statement::new(sql, values)).await?;
        Ok(rows.len() as u64)
    }

    fn has_changes(handled: &u64) -> bool {
        *handled > 0
    }
}
