//! Commits of several callers in one transaction of PostgreSQL, as long as each of them could be alone in it.

use super::{Checked, read_tick};
use crate::{
    dialect::Locks,
    fault::Fault,
    log::NewEntry,
    plan::Plan,
    session::{Session, Statement, Work},
    sql::sql,
    value::{ColumnType, Value},
};
use character_storage_port::{Applied, COMMIT, Committed, ErrorKind, StorageError};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

/// The maximum number of writes, and of events, of a transaction in a group: one with more would hold up the others.
const FEW: usize = 8;

/// How long the group waits for rows that others hold who take none of our locks, such as an operator with an open transaction.
const BRIEFLY: &str = "SET LOCAL lock_timeout = '20ms'";

impl Checked {
    /// Whether it may be in a group.
    pub(crate) fn is_small(&self) -> bool {
        self.transaction.writes.len() <= FEW && self.transaction.events.len() <= FEW
    }

    /// What no other transaction of its group may touch: its id, rows and subjects.
    pub(crate) fn touches(&self) -> impl Iterator<Item = Uuid> {
        let rows = self.transaction.writes.iter().map(|write| write.row().1);
        let subjects = self.transaction.events.iter().map(|event| event.subject.0);
        std::iter::once(self.transaction.id.0).chain(rows).chain(subjects)
    }
}

/// Applies transactions that have nothing in common. Waits for no lock: what another transaction holds up is left out, and so is what
/// is refused or was committed before. When the group fails for another reason, nothing is applied. Each that is not applied is to be
/// committed alone, and judged there.
pub(crate) struct CommitGroup {
    items: Vec<Arc<Checked>>,
    /// The ids that the next try leaves out, which were refused when others of their writes had been made. `None`: nothing is tried.
    without: Mutex<Option<HashSet<Uuid>>>,
}

impl CommitGroup {
    pub(crate) fn of(items: Vec<Arc<Checked>>) -> Self {
        Self { items, without: Mutex::new(Some(HashSet::new())) }
    }

    /// Nothing of it.
    fn none(&self) -> Vec<Option<Committed>> {
        self.items.iter().map(|_| None).collect()
    }

    fn without(&self) -> MutexGuard<'_, Option<HashSet<Uuid>>> {
        self.without.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn apply<S: Session>(
        &self,
        session: &mut S,
        without: &HashSet<Uuid>,
    ) -> Result<Vec<Option<Committed>>, Fault> {
        let mut free = self.lock(session, without).await?;
        let dialect = session.dialect();
        let (mut plans, mut statements, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        for item in free.iter().flatten() {
            let mut plan = Plan::of(&item.transaction, dialect)?;
            let before = statements.len();
            statements.extend(plan.take_statements(dialect));
            counts.push(statements.len() - before);
            plans.push(plan);
        }
        let mut answers = session.query_all(&statements).await?.into_iter();

        let (mut entries, mut outcomes, mut partly) = (Vec::new(), Vec::new(), HashSet::new());
        let places = free.iter_mut().filter(|place| place.is_some());
        for ((place, plan), count) in places.zip(plans).zip(counts) {
            let Some(item) = *place else { continue };
            let answers: Vec<_> = answers.by_ref().take(count).collect();
            let written = answers.iter().map(Vec::len).sum::<usize>();
            if written < plan.writes() {
                *place = None;
                if written > 0 {
                    partly.insert(item.transaction.id.0);
                }
                continue;
            }
            let (written, changes) = plan.judge(session, answers).await?;
            let outcome = item.outcome(written);
            entries.push(item.entry(&outcome, &changes, entries.len())?);
            outcomes.push((outcome, changes));
        }
        if !partly.is_empty() && without.is_empty() {
            *self.without() = Some(partly);
            return Err(Fault::concurrent("the group is repeated without what is refused"));
        }
        // A group is repeated once.
        if !partly.is_empty() || entries.is_empty() {
            return Ok(self.none());
        }
        let appended = session.query_last(&[NewEntry::all(entries)]).await?.pop().unwrap_or_default();
        if appended.len() != outcomes.len() {
            let error = StorageError::new(ErrorKind::Corrupt, COMMIT).with_applied(Applied::Unknown);
            return Err(error.with_detail("the database did not append every entry of the log").into());
        }
        // All have the number of the transaction of the database.
        let tick = read_tick(appended.into_iter().next().map(|mut row| row.read()).transpose()?);
        let mut outcomes = outcomes.into_iter();
        let applied = |item: Option<_>| {
            item.and_then(|_| outcomes.next()).map(|(outcome, changes)| outcome.committed(tick, changes))
        };
        Ok(free.into_iter().map(applied).collect())
    }

    /// The new items that no other transaction holds up now; they are locked as each would be alone.
    async fn lock<S: Session>(&self, session: &mut S, without: &HashSet<Uuid>) -> Result<Vec<Option<&Checked>>, Fault> {
        let locks_of = |item: &Arc<Checked>| {
            let mut locks = Locks::default();
            item.lock(&mut locks);
            locks
        };
        let locks: Vec<Locks> = self.items.iter().map(locks_of).collect();
        let mut all = Locks::default();
        locks.iter().for_each(|locks| all.merge(locks));
        // Behind the locks, so that it sees every commit with one of the ids.
        let ids = self.items.iter().map(|item| item.transaction.id.0.into()).collect();
        let known = Statement::new(sql!("find_transactions.postgres"), vec![Value::List(ColumnType::Uuid, ids)]);
        let mut rows = session.query_all(&[Statement::new(BRIEFLY, vec![]), all.try_all(), known]).await?;
        let known = rows.pop().unwrap_or_default().into_iter().map(|mut row| row.read());
        let known: HashSet<Uuid> = known.collect::<Result<_, _>>()?;
        let free = rows.pop().unwrap_or_default().into_iter().map(|mut row| row.read());
        all.retain(free.collect::<Result<Vec<bool>, _>>()?);
        let is_new = |item: &Checked| [&known, without].iter().all(|ids| !ids.contains(&item.transaction.id.0));
        let is_free = |(item, locks): (_, &Locks)| (all.contains(locks) && is_new(item)).then_some(item);
        Ok(self.items.iter().map(|item| &**item).zip(&locks).map(is_free).collect())
    }
}

impl Work for CommitGroup {
    type Output = Vec<Option<Committed>>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Self::Output, Fault> {
        let without = self.without().take();
        let Some(without) = without else { return Ok(self.none()) };
        match self.apply(session, &without).await {
            // The group may be durable, so that its callers get what is known of it and none is tried again.
            outcome if session.may_have_committed() => outcome,
            Err(Fault::Refused(error)) if error.certainly_not_applied() => Ok(self.none()),
            Err(fault) if fault.may_be_of_one_item() => Ok(self.none()),
            outcome => outcome,
        }
    }

    fn has_changes(outcomes: &Self::Output) -> bool {
        outcomes.iter().any(Option::is_some)
    }
}
