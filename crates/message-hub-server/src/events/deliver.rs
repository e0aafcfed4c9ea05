//! `GET /v1/events`: deliveries of a durable subscription, as a long poll or a stream.

use super::{
    batch::{Batch, EMPTY, MOVED, response_of},
    elsewhere::{self, Caller, End, PassedOn},
    holders::{Origin, Place},
    holding::Holding,
    passed::Awaited,
    pollers::{Poll, Subscribes},
    sessions::{Received, Session},
    stream,
};
use crate::{
    HubServer, body,
    caller::CallerDeadline,
    refusal::{Answer, Refusal},
};
use actix_web::{HttpRequest, HttpResponse, http::header::ACCEPT, web::Data};
use character_http_kit::{ClientEnd, FollowedToken, QueryParameters};
use character_message_hub::{
    Applied, ErrorKind, Filter, HubError, Result, SUBSCRIBE, ServiceName, Subscription, SubscriptionName,
};
use character_message_hub_wire as wire;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};

/// What a request waits at least: the hub may have to read its disk.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
/// How long the hub may take to open a subscription.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

const PARAMETERS: [&str; 8] =
    ["subscription", "types", "limit", "wait_ms", "max_in_flight", "settle_within_ms", "poller", "received"];

pub(crate) async fn deliver(request: HttpRequest, server: Data<HubServer>) -> Answer {
    let streams = accepts_stream(&request)?;
    let mut query = QueryParameters::among(&PARAMETERS, request.query_string());
    let name = query.required::<SubscriptionName>("subscription");
    let filter = query.parsed::<Filter>("types").unwrap_or_default();
    let max_in_flight = query.number("max_in_flight", 1..=1_000);
    let settle_within = query.number("settle_within_ms", 1_000..=3_600_000).map(Duration::from_millis);
    let limit = query.number("limit", 0..=wire::MAX_LIMIT).unwrap_or(wire::DEFAULT_LIMIT);
    let longest = u64::try_from(wire::LONGEST_WAIT.as_millis()).unwrap_or(u64::MAX);
    let wait = Duration::from_millis(query.number("wait_ms", 0..=longest).unwrap_or(0));
    let received = query.text("received").unwrap_or_default();
    // A stream ignores the poller, since only a long poll can repeat a response.
    let poller = if streams { query.text("poller").and(None) } else { query.parsed::<SubscriptionName>("poller") };
    let mut subscription = Subscription::new(query.finish_with(name)?, filter);
    subscription.max_in_flight = max_in_flight.unwrap_or(subscription.max_in_flight);
    subscription.settle_within = settle_within.unwrap_or(subscription.settle_within);
    let patience = CallerDeadline::of(request.headers())?;
    let (mut token, caller) = (server.follow(request.headers()), Caller::of(request.headers()));
    let awaited = server.passed().begin(caller.origin);
    if streams {
        return stream::open(server, subscription, patience, token, caller).await;
    }
    let deadline = patience.or_earlier(Instant::now() + wait.max(SHORTEST_WAIT));
    let asked = Asked { subscription, poller, received, limit, deadline, awaited };
    let followed = token.clone();
    let polling = poll(&server, &asked, patience, &followed, &caller);
    tokio::select! {
        biased;
        () = token.revoked() => Err(Refusal::unauthorized()),
        // Nobody reads the response, so the deliveries are for another poll.
        () = ClientEnd::of(&request) => Ok(HttpResponse::NoContent().finish()),
        () = asked.awaited.ended() => Ok(response_of(EMPTY)),
        answer = polling => answer,
    }
}

/// What a long poll asks for.
struct Asked {
    subscription: Subscription,
    /// The name of the client, if it names itself.
    poller: Option<SubscriptionName>,
    /// The id of the last batch that the poller received.
    received: String,
    limit: usize,
    deadline: Instant,
    awaited: Awaited,
}

