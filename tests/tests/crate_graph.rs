//! The walls of the house: which crate may use which. The floors are in `docs/architecture.md`.
//!
//! When this test fails, either the new dependency is wrong, or the design changes: then change the list here and the
//! documentation with it.

#[path = "crate_graph/examples.rs"]
mod examples;
#[path = "crate_graph/figures.rs"]
mod figures;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Every crate of the workspace with its floor and the crates of ours it may use outside of its tests.
const CRATES: &[(&str, u8, &[&str])] = &[
    ("character-rfc3339", 0, &[]),
    ("character-domain", 1, &["character-rfc3339"]),
    ("character-http-kit", 1, &[]),
    ("character-credentials", 1, &[]),
    ("character-storage-port", 2, &["character-domain"]),
    ("character-message-hub", 2, &["character-rfc3339"]),
    ("character-message-hub-testkit", 3, &["character-message-hub"]),
    ("character-message-hub-nats", 3, &["character-credentials", "character-error-reporter", "character-message-hub"]),
    (
        "character-relay",
        3,
        &["character-domain", "character-error-reporter", "character-storage-port", "character-message-hub"],
    ),
    ("character-inbox", 3, &["character-error-reporter", "character-storage-port", "character-message-hub"]),
    (
        "character-campaign-events",
        5,
        &[
            "character-domain",
            "character-error-reporter",
            "character-storage-port",
            "character-message-hub",
            "character-inbox",
            "character-repositories",
        ],
    ),
    ("character-error-reporter", 2, &[]),
    ("character-otlp", 3, &["character-credentials", "character-error-reporter"]),
    ("character-error-reporter-hub", 3, &["character-error-reporter", "character-message-hub"]),
    ("character-message-hub-file", 3, &["character-error-reporter", "character-message-hub"]),
    (
        "character-message-hub-server",
        3,
        &[
            "character-credentials",
            "character-error-reporter",
            "character-http-kit",
            "character-message-hub",
            "character-message-hub-wire",
        ],
    ),
    (
        "character-message-hub-http",
        3,
        &["character-credentials", "character-error-reporter", "character-message-hub", "character-message-hub-wire"],
    ),
    ("character-message-hub-wire", 3, &["character-message-hub"]),
    ("character-error-reporter-sentry", 3, &["character-error-reporter"]),
    ("character-storage-testkit", 3, &["character-domain", "character-storage-port"]),
    // For tests alone, and it knows nothing of what it carries.
    ("character-fault-proxy", 3, &[]),
    ("character-storage-wire", 3, &["character-domain", "character-storage-port"]),
    (
        "character-storage-http",
        3,
        &[
            "character-credentials",
            "character-domain",
            "character-error-reporter",
            "character-storage-port",
            "character-storage-wire",
        ],
    ),
    ("character-storage-hub", 3, &["character-credentials", "character-message-hub", "character-storage-http"]),
    (
        "character-storage-server",
        3,
        &[
            "character-domain",
            "character-http-kit",
            "character-storage-port",
            "character-error-reporter",
            "character-storage-wire",
        ],
    ),
    (
        "character-storage-sql",
        3,
        &["character-credentials", "character-domain", "character-storage-port", "character-error-reporter"],
    ),
    ("character-asyncapi", 3, &["character-domain", "character-storage-port", "character-error-reporter"]),
    ("character-live-updates", 3, &["character-domain", "character-storage-port"]),
    ("character-cache", 3, &["character-domain", "character-storage-port"]),
    ("character-cache-redis", 3, &["character-credentials", "character-storage-port", "character-cache"]),
    ("character-repositories", 4, &["character-domain", "character-storage-port"]),
    (
        "character-api",
        5,
        &[
            "character-domain",
            "character-http-kit",
            "character-storage-port",
            "character-error-reporter",
            "character-live-updates",
            "character-repositories",
        ],
    ),
    (
        "character-app",
        6,
        &[
            "character-credentials",
            "character-domain",
            "character-http-kit",
            "character-storage-port",
            "character-error-reporter",
            "character-error-reporter-sentry",
            "character-error-reporter-hub",
            "character-message-hub-http",
            "character-message-hub-nats",
            "character-storage-hub",
            "character-message-hub",
            "character-message-hub-file",
            "character-message-hub-server",
            "character-message-hub-wire",
            "character-storage-http",
            "character-storage-server",
            "character-storage-sql",
            "character-cache",
            "character-cache-redis",
            "character-live-updates",
            "character-repositories",
            "character-asyncapi",
            "character-api",
            "character-message-hub",
            "character-relay",
            "character-inbox",
            "character-campaign-events",
            "character-otlp",
        ],
    ),
    ("character-service", 7, &["character-app"]),
    ("storage-service", 7, &["character-app"]),
    ("message-hub", 7, &["character-app"]),
    // The fixtures; crates below may use them in their tests, so they use none of ours.
    ("character-tests", 8, &[]),
];

/// The edges that stay on one floor.
const SAME_FLOOR: &[(&str, &str)] = &[
    ("character-storage-hub", "character-storage-http"),
    ("character-storage-http", "character-storage-wire"),
    ("character-storage-server", "character-storage-wire"),
    ("character-message-hub-server", "character-message-hub-wire"),
    ("character-message-hub-http", "character-message-hub-wire"),
    ("character-cache-redis", "character-cache"),
];

