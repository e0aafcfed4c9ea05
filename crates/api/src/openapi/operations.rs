//! Completes the operations of the document: parameters, headers, problems, descriptions, examples and links.

use super::{
    examples::{of_media_type, sample},
    headers,
    shared::share,
    sparse,
    walk::{is_nullable, members, members_mut, operations_mut, referred},
};
use crate::{PROBLEMS, ProblemKind, character, problem::example};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// The rules that a change of any item may break.
pub(super) const INVENTORY_RULES: [&str; 9] = [
    "attunement-not-required",
    "container-cycle",
    "container-full",
    "container-not-empty",
    "equipped-in-container",
    "no-such-container",
    "not-a-container",
    "too-many-attuned",
    "weight-not-exact",
];

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

    fn has_body(&self) -> bool {
        self.value.get("requestBody").is_some()
    }

    fn has_parameter(&self, name: &str) -> bool {
        self.value["parameters"].as_array().into_iter().flatten().any(|parameter| parameter["name"] == name)
    }

    fn has_response(&self, status: &str) -> bool {
        self.value["responses"].get(status).is_some()
    }

    /// The name of the schema of its successful response.
    pub(super) fn answered(&self) -> Option<&str> {
        ["200", "201"].iter().find_map(|status| {
            referred(self.value.pointer(&format!("/responses/{status}/content/application~1json/schema"))?)
        })
    }

    fn is_list(&self) -> bool {
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
        if let Some(all) = self.value["parameters"].as_array_mut() {
            all.extend(parameters.iter().map(headers::Parameter::value));
        }
    }

    /// The kinds of problems of each status: those that the annotations name, and those that every operation of its kind has.
    fn problems(&self) -> BTreeSet<(u16, &'static str)> {
        let mut texts = vec![self.value["description"].as_str(), self.value["summary"].as_str()];
        texts.extend(members(&self.value["responses"]).map(|(_, response)| response["description"].as_str()));
        let named = texts.into_iter().flatten().flat_map(|text| text.split('`').skip(1).step_by(2));
        let mut codes: Vec<&str> = named.collect();
        codes.extend([
            "malformed-host",
            "method-not-allowed",
            "misdirected-request",
            "invalid",
            "head-too-large",
            "internal",
        ]);
        if self.is_of_api() {
            codes.extend([
                "deadline-exceeded",
                "overloaded",
                "storage-corrupt",
                "storage-unavailable",
                "storage-unsupported",
                "storage-timeout",
            ]);
        }
        if self.is_change() {
            codes.push("foreign-origin");
        }
        if self.is_change() && self.path.starts_with("/api/v2/characters/{id}") {
            codes.extend(["unreadable-member", "too-many-rows"]);
        }
        if self.is_change() && (self.path.contains("/inventory") || self.path.ends_with("/theme-transition")) {
            codes.extend(INVENTORY_RULES);
        }
        if self.has_body() {
            codes.push("body-timeout");
        } else {
            codes.retain(|code| !["malformed", "body-too-large", "unsupported-media-type"].contains(code));
        }
        if !(self.has_response("201") || self.method == "put") {
            codes.retain(|code| *code != "already-exists");
        }
        if !self.path.contains('{') {
            codes.retain(|code| *code != "not-found");
        }
        if !self.has_parameter("If-Match") {
            codes.retain(|code| *code != "precondition-failed");
        }
        codes.into_iter().filter_map(ProblemKind::of).map(|kind| (kind.status, kind.code)).collect()
    }

    /// Declares the problems of each status, and returns their codes.
    fn declare_problems(&mut self) -> BTreeSet<&'static str> {
        let problems = self.problems();
        let codes = problems.iter().map(|(_, code)| *code).collect();
        let Some(responses) = self.value["responses"].as_object_mut() else { return codes };
        responses.retain(|status, _| status.starts_with(['2', '3']));
        for status in problems.iter().map(|(status, _)| *status).collect::<BTreeSet<_>>() {
            let kinds: Vec<_> = PROBLEMS
                .iter()
                .filter(|kind| problems.contains(&(status, kind.code)) && kind.status == status)
                .collect();
            let sentence = |kind: &&ProblemKind| format!("`{}`: {}", kind.code, kind.happened);
            let sentences: Vec<_> = kinds.iter().map(sentence).collect();
            let example =
                |kind: &&ProblemKind| (kind.code, json!({ "$ref": format!("#/components/examples/{}", kind.code) }));
            let examples: Value = kinds.iter().map(example).collect();
            let content = json!({ "schema": super::walk::schema_reference("Problem"), "examples": examples });
            let response = json!({ "description": sentences.join("\n\n"), "content": { PROBLEM_JSON: content } });
            responses.insert(status.to_string(), response);
        }
        codes
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

    /// Links a creation and a list to the operations on one row.
    fn link(&mut self, schemas: &Value, known: &[(String, String)]) {
        let first = "$response.body#/items/0/id";
        let (rows, status, id) = match self.answered() {
            Some(name) if self.is_list() && has_id(schemas, name) => (self.path, "200", first),
            Some(_) if self.method == "post" && self.has_response("201") => match self.path.rsplit_once('/') {
                Some((rows, "bulk")) => (rows, "201", first),
                Some((_, "theme-transition")) => (character::PATH, "201", "$response.body#/character/id"),
                _ => (self.path, "201", "$response.body#/id"),
            },
            _ => return,
        };
        let own: Vec<_> = placeholders(rows).collect();
        let mut links = json!({});
        for (path, operation) in known {
            let Some(place) = path.strip_prefix(rows).and_then(|rest| rest.strip_prefix("/{")) else { continue };
            let named: Vec<_> = placeholders(path).collect();
            if named.len() != own.len() + 1 {
                continue;
            }
            let mut parameters = json!({});
            for name in &own {
                parameters[name] = json!(format!("$request.path.{name}"));
            }
            let row = place.split('}').next().unwrap_or_default();
            parameters[row] = json!(id);
            links[operation] = json!({ "operationId": operation, "parameters": parameters });
        }
        if members(&links).next().is_some() {
            self.value["responses"][status]["links"] = links;
        }
    }
}

/// Whether the items of this page have an id.
fn has_id(schemas: &Value, page: &str) -> bool {
    let row = referred(&schemas[page]["properties"]["items"]["items"]);
    let example = row.map(|row| sample(schemas, &schemas[row], ""));
    example.is_some_and(|example| example.get("id").is_some())
}

fn show_example(schemas: &Value, media_type: &str, content: &mut Value) {
    content["example"] = if media_type.ends_with("json") && !is_nullable(&content["schema"]) {
        sample(schemas, &content["schema"], "")
    } else {
        of_media_type(media_type)
    };
}

/// The names in braces.
fn placeholders(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// The path and the id of each operation.
fn known_operations(document: &mut Value) -> Vec<(String, String)> {
    let known = operations_mut(document);
    known
        .map(|(path, _, operation)| (path.clone(), operation["operationId"].as_str().unwrap_or_default().to_owned()))
        .collect()
}
