//! The number of crates that each embedded crate brings: the table in `docs/embedding.md` is written and compared here.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper of tests fails the test")]

use std::{collections::BTreeSet, fs, process::Command};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/embedding.md");
const HEAD: &str = "| Crate | Features | Crates |\n|---|---|---|\n";

/// The crates that others embed, each with the features that it is asked for; `None`: the default ones.
const EMBEDDED: &[(&str, Option<&str>)] = &[
    ("character-domain", None),
    ("character-storage-port", None),
    ("character-cache", None),
    ("character-cache-redis", None),
    ("character-storage-sql", None),
    ("character-storage-sql", Some("sqlite")),
    ("character-storage-sql", Some("postgres")),
    ("character-storage-http", None),
    ("character-storage-http", Some("rustls")),
    ("character-storage-http", Some("")),
    ("character-message-hub", None),
    ("character-message-hub-http", None),
    ("character-message-hub-nats", None),
    ("character-inbox", None),
];

/// The crates in the tree of this one, itself included. On one target, so that every machine counts the same.
fn number_of_crates(package: &str, features: Option<&str>) -> usize {
    let mut tree = Command::new(env!("CARGO"));
    tree.args(["tree", "--locked", "--edges", "normal", "--prefix", "none"]);
    tree.args(["--target", "x86_64-unknown-linux-gnu", "--package", package]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if let Some(features) = features {
        tree.args(["--no-default-features", "--features", features]);
    }
    let output = tree.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let crates = text.lines().map(|line| line.trim_end_matches(" (*)")).filter(|line| !line.is_empty());
    crates.collect::<BTreeSet<_>>().len()
}

fn row((package, features): &(&str, Option<&str>)) -> String {
    let described = match features {
        None => "default".to_owned(),
        Some("") => "none".to_owned(),
        Some(features) => format!("`{features}`"),
    };
    format!("| `{package}` | {described} | {} |\n", number_of_crates(package, *features))
}

/// The page with the table as it should be.
fn counted(page: &str) -> String {
    let (before, table) = page.split_once(HEAD).expect("the page has the table");
    let (_, behind) = table.split_once("\n\n").expect("a blank line ends the table");
    let rows: String = EMBEDDED.iter().map(row).collect();
    format!("{before}{HEAD}{rows}\n{behind}")
}

#[test]
fn the_page_about_embedding_states_how_many_crates_each_crate_brings() {
    let page = fs::read_to_string(PAGE).unwrap();
    assert_eq!(page, counted(&page), "`make figures` writes the table of docs/embedding.md");
}

/// A team that updates an embedded crate finds its changes under its name.
#[test]
fn the_changelog_has_an_entry_for_each_embedded_crate() {
    let changelog = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../CHANGELOG.md")).unwrap();
    let (_, crates) = changelog.split_once("\n### Crates\n").unwrap();
    let crates = crates.split("\n### ").next().unwrap();
    for (package, _) in EMBEDDED {
        let entry = crates.split("\n- ").skip(1).any(|entry| entry.contains(&format!("`{package}`")));
        assert!(entry, "the section Crates of CHANGELOG.md has no entry for {package}");
    }
}

#[test]
#[ignore = "writes docs/embedding.md: `make figures`"]
fn write_the_figures() {
    let page = fs::read_to_string(PAGE).unwrap();
    fs::write(PAGE, counted(&page)).unwrap();
}
