//! Describes sparse answers: their schemas, and the operations that give them.

use super::{
    operations::Operation,
    walk::{members, referred, schema_reference},
};
use crate::sparse::{DOCUMENT, FIELDS, LONGEST, SPARSE_JSON};
use serde_json::{Map, Value, json};

/// The rows that can be sparse, and an example of each.
fn rows() -> [(&'static str, Value); 2] {
    [
        ("Character", json!({ "name": "Torormir", "data": { "level": 3 } })),
        ("InventoryItem", json!({ "name": "Backpack", "data": { "capacity": 30 } })),
    ]
}

/// Adds the schemas of sparse rows and of pages of them. They have the properties of whole rows, each of which may be absent.
pub(super) fn define(schemas: &mut Map<String, Value>) {
    for (row, example) in rows() {
        let sparse = json!({
            "type": "object",
            "description": format!("Some fields of a row: those of `{row}` that `{FIELDS}` named."),
            "properties": properties(schemas, &schemas[row]),
            "example": example,
        });
        let (name, page) = (format!("Sparse{row}"), format!("{row}Page"));
        let mut pages = schemas[&page].clone();
        pages["description"] = json!("A page of a list of sparse rows.");
        pages["properties"]["items"]["items"] = schema_reference(&name);
        schemas.insert(name, sparse);
        schemas.insert(format!("Sparse{page}"), pages);
    }
}

/// The properties of a schema and of the parts that it is made of.
fn properties(schemas: &Map<String, Value>, schema: &Value) -> Map<String, Value> {
    let own = members(&schema["properties"]).map(|(name, property)| (name.clone(), property.clone()));
    let parts = schema["allOf"].as_array().into_iter().flatten();
    let parts = parts.flat_map(|part| properties(schemas, referred(part).map_or(part, |name| &schemas[name])));
    own.chain(parts).collect()
}

/// Adds the sparse answer to an operation that has the parameter.
pub(super) fn offer(operation: &mut Operation<'_>, schemas: &Value) {
    let Some(answered) = operation.answered().map(str::to_owned) else { return };
    let parameters = operation.value["parameters"].as_array_mut().into_iter().flatten();
    let Some(parameter) = parameters.into_iter().find(|parameter| parameter["name"] == FIELDS) else { return };
    let sparse = format!("Sparse{answered}");
    let row = &schemas[sparse.trim_end_matches("Page")]["properties"];
    let names = members(row).map(|(name, _)| match name.as_str() {
        DOCUMENT => format!("{DOCUMENT}(\\.[^,.]+)*"),
        name => name.to_owned(),
    });
    let name = names.collect::<Vec<_>>().join("|");
    parameter["schema"]["pattern"] = json!(format!("^({name})(,({name}))*$"));
    parameter["schema"]["maxLength"] = json!(LONGEST);
    operation.value["responses"]["200"]["content"][SPARSE_JSON] = json!({ "schema": schema_reference(&sparse) });
}
