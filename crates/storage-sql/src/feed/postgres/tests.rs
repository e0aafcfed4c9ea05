use super::*;
use crate::{
    DatabaseLocation, SqlOptions, SqlStorage,
    feed::{Feed, Origin, Pace},
    location::Place,
    postgres::{Access, Postgres},
    session::{Ask, Session},
};
use character_tests::PostgresServer;

const LIMIT: Duration = Duration::from_secs(20);

fn origin(url: &str) -> Origin {
    let Ok(Place::Postgres { address, pooling }) = DatabaseLocation::parse(url).map(|location| location.0) else {
        panic!()
    };
    Postgres::new(address, pooling, &SqlOptions::default(), Access::Write).unwrap().origin()
}

fn source_with(url: &str, wakeup: Wakeup) -> PostgresSource {
    let pace = Pace { poll: LIMIT, timeout: LIMIT, wakeup };
    let shared = Feed::new(origin(url), pace).shared;
    match origin(url) {
        Origin::Postgres { connector, pooling, begin } => PostgresSource::new(connector, pooling, begin, shared),
        #[cfg(feature = "sqlite")]
        Origin::Sqlite { .. } => panic!(),
    }
}

fn source(url: &str) -> PostgresSource {
    source_with(url, Wakeup::Notify)
}

/// A new schema with its tables.
async fn schema() -> String {
    let url = PostgresServer::shared().fresh_schema_url();
    SqlStorage::connect(&url, SqlOptions::default()).await.unwrap();
    url
}

impl PostgresSource {
    fn hearing(&self) -> Hearing {
        self.connection.as_ref().unwrap().hearing
    }

    fn notifies(&self) -> u8 {
        self.shared.notifies.load(Ordering::Relaxed)
    }

    /// Whether the other side of the connection has sent something that wakes, once it answers a question.
    async fn was_woken(&mut self) -> bool {
        self.run(&Ask).await.unwrap();
        tokio::time::timeout(Duration::ZERO, self.shared.wake.notified()).await.is_ok()
    }

    /// Waits until its last probe has come back.
    async fn heard(&mut self) {
        let come_back = async {
            loop {
                let connected = self.connection.as_ref().unwrap();
                if connected.echo.load(Ordering::Relaxed) == connected.probes {
                    return;
                }
                self.run(&Ask).await.unwrap();
            }
        };
        tokio::time::timeout(LIMIT, come_back).await.unwrap();
    }
}

fn ago(time: Duration) -> Instant {
    Instant::now().checked_sub(time).unwrap()
}

const SOON: Duration = Duration::from_millis(1);

#[tokio::test]
async fn notifications_that_come_back_work_and_are_tried_again() {
    let mut source = source(&schema().await);
    source.listen().await.unwrap();
    assert!(matches!(source.hearing(), Hearing::Trying(_)));
    source.heard().await;
    assert_eq!((source.connection.as_ref().unwrap().probes, source.notifies()), (1, UNKNOWN));
    source.listen().await.unwrap();
    assert!(matches!(source.hearing(), Hearing::Works(_)));
    assert_eq!(source.notifies(), WORKS);
    // It is early.
    for sent in [Instant::now(), ago(ECHO + SOON)] {
        source.connection.as_mut().unwrap().hearing = Hearing::Works(sent);
        source.listen().await.unwrap();
        assert_eq!((source.hearing(), source.connection.as_ref().unwrap().probes), (Hearing::Works(sent), 1));
    }
    let late = ago(PROBE + SOON);
    source.connection.as_mut().unwrap().hearing = Hearing::Works(late);
    source.listen().await.unwrap();
    assert!(matches!(source.hearing(), Hearing::Works(sent) if sent > late));
    assert_eq!(source.connection.as_ref().unwrap().probes, 2);
    source.heard().await;
    assert!(!source.was_woken().await, "by itself");
}

#[tokio::test]
async fn a_notification_that_does_not_come_back_any_more_ends_the_connection() {
    let mut source = source(&schema().await);
    source.run(&Ask).await.unwrap();
    source.shared.notifies.store(WORKS, Ordering::Relaxed);
    let connected = source.connection.as_mut().unwrap();
    (connected.hearing, connected.probes) = (Hearing::Works(Instant::now()), 1);
    source.listen().await.unwrap();
    assert_eq!(source.notifies(), WORKS);
    for late in [ago(ECHO + SOON), ago(PROBE + SOON)] {
        source.connection.as_mut().unwrap().hearing = Hearing::Works(late);
        let fault = source.listen().await.unwrap_err();
        assert_eq!((fault.cause(), source.notifies()), (Some(Cause::ConnectionLost), UNKNOWN));
    }
    assert_eq!(source.connection.as_ref().unwrap().probes, 1);
}

