//! Characters.

mod bulk;
mod new;
#[cfg(test)]
mod tests;

pub use bulk::BulkOutcome;
pub use new::NewCharacter;

use crate::{Condition, IdempotencyKey, RepositoryError, Result, idempotency::Repeatable};
use character_domain::{Character, CharacterId, Meta, Timestamp, Violations};
use character_storage_port::{
    CHARACTER_CREATED, CHARACTER_DELETED, CHARACTER_RESTORED, CHARACTER_UPDATED, COMMIT, Change, CharacterQuery,
    Committed, Deleted, DomainEvent, Entity, EntityKind, ErrorKind, Expect, Page, PageRequest, Read, Source,
    StorageError, StoragePort, Store, Transaction, character_event,
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// How often an act is begun anew after it lost a race.
const ATTEMPTS: u32 = 16;
/// How often a cached revision that contradicts the caller is read again, in case the cache is behind.
const SECOND_LOOKS: u32 = 2;

/// What can be done with characters. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CharacterRepository {
    storage: Arc<dyn StoragePort>,
    clock: fn() -> Timestamp,
}

impl CharacterRepository {
    /// Over this storage, by the system's clock.
    #[must_use]
    pub fn new(storage: Arc<dyn StoragePort>) -> Self {
        Self::with_clock(storage, character_domain::now)
    }

    /// Over this storage, by another clock, which must be cut to the microsecond.
    #[must_use]
    pub fn with_clock(storage: Arc<dyn StoragePort>, clock: fn() -> Timestamp) -> Self {
        Self { storage, clock }
    }

    /// Stores a new character. Under a key, a repeat gets the first answer, also when the character changed since.
    ///
    /// # Errors
    /// `Invalid`, `AlreadyExists`, `IdempotencyMismatch` (the key belongs to another request), `Storage`.
    #[tracing::instrument(name = "character.create", skip_all)]
    pub async fn create(&self, new: NewCharacter, key: Option<&IdempotencyKey>) -> Result<Character> {
        let repeatable =
            key.map(|key| Repeatable::new("character.create", key, &new)).transpose().map_err(unwritable)?;
        let character = new.into_character((self.clock)());
        self.check(&character, true).await?;
        let committed = self.storage.commit(creation(&character, repeatable)?).await?;
        first_answer(character, committed)
    }

    /// The live character with this id, and where the answer comes from.
    ///
    /// # Errors
    /// `NotFound`, `Storage`.
    #[tracing::instrument(name = "character.get", skip_all)]
    pub async fn get(&self, id: CharacterId) -> Result<Read<Character>> {
        Ok(character_storage_port::get(self.storage.as_ref(), id).await?)
    }

    /// One page of characters, newest first.
    ///
    /// # Errors
    /// `Storage`.
    #[tracing::instrument(name = "character.list", skip_all)]
    pub async fn list(&self, query: &CharacterQuery, page: PageRequest) -> Result<Read<Page<Character>>> {
        Ok(self.storage.list(query, page).await?)
    }

    /// Puts `new` in the place of all fields of the live character `id`. Without a condition the last writer wins.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `PreconditionFailed`, `Contended`, `Storage`.
    #[tracing::instrument(name = "character.replace", skip_all)]
    pub async fn replace(&self, id: CharacterId, new: NewCharacter, condition: &Condition) -> Result<Character> {
        let mut next = NewCharacter { id: Some(id), ..new }.into_character((self.clock)());
        self.check(&next, true).await?;
        let mut tries = Tries::new(condition);
        loop {
            let expect = match condition.expect() {
                Some(expect) => expect,
                None => match self.accepted(id, Deleted::Exclude, &mut tries).await? {
                    Some(current) => Expect::Revision(current.meta.revision),
                    None => continue,
                },
            };
            next.meta.updated_at = (self.clock)();
            let event = character_event(CHARACTER_UPDATED, &next);
            let change = Change::Replace { entity: next.clone(), expect };
            match self.storage.commit(Transaction::new().with(change).with_event(event)).await {
                Ok(committed) => return Ok(Character { meta: only_meta(&committed)?, ..next }),
                Err(error) => self.absence_first(id, tries.lost(error).await).await?,
            }
        }
    }

