//! The hub in memory keeps the contract.

use character_message_hub::{MemoryHub, MessageHub, ServiceName};
use character_message_hub_testkit::{
    Clock, DurableHubHarness, Handler, HubHarness, message_hub_conformance, message_hub_durability,
};
use std::sync::Arc;

struct InMemory;

impl HubHarness for InMemory {
    type Guard = MemoryHub;
    const CLOCK: Clock = Clock::Paused;

    async fn fresh() -> (MemoryHub, Arc<dyn MessageHub>) {
        let hub = MemoryHub::new();
        (hub.clone(), Arc::new(hub))
    }

    async fn respond(hub: &MemoryHub, service: ServiceName, handler: Handler) {
        hub.respond(service, move |request| handler(request));
    }
}

/// Its memory takes the place of the disk of a hub that crashes: the clauses themselves are judged with it.
impl DurableHubHarness for InMemory {
    async fn reopen(hub: &MemoryHub) -> Arc<dyn MessageHub> {
        Arc::new(hub.clone())
    }
}

/// The same hub on the clock of the machine, with two threads.
struct OnThreads;

impl HubHarness for OnThreads {
    type Guard = MemoryHub;

    async fn fresh() -> (MemoryHub, Arc<dyn MessageHub>) {
        InMemory::fresh().await
    }

    async fn respond(hub: &MemoryHub, service: ServiceName, handler: Handler) {
        InMemory::respond(hub, service, handler).await;
    }
}

message_hub_conformance!(in_memory, InMemory);
message_hub_durability!(in_memory_after_a_crash, InMemory);
message_hub_conformance!(on_threads, OnThreads);
