//! The progress of a character: read it, award experience, record milestones and achievements.

use super::{AttainmentBody, AwardRequest, AwardedBody, NewAttainmentBody, ProgressBody, input};
use crate::{
    Api, Problem, ProblemBody,
    answer::{self, Answer, path_id},
    body::{self, Media},
    condition::etag,
    context::{self, ChangeHeaders},
    responses::{ActProblems, LookProblems},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::ETAG,
    web::{Data, Payload},
};
use character_repositories::Attained;

/// Returns the progress of a character. Before the first award it comes from the sheet. The entity tag is that of the
/// character.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/progress", tag = "progress", operation_id = "getProgress",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags of the copies that the client has. Status 304 when one is current."),
    ),
    responses(
        (status = 200, body = ProgressBody, description = "The progress", headers(("ETag" = String), ("Cache-Status" = String))),
        (status = 304, description = "Not modified: the copy of the client is current"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "`unreadable-member`: the sheet does not hold whole numbers for experience and level"),
        LookProblems,
    ),
)]
pub(crate) async fn get(api: Data<Api>, request: HttpRequest) -> Answer {
    let of = path_id(&request, "id")?;
    let read = api.repositories.progress.get(of, &context::of_read(&request)?).await?;
    answer::of_revision(&request, read.source, read.value.revision, |response| {
        Ok(response.json(ProgressBody::from(read.value)))
    })
}

/// Awards experience: changes the progress, the sheet (experience, level, proficiency bonus) and the journal in one
/// transaction. Conflicts (409): `too-much-experience` and `unreadable-member` (the sheet does not hold whole
/// numbers for experience, level and proficiency bonus).
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/progress/experience", tag = "progress", operation_id = "awardExperience",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        ChangeHeaders,
    ),
    request_body = AwardRequest,
    responses((status = 200, body = AwardedBody, description = "The result of the award", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn award(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let of = path_id(&request, "id")?;
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_change(&request, &body)?;
    let award = input::award(body::object(&body)?).map_err(Problem::invalid)?;
    let awarded = api.repositories.progress.award(of, &award, &context).await?;
    Ok(HttpResponse::Ok().insert_header((ETAG, etag(awarded.revision))).json(AwardedBody::from(awarded)))
}

/// Records a milestone. The entity tag is that of the character.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/progress/milestones", tag = "progress", operation_id = "addMilestone",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        ChangeHeaders,
    ),
    request_body = NewAttainmentBody,
    responses((status = 201, body = AttainmentBody, description = "The recorded milestone or achievement", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn add_milestone(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let of = path_id(&request, "id")?;
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_change(&request, &body)?;
    let new = input::attainment(body::object(&body)?).map_err(Problem::invalid)?;
    Ok(recorded(&api.repositories.progress.add_milestone(of, &new, &context).await?))
}

/// Records an achievement. Conflict (409): `achievement-exists` (the character already has an achievement
/// with this title). The entity tag is that of the character.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/progress/achievements", tag = "progress", operation_id = "addAchievement",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        ChangeHeaders,
    ),
    request_body = NewAttainmentBody,
    responses((status = 201, body = AttainmentBody, description = "The recorded milestone or achievement", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn add_achievement(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let of = path_id(&request, "id")?;
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_change(&request, &body)?;
    let new = input::attainment(body::object(&body)?).map_err(Problem::invalid)?;
    Ok(recorded(&api.repositories.progress.add_achievement(of, &new, &context).await?))
}

fn recorded(attained: &Attained) -> HttpResponse {
    HttpResponse::Created().insert_header((ETAG, etag(attained.revision))).json(&attained.entry)
}
