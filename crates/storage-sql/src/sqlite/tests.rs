use super::*;
use crate::{
    log::ReadLog,
    place::{Place, Ticks},
    session::{Session, Statement},
};
use character_storage_port::{Commit, ErrorKind, Transaction};
use std::sync::{
    atomic::{AtomicBool, Ordering::SeqCst},
    mpsc as threads_mpsc,
};

/// Never ends by itself.
const ENDLESS: &str = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
const FOUND: Duration = Duration::from_secs(20);

/// Runs these statements, and remembers that it began.
struct Script {
    statements: Vec<String>,
    begun: Arc<AtomicBool>,
}

impl Script {
    fn new(statements: &[&str]) -> Self {
        let statements = statements.iter().map(|sql| (*sql).to_owned()).collect();
        Self { statements, begun: Arc::default() }
    }
}

impl Work for Script {
    type Output = usize;

    async fn run<S: Session>(&self, session: &mut S) -> Result<usize, Fault> {
        self.begun.store(true, SeqCst);
        let mut rows = 0;
        for sql in &self.statements {
            rows = session.query(Statement::new(sql.clone(), vec![])).await?.len();
        }
        Ok(rows)
    }
}

async fn database(timeout: Duration) -> (tempfile::TempDir, Arc<Sqlite>) {
    let folder = tempfile::tempdir().unwrap();
    let options = SqlOptions { timeout, readers: 1, ..SqlOptions::default() };
    let sqlite = Sqlite::open(&folder.path().join("test.sqlite"), Missing::Create, &options).await.unwrap();
    sqlite.write("make", Script::new(&["CREATE TABLE rows (x)"])).await.unwrap();
    (folder, Arc::new(sqlite))
}

/// Does it again until it succeeds: what was interrupted a moment ago may still be rolled back.
async fn soon<T>(mut attempt: impl AsyncFnMut() -> Result<T>) -> T {
    let succeeding = async {
        loop {
            if let Ok(output) = attempt().await {
                return output;
            }
        }
    };
    tokio::time::timeout(FOUND, succeeding).await.expect("the thread is free")
}

async fn rows(sqlite: &Sqlite) -> usize {
    soon(async || sqlite.read("read", Script::new(&["SELECT * FROM rows"])).await).await
}

async fn write(sqlite: &Sqlite, sql: &str) -> usize {
    soon(async || sqlite.write("write", Script::new(&[sql])).await).await
}

/// Runs a script on a task of its own until it has begun.
async fn begun(script: Script, run: impl FnOnce(Script) -> tokio::task::JoinHandle<Result<usize>>) -> Running {
    let begun = Arc::clone(&script.begun);
    let task = run(script);
    while !begun.load(SeqCst) {
        tokio::task::yield_now().await;
    }
    task
}

type Running = tokio::task::JoinHandle<Result<usize>>;

fn reading(sqlite: &Arc<Sqlite>) -> impl FnOnce(Script) -> Running + use<> {
    let sqlite = Arc::clone(sqlite);
    move |script| tokio::spawn(async move { sqlite.read("read", script).await })
}

fn writing(sqlite: &Arc<Sqlite>) -> impl FnOnce(Script) -> Running + use<> {
    let sqlite = Arc::clone(sqlite);
    move |script| tokio::spawn(async move { sqlite.write("write", script).await })
}

#[tokio::test]
async fn a_read_that_takes_too_long_is_interrupted_at_its_deadline() {
    let (_folder, sqlite) = database(Duration::from_millis(200)).await;
    let error = sqlite.read("read", Script::new(&[ENDLESS])).await.unwrap_err();
    assert!(*error.kind() == ErrorKind::Timeout && error.certainly_not_applied(), "{error:?}");
    assert_eq!(rows(&sqlite).await, 0);
}

#[tokio::test]
async fn a_read_whose_caller_has_gone_frees_its_thread() {
    let (_folder, sqlite) = database(Duration::from_secs(600)).await;
    begun(Script::new(&[ENDLESS]), reading(&sqlite)).await.abort();
    assert_eq!(rows(&sqlite).await, 0);
}

