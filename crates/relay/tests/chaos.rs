//! Whatever fails, whenever it is cancelled and whichever process holds the lease: every committed event arrives, in order per
//! character, and no other.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use character_domain::CharacterId;
use character_message_hub::{
    Deliveries, ErrorKind, HubError, Message, MessageHub, PUBLISH, Published, Reply, Result, ServiceRequest,
    Subscription,
};
use character_relay::{RelayOptions, RelayState};
use character_storage_port::{
    Change, Character, Commit, Consumers, DomainEvent, Expect, MemoryStorage, Revision, Transaction, now,
};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use support::{
    ScriptedHub, Step, UPDATED, async_trait, by_subject, commit, consumer,
    faulty::{Tape, failing_by},
    is_caught_up, options, parked, start, until,
};
use tokio::{time::sleep, time::timeout};

/// A hub that fails by a tape.
#[derive(Debug)]
struct FaultyHub {
    inner: Arc<ScriptedHub>,
    tape: Tape,
}

#[async_trait]
impl MessageHub for FaultyHub {
    async fn publish(&self, messages: &[Message], limit: Duration) -> Vec<Result<Published>> {
        let decision = self.tape.next();
        sleep(Duration::from_millis(u64::from(decision % 3))).await;
        let step = match decision {
            0..=19 => Step::Fail(ErrorKind::Full),
            20..=39 => Step::TakeAndTimeout,
            40..=89 => Step::TakeOnly(usize::from(decision) % messages.len()),
            90..=94 => Step::Hang,
            95..=99 => Step::TooFew,
            _ => Step::Take,
        };
        match timeout(limit, self.inner.perform(step, messages)).await {
            Ok(results) => results,
            Err(_) => messages.iter().map(|_| Err(HubError::new(ErrorKind::Timeout, PUBLISH))).collect(),
        }
    }
    async fn request(&self, request: ServiceRequest) -> Result<Reply> {
        self.inner.request(request).await
    }
    async fn subscribe(&self, subscription: &Subscription) -> Result<Box<dyn Deliveries>> {
        self.inner.subscribe(subscription).await
    }
    async fn probe(&self) -> Result<()> {
        Ok(())
    }
}

fn transaction(subject: CharacterId) -> Transaction {
    Transaction::new().with_event(DomainEvent::new(UPDATED, subject, now(), serde_json::json!({})))
}

/// What a run does between pauses.
#[derive(Clone, Debug)]
enum Act {
    /// Commits events of these characters in one transaction.
    Commit(Vec<u8>),
    /// Tries to commit an event with a change that is refused.
    Refused(u8),
    /// Kills one of the two relays at a moment that the pauses before choose, and starts another.
    Kill(bool),
    /// Stops one of the two relays cleanly, and starts another.
    Stop(bool),
    /// Lets this many milliseconds pass.
    Pause(u16),
    /// Lets the lease end while no task runs.
    Freeze,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => prop::collection::vec(0..4_u8, 1..6).prop_map(Act::Commit),
        1 => (0..4_u8).prop_map(Act::Refused),
        2 => any::<bool>().prop_map(Act::Kill),
        1 => any::<bool>().prop_map(Act::Stop),
        4 => (0..12_u16).prop_map(Act::Pause),
        1 => (0..30_000_u16).prop_map(Act::Pause),
        1 => Just(Act::Freeze),
    ]
}

