//! Thins the versions of every character, a few at a time, so that others may write meanwhile.

use super::SqlStorage;
use crate::{
    ThinningStatus,
    thinning::{
        Begin, Begun, CountVersions, Counted, Note, PartOutcome, Progress, ReadThinning, RemovePart, SelectVersions,
        THIN,
    },
};
use character_error_reporter::redacted;
use character_storage_port::Result;
use std::{
    collections::HashSet,
    num::NonZeroU32,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// How often the selection of one character is made again when the character is changed meanwhile.
const SELECTIONS: usize = 4;
/// The longest pause between two transactions.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The result of [`SqlStorage::thin_versions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thinned {
    /// The pass is complete.
    Complete {
        /// Number of versions that this process removed in it.
        removed: u64,
    },
    /// Another process has the job, for at most ten seconds if it has ended.
    Held,
    /// A pass with the same setting was completed within 24 hours.
    Rested,
}

/// A pass of this process.
struct Pass<'a> {
    storage: &'a SqlStorage,
    newest: NonZeroU32,
    holder: Uuid,
    removed: u64,
}

impl SqlStorage {
    /// Removes versions of characters, but for the `newest` of each character, the first one, those with a label, the last one
    /// of each day (UTC), and those that others refer to. A version behind removed ones becomes the successor of the last one
    /// that stays; its readers compute the changes between both. The log reports every removed row, so that caches drop it.
    ///
    /// One process at a time does this, one pass a day; a pass that was interrupted continues where it stopped. It removes at
    /// most a hundred versions in one transaction, and rests as long as each took. Cancel safe.
    ///
    /// # Errors
    /// As [`Store::find`](character_storage_port::Store::find). What was removed until then stays removed.
    pub async fn thin_versions(&self, newest: NonZeroU32) -> Result<Thinned> {
        let holder = Uuid::now_v7();
        let place = match self.write(THIN, Begin { newest, holder }).await? {
            Begun::Behind(place) => place,
            Begun::Held => return Ok(Thinned::Held),
            Begun::Rested => return Ok(Thinned::Rested),
        };
        let mut pass = Pass { storage: self, newest, holder, removed: 0 };
        let outcome = pass.run(place).await;
        if outcome.is_err()
            && let Err(error) = pass.note(Progress::GivenUp).await
        {
            tracing::debug!(error = %redacted(&error), "the job of thinning versions was not given up; it is free when its lease ends");
        }
        outcome
    }

    /// The state of the job that thins versions, in all processes.
    ///
    /// # Errors
    /// As [`Store::find`](character_storage_port::Store::find).
    pub async fn thinning_status(&self) -> Result<ThinningStatus> {
        self.read(THIN, ReadThinning).await
    }
}

impl Pass<'_> {
    async fn run(&mut self, mut after: Uuid) -> Result<Thinned> {
        loop {
            let count = CountVersions { after, newest: self.newest };
            let Counted { full, last } = self.storage.read(THIN, count).await?;
            for character in full {
                if !self.thin(character).await? {
                    return Ok(Thinned::Held);
                }
            }
            let progress = last.map_or(Progress::Complete, Progress::Done);
            if !self.note(progress).await? {
                return Ok(Thinned::Held);
            }
            match last {
                Some(last) => after = last,
                None => return Ok(Thinned::Complete { removed: self.removed }),
            }
        }
    }

    /// Thins the versions of one character; `false` when another process has the job meanwhile. A character that changes all
    /// the time waits for the next pass.
    async fn thin(&mut self, character: Uuid) -> Result<bool> {
        let mut kept = HashSet::new();
        let place = Uuid::from_u128(character.as_u128().saturating_sub(1));
        for _ in 0..SELECTIONS {
            let select = SelectVersions { character, newest: self.newest, kept: kept.clone() };
            let selection = self.storage.read(THIN, select).await?;
            let mut is_done = true;
            for part in selection.parts {
                let (began, size) = (Instant::now(), part.removed.len() as u64);
                let remove = RemovePart { character, revision: selection.revision, part };
                match self.storage.write(THIN, remove).await? {
                    PartOutcome::Removed => {
                        self.removed += size;
                        self.storage.feed.committed();
                    }
                    PartOutcome::Needed(versions) => {
                        kept.extend(versions);
                        is_done = false;
                    }
                    PartOutcome::Outdated => {
                        is_done = false;
                        break;
                    }
                }
                if !self.note(Progress::Done(place)).await? {
                    return Ok(false);
                }
                tokio::time::sleep(began.elapsed().min(LONGEST_PAUSE)).await;
            }
            if is_done {
                break;
            }
        }
        Ok(true)
    }

    async fn note(&self, progress: Progress) -> Result<bool> {
        self.storage.write(THIN, Note { holder: self.holder, progress }).await
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;
    use character_domain::{Character, CharacterVersion, Timestamp, UserId, now};
    use character_storage_port::{Change, Commit, Expect, Transaction};

    /// A process may end between a part and the next note.
    #[tokio::test]
    async fn a_part_is_counted_in_the_transaction_that_removes_it() {
        let folder = tempfile::tempdir().unwrap();
        let storage = SqlStorage::sqlite(folder.path().join("db")).await.unwrap();
        let mut hero = Character::new(UserId::new(), "Torormir", now());
        // Seconds of one day.
        let at = |second: i64| Timestamp::from_second(1_000_000_000 + second).unwrap();
        let version = CharacterVersion::of(None, hero.clone(), "character.created", at(0));
        let created = Transaction::new().with(Change::Create(hero.clone())).with(Change::Create(version));
        storage.commit(created).await.unwrap();
        for second in 1..4 {
            let before = hero.clone();
            hero.meta.revision = before.meta.revision.next();
            let version = CharacterVersion::of(Some(&before), hero.clone(), "character.updated", at(second));
            let replaced = Change::Replace { entity: hero.clone(), expect: Expect::Revision(before.meta.revision) };
            storage.commit(Transaction::new().with(replaced).with(Change::Create(version))).await.unwrap();
        }
        let (character, newest) = (hero.id.0, NonZeroU32::MIN);
        storage.write(THIN, Begin { newest, holder: Uuid::now_v7() }).await.unwrap();
        let select = SelectVersions { character, newest, kept: HashSet::new() };
        let selection = storage.read(THIN, select).await.unwrap();
        let part = selection.parts.into_iter().next().expect("two versions may be removed");
        let remove = RemovePart { character, revision: selection.revision, part };
        assert_eq!(storage.write(THIN, remove).await.unwrap(), PartOutcome::Removed);
        assert_eq!(storage.thinning_status().await.unwrap().removed, 2);
    }
}