/// The response of whichever server holds the subscription, which may change while the request waits.
async fn poll(
    server: &HubServer,
    asked: &Asked,
    patience: CallerDeadline,
    token: &FollowedToken,
    caller: &Caller,
) -> Answer {
    let mut caller = caller.clone();
    loop {
        let place = async { Ok(place(server, &asked.subscription.name, &caller).await?) };
        let polled = match patience.limit(SUBSCRIBE, Applied::Unknown, place).await? {
            Place::Here(holding) => poll_here(server, asked, patience, token, (holding, &mut caller)).await?,
            Place::At(holder) => poll_at(server, asked, &holder, token, &mut caller).await?,
        };
        match polled {
            Some(response) => return Ok(response),
            None if Instant::now() >= asked.deadline => return Ok(response_of(EMPTY)),
            // The server that has passed it on asks the next holder, which must not take the types again.
            None if caller.origin != Origin::Client => return Ok(response_of(MOVED)),
            None => {}
        }
    }
}

/// Where the deliveries of a subscription are made.
pub(super) async fn place(server: &HubServer, name: &SubscriptionName, caller: &Caller) -> Result<Place> {
    match server.holders() {
        Some(holders) => holders.place(name, caller.origin).await,
        None => Ok(Place::Here(None)),
    }
}

/// A poll at this server. `None`: another one holds the subscription now, or will. Once the types of the poll were taken it subscribes no more.
async fn poll_here(
    server: &HubServer,
    asked: &Asked,
    patience: CallerDeadline,
    token: &FollowedToken,
    (holding, caller): (Option<Arc<Holding>>, &mut Caller),
) -> Answer<Option<HttpResponse>> {
    let (limit, deadline) = (asked.limit, asked.deadline);
    let begin = begin(server, asked, holding, caller.subscribes);
    let (mut poll, session) = patience.limit(SUBSCRIBE, Applied::Unknown, begin).await?;
    caller.subscribes = Subscribes::Before;
    let mut batch = Batch::new(server, Arc::clone(&session));
    if limit > 0 {
        let ended = async {
            match &mut poll {
                Some(poll) => poll.ended().await,
                None => std::future::pending().await,
            }
        };
        let has_ended = tokio::select! {
            filled = batch.fill(limit, deadline) => { filled?; false }
            // A client asks another server itself.
            () = server.stopped() => caller.origin != Origin::Client,
            () = ended => false,
            () = session.ended() => true,
        };
        if has_ended && batch.is_empty() {
            return Ok(None);
        }
    }
    // The token may have been revoked while the batch was filled.
    if !token.is_accepted() {
        return Err(Refusal::unauthorized());
    }
    Ok(Some(batch.response(poll, &asked.awaited)))
}

/// The same at the server that holds the subscription, for a part of the time. `None`: nothing came.
async fn poll_at(
    server: &HubServer,
    asked: &Asked,
    holder: &ServiceName,
    token: &FollowedToken,
    caller: &mut Caller,
) -> Answer<Option<HttpResponse>> {
    let Asked { subscription, poller, received, limit, deadline, .. } = asked;
    let begun = Instant::now();
    let wait = deadline.saturating_duration_since(begun).min(elsewhere::TURN);
    let (poller, subscribes) = (poller.as_ref(), caller.subscribes);
    let passed_on = PassedOn { subscription, poller, received, limit: *limit, wait, subscribes };
    let found = tokio::select! {
        found = elsewhere::poll(server, holder, caller, passed_on) => found,
        () = server.stopped() => return Ok(Some(response_of(EMPTY))),
    };
    let found = match found {
        Ok(found) => found,
        Err(error) if elsewhere::is_passing(&error) => {
            if let Some(holders) = server.holders() {
                elsewhere::again(holders, &subscription.name, begun, &error).await;
            }
            return if Instant::now() < *deadline { Ok(None) } else { Err(error.into()) };
        }
        Err(error) => return Err(error.into()),
    };
    caller.subscribes = Subscribes::Before;
    if !token.is_accepted() {
        return Err(Refusal::unauthorized());
    }
    let is_early = begun.elapsed() < wait;
    // Another request of the poller has ended this one.
    let is_replaced = is_early && poller.is_some() && found.end == End::Other;
    if !found.is_empty() {
        return Ok(Some(response_of(found.sent())));
    }
    if *limit == 0 || Instant::now() >= *deadline || is_replaced {
        return Ok(Some(response_of(EMPTY)));
    }
    if is_early {
        elsewhere::ended_early(server, &subscription.name, begun).await;
    }
    Ok(None)
}

