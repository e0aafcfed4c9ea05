//! Clients that vanish without a word, as when their machine loses power: their streams end soon.

use super::support::{client, metrics};
use character_tests::Service;
use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use uuid::Uuid;

const TEST: &str = "vanished::the_streams_of_a_machine_whose_packets_are_lost_end_within_20_seconds";
/// Set in the process that has a network of its own.
const INSIDE: &str = "CHARACTER_TESTS_NETWORK";
const PATIENCE: Duration = Duration::from_secs(30);
/// What docs/operating.md promises for the defaults.
const PROMISED: Duration = Duration::from_secs(20);
const STREAMS: usize = 3;

/// The machine with the clients: a network of its own, joined with ours by a cable.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        // Its programs end with it. It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Machine {
    /// A machine at 10.99.0.2, from which curl reads each stream once `url` can be reached.
    fn reading(url: &str) -> Self {
        let script = format!(
            "read -r _; for stream in $(seq {STREAMS}); do curl --silent --show-error --no-buffer '{url}' & done; wait"
        );
        let mut command = Command::new("unshare");
        command.args(["--net", "--pid", "--fork", "--kill-child=SIGKILL", "sh", "-c", &script]);
        let mut machine = Self(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
        let id = machine.0.id().to_string();
        // The cable can be laid when the process has left our network.
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let end = Instant::now() + PATIENCE;
        while std::fs::read_link(format!("/proc/{id}/ns/net")).unwrap() == own {
            assert!(Instant::now() < end, "the machine gets no network of its own");
            std::thread::yield_now();
        }
        run("ip", &["link", "add", "near", "type", "veth", "peer", "name", "far", "netns", &id]);
        run("ip", &["address", "add", "10.99.0.1/24", "dev", "near"]);
        run("ip", &["link", "set", "near", "up"]);
        machine.ip(&["address", "add", "10.99.0.2/24", "dev", "far"]);
        machine.ip(&["link", "set", "far", "up"]);
        machine.0.stdin.take().unwrap().write_all(b"\n").unwrap();
        let mut lines = BufReader::new(machine.0.stdout.take().unwrap()).lines();
        for _ in 0..STREAMS {
            assert!(lines.by_ref().any(|line| line.unwrap() == "event: hello"), "a stream did not begin");
        }
        machine
    }

    fn ip(&self, arguments: &[&str]) {
        let network = format!("--net=/proc/{}/ns/net", self.0.id());
        run("nsenter", &[&[network.as_str(), "ip"], arguments].concat());
    }

    /// From now on nothing that either side sends arrives.
    fn vanish(&self) {
        self.ip(&["link", "set", "far", "down"]);
    }
}

async fn streams(service: &Service) -> u64 {
    metrics(service).await.metric("live_streams").unwrap()
}

#[tokio::test]
async fn the_streams_of_a_machine_whose_packets_are_lost_end_within_20_seconds() {
    if env::var_os(INSIDE).is_none() {
        return in_a_network_of_its_own();
    }
    run("ip", &["link", "set", "lo", "up"]);
    let service =
        Service::character().env("LISTEN_ADDR", "0.0.0.0:{port}").env("ALLOW_UNAUTHENTICATED", "true").start();
    let path = format!("/api/v2/stream?character={}", Uuid::now_v7());
    let stays = client().get(service.url(&path)).timeout(PATIENCE * 4).send().await.unwrap();
    let machine = Machine::reading(&format!("http://10.99.0.1:{}{path}", service.address().port()));
    assert_eq!(streams(&service).await, STREAMS as u64 + 1);
    machine.vanish();
    let vanished = Instant::now();
    while streams(&service).await > 1 {
        assert!(vanished.elapsed() < PROMISED, "{} streams after {:?}", streams(&service).await, vanished.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    eprintln!("the streams ended after {:?}", vanished.elapsed());
    // The silence of a client that is there ends nothing.
    tokio::time::sleep_until((vanished + PROMISED).into()).await;
    assert_eq!(streams(&service).await, 1);
    drop(stays);
}

/// Runs the test again in a network whose packets it may lose.
fn in_a_network_of_its_own() {
    character_tests::required_program("ip", "iproute2");
    // Those who are not root become root of a user namespace.
    let ways: [&[&str]; 2] = [&["--net"], &["--net", "--user", "--map-root-user"]];
    let apart = |way: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(way);
        command
    };
    let is_permitted = |way: &&[&str]| apart(way).arg("true").output().unwrap().status.success();
    let Some(way) = ways.into_iter().find(is_permitted) else {
        // A container without the permission cannot lose packets, and nothing else lets a client vanish without a word.
        eprintln!("NOT TESTED: this machine permits no network namespace");
        return;
    };
    let output = apart(way)
        .arg(env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    eprintln!("{text}");
}
