//! What others suffered from is tested here, and each such test says which lesson it is of: at least forty of them do.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The lessons that apply, so that one that loses its test is missed.
const LEAST: usize = 40;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The number behind `Lesson ` at the beginning of a comment.
fn lesson(line: &str) -> Option<u32> {
    let text = line.trim_start().trim_start_matches('/').trim_start().strip_prefix("Lesson ")?;
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[test]
fn at_least_forty_lessons_have_a_test_that_cites_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["crates", "tests"] {
        sources(&root.join(folder), &mut files);
    }
    let mut tests: BTreeMap<u32, String> = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source is UTF-8");
        let mut cited = None;
        for line in text.lines() {
            cited = lesson(line).or(cited);
            let is_function =
                ["fn ", "async fn ", "pub async fn "].iter().any(|word| line.trim_start().starts_with(word));
            if let Some(name) = is_function.then_some(line).filter(|_| cited.is_some()) {
                tests.extend(cited.take().map(|number| (number, name.trim().to_owned())));
            }
        }
    }
    assert!(tests.len() >= LEAST, "{} lessons are cited: {tests:#?}", tests.len());
}
