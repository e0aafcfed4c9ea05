//! Events that a consumer has set aside.

use crate::{
    clauses::leases::must_lease,
    sample::{LONG, character, consumer, event, is_recent},
};
use character_storage_port::{
    ConsumerName, DomainEvent, ErrorKind, EventId, HolderId, LeaseToken, Leased, MAX_PARK_REASON, MAX_PARKED,
    ParkedEvent, Result, StoragePort,
};
use serde_json::json;
use std::sync::Arc;

/// Leases a new consumer and parks this number of events, the last of them first; the events are in the order of their ids.
async fn parked(storage: &dyn StoragePort, count: u64) -> (ConsumerName, HolderId, LeaseToken, Vec<DomainEvent>) {
    let (name, holder) = (consumer(), HolderId::new());
    let Leased { token, .. } = must_lease(storage, &name, holder).await;
    let mut events: Vec<_> = (0..count).map(|number| event(character().id, number)).collect();
    events.sort_by_key(|event| event.id);
    for event in events.iter().rev() {
        storage.park(&token, event, "refused").await.expect("the lease is held");
    }
    (name, holder, token, events)
}

async fn list(storage: &dyn StoragePort, name: &ConsumerName) -> Vec<ParkedEvent> {
    storage.parked(name, None, MAX_PARKED).await.expect("a list is answered")
}

fn events(parked: &[ParkedEvent]) -> Vec<DomainEvent> {
    parked.iter().map(|parked| parked.event.clone()).collect()
}

fn is_invalid<T: std::fmt::Debug>(outcome: Result<T>) {
    let error = outcome.expect_err("it is out of bounds");
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error}");
}

/// A parked event comes back exact, with its reason and the time at which it was parked, also to another holder.
pub async fn a_parked_event_comes_back_exact(storage: Arc<dyn StoragePort>) {
    let (name, holder) = (consumer(), HolderId::new());
    let leased = must_lease(&*storage, &name, holder).await;
    let mut odd = event(character().id, 1);
    odd.data =
        json!({ "text": "\u{1F409} \"quoted\" \\ \u{7}", "float": 1.0, "integer": u64::MAX, "nothing": null, "": [] });
    odd.event_type = "com.example/\u{dc}nusual.type".into();
    storage.park(&leased.token, &odd, "code 42: \u{1F409} \"no\"").await.expect("the lease is held");
    storage.release(&leased.token).await.expect("a release is answered");
    must_lease(&*storage, &name, HolderId::new()).await;
    let listed = list(&*storage, &name).await;
    assert_eq!(events(&listed), [odd]);
    let parked = &listed[0];
    assert_eq!((parked.reason.as_str(), parked.replay), ("code 42: \u{1F409} \"no\"", false));
    assert!(is_recent(parked.parked_at), "{parked:?}");
}

/// Parked events are listed by their ids, in pages behind an id that need not be parked.
pub async fn parked_events_are_listed_by_their_ids(storage: Arc<dyn StoragePort>) {
    let (name, _, _, all) = parked(&*storage, 7).await;
    assert_eq!(events(&list(&*storage, &name).await), all);
    for limit in [1, 3, 7] {
        let (mut after, mut listed) = (None, Vec::new());
        loop {
            let page = storage.parked(&name, after, limit).await.expect("a list is answered");
            // A list that does not end must fail the clause and not hang it.
            assert!(listed.len() <= all.len(), "the list does not end");
            assert!(page.len() <= limit, "{} events for a limit of {limit}", page.len());
            let Some(last) = page.last() else { break };
            after = Some(last.event.id);
            listed.extend(events(&page));
        }
        assert_eq!(listed, all, "in pages of {limit}");
    }
    storage.discard(&name, &[all[2].id]).await.expect("a discard is answered");
    let page = storage.parked(&name, Some(all[2].id), 10).await.expect("a list is answered");
    assert_eq!(events(&page), all[3..]);
    let first = EventId(uuid::Uuid::nil());
    assert_eq!(storage.parked(&name, Some(first), 10).await.expect("a list is answered").len(), 6);
}

/// An event that is parked again has the new reason, is not marked for a replay any more, and is listed once.
pub async fn an_event_that_is_parked_again_has_the_new_reason(storage: Arc<dyn StoragePort>) {
    let (name, holder, token, all) = parked(&*storage, 2).await;
    storage.unpark(&name, &[all[0].id, all[1].id]).await.expect("an unpark is answered");
    storage.park(&token, &all[0], "refused again").await.expect("the lease is held");
    let described: Vec<_> = list(&*storage, &name)
        .await
        .into_iter()
        .map(|parked| (parked.event.id, parked.reason, parked.replay))
        .collect();
    let expected = [(all[0].id, "refused again".to_owned(), false), (all[1].id, "refused".to_owned(), true)];
    assert_eq!(described, expected);
    assert_eq!(events(&must_lease(&*storage, &name, holder).await.replays), all[1..]);
}