    /// Gives the live character `id` to `change` and stores what comes back; when another writer was faster, again
    /// with what that one left. Nothing is written when nothing changes.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Invalid`, `Contended`, `Storage`, and what `change` refuses.
    #[tracing::instrument(name = "character.patch", skip_all)]
    pub async fn patch(
        &self,
        id: CharacterId,
        condition: &Condition,
        mut change: impl FnMut(&Character) -> Result<Character>,
    ) -> Result<Character> {
        let mut tries = Tries::new(condition);
        loop {
            let Some(current) = self.accepted(id, Deleted::Exclude, &mut tries).await? else { continue };
            let mut next = Character { id, meta: current.meta, ..change(&current)? };
            let changed = changed_fields(&current, &next);
            if changed.is_empty() {
                return Ok(current);
            }
            self.check(&next, changed.contains(&"parent_id")).await?;
            next.meta.updated_at = (self.clock)();
            let mut event = character_event(CHARACTER_UPDATED, &next);
            if let Value::Object(data) = &mut event.data {
                data.insert("changed".to_owned(), json!(changed));
            }
            let change = Change::Replace { entity: next.clone(), expect: Expect::Revision(current.meta.revision) };
            match self.storage.commit(Transaction::new().with(change).with_event(event)).await {
                Ok(committed) => return Ok(Character { meta: only_meta(&committed)?, ..next }),
                Err(error) => tries.lost(error).await?,
            }
        }
    }

    /// Soft-deletes the live character `id`.
    ///
    /// # Errors
    /// `NotFound` (also when it is deleted already), `PreconditionFailed`, `Contended`, `Storage`.
    #[tracing::instrument(name = "character.delete", skip_all)]
    pub async fn delete(&self, id: CharacterId, condition: &Condition) -> Result<()> {
        let mut tries = Tries::new(condition);
        loop {
            let expect = match condition.expect() {
                Some(expect) => expect,
                None => match self.accepted(id, Deleted::Exclude, &mut tries).await? {
                    Some(current) => Expect::Revision(current.meta.revision),
                    None => continue,
                },
            };
            let event = DomainEvent::new(CHARACTER_DELETED, id, (self.clock)(), json!({ "character_id": id }));
            let change = Change::<Character>::Delete { id, expect, at: event.time };
            match self.storage.commit(Transaction::new().with(change).with_event(event)).await {
                Ok(_) => return Ok(()),
                Err(error) => self.absence_first(id, tries.lost(error).await).await?,
            }
        }
    }

    /// Brings the soft-deleted character `id` back. One that is live is answered as it is.
    ///
    /// # Errors
    /// `NotFound` (there never was one), `PreconditionFailed`, `Contended`, `Storage`.
    #[tracing::instrument(name = "character.restore", skip_all)]
    pub async fn restore(&self, id: CharacterId, condition: &Condition) -> Result<Character> {
        let mut tries = Tries::new(condition);
        loop {
            let Some(current) = self.accepted(id, Deleted::Include, &mut tries).await? else { continue };
            if !current.meta.is_deleted() {
                return Ok(current);
            }
            let at = (self.clock)();
            let event = DomainEvent { time: at, ..character_event(CHARACTER_RESTORED, &current) };
            let expect = Expect::Revision(current.meta.revision);
            let change = Change::<Character>::Restore { id, expect, at };
            match self.storage.commit(Transaction::new().with(change).with_event(event)).await {
                Ok(committed) => return Ok(Character { meta: only_meta(&committed)?, ..current }),
                Err(error) => tries.lost(error).await?,
            }
        }
    }

    /// The character that an act is to change, when its revision fulfils the condition. `None`: read again.
    async fn accepted(&self, id: CharacterId, deleted: Deleted, tries: &mut Tries<'_>) -> Result<Option<Character>> {
        let Read { value, source } = Store::<Character>::find(self.storage.as_ref(), id, deleted).await?;
        if let Source::Stale { reason, .. } = source {
            // A last known value may be shown, but no change may be decided on it.
            let error = StorageError::unavailable(Character::FIND).with_applied(character_storage_port::Applied::No);
            return Err(RepositoryError::Storage(error.with_detail(reason.as_str())));
        }
        let current = value.ok_or(RepositoryError::NotFound(EntityKind::Character))?;
        let actual = current.meta.revision;
        if tries.condition.holds(actual) {
            return Ok(Some(current));
        }
        if source != Source::Origin && tries.second_look().await {
            return Ok(None);
        }
        Err(tries.refused(actual))
    }

    /// The port looks at the revision before the deletion; a caller is told of the deletion first.
    async fn absence_first(&self, id: CharacterId, outcome: Result<()>) -> Result<()> {
        if let Err(RepositoryError::PreconditionFailed { .. }) = outcome {
            self.get(id).await?;
        }
        outcome
    }

