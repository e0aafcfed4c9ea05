//! Durable consumers of the log: who reads on, and from where.

mod parked;

use crate::{
    fault::{Fault, corrupt},
    log::{LogPage, ReadHead, ReadLog, Standing, place_of},
    place::Place,
    session::{Session, Statement, Work},
    sql::sql,
    value::{Row, Unreadable, Value},
};
use character_domain::Timestamp;
use character_storage_port::{
    ADVANCE, CONSUMERS, ConsumerName, ConsumerState, Epoch, ErrorKind, HolderId, LeaseToken, Leased, LogCursor,
    MAX_LEASE, MAX_PARKED, StorageError,
};
use parked::parked_event;
pub(crate) use parked::{HandleParked, Handling, ListParked, Park};
use std::time::Duration;
use uuid::Uuid;

/// Leases a consumer.
pub(crate) struct Lease {
    pub(crate) consumer: ConsumerName,
    pub(crate) holder: HolderId,
    pub(crate) lease: Duration,
}

/// The answer to a wish for a lease.
pub(crate) enum LeaseAnswer {
    Leased(Leased),
    /// Another holder has it.
    Held,
    /// The consumer names a commit that is not there: a new epoch must begin first.
    Restored(Epoch),
}

impl Work for Lease {
    type Output = LeaseAnswer;

    async fn run<S: Session>(&self, session: &mut S) -> Result<LeaseAnswer, Fault> {
        let dialect = session.dialect();
        let name = || Value::Text(self.consumer.to_string());
        let statements = [
            Statement::new(sql!("enlist_consumer"), vec![name()]),
            Statement::new(sql!("lock_consumer", dialect), vec![name()]),
        ];
        let row = session.query_all(&statements).await?.pop().and_then(|mut rows| rows.pop());
        let mut row = row.ok_or_else(|| Fault::concurrent("the consumer was removed meanwhile"))?;
        let (position, token): (String, Option<Uuid>) = (row.read()?, row.read()?);
        let (holder, is_valid): (Option<Uuid>, Option<bool>) = (row.read()?, row.read()?);
        let token = match token {
            Some(token) if holder == Some(self.holder.0) => token,
            Some(_) if is_valid == Some(true) => return Ok(LeaseAnswer::Held),
            _ => Uuid::now_v7(),
        };
        let cursor = match come_to(session, &position).await? {
            Ok(cursor) => cursor,
            Err(epoch) => return Ok(LeaseAnswer::Restored(epoch)),
        };
        let lease = i64::try_from(self.lease.min(MAX_LEASE).as_micros()).unwrap_or(i64::MAX);
        let values =
            vec![name(), Value::Text(cursor.to_string()), token.into(), self.holder.0.into(), Value::Int(lease)];
        let most = Value::Int(i64::try_from(MAX_PARKED).unwrap_or(i64::MAX));
        let statements = [
            Statement::new(sql!("lease_consumer", dialect), values),
            Statement::new(sql!("list_replays"), vec![name(), most]),
        ];
        let replays = session.query_all(&statements).await?.pop().unwrap_or_default();
        let replays = replays.into_iter().map(parked_event).collect::<Result<_, _>>()?;
        let token = LeaseToken { consumer: self.consumer.clone(), lease: token };
        Ok(LeaseAnswer::Leased(Leased { token, cursor, replays }))
    }

    fn has_changes(answer: &LeaseAnswer) -> bool {
        matches!(answer, LeaseAnswer::Leased(_))
    }
}

/// The place of a consumer, or the oldest that is kept when the consumer has none. `Err` with the epoch: the place names a
/// commit that is not there.
async fn come_to<S: Session>(session: &mut S, position: &str) -> Result<Result<LogCursor, Epoch>, Fault> {
    match read_first(session, position).await? {
        (page, Some((place, Standing::Good))) => Ok(Ok(LogCursor::new(page.epoch, &place))),
        (page, Some((_, Standing::Restored))) => Ok(Err(page.epoch)),
        (page, None | Some((_, Standing::Gone))) => {
            Ok(Ok(LogCursor::new(page.epoch, &Place::oldest(page.purged, &page.target))))
        }
    }
}

