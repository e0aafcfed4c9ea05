//! How long entries of the log are kept, and how much there is of it.

use crate::{
    LogStatus,
    consumers::{ListConsumers, places},
    dialect::Dialect,
    fault::Fault,
    log::ReadHead,
    place::{Place, Spot},
    session::{Session, Statement, Work},
    sql::sql,
    value::{Row, Unreadable, Value},
};
use std::{collections::BTreeSet, time::Duration};
use uuid::Uuid;

/// The operation name of removing old entries.
pub(crate) const PURGE: &str = "log.purge";
/// The operation name of reading the state of the log.
pub(crate) const STATUS: &str = "log.status";
/// The maximum number of entries that one step removes.
const STEP: i64 = 1_000;
/// The number of entries up to which they are counted.
const COUNTED: i64 = 10_000;

/// Removes some of the oldest entries: those older than `retention` that every consumer has passed, and those older than
/// `bound` even so. They go in the order of the log, so that what is kept has no gap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purge {
    pub(crate) retention: Duration,
    pub(crate) bound: Duration,
}

/// What one step has removed.
#[derive(Debug, Default)]
pub(crate) struct Purged {
    pub(crate) removed: u64,
    /// There may be more to remove.
    pub(crate) goes_on: bool,
    /// The consumers that have lost entries which they had not passed.
    pub(crate) losers: BTreeSet<String>,
}

/// An entry that may be removed.
struct Candidate {
    id: Uuid,
    spot: Spot,
    is_old: bool,
    is_too_old: bool,
}

impl Work for Purge {
    type Output = Purged;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Purged, Fault> {
        let dialect = session.dialect();
        // One purge at a time, and none beside the beginning of an epoch.
        session.query(Statement::new(sql!("lock_log", dialect), vec![])).await?;
        let log = ReadHead.run(session).await?;
        let consumers = places(session, log.epoch).await?;
        let mut purged = Purged::default();
        let (mut ids, mut last) = (Vec::new(), None);
        let candidates = session.query(self.candidates(dialect)).await?;
        let all = candidates.len();
        for row in candidates {
            let Candidate { id, spot, is_old, is_too_old } = candidate(row)?;
            let has_passed = |place: &Option<Place>| place.as_ref().is_some_and(|place| place.has_told(spot));
            let mut waiting = consumers.iter().filter(|(_, place)| !has_passed(place)).peekable();
            // What is open and lower would be told behind a place that is no longer kept.
            let is_settled = spot.0 < log.target.xmin();
            if !(is_too_old || is_old && is_settled && waiting.peek().is_none()) {
                break;
            }
            purged.losers.extend(waiting.map(|(name, _)| name.clone()));
            ids.push(id);
            last = Some(spot);
        }
        purged.goes_on = ids.len() == all && all >= usize::try_from(STEP).unwrap_or(usize::MAX);
        let mut statements = Vec::new();
        if let Some((tick, ordinal)) = last {
            statements.push(Statement::new(sql!("delete_entries", dialect), vec![dialect.ids(&ids)]));
            let mut values = vec![Value::Int(i64::try_from(tick).unwrap_or(i64::MAX))];
            // In SQLite a tick has one entry.
            if dialect == Dialect::Postgres {
                values.push(Value::Int(ordinal.into()));
            }
            statements.push(Statement::new(sql!("note_purged", dialect), values));
        }
        statements.push(self.forget_what_is_no_entry(dialect));
        let mut answers = session.query_all(&statements).await?;
        let forgotten = answers.pop().unwrap_or_default().len();
        purged.goes_on |= forgotten >= usize::try_from(STEP).unwrap_or(usize::MAX);
        purged.removed = (ids.len() + forgotten) as u64;
        Ok(purged)
    }

    fn has_changes(purged: &Purged) -> bool {
        purged.removed > 0
    }
}

impl Purge {
    /// The oldest entries, and whether they are old and too old by the clock of the database.
    fn candidates(&self, dialect: Dialect) -> Statement {
        let values = vec![microseconds(self.retention), microseconds(self.bound), Value::Int(STEP)];
        Statement::new(sql!("list_purge_candidates", dialect), values)
    }

    /// Rows from before the log, and of earlier epochs, that remember transactions alone.
    fn forget_what_is_no_entry(&self, dialect: Dialect) -> Statement {
        Statement::new(sql!("forget_transactions", dialect), vec![microseconds(self.retention), Value::Int(STEP)])
    }
}

fn candidate(mut row: Row) -> Result<Candidate, Unreadable> {
    let id = row.read()?;
    let (tick, ordinal): (i64, i64) = (row.read()?, row.read()?);
    let spot = (u64::try_from(tick).unwrap_or_default(), u32::try_from(ordinal).unwrap_or_default());
    Ok(Candidate { id, spot, is_old: row.read()?, is_too_old: row.read()? })
}

fn microseconds(time: Duration) -> Value {
    // A hundred years: a sum with the time of today stays in 64 bits.
    const MAX: Duration = Duration::from_secs(100 * 365 * 86_400);
    Value::Int(i64::try_from(time.min(MAX).as_micros()).unwrap_or(i64::MAX))
}

/// Reads the state of the log.
pub(crate) struct ReadStatus;

impl Work for ReadStatus {
    type Output = LogStatus;

    async fn run<S: Session>(&self, session: &mut S) -> Result<LogStatus, Fault> {
        let dialect = session.dialect();
        let statements = [
            Statement::new(sql!("read_oldest_entry", dialect), vec![]),
            Statement::new(sql!("count_entries", dialect), vec![Value::Int(COUNTED + 1)]),
            Statement::new(sql!("estimate_entries", dialect), vec![]),
            Statement::new(sql!("count_parked"), vec![]),
        ];
        let mut answers = session.query_all(&statements).await?.into_iter().map(|mut rows| rows.pop());
        let oldest = answers.next().flatten().map(|mut row| row.read()).transpose()?;
        let mut number = || -> Result<i64, Unreadable> {
            Ok(answers.next().flatten().map(|mut row| row.read::<Option<i64>>()).transpose()?.flatten().unwrap_or(0))
        };
        let (counted, estimated, parked) = (number()?, number()?, number()?);
        let entries = if counted > COUNTED { estimated.max(counted) } else { counted };
        let consumers = ListConsumers.run(session).await?;
        let behind = consumers.into_iter().filter_map(|consumer| Some((consumer.name, consumer.behind_since?)));
        let slowest = behind.min_by_key(|(_, since)| *since);
        let whole = |number: i64| u64::try_from(number).unwrap_or_default();
        Ok(LogStatus { entries: whole(entries), oldest, slowest, parked: whole(parked), notifies: None })
    }

    fn has_changes(_: &LogStatus) -> bool {
        false
    }
}
