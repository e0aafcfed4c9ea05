use super::{
    scripted::{Scripted, Serving, address},
    *,
};
use character_credentials::{ClientTls, ClientTlsFiles, Verification};
use character_storage_port::ErrorKind;
use futures_util::FutureExt as _;

fn options() -> SqlOptions {
    SqlOptions { connections: 2, timeout: Duration::from_millis(4_321), ..SqlOptions::default() }
}

fn postgres(url: &str, pooling: Pooling, access: Access) -> Postgres {
    Postgres::new(address(url), pooling, &options(), access).unwrap()
}

async fn serves() -> Scripted {
    Scripted::serves(Serving::default()).await
}

/// Commands, and whether they have changed anything.
struct Commands(&'static str, bool);

impl Work for Commands {
    type Output = bool;

    async fn run<S: Session>(&self, session: &mut S) -> Result<bool, Fault> {
        session.run_script(self.0).await?;
        Ok(self.1)
    }

    fn has_changes(output: &bool) -> bool {
        *output
    }
}

const CHANGE: Commands = Commands("CHANGE", true);

const LIMITS: &str = "BEGIN; SET LOCAL statement_timeout = 4321; SET LOCAL lock_timeout = 4321; \
                      SET LOCAL idle_in_transaction_session_timeout = 8642";
const READING: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = 4321; SET LOCAL lock_timeout = 4321; \
                       SET LOCAL idle_in_transaction_session_timeout = 8642";

#[tokio::test]
async fn a_session_has_the_limits_of_time_in_its_options() {
    let server = serves().await;
    let postgres = postgres(&server.url(), Pooling::Session, Access::Write);
    postgres.write("test", CHANGE).await.unwrap();
    let heard = server.heard();
    let options = "-c statement_timeout=4321 -c lock_timeout=4321 -c idle_in_transaction_session_timeout=8642";
    assert_eq!(heard.startups.iter().map(|startup| startup["options"].as_str()).collect::<Vec<_>>(), [options]);
    assert_eq!(heard.commands, ["BEGIN", "CHANGE", "COMMIT"]);
    assert_eq!((postgres.pooling(), postgres.database.as_str()), (Pooling::Session, "database"));
}

#[tokio::test]
async fn behind_a_pooler_each_transaction_has_the_limits_of_time() {
    for (access, target, begin) in [
        (Access::Write, "any", LIMITS.to_owned()),
        (Access::Write, "read-write", format!("{LIMITS}; SHOW transaction_read_only")),
        (Access::Read, "any", READING.to_owned()),
        (Access::Read, "read-write", READING.to_owned()),
    ] {
        let server = serves().await;
        let url = format!("{}&target_session_attrs={target}", server.url());
        let postgres = postgres(&url, Pooling::Transaction, access);
        postgres.read("test", CHANGE).await.unwrap();
        let heard = server.heard();
        assert!(heard.startups.iter().all(|startup| !startup.contains_key("options")), "{heard:?}");
        let of_the_choice = heard.commands.iter().filter(|command| *command == "SHOW transaction_read_only").count();
        assert_eq!(heard.commands[of_the_choice..][..2], [begin, "CHANGE".to_owned()], "{access:?} {target}");
        assert_eq!(postgres.pooling(), Pooling::Transaction);
    }
}

#[tokio::test]
async fn a_session_that_reads_is_held_to_it_by_the_server() {
    let server = serves().await;
    let postgres = postgres(&server.url(), Pooling::Session, Access::Read);
    postgres.read("test", CHANGE).await.unwrap();
    let to_read = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
    assert_eq!(server.heard().commands, [to_read, "CHANGE"]);
    postgres.check_writes("test").await.unwrap();
    assert_eq!(server.heard().commands.last().map(String::as_str), Some("PREPARE SELECT 1"));
}

#[tokio::test]
async fn a_transaction_that_changes_nothing_or_fails_is_rolled_back() {
    let server = Scripted::serves(Serving::refusing("FAIL", "22003")).await;
    let postgres = postgres(&server.url(), Pooling::Session, Access::Write);
    assert!(!postgres.write("test", Commands("NOTHING", false)).await.unwrap());
    let error = postgres.write("test", Commands("FAIL", true)).await.unwrap_err();
    assert!(error.certainly_not_applied(), "{error:?}");
    postgres.write("test", CHANGE).await.unwrap();
    let expected =
        ["BEGIN", "NOTHING", "ROLLBACK", "BEGIN", "FAIL", "ROLLBACK", "BEGIN", "CHANGE", "COMMIT"].map(str::to_owned);
    let heard = server.heard();
    assert_eq!((heard.commands.as_slice(), heard.startups.len()), (&expected[..], 1));
}

#[tokio::test]
async fn a_transaction_is_tried_four_times_against_concurrent_ones() {
    let server = Scripted::serves(Serving::refusing("CHANGE", "40001")).await;
    let postgres = postgres(&server.url(), Pooling::Session, Access::Write);
    let error = postgres.write("test", CHANGE).await.unwrap_err();
    assert!(error.certainly_not_applied() && error.is_outage(), "{error:?}");
    let heard = server.heard();
    assert_eq!(
        (heard.commands, heard.startups.len()),
        (["BEGIN", "CHANGE", "ROLLBACK"].repeat(4).into_iter().map(str::to_owned).collect(), 1)
    );
}

#[tokio::test]
async fn a_lost_connection_is_replaced_once_with_the_idle_ones() {
    let server = Scripted::serves(Serving::refusing("CHANGE", "57P01")).await;
    let postgres = postgres(&server.url(), Pooling::Session, Access::Write);
    let both =
        tokio::join!(postgres.read("test", Commands("ONE", false)), postgres.read("test", Commands("TWO", false)));
    assert!(both.0.is_ok() && both.1.is_ok());
    assert_eq!((server.connections(), postgres.status().idle), (2, 2));
    let error = postgres.write("test", CHANGE).await.unwrap_err();
    assert!(error.certainly_not_applied() && error.is_outage(), "{error:?}");
    let heard = server.heard();
    assert_eq!(heard.startups.len(), 1, "{heard:?}");
    assert_eq!(heard.commands.iter().filter(|command| *command == "CHANGE").count(), 2);
    assert_eq!(postgres.status().open, 0);
}

#[tokio::test]
async fn a_failure_of_another_kind_is_not_tried_again() {
    for state in ["22003", "28P01", "57014"] {
        let server = Scripted::serves(Serving::refusing("CHANGE", state)).await;
        let postgres = postgres(&server.url(), Pooling::Session, Access::Write);
        let error = postgres.write("test", CHANGE).await.unwrap_err();
        assert!(error.certainly_not_applied(), "{error:?}");
        assert!(postgres.full_since.lock().unwrap().is_none());
        // The next one has the same connection.
        postgres.read("test", Commands("ROWS", false)).await.unwrap();
        let heard = server.heard();
        assert_eq!(heard.commands, ["BEGIN", "CHANGE", "ROLLBACK", "ROWS"], "{state}");
        assert_eq!(heard.startups.len(), 1);
    }
}

#[tokio::test]
async fn the_outcome_of_a_commit_without_an_answer_is_unknown_and_it_is_not_repeated() {
    let server = Scripted::serves(Serving::refusing("COMMIT", "57P01")).await;
    let postgres = postgres(&server.url(), Pooling::Session, Access::Write);
    let error = postgres.write("test", CHANGE).await.unwrap_err();
    assert!(!error.certainly_not_applied(), "{error:?}");
    assert_eq!(server.heard().commands, ["BEGIN", "CHANGE", "COMMIT"]);
}

#[tokio::test]
async fn a_full_disk_is_reported_until_a_write_succeeds() {
    let server = Scripted::serves(Serving::refusing("CHANGE", "53100")).await;
    let postgres = postgres(&server.url(), Pooling::Session, Access::Write);
    postgres.check_writes("test").await.unwrap();
    assert!(
        server
            .heard()
            .commands
            .last()
            .is_some_and(|last| *last == format!("PREPARE {}", sql!("write_nothing.postgres")))
    );
    assert_eq!(postgres.write("test", CHANGE).await.unwrap_err().detail(), Some(DISK_FULL));
    server.heard();
    let error = postgres.check_writes("probe").await.unwrap_err();
    assert!(error.detail() == Some(DISK_FULL) && error.is_outage() && error.certainly_not_applied(), "{error:?}");
    // Others say nothing of the disk.
    postgres.write("test", Commands("NOTHING", false)).await.unwrap();
    assert!(postgres.check_writes("test").await.is_err());
    postgres.write("test", Commands("ANOTHER", true)).await.unwrap();
    postgres.check_writes("test").await.unwrap();
    postgres.note_full(Instant::now().checked_sub(FULL_FOR));
    postgres.check_writes("test").await.unwrap();
}

#[tokio::test]
async fn only_an_address_of_the_same_database_replaces_another() {
    let (one, two) = (serves().await, serves().await);
    let postgres = postgres(&one.url(), Pooling::Session, Access::Write);
    let refused = postgres.replace(address(&two.url())).unwrap_err();
    assert!(refused.contains("needs a restart"), "{refused}");
    assert_eq!(postgres.address().config.get_user(), Some("user"));
    postgres.replace(address(&one.url().replace("user@", "other:p@"))).unwrap();
    assert_eq!(postgres.address().config.get_user(), Some("other"));
    postgres.write("test", CHANGE).await.unwrap();
    assert_eq!(one.heard().startups[0]["user"], "other");
    assert_eq!(two.connections(), 0);
}

#[tokio::test]
async fn connections_are_limited_anew_and_closed() {
    let server = serves().await;
    let postgres = postgres(&server.url(), Pooling::Session, Access::Write);
    assert_eq!(postgres.status().limit, 2);
    postgres.resize(5);
    assert_eq!(postgres.status().limit, 5);
    postgres.write("test", CHANGE).await.unwrap();
    assert_eq!((postgres.status().open, postgres.status().idle), (1, 1));
    postgres.close().await.unwrap();
    let error = postgres.write("test", CHANGE).await.unwrap_err();
    assert!(error.detail() == Some("the connections are closed") && error.certainly_not_applied(), "{error:?}");
    assert_eq!(postgres.status().open, 0);
}

fn parts(origin: Origin) -> (Connector, Pooling, Begin) {
    match origin {
        Origin::Postgres { connector, pooling, begin } => (connector, pooling, begin),
        #[cfg(feature = "sqlite")]
        Origin::Sqlite { .. } => panic!(),
    }
}

#[tokio::test]
async fn the_log_is_read_along_its_index_in_a_session_or_a_transaction() {
    let server = serves().await;
    let (connector, pooling, begin) = parts(postgres(&server.url(), Pooling::Session, Access::Write).origin());
    connector.connect().await.unwrap();
    let options = server.heard().startups[0]["options"].clone();
    assert!(options.ends_with("=8642  -c enable_sort=off -c jit=off"), "{options}");
    assert_eq!((pooling, format!("{begin:?}")), (Pooling::Session, "Begin { sql: \"BEGIN\", server: Any }".to_owned()));

    let (connector, pooling, begin) = parts(postgres(&server.url(), Pooling::Transaction, Access::Write).origin());
    connector.connect().await.unwrap();
    assert!(!server.heard().startups[0].contains_key("options"));
    let begins =
        format!("Begin {{ sql: \"{LIMITS}; SET LOCAL enable_sort = off; SET LOCAL jit = off\", server: Any }}");
    assert_eq!((pooling, format!("{begin:?}")), (Pooling::Transaction, begins));
}

#[test]
fn the_name_of_the_database_is_that_of_the_user_where_the_url_has_none() {
    let name = |url: &str| postgres(url, Pooling::Session, Access::Write).database;
    assert_eq!(name("postgres://user@h/name"), "name");
    assert_eq!(name("postgres://user@h"), "user");
    let shown = format!("{:?}", postgres("postgres://user:secret@h/name", Pooling::Session, Access::Write));
    assert_eq!(shown, "Postgres { database: \"name\", timeout: 4.321s }");
}

#[test]
fn certificates_that_cannot_be_read_again_are_reported_without_their_path() {
    let folder = tempfile::tempdir().unwrap();
    let root = character_tests::Authority::new(folder.path(), "root").certificate().to_owned();
    let tls =
        ClientTls::load(ClientTlsFiles { ca: Some(root.clone()), identity: None }, Verification::Authority).unwrap();
    let postgres =
        Postgres::new(Address { tls, ..address("host=h") }, Pooling::Session, &options(), Access::Write).unwrap();
    assert_eq!(postgres.reload_certificates(), Ok(()));
    std::fs::remove_file(&root).unwrap();
    let reason = postgres.reload_certificates().unwrap_err();
    assert!(reason.starts_with("sslrootcert: ") && !reason.contains('/'), "{reason}");
}

/// Waits until this holds for the connections.
async fn until(postgres: &Postgres, holds: impl Fn(PoolStatus) -> bool) {
    let waits = async {
        while !holds(postgres.status()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waits).await.unwrap();
}

#[tokio::test]
async fn a_connection_whose_use_was_broken_off_is_tidied_before_it_is_lent_again() {
    for (pooling, is_change, expected) in [
        (Pooling::Session, true, ["BEGIN", "ROLLBACK"]),
        (Pooling::Session, false, ["CHANGE", ""]),
        (Pooling::Transaction, false, ["BEGIN", "ROLLBACK"]),
    ] {
        let server = serves().await;
        let postgres = postgres(&server.url(), pooling, Access::Write);
        postgres.read("test", Commands("BEFORE", false)).await.unwrap();
        server.heard();
        if is_change {
            assert!(postgres.write("test", CHANGE).now_or_never().is_none());
        } else {
            assert!(postgres.read("test", CHANGE).now_or_never().is_none());
        }
        assert_eq!((postgres.status().open, postgres.status().idle), (1, 0));
        until(&postgres, |status| status.idle == 1).await;
        let heard: Vec<_> =
            server.heard().commands.iter().map(|heard| heard.split(';').next().unwrap().to_owned()).collect();
        // The roll-back of the first one may come late.
        assert!(heard.ends_with(&expected.map(str::to_owned)), "{pooling:?}: {heard:?}");
        postgres.write("test", CHANGE).await.unwrap();
        assert_eq!(server.connections(), 0);
    }
}

#[tokio::test]
async fn a_connection_that_does_not_answer_is_given_up_with_the_idle_ones() {
    let server = Scripted::serves(Serving::without_answer("CHANGE")).await;
    // Enough for two connections on a busy machine.
    let options = SqlOptions { timeout: Duration::from_secs(3), ..options() };
    let postgres = Postgres::new(address(&server.url()), Pooling::Session, &options, Access::Write).unwrap();
    let both =
        tokio::join!(postgres.read("test", Commands("ONE", false)), postgres.read("test", Commands("TWO", false)));
    assert!(both.0.is_ok() && both.1.is_ok() && postgres.status().idle == 2);
    let error = postgres.write("test", CHANGE).await.unwrap_err();
    assert!(error.certainly_not_applied() && *error.kind() == ErrorKind::Timeout, "{error:?}");
    let detail = error.detail().unwrap_or_default();
    assert!(detail.contains("the operation took longer than the timeout of 3s"), "{detail}");
    until(&postgres, |status| status.open == 0).await;
    assert!(!server.heard().commands.contains(&"COMMIT".to_owned()));
}
