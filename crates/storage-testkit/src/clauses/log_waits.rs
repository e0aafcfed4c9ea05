//! How long a follow takes, and what it refuses.

use crate::{
    clauses::cancellation::dropped_after,
    sample::{beginning, character, create, event, follow_from, found, must, replacement, transactions},
};
use character_storage_port::{
    Epoch, ErrorKind, Expect, LogCursor, MAX_FOLLOWED, Result, StorageError, StoragePort, Transaction,
};
use futures_util::future::join_all;
use std::{
    slice,
    sync::Arc,
    time::{Duration, Instant},
};

/// A wait that no clause outlives.
const LONG_WAIT: Duration = Duration::from_secs(20);
/// What is not slow, on a machine with other work to do.
const SOON: Duration = Duration::from_secs(5);

/// The end of the log.
async fn end(storage: &dyn StoragePort) -> LogCursor {
    follow_from(storage, beginning(storage).await, MAX_FOLLOWED).await.1
}

/// The answer, which must come soon.
async fn soon<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, call).await.expect("the answer takes too long")
}

/// The refusal of a follow, which must come soon though it may wait long.
async fn refused_at_once(storage: &dyn StoragePort, cursor: &LogCursor, limit: usize) -> StorageError {
    soon(storage.follow(cursor, limit, LONG_WAIT)).await.expect_err("the follow must be refused")
}

/// A follow with nothing new returns an empty batch when its wait is over, not before and at most a second later.
pub async fn a_follow_with_nothing_new_returns_an_empty_batch_after_its_wait(storage: Arc<dyn StoragePort>) {
    const WAIT: Duration = Duration::from_millis(80);
    create(&*storage, &[character()]).await;
    let mut cursor = end(&*storage).await;
    // A machine that is busy may be late, but not every time.
    for _ in 0..5 {
        let start = Instant::now();
        let batch = storage.follow(&cursor, 10, WAIT).await.expect("the cursor is good");
        let took = start.elapsed();
        assert!(batch.commits.is_empty() && !batch.more, "{batch:?}");
        assert!(took + Duration::from_millis(10) >= WAIT, "the batch came after {took:?}");
        if took < WAIT + Duration::from_secs(1) {
            return;
        }
        cursor = batch.next;
    }
    panic!("each follow takes more than a second longer than its wait");
}

/// A follow that may not wait returns at once, with an empty batch when nothing is new.
pub async fn a_follow_that_may_not_wait_returns_at_once(storage: Arc<dyn StoragePort>) {
    let cursor = end(&*storage).await;
    let start = Instant::now();
    for _ in 0..5 {
        let batch = soon(storage.follow(&cursor, 10, Duration::ZERO)).await.expect("the cursor is good");
        assert!(batch.commits.is_empty() && !batch.more, "{batch:?}");
    }
    assert!(start.elapsed() < SOON, "five follows took {:?}", start.elapsed());
}

/// A follow that waits returns as soon as there is a commit, also when its wait is longer than the longest.
pub async fn a_commit_wakes_a_waiting_follow(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&*storage, slice::from_ref(&row)).await;
    let mut cursor = end(&*storage).await;
    for wait in [LONG_WAIT, Duration::MAX] {
        let waiting = {
            let (storage, cursor) = (Arc::clone(&storage), cursor.clone());
            tokio::spawn(async move { storage.follow(&cursor, 10, wait).await })
        };
        // Long enough for most storages to be in the middle of the wait; whatever the order is, the follow must end.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let committed = must(&*storage, replacement(&row, Expect::Any)).await;
        let batch = soon(waiting).await.expect("it does not panic").expect("the cursor is good");
        assert_eq!(transactions(&batch.commits), [committed.id]);
        cursor = batch.next;
    }
}

/// A batch wakes a waiting follow too, also when most of it is refused and what is committed is empty.
pub async fn a_batch_wakes_a_waiting_follow(storage: Arc<dyn StoragePort>) {
    let absent = Transaction::new().with(replacement(&character(), Expect::Any));
    let mut cursor = end(&*storage).await;
    for batch in [vec![Transaction::new()], vec![absent.clone(), Transaction::new(), absent]] {
        let waiting = {
            let (storage, cursor) = (Arc::clone(&storage), cursor.clone());
            tokio::spawn(async move { storage.follow(&cursor, 10, LONG_WAIT).await })
        };
        // Long enough for most storages to be in the middle of the wait; whatever the order is, the follow must end.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let outcomes = storage.commit_each(batch).await;
        let committed: Vec<_> = outcomes.into_iter().filter_map(Result::ok).map(|committed| committed.id).collect();
        let batch = soon(waiting).await.expect("it does not panic").expect("the cursor is good");
        assert_eq!(transactions(&batch.commits), committed);
        cursor = batch.next;
    }
}

/// A follow with a limit of 0 or above `MAX_FOLLOWED` is `Invalid` at once.
pub async fn a_follow_outside_its_limits_is_invalid(storage: Arc<dyn StoragePort>) {
    create(&*storage, &[character()]).await;
    let (start, end) = (beginning(&*storage).await, end(&*storage).await);
    for limit in [0, MAX_FOLLOWED + 1, usize::MAX] {
        for cursor in [&start, &end] {
            let error = refused_at_once(&*storage, cursor, limit).await;
            assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error}");
        }
    }
    for limit in [1, MAX_FOLLOWED] {
        storage.follow(&start, limit, Duration::ZERO).await.expect("the limit is allowed");
    }
}

