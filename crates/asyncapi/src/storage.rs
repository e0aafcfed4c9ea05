//! A storage for tests that checks the events of each commit.

use crate::EventValidator;
use async_trait::async_trait;
use character_domain::event::EventType;
use character_storage_port::{
    Commit, Committed, Consumers, Log, Probe, Result, Snapshot, StoragePort, Store, Transaction, delegate_port,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

static VALIDATOR: LazyLock<Result<EventValidator, crate::InvalidEvent>> = LazyLock::new(EventValidator::new);

/// The types of the events that were committed and are as the document says.
#[derive(Clone, Debug, Default)]
pub struct SeenEvents(Arc<Mutex<BTreeSet<EventType>>>);

impl SeenEvents {
    /// The types so far.
    #[must_use]
    pub fn types(&self) -> BTreeSet<EventType> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A storage that checks the events of each transaction against the document before it commits the transaction. For
/// tests: it panics when an event is not as the document says.
#[derive(Clone, Debug)]
pub struct ValidatedStorage<S> {
    inner: S,
    seen: SeenEvents,
}

impl<S> ValidatedStorage<S> {
    /// Checks what is committed to `inner`.
    pub fn new(inner: S) -> Self {
        Self { inner, seen: SeenEvents::default() }
    }

    /// The types of the events that were committed. Clones share them.
    pub fn seen(&self) -> SeenEvents {
        self.seen.clone()
    }

    fn check(&self, transaction: &Transaction) {
        let validator = VALIDATOR.as_ref().unwrap_or_else(|error| panic!("the document: {error}"));
        for event in &transaction.events {
            let event_type = validator.check_event(event).unwrap_or_else(|fault| panic!("docs/asyncapi.json: {fault}"));
            self.seen.0.lock().unwrap_or_else(PoisonError::into_inner).insert(event_type);
        }
    }
}

#[async_trait]
impl<S: StoragePort> Commit for ValidatedStorage<S> {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        self.check(&transaction);
        self.inner.commit(transaction).await
    }

    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        transactions.iter().for_each(|transaction| self.check(transaction));
        self.inner.commit_each(transactions).await
    }
}

delegate_port!(Store for [S: Store<E> + 'static] ValidatedStorage<S>, it => it.inner);
delegate_port!(Log for [S: Log + 'static] ValidatedStorage<S>, it => it.inner);
delegate_port!(Consumers for [S: Consumers + 'static] ValidatedStorage<S>, it => it.inner);
delegate_port!(Snapshot for [S: Snapshot + 'static] ValidatedStorage<S>, it => it.inner);
delegate_port!(Probe for [S: Probe + 'static] ValidatedStorage<S>, it => it.inner);
