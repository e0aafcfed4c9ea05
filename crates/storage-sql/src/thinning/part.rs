//! Removes some versions of a character in one transaction, so that what stays is whole: the version after them becomes the
//! successor of the one before them, the log reports each row, and the job counts them.

use super::{JOB, Part, THIN};
use crate::{
    dialect::{Locks, Mode},
    fault::{Fault, corrupt},
    field::Field as _,
    log::NewEntry,
    session::{Session, Statement, Work},
    sql::sql,
    table::Find,
    value::Value,
};
use character_domain::{CharacterVersion, CharacterVersionId, RelatedChange, Revision, Violations, now};
use character_storage_port::{Deleted, Entity, EntityKind, RowChange, Scope, TransactionId, changed_fields};
use std::collections::HashSet;
use uuid::Uuid;

/// Removes a part of a selection.
pub(crate) struct RemovePart {
    pub(crate) character: Uuid,
    /// The revision of the character that the selection was made at.
    pub(crate) revision: Option<Revision>,
    pub(crate) part: Part,
}

/// The outcome of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PartOutcome {
    Removed,
    /// The character was changed since the selection was made; nothing was removed.
    Outdated,
    /// These versions must stay; nothing was removed.
    Needed(Vec<Uuid>),
}

/// A version that may be removed.
struct Candidate {
    id: Uuid,
    parent: Option<Uuid>,
    revision: Revision,
    is_marked: bool,
    related: Vec<RelatedChange>,
}

impl Work for RemovePart {
    type Output = PartOutcome;

    async fn run<S: Session>(&self, session: &mut S) -> Result<PartOutcome, Fault> {
        let dialect = session.dialect();
        let Part { removed, next } = &self.part;
        let ids = dialect.ids(removed);
        let mut statements: Vec<Statement> = dialect.lock(&self.locks()).into_iter().collect();
        let in_front = statements.len();
        statements.extend([
            Statement::new(sql!("read_character_revision"), vec![self.character.into()]),
            Statement::new(sql!("read_versions_to_remove", dialect), vec![ids.clone()]),
            Statement::new(sql!("find_continued_versions", dialect), vec![ids.clone(), self.character.into()]),
        ]);
        let mut answers = session.query_all(&statements).await?.split_off(in_front).into_iter();
        let mut answer = || answers.next().unwrap_or_default();
        let revision: Option<Revision> = answer().pop().map(|mut row| row.read()).transpose()?;
        let mut candidates = Vec::with_capacity(removed.len());
        for mut row in answer() {
            candidates.push(Candidate {
                id: row.read()?,
                parent: row.read()?,
                revision: row.read()?,
                is_marked: row.read()?,
                related: row.field("related")?,
            });
        }
        let needed = answer().into_iter().map(|mut row| row.read()).collect::<Result<HashSet<Uuid>, _>>()?;
        if !needed.is_empty() {
            return Ok(PartOutcome::Needed(needed.into_iter().collect()));
        }
        if revision != self.revision || candidates.iter().any(|candidate| candidate.is_marked) {
            return Ok(PartOutcome::Outdated);
        }
        let Some((before, after)) = self.neighbours(session, &candidates).await? else {
            return Ok(PartOutcome::Outdated);
        };
        let former = after.clone();
        let Some(joined) = joined(before, after, &candidates) else {
            return Ok(PartOutcome::Needed(removed.clone()));
        };
        let values = vec![
            (*next).into(),
            Value::revision(joined.meta.revision),
            Value::time(joined.meta.updated_at),
            joined.parent_id.value()?,
            joined.changes.value()?,
            joined.related.value()?,
        ];
        let changes = self.changes(&candidates, &former, &joined)?;
        let entry = NewEntry {
            id: TransactionId::new(),
            // Nothing is sent under this id, so nothing is compared with it.
            fingerprint: String::new(),
            outcome: None,
            ordinal: 0,
            news: serde_json::to_string(&changes).map_err(|error| corrupt(THIN, error))?,
            events: None,
            traceparent: None,
        };
        let number = Value::Int(i64::try_from(candidates.len()).unwrap_or(i64::MAX));
        let statements = [
            Statement::new(sql!("delete_versions", dialect), vec![ids]),
            Statement::new(sql!("join_version"), values),
            entry.statement(dialect),
            Statement::new(sql!("count_removed"), vec![Value::Text(JOB.to_owned()), number]),
        ];
        session.query_all(&statements).await?;
        Ok(PartOutcome::Removed)
    }

