//! The records under a journal entry, and their lists across the whole journal.

use super::{
    ExperienceEntryBody, ExperienceEntryPatch, NewExperienceEntryBody, NewNpcRelationshipBody, NewQuestBody,
    NpcRelationshipBody, NpcRelationshipPatch, QuestBody, QuestPatch, READ_ONLY, experience, npc_relationship,
    quest::{self, IMPORTANCES, STATUSES},
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
use character_domain::{ExperienceEntry, NpcRelationship, Quest};
use character_storage_port::{ExperienceEntryQuery, NpcRelationshipQuery, PageRequest, QuestQuery};

/// The six operations on a kind of row under an entry. `$row` is its placeholder, in braces in `$one`.
macro_rules! journal_record {
    (
        $name:literal, $note:literal, $entity:ty, $body:ty, $new_body:ty, $patch_body:ty, $input:ident, $parameters:ident,
        $many:literal, $one:literal, $row:literal, { $($filter:tt)* },
        list $list:ident $list_id:literal, create $create:ident $create_id:literal, get $get:ident $get_id:literal,
        patch $patch:ident $patch_id:literal, delete $delete:ident $delete_id:literal, restore $restore:ident $restore_id:literal $restore_path:literal
    ) => {
        #[utoipa::path(
            summary = concat!("Lists each ", $name, " under a journal entry, newest first."),
            get, path = $many, tag = "journal", operation_id = $list_id,
            params(
                ("id" = uuid::Uuid, Path, description = "The character"),
                ("entry" = uuid::Uuid, Path, description = "The journal entry"),
                $($filter)*
                ("include_deleted" = Option<bool>, Query, description = "Whether to include soft-deleted rows. Default: false."),
                PageParameters,
            ),
            responses((status = 200, body = PageBody<$body>, description = "A page of the list"), LookProblems),
        )]
        pub(crate) async fn $list(api: Data<Api>, request: HttpRequest) -> Answer {
            let (of, entry) = (path_id(&request, "id")?, path_id(&request, "entry")?);
            let (wanted, page) = $parameters(&request)?;
            let journal = &api.repositories.journal;
            answer::page::<_, $body>(&request, journal.list_under::<$entity>(of, entry, wanted, page, &context::of_read(&request)?).await?)
        }

        #[utoipa::path(
            summary = concat!("Creates one ", $name, " under a journal entry.", $note),
            post, path = $many, tag = "journal", operation_id = $create_id,
            params(
                ("id" = uuid::Uuid, Path, description = "The character"),
                ("entry" = uuid::Uuid, Path, description = "The journal entry"),
                CreationHeaders,
            ),
            request_body = $new_body,
            responses((status = 201, body = $body, description = concat!("The created ", $name), headers(("Location" = String), ("ETag" = String))), ActProblems),
        )]
        pub(crate) async fn $create(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
            let (of, entry) = (path_id(&request, "id")?, path_id(&request, "entry")?);
                let body = body::of_row(&api, &request, payload, Media::Json).await?;
            let context = context::of_creation(&request, &body)?;
            let new = $input::new(body::object(&body)?).map_err(Problem::invalid)?;
            let row = api.repositories.journal.create_under::<$entity>(of, entry, new, &context).await?;
            Ok(created::<_, $body>(request.path(), row))
        }

        #[utoipa::path(
            summary = concat!("Returns the ", $name, " with this id."),
            get, path = $one, tag = "journal", operation_id = $get_id,
            params(
                ("id" = uuid::Uuid, Path, description = "The character"),
                ("entry" = uuid::Uuid, Path, description = "The journal entry"),
                ($row = uuid::Uuid, Path, description = concat!("The ", $name)),
                ("If-None-Match" = Option<String>, Header, description = "Entity tags of the copies that the client has. Status 304 when one is current."),
            ),
            responses(
                (status = 200, body = $body, description = concat!("The ", $name), headers(("ETag" = String), ("Cache-Status" = String))),
                (status = 304, description = "Not modified: the copy of the client is current"),
                LookProblems,
            ),
        )]
        pub(crate) async fn $get(api: Data<Api>, request: HttpRequest) -> Answer {
            let (of, entry, id) = (path_id(&request, "id")?, path_id(&request, "entry")?, path_id(&request, $row)?);
            let read = api.repositories.journal.get_under::<$entity>(of, entry, id, &context::of_read(&request)?).await?;
            answer::one::<_, $body>(&request, read)
        }

        #[utoipa::path(
            summary = concat!("Changes some fields of the ", $name, ", as a merge patch (RFC 7396)."),
            patch, path = $one, tag = "journal", operation_id = $patch_id,
            params(
                ("id" = uuid::Uuid, Path, description = "The character"),
                ("entry" = uuid::Uuid, Path, description = "The journal entry"),
                ($row = uuid::Uuid, Path, description = concat!("The ", $name)),
                ChangeHeaders,
            ),
            request_body(content = $patch_body, content_type = "application/merge-patch+json"),
            responses((status = 200, body = $body, description = concat!("The ", $name, " after the change"), headers(("ETag" = String))), ActProblems),
        )]
        pub(crate) async fn $patch(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
            let (of, entry, id) = (path_id(&request, "id")?, path_id(&request, "entry")?, path_id(&request, $row)?);
            let body = body::of_row(&api, &request, payload, Media::MergePatch).await?;
            let context = context::of_change(&request, &body)?;
            let change = merge::patch(body::object(&body)?, &READ_ONLY).map_err(Problem::invalid)?;
            let row = api.repositories.journal.patch_under::<$entity>(of, entry, id, &context, change).await?;
            Ok(changed::<_, $body>(&mut HttpResponse::Ok(), row))
        }

        #[utoipa::path(
            summary = concat!("Soft-deletes the ", $name, "."),
            delete, path = $one, tag = "journal", operation_id = $delete_id,
            params(
                ("id" = uuid::Uuid, Path, description = "The character"),
                ("entry" = uuid::Uuid, Path, description = "The journal entry"),
                ($row = uuid::Uuid, Path, description = concat!("The ", $name)),
                ChangeHeaders,
            ),
            responses((status = 204, description = "Deleted; no content"), ActProblems),
        )]
        pub(crate) async fn $delete(api: Data<Api>, request: HttpRequest) -> Answer {
            let (of, entry, id) = (path_id(&request, "id")?, path_id(&request, "entry")?, path_id(&request, $row)?);
            let context = context::of_change(&request, &[])?;
            api.repositories.journal.delete_under::<$entity>(of, entry, id, &context).await?;
            Ok(HttpResponse::NoContent().finish())
        }

        #[utoipa::path(
            summary = concat!("Restores the soft-deleted ", $name, ". One that is live is returned unchanged."),
            post, path = $restore_path, tag = "journal", operation_id = $restore_id,
            params(
                ("id" = uuid::Uuid, Path, description = "The character"),
                ("entry" = uuid::Uuid, Path, description = "The journal entry, which must be live"),
                ($row = uuid::Uuid, Path, description = concat!("The ", $name)),
                ChangeHeaders,
            ),
            responses((status = 200, body = $body, description = concat!("The restored ", $name), headers(("ETag" = String))), ActProblems),
        )]
        pub(crate) async fn $restore(api: Data<Api>, request: HttpRequest) -> Answer {
            let (of, entry, id) = (path_id(&request, "id")?, path_id(&request, "entry")?, path_id(&request, $row)?);
            let context = context::of_change(&request, &[])?;
            let row = api.repositories.journal.restore_under::<$entity>(of, entry, id, &context).await?;
            Ok(changed::<_, $body>(&mut HttpResponse::Ok(), row))
        }
    };
}

