//! Bulk creation of items.

use super::{InventoryItemBody, NewInventoryItemBody, input};
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

/// Several new items.
#[derive(Debug, ToSchema)]
pub struct BulkItemsRequest {
    /// `true`: either all are created or none. `false`: each is created on its own.
    #[schema(default = true)]
    pub atomic: Option<bool>,
    /// The items to create, 1 to 1000. An item may be in a container that precedes it in this list.
    #[schema(min_items = 1, max_items = 1000)]
    pub items: Vec<NewInventoryItemBody>,
}

/// Creates up to 1000 items: either all or none (`atomic`, the default), or each on its own.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/inventory/bulk", tag = "inventory", operation_id = "createInventoryItems",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        CreationHeaders,
    ),
    request_body = BulkItemsRequest,
    responses(
        (status = 201, body = BulkCreated<InventoryItemBody>, description = "Created: all of them, in the order of the request"),
        (status = 207, body = BulkOutcome<InventoryItemBody>, description = "With `atomic` false: the outcome of each, in the order of the request"),
        ActProblems,
    ),
)]
pub(crate) async fn create_bulk(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let of = path_id(&request, "id")?;
    let limits = api.limits;
    let body = body::read(&request, payload, Media::Json, limits.bulk_body, &limits).await?;
    let context = context::of_creation(&request, &body)?;
    let bulk = Bulk::read(&body, "items")?;
    let new = bulk.rows(limits.body, input::new);
    let outcome = api.repositories.inventory.create_many(of, new, bulk.atomicity, &context).await?;
    Ok(match bulk.atomicity {
        Atomicity::AllOrNone => {
            HttpResponse::Created().json(BulkCreated::<InventoryItemBody> { items: bulk::created(outcome)? })
        }
        Atomicity::EachOnItsOwn => HttpResponse::MultiStatus().json(BulkOutcome::<InventoryItemBody>::of(outcome)),
    })
}
