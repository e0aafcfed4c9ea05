//! A Redis server of a test, alone, watched by Sentinels or in a Cluster.

mod cluster;
mod sentinels;
mod tls;

pub use cluster::RedisCluster;
pub use sentinels::RedisSentinels;
pub use tls::RedisTls;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::supervisor::{Program, Supervised, private_folder};
use crate::{Signal, free_port, program, wait};

const START: Duration = Duration::from_secs(30);

/// What a Redis server keeps when it is killed and started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// Nothing, like a cache that was flushed.
    Nothing,
    /// Every acknowledged write (`appendonly yes`, `appendfsync always`).
    EveryWrite,
}

/// A Redis server of its own.
#[derive(Debug)]
pub struct RedisServer {
    server: Supervised,
    port: u16,
    tls_port: Option<u16>,
}

impl RedisServer {
    /// A new server that keeps nothing over a restart.
    pub fn start() -> Self {
        Self::start_with(Persistence::Nothing, &[])
    }

    /// A new server with the given persistence and further options of `redis-server`, such as
    /// `["--maxmemory", "1mb"]`.
    pub fn start_with(persistence: Persistence, options: &[&str]) -> Self {
        Self::launch(persistence, options, None)
    }

    /// A new server that keeps nothing, which its clients and other servers reach with TLS; the port without it is for
    /// [`command`](Self::command).
    pub fn start_with_tls(options: &[&str], tls: &RedisTls) -> Self {
        Self::launch(Persistence::Nothing, options, Some(tls))
    }

    fn launch(persistence: Persistence, options: &[&str], tls: Option<&RedisTls>) -> Self {
        let path = program::required("redis-server", "redis-server");
        let folder = private_folder("redis");
        let port = free_port();
        let append_only = match persistence {
            Persistence::Nothing => "no",
            Persistence::EveryWrite => "yes",
        };
        let tls_port = tls.map(|_| free_port());
        let tls = tls.zip(tls_port).map(|(tls, port)| tls.options(port)).unwrap_or_default();
        let program = Program::new(path)
            .arguments(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""])
            .arguments(["--appendonly", append_only, "--appendfsync", "always", "--dir"])
            .arguments([&folder])
            .arguments(options)
            .arguments(tls);
        let redis = Self { server: Supervised::new(folder, &program), port, tls_port };
        redis.resume();
        redis
    }

    /// The one server that the tests of this process share. Do not kill or reconfigure it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<RedisServer> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// `redis://127.0.0.1:<port>/0`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// The TCP port on `127.0.0.1`, without TLS.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The TCP port for clients and other servers: the one with TLS, if the server has it.
    pub fn served_port(&self) -> u16 {
        self.tls_port.unwrap_or(self.port)
    }

    /// `SIGKILL`; returns when the server is gone.
    pub fn kill(&self) {
        self.server.kill();
    }

    /// An orderly stop (`SIGTERM`); returns when the server is gone.
    pub fn stop(&self) {
        self.server.end(Signal::Terminate);
    }

    /// Starts the server, killing it first if it runs, and waits until it answers.
    pub fn restart(&self) {
        self.server.kill();
        self.resume();
    }

    /// Stops the process without ending it (`SIGSTOP`), like a machine that hangs. A frozen server must be thawed or killed.
    pub fn freeze(&self) {
        self.server.freeze();
    }

    /// Lets a frozen process go on (`SIGCONT`).
    pub fn thaw(&self) {
        self.server.thaw();
    }

    /// Forgets every key.
    pub fn flush(&self) {
        self.command(&["FLUSHALL"]);
    }

    /// Runs one command through `redis-cli`, such as `["CONFIG", "SET", "maxmemory", "1mb"]`, and answers what it
    /// printed; panics when Redis answers with an error.
    pub fn command(&self, words: &[&str]) -> String {
        let mut command = Command::new(program::required("redis-cli", "redis-tools"));
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-e"]).args(words);
        program::output_of(&mut command).trim_end().to_owned()
    }

    /// Everything the server printed so far.
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// The process id while the server is started.
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Waits until the answer to a command contains `part`.
    fn waits_for(&self, words: &[&str], part: &str) {
        let mut answer = String::new();
        let came = wait::until(START, || {
            answer = self.command(words);
            answer.contains(part).then_some(())
        });
        assert!(came.is_some(), "{words:?} never contains {part}: {answer}");
    }

    fn resume(&self) {
        self.server.start();
        wait::until(START, || (self.answers() || self.server.has_ended()).then_some(()));
        assert!(self.answers(), "Redis does not come up on port {}:\n{}", self.port, self.log());
    }

    fn answers(&self) -> bool {
        let ping = || -> std::io::Result<bool> {
            let mut connection = TcpStream::connect(("127.0.0.1", self.port))?;
            connection.set_read_timeout(Some(Duration::from_secs(1)))?;
            connection.write_all(b"PING\r\n")?;
            let mut answer = [0; 5];
            connection.read_exact(&mut answer)?;
            // One that asks for a password is up, too.
            Ok([b"+PONG", b"-NOAU"].contains(&&answer))
        };
        ping().unwrap_or(false)
    }
}
