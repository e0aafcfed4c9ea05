//! Failures as log lines.

use crate::{ErrorReporter, Failure};

/// Writes each failure as one structured log line of level `error` and target `character_error_report`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log;

impl ErrorReporter for Log {
    fn report(&self, failure: &Failure) {
        let message = if failure.is_summary {
            "operations failed for the same cause and were not told one by one"
        } else {
            "an operation failed"
        };
        tracing::error!(
            target: "character_error_report",
            service = failure.service,
            operation = failure.operation,
            kind = failure.kind,
            error = %failure.chain,
            entity_kind = failure.row.map(|row| row.kind),
            entity_id = failure.row.map(|row| tracing::field::display(row.id)),
            outcome_unknown = failure.outcome_unknown,
            attempts = failure.attempts,
            breaker = failure.breaker,
            request_id = failure.request_id.as_deref(),
            trace_id = failure.trace_id.as_deref(),
            occurrences = failure.occurrences,
            "{message}",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Row, testing::failure};
    use std::{
        io,
        sync::{Arc, Mutex},
    };
    use uuid::Uuid;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(text);
            Ok(text.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_holds_everything_that_is_known_and_nothing_else() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
        let full = Failure {
            row: Some(Row { kind: "character", id: Uuid::nil() }),
            attempts: Some(4),
            breaker: Some("half_open"),
            request_id: Some("r-1".to_owned()),
            trace_id: Some("t-1".to_owned()),
            ..failure("connection refused")
        };
        tracing::subscriber::with_default(subscriber, || {
            Log.report(&full);
            Log.report(&failure("bare"));
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for (field, value) in [
            ("level", "ERROR"),
            ("target", "character_error_report"),
            ("service", "character-service"),
            ("operation", "character.find"),
            ("kind", "unavailable"),
            ("error", "connection refused"),
            ("entity_kind", "character"),
            ("entity_id", "00000000-0000-0000-0000-000000000000"),
            ("breaker", "half_open"),
            ("request_id", "r-1"),
            ("trace_id", "t-1"),
        ] {
            assert_eq!(lines[0][field], value, "{field}");
        }
        assert_eq!((&lines[0]["attempts"], &lines[0]["occurrences"]), (&4.into(), &1.into()));
        assert!(lines[1].get("entity_id").is_none() && lines[1].get("attempts").is_none(), "{}", lines[1]);
    }
}