    async fn check(&self, character: &Character, parent: bool) -> Result<()> {
        let mut violations = character.check();
        if parent && let Some(id) = character.parent_id.filter(|id| *id != character.id) {
            violations.0.extend(self.missing_parent(id).await?.0);
        }
        violations.into_result().map_err(RepositoryError::Invalid)
    }

    /// A soft-deleted parent is still the one that the character grew out of.
    async fn missing_parent(&self, id: CharacterId) -> Result<Violations> {
        let parent = Store::<Character>::find(self.storage.as_ref(), id, Deleted::Include).await?.value;
        Ok(if parent.is_some() { Violations::default() } else { Violations::one("parent_id", NO_SUCH_PARENT) })
    }
}

const NO_SUCH_PARENT: &str = "no such character";

/// How often an act has been begun, and under which condition.
struct Tries<'a> {
    condition: &'a Condition,
    lost: u32,
    second_looks: u32,
}

impl<'a> Tries<'a> {
    fn new(condition: &'a Condition) -> Self {
        Self { condition, lost: 0, second_looks: 0 }
    }

    /// After a failed commit: returns when the act is to be begun anew.
    async fn lost(&mut self, error: StorageError) -> Result<()> {
        match error.kind() {
            ErrorKind::Conflict { actual, .. } if !self.condition.holds(*actual) => return Err(self.refused(*actual)),
            // A restore that finds the row live was overtaken by another restore.
            ErrorKind::Conflict { .. } | ErrorKind::AlreadyExists => {}
            _ => return Err(error.into()),
        }
        self.lost += 1;
        if self.lost >= ATTEMPTS {
            return Err(RepositoryError::Contended(self.lost));
        }
        pause(self.lost).await;
        Ok(())
    }

    async fn second_look(&mut self) -> bool {
        self.second_looks += 1;
        if self.second_looks > SECOND_LOOKS {
            return false;
        }
        pause(self.second_looks).await;
        true
    }

    fn refused(&self, actual: character_domain::Revision) -> RepositoryError {
        RepositoryError::PreconditionFailed { expected: self.condition.one_of.clone().unwrap_or_default(), actual }
    }
}

/// Writers that lost against each other must not meet again in step.
async fn pause(round: u32) {
    let most = 1_000 * u64::from(round.min(10));
    tokio::time::sleep(Duration::from_micros(rand::random_range(100..=most))).await;
}

fn creation(character: &Character, repeatable: Option<Repeatable>) -> Result<Transaction> {
    let event = character_event(CHARACTER_CREATED, character);
    let transaction = Transaction::new().with(Change::Create(character.clone())).with_event(event);
    Ok(match repeatable {
        Some(repeatable) => {
            let answer = serde_json::to_value(character).map_err(unwritable)?;
            Transaction { answer: Some(answer), ..repeatable.stamp(transaction) }
        }
        None => transaction,
    })
}

fn first_answer(character: Character, committed: Committed) -> Result<Character> {
    match committed.answer {
        Some(answer) => serde_json::from_value(answer).map_err(|error| corrupt("the kept answer is unreadable", error)),
        None => Ok(Character { meta: only_meta(&committed)?, ..character }),
    }
}

fn only_meta(committed: &Committed) -> Result<Meta> {
    let missing = || StorageError::new(ErrorKind::Corrupt, COMMIT).with_detail("the outcome names no row");
    committed.written.first().copied().ok_or_else(|| RepositoryError::Storage(missing()))
}

fn corrupt(detail: &'static str, error: serde_json::Error) -> RepositoryError {
    RepositoryError::Storage(StorageError::new(ErrorKind::Corrupt, COMMIT).with_detail(detail).with_source(error))
}

fn unwritable(error: serde_json::Error) -> RepositoryError {
    RepositoryError::Invalid(Violations::one("", error.to_string()))
}

fn changed_fields(before: &Character, after: &Character) -> Vec<&'static str> {
    [
        ("parent_id", before.parent_id != after.parent_id),
        ("theme", before.theme != after.theme),
        ("name", before.name != after.name),
        ("user_id", before.user_id != after.user_id),
        ("campaign_id", before.campaign_id != after.campaign_id),
        ("data", before.data != after.data),
        ("is_active", before.is_active != after.is_active),
    ]
    .into_iter()
    .filter_map(|(field, changed)| changed.then_some(field))
    .collect()
}
