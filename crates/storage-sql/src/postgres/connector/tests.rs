use super::*;
use crate::postgres::scripted::{Scripted, Serving, address};

async fn serves() -> Scripted {
    Scripted::serves(Serving::default()).await
}

fn connector(url: &str, options: &str, sessions: Sessions) -> Connector {
    Connector::new(address(url), options.to_owned(), Duration::from_secs(5), sessions)
}

#[test]
fn another_user_leads_to_the_same_database_and_another_place_does_not() {
    let all = "host=a,b hostaddr=127.0.0.1,127.0.0.2 port=1,2 dbname=d options=o";
    let address_of = |text: &str| address(&format!("{text} user=u password=p"));
    for other in [all.to_owned(), format!("{all} user=v password=q application_name=x connect_timeout=3")] {
        assert!(address_of(all).leads_to_same_database(&address(&other)), "{other}");
    }
    for (from, to) in [("a,b", "a,c"), (".1,", ".3,"), ("1,2 ", "1,3 "), ("=d", "=e"), ("=o", "=p")] {
        let other = all.replacen(from, to, 1);
        assert_ne!(other, all);
        assert!(!address_of(all).leads_to_same_database(&address_of(&other)), "{other}");
    }
}

#[test]
fn the_reader_of_the_log_has_a_session_that_sees_every_change() {
    let of = |sessions| connector("host=h", "-c a=b ", sessions).for_log(" -c c=d");
    for (sessions, expected) in [
        (Sessions::Pooled, Sessions::Pooled),
        (Sessions::Current, Sessions::Current),
        (Sessions::ReadOnly, Sessions::Current),
    ] {
        let log = of(sessions);
        assert_eq!((log.sessions, &*log.options), (expected, &("-c a=b ".to_owned(), " -c c=d".to_owned())));
    }
}

#[tokio::test]
async fn the_options_of_the_url_stand_between_ours_and_those_of_the_log() {
    let server = serves().await;
    let url = server.url();
    let told = async |connector: &Connector| {
        connector.connect().await.unwrap();
        let mut startups = server.heard().startups;
        assert_eq!(startups.len(), 1);
        let startup = startups.remove(0);
        (startup.get("options").cloned(), startup.get("application_name").cloned())
    };
    let (some, ours) = (|text: &str| Some(text.to_owned()), Some("character-storage".to_owned()));
    assert_eq!(told(&connector(&url, "", Sessions::Pooled)).await, (None, ours.clone()));
    let own = connector(&url, "-c a=b ", Sessions::Current);
    assert_eq!(told(&own).await, (some("-c a=b"), ours.clone()));
    assert_eq!(told(&own.for_log(" -c e=f")).await, (some("-c a=b  -c e=f"), ours));
    own.replace(address(&format!("{url}&options=-c%20c%3Dd&application_name=x")));
    assert_eq!(told(&own).await, (some("-c a=b -c c=d"), some("x")));
    assert_eq!(told(&own.for_log(" -c e=f")).await, (some("-c a=b -c c=d -c e=f"), some("x")));
}

#[tokio::test]
async fn only_a_session_that_reads_is_told_to_change_nothing() {
    for (sessions, expected) in [
        (Sessions::Current, vec!["SELECT 1"]),
        (Sessions::Pooled, vec!["SELECT 1"]),
        (Sessions::ReadOnly, vec!["SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SELECT 1"]),
    ] {
        let server = serves().await;
        let connector = connector(&server.url(), "", sessions);
        let (client, driver) = Connect::connect(&connector, &Config::new()).await.unwrap();
        client.batch_execute("SELECT 1").await.unwrap();
        assert_eq!(server.heard().commands, expected, "{sessions:?}");
        drop(client);
        driver.await.unwrap();
    }
}
