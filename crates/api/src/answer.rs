//! The answers that every kind of row gives in the same way.

use crate::{
    Problem,
    condition::{self, etag},
    fields, provenance, query,
};
use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::header::{CONTENT_TYPE, ETAG, HeaderValue, LINK, LOCATION},
};
use character_domain::{Meta, Timestamp};
use character_error_reporter::redacted;
use character_storage_port::{Cursor, Entity, Page, Read, UnreadableRow};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What a handler gives.
pub(crate) type Answer = Result<HttpResponse, Problem>;

/// What every row has beside its own fields.
#[derive(Debug, Serialize, ToSchema)]
pub struct MetaBody {
    /// 1 when created, one more at each change; also its entity tag.
    pub revision: u64,
    /// When it came to be.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// When it was soft-deleted; `null` while it is live.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deleted_at: Option<Timestamp>,
}

impl From<Meta> for MetaBody {
    fn from(meta: Meta) -> Self {
        Self {
            revision: meta.revision.0,
            created_at: meta.created_at,
            updated_at: meta.updated_at,
            deleted_at: meta.deleted_at,
        }
    }
}

/// Part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageBody<T> {
    /// The rows, in the order of the list: newest first unless another order was asked for.
    pub items: Vec<T>,
    /// The `cursor` of the next part; `null` at the end. A part may hold fewer rows than `limit` and not be the last: it
    /// ends before it exceeds 8 MiB.
    #[schema(value_type = Option<String>)]
    pub next_cursor: Option<Cursor>,
    /// Stored rows of this part that cannot be read; absent when there are none. They count for `limit`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub unreadable: Vec<UnreadableRowBody>,
}

/// A row of a list that is stored in a form that cannot be read.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnreadableRowBody {
    /// Its place in this part of the list, 0 for the first, with readable and unreadable rows counted together.
    pub position: usize,
    /// Its id.
    pub id: Uuid,
    /// What is wrong with it, without its contents.
    pub problem: String,
}

impl From<UnreadableRow> for UnreadableRowBody {
    fn from(row: UnreadableRow) -> Self {
        Self { position: row.position, id: row.id, problem: row.problem }
    }
}

impl<T> PageBody<T> {
    pub(crate) fn of<E>(page: Page<E>) -> Self
    where
        T: From<E>,
    {
        Self {
            items: page.items.into_iter().map(T::from).collect(),
            next_cursor: page.next,
            unreadable: page.unreadable.into_iter().map(UnreadableRowBody::from).collect(),
        }
    }
}

/// The id in the path, named by its placeholder.
pub(crate) fn path_id<T: From<Uuid>>(request: &HttpRequest, name: &str) -> Result<T, Problem> {
    let text = request.match_info().get(name).unwrap_or_default();
    fields::uuid(text).map(T::from).ok_or_else(|| Problem::field(name, "must be a UUID"))
}

/// One row to who asked for it: 200, or 304 when the client has it.
pub(crate) fn one<E: Entity, B: From<E> + Serialize>(request: &HttpRequest, read: Read<E>) -> Answer {
    let Read { value: row, source } = read;
    let revision = row.meta().revision;
    let known = condition::is_known(request.headers(), revision)?;
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    provenance::tell(&mut response, source);
    response.insert_header((ETAG, etag(revision)));
    if known { Ok(response.finish()) } else { json(&mut response, &B::from(row)) }
}

/// One page of rows, with the way to the next.
pub(crate) fn page<E: Entity, B: From<E> + Serialize>(request: &HttpRequest, read: Read<Page<E>>) -> Answer {
    let Read { value: page, source } = read;
    let mut response = HttpResponse::Ok();
    provenance::tell(&mut response, source);
    if let Some(cursor) = &page.next {
        response.insert_header((LINK, query::next_page(request.path(), request.query_string(), cursor)));
    }
    json(&mut response, &PageBody::<B>::of(page))
}

/// A body that is as long as a sheet, or longer.
fn json(response: &mut HttpResponseBuilder, body: &impl Serialize) -> Answer {
    // Most sheets fit into this, and are then not copied while the text grows.
    let mut text = Vec::with_capacity(4096);
    serde_json::to_writer(&mut text, body).map_err(|error| {
        tracing::error!(error = %redacted(&error), "an answer cannot be written");
        Problem::internal()
    })?;
    Ok(response.insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json"))).body(text))
}

/// A row that was made; `path` is that of its collection.
pub(crate) fn created<E: Entity, B: From<E> + Serialize>(path: &str, row: E) -> HttpResponse {
    let location = (LOCATION, format!("{path}/{}", row.id()));
    changed::<E, B>(HttpResponse::Created().insert_header(location), row)
}

/// A row as it is after an act.
pub(crate) fn changed<E: Entity, B: From<E> + Serialize>(response: &mut HttpResponseBuilder, row: E) -> HttpResponse {
    response.insert_header((ETAG, etag(row.meta().revision))).json(B::from(row))
}
