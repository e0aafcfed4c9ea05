//! The problems that many operations answer with, for the OpenAPI document.

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

const UNAVAILABLE: (&str, &str) = ("503", "`storage-unavailable`, with `Retry-After`");
const TIMEOUT: (&str, &str) = ("504", "`storage-timeout`");
const NOT_FOUND: (&str, &str) = ("404", "`not-found`: it, or the character, is unknown or deleted");

/// Of looking at something.
#[derive(Debug)]
pub(crate) struct LookProblems;

impl IntoResponses for LookProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("400", "`malformed-precondition`"),
            NOT_FOUND,
            ("412", "`precondition-failed`, with the revision found"),
            ("422", "`invalid`, with every parameter at fault"),
            UNAVAILABLE,
            TIMEOUT,
        ])
    }
}

/// Of an act, with or without a body.
#[derive(Debug)]
pub(crate) struct ActProblems;

impl IntoResponses for ActProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("400", "`malformed`, `malformed-precondition`, `malformed-idempotency-key`"),
            NOT_FOUND,
            (
                "409",
                "A rule forbids it, and nothing was changed: the code names the rule. `already-exists`: the id is taken",
            ),
            ("412", "`precondition-failed`, with the revision found"),
            ("413", "`body-too-large`"),
            ("415", "`unsupported-media-type`"),
            ("422", "`invalid`, with every field at fault; `idempotency-mismatch`"),
            ("503", "`storage-unavailable`, `contended`, with `Retry-After`"),
            TIMEOUT,
        ])
    }
}
