//! The context of a request: `If-Match` and `If-None-Match`, `Idempotency-Key`, `X-User-Id`, and what a repeat of the
//! request is recognised by.

use crate::{Problem, condition};
use actix_web::{
    HttpRequest,
    http::header::{HeaderMap, IF_MATCH, IF_NONE_MATCH},
};
use character_domain::{
    json::{self, Bounds},
    size,
};
use character_http_kit::middleware::note_principal;
use character_repositories::{Condition, Idempotency, IdempotencyKey, RequestContext};
use std::borrow::Cow;
use utoipa::{
    IntoParams,
    openapi::{
        Required, Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::ObjectBuilder,
    },
};

/// The longest name of an author, in bytes.
const LONGEST_AUTHOR: usize = 200;
/// The longest idempotency key, in bytes.
const LONGEST_KEY: usize = 255;

/// Of a request that reads one row: it may demand a revision.
pub(crate) fn of_read(request: &HttpRequest) -> Result<RequestContext, Problem> {
    let condition = condition::of_read(request.headers())?;
    Ok(RequestContext { condition, ..RequestContext::default() })
}

/// Of a request that changes a row that exists: it may demand a revision. `body` is the whole body, empty for an
/// operation that takes none.
pub(crate) fn of_change(request: &HttpRequest, body: &[u8]) -> Result<RequestContext, Problem> {
    let condition = condition::of_change(request.headers())?;
    Ok(RequestContext { condition, ..of_creation(request, body)? })
}

/// Of a request that creates something new, for which there is no revision to demand.
pub(crate) fn of_creation(request: &HttpRequest, body: &[u8]) -> Result<RequestContext, Problem> {
    let author = author(request.headers())?;
    let idempotency = key(request.headers())?.map(|key| idempotency(&key, author.as_deref(), request, body));
    Ok(RequestContext { condition: Condition::any(), idempotency, author })
}

/// A key belongs to the caller, the method and the path. The same request is one with the same query, preconditions and
/// body; two JSON bodies are the same when they differ only in white space and in the order of members.
fn idempotency(key: &IdempotencyKey, author: Option<&str>, request: &HttpRequest, body: &[u8]) -> Idempotency {
    // As the endpoints read it: `/%61pi` is `/api`. Paths hold UUIDs, which are the same in either case.
    let path = request.match_info().as_str().to_ascii_lowercase();
    let scope = format!("{} {path} {}", request.method(), author.unwrap_or_default());
    let mut whole = request.query_string().as_bytes().to_vec();
    for header in [IF_MATCH, IF_NONE_MATCH] {
        for value in request.headers().get_all(header) {
            whole.push(b'\n');
            whole.extend(value.as_bytes());
        }
        whole.push(b'\n');
    }
    match canonical(body) {
        Some(canonical) => whole.extend(canonical.as_bytes()),
        None => whole.extend(body),
    }
    Idempotency::new(&scope, key, &whole)
}

/// The body in its one form: no spaces, members in order. `None` when it is no JSON or breaks a limit: then it is refused later.
fn canonical(body: &[u8]) -> Option<Cow<'_, str>> {
    let bounds = Bounds { depth: json::MAX_MESSAGE_DEPTH, values: size::MAX_BULK_VALUES };
    json::canonical(str::from_utf8(body).ok()?, bounds).ok()
}

fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = headers.get_all("idempotency-key");
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().unwrap_or_default();
    let fits = (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if values.next().is_some() || !fits {
        return Err(Problem::malformed_idempotency_key());
    }
    Ok(Some(IdempotencyKey(key.to_owned())))
}

/// Who acts, as the gateway in front names them; it goes into the record of versions.
fn author(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all("x-user-id");
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::field("X-User-Id", "must be given once"));
    }
    // As strict as the record of versions, whose refusal would not name the header.
    let is_visible = |byte: u8| matches!(byte, b' '..=b'~');
    let usable = |text: &&str| (1..=LONGEST_AUTHOR).contains(&text.len()) && text.bytes().all(is_visible);
    let author = value.to_str().ok().map(str::trim).filter(usable);
    let wrong = || Problem::field("X-User-Id", format!("must be 1 to {LONGEST_AUTHOR} visible ASCII characters"));
    let author = author.ok_or_else(wrong)?.to_owned();
    note_principal(author.clone());
    Ok(Some(author))
}

fn header(name: &str, max_length: Option<usize>, description: &str) -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(max_length);
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(text))
        .build()
}

/// The headers of every operation that creates something, for the OpenAPI document.
#[derive(Debug)]
pub(crate) struct CreationHeaders;

impl IntoParams for CreationHeaders {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            header(
                "Idempotency-Key",
                Some(LONGEST_KEY),
                "1 to 255 visible ASCII characters. A repeat of the same request with the same key has no second effect and \
                 returns the first response (status, body, `ETag`, `Location`), for a week. Another request with the same \
                 key is 422 `idempotency-mismatch`. A key is scoped to the author, the method and the path.",
            ),
            header(
                "X-User-Id",
                Some(LONGEST_AUTHOR),
                "The author of the change, as versions record it: 1 to 200 visible ASCII characters.",
            ),
        ]
    }
}

/// The headers of every operation that changes a row, for the OpenAPI document.
#[derive(Debug)]
pub(crate) struct ChangeHeaders;

impl IntoParams for ChangeHeaders {
    fn into_params(parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let if_match =
            "Strong entity tags. The row must have one of them; otherwise the response is 412 `precondition-failed`.";
        let mut headers = vec![header("If-Match", None, if_match)];
        headers.extend(CreationHeaders::into_params(parameter_in));
        headers
    }
}
