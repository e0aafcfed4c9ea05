//! One character, and lists.

use super::{CharacterBody, CharacterPatch, NewCharacterBody, PATH, SELECTABLE, input};
use crate::{
    Api, PageBody, Problem, ProblemBody,
    answer::{self, Answer, path_id},
    body::{self, Media},
    context::{self, ChangeHeaders, CreationHeaders},
    query::{PageParameters, Parameters},
    responses::{ActProblems, LookProblems},
    sparse::FIELDS_IS,
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use character_domain::Character;
use character_storage_port::CharacterQuery;

/// Creates a character.
#[utoipa::path(
    post, path = "/api/v2/characters", tag = "characters", operation_id = "createCharacter",
    params(CreationHeaders),
    request_body = NewCharacterBody,
    responses(
        (status = 201, body = CharacterBody, description = "The created character", headers(("Location" = String, description = "The path of the character"), ("ETag" = String, description = "The revision of the character, in quotes"))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`malformed`: the body is not JSON; `malformed-idempotency-key`"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "`already-exists`: another row has this id"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`body-too-large`: the body is longer than the service accepts"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported-media-type`: the body is of another media type or encoding, or compressed"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`invalid`: `errors` names every field at fault; `idempotency-mismatch`: the key was used for another request"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`storage-unavailable`: try again after the time in `Retry-After`"),
        (status = 504, body = ProblemBody, content_type = "application/problem+json", description = "`storage-timeout`: the storage did not respond in time"),
    ),
)]
pub(crate) async fn create(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_creation(&request, &body)?;
    let new = input::new(body::object(&body)?).map_err(Problem::invalid)?;
    let created = api.repositories.characters.create(new, &context).await?;
    Ok(answer::created::<_, CharacterBody>(PATH, created))
}

/// Returns the character with this id: its current state, or its state at an earlier time.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}", tag = "characters", operation_id = "getCharacter",
    params(
        ("id" = uuid::Uuid, Path, description = "The id of the character"),
        ("fields" = Option<String>, Query, description = FIELDS_IS),
        ("at" = Option<String>, Query, format = DateTime, description = "Return the state at this time (RFC 3339). The response is 404 when the character did not exist then, or was deleted, and 410 `state-not-kept` when the versions of that time were removed to save space."),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags of the copies that the client has. Status 304 when one is current."),
    ),
    responses(
        (status = 200, body = CharacterBody, description = "The character", headers(
            ("ETag" = String, description = "The revision of the character, in quotes"),
            ("Cache-Status" = String, description = "Whether a cache served the response (RFC 9211)"),
            ("Age" = Option<u64>, description = "The age of the cached response, in seconds. Absent when the storage served it"),
        )),
        (status = 304, description = "Not modified: the copy of the client is current"),
        (status = 410, body = ProblemBody, content_type = "application/problem+json", description = "`state-not-kept`: the versions of that time were removed to save space"),
        LookProblems,
    ),
)]
pub(crate) async fn get(api: Data<Api>, request: HttpRequest) -> Answer {
    let id = path_id(&request, "id")?;
    let mut parameters = Parameters::of(request.query_string());
    let (at, fields) = (parameters.time("at"), parameters.fields(&SELECTABLE));
    parameters.finish()?;
    let read = match at {
        Some(time) => api.repositories.evolution.at(id, time, &context::of_read(&request)?).await?,
        None => api.repositories.characters.get(id, &context::of_read(&request)?).await?,
    };
    answer::part_of_one::<_, CharacterBody>(&request, read, fields.as_ref())
}

/// Lists characters. Default: those in play, newest first.
#[utoipa::path(
    get, path = "/api/v2/characters", tag = "characters", operation_id = "listCharacters",
    params(
        ("user_id" = Option<uuid::Uuid>, Query, description = "Only characters of this user."),
        ("campaign_id" = Option<uuid::Uuid>, Query, description = "Only characters in this campaign."),
        ("theme" = Option<String>, Query, description = "Only rows of this theme, compared exactly."),
        ("name" = Option<String>, Query, description = "Only rows whose name contains this text. Case and Unicode normalization make no difference."),
        ("active_only" = Option<bool>, Query, description = "Whether to list only characters that are in play. Default: true."),
        ("include_deleted" = Option<bool>, Query, description = "Whether to include soft-deleted rows. Default: false."),
        ("order" = Option<String>, Query, description = "The order of the list: `created_at`, `updated_at` or `name`; a leading `-` reverses it. Default: `-created_at`, the newest first."),
        ("fields" = Option<String>, Query, description = FIELDS_IS),
        PageParameters,
    ),
    responses(
        (status = 200, body = PageBody<CharacterBody>, description = "A page of the list", headers(
            ("Link" = Option<String>, description = "The next page, as `rel=\"next\"`. Absent on the last page"),
            ("Cache-Status" = String, description = "Whether a cache served the response (RFC 9211)"),
        )),
        LookProblems,
    ),
)]
pub(crate) async fn list(api: Data<Api>, request: HttpRequest) -> Answer {
    let mut parameters = Parameters::of(request.query_string());
    let wanted = CharacterQuery {
        user_id: parameters.id("user_id"),
        campaign_id: parameters.id("campaign_id"),
        theme: parameters.text("theme"),
        name: parameters.text("name"),
        active_only: parameters.flag_or("active_only", true),
        include_deleted: parameters.flag("include_deleted"),
        order: parameters.order(),
        ..CharacterQuery::default()
    };
    let page = parameters.page_of::<Character>(&wanted);
    let fields = parameters.fields(&SELECTABLE);
    parameters.finish()?;
    let read = api.repositories.characters.list(&wanted, page, &context::of_read(&request)?).await?;
    answer::part_of_page::<_, CharacterBody>(&request, read, fields.as_ref())
}

