//! Commits: one semantics for both engines.

use crate::{
    dialect::{Dialect, Locks, Mode},
    fault::{Cause, Fault, corrupt},
    log::{NewEntry, changes},
    plan::Plan,
    session::{Session, Statement, Work},
    sql::sql,
    value::Row,
};
use character_domain::{Meta, json};
use character_storage_port::{
    Applied, COMMIT, Committed, ErrorKind, Fingerprint, KeptAnswer, Result, RowChange, StorageError, Tick, Transaction,
    TransactionId, for_write,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use uuid::Uuid;

mod group;

pub(crate) use group::CommitGroup;

const SAVE: &str = "SAVEPOINT item";
const UNDO: &str = "ROLLBACK TO SAVEPOINT item";
const RELEASE: &str = "RELEASE SAVEPOINT item";

/// What is kept of an applied transaction beside its entry of the log, for the answer to a repeat. The release before the
/// log kept and reads the same.
#[derive(Serialize, Deserialize)]
struct KeptOutcome {
    id: TransactionId,
    written: Vec<Meta>,
    #[serde(default, deserialize_with = "KeptAnswer::present", skip_serializing_if = "Option::is_none")]
    answer: Option<KeptAnswer>,
}

/// A transaction that passed its checks.
#[derive(Debug)]
pub(crate) struct Checked {
    transaction: Transaction,
    fingerprint: Fingerprint,
}

impl Checked {
    pub(crate) fn new(transaction: Transaction) -> Result<Self> {
        transaction.check()?;
        let fingerprint = transaction.fingerprint();
        Ok(Self { transaction, fingerprint })
    }

    /// The id, rows and subjects over which it may race with others.
    fn lock(&self, locks: &mut Locks) {
        let Transaction { id, writes, events, .. } = &self.transaction;
        let mut created: HashSet<Uuid> = HashSet::new();
        locks.transaction(id.0);
        for write in writes {
            let (_, row) = write.row();
            if for_write!(write, change => change.first_revision().is_some()) {
                created.insert(row);
                locks.subject(row, Mode::Shared);
            } else {
                locks.subject(row, Mode::Alone);
            }
        }
        for event in events.iter().filter(|event| !created.contains(&event.subject.0)) {
            locks.subject(event.subject.0, Mode::Alone);
        }
    }
}

/// The outcome of one transaction of a batch.
pub(crate) enum Outcome {
    /// It was applied now.
    Applied(Committed),
    /// It was applied before, or it is refused: nothing of it is to be kept.
    Judged(Result<Committed>),
}

impl Outcome {
    pub(crate) fn into_result(self) -> Result<Committed> {
        match self {
            Self::Applied(committed) => Ok(committed),
            Self::Judged(result) => result,
        }
    }
}

/// Applies transactions one after the other, each whole or not at all, to be made durable together.
pub(crate) struct CommitAll {
    items: Vec<Arc<Checked>>,
    /// It was begun before, and failed as concurrent.
    is_repeated: AtomicBool,
}

impl CommitAll {
    pub(crate) fn of(items: Vec<Arc<Checked>>) -> Self {
        Self { items, is_repeated: AtomicBool::new(false) }
    }
}

impl Work for CommitAll {
    type Output = Vec<Outcome>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Vec<Outcome>, Fault> {
        // Locked before any row, and for all items at once, so that batches and single commits cannot deadlock here.
        let mut locks = Locks::default();
        self.items.iter().for_each(|item| item.lock(&mut locks));
        let mut prelude: Vec<Statement> = session.dialect().lock(&locks).into_iter().collect();
        let [item] = self.items.as_slice() else {
            let mut outcomes = Vec::with_capacity(self.items.len());
            for (ordinal, item) in self.items.iter().enumerate() {
                let part = Part::Of(ordinal);
                let known = Known::AskFirst;
                let outcome = match apply(session, item, std::mem::take(&mut prelude), part, known).await {
                    Err(fault) if fault.cause() == Some(Cause::Broken) => {
                        Outcome::Judged(Err(fault.into_error(COMMIT, Applied::No)))
                    }
                    other => other?,
                };
                if let Outcome::Judged(_) = outcome {
                    session.query_all(&[Statement::new(UNDO, vec![]), Statement::new(RELEASE, vec![])]).await?;
                }
                outcomes.push(outcome);
            }
            return Ok(outcomes);
        };
        let was_begun = self.is_repeated.swap(true, Ordering::Relaxed);
        // SQLite is asked without a round trip, and does not try again.
        let asks_first = was_begun || session.dialect() == Dialect::Sqlite;
        let known = if asks_first { Known::AskFirst } else { Known::AskIfRefused };
        Ok(vec![apply(session, item, prelude, Part::Whole, known).await?])
    }

    fn has_changes(outcomes: &Vec<Outcome>) -> bool {
        outcomes.iter().any(|outcome| matches!(outcome, Outcome::Applied(_)))
    }
}

/// How much of the database transaction one item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// All of it.
    Whole,
    /// One of several, with this number.
    Of(usize),
}

