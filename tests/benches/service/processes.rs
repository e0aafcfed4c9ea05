//! The processes of the benchmark, and their processor time.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Ticks of `/proc/<pid>/stat` in a second, on every Linux that Rust supports.
const TICKS: u64 = 100;

/// A server of the benchmark itself, as a process of its own; ended when dropped.
pub(crate) struct Floor {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Floor {
    /// Starts this program again as that server.
    pub(crate) fn start(role: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(role).envs(environment.iter().copied()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().parse().unwrap_or_else(|_| panic!("{role} does not come up: {line:?}"));
        Self { child, address }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// The processor time of these processes and of their children so far, with that of children that have ended.
pub(crate) fn processor_time(pids: &[u32]) -> Duration {
    let all: Vec<(u32, u32, u64)> = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| stat(&entry)).collect();
    let is_wanted = |pid: u32, parent: u32| pids.contains(&pid) || pids.contains(&parent);
    let ticks: u64 = all.iter().filter(|(pid, parent, _)| is_wanted(*pid, *parent)).map(|(_, _, ticks)| ticks).sum();
    Duration::from_millis(ticks * (1000 / TICKS))
}

/// The id, the parent and the ticks of a process.
fn stat(entry: &fs::DirEntry) -> Option<(u32, u32, u64)> {
    let pid = entry.file_name().to_str()?.parse().ok()?;
    let text = fs::read_to_string(entry.path().join("stat")).ok()?;
    // The name of the program stands in parentheses and may contain anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let ticks = number(11)? + number(12)? + number(13)? + number(14)?;
    Some((pid, u32::try_from(number(1)?).ok()?, ticks))
}
