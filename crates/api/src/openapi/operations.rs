//! Completes the operations of the document: parameters, descriptions and examples here, the rest in the modules beside it.

use super::{
    examples::{of_media_type, sample},
    headers,
    links::known_operations,
    shared::share,
    sparse,
    walk::{is_nullable, members_mut, operations_mut, referred},
};
use crate::{PROBLEMS, problem::example};
use character_domain::{
    character::{MAX_NAME, MAX_THEME},
    journal::{MAX_ENTRY_TYPE, MAX_RELATIONSHIP_TYPE},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Completes the operations of this document, whose schemas are complete.
pub(super) fn complete(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    let known = known_operations(document);
    let mut used = BTreeSet::new();
    for (path, method, operation) in operations_mut(document) {
        let operation = &mut Operation { path, method, value: operation };
        operation.describe_parameters();
        sparse::offer(operation, &schemas);
        used.extend(operation.declare_problems());
        operation.describe(&schemas);
        operation.show_examples(&schemas);
        operation.link(&schemas, &known);
        headers::declare(operation);
    }
    let examples = PROBLEMS
        .iter()
        .filter(|kind| used.contains(kind.code))
        .map(|kind| (kind.code, json!({ "summary": kind.title, "value": example(kind) })));
    document["components"]["examples"] = examples.collect();
    document["components"]["headers"] = headers::components();
    share(document);
}

/// An operation of the document.
pub(super) struct Operation<'a> {
    pub(super) path: &'a str,
    pub(super) method: &'a str,
    pub(super) value: &'a mut Value,
}

