//! Publishing, in as many requests as the size of the events needs.

use crate::client::{Client, Limit, decoded, place};
use character_message_hub::{Applied, ErrorKind, HubError, MAX_BATCH, Message, PUBLISH, Published, Result};
use character_message_hub_wire::{self as wire, PublishResultsBody};
use reqwest::{Method, header::CONTENT_TYPE};
use std::{collections::HashSet, sync::Arc, time::Duration};

/// The size at which a further request begins, in bytes; below what the hub takes by the largest event.
const MAX_BYTES: usize = wire::MAX_PUBLISH_BYTES / 2;
/// The maximum size of a response, in bytes.
const MAX_RESPONSE: usize = 8 * 1024 * 1024;

pub(crate) async fn publish(client: &Client, messages: &[Message], timeout: Duration) -> Vec<Result<Published>> {
    let limit = Limit::of(timeout, "the timeout of the call");
    if messages.len() > MAX_BATCH {
        let error = HubError::new(ErrorKind::Invalid, PUBLISH).with_detail("at most 1000 events in one call");
        return vec![Err(error); messages.len()];
    }
    let mut publishing = Publishing::new(messages.len());
    let mut batch = Batch::default();
    for (index, message) in messages.iter().enumerate() {
        let subject = message.event.subject();
        match text(message) {
            Err(error) => publishing.failed(index, subject, error),
            Ok(text) => {
                if batch.body.len() + text.len() > MAX_BYTES {
                    publishing.send(client, std::mem::take(&mut batch), messages, limit).await;
                }
                if let Some(error) = publishing.held_back(subject) {
                    publishing.failed(index, subject, error);
                } else {
                    batch.push(index, &text);
                }
            }
        }
    }
    publishing.send(client, batch, messages, limit).await;
    publishing.results()
}

/// The JSON of a message.
fn text(message: &Message) -> Result<Vec<u8>> {
    message.check()?;
    let invalid = |error| HubError::new(ErrorKind::Invalid, PUBLISH).with_source(error);
    if message.event.extension(wire::MESSAGE_ID_EXTENSION).is_some() {
        let detail = "the extension attribute hubmessageid belongs to the hub";
        return Err(HubError::new(ErrorKind::Invalid, PUBLISH).with_detail(detail));
    }
    let text = serde_json::to_vec(&*message.event).map_err(invalid)?;
    // The hub makes the same one by itself.
    if message.message_id == Message::of(Arc::clone(&message.event)).message_id {
        return Ok(text);
    }
    // The id stands beside the attributes, which begin behind the brace.
    let id = serde_json::to_string(&*message.message_id).map_err(invalid)?;
    let mut with_id = format!("{{\"{}\":{id},", wire::MESSAGE_ID_EXTENSION).into_bytes();
    with_id.extend_from_slice(text.get(1..).unwrap_or_default());
    Ok(with_id)
}

/// The events of one request.
#[derive(Debug, Default)]
struct Batch {
    indices: Vec<usize>,
    body: Vec<u8>,
}

impl Batch {
    fn push(&mut self, index: usize, text: &[u8]) {
        self.body.push(if self.indices.is_empty() { b'[' } else { b',' });
        self.body.extend_from_slice(text);
        self.indices.push(index);
    }
}

/// The results so far.
struct Publishing<'m> {
    results: Vec<Option<Result<Published>>>,
    /// Subjects of which an event failed.
    failed: HashSet<&'m str>,
    /// The failure of a whole request, after which no other is sent.
    broken: Option<HubError>,
}

impl<'m> Publishing<'m> {
    fn new(number: usize) -> Self {
        Self { results: vec![None; number], failed: HashSet::new(), broken: None }
    }

    fn failed(&mut self, index: usize, subject: Option<&'m str>, error: HubError) {
        self.failed.extend(subject);
        if let Some(result) = self.results.get_mut(index) {
            *result = Some(Err(error));
        }
    }

    /// Why an event of this subject is not sent any more.
    fn held_back(&self, subject: Option<&str>) -> Option<HubError> {
        if let Some(broken) = &self.broken {
            return Some(broken.clone().with_applied(Applied::No));
        }
        subject.filter(|subject| self.failed.contains(subject)).map(|_| {
            let detail = "an earlier event of its subject was not published";
            let error = HubError::new(ErrorKind::Unavailable { retry_after: None }, PUBLISH);
            error.with_detail(detail).with_applied(Applied::No)
        })
    }

    async fn send(&mut self, client: &Client, batch: Batch, messages: &'m [Message], limit: Limit) {
        let Batch { indices, mut body } = batch;
        if indices.is_empty() {
            return;
        }
        body.push(b']');
        let subject = |index: usize| messages.get(index).and_then(|message| message.event.subject());
        match request(client, body, indices.len(), limit).await {
            Ok(results) => {
                for (index, result) in indices.into_iter().zip(results) {
                    match result {
                        Ok(published) => self.results[index] = Some(Ok(published)),
                        Err(error) => self.failed(index, subject(index), error),
                    }
                }
            }
            Err(error) => {
                for index in indices {
                    self.failed(index, subject(index), error.clone());
                }
                self.broken = Some(error);
            }
        }
    }

    fn results(self) -> Vec<Result<Published>> {
        // Each event was refused, held back, or sent.
        let missing = || HubError::new(ErrorKind::Corrupt, PUBLISH);
        self.results.into_iter().map(|result| result.unwrap_or_else(|| Err(missing()))).collect()
    }
}

/// One request, and one result per event of it.
async fn request(client: &Client, body: Vec<u8>, number: usize, limit: Limit) -> Result<Vec<Result<Published>>> {
    let _place = place(&client.publishing, PUBLISH, limit).await?;
    let left = limit.left();
    // The hub gives up a little earlier, so that its answer arrives.
    let of_hub = left - left / 20;
    let request = client
        .request(Method::POST, wire::EVENTS)
        .header(CONTENT_TYPE, wire::BATCH)
        .header(wire::TIMEOUT_MS, u64::try_from(of_hub.as_millis()).unwrap_or(u64::MAX).max(1))
        .body(body);
    let body = client.call(PUBLISH, request, limit, MAX_RESPONSE).await?;
    let results: PublishResultsBody = decoded(PUBLISH, &body)?;
    if results.results.len() != number {
        let detail = format!("{} results for {number} events", results.results.len());
        return Err(HubError::new(ErrorKind::Corrupt, PUBLISH).with_detail(detail));
    }
    Ok(results.results.into_iter().map(wire::EventResult::into_result).collect())
}
