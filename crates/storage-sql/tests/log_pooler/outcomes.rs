//! A transaction fails while its COMMIT is on its way: with every SQLSTATE, said by the server or by a pooler in its place.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use crate::support::{character, create};
use character_domain::{Character, CharacterId};
use character_storage_port::{Change, Commit, Deleted, Expect, Store, Transaction};
use character_storage_sql::{SqlOptions, SqlStorage};
use character_tests::PostgresServer;
use futures_util::future::join_all;
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf},
};

/// What PostgreSQL answers to a COMMIT that it refuses: broken deferred constraints and triggers, a conflict, a deadlock. Not from the
/// decision; a real server is asked too.
pub(crate) const REFUSED_COMMITS: [&str; 10] =
    ["22003", "23502", "23503", "23505", "23514", "23P01", "25P02", "40001", "40P01", "P0001"];
/// What is said in the place of a server that may have committed: by Odyssey, PgBouncer, PgCat and Supavisor, and by a server that is
/// shut down, crashes or comes up.
const LOST_SERVERS: [&str; 12] =
    ["08000", "08003", "08006", "08P01", "40003", "57P01", "57P02", "57P03", "58000", "58030", "XX000", "XX001"];
/// Tries of one failure until the COMMIT is sent together with its statement.
const TRIES: u32 = 100;

/// The message of the client.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";
const ROLLBACK: &[u8] = b"Q\0\0\0\x0dROLLBACK\0";

/// Which command the error answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    /// The last statement, behind which the COMMIT was sent.
    Statement,
    Commit,
}

/// The texts of a severity: as a person reads it, and as a program does; not every pooler sends the second one.
#[derive(Clone, Copy, Debug)]
struct Severity(&'static str, Option<&'static str>);

impl Severity {
    fn ends_the_session(self) -> bool {
        let Self(person, program) = self;
        program.unwrap_or(person) != "ERROR"
    }
}

const ERROR: Severity = Severity("ERROR", Some("ERROR"));
const ERRORS: [Severity; 2] = [Severity("FEHLER", Some("ERROR")), Severity("ERROR", None)];
const ENDS_OF_SESSIONS: [Severity; 4] = [
    Severity("FATAL", Some("FATAL")),
    Severity("PANIC", Some("PANIC")),
    Severity("FATAL", None),
    Severity("PANIK", Some("PANIC")),
];

/// One failure.
#[derive(Clone, Debug)]
struct Failure {
    state: String,
    severity: Severity,
    answers: Answers,
    /// Whether the server commits all the same.
    is_committed: bool,
}

/// What decision 65 says, which the code must do: the beginnings of the SQLSTATEs that leave the outcome open.
struct Decision {
    of_each_answer: Vec<String>,
    of_a_commit: Vec<String>,
}

impl Decision {
    fn read() -> Self {
        let page = "../../docs/decisions/0065-an-outcome-is-known-when-the-server-refuses.md";
        let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
        // The last column of the row about this answer, behind these words.
        let states = |answer: &str, words: &str, between: &str| -> Vec<String> {
            let row = page.lines().find(|line| line.starts_with(&format!("| {answer}"))).unwrap();
            let unknown = row.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap();
            let (_, states) = unknown.split_once(words).unwrap();
            let states: Vec<_> = states.split(between).map(|state| state.trim().to_owned()).collect();
            assert!(states.iter().all(|state| (2..=5).contains(&state.len())), "{states:?}");
            states
        };
        let of_each_answer = states("the last statement", "SQLSTATE ", ",");
        let of_a_commit = states("the `COMMIT`", "the same, and ", " and ");
        assert!(of_each_answer.len() > 2 && of_a_commit.len() > 1, "{of_each_answer:?} {of_a_commit:?}");
        Self { of_each_answer, of_a_commit }
    }

    /// The failure, and the server commits where its outcome is open.
    fn failure(&self, state: &str, severity: Severity, answers: Answers) -> Failure {
        let is_open = |states: &[String]| states.iter().any(|open| state.starts_with(open));
        let is_committed = severity.ends_the_session()
            || is_open(&self.of_each_answer)
            || (answers == Answers::Commit && is_open(&self.of_a_commit));
        Failure { state: state.to_owned(), severity, answers, is_committed }
    }
}

impl Failure {
    /// Whether it is about the session, which has ended, and not about the data.
    fn is_internal_and_ends_the_session(&self) -> bool {
        self.state.starts_with("XX") && self.severity.ends_the_session()
    }

    fn message(&self) -> Vec<u8> {
        let Severity(person, program) = self.severity;
        let program = program.map(|text| format!("V{text}\0")).unwrap_or_default();
        let fields = format!("S{person}\0{program}C{}\0Mserver conn crashed?\0\0", self.state);
        let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
        [b"E", &length[..], fields.as_bytes()].concat()
    }
}

