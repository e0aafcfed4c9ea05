//! Bulk creation of characters.

use super::{BulkCreatedBody, BulkItemBody, BulkOutcomeBody, BulkRequest, input};
use crate::{
    Api, Problem, ProblemBody,
    body::{self, Media},
    bulk::{self, Bulk, BulkOutcome},
    context::{self, CreationHeaders},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use character_repositories::Atomicity;

/// Creates up to 1000 characters: either all or none (`atomic`, the default), or each on its own.
#[utoipa::path(
    post, path = "/api/v2/characters/bulk", tag = "characters", operation_id = "createCharacters",
    params(CreationHeaders),
    request_body = BulkRequest,
    responses(
        (status = 201, body = BulkCreatedBody, description = "Created: all of them, in the order of the request"),
        (status = 207, body = BulkOutcomeBody, description = "With `atomic` false: the outcome of each, in the order of the request"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`malformed`: the body is not JSON; `malformed-idempotency-key`"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`body-too-large`: the body is longer than the service accepts"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported-media-type`: the body is of another media type or encoding, or compressed"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`invalid`: none was created; `errors` names every fault by its path, such as `characters[3].name`. `idempotency-mismatch`: the key was used for another request"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`storage-unavailable`: try again after the time in `Retry-After`"),
        (status = 504, body = ProblemBody, content_type = "application/problem+json", description = "`storage-timeout`: the storage did not respond in time"),
    ),
)]
pub(crate) async fn create_bulk(
    api: Data<Api>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let limits = api.limits;
    let body = body::read(&request, payload, Media::Json, limits.bulk_body, &limits).await?;
    let context = context::of_creation(&request, &body)?;
    let bulk = Bulk::read(&body, "characters")?;
    let atomicity = bulk.atomicity;
    let new = bulk.rows(limits.body, input::new)?;
    let outcome = api.repositories.characters.create_many(new, atomicity, &context).await?;
    if atomicity == Atomicity::AllOrNone {
        return Ok(HttpResponse::Created().json(BulkCreatedBody { items: bulk::created(outcome)? }));
    }
    let outcomes = BulkOutcome::of(outcome);
    let results = outcomes.results.into_iter().map(BulkItemBody::from).collect();
    Ok(HttpResponse::MultiStatus().json(BulkOutcomeBody { results }))
}
