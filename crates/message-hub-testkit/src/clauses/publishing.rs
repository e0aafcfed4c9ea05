//! Publishing: one result each, in order, and what repeats and refusals mean.

use crate::{
    Stage,
    sample::{event_of, hasty, message, message_of_size, messages, subscription},
    stage::{LIMIT, ids, next_is, nothing, take, timed},
};
use character_message_hub::{CloudEvent, ErrorKind, EventData, HubError, MAX_BATCH, MAX_EVENT_BYTES, Message, Result};
use futures_util::future::join_all;
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A size that no hub takes.
const TOO_LARGE: usize = MAX_EVENT_BYTES + 1;

fn is_certain_and_permanent(error: &HubError) {
    assert!(error.certainly_not_applied() && error.is_permanent(), "certainly not applied, and permanent: {error}");
}

fn code<T>(result: &Result<T>) -> &'static str {
    result.as_ref().err().map_or("ok", |error| error.kind().code())
}

/// Publishing returns one result for each message, in their order.
pub async fn each_message_has_one_result(stage: Stage<'_>) {
    stage.publish(&[message("old", "s")]).await;
    let batch = [message("1", "a"), message_of_size("2", "b", TOO_LARGE), message("old", "s"), message("4", "c")];
    let results = stage.hub.publish(&batch, LIMIT).await;
    let found: Vec<_> =
        results.iter().map(|result| (code(result), result.as_ref().is_ok_and(|ok| ok.duplicate))).collect();
    assert_eq!(found, [("ok", false), ("too-large", false), ("ok", true), ("ok", false)]);
}

/// Publishing no message returns no result.
pub async fn no_message_has_no_result(stage: Stage<'_>) {
    assert!(stage.hub.publish(&[], LIMIT).await.is_empty());
}

/// One message fails while the others of its call are kept.
pub async fn results_are_independent(stage: Stage<'_>) {
    let batch = [message("1", "a"), message_of_size("2", "b", TOO_LARGE), message("3", "c")];
    let results = stage.hub.publish(&batch, LIMIT).await;
    assert_eq!(results.iter().map(code).collect::<Vec<_>>(), ["ok", "too-large", "ok"]);
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    let mut events = take(&mut deliveries, 2).await;
    events.sort_by(|left, right| left.id().cmp(right.id()));
    assert_eq!(ids(&events), ["1", "3"]);
    nothing(&mut deliveries).await;
}

/// The largest batch is kept whole, and each event is delivered once.
pub async fn the_largest_batch_is_kept(stage: Stage<'_>) {
    let batch: Vec<_> = (0..MAX_BATCH).map(|n| message(&n.to_string(), &format!("s{}", n % 300))).collect();
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    stage.publish(&batch).await;
    let events = take(&mut deliveries, MAX_BATCH).await;
    let mut numbers: Vec<usize> = events.iter().map(|event| event.id().parse().expect("a number")).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..MAX_BATCH).collect::<Vec<_>>());
}

/// A batch of more than `MAX_BATCH` messages has one result each, all `Invalid`, and nothing is kept.
pub async fn a_larger_batch_is_invalid(stage: Stage<'_>) {
    let results = stage.hub.publish(&messages("m", "", MAX_BATCH + 1), LIMIT).await;
    assert_eq!(results.len(), MAX_BATCH + 1);
    for result in results {
        let error = result.expect_err("the batch is too large");
        assert_eq!(error.kind(), &ErrorKind::Invalid);
        is_certain_and_permanent(&error);
    }
    nothing(&mut stage.subscribe(&subscription("reader")).await).await;
}

/// The events of one subject are kept in the order of the messages of a call.
pub async fn events_of_a_subject_are_kept_in_order(stage: Stage<'_>) {
    let batch = messages("m", "ada", 60);
    stage.publish(&batch).await;
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    let expected: Vec<_> = batch.iter().map(|message| message.event.id()).collect();
    assert_eq!(ids(&take(&mut deliveries, 60).await), expected);
}

/// The events of one subject are kept in the order of the calls that published them.
pub async fn events_of_successive_calls_are_kept_in_order(stage: Stage<'_>) {
    let all = messages("m", "ada", 60);
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    for call in all.chunks(7) {
        stage.publish(call).await;
    }
    let expected: Vec<_> = all.iter().map(|message| message.event.id()).collect();
    assert_eq!(ids(&take(&mut deliveries, 60).await), expected);
}

