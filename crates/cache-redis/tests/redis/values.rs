//! What goes in comes out, and nothing else does.

use crate::*;
use futures_util::future::join_all;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn values_come_and_go_under_their_names() {
    let (redis, options) = (RedisServer::shared(), options(&RedisServer::shared().url()));
    let (one, two) = (Process::start(&options).await, Process::start(&options).await);
    assert_eq!(one.get("row:1").await, Lookup::Absent);
    one.puts("row:1", "first").await;
    two.finds("row:1", "first").await;
    two.puts("row:1", "second").await;
    one.finds("row:1", "second").await;
    one.puts("row}:{2", "braces").await;
    two.finds("row}:{2", "braces").await;
    two.remove(&["row:1".into(), "row}:{2".into(), "row:3".into()]).await;
    two.remove(&[]).await;
    assert_eq!((one.get("row:1").await, one.get("row}:{2").await), (Lookup::Absent, Lookup::Absent));
    // The prefix keeps the values of others apart.
    let other = Process::start(&self::options(&redis.url())).await;
    one.puts("row:1", "ours").await;
    assert_eq!(other.get("row:1").await, Lookup::Absent);
    assert_eq!((one.count("failures"), two.count("failures")), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_ends_after_the_time_that_values_are_kept() {
    let options = RedisTierOptions { keep: Duration::from_millis(200), ..options(&RedisServer::shared().url()) };
    let process = Process::start(&options).await;
    let begun = Instant::now();
    process.puts("row:1", "short").await;
    while process.get("row:1").await != Lookup::Absent {
        assert!(begun.elapsed() < PATIENCE);
    }
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_too_large_is_not_put_and_not_believed() {
    let redis = RedisServer::shared();
    let options = RedisTierOptions { largest: 1_000, ..options(&redis.url()) };
    let process = Process::start(&options).await;
    assert!(process.put("row:1", vec![7; 1_000].into()).await);
    assert_eq!(process.get("row:1").await, Lookup::Found(vec![7; 1_000].into()));
    assert_eq!(process.lock("row:2").await, Lock::Taken);
    assert!(!process.put("row:2", vec![7; 1_001].into()).await);
    assert_eq!((process.get("row:2").await, process.lock("row:2").await), (Lookup::Absent, Lock::Taken));
    redis.command(&["APPEND", &format!("{}{{row:1}}", options.prefix), "x"]);
    assert_eq!(process.get("row:1").await, Lookup::Rejected);
    assert_eq!(process.get("row:1").await, Lookup::Absent);
    assert_eq!((process.count("too_large"), process.count("failures")), (1, 0));
}

/// What the neighbour does to the key `$K`, and what is then found there.
const NEIGHBOURS: [(&[&str], Lookup); 9] = [
    (&["SET", "$K", "garbage"], Lookup::Found(Bytes::from_static(b"garbage"))),
    (&["SET", "$K", ""], Lookup::Absent),
    (&["HSET", "$K", "v", "1"], Lookup::Rejected),
    (&["RPUSH", "$K", "a", "b"], Lookup::Rejected),
    (&["SADD", "$K", "a"], Lookup::Rejected),
    (&["ZADD", "$K", "1", "a"], Lookup::Rejected),
    (&["XADD", "$K", "*", "a", "b"], Lookup::Rejected),
    // 200 MB, of which little more than 1 MiB is fetched.
    (&["SETRANGE", "$K", "200000000", "x"], Lookup::Rejected),
    (&["SETBIT", "$K", "8388608", "1"], Lookup::Rejected),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_neighbour_writes_at_our_names_costs_that_name_alone() {
    let redis = RedisServer::start();
    let options = options(&redis.url());
    let process = Process::start(&options).await;
    process.puts("row:2", "other").await;
    for (words, found) in NEIGHBOURS {
        let attack = |key: &str| {
            redis.command(&["DEL", key]);
            redis.command(&words.iter().map(|word| if *word == "$K" { key } else { word }).collect::<Vec<_>>());
        };
        let key = format!("{}{{row:1}}", options.prefix);
        attack(&key);
        assert_eq!(process.get("row:1").await, found, "{words:?}");
        if found == Lookup::Rejected {
            assert_eq!(process.get("row:1").await, Lookup::Absent, "{words:?}");
        }
        attack(&key);
        process.puts("row:1", "ours").await;
        process.finds("row:1", "ours").await;
        attack(&format!("{key}:lock"));
        assert_eq!(process.lock("row:1").await, Lock::Busy, "{words:?}");
        process.puts("row:1", "ours").await;
        assert_eq!(process.lock("row:1").await, Lock::Taken, "{words:?}");
        process.remove(&["row:1".into()]).await;
        process.unlock("row:1").await;
        attack(&format!("{}ping", options.prefix));
    }
    process.finds("row:2", "other").await;
    assert_eq!(process.count("failures"), 0, "{:?}", process.failure());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_sixteen_may_load_and_the_right_ends_by_itself() {
    let options = options(&RedisServer::shared().url());
    let processes = join_all((0..16).map(|_| Process::start(&options))).await;
    for _ in 0..10 {
        let locks = join_all(processes.iter().map(|process| process.lock("row:1"))).await;
        assert_eq!(locks.iter().filter(|lock| **lock == Lock::Taken).count(), 1, "{locks:?}");
        assert_eq!(locks.iter().filter(|lock| **lock == Lock::Busy).count(), 15, "{locks:?}");
        // The value of one ends the lock, and so does a load that came to nothing.
        processes[3].puts("row:1", "loaded").await;
        assert_eq!(processes[4].lock("row:1").await, Lock::Taken);
        processes[4].unlock("row:1").await;
    }
    assert_eq!(processes[0].lock("row:1").await, Lock::Taken);
    let begun = Instant::now();
    while processes[1].lock("row:1").await == Lock::Busy {
        assert!(begun.elapsed() < PATIENCE, "the lock never ends");
    }
    assert!((Duration::from_millis(900)..SOON).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

/// Lesson 47: callers share connections instead of waiting for one of their own.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_callers_share_one_connection_and_each_gets_its_own_answer() {
    let redis = RedisServer::start();
    let options = RedisTierOptions { connections: 1, operation: PATIENCE, ..options(&redis.url()) };
    let process = Arc::new(Process::start(&options).await);
    let callers = (0..1_000).map(|number| {
        let process = Arc::clone(&process);
        tokio::spawn(async move {
            let name = format!("row:{number}");
            for round in 0..5 {
                assert!(process.put(&name, text(number * 10 + round)).await);
                assert_eq!(process.get(&name).await, Lookup::Found(text(number * 10 + round)));
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("every caller gets its answer");
    }
    let clients = redis.command(&["CLIENT", "LIST"]);
    // The one of all callers, and the one that asks.
    assert_eq!(clients.lines().count(), 2, "{clients}");
}

/// The identifiers of the clients whose last command was this, among all that Redis lists.
fn last_users_of(clients: &str, command: &str) -> Vec<u64> {
    let field = |line: &str, name: &str| {
        let value = line.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_default().to_owned()
    };
    let users = clients.lines().filter(|line| field(line, "cmd") == command);
    users.map(|line| field(line, "id").parse().expect("a number")).collect()
}

/// A single runtime whose commands go over a connection that `others` does not use, which has the identifier that is returned.
fn alone(redis: &RedisServer, process: &Process, others: &[u64]) -> (tokio::runtime::Runtime, u64) {
    let single = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let own = single.block_on(async {
        let begun = Instant::now();
        loop {
            process.remove(&["row:1".to_owned()]).await;
            let clients = redis.command(&["CLIENT", "LIST"]);
            let own = last_users_of(&clients, "unlink").into_iter().find(|user| !others.contains(user));
            if let Some(own) = own {
                break own;
            }
            assert!(begun.elapsed() < PATIENCE, "{clients}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    (single, own)
}

#[test]
fn each_runtime_of_one_thread_soon_has_a_connection_of_its_own() {
    let redis = RedisServer::start();
    let options = RedisTierOptions { connections: 1, operation: PATIENCE, ..options(&redis.url()) };
    let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let process = threads.block_on(Process::start(&options));
    let clients = || redis.command(&["CLIENT", "LIST"]).lines().count();
    // The shared one, and the one that asks.
    assert_eq!(clients(), 2);
    let all = redis.command(&["CLIENT", "LIST"]);
    let shared: Vec<u64> = ["set", "ping"].iter().flat_map(|command| last_users_of(&all, command)).collect();
    let (_first, one) = alone(&redis, &process, &shared);
    let (_second, other) = alone(&redis, &process, &[shared.clone(), vec![one]].concat());
    assert_ne!(one, other);
    assert_eq!(clients(), 4);
}

#[test]
fn a_runtime_of_one_thread_has_another_connection_after_an_outage() {
    let redis = RedisServer::start();
    let options = RedisTierOptions { connections: 1, ..options(&redis.url()) };
    let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let process = threads.block_on(Process::start(&options));
    let all = redis.command(&["CLIENT", "LIST"]);
    let shared: Vec<u64> = ["set", "ping"].iter().flat_map(|command| last_users_of(&all, command)).collect();
    let (single, _) = alone(&redis, &process, &shared);
    redis.kill();
    single.block_on(async {
        assert_eq!(process.get("row:1").await, Lookup::Down);
        assert!(!process.is_up());
    });
    redis.restart();
    assert!(threads.block_on(process.ready(PATIENCE)));
    single.block_on(async {
        assert_eq!(process.get("row:1").await, Lookup::Absent);
        process.puts("row:1", "after").await;
    });
    threads.block_on(process.finds("row:1", "after"));
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a thread that is stopped is what is tested")]
async fn a_thread_that_was_stopped_for_longer_than_the_limit_still_reads_what_has_arrived() {
    let options = RedisTierOptions { operation: Duration::from_millis(500), ..options(&RedisServer::shared().url()) };
    let process = Process::start(&options).await;
    let failures = process.count("failures");
    for _ in 0..3 {
        let asked = process.get("row:1");
        let stopped = async {
            // The request is sent first.
            tokio::time::sleep(Duration::from_millis(5)).await;
            std::thread::sleep(Duration::from_secs(1));
        };
        assert_eq!(tokio::join!(asked, stopped).0, Lookup::Absent);
    }
    assert_eq!((process.is_up(), process.count("failures")), (true, failures));
}

#[tokio::test(flavor = "multi_thread")]
async fn clearing_removes_every_value_of_ours_among_many_of_others() {
    let redis = RedisServer::start();
    redis.command(&["EVAL", "for i = 1, 20000 do redis.call('SET', 'other:' .. i, '') end", "0"]);
    let odd = format!("a*b[c]?^\\:{}", Uuid::new_v4());
    for prefix in ["character:v2:".to_owned(), odd] {
        let process = Process::start(&RedisTierOptions { prefix, ..options(&redis.url()) }).await;
        for number in 0..600 {
            assert!(process.put(&format!("row:{number}"), text(number)).await);
        }
        process.clear().await;
        assert!(process.is_up());
        assert_eq!((process.get("row:1").await, process.get("row:599").await), (Lookup::Absent, Lookup::Absent));
    }
    let left: u64 = redis.command(&["DBSIZE"]).parse().expect("a number");
    // Each of both may have left its ping.
    assert!((20_000..=20_002).contains(&left), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_few_rights_is_enough() {
    let redis = RedisServer::start();
    let process = Process::start(&options(&as_modest_user(&redis, &redis.url(), &[]))).await;
    assert_eq!(process.lock("row:1").await, Lock::Taken);
    process.puts("row:1", "ours").await;
    process.finds("row:1", "ours").await;
    process.clear().await;
    assert_eq!((process.get("row:1").await, process.count("failures")), (Lookup::Absent, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_is_the_one_that_the_address_names() {
    let redis = RedisServer::start();
    let options = options(&format!("redis://127.0.0.1:{}/3", redis.port()));
    Process::start(&options).await.puts("row:1", "there").await;
    assert_eq!(redis.command(&["-n", "3", "GET", &format!("{}{{row:1}}", options.prefix)]), "there");
    assert_eq!(redis.command(&["DBSIZE"]), "0");
}
