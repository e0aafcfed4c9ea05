//! Sentinels name the master; after a failover they name another.

use crate::*;
use character_tests::RedisSentinels;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

pub(crate) async fn master_changes(sentinels: &RedisSentinels, old: u16) -> &RedisServer {
    let until = Instant::now() + PATIENCE;
    loop {
        let master = sentinels.master();
        let new = sentinels
            .servers()
            .iter()
            .find(|server| Some(server.served_port()) == master && server.served_port() != old);
        match new {
            Some(new) if new.command(&["ROLE"]).starts_with("master") => return new,
            _ => assert!(Instant::now() < until, "the Sentinels never name another master"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_while_clients_read_and_write_costs_little_and_ends_by_itself() {
    let sentinels = RedisSentinels::start();
    // One that is gone is passed over.
    sentinels.kill_sentinel(0);
    let options = options(&sentinels.url());
    let process = Arc::new(Process::start(&options).await);
    let ends = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..8)
        .map(|number| {
            let (process, ends) = (Arc::clone(&process), Arc::clone(&ends));
            tokio::spawn(async move {
                let (name, mut longest, mut begun) = (format!("row:{number}"), Duration::ZERO, Instant::now());
                while !ends.load(Ordering::Relaxed) {
                    process.put(&name, text(number)).await;
                    let found = process.get(&name).await;
                    // A replica can lack the last value, and has none of others.
                    let is_right = [Lookup::Found(text(number)), Lookup::Absent, Lookup::Down].contains(&found);
                    assert!(is_right, "{found:?}");
                    longest = longest.max(begun.elapsed());
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    begun = Instant::now();
                }
                longest
            })
        })
        .collect();
    let [first, second] = sentinels.servers();
    first.kill();
    process.is_skipped().await;
    master_changes(&sentinels, first.port()).await;
    let named = Instant::now();
    process.is_used(SOON).await;
    eprintln!("used {:?} after the Sentinels named the new master", named.elapsed());
    process.puts("row:new", "here").await;
    assert_eq!(second.command(&["GET", &format!("{}{{row:new}}", options.prefix)]), "here");
    ends.store(true, Ordering::Relaxed);
    for client in clients {
        let longest = client.await.expect("only right answers");
        // A put and a get, each within its bound; the rest is the busy machine.
        assert!(longest < Duration::from_secs(3), "{longest:?}");
    }
    assert_eq!(process.count("outages"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_is_demoted_and_lives_on_is_left_for_the_new_one() {
    let sentinels = RedisSentinels::start();
    let options = options(&sentinels.url());
    let process = Process::start(&options).await;
    process.puts("row:1", "before").await;
    sentinels.fail_over();
    let new = master_changes(&sentinels, sentinels.servers()[0].port()).await;
    let (key, until) = (format!("{}{{row:1}}", options.prefix), Instant::now() + PATIENCE);
    while !(process.put("row:1", "after".into()).await && new.command(&["GET", &key]) == "after") {
        assert!(Instant::now() < until, "{:?}", process.failure());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    process.finds("row:1", "after").await;
}
