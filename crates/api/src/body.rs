//! Reads a request body: checks its media type, size, speed and depth, then parses its JSON.

use crate::{Api, ApiLimits, Problem, object::Object};
use actix_web::{
    HttpRequest,
    http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue},
    web::Payload,
};
use bytes::Bytes;
use character_domain::{
    Violations,
    json::{self, Bounds, ScanError},
    size,
};
use character_http_kit::{BodyError, BodyLimits, read_body};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

/// The media types that an operation accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// `application/json`, and `application/…+json` except the patch formats.
    Json,
    /// `application/merge-patch+json` alone: with plain JSON it would be unclear whether absent fields stay.
    MergePatch,
}

impl Media {
    fn takes(self, essence: &str) -> bool {
        match self {
            Self::Json => {
                essence == "application/json"
                    || (essence.starts_with("application/")
                        && essence.ends_with("+json")
                        && !essence.ends_with("-patch+json"))
            }
            Self::MergePatch => essence == "application/merge-patch+json",
        }
    }

    fn refusal(self) -> Problem {
        let (header, takes) = match self {
            Self::Json => (ACCEPT, "application/json"),
            Self::MergePatch => (HeaderName::from_static("accept-patch"), "application/merge-patch+json"),
        };
        Problem::unsupported_media_type(format!("{takes} in UTF-8, not compressed, is accepted"))
            .with_header(header, HeaderValue::from_static(takes))
    }
}

/// The whole body, of at most `limit` bytes, which must arrive as fast as `limits` demand.
pub(crate) async fn read(
    request: &HttpRequest,
    payload: Payload,
    media: Media,
    limit: usize,
    limits: &ApiLimits,
) -> Result<Bytes, Problem> {
    let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    if header(CONTENT_TYPE).is_some_and(|value| !acceptable(media, value))
        || header(CONTENT_ENCODING).is_some_and(|value| !value.eq_ignore_ascii_case("identity"))
    {
        return Err(media.refusal());
    }
    let taken = BodyLimits { bytes: limit, timeout: limits.body_timeout, rate: limits.body_rate };
    let body = read_body(request.headers(), payload, taken).await.map_err(|error| match error {
        BodyError::TooLarge => Problem::body_too_large(limit),
        BodyError::TwoMediaTypes => media.refusal().with_detail(error.to_string()),
        BodyError::Late => Problem::body_timeout(),
        BodyError::Unreadable(error) => Problem::malformed(format!("the body ended too early: {error}")),
    })?;
    if body.is_empty() {
        return Err(Problem::malformed("the body is empty"));
    }
    if header(CONTENT_TYPE).is_none() {
        return Err(media.refusal());
    }
    Ok(body)
}

/// The whole body of a request about one row.
pub(crate) async fn of_row(api: &Api, request: &HttpRequest, payload: Payload, media: Media) -> Result<Bytes, Problem> {
    read(request, payload, media, api.limits.body, &api.limits).await
}

fn acceptable(media: Media, content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let charset =
        parts.filter_map(|parameter| parameter.split_once('=')).find(|(name, _)| name.eq_ignore_ascii_case("charset"));
    media.takes(&essence) && charset.is_none_or(|(_, value)| value.trim_matches('"').eq_ignore_ascii_case("utf-8"))
}

/// The object in a body that holds one character. Its sheet may have the full depth of a sheet.
pub(crate) fn object(body: &[u8]) -> Result<Object, Problem> {
    character(body).map_err(|refusal| match refusal {
        UnreadableBody::Syntax(error) => Problem::malformed(error.to_string()),
        UnreadableBody::Invalid(violations) => Problem::invalid(violations),
    })
}

/// Why a text is rejected as the object that holds a character.
#[derive(Debug)]
pub(crate) enum UnreadableBody {
    /// Not JSON.
    Syntax(serde_json::Error),
    /// JSON that breaks a rule.
    Invalid(Violations),
}

/// What the object that holds one character may hold. The depth of a document is one less than that of the whole.
const BOUNDS: Bounds = Bounds { depth: json::MAX_DEPTH + 1, values: size::MAX_ROW_VALUES };

/// The object that holds one character.
pub(crate) fn character(text: &[u8]) -> Result<Object, UnreadableBody> {
    match Object::read(text, BOUNDS) {
        Some(object) => Ok(object),
        None => Err(refusal(text)),
    }
}

/// What is wrong with a text that is not read as the object that holds one character.
fn refusal(text: &[u8]) -> UnreadableBody {
    if let Err(error) = json::scan(text, BOUNDS.depth, BOUNDS.values) {
        return UnreadableBody::Invalid(match error {
            ScanError::TooDeep { levels, member } => {
                let field = member.unwrap_or_else(|| "body".to_owned());
                Violations::one(field, format!("must not be nested deeper than {} levels", levels - 1))
            }
            ScanError::TooMany(values) => Violations::one("body", size::too_many_values(values)),
            ScanError::Member { path, reason } => Violations::one(path, reason),
        });
    }
    // A tree is built for what the grammar allows alone: a string that is no Unicode text is found by reading it.
    let syntax = parse::<IgnoredAny>(text).err().or_else(|| parse::<Value>(text).err());
    let not_an_object = || UnreadableBody::Invalid(Violations::one("body", "must be an object"));
    syntax.map_or_else(not_an_object, UnreadableBody::Syntax)
}

/// Parses at any depth: only for text that was scanned, or into types that do not recur.
pub(crate) fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> serde_json::Result<T> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    deserializer.disable_recursion_limit();
    let value = T::deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}