/// The first entry that the consumer has not passed, and how it stands. A position of another epoch is none.
async fn read_first<S: Session>(
    session: &mut S,
    position: &str,
) -> Result<(LogPage, Option<(Place, Standing)>), Fault> {
    if let Ok(cursor) = position.parse::<LogCursor>()
        && let Ok(place) = cursor.place().parse::<Place>()
    {
        let page = ReadLog { place: place.clone(), target: None, limit: 1 }.run(session).await?;
        if page.epoch == cursor.epoch() {
            let standing = page.standing(&place);
            return Ok((page, Some((place, standing))));
        }
    }
    Ok((ReadHead.run(session).await?, None))
}

/// Moves a consumer.
pub(crate) struct Advance {
    pub(crate) token: LeaseToken,
    pub(crate) to: LogCursor,
}

impl Work for Advance {
    type Output = ();

    async fn run<S: Session>(&self, session: &mut S) -> Result<(), Fault> {
        let epoch = crate::epoch::ReadEpoch.run(session).await?;
        place_of(&self.to, epoch, ADVANCE)?;
        let mut values = token(&self.token);
        values.push(Value::Text(self.to.to_string()));
        if session.query(Statement::new(sql!("advance_consumer"), values)).await?.is_empty() {
            return Err(StorageError::new(ErrorKind::LeaseLost, ADVANCE).into());
        }
        Ok(())
    }
}

fn token(token: &LeaseToken) -> Vec<Value> {
    vec![Value::Text(token.consumer.to_string()), token.lease.into()]
}

/// Gives a lease back.
pub(crate) struct Release(pub(crate) LeaseToken);

impl Work for Release {
    type Output = ();

    async fn run<S: Session>(&self, session: &mut S) -> Result<(), Fault> {
        session.query(Statement::new(sql!("release_consumer"), token(&self.0))).await.map(drop)
    }
}

/// Lists the consumers.
pub(crate) struct ListConsumers;

impl Work for ListConsumers {
    type Output = Vec<ConsumerState>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Vec<ConsumerState>, Fault> {
        let sql = sql!("list_consumers", session.dialect());
        let mut all = Vec::new();
        for mut row in session.query(Statement::new(sql, vec![])).await? {
            let (name, position): (String, String) = (row.read()?, row.read()?);
            let name = name.parse().map_err(|error| corrupt(CONSUMERS, error))?;
            let (holder, parked): (Option<Uuid>, i64) = (row.read()?, row.read()?);
            let behind_since = behind_since(session, &position).await?;
            let parked = u64::try_from(parked).unwrap_or_default();
            all.push(ConsumerState { name, holder: holder.map(HolderId), behind_since, parked });
        }
        // By bytes, whatever the collation of the database.
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    fn has_changes(_: &Vec<ConsumerState>) -> bool {
        false
    }
}

/// When the first commit was committed that the consumer has not passed.
async fn behind_since<S: Session>(session: &mut S, position: &str) -> Result<Option<Timestamp>, Fault> {
    let first = |page: &LogPage| page.entries.first().map(|entry| entry.commit.committed_at);
    match read_first(session, position).await? {
        (page, Some((_, Standing::Good))) => Ok(first(&page)),
        (page, _) => {
            let place = Place::oldest(page.purged, &page.target);
            Ok(first(&ReadLog { place, target: None, limit: 1 }.run(session).await?))
        }
    }
}

/// How far the consumers have come: those of another epoch have passed nothing.
pub(crate) async fn places<S: Session>(session: &mut S, epoch: Epoch) -> Result<Vec<(String, Option<Place>)>, Fault> {
    let sql = sql!("read_positions", session.dialect());
    let place = |mut row: Row| {
        let (name, position): (String, String) = (row.read()?, row.read()?);
        let cursor = position.parse::<LogCursor>().ok().filter(|cursor| cursor.epoch() == epoch);
        Ok::<_, Unreadable>((name, cursor.and_then(|cursor| cursor.place().parse().ok())))
    };
    let rows = session.query(Statement::new(sql, vec![])).await?;
    Ok(rows.into_iter().map(place).collect::<Result<_, _>>()?)
}
