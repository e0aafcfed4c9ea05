//! The commands `backup` and `restore` of both services: what they do, and what they refuse without a change.

use super::TOKEN;
use crate::support::{client, send, sheet};
use character_tests::{Finished, PostgresServer, Service, ServiceBuilder, query_sqlite, required_program};
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Runs `backup FILE` or `restore FILE` on a folder of data.
fn on(builder: ServiceBuilder, data: &Path, command: &str, file: &Path) -> Finished {
    builder.env("DATA_DIR", data).arg(command).arg(file).run()
}

fn character(data: &Path, command: &str, file: &Path) -> Finished {
    on(Service::character(), data, command, file)
}

fn storage() -> ServiceBuilder {
    Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN)
}

/// The names of the characters in a database.
fn names(database: &Path) -> Vec<String> {
    query_sqlite(database, "SELECT name FROM characters ORDER BY name").lines().map(str::to_owned).collect()
}

async fn create(service: &Service, name: &str) {
    let made = send(client().post(service.url("/api/v2/characters")).json(&sheet(name))).await;
    assert_eq!(made.status, 201, "{made:?}");
}

/// What the restore has kept of the old database.
fn kept(database: &Path) -> Vec<PathBuf> {
    let prefix = format!("{}.before-restore-", database.display());
    let files = fs::read_dir(database.parent().unwrap()).unwrap().map(|file| file.unwrap().path());
    files.filter(|file| file.display().to_string().starts_with(&prefix)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_brings_back_the_backup_whatever_the_old_database_has_left_beside_it() {
    let service = Service::character().start();
    let (data, out) = (service.data_dir(), tempfile::tempdir().unwrap());
    let (database, backup) = (data.join("character.sqlite"), out.path().join("backup.sqlite"));
    create(&service, "Before").await;
    let copied = character(&data, "backup", &backup);
    assert_eq!(copied.code, Some(0), "{copied:?}");
    assert_eq!(names(&backup), ["Before"]);
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    let again = character(&data, "backup", &backup);
    assert!(again.code == Some(1) && again.errors.contains("exists"), "{again:?}");
    create(&service, "After").await;

    let refused = character(&data, "restore", &backup);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.errors.contains("is running on the data folder"), "{refused:?}");
    service.kill();
    let log = data.join("character.sqlite-wal");
    assert!(fs::metadata(&log).unwrap().len() > 0, "the last change is not in the main file");
    let restored = character(&data, "restore", &backup);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert!(!log.exists());
    assert_eq!(names(&database), ["Before"]);
    let kept = kept(&database);
    assert_eq!((kept.len(), names(&kept[0])), (1, vec!["After".to_owned(), "Before".to_owned()]));
    assert!(restored.output.contains(&kept[0].display().to_string()), "{restored:?}");
    service.restart();
    create(&service, "Later").await;
    assert_eq!(service.terminate(), 0);
    assert_eq!(names(&database), ["Before", "Later"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_whole_database_of_the_service_is_not_restored_and_nothing_is_changed() {
    let service = Service::character().start();
    let (data, out) = (service.data_dir(), tempfile::tempdir().unwrap());
    let database = data.join("character.sqlite");
    for number in 0..50 {
        create(&service, &format!("Kept {number}")).await;
    }
    assert_eq!(service.terminate(), 0);
    let whole = fs::read(&database).unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let file = out.path().join(name);
        fs::write(&file, bytes).unwrap();
        file
    };
    let foreign = out.path().join("foreign");
    query_sqlite(&foreign, "CREATE TABLE other (id INTEGER)");
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 8192].fill(0x5a);
    for (backup, reason) in [
        (out.path().join("missing"), "there is no database at"),
        (file("text", b"not a database, whatever its name says"), "no SQLite database"),
        (file("cut", &whole[..whole.len() / 2]), "damaged"),
        (file("damaged", &damaged), "damaged"),
        (foreign, "is no database of the service"),
        (database.clone(), "is the database itself"),
    ] {
        let refused = character(&data, "restore", &backup);
        assert_eq!(refused.code, Some(1), "{}: {refused:?}", backup.display());
        assert!(refused.errors.contains(reason), "{}: {refused:?}", backup.display());
        assert!(fs::read(&database).unwrap() == whole, "{} changed the database", backup.display());
        assert_eq!(kept(&database), Vec::<PathBuf>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_to_a_full_disk_leaves_nothing_behind() {
    let service = Service::character().start();
    let (data, out) = (service.data_dir(), tempfile::tempdir().unwrap());
    let large = |number: usize| format!("{number} {}", "x".repeat(150));
    for number in 0..400 {
        create(&service, &large(number)).await;
    }
    assert_eq!(service.terminate(), 0);
    let full = on(Service::character().largest_file(256), &data, "backup", &out.path().join("backup.sqlite"));
    assert!(full.code == Some(1) && full.errors.contains("cannot be written"), "{full:?}");
    let left: Vec<_> = fs::read_dir(out.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_database_that_may_not_be_read_is_not_reported_as_absent() {
    let out = tempfile::tempdir().unwrap();
    // Also root gets an error for a path below a file.
    let file = out.path().join("file");
    fs::write(&file, "").unwrap();
    let beside = out.path().join("backup");
    for builder in [Service::character().arg("backup").arg(&beside), Service::character().arg("new-epoch")] {
        let refused = builder.env("DATA_DIR", file.join("data")).run();
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.errors.contains("cannot be read: Not a directory"), "{refused:?}");
        assert!(!refused.errors.contains("there is no database"), "{refused:?}");
    }
}

/// A program of another kind that has the database open, and does nothing with it.
struct Visitor(Child);

impl Visitor {
    fn of(database: &Path) -> Self {
        let mut command = Command::new(required_program("sqlite3", "sqlite3"));
        let mut shell = command.arg(database).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        shell.stdin.as_mut().unwrap().write_all(b"SELECT count(*) FROM characters;\n").unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "1");
        Self(shell)
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_waits_for_no_other_program_that_has_the_database_open_but_says_so() {
    let service = Service::character().start();
    let (data, out) = (service.data_dir(), tempfile::tempdir().unwrap());
    let (database, backup) = (data.join("character.sqlite"), out.path().join("backup.sqlite"));
    create(&service, "Kept").await;
    assert_eq!(character(&data, "backup", &backup).code, Some(0));
    assert_eq!(service.terminate(), 0);
    let visitor = Visitor::of(&database);
    let refused = character(&data, "restore", &backup);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.errors.contains("another process has"), "{refused:?}");
    drop(visitor);
    assert_eq!(character(&data, "restore", &backup).code, Some(0));
    assert_eq!(names(&database), ["Kept"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_database_is_kept_and_replaced() {
    let service = Service::character().start();
    let (data, out) = (service.data_dir(), tempfile::tempdir().unwrap());
    let (database, backup) = (data.join("character.sqlite"), out.path().join("backup.sqlite"));
    create(&service, "Kept").await;
    assert_eq!(character(&data, "backup", &backup).code, Some(0));
    assert_eq!(service.terminate(), 0);
    let rest = b"what a broken disk has left of it";
    fs::write(&database, rest).unwrap();
    let restored = character(&data, "restore", &backup);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert_eq!(names(&database), ["Kept"]);
    assert_eq!(fs::read(&kept(&database)[0]).unwrap(), rest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_storage_service_backs_up_and_restores_its_file_and_sends_others_to_their_tools() {
    let owner = storage().start();
    let service =
        Service::character().env("STORAGE_SERVICE_URL", owner.url("")).env("STORAGE_SERVICE_TOKEN", TOKEN).start();
    let (data, out) = (owner.data_dir(), tempfile::tempdir().unwrap());
    let backup = out.path().join("backup.sqlite");
    create(&service, "Before").await;
    assert_eq!(on(storage(), &data, "backup", &backup).code, Some(0));
    create(&service, "After").await;
    assert_eq!(on(storage(), &data, "restore", &backup).code, Some(1));
    owner.kill();
    assert_eq!(on(storage(), &data, "restore", &backup).code, Some(0));
    assert_eq!(names(&data.join("storage.sqlite")), ["Before"]);

    let postgres = storage().env("DATABASE_URL", PostgresServer::shared().fresh_schema_url());
    let remote = Service::character().env("STORAGE_SERVICE_URL", owner.url("")).env("STORAGE_SERVICE_TOKEN", TOKEN);
    for builder in [postgres, remote] {
        for command in ["backup", "restore"] {
            let refused = on(builder.clone(), &data, command, &backup);
            assert!(refused.code == Some(1) && refused.errors.contains("not in an SQLite file"), "{refused:?}");
        }
    }
}