impl Operation<'_> {
    /// Whether it reads or changes rows.
    pub(super) fn is_of_api(&self) -> bool {
        self.path.starts_with("/api/")
    }

    /// Whether it changes something.
    pub(super) fn is_change(&self) -> bool {
        self.method != "get"
    }

    pub(super) fn has_body(&self) -> bool {
        self.value.get("requestBody").is_some()
    }

    pub(super) fn has_parameter(&self, name: &str) -> bool {
        self.value["parameters"].as_array().into_iter().flatten().any(|parameter| parameter["name"] == name)
    }

    pub(super) fn has_response(&self, status: &str) -> bool {
        self.value["responses"].get(status).is_some()
    }

    /// The name of the schema of its successful response.
    pub(super) fn answered(&self) -> Option<&str> {
        ["200", "201"].iter().find_map(|status| {
            referred(self.value.pointer(&format!("/responses/{status}/content/application~1json/schema"))?)
        })
    }

    pub(super) fn is_list(&self) -> bool {
        self.answered().is_some_and(|name| name.ends_with("Page"))
    }

    /// Every list can be asked for again by its entity tag.
    fn revalidate_lists(&mut self) {
        if self.is_list() {
            self.value["responses"]["304"] =
                json!({ "description": "Not modified: the copy of the client is current" });
            self.add_parameters(&[headers::IF_NONE_MATCH_READ]);
        }
    }

    fn describe_parameters(&mut self) {
        let is_row = self.has_parameter("If-Match") || self.has_response("304");
        self.revalidate_lists();
        if self.is_of_api() && is_row {
            let needed: &[_] =
                if self.is_change() { &[headers::IF_NONE_MATCH_CHANGE] } else { &[headers::IF_MATCH_READ] };
            self.add_parameters(needed);
        } else if !self.is_change() && self.has_response("412") {
            self.add_parameters(&[headers::IF_MATCH_UNTAGGED]);
        }
        if self.is_of_api() {
            self.add_parameters(&[headers::STORAGE_POSITION, headers::X_REQUEST_TIMEOUT_MS]);
        }
        self.add_parameters(&[headers::X_REQUEST_ID]);
        let parameters = self.value["parameters"].as_array_mut();
        for parameter in parameters.into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            let stated = parameter["description"].as_str().and_then(|text| text.split_once("Default: "));
            let default = stated.and_then(|(_, text)| serde_json::from_str(text.split('.').next()?).ok());
            let is_of_query = parameter["in"] == "query";
            let Value::Object(schema) = &mut parameter["schema"] else { continue };
            // A header or a parameter is absent, and never `null`.
            if let Some(Value::Array(types)) = schema.get("type") {
                let named = types.iter().find(|name| *name != "null").cloned();
                schema.insert("type".to_owned(), named.unwrap_or_default());
            }
            if let Some(default @ (Value::Bool(_) | Value::Number(_))) = default {
                schema.insert("default".to_owned(), default);
            }
            if let Some(pattern) = headers::pattern(&name) {
                schema.insert("pattern".to_owned(), json!(pattern));
            }
            if let Some(longest) = longest(&name).filter(|_| is_of_query) {
                schema.insert("maxLength".to_owned(), json!(longest));
            }
            if name == "order" {
                let orders = ["-created_at", "created_at", "-updated_at", "updated_at", "-name", "name"];
                schema.insert("enum".to_owned(), json!(orders));
                schema.insert("default".to_owned(), json!("-created_at"));
            }
        }
    }

    fn add_parameters(&mut self, parameters: &[headers::Parameter]) {
        if self.value["parameters"].is_null() {
            self.value["parameters"] = json!([]);
        }
        // An operation may describe one by itself.
        let is_missing = |one: &Value| one["name"].as_str().is_some_and(|name| !self.has_parameter(name));
        let missing: Vec<Value> = parameters.iter().map(headers::Parameter::value).filter(is_missing).collect();
        if let Some(all) = self.value["parameters"].as_array_mut() {
            all.extend(missing);
        }
    }

    /// Adds what is true of every operation of its kind.
    fn describe(&mut self, schemas: &Value) {
        let mut paragraphs: Vec<String> = Vec::new();
        let summary =
            self.value["summary"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        let (first, rest) = summary.split_once(". ").unwrap_or((&summary, ""));
        self.value["summary"] = json!(format!("{}.", first.trim_end_matches('.')));
        paragraphs.extend([rest.to_owned()].into_iter().filter(|text| !text.is_empty()));
        paragraphs.extend(self.value["description"].as_str().map(|text| text.trim().to_owned()));
        let mut add = |text: &str| paragraphs.push(text.to_owned());
        if self.is_list() {
            add("The response is one page. Follow `next_cursor`, or `Link` with `rel=\"next\"`, until it is absent.");
        }
        if self.has_response("304") {
            add("Send the `ETag` of a copy in `If-None-Match` to receive 304 while nothing has changed.");
        }
        if self.is_change() && self.has_parameter("If-Match") {
            add(
                "Send the `ETag` that was read in `If-Match` to refuse the change when another client was faster (412).",
            );
        }
        if self.has_parameter("Idempotency-Key") {
            add("With an `Idempotency-Key`, a repeat has no second effect and returns the first response.");
        }
        if self.has_response("207") {
            add("A row that is refused does not fail the others when `atomic` is `false`.");
        }
        if paragraphs.is_empty() {
            let answer = self.answered().and_then(|name| schemas[name]["description"].as_str());
            paragraphs.push(answer.unwrap_or("The response is not cached.").to_owned());
        }
        self.value["description"] = json!(paragraphs.join("\n\n"));
    }

    fn show_examples(&mut self, schemas: &Value) {
        let request = self.value.pointer_mut("/requestBody/content").into_iter().flat_map(members_mut);
        request.for_each(|(media_type, content)| show_example(schemas, media_type, content));
        let responses = members_mut(&mut self.value["responses"]).filter(|(status, _)| status.starts_with('2'));
        for (_, response) in responses {
            let contents = response.get_mut("content").into_iter().flat_map(members_mut);
            contents.for_each(|(media_type, content)| show_example(schemas, media_type, content));
        }
    }
}

/// The longest text of a filter, in characters: it is not longer than the field that it is compared with. The length of `tags`
/// is not limited, only that of each tag.
fn longest(parameter: &str) -> Option<usize> {
    match parameter {
        "name" => Some(MAX_NAME),
        "theme" => Some(MAX_THEME),
        "entry_type" => Some(MAX_ENTRY_TYPE),
        "relationship_type" => Some(MAX_RELATIONSHIP_TYPE),
        _ => None,
    }
}

fn show_example(schemas: &Value, media_type: &str, content: &mut Value) {
    content["example"] = if media_type.ends_with("json") && !is_nullable(&content["schema"]) {
        sample(schemas, &content["schema"], "")
    } else {
        of_media_type(media_type)
    };
}
