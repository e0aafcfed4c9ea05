//! The contract in words and the suite hold each other: nothing promised is untested, nothing tested is unsaid.

use character_storage_testkit::{clauses, durable_clauses, sentence};
use std::{collections::BTreeSet, fs, path::Path};

fn promised() -> BTreeSet<String> {
    let text = include_str!("../../storage-port/CONTRACT.md");
    text.lines().filter_map(|line| line.strip_prefix("- `")?.split_once('`').map(|(name, _)| name.to_owned())).collect()
}

#[test]
fn the_contract_names_every_clause_and_no_other() {
    let durable = durable_clauses();
    let names = clauses().into_iter().map(|clause| clause.name).chain(durable.iter().map(|clause| clause.name));
    let listed: BTreeSet<_> = names.map(str::to_owned).collect();
    assert_eq!(promised(), listed);
    assert!(listed.iter().all(|name| sentence(name).is_some_and(|sentence| sentence.ends_with('.'))));
}

#[test]
fn every_clause_that_is_written_is_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/clauses");
    let mut written = BTreeSet::new();
    for file in fs::read_dir(folder).unwrap() {
        let source = fs::read_to_string(file.unwrap().path()).unwrap();
        let names = source
            .lines()
            // A clause that is written once for several kinds of row has its names in the body of a macro.
            .filter_map(|line| line.trim_start().strip_prefix("pub async fn "))
            .filter_map(|line| line.split_once(['(', ' ']))
            .filter(|(name, _)| !name.starts_with('$'))
            .map(|(name, _)| name.to_owned());
        written.extend(names);
    }
    assert_eq!(promised(), written);
    assert!(written.len() >= 200);
}
