//! Links creations and lists to the operations on one row.

use super::{
    examples::sample,
    operations::Operation,
    walk::{members, operations_mut, referred},
};
use crate::character;
use serde_json::{Value, json};

impl Operation<'_> {
    /// Links a creation and a list to the operations on one row.
    pub(super) fn link(&mut self, schemas: &Value, known: &[(String, String)]) {
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

/// The names in braces.
fn placeholders(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// The path and the id of each operation.
pub(super) fn known_operations(document: &mut Value) -> Vec<(String, String)> {
    let known = operations_mut(document);
    known
        .map(|(path, _, operation)| (path.clone(), operation["operationId"].as_str().unwrap_or_default().to_owned()))
        .collect()
}
