//! A new kind of row, added to a copy of the workspace by the patches of `docs/adding-an-aggregate.md`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const PAGE: &str = include_str!("../../../docs/adding-an-aggregate.md");
const PATCH: &str = include_str!("../../../docs/adding-an-aggregate.patch");
const PATCH_OUTSIDE: &str = include_str!("../../../docs/adding-an-aggregate-outside.patch");

/// Copies a file, or a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

/// Applies a part of the patch that is about one file. The numbers of lines are not read: the lines must be in one place of the
/// file, wherever that is, so that a change elsewhere in it does not matter.
fn apply(part: &str, workspace: &Path) {
    let path = part.lines().find_map(|line| line.strip_prefix("+++ b/")).unwrap();
    let file = workspace.join(path);
    let mut text = fs::read_to_string(&file).unwrap_or_default();
    let (_, changes) = part.split_once("\n@@").unwrap();
    for change in changes.split("\n@@") {
        let (mut before, mut after) = (String::new(), String::new());
        for line in change.lines().skip(1) {
            let (mark, words) = line.split_at_checked(1).unwrap_or((" ", ""));
            if mark != "+" {
                before += &format!("{words}\n");
            }
            if mark != "-" {
                after += &format!("{words}\n");
            }
        }
        assert!(
            text.matches(&before).count() == 1 || before.is_empty() && text.is_empty(),
            "a patch of docs/adding-an-aggregate.md needs these lines in one place of {path}:\n{before}"
        );
        text = if before.is_empty() { after } else { text.replacen(&before, &after, 1) };
    }
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

/// A copy of the workspace with the new kind. Lines that the patches need and that are gone fail each test.
fn with_companions(folder: &str) -> PathBuf {
    let copied = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let _ = fs::remove_dir_all(&copied);
    fs::create_dir_all(&copied).unwrap();
    for name in ["Cargo.toml", "Cargo.lock", "crates", "services", "tests", "docs", "deploy"] {
        copy(&Path::new(WORKSPACE).join(name), &copied.join(name));
    }
    for part in [PATCH, PATCH_OUTSIDE].iter().flat_map(|patch| patch.split("diff --git ").skip(1)) {
        apply(part, &copied);
    }
    copied
}

/// Runs the tests of the copy that these arguments of cargo select. All must pass, and the one of this name must be among them.
fn test(copied: &Path, arguments: &str, named: &str) {
    // Not the folder of this workspace: cargo gives the libraries of the copy the same names, and the documentation tests would
    // find them in place of ours.
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("adding-an-aggregate-target");
    let output = Command::new(env!("CARGO"))
        .args(["test", "--locked", "--no-fail-fast"])
        .args(arguments.split(' '))
        .env("CARGO_TARGET_DIR", target)
        .current_dir(copied)
        .output()
        .unwrap();
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{errors}");
    assert!(told.contains(&format!("{named} ... ok")), "{told}");
}

#[test]
fn a_kind_that_is_added_by_the_page_passes_the_suite_of_the_port_in_memory() {
    let copied = with_companions("adding-an-aggregate");
    // The suite under a name of its own: cargo then builds nothing else.
    let suite = copied.join("crates/storage-testkit/tests");
    fs::copy(suite.join("conformance.rs"), suite.join("with_companions.rs")).unwrap();
    test(
        &copied,
        "--package character-storage-testkit --test with_companions",
        "in_memory::reads_follow_a_row::Companion",
    );
    fs::remove_dir_all(copied).unwrap();
}

#[test]
#[ignore = "compiles most of the workspace again, which takes minutes; make hunt runs it"]
fn a_kind_that_is_added_by_the_page_passes_the_tests_of_every_crate_that_a_step_names() {
    let copied = with_companions("adding-an-aggregate-outside");
    for (arguments, named) in [
        ("storage-sql --lib --test sqlite", "conformance::reads_follow_a_row::Companion"),
        ("storage-server --lib", "entities::tests::every_filter_of_every_list_is_described"),
        ("storage-wire --lib", "query::tests::every_filter_and_page_comes_back_as_it_was_written"),
        ("storage-http --test contract --test loopback", "conformance::reads_follow_a_row::Companion"),
        ("repositories --lib", "companion::tests::every_change_of_a_companion_is_stored_and_reported"),
        ("api --test api", "companion::a_companion_is_created_found_by_its_name_changed_deleted_and_restored"),
        ("app --lib transfer", "transfer::tests::a_companion_comes_back_unchanged_and_one_of_no_character_is_refused"),
        // The others of these need servers.
        (
            "tests --test backup --test transfer rows_of_every_kind_come_back_to_the_byte_in_memory",
            "rows_of_every_kind_come_back_to_the_byte_in_memory",
        ),
    ] {
        test(&copied, &format!("--package character-{arguments}"), named);
    }
    fs::remove_dir_all(copied).unwrap();
}

/// The texts of all sources below a folder.
fn sources(folder: &Path, texts: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, texts);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "sql") {
            *texts += &fs::read_to_string(path).unwrap();
        }
    }
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The words of a step are not applied, so each file, name and target of make in them must exist.
#[test]
fn every_file_name_and_target_of_make_that_a_step_names_exists() {
    let workspace = Path::new(WORKSPACE);
    let mut texts = String::new();
    for folder in ["crates", "tests/tests"] {
        sources(&workspace.join(folder), &mut texts);
    }
    let makefile = fs::read_to_string(workspace.join("Makefile")).unwrap();
    let is_word = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:!()".contains(&byte));
    let is_step = |line: &&str| {
        line.strip_prefix("| ").is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    };
    let (mut files, mut names) = (0, 0);
    for step in PAGE.lines().filter(is_step) {
        let places = step.split(" | ").nth(1).unwrap();
        let mut folder = workspace.to_path_buf();
        for place in quoted(places).filter(|place| place.contains(['.', '/'])) {
            let from_root = workspace.join(place);
            if place.contains('/') && !place.contains("NNNN") {
                folder =
                    if place.ends_with('/') { from_root.clone() } else { from_root.parent().unwrap().to_path_buf() };
                assert!(folder.is_dir(), "{step}");
            }
            // A file without a folder is beside the one before it, or beside its folder.
            let beside = [workspace, folder.as_path(), folder.parent().unwrap()].map(|folder| folder.join(place));
            let exists = place.contains("companion") || beside.iter().any(|file| file.exists());
            assert!(exists, "{place} does not exist, of {step}");
            files += 1;
        }
        for quote in quoted(step).filter(|quote| !quote.contains("ompanion")) {
            if let Some(target) = quote.strip_prefix("make ") {
                assert!(makefile.contains(&format!("\n{target}:")), "{quote}, of {step}");
            } else if is_word(quote) {
                let name = quote.rsplit("::").next().unwrap().trim_end_matches(['!', '(', ')']);
                assert!(texts.contains(name), "{name} is in no source, of {step}");
                names += 1;
            }
        }
    }
    assert!(files > 30 && names > 20, "{files} files and {names} names were found");
}
