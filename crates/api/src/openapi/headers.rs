//! The headers of requests and responses, each described once.

use super::{operations::Operation, walk::members_mut};
use serde_json::{Value, json};

/// A header that the document adds to requests.
pub(super) struct Parameter {
    name: &'static str,
    description: &'static str,
}

pub(super) const IF_MATCH_READ: Parameter = Parameter {
    name: "If-Match",
    description: "Strong entity tags. The row must have one of them; otherwise the response is 412 `precondition-failed`.",
};
pub(super) const IF_MATCH_UNTAGGED: Parameter = Parameter {
    name: "If-Match",
    description: "Only `*` is true of this response, which has no strong entity tag; with any tag the response is 412 `precondition-failed`.",
};
pub(super) const IF_NONE_MATCH_READ: Parameter = Parameter {
    name: "If-None-Match",
    description: "Entity tags of the copies that the client has. Status 304 when one is current.",
};
pub(super) const IF_NONE_MATCH_CHANGE: Parameter = Parameter {
    name: "If-None-Match",
    description: "Entity tags that the row must not have; otherwise the response is 412 `precondition-failed`.",
};
pub(super) const STORAGE_POSITION: Parameter = Parameter {
    name: "Storage-Position",
    description: "The `Storage-Position` of an earlier response. The data of this response is at least as new.",
};
pub(super) const X_REQUEST_TIMEOUT_MS: Parameter = Parameter {
    name: "X-Request-Timeout-Ms",
    description: "How long the client waits for the response, in milliseconds. When this time is over, the response is 504 `deadline-exceeded`, and no more work is done for the request. It shortens the limits of the service and never extends them. Default: those limits.",
};
pub(super) const X_REQUEST_ID: Parameter = Parameter {
    name: "X-Request-Id",
    description: "The id of the request in logs and problems, 1 to 128 visible ASCII characters. Any other text is ignored. Default: a new UUID.",
};

impl Parameter {
    pub(super) fn value(&self) -> Value {
        let schema = match self.name {
            "Storage-Position" => position(),
            "X-Request-Timeout-Ms" => json!({ "type": "integer", "format": "int64", "minimum": 0 }),
            _ => json!({ "type": "string" }),
        };
        json!({ "name": self.name, "in": "header", "required": false, "description": self.description, "schema": schema })
    }
}

fn position() -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": 0 })
}

/// A list of entity tags, or `*`.
const TAGS: &str = "^(\\*|(W/)?\"[!#-~]*\"( *, *(W/)?\"[!#-~]*\")*)$";

/// The pattern of the values of a header.
pub(super) fn pattern(name: &str) -> Option<&'static str> {
    match name {
        "If-Match" | "If-None-Match" => Some(TAGS),
        "Idempotency-Key" => Some("^[!-~]+$"),
        "X-User-Id" => Some("^[!-~]([ -~]*[!-~])?$"),
        _ => None,
    }
}

/// The headers of responses: name, schema, and description.
fn all() -> [(&'static str, Value, &'static str); 12] {
    let text = || json!({ "type": "string" });
    let seconds = || json!({ "type": "integer", "minimum": 0 });
    [
        ("Accept", text(), "The media type that the operation accepts."),
        ("Accept-Patch", text(), "The media type of patches that the operation accepts."),
        ("Age", seconds(), "The age of the cached response, in seconds. Absent when the storage served it."),
        ("Allow", text(), "The methods of the path."),
        ("Cache-Status", text(), "Whether a cache served the response (RFC 9211)."),
        ("ETag", text(), "The entity tag: the revision of the row, in quotes. Of a list, a weak tag of its contents."),
        (
            "Idempotency-Replayed",
            json!({ "type": "string", "enum": ["true"] }),
            "Present when the response is that of an earlier request with the same `Idempotency-Key`.",
        ),
        (
            "Link",
            text(),
            "Other pages: `next`, except on the last page; `first`, except on the first; `prev`, when the request named an `offset`.",
        ),
        ("Location", json!({ "type": "string", "format": "uri-reference" }), "The path of the new row."),
        ("Retry-After", seconds(), "When to send the request again, in seconds."),
        ("Storage-Position", position(), "The position of this change in the storage. Absent when nothing changed."),
        ("X-Request-Id", text(), "The id of the request in logs and problems."),
    ]
}

/// The components that describe headers.
pub(super) fn components() -> Value {
    all()
        .into_iter()
        .map(|(name, schema, description)| (name, json!({ "description": description, "schema": schema })))
        .collect()
}

/// Declares the headers of each response of an operation.
pub(super) fn declare(operation: &mut Operation<'_>) {
    let (is_of_api, is_change) = (operation.is_of_api(), operation.is_change());
    let has_key =
        operation.value["parameters"].as_array().into_iter().flatten().any(|it| it["name"] == "Idempotency-Key");
    let is_list = operation.is_list();
    for (status, response) in members_mut(&mut operation.value["responses"]) {
        let declared = response["headers"].as_object().map(|headers| headers.keys().cloned().collect::<Vec<_>>());
        let mut names: Vec<String> = declared.unwrap_or_default();
        let has_source = names.iter().any(|name| name == "Cache-Status");
        let mut add = |name: &str| names.push(name.to_owned());
        add("X-Request-Id");
        match status.as_str() {
            "304" if is_list => ["ETag", "Link", "Cache-Status", "Age"].into_iter().for_each(add),
            "304" => ["ETag", "Cache-Status", "Age"].into_iter().for_each(add),
            "405" => add("Allow"),
            "415" => ["Accept", "Accept-Patch"].into_iter().for_each(add),
            "503" | "504" if is_of_api => add("Retry-After"),
            "200" if is_list => ["ETag", "Link", "Cache-Status", "Age"].into_iter().for_each(add),
            _ if status.starts_with('2') && is_of_api && is_change => {
                add("Storage-Position");
                if has_key {
                    add("Idempotency-Replayed");
                }
            }
            _ if has_source => add("Age"),
            _ => {}
        }
        let known = all().map(|(name, ..)| name);
        let reference = |name: &&'static str| (*name, json!({ "$ref": format!("#/components/headers/{name}") }));
        response["headers"] =
            known.iter().filter(|name| names.iter().any(|given| given == *name)).map(reference).collect();
    }
}
