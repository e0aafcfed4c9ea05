//! Characters.

mod bulk;
mod new;
#[cfg(test)]
mod tests;

pub use bulk::BulkOutcome;
pub use new::NewCharacter;

use crate::{
    Backing, RepositoryError, Result, Terms,
    act::{Act, Fate},
    idempotency::Repeatable,
    race::Race,
};
use character_domain::{Character, CharacterId, CharacterVersion, Meta, Violations};
use character_storage_port::{
    CHARACTER_CREATED, CHARACTER_DELETED, CHARACTER_RESTORED, CHARACTER_UPDATED, COMMIT, Change, CharacterQuery,
    Committed, Deleted, ErrorKind, Page, PageRequest, Read, StorageError, Store, Transaction, character_event,
};
use serde_json::{Value, json};

/// What can be done with characters. Cheap to clone.
///
/// Every change records a version of the character, in the same transaction.
#[derive(Clone, Debug)]
pub struct CharacterRepository {
    backing: Backing,
}

impl CharacterRepository {
    /// Over this storage.
    #[must_use]
    pub fn new(backing: Backing) -> Self {
        Self { backing }
    }

    /// Stores a new character. Under a key, a repeat gets the first answer, also when the character changed since.
    ///
    /// # Errors
    /// `Invalid`, `AlreadyExists`, `IdempotencyMismatch` (the key belongs to another request), `Storage`.
    #[tracing::instrument(name = "character.create", level = "debug", skip_all)]
    pub async fn create(&self, new: NewCharacter, terms: &Terms) -> Result<Character> {
        let repeatable = terms.repeatable("character.create", &new)?;
        let character = new.into_character(self.backing.now());
        let outcome = self.create_checked(character, repeatable.as_ref(), terms).await;
        self.backing.or_first_answer(outcome, repeatable.as_ref()).await
    }

    async fn create_checked(
        &self,
        character: Character,
        repeatable: Option<&Repeatable>,
        terms: &Terms,
    ) -> Result<Character> {
        self.check(&character, true).await?;
        let committed = self.backing.storage.commit(creation(&character, repeatable, terms)?).await?;
        first_answer(character, committed)
    }

    /// The live character with this id, and where the answer comes from.
    ///
    /// # Errors
    /// `NotFound`, `Storage`.
    #[tracing::instrument(name = "character.get", level = "debug", skip_all)]
    pub async fn get(&self, id: CharacterId) -> Result<Read<Character>> {
        Ok(character_storage_port::get(self.backing.storage.as_ref(), id).await?)
    }

    /// One page of characters, newest first.
    ///
    /// # Errors
    /// `Storage`.
    #[tracing::instrument(name = "character.list", level = "debug", skip_all)]
    pub async fn list(&self, query: &CharacterQuery, page: PageRequest) -> Result<Read<Page<Character>>> {
        Ok(self.backing.storage.list(query, page).await?)
    }

    /// Puts `new` in the place of all fields of the live character `id`. Without a condition the last writer wins.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `PreconditionFailed`, `Contended`, `Storage`.
    #[tracing::instrument(name = "character.replace", level = "debug", skip_all)]
    pub async fn replace(&self, id: CharacterId, new: NewCharacter, terms: &Terms) -> Result<Character> {
        let next = NewCharacter { id: Some(id), ..new }.into_character(self.backing.now());
        self.check(&next, true).await?;
        let mut race = Race::default();
        loop {
            let current = self.accepted(id, Deleted::Exclude, terms).await?;
            let mut act = Act::on(current, CHARACTER_UPDATED, terms.author.as_ref(), self.backing.now());
            act.after = next.clone();
            if let Some(done) = self.commit(act, CHARACTER_UPDATED, None, &mut race).await? {
                return Ok(done);
            }
        }
    }

