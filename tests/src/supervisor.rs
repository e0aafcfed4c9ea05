use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{program, wait};

const SCRIPT: &str = include_str!("supervise.sh");

/// How long a server may take to follow a signal before it is killed, in seconds.
const GRACE_SECONDS: &str = "60";

/// What of our own environment a server sees: enough to run, nothing that configures it.
const INHERITED: [&str; 7] = ["PATH", "HOME", "TMPDIR", "LANG", "RUST_LOG", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"];

/// How a server is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// `SIGKILL`: at once, without a chance to tidy up.
    Kill,
    /// `SIGTERM`: the orderly end of a service.
    Terminate,
    /// `SIGINT`: what Ctrl-C sends; for PostgreSQL the orderly end that does not wait for clients.
    Interrupt,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Terminate => "TERM",
            Self::Interrupt => "INT",
        }
    }
}

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(String, OsString)>,
}

impl Program {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), arguments: Vec::new(), environment: Vec::new() }
    }

    pub(crate) fn arguments<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// The command with only its own environment and what every program needs.
    pub(crate) fn clean(command: &mut Command, environment: &[(String, OsString)]) {
        command.env_clear();
        for name in INHERITED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(environment.iter().map(|(name, value)| (name, value)));
    }
}

/// One server process and its private folder, both gone when this value or this process is gone, whatever ends it.
///
/// The server can be ended and started again as often as a test likes; the folder stays meanwhile.
#[derive(Debug)]
pub struct Supervised {
    folder: PathBuf,
    log: PathBuf,
    supervisor: Mutex<Supervisor>,
}

#[derive(Debug)]
struct Supervisor {
    process: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    server: Option<u32>,
}

impl Supervised {
    /// A supervisor for a server that is not started yet.
    pub(crate) fn new(folder: PathBuf, program: &Program) -> Self {
        let log = folder.join("server.log");
        let mut command = Command::new("sh");
        command.arg("-c").arg(SCRIPT).arg("supervisor").arg(&folder).arg(&log).arg(GRACE_SECONDS);
        command.arg(&program.path).args(&program.arguments);
        Program::clean(&mut command, &program.environment);
        // In a process group of its own, Ctrl-C at the terminal ends the tests first, and the supervisor then tidies up.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("`sh` starts");
        let orders = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("the output is piped"));
        Self { folder, log, supervisor: Mutex::new(Supervisor { process, orders, answers, server: None }) }
    }

    /// Starts the server; it need not be ready when this returns. Does nothing when it was started and not ended.
    pub fn start(&self) {
        let mut supervisor = self.lock();
        if supervisor.server.is_none() {
            let id = supervisor.order("start");
            supervisor.server = Some(id.parse().unwrap_or_else(|_| panic!("`{id}` is not a process id")));
        }
    }

    /// Sends the signal and waits for the end. Answers the exit status, 128 + n when signal n ended the server, and
    /// `None` when it was not running. A server that does not follow within a minute is killed.
    pub fn end(&self, signal: Signal) -> Option<i32> {
        let mut supervisor = self.lock();
        supervisor.server.take()?;
        let status = supervisor.order(&format!("stop {}", signal.name()));
        Some(status.parse().unwrap_or_else(|_| panic!("`{status}` is not an exit status")))
    }

    /// `SIGKILL` to the server itself. Returns when it is gone.
    pub fn kill(&self) {
        self.end(Signal::Kill);
    }

    /// `SIGTERM` to the server. Returns when it is gone.
    pub fn stop(&self) {
        self.end(Signal::Terminate);
    }

    /// Kills the server if it runs and starts it again in the same folder.
    pub fn restart(&self) {
        self.kill();
        self.start();
    }

    /// Sends a signal, such as `-HUP`, that does not end the server.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.pid().expect("the server runs").to_string();
        program::output_of(Command::new("kill").args([signal, &id]));
    }

    /// `SIGSTOP`; returns when the process stands still.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
        wait::until_stopped(self.pid().expect("the server runs"));
    }

    /// `SIGCONT`.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    /// The process id of the server while it is started.
    pub fn pid(&self) -> Option<u32> {
        self.lock().server
    }

    /// Whether the server is known to have ended by itself.
    pub(crate) fn has_ended(&self) -> bool {
        let Some(id) = self.pid() else { return true };
        // Nobody has collected the exit status yet, so an ended server is still listed, as a zombie.
        fs::read_to_string(format!("/proc/{id}/stat"))
            .is_ok_and(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
    }

    /// The private folder of the server.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything the server printed so far, over all its starts.
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Supervisor> {
        self.supervisor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Supervisor {
    fn order(&mut self, order: &str) -> String {
        let orders = self.orders.as_mut().expect("the orders end only with the supervisor");
        writeln!(orders, "{order}").and_then(|()| orders.flush()).expect("the supervisor listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the supervisor answers");
        answer.trim().to_owned()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.orders = None;
        if let Err(error) = self.process.wait() {
            eprintln!("the supervisor of a test server cannot be awaited: {error}");
        }
    }
}

/// A new empty folder that the supervisor will remove.
pub(crate) fn private_folder(name: &str) -> PathBuf {
    let prefix = format!("character-tests-{name}-");
    tempfile::Builder::new().prefix(&prefix).tempdir().expect("a temporary folder can be made").keep()
}
