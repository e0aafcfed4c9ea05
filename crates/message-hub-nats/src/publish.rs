//! Publishing: subjects beside each other, the events of one subject one after the other, each until JetStream has kept it.

use crate::{
    codec,
    link::{Link, Sent},
    stream::{EnsuredStream, api_error, is_passing},
    subject,
};
use async_nats::{HeaderMap, Message as NatsMessage, jetstream};
use character_message_hub::{Applied, ErrorKind, HubError, MAX_BATCH, Message, PUBLISH, Published, Result};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use serde::Deserialize;
use std::{collections::HashMap, time::Duration};
use tokio::time::{Instant, sleep_until};

/// The limit of one acknowledgement; after it the message is sent again, and JetStream recognises the repeat.
const ATTEMPT: Duration = Duration::from_secs(3);
/// The pause before a message is sent again when no server takes it: a stream without a leader, for example.
const PAUSE: Duration = Duration::from_millis(100);

/// What publishing needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Publisher<'a> {
    pub(crate) link: &'a Link,
    pub(crate) events: &'a EnsuredStream,
    pub(crate) prefix: &'a str,
}

/// The answer of JetStream to a published message.
#[derive(Debug, Deserialize)]
struct Answer {
    error: Option<jetstream::Error>,
    #[serde(default)]
    stream: String,
    #[serde(default)]
    duplicate: bool,
}

/// The size of the headers of a message, in bytes, as NATS counts it.
pub(crate) fn header_size(headers: &HeaderMap) -> usize {
    let line = |name: &str, value: &str| name.len() + value.len() + ": \r\n".len();
    let lines = headers.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    "NATS/1.0\r\n\r\n".len() + lines.map(|(name, value)| line(name.as_ref(), value.as_str())).sum::<usize>()
}

impl Publisher<'_> {
    /// Publishes events, as [`MessageHub::publish`](character_message_hub::MessageHub::publish).
    pub(crate) async fn publish(&self, messages: &[Message], timeout: Duration) -> Vec<Result<Published>> {
        if messages.len() > MAX_BATCH {
            let error = HubError::new(ErrorKind::Invalid, PUBLISH).with_detail("at most 1000 events in one call");
            return vec![Err(error); messages.len()];
        }
        let deadline = Instant::now() + timeout;
        let mut lanes: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut alone = Vec::new();
        for (place, message) in messages.iter().enumerate() {
            match message.event.subject() {
                Some(subject) => lanes.entry(subject).or_default().push(place),
                None => alone.push(vec![place]),
            }
        }
        let lanes = lanes.into_values().chain(alone);
        let mut lanes: FuturesUnordered<_> =
            lanes.map(|places| self.publish_lane(messages, places, deadline)).collect();
        let mut results: Vec<_> = messages.iter().map(|_| None).collect();
        while let Some(lane) = lanes.next().await {
            for (place, result) in lane {
                results[place] = Some(result);
            }
        }
        let absent = || Err(HubError::new(ErrorKind::Corrupt, PUBLISH).with_detail("a message was in no lane"));
        results.into_iter().map(|result| result.unwrap_or_else(absent)).collect()
    }

    /// Publishes the events of one subject in their order.
    async fn publish_lane(
        &self,
        messages: &[Message],
        places: Vec<usize>,
        deadline: Instant,
    ) -> Vec<(usize, Result<Published>)> {
        let mut results = Vec::with_capacity(places.len());
        let mut failed = false;
        for place in places {
            let result = match failed {
                false => self.publish_one(&messages[place], deadline).await,
                true => Err(HubError::new(ErrorKind::Unavailable { retry_after: None }, PUBLISH)
                    .with_detail("an earlier event of its subject was not published")
                    .with_applied(Applied::No)),
            };
            failed |= result.is_err();
            results.push((place, result));
        }
        results
    }

    /// Publishes one event, again and again with one message id until JetStream answers.
    async fn publish_one(&self, message: &Message, deadline: Instant) -> Result<Published> {
        message.check()?;
        let (headers, payload) = codec::encode(message)?;
        let (size, limit) = (header_size(&headers) + payload.len(), self.link.max_payload());
        if size > limit {
            let (limit, size) = (limit as u64, size as u64);
            return Err(HubError::new(ErrorKind::TooLarge { limit, size }, PUBLISH));
        }
        let subject = subject::of(self.prefix, &message.event);
        let kind = subject::kind(self.prefix, &message.event);
        let mut applied = Applied::No;
        loop {
            let attempt = self.attempt(&subject, &kind, &headers, &payload, deadline).await;
            let error = match attempt {
                Attempt::Ended(result) => return result.map_err(|error| uncertain(error, applied)),
                Attempt::NotSent(error) => error,
                Attempt::Unknown(error) => {
                    applied = Applied::Unknown;
                    error
                }
            };
            let next = Instant::now() + PAUSE;
            if next >= deadline {
                return Err(uncertain(error, applied));
            }
            sleep_until(next).await;
        }
    }

    async fn attempt(
        &self,
        subject: &async_nats::Subject,
        kind: &str,
        headers: &HeaderMap,
        payload: &bytes::Bytes,
        deadline: Instant,
    ) -> Attempt {
        let ready = async {
            self.link.ready(PUBLISH, deadline).await?;
            self.events.ensure(PUBLISH, kind, deadline).await
        };
        match ready.await {
            Ok(()) => {}
            Err(error) if is_passing(&error) => return Attempt::NotSent(error),
            Err(error) => return Attempt::Ended(Err(error)),
        }
        let begun = Instant::now();
        let limit = deadline.min(begun + ATTEMPT);
        // What ended at the deadline is named by the caller, which knows the length of it.
        let attempted = |error: HubError| match limit < deadline {
            true => error.within("the limit of one acknowledgement", ATTEMPT),
            false => error,
        };
        let sent = self.link.call(PUBLISH, subject.clone(), Some(headers.clone()), payload.clone(), limit).await;
        match sent {
            Ok(Sent::Reply(reply)) => match answer(&reply) {
                Err(error) if is_passing(&error) && error.certainly_not_applied() => Attempt::NotSent(error),
                Err(error) if is_passing(&error) => Attempt::Unknown(error),
                result => Attempt::Ended(result),
            },
            Ok(Sent::NoResponder) => {
                self.events.forget();
                let detail = "no stream of JetStream takes the subject";
                Attempt::NotSent(HubError::new(ErrorKind::NoResponder, PUBLISH).with_detail(detail))
            }
            Ok(Sent::Lost) => Attempt::Unknown(
                HubError::new(ErrorKind::Unavailable { retry_after: None }, PUBLISH)
                    .with_detail("the connection to NATS was lost before the acknowledgement"),
            ),
            Ok(Sent::Late) => {
                self.link.suspect(begun);
                Attempt::Unknown(attempted(HubError::new(ErrorKind::Timeout, PUBLISH)))
            }
            Err(error) if *error.kind() == ErrorKind::Timeout => {
                self.link.suspect(begun);
                Attempt::NotSent(attempted(error))
            }
            Err(error) => Attempt::Ended(Err(error)),
        }
    }
}

