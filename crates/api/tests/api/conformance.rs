//! Every answer that a test receives is as the OpenAPI document says, and so is every request that the service accepted.

use character_api::openapi;
use jsonschema::Validator;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

/// The part of the document that a reference leads to.
pub(crate) fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => openapi().pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

/// The operation of this method at this path; `None` for one that the document does not have.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let fits = |template: &str| {
        let parts: Vec<_> = template.split('/').collect();
        let given: Vec<_> = path.split('/').collect();
        parts.len() == given.len()
            && parts.iter().zip(given).all(|(part, given)| part.starts_with('{') && !given.is_empty() || *part == given)
    };
    let templates = openapi()["paths"].as_object().unwrap().iter().filter(|(template, _)| fits(template));
    let (_, item) = templates.min_by_key(|(template, _)| template.matches('{').count())?;
    item.get(method.to_ascii_lowercase())
}

/// The validator of a schema of the document.
fn validator(schema: &Value) -> Arc<Validator> {
    static COMPILED: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut compiled = COMPILED.lock().unwrap();
    let compile = || {
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "allOf": [schema],
            "components": { "schemas": openapi()["components"]["schemas"] },
        });
        Arc::new(jsonschema::options().should_validate_formats(true).build(&whole).unwrap())
    };
    Arc::clone(compiled.entry(schema.to_string()).or_insert_with(compile))
}

fn faults(schema: &Value, body: &Value) -> String {
    let validator = validator(schema);
    validator
        .iter_errors(body)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect::<Vec<_>>()
        .join("; ")
}

/// An exchange with the service.
pub(crate) struct Exchange<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) request: Option<&'a [u8]>,
    pub(crate) status: u16,
    pub(crate) media_type: &'a str,
    pub(crate) response: &'a str,
}

impl Exchange<'_> {
    /// Panics when the exchange is not as the document says.
    #[track_caller]
    pub(crate) fn check(&self) {
        let path = self.path.split('?').next().unwrap_or_default();
        let Some(operation) = operation(self.method, path) else { return };
        let place = format!("{} {path}: {}", self.method, self.status);
        let declared = operation["responses"].get(self.status.to_string());
        let declared = resolved(declared.unwrap_or_else(|| panic!("{place} is not declared: {}", self.response)));
        let media_type = self.media_type.split(';').next().unwrap_or_default();
        let content = &declared["content"][media_type];
        if self.response.is_empty() {
            return;
        }
        assert!(content.is_object(), "{place}: {media_type} is not declared");
        if media_type.ends_with("json") {
            let body = character_domain::json::parse(self.response.as_bytes()).unwrap();
            let faults = faults(&content["schema"], &body);
            assert!(faults.is_empty(), "{place}: {faults}: {body}");
            if let Some(codes) = content["examples"].as_object() {
                let code = body["code"].as_str().unwrap();
                assert!(codes.contains_key(code), "{place}: {code} is not declared");
            }
        }
        // The rows of a bulk that is not atomic are accepted one by one.
        if (200..300).contains(&self.status) && self.status != 207 {
            self.check_accepted(operation, &place);
        }
    }

    /// A request that was accepted fits its schema.
    fn check_accepted(&self, operation: &'static Value, place: &str) {
        let Some(body) = self.request.and_then(|body| character_domain::json::parse(body).ok()) else { return };
        for content in operation["requestBody"]["content"].as_object().into_iter().flatten().map(|(_, content)| content)
        {
            let faults = faults(&content["schema"], &body);
            assert!(faults.is_empty(), "{place}: the request was accepted, and {faults}: {body}");
        }
    }
}
