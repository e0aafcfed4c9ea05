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

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use super::*;
    use crate::{
        engines::engines,
        fault::Fault,
        session::{Session, Statement, Work},
    };
    use character_domain::{
        Character, CharacterId, CharacterVersion, CharacterVersionId, Revision, Timestamp, UserId, now,
    };
    use character_storage_port::{Change, Commit, Deleted, Expect, Store, Transaction};

    /// A character with four versions of one day, of which two may go when one is kept.
    async fn hero(storage: &SqlStorage) -> Uuid {
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
        hero.id.0
    }

    /// A process may end between a part and the next note.
    #[tokio::test]
    async fn a_part_is_counted_in_the_transaction_that_removes_it() {
        let (engines, _folder) = engines().await;
        for storage in engines {
            let (character, newest) = (hero(&storage).await, NonZeroU32::MIN);
            storage.write(THIN, Begin { newest, holder: Uuid::now_v7() }).await.unwrap();
            let remove = first_part(&storage, character).await;
            assert_eq!(storage.write(THIN, remove).await.unwrap(), PartOutcome::Removed);
            assert_eq!(storage.thinning_status().await.unwrap().removed, 2);
        }
    }

    /// What may be removed of a character.
    async fn first_part(storage: &SqlStorage, character: Uuid) -> RemovePart {
        let select = SelectVersions { character, newest: NonZeroU32::MIN, kept: HashSet::new() };
        let selection = storage.read(THIN, select).await.unwrap();
        let part = selection.parts.into_iter().next().expect("two versions may be removed");
        RemovePart { character, revision: selection.revision, part }
    }

    #[tokio::test]
    async fn a_part_is_removed_unless_its_character_was_changed_since() {
        let (engines, _folder) = engines().await;
        for storage in engines {
            for own in [true, false] {
                let (one, other) = (hero(&storage).await, hero(&storage).await);
                let remove = first_part(&storage, one).await;
                let id = CharacterId(if own { one } else { other });
                let change = Change::<Character>::Delete { id, expect: Expect::Any, at: now() };
                storage.commit(Transaction::new().with(change)).await.unwrap();
                let outcome = storage.write(THIN, remove).await.unwrap();
                assert_eq!(outcome, if own { PartOutcome::Outdated } else { PartOutcome::Removed });
            }
        }
    }

    /// A client of the port that knows nothing of characters changes the row alone.
    #[tokio::test]
    async fn a_part_with_a_version_that_was_labelled_or_deleted_since_is_not_removed() {
        let (engines, _folder) = engines().await;
        for storage in engines {
            for label in [true, false] {
                let remove = first_part(&storage, hero(&storage).await).await;
                let id = CharacterVersionId(remove.part.removed[0]);
                let change = if label {
                    let found = Store::<CharacterVersion>::find(&storage, id, Deleted::Exclude).await.unwrap().value;
                    let entity = CharacterVersion { label: Some("Mine".into()), ..found.unwrap() };
                    Change::Replace { entity, expect: Expect::Any }
                } else {
                    Change::Delete { id, expect: Expect::Any, at: now() }
                };
                storage.commit(Transaction::new().with(change)).await.unwrap();
                assert_eq!(storage.write(THIN, remove).await.unwrap(), PartOutcome::Outdated, "a label: {label}");
            }
        }
    }

    /// Runs a statement.
    struct Script(&'static str);

    impl Work for Script {
        type Output = ();

        async fn run<S: Session>(&self, session: &mut S) -> Result<(), Fault> {
            session.query(Statement::new(self.0, vec![])).await.map(drop)
        }
    }

    #[tokio::test]
    async fn a_part_whose_predecessor_has_gone_is_not_removed() {
        let (engines, _folder) = engines().await;
        for storage in engines {
            let (character, _other) = (hero(&storage).await, hero(&storage).await);
            let remove = first_part(&storage, character).await;
            let first = CharacterVersionId::of(CharacterId(character), Revision(1));
            let delete = Script("DELETE FROM character_versions WHERE parent_id IS NULL");
            storage.write(THIN, delete).await.unwrap();
            assert_eq!(Store::<CharacterVersion>::find(&storage, first, Deleted::Include).await.unwrap().value, None);
            assert_eq!(storage.write(THIN, remove).await.unwrap(), PartOutcome::Outdated);
        }
    }

    #[tokio::test]
    async fn a_job_whose_process_has_gone_continues_where_it_stopped_when_the_lease_is_over() {
        let (engines, _folder) = engines().await;
        for storage in engines {
            let mut heroes = [hero(&storage).await, hero(&storage).await];
            heroes.sort();
            let (newest, gone) = (NonZeroU32::MIN, Uuid::now_v7());
            storage.write(THIN, Begin { newest, holder: gone }).await.unwrap();
            let done = || Note { holder: gone, progress: Progress::Done(heroes[0]) };
            assert!(storage.write(THIN, done()).await.unwrap());
            assert_eq!(storage.thin_versions(newest).await.unwrap(), Thinned::Held);
            assert!(storage.thinning_status().await.unwrap().is_active);
            let end = Script("UPDATE retention_jobs SET leased_until = leased_until - 10000000");
            storage.write(THIN, end).await.unwrap();
            assert_eq!(storage.thin_versions(newest).await.unwrap(), Thinned::Complete { removed: 2 });
            let another = Uuid::now_v7();
            storage.write(THIN, Begin { newest: NonZeroU32::MAX, holder: another }).await.unwrap();
            for progress in [Progress::Done(heroes[0]), Progress::GivenUp, Progress::Complete] {
                assert!(!storage.write(THIN, Note { holder: gone, progress }).await.unwrap(), "{progress:?}");
            }
            assert!(storage.thinning_status().await.unwrap().is_active, "the other process has the job");
        }
    }

    #[tokio::test]
    async fn a_job_that_was_given_up_is_free_at_once() {
        let (engines, _folder) = engines().await;
        for storage in engines {
            let (newest, holder) = (NonZeroU32::MIN, Uuid::now_v7());
            storage.write(THIN, Begin { newest, holder }).await.unwrap();
            assert_eq!(storage.thin_versions(newest).await.unwrap(), Thinned::Held);
            assert!(storage.write(THIN, Note { holder, progress: Progress::GivenUp }).await.unwrap());
            assert_eq!(storage.thin_versions(newest).await.unwrap(), Thinned::Complete { removed: 0 });
        }
    }
}
