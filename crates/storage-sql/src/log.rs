//! The log of commits in SQL: how an entry is written, and how what lies behind a place is read.

use crate::{
    dialect::Dialect,
    fault::Fault,
    place::{NoPlace, Place, Share, Spot, Ticks},
    session::{Session, Statement, Work},
    sql::sql,
    value::{ColumnType, Row, Unreadable, Value},
};
use character_domain::{Timestamp, json};
use character_error_reporter::redacted;
use character_storage_port::{
    DomainEvent, Epoch, ErrorKind, LogCursor, LoggedCommit, Result, RowChange, StorageError, Tick, TransactionId,
};
use std::sync::Arc;
use uuid::Uuid;

/// The texts of a batch are at most this long, behind its first entry.
pub(crate) const MAX_BATCH_BYTES: i64 = 4 * 1024 * 1024;

/// An entry as it is inserted.
pub(crate) struct NewEntry {
    pub(crate) id: TransactionId,
    pub(crate) fingerprint: String,
    pub(crate) outcome: Option<String>,
    /// Its number among the entries of one database transaction.
    pub(crate) ordinal: usize,
    pub(crate) news: String,
    pub(crate) events: Option<String>,
    pub(crate) traceparent: Option<String>,
}

impl NewEntry {
    /// Inserts it and returns its tick.
    pub(crate) fn statement(self, dialect: Dialect) -> Statement {
        let text = |text: Option<String>| Value::or_null(text.map(Value::Text));
        let mut values = vec![
            self.id.0.into(),
            Value::Text(self.fingerprint),
            text(self.outcome),
            Value::Text(self.news),
            text(self.events),
            text(self.traceparent),
        ];
        // In SQLite each entry has a tick of its own.
        if dialect == Dialect::Postgres {
            values.push(Value::Int(i64::try_from(self.ordinal).unwrap_or(i64::MAX)));
        }
        Statement::new(sql!("append_entry", dialect), values)
    }
}

impl NewEntry {
    /// Inserts several with their places as ordinals, in PostgreSQL, and returns their common tick for each.
    pub(crate) fn all(entries: Vec<Self>) -> Statement {
        let mut lists: [Vec<Value>; 6] = Default::default();
        let text = |text: Option<String>| Value::or_null(text.map(Value::Text));
        for Self { id, fingerprint, outcome, news, events, traceparent, .. } in entries {
            let values = [
                id.0.into(),
                Value::Text(fingerprint),
                text(outcome),
                Value::Text(news),
                text(events),
                text(traceparent),
            ];
            lists.iter_mut().zip(values).for_each(|(list, value)| list.push(value));
        }
        let [ids, texts @ ..] = lists;
        let texts = texts.into_iter().map(|texts| Value::List(ColumnType::Text, texts));
        let lists = std::iter::once(Value::List(ColumnType::Uuid, ids)).chain(texts);
        Statement::new(sql!("append_entries.postgres"), lists.collect())
    }
}

/// Reads what lies behind a place.
#[derive(Clone, Debug)]
pub(crate) struct ReadLog {
    pub(crate) place: Place,
    /// What to read up to. `None`: what is visible now.
    pub(crate) target: Option<Ticks>,
    pub(crate) limit: usize,
}

/// Reads the end of the log.
pub(crate) struct ReadHead;

/// An entry that was read.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) spot: Spot,
    /// How long its texts are.
    pub(crate) bytes: usize,
    pub(crate) commit: Arc<LoggedCommit>,
}

impl Entry {
    pub(crate) fn witness(&self) -> (Tick, TransactionId) {
        (self.commit.tick, self.commit.transaction)
    }
}

/// The state of the log, and entries of it.
#[derive(Debug)]
pub(crate) struct LogPage {
    pub(crate) epoch: Epoch,
    pub(crate) target: Ticks,
    pub(crate) share: Share,
    /// Where the log believes to be, and where it is: see [`identity`](crate::epoch).
    identity: (String, String),
    pub(crate) purged: Spot,
    has_witness: bool,
    pub(crate) entries: Vec<Entry>,
    pub(crate) more: bool,
}

