//! Reports failed operations as events of the Message Hub.
//!
//! ```
//! use character_error_reporter::{Chain, ErrorReporter, Failure, Redactor};
//! use character_error_reporter_hub::HubReporter;
//! use character_message_hub::MemoryHub;
//! use std::sync::Arc;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let reporter = HubReporter::new(Arc::new(MemoryHub::new()), None);
//! let chain = Chain::of(&std::io::Error::other("the disk is full"), &Redactor::new([]));
//! reporter.report(&Failure::new("storage-service", "commit", "unavailable", chain));
//! # }
//! ```
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

use character_error_reporter::{ErrorReporter, Failure, redacted};
use character_message_hub::{CloudEvent, InvalidAttribute, Message, MessageHub};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    task::JoinHandle,
};
use uuid::Uuid;

/// The type of the events.
pub const ERROR_REPORTED: &str = "error.reported";
/// Maximum number of queued reports; further ones are dropped.
const QUEUE: usize = 64;
/// Maximum number of reports that are published together.
const TOGETHER: usize = 16;
/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reports failures to a hub, from a separate task: callers never wait, and a report that the hub does not take at the
/// first attempt is dropped. Ends when it is dropped.
#[derive(Debug)]
pub struct HubReporter {
    queue: mpsc::Sender<Failure>,
    task: JoinHandle<()>,
}

impl HubReporter {
    /// Reports to this hub, with this CloudEvents `dataschema` in the reports. Requires a Tokio runtime.
    #[must_use]
    pub fn new(hub: Arc<dyn MessageHub>, schema: Option<Arc<str>>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        Self { queue, task: tokio::spawn(publish_all(hub, schema, waiting)) }
    }
}

impl Drop for HubReporter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ErrorReporter for HubReporter {
    fn report(&self, failure: &Failure) {
        if let Err(TrySendError::Full(_) | TrySendError::Closed(_)) = self.queue.try_send(failure.clone()) {
            tracing::debug!("a report was dropped: too many reports wait for the Message Hub");
        }
    }
}

async fn publish_all(hub: Arc<dyn MessageHub>, schema: Option<Arc<str>>, mut waiting: mpsc::Receiver<Failure>) {
    let (mut failures, mut works) = (Vec::with_capacity(TOGETHER), true);
    while waiting.recv_many(&mut failures, TOGETHER).await > 0 {
        let messages: Result<Vec<_>, _> =
            failures.drain(..).map(|failure| message(&failure, schema.as_ref())).collect();
        let messages = match messages {
            Ok(messages) => messages,
            Err(error) => {
                tracing::warn!(error = %redacted(&error), "a report cannot be written as an event");
                continue;
            }
        };
        let refused = hub.publish(&messages, PATIENCE).await.into_iter().find_map(Result::err);
        // Logged once, not for each report.
        match &refused {
            Some(error) if works => {
                tracing::warn!(reason = error.kind().code(), "the Message Hub does not take reports");
            }
            None if !works => tracing::info!("the Message Hub takes reports again"),
            _ => {}
        }
        works = refused.is_none();
    }
}

fn message(failure: &Failure, schema: Option<&Arc<str>>) -> Result<Message, InvalidAttribute> {
    let event = CloudEvent::new(Uuid::now_v7().to_string(), format!("/{}", failure.service), ERROR_REPORTED)?
        .with_subject(failure.service)?
        .with_time(jiff::Timestamp::now().to_string())?
        // A report consists of texts and numbers, which can always be written.
        .with_json(serde_json::to_value(failure).unwrap_or_default());
    let event = match schema {
        Some(schema) => event.with_schema(Arc::clone(schema))?,
        None => event,
    };
    Ok(Message::of(Arc::new(event)))
}
