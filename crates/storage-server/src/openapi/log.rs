//! The log and its consumers in the OpenAPI document.

use super::{done, json, operation, parameter, problems, request, with_body_problems};
use crate::{LONGEST_WAIT, schemas};
use character_storage_port::{
    ADVANCE, CONSUMERS, DISCARD, FOLLOW, HEAD, LEASE, MAX_FOLLOW_WAIT, MAX_FOLLOWED, MAX_PARKED, PARK, PARKED, RELEASE,
    UNPARK,
};
use character_storage_wire as wire;
use utoipa::openapi::{
    HttpMethod,
    path::{Operation, OperationBuilder, ParameterIn},
};

/// Every operation, with its path and method.
pub(super) fn operations() -> [(&'static str, HttpMethod, Operation); 10] {
    [
        (wire::LOG, HttpMethod::Get, follow()),
        (wire::LOG_HEAD, HttpMethod::Get, head()),
        (wire::CONSUMERS, HttpMethod::Get, consumers()),
        (wire::LEASE, HttpMethod::Post, lease()),
        (wire::ADVANCE, HttpMethod::Post, advance()),
        (wire::RELEASE, HttpMethod::Post, release()),
        (wire::PARK, HttpMethod::Post, park()),
        (wire::PARKED, HttpMethod::Get, parked()),
        (wire::UNPARK, HttpMethod::Post, unpark()),
        (wire::DISCARD, HttpMethod::Post, discard()),
    ]
}

fn follow() -> Operation {
    let longest = usize::try_from(MAX_FOLLOW_WAIT.as_millis()).unwrap_or(usize::MAX);
    let wait = format!(
        "How long to wait for a commit when there is none, in milliseconds. The response may come earlier, here within \
         {} seconds, and is then empty.",
        LONGEST_WAIT.as_secs()
    );
    let operation = operation(FOLLOW, "log", "Returns the commits after a cursor, in order")
        .description(Some("A follower continues with `next`. After 410 it starts again at the end of the log."))
        .parameter(schemas::required(parameter(
            "after",
            ParameterIn::Query,
            "A cursor: `next` of the previous batch, or the end of the log. A `~` in front says that a client claims it; then it \
             is no sign that the storage was restored, whatever it names.",
            schemas::string(),
        )))
        .parameter(parameter(
            "limit",
            ParameterIn::Query,
            "The maximum number of commits. A batch of large commits may be shorter; `more` then is true.",
            schemas::number(1, MAX_FOLLOWED, wire::DEFAULT_LIMIT),
        ))
        .parameter(parameter("wait_ms", ParameterIn::Query, &wait, schemas::number(0, longest, 0)))
        .response("200", json("The batch", "LogBatch"));
    problems(operation, &["gone", "invalid"])
}

fn head() -> Operation {
    let operation = operation(HEAD, "log", "Returns the end of the log")
        .description(Some("The cursor may be a few commits before the end; a follower then receives those again."))
        .response("200", json("The cursor", "Head"));
    problems(operation, &["invalid"])
}

fn consumers() -> Operation {
    let operation = operation(CONSUMERS, "consumers", "Lists every durable consumer of the log, by name")
        .response("200", json("The consumers", "Consumers"));
    problems(operation, &["invalid"])
}

fn lease() -> Operation {
    let operation = of_consumer(LEASE, "Leases a consumer, or extends the lease of the same holder")
        .description(Some("`leased` is null while another holder has the lease. Safe to repeat."))
        .request_body(Some(request("Lease")))
        .response("200", json("The lease", "LeaseOutcome"));
    problems(with_body_problems(operation), &["invalid"])
}

fn advance() -> Operation {
    let operation = of_consumer(ADVANCE, "Moves a consumer forward")
        .description(Some("Nothing changes when the lease is not current. Safe to repeat."))
        .request_body(Some(request("Advance")))
        .response("204", done("The consumer is at the cursor"));
    problems(with_body_problems(operation), &["lease-lost", "gone", "invalid"])
}

fn release() -> Operation {
    let operation = of_consumer(RELEASE, "Releases a lease before its end, so that another holder need not wait")
        .description(Some("A lease that is not current is ignored. Safe to repeat."))
        .request_body(Some(request("Release")))
        .response("204", done("The lease has ended"));
    problems(with_body_problems(operation), &["invalid"])
}

fn park() -> Operation {
    let operation = of_consumer(PARK, "Parks an event that cannot be handled")
        .description(Some("An event that is parked already gets the new reason. Safe to repeat."))
        .request_body(Some(request("Park")))
        .response("204", done("The event is parked"));
    problems(with_body_problems(operation), &["lease-lost", "invalid"])
}

fn parked() -> Operation {
    let operation = of_consumer(PARKED, "Lists the parked events of a consumer, by id")
        .parameter(parameter("after", ParameterIn::Query, "Only events with a higher id.", schemas::uuid()))
        .parameter(parameter(
            "limit",
            ParameterIn::Query,
            "The maximum number of events. A list of large events may be shorter; `more` then is true.",
            schemas::number(1, MAX_PARKED, wire::DEFAULT_LIMIT),
        ))
        .response("200", json("The events", "ParkedEvents"));
    problems(operation, &["invalid"])
}

fn unpark() -> Operation {
    let operation = of_consumer(UNPARK, "Marks parked events for a replay")
        .description(Some("The next lease returns them. Ids that are not parked are ignored. Safe to repeat."))
        .request_body(Some(request("EventIds")))
        .response("200", json("The number of events that were parked", "Count"));
    problems(with_body_problems(operation), &["invalid"])
}

fn discard() -> Operation {
    let operation = of_consumer(DISCARD, "Deletes parked events")
        .description(Some("Ids that are not parked are ignored. Safe to repeat."))
        .request_body(Some(request("EventIds")))
        .response("200", json("The number of events that were parked", "Count"));
    problems(with_body_problems(operation), &["invalid"])
}

fn of_consumer(id: &str, summary: &str) -> OperationBuilder {
    let name = parameter("name", ParameterIn::Path, "The name of the consumer.", schemas::consumer_name());
    operation(id, "consumers", summary).parameter(name)
}
