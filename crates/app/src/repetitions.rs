//! Warnings and errors that come again and again: a few are logged, the others are counted.

use prometheus_client::{metrics::counter::Counter, registry::Registry};
use std::{
    collections::HashMap,
    fmt::{self, Write as _},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tracing::{
    Event, Level,
    callsite::Identifier,
    field::{Field, Visit},
};

/// How long lines are counted together.
const WINDOW: Duration = Duration::from_secs(60);
/// Maximum number of different lines that are counted; all further ones are logged.
const MOST: usize = 256;
/// Lines that have a limit of their own, or whose number is the message: reports of failed operations, and what operators
/// order.
const UNLIMITED: [&str; 3] = ["character_error_report", "character_admin", SUMMARY];
/// The target of the lines that report how many were held back.
const SUMMARY: &str = "character_log";

/// Counts the lines of level `WARN` and `ERROR` that say the same about the same cause. Numbers and ids do not make a line
/// another one.
#[derive(Debug)]
pub(crate) struct Repetitions {
    per_minute: u32,
    windows: Mutex<HashMap<Key, Window>>,
    held_back: Counter,
}

/// The place in the code, and what the line says besides numbers.
type Key = (Identifier, String);

#[derive(Debug)]
struct Window {
    began: Instant,
    logged: u32,
    held_back: u64,
    level: Level,
}

impl Repetitions {
    /// Lets `per_minute` equal lines pass in a minute.
    pub(crate) fn new(per_minute: u32) -> Self {
        Self { per_minute, windows: Mutex::default(), held_back: Counter::default() }
    }

    /// Shows `log_lines_held_back_total`.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Warnings and errors that were not logged one by one, because they were repeated too often";
        registry.register("log_lines_held_back", help, self.held_back.clone());
    }

    fn windows(&self) -> MutexGuard<'_, HashMap<Key, Window>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the line of an event. Returns whether it is not to be written.
    pub(crate) fn hold_back(&self, event: &Event<'_>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN || UNLIMITED.contains(&metadata.target()) {
            return false;
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.count((metadata.callsite(), without_numbers(&text.0)), *metadata.level(), Instant::now())
    }

    fn count(&self, key: Key, level: Level, now: Instant) -> bool {
        let mut windows = self.windows();
        if windows.len() >= MOST && !windows.contains_key(&key) {
            windows.retain(|_, window| window.held_back > 0 || !window.is_over(now));
            if windows.len() >= MOST {
                return false;
            }
        }
        let window = windows.entry(key).or_insert(Window { began: now, logged: 0, held_back: 0, level });
        if window.is_over(now) && window.held_back == 0 {
            (window.began, window.logged) = (now, 0);
        }
        if window.logged < self.per_minute {
            window.logged += 1;
            return false;
        }
        window.held_back += 1;
        self.held_back.inc();
        true
    }

    /// What was held back in the windows that are over, which begin again with the next line.
    fn due(&self, now: Instant, all: Due) -> Vec<(Level, u64, String)> {
        let mut due = Vec::new();
        self.windows().retain(|(_, text), window| {
            let ends = all == Due::All || window.is_over(now);
            if ends && window.held_back > 0 {
                due.push((window.level, window.held_back, text.clone()));
            }
            !ends
        });
        due
    }

    /// Logs how many lines were held back. Must be called every few seconds, and at the end with [`Due::All`].
    pub(crate) fn summarize(&self, all: Due) {
        for (level, held_back, text) in self.due(Instant::now(), all) {
            if level == Level::ERROR {
                tracing::error!(target: SUMMARY, held_back, repeated = text, "an error was repeated");
            } else {
                tracing::warn!(target: SUMMARY, held_back, repeated = text, "a warning was repeated");
            }
        }
    }
}

/// Which windows are summarized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Those that are over.
    Over,
    /// All, since no more lines come.
    All,
}

impl Window {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.began) >= WINDOW
    }
}