/// A cursor of another epoch is `Gone` at once, whatever the wait is and whether or not its place exists.
pub async fn a_cursor_of_another_epoch_is_gone_at_once(storage: Arc<dyn StoragePort>) {
    let start = beginning(&*storage).await;
    create(&*storage, &[character()]).await;
    let end = end(&*storage).await;
    for cursor in [&start, &end] {
        let foreign = LogCursor::new(Epoch::new(), &cursor.place());
        for _ in 0..2 {
            let error = refused_at_once(&*storage, &foreign, 10).await;
            assert_eq!(error.kind(), &ErrorKind::Gone, "{error}");
        }
        storage.follow(cursor, 10, Duration::ZERO).await.expect("the cursors of the storage stay good");
    }
}

fn is_gone_or_invalid(error: &StorageError) -> bool {
    matches!(error.kind(), ErrorKind::Gone | ErrorKind::Invalid(_))
}

/// A cursor whose place means nothing is `Gone` or `Invalid` at once, and does no harm.
pub async fn a_cursor_without_a_meaning_is_refused_at_once(storage: Arc<dyn StoragePort>) {
    create(&*storage, &[character()]).await;
    let end = end(&*storage).await;
    for place in ["", "nonsense", "-1", ":", "::", "1:0:", ":::~", "1,2,3", "~", "__", "99999999999999999999999999"] {
        let error = refused_at_once(&*storage, &LogCursor::new(end.epoch(), &place), 10).await;
        assert!(is_gone_or_invalid(&error), "{place}: {error}");
    }
    create(&*storage, &[character()]).await;
    let head = storage.head().await.expect("the head is answered");
    storage.follow(&head, 10, Duration::ZERO).await.expect("the storage still answers");
}

/// A cursor that names commits which the log does not have, as after a restored backup, is `Gone` at once. The log continues
/// from its head, and the rows stay.
pub async fn a_cursor_that_lies_ahead_of_the_log_is_gone(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&*storage, slice::from_ref(&row)).await;
    let end = end(&*storage).await;
    let ahead = LogCursor::new(end.epoch(), &far_ahead(end.place()));
    // A place without a number cannot be moved.
    if ahead != end {
        let error = refused_at_once(&*storage, &ahead, 10).await;
        assert!(is_gone_or_invalid(&error), "{error}");
    }
    let head = storage.head().await.expect("the head is answered");
    let committed = must(&*storage, replacement(&row, Expect::Any)).await;
    let commits = follow_from(&*storage, head, MAX_FOLLOWED).await.0;
    assert_eq!(commits.last().map(|commit| commit.transaction), Some(committed.id));
    assert_eq!(found(&*storage, row.id).await.map(|row| row.meta.revision.0), Some(2));
}

/// The place with every number in it raised by a thousand million.
fn far_ahead(place: &str) -> String {
    let mut ahead = String::new();
    for part in place.split_inclusive(|letter: char| !letter.is_ascii_digit()) {
        let digits = part.trim_end_matches(|letter: char| !letter.is_ascii_digit());
        match digits.parse::<u64>() {
            Ok(number) => ahead.push_str(&(number + 1_000_000_000).to_string()),
            Err(_) => ahead.push_str(digits),
        }
        ahead.push_str(&part[digits.len()..]);
    }
    ahead
}

/// A hundred follows that are dropped while they wait use nothing up and take no commit with them.
pub async fn a_dropped_follow_leaves_nothing_behind(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&*storage, slice::from_ref(&row)).await;
    let cursor = end(&*storage).await;
    for round in 0..100 {
        if round % 4 == 0 {
            let call = storage.follow(&cursor, 10, LONG_WAIT);
            tokio::time::timeout(Duration::from_millis(1), call).await.expect_err("there is no commit to return");
        } else {
            dropped_after(round % 4, storage.follow(&cursor, 10, LONG_WAIT)).await;
        }
    }
    let committed = soon(must(&*storage, replacement(&row, Expect::Any))).await;
    let follows = join_all((0..30).map(|_| storage.follow(&cursor, 10, LONG_WAIT)));
    for batch in soon(follows).await {
        let batch = batch.expect("the cursor is good");
        assert_eq!(transactions(&batch.commits), [committed.id]);
    }
}

/// A thousand follows may wait at once. They keep no other call waiting, and one commit wakes all of them.
pub async fn a_thousand_follows_may_wait_at_once(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&*storage, slice::from_ref(&row)).await;
    let cursor = end(&*storage).await;
    let mut follows = std::pin::pin!(join_all((0..1000).map(|_| storage.follow(&cursor, 10, LONG_WAIT))));
    let early = tokio::time::timeout(Duration::from_millis(20), &mut follows).await;
    assert!(early.is_err(), "a follow ended before there was a commit");
    let transaction = Transaction::new().with(replacement(&row, Expect::Any)).with_event(event(row.id, 1));
    let writer = async {
        assert!(soon(found(&*storage, row.id)).await.is_some(), "a find waits for follows");
        let batch = soon(storage.follow(&cursor, 10, Duration::ZERO)).await.expect("the cursor is good");
        assert!(batch.commits.is_empty(), "{batch:?}");
        soon(storage.commit(transaction.clone())).await.expect("the row is live");
    };
    let both = futures_util::future::join(writer, follows);
    let ((), batches) = tokio::time::timeout(3 * SOON, both).await.expect("the follows take too long");
    let batches: Vec<_> = batches.into_iter().collect::<Result<_>>().expect("the cursor is good");
    for batch in batches {
        assert_eq!(transactions(&batch.commits), [transaction.id]);
    }
}
