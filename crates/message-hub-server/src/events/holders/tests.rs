//! Servers over records in memory, whose writes take time.

use super::*;
use character_message_hub::{
    CloudEvent, ErrorKind, Filter, HolderRecord, HubOperations, MemoryHub, Message, MessageHub as _, RejectedEvent,
    Settlement, Subscription, SubscriptionState, async_trait,
};
use futures_util::future::join_all;
use std::sync::atomic::AtomicU64;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct Records {
    records: Mutex<HashMap<SubscriptionName, HolderRecord>>,
    revisions: AtomicU64,
    /// How long the next writer waits before the record is compared.
    taking: Mutex<Duration>,
    releasing: Mutex<Duration>,
    /// Every reader fails after this time.
    failing: Mutex<Option<Duration>>,
    /// The answer to the next write of this server is lost.
    losing: Mutex<Option<ServiceName>>,
    reads: AtomicU64,
}

impl Records {
    fn holder(&self, name: &SubscriptionName) -> Option<ServiceName> {
        lock(&self.records).get(name)?.holder.clone()
    }
}

#[async_trait]
impl HubOperations for Records {
    async fn subscriptions(&self) -> Result<Vec<SubscriptionState>> {
        Ok(Vec::new())
    }

    async fn types(&self, _: &SubscriptionName) -> Result<Option<Filter>> {
        Ok(None)
    }

    async fn rejected(&self, _: &SubscriptionName, _: usize) -> Result<Option<Vec<RejectedEvent>>> {
        Ok(None)
    }

    async fn remove_subscription(&self, _: &SubscriptionName) -> Result<bool> {
        Ok(false)
    }
}

#[async_trait]
impl HolderRecords for Records {
    async fn read(&self, subscription: &SubscriptionName) -> Result<Option<HolderRecord>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let failing = *lock(&self.failing);
        if let Some(after) = failing {
            sleep(after).await;
            return Err(unavailable(SUBSCRIBE, "of the test"));
        }
        Ok(lock(&self.records).get(subscription).cloned())
    }

    async fn replace(
        &self,
        subscription: &SubscriptionName,
        revision: u64,
        holder: Option<&ServiceName>,
    ) -> Result<Option<u64>> {
        let pause = std::mem::take(&mut *lock(if holder.is_some() { &self.taking } else { &self.releasing }));
        sleep(pause).await;
        let mut records = lock(&self.records);
        if records.get(subscription).map_or(0, |record| record.revision) != revision {
            return Ok(None);
        }
        let revision = self.revisions.fetch_add(1, Ordering::SeqCst) + 1;
        records.insert(subscription.clone(), HolderRecord { revision, holder: holder.cloned() });
        match lock(&self.losing).take_if(|losing| holder == Some(losing)) {
            Some(_) => Err(unavailable(SUBSCRIBE, "of the test")),
            None => Ok(Some(revision)),
        }
    }
}

fn name(text: &str) -> SubscriptionName {
    text.parse().unwrap()
}

fn own() -> ServiceName {
    "message-hub-1".parse().unwrap()
}

fn server(records: &Arc<Records>) -> (Holders, Sessions) {
    named(own(), records)
}

fn named(own: ServiceName, records: &Arc<Records>) -> (Holders, Sessions) {
    let sessions = Sessions::of(Some(own.clone()));
    (Holders::new(own, Arc::clone(records) as _, sessions.clone(), Gauge::default()), sessions)
}

fn another() -> ServiceName {
    format!("message-hub-{}", Uuid::new_v4()).parse().unwrap()
}

fn late() -> HubError {
    HubError::new(ErrorKind::Timeout, SUBSCRIBE)
}

