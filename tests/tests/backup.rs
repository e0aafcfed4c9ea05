//! Export and import are a backup: what comes back is what was there, and it was there at one moment.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "backup/commands.rs"]
mod commands;
#[path = "backup/generated.rs"]
mod generated;
mod support;

use character_app::transfer::{export, import};
use character_domain::{Character, UserId, now};
use character_storage_http::{HttpStorage, HttpStorageConfig};
use character_storage_port::{
    Change, Commit, Expect, MemoryStorage, Snapshot, StorageExt as _, StoragePort, StoredRow, Transaction, for_row,
};
use character_storage_sql::{DatabaseLocation, SqlOptions, SqlStorage};
use character_storage_testkit::MockStorage;
use character_tests::{Finished, PostgresServer, Service, query_sqlite};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use support::{client, send, sheet, try_send};

const TOKEN: &str = "token-of-the-tests";

/// The bytes of each file of an export.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

fn lines(folder: &Path, file: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn fill(storage: &dyn StoragePort, rows: &[StoredRow]) {
    for part in rows.chunks(200) {
        let import = |row: &StoredRow| for_row!(row.clone(), row => Transaction::new().with(Change::Import(row)));
        for outcome in storage.commit_each(part.iter().map(import).collect()).await {
            outcome.unwrap();
        }
    }
}

/// Fills `source`, exports it, imports that into `target` and exports that, too.
async fn round_trip(source: &dyn StoragePort, target: &dyn StoragePort, seed: u8) {
    let rows = generated::world(seed);
    fill(source, &rows).await;
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let exported = export(source, first.path(), |_| {}).await.unwrap();
    assert_eq!((exported.rows(), exported.unreadable.len(), exported.files.len()), (rows.len() as u64, 0, 11));
    let imported = import(target, first.path(), |_| {}).await.unwrap();
    assert_eq!((imported.created(), &imported.refused), (rows.len(), &Vec::new()), "seed {seed}");
    export(target, second.path(), |_| {}).await.unwrap();
    let (first_files, second_files) = (files(first.path()), files(second.path()));
    for (name, bytes) in &first_files {
        assert!(second_files.get(name) == Some(bytes), "{name} differs, seed {seed}");
    }
    // One for each kind of row, and the manifest.
    assert_eq!((first_files.len(), second_files.len()), (12, 12));
    let again = import(target, first.path(), |_| {}).await.unwrap();
    assert_eq!((again.created(), again.unchanged(), again.refused.len()), (0, rows.len(), 0), "seed {seed}");
}

#[tokio::test]
async fn rows_of_every_kind_come_back_to_the_byte_in_memory() {
    for seed in 0..40 {
        round_trip(&MemoryStorage::new(), &MemoryStorage::new(), seed).await;
    }
}

#[tokio::test]
async fn rows_of_every_kind_come_back_to_the_byte_from_sqlite_to_postgresql_and_back() {
    for seed in 40..44 {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = || SqlStorage::sqlite(folder.path().join(format!("{}.sqlite", uuid::Uuid::new_v4())));
        let postgres =
            || async { SqlStorage::connect(&PostgresServer::shared().fresh_schema_url(), SqlOptions::default()).await };
        round_trip(&sqlite().await.unwrap(), &postgres().await.unwrap(), seed).await;
        round_trip(&postgres().await.unwrap(), &sqlite().await.unwrap(), seed).await;
        round_trip(&sqlite().await.unwrap(), &sqlite().await.unwrap(), seed).await;
        round_trip(&postgres().await.unwrap(), &postgres().await.unwrap(), seed).await;
    }
}

#[tokio::test]
async fn rows_of_every_kind_come_back_to_the_byte_over_http() {
    let services = [(); 2].map(|()| Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).start());
    let [source, target] = services.each_ref().map(|service| {
        let url = service.url("").parse().unwrap();
        HttpStorage::connect(HttpStorageConfig::new(url, TOKEN.to_owned().into())).unwrap()
    });
    round_trip(&source, &target, 50).await;
}

