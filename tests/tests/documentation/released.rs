//! The Storage Service and the Message Hub of this release serve the clients of the release before it, since a rollout replaces
//! one service after the other: what those clients send is still accepted, and what they read is still there. `released/` has what
//! both services of that release described.
//!
//! At a release, `cargo test -p character-tests --test documentation record_the_release -- --ignored` writes it again.

use crate::support::{client, send};
use character_tests::Service;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

const TOKEN: &str = "token-of-the-tests";

/// Whether a part of the document is sent by clients or read by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Takes,
    Returns,
}

/// What a client must or may rely on, by a name such as `Takes CharacterBody.name`.
type Described = BTreeMap<String, BTreeSet<String>>;

struct Reader<'a> {
    document: &'a Value,
    described: Described,
    seen: BTreeSet<(Way, String)>,
}

impl Reader<'_> {
    fn note(&mut self, name: String, word: impl Into<String>) {
        self.described.entry(name).or_default().insert(word.into());
    }

    /// The properties and values of a schema at this place, and of what it contains.
    fn schema(&mut self, way: Way, place: &str, schema: &Value) {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap().to_owned();
            if self.seen.insert((way, name.clone())) {
                let document = self.document;
                self.schema(way, &name, document.pointer(&reference[1..]).unwrap());
            }
            return;
        }
        let required: BTreeSet<_> = list(&schema["required"]).filter_map(Value::as_str).collect();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let within = format!("{place}.{name}");
            let need = if required.contains(name.as_str()) { "required" } else { "optional" };
            self.note(format!("{way:?} {within}"), need);
            self.schema(way, &within, property);
        }
        for value in list(&schema["enum"]).chain(schema.get("const")) {
            self.note(format!("{way:?} {place}"), format!("value {value}"));
        }
        for kind in list(&schema["type"]).chain(Some(&schema["type"]).filter(|kind| kind.is_string())) {
            self.note(format!("{way:?} {place}"), format!("type {}", kind.as_str().unwrap()));
        }
        for part in ["oneOf", "anyOf", "allOf"].into_iter().flat_map(|part| list(&schema[part])) {
            self.schema(way, place, part);
        }
        for (part, suffix) in [("items", "[]"), ("additionalProperties", ".*")] {
            if schema[part].is_object() {
                self.schema(way, &format!("{place}{suffix}"), &schema[part]);
            }
        }
    }

    fn bodies(&mut self, way: Way, place: &str, holder: &Value) {
        for (media_type, body) in holder["content"].as_object().into_iter().flatten() {
            self.note(format!("{way:?} {place}"), format!("media type {media_type}"));
            self.schema(way, place, &body["schema"]);
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn described(document: &Value) -> Described {
    let mut reader = Reader { document, described: Described::new(), seen: BTreeSet::new() };
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(_, part)| part["responses"].is_object()) {
            let name = format!("{} {path}", method.to_uppercase());
            for parameter in list(&item["parameters"]).chain(list(&operation["parameters"])) {
                let parameter = match parameter["$ref"].as_str() {
                    Some(reference) => document.pointer(&reference[1..]).unwrap(),
                    None => parameter,
                };
                let need = if parameter["required"] == true { "required" } else { "optional" };
                let place =
                    format!("{name}.{} {}", parameter["in"].as_str().unwrap(), parameter["name"].as_str().unwrap());
                reader.note(format!("Takes {place}"), need);
                reader.schema(Way::Takes, &place, &parameter["schema"]);
            }
            reader.note(format!("Takes {name}"), "an operation");
            reader.bodies(Way::Takes, &name, &operation["requestBody"]);
            for (status, response) in operation["responses"].as_object().unwrap() {
                reader.bodies(Way::Returns, &format!("{name} {status}"), response);
            }
        }
    }
    reader.described
}

