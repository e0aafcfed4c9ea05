//! The versions of a character: list, read, compare, restore and label.

use super::{ComparisonBody, LabelRequest, VersionBody, VersionRestoredBody, VersionSummaryBody};
use crate::{
    Api, PageBody, Problem,
    answer::{self, Answer, changed, path_id},
    body::{self, Media},
    character::CharacterBody,
    condition::etag,
    context::{self, ChangeHeaders},
    fields::Fields,
    provenance,
    query::{INCLUDE_TOTAL_IS, PageParameters, Parameters},
    responses::{ActProblems, LookProblems},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::ETAG,
    web::{Data, Payload},
};
use character_domain::{CharacterVersion, Violations};
use character_repositories::{ListRequest, VersionNode};
use character_storage_port::{Deleted, Start};

/// Lists the versions of a character, newest first, without their states.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/versions", tag = "evolution", operation_id = "listVersions",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        ("include_deleted" = Option<bool>, Query, description = "Whether to return the versions of a soft-deleted character. Default: false."),
        PageParameters,
    ),
    responses((status = 200, body = PageBody<VersionSummaryBody>, description = "A page of the list"), LookProblems),
)]
pub(crate) async fn list_versions(api: Data<Api>, request: HttpRequest) -> Answer {
    let of = path_id(&request, "id")?;
    let mut parameters = Parameters::of(request.query_string());
    let (deleted, page) = (deleted(&mut parameters), parameters.page());
    parameters.finish()?;
    answer::page_of_computed::<_, VersionSummaryBody>(
        &request,
        api.repositories.evolution.versions(of, deleted, page, &context::of_read(&request)?).await?,
    )
}

/// Compares two versions of a character, or of its predecessors or successors.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/versions/compare", tag = "evolution", operation_id = "compareVersions",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        ("include_deleted" = Option<bool>, Query, description = "Whether to return the versions of a soft-deleted character. Default: false."),
        ("from" = uuid::Uuid, Query, description = "The id of the first version"),
        ("to" = uuid::Uuid, Query, description = "The id of the second version"),
    ),
    responses((status = 200, body = ComparisonBody, description = "The difference between the two versions"), LookProblems),
)]
pub(crate) async fn compare(api: Data<Api>, request: HttpRequest) -> Answer {
    let of = path_id(&request, "id")?;
    let mut parameters = Parameters::of(request.query_string());
    let (from, to, deleted) = (parameters.id("from"), parameters.id("to"), deleted(&mut parameters));
    parameters.finish()?;
    let (Some(from), Some(to)) = (from, to) else {
        let mut faults = Violations::default();
        for (name, given) in [("from", from.is_some()), ("to", to.is_some())] {
            if !given {
                faults.push(name, "is required");
            }
        }
        return Err(Problem::invalid(faults));
    };
    let context = context::of_read(&request)?;
    let comparison = api.repositories.evolution.compare(of, from, to, deleted, &context).await?;
    Ok(answer::untagged(&context.condition)?.json(ComparisonBody::from(comparison)))
}

/// Lists the versions of a character, its predecessors and its successors, newest first, as nodes that name their
/// parents.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/versions/tree", tag = "evolution", operation_id = "getVersionTree",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        ("include_deleted" = Option<bool>, Query, description = "Whether to return the versions of a soft-deleted character. Default: false."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Maximum number of items to return, 1 to 1000. Default: 100."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the previous page."),
        ("include_total" = Option<bool>, Query, description = INCLUDE_TOTAL_IS),
    ),
    responses((status = 200, body = PageBody<VersionNode>, description = "A page of the tree"), LookProblems),
)]
pub(crate) async fn tree(api: Data<Api>, request: HttpRequest) -> Answer {
    let of = path_id(&request, "id")?;
    let mut parameters = Parameters::of(request.query_string());
    let (deleted, ListRequest { page, total }) = (deleted(&mut parameters), parameters.page());
    parameters.finish()?;
    let after = match page.start {
        Start::First => None,
        Start::After(cursor) => Some(cursor),
        Start::Offset(_) => return Err(Problem::field("offset", "is not a parameter of this operation")),
    };
    let context = context::of_read(&request)?;
    let part = api.repositories.evolution.tree(of, deleted, page.limit, after, total, &context).await?;
    let mut response = HttpResponse::Ok();
    provenance::revalidate(&mut response);
    answer::list_of_nodes(&request, response, &PageBody::<VersionNode>::of(part))
}

