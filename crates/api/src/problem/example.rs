//! An example document of each kind of problem.

use super::{ProblemKind, type_uri};
use serde_json::{Value, json};

/// An example of a problem of this kind.
pub(crate) fn example(kind: &ProblemKind) -> Value {
    let mut body = json!({
        "type": type_uri(kind.code), "title": kind.title, "status": kind.status, "code": kind.code,
        "instance": "/api/v2/characters/0190b2f1-7a56-7c3e-9d5b-0d6c1f0a8e11", "request_id": "0190b2f1-8c11-7d2a-b1c5-5a3f0e9d4c21",
    });
    if !kind.detail.is_empty() {
        body["detail"] = json!(kind.detail);
    }
    match kind.code {
        // No path is known.
        "head-timeout" | "malformed-request" | "tls-required" => {
            drop(body.as_object_mut().and_then(|members| members.remove("instance")))
        }
        "invalid" => body["errors"] = json!([{ "field": "name", "reason": "is required" }]),
        "precondition-failed" => {
            body["expected_revisions"] = json!([7]);
            body["actual_revision"] = json!(8);
        }
        _ => {}
    }
    body
}
