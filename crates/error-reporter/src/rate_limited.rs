//! The limit of reports for one cause.

use crate::{Cause, ErrorReporter, Failure};
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// The clock; [`Instant::now`] outside of tests.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// How long failures of one cause are counted together.
const WINDOW: Duration = Duration::from_secs(60);
/// Maximum number of separate causes; all further ones share one.
const CAUSES: usize = 256;

/// Reports at most a fixed number of failures of one [`Cause`] in a minute, and after that minute one summary with the
/// number of those held back.
///
/// A summary is sent with the next failure, or with [`flush`](Self::flush), which must be called periodically.
pub struct RateLimited<R> {
    inner: R,
    per_minute: AtomicU64,
    clock: Clock,
    windows: Mutex<HashMap<Cause, Window>>,
    reported: AtomicU64,
    held_back: AtomicU64,
}

struct Window {
    began: Instant,
    reported: u64,
    held_back: u64,
    /// The last one held back, which stands for the others in the summary.
    last: Option<Failure>,
}

impl Window {
    fn summary(self) -> Option<Failure> {
        self.last.map(|last| Failure { occurrences: self.held_back, is_summary: true, ..last })
    }
}

impl<R> fmt::Debug for RateLimited<R>
where
    R: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("RateLimited");
        text.field("inner", &self.inner).field("per_minute", &self.per_minute).finish_non_exhaustive()
    }
}

impl<R: ErrorReporter> RateLimited<R> {
    /// Passes at most `per_minute` failures of one cause to `inner`.
    #[must_use]
    pub fn new(inner: R, per_minute: u32, clock: Clock) -> Self {
        let windows = Mutex::new(HashMap::new());
        let (reported, held_back) = (AtomicU64::default(), AtomicU64::default());
        Self { inner, per_minute: AtomicU64::new(per_minute.into()), clock, windows, reported, held_back }
    }

    /// Passes at most this number of failures of one cause from now on.
    pub fn set_per_minute(&self, per_minute: u32) {
        self.per_minute.store(per_minute.into(), Ordering::Relaxed);
    }

    /// The number of failures reported one by one so far.
    #[must_use]
    pub fn reported(&self) -> u64 {
        self.reported.load(Ordering::Relaxed)
    }

    /// The number of failures held back so far.
    #[must_use]
    pub fn held_back(&self) -> u64 {
        self.held_back.load(Ordering::Relaxed)
    }

    /// Sends the summaries of all minutes that are over.
    pub fn flush(&self) {
        let now = (self.clock)();
        let summaries = ended(&mut self.windows(), now);
        self.report_all(&summaries);
    }

    /// Sends the summaries of all minutes, including the current one: before the process ends.
    pub fn finish(&self) {
        let windows = std::mem::take(&mut *self.windows());
        self.report_all(&windows.into_values().filter_map(Window::summary).collect::<Vec<_>>());
    }

    fn windows(&self) -> MutexGuard<'_, HashMap<Cause, Window>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report_all(&self, failures: &[Failure]) {
        for failure in failures {
            self.inner.report(failure);
        }
    }
}

/// Removes the windows that are over, and returns what they held back.
fn ended(windows: &mut HashMap<Cause, Window>, now: Instant) -> Vec<Failure> {
    let over = |window: &Window| now.saturating_duration_since(window.began) >= WINDOW;
    windows.extract_if(|_, window| over(window)).filter_map(|(_, window)| window.summary()).collect()
}

impl<R: ErrorReporter> ErrorReporter for RateLimited<R> {
    fn report(&self, failure: &Failure) {
        let (now, mut cause) = ((self.clock)(), failure.cause());
        let mut windows = self.windows();
        let mut telling = ended(&mut windows, now);
        if windows.len() >= CAUSES && !windows.contains_key(&cause) {
            cause = Cause { operation: "other", kind: "other", class: String::new() };
        }
        let window = windows.entry(cause).or_insert(Window { began: now, reported: 0, held_back: 0, last: None });
        if window.reported < self.per_minute.load(Ordering::Relaxed) {
            window.reported += 1;
            self.reported.fetch_add(failure.occurrences, Ordering::Relaxed);
            telling.push(failure.clone());
        } else {
            window.held_back += failure.occurrences;
            window.last = Some(failure.clone());
            self.held_back.fetch_add(failure.occurrences, Ordering::Relaxed);
        }
        // The reporter may take its time; other failures need not wait for it.
        drop(windows);
        self.report_all(&telling);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Kept, failure};

