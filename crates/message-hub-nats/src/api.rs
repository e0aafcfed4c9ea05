//! Calls of the interface of JetStream, each with a limit.

use crate::link::{Link, Sent};
use async_nats::jetstream;
use bytes::Bytes;
use character_message_hub::{ErrorKind, HubError, Result};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// Where the subjects of the interface of JetStream begin.
pub(crate) const API: &str = "$JS.API.";

/// An answer of JetStream: a refusal, or what was asked for.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer<T> {
    Refused { error: jetstream::Error },
    Told(T),
}

/// The pause after which a call that NATS did not answer, or refused for now, may succeed.
pub(crate) const PASSING: Duration = Duration::from_millis(100);
/// The limit of one call of an operator.
pub(crate) const OPERATOR_LIMIT: Duration = Duration::from_secs(10);

/// Any answer that is no refusal.
#[derive(Deserialize)]
pub(crate) struct Done {}

/// Sends `body` to a subject below `$JS.API.`, and returns the answer, or the refusal by JetStream.
///
/// # Errors
/// `Timeout`, `Unavailable`, `Forbidden`, `Corrupt`. Whether a call that changes something was applied is unknown.
pub(crate) async fn call<T: DeserializeOwned>(
    link: &Link,
    operation: &'static str,
    subject: &str,
    body: Option<Value>,
    deadline: Instant,
) -> Result<std::result::Result<T, jetstream::Error>> {
    let unavailable = |detail: &'static str| {
        HubError::new(ErrorKind::Unavailable { retry_after: None }, operation).with_detail(detail)
    };
    let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
    match link.call(operation, format!("{API}{subject}").into(), None, body, deadline).await? {
        Sent::Reply(reply) => {
            let answer = serde_json::from_slice(&reply.payload)
                .map_err(|error| HubError::new(ErrorKind::Corrupt, operation).with_source(error))?;
            Ok(match answer {
                Answer::Refused { error } => Err(error),
                Answer::Told(told) => Ok(told),
            })
        }
        Sent::NoResponder => Err(unavailable("JetStream is not enabled, or has no leader")),
        Sent::Lost => {
            // A call that is repeated finds the next connection, or waits for it.
            let kind = ErrorKind::Unavailable { retry_after: Some(PASSING) };
            Err(HubError::new(kind, operation).with_detail("the connection to NATS was lost"))
        }
        Sent::Late => Err(HubError::new(ErrorKind::Timeout, operation).with_detail("JetStream does not answer")),
    }
}

/// Names the limit of an operator's call in its timeouts.
pub(crate) async fn as_operator<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    work.await.map_err(|error| error.within("the limit of a call of an operator", OPERATOR_LIMIT))
}

/// Whether a refusal says that the stream or the consumer does not exist.
pub(crate) fn is_absent(error: &jetstream::Error) -> bool {
    use jetstream::ErrorCode as Code;
    [Code::STREAM_NOT_FOUND, Code::CONSUMER_NOT_FOUND].contains(&error.error_code())
}