/// The request of a poller that names itself, and the session of the subscription.
async fn begin(
    server: &HubServer,
    asked: &Asked,
    holding: Option<Arc<Holding>>,
    subscribes: Subscribes,
) -> Answer<(Option<Poll>, Arc<Session>)> {
    let Asked { subscription, received, .. } = asked;
    let poll = match &asked.poller {
        Some(poller) => {
            let (key, filter) = ((subscription.name.clone(), poller.clone()), &subscription.filter);
            Some(server.pollers().begin(server.sessions(), key, received, filter).await)
        }
        None => None,
    };
    let repeats = poll.as_ref().is_some_and(|poll| poll.subscribes == Subscribes::Before);
    let subscribes = if repeats { Subscribes::Before } else { subscribes };
    let session = open(server, subscription, holding, subscribes).await?;
    Ok((poll, session))
}

/// `DELETE /v1/events`: a poller leaves.
pub(crate) async fn leave(request: HttpRequest, server: Data<HubServer>) -> Answer {
    let caller = Caller::of(request.headers());
    if let (Origin::Server(id), "") = (caller.origin, request.query_string()) {
        server.sessions().release(server.passed().end(id), Received::Never).await;
        return Ok(HttpResponse::NoContent().finish());
    }
    let mut query = QueryParameters::among(&["subscription", "poller", "received"], request.query_string());
    let (subscription, poller) = (query.required("subscription"), query.required("poller"));
    let received = query.text("received").unwrap_or_default();
    let key = query.finish_with(subscription.zip(poller))?;
    if let Place::At(holder) = place(&server, &key.0, &caller).await? {
        elsewhere::leave(&server, &holder, &caller, &key, &received).await?;
        return Ok(HttpResponse::NoContent().finish());
    }
    server.pollers().end(server.sessions(), &key, &received).await;
    Ok(HttpResponse::NoContent().finish())
}

/// The session of a subscription, within the time that opening it may take.
pub(super) async fn open(
    server: &HubServer,
    subscription: &Subscription,
    holding: Option<Arc<Holding>>,
    subscribes: Subscribes,
) -> Result<Arc<Session>> {
    let (mut subscription, sessions) = (subscription.clone(), server.sessions());
    if subscribes == Subscribes::Before
        && let Some(types) = sessions.filter(&subscription.name)
    {
        subscription.filter = types;
    }
    if let Some(session) = sessions.find(&subscription, holding.as_ref()) {
        return Ok(session);
    }
    let asked = Instant::now();
    let opening = async {
        // The types that one request reads are the last ones until its session is open: another one could open a session with new ones
        // in between.
        let mut failure = sessions.enter(&subscription.name).await;
        // Requests that have waited share a failure: one after another they would wait longer than they have time.
        if let Some((_, error)) = failure.as_ref().filter(|(at, _)| asked < *at) {
            return Err(error.clone());
        }
        let opened = async {
            if subscribes == Subscribes::Before
                && let Some(types) = types(server, &subscription.name).await?
            {
                subscription.filter = types;
            }
            sessions.open(server.hub(), &subscription, holding).await
        };
        let opened = opened.await;
        // A permanent one may be of the limits or the types of this request.
        let shared = opened.as_ref().err().filter(|error| !error.is_permanent());
        *failure = shared.map(|error| (Instant::now(), error.clone()));
        opened
    };
    let opened = timeout(OPEN_TIMEOUT, opening).await;
    let late =
        || HubError::new(ErrorKind::Timeout, SUBSCRIBE).within("the limit of opening a subscription", OPEN_TIMEOUT);
    opened.map_err(|_| late())?
}

/// The types that the last subscriber has asked for, at this server, or at any one before. `None`: they are unknown.
async fn types(server: &HubServer, name: &SubscriptionName) -> Result<Option<Filter>> {
    match (server.sessions().filter(name), server.known_types()) {
        (None, Some(hub)) => hub.types(name).await,
        (known, _) => Ok(known),
    }
}

fn accepts_stream(request: &HttpRequest) -> Answer<bool> {
    let accepted = body::text(request.headers(), ACCEPT.as_str())?.unwrap_or_default();
    Ok(accepted.split(',').any(|range| wire::is_media_type(range, wire::EVENT_STREAM)))
}
