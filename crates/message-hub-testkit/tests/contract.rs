//! The contract in words and the suite hold each other: nothing promised is untested, nothing tested is unsaid.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use character_message_hub_testkit::{clauses, durable_clauses, sentence};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const CONTRACT: &str = include_str!("../../message-hub/CONTRACT.md");

/// The name and the sentence of a line of the contract that states a clause.
fn stated(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("- `")?.split_once("`: ")
}

/// Each clause of the contract with its sentence.
fn promised() -> BTreeMap<String, String> {
    CONTRACT.lines().filter_map(stated).map(|(name, sentence)| (name.to_owned(), sentence.to_owned())).collect()
}

/// Each clause of the suite with the first paragraph of its documentation.
fn written() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/clauses");
    let mut written = BTreeMap::new();
    for file in fs::read_dir(folder).unwrap() {
        let mut words = Vec::new();
        for line in fs::read_to_string(file.unwrap().path()).unwrap().lines() {
            if let Some(text) = line.strip_prefix("/// ") {
                words.push(text.to_owned());
            } else {
                let name = line.strip_prefix("pub async fn ").and_then(|rest| rest.split_once('('));
                if let Some((name, _)) = name {
                    written.insert(name.to_owned(), words.join(" "));
                }
                words.clear();
            }
        }
    }
    written
}

#[test]
fn the_contract_names_every_clause_and_no_other() {
    let listed: BTreeSet<_> =
        clauses().into_iter().chain(durable_clauses()).map(|clause| clause.name.to_owned()).collect();
    assert_eq!(promised().into_keys().collect::<BTreeSet<_>>(), listed);
    assert_eq!(written().into_keys().collect::<BTreeSet<_>>(), listed);
    assert!(listed.iter().all(|name| sentence(name).is_some_and(|sentence| sentence.ends_with('.'))));
    assert!(listed.len() >= 60);
}

#[test]
fn the_contract_has_the_sentence_of_each_clause() {
    let written = written();
    for (name, sentence) in promised() {
        assert_eq!(Some(&sentence), written.get(&name), "{name}: `make contract` writes it");
    }
}

#[test]
#[ignore = "writes the sentences of the clauses to CONTRACT.md; `make contract` runs it"]
fn write_the_contract() {
    let written = written();
    let line = |line: &str| match stated(line).and_then(|(name, _)| Some((name, written.get(name)?))) {
        Some((name, sentence)) => format!("- `{name}`: {sentence}\n"),
        None => format!("{line}\n"),
    };
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../message-hub/CONTRACT.md");
    fs::write(path, CONTRACT.lines().map(line).collect::<String>()).unwrap();
}
