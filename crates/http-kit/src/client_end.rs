//! What a handler that waits learns of its client.

use actix_web::HttpRequest;
use std::{cell::Cell, rc::Rc};
use tokio::sync::Notify;

/// Whether the client has closed its side of the connection, which it does when it goes away. The server puts one into the data
/// of each connection. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ClientEnd(Rc<State>);

#[derive(Debug, Default)]
struct State {
    has_ended: Cell<bool>,
    end: Notify,
}

impl ClientEnd {
    /// The client sends nothing more.
    pub fn note_end(&self) {
        self.0.has_ended.set(true);
        self.0.end.notify_waiters();
    }

    /// Whether the client has closed its side of the connection.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.0.has_ended.get()
    }

    /// Waits until the client of this request has closed its side of the connection; for ever when the server does not note it.
    ///
    /// # Cancel safety
    /// It may be dropped at any point.
    pub async fn of(request: &HttpRequest) {
        let Some(Self(state)) = request.conn_data::<Self>() else { return std::future::pending().await };
        let end = state.end.notified();
        if !state.has_ended.get() {
            end.await;
        }
    }
}
