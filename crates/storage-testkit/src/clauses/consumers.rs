//! The cursors of consumers, and what the list of consumers says.

use super::leases::{behind, has_lost, lease, must_lease, rest, write};
use crate::sample::{LONG, beginning, consumer, follow_from};
use character_storage_port::{ConsumerName, Epoch, ErrorKind, HolderId, LeaseToken, LogCursor, StoragePort};
use std::{sync::Arc, time::Duration};

/// A new consumer begins with the oldest commit that is kept, also when others have passed it.
pub async fn a_new_consumer_begins_with_the_oldest_commit(storage: Arc<dyn StoragePort>) {
    let ids = write(&*storage, 3).await;
    for _ in 0..2 {
        let leased = must_lease(&*storage, &consumer(), HolderId::new()).await;
        assert_eq!(rest(&*storage, &leased.cursor).await, ids);
        assert_eq!(leased.replays, []);
        let end = behind(&*storage, &leased.cursor, 3).await;
        storage.advance(&leased.token, &end).await.expect("the lease is held");
    }
    let leased = must_lease(&*storage, &consumer(), HolderId::new()).await;
    assert_eq!(rest(&*storage, &leased.cursor).await, ids);
}

/// What a consumer has passed stays passed across leases, to the commit.
///
/// Lesson 11: an event that was not handled is not lost.
pub async fn an_advance_is_kept_across_leases(storage: Arc<dyn StoragePort>) {
    let name = consumer();
    let mut ids = write(&*storage, 5).await;
    for passed in [1, 0, 3, 1] {
        let leased = must_lease(&*storage, &name, HolderId::new()).await;
        assert_eq!(rest(&*storage, &leased.cursor).await, ids);
        if passed > 0 {
            let to = behind(&*storage, &leased.cursor, passed).await;
            storage.advance(&leased.token, &to).await.expect("the lease is held");
        }
        storage.release(&leased.token).await.expect("a release is answered");
        ids.drain(..passed);
    }
    ids.extend(write(&*storage, 2).await);
    assert_eq!(rest(&*storage, &must_lease(&*storage, &name, HolderId::new()).await.cursor).await, ids);
}

/// An advance may be repeated, and the holder that prolongs its lease gets the cursor that it advanced to.
pub async fn an_advance_may_be_repeated(storage: Arc<dyn StoragePort>) {
    let ids = write(&*storage, 3).await;
    let (name, holder) = (consumer(), HolderId::new());
    let leased = must_lease(&*storage, &name, holder).await;
    let to = behind(&*storage, &leased.cursor, 2).await;
    for _ in 0..3 {
        storage.advance(&leased.token, &to).await.expect("the lease is held");
        assert_eq!(rest(&*storage, &must_lease(&*storage, &name, holder).await.cursor).await, ids[2..]);
    }
}

/// An advance to a cursor of another epoch is `Gone` and moves nothing.
pub async fn an_advance_to_another_epoch_is_gone(storage: Arc<dyn StoragePort>) {
    let ids = write(&*storage, 2).await;
    let (name, holder) = (consumer(), HolderId::new());
    let leased = must_lease(&*storage, &name, holder).await;
    let to = behind(&*storage, &leased.cursor, 2).await;
    let foreign = LogCursor::new(Epoch::new(), &to.place());
    let error = storage.advance(&leased.token, &foreign).await.expect_err("the cursor is of another epoch");
    assert_eq!(error.kind(), &ErrorKind::Gone, "{error}");
    assert_eq!(rest(&*storage, &must_lease(&*storage, &name, holder).await.cursor).await, ids);
    storage.advance(&leased.token, &to).await.expect("the lease is held");
}

/// Consumers have leases and cursors of their own. A holder may have leases of several.
pub async fn consumers_do_not_touch_each_other(storage: Arc<dyn StoragePort>) {
    let ids = write(&*storage, 4).await;
    let (one, other, holder) = (consumer(), consumer(), HolderId::new());
    let first = must_lease(&*storage, &one, holder).await;
    let second = must_lease(&*storage, &other, holder).await;
    must_lease(&*storage, &consumer(), HolderId::new()).await;
    let to = behind(&*storage, &first.cursor, 3).await;
    storage.advance(&first.token, &to).await.expect("the lease is held");
    assert_eq!(rest(&*storage, &must_lease(&*storage, &other, holder).await.cursor).await, ids);
    assert_eq!(rest(&*storage, &must_lease(&*storage, &one, holder).await.cursor).await, ids[3..]);
    storage.release(&first.token).await.expect("a release is answered");
    assert_eq!(lease(&*storage, &other, HolderId::new(), LONG).await, None, "the other consumer was released");
    let crossed = LeaseToken { consumer: other, lease: first.token.lease };
    has_lost(&*storage, &crossed, &to).await;
    has_lost(&*storage, &LeaseToken { consumer: consumer(), lease: second.token.lease }, &to).await;
}

/// A consumer is known by its name to the letter, up to the longest name.
pub async fn consumers_are_known_by_their_names(storage: Arc<dyn StoragePort>) {
    let ids = write(&*storage, 1).await;
    let long = "x".repeat(63);
    let names = [
        "a",
        "0",
        "-",
        "_",
        "hub",
        "hub-1",
        "hub_1",
        "abcdefghijklmnopqrstuvwxyz-0123456789_",
        &(long.clone() + "y"),
        &(long + "z"),
    ]
    .map(|name| name.parse::<ConsumerName>().expect("the name is allowed"));
    for (passed, name) in names.iter().enumerate() {
        let leased = must_lease(&*storage, name, HolderId::new()).await;
        assert_eq!(rest(&*storage, &leased.cursor).await, ids, "{name} is taken for another after {passed}");
        let to = behind(&*storage, &leased.cursor, 1).await;
        storage.advance(&leased.token, &to).await.expect("the lease is held");
    }
    let mut expected: Vec<_> = names.to_vec();
    expected.sort();
    let listed = storage.consumers().await.expect("a list is answered");
    assert_eq!(listed.into_iter().map(|state| state.name).collect::<Vec<_>>(), expected);
}

/// The list of consumers says by name which holder has each, since when it is behind, and how many events are parked.
pub async fn the_list_of_consumers_describes_each(storage: Arc<dyn StoragePort>) {
    assert_eq!(storage.consumers().await.expect("a list is answered"), []);
    write(&*storage, 2).await;
    let oldest = {
        let start = beginning(&*storage).await;
        follow_from(&*storage, start, 1).await.0
    };
    let (name, holder) = (consumer(), HolderId::new());
    let leased =
        lease(&*storage, &name, holder, Duration::MAX).await.expect("a lease longer than the longest is given");
    let state = async || {
        let listed = storage.consumers().await.expect("a list is answered");
        listed.into_iter().find(|state| state.name == name).expect("it has had a lease")
    };
    let first = state().await;
    assert_eq!((first.holder, first.behind_since, first.parked), (Some(holder), Some(oldest[0].committed_at), 0));
    let to = behind(&*storage, &leased.cursor, 1).await;
    storage.advance(&leased.token, &to).await.expect("the lease is held");
    assert_eq!(state().await.behind_since, Some(oldest[1].committed_at));
    storage.park(&leased.token, &oldest[0].events[0], "refused").await.expect("the lease is held");
    let to = behind(&*storage, &to, 1).await;
    storage.advance(&leased.token, &to).await.expect("the lease is held");
    storage.release(&leased.token).await.expect("a release is answered");
    let last = state().await;
    assert_eq!((last.holder, last.behind_since, last.parked), (None, None, 1));
}