/// Events that are marked for a replay come with every lease, oldest first, until they are discarded.
pub async fn marked_events_come_with_the_lease_until_they_are_discarded(storage: Arc<dyn StoragePort>) {
    let (name, holder, token, all) = parked(&*storage, 4).await;
    assert_eq!(must_lease(&*storage, &name, holder).await.replays, []);
    let marked = storage.unpark(&name, &[all[3].id, all[1].id]).await.expect("an unpark is answered");
    assert_eq!(marked, 2);
    let expected = [all[1].clone(), all[3].clone()];
    let prolonged = must_lease(&*storage, &name, holder).await;
    assert!(prolonged.replays.iter().all(|parked| parked.replay), "{:?}", prolonged.replays);
    assert_eq!(events(&prolonged.replays), expected);
    storage.release(&token).await.expect("a release is answered");
    let next = HolderId::new();
    assert_eq!(events(&must_lease(&*storage, &name, next).await.replays), expected);
    assert_eq!(storage.discard(&name, &[all[1].id]).await.expect("a discard is answered"), 1);
    assert_eq!(events(&must_lease(&*storage, &name, next).await.replays), expected[1..]);
    assert_eq!(storage.discard(&name, &[all[3].id]).await.expect("a discard is answered"), 1);
    assert_eq!(must_lease(&*storage, &name, next).await.replays, []);
    assert_eq!(events(&list(&*storage, &name).await), [all[0].clone(), all[2].clone()]);
}

/// Unparking and discarding count each parked event once, also when its id is given twice, pass over others, and need no
/// lease.
pub async fn ids_that_are_not_parked_are_passed_over(storage: Arc<dyn StoragePort>) {
    let (name, _, token, all) = parked(&*storage, 2).await;
    storage.release(&token).await.expect("a release is answered");
    let unknown = event(character().id, 1).id;
    for ids in [vec![], vec![unknown]] {
        assert_eq!(storage.unpark(&name, &ids).await.expect("an unpark is answered"), 0);
        assert_eq!(storage.discard(&name, &ids).await.expect("a discard is answered"), 0);
    }
    assert_eq!(storage.unpark(&name, &[unknown, all[0].id]).await.expect("an unpark is answered"), 1);
    // A marked event is parked still.
    assert_eq!(storage.unpark(&name, &[all[1].id, all[0].id]).await.expect("an unpark is answered"), 2);
    assert_eq!(storage.unpark(&name, &[all[0].id, all[0].id]).await.expect("an unpark is answered"), 1);
    assert_eq!(storage.discard(&name, &[all[0].id, unknown, all[0].id]).await.expect("a discard is answered"), 1);
    assert_eq!(storage.discard(&name, &[all[0].id]).await.expect("a discard is answered"), 0);
    assert_eq!(storage.unpark(&name, &[all[0].id]).await.expect("an unpark is answered"), 0);
    assert_eq!(events(&list(&*storage, &name).await), all[1..]);
    let nobody = consumer();
    assert_eq!(list(&*storage, &nobody).await, []);
    assert_eq!(storage.unpark(&nobody, &[all[1].id]).await.expect("an unpark is answered"), 0);
    assert_eq!(storage.discard(&nobody, &[all[1].id]).await.expect("a discard is answered"), 0);
}

/// A parked event belongs to one consumer; the same event may be parked by another.
pub async fn parked_events_belong_to_one_consumer(storage: Arc<dyn StoragePort>) {
    let (one, _, _, all) = parked(&*storage, 2).await;
    let (other, holder) = (consumer(), HolderId::new());
    let leased = must_lease(&*storage, &other, holder).await;
    assert_eq!(list(&*storage, &other).await, []);
    storage.park(&leased.token, &all[0], "another reason").await.expect("the lease is held");
    storage.unpark(&one, &[all[0].id, all[1].id]).await.expect("an unpark is answered");
    let listed = list(&*storage, &other).await;
    assert_eq!(
        listed.iter().map(|parked| (parked.reason.as_str(), parked.replay)).collect::<Vec<_>>(),
        [("another reason", false)]
    );
    assert_eq!(must_lease(&*storage, &other, holder).await.replays, []);
    assert_eq!(storage.discard(&one, &[all[0].id]).await.expect("a discard is answered"), 1);
    assert_eq!(events(&list(&*storage, &other).await), all[..1]);
}

/// A reason is kept up to `MAX_PARK_REASON` characters and without U+0000; the rest is cut off.
pub async fn a_long_reason_is_cut(storage: Arc<dyn StoragePort>) {
    let (name, _, token, all) = parked(&*storage, 1).await;
    let longest = "\u{1F409}".repeat(MAX_PARK_REASON);
    for (reason, kept) in [
        (longest.clone(), longest.clone()),
        (longest.clone() + "x", longest.clone()),
        ("a\0b".to_owned(), "ab".to_owned()),
        (format!("\0{longest}"), longest),
        (String::new(), String::new()),
    ] {
        storage.park(&token, &all[0], &reason).await.expect("any reason is taken");
        assert_eq!(list(&*storage, &name).await[0].reason, kept);
    }
}

/// A list of no parked event or of more than `MAX_PARKED` is `Invalid`, and so are more than `MAX_PARKED` ids.
pub async fn lists_of_parked_events_have_bounds(storage: Arc<dyn StoragePort>) {
    let (name, _, _, all) = parked(&*storage, 1).await;
    for limit in [0, MAX_PARKED + 1, usize::MAX] {
        is_invalid(storage.parked(&name, None, limit).await);
    }
    let most: Vec<_> =
        std::iter::once(all[0].id).chain((0..MAX_PARKED).map(|_| EventId(uuid::Uuid::new_v4()))).collect();
    is_invalid(storage.unpark(&name, &most).await);
    is_invalid(storage.discard(&name, &most).await);
    let listed = list(&*storage, &name).await;
    assert_eq!((events(&listed), listed[0].replay), (all, false));
    assert_eq!(storage.unpark(&name, &most[..MAX_PARKED]).await.expect("an unpark is answered"), 1);
    assert_eq!(storage.discard(&name, &most[..MAX_PARKED]).await.expect("a discard is answered"), 1);
    assert!(storage.lease(&name, HolderId::new(), LONG).await.expect("a lease is answered").is_none());
}
