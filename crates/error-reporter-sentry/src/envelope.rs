//! A failure in the format of Sentry.

use character_error_reporter::Failure;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

/// The envelope of one failure: three lines, of which the last is the event.
pub(crate) fn envelope(failure: &Failure, release: &str, now: Timestamp) -> String {
    let id = Uuid::new_v4().simple().to_string();
    let event = event(failure, release, &id, now).to_string();
    let header = json!({ "event_id": id, "sent_at": now.to_string() });
    let item = json!({ "type": "event", "length": event.len(), "content_type": "application/json" });
    format!("{header}\n{item}\n{event}\n")
}

fn event(failure: &Failure, release: &str, id: &str, now: Timestamp) -> Value {
    let cause = failure.cause();
    // Sentry wants the first cause first.
    let exceptions: Vec<_> = failure
        .chain
        .messages()
        .iter()
        .rev()
        .map(|message| json!({ "type": failure.kind, "value": message }))
        .collect();
    let mut tags = json!({
        "operation": failure.operation,
        "kind": failure.kind,
        "outcome_unknown": failure.outcome_unknown.to_string(),
    });
    let optional = [
        ("entity_kind", failure.row.map(|row| row.kind.to_owned())),
        ("entity_id", failure.row.map(|row| row.id.to_string())),
        ("breaker", failure.breaker.map(str::to_owned)),
        ("request_id", failure.request_id.clone()),
    ];
    if let Value::Object(tags) = &mut tags {
        tags.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
    }
    let mut event = json!({
        "event_id": id,
        "timestamp": now.to_string(),
        "platform": "native",
        "level": "error",
        "logger": "character_error_report",
        "server_name": failure.service,
        "release": release,
        "transaction": failure.operation,
        "fingerprint": [cause.operation, cause.kind, cause.class],
        "exception": { "values": exceptions },
        "tags": tags,
        "extra": {
            "attempts": failure.attempts,
            "occurrences": failure.occurrences,
            "is_summary": failure.is_summary,
        },
    });
    if let (Some(trace), Value::Object(event)) = (&failure.trace_id, &mut event) {
        let span = Uuid::new_v4().simple().to_string().chars().take(16).collect::<String>();
        event.insert("contexts".to_owned(), json!({ "trace": { "trace_id": trace, "span_id": span } }));
    }
    event
}
