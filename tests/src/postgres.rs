use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::supervisor::{Program, Supervised, private_folder};
use crate::{Signal, free_port, program, wait};

const START: Duration = Duration::from_secs(60);
const SUPERUSER: &str = "postgres";

/// A PostgreSQL server of its own, made for speed: it survives its own crash, not one of the machine.
#[derive(Debug)]
pub struct PostgresServer {
    server: Supervised,
    programs: PathBuf,
    port: u16,
}

impl PostgresServer {
    /// A new server with one empty database, `postgres`.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A new server with further settings, such as `["max_connections=5"]`.
    pub fn start_with(settings: &[&str]) -> Self {
        Self::over(settings, |folder, account, programs, data| {
            let initdb = account
                .run(&programs.join("initdb"))
                .arguments(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"])
                .arguments(["--username", SUPERUSER, "--pgdata"])
                .arguments([data]);
            output_of(&initdb, folder);
        })
    }

    /// A new server with data that `fill` makes in the folder of its last argument.
    fn over(settings: &[&str], fill: impl FnOnce(&Path, &Account, &Path, &Path)) -> Self {
        let programs = program::postgres_folder();
        let folder = private_folder("postgres");
        let data = folder.join("data");
        let port = free_port();
        let account = Account::of_the_server(&folder);

        // The log of the default settings takes a gigabyte of disk before its first checkpoint.
        let log = ["max_wal_size=96MB", "min_wal_size=32MB"];
        let defaults = ["fsync=off", "full_page_writes=off", "max_connections=300"];
        let server = account
            .run(&programs.join("postgres"))
            .arguments(["-D".as_ref(), data.as_os_str(), "-k".as_ref(), folder.as_os_str()])
            .arguments(["-h", "127.0.0.1", "-p", &port.to_string()])
            .arguments(defaults.iter().chain(&log).chain(settings).flat_map(|setting| ["-c", setting]));
        // The supervisor comes before the first file, so that the folder goes away also when we are killed here.
        let server = Supervised::new(folder.clone(), &server);
        fill(&folder, &account, &programs, &data);
        let postgres = Self { server, programs, port };
        postgres.resume();
        postgres
    }

    /// A new server that follows this one. From now on this one acknowledges a commit when both have it.
    pub fn synchronous_standby(&self) -> Self {
        let source = format!("host=127.0.0.1 port={} user={SUPERUSER} application_name=standby", self.port);
        let standby = Self::over(&[], |folder, account, programs, data| {
            let copy = account
                .run(&programs.join("pg_basebackup"))
                .arguments(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"])
                .arguments(["--dbname", &source, "--pgdata"])
                .arguments([data]);
            output_of(&copy, folder);
        });
        self.query("ALTER SYSTEM SET synchronous_standby_names = 'standby'");
        self.query("SELECT pg_reload_conf()");
        let state = || self.query("SELECT sync_state FROM pg_stat_replication WHERE application_name = 'standby'");
        let follows = wait::until(START, || (state() == "sync").then_some(()));
        assert!(follows.is_some(), "the standby does not follow:\n{}", standby.log());
        standby
    }

    /// A new server that keeps every piece of its write-ahead log, for [`recover_to`](Self::recover_to).
    pub fn start_with_archive() -> Self {
        // The server runs in its folder of data.
        let archive = "archive_command=mkdir -p ../archive && cp %p ../archive/%f";
        Self::start_with(&["archive_mode=on", archive])
    }

    /// A copy of all its data, from which [`recover_to`](Self::recover_to) begins.
    pub fn base_backup(&self) {
        let folder = self.server.folder();
        let source = format!("host=127.0.0.1 port={} user={SUPERUSER}", self.port);
        let copy = Account::of_the_folder(folder)
            .run(&self.programs.join("pg_basebackup"))
            .arguments(["--wal-method=none", "--checkpoint=fast", "--no-sync", "--dbname", &source, "--pgdata"])
            .arguments([folder.join("base")]);
        output_of(&copy, folder);
    }

    /// Stops the server, and starts it again with the data of this time, such as `2026-01-31 12:00:00.5+00`: the base backup,
    /// and what the archive has up to then.
    pub fn recover_to(&self, time: &str) {
        self.stop();
        let folder = self.server.folder();
        let (data, base) = (folder.join("data"), folder.join("base"));
        fs::rename(&data, folder.join("old")).expect("the server is stopped");
        fs::rename(&base, &data).expect("there is a base backup");
        let settings = format!(
            "restore_command = 'cp ../archive/%f %p'\nrecovery_target_time = '{time}'\n\
             recovery_target_action = 'promote'\n"
        );
        let mut file =
            fs::OpenOptions::new().append(true).open(data.join("postgresql.auto.conf")).expect("it is there");
        file.write_all(settings.as_bytes()).expect("the file is ours");
        let signal = data.join("recovery.signal");
        fs::write(&signal, "").expect("the folder is ours");
        Self::give(&signal);
        self.resume();
        let recovered = wait::until(START, || (self.query("SELECT pg_is_in_recovery()") == "f").then_some(()));
        assert!(recovered.is_some(), "the recovery does not end:\n{}", self.log());
    }

    /// Makes a standby the primary; returns when it takes writes.
    pub fn promote(&self) {
        assert_eq!(self.query("SELECT pg_promote(true, 60)"), "t", "{}", self.log());
    }

    /// `SIGSTOP` to every process of the server: connections stay, and nothing answers, as when a machine hangs. They go on
    /// when the result is dropped.
    pub fn freeze(&self) -> FrozenPostgres {
        let main = self.pid().expect("the server runs");
        // First the one that starts the others.
        self.server.freeze();
        let children = fs::read_to_string(format!("/proc/{main}/task/{main}/children")).expect("the server runs");
        let children: Vec<_> = children.split_whitespace().map(str::to_owned).collect();
        signal("-STOP", &children);
        FrozenPostgres { processes: std::iter::once(main.to_string()).chain(children).collect() }
    }

    /// Gives a file that only its owner may read to the account that the servers run as.
    pub fn give(file: &Path) {
        Account::of_the_server(file);
    }

    /// The one server that the tests of this process share, each in a schema of its own. Do not kill it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<PostgresServer> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// `postgres://postgres@127.0.0.1:<port>/postgres`.
    pub fn url(&self) -> String {
        format!("postgres://{SUPERUSER}@127.0.0.1:{}/postgres", self.port)
    }

    /// The same database over the Unix socket of the server: `postgres:///postgres?host=<folder>&port=<port>&user=postgres`.
    pub fn socket_url(&self) -> String {
        let folder = self.server.folder().display();
        format!("postgres:///postgres?host={folder}&port={}&user={SUPERUSER}", self.port)
    }

    /// The URL of a new empty schema, equivalent to a separate database.
    pub fn fresh_schema_url(&self) -> String {
        let schema = format!("test_{}", uuid::Uuid::new_v4().simple());
        self.query(&format!("CREATE SCHEMA {schema}"));
        format!("{}?options=-c%20search_path%3D{schema}", self.url())
    }

    /// Runs one SQL statement through `psql` and answers its rows, one a line, columns separated by `|`.
    pub fn query(&self, statement: &str) -> String {
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]);
        command.args(["--dbname", &self.url(), "--command", statement]);
        program::output_of(&mut command).trim_end().to_owned()
    }

