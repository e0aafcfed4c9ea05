//! One item, and lists.

use super::{InventoryItemBody, InventoryItemPatch, NewInventoryItemBody, input};
use crate::{
    Api, PageBody, Problem,
    answer::{self, Answer, changed, created, path_id},
    body::{self, Media},
    context::{self, ChangeHeaders, CreationHeaders},
    merge,
    query::{PageParameters, Parameters},
    responses::{ActProblems, LookProblems},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use character_domain::InventoryItem;
use character_storage_port::InventoryItemQuery;

/// Lists the items of a character, newest first.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/inventory", tag = "inventory", operation_id = "listInventory",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        ("equipped_only" = Option<bool>, Query, description = "Whether to list only items that are worn or held. Default: false."),
        ("container" = Option<uuid::Uuid>, Query, description = "Only items in this container."),
        ("include_deleted" = Option<bool>, Query, description = "Whether to include soft-deleted rows. Default: false."),
        ("name" = Option<String>, Query, description = "Only rows whose name contains this text. Case and Unicode normalization make no difference."),
        ("order" = Option<String>, Query, description = "The order of the list: `created_at`, `updated_at` or `name`; a leading `-` reverses it. Default: `-created_at`, the newest first."),
        PageParameters,
    ),
    responses((status = 200, body = PageBody<InventoryItemBody>, description = "A page of the list"), LookProblems),
)]
pub(crate) async fn list(api: Data<Api>, request: HttpRequest) -> Answer {
    let of = path_id(&request, "id")?;
    let mut parameters = Parameters::of(request.query_string());
    let wanted = InventoryItemQuery {
        equipped_only: parameters.flag("equipped_only"),
        container: parameters.id("container"),
        name: parameters.text("name"),
        include_deleted: parameters.flag("include_deleted"),
        order: parameters.order(),
        ..InventoryItemQuery::default()
    };
    let page = parameters.page_of::<InventoryItem>(&wanted);
    parameters.finish()?;
    answer::page::<_, InventoryItemBody>(
        &request,
        api.repositories.inventory.list(of, wanted, page, &context::of_read(&request)?).await?,
    )
}

/// Creates an item.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/inventory", tag = "inventory", operation_id = "createInventoryItem",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        CreationHeaders,
    ),
    request_body = NewInventoryItemBody,
    responses((status = 201, body = InventoryItemBody, description = "The created item", headers(("Location" = String), ("ETag" = String))), ActProblems),
)]
pub(crate) async fn create(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let of = path_id(&request, "id")?;
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_creation(&request, &body)?;
    let new = input::new(body::object(&body)?).map_err(Problem::invalid)?;
    let item = api.repositories.inventory.create(of, new, &context).await?;
    Ok(created::<_, InventoryItemBody>(request.path(), item))
}

/// Returns the item with this id.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/inventory/{item}", tag = "inventory", operation_id = "getInventoryItem",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"), ("item" = uuid::Uuid, Path, description = "The item"),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags of the copies that the client has. Status 304 when one is current."),
    ),
    responses(
        (status = 200, body = InventoryItemBody, description = "The item", headers(("ETag" = String), ("Cache-Status" = String))),
        (status = 304, description = "Not modified: the copy of the client is current"),
        LookProblems,
    ),
)]
pub(crate) async fn get(api: Data<Api>, request: HttpRequest) -> Answer {
    let (of, item) = (path_id(&request, "id")?, path_id(&request, "item")?);
    answer::one::<_, InventoryItemBody>(
        &request,
        api.repositories.inventory.get(of, item, &context::of_read(&request)?).await?,
    )
}

/// Changes some fields of an item, as a merge patch (RFC 7396). The result must keep the rules.
#[utoipa::path(
    patch, path = "/api/v2/characters/{id}/inventory/{item}", tag = "inventory", operation_id = "patchInventoryItem",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"), ("item" = uuid::Uuid, Path, description = "The item"),
        ChangeHeaders,
    ),
    request_body(content = InventoryItemPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, body = InventoryItemBody, description = "The item after the change", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn patch(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let (of, item) = (path_id(&request, "id")?, path_id(&request, "item")?);
    let body = body::of_row(&api, &request, payload, Media::MergePatch).await?;
    let context = context::of_change(&request, &body)?;
    let change = merge::patch(body::object(&body)?, &input::READ_ONLY).map_err(Problem::invalid)?;
    let item = api.repositories.inventory.patch(of, item, &context, change).await?;
    Ok(changed::<_, InventoryItemBody>(&mut HttpResponse::Ok(), item))
}

/// Soft-deletes an item. Its contents move to the container that it was in, if any.
#[utoipa::path(
    delete, path = "/api/v2/characters/{id}/inventory/{item}", tag = "inventory", operation_id = "deleteInventoryItem",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"), ("item" = uuid::Uuid, Path, description = "The item"),
        ChangeHeaders,
    ),
    responses((status = 204, description = "Deleted; no content"), ActProblems),
)]
pub(crate) async fn delete(api: Data<Api>, request: HttpRequest) -> Answer {
    let (of, item) = (path_id(&request, "id")?, path_id(&request, "item")?);
    api.repositories.inventory.delete(of, item, &context::of_change(&request, &[])?).await?;
    Ok(HttpResponse::NoContent().finish())
}