    fn has_changes(outcome: &PartOutcome) -> bool {
        *outcome == PartOutcome::Removed
    }
}

impl RemovePart {
    /// The locks of a commit that changes the same rows.
    fn locks(&self) -> Locks {
        let mut locks = Locks::default();
        let versions = self.part.removed.iter().chain([&self.part.next]);
        versions.chain([&self.character]).for_each(|row| locks.subject(*row, Mode::Alone));
        locks
    }

    /// The versions before and after the candidates, when they and the part are still one chain.
    async fn neighbours<S: Session>(
        &self,
        session: &mut S,
        newest_first: &[Candidate],
    ) -> Result<Option<(CharacterVersionId, CharacterVersion)>, Fault> {
        let next = Find::<CharacterVersion> { id: CharacterVersionId(self.part.next), deleted: Deleted::Include };
        let Some(after) = next.run(session).await? else { return Ok(None) };
        let mut parent = after.parent_id.map(|id| id.0);
        for candidate in newest_first {
            if parent != Some(candidate.id) {
                return Ok(None);
            }
            parent = candidate.parent;
        }
        let Some(before) = parent else { return Ok(None) };
        let exists = Statement::new(sql!("find_version"), vec![before.into()]);
        let found = session.query(exists).await?;
        Ok((!found.is_empty()).then_some((CharacterVersionId(before), after)))
    }

    /// What the log reports: each removed row, which no list holds any more, and the version after them.
    fn changes(
        &self,
        candidates: &[Candidate],
        former: &CharacterVersion,
        joined: &CharacterVersion,
    ) -> Result<Vec<RowChange>, Fault> {
        let kind = EntityKind::CharacterVersion;
        let of_removed = |candidate: &Candidate| RowChange {
            kind,
            id: candidate.id,
            revision: candidate.revision.next(),
            before: [("character_id", Some(self.character)), ("parent_id", candidate.parent)]
                .into_iter()
                .filter_map(|(field, owner)| Some(Scope::Owner(field, owner?)))
                .collect(),
            after: Vec::new(),
            changed: Vec::new(),
        };
        let mut changes: Vec<RowChange> = candidates.iter().map(of_removed).collect();
        let (id, revision) = (joined.id.0, joined.meta.revision);
        let changed = changed_fields(former, joined).map_err(|error| corrupt(THIN, error))?;
        changes.push(RowChange { kind, id, revision, before: former.owners(), after: joined.owners(), changed });
        Ok(changes)
    }
}

/// The version `after` as the successor of `before`, with the changes of other rows that the removed versions between both
/// have recorded. `None`: they do not fit into one version. Its own changes are computed by its readers, from the state before.
fn joined(before: CharacterVersionId, after: CharacterVersion, newest_first: &[Candidate]) -> Option<CharacterVersion> {
    let all = newest_first.iter().rev().flat_map(|candidate| &candidate.related).chain(&after.related);
    let (mut seen, mut related) = (HashSet::new(), Vec::new());
    for change in all {
        // How often an impact was replaced decides what a restore does to it. Of other rows it counts that they changed.
        let is_impact = change.kind == EntityKind::EventImpact.as_str();
        if is_impact || seen.insert((change.kind.as_str(), change.id, change.change.as_str())) {
            related.push(change.clone());
        }
    }
    let mut meta = after.meta;
    meta.revision = meta.revision.next();
    meta.updated_at = now().max(meta.updated_at);
    let joined = CharacterVersion { parent_id: Some(before), changes: Vec::new(), related, meta, ..after };
    (joined.check() == Violations::default()).then_some(joined)
}
