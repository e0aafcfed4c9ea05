//! The use cases of the records under a journal entry, and their lists across the whole journal.

use crate::{
    Api, RowBody,
    answer::{self, Answer, path_id},
    context,
    resource::{self, ListOperation, Resource, Restorable, Scope, UseCases, Wanted, Words},
};
use actix_web::{HttpRequest, web::Data};
use character_domain::{CharacterId, JournalEntryId, NpcRelationship, Quest, Violations, now};
use character_repositories::{JournalRecord, ListRequest, Listed, Result as Outcome};
use character_storage_port::{Read, StoragePort, Store};
use uuid::Uuid;

/// A kind of row under a journal entry.
pub(super) trait Record:
    JournalRecord + Resource<Parent = (CharacterId, JournalEntryId), New = <Self as JournalRecord>::New>
{
}

/// The texts of a record in the OpenAPI document.
pub(super) fn words(name: &'static str, list_id: &'static str, row: &'static str) -> Words {
    let list = format!("Lists each {row} under a journal entry, newest first.");
    let create = format!("Creates one {row} under a journal entry.");
    Words { create, ..Words::of("journal", name, "the", row, (list_id, list)) }
}

/// Every rule that a new record breaks on its own.
pub(super) fn check<R: Record>(new: <R as JournalRecord>::New) -> Violations {
    R::new_under(JournalEntryId(Uuid::nil()), CharacterId(Uuid::nil()), new, now()).check()
}

/// The record `current` with these fields.
pub(super) fn rewritten<R: Record>(current: &R, new: <R as JournalRecord>::New) -> R {
    let created = current.meta().created_at;
    R::new_under(current.journal_entry_id(), current.character_id(), new, created).in_place_of(current)
}

impl<R: Record> UseCases for R
where
    dyn StoragePort: Store<R>,
{
    async fn list(at: Scope<'_, Self>, query: R::Query, wanted: ListRequest) -> Outcome<Read<Listed<R>>> {
        let (of, entry) = at.parent;
        at.repositories.journal.list_under(of, entry, query, wanted, at.context).await
    }

    async fn create(at: Scope<'_, Self>, new: <R as Resource>::New) -> Outcome<R> {
        let (of, entry) = at.parent;
        at.repositories.journal.create_under(of, entry, new, at.context).await
    }

    async fn get(at: Scope<'_, Self>, id: R::Id) -> Outcome<Read<R>> {
        let (of, entry) = at.parent;
        at.repositories.journal.get_under(of, entry, id, at.context).await
    }

    async fn patch(at: Scope<'_, Self>, id: R::Id, change: impl Fn(&R) -> Outcome<R>) -> Outcome<R> {
        let (of, entry) = at.parent;
        at.repositories.journal.patch_under(of, entry, id, at.context, change).await
    }

    async fn delete(at: Scope<'_, Self>, id: R::Id) -> Outcome<()> {
        let (of, entry) = at.parent;
        at.repositories.journal.delete_under::<R>(of, entry, id, at.context).await
    }
}

impl<R: Record> Restorable for R
where
    dyn StoragePort: Store<R>,
{
    async fn restore(at: Scope<'_, Self>, id: R::Id) -> Outcome<R> {
        let (of, entry) = at.parent;
        at.repositories.journal.restore_under(of, entry, id, at.context).await
    }
}

/// A record that is also listed across the whole journal.
pub(super) trait AcrossJournal: Record {
    /// The list.
    const ACROSS: ListOperation<'static>;
}

impl AcrossJournal for Quest {
    const ACROSS: ListOperation<'static> = ListOperation {
        path: "/api/v2/characters/{id}/quests",
        id: "listAllQuests",
        summary: "Lists the quests of the whole journal, newest first, including those under soft-deleted entries.",
    };
}

impl AcrossJournal for NpcRelationship {
    const ACROSS: ListOperation<'static> = ListOperation {
        path: "/api/v2/characters/{id}/npc-relationships",
        id: "listAllNpcRelationships",
        summary: "Lists the relationships of the whole journal, newest first, including those under soft-deleted entries.",
    };
}

/// Responds with a page of the records of the whole journal.
pub(super) async fn list_across<R: AcrossJournal>(api: Data<Api>, request: HttpRequest) -> Answer
where
    dyn StoragePort: Store<R>,
{
    let of = path_id(&request, "id")?;
    let Wanted { query, list, .. } = resource::wanted::<R>(&request)?;
    let context = context::of_read(&request)?;
    let journal = &api.repositories.journal;
    answer::page::<_, RowBody<R>>(&request, journal.list_across::<R>(of, query, list, &context).await?)
}
