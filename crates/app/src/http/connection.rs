//! What is known of one client connection: its socket and its requests share it.

use super::connections::{Connections, End};
use actix_http::error::{DispatchError, ParseError};
use character_error_reporter::redacted;
use character_http_kit::{ClientEnd, ProblemTypes};
use std::{cell::Cell, ops::Deref, rc::Rc, sync::Arc, time::Duration};
use tokio::time::Instant;
use uuid::Uuid;

/// actix-http has deadlines of its own for the first head, which it answers, and for most idle connections, which it
/// closes in good order. They come first.
const AFTER_ACTIX: Duration = Duration::from_secs(1);

/// How often an idle connection checks whether the server became crowded.
const CROWD_CHECK: Duration = Duration::from_secs(2);

/// What the connection waits for on its reading side.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    /// For the rest of a head that began at this time, or for all of the first head.
    Head(Instant),
    /// For the next request, since this time.
    Next(Instant),
}

/// A connection whose socket is open. Dropped, the socket is closed.
#[derive(Debug)]
pub(super) struct OpenConnection(Rc<Connection>);

impl OpenConnection {
    pub(super) fn new(connection: Rc<Connection>) -> Self {
        Self(connection)
    }

    pub(super) fn shared(&self) -> Rc<Connection> {
        Rc::clone(&self.0)
    }
}

impl Deref for OpenConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.all.closed();
    }
}

#[derive(Debug)]
pub(super) struct Connection {
    all: Arc<Connections>,
    in_flight: Cell<u32>,
    had_request: Cell<bool>,
    client_end: ClientEnd,
    waiting: Cell<Waiting>,
    /// Why the socket ended the connection, if it did.
    end: Cell<Option<End>>,
    /// The id of a request that actix-http has answered by itself.
    refused: Cell<Option<Uuid>>,
}

impl Connection {
    pub(super) fn new(all: Arc<Connections>) -> Rc<Self> {
        all.opened();
        Rc::new(Self {
            all,
            in_flight: Cell::new(0),
            had_request: Cell::new(false),
            client_end: ClientEnd::default(),
            waiting: Cell::new(Waiting::Head(Instant::now() + AFTER_ACTIX)),
            end: Cell::new(None),
            refused: Cell::new(None),
        })
    }

    /// A request was read and is being answered.
    pub(super) fn request_begins(&self) {
        self.had_request.set(true);
        self.in_flight.set(self.in_flight.get() + 1);
    }

    /// Whether the connection ends with its next answer.
    pub(super) fn is_ending(&self) -> bool {
        self.all.are_ending()
    }

    /// The answer is on its way to the socket.
    pub(super) fn request_ends(&self) {
        self.in_flight.set(self.in_flight.get().saturating_sub(1));
        self.waiting.set(Waiting::Next(Instant::now()));
    }

    /// How long a client may take for the TLS handshake at present.
    pub(super) fn handshake_patience(&self) -> Duration {
        self.all.head_patience()
    }

    /// How long a client may take to read the last answer and to close its side.
    pub(super) fn disconnect_patience(&self) -> Duration {
        self.all.limits.disconnect()
    }

    /// The TLS handshake is done, and the first head is waited for.
    pub(super) fn handshake_ends(&self) {
        self.waiting.set(Waiting::Head(Instant::now() + AFTER_ACTIX));
    }

    /// There is no connection, because the TLS handshake failed.
    pub(super) fn handshake_failed(&self) {
        self.all.ended(End::TlsFailed);
    }

    /// There is no connection, because the client left before the TLS handshake was done.
    pub(super) fn left_in_handshake(&self) {
        self.all.ended(End::NoRequest);
    }

    /// Bytes arrived. While no request is in flight they belong to a head, or to a body that no handler reads.
    pub(super) fn received(&self) {
        if self.in_flight.get() == 0
            && let Waiting::Next(_) = self.waiting.get()
        {
            self.waiting.set(Waiting::Head(Instant::now()));
        }
    }

    /// The client sends nothing more: it has closed its side, or the connection.
    pub(super) fn client_ends(&self) {
        self.client_end.note_end();
    }

    pub(super) fn client_has_ended(&self) -> bool {
        self.client_end.has_ended()
    }

    /// For the handlers of its requests.
    pub(super) fn client_end(&self) -> ClientEnd {
        self.client_end.clone()
    }

    /// When to check again whether the client has kept the connection waiting for too long; `None` while it is the
    /// client that waits. The error is that it has.
    pub(super) fn read_deadline(&self, now: Instant) -> Result<Option<Instant>, End> {
        if self.in_flight.get() > 0 {
            return Ok(None);
        }
        match self.waiting.get() {
            Waiting::Head(since) if now >= since + self.all.head_patience() => Err(self.ends(End::HeadTimeout)),
            Waiting::Head(since) => Ok(Some((since + self.all.limits.patience).min(now + CROWD_CHECK))),
            Waiting::Next(since) if now >= since + self.all.idle_patience() + AFTER_ACTIX => {
                Err(self.ends(if self.all.are_crowded() { End::Crowded } else { End::HeadTimeout }))
            }
            Waiting::Next(_) => Ok(Some(now + CROWD_CHECK)),
        }
    }

    /// How long the socket may take no byte of an answer.
    pub(super) fn write_patience(&self) -> Duration {
        self.all.limits.patience
    }

    /// Remembers why the socket ends the connection.
    pub(super) fn ends(&self, end: End) -> End {
        self.end.set(Some(end));
        end
    }

    /// The types of the problems that are answered in the place of the server.
    pub(super) fn problem_types(&self) -> ProblemTypes {
        self.all.problem_types
    }

    /// The request of this id is answered, although it cannot be read or has not arrived.
    pub(super) fn refuses(&self, request_id: Uuid) {
        self.refused.set(Some(request_id));
    }

    /// Accounts for the end of the connection. What actix-http answered by itself is logged here.
    pub(super) fn ended(&self, result: &Result<(), DispatchError>) {
        if !matches!(result, Err(DispatchError::Parse(_)))
            && let Some(request_id) = self.refused.get()
        {
            tracing::info!(target: "access", status = 408, %request_id, "answered a head that did not arrive in time");
        }
        let end = self.end.get().unwrap_or_else(|| match result {
            Err(DispatchError::Parse(error)) => {
                let status = if matches!(error, ParseError::TooLarge) { 431 } else { 400 };
                let request_id = self.refused.get().map(tracing::field::display);
                tracing::info!(target: "access", status, error = %redacted(error), request_id, "answered what is not a readable request");
                End::Unreadable
            }
            Err(_) => End::Cut,
            Ok(()) if self.had_request.get() => End::Done,
            Ok(()) => End::NoRequest,
        });
        self.all.ended(end);
    }
}