/// A pooler that passes everything on. The next COMMIT fails in its words, and the connection ends.
#[derive(Clone, Debug, Default)]
struct Pooler {
    next: Arc<Mutex<Option<Failure>>>,
    /// It ends with the failure, for all its clients, until it comes back.
    ends: Arc<AtomicBool>,
    is_down: Arc<AtomicBool>,
}

impl Pooler {
    fn fails_next(&self, failure: Failure) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }

    /// The failure of a COMMIT, with which these bytes of the statement before it have arrived. That statement may be answered
    /// already when there are none; then a failure of the statement waits for another COMMIT.
    fn take(&self, statement: &[u8]) -> Option<Failure> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.take_if(|failure| failure.answers == Answers::Commit || !statement.is_empty())
    }

    fn ends_with_the_next(&self, failure: Failure) {
        self.ends.store(true, Ordering::SeqCst);
        self.fails_next(failure);
    }

    fn come_back(&self) {
        self.is_down.store(false, Ordering::SeqCst);
    }

    fn waits(&self) -> bool {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Returns its port.
    async fn start(&self, to: u16) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let pooler = self.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let pooler = pooler.clone();
                tokio::spawn(async move { pooler.serve(client, to).await });
            }
        });
        port
    }

    async fn serve(self, client: TcpStream, to: u16) {
        let server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
        }
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let (mut sent, mut answer) = ([0; 65_536], [0; 65_536]);
        loop {
            tokio::select! {
                read = from_client.read(&mut sent) => {
                    let Ok(read @ 1..) = read else { return };
                    if self.is_down.load(Ordering::SeqCst) {
                        return;
                    }
                    let sent = &sent[..read];
                    let Some(at) = sent.windows(COMMIT.len()).position(|bytes| bytes == COMMIT) else {
                        to_server.write_all(sent).await.unwrap();
                        continue;
                    };
                    let Some(failure) = self.take(&sent[..at]) else {
                        to_server.write_all(sent).await.unwrap();
                        continue;
                    };
                    let end: &[u8] = if failure.is_committed { COMMIT } else { ROLLBACK };
                    to_server.write_all(&[&sent[..at], end].concat()).await.unwrap();
                    let passed_on = answers_before_the_end(&mut from_server).await;
                    if failure.answers == Answers::Commit {
                        to_client.write_all(&passed_on).await.unwrap();
                    }
                    if self.ends.swap(false, Ordering::SeqCst) {
                        self.is_down.store(true, Ordering::SeqCst);
                    }
                    to_client.write_all(&failure.message()).await.unwrap();
                    return;
                }
                read = from_server.read(&mut answer) => {
                    let Ok(read @ 1..) = read else { return };
                    if to_client.write_all(&answer[..read]).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// What the server answers before it has ended the transaction.
async fn answers_before_the_end(server: &mut OwnedReadHalf) -> Vec<u8> {
    let mut before = Vec::new();
    loop {
        let mut head = [0; 5];
        server.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let mut body = vec![0; usize::try_from(length).unwrap() - 4];
        server.read_exact(&mut body).await.unwrap();
        if head[0] == b'C' && [&b"COMMIT\0"[..], b"ROLLBACK\0"].contains(&&body[..]) {
            return before;
        }
        before.extend_from_slice(&head);
        before.extend_from_slice(&body);
    }
}

/// Every SQLSTATE of an error that the server knows.
fn states(server: &PostgresServer) -> Vec<String> {
    let folder = server.query("SELECT setting FROM pg_config WHERE name = 'SHAREDIR'");
    let table = fs::read_to_string(format!("{folder}/errcodes.txt")).unwrap();
    let mut states: Vec<String> = table
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (state, kind) = (words.next()?, words.next()?);
            (state.len() == 5 && kind == "E").then(|| state.to_owned())
        })
        .collect();
    states.sort_unstable();
    states.dedup();
    states
}

/// Every SQLSTATE as an error, and one of each class with every other severity, at both moments; and what is known by itself.
fn failures(server: &PostgresServer) -> Vec<Failure> {
    let states = states(server);
    let classes: BTreeMap<&str, &String> = states.iter().rev().map(|state| (&state[..2], state)).collect();
    assert!(states.len() > 200 && classes.len() > 35, "{states:?}");
    let both = [Answers::Statement, Answers::Commit];
    let severities = || ERRORS.into_iter().chain(ENDS_OF_SESSIONS);
    let of_each = classes.values().flat_map(|state| severities().map(|severity| ((*state).clone(), severity)));
    let all = states.iter().map(|state| (state.clone(), ERROR)).chain(of_each);
    let decision = Decision::read();
    let decided = all.flat_map(|(state, severity)| both.map(|answers| decision.failure(&state, severity, answers)));
    let known = |states: &'static [&'static str], severities: Vec<Severity>, answers: Answers, is_committed: bool| {
        let each = move |state: &&'static str| {
            let of = |severity: &Severity| Failure {
                state: (*state).to_owned(),
                severity: *severity,
                answers,
                is_committed,
            };
            severities.iter().map(of).collect::<Vec<_>>()
        };
        states.iter().flat_map(each)
    };
    let lost =
        both.into_iter().flat_map(|answers| known(&LOST_SERVERS, severities().chain([ERROR]).collect(), answers, true));
    let refused = known(&REFUSED_COMMITS, ERRORS.into_iter().chain([ERROR]).collect(), Answers::Commit, false);
    decided.chain(lost).chain(refused).collect()
}

