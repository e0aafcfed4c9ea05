//! What the follower logs. A file of its own, because what is logged belongs to the whole process.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod common;

use character_cache::CacheOptions;
use common::{Scripted, log::Hearing, pass, process_that_hears};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tracing::{Event, Metadata, Subscriber, field::Visit, span};

/// Notes the texts of what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>, Arc<AtomicU64>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("character_cache")
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(self.1.fetch_add(1, Ordering::SeqCst) + 1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        struct Message<'a>(&'a Lines);
        impl Visit for Message<'_> {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0.0.lock().expect("no panic holds it").push(format!("{value:?}"));
                }
            }
        }
        event.record(&mut Message(self));
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_log_is_logged_once_and_so_is_its_end() {
    let lines = Lines::default();
    let _logged = tracing::subscriber::set_default(lines.clone());
    let storage = Scripted::default();
    let (_cache, log) = process_that_hears(&storage, CacheOptions::default(), None).await;
    for outage in 1..=2 {
        log.hear(Hearing::Unheard);
        pass(Duration::from_secs(60)).await;
        log.hear(Hearing::Good);
        pass(Duration::from_secs(60)).await;
        let lines = lines.0.lock().unwrap();
        let count = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
        assert_eq!((count("is not heard"), count("is heard again"), lines.len()), (outage, outage, 2 * outage));
    }
}
