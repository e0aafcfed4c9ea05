//! Each event has one effect, whatever is delivered twice, crashes or is too late.
#![expect(clippy::unwrap_used, reason = "tests")]

use character_inbox::{
    EventHandler, Handled, Inbox, InboxError, InboxHandle, InboxOptions, InboxState, Received, Turn, async_trait,
};
use character_message_hub::{CloudEvent, ErrorKind, HubError, MemoryHub, Message, MessageHub, Subscription};
use character_message_hub_testkit::{Call, ScriptedHub, Step};
use character_storage_port::{Commit, Consumers, HolderId, Log, MemoryStorage, Transaction};
use prometheus_client::{encoding::text::encode, registry::Registry};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::sleep,
};

/// What the handler does before or after its effect.
#[derive(Clone, Debug)]
enum Act {
    Done,
    EffectThenPanic,
    EffectThenHang,
    Panic,
    Retry(Duration),
    Reject,
    /// Takes this long before its effect.
    Slow(Duration),
}

#[derive(Clone, Debug, Default)]
struct Handler {
    storage: MemoryStorage,
    /// By the order of calls; at its end `Done`.
    script: Arc<Mutex<VecDeque<Act>>>,
    /// The ids of the events of each call.
    calls: Arc<Mutex<Vec<String>>>,
    working: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Handler {
    fn new(script: impl IntoIterator<Item = Act>) -> Self {
        Self { script: Arc::new(Mutex::new(script.into_iter().collect())), ..Self::default() }
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// How many effects there were: commits of the storage.
    async fn effects(&self) -> usize {
        let consumer = "test".parse().unwrap();
        let lease = self.storage.lease(&consumer, HolderId::new(), Duration::from_nanos(1));
        let begin = lease.await.unwrap().unwrap().cursor;
        sleep(Duration::from_millis(1)).await;
        self.storage.follow(&begin, 1000, Duration::ZERO).await.unwrap().commits.len()
    }

    async fn effect(&self, received: &Received) {
        let id = received.identity.transaction_id("effect");
        self.storage.commit(Transaction { id, ..Transaction::new() }).await.unwrap();
    }
}

#[async_trait]
impl EventHandler for Handler {
    async fn handle(&self, received: &Received) -> Handled {
        self.calls.lock().unwrap().push(received.event.id().to_owned());
        let working = self.working.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(working, Ordering::Relaxed);
        let act = self.script.lock().unwrap().pop_front().unwrap_or(Act::Done);
        sleep(Duration::from_millis(5)).await;
        self.working.fetch_sub(1, Ordering::Relaxed);
        match act {
            Act::Done => self.effect(received).await,
            Act::EffectThenPanic => {
                self.effect(received).await;
                panic!("after the effect");
            }
            Act::EffectThenHang => {
                self.effect(received).await;
                std::future::pending().await
            }
            Act::Panic => panic!("before the effect"),
            Act::Retry(pause) => return Handled::RetryAfter(pause),
            Act::Reject => return Handled::Reject("data.name: is required".to_owned()),
            Act::Slow(time) => {
                sleep(time).await;
                self.effect(received).await;
            }
        }
        Handled::Done
    }
}

fn subscription() -> Subscription {
    Subscription::new("sheets".parse().unwrap(), "campaign.*".parse().unwrap())
}

fn options() -> InboxOptions {
    InboxOptions::new(subscription())
}

async fn publish(hub: &MemoryHub, events: &[(&str, &str)]) {
    for (id, subject) in events {
        let event = CloudEvent::new(*id, "/campaigns", "campaign.renamed").unwrap().with_subject(*subject).unwrap();
        hub.publish(&[Message::of(Arc::new(event))], Duration::ZERO).await.remove(0).unwrap();
    }
}

struct Running {
    handle: InboxHandle,
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

fn start(hub: impl MessageHub + 'static, handler: &Handler, options: InboxOptions) -> Running {
    let inbox = Inbox::new(Arc::new(hub), handler.clone(), options).unwrap();
    let (stop, stopped) = oneshot::channel();
    let handle = inbox.handle();
    let stopped = async move {
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    Running { handle, task: tokio::spawn(inbox.run(stopped)), stop }
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..360_000 {
        if condition() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not happen within an hour: {what}");
}

#[tokio::test(start_paused = true)]
async fn an_event_is_handled_and_never_delivered_again() {
    let (hub, handler) = (MemoryHub::new(), Handler::default());
    publish(&hub, &[("1", "a"), ("2", "b"), ("3", "a")]).await;
    let running = start(hub.clone(), &handler, options());
    until("all are handled", || handler.calls().len() == 3).await;
    sleep(Duration::from_secs(3600)).await;
    assert_eq!((handler.calls().len(), handler.effects().await), (3, 3));
    assert_eq!((running.handle.state(), running.handle.in_flight()), (InboxState::Receiving, 0));
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_effect_and_acknowledgement_leaves_one_effect() {
    let (hub, handler) = (MemoryHub::new(), Handler::new([Act::EffectThenHang]));
    publish(&hub, &[("1", "a")]).await;
    let first = start(hub.clone(), &handler, options());
    until("the effect is there", || handler.calls().len() == 1).await;
    sleep(Duration::from_millis(10)).await;
    // The process is killed.
    first.task.abort();
    let _ = first.task.await;
    let _second = start(hub.clone(), &handler, options());
    until("it is handled again", || handler.calls().len() == 2).await;
    sleep(Duration::from_secs(3600)).await;
    assert_eq!((handler.calls(), handler.effects().await), (vec!["1".to_owned(), "1".to_owned()], 1));
}

#[tokio::test(start_paused = true)]
async fn a_panic_after_the_effect_leaves_one_effect_and_the_inbox_goes_on() {
    let (hub, handler) = (MemoryHub::new(), Handler::new([Act::EffectThenPanic, Act::EffectThenPanic]));
    publish(&hub, &[("1", "a")]).await;
    let _running = start(hub.clone(), &handler, options());
    until("it is handled", || handler.calls().len() == 3).await;
    sleep(Duration::from_secs(3600)).await;
    assert_eq!((handler.calls().len(), handler.effects().await), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn an_event_whose_handler_always_panics_is_rejected_and_the_next_is_handled() {
    let (hub, handler) = (MemoryHub::new(), Handler::new(vec![Act::Panic; 5]));
    publish(&hub, &[("1", "a"), ("2", "a")]).await;
    let _running = start(hub.clone(), &handler, options());
    until("the next is handled", || handler.calls().last().is_some_and(|id| id == "2")).await;
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(
        (handler.calls(), handler.effects().await),
        (["1", "1", "1", "1", "1", "2"].map(str::to_owned).to_vec(), 1)
    );
}

/// A hub whose deliveries cannot be settled, as when its answer is lost.
fn deaf(hub: MemoryHub) -> ScriptedHub {
    ScriptedHub::over(hub, |call| match call {
        Call::Settle(_) | Call::InProgress => Step::Fail(HubError::new(ErrorKind::Timeout, call.operation())),
        _ => Step::Pass,
    })
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_delivered_again_and_again_has_one_effect() {
    let (hub, handler) = (MemoryHub::new(), Handler::default());
    publish(&hub, &[("1", "a")]).await;
    let running = start(deaf(hub), &handler, options());
    until("it is handled ten times", || handler.calls().len() >= 10).await;
    until("the tenth is reported", || running.handle.in_flight() == 0).await;
    assert_eq!(handler.effects().await, 1);
    let mut registry = Registry::default();
    running.handle.register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    for line in ["inbox_redelivered_total 9", "inbox_settle_failures_total 10", "inbox_receiving 1"] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_handlers_of_one_event_at_once_have_one_effect() {
    let hub = MemoryHub::new();
    let within = Subscription { settle_within: Duration::from_secs(1), ..subscription() };
    let handler = Handler::new([Act::Slow(Duration::from_secs(10)), Act::Slow(Duration::from_secs(10))]);
    publish(&hub, &[("1", "a")]).await;
    // The first cannot tell the hub that it still works, so that the second gets the event too.
    let _first = start(deaf(hub.clone()), &handler, InboxOptions::new(within.clone()));
    until("the first handles it", || handler.calls().len() == 1).await;
    let _second = start(hub.clone(), &handler, InboxOptions::new(within));
    until("the second handles it", || handler.calls().len() == 2).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(handler.effects().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_long_keeps_its_delivery() {
    let (hub, handler) = (MemoryHub::new(), Handler::new([Act::Slow(Duration::from_secs(200))]));
    publish(&hub, &[("1", "a")]).await;
    let _running = start(hub.clone(), &handler, options());
    sleep(Duration::from_secs(3600)).await;
    assert_eq!((handler.calls().len(), handler.effects().await), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_hangs_is_given_up_and_called_again() {
    let (hub, handler) = (MemoryHub::new(), Handler::new([Act::EffectThenHang]));
    publish(&hub, &[("1", "a")]).await;
    let _running = start(hub.clone(), &handler, options());
    sleep(Duration::from_secs(3600)).await;
    assert_eq!((handler.calls().len(), handler.effects().await), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_retried_stays_before_the_later_ones_of_its_subject() {
    let (hub, handler) = (MemoryHub::new(), Handler::new([Act::Retry(Duration::from_secs(5)), Act::Done]));
    publish(&hub, &[("1", "a"), ("2", "b"), ("3", "a")]).await;
    let _running = start(hub.clone(), &handler, options());
    until("all are handled", || handler.calls().len() == 4).await;
    assert_eq!(handler.calls(), ["1", "2", "1", "3"]);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_event_is_never_delivered_again() {
    let (hub, handler) = (MemoryHub::new(), Handler::new([Act::Reject]));
    publish(&hub, &[("1", "a"), ("2", "a")]).await;
    let _running = start(hub.clone(), &handler, options());
    until("the next is handled", || handler.calls().len() == 2).await;
    sleep(Duration::from_secs(3600)).await;
    assert_eq!((handler.calls(), handler.effects().await), (vec!["1".to_owned(), "2".to_owned()], 1));
}

#[tokio::test(start_paused = true)]
async fn no_more_events_are_handled_at_once_than_the_subscription_permits() {
    let (hub, handler) = (MemoryHub::new(), Handler::default());
    let subjects: Vec<String> = (0..50).map(|number| number.to_string()).collect();
    publish(&hub, &subjects.iter().map(|subject| (&**subject, &**subject)).collect::<Vec<_>>()).await;
    let limited = Subscription { max_in_flight: 3, ..subscription() };
    let _running = start(hub.clone(), &handler, InboxOptions::new(limited));
    until("all are handled", || handler.calls().len() == 50).await;
    assert_eq!(handler.most.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn at_a_stop_active_handlers_finish_and_no_other_begins() {
    let hub = MemoryHub::new();
    let handler = Handler::new([Act::Slow(Duration::from_secs(1))]);
    publish(&hub, &[("1", "a"), ("2", "a")]).await;
    let running = start(hub.clone(), &handler, options());
    until("the first is handled", || handler.calls().len() == 1).await;
    running.stop.send(()).unwrap();
    running.task.await.unwrap();
    assert_eq!((handler.calls().len(), handler.effects().await), (1, 1));
    assert_eq!(running.handle.state(), InboxState::Stopped);
}

#[test]
fn an_inbox_with_a_shorter_memory_than_the_stream_does_not_start() {
    let day = Duration::from_secs(86_400);
    let check = |ids_kept, stream_max_age| InboxOptions { ids_kept, stream_max_age, ..options() }.check();
    let error = check(Some(day), Some(day * 7)).unwrap_err();
    assert!(matches!(error, InboxError::Retention { .. }));
    assert!(error.to_string().contains("86400 s"), "{error}");
    for (ids_kept, stream_max_age) in [(Some(day), Some(day)), (None, Some(day)), (Some(day), None), (None, None)] {
        assert!(check(ids_kept, stream_max_age).is_ok());
    }
    let limits = Subscription { max_in_flight: 0, ..subscription() };
    assert!(matches!(InboxOptions::new(limits).check(), Err(InboxError::Subscription(_))));
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_refuses_the_subscription_is_asked_again_until_it_accepts() {
    let (memory, handler) = (MemoryHub::new(), Handler::default());
    let (open, opened) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    publish(&memory, &[("1", "a")]).await;
    let (is_open, asked) = (Arc::clone(&open), Arc::clone(&opened));
    let hub = ScriptedHub::over(memory, move |call| match call {
        Call::Subscribe(_) if is_open.load(Ordering::Relaxed) == 0 => {
            asked.notify_one();
            Step::Fail(HubError::new(ErrorKind::Unauthorized, call.operation()))
        }
        _ => Step::Pass,
    });
    let running = start(hub, &handler, options());
    opened.notified().await;
    until("it waits", || running.handle.state() == InboxState::WaitingForHub("unauthorized")).await;
    assert_eq!(running.handle.state().to_string(), "waiting for the hub: unauthorized");
    sleep(Duration::from_secs(600)).await;
    open.store(1, Ordering::Relaxed);
    until("it is handled", || handler.calls().len() == 1).await;
    assert_eq!(running.handle.state(), InboxState::Receiving);
}

fn start_in_turn(hub: &MemoryHub, handler: &Handler, leases: &MemoryStorage) -> Running {
    let inbox = Inbox::new(Arc::new(hub.clone()), handler.clone(), options()).unwrap();
    let turn = Turn::new(leases.clone(), "inbox-sheets".parse().unwrap());
    let (stop, stopped) = oneshot::channel();
    let handle = inbox.handle();
    let stopped = async move {
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    Running { handle, task: tokio::spawn(inbox.run_in_turn(turn, stopped)), stop }
}

#[tokio::test(start_paused = true)]
async fn of_two_processes_one_receives_and_the_other_takes_over() {
    let (hub, leases) = (MemoryHub::new(), MemoryStorage::new());
    let (one, other, third) = (Handler::default(), Handler::default(), Handler::default());
    let first = start_in_turn(&hub, &one, &leases);
    until("the first receives", || first.handle.state() == InboxState::Receiving).await;
    let second = start_in_turn(&hub, &other, &leases);
    until("the second waits", || second.handle.state() == InboxState::Standby).await;
    publish(&hub, &[("1", "a"), ("2", "b")]).await;
    until("both are handled", || one.calls().len() == 2).await;
    sleep(Duration::from_secs(600)).await;
    publish(&hub, &[("3", "a")]).await;
    until("it is handled", || one.calls().len() == 3).await;
    // Stopped cleanly, it is replaced within a second.
    first.stop.send(()).unwrap();
    first.task.await.unwrap();
    publish(&hub, &[("4", "a")]).await;
    sleep(Duration::from_millis(1_100)).await;
    assert_eq!((other.calls(), one.calls().len()), (vec!["4".to_owned()], 3));
    // Killed, it is replaced when its lease has ended.
    second.task.abort();
    let _third = start_in_turn(&hub, &third, &leases);
    publish(&hub, &[("5", "a")]).await;
    sleep(Duration::from_secs(32)).await;
    assert_eq!((third.calls(), other.calls().len()), (vec!["5".to_owned()], 1));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_stopped_for_longer_than_its_lease_receives_no_more() {
    let (hub, leases, handler) = (MemoryHub::new(), MemoryStorage::new(), Handler::default());
    let running = start_in_turn(&hub, &handler, &leases);
    until("it receives", || running.handle.state() == InboxState::Receiving).await;
    tokio::time::advance(Duration::from_secs(31)).await;
    let consumer = "inbox-sheets".parse().unwrap();
    let other = leases.lease(&consumer, HolderId::new(), Duration::from_secs(3600)).await.unwrap().unwrap();
    until("it waits", || running.handle.state() == InboxState::Standby).await;
    publish(&hub, &[("1", "a")]).await;
    sleep(Duration::from_secs(600)).await;
    assert_eq!(handler.calls().len(), 0);
    leases.release(&other.token).await.unwrap();
    until("it is handled", || handler.calls().len() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn the_log_keeps_nothing_for_the_turn() {
    let (hub, leases, handler) = (MemoryHub::new(), MemoryStorage::new(), Handler::default());
    let running = start_in_turn(&hub, &handler, &leases);
    until("it receives", || running.handle.state() == InboxState::Receiving).await;
    leases.commit(Transaction::new()).await.unwrap();
    assert!(leases.consumers().await.unwrap()[0].behind_since.is_some());
    sleep(Duration::from_secs(11)).await;
    assert_eq!(leases.consumers().await.unwrap()[0].behind_since, None);
}
