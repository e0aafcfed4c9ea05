//! Bulk creation of characters: all or none, or each on its own.

use super::{CharacterRepository, NewCharacter, with_creation};
use crate::{
    Atomicity, BulkOutcome, RepositoryError, RequestContext, Result,
    act::Attempt,
    bulk::{Batch, ChosenIds},
};
use character_domain::{Character, Violations};
use character_storage_port::{Entity, Transaction};

impl CharacterRepository {
    /// Stores many new characters. An `Err` among `new` is what is wrong with one that could not be read; it is refused in
    /// its place.
    ///
    /// # Errors
    /// With [`Atomicity::AllOrNone`], `Invalid` with all faults by their place (`characters[3].name`), among them ids
    /// that exist already or are given twice; `IdempotencyMismatch`; `Contended`; `Storage`.
    #[tracing::instrument(name = "character.create_many", level = "debug", skip_all, fields(characters = new.len()))]
    pub async fn create_many(
        &self,
        new: Vec<Result<NewCharacter, Violations>>,
        atomicity: Atomicity,
        request: &RequestContext,
    ) -> Result<BulkOutcome<Character>> {
        let new = &new;
        let attempt = move |attempt: Attempt| async move { tried(&attempt, new).await };
        self.context.create_many("character.bulk_created", request, atomicity, "characters", attempt).await
    }
}

async fn tried(attempt: &Attempt, new: &[Result<NewCharacter, Violations>]) -> Result<Batch<Character>> {
    let at = attempt.now();
    let chosen = new.iter().filter_map(|new| new.as_ref().ok()?.id);
    let mut ids = ChosenIds::look_up::<Character>(attempt, chosen).await?;
    let (mut transaction, mut outcomes) = (Transaction::new(), Vec::with_capacity(new.len()));
    for new in new {
        let outcome = new.clone().and_then(|new| new.check().into_result().map(|()| new.into_character(at)));
        let outcome = outcome.map_err(RepositoryError::Invalid).and_then(|character| {
            ids.claim(character.id, Character::KIND)?;
            Ok(character)
        });
        if let Ok(character) = &outcome {
            transaction = with_creation(transaction, character, attempt);
        }
        outcomes.push(outcome);
    }
    Ok(Batch { outcomes, transaction })
}