async fn check(acts: Vec<Act>, storage_tape: Vec<u8>, hub_tape: Vec<u8>) {
    let memory = MemoryStorage::new();
    let storage = failing_by(&Tape::new(storage_tape), &memory);
    let taken = ScriptedHub::new([]);
    let hub = Arc::new(FaultyHub { inner: Arc::clone(&taken), tape: Tape::new(hub_tape) });
    let settings = RelayOptions { advance_every: Duration::from_millis(3), ..options() };
    let run = || start(storage.clone(), hub.clone(), settings.clone());
    let characters: [_; 4] = std::array::from_fn(|_| CharacterId::new());
    let mut expected = BTreeMap::<String, Vec<String>>::new();
    let mut relays = [run(), run()];
    for act in acts {
        match act {
            Act::Commit(subjects) => {
                let mut all = Transaction::new();
                for subject in subjects.iter().map(|index| characters[usize::from(*index)]) {
                    let event = DomainEvent::new(UPDATED, subject, now(), serde_json::json!({}));
                    expected.entry(subject.to_string()).or_default().push(event.id.to_string());
                    all = all.with_event(event);
                }
                memory.commit(all).await.unwrap();
            }
            Act::Refused(subject) => {
                let (id, expect) = (CharacterId::new(), Expect::Revision(Revision(1)));
                let refused = transaction(characters[usize::from(subject)]);
                let refused = refused.with(Change::<Character>::Delete { id, expect, at: now() });
                memory.commit(refused).await.unwrap_err();
            }
            Act::Kill(which) => {
                let relay = std::mem::replace(&mut relays[usize::from(which)], run());
                relay.task.abort();
            }
            Act::Stop(which) => std::mem::replace(&mut relays[usize::from(which)], run()).stop().await,
            Act::Pause(milliseconds) => sleep(Duration::from_millis(milliseconds.into())).await,
            Act::Freeze => tokio::time::advance(settings.lease * 2).await,
        }
    }
    let total: usize = expected.values().map(Vec::len).sum();
    until("everything is published", async || taken.memory.published().len() >= total).await;
    until("everything is passed", async || expected.is_empty() || is_caught_up(&memory).await).await;
    assert_eq!(by_subject(&taken.memory.published()), expected);
    assert_eq!(parked(&memory).await, [], "no failure counts against an event");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, max_shrink_iters: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_committed_event_arrives_in_order_per_character_and_no_other(
        acts in prop::collection::vec(act(), 1..40),
        storage_tape in prop::collection::vec(any::<u8>(), 0..200),
        hub_tape in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(check(acts, storage_tape, hub_tape));
    }

    /// Parks, replays and refusals under the same failures: an event is published, or parked with its reason, and never both
    /// lost.
    #[test]
    fn every_committed_event_is_published_or_parked(
        subjects in prop::collection::vec(0..4_u8, 1..40),
        refused in prop::collection::btree_set(0..40_usize, 0..10),
        storage_tape in prop::collection::vec(any::<u8>(), 0..100),
        kills in prop::collection::vec(0..400_u16, 0..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let memory = MemoryStorage::new();
            let characters: [_; 4] = std::array::from_fn(|_| CharacterId::new());
            let subjects: Vec<_> = subjects.iter().map(|index| characters[usize::from(*index)]).collect();
            let events = commit(&memory, &subjects).await;
            let refused: BTreeSet<_> = refused.iter().filter_map(|index| events.get(*index)).map(|event| event.id).collect();
            let hub = ScriptedHub::new([]);
            let ids: BTreeSet<_> = refused.iter().map(ToString::to_string).collect();
            hub.refuse(move |message| ids.contains(message.event.id()).then_some(ErrorKind::Invalid));
            let storage = failing_by(&Tape::new(storage_tape), &memory);
            let run = || start(storage.clone(), hub.clone(), options());
            let mut relay = run();
            for pause in kills {
                sleep(Duration::from_millis(pause.into())).await;
                std::mem::replace(&mut relay, run()).task.abort();
            }
            until("everything is passed", async || is_caught_up(&memory).await).await;
            let found: BTreeSet<_> = parked(&memory).await.iter().map(|parked| parked.event.id).collect();
            assert_eq!(found, refused);
            assert_eq!(hub.memory.published().len(), events.len() - refused.len());
            // The hub takes them now, and the operator replays them: each arrives once, although the storage fails.
            hub.refuse(|_| None);
            memory.unpark(&consumer(), &refused.iter().copied().collect::<Vec<_>>()).await.unwrap();
            until("everything is replayed", async || parked(&memory).await.is_empty()).await;
            assert_eq!(hub.memory.published().len(), events.len());
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_that_leads_nowhere_is_replaced_by_that_of_the_consumer() {
    let memory = MemoryStorage::new();
    let events = commit(&memory, &[CharacterId::new(), CharacterId::new()]).await;
    // The lease, then `Gone`, then everything works.
    let storage = failing_by(&Tape::new(vec![255, 40]), &memory);
    let hub = ScriptedHub::new([]);
    let relay = start(storage, hub.clone(), options());
    until("everything is published", async || hub.memory.published().len() >= events.len()).await;
    let mut registry = prometheus_client::registry::Registry::default();
    relay.handle.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains("relay_log_restarts_total 1\n"), "{text}");
    until("it publishes", async || relay.handle.status().state == RelayState::Publishing).await;
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_fails_for_a_day_has_its_named_state_and_costs_few_calls() {
    let memory = MemoryStorage::new();
    let tape = Tape::new(vec![0; 1_000_000]);
    let storage = failing_by(&tape, &memory);
    let hub = ScriptedHub::new([]);
    let relay = start(storage, hub.clone(), options());
    sleep(Duration::from_secs(86_400)).await;
    let status = relay.handle.status();
    assert_eq!(
        (status.state, status.state.to_string()),
        (RelayState::WaitingForStorage, "waiting for the storage".into())
    );
    let left = tape.left();
    assert!((940_000..992_000).contains(&left), "{} calls in a day", 1_000_000 - left);
}