journal_record! {
    "experience entry", " It is a record and adds no experience; `POST …/progress/experience` does.",
    ExperienceEntry, ExperienceEntryBody, NewExperienceEntryBody, ExperienceEntryPatch, experience, experience_parameters,
    "/api/v2/characters/{id}/journal/{entry}/experience",
    "/api/v2/characters/{id}/journal/{entry}/experience/{experience}", "experience", {},
    list list_experience "listExperienceEntries", create create_experience "createExperienceEntry",
    get get_experience "getExperienceEntry", patch patch_experience "patchExperienceEntry",
    delete delete_experience "deleteExperienceEntry",
    restore restore_experience "restoreExperienceEntry"
    "/api/v2/characters/{id}/journal/{entry}/experience/{experience}/restore"
}

journal_record! {
    "quest", "",
    Quest, QuestBody, NewQuestBody, QuestPatch, quest, quest_parameters,
    "/api/v2/characters/{id}/journal/{entry}/quests", "/api/v2/characters/{id}/journal/{entry}/quests/{quest}", "quest",
    {
        ("status" = Option<String>, Query, description = "Only quests of this status: `active`, `completed`, `failed` or `abandoned`."),
        ("importance" = Option<String>, Query, description = "Only quests of this importance: `low`, `normal`, `high` or `critical`."),
    },
    list list_quests "listQuests", create create_quest "createQuest", get get_quest "getQuest",
    patch patch_quest "patchQuest", delete delete_quest "deleteQuest",
    restore restore_quest "restoreQuest" "/api/v2/characters/{id}/journal/{entry}/quests/{quest}/restore"
}

