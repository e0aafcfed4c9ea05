//! The outbox: events that wait to be published.

use crate::{
    Backlog,
    fault::{Fault, corrupt},
    session::{Session, Statement, Work},
    value::{Row, Value},
};
use character_domain::{Timestamp, json};
use character_storage_port::{DomainEvent, EventId, OutboxEvent};
use std::time::Duration;

/// The operation name of a claim.
pub(crate) const CLAIM: &str = "outbox.claim";
/// The operation name of an acknowledgement.
pub(crate) const ACKNOWLEDGE: &str = "outbox.acknowledge";
/// The operation name of looking at what waits.
pub(crate) const MEASURE: &str = "outbox.measure";
/// The operation name of forgetting old transactions.
pub(crate) const PURGE: &str = "transactions.purge";

/// No lease is longer; a sum of microseconds must stay in 64 bits.
const MAX_LEASE: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Leases events.
pub(crate) struct Claim {
    pub(crate) limit: usize,
    pub(crate) lease: Duration,
}

impl Work for Claim {
    type Output = Vec<OutboxEvent>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Vec<OutboxEvent>, Fault> {
        let dialect = session.dialect();
        let now = dialect.now();
        let lease = i64::try_from(self.lease.min(MAX_LEASE).as_micros()).unwrap_or(i64::MAX);
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        // In PostgreSQL each statement sees what was committed before it began: the lock must be one of its own.
        let mut statements: Vec<Statement> = dialect.lock_claims().into_iter().collect();
        statements.push(Statement::new(
            format!(
                "UPDATE outbox SET leased_until = {now} + $1 WHERE position IN (\
                 SELECT position FROM outbox \
                 WHERE subject NOT IN (SELECT subject FROM outbox WHERE leased_until > {now}) \
                 ORDER BY position LIMIT $2) RETURNING position, event"
            ),
            vec![Value::Int(lease), Value::Int(limit)],
        ));
        let rows = session.query_all(&statements).await?.pop().unwrap_or_default();
        let mut events = rows.into_iter().map(event).collect::<Result<Vec<_>, _>>()?;
        events.sort_by_key(|event| event.position);
        Ok(events)
    }

    fn has_changes(events: &Vec<OutboxEvent>) -> bool {
        !events.is_empty()
    }
}

fn event(mut row: Row) -> Result<OutboxEvent, Fault> {
    let (position, text): (i64, String) = (row.read()?, row.read()?);
    let event: DomainEvent = json::parse(text.as_bytes())
        .map_err(|error| corrupt(CLAIM, error).with_detail(format!("the event at position {position}")))?;
    Ok(OutboxEvent { position: u64::try_from(position).unwrap_or_default(), event })
}

/// How much waits.
pub(crate) struct Measure;

/// So many rows are counted; more are estimated by their positions.
const COUNTED: i64 = 10_000;

impl Work for Measure {
    type Output = Backlog;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Backlog, Fault> {
        let statements = [
            Statement::new("SELECT position, event FROM outbox ORDER BY position LIMIT 1", vec![]),
            Statement::new("SELECT position FROM outbox ORDER BY position DESC LIMIT 1", vec![]),
            Statement::new(
                "SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT $1) AS counted",
                vec![Value::Int(COUNTED + 1)],
            ),
        ];
        let mut rows = session.query_all(&statements).await?.into_iter().map(|mut rows| rows.pop());
        let (first, last, counted) = (rows.next().flatten(), rows.next().flatten(), rows.next().flatten());
        let Some(oldest) = first.map(event).transpose()? else { return Ok(Backlog::default()) };
        let last: i64 = last.map(|mut row| row.read()).transpose()?.unwrap_or_default();
        let counted: i64 = counted.map(|mut row| row.read()).transpose()?.unwrap_or_default();
        let counted = u64::try_from(counted).unwrap_or_default();
        let span = u64::try_from(last).unwrap_or_default().saturating_sub(oldest.position) + 1;
        let events = if counted > COUNTED as u64 { span.max(counted) } else { counted };
        Ok(Backlog { events, oldest: Some(oldest.event.time) })
    }

    fn has_changes(_: &Backlog) -> bool {
        false
    }
}

/// Removes published events.
pub(crate) struct Acknowledge {
    pub(crate) ids: Vec<EventId>,
}

impl Work for Acknowledge {
    type Output = ();

    async fn run<S: Session>(&self, session: &mut S) -> Result<(), Fault> {
        let remove = |id: &EventId| Statement::new("DELETE FROM outbox WHERE event_id = $1", vec![id.0.into()]);
        let statements: Vec<Statement> = self.ids.iter().map(remove).collect();
        session.query_all(&statements).await.map(drop)
    }
}

/// The maximum number of transactions that one [`Purge`] forgets.
pub(crate) const PURGED_AT_ONCE: u64 = 1000;

/// Forgets some of the oldest transactions, so that their ids are free again.
pub(crate) struct Purge {
    pub(crate) before: Timestamp,
}

impl Work for Purge {
    type Output = u64;

    async fn run<S: Session>(&self, session: &mut S) -> Result<u64, Fault> {
        let sql = format!(
            "DELETE FROM transactions WHERE id IN (SELECT id FROM transactions WHERE committed_at < $1 \
             ORDER BY committed_at LIMIT {PURGED_AT_ONCE}) RETURNING 1"
        );
        let rows = session.query(Statement::new(sql, vec![Value::time(self.before)])).await?;
        Ok(rows.len() as u64)
    }
}

/// Asks for nothing, to see whether there is an answer.
pub(crate) struct Ask;

impl Work for Ask {
    type Output = ();

    async fn run<S: Session>(&self, session: &mut S) -> Result<(), Fault> {
        session.query(Statement::new("SELECT 1", vec![])).await.map(drop)
    }
}