    /// What `pg_dump` writes of the schema of a [`fresh_schema_url`](Self::fresh_schema_url), with further options such as
    /// `["--data-only"]`.
    pub fn dump(&self, schema_url: &str, options: &[&str]) -> String {
        let mut command = Command::new(self.programs.join("pg_dump"));
        command.args(options).args(["--schema", schema_of(schema_url), "--dbname", &self.url()]);
        program::output_of(&mut command)
    }

    /// Runs a script, such as a dump, in one transaction.
    pub fn run_script(&self, script: &str) {
        let folder = private_folder("script");
        let file = folder.join("script.sql");
        fs::write(&file, script).expect("the folder was just made");
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--single-transaction"]);
        program::output_of(command.args(["--dbname", &self.url(), "--file"]).arg(&file));
        fs::remove_dir_all(folder).expect("the folder is ours");
    }

    /// The TCP port on `127.0.0.1`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `SIGKILL` to the main process; every connection breaks.
    pub fn kill(&self) {
        self.server.kill();
    }

    /// An orderly stop that breaks every connection.
    pub fn stop(&self) {
        self.server.end(Signal::Interrupt);
    }

    /// Starts the server, killing it first if it runs, and waits until it accepts connections.
    pub fn restart(&self) {
        self.server.kill();
        self.resume();
    }

