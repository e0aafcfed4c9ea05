//! The metrics and log lines that the pages for operators name are those of the services.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const PAGES: [&str; 6] = ["runbook.md", "operating.md", "message-hub.md", "deploying.md", "sizing.md", "events.md"];
/// What stands before a line of the log that a page quotes.
const LINES: [&str; 5] = ["a line ", "log line ", "the line ", "logs it (", "a log line "];

fn docs() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs"))
}

/// The text of a page in one line, without its blocks.
fn text(page: &str) -> String {
    let text = fs::read_to_string(docs().join(page)).unwrap();
    let outside = text.split("```").step_by(2).collect::<Vec<_>>().join(" ");
    outside.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Each piece of code with what stands before it.
fn code(text: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = text.split('`').collect();
    parts.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

/// The rows of the metrics, by name.
fn metrics() -> BTreeMap<String, String> {
    let page = fs::read_to_string(docs().join("metrics.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let names = line.split('|').nth(1).unwrap_or_default();
        for (_, name) in code(names) {
            rows.insert(name.to_owned(), line.to_owned());
        }
    }
    rows
}

/// The name and the labels of a metric with labels, or of one whose name ends as those of metrics do.
fn metric(code: &str) -> Option<(&str, Vec<(&str, &str)>)> {
    let (name, rest) =
        code.split_at(code.find(|letter: char| !letter.is_ascii_lowercase() && letter != '_').unwrap_or(code.len()));
    let labels = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(labels, _)| labels);
    let is_metric = labels.is_some_and(|labels| labels.contains('='))
        || rest.is_empty() && ["_total", "_seconds"].iter().any(|end| name.ends_with(end));
    let labels = labels.unwrap_or_default().split(',').filter_map(|label| label.split_once("=\""));
    (is_metric && name.starts_with(|letter: char| letter.is_ascii_lowercase()))
        .then(|| (name, labels.map(|(label, value)| (label, value.trim_end_matches('"'))).collect()))
}

#[test]
fn each_metric_that_a_page_for_operators_names_is_listed_with_its_labels_and_their_values() {
    let (rows, mut found, mut wrong) = (metrics(), BTreeSet::new(), Vec::new());
    for page in PAGES {
        let text = text(page);
        for (name, labels) in code(&text).into_iter().filter_map(|(_, code)| metric(code)) {
            let Some(row) = rows.get(name) else {
                wrong.push(format!("{page}: {name} is not in metrics.md"));
                continue;
            };
            found.insert(name.to_owned());
            for (label, value) in labels {
                let is_closed = row.contains(&format!("`{label}`: `"));
                if !row.contains(&format!("`{label}`"))
                    || is_closed && value != "…" && !row.contains(&format!("`{value}`"))
                {
                    wrong.push(format!("{page}: {name} has no {label}=\"{value}\""));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(found.len() > 20, "{found:?}");
}

/// All sources of the services, with texts that are written in several lines put together.
fn sources(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(path).unwrap();
            for part in text.split("\\\n") {
                all.push_str(part.trim_start());
            }
        }
    }
}

#[test]
fn each_line_of_the_log_that_a_page_for_operators_quotes_is_one_that_a_service_writes() {
    let mut all = String::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates"), &mut all);
    let (mut quoted, mut wrong) = (0, Vec::new());
    for page in PAGES {
        let text = text(page);
        for (before, line) in code(&text) {
            // A single word is a field or a target.
            if LINES.iter().any(|words| before.ends_with(words)) && line.contains(' ') {
                quoted += 1;
                if !all.contains(line) {
                    wrong.push(format!("{page}: no service logs {line:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(quoted >= 5, "{quoted}");
}
