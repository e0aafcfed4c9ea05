//! Subscriptions: where they begin, what they receive, and who shares them.

use crate::{
    Stage,
    sample::{event_of, filtered, hasty, message, messages, subscription},
    stage::{LIMIT, ack, ids, next, next_is, nothing, take},
};
use character_message_hub::{ErrorKind, Message, Subscription};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::time::timeout;

fn typed(event_type: &str) -> Message {
    Message::of(Arc::new(event_of(event_type, event_type, "")))
}

/// Of the events of these types, published in this order, exactly the expected ones pass a filter.
async fn passes(stage: &Stage<'_>, filter: &str, types: &[&str], expected: &[&str]) {
    let mut deliveries = stage.subscribe(&filtered("reader", filter)).await;
    let batch: Vec<_> = types.iter().map(|event_type| typed(event_type)).collect();
    stage.publish(&batch).await;
    let events = take(&mut deliveries, expected.len()).await;
    let found: Vec<_> = events.iter().map(|event| event.event_type().to_owned()).collect();
    assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), set(expected), "{found:?}");
    nothing(&mut deliveries).await;
}

fn set(types: &[&str]) -> BTreeSet<String> {
    types.iter().map(|text| (*text).to_owned()).collect()
}

const TYPES: [&str; 7] = [
    "character.created",
    "character.created.again",
    "character",
    "characters.created",
    "campaign.renamed",
    "campaign.member.joined",
    "campaign",
];

/// A new name begins with the oldest event that the hub keeps.
pub async fn a_new_name_begins_with_the_oldest_event(stage: Stage<'_>) {
    stage.publish(&messages("m", "ada", 5)).await;
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    assert_eq!(ids(&take(&mut deliveries, 5).await), ["m-0", "m-1", "m-2", "m-3", "m-4"]);
    let mut later = stage.subscribe(&subscription("later")).await;
    assert_eq!(ids(&take(&mut later, 5).await), ["m-0", "m-1", "m-2", "m-3", "m-4"]);
}

/// An event that is published while `next` waits is delivered.
pub async fn next_waits_for_an_event(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    nothing(&mut deliveries).await;
    let publish = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        stage.publish(&[message("1", "ada")]).await;
    };
    let (delivery, ()) = tokio::join!(next(&mut deliveries), publish);
    assert_eq!(delivery.event().id(), "1");
}

/// A subscription that is opened again continues behind the events that it has settled.
pub async fn a_subscription_is_durable(stage: Stage<'_>) {
    stage.publish(&messages("m", "ada", 4)).await;
    let mut deliveries = stage.subscribe(&hasty("reader")).await;
    assert_eq!(ids(&take(&mut deliveries, 2).await), ["m-0", "m-1"]);
    drop(deliveries);
    stage.publish(&messages("n", "ada", 2)).await;
    let mut again = stage.subscribe(&hasty("reader")).await;
    assert_eq!(ids(&take(&mut again, 4).await), ["m-2", "m-3", "n-0", "n-1"]);
    nothing(&mut again).await;
}

/// An event that was delivered and not settled before its subscriber left is delivered to the next subscriber, before later
/// ones of its subject.
pub async fn an_unsettled_event_passes_to_the_next_subscriber(stage: Stage<'_>) {
    stage.publish(&messages("m", "ada", 5)).await;
    let mut deliveries = stage.subscribe(&hasty("reader")).await;
    ack(next_is(&mut deliveries, "m-0").await).await;
    drop(next_is(&mut deliveries, "m-1").await);
    drop(deliveries);
    stage.publish(&messages("n", "ada", 2)).await;
    let mut again = stage.subscribe(&hasty("reader")).await;
    assert_eq!(ids(&take(&mut again, 6).await), ["m-1", "m-2", "m-3", "m-4", "n-0", "n-1"]);
}

/// Subscribers of one name share the events: each event goes to one of them.
pub async fn subscribers_of_a_name_share_the_events(stage: Stage<'_>) {
    let all = messages("m", "", 60);
    let (mut one, mut other) =
        (stage.subscribe(&subscription("reader")).await, stage.subscribe(&subscription("reader")).await);
    stage.publish(&all).await;
    let mut found = Vec::new();
    while found.len() < all.len() {
        let delivery = timeout(LIMIT, async {
            tokio::select! { one = one.next() => one, other = other.next() => other }
        });
        let delivery = delivery.await.expect("a delivery arrives").expect("the subscription is in order");
        found.push(delivery.event().id().to_owned());
        ack(delivery).await;
    }
    let expected: BTreeSet<_> = all.iter().map(|message| message.event.id().to_owned()).collect();
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected, "each event goes to one subscriber");
    nothing(&mut one).await;
    nothing(&mut other).await;
}

