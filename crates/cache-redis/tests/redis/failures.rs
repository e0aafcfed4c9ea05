//! A Redis that fails costs one bounded wait, is then skipped, and is used again by itself.

use crate::*;
use character_tests::{Persistence, RedisCluster, free_port};
use std::sync::{Arc, Mutex};

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_was_killed_and_restarted_is_used_again() {
    let redis = RedisServer::start();
    let options = options(&redis.url());
    let (one, two) = (Process::start(&options).await, Process::start(&options).await);
    one.puts("row:1", "before").await;
    redis.kill();
    assert_eq!((one.get("row:1").await, two.lock("row:1").await), (Lookup::Down, Lock::Down));
    assert!(!one.put("row:1", "meanwhile".into()).await);
    let skipped = one.count("skipped");
    one.remove(&["row:1".into()]).await;
    one.unlock("row:1").await;
    one.clear().await;
    assert_eq!((one.count("skipped"), one.count("outages"), one.count("up")), (skipped + 3, 1, 0));
    redis.restart();
    for process in [&one, &two] {
        process.is_used(SOON).await;
        assert_eq!(process.get("row:1").await, Lookup::Absent);
    }
    one.puts("row:1", "after").await;
    two.finds("row:1", "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_redis_costs_one_bounded_wait_and_then_nothing() {
    let redis = RedisServer::start();
    // The default bound.
    let options = RedisTierOptions { operation: Duration::from_millis(50), ..options(&redis.url()) };
    let process = Process::start(&options).await;
    process.puts("row:1", "before").await;
    redis.freeze();
    let begun = Instant::now();
    for _ in 0..1_000 {
        assert_eq!(process.get("row:1").await, Lookup::Down);
    }
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    assert_eq!(process.failure().as_deref(), Some("no answer in time"));
    redis.thaw();
    process.is_used(SOON).await;
    process.finds("row:1", "before").await;
}

/// An answer that comes too late belongs to no caller.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_reaches_another_caller_when_redis_stumbles() {
    let redis = RedisServer::start();
    let options = RedisTierOptions { operation: Duration::from_millis(40), connections: 1, ..options(&redis.url()) };
    let process = Arc::new(Process::start(&options).await);
    for number in 0..100 {
        assert!(process.put(&format!("row:{number}"), text(number)).await);
    }
    let callers = (0..100).map(|number| {
        let process = Arc::clone(&process);
        tokio::spawn(async move {
            let (mut found, mut down, until) = (0, 0, Instant::now() + Duration::from_millis(1_500));
            while Instant::now() < until {
                match process.get(&format!("row:{number}")).await {
                    Lookup::Found(value) => {
                        assert_eq!(value, text(number));
                        found += 1;
                    }
                    Lookup::Down => {
                        down += 1;
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    other => panic!("{other:?}"),
                }
            }
            (found, down)
        })
    });
    let callers: Vec<_> = callers.collect();
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        redis.freeze();
        process.is_skipped().await;
        redis.thaw();
        process.is_used(SOON).await;
    }
    for caller in callers {
        let (found, down) = caller.await.expect("only right answers");
        assert!(found > 0 && down > 0, "{found} {down}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_redis_has_no_values_and_stays_in_use() {
    let redis = RedisServer::start();
    let process = Process::start(&options(&redis.url())).await;
    process.puts("row:1", "before").await;
    redis.flush();
    assert_eq!(process.get("row:1").await, Lookup::Absent);
    process.puts("row:1", "after").await;
    process.finds("row:1", "after").await;
    assert_eq!(process.count("failures"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_takes_no_values_and_is_still_read() {
    let redis = RedisServer::start();
    let options = options(&redis.url());
    let process = Process::start(&options).await;
    process.puts("row:1", "before").await;
    process.puts("row:2", "before").await;
    redis.command(&["CONFIG", "SET", "maxmemory", "1mb", "maxmemory-policy", "noeviction"]);
    redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    assert!(!process.put("row:1", "after".into()).await);
    assert_eq!(process.lock("row:1").await, Lock::Down);
    process.finds("row:1", "before").await;
    process.remove(&["row:2".into()]).await;
    assert_eq!(process.get("row:2").await, Lookup::Absent);
    // One that starts meanwhile uses it as well.
    Process::start(&options).await.finds("row:1", "before").await;
    assert_eq!((process.count("refused"), process.count("failures"), process.count("up")), (2, 0, 1));
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    process.puts("row:1", "after").await;
    process.finds("row:1", "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_not_used_until_it_takes_writes() {
    let (redis, elder) = (RedisServer::start(), RedisServer::start());
    let process = Process::start(&options(&redis.url())).await;
    redis.command(&["REPLICAOF", "127.0.0.1", &elder.port().to_string()]);
    assert!(!process.put("row:1", "lost".into()).await);
    let until = Instant::now() + PATIENCE;
    while process.failure().as_deref() != Some("Redis is a replica that takes no writes") {
        assert!(Instant::now() < until, "{:?}", process.failure());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    redis.command(&["REPLICAOF", "NO", "ONE"]);
    process.is_used(SOON).await;
    process.puts("row:1", "taken").await;
    assert_eq!(process.count("outages"), 1);
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic holds it").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_outage_is_one_line_at_its_start_and_one_at_its_end_without_the_password() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _default = tracing::subscriber::set_default(subscriber);
    let redis = RedisServer::start_with(Persistence::Nothing, &["--requirepass", "hunter2secret"]);
    let options = options(&format!("redis://:hunter2secret@127.0.0.1:{}/0", redis.port()));
    let process = Process::start(&options).await;
    redis.kill();
    for _ in 0..50 {
        process.put("row:1", "meanwhile".into()).await;
        process.get("row:1").await;
    }
    redis.restart();
    process.is_used(SOON).await;
    let log = String::from_utf8(log.0.lock().expect("no panic holds it").clone()).expect("the log is text");
    let ours: Vec<_> = log.lines().filter(|line| line.contains("shared cache tier")).collect();
    assert_eq!(ours.len(), 2, "{log}");
    assert!(ours[0].contains("WARN") && ours[1].contains("INFO"), "{log}");
    assert!(!log.contains("hunter2secret") && !format!("{options:?} {:?}", process.tier).contains("hunter2secret"));
}

/// Answers everything with HTTP, like the wrong port.
fn speaks_no_redis() -> u16 {
    let plain = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = plain.local_addr().expect("it listens").port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = plain.accept() {
            // A client that is gone already needs no answer.
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reason_of_a_failure_names_the_cause_and_neither_addresses_nor_secrets() {
    let (cluster, open) = (RedisCluster::start(), RedisServer::shared().port());
    let secret = RedisServer::start_with(Persistence::Nothing, &["--requirepass", "other"]);
    let (secret, closed, plain) = (secret.port(), free_port(), speaks_no_redis());
    // One that would send the health check to another.
    let prefix = "character:test:";
    let node = cluster.node((cluster.owner(cluster.slot(&format!("{prefix}ping"))) + 1) % 3).port();
    for (url, cause) in [
        (format!("redis://:hunter2@127.0.0.1:{secret}"), "authentication"),
        (format!("redis://127.0.0.1:{open}/99999"), "no database of this number"),
        (format!("redis://:hunter2@127.0.0.1:{closed}"), "refused"),
        (format!("rediss://:hunter2@127.0.0.1:{plain}"), "TLS"),
        ("redis://:hunter2@no-such-host.invalid".to_owned(), "DNS"),
        (format!("redis://127.0.0.1:{node}"), "redis+cluster://"),
        (format!("redis+sentinel://:hunter2@127.0.0.1:{closed}/main"), "refused"),
        (format!("redis+sentinel://127.0.0.1:{open}/main"), "no Sentinel"),
        (format!("redis+cluster://:hunter2@127.0.0.1:{closed}"), "refused"),
        (format!("redis+cluster://:hunter2@127.0.0.1:{secret}"), "authentication"),
        (format!("redis+cluster://127.0.0.1:{open}"), "no Cluster"),
    ] {
        let options = RedisTierOptions { connect: PATIENCE, prefix: prefix.into(), ..options(&url) };
        let process = Process::connect(&options);
        let until = Instant::now() + PATIENCE;
        let reason = loop {
            if let Some(reason) = process.failure() {
                break reason;
            }
            assert!(Instant::now() < until, "{cause}: no failure is known");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let is_clean = !reason.contains("hunter2") && !reason.contains("127.0.0.1");
        assert!(reason.contains(cause) && is_clean, "{url}: {reason}");
    }
}
