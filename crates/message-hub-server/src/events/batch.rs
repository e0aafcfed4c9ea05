//! Deliveries as a client receives them: the response of a long poll, and a server-sent event.

use super::{
    passed::{Awaited, Sender},
    pollers::Poll,
    sessions::{Received, Session, Sessions},
};
use crate::HubServer;
use actix_web::{HttpResponse, body::MessageBody, http::header::CACHE_CONTROL};
use character_message_hub::{CloudEvent, Delivery, ErrorKind, HubError, NEXT, Result};
use character_message_hub_wire::{self as wire, DeliveryBody};
use futures_util::FutureExt as _;
use std::sync::Arc;
use tokio::{
    runtime::Handle,
    time::{Instant, timeout_at},
};

/// A response ends after the delivery with which it reaches this size, in bytes. 8 MiB.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// The body of a response without deliveries.
pub(super) const EMPTY: &[u8] = br#"{"deliveries":[]}"#;

/// The same to another server, when this one does not hold the subscription any more.
pub(super) const MOVED: &[u8] = br#"{"deliveries":[],"moved":true}"#;

pub(super) fn response_of(body: impl MessageBody + 'static) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).content_type(wire::JSON).body(body)
}

/// Deliveries of a response that is not sent yet. Dropped before that, they can be delivered again at once.
#[derive(Debug)]
struct Unsent {
    sessions: Sessions,
    receipts: Vec<String>,
}

impl Unsent {
    fn new(sessions: &Sessions) -> Self {
        Self { sessions: sessions.clone(), receipts: Vec::new() }
    }

    fn push(&mut self, receipt: String) {
        self.receipts.push(receipt);
    }

    fn len(&self) -> usize {
        self.receipts.len()
    }

    fn receipts(&self) -> &[String] {
        &self.receipts
    }

    /// The response is on its way.
    fn sent(mut self) {
        self.receipts.clear();
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        let receipts = std::mem::take(&mut self.receipts);
        // Without a runtime the process ends, and the hub delivers them again.
        let Ok(runtime) = Handle::try_current() else { return };
        if receipts.is_empty() {
            return;
        }
        self.sessions.releasing(receipts, Received::Never, &runtime);
    }
}

/// The response of a long poll, while it is made.
pub(super) struct Batch<'s> {
    server: &'s HubServer,
    session: Arc<Session>,
    unsent: Unsent,
    body: Vec<u8>,
}

impl<'s> Batch<'s> {
    pub(super) fn new(server: &'s HubServer, session: Arc<Session>) -> Self {
        let body = br#"{"deliveries":["#.to_vec();
        Self { server, session, unsent: Unsent::new(server.sessions()), body }
    }

    /// Waits for a delivery, and takes those that are there with it.
    pub(super) async fn fill(&mut self, limit: usize, deadline: Instant) -> Result<()> {
        let session = Arc::clone(&self.session);
        let Ok(mut deliveries) = timeout_at(deadline, session.deliveries.lock()).await else { return Ok(()) };
        let sessions = self.server.sessions();
        let mut next = timeout_at(deadline, session.next(&mut deliveries, sessions)).await.ok();
        while let Some(arrived) = next.take() {
            match arrived {
                Ok(delivery) => self.push(delivery)?,
                // What came before it is sent; the next request meets the error again.
                Err(_) if self.unsent.len() > 0 => break,
                Err(error) => {
                    self.server.sessions().close(&session);
                    return Err(error);
                }
            }
            if self.unsent.len() < limit && self.body.len() < MAX_BYTES {
                next = session.next(&mut deliveries, sessions).now_or_never();
            }
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.unsent.len() == 0
    }

    fn push(&mut self, delivery: Delivery) -> Result<()> {
        let (attempt, event) = (delivery.attempt(), Arc::clone(delivery.event()));
        let receipt = self.server.sessions().hold(&self.session, delivery);
        if self.unsent.len() > 0 {
            self.body.push(b',');
        }
        self.unsent.push(receipt.clone());
        write(&mut self.body, &DeliveryBody { receipt, attempt, event })
    }

    pub(super) fn response(self, poll: Option<Poll>, awaited: &Awaited) -> HttpResponse {
        let Self { server, unsent, mut body, .. } = self;
        let delivered = unsent.len();
        let batch = poll.filter(|_| delivered > 0).map(|poll| poll.finish(unsent.receipts()));
        // A later request of the poller has taken its place, or the server that passed it on does not wait: it is not read.
        if batch == Some(None) || awaited.answer(unsent.receipts()) == Sender::HasLeft {
            return response_of(EMPTY);
        }
        match batch.flatten() {
            Some(batch) => body.extend_from_slice(format!(r#"],"batch":"{batch}"}}"#).as_bytes()),
            None => body.extend_from_slice(b"]}"),
        }
        unsent.sent();
        server.metrics().delivered.inc_by(delivered as u64);
        response_of(body)
    }
}

fn write(body: &mut Vec<u8>, delivery: &DeliveryBody) -> Result<()> {
    serde_json::to_writer(body, delivery).map_err(|error| HubError::new(ErrorKind::Corrupt, NEXT).with_source(error))
}

/// A delivery as a server-sent event.
pub(super) fn server_sent(event: &Arc<CloudEvent>, attempt: u64, receipt: String) -> Result<Vec<u8>> {
    // Attributes have no control characters, so each stays on its line.
    let mut text = format!("id: {}\nevent: {}\ndata: ", event.id(), event.event_type()).into_bytes();
    write(&mut text, &DeliveryBody { receipt, attempt, event: Arc::clone(event) })?;
    text.extend_from_slice(b"\n\n");
    Ok(text)
}