#[tokio::test]
async fn many_rows_that_differ_are_compared_over_two_connections() {
    let options = SqlOptions { connections: 2, ..SqlOptions::default() };
    let storage = SqlStorage::connect(&PostgresServer::shared().fresh_schema_url(), options).await.unwrap();
    for number in 0..50 {
        let hero = Character::new(UserId::new(), format!("Hero {number}"), now());
        storage.create_character(hero.clone()).await.unwrap();
        storage.update_character(hero, Expect::Any).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    export(&storage, folder.path(), |_| {}).await.unwrap();
    let path = folder.path().join("characters.ndjson");
    // An earlier state of each, so that its version is looked for.
    let earlier = fs::read_to_string(&path).unwrap().replace("\"revision\":2", "\"revision\":1");
    fs::write(&path, earlier).unwrap();
    let report = import(&storage, folder.path(), |_| {}).await.unwrap();
    assert_eq!((report.created(), report.refused.len()), (0, 50));
}

#[tokio::test]
async fn a_snapshot_that_is_cut_off_is_an_error_and_no_short_backup() {
    let service = Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).start();
    let url: reqwest::Url = service.url("").parse().unwrap();
    let storage = HttpStorage::connect(HttpStorageConfig::new(url, TOKEN.to_owned().into())).unwrap();
    // More than sockets and queues hold, so that the end is not on its way when the service is killed.
    let large = "x".repeat(900_000);
    for _ in 0..60 {
        let mut character = Character::new(UserId::new(), "Large", now());
        character.data = json!({ "large": large }).as_object().cloned().unwrap().into();
        storage.commit(Transaction::new().with(Change::Create(character))).await.unwrap();
    }
    let snapshot = storage.snapshot().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    service.kill();
    // The snapshot was begun before.
    let mut cut = MockStorage::new();
    cut.expect_snapshot().return_once(|| Ok(snapshot));
    let failed = export(&cut, folder.path(), |_| {}).await.unwrap_err();
    assert!(failed.to_string().contains("the storage failed"), "{failed}");
    assert!(!folder.path().join("characters.ndjson").exists(), "no file looks like a whole export");
}

