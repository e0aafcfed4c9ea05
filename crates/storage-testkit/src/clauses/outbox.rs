//! Events that wait to be published.

use crate::sample::{LONG, character, claim, creation, event, numbers, refused, replacement, revision};
use character_domain::CharacterId;
use character_storage_port::{ErrorKind, EventId, OutboxEvent, StoragePort, Transaction};
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

/// Commits these numbers as events of the subject, in one transaction.
async fn emit(storage: &Arc<dyn StoragePort>, subject: CharacterId, numbers: impl IntoIterator<Item = u64>) {
    let events = numbers.into_iter().map(|number| event(subject, number)).collect();
    storage.commit(Transaction { events, ..Transaction::new() }).await.expect("events are allowed");
}

async fn acknowledge(storage: &Arc<dyn StoragePort>, events: &[OutboxEvent]) {
    let ids: Vec<_> = events.iter().map(|waiting| waiting.event.id).collect();
    storage.acknowledge(&ids).await.expect("an acknowledgement is answered");
}

/// Claims again and again until something is free, for ten seconds at most.
async fn claim_when_free(storage: &Arc<dyn StoragePort>) -> Vec<OutboxEvent> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let claimed = claim(storage).await;
        if !claimed.is_empty() {
            return claimed;
        }
        assert!(Instant::now() < deadline, "the lease does not end");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The events of a refused transaction never appear.
pub async fn events_of_a_refused_transaction_never_appear(storage: Arc<dyn StoragePort>) {
    let row = character();
    refused(&storage, replacement(&row, revision(1))).await;
    let refused = Transaction::new().with(replacement(&row, revision(1))).with_event(event(row.id, 1));
    storage.commit(refused).await.expect_err("the row is absent");
    let invalid = creation(&[character_domain::Character { name: String::new(), ..row.clone() }]);
    storage.commit(invalid.with_event(event(row.id, 2))).await.expect_err("an empty name is invalid");
    assert_eq!(claim(&storage).await, []);
}

/// Events of one subject are given out in the order in which they were committed, with growing positions.
///
/// Lesson 10: a later event of a character is not handled before an earlier one.
pub async fn events_of_a_subject_keep_their_order(storage: Arc<dyn StoragePort>) {
    let (one, two) = (CharacterId::new(), CharacterId::new());
    for round in 0..10 {
        emit(&storage, one, [round * 2, round * 2 + 1]).await;
        emit(&storage, two, [round]).await;
    }
    let claimed = claim(&storage).await;
    assert_eq!(numbers(&claimed, one), (0..20).collect::<Vec<_>>());
    assert_eq!(numbers(&claimed, two), (0..10).collect::<Vec<_>>());
    for subject in [one, two] {
        let of_subject = claimed.iter().filter(|waiting| waiting.event.subject == subject);
        let positions: Vec<_> = of_subject.map(|waiting| waiting.position).collect();
        assert!(positions.windows(2).all(|pair| pair[0] < pair[1]), "positions do not grow: {positions:?}");
    }
}

/// Positions go on growing over claims.
pub async fn positions_go_on_growing(storage: Arc<dyn StoragePort>) {
    let subject = CharacterId::new();
    let mut last = None;
    for number in 0..4 {
        emit(&storage, subject, [number]).await;
        let claimed = claim(&storage).await;
        assert_eq!(claimed.len(), 1);
        assert!(last < Some(claimed[0].position), "{last:?}, then {}", claimed[0].position);
        last = Some(claimed[0].position);
        acknowledge(&storage, &claimed).await;
    }
}

/// An event under lease is not given out again.
pub async fn a_lease_excludes_others(storage: Arc<dyn StoragePort>) {
    emit(&storage, CharacterId::new(), 0..3).await;
    assert_eq!(claim(&storage).await.len(), 3);
    assert_eq!(claim(&storage).await, []);
}

/// When the lease has ended, the events are given out again, the same and in the same order.
///
/// Lesson 11: an event that was not acknowledged is not lost.
pub async fn a_lease_that_ended_gives_the_events_again(storage: Arc<dyn StoragePort>) {
    emit(&storage, CharacterId::new(), 0..3).await;
    let first = storage.claim(10, Duration::from_millis(20)).await.expect("a claim is answered");
    assert_eq!(first.len(), 3);
    assert_eq!(claim_when_free(&storage).await, first);
    assert_eq!(claim(&storage).await, []);
}

/// While an event of a subject is under lease, later ones of the same subject wait.
pub async fn later_events_of_a_leased_subject_wait(storage: Arc<dyn StoragePort>) {
    let subject = CharacterId::new();
    emit(&storage, subject, 0..3).await;
    let first = storage.claim(1, LONG).await.expect("a claim is answered");
    assert_eq!(numbers(&first, subject), [0]);
    emit(&storage, subject, [3]).await;
    assert_eq!(claim(&storage).await, []);
    acknowledge(&storage, &first).await;
    assert_eq!(numbers(&claim(&storage).await, subject), [1, 2, 3]);
}

/// Later events do not overtake one whose lease has ended.
pub async fn later_events_do_not_overtake(storage: Arc<dyn StoragePort>) {
    let subject = CharacterId::new();
    emit(&storage, subject, 0..3).await;
    storage.claim(1, Duration::from_millis(10)).await.expect("a claim is answered");
    assert_eq!(numbers(&claim_when_free(&storage).await, subject), [0, 1, 2]);
}

