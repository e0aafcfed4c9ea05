//! The processor time of processes.

use std::fs;
use std::time::Duration;

/// Ticks of `/proc/<pid>/stat` in a second, on every Linux that Rust supports.
const TICKS: u64 = 100;

/// The processor time of these processes and of their children so far, with that of children that have ended, in steps of 10 ms.
pub fn processor_time(pids: &[u32]) -> Duration {
    let all = fs::read_dir("/proc").expect("every Linux has it").flatten().filter_map(|entry| stat(&entry));
    let is_wanted = |pid: u32, parent: u32| pids.contains(&pid) || pids.contains(&parent);
    let ticks: u64 = all.filter(|(pid, parent, _)| is_wanted(*pid, *parent)).map(|(_, _, ticks)| ticks).sum();
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
