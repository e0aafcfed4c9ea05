//! `/api/v2/stream`: live updates, as server-sent events.

use crate::{Api, Problem, answer::Answer, fields};
use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{CACHE_CONTROL, HeaderName},
    },
    web::{Bytes, Data},
};
use character_domain::{CampaignId, CharacterId, Violations};
use character_http_kit::{EVENT_STREAM, Endpoint, Endpoints, QueryParameters};
use character_live_updates::{Interest, LiveItem, LiveUpdate};
use character_repositories::RepositoryError;
use character_storage_port::LogCursor;
use futures_util::stream;
use std::{convert::Infallible, time::Duration};
use uuid::Uuid;

/// The path of the stream.
pub(crate) const PATH: &str = "/api/v2/stream";
/// The maximum number of characters and campaigns of one stream.
const MAX_NAMED: usize = 500;
/// When a client whose connection broke connects again.
const RETRY: Duration = Duration::from_secs(2);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx not to collect the response.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

pub(crate) fn register(endpoints: &mut Endpoints) {
    Endpoint::at(PATH).get(updates).register(endpoints);
}

/// Streams the changes of characters and campaigns as server-sent events, until the client or the service ends it.
///
/// The first event is `hello`: a state that is read after it is at least as new as the stream. Each `update` names a
/// character or a campaign that changed, its new revision and the names of the changed fields; read the row to get its
/// state. After `reset`, updates may be missing: read everything again. A comment is sent after 15 s of silence.
/// An update can be delivered twice, with the same `id` in its data.
#[utoipa::path(
    get, path = "/api/v2/stream", tag = "live", operation_id = "streamUpdates",
    params(
        ("character" = Option<Vec<uuid::Uuid>>, Query, style = Form, description = "Characters to report, repeated or separated by commas. At least one character or campaign, at most 500 together, and no more than fit into a request head of 16 KiB: about 430, separated by commas."),
        ("campaign" = Option<Vec<uuid::Uuid>>, Query, style = Form, description = "Campaigns to report, with their characters; repeated or separated by commas."),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that the client received. The stream continues behind it, in any process of the service."),
    ),
    responses(
        (status = 200, content_type = "text/event-stream", body = String, description = "The stream: events `hello`, `update` and `reset`. The data of `update` is an object with `id`, `type`, `time`, `character`, `campaigns`, `revision` and `changed`"),
        (status = 422, body = crate::ProblemBody, content_type = "application/problem+json", description = "`invalid`: `errors` names every parameter and header at fault"),
        (status = 503, body = crate::ProblemBody, content_type = "application/problem+json", description = "`storage-unavailable`: try again after the time in `Retry-After`"),
    ),
)]
pub(crate) async fn updates(api: Data<Api>, request: HttpRequest) -> Answer {
    let interest = interest(request.query_string())?;
    let resume = last_event_id(&request)?;
    let opened = api.live.open(interest, resume).await.map_err(RepositoryError::Storage)?;
    // The answer to `HEAD` says that a stream would open, and has no body that would ever end one.
    let opened = (*request.method() != Method::HEAD).then_some(opened);
    let body = stream::unfold(opened, |opened| async move {
        let mut opened = opened?;
        let item = opened.next().await?;
        Some((Ok::<_, Infallible>(event(&item)), Some(opened)))
    });
    Ok(HttpResponse::Ok()
        .content_type(EVENT_STREAM)
        .insert_header((CACHE_CONTROL, "no-store, no-transform"))
        .insert_header((ACCEL_BUFFERING, "no"))
        .streaming(body))
}

/// The characters and campaigns that the parameters name.
fn interest(query_string: &str) -> Result<Interest, Problem> {
    let (mut interest, mut faults) = (Interest::default(), Violations::default());
    for (name, value) in url::form_urlencoded::parse(query_string.as_bytes()) {
        let ids = value.split(',').map(str::trim).filter(|text| !text.is_empty());
        let ids: Option<Vec<Uuid>> = ids.map(fields::uuid).collect();
        match (&*name, ids) {
            ("character", Some(ids)) => interest.characters.extend(ids.into_iter().map(CharacterId::from)),
            ("campaign", Some(ids)) => interest.campaigns.extend(ids.into_iter().map(CampaignId::from)),
            ("character" | "campaign", None) => faults.push(name, "must be UUIDs, separated by commas"),
            _ => faults.push(name, QueryParameters::UNKNOWN),
        }
    }
    let named = interest.characters.len() + interest.campaigns.len();
    if faults.is_empty() && named == 0 {
        faults.push("character", "is required when no campaign is given");
    }
    if named > MAX_NAMED {
        faults.push("character", format!("must not name more than {MAX_NAMED} characters and campaigns together"));
    }
    if faults.is_empty() { Ok(interest) } else { Err(Problem::invalid(faults)) }
}

/// Where an earlier stream ended. An empty header is sent by a browser that has received no id.
fn last_event_id(request: &HttpRequest) -> Result<Option<LogCursor>, Problem> {
    let Some(value) = request.headers().get(LAST_EVENT_ID).filter(|value| !value.is_empty()) else { return Ok(None) };
    let cursor = value.to_str().ok().and_then(|text| text.parse().ok());
    cursor.map(Some).ok_or_else(|| Problem::field("Last-Event-ID", "must be the id of an event of this stream"))
}

/// An item in the format of server-sent events.
fn event(item: &LiveItem) -> Bytes {
    match item {
        LiveItem::Hello { id } => {
            format!("retry: {}\nid: {id}\nevent: hello\ndata: {{}}\n\n", RETRY.as_millis()).into()
        }
        LiveItem::Update { id: Some(id), update } => format!("id: {id}\n{}", described(update)).into(),
        LiveItem::Update { id: None, update } => described(update).into(),
        LiveItem::Reset { id } => format!("id: {id}\nevent: reset\ndata: {{}}\n\n").into(),
        LiveItem::Heartbeat => Bytes::from_static(b": heartbeat\n\n"),
        LiveItem::End { retry } => format!("retry: {}\n\n", retry.as_millis()).into(),
    }
}

fn described(update: &LiveUpdate) -> String {
    // JSON in one line, whatever its strings hold. An update consists of ids, numbers and names, which can always be written.
    let data = serde_json::to_string(update).unwrap_or_default();
    format!("event: update\ndata: {data}\n\n")
}
