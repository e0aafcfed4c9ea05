//! The contract in words and the suite hold each other: nothing promised is untested, nothing tested is unsaid.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use character_storage_port::EntityKind;
use character_storage_testkit::{clauses, durable_clauses, sentence};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const CONTRACT: &str = include_str!("../../storage-port/CONTRACT.md");

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
        let mut paragraphs = vec![Vec::new()];
        for line in fs::read_to_string(file.unwrap().path()).unwrap().lines().map(str::trim_start) {
            if let Some(words) = line.strip_prefix("///") {
                match words.trim() {
                    "" => paragraphs.push(Vec::new()),
                    words => paragraphs.last_mut().unwrap().push(words.to_owned()),
                }
            } else if !line.starts_with("#[") {
                // A clause about a row of whatever kind has a parameter of a type.
                let name = line.strip_prefix("pub async fn ").and_then(|rest| rest.split_once(['(', '<']));
                if let Some((name, _)) = name {
                    written.insert(name.to_owned(), paragraphs[0].join(" "));
                }
                paragraphs = vec![Vec::new()];
            }
        }
    }
    written
}

#[test]
fn the_contract_names_every_clause_and_no_other() {
    let durable = durable_clauses();
    let names = clauses().into_iter().map(|clause| clause.name).chain(durable.iter().map(|clause| clause.name));
    let listed: BTreeSet<_> = names.map(str::to_owned).collect();
    assert_eq!(promised().into_keys().collect::<BTreeSet<_>>(), listed);
    assert!(listed.iter().all(|name| sentence(name).is_some_and(|sentence| sentence.ends_with('.'))));
}

#[test]
fn every_clause_that_is_written_is_listed() {
    let names = |clauses: BTreeMap<String, String>| clauses.into_keys().collect::<BTreeSet<_>>();
    assert_eq!(names(promised()), names(written()));
    assert!(written().len() >= 200);
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
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../storage-port/CONTRACT.md");
    fs::write(path, CONTRACT.lines().map(line).collect::<String>()).unwrap();
}

#[test]
fn the_clauses_about_a_row_are_run_for_every_kind() {
    for name in clauses().into_iter().filter(|clause| clause.kind.is_some()).map(|clause| clause.name) {
        let kinds = clauses().into_iter().filter(|clause| clause.name == name).filter_map(|clause| clause.kind);
        assert_eq!(kinds.collect::<Vec<_>>(), EntityKind::ALL, "{name}");
    }
}
