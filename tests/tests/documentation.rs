//! The examples of `docs/api.md` are run, in their order, against a service of their own. A `sh` block is a command; a
//! `text` block after it is what it prints, where `…` stands for anything.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[path = "documentation/aggregate.rs"]
mod aggregate;
#[path = "documentation/clients.rs"]
mod clients;
#[path = "documentation/generated.rs"]
mod generated;
#[path = "documentation/names.rs"]
mod names;
#[path = "documentation/pages.rs"]
mod pages;
#[path = "documentation/released.rs"]
mod released;
mod support;

use character_asyncapi::EventValidator;
use character_storage_sql::SqlStorage;
use character_storage_testkit::sample::logged_events;
use character_tests::Service;
use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// A command of the document and what it says it prints.
struct Example {
    line: usize,
    command: String,
    output: Option<String>,
}

fn examples(document: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut lines = document.lines().enumerate();
    while let Some((line, text)) = lines.next() {
        let Some(language @ ("sh" | "text")) = text.strip_prefix("```") else { continue };
        let block: String = lines
            .by_ref()
            .map(|(_, text)| text)
            .take_while(|text| *text != "```")
            .flat_map(|text| [text, "\n"])
            .collect();
        match language {
            "sh" => examples.push(Example { line: line + 1, command: block, output: None }),
            _ => {
                examples.last_mut().unwrap_or_else(|| panic!("line {line}: an output before any command")).output =
                    Some(block)
            }
        }
    }
    examples
}

/// Whether `text` is `pattern` with something in the place of each `…`.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        last = Some(part);
        let Some(place) = rest.find(part) else { return false };
        rest = rest.get(place + part.len()..).unwrap_or_default();
    }
    rest.is_empty() || last.is_some_and(|last| last.is_empty() || rest.ends_with(last))
}

/// The log of the service is read from its database. What it publishes must be as the AsyncAPI document says.
async fn every_event_is_as_the_document_says(service: &Service) {
    assert_eq!(service.terminate(), 0);
    let validator = EventValidator::new().expect("the document has sound schemas");
    let database = service.data_dir().join("character.sqlite");
    let storage = SqlStorage::sqlite(database).await.expect("the service has ended");
    let mut types = BTreeSet::new();
    for event in logged_events(&storage).await {
        types.insert(validator.check_event(&event).unwrap_or_else(|fault| panic!("docs/asyncapi.json: {fault}")));
    }
    assert!(types.len() >= 5, "the examples publish only {types:?}");
}

#[tokio::test]
async fn the_examples_of_the_api_documentation_print_what_they_say() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api.md");
    let document = fs::read_to_string(document).expect("the document is part of the project");
    let service = Service::character().start();
    let examples = examples(&document);
    assert!(examples.len() >= 18, "only {} examples were found", examples.len());
    for Example { line, command, output } in examples {
        let command = command.replace("http://localhost:8000", &service.url(""));
        let done = Command::new("bash").args(["-euo", "pipefail", "-c", &command]).output();
        let done = done.expect("bash is part of what `make test` installs");
        let printed = String::from_utf8_lossy(&done.stdout);
        let errors = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "docs/api.md:{line}: {command}\n{printed}\n{errors}");
        if let Some(output) = output {
            assert!(
                matches(output.trim_end(), printed.trim_end()),
                "docs/api.md:{line}: {command}\nsays\n{output}\nand printed\n{printed}"
            );
        }
    }
    every_event_is_as_the_document_says(&service).await;
}

#[test]
fn an_output_matches_only_what_it_says() {
    assert!(matches("a…c", "abc") && matches("…", "anything") && matches("a…b…", "a-b-c") && matches("same", "same"));
    assert!(!matches("a…c", "abd") && !matches("same", "other") && !matches("a", "ab") && !matches("a…b", "b…a"));
}