/// Events of other subjects are given out while one subject is under lease.
pub async fn other_subjects_proceed(storage: Arc<dyn StoragePort>) {
    let (one, two) = (CharacterId::new(), CharacterId::new());
    emit(&storage, one, 0..2).await;
    let first = claim(&storage).await;
    emit(&storage, one, [2]).await;
    emit(&storage, two, [7]).await;
    let second = claim(&storage).await;
    assert_eq!((numbers(&second, one), numbers(&second, two)), (vec![], vec![7]));
    acknowledge(&storage, &first).await;
    assert_eq!(numbers(&claim(&storage).await, one), [2]);
}

/// An acknowledged event never comes back, and only that one goes.
pub async fn an_acknowledgement_removes_the_event(storage: Arc<dyn StoragePort>) {
    let subject = CharacterId::new();
    emit(&storage, subject, 0..3).await;
    let claimed = storage.claim(10, Duration::from_millis(10)).await.expect("a claim is answered");
    acknowledge(&storage, &claimed[..1]).await;
    assert_eq!(numbers(&claim_when_free(&storage).await, subject), [1, 2]);
}

/// An acknowledgement of unknown ids, of known ones again, or of nothing, is passed over.
pub async fn an_acknowledgement_may_be_repeated(storage: Arc<dyn StoragePort>) {
    let subject = CharacterId::new();
    emit(&storage, subject, 0..2).await;
    let claimed = claim(&storage).await;
    acknowledge(&storage, &[]).await;
    let unknown = EventId(uuid::Uuid::now_v7());
    storage.acknowledge(&[unknown, claimed[0].event.id, unknown]).await.expect("unknown ids are passed over");
    acknowledge(&storage, &claimed).await;
    acknowledge(&storage, &claimed).await;
    emit(&storage, subject, [2]).await;
    assert_eq!(numbers(&claim(&storage).await, subject), [2]);
}

/// An event that was never claimed may be acknowledged.
pub async fn an_acknowledgement_needs_no_claim(storage: Arc<dyn StoragePort>) {
    let subject = CharacterId::new();
    let first = event(subject, 0);
    let events = vec![first.clone(), event(subject, 1)];
    storage.commit(Transaction { events, ..Transaction::new() }).await.expect("events are allowed");
    storage.acknowledge(&[first.id]).await.expect("an acknowledgement is answered");
    assert_eq!(numbers(&claim(&storage).await, subject), [1]);
}

/// A claim gives out no more events than it was asked for.
pub async fn a_claim_respects_its_limit(storage: Arc<dyn StoragePort>) {
    for _ in 0..5 {
        emit(&storage, CharacterId::new(), 0..2).await;
    }
    let mut sizes = Vec::new();
    let mut seen = HashSet::new();
    for _ in 0..20 {
        let claimed = storage.claim(3, LONG).await.expect("a claim is answered");
        sizes.push(claimed.len());
        seen.extend(claimed.iter().map(|waiting| waiting.event.id));
        acknowledge(&storage, &claimed).await;
        if claimed.is_empty() {
            break;
        }
    }
    assert!(sizes.iter().all(|size| *size <= 3), "{sizes:?}");
    assert_eq!((seen.len(), sizes.last()), (10, Some(&0)));
}

/// A claim of no event or of more than a thousand is `Invalid`.
pub async fn a_claim_outside_its_bounds_is_invalid(storage: Arc<dyn StoragePort>) {
    emit(&storage, CharacterId::new(), [0]).await;
    for limit in [0, 1001, usize::MAX] {
        let error = storage.claim(limit, LONG).await.expect_err("the limit is out of bounds");
        assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error}");
    }
    assert_eq!(claim(&storage).await.len(), 1);
}

/// Relays that claim at the same time get different events, of different subjects.
pub async fn concurrent_claims_share_nothing(storage: Arc<dyn StoragePort>) {
    for _ in 0..24 {
        emit(&storage, CharacterId::new(), 0..2).await;
    }
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let storage = Arc::clone(&storage);
            tokio::spawn(async move { storage.claim(6, LONG).await })
        })
        .collect();
    let mut owner = std::collections::HashMap::new();
    let mut seen = HashSet::new();
    for (relay, task) in tasks.into_iter().enumerate() {
        for waiting in task.await.expect("no task panics").expect("a claim is answered") {
            assert!(seen.insert(waiting.event.id), "an event was given to two relays");
            let first = *owner.entry(waiting.event.subject).or_insert(relay);
            assert_eq!(first, relay, "two relays work on one subject");
        }
    }
}

/// Tasks that claim and acknowledge at the same time publish every event once, each subject in order.
pub async fn concurrent_relays_publish_everything_in_order(storage: Arc<dyn StoragePort>) {
    let subjects: Vec<_> = (0..6).map(|_| CharacterId::new()).collect();
    for number in 0..5 {
        for subject in &subjects {
            emit(&storage, *subject, [number]).await;
        }
    }
    let published = Arc::new(std::sync::Mutex::new(Vec::new()));
    let relays: Vec<_> = (0..4)
        .map(|_| {
            let (storage, published) = (Arc::clone(&storage), Arc::clone(&published));
            tokio::spawn(async move {
                let deadline = Instant::now() + Duration::from_secs(20);
                while Instant::now() < deadline {
                    let claimed = storage.claim(4, LONG).await.expect("a claim is answered");
                    let mut all = published.lock().expect("no relay panics").len();
                    if !claimed.is_empty() {
                        let mut published = published.lock().expect("no relay panics");
                        published.extend(claimed.iter().cloned());
                        all = published.len();
                    }
                    acknowledge(&storage, &claimed).await;
                    if all >= 30 {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for relay in relays {
        relay.await.expect("no relay panics");
    }
    let published = published.lock().expect("no relay panics").clone();
    for subject in subjects {
        assert_eq!(numbers(&published, subject), [0, 1, 2, 3, 4]);
    }
}
