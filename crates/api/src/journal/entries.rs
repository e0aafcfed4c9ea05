//! One entry, and lists.

use super::{
    JournalEntryBody, JournalEntryPatch, NewJournalEntryBody,
    entry::{self, READ_ONLY},
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
use character_domain::JournalEntry;
use character_storage_port::{JournalEntryQuery, TagFilter};

/// Lists the entries of the journal, newest first.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/journal", tag = "journal", operation_id = "listJournal",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        ("entry_type" = Option<String>, Query, description = "Only rows of this type, compared exactly."),
        ("session_number" = Option<i64>, Query, description = "Only entries of the session with this number."),
        ("tags" = Option<String>, Query, description = "Only entries that have all of these tags, separated by commas."),
        ("include_deleted" = Option<bool>, Query, description = "Whether to include soft-deleted rows. Default: false."),
        PageParameters,
    ),
    responses((status = 200, body = PageBody<JournalEntryBody>, description = "A page of the list"), LookProblems),
)]
pub(crate) async fn list(api: Data<Api>, request: HttpRequest) -> Answer {
    let of = path_id(&request, "id")?;
    let mut parameters = Parameters::of(request.query_string());
    let wanted = JournalEntryQuery {
        entry_type: parameters.text("entry_type"),
        session_number: parameters.number("session_number"),
        tags: parameters.text("tags").map(TagFilter::from).unwrap_or_default(),
        include_deleted: parameters.flag("include_deleted"),
        ..JournalEntryQuery::default()
    };
    let page = parameters.page_of::<JournalEntry>(&wanted);
    parameters.finish()?;
    answer::page::<_, JournalEntryBody>(
        &request,
        api.repositories.journal.list(of, wanted, page, &context::of_read(&request)?).await?,
    )
}

/// Creates a journal entry.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/journal", tag = "journal", operation_id = "createJournalEntry",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        CreationHeaders,
    ),
    request_body = NewJournalEntryBody,
    responses((status = 201, body = JournalEntryBody, description = "The created entry", headers(("Location" = String), ("ETag" = String))), ActProblems),
)]
pub(crate) async fn create(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let of = path_id(&request, "id")?;
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_creation(&request, &body)?;
    let new = entry::new(body::object(&body)?).map_err(Problem::invalid)?;
    let entry = api.repositories.journal.create(of, new, &context).await?;
    Ok(created::<_, JournalEntryBody>(request.path(), entry))
}

/// Returns the journal entry with this id.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/journal/{entry}", tag = "journal", operation_id = "getJournalEntry",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"), ("entry" = uuid::Uuid, Path, description = "The entry"),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags of the copies that the client has. Status 304 when one is current."),
    ),
    responses(
        (status = 200, body = JournalEntryBody, description = "The entry", headers(("ETag" = String), ("Cache-Status" = String))),
        (status = 304, description = "Not modified: the copy of the client is current"),
        LookProblems,
    ),
)]
pub(crate) async fn get(api: Data<Api>, request: HttpRequest) -> Answer {
    let (of, entry) = (path_id(&request, "id")?, path_id(&request, "entry")?);
    answer::one::<_, JournalEntryBody>(
        &request,
        api.repositories.journal.get(of, entry, &context::of_read(&request)?).await?,
    )
}

/// Changes some fields of a journal entry, as a merge patch (RFC 7396).
#[utoipa::path(
    patch, path = "/api/v2/characters/{id}/journal/{entry}", tag = "journal", operation_id = "patchJournalEntry",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"), ("entry" = uuid::Uuid, Path, description = "The entry"),
        ChangeHeaders,
    ),
    request_body(content = JournalEntryPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, body = JournalEntryBody, description = "The entry after the change", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn patch(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let (of, entry) = (path_id(&request, "id")?, path_id(&request, "entry")?);
    let body = body::of_row(&api, &request, payload, Media::MergePatch).await?;
    let context = context::of_change(&request, &body)?;
    let change = merge::patch(body::object(&body)?, &READ_ONLY).map_err(Problem::invalid)?;
    let entry = api.repositories.journal.patch(of, entry, &context, change).await?;
    Ok(changed::<_, JournalEntryBody>(&mut HttpResponse::Ok(), entry))
}

/// Soft-deletes a journal entry. Until it is restored, the records under it appear only in the lists of the whole
/// journal.
#[utoipa::path(
    delete, path = "/api/v2/characters/{id}/journal/{entry}", tag = "journal", operation_id = "deleteJournalEntry",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"), ("entry" = uuid::Uuid, Path, description = "The entry"),
        ChangeHeaders,
    ),
    responses((status = 204, description = "Deleted; no content"), ActProblems),
)]
pub(crate) async fn delete(api: Data<Api>, request: HttpRequest) -> Answer {
    let (of, entry) = (path_id(&request, "id")?, path_id(&request, "entry")?);
    api.repositories.journal.delete(of, entry, &context::of_change(&request, &[])?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Restores a soft-deleted journal entry. One that is live is returned unchanged.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/journal/{entry}/restore", tag = "journal", operation_id = "restoreJournalEntry",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"), ("entry" = uuid::Uuid, Path, description = "The entry"),
        ChangeHeaders,
    ),
    responses((status = 200, body = JournalEntryBody, description = "The entry after the change", headers(("ETag" = String))), ActProblems),
)]
pub(crate) async fn restore(api: Data<Api>, request: HttpRequest) -> Answer {
    let (of, entry) = (path_id(&request, "id")?, path_id(&request, "entry")?);
    let entry = api.repositories.journal.restore(of, entry, &context::of_change(&request, &[])?).await?;
    Ok(changed::<_, JournalEntryBody>(&mut HttpResponse::Ok(), entry))
}
