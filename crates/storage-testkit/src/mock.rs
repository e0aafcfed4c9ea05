//! A mock of the port, for tests that say call by call what happens.
//!
//! An unexpected call panics in the task that made it: await the handles of spawned tasks. `returning` answers at
//! once; for delays and lost answers take [`ScriptedFaults`](crate::ScriptedFaults) over a
//! [`MemoryStorage`](character_storage_port::MemoryStorage).
//!
//! [`Store`] is there once for each kind of row, so an expectation of a read names the kind, and one of another kind does
//! not answer for it; changes of every kind go through `commit`.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use character_domain::{Character, Quest, QuestId};
//! use character_storage_port::{ErrorKind, Read, StorageError, StorageExt, StoragePort};
//! use character_storage_testkit::{MockStorage, sample};
//! use std::sync::Arc;
//!
//! let (hero, mut mock) = (sample::character(), MockStorage::new());
//! let found = hero.clone();
//! mock.expect_find::<Character>().returning(move |_, _| Ok(Read::origin(Some(found.clone()))));
//! mock.expect_find::<Quest>().times(1).returning(|_, _| Ok(Read::origin(None)));
//! mock.expect_commit().returning(|_| Err(StorageError::unavailable("commit")));
//!
//! let storage: Arc<dyn StoragePort> = Arc::new(mock);
//! assert_eq!(storage.get_character(hero.id).await.unwrap().value, hero);
//! assert_eq!(storage.get::<Quest>(QuestId::new()).await.unwrap_err().kind(), &ErrorKind::NotFound);
//! assert!(storage.create_character(hero).await.is_err());
//! # }
//! ```

use async_trait::async_trait;
use character_storage_port::{
    Commit, Committed, ConsumerName, ConsumerState, Consumers, Deleted, DomainEvent, Entity, EventId, HolderId,
    LeaseToken, Leased, Log, LogBatch, LogCursor, Page, PageRequest, ParkedEvent, Probe, Read, Result, Snapshot,
    SnapshotStream, Store, Transaction,
};
use std::time::Duration;

mockall::mock! {
    /// A storage that does what the test expects of it, and nothing else. The expectations of `find`, `list` and `count` are
    /// per kind of row: `mock.expect_find::<Character>()`.
    #[derive(Debug)]
    pub Storage {
        /// What [`Store::find`] does for rows of kind `E`.
        pub fn find<E: Entity>(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>>;
        /// What [`Store::list`] does for rows of kind `E`.
        pub fn list<E: Entity>(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>>;
        /// What [`Store::count`] does for rows of kind `E`.
        pub fn count<E: Entity>(&self, query: &E::Query) -> Result<u64>;
    }

    #[async_trait]
    impl Commit for Storage {
        async fn commit(&self, transaction: Transaction) -> Result<Committed>;
        async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>>;
    }
    #[async_trait]
    impl Log for Storage {
        async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch>;
        async fn head(&self) -> Result<LogCursor>;
    }
    #[async_trait]
    impl Consumers for Storage {
        async fn lease(&self, consumer: &ConsumerName, holder: HolderId, lease: Duration) -> Result<Option<Leased>>;
        async fn advance(&self, token: &LeaseToken, to: &LogCursor) -> Result<()>;
        async fn release(&self, token: &LeaseToken) -> Result<()>;
        async fn park(&self, token: &LeaseToken, event: &DomainEvent, reason: &str) -> Result<()>;
        async fn parked(
            &self,
            consumer: &ConsumerName,
            after: Option<EventId>,
            limit: usize,
        ) -> Result<Vec<ParkedEvent>>;
        async fn unpark(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64>;
        async fn discard(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64>;
        async fn consumers(&self) -> Result<Vec<ConsumerState>>;
    }
    #[async_trait]
    impl Snapshot for Storage {
        async fn snapshot(&self) -> Result<SnapshotStream>;
    }
    #[async_trait]
    impl Probe for Storage {
        async fn probe(&self) -> Result<()>;
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<E: Entity> Store<E> for MockStorage {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        MockStorage::find::<E>(self, id, deleted)
    }
    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        MockStorage::list::<E>(self, query, page)
    }
    async fn count(&self, query: &E::Query) -> Result<u64> {
        MockStorage::count::<E>(self, query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::character;
    use character_domain::Character;
    use character_storage_port::{ErrorKind, StorageError, StorageExt, StoragePort};
    use std::sync::Arc;

    /// Lesson 59: a test says what a storage does without writing a storage.
    #[tokio::test]
    async fn a_mock_is_a_storage_port() {
        let mut mock = MockStorage::new();
        let expected = character();
        let (id, found) = (expected.id, expected.clone());
        mock.expect_find::<Character>()
            .withf(move |asked, deleted| (*asked, *deleted) == (id, Deleted::Exclude))
            .times(1)
            .returning(move |_, _| Ok(Read::origin(Some(found.clone()))));
        mock.expect_commit().times(1).returning(|_| Err(StorageError::unavailable("commit")));
        let storage: Arc<dyn StoragePort> = Arc::new(mock);
        assert_eq!(storage.get_character(id).await.unwrap().value, expected);
        let error = storage.create_character(character()).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Unavailable { retry_after: None });
    }
}