pub(crate) async fn revision(storage: &SqlStorage, id: CharacterId) -> u64 {
    Store::<Character>::find(storage, id, Deleted::Exclude).await.unwrap().value.unwrap().meta.revision.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_during_a_commit_leaves_the_outcome_unknown_unless_the_server_itself_has_refused_the_transaction() {
    let server = PostgresServer::shared();
    let url = server.fresh_schema_url();
    let storage = SqlStorage::connect(&url, SqlOptions::default()).await.unwrap();
    let entity = character("Changed");
    storage.commit(create(&entity)).await.unwrap();
    let pooler = Pooler::default();
    let port = pooler.start(server.port()).await;
    let through = url.replacen(&format!(":{}/", server.port()), &format!(":{port}/"), 1);
    let behind = SqlStorage::connect(&through, SqlOptions::default()).await.unwrap();
    let (mut wrong, mut before) = (Vec::new(), revision(&storage, entity.id).await);
    for failure in failures(server) {
        pooler.fails_next(failure.clone());
        let change = || Transaction::new().with(Change::Replace { entity: entity.clone(), expect: Expect::Any });
        let mut outcome = behind.commit(change()).await;
        for left in (0..TRIES).rev() {
            if !pooler.waits() {
                break;
            }
            assert!(left > 0, "no COMMIT was sent together with its statement for {failure:?}");
            outcome.unwrap();
            before += 1;
            outcome = behind.commit(change()).await;
        }
        let after = revision(&storage, entity.id).await;
        let is_right = match (&outcome, failure.is_committed) {
            (Err(error), true) => {
                let is_of_its_kind = error.is_outage() || !failure.is_internal_and_ends_the_session();
                is_of_its_kind && !error.certainly_not_applied() && after == before + 1
            }
            (Err(error), false) => error.certainly_not_applied() && after == before,
            // It was tried again.
            (Ok(_), false) => after == before + 1,
            (Ok(_), true) => false,
        };
        if !is_right {
            wrong.push(format!("{failure:?}, from revision {before} to {after}: {outcome:?}"));
        }
        before = after;
    }
    assert!(wrong.is_empty(), "{} wrong outcomes, such as:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_whose_commit_may_have_been_made_is_unknown_to_its_callers() {
    let server = PostgresServer::shared();
    let url = server.fresh_schema_url();
    let storage = SqlStorage::connect(&url, SqlOptions::default()).await.unwrap();
    let pooler = Pooler::default();
    let port = pooler.start(server.port()).await;
    let through = url.replacen(&format!(":{}/", server.port()), &format!(":{port}/"), 1);
    let behind = SqlStorage::connect(&through, SqlOptions::default()).await.unwrap();
    // The first two can be of one commit of a group, so that the others would be tried again.
    for state in ["XX000", "57014", "08006"] {
        for _ in 0..10 {
            pooler.come_back();
            let entities: Vec<_> = (0..30).map(|_| character("Grouped")).collect();
            let commits = entities.iter().map(|entity| behind.commit(create(entity)));
            let failing = async {
                tokio::task::yield_now().await;
                pooler.ends_with_the_next(Failure {
                    state: state.to_owned(),
                    severity: ERROR,
                    answers: Answers::Commit,
                    is_committed: true,
                });
            };
            let (outcomes, ()) = futures_util::future::join(join_all(commits), failing).await;
            for (entity, outcome) in entities.iter().zip(outcomes) {
                let found = Store::<Character>::find(&storage, entity.id, Deleted::Exclude).await.unwrap().value;
                let is_right = match &outcome {
                    Ok(_) => found.is_some(),
                    Err(error) => !error.certainly_not_applied() || found.is_none(),
                };
                assert!(is_right, "{state}: {outcome:?}, applied: {}", found.is_some());
            }
        }
    }
}