fn export_of(data: &Path, folder: &Path) -> Finished {
    Service::character().env("DATA_DIR", data).arg("export").arg(folder).run()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_while_others_write_is_of_one_moment() {
    let service = Service::character().start();
    let (stop, url) = (Arc::new(AtomicBool::new(false)), service.url("/api/v2/characters"));
    let (working, mut at_work) = tokio::sync::mpsc::channel(3);
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let (stop, url, working) = (Arc::clone(&stop), url.clone(), working.clone());
            tokio::spawn(async move {
                let (client, mut working) = (client(), Some(working));
                while !stop.load(Ordering::Relaxed) {
                    let made = send(client.post(&url).json(&sheet(&format!("Writer {writer}")))).await;
                    let inventory = format!("{url}/{}/inventory", made.id());
                    for _ in 0..3 {
                        let item = json!({ "name": "Rope", "item_type": "gear", "theme": "traditional" });
                        let item = send(client.post(&inventory).json(&item)).await;
                        assert_eq!(item.status, 201, "{item:?}");
                        if let Some(working) = working.take() {
                            working.send(()).await.unwrap();
                        }
                    }
                }
            })
        })
        .collect();
    // Each writer is at work before the first export begins.
    for _ in &writers {
        at_work.recv().await.unwrap();
    }
    let data = service.data_dir();
    let exports = tokio::task::spawn_blocking(move || {
        let folders = [(); 4].map(|()| tempfile::tempdir().unwrap());
        for folder in &folders {
            let finished = export_of(&data, folder.path());
            assert_eq!(finished.code, Some(0), "{finished:?}");
        }
        folders
    });
    let exports = exports.await.unwrap();
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    let mut rows = 0;
    for folder in &exports {
        let mut versions: HashMap<String, u64> = HashMap::new();
        for version in lines(folder.path(), "character_versions.ndjson") {
            *versions.entry(version["character_id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        let characters = lines(folder.path(), "characters.ndjson");
        for character in &characters {
            let id = character["character_id"].as_str().unwrap();
            assert_eq!(Some(&character["revision"].as_u64().unwrap()), versions.get(id), "{id}");
        }
        let mut items: HashMap<&str, u64> = HashMap::new();
        let all = lines(folder.path(), "inventory_items.ndjson");
        for item in &all {
            *items.entry(item["character_id"].as_str().unwrap()).or_default() += 1;
        }
        for character in &characters {
            let id = character["character_id"].as_str().unwrap();
            let made = items.remove(id).unwrap_or_default();
            assert_eq!(character["revision"].as_u64(), Some(1 + made), "each item is one change of its character");
        }
        assert_eq!(items, HashMap::new(), "an item without its character");
        rows += all.len();
    }
    assert!(rows > 0, "the exports hold what was written meanwhile");
}

/// What a client sees of a character: each answer with its entity tag.
async fn seen(base: &str, id: &str, paths: &[String]) -> Vec<(u16, String, Value)> {
    let mut seen = Vec::new();
    for path in paths {
        let answer = send(client().get(format!("{base}/api/v2/characters/{id}{path}"))).await;
        let tag = answer.header("etag").to_owned();
        seen.push((answer.status, tag, answer.body));
    }
    seen
}

#[tokio::test]
async fn after_an_export_and_an_import_the_service_answers_as_before() {
    let service = Service::character().start();
    let base = service.url("");
    let client = client();
    let hero = send(client.post(format!("{base}/api/v2/characters")).json(&sheet("Torormir"))).await;
    let (id, one) = (hero.id(), format!("{base}/api/v2/characters/{}", hero.id()));
    let campaign = json!({ "campaign_id": uuid::Uuid::new_v4() });
    let joined = send(client.put(format!("{one}/campaign")).json(&campaign)).await;
    assert!(joined.status < 300, "{joined:?}");
    let before = send(client.get(&one)).await.body["updated_at"].as_str().unwrap().to_owned();
    let patch = json!({ "name": "Torormir the Grey" });
    let patched = client.patch(&one).header("content-type", "application/merge-patch+json").body(patch.to_string());
    assert_eq!(send(patched).await.status, 200);
    let item = json!({ "name": "Rope", "item_type": "gear", "theme": "traditional" });
    let item = send(client.post(format!("{one}/inventory")).json(&item)).await;
    assert_eq!(item.status, 201, "{item:?}");
    assert_eq!(send(client.delete(format!("{one}/inventory/{}", item.id()))).await.status, 204);
    let award = json!({ "amount": 300, "source": "combat" });
    let won = send(client.post(format!("{one}/progress/experience")).json(&award)).await;
    assert!(won.status < 300, "{won:?}");
    let gone = send(client.post(format!("{base}/api/v2/characters")).json(&sheet("Gone"))).await;
    assert_eq!(send(client.delete(format!("{base}/api/v2/characters/{}", gone.id()))).await.status, 204);

    let paths = [
        String::new(),
        format!("?at={before}"),
        "/versions".to_owned(),
        "/versions/tree".to_owned(),
        "/inventory?include_deleted=true".to_owned(),
        "/progress".to_owned(),
        "/journal".to_owned(),
    ];
    let expected = seen(&base, &id, &paths).await;
    assert!(expected.iter().all(|(status, ..)| *status == 200), "{expected:?}");
    assert_ne!(expected[0].2["name"], expected[1].2["name"], "the past differs from today");
    let folder = tempfile::tempdir().unwrap();
    // Beside the running service, as a backup is made.
    let exported = export_of(&service.data_dir(), folder.path());
    assert_eq!(exported.code, Some(0), "{exported:?}");
    assert_eq!(service.terminate(), 0);
    fs::remove_dir_all(service.data_dir()).unwrap();
    let data = service.data_dir();
    let imported = Service::character().env("DATA_DIR", &data).arg("import").arg(folder.path()).run();
    assert_eq!(imported.code, Some(0), "{imported:?}");
    service.restart();
    assert_eq!(seen(&base, &id, &paths).await, expected);
    let restored = send(client.post(format!("{base}/api/v2/characters/{}/restore", gone.id()))).await;
    assert_eq!((restored.status, restored.body["revision"].as_u64()), (200, Some(3)), "{restored:?}");
    let stale = client.delete(&one).header("if-match", "\"1\"");
    assert_eq!(send(stale).await.status, 412, "revisions did not begin again");
}

#[test]
fn export_and_check_create_nothing_and_name_the_database_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    let with = || Service::character().env("DATA_DIR", &data);
    for finished in [with().arg("export").arg(&out).run(), with().arg("check").run()] {
        assert_eq!(finished.code, Some(1), "{finished:?}");
        let path = data.join("character.sqlite").display().to_string();
        assert!(finished.errors.contains(&path), "{finished:?}");
    }
    let checked = Service::storage().env("DATA_DIR", &data).env("STORAGE_SERVICE_TOKEN", TOKEN).arg("check").run();
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(checked.output.contains("DATABASE_POOL_SIZE="), "the configuration is printed all the same: {checked:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was created");
}

#[tokio::test]
async fn an_import_refuses_to_run_beside_a_service_until_that_is_gone_even_killed() {
    let service = Service::character().start();
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/demo-data"));
    let data = service.data_dir();
    let import = || Service::character().env("DATA_DIR", &data).arg("import").arg(folder).run();
    let refused = import();
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.errors.contains("is running on the data folder"), "{refused:?}");
    let listed = send(client().get(service.url("/api/v2/characters"))).await;
    assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(0), "{listed:?}");
    service.kill();
    let finished = import();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.output.contains("README.md: is not a file of an export"), "{finished:?}");
    service.restart();
    let listed = try_send(client().get(service.url("/api/v2/characters?limit=1000&active_only=false"))).await.unwrap();
    assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(100));
}