/// Subscriptions of different names do not affect each other: each receives every event, settles for itself and is delayed by
/// itself.
pub async fn subscriptions_are_independent(stage: Stage<'_>) {
    let (mut one, mut other) =
        (stage.subscribe(&subscription("one")).await, stage.subscribe(&subscription("other")).await);
    stage.publish(&messages("m", "ada", 3)).await;
    next_is(&mut one, "m-0").await.retry_after(Duration::from_secs(600)).await.expect("a retry");
    let refused = next_is(&mut other, "m-0").await;
    refused.reject("not for me").await.expect("a rejection");
    assert_eq!(ids(&take(&mut other, 2).await), ["m-1", "m-2"]);
    nothing(&mut one).await;
    let mut third = stage.subscribe(&subscription("third")).await;
    assert_eq!(ids(&take(&mut third, 3).await), ["m-0", "m-1", "m-2"]);
}

/// A filter of a whole type accepts this type and no other.
pub async fn a_filter_takes_whole_types(stage: Stage<'_>) {
    passes(&stage, "character.created,campaign", &TYPES, &["campaign", "character.created"]).await;
}

/// A filter with `.*` at its end accepts every type that begins so, also over several dots, and not the beginning alone.
pub async fn a_filter_takes_beginnings_of_types(stage: Stage<'_>) {
    let expected = ["campaign.member.joined", "campaign.renamed"];
    passes(&stage, "campaign.*", &TYPES, &expected).await;
}

/// Patterns that overlap deliver an event once, and patterns of different beginnings are combined.
pub async fn a_filter_of_several_patterns_delivers_once(stage: Stage<'_>) {
    let filter = "character.*,character.created,campaign.renamed";
    let expected = ["campaign.renamed", "character.created", "character.created.again"];
    passes(&stage, filter, &TYPES, &expected).await;
    nothing(&mut stage.subscribe(&filtered("reader", filter)).await).await;
}

/// A filter that no event passes leaves the subscription waiting, and the events are kept for others.
pub async fn a_filter_may_accept_nothing(stage: Stage<'_>) {
    passes(&stage, "quest.*", &TYPES, &[]).await;
    let mut other = stage.subscribe(&subscription("other")).await;
    assert_eq!(take(&mut other, TYPES.len()).await.len(), TYPES.len());
}

/// A changed filter counts for the events that are published after the change.
pub async fn a_changed_filter_counts_for_later_events(stage: Stage<'_>) {
    let mut before = stage.subscribe(&filtered("reader", "campaign.*")).await;
    stage.publish(&[typed("character.created")]).await;
    stage.publish(&[typed("campaign.renamed")]).await;
    ack(next_is(&mut before, "campaign.renamed").await).await;
    drop(before);
    let mut after = stage.subscribe(&filtered("reader", "character.*")).await;
    stage.publish(&[typed("campaign.closed"), typed("character.deleted")]).await;
    ack(next_is(&mut after, "character.deleted").await).await;
    nothing(&mut after).await;
}

/// A limit outside of its range is `Invalid`, and the ends of the ranges are accepted.
pub async fn limits_outside_their_range_are_invalid(stage: Stage<'_>) {
    let of = |max_in_flight, settle_within| Subscription { max_in_flight, settle_within, ..subscription("reader") };
    let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
    let moment = Duration::from_millis(1);
    for wrong in [of(0, second), of(1_001, second), of(1, second - moment), of(1, hour + moment)] {
        let refused = stage.hub.subscribe(&wrong).await.map(drop).expect_err("a limit is outside of its range");
        assert_eq!(refused.kind(), &ErrorKind::Invalid);
        assert!(refused.is_permanent() && refused.certainly_not_applied());
    }
    stage.publish(&[message("1", "ada")]).await;
    for (name, right) in [("least", of(1, second)), ("most", of(1_000, hour))] {
        let right = Subscription { name: name.parse().expect("a name"), ..right };
        take(&mut stage.subscribe(&right).await, 1).await;
    }
}

/// A dropped call of `next` loses nothing: what was on its way is delivered again, per subject in order.
pub async fn a_dropped_next_loses_nothing(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&hasty("reader")).await;
    let mut found = BTreeSet::new();
    let mut expected = BTreeSet::new();
    for round in 0..20_u32 {
        let batch = messages(&format!("m{round}"), "", 3);
        expected.extend(batch.iter().map(|message| message.event.id().to_owned()));
        let receive = timeout(Duration::from_micros(u64::from(round) * 150), deliveries.next());
        let (received, _) = tokio::join!(receive, stage.publish(&batch));
        if let Ok(delivery) = received {
            let delivery = delivery.expect("the subscription is in order");
            found.insert(delivery.event().id().to_owned());
            ack(delivery).await;
        }
    }
    while found.len() < expected.len() {
        let delivery = next(&mut deliveries).await;
        found.insert(delivery.event().id().to_owned());
        ack(delivery).await;
    }
    assert_eq!(found, expected);
}
