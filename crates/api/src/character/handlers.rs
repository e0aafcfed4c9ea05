//! One character, and lists.

use super::{CharacterBody, CharacterPatch, NewCharacterBody, PATH, input};
use crate::{
    Api, PageBody, Problem, ProblemBody,
    answer::{self, Answer, path_id},
    body::{self, Media},
    context::{self, ChangeHeaders, CreationHeaders},
    query::{PageParameters, Parameters},
    responses::{ActProblems, LookProblems},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use character_domain::Character;
use character_storage_port::CharacterQuery;

/// Makes a character.
#[utoipa::path(
    post, path = "/api/v2/characters", tag = "characters", operation_id = "createCharacter",
    params(CreationHeaders),
    request_body = NewCharacterBody,
    responses(
        (status = 201, body = CharacterBody, description = "Made", headers(("Location" = String, description = "Its path"), ("ETag" = String, description = "Its revision"))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`malformed`, `malformed-idempotency-key`"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "`already-exists`: the id is taken"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`body-too-large`"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported-media-type`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`invalid`, with every field at fault; `idempotency-mismatch`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`storage-unavailable`, with `Retry-After`"),
        (status = 504, body = ProblemBody, content_type = "application/problem+json", description = "`storage-timeout`"),
    ),
)]
pub(crate) async fn create(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_creation(&request, &body)?;
    let new = input::new(body::object(&body)?).map_err(Problem::invalid)?;
    let created = api.repositories.characters.create(new, &context).await?;
    Ok(answer::created::<_, CharacterBody>(PATH, created))
}

/// The character with this id, as it is, or as it was at some time.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}", tag = "characters", operation_id = "getCharacter",
    params(
        ("id" = uuid::Uuid, Path, description = "Its id"),
        ("at" = Option<String>, Query, format = DateTime, description = "As it was then: a time as RFC 3339 writes it. 404 when it was not there, or deleted"),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags that the client has"),
    ),
    responses(
        (status = 200, body = CharacterBody, description = "The character", headers(
            ("ETag" = String, description = "Its revision"),
            ("Cache-Status" = String, description = "Where the answer comes from (RFC 9211)"),
            ("Age" = Option<u64>, description = "How many seconds ago the storage gave it, when a cache answers"),
        )),
        (status = 304, description = "The client has it"),
        LookProblems,
    ),
)]
pub(crate) async fn get(api: Data<Api>, request: HttpRequest) -> Answer {
    let id = path_id(&request, "id")?;
    let mut parameters = Parameters::of(request.query_string());
    let at = parameters.time("at");
    parameters.finish()?;
    let read = match at {
        Some(time) => api.repositories.evolution.at(id, time, &context::of_read(&request)?).await?,
        None => api.repositories.characters.get(id, &context::of_read(&request)?).await?,
    };
    answer::one::<_, CharacterBody>(&request, read)
}

/// Characters that are in play, newest first, unless the parameters ask for others.
#[utoipa::path(
    get, path = "/api/v2/characters", tag = "characters", operation_id = "listCharacters",
    params(
        ("user_id" = Option<uuid::Uuid>, Query, description = "Only those of this user"),
        ("campaign_id" = Option<uuid::Uuid>, Query, description = "Only those in this campaign"),
        ("theme" = Option<String>, Query, description = "Only those of this theme, compared exactly"),
        ("name" = Option<String>, Query, description = "Only those whose name contains this text. Case and Unicode normalization make no difference"),
        ("active_only" = Option<bool>, Query, description = "Only those with `is_active`. `false` lists all. Default: true"),
        ("include_deleted" = Option<bool>, Query, description = "Soft-deleted ones too. Default: false"),
        ("order" = Option<String>, Query, description = "`created_at`, `updated_at` or `name`, behind `-` for the greatest first. Default: `-created_at`"),
        PageParameters,
    ),
    responses(
        (status = 200, body = PageBody<CharacterBody>, description = "Part of the list", headers(
            ("Link" = Option<String>, description = "`rel=\"next\"`: the next part, when there is one"),
            ("Cache-Status" = String, description = "Where the answer comes from (RFC 9211)"),
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
    parameters.finish()?;
    answer::page::<_, CharacterBody>(
        &request,
        api.repositories.characters.list(&wanted, page, &context::of_read(&request)?).await?,
    )
}

/// Puts another state in the place of the whole character. Fields that are absent go back to their defaults;
/// `revision` and the times may be given and are not looked at.
#[utoipa::path(
    put, path = "/api/v2/characters/{id}", tag = "characters", operation_id = "replaceCharacter",
    params(
        ("id" = uuid::Uuid, Path, description = "Its id"),
        ChangeHeaders,
    ),
    request_body = NewCharacterBody,
    responses(
        (status = 200, body = CharacterBody, description = "As it is now", headers(("ETag" = String, description = "Its revision"))),
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

/// Changes some fields of a character (RFC 7396). A lost race against another writer is run again inside; nothing is
/// written when nothing changes.
#[utoipa::path(
    patch, path = "/api/v2/characters/{id}", tag = "characters", operation_id = "patchCharacter",
    params(
        ("id" = uuid::Uuid, Path, description = "Its id"),
        ChangeHeaders,
    ),
    request_body(content = CharacterPatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, body = CharacterBody, description = "As it is now", headers(("ETag" = String, description = "Its revision"))),
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
        ("id" = uuid::Uuid, Path, description = "Its id"),
        ChangeHeaders,
    ),
    responses(
        (status = 204, description = "Deleted"),
        ActProblems,
    ),
)]
pub(crate) async fn delete(api: Data<Api>, request: HttpRequest) -> Answer {
    let id = path_id(&request, "id")?;
    let context = context::of_change(&request, &[])?;
    api.repositories.characters.delete(id, &context).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Brings a soft-deleted character back. One that is live is answered as it is.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/restore", tag = "characters", operation_id = "restoreCharacter",
    params(
        ("id" = uuid::Uuid, Path, description = "Its id"),
        ChangeHeaders,
    ),
    responses(
        (status = 200, body = CharacterBody, description = "As it is now", headers(("ETag" = String, description = "Its revision"))),
        ActProblems,
    ),
)]
pub(crate) async fn restore(api: Data<Api>, request: HttpRequest) -> Answer {
    let id = path_id(&request, "id")?;
    let context = context::of_change(&request, &[])?;
    let character = api.repositories.characters.restore(id, &context).await?;
    Ok(answer::changed::<_, CharacterBody>(&mut HttpResponse::Ok(), character))
}
