//! Keeps for operators what a subscription does not take: events that its subscribers reject, and messages that are no events.

use crate::{
    codec,
    feed::{CALL, Feed, Received},
    publish::keep_rejected,
    rejections,
};
use async_nats::{HeaderMap, Message, Subject};
use bytes::Bytes;
use character_error_reporter::redacted;
use character_message_hub::{ErrorKind, HubError, NEXT, Result};
use tokio::time::Instant;

impl Feed {
    /// Takes a message that is no event out of the subscription, and keeps it for operators. The subscriber learns of it only when
    /// that fails: an error would end the polls that wait for events.
    pub(crate) async fn refuse(&self, sequence: u64, address: Subject, message: Message, reason: String) {
        tracing::warn!(subscription = %self.subscription().name, sequence, reason, "a message is no event");
        let headers = message.headers.unwrap_or_default();
        match self.keep(sequence, &message.subject, headers, message.payload, &reason).await {
            Ok(()) => self.send(address, "+TERM").await,
            Err(error) => {
                tracing::warn!(error = %redacted(&error), sequence, "the message could not be kept for operators; it comes again");
                self.report(
                    HubError::new(ErrorKind::Corrupt, NEXT).with_detail(format!("message {sequence}: {reason}")),
                );
            }
        }
    }

    /// Keeps a rejected event for operators.
    ///
    /// # Errors
    /// It may not have been kept.
    pub(crate) async fn keep_rejected(&self, received: &Received, reason: &str) -> Result<()> {
        let headers = received.headers.clone();
        self.keep(received.sequence, &received.subject, headers, received.payload.clone(), reason).await
    }

    async fn keep(
        &self,
        sequence: u64,
        subject: &Subject,
        mut headers: HeaderMap,
        payload: Bytes,
        reason: &str,
    ) -> Result<()> {
        let name = &self.subscription().name;
        // A repeat comes from the same consumer. From another one it is another event, or one whose record was removed with its subscription.
        let consumer = self.origin().consumer;
        headers.insert(codec::MESSAGE_ID, format!("{name}/{consumer}/{sequence}"));
        headers.insert("Hub-Rejected-By", name.as_str());
        headers.insert(rejections::REASON, crate::percent::header(reason));
        headers.insert("Hub-Rejected-Sequence", sequence.to_string());
        headers.insert("Hub-Rejected-Subject", subject.as_str());
        // A message of the largest size has no room for more headers.
        let fits = crate::publish::header_size(&headers) + payload.len() <= self.link.max_payload();
        let payload = if fits { payload } else { Bytes::new() };
        let target = rejections::subject_of(&self.prefix, name);
        let kept = keep_rejected(&self.link, &self.rejected, target, headers, payload, Instant::now() + CALL).await;
        kept.map_err(|error| error.within("the limit of keeping a rejected event", CALL))
    }
}
