use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(20);

/// Asks until the answer is something, at most for `limit`.
#[expect(clippy::disallowed_methods, reason = "a fixture blocks its test; no runtime is involved")]
pub(crate) fn until<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Waits until a process that was sent `SIGSTOP` stands still: the signal is sent before its threads have stopped.
pub(crate) fn until_stopped(id: u32) {
    let is_stopped = |thread: std::io::Result<std::fs::DirEntry>| {
        // The name stands between parentheses, before the state. A thread that has just ended is missing.
        let text = thread.and_then(|thread| std::fs::read_to_string(thread.path().join("stat"))).unwrap_or_default();
        text.is_empty() || text.rsplit(')').next().is_some_and(|rest| rest.starts_with(" T"))
    };
    let stands_still = || {
        let mut threads = std::fs::read_dir(format!("/proc/{id}/task")).expect("the process runs");
        threads.all(is_stopped).then_some(())
    };
    assert!(until(Duration::from_secs(30), stands_still).is_some(), "process {id} does not stop");
}
