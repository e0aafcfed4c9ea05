//! What the hub receives of a failed operation, and that no caller waits for it.

use character_error_reporter::{Chain, ErrorReporter, Failure, Redactor};
use character_error_reporter_hub::{ERROR_REPORTED, HubReporter};
use character_message_hub::MemoryHub;
use character_message_hub_testkit::{Call, ScriptedHub, Step};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep};

fn failure(text: &str) -> Failure {
    let redactor = Redactor::new(["hunter2".to_owned().into()]);
    let chain = Chain::of(&std::io::Error::other(text.to_owned()), &redactor);
    Failure { request_id: Some("request-1".to_owned()), ..Failure::new("storage-service", "commit", "timeout", chain) }
}

#[tokio::test(start_paused = true)]
async fn a_report_is_an_event_of_the_service_without_secrets() {
    let hub = MemoryHub::new();
    let reporter = HubReporter::new(Arc::new(hub.clone()), Some("urn:schemas:report".into()));
    reporter.report(&failure("password hunter2 was refused"));
    sleep(Duration::from_secs(1)).await;
    let events = hub.published();
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!(
        (event.event_type(), event.source(), event.subject(), event.schema()),
        (ERROR_REPORTED, "/storage-service", Some("storage-service"), Some("urn:schemas:report"))
    );
    let data = event.json().unwrap();
    assert_eq!(
        (&data["operation"], &data["kind"], &data["request_id"]),
        (&"commit".into(), &"timeout".into(), &"request-1".into())
    );
    assert!(!data.to_string().contains("hunter2"), "{data}");
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_hangs_costs_callers_nothing_and_reports_beyond_the_queue_are_dropped() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let hub = ScriptedHub::over(MemoryHub::new(), move |call| {
        let Call::Publish(messages) = call else { unreachable!("a reporter publishes alone") };
        counted.fetch_add(messages.len(), Ordering::Relaxed);
        Step::Hang
    });
    let reporter = HubReporter::new(Arc::new(hub), None);
    let begin = Instant::now();
    for _ in 0..1_000 {
        reporter.report(&failure("down"));
    }
    assert_eq!(begin.elapsed(), Duration::ZERO);
    sleep(Duration::from_secs(600)).await;
    assert_eq!(asked.load(Ordering::Relaxed), 64, "what the queue holds is tried once, and the rest is dropped");
}
