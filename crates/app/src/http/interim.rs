//! `100 Continue`, for clients that wait for it before they send a body (`Expect`). actix-http writes it before it passes the request
//! on, and a client would send a body whose refusal is certain. It has no hook for that, so what it writes is held back until a
//! handler wants the body.

use super::connection::Connection;
use actix_http::{BoxedPayloadStream, Payload, Request, Response, body::BoxBody, error::PayloadError};
use bytes::Bytes;
use futures_util::Stream;
use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};
use tokio::sync::Notify;

/// As actix-http writes it.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// No client waits for it.
    #[default]
    None,
    /// The next bytes of actix-http begin with it.
    Announced { is_wanted: bool },
    /// It was held back.
    Held,
    /// It was held back and is wanted now; this number of its bytes is written.
    Owed(usize),
}

/// Whether `100 Continue` is held back on one connection.
#[derive(Debug, Default)]
pub(super) struct Interim {
    state: Cell<State>,
    flushed: Notify,
}

impl Interim {
    /// Whether a client still waits for it. Then nothing shows whether its body or its next request follows the answer.
    pub(super) fn is_waited_for(&self) -> bool {
        !matches!(self.state.get(), State::None | State::Announced { is_wanted: true })
    }

    /// A handler reads the body.
    fn want(&self) {
        self.state.set(match self.state.get() {
            State::Announced { .. } => State::Announced { is_wanted: true },
            State::Held => State::Owed(0),
            other => other,
        });
    }

    /// All that actix-http had to write is written.
    pub(super) fn note_flush(&self) {
        self.flushed.notify_waiters();
    }

    /// How many of these bytes, which actix-http writes next, are held back.
    pub(super) fn held_back(&self, bytes: &[u8]) -> usize {
        let next = match self.state.get() {
            State::Announced { is_wanted: false } if bytes.starts_with(CONTINUE) => State::Held,
            // Other bytes are those of the answer, after which it would be wrong.
            State::Announced { .. } | State::Held | State::Owed(0) => State::None,
            State::None | State::Owed(_) => return 0,
        };
        self.state.set(next);
        if next == State::Held { CONTINUE.len() } else { 0 }
    }

    /// What is to be written now.
    pub(super) fn owed(&self) -> Option<&'static [u8]> {
        match self.state.get() {
            State::Owed(written) => CONTINUE.get(written..),
            _ => None,
        }
    }

    /// Whether a part of that is written already.
    pub(super) fn has_begun(&self) -> bool {
        self.owed().is_some_and(|rest| rest.len() < CONTINUE.len())
    }

    /// This number of the owed bytes was written.
    pub(super) fn advance(&self, bytes: usize) {
        if let State::Owed(written) = self.state.get() {
            let written = written + bytes;
            self.state.set(if written < CONTINUE.len() { State::Owed(written) } else { State::None });
        }
    }
}

/// What actix-http does with a request that expects `100 Continue`, before it writes that and calls the application.
pub(super) async fn expected(mut request: Request) -> Result<Request, Response<BoxBody>> {
    let connection = request.conn_data::<Rc<Connection>>().cloned();
    let has_body = !matches!(request.payload(), Payload::None);
    let Some(connection) = connection.filter(|_| has_body) else { return Ok(request) };
    // Answers of earlier requests may still wait to be written, before what is to be held back.
    connection.interim().flushed.notified().await;
    connection.interim().state.set(State::Announced { is_wanted: false });
    let payload = request.take_payload();
    *request.payload() = Payload::from(Box::pin(Awaited { payload, by: Some(connection) }) as BoxedPayloadStream);
    Ok(request)
}

/// The body of a request whose client waits for `100 Continue`.
struct Awaited {
    payload: Payload,
    by: Option<Rc<Connection>>,
}

impl Stream for Awaited {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(connection) = self.by.take() {
            connection.interim().want();
        }
        Pin::new(&mut self.payload).poll_next(cx)
    }
}
