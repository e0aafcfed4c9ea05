use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use crate::supervisor::{Program, Supervised, private_folder};
use crate::{Signal, free_port, wait};

const CHARACTER_SERVICE: &str = "character-service";
const STORAGE_SERVICE: &str = "storage-service";
const MESSAGE_HUB: &str = "message-hub";

/// Stands in the value of a variable for the address where the service listens.
const LISTEN: &str = "{listen}";
/// Stands in the value of a variable for the port of that address.
const PORT: &str = "{port}";

/// A service must answer within this time after its start.
const START: Duration = Duration::from_secs(30);
/// A command such as `import` must be done within this time.
const RUN: Duration = Duration::from_secs(300);
/// How much of the output of a service is shown when a test fails.
const LAST_LINES: usize = 8;

/// What a service is started with. Nothing of our own environment configures it.
#[derive(Debug, Clone)]
pub struct ServiceBuilder {
    name: &'static str,
    arguments: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    /// Commands of the shell that becomes the service, each of which must succeed.
    before: Vec<String>,
    mounts: Mounts,
}

/// The file systems that a service sees.
#[derive(Debug, Clone, Copy)]
enum Mounts {
    /// Those of the test.
    Shared,
    /// Its own, so that `before` can mount one.
    Own,
}

impl ServiceBuilder {
    fn of(name: &'static str) -> Self {
        let (arguments, environment, before) = (Vec::new(), Vec::new(), Vec::new());
        Self { name, arguments, environment, before, mounts: Mounts::Shared }
    }

    /// Sets an environment variable. `LISTEN_ADDR` (a private port), `DATA_DIR` (a private folder) and `DRAIN_SECS` (0) are set
    /// already; `{listen}` in a value stands for the first, `{port}` for its port.
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a command-line argument.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// No file of the service can grow beyond this number of KiB: a write past it fails, as on a disk that is full.
    pub fn largest_file(self, kibibytes: u64) -> Self {
        // The limit of POSIX is in blocks of 512 bytes. The signal at the limit would end the process.
        self.after(format!("trap '' XFSZ && ulimit -f {}", kibibytes * 2))
    }

    /// The data folder of the service is a disk of this size of its own. [`Service::on_its_disk`] is the way to it.
    pub fn disk(mut self, mebibytes: u64) -> Self {
        self.mounts = Mounts::Own;
        let mount = format!("mount -t tmpfs -o size={mebibytes}m none \"$DATA_DIR\"");
        self.after(format!("mkdir -p \"$DATA_DIR\" && {mount}"))
    }

    /// The service sees this file as `/etc/hosts`.
    pub fn hosts(mut self, file: &Path) -> Self {
        self.mounts = Mounts::Own;
        self.after(format!("mount --bind '{}' /etc/hosts", file.display()))
    }

    /// The service may have at most this number of open descriptors.
    pub fn most_descriptors(self, number: u32) -> Self {
        self.after(format!("ulimit -n {number}"))
    }

    /// The log goes into a pipe that is not read unless the test does so: opens `path` and reads from it.
    pub fn log_into_pipe(self, path: &Path) -> Self {
        crate::program::output_of(Command::new("mkfifo").arg(path));
        // Opened for both, a pipe waits for no reader and has none.
        self.after(format!("exec 2<>'{}'", path.display()))
    }

    fn after(mut self, command: String) -> Self {
        self.before.push(command);
        self
    }

    /// The umask of the service, such as `000`, with which new files get every permission that is asked for.
    pub fn umask(self, umask: &'static str) -> Self {
        self.after(format!("umask {umask}"))
    }

    /// The program and its arguments, started by a shell when something comes before it.
    fn command(&self) -> (PathBuf, Vec<OsString>) {
        let (binary, arguments) = (binary(self.name), self.arguments.iter().cloned());
        if self.before.is_empty() {
            return (binary, arguments.collect());
        }
        let script = format!("{} && exec \"$0\" \"$@\"", self.before.join(" && "));
        let before = ["-c".into(), script.into(), binary.into_os_string()];
        let shell = before.into_iter().chain(arguments);
        match self.mounts {
            Mounts::Shared => ("/bin/sh".into(), shell.collect()),
            Mounts::Own => {
                let own = ["--map-root-user".into(), "--mount".into(), "/bin/sh".into()];
                ("unshare".into(), own.into_iter().chain(shell).collect())
            }
        }
    }

    /// Starts the service and waits until `/health/live` answers 200; panics with its output when it does not.
    pub fn start(self) -> Service {
        let service = self.spawn();
        service.await_health();
        service
    }

