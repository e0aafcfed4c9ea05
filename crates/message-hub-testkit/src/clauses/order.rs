//! Order: one event of a subject at a time, many subjects beside each other.

use crate::{
    Stage,
    sample::{hasty, message, messages, subscription},
    stage::{ack, next, next_is, nothing, take, timed},
};
use character_message_hub::{Delivery, Subscription};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Takes this many deliveries without settling them.
async fn hold(deliveries: &mut Box<dyn character_message_hub::Deliveries>, count: usize) -> Vec<Delivery> {
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(next(deliveries).await);
    }
    held
}

/// Of the events of one subject, one at a time is delivered; the next follows when it is settled.
pub async fn one_event_of_a_subject_is_delivered_at_a_time(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    stage.publish(&[message("a1", "a"), message("a2", "a"), message("a3", "a")]).await;
    let first = next_is(&mut deliveries, "a1").await;
    nothing(&mut deliveries).await;
    ack(first).await;
    let second = next_is(&mut deliveries, "a2").await;
    nothing(&mut deliveries).await;
    second.reject("not for me").await.expect("a rejection");
    ack(next_is(&mut deliveries, "a3").await).await;
}

/// Events of different subjects are delivered beside each other, as many as the subscription permits.
pub async fn many_subjects_are_in_flight_at_once(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    let batch: Vec<_> = (0..128).map(|n| message(&n.to_string(), &format!("s{}", n % 64))).collect();
    stage.publish(&batch).await;
    let held = hold(&mut deliveries, 64).await;
    let subjects: BTreeSet<_> = held.iter().filter_map(|delivery| delivery.event().subject()).collect();
    assert_eq!(subjects.len(), 64);
}

/// Events without a subject do not wait for each other.
pub async fn events_without_a_subject_do_not_wait_for_each_other(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    stage.publish(&messages("m", "", 20)).await;
    let held = hold(&mut deliveries, 20).await;
    assert_eq!(held.iter().map(|delivery| delivery.event().id()).collect::<BTreeSet<_>>().len(), 20);
}

/// A subject whose event is not settled holds up no other subject, however many of its events wait.
pub async fn a_busy_subject_holds_up_no_other(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&Subscription { max_in_flight: 4, ..subscription("reader") }).await;
    stage.publish(&messages("a", "a", 300)).await;
    let busy = next_is(&mut deliveries, "a-0").await;
    stage.publish(&messages("b", "b", 3)).await;
    for id in ["b-0", "b-1", "b-2"] {
        ack(next_is(&mut deliveries, id).await).await;
    }
    ack(busy).await;
    ack(next_is(&mut deliveries, "a-1").await).await;
}

/// No more deliveries are unsettled than the subscription permits.
pub async fn the_maximum_in_flight_is_kept(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&Subscription { max_in_flight: 3, ..subscription("reader") }).await;
    stage.publish(&messages("m", "", 6)).await;
    let mut held = hold(&mut deliveries, 3).await;
    nothing(&mut deliveries).await;
    ack(held.remove(0)).await;
    held.push(next(&mut deliveries).await);
    nothing(&mut deliveries).await;
}

/// With one delivery in flight, every event is delivered, one after the other.
pub async fn a_maximum_of_one_delivers_one_by_one(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&Subscription { max_in_flight: 1, ..subscription("reader") }).await;
    stage.publish(&[message("1", "a"), message("2", "b"), message("3", "a")]).await;
    let first = next_is(&mut deliveries, "1").await;
    nothing(&mut deliveries).await;
    ack(first).await;
    assert_eq!(crate::stage::ids(&take(&mut deliveries, 2).await), ["2", "3"]);
}

/// An event that is to be retried delays its subject, and nothing else.
pub async fn a_retried_event_delays_its_subject_and_nothing_else(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    stage.publish(&[message("a1", "a"), message("a2", "a"), message("b1", "b"), message("x", "")]).await;
    let pause = Duration::from_secs(2);
    next_is(&mut deliveries, "a1").await.retry_after(pause).await.expect("a retry");
    let (others, took) = timed(take(&mut deliveries, 2)).await;
    assert_eq!(crate::stage::ids(&others), ["b1", "x"]);
    assert!(took < pause / 2, "the others waited {took:?}");
    assert_eq!(crate::stage::ids(&take(&mut deliveries, 2).await), ["a1", "a2"]);
}

/// A delayed event takes no place among those in flight.
pub async fn delayed_events_take_no_place_in_flight(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&Subscription { max_in_flight: 2, ..subscription("reader") }).await;
    stage.publish(&[message("a1", "a"), message("b1", "b"), message("c1", "c"), message("d1", "d")]).await;
    for id in ["a1", "b1"] {
        let delayed = next_is(&mut deliveries, id).await;
        delayed.retry_after(Duration::from_secs(600)).await.expect("a retry");
    }
    let held = hold(&mut deliveries, 2).await;
    assert_eq!(held.iter().map(|delivery| delivery.event().id()).collect::<Vec<_>>(), ["c1", "d1"]);
}

/// The order of each subject holds through retries, expired deliveries and many subjects at once.
pub async fn the_order_holds_through_retries(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&Subscription { max_in_flight: 8, ..hasty("reader") }).await;
    let batch: Vec<_> = (0..120).map(|n| message(&n.to_string(), &format!("s{}", n % 6))).collect();
    stage.publish(&batch).await;
    let mut handled: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    while handled.values().map(Vec::len).sum::<usize>() < batch.len() {
        let delivery = next(&mut deliveries).await;
        let number: usize = delivery.event().id().parse().expect("a number");
        let fails = delivery.attempt() == 1 && number.is_multiple_of(5);
        let expires = delivery.attempt() == 1 && number == 7;
        if fails {
            delivery.retry_after(Duration::from_millis(30)).await.expect("a retry");
        } else if !expires {
            handled.entry(delivery.event().subject().expect("a subject").to_owned()).or_default().push(number);
            ack(delivery).await;
        }
    }
    for (subject, numbers) in handled {
        assert!(numbers.is_sorted_by(|left, right| left < right), "the order of {subject}: {numbers:?}");
    }
}
