//! A master, a replica and three Sentinels that make the replica the master when they miss the other.

use super::{Persistence, RedisServer, RedisTls, START};
use crate::supervisor::{Program, Supervised, private_folder};
use crate::{free_port, program, wait};
use std::fs;
use std::process::Command;

const MASTER: &str = "main";

/// Two Redis servers, and three Sentinels of which two decide that a master is down after half a second.
#[derive(Debug)]
pub struct RedisSentinels {
    servers: [RedisServer; 2],
    sentinels: Vec<(Supervised, u16)>,
    tls: Option<RedisTls>,
}

impl RedisSentinels {
    /// The first server is the master, and the Sentinels know everything about each other.
    pub fn start() -> Self {
        Self::launch(None)
    }

    /// The same, where everyone speaks TLS with everyone.
    pub fn start_with_tls(tls: &RedisTls) -> Self {
        Self::launch(Some(tls))
    }

    fn launch(tls: Option<&RedisTls>) -> Self {
        let server = |options: &[&str]| RedisServer::launch(Persistence::Nothing, options, tls);
        let options = ["--repl-diskless-sync-delay", "0"];
        let first = server(&options);
        let follow = format!("127.0.0.1 {}", first.served_port());
        let second = server(&[&options[..], &["--replicaof", &follow]].concat());
        second.waits_for(&["INFO", "replication"], "master_link_status:up");
        let sentinels = (0..3).map(|_| sentinel(first.served_port(), tls)).collect();
        let all = Self { servers: [first, second], sentinels, tls: tls.cloned() };
        for index in 0..3 {
            let mut known = String::new();
            let knows = wait::until(START, || {
                known = all.ask(index, &["SENTINEL", "MASTER", MASTER]).unwrap_or_default().replace('\n', " ");
                let parts = ["num-slaves 1 ", "num-other-sentinels 2 ", "flags master "];
                parts.iter().all(|part| known.contains(part)).then_some(())
            });
            assert!(knows.is_some(), "Sentinel {index} knows: {known}\n{}", all.sentinels[index].0.log());
        }
        all
    }

    /// `redis+sentinel://<the three Sentinels>/main/0`, with TLS `rediss+sentinel://…`.
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.sentinels.iter().map(|(_, port)| format!("127.0.0.1:{port}")).collect();
        let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
        format!("{scheme}+sentinel://{}/{MASTER}/0", hosts.join(","))
    }

    /// Both servers; which of them is the master can change.
    pub fn servers(&self) -> &[RedisServer; 2] {
        &self.servers
    }

    /// Ends a Sentinel (`SIGKILL`), 0 to 2.
    pub fn kill_sentinel(&self, index: usize) {
        self.sentinels[index].0.kill();
    }

    /// The [served port](RedisServer::served_port) of the master, as a Sentinel that runs knows it.
    pub fn master(&self) -> Option<u16> {
        let answers = (0..3).filter_map(|index| self.ask(index, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER]));
        answers.filter_map(|answer| answer.lines().nth(1)?.parse().ok()).next()
    }

    /// Makes the Sentinels exchange master and replica, both of which run.
    pub fn fail_over(&self) {
        assert_eq!(self.ask(0, &["SENTINEL", "FAILOVER", MASTER]).as_deref(), Some("OK"));
    }

    /// `None`: it does not answer.
    fn ask(&self, index: usize, words: &[&str]) -> Option<String> {
        let port = self.sentinels[index].1.to_string();
        let mut command = Command::new(program::required("redis-cli", "redis-tools"));
        let tls = self.tls.as_ref().map(RedisTls::of_a_client).unwrap_or_default();
        let output = command.args(["-h", "127.0.0.1", "-p", &port, "-e"]).args(tls).args(words).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }
}

fn sentinel(master: u16, tls: Option<&RedisTls>) -> (Supervised, u16) {
    let (folder, port) = (private_folder("sentinel"), free_port());
    // A Sentinel writes what it learns into the file.
    let file = folder.join("sentinel.conf");
    let options = tls.map(|tls| tls.options(port)).unwrap_or_default();
    let listen: String = match options.as_slice() {
        [] => format!("port {port}\n"),
        options => options.chunks(2).fold("port 0\n".to_owned(), |text, option| {
            text + option[0].trim_start_matches('-') + " " + &option[1] + "\n"
        }),
    };
    let text = format!(
        "{listen}bind 127.0.0.1\ndir {}\nsentinel monitor {MASTER} 127.0.0.1 {master} 2\n\
         sentinel down-after-milliseconds {MASTER} 500\nsentinel failover-timeout {MASTER} 2000\n",
        folder.display()
    );
    fs::write(&file, text).expect("the folder is ours");
    let path = program::required("redis-server", "redis-server");
    let server = Supervised::new(folder, &Program::new(path).arguments([file.into_os_string(), "--sentinel".into()]));
    server.start();
    (server, port)
}
