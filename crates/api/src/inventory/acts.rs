//! What is done with items.

use super::InventoryItemBody;
use crate::{
    Api, Problem,
    answer::{Answer, changed, path_id},
    body::{self, Media},
    context::{self, ChangeHeaders},
    fields::Fields,
    responses::ActProblems,
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use utoipa::ToSchema;

macro_rules! act {
    ($(#[doc = $doc:literal])+ $name:ident, $path:literal, $operation:literal) => {
        $(#[doc = $doc])+
        #[utoipa::path(
            post, path = $path, tag = "inventory", operation_id = $operation,
            params(
                ("id" = uuid::Uuid, Path, description = "The character"),
                ("item" = uuid::Uuid, Path, description = "The item"),
                ChangeHeaders,
            ),
            responses((status = 200, body = InventoryItemBody, description = "As it is now", headers(("ETag" = String))), ActProblems),
        )]
        pub(crate) async fn $name(api: Data<Api>, request: HttpRequest) -> Answer {
            let (of, item) = (path_id(&request, "id")?, path_id(&request, "item")?);
            let item = api.repositories.inventory.$name(of, item, &context::of_change(&request, &[])?).await?;
            Ok(changed::<_, InventoryItemBody>(&mut HttpResponse::Ok(), item))
        }
    };
}

act!(
    /// Brings a soft-deleted item back. One that is live is answered as it is.
    restore, "/api/v2/characters/{id}/inventory/{item}/restore", "restoreInventoryItem"
);
act!(
    /// Wears or holds an item, which is then in no container. Refused by `nothing-there` when its quantity is 0.
    equip, "/api/v2/characters/{id}/inventory/{item}/equip", "equipInventoryItem"
);
act!(
    /// Takes an item off.
    unequip, "/api/v2/characters/{id}/inventory/{item}/unequip", "unequipInventoryItem"
);
act!(
    /// Ties a magic item to its character. Refused by `attunement-not-required` and `too-many-attuned`.
    attune, "/api/v2/characters/{id}/inventory/{item}/attune", "attuneInventoryItem"
);
act!(
    /// Cuts the tie of a magic item to its character.
    unattune, "/api/v2/characters/{id}/inventory/{item}/unattune", "unattuneInventoryItem"
);

/// Where an item is to go.
#[derive(Debug, ToSchema)]
pub struct MoveRequest {
    /// The container; `null`: out of whatever it is in.
    #[schema(required)]
    pub container: Option<uuid::Uuid>,
}

/// Puts an item into a container, taking it off first, or takes it out. Refused by `container-cycle`,
/// `container-full`, `not-a-container` and `no-such-container`.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/inventory/{item}/move", tag = "inventory", operation_id = "moveInventoryItem",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"), ("item" = uuid::Uuid, Path, description = "The item"),
        ChangeHeaders,
    ),
    request_body = MoveRequest,
    responses((status = 200, body = InventoryItemBody, description = "As it is now", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn move_to(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let (of, item) = (path_id(&request, "id")?, path_id(&request, "item")?);
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_change(&request, &body)?;
    let members = body::object(&body)?;
    if !members.contains_key("container") {
        return Err(Problem::field("container", "is required; null takes the item out"));
    }
    let mut fields = Fields::of(members);
    let container = fields.id("container");
    fields.refuse_the_rest();
    fields.faults.into_result().map_err(Problem::invalid)?;
    let item = api.repositories.inventory.move_to(of, item, container, &context).await?;
    Ok(changed::<_, InventoryItemBody>(&mut HttpResponse::Ok(), item))
}
