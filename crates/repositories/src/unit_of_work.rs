//! The changes of one act: rows, version and events that are committed together.

use crate::{RepositoryError, Result, act::Decision};
use character_domain::{
    Character, CharacterId, CharacterVersion, CharacterVersionId, Meta, Refusal, RelatedChange, Timestamp,
    event::{CharacterExistence, CharacterSummary, CharacterUpdated},
};
use character_storage_port::{
    Change, ChangeKind, DomainEvent, Entity, EventData, Expect, MAX_WRITES, Owned, Transaction, Write, row_event,
};
use std::borrow::Cow;
use uuid::Uuid;

/// Rows that change together, as they will be stored: every revision is known beforehand, since each row is changed
/// at exactly the revision that was read.
#[derive(Debug)]
pub(crate) struct Changes {
    pub(crate) at: Timestamp,
    writes: Vec<Write>,
    related: Vec<RelatedChange>,
    events: Vec<DomainEvent>,
}

impl Changes {
    pub(crate) fn at(at: Timestamp) -> Self {
        Self { at, writes: Vec::new(), related: Vec::new(), events: Vec::new() }
    }

    /// A new row, created now.
    pub(crate) fn create<E: Entity>(&mut self, mut row: E) -> Result<E> {
        *row.meta_mut() = Meta::created(self.at);
        checked(&row)?;
        self.add(Change::Create(row.clone()));
        Ok(row)
    }

    /// Another state of a live row.
    pub(crate) fn replace<E: Entity>(&mut self, mut row: E) -> Result<E> {
        checked(&row)?;
        row.meta_mut().updated_at = self.at;
        let expect = Expect::Revision(row.meta().revision);
        self.add(Change::Replace { entity: row.clone(), expect });
        row.meta_mut().revision = row.meta().revision.next();
        Ok(row)
    }

    /// Moves the revision of a live row that must stay where it is until the commit: an act that moves it at the same time has a
    /// conflict, and is decided again.
    pub(crate) fn keep_in_place<E: Entity>(&mut self, row: E) -> Result<()> {
        self.replace(row).map(drop)
    }

    /// Soft-deletes a live row.
    pub(crate) fn delete<E: Entity>(&mut self, row: &E) {
        let expect = Expect::Revision(row.meta().revision);
        self.add(Change::<E>::Delete { id: row.id(), expect, at: self.at });
    }

    /// Restores a soft-deleted row.
    pub(crate) fn restore<E: Entity>(&mut self, mut row: E) -> E {
        let expect = Expect::Revision(row.meta().revision);
        self.add(Change::<E>::Restore { id: row.id(), expect, at: self.at });
        let meta = *row.meta();
        *row.meta_mut() = Meta { revision: meta.revision.next(), updated_at: self.at, deleted_at: None, ..meta };
        row
    }

    /// Restores a soft-deleted row in another state; `row` holds it, at the revision of the deleted row.
    pub(crate) fn revive<E: Entity>(&mut self, mut row: E) -> Result<E> {
        checked(&row)?;
        row.meta_mut().updated_at = self.at;
        let expect = Expect::Revision(row.meta().revision);
        self.add(Change::Revive { entity: row.clone(), expect });
        let meta = *row.meta();
        *row.meta_mut() = Meta { revision: meta.revision.next(), deleted_at: None, ..meta };
        Ok(row)
    }

    fn add<E: Entity>(&mut self, change: Change<E>) {
        self.relate(E::KIND.as_str(), change.id().into(), change.kind().as_str());
        self.writes.push(E::write(change));
    }

    /// Something that belongs to the act besides its rows, for the record of versions.
    pub(crate) fn relate(&mut self, kind: &str, id: Uuid, change: &str) {
        self.related.push(RelatedChange { kind: kind.to_owned(), id, change: change.to_owned() });
    }

    /// An event of the act.
    pub(crate) fn event(&mut self, of: CharacterId, data: &EventData) {
        self.events.push(DomainEvent::of(of, self.at, data));
    }

    /// The event that reports the change of one row.
    pub(crate) fn row_event<E: Owned>(&mut self, row: &E, change: ChangeKind) {
        self.events.push(row_event::<E>(row.character_id(), row.id(), change, self.at));
    }

    /// As one transaction, for what changes rows beside the character and decides nothing about it.
    pub(crate) fn into_transaction(self) -> Transaction {
        Transaction { writes: self.writes, events: self.events, ..Transaction::new() }
    }

    /// The same, with the answer of the act.
    pub(crate) fn finish<T>(self, answer: T) -> Decision<T> {
        Decision::commit(self.into_transaction(), answer)
    }

    /// Adds them to the transaction of another act, with the first version of a character that is created with them.
    pub(crate) fn join_creation(self, transaction: &mut Transaction, first: CharacterVersion) {
        let version = CharacterVersion { related: self.related, ..first };
        transaction.writes.push(CharacterVersion::write(Change::Create(version)));
        transaction.writes.extend(self.writes);
        transaction.events.extend(self.events);
    }
}

/// Rejects a row that breaks a rule on its own.
pub(crate) fn checked<E: Entity>(row: &E) -> Result<()> {
    row.check().into_result().map_err(RepositoryError::Invalid)
}

