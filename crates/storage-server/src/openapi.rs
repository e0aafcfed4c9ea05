//! The OpenAPI document of the storage contract.

use crate::{entities::Described, schemas};
use character_storage_port::{MAX_TRANSACTIONS, PROBE, SNAPSHOT, every_kind};
use character_storage_wire as wire;
use utoipa::openapi::{
    Components, ContentBuilder, HeaderBuilder, HttpMethod, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder,
    PathItem, PathsBuilder, Ref, RefOr, Required, Response, ResponseBuilder, SecurityRequirement,
    path::{Operation, OperationBuilder, Parameter, ParameterIn},
    request_body::RequestBodyBuilder,
    schema::Schema,
    security::{Http, HttpAuthScheme, SecurityScheme},
};

mod log;

const SCHEME: &str = "bearer";

/// The document of version 1 of the contract, OpenAPI 3.1.
#[must_use]
pub fn openapi() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Character Storage")
        .version(format!("{}", wire::VERSION))
        .description(Some("The storage port over HTTP: typed reads, transactions, one log of commits."))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()))
        .build();
    let mut paths = PathsBuilder::new();
    for (path, item) in every_kind!(Row => collection::<Row>()).into_iter().flatten() {
        paths = paths.path(path, item);
    }
    for (path, method, operation) in log::operations() {
        paths = paths.path(path, PathItem::new(method, operation));
    }
    let paths = paths
        .path(wire::TRANSACTIONS, PathItem::new(HttpMethod::Post, commit()))
        .path(wire::BATCH, PathItem::new(HttpMethod::Post, commit_each()))
        .path(wire::SNAPSHOT, PathItem::new(HttpMethod::Get, snapshot()))
        .path(wire::PROBE, PathItem::new(HttpMethod::Get, probe()))
        .build();
    let mut components = Components::builder();
    for (name, schema) in schemas::all() {
        components = components.schema(name, schema);
    }
    for entry in wire::PROBLEMS.iter().copied() {
        components = components.response(entry.code, problem_response(entry));
    }
    let mut components = components.build();
    components.add_security_scheme(SCHEME, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    OpenApiBuilder::new()
        .info(info)
        .paths(paths)
        .components(Some(components))
        .security(Some([SecurityRequirement::new(SCHEME, Vec::<String>::new())]))
        .build()
}

/// The paths of a kind of row.
fn collection<E: Described>() -> [(String, PathItem); 3] {
    let all = wire::collection(E::KIND);
    let one = format!("{all}/{{id}}");
    let tag = E::KIND.collection();
    let schema = schemas::entity_name(E::KIND);
    let find = operation(E::FIND, tag, "Returns the row with this id")
        .parameter(parameter("id", ParameterIn::Path, "The id of the row.", schemas::uuid()))
        .parameter(parameter(
            "deleted",
            ParameterIn::Query,
            "Whether to return a soft-deleted row.",
            schemas::deleted(),
        ))
        .parameter(parameter(
            "If-None-Match",
            ParameterIn::Header,
            "Entity tags of the copies that the client has.",
            schemas::string(),
        ))
        .response("200", tagged(json("The row", &schema)))
        .response("304", tagged(done("Not modified: the client has the current revision")));
    let filtered = |operation| E::filters().into_iter().fold(operation, OperationBuilder::parameter);
    let list = filtered(operation(E::LIST, tag, "Lists rows, a page at a time"));
    let count = filtered(operation(E::COUNT, tag, "Counts the rows of a list"))
        .description(Some("May cost as much as reading the list."))
        .response("200", json("The number of rows on all pages of the list", "Count"));
    let list = list
        .parameter(parameter(
            "limit",
            ParameterIn::Query,
            "The maximum number of rows. A page of large rows may be shorter, also when it is not the last.",
            schemas::limit(),
        ))
        .parameter(parameter(
            "offset",
            ParameterIn::Query,
            "The number of rows to skip. Not together with `cursor`.",
            schemas::offset(),
        ))
        .parameter(parameter(
            "cursor",
            ParameterIn::Query,
            "The `next_cursor` of the previous page. Not together with `offset`.",
            schemas::string(),
        ))
        .response("200", json("The page", &schemas::list_name(E::KIND)));
    [
        (one, PathItem::new(HttpMethod::Get, problems(find, &["not-found", "invalid"]))),
        (all, PathItem::new(HttpMethod::Get, problems(list, &["invalid"]))),
        (wire::count(E::KIND), PathItem::new(HttpMethod::Get, problems(count, &["invalid"]))),
    ]
}

fn commit() -> Operation {
    let operation = operation(character_storage_port::COMMIT, "transactions", "Commits a transaction as a whole")
        .description(Some(
            "Safe to repeat: a repeat with the same id has no further effect and returns the same response.",
        ))
        .request_body(Some(request("Transaction")))
        .response("200", json("The committed transaction, from this request or an earlier one", "Committed"));
    let own = ["not-found", "conflict", "already-exists", "transaction-reused", "invalid"];
    problems(with_body_problems(operation), &own)
}

fn commit_each() -> Operation {
    let description =
        format!("At most {MAX_TRANSACTIONS} transactions. A rejected one does not affect the others. Safe to repeat.");
    let operation = operation("commit_each", "transactions", "Commits independent transactions")
        .description(Some(description))
        .request_body(Some(request("Batch")))
        .response("200", json("The outcome of each transaction, in the order of the request", "Outcomes"));
    problems(with_body_problems(operation), &["invalid"])
}

