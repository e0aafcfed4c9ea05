//! What is done with items.

use super::InventoryItemBody;
use crate::{
    Api, Problem,
    answer::{Answer, changed, path_id},
    body::{self, Media},
    condition::etag,
    context::{self, ChangeHeaders},
    fields::Fields,
    responses::ActProblems,
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::ETAG,
    web::{Data, Payload},
};
use character_domain::CharacterId;
use serde::Serialize;
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

/// An item that was restored.
#[derive(Debug, Serialize, ToSchema)]
pub struct ItemRestoredBody {
    /// The item afterwards.
    #[serde(flatten)]
    pub item: InventoryItemBody,
    /// Why it did not come back as it was: the rules that took it out of its container or cut its attunement.
    pub loosened: Vec<LoosenedBody>,
}

/// A rule because of which an item was restored loose or not attuned.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoosenedBody {
    /// The rule: `no-such-container`, `container-full`, `too-many-attuned`, ….
    pub code: String,
    /// What the rule found.
    pub detail: String,
}

/// Restores a soft-deleted item: to its container and with its attunement where the rules still allow that, else loose or
/// not attuned, and the answer says so. One that is live is returned unchanged.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/inventory/{item}/restore", tag = "inventory", operation_id = "restoreInventoryItem",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"), ("item" = uuid::Uuid, Path, description = "The item"),
        ChangeHeaders,
    ),
    responses((status = 200, body = ItemRestoredBody, description = "The restored item", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn restore(api: Data<Api>, request: HttpRequest) -> Answer {
    let (of, item) = (path_id(&request, "id")?, path_id(&request, "item")?);
    let restored = api.repositories.inventory.restore(of, item, &context::of_change(&request, &[])?).await?;
    let tag = etag(restored.item.meta.revision);
    let loosened = restored.loosened.into_iter();
    let loosened = loosened.map(|rule| LoosenedBody { code: rule.rule.into_owned(), detail: rule.reason }).collect();
    let body = ItemRestoredBody { item: restored.item.into(), loosened };
    Ok(HttpResponse::Ok().insert_header((ETAG, tag)).json(body))
}

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

/// To whom an item is given.
#[derive(Debug, ToSchema)]
pub struct GiveRequest {
    /// The character that receives it.
    pub to: uuid::Uuid,
    /// The number of pieces, from 1 to the quantity of the item. Default: all of them.
    #[schema(minimum = 1)]
    pub quantity: Option<i64>,
}

/// An item that changed hands.
#[derive(Debug, Serialize, ToSchema)]
pub struct GivenBody {
    /// The item of the receiver: in no container, not equipped, not attuned.
    pub item: InventoryItemBody,
    /// What is left to the giver, when it gave a part; else `null`.
    pub remaining: Option<InventoryItemBody>,
}

/// Gives an item, or a part of its quantity, to another character. A container goes with all that lies in it. Both
/// characters change in one transaction, and each gets a version. Refused by `not-enough-items`.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/inventory/{item}/give", tag = "inventory", operation_id = "giveInventoryItem",
    params(
        ("id" = uuid::Uuid, Path, description = "The character that gives"), ("item" = uuid::Uuid, Path, description = "The item"),
        ChangeHeaders,
    ),
    request_body = GiveRequest,
    responses((status = 200, body = GivenBody, description = "What was given and what is left. The entity tag is that of the item of the receiver", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn give(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let (of, item) = (path_id(&request, "id")?, path_id(&request, "item")?);
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_change(&request, &body)?;
    let mut fields = Fields::of(body::object(&body)?);
    let (to, quantity) = (fields.id("to"), fields.number("quantity"));
    let to = fields.require("to", to).unwrap_or(CharacterId(uuid::Uuid::nil()));
    fields.refuse_the_rest();
    fields.faults.into_result().map_err(Problem::invalid)?;
    let given = api.repositories.inventory.give(of, item, to, quantity, &context).await?;
    let tag = etag(given.item.meta.revision);
    let body = GivenBody { item: given.item.into(), remaining: given.remaining.map(Into::into) };
    Ok(HttpResponse::Ok().insert_header((ETAG, tag)).json(body))
}

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
