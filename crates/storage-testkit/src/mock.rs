//! A mock of the port, for tests that say call by call what happens.
//!
//! An unexpected call panics in the task that made it: await the handles of spawned tasks. `returning` answers at
//! once; for delays and lost answers take [`ScriptedFaults`](crate::ScriptedFaults) over a
//! [`MemoryStorage`](character_storage_port::MemoryStorage).

use async_trait::async_trait;
use character_domain::{Character, CharacterId};
use character_storage_port::{
    CharacterQuery, Commit, Committed, Deleted, EventId, Outbox, OutboxEvent, Page, PageRequest, Probe, Read, Result,
    Store, Transaction,
};
use std::time::Duration;

mockall::mock! {
    /// A storage that does what the test expects of it, and nothing else.
    #[derive(Debug)]
    pub Storage {}

    #[async_trait]
    impl Store<Character> for Storage {
        async fn find(&self, id: CharacterId, deleted: Deleted) -> Result<Read<Option<Character>>>;
        async fn list(&self, query: &CharacterQuery, page: PageRequest) -> Result<Read<Page<Character>>>;
    }
    #[async_trait]
    impl Commit for Storage {
        async fn commit(&self, transaction: Transaction) -> Result<Committed>;
        async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>>;
    }
    #[async_trait]
    impl Outbox for Storage {
        async fn claim(&self, limit: usize, lease: Duration) -> Result<Vec<OutboxEvent>>;
        async fn acknowledge(&self, ids: &[EventId]) -> Result<()>;
    }
    #[async_trait]
    impl Probe for Storage {
        async fn probe(&self) -> Result<()>;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::character;
    use character_storage_port::{ErrorKind, StorageError, StorageExt, StoragePort};
    use std::sync::Arc;

    #[tokio::test]
    async fn a_mock_is_a_storage_port() {
        let mut mock = MockStorage::new();
        let expected = character();
        let (id, found) = (expected.id, expected.clone());
        mock.expect_find()
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
