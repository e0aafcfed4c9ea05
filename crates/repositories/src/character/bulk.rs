//! Many new characters at once: all or none, or each for itself.

use super::{CharacterRepository, NO_SUCH_PARENT, NewCharacter, born, corrupt, creation, first_answer, unwritable};
use crate::{RepositoryError, Result, Terms};
use character_domain::{Character, CharacterId, Violations};
use character_storage_port::{Deleted, ErrorKind, Store, Transaction};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::{HashMap, HashSet};

/// What became of each character of a bulk, in the order given.
pub type BulkOutcome = Vec<Result<Character>>;

/// How many lookups of one bulk run at the same time.
const LOOKUPS: usize = 16;
const EXISTS: &str = "exists already";

impl CharacterRepository {
    /// Stores all of them, or none. A character may have a parent of the same bulk. An `Err` among `new` is what is
    /// wrong with one that could not even be read, to be told with all other faults.
    ///
    /// # Errors
    /// `Invalid` with every fault by its place (`characters[3].name`), among them ids that exist already or are given
    /// twice; `IdempotencyMismatch`; `Storage`.
    #[tracing::instrument(name = "character.bulk_create", level = "debug", skip_all, fields(characters = new.len()))]
    pub async fn create_all(
        &self,
        new: Vec<Result<NewCharacter, Violations>>,
        terms: &Terms,
    ) -> Result<Vec<Character>> {
        let (readable, unreadable) = sorted_out(new);
        let (places, accepted): (Vec<usize>, Vec<NewCharacter>) = readable.into_iter().unzip();
        let repeatable = terms.repeatable("character.bulk_create", &accepted)?;
        let characters = self.characters(accepted);
        let mut faults = self.faults(&characters).await?;
        name_repeated_ids(&places, &characters, &mut faults);
        if !unreadable.is_empty() || faults.iter().any(|faults| !faults.0.is_empty()) {
            self.name_taken_ids(&characters, &mut faults).await?;
            let all = unreadable.into_iter().chain(places.into_iter().zip(faults)).collect();
            return Err(RepositoryError::Invalid(by_place(all)));
        }
        let mut transaction = Transaction::new();
        for character in &characters {
            transaction = born(transaction, character, terms);
        }
        if let Some(repeatable) = repeatable {
            transaction = repeatable.stamp(transaction);
            transaction.answer = Some(serde_json::to_value(&characters).map_err(unwritable)?);
        }
        match self.backing.storage.commit(transaction).await {
            Ok(committed) => match committed.answer {
                Some(answer) => {
                    serde_json::from_value(answer).map_err(|error| corrupt("the kept answer is unreadable", error))
                }
                // Each character is followed by its version.
                None => Ok(characters
                    .into_iter()
                    .zip(committed.written.into_iter().step_by(2))
                    .map(|(character, meta)| Character { meta, ..character })
                    .collect()),
            },
            // Only now: a repeat under its key finds its own ids taken, and must get its first answer all the same.
            Err(error) if *error.kind() == ErrorKind::AlreadyExists => {
                self.name_taken_ids(&characters, &mut faults).await?;
                let faults = by_place(places.into_iter().zip(faults).collect());
                Err(if faults.0.is_empty() { error.into() } else { RepositoryError::Invalid(faults) })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Stores each of them for itself; the outcomes are in the order given. An `Err` among
    /// `new`, one that could not even be read, is passed on in its place.
    ///
    /// # Errors
    /// `IdempotencyMismatch`; `Storage` when nothing could be tried at all.
    #[tracing::instrument(name = "character.bulk_create_each", level = "debug", skip_all, fields(characters = new.len()))]
    pub async fn create_each(&self, new: Vec<Result<NewCharacter, Violations>>, terms: &Terms) -> Result<BulkOutcome> {
        let acceptable: Vec<Option<&NewCharacter>> = new.iter().map(|new| new.as_ref().ok()).collect();
        let repeatable = terms.repeatable("character.bulk_create_each", &acceptable)?;
        if let Some(claim) = &repeatable {
            // The key as a whole is claimed first, so that another request under it stores nothing at all.
            self.backing.storage.commit(claim.stamp(Transaction::new())).await?;
        }
        let mut outcomes: Vec<Option<Result<Character>>> = new.iter().map(|_| None).collect();
        let (readable, unreadable) = sorted_out(new);
        for (place, faults) in unreadable {
            settle(&mut outcomes, place, Err(RepositoryError::Invalid(faults)));
        }
        let (places, accepted): (Vec<usize>, Vec<NewCharacter>) = readable.into_iter().unzip();
        let characters = self.characters(accepted);
        let faults = self.faults(&characters).await?;
        let (mut sent, mut transactions) = (Vec::new(), Vec::new());
        for ((place, character), faults) in places.into_iter().zip(characters).zip(faults) {
            if let Err(faults) = faults.into_result() {
                settle(&mut outcomes, place, Err(RepositoryError::Invalid(faults)));
                continue;
            }
            match creation(&character, repeatable.as_ref().map(|whole| whole.part(place)).as_ref(), terms) {
                Ok(transaction) => {
                    transactions.push(transaction);
                    sent.push((place, character));
                }
                Err(error) => settle(&mut outcomes, place, Err(error)),
            }
        }
        let committed = self.backing.storage.commit_each(transactions).await;
        for ((place, character), committed) in sent.into_iter().zip(committed) {
            let outcome = committed.map_err(RepositoryError::from).and_then(|done| first_answer(character, done));
            settle(&mut outcomes, place, outcome);
        }
        let unanswered = || {
            let error = character_storage_port::StorageError::new(ErrorKind::Corrupt, character_storage_port::COMMIT);
            Err(RepositoryError::Storage(error.with_detail("an outcome is missing")))
        };
        Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(unanswered)).collect())
    }

    fn characters(&self, new: Vec<NewCharacter>) -> Vec<Character> {
        let at = self.backing.now();
        new.into_iter().map(|new| new.into_character(at)).collect()
    }

    /// What is wrong with each by itself, a parent that is neither stored nor sound in this bulk included.
    async fn faults(&self, characters: &[Character]) -> Result<Vec<Violations>> {
        let mut faults: Vec<Violations> = characters.iter().map(Character::check).collect();
        let sound = characters.iter().zip(&faults).filter(|(_, faults)| faults.0.is_empty());
        let here: HashSet<CharacterId> = sound.map(|(character, _)| character.id).collect();
        let elsewhere = characters.iter().filter_map(|character| character.parent_id).filter(|id| !here.contains(id));
        let stored = self.stored(elsewhere.collect()).await?;
        for (character, faults) in characters.iter().zip(&mut faults) {
            if character.parent_id.is_some_and(|id| !here.contains(&id) && !stored.contains(&id)) {
                faults.push("parent_id", NO_SUCH_PARENT);
            }
        }
        Ok(faults)
    }

    async fn name_taken_ids(&self, characters: &[Character], faults: &mut [Violations]) -> Result<()> {
        let taken = self.stored(characters.iter().map(|character| character.id).collect()).await?;
        for (character, faults) in characters.iter().zip(faults) {
            if taken.contains(&character.id) {
                faults.push("id", EXISTS);
            }
        }
        Ok(())
    }

    /// Those that the storage holds, soft-deleted ones included.
    async fn stored(&self, ids: HashSet<CharacterId>) -> Result<HashSet<CharacterId>> {
        stream::iter(ids)
            .map(|id| async move {
                let found = Store::<Character>::find(self.backing.storage.as_ref(), id, Deleted::Include).await?;
                Ok::<_, RepositoryError>(found.value.map(|_| id))
            })
            .buffer_unordered(LOOKUPS)
            .try_filter_map(async |id| Ok(id))
            .try_collect()
            .await
    }
}

/// Those that a caller could read, and what is wrong with the others; each with its place in the bulk.
type Placed<T> = Vec<(usize, T)>;

fn sorted_out(new: Vec<Result<NewCharacter, Violations>>) -> (Placed<NewCharacter>, Placed<Violations>) {
    let (mut readable, mut unreadable) = (Vec::new(), Vec::new());
    for (place, new) in new.into_iter().enumerate() {
        match new {
            Ok(new) => readable.push((place, new)),
            Err(faults) => unreadable.push((place, faults)),
        }
    }
    (readable, unreadable)
}

fn name_repeated_ids(places: &[usize], characters: &[Character], faults: &mut [Violations]) {
    let mut first = HashMap::new();
    for ((&place, character), faults) in places.iter().zip(characters).zip(faults) {
        let earlier = *first.entry(character.id).or_insert(place);
        if earlier != place {
            faults.push("id", format!("is the same as that of characters[{earlier}]"));
        }
    }
}

fn by_place(mut faults: Placed<Violations>) -> Violations {
    faults.sort_by_key(|(place, _)| *place);
    let placed = faults.into_iter().flat_map(|(place, faults)| faults.under(&format!("characters[{place}]")).0);
    Violations(placed.collect())
}

fn settle(outcomes: &mut [Option<Result<Character>>], place: usize, outcome: Result<Character>) {
    if let Some(slot) = outcomes.get_mut(place) {
        *slot = Some(outcome);
    }
}
