//! The kinds of problems as text: `docs/problems.md`.

use super::{PROBLEMS, ProblemKind, example::example};
use std::fmt::Write;

/// The text of `docs/problems.md`.
#[must_use]
pub fn problems_document() -> String {
    let mut text = String::from(
        "# Problems\n\n\
         Every error of the API is `application/problem+json` (RFC 9457). `code` names its kind and never changes; new codes may be \
         added, so treat an unknown one by its `status`. `type` is the address of a page about it: `GET /problems/{code}` of a \
         running service, as HTML for a browser and as JSON otherwise.\n\n\
         `make problems` writes this page from the list of kinds in `crates/api/src/problem/kinds.rs`.\n\n\
         | status | code | title |\n|---|---|---|\n",
    );
    for ProblemKind { status, code, title, .. } in PROBLEMS {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "| {status} | [`{code}`](#{code}) | {title} |");
    }
    for kind in PROBLEMS {
        let ProblemKind { status, code, title, happened, remedy, .. } = kind;
        let example = format!("{:#}", example(kind));
        let _ =
            write!(text, "\n## {code}\n\n**{status}: {title}.** {happened}\n\n{remedy}\n\n```json\n{example}\n```\n");
    }
    text
}
