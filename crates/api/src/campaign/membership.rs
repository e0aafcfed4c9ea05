//! The characters of a campaign.

use super::{JoinRequest, input};
use crate::{
    Api, PageBody, Problem,
    answer::{self, Answer, changed, path_id},
    body::{self, Media},
    character::{CharacterBody, SELECTABLE},
    condition::etag,
    context::{self, ChangeHeaders},
    query::{PageParameters, Parameters},
    responses::{ActProblems, LookProblems},
    sparse::FIELDS_IS,
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::ETAG,
    web::{Data, Payload},
};
use character_domain::Character;
use character_storage_port::CharacterQuery;

/// Lists the characters of a campaign. Default: those in play, newest first. An unknown campaign has none.
#[utoipa::path(
    get, path = "/api/v2/campaigns/{campaign}/characters", tag = "campaigns", operation_id = "listCampaignCharacters",
    params(
        ("campaign" = uuid::Uuid, Path, description = "The campaign"),
        ("name" = Option<String>, Query, description = "Only rows whose name contains this text. Case and Unicode normalization make no difference."),
        ("active_only" = Option<bool>, Query, description = "Whether to list only characters that are in play. Default: true."),
        ("include_deleted" = Option<bool>, Query, description = "Whether to include soft-deleted rows. Default: false."),
        ("order" = Option<String>, Query, description = "The order of the list: `created_at`, `updated_at` or `name`; a leading `-` reverses it. Default: `-created_at`, the newest first."),
        ("fields" = Option<String>, Query, description = FIELDS_IS),
        PageParameters,
    ),
    responses((status = 200, body = PageBody<CharacterBody>, description = "A page of the list"), LookProblems),
)]
pub(crate) async fn characters(api: Data<Api>, request: HttpRequest) -> Answer {
    let campaign = path_id(&request, "campaign")?;
    let mut parameters = Parameters::of(request.query_string());
    let wanted = CharacterQuery {
        name: parameters.text("name"),
        active_only: parameters.flag_or("active_only", true),
        include_deleted: parameters.flag("include_deleted"),
        order: parameters.order(),
        ..CharacterQuery::default()
    };
    let page = parameters.page_of::<Character>(&wanted);
    let fields = parameters.fields(&SELECTABLE);
    parameters.finish()?;
    let read = api.repositories.campaigns.characters(campaign, wanted, page, &context::of_read(&request)?).await?;
    answer::part_of_page::<_, CharacterBody>(&request, read, fields.as_ref())
}

/// Makes the character a member of this campaign, and of no other. Nothing changes when it is a member already.
#[utoipa::path(
    put, path = "/api/v2/characters/{id}/campaign", tag = "campaigns", operation_id = "joinCampaign",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        ChangeHeaders,
    ),
    request_body = JoinRequest,
    responses((status = 200, body = CharacterBody, description = "The character after the change", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn join(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let of = path_id(&request, "id")?;
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_change(&request, &body)?;
    let campaign = input::campaign(body::object(&body)?).map_err(Problem::invalid)?;
    let character = api.repositories.campaigns.join(of, campaign, &context).await?;
    Ok(changed::<_, CharacterBody>(&mut HttpResponse::Ok(), character))
}

/// Ends the membership of the character in its campaign. Nothing changes when it is in none.
#[utoipa::path(
    delete, path = "/api/v2/characters/{id}/campaign", tag = "campaigns", operation_id = "leaveCampaign",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        ChangeHeaders,
    ),
    responses((status = 204, description = "The character is in no campaign; the entity tag is that of the character", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn leave(api: Data<Api>, request: HttpRequest) -> Answer {
    let of = path_id(&request, "id")?;
    let character = api.repositories.campaigns.leave(of, &context::of_change(&request, &[])?).await?;
    Ok(HttpResponse::NoContent().insert_header((ETAG, etag(character.meta.revision))).finish())
}