/// Messages that are published at the same time by sixteen callers are all kept, per subject in the order of its caller.
pub async fn calls_at_the_same_time_lose_nothing(stage: Stage<'_>) {
    let callers = (0..16).map(|caller| {
        let (stage, all) = (stage.clone(), messages(&format!("m{caller}"), &format!("s{caller}"), 40));
        async move {
            for call in all.chunks(10) {
                stage.publish(call).await;
            }
        }
    });
    join_all(callers).await;
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in take(&mut deliveries, 16 * 40).await {
        found.entry(event.subject().expect("a subject").to_owned()).or_default().push(event.id().to_owned());
    }
    for caller in 0..16 {
        let expected: Vec<_> = (0..40).map(|number| format!("m{caller}-{number}")).collect();
        assert_eq!(found.get(&format!("s{caller}")), Some(&expected));
    }
}

/// A message whose id the hub has is a duplicate, and that is a success.
pub async fn a_repeat_is_a_duplicate_and_a_success(stage: Stage<'_>) {
    assert!(!stage.publish(&[message("1", "ada")]).await[0].duplicate);
    assert!(stage.publish(&[message("1", "ada")]).await[0].duplicate);
    let twice = stage.publish(&[message("2", "ada"), message("2", "ada")]).await;
    assert_eq!(twice.iter().map(|published| published.duplicate).collect::<Vec<_>>(), [false, true]);
}

/// A repeated message is delivered once.
pub async fn a_repeat_is_delivered_once(stage: Stage<'_>) {
    for _ in 0..3 {
        stage.publish(&[message("1", "ada")]).await;
    }
    stage.publish(&[message("2", "ada")]).await;
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    assert_eq!(ids(&take(&mut deliveries, 2).await), ["1", "2"]);
    nothing(&mut deliveries).await;
}

/// A message that was handled is still known: its repeat is a duplicate and is not delivered.
pub async fn a_repeat_of_a_settled_event_is_a_duplicate(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    stage.publish(&[message("1", "ada")]).await;
    take(&mut deliveries, 1).await;
    assert!(stage.publish(&[message("1", "ada")]).await[0].duplicate);
    nothing(&mut deliveries).await;
}

/// The message id alone decides what is a repeat, not the id of the event.
pub async fn the_message_id_decides_what_is_a_repeat(stage: Stage<'_>) {
    let with_id = |event: &str, id: &str| Message { message_id: id.into(), ..message(event, "ada") };
    let results = stage.publish(&[with_id("1", "x"), with_id("1", "y"), with_id("2", "x")]).await;
    assert_eq!(results.iter().map(|published| published.duplicate).collect::<Vec<_>>(), [false, false, true]);
}

/// An event of another source is no repeat, although it has the same id.
pub async fn an_event_of_another_source_is_no_repeat(stage: Stage<'_>) {
    let event_of_source = |source: &str| {
        let event = CloudEvent::new("1", source, "character.changed").expect("an event");
        Message::of(Arc::new(event.with_subject("ada").expect("a subject")))
    };
    let sources = ["/characters", "/characters/", "/campaigns", "characters"];
    let messages = sources.map(event_of_source);
    for published in stage.publish(&messages).await {
        assert!(!published.duplicate, "an event of another source is called a duplicate");
    }
    assert!(stage.publish(&messages).await.iter().all(|published| published.duplicate), "a repeat is a duplicate");
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    let events = take(&mut deliveries, sources.len()).await;
    assert_eq!(events.iter().map(|event| event.source()).collect::<Vec<_>>(), sources);
}

/// A replay is delivered again, with the id of the event unchanged.
pub async fn a_replay_is_delivered_again(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    let event = Arc::new(event_of("character.changed", "1", "ada"));
    stage.publish(&[Message::of(Arc::clone(&event))]).await;
    take(&mut deliveries, 1).await;
    let replay = Message::replay(event, "1");
    assert!(!stage.publish(std::slice::from_ref(&replay)).await[0].duplicate);
    assert_eq!(ids(&take(&mut deliveries, 1).await), ["1"]);
    assert!(stage.publish(&[replay]).await[0].duplicate);
}