/// How one attempt to publish ended.
enum Attempt {
    Ended(Result<Published>),
    NotSent(HubError),
    Unknown(HubError),
}

/// An error of the last attempt, when an earlier one may have had its effect.
fn uncertain(error: HubError, applied: Applied) -> HubError {
    match applied {
        Applied::Unknown if !error.is_permanent() => error.with_applied(Applied::Unknown),
        _ => error,
    }
}

fn answer(reply: &NatsMessage) -> Result<Published> {
    let corrupt = |detail: &'static str| HubError::new(ErrorKind::Corrupt, PUBLISH).with_detail(detail);
    let answer: Answer = serde_json::from_slice(&reply.payload)
        .map_err(|error| corrupt("the acknowledgement of JetStream cannot be read").with_source(error))?;
    match answer.error {
        // An earlier copy is being kept by the servers of a cluster, or was lost on the way between them.
        Some(error) if error.error_code() == jetstream::ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT => {
            Err(HubError::new(ErrorKind::Unavailable { retry_after: Some(PAUSE) }, PUBLISH)
                .with_detail(format!("JetStream: {error}"))
                .with_applied(Applied::Unknown))
        }
        Some(error) => Err(api_error(PUBLISH, &error)),
        None if answer.stream.is_empty() => Err(corrupt("the acknowledgement of JetStream names no stream")),
        None => Ok(Published { duplicate: answer.duplicate }),
    }
}

/// Publishes a copy of a message that a subscription rejected, and waits until JetStream has kept it.
pub(crate) async fn keep_rejected(
    link: &Link,
    rejected: &EnsuredStream,
    subject: String,
    headers: HeaderMap,
    payload: bytes::Bytes,
    deadline: Instant,
) -> Result<()> {
    let operation = character_message_hub::SETTLE;
    link.ready(operation, deadline).await?;
    rejected.ensure(operation, &subject, deadline).await?;
    match link.call(operation, subject.into(), Some(headers), payload, deadline).await? {
        Sent::Reply(reply) => answer(&reply).map(drop),
        Sent::NoResponder => {
            rejected.forget();
            Err(HubError::new(ErrorKind::Unavailable { retry_after: None }, operation))
        }
        Sent::Lost => Err(HubError::new(ErrorKind::Unavailable { retry_after: None }, operation)),
        Sent::Late => Err(HubError::new(ErrorKind::Timeout, operation)),
    }
}
