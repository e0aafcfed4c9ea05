//! Deliveries as server-sent events.

use super::{
    batch::server_sent,
    deliver::{open as open_session, place},
    elsewhere::{self, Caller, Found, PassedOn, is_passing},
    holders::Place,
    holding::Holding,
    pollers::Subscribes,
    sessions::{Received, Session},
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
use character_message_hub::{
    Applied, Delivery, ErrorKind, HubError, NEXT, Result, SUBSCRIBE, ServiceName, Subscription,
};
use character_message_hub_wire::{self as wire, DeliveryBody, ProblemBody};
use futures_util::stream;
use rand::RngExt as _;
use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};

/// How long a stream is silent at most.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The maximum number of deliveries that a stream fetches at once from another server: they wait here until they are sent.
const AT_ONCE: usize = 32;
/// How long they wait: the time for settling, at least a second, has begun.
const UNSENT: Duration = Duration::from_millis(500);
/// How long a client that left some fetches one at a time: others could have had those that it left.
const SLOW: Duration = Duration::from_secs(60);
/// The pause before a client connects again, in milliseconds: spread, so that the clients of a hub that was restarted do not
/// all come at once.
const RETRY_MS: std::ops::Range<u64> = 1_000..5_000;

/// One open stream.
struct Stream {
    server: Data<HubServer>,
    subscription: Subscription,
    caller: Caller,
    /// Of this server, as long as it holds the subscription.
    session: Option<Arc<Session>>,
    /// What another server has delivered and is not sent yet, and when it is returned.
    found: Option<(Found, VecDeque<DeliveryBody>, Instant)>,
    fetch: Fetch,
    metrics: Metrics,
    token: FollowedToken,
    ended: Ended,
}

/// How many deliveries a stream fetches at once from another server: as many as its client has been fast enough for.
struct Fetch {
    number: usize,
    grows_at: Instant,
}

impl Fetch {
    /// Everything that was fetched is sent in time.
    fn sent(&mut self) {
        if Instant::now() >= self.grows_at {
            self.number = (self.number * 2).min(AT_ONCE);
        }
    }

