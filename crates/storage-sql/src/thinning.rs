//! Which versions are removed, and by which process: the job, its lease and its progress.

mod part;
mod selection;

pub(crate) use part::{PartOutcome, RemovePart};
pub(crate) use selection::{Part, Selection, StoredVersion, select};

use crate::{
    ThinningStatus,
    fault::Fault,
    session::{Session, Statement, Work},
    sql::sql,
    value::Value,
};
use std::{collections::HashSet, num::NonZeroU32, time::Duration};
use uuid::Uuid;

/// The operation name of thinning versions.
pub(crate) const THIN: &str = "versions.thin";
/// How long a process has the job after its last sign of life. Two processes that both have it do no harm: each part is
/// one transaction that judges what it finds.
pub(crate) const LEASE: Duration = Duration::from_secs(10);
/// How long a complete pass lasts: thinning keeps whole days.
const REST: Duration = Duration::from_secs(86_400);
/// The maximum number of characters that are counted together.
const BATCH: i64 = 50;
/// The name of the job.
const JOB: &str = "versions";
/// The place in front of every character.
const START: Uuid = Uuid::nil();

/// Begins a pass, or continues one that another process has left.
pub(crate) struct Begin {
    pub(crate) newest: NonZeroU32,
    pub(crate) holder: Uuid,
}

/// The answer to [`Begin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// The pass continues behind this character.
    Behind(Uuid),
    /// Another process has the job.
    Held,
    /// A pass with this policy was completed within [`REST`].
    Rested,
}

fn microseconds(time: Duration) -> Value {
    Value::Int(i64::try_from(time.as_micros()).unwrap_or(i64::MAX))
}

impl Work for Begin {
    type Output = Begun;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Begun, Fault> {
        let dialect = session.dialect();
        let policy = format!("newest={}", self.newest);
        let job = || Value::Text(JOB.to_owned());
        let statements = [
            Statement::new(sql!("enlist_job"), vec![job()]),
            Statement::new(sql!("lock_job", dialect), vec![job(), microseconds(REST)]),
        ];
        let row = session.query_all(&statements).await?.pop().and_then(|mut rows| rows.pop());
        let mut row = row.ok_or_else(|| Fault::concurrent("the job was removed meanwhile"))?;
        let (known, place): (String, Option<Uuid>) = (row.read()?, row.read()?);
        let (is_leased, is_recent): (bool, bool) = (row.read()?, row.read()?);
        if is_leased {
            return Ok(Begun::Held);
        }
        let place = if known == policy { place } else { Some(START) };
        let place = match place {
            None if is_recent => return Ok(Begun::Rested),
            place => place.unwrap_or(START),
        };
        let values = vec![job(), Value::Text(policy), place.into(), self.holder.into(), microseconds(LEASE)];
        session.query(Statement::new(sql!("take_job", dialect), values)).await?;
        Ok(Begun::Behind(place))
    }

    fn has_changes(begun: &Begun) -> bool {
        matches!(begun, Begun::Behind(_))
    }
}

/// How far a pass has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Every character up to this one is done.
    Done(Uuid),
    /// The pass is complete.
    Complete,
    /// The process gives the job up, so that another one can continue at once.
    GivenUp,
}

/// Notes the progress of a pass and keeps the job; `false` when another process has it meanwhile.
pub(crate) struct Note {
    pub(crate) holder: Uuid,
    pub(crate) progress: Progress,
}

impl Work for Note {
    type Output = bool;

    async fn run<S: Session>(&self, session: &mut S) -> Result<bool, Fault> {
        let dialect = session.dialect();
        let mut values = vec![Value::Text(JOB.to_owned()), self.holder.into()];
        let sql = match self.progress {
            Progress::Done(place) => {
                values.extend([place.into(), microseconds(LEASE)]);
                sql!("continue_job", dialect)
            }
            Progress::Complete => sql!("complete_job", dialect),
            Progress::GivenUp => sql!("give_up_job"),
        };
        Ok(!session.query(Statement::new(sql, values)).await?.is_empty())
    }
}

/// Counts the versions of the next characters.
pub(crate) struct CountVersions {
    pub(crate) after: Uuid,
    pub(crate) newest: NonZeroU32,
}

/// Some characters in the order of their ids.
#[derive(Debug)]
pub(crate) struct Counted {
    /// Those with more versions than are kept in any case.
    pub(crate) full: Vec<Uuid>,
    /// The last of all that were counted. `None`: there is none.
    pub(crate) last: Option<Uuid>,
}

impl Work for CountVersions {
    type Output = Counted;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Counted, Fault> {
        let count = Statement::new(sql!("count_versions"), vec![self.after.into(), Value::Int(BATCH)]);
        let rows = session.query(count).await?;
        let mut counted = Counted { full: Vec::new(), last: None };
        for mut row in rows {
            let (character, versions): (Uuid, i64) = (row.read()?, row.read()?);
            // The first version stays too.
            if versions > i64::from(self.newest.get()) + 1 {
                counted.full.push(character);
            }
            counted.last = Some(character);
        }
        Ok(counted)
    }
}

/// Selects what to remove of one character.
pub(crate) struct SelectVersions {
    pub(crate) character: Uuid,
    pub(crate) newest: NonZeroU32,
    /// Versions that stay for reasons which the selection cannot see.
    pub(crate) kept: HashSet<Uuid>,
}

impl Work for SelectVersions {
    type Output = Selection;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Selection, Fault> {
        // The revision first: a change behind it makes the selection void.
        let statements = [
            Statement::new(sql!("read_character_revision"), vec![self.character.into()]),
            Statement::new(sql!("list_versions"), vec![self.character.into()]),
        ];
        let mut answers = session.query_all(&statements).await?.into_iter();
        let mut character = answers.next().unwrap_or_default();
        let revision = character.pop().map(|mut row| row.read()).transpose()?;
        let mut versions = Vec::new();
        for mut row in answers.next().unwrap_or_default() {
            versions.push(StoredVersion {
                id: row.read()?,
                created_at: row.read()?,
                is_marked: row.read()?,
                parent: row.read()?,
                restored_from: row.read()?,
            });
        }
        Ok(Selection { revision, parts: select(&versions, self.newest, &self.kept) })
    }
}

/// Reads the state of the job.
pub(crate) struct ReadThinning;

impl Work for ReadThinning {
    type Output = ThinningStatus;

    async fn run<S: Session>(&self, session: &mut S) -> Result<ThinningStatus, Fault> {
        let rows = session.query(Statement::new(sql!("read_job"), vec![Value::Text(JOB.to_owned())])).await?;
        let Some(mut row) = rows.into_iter().next() else { return Ok(ThinningStatus::default()) };
        let (is_active, last_pass) = (row.read()?, row.read()?);
        Ok(ThinningStatus { is_active, last_pass, removed: u64::try_from(row.read::<i64>()?).unwrap_or_default() })
    }
}
