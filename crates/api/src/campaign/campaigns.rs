//! One campaign, and lists.

use super::{
    CampaignBody, CampaignPatch, NewCampaignBody,
    row::{new, whole},
};
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
use character_domain::Campaign;
use character_storage_port::CampaignQuery;

/// Creates a campaign. A character may also be in a campaign that this service does not store, because another service
/// owns it.
#[utoipa::path(
    post, path = "/api/v2/campaigns", tag = "campaigns", operation_id = "createCampaign",
    params(CreationHeaders),
    request_body = NewCampaignBody,
    responses((status = 201, body = CampaignBody, description = "The created campaign", headers(("Location" = String), ("ETag" = String))), ActProblems),
)]
pub(crate) async fn create_campaign(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_creation(&request, &body)?;
    let new = new(body::object(&body)?).map_err(Problem::invalid)?;
    let campaign = api.repositories.campaigns.create(new, &context).await?;
    Ok(created::<_, CampaignBody>(request.path(), campaign))
}

/// Lists campaigns, newest first.
#[utoipa::path(
    get, path = "/api/v2/campaigns", tag = "campaigns", operation_id = "listCampaigns",
    params(
        ("dm_user_id" = Option<uuid::Uuid>, Query, description = "Only campaigns that this user leads."),
        ("theme" = Option<String>, Query, description = "Only rows of this theme, compared exactly."),
        ("include_deleted" = Option<bool>, Query, description = "Whether to include soft-deleted rows. Default: false."),
        PageParameters,
    ),
    responses((status = 200, body = PageBody<CampaignBody>, description = "A page of the list"), LookProblems),
)]
pub(crate) async fn list_campaigns(api: Data<Api>, request: HttpRequest) -> Answer {
    let mut parameters = Parameters::of(request.query_string());
    let wanted = CampaignQuery {
        dm_user_id: parameters.id("dm_user_id"),
        theme: parameters.text("theme"),
        include_deleted: parameters.flag("include_deleted"),
    };
    let page = parameters.page_of::<Campaign>(&wanted);
    parameters.finish()?;
    let read = api.repositories.campaigns.list(&wanted, page, &context::of_read(&request)?).await?;
    answer::page::<_, CampaignBody>(&request, read)
}

/// Returns the campaign with this id.
#[utoipa::path(
    get, path = "/api/v2/campaigns/{campaign}", tag = "campaigns", operation_id = "getCampaign",
    params(
        ("campaign" = uuid::Uuid, Path, description = "The campaign"),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags of the copies that the client has. Status 304 when one is current."),
    ),
    responses(
        (status = 200, body = CampaignBody, description = "The campaign", headers(("ETag" = String), ("Cache-Status" = String))),
        (status = 304, description = "Not modified: the copy of the client is current"),
        LookProblems,
    ),
)]
pub(crate) async fn get_campaign(api: Data<Api>, request: HttpRequest) -> Answer {
    let id = path_id(&request, "campaign")?;
    let read = api.repositories.campaigns.get(id, &context::of_read(&request)?).await?;
    answer::one::<_, CampaignBody>(&request, read)
}

/// Replaces all fields of a campaign. Without `If-Match` the last writer wins.
#[utoipa::path(
    put, path = "/api/v2/campaigns/{campaign}", tag = "campaigns", operation_id = "replaceCampaign",
    params(("campaign" = uuid::Uuid, Path, description = "The campaign"), ChangeHeaders),
    request_body = NewCampaignBody,
    responses((status = 200, body = CampaignBody, description = "The campaign after the change", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn replace_campaign(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let id = path_id(&request, "campaign")?;
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_change(&request, &body)?;
    let new = whole(body::object(&body)?, id).map_err(Problem::invalid)?;
    let campaign = api.repositories.campaigns.replace(id, new, &context).await?;
    Ok(changed::<_, CampaignBody>(&mut HttpResponse::Ok(), campaign))
}

/// Changes some fields of a campaign, as a merge patch (RFC 7396).
#[utoipa::path(
    patch, path = "/api/v2/campaigns/{campaign}", tag = "campaigns", operation_id = "patchCampaign",
    params(("campaign" = uuid::Uuid, Path, description = "The campaign"), ChangeHeaders),
    request_body(content = CampaignPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, body = CampaignBody, description = "The campaign after the change", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn patch_campaign(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let id = path_id(&request, "campaign")?;
    let body = body::of_row(&api, &request, payload, Media::MergePatch).await?;
    let context = context::of_change(&request, &body)?;
    let change = merge::patch(body::object(&body)?, &[]).map_err(Problem::invalid)?;
    let campaign = api.repositories.campaigns.patch(id, &context, change).await?;
    Ok(changed::<_, CampaignBody>(&mut HttpResponse::Ok(), campaign))
}

/// Soft-deletes a campaign. Its characters stay members.
#[utoipa::path(
    delete, path = "/api/v2/campaigns/{campaign}", tag = "campaigns", operation_id = "deleteCampaign",
    params(("campaign" = uuid::Uuid, Path, description = "The campaign"), ChangeHeaders),
    responses((status = 204, description = "Deleted; no content"), ActProblems),
)]
pub(crate) async fn delete_campaign(api: Data<Api>, request: HttpRequest) -> Answer {
    let id = path_id(&request, "campaign")?;
    api.repositories.campaigns.delete(id, &context::of_change(&request, &[])?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Restores a soft-deleted campaign. One that is live is returned unchanged.
#[utoipa::path(
    post, path = "/api/v2/campaigns/{campaign}/restore", tag = "campaigns", operation_id = "restoreCampaign",
    params(("campaign" = uuid::Uuid, Path, description = "The campaign"), ChangeHeaders),
    responses((status = 200, body = CampaignBody, description = "The restored campaign", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn restore_campaign(api: Data<Api>, request: HttpRequest) -> Answer {
    let id = path_id(&request, "campaign")?;
    let campaign = api.repositories.campaigns.restore(id, &context::of_change(&request, &[])?).await?;
    Ok(changed::<_, CampaignBody>(&mut HttpResponse::Ok(), campaign))
}
