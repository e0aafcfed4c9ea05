//! Many new characters at once: all or none, or each on its own.

use super::{CharacterRepository, NewCharacter, parent::NO_SUCH_PARENT, with_creation};
use crate::{
    Atomicity, BulkOutcome, RepositoryError, RequestContext, Result,
    act::Attempt,
    bulk::{Batch, ChosenIds, stored},
};
use character_domain::{Character, CharacterId, Violations};
use character_storage_port::{Entity, Transaction};
use std::collections::{HashMap, HashSet};

impl CharacterRepository {
    /// Stores many new characters. A character may have a parent of the same bulk. An `Err` among `new` is what is wrong
    /// with one that could not be read; it is refused in its place.
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
    let characters: Vec<Result<Character, Violations>> =
        new.iter().map(|new| Ok(new.clone()?.into_character(at))).collect();
    let chosen = new.iter().filter_map(|new| new.as_ref().ok()?.id);
    let mut ids = ChosenIds::look_up::<Character>(attempt, chosen).await?;
    let parents = Parents::of(attempt, characters.iter().flatten()).await?;
    let (mut transaction, mut outcomes) = (Transaction::new(), Vec::with_capacity(new.len()));
    for character in characters {
        let outcome = character.map_err(RepositoryError::Invalid).and_then(|character| {
            let mut faults = character.check();
            faults.0.extend(parents.judge(&character).0);
            faults.into_result().map_err(RepositoryError::Invalid)?;
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

/// The parents that the characters of one bulk name.
struct Parents {
    /// Of each character of the bulk that breaks no rule by itself.
    here: HashMap<CharacterId, Option<CharacterId>>,
    stored: HashSet<CharacterId>,
}

impl Parents {
    async fn of<'a>(attempt: &Attempt, characters: impl Iterator<Item = &'a Character> + Clone) -> Result<Self> {
        let sound = characters.clone().filter(|character| character.check().0.is_empty());
        let mut here: HashMap<_, _> = sound.map(|character| (character.id, character.parent_id)).collect();
        let elsewhere: HashSet<CharacterId> =
            characters.filter_map(|character| character.parent_id).filter(|id| !here.contains_key(id)).collect();
        let stored = stored::<Character>(attempt, elsewhere).await?.into_keys().collect();
        // A character whose parent is refused is refused too, and so on: what is left is sound.
        loop {
            let before = here.len();
            let sound: HashSet<CharacterId> = here.keys().chain(&stored).copied().collect();
            here.retain(|_, parent| parent.is_none_or(|id| sound.contains(&id)));
            if here.len() == before {
                return Ok(Self { here, stored });
            }
        }
    }

    fn judge(&self, character: &Character) -> Violations {
        let refused = |reason: &str| Violations::one("parent_id", reason);
        let mut steps = 0;
        let mut next = character.parent_id;
        while let Some(id) = next {
            let Some(parent) = self.here.get(&id) else {
                return if self.stored.contains(&id) { Violations::default() } else { refused(NO_SUCH_PARENT) };
            };
            steps += 1;
            if steps > self.here.len() {
                return refused("must not lead back to the character itself");
            }
            next = *parent;
        }
        Violations::default()
    }
}
