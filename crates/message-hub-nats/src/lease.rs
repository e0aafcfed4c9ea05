//! Which subscriber of a name receives from JetStream: the one that is named in a record of a stream, as long as it renews it.
//!
//! A record is replaced only by a writer that knows the one before it. No clock is compared with that of another machine: the holder
//! counts from before it asks, and another subscriber from when it first sees a record that stays unchanged.

use crate::{
    link::{Link, Sent},
    stream::{ATTEMPT, EnsuredStream, api_error},
};
use async_nats::{
    HeaderMap,
    header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
    jetstream::{self, ErrorCode, stream::LastRawMessageErrorKind},
};
use character_message_hub::{ErrorKind, Filter, HubError, NEXT, Result};
use serde::{Deserialize, Serialize};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout_at};

/// How long a subscriber holds the subscription after it has asked for it.
pub(crate) const TERM: Duration = Duration::from_secs(6);
/// How often the holder renews its record.
pub(crate) const RENEWAL: Duration = Duration::from_millis(1_500);
/// How long another subscriber sees a record unchanged before it replaces it. The difference to [`TERM`] is for a request for events
/// that is still on its way to the server.
const LAPSE: Duration = Duration::from_secs(7);

/// The filter of a subscription, and when a subscriber chose it. The last choice counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChosenFilter {
    pub(crate) types: Filter,
    /// Milliseconds since the beginning of 1970.
    pub(crate) at_ms: u64,
}

/// Who holds a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The subject on which the holder listens to the other subscribers. Absent: it has left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) holder: Option<String>,
    pub(crate) filter: ChosenFilter,
}

/// A record, and its place in the stream.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) sequence: u64,
    pub(crate) record: Record,
}

/// The answer of JetStream to a message.
#[derive(Deserialize)]
struct Acknowledged {
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    error: Option<jetstream::Error>,
}

/// The record of one subscription.
pub(crate) struct Lease {
    link: Arc<Link>,
    stream: Arc<EnsuredStream>,
    subject: String,
    /// The record that was read last, and since when it is unchanged.
    seen: Mutex<Option<(u64, Instant)>>,
}

impl Lease {
    pub(crate) fn new(link: Arc<Link>, stream: Arc<EnsuredStream>, subject: String) -> Self {
        Self { link, stream, subject, seen: Mutex::default() }
    }

    /// The record. `None`: no subscriber has held the subscription lately.
    ///
    /// # Errors
    /// `Timeout`, `Unavailable`, `Forbidden`, `Corrupt`.
    pub(crate) async fn read(&self, deadline: Instant) -> Result<Option<Kept>> {
        let unavailable = || HubError::new(ErrorKind::Unavailable { retry_after: None }, NEXT);
        self.stream.ensure(NEXT, &self.subject, deadline).await?;
        let limit = deadline.min(Instant::now() + ATTEMPT);
        let reading = async {
            let stream = self.stream.context().get_stream_no_info(self.stream.name()).await;
            let stream = stream.map_err(|error| unavailable().with_source(error))?;
            match stream.get_last_raw_message_by_subject(&self.subject).await {
                Ok(message) => Ok(Some(message)),
                Err(error) => match error.kind() {
                    LastRawMessageErrorKind::NoMessageFound => Ok(None),
                    LastRawMessageErrorKind::JetStream(cause) => {
                        // It may have been deleted; the next attempt creates it.
                        self.stream.forget();
                        Err(api_error(NEXT, &cause))
                    }
                    _ => Err(unavailable().with_source(error)),
                },
            }
        };
        let late = || HubError::new(ErrorKind::Timeout, NEXT).with_detail("JetStream does not answer");
        let message = timeout_at(limit, reading).await.map_err(|_| late())??;
        let corrupt = |error| HubError::new(ErrorKind::Corrupt, NEXT).with_source(error);
        let kept = message.map(|message| {
            let record = serde_json::from_slice(&message.payload).map_err(corrupt)?;
            Ok(Kept { sequence: message.sequence, record })
        });
        let kept = kept.transpose()?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match (&kept, *seen) {
            (Some(kept), Some((sequence, _))) if kept.sequence == sequence => {}
            (kept, _) => *seen = kept.as_ref().map(|kept| (kept.sequence, Instant::now())),
        }
        Ok(kept)
    }

    /// Whether this record, which was read last, has been unchanged for so long that its holder has lost the subscription.
    pub(crate) fn has_lapsed(&self, kept: &Kept) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.is_some_and(|(sequence, since)| sequence == kept.sequence && Instant::now() >= since + LAPSE)
    }

    /// Replaces the record with this place in the stream, 0 for none, and returns the new place. `None`: another one is there.
    ///
    /// # Errors
    /// `Timeout`, `Unavailable`, `Forbidden`, `Full`: whether it was replaced is unknown.
    pub(crate) async fn write(&self, record: &Record, expected: u64, deadline: Instant) -> Result<Option<u64>> {
        let corrupt = |error| HubError::new(ErrorKind::Corrupt, NEXT).with_source(error);
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expected.to_string());
        let text = serde_json::to_vec(record).map_err(corrupt)?;
        let sent = self.link.call(NEXT, self.subject.clone().into(), Some(headers), text.into(), deadline).await?;
        let unavailable = || HubError::new(ErrorKind::Unavailable { retry_after: None }, NEXT);
        let reply = match sent {
            Sent::Reply(reply) => reply,
            Sent::NoResponder => {
                self.stream.forget();
                return Err(unavailable().with_detail("no stream of JetStream takes the record of the subscription"));
            }
            Sent::Lost => return Err(unavailable()),
            Sent::Late => {
                return Err(HubError::new(ErrorKind::Timeout, NEXT).with_detail("JetStream does not answer"));
            }
        };
        let answer: Acknowledged = serde_json::from_slice(&reply.payload).map_err(corrupt)?;
        match answer.error {
            None => Ok(Some(answer.seq)),
            Some(error) => match error.error_code() {
                ErrorCode::STREAM_WRONG_LAST_SEQUENCE | ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT => Ok(None),
                _ => Err(api_error(NEXT, &error)),
            },
        }
    }
}