/// The fields of an event as one text.
struct Text(String);

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let before = if self.0.is_empty() { "" } else { " " };
        // A string takes whatever is written.
        let _ = match field.name() {
            "message" => write!(self.0, "{before}{value:?}"),
            name => write!(self.0, "{before}{name}={value:?}"),
        };
    }
}

/// The text with each word that has a digit replaced by `#`.
fn without_numbers(text: &str) -> String {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_of_word(c) != is_of_word(first)).unwrap_or(rest.len());
        let (part, left) = rest.split_at(end);
        let is_number = is_of_word(first) && part.bytes().any(|byte| byte.is_ascii_digit());
        shown.push_str(if is_number { "#" } else { part });
        rest = left;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tracing::subscriber::with_default;
    use tracing_subscriber::{
        Layer,
        layer::{Context, SubscriberExt},
    };

    /// Notes for each event whether it was held back.
    struct Noted(Arc<Repetitions>, Arc<Mutex<Vec<bool>>>);

    impl<S: tracing::Subscriber> Layer<S> for Noted {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let held_back = self.0.hold_back(event);
            self.1.lock().unwrap().push(held_back);
        }
    }

    fn noted(repetitions: &Arc<Repetitions>, lines: impl FnOnce()) -> Vec<bool> {
        let seen = Arc::<Mutex<Vec<bool>>>::default();
        with_default(tracing_subscriber::registry().with(Noted(Arc::clone(repetitions), Arc::clone(&seen))), lines);
        let seen = seen.lock().unwrap();
        seen.clone()
    }

    #[test]
    fn a_warning_that_differs_in_ids_alone_is_logged_twice_and_then_counted() {
        let repetitions = Arc::new(Repetitions::new(2));
        let warn = |reason: &str| tracing::warn!(reason, id = %uuid::Uuid::new_v4(), "the storage failed");
        let held_back = noted(&repetitions, || {
            for reason in ["refused", "refused", "refused", "no answer in 3 s", "no answer in 4 s", "no answer in 5 s"]
            {
                warn(reason);
            }
        });
        assert_eq!(held_back, [false, false, true, false, false, true]);
        assert_eq!(repetitions.held_back.get(), 2);
        let mut due = repetitions.due(Instant::now() + WINDOW, Due::Over);
        due.sort();
        let texts: Vec<_> = due.iter().map(|(_, number, text)| (*number, text.as_str())).collect();
        let expected = ["the storage failed reason=no answer in # s id=#", "the storage failed reason=refused id=#"];
        assert_eq!(texts, expected.map(|text| (1, text)));
        assert_eq!(noted(&repetitions, || warn("refused")), [false], "a new minute has begun");
    }

    #[test]
    fn what_is_no_warning_and_what_has_a_limit_of_its_own_always_passes() {
        let repetitions = Arc::new(Repetitions::new(1));
        let held_back = noted(&repetitions, || {
            for _ in 0..3 {
                tracing::info!("as usual");
                tracing::error!(target: "character_error_report", "an operation failed");
                tracing::warn!(target: "character_admin", "the breaker was set");
            }
        });
        assert_eq!(held_back, [false; 9]);
        assert_eq!(repetitions.due(Instant::now() + WINDOW, Due::All), []);
    }

    #[test]
    fn more_different_warnings_than_are_counted_are_all_logged() {
        let repetitions = Repetitions::new(1);
        let key = |text: String| {
            let mut found = None;
            let arc = Arc::new(Repetitions::new(1));
            noted(&arc, || tracing::warn!("one"));
            arc.windows().keys().for_each(|(callsite, _)| found = Some(callsite.clone()));
            (found.unwrap(), text)
        };
        let now = Instant::now();
        for number in 0..MOST + 10 {
            assert!(!repetitions.count(key(format!("line {number}")), Level::WARN, now), "{number}");
        }
        assert_eq!(repetitions.windows().len(), MOST);
        assert!(!repetitions.count(key("a late one".to_owned()), Level::WARN, now + WINDOW));
        assert_eq!(repetitions.windows().len(), 1, "what is over makes room");
    }
}