    struct Time(Arc<Mutex<Instant>>);

    impl Time {
        fn passes(&self, seconds: u64) {
            *self.0.lock().unwrap() += Duration::from_secs(seconds);
        }
    }

    fn limited(per_minute: u32) -> (RateLimited<Arc<Kept>>, Arc<Kept>, Time) {
        let (kept, now) = (Arc::new(Kept::default()), Arc::new(Mutex::new(Instant::now())));
        let clock = Arc::clone(&now);
        let clock: Clock = Arc::new(move || *clock.lock().unwrap());
        (RateLimited::new(Arc::clone(&kept), per_minute, clock), kept, Time(now))
    }

    #[test]
    fn so_many_are_told_and_after_the_minute_one_summary_of_the_rest() {
        let (reporter, kept, time) = limited(3);
        for port in 0..100 {
            reporter.report(&failure(&format!("refused by 127.0.0.1:{port}")));
        }
        assert_eq!((kept.all().len(), reporter.reported(), reporter.held_back()), (3, 3, 97));
        time.passes(59);
        reporter.flush();
        assert_eq!(kept.all().len(), 3, "the minute is not over");
        time.passes(1);
        reporter.flush();
        let all = kept.all();
        assert_eq!(all.len(), 4);
        let summary = all.last().unwrap();
        assert_eq!((summary.is_summary, summary.occurrences), (true, 97));
        assert_eq!(summary.chain.innermost(), "refused by 127.0.0.1:99");
        reporter.flush();
        assert_eq!(kept.all().len(), 4, "a summary is reported once");
    }

    #[test]
    fn the_next_failure_brings_the_summary_of_the_last_minute_and_is_told_itself() {
        let (reporter, kept, time) = limited(1);
        (0..5).for_each(|_| reporter.report(&failure("down")));
        time.passes(61);
        reporter.report(&failure("down"));
        let reported: Vec<_> = kept.all().iter().map(|failure| (failure.is_summary, failure.occurrences)).collect();
        assert_eq!(reported, [(false, 1), (true, 4), (false, 1)]);
    }

    #[test]
    fn one_cause_does_not_silence_another() {
        let (reporter, kept, _time) = limited(1);
        for message in ["down", "down", "slow", "slow"] {
            reporter.report(&failure(message));
        }
        let other_operation = Failure { operation: "commit", ..failure("down") };
        reporter.report(&other_operation);
        assert_eq!(kept.all().len(), 3);
    }

    #[test]
    fn failures_that_came_together_count_as_many() {
        let (reporter, kept, time) = limited(1);
        (0..3).for_each(|_| reporter.report(&Failure { occurrences: 500, ..failure("down") }));
        time.passes(60);
        reporter.flush();
        assert_eq!(kept.all().iter().map(|failure| failure.occurrences).sum::<u64>(), 1500);
    }

    #[test]
    fn no_number_of_causes_makes_it_grow_and_none_goes_uncounted() {
        let (reporter, kept, _time) = limited(1);
        let word = |n: u32| n.to_string().bytes().map(|digit| char::from(digit + b'a' - b'0')).collect::<String>();
        for n in 0..5_000 {
            reporter.report(&failure(&word(n)));
        }
        assert_eq!(reporter.windows().len(), CAUSES + 1);
        reporter.finish();
        assert!(reporter.windows().is_empty());
        assert_eq!(kept.all().iter().map(|failure| failure.occurrences).sum::<u64>(), 5_000);
    }
}