async fn held_here(holders: &Holders, name: &SubscriptionName) -> Arc<Holding> {
    match holders.place(name, Origin::Client).await {
        Ok(Place::Here(Some(holding))) => holding,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_release_of_a_holding_ends_no_later_one_of_the_same_server() {
    let records = Arc::new(Records::default());
    let ((holders, _), sheets) = (server(&records), name("sheets"));
    held_here(&holders, &sheets).await.release();
    *lock(&records.releasing) = SECOND * 3;
    sleep(SECOND).await;
    let again = held_here(&holders, &sheets).await;
    for _ in 0..20 {
        sleep(SECOND).await;
        assert!(again.is_held() && records.holder(&sheets) == Some(own()), "the record is {:?}", records.records);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_while_it_takes_a_subscription_releases_it() {
    let records = Arc::new(Records::default());
    let ((holders, _), sheets) = (server(&records), name("sheets"));
    *lock(&records.taking) = SECOND;
    let (asking, leaving) = (holders.clone(), holders.clone());
    let (taken, ()) = tokio::join!(asking.place(&sheets, Origin::Client), async {
        sleep(SECOND / 2).await;
        leaving.leave().await;
    });
    assert!(taken.is_err(), "{taken:?}");
    assert_eq!((records.holder(&sheets), holders.held().len()), (None, 0));
    assert!(!lock(&records.records).is_empty());
}

#[tokio::test(start_paused = true)]
async fn requests_that_wait_for_one_attempt_share_its_failure() {
    let records = Arc::new(Records::default());
    let ((holders, _), sheets) = (server(&records), name("sheets"));
    *lock(&records.failing) = Some(SECOND * 2);
    let begun = Instant::now();
    let failed = join_all((0..20).map(|_| holders.place(&sheets, Origin::Client))).await;
    assert!(failed.iter().all(Result::is_err));
    assert!(begun.elapsed() < SECOND * 3, "{:?}", begun.elapsed());
    *lock(&records.failing) = None;
    held_here(&holders, &sheets).await;
}

#[tokio::test(start_paused = true)]
async fn the_subscription_that_was_idle_for_longest_is_released_for_one_more_than_the_maximum() {
    let records = Arc::new(Records::default());
    let (holders, _) = server(&records);
    let first = held_here(&holders, &name("first")).await;
    sleep(SECOND / 10).await;
    for number in 1..2_000 {
        held_here(&holders, &name(&format!("s-{number}"))).await;
    }
    assert!(first.is_held());
    held_here(&holders, &name("last")).await;
    assert!(first.has_ended());
    assert_eq!(holders.held().len(), 2_000);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_held_as_long_as_a_delivery_of_it_is_unsettled() {
    let records = Arc::new(Records::default());
    let ((holders, sessions), sheets) = (server(&records), name("sheets"));
    let (hub, sweep) = (MemoryHub::new(), || {
        sessions.sweep();
        holders.sweep();
    });
    let event = CloudEvent::new("1", "/tests", "character.created").unwrap();
    assert!(hub.publish(&[Message::of(Arc::new(event))], SECOND).await.iter().all(Result::is_ok));
    let mut subscription = Subscription::new(sheets.clone(), Filter::all());
    subscription.settle_within = SECOND * 600;
    let holding = held_here(&holders, &sheets).await;
    let session = sessions.open(&hub, &subscription, Some(Arc::clone(&holding))).await.unwrap();
    let delivery = session.next(&mut *session.deliveries.lock().await, &sessions).await.unwrap();
    let receipt = sessions.hold(&session, delivery);
    drop(session);
    for _ in 0..10 {
        sleep(SECOND * 120).await;
        sweep();
        sessions.in_progress(&receipt).await.unwrap();
        assert!(holding.is_held());
    }
    sessions.settle(&receipt, Settlement::Ack).await.unwrap();
    sleep(SECOND * 61).await;
    sweep();
    assert!(holding.has_ended());
    sleep(SECOND).await;
    assert_eq!(records.holder(&sheets), None);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_a_request_alone_still_has_ends_with_its_holding() {
    let records = Arc::new(Records::default());
    let ((holders, sessions), sheets) = (server(&records), name("sheets"));
    let (hub, holding) = (MemoryHub::new(), held_here(&holders, &sheets).await);
    let of = |filter: &str| Subscription::new(sheets.clone(), filter.parse().unwrap());
    let open = |filter| {
        let (sessions, hub, subscription, holding) = (&sessions, &hub, of(filter), Arc::clone(&holding));
        async move { sessions.open(hub, &subscription, Some(holding)).await.unwrap() }
    };
    let (before, after) = (open("character.*").await, open("campaign.*").await);
    holding.release();
    sleep(SECOND).await;
    for session in [before, after] {
        assert!(session.deliveries.lock().await.is_none(), "{session:?} receives yet");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_every_few_minutes_finds_at_its_second_request_that_a_holder_has_ended() {
    let records = Arc::new(Records::default());
    let ((holders, _), sheets) = (server(&records), name("sheets"));
    let ended = another();
    assert!(records.replace(&sheets, 0, Some(&ended)).await.unwrap().is_some());
    assert!(matches!(holders.place(&sheets, Origin::Client).await, Ok(Place::At(at)) if at == ended));
    holders.doubt(&sheets, Instant::now());
    for _ in 0..10 {
        sleep(SECOND * 30).await;
        holders.sweep();
    }
    held_here(&holders, &sheets).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_of_a_holder_is_forgotten_when_its_record_cannot_live_any_more() {
    let records = Arc::new(Records::default());
    let ((holders, _), sheets) = (server(&records), name("sheets"));
    let other = another();
    assert!(records.replace(&sheets, 0, Some(&other)).await.unwrap().is_some());
    assert!(matches!(holders.place(&sheets, Origin::Client).await, Ok(Place::At(_))));
    sleep(SECOND * 3_599).await;
    holders.sweep();
    assert_eq!(lock(&holders.entries).len(), 1);
    sleep(SECOND * 2).await;
    holders.sweep();
    assert!(lock(&holders.entries).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_record_that_names_no_server_over_this_hub_is_replaced() {
    for other in ["character-service", "message-hub-instances"] {
        let records = Arc::new(Records::default());
        let ((holders, _), sheets) = (server(&records), name("sheets"));
        assert!(records.replace(&sheets, 0, Some(&other.parse().unwrap())).await.unwrap().is_some());
        held_here(&holders, &sheets).await;
        assert_eq!(records.holder(&sheets), Some(own()));
    }
}

/// A server asks a holder that answers no request, until it takes the place of that one itself.
async fn taken_from_silent(other: &Holders, sheets: &SubscriptionName, silent: &ServiceName) -> Arc<Holding> {
    loop {
        match other.place(sheets, Origin::Client).await {
            Ok(Place::At(at)) => {
                assert_eq!(at, *silent);
                let asked = Instant::now();
                sleep(SECOND * 3).await;
                other.heard(sheets, silent, Some(&late()));
                other.doubt(sheets, asked);
            }
            Ok(Place::Here(holding)) => return holding.unwrap(),
            // The answer to its record was lost.
            Err(_) => sleep(SECOND / 4).await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_answers_no_request_is_replaced_and_both_never_make_deliveries_at_the_same_time() {
    for is_lost in [false, true] {
        let (records, sheets) = (Arc::new(Records::default()), name("sheets"));
        let (silent, taking) = (another(), another());
        let ((holders, _), (other, _)) = (named(silent.clone(), &records), named(taking.clone(), &records));
        let before = held_here(&holders, &sheets).await;
        *lock(&records.losing) = is_lost.then(|| taking.clone());
        let begun = Instant::now();
        let after = taken_from_silent(&other, &sheets, &silent).await;
        let taken = Instant::now();
        while !after.is_held() {
            assert!(begun.elapsed() < SECOND * 30, "it is not replaced");
            sleep(SECOND / 1_000).await;
        }
        // However slowly the one before it writes.
        assert!(taken.elapsed() > SECOND * 6, "the answer was lost: {is_lost}");
        assert!(begun.elapsed() > SECOND * 15 && before.has_ended());
        assert!(matches!(holders.place(&sheets, Origin::Client).await, Ok(Place::At(at)) if at == taking));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_replaces_a_record_which_is_gone_makes_deliveries_when_its_holder_has_stopped() {
    let (records, sheets, own) = (Arc::new(Records::default()), name("sheets"), another());
    let ((holders, _), (other, _)) = (named(own.clone(), &records), server(&records));
    let before = held_here(&holders, &sheets).await;
    assert!(matches!(other.place(&sheets, Origin::Client).await, Ok(Place::At(at)) if at == own));
    other.doubt(&sheets, Instant::now());
    lock(&records.records).clear();
    let (after, taken) = (held_here(&other, &sheets).await, Instant::now());
    while !after.is_held() {
        sleep(SECOND / 1_000).await;
    }
    assert!(taken.elapsed() > SECOND * 6 && before.has_ended());
    // Its own record may be gone, too: no other server makes deliveries then.
    after.lose();
    sleep(SECOND).await;
    lock(&records.records).clear();
    assert!(held_here(&other, &sheets).await.is_held());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_before_the_holder_that_it_replaces_has_stopped_releases_nothing() {
    let (records, sheets) = (Arc::new(Records::default()), name("sheets"));
    let (silent, taking) = (another(), another());
    let ((holders, _), (other, _)) = (named(silent.clone(), &records), named(taking.clone(), &records));
    let before = held_here(&holders, &sheets).await;
    let after = taken_from_silent(&other, &sheets, &silent).await;
    assert!(before.is_held() && !after.is_held());
    after.release();
    sleep(SECOND).await;
    assert_eq!(records.holder(&sheets), Some(taking), "a third server would begin at once");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_answers_now_and_then_or_while_this_server_is_cut_off_is_not_replaced() {
    let (records, sheets) = (Arc::new(Records::default()), name("sheets"));
    let (busy, (other, _)) = (another(), server(&records));
    let (holders, _) = named(busy.clone(), &records);
    let holding = held_here(&holders, &sheets).await;
    for round in 0..40 {
        sleep(SECOND).await;
        // At first it answers every eighth request, and then there is one in 8 s.
        match round % 8 {
            0 if round < 20 => other.heard(&sheets, &busy, None),
            1.. if round < 20 => other.heard(&sheets, &busy, Some(&late())),
            0 => other.heard(&sheets, &busy, Some(&late())),
            _ => {}
        }
        other.doubt(&sheets, Instant::now());
        assert!(matches!(other.place(&sheets, Origin::Client).await, Ok(Place::At(_))), "in round {round}");
    }
    for _ in 0..15 {
        sleep(SECOND).await;
        other.heard(&sheets, &busy, Some(&late()));
    }
    *lock(&records.failing) = Some(SECOND);
    other.doubt(&sheets, Instant::now());
    assert!(other.place(&sheets, Origin::Client).await.is_err());
    *lock(&records.failing) = None;
    other.heard(&sheets, &busy, Some(&late()));
    assert!(matches!(other.place(&sheets, Origin::Client).await, Ok(Place::At(_))));
    assert!(holding.is_held());
}

#[tokio::test(start_paused = true)]
async fn requests_that_the_same_holder_does_not_answer_read_its_record_once() {
    let (records, sheets) = (Arc::new(Records::default()), name("sheets"));
    let (holders, _) = server(&records);
    assert!(records.replace(&sheets, 0, Some(&another())).await.unwrap().is_some());
    let asked = join_all((0..20).map(async |_| {
        assert!(matches!(holders.place(&sheets, Origin::Client).await, Ok(Place::At(_))));
        let begun = Instant::now();
        sleep(SECOND / 2).await;
        holders.doubt(&sheets, begun);
        assert!(matches!(holders.place(&sheets, Origin::Client).await, Ok(Place::At(_))));
    }));
    asked.await;
    assert_eq!(records.reads.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_record_of_another_holder_has_not_lapsed_although_an_earlier_stream_had_its_revision() {
    let (records, sheets) = (Arc::new(Records::default()), name("sheets"));
    let (holders, _) = server(&records);
    for holder in [another(), another()] {
        let record = HolderRecord { revision: 7, holder: Some(holder.clone()) };
        lock(&records.records).insert(sheets.clone(), record);
        holders.doubt(&sheets, Instant::now());
        assert!(matches!(holders.place(&sheets, Origin::Client).await, Ok(Place::At(at)) if at == holder));
        sleep(SECOND * 10).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_of_a_subscription_that_is_released_can_be_settled_and_not_prolonged() {
    let records = Arc::new(Records::default());
    let ((holders, sessions), sheets) = (server(&records), name("sheets"));
    let (hub, holding) = (MemoryHub::new(), held_here(&holders, &sheets).await);
    let event = CloudEvent::new("1", "/tests", "character.created").unwrap();
    assert!(hub.publish(&[Message::of(Arc::new(event))], SECOND).await.iter().all(Result::is_ok));
    let subscription = Subscription::new(sheets, Filter::all());
    let session = sessions.open(&hub, &subscription, Some(Arc::clone(&holding))).await.unwrap();
    let delivery = session.next(&mut *session.deliveries.lock().await, &sessions).await.unwrap();
    let receipt = sessions.hold(&session, delivery);
    sessions.in_progress(&receipt).await.unwrap();
    holding.release();
    let refused = sessions.in_progress(&receipt).await.unwrap_err();
    assert_eq!(*refused.kind(), ErrorKind::Unavailable { retry_after: None });
    sessions.settle(&receipt, Settlement::Ack).await.unwrap();
}
