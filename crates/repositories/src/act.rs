//! A business act as one transaction: all of it with its version record and its events, or nothing.

use crate::{Backing, RepositoryError, Result, idempotency::Repeatable, race::Race};
use character_domain::{
    Character, CharacterId, CharacterVersion, CharacterVersionId, Meta, RelatedChange, Revision, Timestamp,
};
use character_storage_port::{
    COMMIT, Change, Committed, DomainEvent, Entity, ErrorKind, Expect, Owned, StorageError, Transaction, Write,
    row_event,
};
use jiff::ToSpan;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
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
        self.add("create", Change::Create(row.clone()));
        Ok(row)
    }

    /// Another state of a live row.
    pub(crate) fn replace<E: Entity>(&mut self, mut row: E) -> Result<E> {
        checked(&row)?;
        row.meta_mut().updated_at = self.at;
        let expect = Expect::Revision(row.meta().revision);
        self.add("replace", Change::Replace { entity: row.clone(), expect });
        row.meta_mut().revision = row.meta().revision.next();
        Ok(row)
    }

    /// The end of a live row.
    pub(crate) fn delete<E: Entity>(&mut self, row: &E) {
        let expect = Expect::Revision(row.meta().revision);
        self.add("delete", Change::<E>::Delete { id: row.id(), expect, at: self.at });
    }

    /// The return of a soft-deleted row.
    pub(crate) fn restore<E: Entity>(&mut self, mut row: E) -> E {
        let expect = Expect::Revision(row.meta().revision);
        self.add("restore", Change::<E>::Restore { id: row.id(), expect, at: self.at });
        let meta = *row.meta();
        *row.meta_mut() = Meta { revision: meta.revision.next(), updated_at: self.at, deleted_at: None, ..meta };
        row
    }

    fn add<E: Entity>(&mut self, word: &str, change: Change<E>) {
        self.relate(E::KIND.as_str(), change.id().into(), word);
        self.writes.push(E::write(change));
    }

    /// Something that belongs to the act beside its rows, for the record of versions.
    pub(crate) fn relate(&mut self, kind: &str, id: Uuid, change: &str) {
        self.related.push(RelatedChange { kind: kind.to_owned(), id, change: change.to_owned() });
    }

    /// An event of the act.
    pub(crate) fn event(&mut self, event_type: &'static str, of: CharacterId, data: Value) {
        self.events.push(DomainEvent::new(event_type, of, self.at, data));
    }

    /// The event that tells of the change of one row.
    pub(crate) fn row_event<E: Owned>(&mut self, row: &E, change: &str) {
        self.events.push(row_event::<E>(row.character_id(), row.id(), change, self.at));
    }

    /// As one transaction, for what changes rows beside the character and decides nothing about it.
    pub(crate) fn into_transaction(self) -> Transaction {
        Transaction { writes: self.writes, events: self.events, ..Transaction::new() }
    }

    /// Adds them to the transaction of another act, with the first version of a character that comes to be with them.
    pub(crate) fn born_in(self, transaction: &mut Transaction, first: CharacterVersion) {
        let version = CharacterVersion { related: self.related, ..first };
        transaction.writes.push(CharacterVersion::write(Change::Create(version)));
        transaction.writes.extend(self.writes);
        transaction.events.extend(self.events);
    }
}

/// Refuses a row that breaks a rule by itself.
pub(crate) fn checked<E: Entity>(row: &E) -> Result<()> {
    row.check().into_result().map_err(RepositoryError::Invalid)
}

/// What becomes of the character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It goes on in another state.
    Changes,
    /// It is soft-deleted.
    Ends,
    /// It comes back.
    Returns,
}

/// An act on one character. The character's row changes with every act, if only its revision: so two acts that each
/// keep a rule cannot break it together, since one of them loses the race and is judged anew.
#[derive(Debug)]
pub(crate) struct Act {
    /// The rows that change with it.
    pub(crate) changes: Changes,
    /// The character as it will be.
    pub(crate) after: Character,
    /// The version whose state it brings back.
    pub(crate) restored_from: Option<CharacterVersionId>,
    before: Character,
    fate: Fate,
    reason: String,
    author: Option<String>,
}