/// Replaces all fields of a character. Absent fields get their defaults; `revision` and the times are accepted and
/// ignored.
#[utoipa::path(
    put, path = "/api/v2/characters/{id}", tag = "characters", operation_id = "replaceCharacter",
    params(
        ("id" = uuid::Uuid, Path, description = "The id of the character"),
        ChangeHeaders,
    ),
    request_body = NewCharacterBody,
    responses(
        (status = 200, body = CharacterBody, description = "The character after the change", headers(("ETag" = String, description = "The revision of the character, in quotes"))),
        ActProblems,
    ),
)]
pub(crate) async fn replace(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let id = path_id(&request, "id")?;
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_change(&request, &body)?;
    let new = input::whole(body::object(&body)?, id).map_err(Problem::invalid)?;
    let character = api.repositories.characters.replace(id, new, &context).await?;
    Ok(answer::changed::<_, CharacterBody>(&mut HttpResponse::Ok(), character))
}

/// Changes some fields of a character, as a merge patch (RFC 7396). A conflict with another writer is resolved by
/// reading again. Nothing is written when nothing changes.
#[utoipa::path(
    patch, path = "/api/v2/characters/{id}", tag = "characters", operation_id = "patchCharacter",
    params(
        ("id" = uuid::Uuid, Path, description = "The id of the character"),
        ChangeHeaders,
    ),
    request_body(content = CharacterPatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, body = CharacterBody, description = "The character after the change", headers(("ETag" = String, description = "The revision of the character, in quotes"))),
        ActProblems,
    ),
)]
pub(crate) async fn patch(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let id = path_id(&request, "id")?;
    let body = body::of_row(&api, &request, payload, Media::MergePatch).await?;
    let context = context::of_change(&request, &body)?;
    let change = input::patch(body::object(&body)?).map_err(Problem::invalid)?;
    let character = api.repositories.characters.patch(id, &context, change).await?;
    Ok(answer::changed::<_, CharacterBody>(&mut HttpResponse::Ok(), character))
}

/// Soft-deletes a character.
#[utoipa::path(
    delete, path = "/api/v2/characters/{id}", tag = "characters", operation_id = "deleteCharacter",
    params(
        ("id" = uuid::Uuid, Path, description = "The id of the character"),
        ChangeHeaders,
    ),
    responses(
        (status = 204, description = "Deleted; no content"),
        ActProblems,
    ),
)]
pub(crate) async fn delete(api: Data<Api>, request: HttpRequest) -> Answer {
    let id = path_id(&request, "id")?;
    let context = context::of_change(&request, &[])?;
    api.repositories.characters.delete(id, &context).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Restores a soft-deleted character. One that is live is returned unchanged.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/restore", tag = "characters", operation_id = "restoreCharacter",
    params(
        ("id" = uuid::Uuid, Path, description = "The id of the character"),
        ChangeHeaders,
    ),
    responses(
        (status = 200, body = CharacterBody, description = "The character after the change", headers(("ETag" = String, description = "The revision of the character, in quotes"))),
        ActProblems,
    ),
)]
pub(crate) async fn restore(api: Data<Api>, request: HttpRequest) -> Answer {
    let id = path_id(&request, "id")?;
    let context = context::of_change(&request, &[])?;
    let character = api.repositories.characters.restore(id, &context).await?;
    Ok(answer::changed::<_, CharacterBody>(&mut HttpResponse::Ok(), character))
}
