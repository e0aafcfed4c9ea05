//! Epochs of the log: which database it is kept in, and how a new epoch begins in one that was restored.
//!
//! The identity is `SYSTEM:DATABASE:TABLE`: the identifier that a PostgreSQL server has from its creation, where the user may
//! read it, and the numbers of the database and of the table of transactions in it. A dump that is restored elsewhere, or in
//! place of what was there, has another.

use crate::{
    dialect::Dialect,
    fault::Fault,
    place::{NoPlace, Place, Ticks},
    session::{Session, Statement, Work},
    sql::sql,
    value::{Unreadable, Value},
};
use character_storage_port::{Epoch, LogCursor};
use std::fmt;

/// The operation name of beginning a new epoch.
pub(crate) const NEW_EPOCH: &str = "log.new_epoch";

/// Why an epoch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The log is in another database than before.
    Moved,
    /// A cursor names a commit that is not there.
    Restored,
    /// An operator asked for it.
    ByHand,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Moved => "it was restored into another database",
            Self::Restored => "a cursor names a commit that is not there, as after the restoration of a backup",
            Self::ByHand => "by hand",
        })
    }
}

/// Notes where a new log is kept; returns the epoch when the log is in another database than it was.
pub(crate) struct FindMoved;

impl Work for FindMoved {
    type Output = Option<Epoch>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Option<Epoch>, Fault> {
        if session.dialect() == Dialect::Sqlite {
            return Ok(None);
        }
        let here = identity(session).await?;
        let log = session.query(Statement::new(sql!("read_log_identity"), vec![])).await?;
        let Some(mut row) = log.into_iter().next() else {
            return Err(Unreadable("the table storage_log is empty".into()).into());
        };
        let (epoch, known) = (Epoch(row.read()?), row.read::<String>()?);
        if known.is_empty() {
            session.query(Statement::new(sql!("note_log_identity"), vec![Value::Text(here)])).await?;
            return Ok(None);
        }
        Ok(is_other(&known, &here).then_some(epoch))
    }
}

/// Whether both are known and differ. A user that may not read the identifier of the server knows the rest alone.
fn is_other(known: &str, here: &str) -> bool {
    let differ = |(known, here): (&str, &str)| !known.is_empty() && !here.is_empty() && known != here;
    known.split(':').zip(here.split(':')).any(differ)
}

async fn identity<S: Session>(session: &mut S) -> Result<String, Fault> {
    let mut system = String::new();
    let mut row = session.query(Statement::new(sql!("read_database_identity.postgres"), vec![])).await?.pop();
    let may_read = row.as_mut().map(|row| row.read()).transpose()?.unwrap_or(false);
    if may_read {
        let found = session.query(Statement::new(sql!("read_system_identifier.postgres"), vec![])).await?.pop();
        system = found.map(|mut row| row.read()).transpose()?.unwrap_or_default();
    }
    let rest: String = row.map(|mut row| row.read()).transpose()?.unwrap_or_default();
    Ok(format!("{system}:{rest}"))
}

/// Begins a new epoch, unless another one than `known` has begun already. What some consumer has not passed, or everything
/// when there is none, is returned again in the new epoch; the consumers are in front of it.
pub(crate) struct Renew {
    pub(crate) known: Epoch,
    pub(crate) reason: Reason,
}

impl Work for Renew {
    type Output = Option<Epoch>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Option<Epoch>, Fault> {
        let next = Epoch::new();
        let renewed = match session.dialect() {
            Dialect::Postgres => self.in_postgres(session, next).await?,
            Dialect::Sqlite => self.in_sqlite(session, next).await?,
        };
        if renewed {
            tracing::warn!(reason = %self.reason, before = %self.known, epoch = %next, "a new epoch of the log begins");
        }
        Ok(renewed.then_some(next))
    }

    fn has_changes(renewed: &Option<Epoch>) -> bool {
        renewed.is_some()
    }
}

