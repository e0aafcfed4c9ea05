//! The document as its readers use it, and the check of events against it.
#![expect(clippy::unwrap_used, reason = "what is missing is to fail the test")]

use character_asyncapi::{EventValidator, ValidatedStorage, data_schema, document};
use character_domain::{
    Character, CharacterId, DomainEvent, UserId,
    event::{EventType, ReceivedType},
    now,
};
use character_message_hub::CloudEvent;
use character_storage_port::{Commit as _, MemoryStorage, StorageExt, Transaction};
use serde_json::{Value, json};

fn messages(document: &Value) -> impl Iterator<Item = (&String, &Value)> {
    document["components"]["messages"].as_object().unwrap().iter()
}

#[test]
fn each_event_type_has_a_message_in_both_modes_with_examples() {
    let document = document();
    let types = EventType::ALL.iter().map(|it| it.as_str()).chain(ReceivedType::ALL.iter().map(|it| it.as_str()));
    let types: Vec<_> = types.chain(["error.reported"]).collect();
    assert_eq!(messages(&document).count(), 2 * types.len());
    for name in types {
        for key in [name.to_owned(), format!("{name}.binary")] {
            let message = &document["components"]["messages"][&key];
            assert!(message["summary"].as_str().is_some_and(|text| text.ends_with('.')), "{key}");
            assert!(!message["examples"].as_array().unwrap().is_empty(), "{key}");
        }
    }
}

#[test]
fn each_example_is_a_cloud_event_that_the_document_accepts() {
    let (document, validator) = (document(), EventValidator::new().unwrap());
    let mut examples = 0;
    for (key, message) in messages(&document).filter(|(key, _)| !key.ends_with(".binary")) {
        for example in message["examples"].as_array().unwrap() {
            let event: CloudEvent = serde_json::from_value(example["payload"].clone()).unwrap();
            assert_eq!(json!(event), example["payload"], "{key}");
            validator.check(&example["payload"]).unwrap();
            examples += 1;
        }
    }
    assert!(examples > EventType::ALL.len() + ReceivedType::ALL.len(), "{examples}");
}

#[test]
fn the_data_schema_of_a_published_type_leads_to_its_message_in_the_document() {
    let (document, validator) = (document(), EventValidator::new().unwrap());
    for name in EventType::ALL.iter().map(|it| it.as_str()).chain(["error.reported"]) {
        let schema = data_schema(name).unwrap();
        let id = document["id"].as_str().unwrap();
        let key = schema.strip_prefix(id).and_then(|rest| rest.strip_prefix(':')).unwrap();
        let messages = &document["components"]["messages"];
        let (structured, binary) = (&messages[key], &messages[format!("{key}.binary")]);
        assert_eq!(structured["payload"]["allOf"][1]["properties"]["data"], binary["payload"]);
        assert_eq!(structured["examples"][0]["payload"]["dataschema"], json!(schema));
        let headers = &binary["examples"][0]["headers"];
        assert_eq!(headers["ce-dataschema"], json!(schema));
        validator.check_headers(headers).unwrap();
        let mut other = headers.clone();
        other["ce-dataschema"] = json!("urn:other");
        assert!(validator.check_headers(&other).unwrap_err().to_string().contains("ce-dataschema"), "{name}");
    }
    for name in ReceivedType::ALL.iter().map(|it| it.as_str()).chain(["character.vanished"]) {
        assert_eq!(data_schema(name), None, "{name}");
    }
}

/// The document with a schema of it as its root, so that references into the components lead somewhere.
fn schema(document: &Value, root: &Value) -> jsonschema::Validator {
    let components = json!({ "schemas": document["components"]["schemas"] });
    let schema = json!({ "allOf": [root], "components": components });
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

#[test]
fn each_example_in_binary_mode_has_the_headers_and_the_data_of_its_message() {
    let document = document();
    for (key, message) in messages(&document).filter(|(key, _)| key.ends_with(".binary")) {
        let (headers, payload) = (schema(&document, &message["headers"]), schema(&document, &message["payload"]));
        for example in message["examples"].as_array().unwrap() {
            assert!(headers.is_valid(&example["headers"]), "{key}: {}", example["headers"]);
            assert!(payload.is_valid(&example["payload"]), "{key}: {}", example["payload"]);
            let mut other = example["headers"].clone();
            other["ce-type"] = json!("character.vanished");
            assert!(!headers.is_valid(&other), "{key}");
        }
    }
}

#[test]
fn what_the_document_does_not_say_is_found() {
    let validator = EventValidator::new().unwrap();
    let example = |name: &str| document()["components"]["messages"][name]["examples"][0]["payload"].clone();
    let changed = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut event = example(name);
        change(&mut event);
        validator.check(&event).unwrap_err().to_string()
    };
    for (name, change, expected) in [
        (
            "character.created",
            &(|it: &mut Value| it["data"]["is_active"] = json!("yes")) as &dyn Fn(&mut Value),
            "is_active",
        ),
        ("character.created", &|it| it["data"]["extra"] = json!(1), "extra"),
        ("character.created", &|it| drop(it["data"].as_object_mut().unwrap().remove("campaign_id")), "campaign_id"),
        ("character.created", &|it| drop(it.as_object_mut().unwrap().remove("subject")), "subject"),
        ("character.created", &|it| it["time"] = json!("yesterday"), "time"),
        ("character.created", &|it| it["specversion"] = json!("0.3"), "specversion"),
        ("character.created", &|it| it["type"] = json!("character.made"), "character.made"),
        ("character.updated", &|it| it["data"]["extra"] = json!(1), "extra"),
        ("character.updated", &|it| it["data"]["changed"] = json!(null), "changed"),
        ("character.deleted", &|it| it["data"]["extra"] = json!(1), "extra"),
        ("character.leveled_up", &|it| it["data"]["level"] = json!(21), "level"),
        ("character.inventory_changed", &|it| it["data"]["change"] = json!("lost"), "data"),
        ("character.inventory_changed", &|it| it["data"]["ids"] = json!(["one"]), "data"),
        ("character.event_applied", &|it| it["data"]["impact_type"] = json!("mood"), "impact_type"),
        ("character.created", &|it| it["dataschema"] = json!("urn:other"), "dataschema"),
        ("error.reported", &|it| it["data"]["token"] = json!("secret"), "token"),
        ("campaign.renamed", &|it| it["data"]["name"] = json!(""), "name"),
        ("campaign.event", &|it| drop(it["data"].as_object_mut().unwrap().remove("impact_type")), "impact_type"),
    ] {
        let fault = changed(name, change);
        assert!(fault.contains(expected), "{name}: {fault}");
    }
}

#[tokio::test]
async fn a_storage_under_test_commits_sound_events_and_notes_their_types() {
    let storage = ValidatedStorage::new(MemoryStorage::new());
    storage.create_character(Character::new(UserId::new(), "Torormir", now())).await.unwrap();
    assert_eq!(storage.seen().types(), [EventType::CharacterCreated].into());
}

#[tokio::test]
#[should_panic(expected = "docs/asyncapi.json")]
async fn a_storage_under_test_panics_on_an_event_that_is_not_in_the_document() {
    let event = DomainEvent::new("character.vanished", CharacterId::new(), now(), json!({}));
    drop(ValidatedStorage::new(MemoryStorage::new()).commit(Transaction::new().with_event(event)).await);
}

#[test]
fn the_committed_document_is_the_one_that_is_built() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/asyncapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let built = format!("{:#}\n", document());
    assert!(committed == built, "docs/asyncapi.json is out of date: run `make asyncapi`");
}