impl Act {
    /// An act on this character, called `reason` in the record of versions.
    pub(crate) fn on(before: Character, reason: impl Into<String>, author: Option<&String>, now: Timestamp) -> Self {
        // Versions are found by time, so the time of one is always after that of the one before.
        let next = before.meta.updated_at.checked_add(1.microsecond()).unwrap_or(now);
        Self {
            changes: Changes::at(now.max(next)),
            after: before.clone(),
            restored_from: None,
            before,
            fate: Fate::Changes,
            reason: reason.into(),
            author: author.cloned(),
        }
    }

    /// The same, with which the character ends or returns.
    pub(crate) fn with_fate(self, fate: Fate) -> Self {
        Self { fate, ..self }
    }

    /// The transaction, and the character as it will be stored.
    pub(crate) fn into_transaction(self) -> Result<(Transaction, Character)> {
        let Self { changes, after, restored_from, before, fate, reason, author } = self;
        let (id, at, expect) = (before.id, changes.at, Expect::Revision(before.meta.revision));
        // A storage deletes and brings back a row as it is, so the version must not say that anything else changed.
        let mut after = if fate == Fate::Changes { Character { id, ..after } } else { before.clone() };
        checked(&after)?;
        after.meta = Meta {
            revision: before.meta.revision.next(),
            created_at: before.meta.created_at,
            updated_at: at,
            deleted_at: (fate == Fate::Ends).then_some(at),
        };
        let change = match fate {
            Fate::Changes => Change::Replace { entity: after.clone(), expect },
            Fate::Ends => Change::Delete { id, expect, at },
            Fate::Returns => Change::Restore { id, expect, at },
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
        Ok((transaction, after))
    }
}

impl Backing {
    /// Commits. `None`: another writer was faster, and the act is to be begun anew. Under a key, the answer is that of
    /// the first request.
    pub(crate) async fn settle<T: Serialize + DeserializeOwned>(
        &self,
        transaction: Transaction,
        repeatable: Option<&Repeatable>,
        answer: T,
        race: &mut Race,
    ) -> Result<Option<T>> {
        let transaction = match repeatable {
            Some(repeatable) => {
                let answer = serde_json::to_value(&answer).map_err(unreadable)?;
                Transaction { answer: Some(answer), ..repeatable.stamp(transaction) }
            }
            None => transaction,
        };
        match self.storage.commit(transaction).await {
            Ok(committed) => first_answer(committed, answer).map(Some),
            Err(error) => {
                race.lost(error).await?;
                Ok(None)
            }
        }
    }

    /// An act that is refused now may have been done when it was asked for first: then the answer is that of then.
    pub(crate) async fn or_first_answer<T: DeserializeOwned>(
        &self,
        outcome: Result<T>,
        repeatable: Option<&Repeatable>,
    ) -> Result<T> {
        let (Err(refusal), Some(repeatable)) = (&outcome, repeatable) else { return outcome };
        if matches!(refusal, RepositoryError::Storage(_) | RepositoryError::IdempotencyMismatch) {
            return outcome;
        }
        // No row is ever at revision 0, so no storage applies this: it gives the answer kept under the id, or
        // refuses and forgets.
        let nobody = CharacterId(Uuid::nil());
        let expect = Expect::Revision(Revision(0));
        let question = Transaction::new().with(Change::<Character>::Delete { id: nobody, expect, at: self.now() });
        match self.storage.commit(repeatable.stamp(question)).await {
            Ok(Committed { answer: Some(answer), .. }) => serde_json::from_value(answer).map_err(unreadable),
            Ok(_) => outcome,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Conflict { .. }) => outcome,
            // Another request, or nobody knows: a refusal would tell a caller whose act was done that it was not.
            Err(error) => Err(error.into()),
        }
    }
}

fn first_answer<T: DeserializeOwned>(committed: Committed, answer: T) -> Result<T> {
    match committed.answer {
        Some(kept) => serde_json::from_value(kept).map_err(unreadable),
        None => Ok(answer),
    }
}

fn unreadable(error: serde_json::Error) -> RepositoryError {
    let broken = StorageError::new(ErrorKind::Corrupt, COMMIT).with_detail("the kept answer is unreadable");
    RepositoryError::Storage(broken.with_source(error))
}
