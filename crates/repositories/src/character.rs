//! Use cases of characters.

mod new;
mod parent;
#[cfg(test)]
mod tests;

pub use new::NewCharacter;
pub use parent::StatedParent;

use crate::{
    ListRequest, Listed, RepositoryError, RequestContext, Result, StorageContext,
    act::{Attempt, Decision},
    unit_of_work::{CharacterReport, Lifecycle, checked},
};
use character_domain::{Character, CharacterId, CharacterVersion, Violations};
use character_storage_port::{
    CHARACTER_CREATED, CHARACTER_DELETED, CHARACTER_RESTORED, CHARACTER_UPDATED, Change, CharacterQuery, Deleted,
    DomainEvent, Read, Transaction,
};

/// The use cases of characters. Cheap to clone.
///
/// Every change records a version of the character, in the same transaction.
#[derive(Clone, Debug)]
pub struct CharacterRepository {
    pub(crate) context: StorageContext,
}

impl CharacterRepository {
    /// Creates it over this storage.
    #[must_use]
    pub fn new(context: StorageContext) -> Self {
        Self { context }
    }

    /// Stores a new character.
    ///
    /// # Errors
    /// `Invalid`, `AlreadyExists`, `IdempotencyMismatch`, `Storage`.
    #[tracing::instrument(name = "character.create", level = "debug", skip_all)]
    pub async fn create(&self, new: NewCharacter, request: &RequestContext) -> Result<Character> {
        let (id, new) = (new.id, &new);
        let created = self.context.act(CHARACTER_CREATED, request, move |attempt| async move {
            valid(new.check())?;
            let character = new.clone().into_character(attempt.now());
            let transaction = with_creation(Transaction::new(), &character, &attempt);
            Ok(Decision::commit(transaction, character))
        });
        self.context.name_deleted::<Character, _>(id, created.await).await
    }

    /// The live character with this id, and where the answer comes from.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Storage`.
    #[tracing::instrument(name = "character.get", level = "debug", skip_all)]
    pub async fn get(&self, id: CharacterId, request: &RequestContext) -> Result<Read<Character>> {
        self.context.get(id, request).await
    }

    /// One page of characters, newest first.
    ///
    /// # Errors
    /// `Storage`.
    #[tracing::instrument(name = "character.list", level = "debug", skip_all)]
    pub async fn list(
        &self,
        query: &CharacterQuery,
        wanted: impl Into<ListRequest>,
        _request: &RequestContext,
    ) -> Result<Read<Listed<Character>>> {
        self.context.list(query, wanted.into()).await
    }

    /// Replaces all fields of the live character `id` by `new`, except the parent, which stays. Without a condition the
    /// last writer wins.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `PreconditionFailed`, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "character.replace", level = "debug", skip_all)]
    pub async fn replace(&self, id: CharacterId, new: NewCharacter, request: &RequestContext) -> Result<Character> {
        let new = &NewCharacter { id: Some(id), ..new };
        self.context
            .act(CHARACTER_UPDATED, request, move |attempt| async move {
                valid(new.check_fields())?;
                let current = attempt.accept(attempt.character(id).await?)?;
                valid(new.parent.check(current.parent_id))?;
                let parent_id = current.parent_id;
                let mut work = attempt.work_on(current);
                work.after = Character { parent_id, ..new.clone().into_character(attempt.now()) };
                work.report(CharacterReport::Replaced);
                work.finish(|after| after)
            })
            .await
    }

    /// Passes the live character `id` to `change` and stores the result. After a conflict it starts again with the
    /// current state. Nothing is written when nothing changes.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Invalid`, `IdempotencyMismatch`, `Contended`, `Storage`, and what `change`
    /// refuses.
    #[tracing::instrument(name = "character.patch", level = "debug", skip_all)]
    pub async fn patch(
        &self,
        id: CharacterId,
        request: &RequestContext,
        change: impl Fn(&Character) -> Result<Character>,
    ) -> Result<Character> {
        let change = &change;
        self.context
            .act(CHARACTER_UPDATED, request, move |attempt| async move {
                let current = attempt.accept(attempt.character(id).await?)?;
                let next = Character { id, meta: current.meta, ..change(&current)? };
                let changed = changed_fields(&current, &next);
                if changed.is_empty() {
                    return Ok(Decision::Unchanged(current));
                }
                checked(&next)?;
                valid(StatedParent::Stated(next.parent_id).check(current.parent_id))?;
                let mut work = attempt.work_on(current);
                work.after = next;
                work.report(CharacterReport::Changed(changed));
                work.finish(|after| after)
            })
            .await
    }

    /// Soft-deletes the live character `id`.
    ///
    /// # Errors
    /// `NotFound` (also when it is deleted already), `PreconditionFailed`, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "character.delete", level = "debug", skip_all)]
    pub async fn delete(&self, id: CharacterId, request: &RequestContext) -> Result<()> {
        self.context
            .act(CHARACTER_DELETED, request, move |attempt| async move {
                let current = attempt.accept(attempt.character(id).await?)?;
                let mut work = attempt.work_on(current).with_lifecycle(Lifecycle::Ends);
                work.report(CharacterReport::Deleted);
                work.finish(drop)
            })
            .await
    }

    /// Restores the soft-deleted character `id`. One that is live is returned unchanged.
    ///
    /// # Errors
    /// `NotFound` (there never was one), `PreconditionFailed`, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "character.restore", level = "debug", skip_all)]
    pub async fn restore(&self, id: CharacterId, request: &RequestContext) -> Result<Character> {
        self.context
            .act(CHARACTER_RESTORED, request, move |attempt| async move {
                let current = attempt.accept(attempt.row::<Character>(id, Deleted::Include).await?)?;
                if !current.meta.is_deleted() {
                    return Ok(Decision::Unchanged(current));
                }
                let mut work = attempt.work_on(current).with_lifecycle(Lifecycle::Returns);
                work.report(CharacterReport::Restored);
                work.finish(|after| after)
            })
            .await
    }
}

/// Adds a new character, its first version and its event.
pub(crate) fn with_creation(transaction: Transaction, character: &Character, attempt: &Attempt) -> Transaction {
    let version = CharacterVersion {
        author: attempt.author(),
        ..CharacterVersion::of(None, character.clone(), CHARACTER_CREATED, character.meta.created_at)
    };
    transaction
        .with(Change::Create(character.clone()))
        .with(Change::Create(version))
        .with_event(DomainEvent::created(character))
}

pub(crate) fn valid(violations: Violations) -> Result<()> {
    violations.into_result().map_err(RepositoryError::Invalid)
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
