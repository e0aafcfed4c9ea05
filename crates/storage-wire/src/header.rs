//! Header values.

use character_domain::Revision;

/// The media type of every body that is not a problem.
pub const JSON: &str = "application/json";
/// The media type of a [`Problem`](crate::Problem).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The media type of a snapshot: one JSON object a line.
pub const NDJSON: &str = "application/x-ndjson";

/// The header of requests that names the time the caller waits for the response, in milliseconds.
pub const TIMEOUT_MS: &str = "x-request-timeout-ms";

/// The `ETag` of a row: its revision in quotes.
#[must_use]
pub fn entity_tag(revision: Revision) -> String {
    format!("\"{revision}\"")
}

/// Whether a `Content-Type` names this media type, whatever its parameters.
#[must_use]
pub fn is_media_type(content_type: &str, media_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(media_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_case_of_a_media_type_do_not_matter() {
        for same in ["application/json", "Application/JSON", "application/json; charset=utf-8", " application/json ;x"]
        {
            assert!(is_media_type(same, JSON), "{same}");
        }
        for other in ["", "application/jsonp", "text/html", PROBLEM_JSON] {
            assert!(!is_media_type(other, JSON), "{other}");
        }
    }
}