/// Rejects an act that would change more rows than one transaction can.
pub(crate) fn room_for(rows: usize) -> Result<()> {
    if rows <= MAX_WRITES {
        return Ok(());
    }
    let reason = format!("{rows} rows would change in one transaction; at most {MAX_WRITES} can");
    Err(Refusal::new("too-many-rows", reason).into())
}

/// What an act does to the life of its character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifecycle {
    /// It continues in another state.
    Changes,
    /// It is soft-deleted.
    Ends,
    /// It is restored.
    Returns,
}

/// What an act reports of its character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CharacterReport {
    /// It was replaced as a whole.
    Replaced,
    /// These fields of it changed.
    Changed(Vec<&'static str>),
    /// It has the state of this version again.
    RestoredFrom(CharacterVersionId),
    /// It was soft-deleted.
    Deleted,
    /// It is live again.
    Restored,
}

impl CharacterReport {
    /// The data of the event about the character as it is after the act.
    fn about(self, after: &Character) -> EventData {
        let update = CharacterUpdated::of(after);
        let existence = CharacterExistence::Summary(CharacterSummary::of(after));
        match self {
            Self::Replaced => EventData::CharacterUpdated(update),
            Self::Changed(fields) => {
                let changed = Some(fields.into_iter().map(Cow::Borrowed).collect());
                EventData::CharacterUpdated(CharacterUpdated { changed, ..update })
            }
            Self::RestoredFrom(version) => {
                EventData::CharacterUpdated(CharacterUpdated { restored_from: Some(version), ..update })
            }
            Self::Deleted => EventData::CharacterDeleted(existence),
            Self::Restored => EventData::CharacterRestored(existence),
        }
    }
}

/// The changes of an act on one character. The row of the character changes with every act, if only its revision. So
/// two acts that each keep a rule cannot break it together: one of them fails with a conflict and is decided again.
#[derive(Debug)]
pub(crate) struct UnitOfWork {
    /// The rows that change with it.
    pub(crate) changes: Changes,
    /// The character after the act.
    pub(crate) after: Character,
    /// The version whose state it restores.
    pub(crate) restored_from: Option<CharacterVersionId>,
    before: Character,
    lifecycle: Lifecycle,
    reason: &'static str,
    author: Option<String>,
    report: Option<CharacterReport>,
}

impl UnitOfWork {
    /// An act on this character, called `reason` in the record of versions.
    pub(crate) fn on(before: Character, reason: &'static str, author: Option<String>, now: Timestamp) -> Self {
        // Versions are found by time, so the time of one is always after that of the one before.
        let next = before.meta.updated_at.next();
        Self {
            changes: Changes::at(now.max(next)),
            after: before.clone(),
            restored_from: None,
            before,
            lifecycle: Lifecycle::Changes,
            reason,
            author,
            report: None,
        }
    }

    /// The same, with which the character ends or returns.
    pub(crate) fn with_lifecycle(self, lifecycle: Lifecycle) -> Self {
        Self { lifecycle, ..self }
    }

    /// The same, with another name in the record of versions.
    pub(crate) fn with_reason(self, reason: &'static str) -> Self {
        Self { reason, ..self }
    }

    /// Reports the character after the act in an event.
    pub(crate) fn report(&mut self, report: CharacterReport) {
        self.report = Some(report);
    }

    /// The act as it is to be committed; its answer is made of the character as it will be stored.
    pub(crate) fn finish<T>(self, answer: impl FnOnce(Character) -> T) -> Result<Decision<T>> {
        let (transaction, after) = self.into_transaction()?;
        Ok(Decision::commit(transaction, answer(after)))
    }

    /// The transaction, and the character as it will be stored.
    pub(crate) fn into_transaction(self) -> Result<(Transaction, Character)> {
        let Self { changes, after, restored_from, before, lifecycle, reason, author, report } = self;
        let (id, at, expect) = (before.id, changes.at, Expect::Revision(before.meta.revision));
        // A storage deletes and restores a row unchanged, so the version must not say that anything else changed.
        let mut after = if lifecycle == Lifecycle::Changes { Character { id, ..after } } else { before.clone() };
        checked(&after)?;
        after.meta = Meta {
            revision: before.meta.revision.next(),
            created_at: before.meta.created_at,
            updated_at: at,
            deleted_at: (lifecycle == Lifecycle::Ends).then_some(at),
        };
        let change = match lifecycle {
            Lifecycle::Changes => Change::Replace { entity: after.clone(), expect },
            Lifecycle::Ends => Change::Delete { id, expect, at },
            Lifecycle::Returns => Change::Restore { id, expect, at },
        };
        let version = CharacterVersion {
            author,
            restored_from,
            related: changes.related,
            ..CharacterVersion::of(Some(&before), after.clone(), reason, at)
        };
        let mut transaction = Transaction::new().with(change).with(Change::Create(version));
        transaction.writes.extend(changes.writes);
        transaction.events = changes.events;
        if let Some(report) = report {
            transaction.events.push(DomainEvent::of(id, after.meta.updated_at, &report.about(&after)));
        }
        Ok((transaction, after))
    }
}