#[tokio::test]
async fn a_write_that_takes_too_long_is_rolled_back_and_frees_the_writer() {
    let (_folder, sqlite) = database(Duration::from_secs(1)).await;
    let script = Script::new(&["INSERT INTO rows VALUES (1)", ENDLESS]);
    let error = sqlite.write("write", script).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Timeout);
    write(&sqlite, "INSERT INTO rows VALUES (2)").await;
    assert_eq!(rows(&sqlite).await, 1);
}

#[tokio::test]
async fn a_write_that_was_begun_runs_whole_though_its_caller_has_gone() {
    let (_folder, sqlite) = database(Duration::from_secs(600)).await;
    let million = "INSERT INTO rows SELECT x FROM \
                   (WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 300000) SELECT x FROM n)";
    begun(Script::new(&[million]), writing(&sqlite)).await.abort();
    write(&sqlite, "SELECT 1").await;
    assert_eq!(rows(&sqlite).await, 300_000);
}

#[tokio::test]
async fn a_write_that_nobody_waits_for_and_that_was_not_begun_is_not_run() {
    let (_folder, sqlite) = database(Duration::from_secs(2)).await;
    let first = begun(Script::new(&[ENDLESS]), writing(&sqlite)).await;
    let second = Script::new(&["INSERT INTO rows VALUES (2)"]);
    let was_begun = Arc::clone(&second.begun);
    let second = writing(&sqlite)(second);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    assert_eq!(*first.await.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
    write(&sqlite, "SELECT 1").await;
    assert!(!was_begun.load(SeqCst));
    assert_eq!(rows(&sqlite).await, 0);
}

#[tokio::test]
async fn a_change_of_the_schema_takes_as_long_as_it_takes() {
    let (_folder, sqlite) = database(Duration::from_millis(50)).await;
    let long = "INSERT INTO rows SELECT x FROM \
                (WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 1000000) SELECT x FROM n)";
    let began = std::time::Instant::now();
    sqlite.migrate("migrate", Script::new(&[long])).await.unwrap();
    assert!(began.elapsed() > Duration::from_millis(50), "it was longer than an operation may take");
}

/// A follower is read for up to the end of what the others have received. What lies behind that it receives with them.
#[tokio::test]
async fn the_log_is_read_up_to_the_target_and_not_beyond() {
    let folder = tempfile::tempdir().unwrap();
    let storage = crate::SqlStorage::sqlite(folder.path().join("test.sqlite")).await.unwrap();
    let mut ticks = Vec::new();
    for _ in 0..4 {
        ticks.push(Commit::commit(&storage, Transaction::new()).await.unwrap().tick.0);
    }
    let sqlite =
        Sqlite::open(&folder.path().join("test.sqlite"), Missing::Refuse, &SqlOptions::default()).await.unwrap();
    for (target, read) in [(Some(ticks[2]), &ticks[1..2]), (None, &ticks[1..])] {
        let place = Place::behind(Ticks::below(ticks[1]));
        let work = ReadLog { place, target: target.map(Ticks::below), limit: 10 };
        let page = sqlite.read("read", work).await.unwrap();
        let found: Vec<_> = page.entries.iter().map(|entry| entry.spot.0).collect();
        assert_eq!(found, read, "{target:?}");
    }
}

/// Occupies the writer until it is let go.
struct Hold(Mutex<threads_mpsc::Receiver<()>>);

impl Work for Hold {
    type Output = ();

    async fn run<S: Session>(&self, _: &mut S) -> Result<(), Fault> {
        // It ends with the sender, too.
        let _ = self.0.lock().unwrap().recv();
        Ok(())
    }

    fn has_changes((): &()) -> bool {
        false
    }
}

struct Panics;

impl Work for Panics {
    type Output = ();

    async fn run<S: Session>(&self, session: &mut S) -> Result<(), Fault> {
        session.query(Statement::new("INSERT INTO rows VALUES (-1)", vec![])).await?;
        panic!("as it must")
    }
}

/// Works once.
#[derive(Default)]
struct PanicsAgain(AtomicBool);

impl Work for PanicsAgain {
    type Output = ();

    async fn run<S: Session>(&self, session: &mut S) -> Result<(), Fault> {
        session.query(Statement::new("INSERT INTO rows VALUES (1)", vec![])).await?;
        assert!(!self.0.swap(true, SeqCst), "as it must");
        Ok(())
    }
}

/// Occupies the writer. It is free when the result is dropped.
async fn occupied(sqlite: &Arc<Sqlite>) -> threads_mpsc::Sender<()> {
    let (release, held) = threads_mpsc::channel();
    let holder = Arc::clone(sqlite);
    tokio::spawn(async move { holder.write("hold", Hold(Mutex::new(held))).await });
    while sqlite.status().waiting > 0 || !holder_has_begun(sqlite).await {
        tokio::task::yield_now().await;
    }
    release
}

/// Begins a change, and returns once it waits for the writer, which is occupied.
async fn queued<W: Work>(sqlite: &Arc<Sqlite>, change: W) -> tokio::task::JoinHandle<Result<W::Output>> {
    let (before, writer) = (sqlite.status().waiting, Arc::clone(sqlite));
    let running = tokio::spawn(async move { writer.write("write", change).await });
    while sqlite.status().waiting == before {
        tokio::task::yield_now().await;
    }
    running
}

/// Begins these changes in this order, all of them while the writer is occupied, and returns the outcome of each.
async fn together(sqlite: &Arc<Sqlite>, changes: &[&[&str]]) -> Vec<Result<usize>> {
    let release = occupied(sqlite).await;
    let mut running = Vec::new();
    for change in changes {
        running.push(queued(sqlite, Script::new(change)).await);
    }
    drop(release);
    let mut outcomes = Vec::new();
    for change in running {
        outcomes.push(change.await.unwrap());
    }
    outcomes
}

/// The outcome of a change behind which one panics, both begun while the writer is occupied.
async fn before_a_panic<W: Work>(sqlite: &Arc<Sqlite>, change: W) -> Result<W::Output> {
    let release = occupied(sqlite).await;
    let (first, second) = (queued(sqlite, change).await, queued(sqlite, Panics).await);
    drop(release);
    assert!(second.await.unwrap().is_err());
    first.await.unwrap()
}

/// An order that stays in the queue shows that the writer is occupied.
async fn holder_has_begun(sqlite: &Arc<Sqlite>) -> bool {
    let probe = tokio::time::timeout(Duration::from_millis(50), sqlite.write("probe", Script::new(&["SELECT 1"])));
    probe.await.is_err()
}

/// How many transactions the write-ahead log holds: the frames that end one say how long the database is.
fn commits(folder: &tempfile::TempDir) -> usize {
    let log = std::fs::read(folder.path().join("test.sqlite-wal")).unwrap();
    let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let frame = 24 + number(8) as usize;
    (32..log.len()).step_by(frame).filter(|at| at + frame <= log.len() && number(at + 4) != 0).count()
}

#[tokio::test]
async fn changes_that_wait_are_committed_together() {
    let (folder, sqlite) = database(FOUND).await;
    let before = commits(&folder);
    let insert: &[&str] = &["INSERT INTO rows VALUES (1)"];
    let outcomes = together(&sqlite, &[insert; 60]).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(rows(&sqlite).await, 60);
    let commits = commits(&folder) - before;
    assert!((1..30).contains(&commits), "{commits} transactions");
}

#[tokio::test]
async fn a_change_that_fails_takes_nothing_along_and_leaves_nothing() {
    let (_folder, sqlite) = database(FOUND).await;
    write(&sqlite, "CREATE TABLE only (x UNIQUE)").await;
    let one: &[&str] = &["INSERT INTO rows VALUES (1)", "INSERT INTO only VALUES (1)"];
    let other: &[&str] = &["INSERT INTO rows VALUES (2)", "INSERT INTO only VALUES (2)"];
    let wrong: &[&str] = &["INSERT INTO rows VALUES (3)", "no statement"];
    let outcomes = together(&sqlite, &[wrong, one, one, other, wrong]).await;
    let succeeded: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(succeeded, [false, true, false, true, false], "{outcomes:?}");
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().err().is_none_or(StorageError::certainly_not_applied)));
    assert_eq!(rows(&sqlite).await, 2);
}

