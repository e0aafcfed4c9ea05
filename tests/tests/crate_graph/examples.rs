//! Each published crate has a program that does its main job: in `examples/`, or on its first page. `make test` runs it, and
//! the pages lead to it.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use cargo_metadata::Package;
use std::{collections::BTreeSet, fs};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn read(path: &str) -> String {
    fs::read_to_string(format!("{ROOT}/{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The words behind `name :=` in the Makefile, over several lines.
fn variable(makefile: &str, name: &str) -> BTreeSet<String> {
    let (_, behind) = makefile.split_once(&format!("\n{name} := ")).unwrap();
    let value = behind.replace("\\\n", " ");
    value.lines().next().unwrap().split_whitespace().map(str::to_owned).collect()
}

fn examples(package: &Package) -> impl Iterator<Item = &str> {
    package.targets.iter().filter(|target| target.is_example()).map(|target| target.name.as_str())
}

fn readme(package: &Package) -> String {
    fs::read_to_string(package.readme().unwrap()).unwrap()
}

#[test]
fn make_test_runs_every_example_and_the_pages_name_it() {
    let metadata = super::metadata();
    let listed = variable(&read("Makefile"), "EXAMPLES");
    let page = read("docs/embedding.md");
    let mut found = BTreeSet::new();
    for package in metadata.workspace_packages() {
        for example in examples(package) {
            found.insert(example.to_owned());
            let row = format!("| `{example}` of `{}` |", package.name);
            assert!(page.contains(&row), "docs/embedding.md has no row that begins with {row}");
            let place = format!("examples/{example}.rs");
            assert!(readme(package).contains(&place), "the README of {} does not name {place}", package.name);
        }
    }
    assert_eq!(found, listed, "EXAMPLES of the Makefile lists what is in crates/*/examples");
}

#[test]
fn every_published_crate_leads_to_a_program() {
    let metadata = super::metadata();
    let all: BTreeSet<_> = metadata.workspace_packages().into_iter().flat_map(examples).map(str::to_owned).collect();
    for package in metadata.workspace_packages() {
        if package.publish.as_ref().is_some_and(Vec::is_empty) {
            continue;
        }
        let readme = readme(package);
        let has_example = all.iter().any(|example| readme.contains(&format!("examples/{example}.rs")));
        // A block that rustdoc runs, or a sentence about the program elsewhere.
        let page = ["```rust\n", "The program above is the whole", "The crate page has the whole program"];
        let has_page = page.iter().any(|sign| readme.contains(sign));
        assert!(has_example || has_page, "the README of {} leads to no program", package.name);
    }
}
