//! The rules, alerts and dashboards of `deploy/observability` fit the metrics, the runbook and each other.

use super::{documented, required_program};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/observability")
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path.as_ref()).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

/// One rule of the file: `alert` or `record`, its name, its expression and its lines.
struct Rule {
    kind: String,
    name: String,
    expression: String,
    text: String,
}

fn rules() -> Vec<Rule> {
    let text = read(folder().join("rules.yml"));
    let parts =
        text.split("\n      - ").skip(1).filter(|part| part.starts_with("alert: ") || part.starts_with("record: "));
    let rules = parts.map(|part| {
        let (kind, name) = part.lines().next().unwrap().split_once(": ").unwrap();
        let expression = part.lines().skip_while(|line| !line.contains("expr: |-")).skip(1);
        let expression: Vec<_> = expression.take_while(|line| line.starts_with("          ")).collect();
        Rule { kind: kind.to_owned(), name: name.to_owned(), expression: expression.join(" "), text: part.to_owned() }
    });
    rules.collect()
}

fn alerts() -> Vec<Rule> {
    rules().into_iter().filter(|rule| rule.kind == "alert").collect()
}

fn promtool(arguments: &[&str]) {
    let done = Command::new(required_program("promtool", "prometheus")).args(arguments).current_dir(folder()).output();
    let done = done.unwrap();
    let said = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "promtool {arguments:?}: {said}");
}

#[test]
fn promtool_accepts_the_rules_and_each_alert_rings_in_one_case_and_is_quiet_in_another() {
    promtool(&["check", "rules", "rules.yml"]);
    promtool(&["check", "config", "prometheus.yml"]);
    promtool(&["test", "rules", "rules.test.yml"]);
    let tests = read(folder().join("rules.test.yml"));
    let cases: Vec<&str> = tests.split("\n  - name: ").skip(1).collect();
    let alerts = alerts();
    assert!(alerts.len() >= 30, "only {} alerts were found", alerts.len());
    for Rule { name, .. } in &alerts {
        for (case, is_silent) in [("rings", false), ("is quiet", true)] {
            let title = format!("{name} {case}\n");
            let found: Vec<_> = cases.iter().filter(|text| text.starts_with(&title)).collect();
            assert_eq!(found.len(), 1, "{title}");
            assert!(found[0].contains(&format!("alertname: {name}\n")), "{title}");
            assert_eq!(found[0].contains("exp_alerts: []"), is_silent, "{title}");
        }
    }
    assert_eq!(cases.len(), 2 * alerts.len(), "a case without an alert");
}

#[test]
fn each_alert_links_to_its_section_of_the_runbook_and_every_section_belongs_to_an_alert() {
    let runbook = read(folder().join("../../docs/runbook.md"));
    let sections: BTreeSet<_> =
        runbook.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
    for Rule { name, text, .. } in alerts() {
        let link = format!("runbook_url: docs/runbook.md#{}", name.to_lowercase());
        assert!(text.lines().any(|line| line.trim() == link), "{text}");
        assert!(text.contains("severity: critical") || text.contains("severity: warning"), "{text}");
    }
    assert_eq!(sections, alerts().into_iter().map(|alert| alert.name).collect());
    for link in runbook.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        let (page, anchor) = link.split_once('#').unwrap_or((link, ""));
        let page = if page.is_empty() { runbook.clone() } else { read(folder().join("../../docs").join(page)) };
        let anchors = page.lines().filter(|line| line.starts_with('#')).map(anchor_of).collect::<BTreeSet<_>>();
        assert!(anchor.is_empty() || anchors.contains(anchor), "{link} leads nowhere");
    }
}

