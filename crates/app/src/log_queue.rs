//! The way of log lines to the standard error output, which a stalled reader cannot turn into a stalled process.

use crate::{config::LogFormat, repetitions::Repetitions};
use prometheus_client::{metrics::counter::Counter, registry::Registry};
use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};
use tracing_subscriber::fmt::MakeWriter;

/// Maximum number of bytes that wait. As many again may be on their way to the reader.
const CAPACITY: usize = 2 * 1024 * 1024;

/// How long the first line waits for others, so that not every line costs a wake-up and a system call.
const GATHERING: Duration = Duration::from_millis(2);

/// How long a reader that is full for the moment is left alone before the next attempt.
const RETRY_AFTER: Duration = Duration::from_millis(10);

/// Takes lines without ever waiting for their reader: a thread of its own writes them, and a line that finds no room is
/// dropped and counted. Clones share the queue.
#[derive(Clone, Debug)]
pub(crate) struct LogQueue(Arc<Shared>, Arc<Repetitions>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Signals that lines came, or that all of them are written.
    changed: Condvar,
    dropped: Counter,
}

#[derive(Debug, Default)]
struct Queue {
    lines: Vec<u8>,
    /// Lines dropped since the last report of dropped lines.
    dropped: u64,
    is_writing: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogQueue {
    /// Starts the thread that writes to `output`. Reports of dropped lines have the format of the other lines;
    /// `repetitions` counts the lines that do not get here.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(crate) fn start(
        format: LogFormat,
        repetitions: Arc<Repetitions>,
        output: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let queue = Self(Arc::clone(&shared), repetitions);
        thread::Builder::new().name("log".to_owned()).spawn(move || write_lines(&shared, format, output))?;
        Ok(queue)
    }

    /// The count of lines that were repeated too often.
    pub(crate) fn repetitions(&self) -> Arc<Repetitions> {
        Arc::clone(&self.1)
    }

    /// Shows `log_lines_dropped_total` and `log_lines_held_back_total`.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Log lines that were dropped because their reader did not keep up";
        registry.register("log_lines_dropped", help, self.0.dropped.clone());
        self.1.register(registry);
    }

    /// Adds a line, which ends with a line feed, or drops it.
    pub(crate) fn push(&self, line: &[u8]) {
        let mut queue = self.0.lock();
        if queue.lines.len() + line.len() > CAPACITY {
            queue.dropped += 1;
            self.0.dropped.inc();
            return;
        }
        let was_empty = queue.lines.is_empty();
        queue.lines.extend_from_slice(line);
        drop(queue);
        if was_empty {
            self.0.changed.notify_all();
        }
    }

    /// Waits until every line is written, at most for `limit`.
    pub(crate) fn flush(&self, limit: Duration) {
        let is_busy = |queue: &mut Queue| queue.is_writing || !queue.lines.is_empty();
        // The lines that are left after the limit have no reader, so there is nothing to report it to.
        drop(self.0.changed.wait_timeout_while(self.0.lock(), limit, is_busy));
    }
}

impl Write for &LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogQueue {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> &'a Self {
        self
    }
}

fn write_lines(shared: &Shared, format: LogFormat, mut output: impl Write) {
    let mut batch = Vec::new();
    loop {
        let mut queue = shared.lock();
        queue.is_writing = false;
        shared.changed.notify_all();
        let waiting = |queue: &mut Queue| queue.lines.is_empty() && queue.dropped == 0;
        drop(shared.changed.wait_while(queue, waiting).unwrap_or_else(PoisonError::into_inner));
        pause(GATHERING);
        let mut queue = shared.lock();
        queue.is_writing = true;
        mem::swap(&mut queue.lines, &mut batch);
        let dropped = mem::take(&mut queue.dropped);
        drop(queue);
        if dropped > 0 {
            // The queue was full when they were dropped, so their place is behind all that is in the batch.
            batch.extend_from_slice(report_of(dropped, format).as_bytes());
        }
        let unwritten = write_all(&mut output, &batch);
        let lines = batch.iter().rev().take(unwritten).filter(|byte| **byte == b'\n').count();
        shared.dropped.inc_by(u64::try_from(lines).unwrap_or(u64::MAX));
        batch.clear();
    }
}

