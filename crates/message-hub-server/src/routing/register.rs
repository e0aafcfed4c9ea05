//! Instances that register themselves.

use super::{
    router::{News, NotRegistered},
    sharing::{Notice, Registration},
};
use crate::{
    HubServer, body,
    caller::CallerDeadline,
    config::{InstanceUrl, InvalidInstance},
    refusal::{Answer, Refusal},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::CACHE_CONTROL},
    web::{Data, Path, Payload},
};
use character_http_kit::{Problem, QueryParameters};
use character_message_hub::{Applied, ErrorKind, HubError, InvalidName, ServiceName};
use character_message_hub_wire::{DEFAULT_TTL, InstanceBody, LeaseBody, MAX_TTL, MIN_TTL};
use std::time::Duration;

/// The name of the operation.
const REGISTER: &str = "register";

/// The maximum size of a registration, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// The maximum length of the id of an instance, in bytes.
const MAX_ID: usize = 128;

pub(super) fn service(text: &str) -> Answer<ServiceName> {
    text.parse().map_err(|error: InvalidName| Refusal::field("name", &error.to_string()))
}

fn instance(path: &Path<(String, String)>) -> Answer<(ServiceName, &str)> {
    let id = path.1.as_str();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if !(1..=MAX_ID).contains(&id.len()) || !id.bytes().all(is_plain) {
        return Err(Refusal::field("id", "must be 1 to 128 of the characters A-Z, a-z, 0-9, -, _, . and :"));
    }
    Ok((service(&path.0)?, id))
}

impl From<NotRegistered> for Refusal {
    fn from(refused: NotRegistered) -> Self {
        match refused {
            NotRegistered::Full => {
                HubError::new(ErrorKind::Full, "register").with_detail("the hub has the maximum of instances").into()
            }
            NotRegistered::OfConfiguration => {
                let title = "The instance is of the configuration";
                Self::of(Problem::new(StatusCode::CONFLICT, "instance-of-configuration", title))
            }
        }
    }
}

pub(crate) async fn register(
    request: HttpRequest,
    path: Path<(String, String)>,
    payload: Payload,
    server: Data<HubServer>,
) -> Answer {
    QueryParameters::among(&[], request.query_string()).finish()?;
    let (name, id) = instance(&path)?;
    let reading = body::message(&request, payload, server.body_limits(MAX_BYTES));
    let body: InstanceBody = CallerDeadline::of(request.headers())?.limit(REGISTER, Applied::No, reading).await?;
    let url = body.url.parse::<InstanceUrl>();
    let url = url.map_err(|error: InvalidInstance| Refusal::field("url", &error.to_string()))?;
    let ttl = body.ttl_ms.map_or(DEFAULT_TTL, Duration::from_millis);
    if !(MIN_TTL..=MAX_TTL).contains(&ttl) {
        return Err(Refusal::field("ttl_ms", "must be from 1000 to 600000"));
    }
    let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
    server.router().register(&name, id, url.clone(), ttl, News::Change)?;
    if let Some(sharing) = server.sharing() {
        let registration = Registration { service: name, id: id.to_owned(), url: url.as_str().to_owned(), ttl_ms };
        sharing.report(Notice::Registered(registration));
    }
    Ok(HttpResponse::Ok().json(LeaseBody { ttl_ms }))
}

pub(crate) async fn deregister(request: HttpRequest, path: Path<(String, String)>, server: Data<HubServer>) -> Answer {
    QueryParameters::among(&[], request.query_string()).finish()?;
    let (name, id) = instance(&path)?;
    let was_registered = server.router().deregister(&name, id)?;
    if let Some(sharing) = server.sharing() {
        // Another server may know it, although this one does not.
        sharing.report(Notice::Removed { service: name, id: id.to_owned() });
    }
    match was_registered {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(Refusal::not_found("the service has no instance of this id")),
    }
}

pub(crate) async fn services(request: HttpRequest, server: Data<HubServer>) -> Answer {
    QueryParameters::among(&[], request.query_string()).finish()?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(server.router().report()))
}
