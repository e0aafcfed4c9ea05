//! A NATS server of a test with JetStream in a private folder, alone or in a cluster of three.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use crate::supervisor::{Program, Supervised, private_folder};
use crate::{Signal, free_port, program, wait};

const START: Duration = Duration::from_secs(30);

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NatsRelease {
    /// The one of Debian, 2.9 or later: the oldest that is supported.
    Oldest,
    /// 2.12.8, which `deploy/test-dependencies.sh` installs.
    Current,
}

/// Where `deploy/test-dependencies.sh` installs the current server.
const CURRENT: &str = "character-tests/nats-server-2.12.8/bin/nats-server";

impl NatsRelease {
    fn program(self) -> PathBuf {
        match self {
            Self::Oldest => program::required("nats-server", "nats-server"),
            Self::Current => {
                let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
                let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
                let path = cache.expect("HOME or XDG_CACHE_HOME is set").join(CURRENT);
                assert!(
                    path.is_file(),
                    "the tests need nats-server 2.12.8 at {}: run deploy/test-dependencies.sh, which installs it with pip",
                    path.display()
                );
                path
            }
        }
    }
}

/// A NATS server of its own.
#[derive(Debug)]
pub struct NatsServer {
    server: Supervised,
    folder: PathBuf,
    port: u16,
    base: String,
}

impl NatsServer {
    /// A new server without credentials.
    pub fn start(release: NatsRelease) -> Self {
        Self::start_with(release, "")
    }

    /// A new server with further lines of its configuration file, such as `authorization { token: "secret" }`.
    pub fn start_with(release: NatsRelease, configuration: &str) -> Self {
        let nats = Self::prepare(release, free_port(), configuration, "");
        nats.resume();
        nats
    }

    fn prepare(release: NatsRelease, port: u16, configuration: &str, base: &str) -> Self {
        let folder = private_folder("nats");
        let base = format!(
            "listen: \"127.0.0.1:{port}\"\nserver_name: \"nats-{port}\"\njetstream {{ store_dir: \"{}\", max_memory_store: \
             64MB, max_file_store: 4GB }}\nwrite_deadline: \"5s\"\n{base}\n",
            folder.join("jetstream").display()
        );
        let file = folder.join("nats.conf");
        let program = Program::new(release.program()).arguments(["-c".into(), file]);
        let nats = Self { server: Supervised::new(folder.clone(), &program), folder, port, base };
        nats.configure(configuration);
        nats
    }

    /// `nats://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The TCP port on `127.0.0.1`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `SIGKILL`; returns when the server is gone.
    pub fn kill(&self) {
        self.server.kill();
    }

    /// An orderly stop (`SIGTERM`); returns when the server is gone.
    pub fn stop(&self) {
        self.server.end(Signal::Terminate);
    }

    /// Starts the server with what it kept, killing it first if it runs, and waits until it takes connections.
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

    /// Writes other further lines into the configuration file; a running server reads them at [`reload`](Self::reload).
    pub fn configure(&self, configuration: &str) {
        let text = format!("{}{configuration}\n", self.base);
        fs::write(self.folder.join("nats.conf"), text).expect("the private folder is writable");
    }

    /// Lets the server read its configuration file again (`SIGHUP`).
    pub fn reload(&self) {
        self.server.signal("-HUP");
    }

    /// Everything the server printed so far.
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// The process id while the server is started.
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    fn resume(&self) {
        self.server.start();
        wait::until(START, || (self.answers() || self.server.has_ended()).then_some(()));
        assert!(self.answers(), "NATS does not come up on port {}:\n{}", self.port, self.log());
    }

    /// Whether the server greets a client, with JetStream.
    fn answers(&self) -> bool {
        let greet = || -> std::io::Result<bool> {
            let connection = TcpStream::connect(("127.0.0.1", self.port))?;
            connection.set_read_timeout(Some(Duration::from_secs(1)))?;
            let mut greeting = String::new();
            BufReader::new(connection).read_line(&mut greeting)?;
            Ok(greeting.starts_with("INFO ") && greeting.contains("\"jetstream\":true"))
        };
        greet().unwrap_or(false)
    }
}

/// Three NATS servers that keep streams together. They need a moment to elect a leader: wait for a probe.
#[derive(Debug)]
pub struct NatsCluster {
    servers: Vec<NatsServer>,
}

impl NatsCluster {
    /// A new cluster.
    pub fn start(release: NatsRelease) -> Self {
        let ports: [(u16, u16); 3] = [(); 3].map(|()| (free_port(), free_port()));
        let routes: Vec<_> = ports.iter().map(|(_, route)| format!("\"nats://127.0.0.1:{route}\"")).collect();
        let servers: Vec<_> = ports
            .iter()
            .map(|(client, route)| {
                let cluster = format!(
                    "cluster {{ name: \"tests\", listen: \"127.0.0.1:{route}\", routes: [{}] }}",
                    routes.join(", ")
                );
                NatsServer::prepare(release, *client, "", &cluster)
            })
            .collect();
        for server in &servers {
            server.server.start();
        }
        for server in &servers {
            server.resume();
        }
        Self { servers }
    }

    /// The addresses of all three servers, separated by commas.
    pub fn url(&self) -> String {
        self.servers.iter().map(NatsServer::url).collect::<Vec<_>>().join(",")
    }

    /// The servers.
    pub fn servers(&self) -> &[NatsServer] {
        &self.servers
    }
}