fn snapshot() -> Operation {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("SnapshotLine"))).build();
    let lines = "One `SnapshotLine` per line. The last line is `end`; without it the snapshot is incomplete";
    let operation = operation(SNAPSHOT, "snapshot", "Streams every row of every kind, as of one moment")
        .description(Some("Includes soft-deleted rows and versions, ordered by kind and id. Backups use it."))
        .response("200", ResponseBuilder::new().description(lines).content(wire::NDJSON, content).build());
    problems(operation, &[])
}

fn probe() -> Operation {
    let operation = operation(PROBE, "probe", "Checks that the database is reachable, without any cache")
        .response("204", done("The database is reachable"));
    problems(operation, &[])
}

fn operation(id: &str, tag: &str, summary: &str) -> OperationBuilder {
    OperationBuilder::new().operation_id(Some(id)).tag(tag).summary(Some(summary))
}

fn parameter(name: &str, place: ParameterIn, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    schemas::parameter(name, place, description, schema)
}

fn request(schema: &str) -> utoipa::openapi::request_body::RequestBody {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
    RequestBodyBuilder::new().content(wire::JSON, content).required(Some(Required::True)).build()
}

fn done(description: &str) -> Response {
    ResponseBuilder::new().description(description).build()
}

fn json(description: &str, schema: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
    ResponseBuilder::new().description(description).content(wire::JSON, content).build()
}

fn tagged(mut response: Response) -> Response {
    let tag =
        HeaderBuilder::new().schema(Some(schemas::string())).description(Some("The revision, in quotes.")).build();
    response.headers.insert("ETag".to_owned(), RefOr::T(tag));
    response
}

fn with_body_problems(operation: OperationBuilder) -> OperationBuilder {
    [wire::MALFORMED, wire::REQUEST_TIMEOUT, wire::TOO_LARGE, wire::UNSUPPORTED_MEDIA_TYPE]
        .into_iter()
        .fold(operation, with_problem)
}

/// The operation with its own problems and those of every operation.
fn problems(operation: OperationBuilder, own: &[&'static str]) -> Operation {
    let everywhere = ["unauthorized", "forbidden", "rate-limited", "corrupt", "unsupported", "unavailable", "timeout"];
    let statuses = |code: &str| wire::problem_type(code).map(|entry| entry.status);
    let mut operation = operation;
    let mut described = Vec::new();
    for code in own.iter().copied().chain(everywhere) {
        // A status appears once in a document: the codes that share one are told apart by the body.
        if described.contains(&statuses(code)) {
            continue;
        }
        described.push(statuses(code));
        operation = with_problem(operation, code);
    }
    operation.build()
}

fn with_problem(operation: OperationBuilder, code: &'static str) -> OperationBuilder {
    match wire::problem_type(code) {
        Some(entry) => operation.response(entry.status.to_string(), Ref::from_response_name(code)),
        None => operation,
    }
}

fn problem_response(entry: wire::ProblemType) -> Response {
    let sharing = wire::PROBLEMS.iter().filter(|other| other.status == entry.status);
    let description = sharing.map(|other| format!("`{}`: {}", other.code, other.title)).collect::<Vec<_>>().join("; ");
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let mut response = ResponseBuilder::new().description(description).content(wire::PROBLEM_JSON, content);
    let whole =
        |description: &str| HeaderBuilder::new().schema(Some(schemas::offset())).description(Some(description)).build();
    match entry.status {
        401 => {
            let header = HeaderBuilder::new().schema(Some(schemas::string())).description(Some("`Bearer`")).build();
            response = response.header("WWW-Authenticate", header);
        }
        429 | 503 => response = response.header("Retry-After", whole("Seconds to wait before the next attempt.")),
        _ => {}
    }
    response.build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use character_storage_port::EntityKind;
    use serde_json::Value;
    use std::collections::BTreeSet;

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    found.insert(reference.clone());
                }
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn the_document_is_openapi_3_1_and_every_reference_leads_somewhere() {
        let document = serde_json::to_value(openapi()).expect("serializable");
        assert_eq!(document["openapi"], "3.1.0");
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.len() > 10);
        for reference in found {
            let pointer = reference.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_path_of_the_contract_is_described() {
        let document = serde_json::to_value(openapi()).expect("serializable");
        let paths: BTreeSet<_> = document["paths"].as_object().expect("paths").keys().cloned().collect();
        let fixed = [wire::TRANSACTIONS, wire::BATCH, wire::SNAPSHOT, wire::PROBE, wire::LOG, wire::LOG_HEAD];
        let of_consumers = [
            wire::CONSUMERS,
            wire::LEASE,
            wire::ADVANCE,
            wire::RELEASE,
            wire::PARK,
            wire::PARKED,
            wire::UNPARK,
            wire::DISCARD,
        ];
        let mut expected: BTreeSet<_> = fixed.into_iter().chain(of_consumers).map(str::to_owned).collect();
        for all in EntityKind::ALL.iter().copied().map(wire::collection) {
            expected.extend([format!("{all}/{{id}}"), all]);
        }
        expected.extend(EntityKind::ALL.iter().copied().map(wire::count));
        assert_eq!(paths, expected);
        for path in expected {
            let item = document["paths"][&path].as_object().expect("item");
            let responses = item.values().next().expect("operation")["responses"].as_object().expect("responses");
            assert!(responses.contains_key("401") && responses.contains_key("503"), "{path}");
        }
    }
}
