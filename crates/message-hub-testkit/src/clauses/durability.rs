//! Durability: what a hub has acknowledged survives its crash.

use crate::{
    Stage,
    sample::{hasty, message, messages, subscription},
    stage::{LIMIT, ack, ids, next_is, nothing, take},
};
use std::time::Duration;
use tokio::time::timeout;

/// Every event that was acknowledged before a crash of the hub is delivered after it.
pub async fn acknowledged_events_survive_a_crash(mut stage: Stage<'_>) {
    let batch = messages("m", "ada", 200);
    stage.publish(&batch).await;
    stage.crash().await;
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    let expected: Vec<_> = batch.iter().map(|message| message.event.id()).collect();
    assert_eq!(ids(&take(&mut deliveries, 200).await), expected);
}

/// Events that are published after a crash follow those from before it.
pub async fn publishing_continues_after_a_crash(mut stage: Stage<'_>) {
    for round in 0..3 {
        stage.publish(&messages(&format!("m{round}"), "ada", 2)).await;
        stage.crash().await;
    }
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    assert_eq!(ids(&take(&mut deliveries, 6).await), ["m0-0", "m0-1", "m1-0", "m1-1", "m2-0", "m2-1"]);
}

/// A message that was acknowledged before a crash is a duplicate after it.
pub async fn duplicates_are_known_after_a_crash(mut stage: Stage<'_>) {
    stage.publish(&[message("1", "ada")]).await;
    stage.crash().await;
    assert!(stage.publish(&[message("1", "ada")]).await[0].duplicate);
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    take(&mut deliveries, 1).await;
    nothing(&mut deliveries).await;
}

/// A subscription remembers over a crash which events it has settled, by whatever settlement.
pub async fn settlements_survive_a_crash(mut stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&hasty("reader")).await;
    stage.publish(&messages("m", "ada", 4)).await;
    ack(next_is(&mut deliveries, "m-0").await).await;
    next_is(&mut deliveries, "m-1").await.reject("not for me").await.expect("a rejection");
    drop(deliveries);
    // A hub may write settlements a moment after it has reported them: they are at least once, events are not.
    tokio::time::sleep(Duration::from_millis(500)).await;
    stage.crash().await;
    let mut again = stage.subscribe(&hasty("reader")).await;
    assert_eq!(ids(&take(&mut again, 2).await), ["m-2", "m-3"]);
    nothing(&mut again).await;
}

/// An event that was delivered and not settled before a crash is delivered again after it, in the order of its subject.
pub async fn unsettled_events_are_delivered_again_after_a_crash(mut stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&hasty("reader")).await;
    stage.publish(&messages("m", "ada", 3)).await;
    drop(next_is(&mut deliveries, "m-0").await);
    drop(deliveries);
    stage.crash().await;
    stage.publish(&messages("n", "ada", 1)).await;
    let mut again = stage.subscribe(&hasty("reader")).await;
    assert_eq!(ids(&take(&mut again, 4).await), ["m-0", "m-1", "m-2", "n-0"]);
}

/// A subscription that was open during a crash continues by itself: the waiting `next` returns the events that come later.
pub async fn an_open_subscription_continues_after_a_crash(mut stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&hasty("reader")).await;
    stage.publish(&messages("m", "ada", 1)).await;
    take(&mut deliveries, 1).await;
    for round in 0..2 {
        let waiting = async { timeout(LIMIT * 2, deliveries.next()).await.expect("a delivery arrives") };
        let crash = async {
            stage.crash().await;
            stage.publish(&messages(&format!("n{round}"), "ada", 1)).await;
        };
        let (delivery, ()) = tokio::join!(waiting, crash);
        let delivery = delivery.expect("the subscription is in order");
        assert_eq!(delivery.event().id(), format!("n{round}-0"));
        ack(delivery).await;
    }
}
