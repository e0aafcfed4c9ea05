//! What is written under the entries of a journal while they move to the character of another theme.

use super::{theme::to, *};
use crate::{JournalRecord, JournalRepository, StorageContext};
use character_domain::{
    ExperienceEntry, JournalEntry, JournalEntryId, NewExperienceEntry, NewNpcRelationship, NewQuest, NpcRelationship,
    Quest,
};
use character_storage_port::{EntityKind, Expect, PageRequest, QuestQuery, StoragePort, Store};
use character_storage_testkit::{Course, Gate, Operation, ScriptedFaults};

struct Journey {
    storage: MemoryStorage,
    hero: CharacterId,
    entry: JournalEntryId,
}

async fn journey() -> Journey {
    let storage = MemoryStorage::new();
    let hero = storage.create_character(Character::new(UserId::new(), "Torormir", now())).await.unwrap().id;
    let entry = storage.create(JournalEntry::new(hero, "Day one", now())).await.unwrap().id;
    Journey { storage, hero, entry }
}

impl Journey {
    /// Repositories whose next commit waits for the gate.
    fn held(&self) -> (StorageContext, ScriptedFaults, Gate) {
        let (storage, gate) =
            (ScriptedFaults::new(Arc::new(self.storage.clone()) as Arc<dyn StoragePort>), Gate::closed());
        storage.next_of(Operation::Commit, Course::default().before(gate.pass()));
        (StorageContext::new(Arc::new(storage.clone())), storage, gate)
    }

    fn journal(&self) -> JournalRepository {
        JournalRepository::new(over_memory(&self.storage))
    }

    async fn goes_to(&self, theme: &str) -> CharacterId {
        let evolution = EvolutionRepository::new(over_memory(&self.storage));
        evolution.change_theme(self.hero, &to(theme), &plain()).await.unwrap().character.id
    }

    /// A record is created, or restored, while its entry moves: whichever comes first, it is not left behind.
    async fn writes_while_the_entry_moves<E: JournalRecord>(new: E::New)
    where
        dyn StoragePort: Store<E>,
    {
        for restores in [false, true] {
            for moves_first in [true, false] {
                let world = journey().await;
                let (hero, entry) = (world.hero, world.entry);
                let deleted = if restores {
                    let row = world.journal().create_under::<E>(hero, entry, new.clone(), &plain()).await.unwrap();
                    world.journal().delete_under::<E>(hero, entry, row.id(), &plain()).await.unwrap();
                    Some(row.id())
                } else {
                    None
                };
                let (context, storage, gate) = world.held();
                let (journal, evolution) = (JournalRepository::new(context.clone()), EvolutionRepository::new(context));
                let write = async |journal: &JournalRepository| match deleted {
                    Some(id) => journal.restore_under::<E>(hero, entry, id, &plain()).await,
                    None => journal.create_under::<E>(hero, entry, new.clone(), &plain()).await,
                };
                if moves_first {
                    let moves = async {
                        storage.called(Operation::Commit, 1).await;
                        let new_hero = world.goes_to("noir").await;
                        gate.open();
                        new_hero
                    };
                    let (written, new_hero) = tokio::join!(write(&journal), moves);
                    assert!(matches!(written, Err(RepositoryError::NotFound(EntityKind::JournalEntry))), "{written:?}");
                    let again = match deleted {
                        Some(id) => world.journal().restore_under::<E>(new_hero, entry, id, &plain()).await,
                        None => world.journal().create_under::<E>(new_hero, entry, new.clone(), &plain()).await,
                    };
                    let row = again.unwrap();
                    assert_eq!(row.character_id(), new_hero);
                    assert_eq!(world.storage.get::<E>(row.id()).await.unwrap().value, row);
                } else {
                    let writes = async {
                        storage.called(Operation::Commit, 1).await;
                        let row = write(&world.journal()).await.unwrap();
                        gate.open();
                        row
                    };
                    let theme = to("noir");
                    let request = plain();
                    let (moved, row) = tokio::join!(evolution.change_theme(hero, &theme, &request), writes);
                    let stored = world.storage.get::<E>(row.id()).await.unwrap().value;
                    assert_eq!(stored.character_id(), moved.unwrap().character.id);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_written_while_its_entry_moves_is_not_left_behind() {
    Journey::writes_while_the_entry_moves::<Quest>(NewQuest::new("Find it")).await;
    Journey::writes_while_the_entry_moves::<NpcRelationship>(NewNpcRelationship::new("Bruno")).await;
    Journey::writes_while_the_entry_moves::<ExperienceEntry>(NewExperienceEntry::new(50)).await;
}

#[tokio::test]
async fn a_record_that_an_earlier_release_left_behind_is_found_under_its_entry_and_a_change_takes_it_along() {
    let world = journey().await;
    let quest = world.storage.create(Quest::new(world.hero, world.entry, "Find it", now())).await.unwrap();
    let mut entry = world.storage.get::<JournalEntry>(world.entry).await.unwrap().value;
    entry.character_id = world.goes_to("noir").await;
    // As if it had been created during the change of theme.
    let mut left = world.storage.get::<Quest>(quest.id).await.unwrap().value;
    left.character_id = world.hero;
    world.storage.update(left, Expect::Any).await.unwrap();

    let (journal, of) = (world.journal(), entry.character_id);
    let found = journal.get_under::<Quest>(of, world.entry, quest.id, &plain()).await.unwrap().value;
    assert_eq!(found.character_id, of);
    let query = QuestQuery::default();
    let listed = journal.list_under::<Quest>(of, world.entry, query, PageRequest::default(), &plain()).await.unwrap();
    assert_eq!(listed.value.items.to_vec(), [found]);
    let renamed = |quest: &Quest| Ok(Quest { title: "Found".to_owned(), ..quest.clone() });
    journal.patch_under::<Quest>(of, world.entry, quest.id, &plain(), renamed).await.unwrap();
    assert_eq!(world.storage.get::<Quest>(quest.id).await.unwrap().value.character_id, of);
    let before = journal.get_under::<Quest>(world.hero, world.entry, quest.id, &plain()).await;
    assert!(matches!(before, Err(RepositoryError::NotFound(EntityKind::JournalEntry))), "{before:?}");
}
