//! Responses that several operations have, written once.

use super::{
    problems::PROBLEM_JSON,
    walk::{members, members_mut, object, operations_mut},
};
use serde_json::{Value, json};

/// Writes a problem response that several operations have only once, as a component named after its codes.
pub(super) fn share(document: &mut Value) {
    let mut all: Vec<(Value, usize)> = Vec::new();
    for (_, _, operation) in operations_mut(document) {
        for (_, response) in members(&operation["responses"]) {
            match all.iter_mut().find(|(known, _)| known == response) {
                Some((_, count)) => *count += 1,
                None => all.push((response.clone(), 1)),
            }
        }
    }
    let is_shared = |(response, count): &(Value, usize)| *count > 1 && response["content"].get(PROBLEM_JSON).is_some();
    let mut shared: Vec<(String, Value)> = Vec::new();
    for (response, _) in all.into_iter().filter(is_shared) {
        let codes = members(&response["content"][PROBLEM_JSON]["examples"]).map(|(code, _)| code.as_str());
        let name = codes.collect::<Vec<_>>().join(".");
        shared.push((name, response));
    }
    for (_, _, operation) in operations_mut(document) {
        for (_, response) in members_mut(&mut operation["responses"]) {
            if let Some((name, _)) = shared.iter().find(|(_, known)| known == response) {
                *response = json!({ "$ref": format!("#/components/responses/{name}") });
            }
        }
    }
    if let Some(components) = document["components"].as_object_mut()
        && let Some(responses) = object(components, "responses")
    {
        responses.extend(shared);
    }
}
