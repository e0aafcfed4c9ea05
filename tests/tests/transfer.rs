//! Import and export by the real binary, over both databases.

#![expect(clippy::unwrap_used, reason = "tests")]

use character_tests::{PostgresServer, Service, ServiceBuilder};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

const TOKEN: &str = "token-of-the-tests";
/// The demo data must be in within this time, also by a debug build on a busy machine.
const SECONDS: Duration = Duration::from_secs(60);

fn demo_data() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/demo-data"))
}

const FILES: [&str; 11] = [
    "campaigns.ndjson",
    "characters.ndjson",
    "inventory_items.ndjson",
    "journal_entries.ndjson",
    "experience_entries.ndjson",
    "quests.ndjson",
    "npc_relationships.ndjson",
    "campaign_events.ndjson",
    "event_impacts.ndjson",
    "character_progress.ndjson",
    "character_versions.ndjson",
];

fn lines(folder: &Path, file: &str) -> BTreeSet<String> {
    fs::read_to_string(folder.join(file)).unwrap().lines().map(str::to_owned).collect()
}

/// The lines without what only our own exports have: revisions, and the character beside the journal entry.
fn parsed(folder: &Path, file: &str) -> BTreeSet<String> {
    let parse = |line: &String| {
        let mut row: serde_json::Value = serde_json::from_str(line).unwrap();
        let members = row.as_object_mut().unwrap();
        members.remove("revision");
        if ["experience_entries.ndjson", "quests.ndjson", "npc_relationships.ndjson"].contains(&file) {
            members.remove("character_id");
        }
        row.to_string()
    };
    lines(folder, file).iter().map(parse).collect()
}

/// Runs a command of the service that `with` sets up and gives what it said.
fn run(with: &dyn Fn() -> ServiceBuilder, verb: &str, folder: &Path) -> String {
    let finished = with().arg(verb).arg(folder).run();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    finished.output
}

/// Imports the demo data into one place, exports it, and goes the same way through another.
fn round_trip(one: &dyn Fn() -> ServiceBuilder, other: &dyn Fn() -> ServiceBuilder) {
    let work = tempfile::tempdir().unwrap();
    let (first, second) = (work.path().join("first"), work.path().join("second"));
    // The first to run a service builds it, which is not what is to be measured.
    assert_eq!(one().arg("--help").run().code, Some(0));
    let begun = Instant::now();
    let output = run(one, "import", demo_data());
    let taken = begun.elapsed();
    for said in ["characters.ndjson: 100 created", "inventory_items.ndjson: 1750 created", "all: 3960 created"] {
        assert!(output.contains(said), "{said:?} is missing in {output}");
    }
    assert!(taken < SECONDS, "the import took {taken:?}");
    let begun = Instant::now();
    assert!(run(one, "import", demo_data()).contains("all: 0 created, 3960 unchanged, 0 refused"));
    eprintln!("the import took {taken:?}, the second {:?}", begun.elapsed());
    run(one, "export", &first);
    run(other, "import", &first);
    run(other, "export", &second);
    for file in FILES {
        assert!(
            file == "character_versions.ndjson" || parsed(demo_data(), file) == parsed(&first, file),
            "the export holds what was imported: {file}"
        );
        assert!(lines(&first, file) == lines(&second, file), "a second round changes not a byte: {file}");
    }
}

#[test]
fn import_export_and_import_again_lose_nothing_in_the_embedded_database() {
    let work = tempfile::tempdir().unwrap();
    let in_folder = |folder: &str| Service::character().env("DATA_DIR", work.path().join(folder));
    round_trip(&|| in_folder("a"), &|| in_folder("b"));
}

#[test]
fn import_export_and_import_again_lose_nothing_through_the_storage_service_in_postgresql() {
    let storages = [(); 2].map(|()| {
        let database = PostgresServer::shared().fresh_schema_url();
        Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).env("DATABASE_URL", database).start()
    });
    let [one, other] = &storages;
    let over = |storage: &Service| {
        Service::character().env("STORAGE_SERVICE_URL", storage.url("")).env("STORAGE_SERVICE_TOKEN", TOKEN)
    };
    round_trip(&|| over(one), &|| over(other));
}

