//! The `Idempotency-Key` header.

use crate::Problem;
use actix_web::http::header::HeaderMap;
use character_repositories::IdempotencyKey;

/// The key of the request, when it has one.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = headers.get_all("idempotency-key");
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().unwrap_or_default();
    if values.next().is_some() || !(1..=255).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::malformed_idempotency_key());
    }
    Ok(Some(IdempotencyKey(key.to_owned())))
}