/// The anchor of a heading, as the renderers of Markdown make it.
fn anchor_of(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The metrics that an expression reads.
fn metrics_of(expression: &str) -> BTreeSet<String> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    let mut names = BTreeSet::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        match first {
            '"' => rest = rest.get(1..).and_then(|rest| rest.split_once('"')).map_or("", |(_, rest)| rest),
            '{' => rest = rest.split_once('}').map_or("", |(_, rest)| rest),
            '[' => rest = rest.split_once(']').map_or("", |(_, rest)| rest),
            _ if is_of_name(first) => {
                let end = rest.find(|c| !is_of_name(c)).unwrap_or(rest.len());
                let (word, left) = rest.split_at(end);
                rest = left;
                let groups = ["by", "without", "on", "ignoring", "group_left", "group_right"];
                if groups.contains(&word) {
                    let list = rest.trim_start();
                    rest = list.strip_prefix('(').and_then(|list| list.split_once(')')).map_or(list, |(_, rest)| rest);
                } else if !first.is_ascii_digit()
                    && !rest.starts_with('(')
                    && !["and", "or", "unless", "bool", "offset", "sum", "min", "max", "count"].contains(&word)
                {
                    names.insert(word.to_owned());
                }
            }
            _ => rest = rest.get(first.len_utf8()..).unwrap_or_default(),
        }
    }
    names
}

/// Every expression of a dashboard, and the metrics that its variables are read from.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value) {
                    ("expr", Value::String(text)) => found.push(text.clone()),
                    ("definition", Value::String(text)) => {
                        let inner = text.strip_prefix("label_values(").and_then(|rest| rest.split_once(','));
                        found.push(inner.unwrap_or_else(|| panic!("{text}")).0.to_owned());
                    }
                    _ => expressions(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

#[test]
fn every_metric_of_the_rules_and_dashboards_is_documented() {
    let documented = documented(&[
        "both",
        "character",
        "storage",
        "redis",
        "remote",
        "database",
        "folder",
        "file",
        "relay",
        "inbox",
        "hub",
        "tls",
    ]);
    let recorded: BTreeSet<_> =
        rules().into_iter().filter(|rule| rule.kind == "record").map(|rule| rule.name).collect();
    let check = |place: &str, expression: &str| {
        let names = metrics_of(expression);
        assert!(!names.is_empty(), "{place}: no metric in {expression}");
        for name in names {
            let parts = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
            let is_part =
                parts.is_some_and(|name| documented.get(name).is_some_and(|metric| metric.kind == "histogram"));
            let is_known = name == "up" || recorded.contains(&name) || documented.contains_key(&name) || is_part;
            assert!(is_known, "{place}: {name} is not in docs/metrics.md: {expression}");
        }
    };
    for Rule { name, expression, .. } in rules() {
        check(&name, &expression);
    }
    for file in ["overview.json", "storage.json"] {
        let dashboard: Value = serde_json::from_str(&read(folder().join("dashboards").join(file))).unwrap();
        assert!(dashboard["uid"].is_string() && dashboard["title"].is_string(), "{file}");
        let mut found = Vec::new();
        expressions(&dashboard, &mut found);
        assert!(found.len() >= 16, "{file}: only {} expressions", found.len());
        found.iter().for_each(|expression| check(file, expression));
        // Prometheus itself reads them, with something in the place of what Grafana fills in.
        let rules = found.iter().enumerate().map(|(number, expression)| {
            let expression = expression.replace("$__rate_interval", "5m");
            format!("      - record: panel:expression:{number}\n        expr: |-\n          {expression}\n")
        });
        let file = tempfile::NamedTempFile::with_suffix(".yml").unwrap();
        fs::write(&file, format!("groups:\n  - name: panels\n    rules:\n{}", rules.collect::<String>())).unwrap();
        promtool(&["check", "rules", "--lint=none", file.path().to_str().unwrap()]);
    }
}

#[test]
fn the_reader_of_expressions_finds_metrics_and_nothing_else() {
    let expression = "sum by (job, le) (rate(http_a_total{route!~\"/health.*\", b=\"c\"}[5m])) / 14.4 * 0.001 > bool job:x:y5m \
                      unless on (job) forced == 1 and time() - end_seconds < 2 * 86400";
    let names: Vec<_> = metrics_of(expression).into_iter().collect();
    assert_eq!(names, ["end_seconds", "forced", "http_a_total", "job:x:y5m"]);
    assert_eq!(anchor_of("## The admin listener: `/admin/storage`"), "the-admin-listener-adminstorage");
}