    /// The client has left some.
    fn left(&mut self) {
        *self = Self { number: 1, grows_at: Instant::now() + SLOW };
    }
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
    patience: CallerDeadline,
    token: FollowedToken,
    mut caller: Caller,
) -> Answer {
    let opening = async {
        match place(&server, &subscription.name, &caller).await? {
            Place::Here(holding) => Ok(Some(open_session(&server, &subscription, holding, caller.subscribes).await?)),
            Place::At(_) => Ok(None),
        }
    };
    let session = patience.limit(SUBSCRIBE, Applied::Unknown, opening).await?;
    if session.is_some() {
        caller.subscribes = Subscribes::Before;
    }
    let metrics = server.metrics().clone();
    metrics.streams.inc();
    let (found, ended) = (None, Ended::No);
    let fetch = Fetch { number: 1, grows_at: Instant::now() };
    let state = Stream { server, subscription, caller, session, found, fetch, metrics, token, ended };
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
        let (mut token, server) = (self.token.clone(), self.server.clone());
        let arrived = tokio::select! {
            biased;
            () = token.revoked() => return Some(self.failed(&revoked())),
            arrived = self.arrival() => arrived,
            () = server.stopped() => return None,
        };
        Some(match arrived {
            Ok(Some(text)) => text.into(),
            Ok(None) => Bytes::from_static(b": heartbeat\n\n"),
            Err(error) => self.failed(&error),
        })
    }

    /// The next delivery as text, wherever it is made. `None`: there was none for a while.
    async fn arrival(&mut self) -> Result<Option<Vec<u8>>> {
        let until = Instant::now() + HEARTBEAT;
        loop {
            if let Some(text) = self.found()? {
                return Ok(Some(text));
            }
            let place = place(&self.server, &self.subscription.name, &self.caller).await;
            let begun = Instant::now();
            let turn = match place.map_err(to_client) {
                Ok(Place::Here(holding)) => self.here(holding, until).await,
                Ok(Place::At(holder)) => {
                    self.session = None;
                    self.elsewhere(&holder, until).await.map(|()| None)
                }
                Err(error) => Err(error),
            };
            match (turn, self.server.holders()) {
                (Ok(Some(text)), _) => return Ok(Some(text)),
                (Ok(None), _) => {}
                // The stream outlasts a holder that ends, and a hub that is away.
                (Err(error), Some(holders)) if is_passing(&error) => {
                    elsewhere::again(holders, &self.subscription.name, begun, &error).await;
                }
                (Err(error), _) => return Err(error),
            }
            if Instant::now() >= until && self.found.is_none() {
                return Ok(None);
            }
        }
    }

    /// A delivery of this server. `None`: there was none, or another server holds the subscription now.
    async fn here(&mut self, holding: Option<Arc<Holding>>, until: Instant) -> Result<Option<Vec<u8>>> {
        let session = match self.session.take().filter(|session| session.is_of(holding.as_ref())) {
            Some(session) => session,
            None => {
                let subscribes = self.caller.subscribes;
                open_session(&self.server, &self.subscription, holding, subscribes).await.map_err(to_client)?
            }
        };
        self.caller.subscribes = Subscribes::Before;
        self.session = Some(Arc::clone(&session));
        let sessions = self.server.sessions();
        let next = async { session.next(&mut *session.deliveries.lock().await, sessions).await };
        let arrived = tokio::select! {
            arrived = timeout_at(until, next) => arrived,
            () = session.ended() => return Ok(None),
        };
        match arrived {
            // The token may have been revoked while the delivery arrived.
            Ok(Ok(delivery)) if !self.token.is_accepted() => {
                sessions.release(vec![sessions.hold(&session, delivery)], Received::Never).await;
                Err(revoked())
            }
            Ok(Ok(delivery)) => self.delivery(&session, delivery).map(Some),
            Ok(Err(error)) => {
                sessions.close(&session);
                Err(to_client(error))
            }
            Err(_) => Ok(None),
        }
    }

    /// Polls at the server that holds the subscription.
    async fn elsewhere(&mut self, holder: &ServiceName, until: Instant) -> Result<()> {
        let (subscription, begun) = (&self.subscription, Instant::now());
        let wait = until.saturating_duration_since(begun).min(elsewhere::TURN);
        let limit = subscription.max_in_flight.min(self.fetch.number);
        let subscribes = self.caller.subscribes;
        let passed_on = PassedOn { subscription, poller: None, received: "", limit, wait, subscribes };
        let found = elsewhere::poll(&self.server, holder, &self.caller, passed_on).await?;
        self.caller.subscribes = Subscribes::Before;
        if !self.token.is_accepted() {
            return Err(revoked());
        }
        if !found.is_empty() {
            let deliveries = found.deliveries()?.deliveries.into();
            self.found = Some((found, deliveries, Instant::now() + UNSENT));
        } else if begun.elapsed() < wait {
            elsewhere::ended_early(&self.server, &subscription.name, begun).await;
        }
        Ok(())
    }

    /// The next of what another server has delivered.
    fn found(&mut self) -> Result<Option<Vec<u8>>> {
        let Some((found, deliveries, until)) = &mut self.found else { return Ok(None) };
        let is_late = Instant::now() >= *until;
        let next = if is_late { None } else { deliveries.pop_front() };
        let Some(DeliveryBody { receipt, attempt, event }) = next else {
            match (deliveries.is_empty(), is_late) {
                // They are delivered again.
                (false, _) => self.fetch.left(),
                (true, false) => self.fetch.sent(),
                (true, true) => {}
            }
            self.found = None;
            return Ok(None);
        };
        let text = server_sent(&event, attempt, receipt.clone())?;
        found.sent_of(&receipt);
        Ok(Some(text))
    }

    fn delivery(&self, session: &Arc<Session>, delivery: Delivery) -> Result<Vec<u8>> {
        // The receipt must be known before the client can use it, and the text needs the delivery.
        let (event, attempt) = (Arc::clone(delivery.event()), delivery.attempt());
        let receipt = self.server.sessions().hold(session, delivery);
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
