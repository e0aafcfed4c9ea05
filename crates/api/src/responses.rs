//! The problems that many operations have in common, for the OpenAPI document.

use crate::ProblemBody;
use std::collections::BTreeMap;
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{Content, Ref, RefOr, Response, ResponseBuilder},
};

fn problems(listed: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let problem = |description: &str| {
        let schema = Ref::from_schema_name(<ProblemBody as ToSchema>::name());
        let content = Content::new(Some(RefOr::Ref(schema)));
        ResponseBuilder::new().description(description).content("application/problem+json", content).build()
    };
    listed.iter().map(|(status, description)| ((*status).to_owned(), problem(description).into())).collect()
}

const UNAVAILABLE: (&str, &str) = ("503", "`storage-unavailable`: try again after the time in `Retry-After`");
const TIMEOUT: (&str, &str) = ("504", "`storage-timeout`: the storage did not respond in time");
const NOT_FOUND: (&str, &str) = ("404", "`not-found`: the row or the character does not exist, or is soft-deleted");

/// The problems of a read.
#[derive(Debug)]
pub(crate) struct LookProblems;

impl IntoResponses for LookProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("400", "`malformed-precondition`: `If-Match` or `If-None-Match` cannot be read"),
            NOT_FOUND,
            ("412", "`precondition-failed`: `actual_revision` is the current revision"),
            ("422", "`invalid`: `errors` names every parameter at fault"),
            UNAVAILABLE,
            TIMEOUT,
        ])
    }
}

/// The problems of a change, with or without a body.
#[derive(Debug)]
pub(crate) struct ActProblems;

impl IntoResponses for ActProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("400", "`malformed`: the body is not JSON; `malformed-precondition`; `malformed-idempotency-key`"),
            NOT_FOUND,
            (
                "409",
                "Nothing was changed. `already-exists`: another row has this id. Any other code names the rule that forbids the change",
            ),
            ("412", "`precondition-failed`: `actual_revision` is the current revision"),
            ("413", "`body-too-large`: the body is longer than the service accepts"),
            ("415", "`unsupported-media-type`: the body is of another media type or encoding, or compressed"),
            (
                "422",
                "`invalid`: `errors` names every field at fault; `idempotency-mismatch`: the key was used for another request",
            ),
            (
                "503",
                "`storage-unavailable`; `contended`: other writers changed the row meanwhile. Try again after the time in `Retry-After`",
            ),
            TIMEOUT,
        ])
    }
}