/// SQLite rolls back the whole transaction when a statement that writes is interrupted.
#[tokio::test]
async fn a_change_that_is_interrupted_takes_nothing_along() {
    let (_folder, sqlite) = database(Duration::from_secs(3)).await;
    let good: &[&str] = &["INSERT INTO rows VALUES (1)"];
    let endless: &[&str] = &["INSERT INTO rows SELECT x FROM \
                              (WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n)"];
    // The callers wait for as long as the endless one runs: what they learn is that the outcome is not known.
    let outcomes = together(&sqlite, &[good, good, endless, good]).await;
    let third = outcomes[2].as_ref().unwrap_err();
    assert_eq!(*third.kind(), ErrorKind::Timeout);
    let kept = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let certain = |outcome: &&Result<usize>| outcome.as_ref().is_err_and(StorageError::certainly_not_applied);
    let most = outcomes.len() - outcomes.iter().filter(certain).count();
    write(&sqlite, "SELECT 1").await;
    let rows = rows(&sqlite).await;
    assert!((kept..=most.min(3)).contains(&rows), "{rows} rows, {outcomes:?}");
}

#[tokio::test]
async fn a_change_that_panics_takes_nothing_along() {
    let (_folder, sqlite) = database(FOUND).await;
    let inserting = writing(&sqlite)(Script::new(&["INSERT INTO rows VALUES (1)"]));
    let error = sqlite.write("panic", Panics).await.unwrap_err();
    assert!(!error.certainly_not_applied());
    inserting.await.unwrap().unwrap();
    assert_eq!(rows(&sqlite).await, 1);
}