/// Returns a version of a character, with its state.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/versions/{version}", tag = "evolution", operation_id = "getVersion",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"), ("version" = uuid::Uuid, Path, description = "The version"),
        ("include_deleted" = Option<bool>, Query, description = "Whether to return the versions of a soft-deleted character. Default: false."),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags of the copies that the client has. Status 304 when one is current."),
    ),
    responses(
        (status = 200, body = VersionBody, description = "The version", headers(("ETag" = String), ("Cache-Status" = String))),
        (status = 304, description = "Not modified: the copy of the client is current"),
        LookProblems,
    ),
)]
pub(crate) async fn get_version(api: Data<Api>, request: HttpRequest) -> Answer {
    let (of, version) = (path_id(&request, "id")?, path_id(&request, "version")?);
    answer::one::<_, VersionBody>(
        &request,
        api.repositories.evolution.version(of, version, only_deleted(&request)?, &context::of_read(&request)?).await?,
    )
}

/// Returns the state of the character in a version. The entity tag is the one that the character had then.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/versions/{version}/state", tag = "evolution", operation_id = "getVersionState",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"), ("version" = uuid::Uuid, Path, description = "The version"),
        ("include_deleted" = Option<bool>, Query, description = "Whether to return the versions of a soft-deleted character. Default: false."),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags of the copies that the client has. Status 304 when one is current."),
    ),
    responses(
        (status = 200, body = CharacterBody, description = "The state of the character in that version", headers(("ETag" = String), ("Cache-Status" = String))),
        (status = 304, description = "Not modified: the copy of the client is current"),
        LookProblems,
    ),
)]
pub(crate) async fn state(api: Data<Api>, request: HttpRequest) -> Answer {
    let (of, version) = (path_id(&request, "id")?, path_id(&request, "version")?);
    let deleted = only_deleted(&request)?;
    let state = api.repositories.evolution.state(of, version, deleted, &context::of_read(&request)?).await?;
    answer::one::<_, CharacterBody>(&request, state)
}

/// Restores the state of a version, as a new version. Nothing is erased, and `parent_id` stays. Campaign events follow
/// the restored sheet: one that was applied since is no longer applied, one that was reverted since is applied again.
/// Experience and level are those that the character had at the version. Milestones, achievements and other rows that changed since
/// (items, journal) stay unchanged, and the response lists them. It also lists the characters that coins were given to or received
/// from, and the successor by a change of theme.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/versions/{version}/restore", tag = "evolution", operation_id = "restoreVersion",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"), ("version" = uuid::Uuid, Path, description = "The version"),
        ChangeHeaders,
    ),
    responses((status = 200, body = VersionRestoredBody, description = "The character after the restore", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn restore_version(api: Data<Api>, request: HttpRequest) -> Answer {
    let (of, version) = (path_id(&request, "id")?, path_id(&request, "version")?);
    let context = context::of_change(&request, &[])?;
    let restored = api.repositories.evolution.restore(of, version, &context).await?;
    let etag = etag(restored.character.meta.revision);
    Ok(HttpResponse::Ok().insert_header((ETAG, etag)).json(VersionRestoredBody::from(restored)))
}

/// Sets or removes the label of a version. Nothing else of a version can change.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/versions/{version}/label", tag = "evolution", operation_id = "labelVersion",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"), ("version" = uuid::Uuid, Path, description = "The version"),
        ChangeHeaders,
    ),
    request_body = LabelRequest,
    responses((status = 200, body = VersionSummaryBody, description = "The version after the change", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn label(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let (of, version) = (path_id(&request, "id")?, path_id(&request, "version")?);
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_change(&request, &body)?;
    let mut fields = Fields::of(body::object(&body)?);
    if !fields.has("label") {
        fields.faults.push("label", "is required; null removes the label");
    }
    let label = fields.text("label");
    let label =
        fields.finish(label, |label| CharacterVersion::check_label(label.as_ref())).map_err(Problem::invalid)?;
    let version = api.repositories.evolution.label(of, version, label, &context).await?;
    Ok(changed::<_, VersionSummaryBody>(&mut HttpResponse::Ok(), version))
}

/// Whether the request asks for the versions of a soft-deleted character too.
fn deleted(parameters: &mut Parameters) -> Deleted {
    if parameters.flag("include_deleted") { Deleted::Include } else { Deleted::Exclude }
}

/// The same, of an operation that takes no other parameter.
fn only_deleted(request: &HttpRequest) -> Result<Deleted, Problem> {
    let mut parameters = Parameters::of(request.query_string());
    let deleted = deleted(&mut parameters);
    parameters.finish()?;
    Ok(deleted)
}
