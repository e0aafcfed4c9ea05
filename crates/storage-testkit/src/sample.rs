//! What the clauses work with: rows, events, and the few questions that most of them ask.

mod model;

use character_domain::{CampaignId, Character, CharacterId, Document, Revision, Timestamp, UserId, now};
use character_storage_port::{
    Change, CharacterQuery, Committed, ConsumerName, Deleted, DomainEvent, Entity, Expect, HolderId, KeptAnswer, Limit,
    LogBatch, LogCursor, LoggedCommit, MAX_FOLLOWED, PageRequest, Result, StorageError, StoragePort, Transaction,
    TransactionId,
};
use futures_util::future::join_all;
pub use model::Model;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// A lease that no clause outlives.
pub const LONG: Duration = Duration::from_secs(600);

/// A time `microseconds` after a fixed moment, so that the order of rows is decided by the clause.
#[must_use]
pub fn at(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(1_700_000_000_123_456 + microseconds).expect("a time of our century")
}

/// Whether the time is within an hour of now: the clock of a storage may be another one, but not one of another day.
#[must_use]
pub fn is_recent(time: Timestamp) -> bool {
    now().as_microsecond().abs_diff(time.as_microsecond()) < 3_600_000_000
}

/// A live character of a user of its own, created at [`at`]`(0)`.
#[must_use]
pub fn character() -> Character {
    Character::new(UserId::new(), "Torormir", at(0))
}

/// This number of characters of one user, each created a microsecond after the one before.
#[must_use]
pub fn party(size: usize) -> Vec<Character> {
    let user = UserId::new();
    let member = |i: usize| Character::new(user, format!("Member {i}"), at(i64::try_from(i).unwrap_or(i64::MAX)));
    (0..size).map(member).collect()
}

/// The same character with this sheet.
#[must_use]
pub fn with_data(character: Character, data: &Value) -> Character {
    Character { data: Document::from(data.as_object().cloned().unwrap_or_default()), ..character }
}

/// An event about `subject` that carries `number`.
#[must_use]
pub fn event(subject: CharacterId, number: u64) -> DomainEvent {
    DomainEvent::new("character.tested", subject, at(7), json!({ "number": number }))
}

/// A transaction that creates these rows.
#[must_use]
pub fn creation(rows: &[Character]) -> Transaction {
    rows.iter().fold(Transaction::new(), |transaction, row| transaction.with(Change::Create(row.clone())))
}

/// A replacement of the row as it is given.
#[must_use]
pub fn replacement(row: &Character, expect: Expect) -> Change<Character> {
    Change::Replace { entity: row.clone(), expect }
}

/// A deletion at [`at`]`(500)`.
#[must_use]
pub fn deletion(id: CharacterId, expect: Expect) -> Change<Character> {
    Change::Delete { id, expect, at: at(500) }
}

/// A restoration at [`at`]`(600)`.
#[must_use]
pub fn restoration(id: CharacterId, expect: Expect) -> Change<Character> {
    Change::Restore { id, expect, at: at(600) }
}

/// The text of an answer, for a transaction to keep.
#[must_use]
pub fn kept(answer: &Value) -> KeptAnswer {
    KeptAnswer::of(answer).expect("an answer is JSON")
}

/// Exactly this revision.
#[must_use]
pub fn revision(number: u64) -> Expect {
    Expect::Revision(Revision(number))
}

/// Commits one change in a transaction of its own.
///
/// # Errors
/// Those of the storage.
pub async fn commit(storage: &dyn StoragePort, change: Change<Character>) -> Result<Committed> {
    storage.commit(Transaction::new().with(change)).await
}

/// Commits one change that must succeed.
pub async fn must(storage: &dyn StoragePort, change: Change<Character>) -> Committed {
    commit(storage, change).await.expect("the change is allowed")
}