/// An event of more than `MAX_EVENT_BYTES` is `TooLarge`, with limit and size; it is certainly not kept, and the refusal is
/// permanent.
pub async fn a_too_large_event_is_refused_by_size(stage: Stage<'_>) {
    let error = stage.publish_one(message_of_size("1", "ada", TOO_LARGE)).await.expect_err("it is too large");
    let ErrorKind::TooLarge { limit, size } = *error.kind() else { panic!("TooLarge is expected: {error}") };
    assert!(limit <= MAX_EVENT_BYTES as u64 && size > TOO_LARGE as u64, "{error}");
    is_certain_and_permanent(&error);
    nothing(&mut stage.subscribe(&subscription("reader")).await).await;
}

/// An event of half a mebibyte is kept and delivered whole.
pub async fn an_event_of_half_a_mebibyte_is_kept(stage: Stage<'_>) {
    let large = message_of_size("1", "ada", MAX_EVENT_BYTES / 2);
    stage.publish(std::slice::from_ref(&large)).await;
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    let events = take(&mut deliveries, 1).await;
    assert!(events[0] == large.event, "the event is unchanged");
}

/// A message id that is empty, longer than 256 bytes or has control characters is `Invalid`.
pub async fn a_wrong_message_id_is_invalid(stage: Stage<'_>) {
    for id in [String::new(), "x".repeat(257), "a\nb".into(), "\u{7f}".into()] {
        let error = stage.publish_one(Message { message_id: id.as_str().into(), ..message("1", "ada") }).await;
        let error = error.expect_err("the message id is wrong");
        assert_eq!(error.kind(), &ErrorKind::Invalid, "{id:?}: {error}");
        is_certain_and_permanent(&error);
    }
    let longest = Message { message_id: "ü".repeat(128).into(), ..message("1", "ada") };
    assert!(!stage.publish(&[longest]).await[0].duplicate);
}

/// An event whose source is no URI reference, whose schema is no URI with a scheme, or whose content type is no media type is
/// `Invalid`; the detail names the attribute.
pub async fn an_attribute_of_another_format_is_invalid(stage: Stage<'_>) {
    let event = |source: &str| CloudEvent::new("1", source, "character.changed").expect("an event");
    let schema = event("/characters").with_schema("/schemas/1").expect("a text");
    let data = EventData::Binary(vec![1].into());
    let content_type = event("/characters").with_data("json", data).expect("a text");
    for (attribute, event) in [("source", event("a b")), ("dataschema", schema), ("datacontenttype", content_type)] {
        let error = stage.publish_one(Message::of(Arc::new(event))).await.expect_err("the attribute is wrong");
        assert_eq!(error.kind(), &ErrorKind::Invalid, "{attribute}: {error}");
        assert!(error.detail().is_some_and(|detail| detail.contains(attribute)), "{attribute}: {error}");
        is_certain_and_permanent(&error);
    }
    nothing(&mut stage.subscribe(&subscription("reader")).await).await;
}

/// When a message fails, later ones of its subject in the same call are not published: `Unavailable`, certainly not applied,
/// and not permanent.
pub async fn a_failed_event_holds_back_later_ones_of_its_subject(stage: Stage<'_>) {
    let batch = [
        message("a1", "a"),
        message_of_size("a2", "a", TOO_LARGE),
        message("a3", "a"),
        message("b1", "b"),
        message("a4", "a"),
    ];
    let results = stage.hub.publish(&batch, LIMIT).await;
    assert_eq!(results.iter().map(code).collect::<Vec<_>>(), ["ok", "too-large", "unavailable", "ok", "unavailable"]);
    for error in [2, 4].map(|place: usize| results[place].as_ref().expect_err("it was held back")) {
        assert!(error.certainly_not_applied() && !error.is_permanent(), "{error}");
    }
    stage.publish(&[message("a5", "a")]).await;
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    let events = take(&mut deliveries, 3).await;
    let of_a: Vec<_> = events.iter().filter(|event| event.subject() == Some("a")).map(|event| event.id()).collect();
    assert_eq!(of_a, ["a1", "a5"]);
    nothing(&mut deliveries).await;
}

