//! Settling: what each settlement means, and what happens without one.

use crate::{
    Stage,
    sample::{hasty, message, messages, subscription},
    stage::{ack, next_is, nothing, take, timed},
};
use character_message_hub::ErrorKind;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// An event that was acknowledged is not delivered again.
pub async fn an_acknowledged_event_is_not_delivered_again(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&hasty("reader")).await;
    stage.publish(&[message("1", "ada")]).await;
    take(&mut deliveries, 1).await;
    sleep(Duration::from_millis(1_300)).await;
    nothing(&mut deliveries).await;
}

/// An event that was delivered and not settled is delivered again after the time for settling, not before.
pub async fn an_unsettled_event_is_delivered_again(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&hasty("reader")).await;
    stage.publish(&messages("m", "ada", 2)).await;
    let begun = Instant::now();
    drop(next_is(&mut deliveries, "m-0").await);
    let again = next_is(&mut deliveries, "m-0").await;
    // The time of the hub may have begun a little before ours.
    assert!(begun.elapsed() > Duration::from_millis(900), "it came after {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(6), "it came after {:?}", begun.elapsed());
    assert_eq!(again.attempt(), 2);
    ack(again).await;
    ack(next_is(&mut deliveries, "m-1").await).await;
}

/// A delivery that is settled after the time for settling is `DeliveryLost`, and its event is delivered again.
pub async fn a_late_settlement_is_lost(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&hasty("reader")).await;
    stage.publish(&[message("1", "ada")]).await;
    let late = next_is(&mut deliveries, "1").await;
    sleep(Duration::from_millis(1_300)).await;
    let error = late.ack().await.expect_err("it is too late");
    assert_eq!(error.kind(), &ErrorKind::DeliveryLost);
    ack(next_is(&mut deliveries, "1").await).await;
    nothing(&mut deliveries).await;
}

/// A late settlement does not settle the delivery that came after it.
pub async fn a_late_settlement_settles_no_later_delivery(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&hasty("reader")).await;
    stage.publish(&[message("1", "ada")]).await;
    let late = next_is(&mut deliveries, "1").await;
    let again = next_is(&mut deliveries, "1").await;
    assert_eq!(late.ack().await.expect_err("it is too late").kind(), &ErrorKind::DeliveryLost);
    drop(again);
    let third = next_is(&mut deliveries, "1").await;
    assert!(third.attempt() >= 3, "attempt {}", third.attempt());
    ack(third).await;
}

/// Reported progress begins the time for settling from the start, as often as it is reported.
pub async fn progress_prolongs_the_time_for_settling(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&hasty("reader")).await;
    stage.publish(&messages("m", "ada", 2)).await;
    let long = next_is(&mut deliveries, "m-0").await;
    for _ in 0..4 {
        sleep(Duration::from_millis(500)).await;
        long.in_progress().await.expect("the delivery is held");
    }
    nothing(&mut deliveries).await;
    ack(long).await;
    ack(next_is(&mut deliveries, "m-1").await).await;
}

/// Progress that is reported after the time for settling is `DeliveryLost`.
pub async fn late_progress_is_lost(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&hasty("reader")).await;
    stage.publish(&[message("1", "ada")]).await;
    let late = next_is(&mut deliveries, "1").await;
    sleep(Duration::from_millis(1_300)).await;
    assert_eq!(late.in_progress().await.expect_err("it is too late").kind(), &ErrorKind::DeliveryLost);
}

/// An event that is to be retried is delivered again after its pause, not before.
pub async fn a_retry_is_not_before_its_pause(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    stage.publish(&[message("1", "ada")]).await;
    for pause in [300, 700, 50].map(Duration::from_millis) {
        let begun = Instant::now();
        next_is(&mut deliveries, "1").await.retry_after(pause).await.expect("a retry");
        let again = next_is(&mut deliveries, "1").await;
        let waited = begun.elapsed();
        assert!(waited >= pause, "it came after {waited:?} of {pause:?}");
        assert!(waited < pause + Duration::from_secs(3), "it came after {waited:?} of {pause:?}");
        again.retry_after(Duration::ZERO).await.expect("a retry");
    }
}

/// A pause that is longer than the time for settling is kept whole.
pub async fn a_pause_may_be_longer_than_the_time_for_settling(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&hasty("reader")).await;
    stage.publish(&[message("1", "ada")]).await;
    let pause = Duration::from_millis(2_500);
    let delivery = next_is(&mut deliveries, "1").await;
    let begun = Instant::now();
    delivery.retry_after(pause).await.expect("a retry");
    ack(next_is(&mut deliveries, "1").await).await;
    assert!(begun.elapsed() >= pause, "it came after {:?}", begun.elapsed());
}

/// An event that is retried without a pause is delivered again, as often as it is retried, and each delivery counts as an
/// attempt.
pub async fn the_attempt_counts_the_deliveries(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    stage.publish(&messages("m", "ada", 2)).await;
    for attempt in 1..=6 {
        let delivery = next_is(&mut deliveries, "m-0").await;
        assert_eq!(delivery.attempt(), attempt);
        delivery.retry_after(Duration::ZERO).await.expect("a retry");
    }
    ack(next_is(&mut deliveries, "m-0").await).await;
    let other = next_is(&mut deliveries, "m-1").await;
    assert_eq!(other.attempt(), 1);
    ack(other).await;
}

/// An event that was rejected is never delivered to the subscription again, and the next one of its subject follows.
pub async fn a_rejected_event_is_never_delivered_again(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&hasty("reader")).await;
    stage.publish(&messages("m", "ada", 2)).await;
    let long = "the reason, which may be long ".repeat(1_000);
    next_is(&mut deliveries, "m-0").await.reject(long).await.expect("a rejection");
    ack(next_is(&mut deliveries, "m-1").await).await;
    drop(deliveries);
    let mut again = stage.subscribe(&hasty("reader")).await;
    sleep(Duration::from_millis(1_300)).await;
    nothing(&mut again).await;
}

/// A delivery can be settled after its subscription was dropped.
pub async fn a_delivery_outlives_its_subscription(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&hasty("reader")).await;
    stage.publish(&messages("m", "ada", 2)).await;
    let delivery = next_is(&mut deliveries, "m-0").await;
    drop(deliveries);
    ack(delivery).await;
    let mut again = stage.subscribe(&hasty("reader")).await;
    ack(next_is(&mut again, "m-1").await).await;
    nothing(&mut again).await;
}

/// Settling ends soon: no settlement waits for other deliveries.
pub async fn settling_ends_soon(stage: Stage<'_>) {
    let mut deliveries = stage.subscribe(&subscription("reader")).await;
    stage.publish(&messages("m", "", 3)).await;
    for _ in 0..3 {
        let delivery = crate::stage::next(&mut deliveries).await;
        let (settled, took) = timed(delivery.ack()).await;
        assert!(settled.is_ok() && took < Duration::from_secs(2), "{settled:?} after {took:?}");
    }
}