#[test]
fn an_import_reports_every_refused_row_with_its_reason_and_takes_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let demo = fs::read_to_string(demo_data().join("characters.ndjson")).unwrap();
    let good = demo.lines().find(|line| line.contains("\"parent_id\":null")).unwrap();
    let nameless = good.replacen("\"name\":\"", "\"name\":\" \",\"was\":\"", 1);
    let orphan = good.replacen("\"parent_id\":null", "\"parent_id\":\"00000000-0000-4000-8000-000000000000\"", 1);
    fs::write(folder.path().join("characters.ndjson"), format!("{nameless}\nnot json\n{orphan}\n{good}\n")).unwrap();
    let finished = Service::character().arg("import").arg(folder.path()).run();
    assert_ne!(finished.code, Some(0), "refused rows are visible to scripts: {finished:?}");
    for said in
        ["1 created", "3 refused", "characters.ndjson:1:", "characters.ndjson:2:", "characters.ndjson:3: parent_id"]
    {
        assert!(finished.output.contains(said), "{said:?} is missing in {}", finished.output);
    }
}

#[test]
fn an_import_neither_waits_for_a_pipe_nor_reads_a_device() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("characters.ndjson");
    for make in [&["mkfifo"][..], &["ln", "-s", "/dev/zero"], &["mkdir"]] {
        let made = Command::new(make[0]).args(&make[1..]).arg(&file).status().unwrap();
        assert!(made.success(), "{make:?}");
        let finished = Service::character().arg("import").arg(folder.path()).run();
        assert_eq!(finished.code, Some(1), "{make:?}: {finished:?}");
        assert!(
            finished.errors.contains("characters.ndjson") && finished.errors.contains("no regular file"),
            "{finished:?}"
        );
        if fs::remove_file(&file).is_err() {
            fs::remove_dir(&file).unwrap();
        }
    }
}

#[test]
fn what_a_file_holds_cannot_steer_the_terminal_of_an_import() {
    let folder = tempfile::tempdir().unwrap();
    let demo = fs::read_to_string(demo_data().join("characters.ndjson")).unwrap();
    let good = demo.lines().find(|line| line.contains("\"parent_id\":null")).unwrap();
    let hostile = good.replacen('{', "{\"\\u001b[2J\\r\\u202eevil\":1,", 1);
    fs::write(folder.path().join("characters.ndjson"), format!("{hostile}\n\u{1b}[31m\n")).unwrap();
    fs::write(folder.path().join("\u{1b}]0;evil\u{7}\u{202e}.txt"), "").unwrap();
    let finished = Service::character().arg("import").arg(folder.path()).run();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.output.contains("2 refused") && finished.output.contains("; ignored"), "{finished:?}");
    let printed = [finished.output, finished.errors].concat();
    assert!(!printed.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{printed:?}");
}

#[test]
fn an_export_can_be_read_by_its_owner_alone() {
    let work = tempfile::tempdir().unwrap();
    let (data, out) = (work.path().join("data"), work.path().join("out/deep"));
    let service = || Service::character().env("DATA_DIR", &data).umask("000");
    assert_eq!(service().arg("import").arg(demo_data()).run().code, Some(0));
    assert_eq!(service().arg("export").arg(&out).run().code, Some(0));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&work.path().join("out")), mode(&out)), (0o700, 0o700));
    for file in FILES {
        assert_eq!(mode(&out.join(file)), 0o600, "{file}");
    }
    // What an export that was broken off has left is not written to, wherever it leads.
    let (elsewhere, partial) = (work.path().join("elsewhere"), out.join("characters.ndjson.partial"));
    fs::write(&elsewhere, "kept").unwrap();
    std::os::unix::fs::symlink(&elsewhere, &partial).unwrap();
    fs::set_permissions(&out, fs::Permissions::from_mode(0o755)).unwrap();
    let again = service().arg("export").arg(&out).run();
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(again.errors.contains("other users of this machine"), "{again:?}");
    assert_eq!((mode(&out), mode(&out.join("characters.ndjson"))), (0o755, 0o600));
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "kept");
}

#[test]
fn an_import_names_each_file_that_is_not_as_the_export_wrote_it() {
    let service = |data: &tempfile::TempDir| Service::character().env("DATA_DIR", data.path());
    let (one, exported) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run(&|| service(&one), "import", demo_data());
    run(&|| service(&one), "export", exported.path());
    let versions = exported.path().join("character_versions.ndjson");
    let text = fs::read_to_string(&versions).unwrap();
    let shorter: String = text.split_inclusive('\n').skip(1).collect();
    fs::write(&versions, shorter).unwrap();
    let (other, third) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let finished = service(&other).arg("import").arg(exported.path()).run();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let fault = "character_versions.ndjson: the number of rows is 99; the export wrote 100";
    assert!(finished.output.lines().any(|line| line == fault), "{finished:?}");
    assert!(finished.output.contains("0 refused"), "{finished:?}");
    fs::remove_file(exported.path().join("manifest.json")).unwrap();
    run(&|| service(&third), "import", exported.path());
}