journal_record! {
    "relationship", "",
    NpcRelationship, NpcRelationshipBody, NewNpcRelationshipBody, NpcRelationshipPatch, npc_relationship,
    npc_relationship_parameters,
    "/api/v2/characters/{id}/journal/{entry}/npc-relationships",
    "/api/v2/characters/{id}/journal/{entry}/npc-relationships/{relationship}", "relationship",
    { ("relationship_type" = Option<String>, Query, description = "Only rows of this type, compared exactly."), },
    list list_npc_relationships "listNpcRelationships", create create_npc_relationship "createNpcRelationship",
    get get_npc_relationship "getNpcRelationship", patch patch_npc_relationship "patchNpcRelationship",
    delete delete_npc_relationship "deleteNpcRelationship",
    restore restore_npc_relationship "restoreNpcRelationship"
    "/api/v2/characters/{id}/journal/{entry}/npc-relationships/{relationship}/restore"
}

/// Lists the quests of the whole journal, newest first, including those under soft-deleted entries.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/quests", tag = "journal", operation_id = "listAllQuests",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        ("status" = Option<String>, Query, description = "Only quests of this status: `active`, `completed`, `failed` or `abandoned`."),
        ("importance" = Option<String>, Query, description = "Only quests of this importance: `low`, `normal`, `high` or `critical`."),
        ("include_deleted" = Option<bool>, Query, description = "Whether to include soft-deleted rows. Default: false."),
        PageParameters,
    ),
    responses((status = 200, body = PageBody<QuestBody>, description = "A page of the list"), LookProblems),
)]
pub(crate) async fn list_all_quests(api: Data<Api>, request: HttpRequest) -> Answer {
    let of = path_id(&request, "id")?;
    let (wanted, page) = quest_parameters(&request)?;
    answer::page::<_, QuestBody>(
        &request,
        api.repositories.journal.list_across::<Quest>(of, wanted, page, &context::of_read(&request)?).await?,
    )
}

/// Lists the relationships of the whole journal, newest first, including those under soft-deleted entries.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/npc-relationships", tag = "journal", operation_id = "listAllNpcRelationships",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        ("relationship_type" = Option<String>, Query, description = "Only rows of this type, compared exactly."),
        ("include_deleted" = Option<bool>, Query, description = "Whether to include soft-deleted rows. Default: false."),
        PageParameters,
    ),
    responses((status = 200, body = PageBody<NpcRelationshipBody>, description = "A page of the list"), LookProblems),
)]
pub(crate) async fn list_all_npc_relationships(api: Data<Api>, request: HttpRequest) -> Answer {
    let of = path_id(&request, "id")?;
    let (wanted, page) = npc_relationship_parameters(&request)?;
    let journal = &api.repositories.journal;
    answer::page::<_, NpcRelationshipBody>(
        &request,
        journal.list_across::<NpcRelationship>(of, wanted, page, &context::of_read(&request)?).await?,
    )
}

fn experience_parameters(request: &HttpRequest) -> Result<(ExperienceEntryQuery, PageRequest), Problem> {
    let mut parameters = Parameters::of(request.query_string());
    let include_deleted = parameters.flag("include_deleted");
    let page = parameters.page();
    parameters.finish()?;
    Ok((ExperienceEntryQuery { include_deleted, ..ExperienceEntryQuery::default() }, page))
}

fn quest_parameters(request: &HttpRequest) -> Result<(QuestQuery, PageRequest), Problem> {
    let mut parameters = Parameters::of(request.query_string());
    let wanted = QuestQuery {
        status: parameters.word("status", STATUSES),
        importance: parameters.word("importance", IMPORTANCES),
        include_deleted: parameters.flag("include_deleted"),
        ..QuestQuery::default()
    };
    let page = parameters.page_of::<Quest>(&wanted);
    parameters.finish()?;
    Ok((wanted, page))
}

fn npc_relationship_parameters(request: &HttpRequest) -> Result<(NpcRelationshipQuery, PageRequest), Problem> {
    let mut parameters = Parameters::of(request.query_string());
    let wanted = NpcRelationshipQuery {
        relationship_type: parameters.text("relationship_type"),
        include_deleted: parameters.flag("include_deleted"),
        ..NpcRelationshipQuery::default()
    };
    let page = parameters.page_of::<NpcRelationship>(&wanted);
    parameters.finish()?;
    Ok((wanted, page))
}
