//! Which process makes the deliveries of a subscription: a record for each name, the last message of a subject in a stream.

use crate::{
    NatsHub,
    link::Sent,
    stream::{ATTEMPT, api_error},
};
use async_nats::{
    HeaderMap,
    header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
    jetstream::{self, ErrorCode, stream::LastRawMessageErrorKind},
};
use async_trait::async_trait;
use character_message_hub::{ErrorKind, HolderRecord, HolderRecords, HubError, Result, ServiceName, SubscriptionName};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

const HOLD: &str = "hub.hold_subscription";

/// The message.
#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    holder: Option<ServiceName>,
}

/// The answer of JetStream to a message.
#[derive(Deserialize)]
struct Acknowledged {
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    error: Option<jetstream::Error>,
}

fn unavailable() -> HubError {
    HubError::new(ErrorKind::Unavailable { retry_after: None }, HOLD)
}

fn corrupt(error: serde_json::Error) -> HubError {
    HubError::new(ErrorKind::Corrupt, HOLD).with_source(error)
}

fn late() -> HubError {
    let late = HubError::new(ErrorKind::Timeout, HOLD).with_detail("JetStream does not answer");
    late.within("the limit of one attempt", ATTEMPT)
}

impl NatsHub {
    fn record_of(&self, subscription: &SubscriptionName) -> String {
        format!("{}hub.holder.{subscription}", self.prefix())
    }

    /// Waits for the connection, and makes sure that the stream of the records is there.
    async fn ready_to_hold(&self, deadline: Instant) -> Result<()> {
        self.link().ready(HOLD, deadline).await?;
        for pattern in self.holders().subjects() {
            self.holders().ensure(HOLD, pattern, deadline).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl HolderRecords for NatsHub {
    async fn read(&self, subscription: &SubscriptionName) -> Result<Option<HolderRecord>> {
        let (subject, deadline) = (self.record_of(subscription), Instant::now() + ATTEMPT);
        self.ready_to_hold(deadline).await?;
        let reading = async {
            let stream = self.holders().context().get_stream_no_info(self.holders().name()).await;
            let stream = stream.map_err(|error| unavailable().with_source(error))?;
            match stream.get_last_raw_message_by_subject(&subject).await {
                Ok(message) => Ok(Some(message)),
                Err(error) => match error.kind() {
                    LastRawMessageErrorKind::NoMessageFound => Ok(None),
                    LastRawMessageErrorKind::JetStream(cause) => {
                        // It may have been deleted; the next call creates it.
                        self.holders().forget();
                        Err(api_error(HOLD, &cause))
                    }
                    _ => Err(unavailable().with_source(error)),
                },
            }
        };
        let message = timeout_at(deadline, reading).await.map_err(|_| late())??;
        let record = message.map(|message| {
            let Kept { holder } = serde_json::from_slice(&message.payload).map_err(corrupt)?;
            Ok(HolderRecord { revision: message.sequence, holder })
        });
        record.transpose()
    }

    async fn replace(
        &self,
        subscription: &SubscriptionName,
        revision: u64,
        holder: Option<&ServiceName>,
    ) -> Result<Option<u64>> {
        let (subject, deadline) = (self.record_of(subscription), Instant::now() + ATTEMPT);
        let text = serde_json::to_vec(&Kept { holder: holder.cloned() }).map_err(corrupt)?;
        self.ready_to_hold(deadline).await?;
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, revision.to_string());
        let reply = match self.link().call(HOLD, subject.into(), Some(headers), text.into(), deadline).await? {
            Sent::Reply(reply) => reply,
            Sent::NoResponder => {
                self.holders().forget();
                return Err(unavailable().with_detail("no stream of JetStream takes the record of the subscription"));
            }
            Sent::Lost => return Err(unavailable().with_detail("the connection to NATS was lost")),
            Sent::Late => return Err(late()),
        };
        let Acknowledged { seq, error } = serde_json::from_slice(&reply.payload).map_err(corrupt)?;
        match error {
            None => Ok(Some(seq)),
            Some(error) => match error.error_code() {
                ErrorCode::STREAM_WRONG_LAST_SEQUENCE | ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT => Ok(None),
                _ => Err(api_error(HOLD, &error)),
            },
        }
    }
}
