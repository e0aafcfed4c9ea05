//! The plain rows of the API: rows that a client creates, lists, reads, patches, deletes and restores one by one.

mod handlers;
mod openapi;

pub(crate) use handlers::*;
pub(crate) use openapi::{
    Filter, INCLUDE_DELETED, ListOperation, Words, describe_list, flag, number, text, uuid, word,
};

use crate::{
    Problem,
    answer::path_id,
    fields::Fields,
    object::Object,
    query::Parameters,
    writable::{self, Examples, Notes, Writable},
};
use actix_web::HttpRequest;
use character_domain::{CharacterId, JournalEntryId, Violations};
use character_http_kit::{Endpoint, Endpoints};
use character_repositories::{
    Atomicity, BulkOutcome, ListRequest, Listed, Repositories, RequestContext, Result as Outcome,
};
use character_storage_port::{Entity, Read};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A kind of plain row, as requests, responses and the OpenAPI document show it.
pub(crate) trait Resource: Entity + ToSchema {
    /// The parent of the rows, as the path names it.
    type Parent: Parent;
    /// The fields of a new row, as a repository takes them.
    type New: Serialize;

    /// Where the rows are.
    const PATHS: Paths;
    /// The fields that a client may not choose, beside `id` and those of `meta`.
    const READ_ONLY: &'static [&'static str];
    /// The parameters that select the rows of a list: those that [`query`](Self::query) reads.
    const FILTERS: &'static [Filter];

    /// The fields that `fields` can name; none for rows that are always whole.
    const SELECTABLE: &'static [&'static str] = &[];

    /// Additions to the descriptions of fields in a new row, by field.
    const NOTES: Notes = &[];

    /// An example of each request.
    fn examples() -> Examples;

    /// The texts of the operations in the OpenAPI document.
    fn words() -> Words;

    /// Reads the filters of a list.
    fn query(parameters: &mut Parameters) -> Self::Query;

    /// Reads the fields that a client chooses. A placeholder stands in for a field that cannot be read, so that all
    /// faults are reported at once.
    fn read(fields: &mut Fields) -> Self::New;

    /// Reads a new row.
    fn read_new(members: Object) -> Result<Self::New, Violations> {
        let mut fields = Fields::of(members);
        fields.refuse(Self::READ_ONLY, "is read-only");
        let new = Self::read(&mut fields);
        fields.finish(new, Self::check_new)
    }

    /// Every rule that the new row breaks on its own, whatever its parent is.
    fn check_new(new: Self::New) -> Violations;

    /// This row, with all fields that a client chooses read again.
    fn rewritten(&self, fields: &mut Fields) -> Self;
}

impl<R: Resource> Writable for R {
    const NOTES: Notes = R::NOTES;

    fn called() -> &'static str {
        R::words().row
    }

    fn examples() -> Examples {
        R::examples()
    }

    fn unstated() -> (Map<String, Value>, Violations) {
        writable::unstated(R::read)
    }
}