/// What the clients of `old` cannot work with in `new`.
fn breaks(old: &Described, new: &Described) -> Vec<String> {
    let nothing = BTreeSet::new();
    let mut broken = Vec::new();
    for (name, words) in old {
        let now = new.get(name).unwrap_or(&nothing);
        let is_demanded = |words: &BTreeSet<String>| words.contains("required");
        if name.starts_with("Takes") {
            // What was sent must be accepted, and nothing else be demanded.
            let lost = words.difference(now).filter(|word| !["required", "optional"].contains(&word.as_str()));
            broken.extend(lost.map(|word| format!("{name}: no {word}")));
            if now.is_empty() || is_demanded(now) && !is_demanded(words) {
                broken.push(format!("{name}: gone or demanded"));
            }
        } else {
            // What was read for certain must be there, and be nothing else.
            let lost = words.difference(now).filter(|word| *word == "required" || word.starts_with("media"));
            broken.extend(lost.map(|word| format!("{name}: no {word}")));
            let other = now.difference(words).filter(|word| word.starts_with("type") || word.starts_with("value"));
            broken.extend(other.map(|word| format!("{name}: now {word}")));
        }
    }
    // A new property, or a new parameter of an operation, that older clients do not send.
    let parent = |name: &str| name.rsplit_once('.').map(|(parent, _)| parent.to_owned());
    let demanded = new.iter().filter(|(name, words)| {
        let was_there = parent(name).is_some_and(|parent| old.keys().any(|old| old.starts_with(&parent)));
        name.starts_with("Takes") && words.contains("required") && !old.contains_key(*name) && was_there
    });
    broken.extend(demanded.map(|(name, _)| format!("{name}: demanded")));
    broken
}

fn record(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/documentation/released").join(format!("{name}.txt"))
}

fn released(name: &str) -> Described {
    let text = fs::read_to_string(record(name)).unwrap();
    let line = |line: &str| {
        let (name, words) = line.split_once(": ").unwrap();
        (name.to_owned(), words.split(", ").map(str::to_owned).collect())
    };
    text.lines().map(line).collect()
}

async fn documents() -> [(&'static str, Value); 2] {
    let storage = Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).start();
    let hub = Service::message_hub().env("MESSAGE_HUB_TOKEN", TOKEN).start();
    let document = async |service: &Service| {
        let answer = send(client().get(service.url("/openapi.json")).bearer_auth(TOKEN)).await;
        assert_eq!(answer.status, 200);
        answer.body
    };
    [("storage-service", document(&storage).await), ("message-hub", document(&hub).await)]
}

#[tokio::test]
async fn the_services_serve_the_clients_of_the_release_before_this_one() {
    for (name, document) in documents().await {
        let old = released(name);
        assert!(old.len() > 100, "the record of {name} is not whole");
        assert_eq!(breaks(&old, &described(&document)), Vec::<String>::new(), "{name}");
    }
}

#[tokio::test]
async fn a_change_that_a_client_of_the_release_before_cannot_work_with_is_noticed() {
    let [(_, document), _] = documents().await;
    let old = described(&document);
    let change = |place: &str, value: Option<Value>| {
        let mut changed = document.clone();
        let (parent, name) = place.rsplit_once('/').unwrap();
        let parent = changed.pointer_mut(parent).unwrap_or_else(|| panic!("{place}")).as_object_mut().unwrap();
        match value {
            Some(value) => parent.insert(name.replace("~1", "/"), value),
            None => parent.remove(&name.replace("~1", "/")),
        };
        breaks(&old, &described(&changed))
    };
    let schema = "/components/schemas/Character";
    let mut required = document.pointer(&format!("{schema}/required")).unwrap().clone();
    required.as_array_mut().unwrap().push(json!("new"));
    let name = format!("{schema}/properties/name");
    let cases = [
        ("/paths/~1storage~1v1~1log".to_owned(), None, true),
        ("/paths/~1storage~1v1~1others".to_owned(), Some(document["paths"]["/storage/v1/log"].clone()), false),
        (name.clone(), None, true),
        (name, Some(json!({ "type": "integer" })), true),
        (format!("{schema}/properties/new"), Some(json!({ "type": "string" })), false),
        (format!("{schema}/required"), Some(json!([])), true),
    ];
    for (place, value, is_break) in cases {
        let broken = change(&place, value);
        assert_eq!(!broken.is_empty(), is_break, "{place}: {broken:?}");
    }
    let mut demanding = document.clone();
    *demanding.pointer_mut(&format!("{schema}/required")).unwrap() = required;
    demanding.pointer_mut(&format!("{schema}/properties")).unwrap()["new"] = json!({ "type": "string" });
    assert!(!breaks(&old, &described(&demanding)).is_empty(), "a property that is demanded of an older client");
}

#[tokio::test]
#[ignore = "writes the record that the tests compare with; only at a release"]
async fn record_the_release() {
    for (name, document) in documents().await {
        let line = |(name, words): (String, BTreeSet<String>)| {
            format!("{name}: {}\n", words.into_iter().collect::<Vec<_>>().join(", "))
        };
        let text: String = described(&document).into_iter().map(line).collect();
        fs::create_dir_all(record(name).parent().unwrap()).unwrap();
        fs::write(record(name), text).unwrap();
    }
}