    /// Starts the service without waiting for it: for tests of a start that fails or hangs.
    pub fn spawn(self) -> Service {
        let folder = private_folder(self.name);
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let (path, arguments) = self.command();
        let environment = self.environment.into_iter().map(|(name, value)| match value.to_str() {
            Some(text) => (name, text.replace(LISTEN, &listen).replace(PORT, &port.to_string()).into()),
            None => (name, value),
        });
        let environment = preset(&listen, &folder).into_iter().chain(environment).collect();
        let program = Program { path, arguments, environment };
        let server = Supervised::new(folder, &program);
        server.start();
        Service { name: self.name, server, address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    /// Runs a command of the binary (`import DIR`, `check`, `--help`) to its end, at most five minutes.
    pub fn run(self) -> Finished {
        let folder = private_folder(self.name);
        let output = |name: &str| File::create(folder.join(name)).expect("the folder was just made");
        let (path, arguments) = self.command();
        let mut command = Command::new(path);
        let environment: Vec<_> = preset("127.0.0.1:0", &folder).into_iter().chain(self.environment).collect();
        Program::clean(&mut command, &environment);
        command.args(arguments).stdin(Stdio::null()).stdout(output("stdout")).stderr(output("stderr"));
        let mut process = command.spawn().expect("the binary was just built");
        let status = wait::until(RUN, || process.try_wait().transpose());
        let Some(status) = status else {
            process.kill().expect("the process is ours");
            panic!("{} {:?} does not end", self.name, self.arguments);
        };
        let read = |name: &str| {
            String::from_utf8_lossy(&fs::read(folder.join(name)).expect("the output was written")).into_owned()
        };
        let finished = Finished {
            code: status.expect("the process is ours").code(),
            output: read("stdout"),
            errors: read("stderr"),
        };
        if let Err(error) = fs::remove_dir_all(&folder) {
            eprintln!("{} cannot be removed: {error}", folder.display());
        }
        finished
    }
}

/// What a command that ended has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The exit code, `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to the standard output.
    pub output: String,
    /// What it wrote to the standard error output.
    pub errors: String,
}

/// One of the two services of this workspace as a process of its own, built from the sources as they are now.
///
/// Its output is printed when the test that owns it panics.
#[derive(Debug)]
pub struct Service {
    name: &'static str,
    server: Supervised,
    address: SocketAddr,
}

impl Service {
    /// The Character Service.
    pub fn character() -> ServiceBuilder {
        ServiceBuilder::of(CHARACTER_SERVICE)
    }

    /// The Storage Service.
    pub fn storage() -> ServiceBuilder {
        ServiceBuilder::of(STORAGE_SERVICE)
    }

    /// The Message Hub.
    pub fn message_hub() -> ServiceBuilder {
        ServiceBuilder::of(MESSAGE_HUB)
    }

    /// `http://127.0.0.1:<port>` followed by the path, which starts with a slash or is empty.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The data folder it was given unless the test set `DATA_DIR`.
    pub fn data_dir(&self) -> PathBuf {
        data_dir(self.server.folder())
    }

    /// A file of the data folder, when that is a [disk](ServiceBuilder::disk) of its own, while the service is started.
    pub fn on_its_disk(&self, name: &str) -> PathBuf {
        let id = self.pid().unwrap_or_else(|| panic!("{} does not run", self.name));
        let folder = self.data_dir();
        let folder = folder.strip_prefix("/").expect("the folder is absolute");
        Path::new("/proc").join(id.to_string()).join("root").join(folder).join(name)
    }

    /// `SIGKILL`; returns when the service is gone.
    pub fn kill(&self) {
        self.server.kill();
    }

    /// `SIGTERM`; answers the exit status when the service is gone: 0 after an orderly end, 128 + n when signal n
    /// ended it.
    pub fn terminate(&self) -> i32 {
        self.server.end(Signal::Terminate).unwrap_or_else(|| panic!("{} does not run", self.name))
    }

    /// `SIGSTOP`: it stands still, as in a virtual machine that is moved, until [`resume`](Self::resume).
    pub fn suspend(&self) {
        self.server.freeze();
    }

    /// `SIGCONT`: it continues where it stood.
    pub fn resume(&self) {
        self.server.thaw();
    }

    /// Sends a signal, such as `-HUP`, that does not end the service at once.
    pub fn signal(&self, signal: &str) {
        self.server.signal(signal);
    }

    /// Starts the service, killing it first if it runs, with the same data and port, and waits until it answers.
    pub fn restart(&self) {
        self.server.restart();
        self.await_health();
    }

