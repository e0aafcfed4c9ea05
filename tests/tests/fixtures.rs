//! The fixtures keep what they promise: real servers that come up, die, return, and leave nothing behind.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use character_tests::{Persistence, PostgresServer, RawResponse, RedisServer, Service, median, percentile};

#[test]
fn a_redis_server_answers_and_is_gone_after_a_kill_and_back_after_a_restart() {
    let redis = RedisServer::start();
    redis.command(&["SET", "key", "value"]);
    redis.kill();
    assert!(TcpStream::connect(("127.0.0.1", redis.port())).is_err());
    redis.restart();
    assert_eq!(redis.command(&["EXISTS", "key"]), "0");
}

#[test]
fn a_redis_server_that_keeps_every_write_has_it_after_a_kill() {
    let redis = RedisServer::start_with(Persistence::EveryWrite, &[]);
    redis.command(&["SET", "key", "value"]);
    redis.restart();
    assert_eq!(redis.command(&["GET", "key"]), "value");
    redis.flush();
    assert_eq!(redis.command(&["EXISTS", "key"]), "0");
}

#[test]
fn a_postgres_server_keeps_its_rows_over_a_kill() {
    let postgres = PostgresServer::start();
    postgres.query("CREATE TABLE kept (word text)");
    postgres.query("INSERT INTO kept VALUES ('here')");
    postgres.restart();
    assert_eq!(postgres.query("SELECT word FROM kept"), "here");
    postgres.stop();
    assert!(TcpStream::connect(("127.0.0.1", postgres.port())).is_err());
}

#[test]
fn two_schemas_of_the_shared_postgres_do_not_see_each_other() {
    let postgres = PostgresServer::shared();
    let schemas = [postgres.fresh_schema_url(), postgres.fresh_schema_url()];
    assert_ne!(schemas[0], schemas[1]);
    for url in schemas {
        let schema = url.rsplit("%3D").next().unwrap();
        assert_eq!(postgres.query(&format!("SELECT count(*) FROM pg_namespace WHERE nspname = '{schema}'")), "1");
    }
}

#[test]
fn the_shared_server_is_one_for_the_process() {
    let asked_elsewhere = std::thread::spawn(|| RedisServer::shared().pid()).join().unwrap();
    assert!(asked_elsewhere.is_some());
    assert_eq!(RedisServer::shared().pid(), asked_elsewhere);
}

#[test]
fn a_service_returns_after_a_kill_and_ends_in_order_when_asked() {
    let service = Service::character().start();
    let first = service.pid();
    service.kill();
    assert!(TcpStream::connect(service.address()).is_err());
    service.restart();
    assert_ne!(service.pid(), first);
    assert_eq!(service.terminate(), 0, "{}", service.output());
}

#[test]
fn a_service_with_a_wrong_configuration_is_seen_to_end() {
    let service = Service::storage().env("STORAGE_SERVICE_TOKEN", "").spawn();
    assert!(service.ends_within(Duration::from_secs(20)));
    assert!(service.output().contains("STORAGE_SERVICE_TOKEN"), "{}", service.output());
}

#[test]
fn a_command_of_a_service_runs_to_its_end() {
    let finished = Service::character().arg("--help").run();
    assert_eq!(finished.code, Some(0), "{}", finished.errors);
    assert!(finished.output.contains("LISTEN_ADDR"), "{}", finished.output);
}

#[test]
fn a_killed_test_process_leaves_neither_servers_nor_folders_behind() {
    let folder = tempfile::tempdir().unwrap();
    let shared = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), shared).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_held-servers"))
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ports: Vec<u16> = line.split_whitespace().map(|port| port.parse().unwrap()).collect();
    assert_eq!(ports.len(), 2);
    assert!(ports.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok()));
    assert_eq!(folder.path().read_dir().unwrap().count(), 2);

    child.kill().unwrap();
    child.wait().unwrap();

    let end = Instant::now() + Duration::from_secs(20);
    let clean = || {
        folder.path().read_dir().unwrap().count() == 0
            && ports.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_err())
    };
    while !clean() {
        assert!(Instant::now() < end, "servers or folders are left behind");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn a_response_is_read_when_it_is_complete_and_a_percentile_is_one_of_the_samples() {
    let whole = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nETag: \"1\"\r\n\r\n{}";
    for part in 0..whole.len() {
        assert_eq!(RawResponse::within(&whole[..part]), None, "{part} bytes");
    }
    let response = RawResponse::within(whole).unwrap();
    assert_eq!((response.status, &whole[response.body]), (201, &b"{}"[..]));
    assert!(response.head.contains("\r\netag: \"1\""), "{}", response.head);
    let samples: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
    assert_eq!([0, 50, 99, 100].map(|percent| percentile(&samples, percent).as_millis()), [1, 101, 199, 200]);
    assert_eq!(percentile(&[], 50), Duration::ZERO);
    assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
}