    /// Everything the server printed so far.
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// The process id of the main process while the server is started.
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    fn resume(&self) {
        let end = Instant::now() + START;
        loop {
            self.server.start();
            let left = end.saturating_duration_since(Instant::now());
            wait::until(left, || (self.accepts() || self.server.has_ended()).then_some(()));
            if self.accepts() {
                return;
            }
            assert!(Instant::now() < end, "PostgreSQL does not come up on port {}:\n{}", self.port, self.log());
            // After a kill, the memory of the old server stays until its last child has noticed: try again until then.
            self.server.kill();
            wait::until(Duration::from_millis(200), || None::<()>);
        }
    }

    fn accepts(&self) -> bool {
        Command::new(self.programs.join("pg_isready"))
            .args(["--quiet", "--host=127.0.0.1", "--port", &self.port.to_string(), "--timeout=1"])
            .status()
            .is_ok_and(|status| status.success())
    }
}

/// A server whose processes stand still until this is dropped.
#[derive(Debug)]
pub struct FrozenPostgres {
    processes: Vec<String>,
}

impl Drop for FrozenPostgres {
    fn drop(&mut self) {
        signal("-CONT", &self.processes);
    }
}

/// To those that still run.
fn signal(signal: &str, processes: &[String]) {
    for process in processes {
        let sent = Command::new("kill").args([signal, process]).output();
        assert!(sent.is_ok(), "{sent:?}");
    }
}

/// Runs a program of PostgreSQL to its end.
fn output_of(program: &Program, folder: &Path) {
    let mut command = Command::new(&program.path);
    command.args(&program.arguments).current_dir(folder);
    Program::clean(&mut command, &program.environment);
    program::output_of(&mut command);
}

/// The name of the schema that such a URL selects.
fn schema_of(url: &str) -> &str {
    url.rsplit("%3D").next().unwrap_or_default()
}

/// The account that a server runs as: PostgreSQL and PgBouncer refuse to run as root.
pub(crate) enum Account {
    Ours,
    Other { user: u32, group: u32 },
}

impl Account {
    /// The account that owns the folder.
    fn of_the_folder(folder: &Path) -> Self {
        match fs::metadata(folder).expect("the folder is there") {
            owner if owner.uid() == fs::metadata("/proc/self").expect("a process knows itself").uid() => Self::Ours,
            owner => Self::Other { user: owner.uid(), group: owner.gid() },
        }
    }

    /// Our own account, or, when that is root, an unprivileged one that now owns the folder.
    pub(crate) fn of_the_server(folder: &Path) -> Self {
        let owner = fs::metadata(folder).expect("the folder was just made").uid();
        if owner != 0 {
            return Self::Ours;
        }
        let id = |option: &str, user: &str| -> Option<u32> {
            let output = Command::new("id").args([option, user]).output().ok()?;
            String::from_utf8(output.stdout).ok()?.trim().parse().ok()
        };
        let (user, group) = ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| Some((id("-u", name)?, id("-g", name)?)))
            .expect("PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`");
        chown(folder, Some(user), Some(group)).expect("root may give its folder away");
        Self::Other { user, group }
    }

    /// The program as run by this account.
    pub(crate) fn run(&self, path: &Path) -> Program {
        match self {
            Self::Ours => Program::new(path),
            Self::Other { user, group } => Program::new(program::required("setpriv", "util-linux"))
                .arguments([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".into()])
                .arguments([path]),
        }
    }
}