/// When it is asked whether the id was committed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    AskFirst,
    /// Repeats are rare. One is refused, because its rows are no longer as it expects; or else its entry of the log has its id,
    /// which fails as concurrent, and then it is asked first.
    AskIfRefused,
}

async fn apply<S: Session>(
    session: &mut S,
    item: &Checked,
    prelude: Vec<Statement>,
    part: Part,
    known: Known,
) -> Result<Outcome, Fault> {
    let dialect = session.dialect();
    let mut plan = Plan::of(&item.transaction, dialect)?;

    let mut statements = prelude;
    if part != Part::Whole {
        statements.push(Statement::new(SAVE, vec![]));
    }
    // Behind the lock of the id, so that it sees a commit with the same id. When the id turns out to be taken, the writes
    // behind it are undone: waiting for the answer here would cost every commit a round trip.
    let question = (known == Known::AskFirst).then(|| item.remembered(dialect));
    let in_front = statements.len() + usize::from(question.is_some());
    statements.extend(question);
    statements.extend(plan.take_statements(dialect));
    let mut results = session.query_all(&statements).await?;
    let answers = results.split_off(in_front);
    if known == Known::AskFirst
        && let Some(row) = results.pop().and_then(|rows| rows.into_iter().next())
    {
        return Ok(Outcome::Judged(item.repeated(row)?));
    }
    let (written, changes) = match plan.judge(session, answers).await {
        Ok(applied) => applied,
        Err(Fault::Refused(error)) => {
            let mut remembered = Vec::new();
            if known == Known::AskIfRefused {
                remembered = session.query(item.remembered(dialect)).await?;
            }
            let repeated = remembered.into_iter().next().map(|row| item.repeated(row)).transpose()?;
            return Ok(Outcome::Judged(repeated.unwrap_or(Err(error))));
        }
        Err(fault) => return Err(fault),
    };

    let outcome = item.outcome(written);
    let ordinal = if let Part::Of(ordinal) = part { ordinal } else { 0 };
    let entry = item.entry(&outcome, &changes, ordinal)?.statement(dialect);
    // A release before the log does not lock the id. When it has committed the same meanwhile, this fails as concurrent.
    let mut answers = match part {
        Part::Whole => session.query_last(&[entry]).await?,
        Part::Of(_) => session.query_all(&[entry, Statement::new(RELEASE, vec![])]).await?,
    };
    answers.truncate(1);
    let row = answers.pop().and_then(|rows| rows.into_iter().next());
    let tick = read_tick(row.map(|mut row| row.read()).transpose()?);
    Ok(Outcome::Applied(outcome.committed(tick, changes)))
}

fn read_tick(tick: Option<i64>) -> Tick {
    Tick(tick.and_then(|tick| u64::try_from(tick).ok()).unwrap_or_default())
}

impl KeptOutcome {
    fn committed(self, tick: Tick, changes: Vec<RowChange>) -> Committed {
        let Self { id, written, answer } = self;
        Committed { id, tick, written, changes, answer }
    }
}

impl Checked {
    fn outcome(&self, written: Vec<Meta>) -> KeptOutcome {
        KeptOutcome { id: self.transaction.id, written, answer: self.transaction.answer.clone() }
    }

    /// Its entry of the log.
    fn entry(&self, outcome: &KeptOutcome, changes: &[RowChange], ordinal: usize) -> Result<NewEntry, Fault> {
        let Transaction { id, traceparent, events, .. } = &self.transaction;
        let text = |text: serde_json::Result<String>| text.map_err(|error| corrupt(COMMIT, error));
        Ok(NewEntry {
            id: *id,
            fingerprint: self.fingerprint.0.clone(),
            outcome: Some(text(serde_json::to_string(outcome))?),
            ordinal,
            news: text(serde_json::to_string(changes))?,
            events: if events.is_empty() { None } else { Some(text(serde_json::to_string(events))?) },
            traceparent: traceparent.clone(),
        })
    }

    /// Whether its id was committed before, and with which outcome.
    fn remembered(&self, dialect: Dialect) -> Statement {
        Statement::new(sql!("find_transaction", dialect), vec![self.transaction.id.0.into()])
    }

    /// The answer for an id that was committed before.
    fn repeated(&self, mut row: Row) -> Result<Result<Committed>, Fault> {
        if row.read::<String>()? != self.fingerprint.0 {
            return Ok(Err(StorageError::new(ErrorKind::TransactionReused, COMMIT)));
        }
        let (outcome, news): (Option<String>, Option<String>) = (row.read()?, row.read()?);
        let tick = read_tick(row.read()?);
        let outcome = json::parse::<KeptOutcome>(outcome.unwrap_or_default().as_bytes());
        Ok(outcome.map_err(|error| corrupt(COMMIT, error)).map(|KeptOutcome { id, written, answer }| {
            // A release before the log did not keep what it changed.
            let changes = changes(id, news.as_deref()).unwrap_or_default();
            Committed { id, tick, written, changes, answer }
        }))
    }
}
