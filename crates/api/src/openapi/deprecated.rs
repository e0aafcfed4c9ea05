//! Marks what is deprecated in the document.

use super::walk::{members_mut, object, operations_mut};
use character_http_kit::Deprecated;
use serde_json::{Value, json};

/// Marks these operations and parameters, and declares the headers of their answers.
pub(super) fn mark(document: &mut Value, parts: &[Deprecated]) {
    if parts.is_empty() {
        return;
    }
    let shared = document["components"]["responses"].clone();
    for part in parts {
        let named = operations_mut(document)
            .find(|(path, method, _)| *path == part.path && method.eq_ignore_ascii_case(part.method));
        let Some((_, _, operation)) = named else { continue };
        let about = format!("Deprecated. {}", part.instead);
        match part.parameter {
            None => mark_one(operation, &about),
            Some(name) => {
                let parameters = operation["parameters"].as_array_mut().into_iter().flatten();
                parameters.filter(|parameter| parameter["name"] == name).for_each(|it| mark_one(it, &about));
            }
        }
        // An answer that several operations share is written out, because the others do not have the headers.
        for (_, response) in members_mut(&mut operation["responses"]) {
            if let Some(name) = response["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
                *response = shared[name].clone();
            }
            for name in ["Deprecation", "Sunset"] {
                response["headers"][name] = json!({ "$ref": format!("#/components/headers/{name}") });
            }
        }
    }
    if let Some(components) = document["components"].as_object_mut()
        && let Some(headers) = object(components, "headers")
    {
        for (name, description) in [
            ("Deprecation", "Since when a part of the request is deprecated: `@` and seconds since 1970 (RFC 9745)."),
            ("Sunset", "When it will be removed, at the earliest (RFC 8594)."),
        ] {
            headers.insert(name.to_owned(), json!({ "description": description, "schema": { "type": "string" } }));
        }
    }
}

fn mark_one(part: &mut Value, about: &str) {
    part["deprecated"] = json!(true);
    let known = part["description"].as_str().unwrap_or_default();
    part["description"] = json!(format!("{known}\n\n{about}").trim());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi;
    use character_http_kit::Day;

    const LIST: Deprecated = Deprecated {
        method: "GET",
        path: "/api/v2/characters",
        parameter: None,
        since: Day::new(2026, 12, 1),
        sunset: Day::new(2027, 7, 1),
        instead: "Use `/api/v3/characters`.",
    };

    #[test]
    fn a_deprecated_operation_is_marked_and_all_its_answers_have_the_headers() {
        let mut document = openapi().clone();
        mark(&mut document, &[LIST]);
        let list = &document["paths"]["/api/v2/characters"]["get"];
        assert_eq!(list["deprecated"], true);
        assert!(list["description"].as_str().unwrap().ends_with("\n\nDeprecated. Use `/api/v3/characters`."));
        for (status, response) in list["responses"].as_object().unwrap() {
            for name in ["Deprecation", "Sunset"] {
                let reference = response["headers"][name]["$ref"].as_str().unwrap();
                assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{status}: {name}");
            }
            assert!(response["description"].is_string(), "{status}");
        }
        let create = &document["paths"]["/api/v2/characters"]["post"];
        assert_eq!(create, &openapi()["paths"]["/api/v2/characters"]["post"]);
    }

    #[test]
    fn a_deprecated_parameter_is_marked_alone() {
        let mut document = openapi().clone();
        mark(&mut document, &[Deprecated { parameter: Some("name"), ..LIST }]);
        let list = &document["paths"]["/api/v2/characters"]["get"];
        assert_eq!(list.get("deprecated"), None);
        let marked = list["parameters"].as_array().unwrap().iter().filter(|it| it["deprecated"] == true);
        assert_eq!(marked.map(|it| it["name"].as_str().unwrap()).collect::<Vec<_>>(), ["name"]);
        assert!(list["responses"]["200"]["headers"]["Sunset"].is_object());
    }

    #[test]
    fn without_deprecations_the_document_does_not_know_the_headers() {
        let mut document = openapi().clone();
        mark(&mut document, &[]);
        assert_eq!(&document, openapi());
        assert_eq!(document["components"]["headers"].get("Sunset"), None);
    }
}