/// Commits one change that must be refused.
pub async fn refused(storage: &dyn StoragePort, change: Change<Character>) -> StorageError {
    commit(storage, change).await.expect_err("the change must be refused")
}

/// The call by which a clause commits transactions. What is true of one call may be wrong of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `commit`, for several transactions at once.
    Commit,
    /// `commit_each`.
    CommitEach,
}

impl Call {
    /// Both calls.
    pub const BOTH: &'static [Self] = &[Self::Commit, Self::CommitEach];

    /// The outcomes of these transactions, which do not depend on each other, in their order.
    pub async fn commit(self, storage: &dyn StoragePort, transactions: &[Transaction]) -> Vec<Result<Committed>> {
        match self {
            Self::Commit => {
                let commits =
                    transactions.chunks(8).map(|some| join_all(some.iter().cloned().map(|it| storage.commit(it))));
                let mut outcomes = Vec::new();
                for some in commits {
                    outcomes.extend(some.await);
                }
                outcomes
            }
            Self::CommitEach => {
                let mut outcomes = Vec::new();
                for batch in transactions.chunks(500) {
                    outcomes.extend(storage.commit_each(batch.to_vec()).await);
                }
                outcomes
            }
        }
    }

    /// The outcome of one transaction.
    pub async fn commit_one(self, storage: &dyn StoragePort, transaction: Transaction) -> Result<Committed> {
        match self {
            Self::Commit => storage.commit(transaction).await,
            Self::CommitEach => {
                let mut outcomes = storage.commit_each(vec![transaction]).await;
                assert_eq!(outcomes.len(), 1, "a batch has one outcome for each transaction");
                outcomes.remove(0)
            }
        }
    }
}

/// Creates these rows in one transaction.
pub async fn create(storage: &dyn StoragePort, rows: &[Character]) {
    storage.commit(creation(rows)).await.expect("the rows are new and valid");
}

/// The row, live or soft-deleted.
pub async fn found(storage: &dyn StoragePort, id: CharacterId) -> Option<Character> {
    find(storage, id, Deleted::Include).await
}

/// The row, if it is live.
pub async fn live(storage: &dyn StoragePort, id: CharacterId) -> Option<Character> {
    find(storage, id, Deleted::Exclude).await
}

async fn find(storage: &dyn StoragePort, id: CharacterId, deleted: Deleted) -> Option<Character> {
    storage.find(id, deleted).await.expect("a find is answered").value
}

/// Every row of the list, by cursor, in pages of `limit`.
pub async fn walk(storage: &dyn StoragePort, query: &CharacterQuery, limit: u32) -> Vec<Character> {
    let mut request = PageRequest::first(self::limit(limit));
    let mut rows: Vec<Character> = Vec::new();
    // A storage that gives a cursor for ever must fail the clause, not hang it.
    for _ in 0..5_000 {
        let page = storage.list(query, request.clone()).await.expect("a list is answered").value;
        assert!(page.items.len() <= limit as usize, "a page of {} rows for a limit of {limit}", page.items.len());
        assert!(page.next.is_none() || page.items.len() == limit as usize, "a page with a successor must be full");
        rows.extend(page.items);
        let Some(cursor) = page.next else { return rows };
        request = request.after(cursor);
    }
    panic!("the list does not end");
}

/// Every row of the list, in as few pages as can be.
pub async fn list(storage: &dyn StoragePort, query: &CharacterQuery) -> Vec<Character> {
    walk(storage, query, 1000).await
}

/// The list of all rows of a user, also those that are deleted or not in play.
#[must_use]
pub fn of_user(user: UserId) -> CharacterQuery {
    CharacterQuery { user_id: Some(user), include_deleted: true, ..CharacterQuery::live() }
}

/// The list of all live rows of a campaign, whether or not they are in play.
#[must_use]
pub fn of_campaign(campaign: CampaignId) -> CharacterQuery {
    CharacterQuery { campaign_id: Some(campaign), ..CharacterQuery::live() }
}