/// Libraries that only these crates may use outside of their tests, and why.
const LIBRARIES: &[(&str, &[&str], &str)] = &[
    ("async-nats", &["character-message-hub-nats"], "NATS is one hub among others, behind one port"),
    (
        "reqwest",
        &[
            "character-storage-http",
            "character-error-reporter-sentry",
            "character-message-hub-http",
            "character-message-hub-nats",
            "character-message-hub-server",
            "character-otlp",
        ],
        "calls of the storage leave the process through one transport stack; reports, spans and what the hub carries \
         are no such calls",
    ),
    ("backoff", &["character-storage-http"], "retries at two layers multiply"),
    ("failsafe", &["character-storage-http"], "one breaker per upstream, in the transport stack"),
    (
        "actix-web",
        &[
            "character-http-kit",
            "character-storage-server",
            "character-message-hub-server",
            "character-api",
            "character-app",
        ],
        "HTTP comes in at three doors and the listeners beside them",
    ),
    ("actix-http", &["character-app"], "sockets are guarded in one place"),
    ("actix-server", &["character-app"], "sockets are guarded in one place"),
    ("rusqlite", &["character-storage-sql", "character-message-hub-file"], "SQL lives in one crate for each port"),
    ("tokio-postgres", &["character-storage-sql"], "SQL lives in one crate"),
    ("deadpool-postgres", &["character-storage-sql"], "SQL lives in one crate"),
    ("deadpool-redis", &["character-cache-redis"], "Redis is a cache tier and nothing else"),
    ("redis", &["character-cache-redis"], "Redis is a cache tier and nothing else"),
];

#[test]
fn the_workspace_holds_exactly_the_crates_of_the_house() {
    let metadata = metadata();
    let found: BTreeSet<_> = metadata.workspace_packages().iter().map(|package| package.name.to_string()).collect();
    let known: BTreeSet<_> = CRATES.iter().map(|(name, _, _)| (*name).to_owned()).collect();
    assert_eq!(found, known, "give a new crate its floor and its edges, and describe it in docs/architecture.md");
}

#[test]
fn no_crate_uses_another_without_leave() {
    let metadata = metadata();
    let allowed: BTreeMap<_, _> = CRATES.iter().map(|(name, _, uses)| (*name, *uses)).collect();
    let unexpected: Vec<_> = edges(&metadata)
        .into_iter()
        .filter(|(from, to)| allowed.contains_key(to.as_str()) && !allowed[from.as_str()].contains(&to.as_str()))
        .collect();
    assert!(unexpected.is_empty(), "new edges between crates: {unexpected:#?}");
}

#[test]
fn allowed_edges_lead_to_lower_floors() {
    let floors: BTreeMap<_, _> = CRATES.iter().map(|(name, floor, _)| (*name, *floor)).collect();
    for &(from, floor, uses) in CRATES {
        for to in uses {
            assert!(floors[to] < floor || SAME_FLOOR.contains(&(from, to)), "{from} may not use {to}");
        }
    }
}

#[test]
fn each_library_stays_behind_its_wall() {
    let metadata = metadata();
    let edges = edges(&metadata);
    for &(library, users, reason) in LIBRARIES {
        let intruders: Vec<_> =
            edges.iter().filter(|(from, to)| to == library && !users.contains(&from.as_str())).collect();
        assert!(intruders.is_empty(), "{library} is for {users:?} only ({reason}): {intruders:?}");
        assert!(edges.iter().any(|(_, to)| to == library), "nobody uses {library} any more: drop its rule");
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for package in metadata().workspace_packages() {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        let lints = manifest.split("\n[").find_map(|table| table.strip_prefix("lints]"));
        assert!(
            lints.is_some_and(|table| table.lines().any(|line| line.trim() == "workspace = true")),
            "{} lacks `[lints] workspace = true`",
            package.name
        );
    }
}

/// Teams that embed a crate find it by these, and docs.rs shows all of its features.
#[test]
fn every_library_describes_itself() {
    for package in metadata().workspace_packages() {
        let is_library = package.manifest_path.as_str().contains("/crates/");
        if !is_library {
            continue;
        }
        let has_text = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let missing = [
            ("description", !has_text(&package.description)),
            ("readme", package.readme().is_none_or(|readme| !readme.exists())),
            ("keywords", package.keywords.is_empty()),
            ("categories", package.categories.is_empty()),
            ("package.metadata.docs.rs", package.metadata["docs"]["rs"].is_null()),
        ];
        let missing: Vec<_> = missing.iter().filter(|(_, is_missing)| *is_missing).map(|(what, _)| what).collect();
        assert!(missing.is_empty(), "{} lacks {missing:?}", package.name);
    }
}

/// Every dependency of a crate of ours outside of its tests, by package names.
fn edges(metadata: &Metadata) -> BTreeSet<(String, String)> {
    let direct = |package: &Package| {
        let uses = package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
        uses.map(|dependency| (package.name.to_string(), dependency.name.clone())).collect::<Vec<_>>()
    };
    metadata.workspace_packages().into_iter().flat_map(direct).collect()
}

fn metadata() -> Metadata {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    MetadataCommand::new()
        .manifest_path(manifest)
        .no_deps()
        .exec()
        .unwrap_or_else(|error| panic!("cargo cannot describe the workspace: {error}"))
}
