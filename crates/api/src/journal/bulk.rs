//! Bulk creation of journal entries.

use super::{JournalEntryBody, NewJournalEntryBody, entry};
use crate::{
    Api,
    answer::{Answer, path_id},
    body::{self, Media},
    bulk::{self, Bulk, BulkCreated, BulkOutcome},
    context::{self, CreationHeaders},
    responses::ActProblems,
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use character_repositories::Atomicity;
use utoipa::ToSchema;

/// Several new entries.
#[derive(Debug, ToSchema)]
pub struct BulkEntriesRequest {
    /// `true`: either all are created or none. `false`: each is created on its own.
    #[schema(default = true)]
    pub atomic: Option<bool>,
    /// The entries to create, 1 to 1000.
    #[schema(min_items = 1, max_items = 1000)]
    pub entries: Vec<NewJournalEntryBody>,
}

/// Creates up to 1000 entries: either all or none (`atomic`, the default), or each on its own.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/journal/bulk", tag = "journal", operation_id = "createJournalEntries",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        CreationHeaders,
    ),
    request_body = BulkEntriesRequest,
    responses(
        (status = 201, body = BulkCreated<JournalEntryBody>, description = "Created: all of them, in the order of the request"),
        (status = 207, body = BulkOutcome<JournalEntryBody>, description = "With `atomic` false: the outcome of each, in the order of the request"),
        ActProblems,
    ),
)]
pub(crate) async fn create_bulk(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let of = path_id(&request, "id")?;
    let limits = api.limits;
    let body = body::read(&request, payload, Media::Json, limits.bulk_body, &limits).await?;
    let context = context::of_creation(&request, &body)?;
    let bulk = Bulk::read(&body, "entries")?;
    let new = bulk.rows(limits.body, entry::new);
    let outcome = api.repositories.journal.create_many(of, new, bulk.atomicity, &context).await?;
    Ok(match bulk.atomicity {
        Atomicity::AllOrNone => {
            HttpResponse::Created().json(BulkCreated::<JournalEntryBody> { items: bulk::created(outcome)? })
        }
        Atomicity::EachOnItsOwn => HttpResponse::MultiStatus().json(BulkOutcome::<JournalEntryBody>::of(outcome)),
    })
}
