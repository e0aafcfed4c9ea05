//! The terms of an act, from the headers: `If-Match` and `If-None-Match`, `Idempotency-Key`, `X-User-Id`.

use crate::{Problem, condition, idempotency};
use actix_web::http::header::HeaderMap;
use character_repositories::{Condition, Terms};

/// Longest name of an author.
const LONGEST: usize = 200;

/// Of an act on a row that is there: it may demand a revision.
pub(crate) fn of_change(headers: &HeaderMap) -> Result<Terms, Problem> {
    let condition = condition::of_change(headers)?;
    Ok(Terms { condition, key: idempotency::key(headers)?, author: author(headers)? })
}

/// Of an act that makes something new, for which there is no revision to demand.
pub(crate) fn of_creation(headers: &HeaderMap) -> Result<Terms, Problem> {
    Ok(Terms { condition: Condition::any(), key: idempotency::key(headers)?, author: author(headers)? })
}

/// Who asks, in the words of whoever lets people in; it goes into the record of versions.
fn author(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("x-user-id") else { return Ok(None) };
    let author = value.to_str().ok().map(str::trim).filter(|text| (1..=LONGEST).contains(&text.len()));
    let wrong = || Problem::field("X-User-Id", format!("must be 1 to {LONGEST} visible ASCII characters"));
    author.map(|text| Some(text.to_owned())).ok_or_else(wrong)
}