/// Events without a subject have no order: a failed one holds back no other.
pub async fn a_failed_event_without_a_subject_holds_back_nothing(stage: Stage<'_>) {
    let batch = [message("1", ""), message_of_size("2", "", TOO_LARGE), message("3", "")];
    let results = stage.hub.publish(&batch, LIMIT).await;
    assert_eq!(results.iter().map(code).collect::<Vec<_>>(), ["ok", "too-large", "ok"]);
}

/// Every attribute and the data of an event arrive unchanged, whatever characters they have.
pub async fn events_arrive_unchanged(stage: Stage<'_>) {
    let odd = "Ünï \"quoted\" 100% * > . é\u{301} 漢字 \u{1f409}";
    let full = || -> Result<CloudEvent, Box<dyn std::error::Error>> {
        let event = CloudEvent::new(odd, "/characters?x=1&y=%20", "character.changed")?.with_subject(odd)?;
        let event =
            event.with_time("2026-11-26T14:00:00.000001Z")?.with_schema("https://example.com/schemas/1#a%20b")?;
        Ok(event.with_extension("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")?)
    };
    let full = || full().expect("an event");
    let numbers: serde_json::Value =
        serde_json::from_str(r#"{"weight":1.50,"big":12345678901234567890123,"text":"\u0000\"é","none":null}"#)
            .expect("JSON");
    let binary = EventData::Binary(vec![0, 1, 255, b'"'].into());
    let text = EventData::Binary("not JSON".into());
    let events = [
        full().with_json(numbers),
        full(),
        full().with_data("application/octet-stream", binary).expect("data"),
        full().with_data("text/plain; charset=utf-8", text).expect("data"),
        full().with_data("application/merge-patch+json", EventData::Json(json!([1, null]))).expect("data"),
        full().with_json(json!(null)),
        CloudEvent::new(" spaces ", "x", "bare").expect("an event"),
    ];
    let with_id = |(n, event): (usize, &CloudEvent)| Message {
        message_id: format!("{n} %\"ü").into(),
        event: Arc::new(event.clone()),
    };
    let batch: Vec<_> = events.iter().enumerate().map(with_id).collect();
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    for (message, event) in batch.iter().zip(&events) {
        stage.publish(std::slice::from_ref(message)).await;
        let delivery = next_is(&mut deliveries, event.id()).await;
        assert_eq!(**delivery.event(), *event);
        crate::stage::ack(delivery).await;
    }
}

/// Publishing ends within its timeout, also when that is short: each message has a result.
pub async fn publishing_ends_within_its_timeout(stage: Stage<'_>) {
    let batch: Vec<_> = (0..200).map(|n| message(&n.to_string(), &format!("s{}", n % 20))).collect();
    for limit in [Duration::from_millis(1), Duration::from_millis(20)] {
        let (results, took) = timed(stage.hub.publish(&batch, limit)).await;
        assert_eq!(results.len(), batch.len());
        assert!(took < limit + Duration::from_millis(500), "it took {took:?} of {limit:?}");
        for error in results.iter().filter_map(|result| result.as_ref().err()) {
            assert!(!error.is_permanent(), "to be late is no fault of the message: {error}");
        }
    }
}

/// A dropped call of publish breaks nothing: its messages can be published again and are delivered once, in order.
pub async fn a_dropped_publish_can_be_repeated(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&hasty("reader")).await;
    let batch = messages("m", "ada", 100);
    for pause in [0, 1, 3] {
        let dropped = tokio::time::timeout(Duration::from_millis(pause), stage.hub.publish(&batch, LIMIT)).await;
        drop(dropped);
    }
    stage.publish(&batch).await;
    let expected: Vec<_> = batch.iter().map(|message| message.event.id()).collect();
    assert_eq!(ids(&take(&mut deliveries, 100).await), expected);
    nothing(&mut deliveries).await;
}

/// A hub that works answers a probe within a second.
pub async fn a_probe_of_a_working_hub_succeeds(stage: Stage<'_>) {
    stage.publish(&[message("1", "ada")]).await;
    let (probed, took) = timed(stage.hub.probe()).await;
    assert!(probed.is_ok(), "{probed:?}");
    assert!(took < Duration::from_millis(1_500), "it took {took:?}");
}
