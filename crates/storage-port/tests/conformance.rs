//! The reference adapter keeps the contract, by itself and behind each pointer that callers hold it by.

use character_storage_port::{MemoryStorage, StoragePort};
use character_storage_testkit::{Harness, storage_conformance};
use std::sync::Arc;

struct InMemory;

impl Harness for InMemory {
    type Guard = ();
    async fn fresh() -> ((), Arc<dyn StoragePort>) {
        ((), Arc::new(MemoryStorage::new()))
    }
}

storage_conformance!(memory, InMemory);

struct BehindArc;

impl Harness for BehindArc {
    type Guard = ();
    async fn fresh() -> ((), Arc<dyn StoragePort>) {
        let storage: Arc<dyn StoragePort> = Arc::new(MemoryStorage::new());
        ((), Arc::new(storage))
    }
}

storage_conformance!(arc_dyn, BehindArc);

struct BehindBox;

impl Harness for BehindBox {
    type Guard = ();
    async fn fresh() -> ((), Arc<dyn StoragePort>) {
        let storage: Box<dyn StoragePort> = Box::new(MemoryStorage::new());
        ((), Arc::new(storage))
    }
}

storage_conformance!(box_dyn, BehindBox);
