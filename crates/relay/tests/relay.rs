//! What the relay promises, with one storage in memory and hubs that fail by a script.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use character_domain::CharacterId;
use character_message_hub::{ErrorKind, HubError, MemoryHub};
use character_relay::{DomainEvent, ParkObserver, Relay, RelayOptions, RelayState, WaitReason};
use character_storage_port::{
    Change, Character, Commit, Consumers, Expect, HolderId, MemoryStorage, Revision, Transaction, UserId, now,
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{
    ScriptedHub, Step, UPDATED, by_subject, commit, consumer, event_ids, ids, is_caught_up, options, parked, start,
    start_relay, until, until_published,
};
use tokio::time::{Instant, sleep};

const UNAVAILABLE: ErrorKind = ErrorKind::Unavailable { retry_after: None };
const TOO_LARGE: ErrorKind = ErrorKind::TooLarge { limit: 10, size: 11 };

fn characters<const N: usize>() -> [CharacterId; N] {
    std::array::from_fn(|_| CharacterId::new())
}

#[tokio::test(start_paused = true)]
async fn what_was_committed_before_and_after_the_start_is_published_once_and_in_order() {
    let (storage, hub, [ada, bob]) = (MemoryStorage::new(), MemoryHub::new(), characters());
    let mut events = commit(&storage, &[ada, bob, ada]).await;
    let relay = start(storage.clone(), Arc::new(hub.clone()), options());
    until_published(&hub, 3).await;
    events.extend(commit(&storage, &[bob, ada]).await);
    until_published(&hub, 5).await;
    until("the cursor is moved", async || is_caught_up(&storage).await).await;
    assert_eq!(ids(&hub), event_ids(&events));
    let status = relay.handle.status();
    assert_eq!((status.state, status.published, status.pending, status.parked), (RelayState::Publishing, 5, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_commit_wakes_the_relay_at_once() {
    let (storage, hub, [ada]) = (MemoryStorage::new(), MemoryHub::new(), characters());
    let _relay = start(storage.clone(), Arc::new(hub.clone()), options());
    // The time is paused: it moves only when every task waits, so that the relay waits for a commit by now.
    sleep(Duration::from_secs(3)).await;
    let committed = Instant::now();
    commit(&storage, &[ada]).await;
    while hub.published().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(committed.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_refused_transaction_is_published() {
    let (storage, hub, [ada]) = (MemoryStorage::new(), MemoryHub::new(), characters());
    let character = Character::new(UserId::new(), "Ada", now());
    let refused = DomainEvent::new(UPDATED, ada, now(), serde_json::json!({}));
    let delete = Change::<Character>::Delete { id: character.id, expect: Expect::Revision(Revision(1)), at: now() };
    storage.commit(Transaction::new().with(delete).with_event(refused)).await.unwrap_err();
    let events = commit(&storage, &[ada]).await;
    let _relay = start(storage.clone(), Arc::new(hub.clone()), options());
    until("the cursor is moved", async || is_caught_up(&storage).await).await;
    assert_eq!(ids(&hub), event_ids(&events));
}

#[tokio::test(start_paused = true)]
async fn an_event_in_the_middle_that_fails_stays_before_the_later_ones_of_its_character() {
    for failing in 0..6 {
        let (storage, [ada, bob]) = (MemoryStorage::new(), characters());
        let events = commit(&storage, &[ada, bob, ada, bob, ada, bob]).await;
        let hub = ScriptedHub::new([Step::TakeOnly(failing), Step::TakeOnly(1)]);
        let _relay = start(storage.clone(), hub.clone(), options());
        until_published(&hub.memory, 6).await;
        let expected = |subject: CharacterId| event_ids(events.iter().filter(|event| event.subject == subject));
        let found = by_subject(&hub.memory.published());
        assert_eq!(found[&ada.to_string()], expected(ada), "{failing}");
        assert_eq!(found[&bob.to_string()], expected(bob), "{failing}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_event_delays_its_character_and_no_other() {
    let (storage, [ada, bob]) = (MemoryStorage::new(), characters());
    let events = commit(&storage, &[ada, bob, ada, bob]).await;
    let hub = ScriptedHub::new([]);
    let first = events[0].id.to_string();
    hub.refuse(move |message| (message.event.id() == first).then_some(TOO_LARGE));
    let _relay = start(storage.clone(), hub.clone(), options());
    until_published(&hub.memory, 2).await;
    assert_eq!(ids(&hub.memory), event_ids([&events[1], &events[3]]));
}

#[tokio::test(start_paused = true)]
async fn an_event_with_an_unknown_outcome_is_published_again_under_its_id_and_a_duplicate_is_a_success() {
    for step in [Step::TakeAndTimeout, Step::Hang, Step::TooFew] {
        let (storage, [ada]) = (MemoryStorage::new(), characters());
        let events = commit(&storage, &[ada, ada]).await;
        let hub = ScriptedHub::new([step.clone()]);
        let relay = start(storage.clone(), hub.clone(), options());
        until("the cursor is moved", async || is_caught_up(&storage).await).await;
        assert_eq!(ids(&hub.memory), event_ids(&events), "{step:?}");
        assert!(event_ids(&events).iter().all(|id| hub.offers_of(id) == 2), "{step:?}");
        assert_eq!((relay.handle.status().published, parked(&storage).await.len()), (2, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_fails_for_a_day_has_its_named_state_costs_few_calls_and_parks_nothing() {
    let unauthorized = RelayState::WaitingForHub(WaitReason::Unauthorized);
    for (kind, expected, shown) in [
        (UNAVAILABLE, RelayState::WaitingForHub(WaitReason::Unavailable), "waiting for the hub: unavailable"),
        (ErrorKind::Timeout, RelayState::WaitingForHub(WaitReason::Unavailable), "waiting for the hub: unavailable"),
        (ErrorKind::Full, RelayState::WaitingForHub(WaitReason::Full), "waiting for the hub: full"),
        (ErrorKind::Unauthorized, unauthorized, "waiting for the hub: unauthorized"),
        (ErrorKind::Forbidden, unauthorized, "waiting for the hub: unauthorized"),
    ] {
        let (storage, [ada]) = (MemoryStorage::new(), characters());
        let events = commit(&storage, &[ada, ada]).await;
        let hub = ScriptedHub::always(Step::Fail(kind.clone()));
        let relay = start(storage.clone(), hub.clone(), options());
        sleep(Duration::from_secs(86_400)).await;
        let status = relay.handle.status();
        assert_eq!((status.state, status.state.to_string()), (expected, shown.to_owned()));
        assert_eq!((status.pending, status.parked, status.published), (2, 0, 0));
        let reason = format!("hub.publish failed: {}: connection refused", kind.code());
        assert_eq!((status.oldest_pending.is_some(), status.reason), (true, Some(reason)));
        let calls = hub.calls.lock().unwrap().len();
        // Pauses of full jitter up to ten seconds.
        assert!((8_000..60_000).contains(&calls), "{calls} calls in a day");
        hub.then(Step::Take);
        until_published(&hub.memory, 2).await;
        until("it publishes", async || relay.handle.status().state == RelayState::Publishing).await;
        assert_eq!((ids(&hub.memory), parked(&storage).await.len()), (event_ids(&events), 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_asks_for_a_pause_gets_it() {
    let (storage, [ada]) = (MemoryStorage::new(), characters());
    commit(&storage, &[ada]).await;
    let pause = Duration::from_secs(20);
    let hub = ScriptedHub::new([Step::Fail(ErrorKind::Unavailable { retry_after: Some(pause) })]);
    let started = Instant::now();
    let _relay = start(storage.clone(), hub.clone(), options());
    until_published(&hub.memory, 1).await;
    assert!(started.elapsed() >= pause, "{:?}", started.elapsed());
}

#[derive(Default)]
struct Told(Mutex<Vec<(DomainEvent, String, Option<&'static str>)>>);

impl ParkObserver for Told {
    fn parked(&self, event: &DomainEvent, reason: &str, error: Option<&HubError>) {
        self.0.lock().unwrap().push((event.clone(), reason.to_owned(), error.map(|error| error.kind().code())));
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_refused_five_times_is_parked_and_told_and_the_next_one_is_published() {
    let (storage, [ada]) = (MemoryStorage::new(), characters());
    let events = commit(&storage, &[ada, ada, ada]).await;
    let hub = ScriptedHub::new([]);
    let refused = events[1].id.to_string();
    hub.refuse({
        let refused = refused.clone();
        move |message| (message.event.id() == refused).then_some(TOO_LARGE)
    });
    let told = Arc::new(Told::default());
    let relay = Relay::new(storage.clone(), hub.clone(), options()).unwrap().with_observer(told.clone());
    let relay = start_relay(relay);
    until("the cursor is moved", async || is_caught_up(&storage).await).await;
    assert_eq!(ids(&hub.memory), event_ids([&events[0], &events[2]]));
    assert_eq!(hub.offers_of(&refused), 5);
    let parked = parked(&storage).await;
    assert_eq!(parked.iter().map(|parked| &parked.event).collect::<Vec<_>>(), [&events[1]]);
    for part in ["5 times", "too-large", "a name of two characters"] {
        assert!(parked[0].reason.contains(part), "{part}: {}", parked[0].reason);
    }
    let told = told.0.lock().unwrap().clone();
    assert_eq!(told, [(events[1].clone(), parked[0].reason.clone(), Some("too-large"))]);
    assert_eq!((relay.handle.status().parked, relay.handle.status().state), (1, RelayState::Publishing));
}

#[tokio::test(start_paused = true)]
async fn failures_of_the_hub_between_refusals_do_not_count() {
    let (storage, [ada]) = (MemoryStorage::new(), characters());
    commit(&storage, &[ada]).await;
    let outage = || Step::Fail(UNAVAILABLE);
    let hub = ScriptedHub::new([Step::Take, outage(), outage(), outage(), outage(), Step::Take, outage(), Step::Take]);
    hub.refuse(|_| Some(ErrorKind::Invalid));
    let _relay = start(storage.clone(), hub.clone(), options());
    until("the event is parked", async || !parked(&storage).await.is_empty()).await;
    // Five refusals and five outages.
    assert_eq!(hub.calls.lock().unwrap().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_can_be_no_cloud_event_is_parked_at_once() {
    let (storage, hub, [ada]) = (MemoryStorage::new(), MemoryHub::new(), characters());
    let odd = DomainEvent::new("two\nlines", ada, now(), serde_json::json!({}));
    storage.commit(Transaction::new().with_event(odd.clone())).await.unwrap();
    let events = commit(&storage, &[ada]).await;
    let _relay = start(storage.clone(), Arc::new(hub.clone()), options());
    until("the cursor is moved", async || is_caught_up(&storage).await).await;
    assert_eq!(ids(&hub), event_ids(&events));
    let parked = parked(&storage).await;
    assert_eq!(parked[0].event, odd);
    assert!(parked[0].reason.contains("type: must not contain control characters"), "{}", parked[0].reason);
}

#[tokio::test(start_paused = true)]
async fn a_replay_has_a_new_message_id_and_is_discarded_when_it_is_published() {
    let (storage, [ada]) = (MemoryStorage::new(), characters());
    let events = commit(&storage, &[ada]).await;
    let hub = ScriptedHub::new([]);
    hub.refuse(|_| Some(ErrorKind::Invalid));
    let _relay = start(storage.clone(), hub.clone(), options());
    until("the event is parked", async || !parked(&storage).await.is_empty()).await;
    // The hub has the event from elsewhere, so that its own id would be a duplicate.
    hub.refuse(|_| None);
    let known =
        character_relay::cloud_event(&events[0], &character_relay::Envelope::new("/characters"), None, None).unwrap();
    let known = character_message_hub::Message::of(Arc::new(known));
    character_message_hub::MessageHub::publish(&hub.memory, &[known], Duration::ZERO).await.remove(0).unwrap();
    hub.script.lock().unwrap().push_back(Step::TakeAndTimeout);
    let marked = storage.unpark(&consumer(), &[events[0].id]).await.unwrap();
    assert_eq!(marked, 1);
    until("the event is replayed", async || parked(&storage).await.is_empty()).await;
    let id = events[0].id.to_string();
    assert_eq!(ids(&hub.memory), [id.clone(), id.clone()]);
    let replays: Vec<_> = hub
        .calls
        .lock()
        .unwrap()
        .iter()
        .flatten()
        .filter(|sent| sent.starts_with("replay:") && sent.ends_with(&id))
        .cloned()
        .collect();
    // Repeated after an unknown outcome, under one id, so that it was delivered once more and not twice.
    assert_eq!((replays.len(), &replays[0]), (2, &replays[1]));
}

#[tokio::test(start_paused = true)]
async fn a_replay_that_is_refused_again_is_parked_again_without_its_mark() {
    let (storage, [ada]) = (MemoryStorage::new(), characters());
    let events = commit(&storage, &[ada]).await;
    let hub = ScriptedHub::new([]);
    hub.refuse(|_| Some(ErrorKind::Invalid));
    let _relay = start(storage.clone(), hub.clone(), options());
    until("the event is parked", async || !parked(&storage).await.is_empty()).await;
    storage.unpark(&consumer(), &[events[0].id]).await.unwrap();
    until("the mark is gone", async || parked(&storage).await.iter().all(|parked| !parked.replay)).await;
    let calls = hub.calls.lock().unwrap().len();
    assert_eq!((calls, parked(&storage).await.len()), (10, 1));
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(hub.calls.lock().unwrap().len(), calls, "a replay is never automatic");
}

#[tokio::test(start_paused = true)]
async fn more_parked_events_than_one_lease_returns_are_all_replayed() {
    let (storage, hub, [ada]) = (MemoryStorage::new(), MemoryHub::new(), characters());
    let lease = storage.lease(&consumer(), HolderId::new(), Duration::from_secs(1)).await.unwrap().unwrap();
    let mut events = Vec::new();
    for _ in 0..2_500 {
        let event = DomainEvent::new(UPDATED, ada, now(), serde_json::json!({}));
        storage.park(&lease.token, &event, "a test").await.unwrap();
        events.push(event);
    }
    for part in events.chunks(1000) {
        storage.unpark(&consumer(), &part.iter().map(|event| event.id).collect::<Vec<_>>()).await.unwrap();
    }
    storage.release(&lease.token).await.unwrap();
    let started = Instant::now();
    let _relay = start(storage.clone(), Arc::new(hub.clone()), options());
    until_published(&hub, 2_500).await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    until("all are discarded", async || parked(&storage).await.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn of_two_relays_one_publishes_and_the_other_takes_over_at_once_after_a_stop() {
    let (storage, hub, [ada]) = (MemoryStorage::new(), MemoryHub::new(), characters());
    let first = start(storage.clone(), Arc::new(hub.clone()), options());
    until("the first has the lease", async || first.handle.status().state == RelayState::Publishing).await;
    let second = start(storage.clone(), Arc::new(hub.clone()), options());
    until("the second waits", async || second.handle.status().state == RelayState::Standby).await;
    let mut events = commit(&storage, &[ada; 10]).await;
    until_published(&hub, 10).await;
    assert_eq!((first.handle.status().published, second.handle.status().published), (10, 0));
    let handle = first.handle.clone();
    first.stop().await;
    assert_eq!(handle.status().state, RelayState::Stopped);
    let stopped = Instant::now();
    events.extend(commit(&storage, &[ada]).await);
    until_published(&hub, 11).await;
    assert!(stopped.elapsed() <= Duration::from_millis(1_010), "{:?}", stopped.elapsed());
    // The cursor was moved at the stop: nothing is published a second time.
    assert_eq!((ids(&hub), second.handle.status().published), (event_ids(&events), 1));
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_is_killed_is_replaced_when_its_lease_ends() {
    let (storage, hub, [ada]) = (MemoryStorage::new(), MemoryHub::new(), characters());
    let first = start(storage.clone(), Arc::new(hub.clone()), options());
    let mut events = commit(&storage, &[ada; 3]).await;
    until_published(&hub, 3).await;
    first.task.abort();
    let killed = Instant::now();
    let _second = start(storage.clone(), Arc::new(hub.clone()), options());
    events.extend(commit(&storage, &[ada]).await);
    until_published(&hub, 4).await;
    assert!(killed.elapsed() <= options().lease + Duration::from_secs(1), "{:?}", killed.elapsed());
    assert_eq!(ids(&hub), event_ids(&events));
}

#[tokio::test(start_paused = true)]
async fn a_relay_without_the_lease_adds_nothing_and_moves_nothing() {
    let (storage, hub, [ada]) = (MemoryStorage::new(), MemoryHub::new(), characters());
    let relay = start(storage.clone(), Arc::new(hub.clone()), options());
    until("it has the lease", async || relay.handle.status().state == RelayState::Publishing).await;
    // The process is stopped for longer than its lease: no task runs while the time moves.
    tokio::time::advance(options().lease + Duration::from_secs(1)).await;
    let other = storage.lease(&consumer(), HolderId::new(), Duration::from_secs(3600)).await.unwrap().unwrap();
    commit(&storage, &[ada; 3]).await;
    until("it waits", async || relay.handle.status().state == RelayState::Standby).await;
    sleep(Duration::from_secs(600)).await;
    assert_eq!(hub.published().len(), 0);
    let again = storage.lease(&consumer(), HolderId::new(), Duration::from_secs(1)).await.unwrap();
    assert_eq!(again, None, "the lease of the other holds");
    storage.release(&other.token).await.unwrap();
    until_published(&hub, 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_wakes_in_the_middle_of_a_batch_after_its_lease_publishes_no_more_of_it() {
    let (storage, [ada]) = (MemoryStorage::new(), characters());
    let hub = ScriptedHub::always(Step::Fail(UNAVAILABLE));
    let options = RelayOptions { hand_over_after: Duration::from_secs(86_400), ..options() };
    commit(&storage, &[ada; 3]).await;
    let relay = start(storage.clone(), hub.clone(), options.clone());
    until("it fails", async || !hub.calls.lock().unwrap().is_empty()).await;
    tokio::time::advance(options.lease + Duration::from_secs(1)).await;
    storage.lease(&consumer(), HolderId::new(), Duration::from_secs(3600)).await.unwrap().unwrap();
    let calls = hub.calls.lock().unwrap().len();
    hub.then(Step::Take);
    until("it waits", async || relay.handle.status().state == RelayState::Standby).await;
    sleep(Duration::from_secs(600)).await;
    assert_eq!((hub.memory.published().len(), hub.calls.lock().unwrap().len()), (0, calls));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_alone_cannot_reach_the_hub_leaves_the_work_to_another() {
    let (storage, working, [ada]) = (MemoryStorage::new(), MemoryHub::new(), characters());
    let broken = ScriptedHub::always(Step::Fail(ErrorKind::Unauthorized));
    let events = commit(&storage, &[ada; 3]).await;
    let _first = start(storage.clone(), broken.clone(), options());
    until("the first fails", async || !broken.calls.lock().unwrap().is_empty()).await;
    let started = Instant::now();
    let _second = start(storage.clone(), Arc::new(working.clone()), options());
    until_published(&working, 3).await;
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    assert_eq!(ids(&working), event_ids(&events));
}

#[tokio::test(start_paused = true)]
async fn batches_hold_at_most_a_thousand_events_also_of_one_transaction() {
    let (storage, [ada, bob]) = (MemoryStorage::new(), characters());
    let events: Vec<_> = (0..2_500)
        .map(|number| {
            DomainEvent::new(UPDATED, if number % 3 == 0 { ada } else { bob }, now(), serde_json::json!(number))
        })
        .collect();
    storage.commit(Transaction { events: events.clone(), ..Transaction::new() }).await.unwrap();
    let hub = ScriptedHub::new([Step::TakeOnly(700)]);
    let _relay = start(storage.clone(), hub.clone(), options());
    until("the cursor is moved", async || is_caught_up(&storage).await).await;
    let calls: Vec<_> = hub.calls.lock().unwrap().iter().map(Vec::len).collect();
    assert_eq!(calls, [1000, 1000, 800]);
    for subject in [ada, bob] {
        let expected = event_ids(events.iter().filter(|event| event.subject == subject));
        assert_eq!(by_subject(&hub.memory.published())[&subject.to_string()], expected);
    }
}

#[tokio::test(start_paused = true)]
async fn the_trace_of_the_call_travels_with_the_event() {
    let (storage, hub, [ada]) = (MemoryStorage::new(), MemoryHub::new(), characters());
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let event = DomainEvent::new(UPDATED, ada, now(), serde_json::json!({}));
    let transaction = Transaction { traceparent: Some(traceparent.to_owned()), ..Transaction::new() };
    storage.commit(transaction.with_event(event)).await.unwrap();
    let options = RelayOptions { envelope: character_relay::Envelope::new("/characters/test"), ..options() };
    let _relay = start(storage.clone(), Arc::new(hub.clone()), options);
    until_published(&hub, 1).await;
    let published = hub.published().remove(0);
    assert_eq!((published.extension("traceparent"), published.source()), (Some(traceparent), "/characters/test"));
}

#[tokio::test(start_paused = true)]
async fn the_metrics_count_what_happened() {
    let (storage, [ada]) = (MemoryStorage::new(), characters());
    let events = commit(&storage, &[ada, ada, ada]).await;
    let hub = ScriptedHub::new([Step::TakeAndTimeout, Step::Fail(ErrorKind::Full)]);
    let last = events[2].id.to_string();
    hub.refuse(move |message| (message.event.id() == last).then_some(ErrorKind::Invalid));
    let relay = start(storage.clone(), hub.clone(), options());
    until("the cursor is moved", async || is_caught_up(&storage).await).await;
    let mut registry = Registry::default();
    relay.handle.register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    for line in [
        "relay_events_published_total 2",
        "relay_events_duplicate_total 2",
        "relay_events_parked_total 1",
        "relay_events_replayed_total 0",
        "relay_publish_failures_total{kind=\"timeout\"} 1",
        "relay_publish_failures_total{kind=\"full\"} 1",
        "relay_publish_failures_total{kind=\"invalid\"} 5",
        "relay_log_restarts_total 0",
        "relay_state{state=\"publishing\"} 1",
        "relay_state{state=\"hub_full\"} 0",
        "relay_events_pending 0",
        "relay_lag_seconds 0.0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
}