/// The use cases of a plain row. A repository performs them.
pub(crate) trait UseCases: Resource {
    /// One page of the rows.
    async fn list(at: Scope<'_, Self>, query: Self::Query, wanted: ListRequest) -> Outcome<Read<Listed<Self>>>;
    /// Stores a new row.
    async fn create(at: Scope<'_, Self>, new: Self::New) -> Outcome<Self>;
    /// The live row with this id.
    async fn get(at: Scope<'_, Self>, id: Self::Id) -> Outcome<Read<Self>>;
    /// Stores what `change` makes of the live row with this id.
    async fn patch(at: Scope<'_, Self>, id: Self::Id, change: impl Fn(&Self) -> Outcome<Self>) -> Outcome<Self>;
    /// Soft-deletes the live row with this id.
    async fn delete(at: Scope<'_, Self>, id: Self::Id) -> Outcome<()>;

    /// The endpoint of one row.
    fn endpoint() -> Endpoint {
        Endpoint::at(Self::PATHS.one).get(get::<Self>).patch(patch::<Self>).delete(delete::<Self>)
    }
}

/// A plain row that is restored unchanged.
pub(crate) trait Restorable: UseCases {
    /// Restores the soft-deleted row with this id.
    async fn restore(at: Scope<'_, Self>, id: Self::Id) -> Outcome<Self>;
}

/// A plain row that is also created in bulk.
pub(crate) trait BulkCreatable: UseCases {
    /// The request, for the OpenAPI document.
    type Request: ToSchema;
    /// The field of the request that holds the rows.
    const FIELD: &'static str;
    /// The id of the operation.
    const OPERATION: &'static str;

    /// Stores many new rows.
    async fn create_many(
        at: Scope<'_, Self>,
        new: Vec<Result<Self::New, Violations>>,
        atomicity: Atomicity,
    ) -> Outcome<BulkOutcome<Self>>;
}

/// What a use case works with: the repositories, the parent of the rows, and the context of the request.
pub(crate) struct Scope<'a, R: Resource> {
    pub(crate) repositories: &'a Repositories,
    pub(crate) parent: R::Parent,
    pub(crate) context: &'a RequestContext,
}

/// Placeholders of a path, each with its description.
pub(crate) type Placeholders = &'static [(&'static str, &'static str)];

/// The parent of rows, as the path names it: a character, an entry of its journal, or none.
pub(crate) trait Parent: Copy {
    /// The placeholders of the path.
    const PLACEHOLDERS: Placeholders;
    /// The same, of the path that restores a row.
    const PLACEHOLDERS_OF_RESTORE: Placeholders = Self::PLACEHOLDERS;

    /// Reads it from the path of the request.
    fn of(request: &HttpRequest) -> Result<Self, Problem>;
}

impl Parent for () {
    const PLACEHOLDERS: Placeholders = &[];

    fn of(_: &HttpRequest) -> Result<Self, Problem> {
        Ok(())
    }
}

impl Parent for CharacterId {
    const PLACEHOLDERS: Placeholders = &[("id", "The character")];

    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        path_id(request, "id")
    }
}

impl Parent for (CharacterId, JournalEntryId) {
    const PLACEHOLDERS: Placeholders = &[("id", "The character"), ("entry", "The journal entry")];
    const PLACEHOLDERS_OF_RESTORE: Placeholders =
        &[("id", "The character"), ("entry", "The journal entry, which must be live")];

    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        Ok((path_id(request, "id")?, path_id(request, "entry")?))
    }
}

/// The paths of a plain row, and its placeholder in them.
pub(crate) struct Paths {
    pub(crate) all: &'static str,
    pub(crate) bulk: &'static str,
    pub(crate) one: &'static str,
    pub(crate) restore: &'static str,
    pub(crate) row: &'static str,
}

/// The [`Paths`] of rows under this path, with this placeholder.
macro_rules! paths {
    ($all:literal, $row:literal) => {
        $crate::resource::Paths {
            all: $all,
            bulk: concat!($all, "/bulk"),
            one: concat!($all, "/{", $row, "}"),
            restore: concat!($all, "/{", $row, "}/restore"),
            row: $row,
        }
    };
}
pub(crate) use paths;

/// The operations of plain rows: endpoints serve them, and the OpenAPI document describes them.
pub(crate) trait Operations {
    /// Adds the five use cases.
    fn rows<R: UseCases>(&mut self);
    /// Adds the restore.
    fn restore<R: Restorable>(&mut self);
    /// Adds the bulk creation.
    fn bulk<R: BulkCreatable>(&mut self);
}

impl Operations for Endpoints {
    fn rows<R: UseCases>(&mut self) {
        Endpoint::at(R::PATHS.all).get(list::<R>).post(create::<R>).register(self);
        R::endpoint().register(self);
    }

    fn restore<R: Restorable>(&mut self) {
        Endpoint::at(R::PATHS.restore).post(restore::<R>).register(self);
    }

    fn bulk<R: BulkCreatable>(&mut self) {
        Endpoint::at(R::PATHS.bulk).post(create_bulk::<R>).register(self);
    }
}