#[tokio::test]
async fn an_export_goes_on_past_a_row_that_cannot_be_read_and_says_so() {
    let service = Service::character().start();
    let url = service.url("/api/v2/characters");
    let mut ids = Vec::new();
    for name in ["One", "Two", "Three"] {
        ids.push(send(client().post(&url).json(&sheet(name))).await.id());
    }
    assert_eq!(service.terminate(), 0);
    let id = uuid::Uuid::parse_str(&ids[1]).unwrap();
    let spoil = format!("UPDATE characters SET data = '{{' WHERE id = X'{}'; SELECT changes()", id.simple());
    assert_eq!(query_sqlite(&service.data_dir().join("character.sqlite"), &spoil), "1");
    let folder = tempfile::tempdir().unwrap();
    let before = files(&service.data_dir());
    let finished = export_of(&service.data_dir(), folder.path());
    // The files by which processes agree may go with the last reader; none may come, and the database stays unchanged.
    let after = files(&service.data_dir());
    assert!(after.keys().all(|name| before.contains_key(name)), "{:?} became {:?}", before.keys(), after.keys());
    assert!(after.get("character.sqlite") == before.get("character.sqlite"), "an export changes nothing");
    assert_eq!(finished.code, Some(3), "{finished:?}");
    assert!(finished.output.contains(&format!("character {id} cannot be read and was left out")), "{finished:?}");
    assert!(finished.output.contains("all: 5 exported, 1 unreadable"), "{finished:?}");
    let names: Vec<_> = lines(folder.path(), "characters.ndjson");
    assert_eq!(names.len(), 2);
}

/// Runs a command as a user who may only read the folder.
#[tokio::test]
async fn a_folder_that_can_only_be_read_is_exported() {
    let service = Service::character().start();
    let url = service.url("/api/v2/characters");
    send(client().post(&url).json(&sheet("Kept"))).await;
    // After a kill the write-ahead log is there, after an end in good order it is not.
    for end in [Service::kill as fn(&Service), |service| assert_eq!(service.terminate(), 0)] {
        end(&service);
        let snapshot = read_only_copy(&service.data_dir());
        let url = format!("sqlite://{}", snapshot.path().join("character.sqlite").display());
        let storage =
            SqlStorage::open_existing(DatabaseLocation::parse(&url).unwrap(), SqlOptions::default()).await.unwrap();
        let out = tempfile::tempdir().unwrap();
        let report = export(&storage, out.path(), |_| {}).await.unwrap();
        assert_eq!(report.rows(), 2);
        let mut permissions = fs::metadata(snapshot.path()).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
        fs::set_permissions(snapshot.path(), permissions).unwrap();
        service.restart();
    }
}

fn read_only_copy(data: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in fs::read_dir(data).unwrap().map(|entry| entry.unwrap()) {
        fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let mut permissions = fs::metadata(copy.path()).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o555);
    fs::set_permissions(copy.path(), permissions).unwrap();
    copy
}