/// Whether a place can be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    /// Something behind it is no longer kept.
    Gone,
    /// It names a commit that is not there, or that is still to come: the storage was restored from a backup.
    Restored,
}

impl LogPage {
    /// What the page means for the place that it was read for.
    pub(crate) fn standing(&self, place: &Place) -> Standing {
        let is_kept = |(tick, _): &(Tick, TransactionId)| tick.0 > self.purged.0;
        let misses_witness = !self.has_witness && place.witness.as_ref().is_some_and(is_kept);
        if misses_witness || !place.is_within(&self.target) {
            Standing::Restored
        } else if place.has_lost(self.purged, &self.target) {
            Standing::Gone
        } else {
            Standing::Good
        }
    }

    /// Whether the database is another one than the log was kept in.
    pub(crate) fn has_moved(&self) -> bool {
        let (known, found) = &self.identity;
        // The first part is known where a connection is made.
        !known.is_empty() && known.split_once(':').is_some_and(|(_, known)| known != found)
    }

    /// Where to go on behind the page, when it was read for this place.
    pub(crate) fn next(&self, place: &Place) -> Place {
        let last = self.entries.last();
        let next = match last {
            Some(last) if self.more => place.cut(&self.target, last.spot, self.share),
            _ => place.end(&self.target, self.entries.iter().map(|entry| entry.spot.0).max()),
        };
        next.with_witness(last.map(Entry::witness).or(place.witness))
    }

    /// The end of the log, when the page is the answer to [`ReadHead`].
    pub(crate) fn head(&self) -> Place {
        let last = self.entries.last();
        let end = Place::oldest(self.purged, &self.target).end(&self.target, last.map(|entry| entry.spot.0));
        end.with_witness(last.map(Entry::witness))
    }
}

/// The place of a cursor.
///
/// # Errors
/// `Gone`: it is of another epoch. `Invalid`: no storage of this kind has made it.
pub(crate) fn place_of(cursor: &LogCursor, epoch: Epoch, operation: &'static str) -> Result<Place> {
    if cursor.epoch() != epoch {
        return Err(StorageError::new(ErrorKind::Gone, operation));
    }
    cursor.place().parse().map_err(|NoPlace| {
        let violations = character_domain::Violations::one("after", "is not a cursor of this storage");
        StorageError::invalid(violations, operation)
    })
}

impl Work for ReadLog {
    type Output = LogPage;

    async fn run<S: Session>(&self, session: &mut S) -> Result<LogPage, Fault> {
        let dialect = session.dialect();
        let rows = session.query(self.statement(dialect)).await?;
        page(dialect, rows)
    }
}

impl Work for ReadHead {
    type Output = LogPage;

    async fn run<S: Session>(&self, session: &mut S) -> Result<LogPage, Fault> {
        let dialect = session.dialect();
        let rows = session.query(Statement::new(sql!("head", dialect), vec![])).await?;
        page(dialect, rows)
    }
}

