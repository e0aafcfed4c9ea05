//! The operations of plain rows, as the OpenAPI document describes them.

use super::{BulkCreatable, Operations, Parent, Resource, Restorable, UseCases};
use crate::{
    NewBody, PageBody, PatchBody, RowBody,
    bulk::{BulkCreated, BulkOutcome, MOST},
    context::{ChangeHeaders, CreationHeaders},
    query::PageParameters,
    responses::{ActProblems, LookProblems},
    sparse::{FIELDS, FIELDS_IS},
};
use utoipa::{
    IntoParams, IntoResponses, PartialSchema, ToSchema,
    openapi::{
        Content, HeaderBuilder, HttpMethod, KnownFormat, ObjectBuilder, OpenApi, Ref, RefOr, Required, Response,
        ResponseBuilder, Schema, SchemaFormat, Type,
        path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
        request_body::{RequestBody, RequestBodyBuilder},
        schema::SchemaType,
    },
};

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// A parameter that selects the rows of a list: its name, its schema and its description.
pub(crate) type Filter = (&'static str, fn() -> ObjectBuilder, &'static str);

/// The filter that every list has.
pub(crate) const INCLUDE_DELETED: Filter =
    ("include_deleted", flag, "Whether to include soft-deleted rows. Default: false.");

/// The texts of a plain row in the OpenAPI document. Those of type `String` are summaries of operations, except
/// `restored`, which describes a response.
pub(crate) struct Words {
    /// The group of the operations.
    pub(crate) tag: &'static str,
    /// The row, in ids of operations: `Quest`.
    pub(crate) name: &'static str,
    /// The row, in descriptions: `quest`.
    pub(crate) row: &'static str,
    /// The id of the list operation, and its summary.
    pub(crate) list: (&'static str, String),
    pub(crate) create: String,
    pub(crate) get: String,
    pub(crate) patch: String,
    pub(crate) delete: String,
    pub(crate) restore: String,
    pub(crate) restored: String,
}

impl Words {
    /// The usual words for rows of this name, which are called `row` in sentences, with this article.
    pub(crate) fn of(
        tag: &'static str,
        name: &'static str,
        article: &str,
        row: &'static str,
        list: (&'static str, String),
    ) -> Self {
        Self {
            tag,
            name,
            row,
            list,
            create: format!("Creates {article} {row}."),
            get: format!("Returns the {row} with this id."),
            patch: format!("Changes some fields of {article} {row}, as a merge patch (RFC 7396)."),
            delete: format!("Soft-deletes {article} {row}."),
            restore: format!("Restores {article} soft-deleted {row}. One that is live is returned unchanged."),
            restored: format!("The restored {row}"),
        }
    }
}

/// A list of plain rows: its path, and its id and summary in the OpenAPI document.
pub(crate) struct ListOperation<'a> {
    pub(crate) path: &'a str,
    pub(crate) id: &'a str,
    pub(crate) summary: &'a str,
}

impl Operations for OpenApi {
    fn rows<R: UseCases>(&mut self) {
        let (paths, words) = (R::PATHS, R::words());
        let list = ListOperation { path: paths.all, id: words.list.0, summary: &words.list.1 };
        describe_list::<R, R::Parent>(self, &list);

        let create =
            operation::<R>(&format!("create{}", words.name), &words.create, placeholders(R::Parent::PLACEHOLDERS))
                .parameters(Some(CreationHeaders::into_params(|| None)))
                .request_body(Some(body::<NewBody<R>>(self, JSON)))
                .response("201", row::<R>(self, format!("The created {}", words.row), &["Location", "ETag"]));
        add::<ActProblems>(self, paths.all, HttpMethod::Post, create);

        let tags = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
        let known = "Entity tags of the copies that the client has. Status 304 when one is current.";
        let get = operation::<R>(&format!("get{}", words.name), &words.get, place::<R>(R::Parent::PLACEHOLDERS))
            .parameters(Some(selection::<R>()))
            .parameter(parameter("If-None-Match", known, ParameterIn::Header, tags))
            .response("200", row::<R>(self, format!("The {}", words.row), &["ETag", "Cache-Status"]))
            .response("304", Response::new("Not modified: the copy of the client is current"));
        add::<LookProblems>(self, paths.one, HttpMethod::Get, get);

        let patch = operation::<R>(&format!("patch{}", words.name), &words.patch, place::<R>(R::Parent::PLACEHOLDERS))
            .parameters(Some(ChangeHeaders::into_params(|| None)))
            .request_body(Some(body::<PatchBody<R>>(self, MERGE_PATCH)))
            .response("200", row::<R>(self, format!("The {} after the change", words.row), &["ETag"]));
        add::<ActProblems>(self, paths.one, HttpMethod::Patch, patch);

        let delete =
            operation::<R>(&format!("delete{}", words.name), &words.delete, place::<R>(R::Parent::PLACEHOLDERS))
                .parameters(Some(ChangeHeaders::into_params(|| None)))
                .response("204", Response::new("Deleted; no content"));
        add::<ActProblems>(self, paths.one, HttpMethod::Delete, delete);
    }

    fn restore<R: Restorable>(&mut self) {
        let words = R::words();
        let id = format!("restore{}", words.name);
        let operation = operation::<R>(&id, &words.restore, place::<R>(R::Parent::PLACEHOLDERS_OF_RESTORE))
            .parameters(Some(ChangeHeaders::into_params(|| None)))
            .response("200", row::<R>(self, words.restored, &["ETag"]));
        add::<ActProblems>(self, R::PATHS.restore, HttpMethod::Post, operation);
    }

