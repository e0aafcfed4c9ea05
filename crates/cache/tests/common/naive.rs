//! The cache that everyone writes first, so that the hunt is known to find what it looks for: it loads and then
//! sets, and it forgets after the commit.

use async_trait::async_trait;
use character_storage_port::{
    Commit, Committed, Deleted, Entity, Page, PageRequest, Read, Result, StoragePort, Store, Transaction, delegate_port,
};
use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, Mutex},
};
use uuid::Uuid;

type Known = HashMap<Uuid, Arc<dyn Any + Send + Sync>>;

#[derive(Clone, Debug)]
pub(crate) struct Naive<S> {
    inner: S,
    known: Arc<Mutex<Known>>,
}

impl<S: StoragePort> Naive<S> {
    pub(crate) fn over(inner: S) -> Self {
        Self { inner, known: Arc::default() }
    }

    fn forget(&self, ids: &[Uuid]) {
        let mut known = self.known.lock().expect("no panic holds it");
        ids.iter().for_each(|id| drop(known.remove(id)));
    }
}

#[async_trait]
impl<E: Entity, S: StoragePort + Store<E>> Store<E> for Naive<S> {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        let asked = |row: Option<E>| row.filter(|row| deleted == Deleted::Include || !row.meta().is_deleted());
        let known = self.known.lock().expect("no panic holds it").get(&id.into()).cloned();
        if let Some(known) = known.and_then(|known| known.downcast_ref::<Option<E>>().cloned()) {
            return Ok(Read::origin(asked(known)));
        }
        let read: Read<Option<E>> = self.inner.find(id, Deleted::Include).await?;
        self.known.lock().expect("no panic holds it").insert(id.into(), Arc::new(read.value.clone()));
        Ok(read.map(asked))
    }
    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        Store::<E>::list(&self.inner, query, page).await
    }
}

#[async_trait]
impl<S: StoragePort> Commit for Naive<S> {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        let ids: Vec<_> = transaction.writes.iter().map(|write| write.row().1).collect();
        let committed = self.inner.commit(transaction).await;
        self.forget(&ids);
        committed
    }
    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let ids: Vec<_> = transactions.iter().flat_map(|one| &one.writes).map(|write| write.row().1).collect();
        let outcomes = self.inner.commit_each(transactions).await;
        self.forget(&ids);
        outcomes
    }
}

delegate_port!(Log for [S: StoragePort] Naive<S>, it => it.inner);
delegate_port!(Consumers for [S: StoragePort] Naive<S>, it => it.inner);
delegate_port!(Snapshot for [S: StoragePort] Naive<S>, it => it.inner);
delegate_port!(Probe for [S: StoragePort] Naive<S>, it => it.inner);
