//! The responses that are the same for every kind of row.

use crate::{
    Problem,
    condition::{self, etag},
    fields, provenance, query,
    sparse::{SPARSE_JSON, Selection},
    written::WrittenPages,
};
use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, ETAG, HeaderValue, LINK, LOCATION},
    },
};
use bytes::Bytes;
use character_domain::{Meta, Revision};
use character_error_reporter::redacted;
use character_repositories::{Condition, Listed};
use character_storage_port::{Cursor, Entity, MAX_PAGE_BYTES, Read, Source, UnreadableRow};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

/// The part of the digest of a list that is its entity tag, in bytes.
const TAG_BYTES: usize = 16;

const JSON: &str = "application/json";
/// Room for the text of most sheets, which are then not copied while the text grows.
const LEAST_ROOM: usize = 5_120;

/// The result of a handler.
pub(crate) type Answer = Result<HttpResponse, Problem>;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageBody<T> {
    /// The rows, in the order of the list. Default: newest first.
    pub items: Vec<T>,
    /// The `cursor` of the next page; `null` on the last page. A page may hold fewer rows than `limit` and not be the
    /// last: it ends before it exceeds 8 MiB.
    #[schema(value_type = Option<String>)]
    pub next_cursor: Option<Cursor>,
    /// Stored rows of this page that cannot be read; absent when there are none. They count towards `limit`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub unreadable: Vec<UnreadableRowBody>,
    /// The number of rows on all pages, a moment after this page was read; absent unless `include_total` is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub total: Option<u64>,
}

/// A row of a page whose stored form cannot be read.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnreadableRowBody {
    /// Its position in the page, from 0, with readable and unreadable rows counted together.
    pub position: usize,
    /// The id of the row.
    pub id: Uuid,
    /// Why it cannot be read, without its contents.
    pub problem: String,
}

impl From<UnreadableRow> for UnreadableRowBody {
    fn from(row: UnreadableRow) -> Self {
        Self { position: row.position, id: row.id, problem: row.problem }
    }
}

impl<T> PageBody<T> {
    pub(crate) fn of<E: Clone>(page: Listed<E>) -> Self
    where
        T: From<E>,
    {
        Self {
            items: page.items.into_iter().map(T::from).collect(),
            next_cursor: page.next,
            unreadable: page.unreadable.into_iter().map(UnreadableRowBody::from).collect(),
            total: page.total,
        }
    }
}

/// The id in the path, named by its placeholder.
pub(crate) fn path_id<T: From<Uuid>>(request: &HttpRequest, name: &str) -> Result<T, Problem> {
    let text = request.match_info().get(name).unwrap_or_default();
    fields::uuid(text).map(T::from).ok_or_else(|| Problem::field(name, "must be a UUID"))
}

/// Responds with one row: 200, or 304 when the copy of the client is current.
pub(crate) fn one<E: Entity, B: From<E> + Serialize>(request: &HttpRequest, read: Read<E>) -> Answer {
    part_of_one::<E, B>(request, read, None)
}

/// The same, with the wanted fields alone. The entity tag is that of the row.
pub(crate) fn part_of_one<E: Entity, B: From<E> + Serialize>(
    request: &HttpRequest,
    read: Read<E>,
    wanted: Option<&Selection>,
) -> Answer {
    let Read { value: row, source } = read;
    of_revision(request, source, row.meta().revision, |response| match wanted {
        None => json(response, JSON, &B::from(row)),
        Some(wanted) => json(response, SPARSE_JSON, &wanted.of(&B::from(row))),
    })
}

/// Responds with what has this revision as its entity tag: as `respond` does, or 304 when the copy of the client is current.
pub(crate) fn of_revision(
    request: &HttpRequest,
    source: Source,
    revision: Revision,
    respond: impl FnOnce(&mut HttpResponseBuilder) -> Answer,
) -> Answer {
    let known = condition::is_known(request.headers(), revision)?;
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    provenance::tell(&mut response, source);
    response.insert_header((ETAG, etag(revision)));
    if known { Ok(response.finish()) } else { respond(&mut response) }
}

/// One page of rows, with the links to other pages: 200, or 304 when the copy of the client is current.
pub(crate) fn page<E: Entity, B: From<E> + Serialize + 'static>(
    request: &HttpRequest,
    read: Read<Listed<E>>,
) -> Answer {
    part_of_page::<E, B>(request, read, None)
}

/// The same, with the wanted fields of each row alone.
pub(crate) fn part_of_page<E: Entity, B: From<E> + Serialize + 'static>(
    request: &HttpRequest,
    read: Read<Listed<E>>,
    wanted: Option<&Selection>,
) -> Answer {
    let Read { value: page, source } = read;
    let mut response = HttpResponse::Ok();
    provenance::tell(&mut response, source);
    let tag = rows_tag(&page)?;
    if let Some(unchanged) = list(request, &mut response, &tag, page.next.as_ref())? {
        return Ok(unchanged);
    }
    let Some(wanted) = wanted else {
        let write = || {
            let page = PageBody::<B>::of(page);
            written_into(Vec::with_capacity(room(&page.items)?), &page)
        };
        let text = WrittenPages::of::<B, _>(request, &tag, source, write)?;
        return Ok(with_text(&mut response, JSON, text));
    };
    let PageBody { items, next_cursor, unreadable, total } = PageBody::<B>::of(page);
    let items = items.iter().map(|row| wanted.of(row)).collect();
    json(&mut response, SPARSE_JSON, &PageBody { items, next_cursor, unreadable, total })
}