#[tokio::test]
async fn notifications_that_never_arrive_are_not_waited_for() {
    let mut source = source(&schema().await);
    source.run(&Ask).await.unwrap();
    let connected = source.connection.as_mut().unwrap();
    let now = Instant::now();
    (connected.hearing, connected.probes) = (Hearing::Trying(now), 1);
    source.listen().await.unwrap();
    assert_eq!((source.hearing(), source.notifies()), (Hearing::Trying(now), UNKNOWN));
    source.connection.as_mut().unwrap().hearing = Hearing::Trying(ago(ECHO + SOON));
    source.listen().await.unwrap();
    assert_eq!((source.hearing(), source.notifies()), (Hearing::Deaf, DOES_NOT_WORK));
    source.listen().await.unwrap();
    assert_eq!((source.hearing(), source.connection.as_ref().unwrap().probes), (Hearing::Deaf, 1));
}

#[tokio::test]
async fn behind_a_pooler_and_where_they_are_not_wanted_no_notifications_are_tried() {
    let url = schema().await;
    let mut pooled = source(&format!("{url}&pool_mode=transaction"));
    pooled.listen().await.unwrap();
    assert_eq!((pooled.hearing(), pooled.notifies()), (Hearing::Deaf, DOES_NOT_WORK));
    assert_eq!(pooled.connection.as_ref().unwrap().probes, 0);
    let mut polls = source_with(&url, Wakeup::Poll);
    polls.listen().await.unwrap();
    assert!(polls.connection.is_none() && polls.notifies() == UNKNOWN);
}

#[tokio::test]
async fn what_is_announced_wakes_others_in_the_same_schema_alone() {
    let url = schema().await;
    let (mut speaker, mut listener, mut stranger) = (source(&url), source(&url), source(&schema().await));
    for source in [&mut speaker, &mut listener, &mut stranger] {
        source.listen().await.unwrap();
        source.heard().await;
        source.listen().await.unwrap();
    }
    // What the others have sent to themselves is news to it.
    listener.was_woken().await;
    let echo = speaker.connection.as_ref().unwrap().echo.load(Ordering::Relaxed);
    speaker.announce().await.unwrap();
    tokio::time::timeout(LIMIT, listener.shared.wake.notified()).await.unwrap();
    // Its own notification has come before the answer to what it asks.
    speaker.connection.as_mut().unwrap().probe(speaker.me).await.unwrap();
    speaker.heard().await;
    assert!(!stranger.was_woken().await);
    assert_eq!((echo, speaker.connection.as_ref().unwrap().echo.load(Ordering::Relaxed)), (1, 2));
}

#[tokio::test]
async fn a_connection_that_breaks_wakes_the_reader_and_is_made_again() {
    let url = schema().await;
    let mut source = source(&url);
    let own = async |source: &mut PostgresSource| source.run(&Text("SELECT pg_backend_pid()::text")).await.unwrap();
    let first = own(&mut source).await;
    assert_eq!(own(&mut source).await, first);
    PostgresServer::shared().query(&format!("SELECT pg_terminate_backend({first})"));
    tokio::time::timeout(LIMIT, source.shared.wake.notified()).await.unwrap();
    let ended = async {
        while !source.connection.as_ref().unwrap().client.is_closed() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, ended).await.unwrap();
    let second = own(&mut source).await;
    assert_ne!(second, first);
    source.disconnect();
    assert_ne!(own(&mut source).await, second);
}

#[tokio::test]
async fn the_log_is_read_with_its_settings_and_leaves_no_transaction_behind() {
    let url = schema().await;
    for pooling in ["session", "transaction"] {
        let mut source = source(&format!("{url}&pool_mode={pooling}"));
        let sorts = source.run(&Text("SELECT current_setting('enable_sort')")).await.unwrap();
        assert_eq!(sorts, "off", "{pooling}");
        let begun = "SELECT (now() = statement_timestamp())::text";
        source.run(&Text(begun)).await.unwrap();
        // In a transaction of before it would be late.
        let client = &source.connection.as_ref().unwrap().client;
        let outside =
            client.simple_query("SELECT pg_current_xact_id_if_assigned()::text, now() = statement_timestamp()");
        let answers = outside.await.unwrap();
        let tokio_postgres::SimpleQueryMessage::Row(row) = &answers[1] else { panic!("{answers:?}") };
        assert_eq!((row.get(0), row.get(1)), (None, Some("t")), "{pooling}");
    }
}

/// A statement that answers with one text.
struct Text(&'static str);

impl Work for Text {
    type Output = String;

    async fn run<S: Session>(&self, session: &mut S) -> Result<String, Fault> {
        let mut rows = session.query(Statement::new(self.0, vec![])).await?;
        Ok(rows.remove(0).read::<String>()?)
    }
}
