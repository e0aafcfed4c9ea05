//! Deliveries as server-sent events.

use super::{
    deliver::{open as open_session, server_sent},
    sessions::Session,
};
use crate::{
    HubServer,
    caller::CallerDeadline,
    metrics::Metrics,
    refusal::{Answer, to_client},
};
use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_ENCODING},
    web::{Bytes, Data},
};
use character_http_kit::FollowedToken;
use character_message_hub::{Applied, Delivery, ErrorKind, HubError, NEXT, Result, SUBSCRIBE, Subscription};
use character_message_hub_wire::{self as wire, ProblemBody};
use futures_util::stream;
use rand::RngExt as _;
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long a stream is silent at most.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The pause before a client connects again, in milliseconds: spread, so that the clients of a hub that was restarted do not
/// all come at once.
const RETRY_MS: std::ops::Range<u64> = 1_000..5_000;

/// One open stream.
struct Stream {
    server: Data<HubServer>,
    session: Arc<Session>,
    metrics: Metrics,
    token: FollowedToken,
    ended: Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    No,
    Yes,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.metrics.streams.dec();
    }
}

pub(super) async fn open(
    server: Data<HubServer>,
    subscription: Subscription,
    caller: CallerDeadline,
    token: FollowedToken,
) -> Answer {
    let opening = async { Ok(open_session(&server, &subscription).await?) };
    let session = caller.limit(SUBSCRIBE, Applied::Unknown, opening).await?;
    let metrics = server.metrics().clone();
    metrics.streams.inc();
    let state = Stream { server, session, metrics, token, ended: Ended::No };
    let retry = rand::rng().random_range(RETRY_MS);
    let first = Bytes::from(format!("retry: {retry}\n\n"));
    let rest = stream::unfold(state, |mut state| async { Some((state.next().await?, state)) });
    let body = stream::StreamExt::chain(stream::iter([first]), rest);
    let body = stream::StreamExt::map(body, Ok::<_, Infallible>);
    Ok(HttpResponse::Ok()
        .content_type(wire::EVENT_STREAM)
        .insert_header((CACHE_CONTROL, "no-store, no-transform"))
        .insert_header((CONTENT_ENCODING, "identity"))
        .streaming(body))
}

fn revoked() -> HubError {
    HubError::new(ErrorKind::Unauthorized, NEXT).with_detail("the token of the stream is not accepted any more")
}

impl Stream {
    /// The next part of the stream; `None`: it has ended.
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended == Ended::Yes {
            return None;
        }
        let session = Arc::clone(&self.session);
        let arrived = tokio::select! {
            biased;
            () = self.token.revoked() => return Some(self.failed(&revoked())),
            arrived = timeout(HEARTBEAT, async { session.deliveries.lock().await.next().await }) => arrived,
            () = self.server.stopped() => return None,
        };
        match arrived {
            // The token may have been revoked while the delivery arrived.
            Ok(Ok(delivery)) if !self.token.is_accepted() => {
                let receipt = self.server.sessions().hold(&self.session, delivery);
                self.server.sessions().release(vec![receipt]).await;
                Some(self.failed(&revoked()))
            }
            Ok(Ok(delivery)) => match self.delivery(delivery) {
                Ok(text) => Some(text.into()),
                Err(error) => Some(self.failed(&error)),
            },
            Ok(Err(error)) => {
                self.server.sessions().close(&self.session);
                Some(self.failed(&to_client(error)))
            }
            Err(_) => Some(Bytes::from_static(b": heartbeat\n\n")),
        }
    }

    fn delivery(&mut self, delivery: Delivery) -> Result<Vec<u8>> {
        // The receipt must be known before the client can use it, and the text needs the delivery.
        let (event, attempt) = (Arc::clone(delivery.event()), delivery.attempt());
        let receipt = self.server.sessions().hold(&self.session, delivery);
        self.metrics.delivered.inc();
        server_sent(&event, attempt, receipt)
    }

    /// The last part of a stream that cannot continue.
    fn failed(&mut self, error: &HubError) -> Bytes {
        self.ended = Ended::Yes;
        let (code, detail) = (error.kind().code().to_owned(), error.detail().map(str::to_owned));
        let problem = ProblemBody { code: Some(code), detail, ..ProblemBody::default() };
        // Texts alone, which can always be written.
        let problem = serde_json::to_string(&problem).unwrap_or_default();
        format!("event: hub.problem\ndata: {problem}\n\n").into()
    }
}