/// A page of rows of which a part is computed when they are read, so that revisions do not stand for their contents.
pub(crate) fn page_of_computed<E: Clone, B: From<E> + Serialize>(
    request: &HttpRequest,
    read: Read<Listed<E>>,
) -> Answer {
    let mut response = HttpResponse::Ok();
    provenance::tell(&mut response, read.source);
    list_of_nodes(request, response, &PageBody::<B>::of(read.value))
}

/// The response to a read with this condition of what is computed from several rows, and has no entity tag.
pub(crate) fn untagged(condition: &Condition) -> Result<HttpResponseBuilder, Problem> {
    condition::of_untagged(condition)?;
    let mut response = HttpResponse::Ok();
    provenance::revalidate(&mut response);
    Ok(response)
}

/// A list of what has no revision, with a tag of its contents.
pub(crate) fn list_of_nodes<B: Serialize>(
    request: &HttpRequest,
    mut response: HttpResponseBuilder,
    page: &PageBody<B>,
) -> Answer {
    let text = written(page)?;
    let tag = tag(Sha256::new_with_prefix(&text));
    let unchanged = list(request, &mut response, &tag, page.next_cursor.as_ref())?;
    Ok(unchanged.unwrap_or_else(|| with_text(&mut response, JSON, text)))
}

/// Adds the links and the entity tag of a list. Returns the whole response, 304, when the copy of the client is current. The tag
/// is a weak one: it names the contents, whole rows and `total` included, and no revision.
fn list(
    request: &HttpRequest,
    response: &mut HttpResponseBuilder,
    tag: &str,
    next: Option<&Cursor>,
) -> Result<Option<HttpResponse>, Problem> {
    if let Some(links) = query::page_links(request.path(), request.query_string(), next) {
        response.insert_header((LINK, links));
    }
    condition::of_untagged(&condition::of_read(request.headers())?)?;
    response.insert_header((ETAG, format!("W/\"{tag}\"")));
    let known = condition::knows(request.headers(), tag)?;
    Ok(known.then(|| response.status(StatusCode::NOT_MODIFIED).finish()))
}

/// The tag of a page of rows. Revision and time stand for the contents of a row, so that a long page need not be read for it;
/// another release may write the same row in another way.
fn rows_tag<E: Entity>(page: &Listed<E>) -> Result<String, Problem> {
    let mut digest = Sha256::new_with_prefix(env!("CARGO_PKG_VERSION"));
    for row in &page.items {
        let (id, meta): (Uuid, &Meta) = (row.id().into(), row.meta());
        digest.update(id.as_bytes());
        digest.update(meta.revision.0.to_le_bytes());
        digest.update(meta.updated_at.as_microsecond().to_le_bytes());
    }
    digest.update((page.items.len() as u64).to_le_bytes());
    // What is beside the rows is short.
    let unreadable = page.unreadable.iter().map(|row| (row.position, row.id, &row.problem));
    digest.update(written(&(&page.next, unreadable.collect::<Vec<_>>(), page.total))?);
    Ok(tag(digest))
}

fn tag(digest: Sha256) -> String {
    digest.finalize().iter().take(TAG_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

/// A body that may be as long as a sheet, or longer.
fn json(response: &mut HttpResponseBuilder, media_type: &'static str, body: &impl Serialize) -> Answer {
    Ok(with_text(response, media_type, written(body)?))
}

fn with_text(response: &mut HttpResponseBuilder, media_type: &'static str, text: impl Into<Bytes>) -> HttpResponse {
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static(media_type))).body(text.into())
}

/// Room for the text of these rows, which are probably about as long as the first of them: a long text is not copied while it
/// grows. Never much more than a page has.
fn room<B: Serialize>(rows: &[B]) -> Result<usize, Problem> {
    let [first, _, ..] = rows else { return Ok(LEAST_ROOM) };
    let likely = written(first)?.len().saturating_mul(rows.len());
    Ok(likely.min(MAX_PAGE_BYTES) / 8 * 9 + LEAST_ROOM)
}

fn written(body: &impl Serialize) -> Result<Vec<u8>, Problem> {
    written_into(Vec::with_capacity(LEAST_ROOM), body)
}

fn written_into(mut text: Vec<u8>, body: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_writer(&mut text, body).map_err(|error| {
        tracing::error!(error = %redacted(&error), "a response cannot be serialized");
        Problem::internal()
    })?;
    Ok(text)
}

/// Responds 201 with a created row; `path` is that of its collection.
pub(crate) fn created<E: Entity, B: From<E> + Serialize>(path: &str, row: E) -> HttpResponse {
    let location = (LOCATION, format!("{path}/{}", row.id()));
    changed::<E, B>(HttpResponse::Created().insert_header(location), row)
}

/// A row after a change.
pub(crate) fn changed<E: Entity, B: From<E> + Serialize>(response: &mut HttpResponseBuilder, row: E) -> HttpResponse {
    response.insert_header((ETAG, etag(row.meta().revision))).json(B::from(row))
}