#[tokio::test]
async fn a_change_before_one_that_panics_is_made_by_itself() {
    let (_folder, sqlite) = database(FOUND).await;
    before_a_panic(&sqlite, Script::new(&["INSERT INTO rows VALUES (1)"])).await.unwrap();
    assert_eq!(rows(&sqlite).await, 1);
}

#[tokio::test]
async fn a_change_behind_one_that_panics_is_made() {
    let (_folder, sqlite) = database(FOUND).await;
    let release = occupied(&sqlite).await;
    let panics = queued(&sqlite, Panics).await;
    let behind = queued(&sqlite, Script::new(&["INSERT INTO rows VALUES (1)"])).await;
    drop(release);
    assert!(panics.await.unwrap().is_err());
    behind.await.unwrap().unwrap();
    assert_eq!(rows(&sqlite).await, 1);
}

/// What it did before was rolled back with the change behind it.
#[tokio::test]
async fn a_change_that_panics_when_it_is_run_again_has_not_succeeded() {
    let (_folder, sqlite) = database(FOUND).await;
    let outcome = before_a_panic(&sqlite, PanicsAgain::default()).await;
    assert_eq!(rows(&sqlite).await, usize::from(outcome.is_ok()), "{outcome:?}");
}

/// Makes the tables for [`ORPHAN`].
async fn owners(sqlite: &Sqlite) {
    write(sqlite, "CREATE TABLE owners (id PRIMARY KEY)").await;
    write(sqlite, "CREATE TABLE owned (owner REFERENCES owners DEFERRABLE INITIALLY DEFERRED)").await;
}

/// A row that the commit refuses.
const ORPHAN: &[&str] = &["INSERT INTO owned VALUES (7)"];