/// Writes the bytes; the result is the number of bytes that could not be written.
fn write_all(output: &mut impl Write, mut bytes: &[u8]) -> usize {
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(0) => break,
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Another process that shares the pipe may have made it non-blocking.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => pause(RETRY_AFTER),
            Err(_) => break,
        }
    }
    bytes.len()
}

#[expect(clippy::disallowed_methods, reason = "the thread of the log is no worker of a runtime")]
fn pause(time: Duration) {
    thread::sleep(time);
}

/// A line about the dropped lines. It does not go through the filter, which may let only the dropped lines pass.
fn report_of(dropped: u64, format: LogFormat) -> String {
    let time = jiff::Timestamp::now();
    let message = "log lines were dropped because their reader did not keep up";
    let target = module_path!();
    match format {
        LogFormat::Json => {
            let line = serde_json::json!({
                "timestamp": time.to_string(), "level": "WARN", "message": message, "dropped": dropped, "target": target,
            });
            format!("{line}\n")
        }
        LogFormat::Human => format!("{time}  WARN {target}: {message} dropped={dropped}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::mpsc::{Receiver, Sender, channel},
        time::Instant,
    };

    const PATIENCE: Duration = Duration::from_secs(20);

    /// A reader that takes one write after each permit, and reports what it took.
    struct Reader {
        permits: Receiver<()>,
        taken: Sender<Vec<u8>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.permits.recv().map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            self.taken.send(bytes.to_vec()).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn stalled(format: LogFormat) -> (LogQueue, Sender<()>, Receiver<Vec<u8>>) {
        let ((permit, permits), (taken, written)) = (channel(), channel());
        let repetitions = Arc::new(Repetitions::new(1));
        (LogQueue::start(format, repetitions, Reader { permits, taken }).unwrap(), permit, written)
    }

    /// Pushes more lines than fit while nothing is read.
    fn overflow(queue: &LogQueue) -> u64 {
        let line = [b"x".repeat(999), b"\n".to_vec()].concat();
        for _ in 0..3 * CAPACITY / line.len() {
            queue.push(&line);
        }
        queue.0.dropped.get()
    }

    #[test]
    fn a_stalled_reader_costs_lines_and_no_time_and_is_told_how_many_later() {
        for format in [LogFormat::Json, LogFormat::Human] {
            let (queue, permit, written) = stalled(format);
            let dropped = overflow(&queue);
            assert!(dropped > 0);
            let started = Instant::now();
            queue.flush(Duration::from_millis(50));
            assert!(started.elapsed() >= Duration::from_millis(50));
            // A writer that starts late may have found dropped lines twice.
            let (mut lines, mut reported) = (0, 0);
            while reported < dropped {
                permit.send(()).unwrap();
                let batch = String::from_utf8(written.recv_timeout(PATIENCE).unwrap()).unwrap();
                let (reports, others): (Vec<_>, Vec<_>) = batch.lines().partition(|line| line.contains("were dropped"));
                lines += u64::try_from(others.len()).unwrap();
                reported += reports.iter().map(|report| count(report, format).unwrap()).sum::<u64>();
            }
            assert_eq!(reported, dropped);
            assert_eq!(lines + dropped, u64::try_from(3 * CAPACITY / 1000).unwrap());
        }
    }

    fn count(report: &str, format: LogFormat) -> Option<u64> {
        match format {
            LogFormat::Json => serde_json::from_str::<serde_json::Value>(report).ok()?["dropped"].as_u64(),
            LogFormat::Human => report.rsplit_once("dropped=")?.1.parse().ok(),
        }
    }

    #[test]
    fn flushing_waits_until_the_last_line_is_written() {
        let (queue, permit, written) = stalled(LogFormat::Human);
        queue.push(b"last\n");
        permit.send(()).unwrap();
        queue.flush(PATIENCE);
        assert_eq!(written.try_recv().unwrap(), b"last\n");
    }

    #[test]
    fn lines_for_a_reader_that_is_gone_are_counted_as_dropped() {
        let (queue, permit, _) = stalled(LogFormat::Human);
        drop(permit);
        queue.push(b"one\ntwo\n");
        queue.flush(PATIENCE);
        assert_eq!(queue.0.dropped.get(), 2);
    }
}
