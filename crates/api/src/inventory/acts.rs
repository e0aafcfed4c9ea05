//! Actions on items: equip, attune, move, give and restore.

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
            responses((status = 200, body = InventoryItemBody, description = "The item after the change", headers(("ETag" = String))), ActProblems),
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
    /// The item after the restore.
    #[serde(flatten)]
    pub item: InventoryItemBody,
    /// The rules that prevented a full restore: the item was taken out of its container or unequipped, or its attunement
    /// was ended.
    pub loosened: Vec<LoosenedBody>,
}

/// A rule that took a restored item out of its container, unequipped it or ended its attunement.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoosenedBody {
    /// The rule: `no-such-container`, `container-full`, `too-many-attuned`, ….
    pub code: String,
    /// The reason in words.
    pub detail: String,
}

/// Restores a soft-deleted item, in its container, equipped and with its attunement where the rules still allow that; otherwise
/// the response names the rules. One that is live is returned unchanged.
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
    /// Equips an item: the character wears or holds it, and it leaves its container. Conflict (409):
    /// `nothing-there` (its quantity is 0, and it is not equipped yet).
    equip, "/api/v2/characters/{id}/inventory/{item}/equip", "equipInventoryItem"
);
act!(
    /// Unequips an item.
    unequip, "/api/v2/characters/{id}/inventory/{item}/unequip", "unequipInventoryItem"
);
act!(
    /// Attunes a magic item to its character. Conflicts (409): `attunement-not-required` and
    /// `too-many-attuned`.
    attune, "/api/v2/characters/{id}/inventory/{item}/attune", "attuneInventoryItem"
);
act!(
    /// Ends the attunement of a magic item.
    unattune, "/api/v2/characters/{id}/inventory/{item}/unattune", "unattuneInventoryItem"
);

/// The receiver of an item.
#[derive(Debug, ToSchema)]
pub struct GiveRequest {
    /// The character that receives it.
    pub to: uuid::Uuid,
    /// The number of pieces, from 1 to the quantity of the item. Default: all of them.
    #[schema(minimum = 1)]
    pub quantity: Option<i64>,
}

/// The result of giving an item.
#[derive(Debug, Serialize, ToSchema)]
pub struct GivenBody {
    /// The item that the receiver has now: in no container, not equipped, not attuned.
    pub item: InventoryItemBody,
    /// The rest that the giver keeps, when it gave a part; otherwise `null`.
    pub remaining: Option<InventoryItemBody>,
}

/// Gives an item, or a part of its quantity, to another character. A container goes with its contents. Both characters
/// change in one transaction, and each gets a version. Conflict (409): `not-enough-items`.
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
    if quantity.is_some_and(|quantity| quantity < 1) {
        fields.faults.push("quantity", "must be at least 1");
    }
    fields.refuse_the_rest();
    fields.faults.into_result().map_err(Problem::invalid)?;
    let given = api.repositories.inventory.give(of, item, to, quantity, &context).await?;
    let tag = etag(given.item.meta.revision);
    let body = GivenBody { item: given.item.into(), remaining: given.remaining.map(Into::into) };
    Ok(HttpResponse::Ok().insert_header((ETAG, tag)).json(body))
}

/// The target of a move.
#[derive(Debug, ToSchema)]
pub struct MoveRequest {
    /// The id of the container to put the item into; `null` takes it out of its container.
    #[schema(required)]
    pub container: Option<uuid::Uuid>,
}

/// Puts an item into a container, which unequips it, or takes it out. Conflicts (409): `container-cycle`,
/// `container-full`, `not-a-container` and `no-such-container`.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/inventory/{item}/move", tag = "inventory", operation_id = "moveInventoryItem",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"), ("item" = uuid::Uuid, Path, description = "The item"),
        ChangeHeaders,
    ),
    request_body = MoveRequest,
    responses((status = 200, body = InventoryItemBody, description = "The item after the change", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn move_to(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let (of, item) = (path_id(&request, "id")?, path_id(&request, "item")?);
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_change(&request, &body)?;
    let mut fields = Fields::of(body::object(&body)?);
    if !fields.has("container") {
        fields.faults.push("container", "is required; null takes the item out");
    }
    let container = fields.id("container");
    fields.refuse_the_rest();
    fields.faults.into_result().map_err(Problem::invalid)?;
    let item = api.repositories.inventory.move_to(of, item, container, &context).await?;
    Ok(changed::<_, InventoryItemBody>(&mut HttpResponse::Ok(), item))
}
