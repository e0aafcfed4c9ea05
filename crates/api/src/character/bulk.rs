//! Many characters at once.

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

/// Makes up to 1000 characters: all or none (`atomic`, the default), or each for itself.
#[utoipa::path(
    post, path = "/api/v2/characters/bulk", tag = "characters", operation_id = "createCharacters",
    params(CreationHeaders),
    request_body = BulkRequest,
    responses(
        (status = 201, body = BulkCreatedBody, description = "`atomic`: all were made"),
        (status = 207, body = BulkOutcomeBody, description = "Not `atomic`: what became of each"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`malformed`, `malformed-idempotency-key`"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`body-too-large`"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported-media-type`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`invalid`: none was made; every fault by its place, such as `characters[3].name`. `idempotency-mismatch`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`storage-unavailable`, with `Retry-After`"),
        (status = 504, body = ProblemBody, content_type = "application/problem+json", description = "`storage-timeout`"),
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
    let new = bulk.rows(limits.body, input::new);
    let outcome = api.repositories.characters.create_many(new, bulk.atomicity, &context).await?;
    if bulk.atomicity == Atomicity::AllOrNone {
        return Ok(HttpResponse::Created().json(BulkCreatedBody { items: bulk::created(outcome)? }));
    }
    let outcomes = BulkOutcome::of(outcome);
    let results = outcomes.results.into_iter().map(BulkItemBody::from).collect();
    Ok(HttpResponse::MultiStatus().json(BulkOutcomeBody { results }))
}
