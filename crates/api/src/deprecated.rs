//! What is deprecated: the one list behind the headers `Deprecation` and `Sunset` and behind `deprecated` in the document.

use character_http_kit::{Deprecated, Deprecations};

/// The operations and parameters that are to be removed. The policy is in `docs/api.md`: at least six months between `since`
/// and `sunset`, and a line in the changelog.
pub const DEPRECATED: &[Deprecated] = &[];

/// The same, with the page about changes of the API.
pub(crate) const DEPRECATIONS: Deprecations = Deprecations { parts: DEPRECATED, page: "/docs/guides/api.md" };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi;
    use character_http_kit::Day;

    /// The least time between both days, in seconds.
    const SIX_MONTHS: u64 = 181 * 24 * 60 * 60;

    /// Every entry that names nothing of the document, or that is removed too soon.
    fn faults(parts: &[Deprecated]) -> Vec<String> {
        let mut faults = Vec::new();
        for part in parts {
            let operation = &openapi()["paths"][part.path][part.method.to_lowercase()];
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let has = |name| parameters.clone().any(|it| it["name"] == name && it["in"] == "query");
            if !operation.is_object() || !part.parameter.is_none_or(has) {
                faults.push(format!("{part:?} is not in the document"));
            }
            if part.sunset.seconds() < part.since.seconds() + SIX_MONTHS || part.instead.is_empty() {
                faults.push(format!("{part:?} leaves clients no time, or no other way"));
            }
        }
        faults
    }

    #[test]
    fn what_is_deprecated_is_in_the_document_and_stays_for_six_months() {
        let right = Deprecated {
            method: "GET",
            path: "/api/v2/characters",
            parameter: Some("name"),
            since: Day::new(2026, 12, 1),
            sunset: Day::new(2027, 6, 1),
            instead: "Use `theme`.",
        };
        assert_eq!(faults(&[right]), [""; 0]);
        let wrong = [
            Deprecated { method: "PATCH", parameter: None, ..right },
            Deprecated { parameter: Some("surname"), ..right },
            Deprecated { sunset: Day::new(2027, 5, 1), ..right },
            Deprecated { instead: "", ..right },
        ];
        assert_eq!(faults(&wrong).len(), wrong.len());
        assert_eq!(faults(DEPRECATED), [""; 0]);
    }
}
