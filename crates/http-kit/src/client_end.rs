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
    has_come: Cell<bool>,
    come: Notify,
}

impl ClientEnd {
    /// The client sends nothing more.
    pub fn comes(&self) {
        self.0.has_come.set(true);
        self.0.come.notify_waiters();
    }

    /// Whether it has come.
    #[must_use]
    pub fn has_come(&self) -> bool {
        self.0.has_come.get()
    }

    /// Waits until the client of this request has closed its side of the connection; for ever when the server does not note it.
    ///
    /// # Cancel safety
    /// It may be dropped at any point.
    pub async fn of(request: &HttpRequest) {
        let Some(Self(state)) = request.conn_data::<Self>() else { return std::future::pending().await };
        let come = state.come.notified();
        if !state.has_come.get() {
            come.await;
        }
    }
}