/// A limit from 1 to 1000.
#[must_use]
pub fn limit(rows: u32) -> Limit {
    Limit::new(rows).expect("a limit from 1 to 1000")
}

/// The names of the rows, in their order.
#[must_use]
pub fn names(rows: &[Character]) -> Vec<&str> {
    rows.iter().map(|row| row.name.as_str()).collect()
}

/// The identities of the rows, in their order.
#[must_use]
pub fn ids(rows: &[Character]) -> Vec<CharacterId> {
    rows.iter().map(|row| row.id).collect()
}

/// Newest first, as lists are.
pub fn sort(rows: &mut [Character]) {
    rows.sort_by_key(|row| std::cmp::Reverse((row.meta.created_at, row.id.0)));
}

/// The name of a consumer that no clause has used.
#[must_use]
pub fn consumer() -> ConsumerName {
    format!("consumer-{}", Uuid::new_v4().simple()).parse().expect("the name is plain and short")
}

/// The cursor before the oldest commit that the storage keeps.
pub async fn beginning(storage: &dyn StoragePort) -> LogCursor {
    let leased = storage.lease(&consumer(), HolderId::new(), LONG).await.expect("a lease is answered");
    leased.expect("a new consumer has no other holder").cursor
}

/// Checks that the cursor of a batch with commits lies behind `after`. Otherwise a follower would read the same commits without
/// end, and a clause that collects them would fill the memory.
pub fn moves_on(after: &LogCursor, batch: &LogBatch) {
    let stays = !batch.commits.is_empty() && batch.next == *after;
    assert!(!stays, "the cursor of a batch with {} commits is the one that was asked with", batch.commits.len());
}

/// Every commit behind the cursor, in the order of the log, read in batches of at most `limit`; and the cursor behind them.
pub async fn follow_from(
    storage: &dyn StoragePort,
    mut cursor: LogCursor,
    limit: usize,
) -> (Vec<Arc<LoggedCommit>>, LogCursor) {
    let mut commits = Vec::new();
    // A storage that always has more must fail the clause and not hang it.
    for _ in 0..10_000 {
        let batch = storage.follow(&cursor, limit, Duration::ZERO).await.expect("the cursor is good");
        assert!(batch.commits.len() <= limit, "a batch of {} commits for a limit of {limit}", batch.commits.len());
        assert!(!batch.more || !batch.commits.is_empty(), "an empty batch says that there are more commits");
        moves_on(&cursor, &batch);
        commits.extend(batch.commits);
        cursor = batch.next;
        if !batch.more {
            return (commits, cursor);
        }
    }
    panic!("the log does not end");
}

/// Every commit that the storage keeps, in the order of the log.
pub async fn logged(storage: &dyn StoragePort) -> Vec<Arc<LoggedCommit>> {
    follow_from(storage, beginning(storage).await, MAX_FOLLOWED).await.0
}

/// Every event that the storage keeps, in the order of the log.
pub async fn logged_events(storage: &dyn StoragePort) -> Vec<DomainEvent> {
    logged(storage).await.iter().flat_map(|commit| commit.events.clone()).collect()
}

/// The numbers that the events of `subject` carry, in the order given.
#[must_use]
pub fn numbers(events: &[DomainEvent], subject: CharacterId) -> Vec<u64> {
    let of_subject = events.iter().filter(|event| event.subject == subject);
    of_subject.filter_map(|event| event.data.get("number")?.as_u64()).collect()
}

/// The ids of commits that the log returned.
#[must_use]
pub fn transactions(commits: &[Arc<LoggedCommit>]) -> Vec<TransactionId> {
    commits.iter().map(|commit| commit.transaction).collect()
}

/// The row as the storage must hold it after its creation.
#[must_use]
pub fn stored(row: &Character) -> Character {
    let mut row = row.clone();
    row.meta_mut().revision = Revision::FIRST;
    row
}