    fn bulk<R: BulkCreatable>(&mut self) {
        let summary = format!(
            "Creates up to {MOST} {}: either all or none (`atomic`, the default), or each on its own.",
            R::FIELD
        );
        let created = of_rows::<R, BulkCreated<RowBody<R>>>(self);
        let outcome = of_rows::<R, BulkOutcome<RowBody<R>>>(self);
        let operation = operation::<R>(R::OPERATION, &summary, placeholders(R::Parent::PLACEHOLDERS))
            .parameters(Some(CreationHeaders::into_params(|| None)))
            .request_body(Some(body::<R::Request>(self, JSON)))
            .response("201", response("Created: all of them, in the order of the request", created))
            .response(
                "207",
                response("With `atomic` false: the outcome of each, in the order of the request", outcome),
            );
        add::<ActProblems>(self, R::PATHS.bulk, HttpMethod::Post, operation);
    }
}

/// Describes a list of these rows under this parent.
pub(crate) fn describe_list<R: Resource, P: Parent>(document: &mut OpenApi, list: &ListOperation<'_>) {
    let page = of_rows::<R, PageBody<RowBody<R>>>(document);
    let filters = R::FILTERS.iter().map(filter);
    let operation = operation::<R>(list.id, list.summary, placeholders(P::PLACEHOLDERS))
        .parameters(Some(filters.chain(selection::<R>()).chain(PageParameters::into_params(|| None))))
        .response("200", response("A page of the list", page));
    add::<LookProblems>(document, list.path, HttpMethod::Get, operation);
}

fn operation<R: Resource>(id: &str, summary: &str, path: Vec<Parameter>) -> OperationBuilder {
    OperationBuilder::new().tag(R::words().tag).operation_id(Some(id)).summary(Some(summary)).parameters(Some(path))
}

/// Adds an operation with the problems that it shares with many.
fn add<P: IntoResponses>(document: &mut OpenApi, path: &str, method: HttpMethod, operation: OperationBuilder) {
    let mut operation = operation.build();
    operation.responses.responses.extend(P::responses());
    document.paths.add_path_operation(path, vec![method], operation);
}

fn place<R: Resource>(parent: &[(&str, &str)]) -> Vec<Parameter> {
    let mut parameters = placeholders(parent);
    parameters.extend(placeholders(&[(R::PATHS.row, &format!("The {}", R::words().row))]));
    parameters
}

fn placeholders(named: &[(&str, &str)]) -> Vec<Parameter> {
    let placeholder = |&(name, description): &(&str, &str)| parameter(name, description, ParameterIn::Path, uuid());
    named.iter().map(placeholder).collect()
}

fn parameter(name: &str, description: &str, place: ParameterIn, schema: ObjectBuilder) -> Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

fn filter(&(name, schema, description): &Filter) -> Parameter {
    parameter(name, description, ParameterIn::Query, schema())
}

/// The parameter that names the wanted fields, of rows that can be sparse.
fn selection<R: Resource>() -> Option<Parameter> {
    (!R::SELECTABLE.is_empty()).then(|| parameter(FIELDS, FIELDS_IS, ParameterIn::Query, text()))
}

/// `true` or `false`.
pub(crate) fn flag() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean)
}

/// A whole number of 64 bits.
pub(crate) fn number() -> ObjectBuilder {
    let format = SchemaFormat::KnownFormat(KnownFormat::Int64);
    ObjectBuilder::new().schema_type(Type::Integer).format(Some(format))
}

/// A text.
pub(crate) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A word of a closed set.
pub(crate) fn word<T: PartialSchema>() -> ObjectBuilder {
    match T::schema() {
        RefOr::T(Schema::Object(schema)) => ObjectBuilder::from(schema).description(None::<String>),
        _ => text(),
    }
}

/// A UUID.
pub(crate) fn uuid() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
}

fn body<T: ToSchema>(document: &mut OpenApi, media_type: &str) -> RequestBody {
    let schema = named::<T>(document, T::name().into_owned(), T::schema());
    RequestBodyBuilder::new().content(media_type, Content::new(Some(schema))).required(Some(Required::True)).build()
}

/// A response that holds one row.
fn row<R: Resource>(document: &mut OpenApi, description: impl Into<String>, headers: &[&str]) -> ResponseBuilder {
    let schema = named::<RowBody<R>>(document, <R as ToSchema>::name().into_owned(), RowBody::<R>::schema());
    let header = || HeaderBuilder::new().schema(Some(text())).build();
    headers.iter().fold(response(description, schema), |response, name| response.header(*name, header()))
}

fn response(description: impl Into<String>, schema: Ref) -> ResponseBuilder {
    ResponseBuilder::new().description(description).content(JSON, Content::new(Some(schema)))
}

/// Adds the schema of a type that holds rows, which is named after both.
fn of_rows<R: Resource, T: ToSchema>(document: &mut OpenApi) -> Ref {
    named::<T>(document, format!("{}_{}", T::name(), <R as ToSchema>::name()), T::schema())
}

/// Adds a schema with all that it refers to.
fn named<T: ToSchema>(document: &mut OpenApi, name: String, schema: RefOr<Schema>) -> Ref {
    let reference = Ref::from_schema_name(&name);
    let mut schemas = vec![(name, schema)];
    T::schemas(&mut schemas);
    document.components.get_or_insert_default().schemas.extend(schemas);
    reference
}
