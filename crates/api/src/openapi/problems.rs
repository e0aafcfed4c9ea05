//! Declares the problems that each operation can return.

use super::{
    operations::Operation,
    walk::{members, schema_reference},
};
use crate::{PROBLEMS, ProblemKind};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// The rules that a change of any item may break.
pub(super) const INVENTORY_RULES: [&str; 10] = [
    "attunement-not-required",
    "container-cycle",
    "container-full",
    "container-not-empty",
    "equipped-in-container",
    "no-such-container",
    "not-a-container",
    "nothing-there",
    "too-many-attuned",
    "weight-not-exact",
];

impl Operation<'_> {
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
        // A creation has no state that could be demanded, and ignores both headers.
        if self.is_change() && !self.has_parameter("If-Match") {
            codes.retain(|code| !["precondition-failed", "malformed-precondition"].contains(code));
        }
        codes.into_iter().filter_map(ProblemKind::of).map(|kind| (kind.status, kind.code)).collect()
    }

    /// Declares the problems of each status, and returns their codes.
    pub(super) fn declare_problems(&mut self) -> BTreeSet<&'static str> {
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
            let content = json!({ "schema": schema_reference("Problem"), "examples": examples });
            let response = json!({ "description": sentences.join("\n\n"), "content": { PROBLEM_JSON: content } });
            responses.insert(status.to_string(), response);
        }
        codes
    }
}