fn int(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

impl ReadLog {
    pub(crate) fn statement(&self, dialect: Dialect) -> Statement {
        let witness = self.place.witness;
        let (xmax, told) = self.place.told_to();
        let limit = Value::Int(i64::try_from(self.limit).unwrap_or(i64::MAX - 1));
        let witness = match witness {
            Some((tick, transaction)) => [int(tick.0), transaction.0.into()],
            None => [Value::Null, Value::Null],
        };
        let mut values = match dialect {
            Dialect::Postgres => {
                let (open, told_of_open) = self.place.open().map(|(tick, told)| (int(tick), Value::Int(told))).unzip();
                vec![
                    Value::or_null(self.target.as_ref().map(|target| Value::Text(target.to_string()))),
                    Value::List(ColumnType::Int, open),
                    Value::List(ColumnType::Int, told_of_open),
                    int(xmax),
                    Value::Int(told),
                    limit,
                    Value::Int(MAX_BATCH_BYTES),
                ]
            }
            Dialect::Sqlite => {
                let last = if told < 0 { xmax.saturating_sub(1) } else { xmax };
                vec![int(last), limit, Value::Int(MAX_BATCH_BYTES)]
            }
        };
        values.extend(witness);
        if dialect == Dialect::Sqlite {
            values.push(Value::or_null(self.target.as_ref().map(|target| int(target.xmax))));
        }
        Statement::new(sql!("read_log", dialect), values)
    }
}

/// The answer of both statements: in each row the state of the log, and an entry if there is one.
fn page(dialect: Dialect, rows: Vec<Row>) -> Result<LogPage, Fault> {
    let mut page: Option<LogPage> = None;
    let mut found = 0;
    for mut row in rows {
        let epoch = Epoch(row.read()?);
        let target: String = row.read()?;
        let identity = (row.read()?, row.read::<Option<String>>()?.unwrap_or_default());
        let purged = spot(row.read()?, row.read()?)?;
        let has_witness = row.read()?;
        if page.is_none() {
            let target = target.parse().map_err(|NoPlace| Unreadable("the database has no such snapshot".into()))?;
            let share = match dialect {
                Dialect::Postgres => Share::Several,
                Dialect::Sqlite => Share::One,
            };
            let (entries, more) = (Vec::new(), false);
            page = Some(LogPage { epoch, target, share, identity, purged, has_witness, entries, more });
        }
        found = row.read::<Option<i64>>()?.unwrap_or_default();
        if let Some(page) = &mut page
            && let Some(id) = row.read::<Option<Uuid>>()?
        {
            page.entries.push(entry(TransactionId(id), row)?);
        }
    }
    let mut page = page.ok_or_else(|| Unreadable("the table storage_log is empty".into()))?;
    page.more = usize::try_from(found).is_ok_and(|found| found > page.entries.len());
    Ok(page)
}

fn spot(tick: i64, ordinal: i64) -> Result<Spot, Unreadable> {
    let unreadable = |_| Unreadable("a tick or an ordinal is negative".into());
    Ok((u64::try_from(tick).map_err(unreadable)?, u32::try_from(ordinal).map_err(unreadable)?))
}

fn entry(transaction: TransactionId, mut row: Row) -> Result<Entry, Unreadable> {
    let spot = spot(row.read()?, row.read()?)?;
    let committed_at: Timestamp = row.read()?;
    let bytes = row.text_bytes();
    let (news, events) = (row.read::<Option<String>>()?, row.read::<Option<String>>()?);
    let traceparent = row.read()?;
    let tick = Tick(spot.0);
    let rows = changes(transaction, news.as_deref());
    let events = self::events(transaction, events.as_deref());
    let commit = LoggedCommit { tick, transaction, committed_at, rows, events, traceparent };
    Ok(Entry { spot, bytes, commit: Arc::new(commit) })
}

/// What an entry says of rows. One that cannot be read may speak of any row.
pub(crate) fn changes(transaction: TransactionId, news: Option<&str>) -> Option<Vec<RowChange>> {
    let read = json::parse(news?.as_bytes());
    if let Err(error) = &read {
        tracing::error!(%transaction, error = %redacted(error), "the changes in an entry of the log cannot be read");
    }
    read.ok()
}

/// One that cannot be read must not hold up the log for everybody.
fn events(transaction: TransactionId, events: Option<&str>) -> Vec<DomainEvent> {
    let read = events.map_or_else(|| Ok(Vec::new()), |events| json::parse(events.as_bytes()));
    read.unwrap_or_else(|error| {
        tracing::error!(%transaction, error = %redacted(&error), "the events in an entry of the log cannot be read and are lost");
        Vec::new()
    })
}
