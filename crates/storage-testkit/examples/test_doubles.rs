//! A use case and its tests: `MockStorage` is scripted call by call, and `ScriptedFaults` fails, counts and
//! holds the calls of a real one.

use character_storage_port::{
    Character, CharacterId, ErrorKind, Expect, MemoryStorage, Read, Result, StorageExt, StoragePort, UserId, now,
};
use character_storage_testkit::{Course, Fault, Gate, MockStorage, Operation, ScriptedFaults};
use std::sync::Arc;

/// The use case: renames a character, and reads it again when another writer was faster.
async fn rename(storage: &dyn StoragePort, id: CharacterId, name: &str) -> Result<Character> {
    loop {
        let row = storage.get_character(id).await?.value;
        let read = Expect::Revision(row.meta.revision);
        match storage.update_character(Character { name: name.into(), ..row }, read).await {
            Err(error) if matches!(error.kind(), ErrorKind::Conflict { .. }) => {}
            outcome => return outcome,
        }
    }
}

/// A row that is absent is reported, and nothing is written: the mock refuses calls that it does not expect.
async fn an_absent_character_is_not_renamed() {
    let mut mock = MockStorage::new();
    mock.expect_find::<Character>().times(1).returning(|_, _| Ok(Read::origin(None)));
    let outcome = rename(&mock, CharacterId::new(), "Torormir").await;
    assert_eq!(outcome.map_err(|error| error.kind().clone()), Err(ErrorKind::NotFound));
}

/// An answer that is lost leaves the effect open: the use case reports it, and does not repeat the change.
async fn a_lost_answer_is_reported(storage: &ScriptedFaults<MemoryStorage>, hero: &Character) {
    let before = storage.calls(Operation::Commit);
    storage.next_of(Operation::Commit, Fault::LoseAnswer(ErrorKind::Timeout));
    let lost = rename(storage, hero.id, "Torormir the Lost").await;
    assert!(lost.is_err_and(|error| !error.certainly_not_applied()));
    assert_eq!(storage.calls(Operation::Commit), before + 1);
}

/// A gate holds the change until another writer was faster; then the row is read again.
async fn a_faster_writer_is_not_overwritten(storage: &ScriptedFaults<MemoryStorage>, hero: &Character) -> Result<()> {
    let (gate, before) = (Gate::closed(), storage.calls(Operation::Commit));
    storage.next_of(Operation::Commit, Course::default().before(gate.pass()));
    let faster = async {
        storage.called(Operation::Commit, before + 1).await;
        let outcome = rename(storage, hero.id, "Torormir the Swift").await;
        gate.open();
        outcome
    };
    let (held, faster) = tokio::join!(rename(storage, hero.id, "Torormir the Grey"), faster);
    assert!(held?.meta.revision > faster?.meta.revision);
    assert_eq!(storage.calls(Operation::Commit), before + 3);
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    an_absent_character_is_not_renamed().await;
    let storage = ScriptedFaults::new(Arc::new(MemoryStorage::new()));
    let hero = storage.create_character(Character::new(UserId::new(), "Torormir", now())).await?;
    a_lost_answer_is_reported(&storage, &hero).await;
    a_faster_writer_is_not_overwritten(&storage, &hero).await?;
    assert_eq!(storage.get_character(hero.id).await?.value.name, "Torormir the Grey");
    Ok(())
}
