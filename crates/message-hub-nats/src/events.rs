//! What the client reports about its connection, and what follows for the calls that wait.

use crate::{link::State, replies::Replies};
use async_nats::{ClientError, Event, ServerError};
use character_error_reporter::redacted_text;
use std::sync::Arc;
use tokio::{sync::watch, time::Instant};

/// The subject of an error such as `Permissions Violation for Publish to "a.b"`.
fn forbidden_subject(error: &str) -> Option<&str> {
    let place = error.to_ascii_lowercase().find("permissions violation for publish to ")?;
    error[place..].split('"').nth(1)
}

/// What an event reports about the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connection {
    Made,
    Lost,
    /// The server does not accept the credentials.
    Refused,
}

/// Changes the state of the connection, and ends waits that are in vain.
pub(crate) fn on_event(event: &Event, state: &watch::Sender<State>, replies: Option<&Arc<Replies>>) {
    let set = |next: Connection| {
        state.send_modify(|state| {
            let connected = next == Connection::Made;
            if connected {
                state.epoch += 1;
                state.reason = None;
            }
            if connected != state.connected || connected {
                state.since = Instant::now();
            }
            state.connected = connected;
            match next {
                Connection::Made => state.unauthorized = false,
                Connection::Refused => state.unauthorized = true,
                // A server that refuses the credentials closes the connection too.
                Connection::Lost => {}
            }
        });
    };
    match event {
        Event::Connected => {
            tracing::info!("connected to NATS");
            if let Some(replies) = replies {
                replies.lost();
            }
            set(Connection::Made);
        }
        Event::Disconnected | Event::Closed => {
            tracing::warn!("the connection to NATS is lost");
            set(Connection::Lost);
            if let Some(replies) = replies {
                replies.lost();
            }
        }
        Event::ServerError(ServerError::AuthorizationViolation) => set(Connection::Refused),
        Event::ServerError(ServerError::Other(error)) => {
            let forbidden = forbidden_subject(error).zip(replies);
            if forbidden.is_some_and(|(subject, replies)| replies.forbidden(subject)) {
                // Who has called returns the refusal as an error.
                return tracing::debug!(error = redacted_text(error), "NATS refuses a call");
            }
            if error.to_ascii_lowercase().contains("authentication") {
                // Such as `User Authentication Revoked`: the server closes the connection next.
                state.send_modify(|state| state.unauthorized = true);
            }
            tracing::warn!(error = redacted_text(error), "NATS reports an error");
        }
        Event::ClientError(ClientError::Other(error)) if error.contains("authorization violation") => {
            set(Connection::Refused);
        }
        Event::ClientError(ClientError::Other(error)) => {
            // It names the kind alone, such as `IO error`: the next attempt logs what is behind it.
            state.send_modify(|state| state.reason = Some(error.as_str().into()));
        }
        other => tracing::debug!(event = %other, "NATS"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_of_a_permissions_violation_is_read() {
        assert_eq!(forbidden_subject("Permissions Violation for Publish to \"a.b\""), Some("a.b"));
        assert_eq!(forbidden_subject("permissions violation for publish to \"A\""), Some("A"));
        assert_eq!(forbidden_subject("Permissions Violation for Subscription to \"a.b\""), None);
    }
}