    /// Gives the live character `id` to `change` and stores what comes back; when another writer was faster, again
    /// with what that one left. Nothing is written when nothing changes.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Invalid`, `Contended`, `Storage`, and what `change` refuses.
    #[tracing::instrument(name = "character.patch", level = "debug", skip_all)]
    pub async fn patch(
        &self,
        id: CharacterId,
        terms: &Terms,
        mut change: impl FnMut(&Character) -> Result<Character>,
    ) -> Result<Character> {
        let mut race = Race::default();
        loop {
            let current = self.accepted(id, Deleted::Exclude, terms).await?;
            let next = Character { id, meta: current.meta, ..change(&current)? };
            let changed = changed_fields(&current, &next);
            if changed.is_empty() {
                return Ok(current);
            }
            self.check(&next, changed.contains(&"parent_id")).await?;
            let mut act = Act::on(current, CHARACTER_UPDATED, terms.author.as_ref(), self.backing.now());
            act.after = next;
            if let Some(done) = self.commit(act, CHARACTER_UPDATED, Some(&changed), &mut race).await? {
                return Ok(done);
            }
        }
    }

    /// Soft-deletes the live character `id`.
    ///
    /// # Errors
    /// `NotFound` (also when it is deleted already), `PreconditionFailed`, `Contended`, `Storage`.
    #[tracing::instrument(name = "character.delete", level = "debug", skip_all)]
    pub async fn delete(&self, id: CharacterId, terms: &Terms) -> Result<()> {
        let mut race = Race::default();
        loop {
            let current = self.accepted(id, Deleted::Exclude, terms).await?;
            let act = Act::on(current, CHARACTER_DELETED, terms.author.as_ref(), self.backing.now());
            if self.commit(act.with_fate(Fate::Ends), CHARACTER_DELETED, None, &mut race).await?.is_some() {
                return Ok(());
            }
        }
    }

    /// Brings the soft-deleted character `id` back. One that is live is answered as it is.
    ///
    /// # Errors
    /// `NotFound` (there never was one), `PreconditionFailed`, `Contended`, `Storage`.
    #[tracing::instrument(name = "character.restore", level = "debug", skip_all)]
    pub async fn restore(&self, id: CharacterId, terms: &Terms) -> Result<Character> {
        let mut race = Race::default();
        loop {
            let current = self.accepted(id, Deleted::Include, terms).await?;
            if !current.meta.is_deleted() {
                return Ok(current);
            }
            let act = Act::on(current, CHARACTER_RESTORED, terms.author.as_ref(), self.backing.now());
            if let Some(done) = self.commit(act.with_fate(Fate::Returns), CHARACTER_RESTORED, None, &mut race).await? {
                return Ok(done);
            }
        }
    }

    /// The character that an act is to change, when its revision fulfils the condition.
    async fn accepted(&self, id: CharacterId, deleted: Deleted, terms: &Terms) -> Result<Character> {
        let current = self.backing.character(id, deleted).await?;
        terms.condition.judge(current.meta.revision)?;
        Ok(current)
    }

    /// Commits an act on the character alone. `None`: it is to be begun anew.
    async fn commit(
        &self,
        act: Act,
        event_type: &'static str,
        changed: Option<&[&str]>,
        race: &mut Race,
    ) -> Result<Option<Character>> {
        let (mut transaction, after) = act.into_transaction()?;
        let mut event = character_event(event_type, &after);
        if let (Some(changed), Value::Object(data)) = (changed, &mut event.data) {
            data.insert("changed".to_owned(), json!(changed));
        }
        transaction.events.push(event);
        self.backing.settle(transaction, None, after, race).await
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
        let parent = Store::<Character>::find(self.backing.storage.as_ref(), id, Deleted::Include).await?.value;
        Ok(if parent.is_some() { Violations::default() } else { Violations::one("parent_id", NO_SUCH_PARENT) })
    }
}

const NO_SUCH_PARENT: &str = "no such character";

/// A new character, its first version and the event.
fn born(transaction: Transaction, character: &Character, terms: &Terms) -> Transaction {
    let version = CharacterVersion {
        author: terms.author.clone(),
        ..CharacterVersion::of(None, character.clone(), CHARACTER_CREATED, character.meta.created_at)
    };
    transaction
        .with(Change::Create(character.clone()))
        .with(Change::Create(version))
        .with_event(character_event(CHARACTER_CREATED, character))
}

fn creation(character: &Character, repeatable: Option<&Repeatable>, terms: &Terms) -> Result<Transaction> {
    let transaction = born(Transaction::new(), character, terms);
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