    /// The same without waiting until it answers: for a service that only clients with TLS can ask.
    pub fn respawn(&self) {
        self.server.restart();
    }

    /// The process id while the service is started.
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// A figure of its memory in `/proc/<pid>/status`, such as `VmRSS:`, in bytes.
    pub fn memory(&self, figure: &str) -> u64 {
        let id = self.pid().unwrap_or_else(|| panic!("{} does not run", self.name));
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("the process runs");
        let line = status.lines().find(|line| line.starts_with(figure));
        let kibibytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kibibytes.unwrap_or_else(|| panic!("no {figure} in {status}")) << 10
    }

    /// Everything it printed so far, to both outputs, over all its starts.
    pub fn output(&self) -> String {
        self.server.log()
    }

    /// Waits until the service has logged this text, and answers everything it printed so far; panics when it does not log
    /// it. A thread of its own writes the log, somewhat later than what is logged.
    pub fn await_output(&self, text: &str) -> String {
        wait::until(START, || self.output().contains(text).then_some(()));
        let output = self.output();
        assert!(output.contains(text), "{} does not log {text:?}:\n{output}", self.name);
        output
    }

    /// Whether the service has ended by itself, waiting for that at most `limit`.
    pub fn ends_within(&self, limit: Duration) -> bool {
        wait::until(limit, || self.server.has_ended().then_some(())).is_some()
    }

    fn await_health(&self) {
        wait::until(START, || (self.is_live() || self.server.has_ended()).then_some(()));
        assert!(self.is_live(), "{} does not come up on {}", self.name, self.address);
    }

    fn is_live(&self) -> bool {
        let ask = || -> std::io::Result<bool> {
            let mut connection = TcpStream::connect_timeout(&self.address, Duration::from_secs(1))?;
            connection.set_read_timeout(Some(Duration::from_secs(2)))?;
            write!(connection, "GET /health/live HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address)?;
            let mut answer = [0; 12];
            connection.read_exact(&mut answer)?;
            Ok(&answer == b"HTTP/1.1 200")
        };
        ask().unwrap_or(false)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let output = self.output();
            let lines: Vec<_> = output.lines().collect();
            eprintln!("---- the last of {} lines of {} on {} ----", lines.len(), self.name, self.address);
            // What the test itself says must not be lost among them.
            for line in lines.iter().skip(lines.len().saturating_sub(LAST_LINES)) {
                eprintln!("{:.500}", line);
            }
        }
    }
}

/// A test has no load balancer that needs time to turn to another process.
fn preset(listen: &str, folder: &Path) -> [(String, OsString); 3] {
    [
        ("LISTEN_ADDR".to_owned(), listen.into()),
        ("DATA_DIR".to_owned(), data_dir(folder).into()),
        ("DRAIN_SECS".to_owned(), "0".into()),
    ]
}

fn data_dir(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// The program of a service, such as `storage-service`, built from the sources as they are now.
pub fn service_program(name: &str) -> PathBuf {
    binary(name)
}

/// Names a folder with binaries that are tested or measured instead, such as those of a release.
const SERVICES_FOLDER: &str = "TEST_SERVICES_FOLDER";

/// The binary of that name beside this test, in the same profile, built once in every process; cargo knows whether
/// there is something to do.
fn binary(name: &str) -> PathBuf {
    if let Some(folder) = env::var_os(SERVICES_FOLDER) {
        return Path::new(&folder).join(name);
    }
    static PROFILE_FOLDER: OnceLock<PathBuf> = OnceLock::new();
    PROFILE_FOLDER.get_or_init(build).join(name)
}

fn build() -> PathBuf {
    let test = env::current_exe().expect("a process knows its program");
    let folder = test
        .ancestors()
        .skip(1)
        .find(|folder| !folder.ends_with("deps") && !folder.ends_with("examples"))
        .expect("a test lies in the folder of its profile");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let mut command = Command::new(env!("CARGO"));
    // All at once, as the Makefile does it: another selection would mean other features, and a second build of the
    // dependencies.
    command.args(["build", "--quiet", "--profile", profile]);
    command.args(["--package", CHARACTER_SERVICE, "--package", STORAGE_SERVICE, "--package", MESSAGE_HUB, "--bins"]);
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).env("CARGO_TARGET_DIR", parent(folder));
    // What cargo tells a test about its own package would make build scripts run again.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
    crate::program::output_of(&mut command);
    folder.to_owned()
}

fn parent(folder: &Path) -> &Path {
    folder.parent().expect("the folder of a profile lies in the target folder")
}
