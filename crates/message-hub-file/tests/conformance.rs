//! The suite over the hub in a file. Its requests go to a hub in memory beside it, since a file has no services.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use character_message_hub::{
    Deliveries, MemoryHub, Message, MessageHub, Published, Reply, Result, ServiceName, ServiceRequest, Subscription,
    async_trait,
};
use character_message_hub_file::{FileHub, FileHubConfig};
use character_message_hub_testkit::{
    DurableHubHarness, Handler, HubHarness, durable_clauses, message_hub_conformance, run_durable,
};
use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;

/// Events in a file, requests in memory.
#[derive(Debug)]
struct Beside {
    file: FileHub,
    memory: MemoryHub,
}

#[async_trait]
impl MessageHub for Beside {
    async fn publish(&self, messages: &[Message], timeout: Duration) -> Vec<Result<Published>> {
        self.file.publish(messages, timeout).await
    }

    async fn request(&self, request: ServiceRequest) -> Result<Reply> {
        self.memory.request(request).await
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<Box<dyn Deliveries>> {
        self.file.subscribe(subscription).await
    }

    async fn probe(&self) -> Result<()> {
        self.file.probe().await
    }
}

struct InAFile;

struct Guard {
    folders: Mutex<Vec<TempDir>>,
    memory: MemoryHub,
}

fn open(folder: &Path, memory: &MemoryHub) -> Arc<dyn MessageHub> {
    let file = FileHub::open(FileHubConfig::at(folder.join("hub.sqlite"))).unwrap();
    Arc::new(Beside { file, memory: memory.clone() })
}

impl HubHarness for InAFile {
    type Guard = Guard;

    async fn fresh() -> (Guard, Arc<dyn MessageHub>) {
        let (folder, memory) = (tempfile::tempdir().unwrap(), MemoryHub::new());
        let hub = open(folder.path(), &memory);
        (Guard { folders: Mutex::new(vec![folder]), memory }, hub)
    }

    async fn respond(guard: &Guard, service: ServiceName, handler: Handler) {
        guard.memory.respond(service, move |request| handler(request));
    }
}

impl DurableHubHarness for InAFile {
    /// What is on the disk now is what a process that is killed now leaves.
    async fn reopen(guard: &Guard) -> Arc<dyn MessageHub> {
        let mut folders = guard.folders.lock().unwrap();
        let copy = tempfile::tempdir().unwrap();
        for name in ["hub.sqlite", "hub.sqlite-wal"] {
            let from = folders.last().unwrap().path().join(name);
            std::fs::copy(from, copy.path().join(name)).unwrap();
        }
        let hub = open(copy.path(), &guard.memory);
        folders.push(copy);
        hub
    }
}

message_hub_conformance!(file, InAFile);

/// A crash of this hub is one of its subscribers too, because they are in one process: none can continue.
const OF_OTHER_PROCESSES: &str = "an_open_subscription_continues_after_a_crash";

#[test]
fn the_clauses_of_durability_hold_but_for_subscribers_in_other_processes() {
    let clauses = durable_clauses();
    assert!(clauses.iter().any(|clause| clause.name == OF_OTHER_PROCESSES));
    let of_this = clauses.into_iter().filter(|clause| clause.name != OF_OTHER_PROCESSES);
    assert!(of_this.map(run_durable::<InAFile>).count() >= 3);
}
