//! The reference adapter keeps every clause.

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

storage_conformance!(in_memory, InMemory);