#[tokio::test]
async fn each_caller_of_a_commit_that_fails_is_told() {
    let (_folder, sqlite) = database(FOUND).await;
    owners(&sqlite).await;
    let good: &[&str] = &["INSERT INTO rows VALUES (1)"];
    let outcomes = together(&sqlite, &[good, ORPHAN, good]).await;
    let refused = outcomes[1].as_ref().unwrap_err();
    assert!(!refused.certainly_not_applied() && std::error::Error::source(refused).is_some(), "{outcomes:?}");
    assert_eq!(rows(&sqlite).await, outcomes.iter().filter(|outcome| outcome.is_ok()).count());
}

/// The panic makes each change before it a transaction of its own.
#[tokio::test]
async fn a_commit_that_fails_leaves_nothing_to_the_change_behind_it() {
    let (_folder, sqlite) = database(FOUND).await;
    owners(&sqlite).await;
    let release = occupied(&sqlite).await;
    let refused = queued(&sqlite, Script::new(ORPHAN)).await;
    let good = queued(&sqlite, Script::new(&["INSERT INTO rows VALUES (1)"])).await;
    let panics = queued(&sqlite, Panics).await;
    drop(release);
    assert!(refused.await.unwrap().is_err() && panics.await.unwrap().is_err());
    good.await.unwrap().unwrap();
    assert_eq!(rows(&sqlite).await, 1);
}

/// No file of SQLite may grow beyond this number of pages, or beyond its size, which is to it as a disk that is full.
async fn limit_pages(sqlite: &Sqlite, pages: u32) {
    let job = move |connection: &mut Connection| {
        let limited = connection.execute_batch(&format!("PRAGMA max_page_count = {pages}"));
        limited.map_err(|error| fault(error).into_error("limit", Applied::No))
    };
    sqlite.run_on(&sqlite.writer, "limit", job).await.unwrap();
}

#[tokio::test]
async fn a_disk_that_is_full_fails_the_check_until_a_write_succeeds() {
    let is_full =
        |error: &StorageError| error.is_outage() && error.detail() == Some("the disk of the database is full");
    let (_folder, sqlite) = database(FOUND).await;
    limit_pages(&sqlite, 1).await;
    let large: &[&str] = &["INSERT INTO rows VALUES (zeroblob(100000))"];
    let error = sqlite.write("write", Script::new(large)).await.unwrap_err();
    assert!(is_full(&error) && error.certainly_not_applied(), "{error:?}");
    // The writer notes how a change went before it takes the next order, and answers the caller earlier.
    limit_pages(&sqlite, 1).await;
    let error = sqlite.check_writes("check").await.unwrap_err();
    assert!(is_full(&error), "{error:?}");
    limit_pages(&sqlite, 1_000_000).await;
    sqlite.write("write", Script::new(large)).await.unwrap();
    limit_pages(&sqlite, 1_000_000).await;
    sqlite.check_writes("check").await.unwrap();
}

#[tokio::test]
async fn the_savepoints_of_a_group_need_no_file_and_a_change_of_the_schema_may_have_one() {
    const MEMORY: i64 = 2;
    const FILE: i64 = 1;
    let (_folder, sqlite) = database(FOUND).await;
    let place = async || {
        let job = |connection: &mut Connection| {
            let asked = connection.query_row("PRAGMA temp_store", [], |row| row.get::<_, i64>(0));
            asked.map_err(|error| fault(error).into_error("ask", Applied::No))
        };
        sqlite.run_on(&sqlite.writer, "ask", job).await.unwrap()
    };
    assert_eq!(place().await, MEMORY);
    struct Asked;
    impl Work for Asked {
        type Output = i64;

        async fn run<S: Session>(&self, session: &mut S) -> Result<i64, Fault> {
            let mut rows = session.query(Statement::new("PRAGMA temp_store", vec![])).await?;
            Ok(rows.remove(0).read::<i64>()?)
        }
    }
    assert_eq!(sqlite.migrate("migrate", Asked).await.unwrap(), FILE);
    assert_eq!(place().await, MEMORY);
}