impl Renew {
    async fn in_postgres<S: Session>(&self, session: &mut S, next: Epoch) -> Result<bool, Fault> {
        // Before anything gets a number: whatever commits later than the lock below, under the new epoch, is open now or has
        // a higher number.
        let snapshot = session.query(Statement::new(sql!("read_snapshot.postgres"), vec![])).await?.pop();
        let snapshot: String = snapshot.map(|mut row| row.read()).transpose()?.unwrap_or_default();
        let snapshot: Ticks = snapshot.parse().map_err(|NoPlace| Unreadable("the snapshot cannot be read".into()))?;
        let here = identity(session).await?;
        session.run_script(sql!("lock_transactions.postgres")).await?;
        let log = session.query(Statement::new(sql!("lock_epoch.postgres"), vec![])).await?.pop();
        let Some(mut row) = log else { return Ok(false) };
        let (epoch, number): (_, i64) = (Epoch(row.read()?), row.read()?);
        if epoch != self.known {
            return Ok(false);
        }
        // The entries to be told again get a number that is below all of them, in their order.
        let tick = snapshot.xmin().saturating_sub(1);
        let mut parameters = vec![Value::Int(number), Value::Text(tick.to_string())];
        let untold = self.untold(session, &mut parameters).await?;
        let restamp = format!(
            "UPDATE transactions SET epoch = epoch + 1, tick = CAST(CAST($2 AS text) AS xid8), ordinal = moved.place \
             FROM (SELECT id, row_number() OVER (ORDER BY tick, ordinal) AS place FROM transactions \
             WHERE epoch = CAST($1 AS bigint) AND ({untold})) AS moved WHERE transactions.id = moved.id"
        );
        let cursor = LogCursor::new(next, &Place::behind(Ticks::below(tick)));
        let statements = [
            Statement::new(restamp, parameters),
            Statement::new(sql!("move_consumers.postgres"), vec![Value::Text(cursor.to_string())]),
            Statement::new(sql!("begin_epoch.postgres"), vec![next.0.into(), Value::Text(here)]),
        ];
        session.query_all(&statements).await?;
        Ok(true)
    }

    /// The condition for entries that some consumer has not passed.
    async fn untold<S: Session>(&self, session: &mut S, parameters: &mut Vec<Value>) -> Result<String, Fault> {
        let consumers = session.query(Statement::new(sql!("lock_positions.postgres"), vec![])).await?;
        let mut untold = Vec::new();
        for mut row in consumers {
            let position: String = row.read()?;
            let cursor = position.parse::<LogCursor>().ok().filter(|cursor| cursor.epoch() == self.known);
            let Some(place) = cursor.and_then(|cursor| cursor.place().parse::<Place>().ok()) else {
                return Ok("true".to_owned());
            };
            let mut parameter = |value| {
                parameters.push(value);
                format!("${}", parameters.len())
            };
            // PostgreSQL has no snapshot that holds nothing, which is the place of a consumer that has never moved.
            let mut told = if place.ticks.xmax == 0 {
                "false".to_owned()
            } else {
                let ticks = parameter(Value::Text(place.ticks.to_string()));
                format!("pg_visible_in_snapshot(tick, CAST(CAST({ticks} AS text) AS pg_snapshot))")
            };
            for (tick, ordinal) in place.partly() {
                let (tick, ordinal) =
                    (parameter(Value::Text(tick.to_string())), parameter(Value::Int((*ordinal).into())));
                let so_far =
                    format!("tick = CAST(CAST({tick} AS text) AS xid8) AND ordinal <= CAST({ordinal} AS bigint)");
                told = format!("{told} OR {so_far}");
            }
            untold.push(format!("NOT ({told})"));
        }
        Ok(if untold.is_empty() { "true".to_owned() } else { untold.join(" OR ") })
    }

    /// Numbers go on, and so do the consumers.
    async fn in_sqlite<S: Session>(&self, session: &mut S, next: Epoch) -> Result<bool, Fault> {
        let renew = Statement::new(sql!("renew_epoch.sqlite"), vec![next.0.into(), self.known.0.into()]);
        let renewed = session.query(renew).await?;
        if renewed.is_empty() {
            return Ok(false);
        }
        let mut moved = Vec::new();
        for mut row in session.query(Statement::new(sql!("read_positions.sqlite"), vec![])).await? {
            let (name, position): (String, String) = (row.read()?, row.read()?);
            let cursor = position.parse::<LogCursor>().ok();
            let Some(place) = cursor.and_then(|cursor| cursor.place().parse::<Place>().ok()) else { continue };
            let cursor = LogCursor::new(next, &Place::behind(place.ticks)).to_string();
            moved.push(Statement::new(sql!("move_consumer"), vec![Value::Text(name), Value::Text(cursor)]));
        }
        session.query_all(&moved).await?;
        Ok(true)
    }
}

/// Reads the epoch.
pub(crate) struct ReadEpoch;

impl Work for ReadEpoch {
    type Output = Epoch;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Epoch, Fault> {
        let row = session.query(Statement::new(sql!("read_epoch"), vec![])).await?.pop();
        let missing = || Fault::from(Unreadable("the table storage_log is empty".into()));
        Ok(Epoch(row.ok_or_else(missing)?.read()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_not_known_says_nothing() {
        for (known, here, other) in [
            ("1:2:3", "1:2:3", false),
            ("1:2:3", "9:2:3", true),
            ("1:2:3", "1:9:3", true),
            ("1:2:3", "1:2:9", true),
            (":2:3", "9:2:3", false),
            ("1:2:3", ":2:3", false),
        ] {
            assert_eq!(is_other(known, here), other, "{known} {here}");
        }
    }
}
