//! Deliberately wrong adapters, one mistake each. The suite catches every one by a clause that says what is broken.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up has failed")]

use async_trait::async_trait;
use character_domain::{Character, CharacterId, Revision};
use character_storage_port::{
    Change, CharacterQuery, Commit, Committed, Deleted, ErrorKind, EventId, Expect, MemoryStorage, Outbox, OutboxEvent,
    Page, PageRequest, Probe, Read, Result, StorageError, StoragePort, Store, Transaction, TransactionId, Write,
};
use character_storage_testkit::{Clause, clauses};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    None,
    IgnoresTheExpectedRevision,
    AppliesARepeatedCommitTwice,
    TakesAnotherRequestUnderAUsedId,
    ForgetsTheAnswer,
    ForgetsTheThemeFilter,
    ForgetsTheActiveFilter,
    PagesWithAGap,
    EndsAListTooEarly,
    SaysThatThereIsMoreAtTheEnd,
    LosesAnEvent,
    ServesDeletedRows,
    IgnoresRequestsForDeletedRows,
    AppliesTheFirstWriteOfARefusedTransaction,
    RoundsLargeIntegers,
    TakesWhatOthersCannotKeep,
    NeverExcludesOtherRelays,
    GivesEventsInTheWrongOrder,
    AnswersFromACacheForEver,
    CallsAnExistingRowAConflict,
    StopsABatchAtTheFirstRefusal,
    GivesOutcomesInTheWrongOrder,
}

use Mistake as M;

/// A right storage with one mistake in front of it.
#[derive(Debug)]
struct Wrong {
    mistake: Mistake,
    inner: MemoryStorage,
    cache: Mutex<HashMap<CharacterId, Option<Character>>>,
}

impl Wrong {
    fn storage(mistake: Mistake) -> Arc<dyn StoragePort> {
        Arc::new(Self { mistake, inner: MemoryStorage::new(), cache: Mutex::default() })
    }
}

fn without_expectation(write: Write) -> Write {
    match write {
        Write::Character(Change::Replace { entity, .. }) => {
            Write::Character(Change::Replace { entity, expect: Expect::Any })
        }
        Write::Character(Change::Delete { id, at, .. }) => {
            Write::Character(Change::Delete { id, at, expect: Expect::Any })
        }
        Write::Character(Change::Restore { id, at, .. }) => {
            Write::Character(Change::Restore { id, at, expect: Expect::Any })
        }
        other => other,
    }
}

fn rounded(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Number(number) if number.is_u64() || number.is_i64() => {
            let lossy = number.as_f64().unwrap();
            if lossy.abs() > 9e15 {
                *value = lossy.into();
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(rounded),
        serde_json::Value::Object(members) => members.values_mut().for_each(rounded),
        _ => {}
    }
}

#[async_trait]
impl Store<Character> for Wrong {
    async fn find(&self, id: CharacterId, deleted: Deleted) -> Result<Read<Option<Character>>> {
        let deleted = match self.mistake {
            M::ServesDeletedRows => Deleted::Include,
            M::IgnoresRequestsForDeletedRows => Deleted::Exclude,
            _ => deleted,
        };
        if self.mistake == M::AnswersFromACacheForEver && deleted == Deleted::Exclude {
            if let Some(cached) = self.cache.lock().unwrap().get(&id) {
                return Ok(Read::origin(cached.clone()));
            }
            let found = self.inner.find(id, deleted).await?;
            self.cache.lock().unwrap().insert(id, found.value.clone());
            return Ok(found);
        }
        let mut found: Read<Option<Character>> = self.inner.find(id, deleted).await?;
        if self.mistake == M::RoundsLargeIntegers
            && let Some(character) = &mut found.value
        {
            character.data.0.values_mut().for_each(rounded);
        }
        Ok(found)
    }

    async fn list(&self, query: &CharacterQuery, page: PageRequest) -> Result<Read<Page<Character>>> {
        let mut query = query.clone();
        match self.mistake {
            M::ForgetsTheThemeFilter => query.theme = None,
            M::ForgetsTheActiveFilter => query.active_only = false,
            M::ServesDeletedRows => query.include_deleted = true,
            M::IgnoresRequestsForDeletedRows => query.include_deleted = false,
            _ => {}
        }
        let mut found = Store::<Character>::list(&self.inner, &query, page).await?.value;
        match self.mistake {
            M::PagesWithAGap if page != PageRequest::first(page.limit) && !found.items.is_empty() => {
                drop(found.items.remove(0))
            }
            M::EndsAListTooEarly => found.next = None,
            M::SaysThatThereIsMoreAtTheEnd if found.next.is_none() => {
                found.next = found
                    .items
                    .last()
                    .map(|last| character_storage_port::Cursor { created_at: last.meta.created_at, id: last.id.0 });
            }
            _ => {}
        }
        Ok(Read::origin(found))
    }
}

#[async_trait]
impl Commit for Wrong {
    async fn commit(&self, mut transaction: Transaction) -> Result<Committed> {
        match self.mistake {
            M::IgnoresTheExpectedRevision => {
                transaction.fingerprint = Some(transaction.fingerprint());
                transaction.writes = transaction.writes.into_iter().map(without_expectation).collect();
            }
            M::AppliesARepeatedCommitTwice => transaction.id = TransactionId::new(),
            M::TakesAnotherRequestUnderAUsedId => {
                transaction.fingerprint = Some(character_storage_port::Fingerprint::of(b"always the same"));
            }
            M::ForgetsTheAnswer => transaction.answer = None,
            M::LosesAnEvent => drop(transaction.events.pop()),
            M::TakesWhatOthersCannotKeep => {
                for write in &mut transaction.writes {
                    if let Write::Character(Change::Create(character)) = write
                        && !character.check().0.is_empty()
                    {
                        character.data = character_domain::Document::default();
                        character.name = "cleaned".to_owned();
                        character.theme = "cleaned".to_owned();
                    }
                }
            }
            M::AppliesTheFirstWriteOfARefusedTransaction => {
                let first = transaction.writes.first().cloned();
                let outcome = self.inner.commit(transaction).await;
                if outcome.is_err()
                    && let Some(first) = first
                {
                    drop(self.inner.commit(Transaction { writes: vec![first], ..Transaction::new() }).await);
                }
                return outcome;
            }
            _ => {}
        }
        let outcome = self.inner.commit(transaction).await;
        match (self.mistake, outcome) {
            (M::CallsAnExistingRowAConflict, Err(error)) if *error.kind() == ErrorKind::AlreadyExists => {
                let kind = ErrorKind::Conflict { expected: Revision(0), actual: Revision(1) };
                Err(StorageError::new(kind, error.operation()))
            }
            (M::GivesOutcomesInTheWrongOrder, Ok(mut committed)) => {
                committed.written.reverse();
                Ok(committed)
            }
            (_, outcome) => outcome,
        }
    }

    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        if let Err(error) = character_storage_port::check_batch(&transactions) {
            return transactions.iter().map(|_| Err(error.clone())).collect();
        }
        let mut outcomes = Vec::new();
        let mut stopped = false;
        for transaction in transactions {
            let outcome =
                if stopped { Err(StorageError::unavailable("commit")) } else { self.commit(transaction).await };
            stopped |= self.mistake == M::StopsABatchAtTheFirstRefusal && outcome.is_err();
            outcomes.push(outcome);
        }
        outcomes
    }
}

#[async_trait]
impl Outbox for Wrong {
    async fn claim(&self, limit: usize, lease: Duration) -> Result<Vec<OutboxEvent>> {
        let lease = if self.mistake == M::NeverExcludesOtherRelays { Duration::ZERO } else { lease };
        let mut events = self.inner.claim(limit, lease).await?;
        if self.mistake == M::GivesEventsInTheWrongOrder {
            events.reverse();
        }
        Ok(events)
    }
    async fn acknowledge(&self, ids: &[EventId]) -> Result<()> {
        self.inner.acknowledge(ids).await
    }
}

#[async_trait]
impl Probe for Wrong {
    async fn probe(&self) -> Result<()> {
        self.inner.probe().await
    }
}

/// Whether a storage with this mistake breaks the clause. Each clause has a runtime of its own, as in the suite.
fn breaks(mistake: Mistake, clause: &str) -> bool {
    let clause: Clause = clauses().into_iter().find(|listed| listed.name == clause).expect("the clause is listed");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let judged = runtime.block_on(async { tokio::spawn((clause.run)(Wrong::storage(mistake))).await });
    runtime.shutdown_background();
    judged.is_err()
}

macro_rules! caught {
    ($($test:ident: $mistake:ident breaks $clause:literal,)+) => {
        $(
            #[test]
            fn $test() {
                assert!(breaks(M::$mistake, $clause), "{} does not notice {:?}", $clause, M::$mistake);
            }
        )+

        #[test]
        fn none_of_these_clauses_is_broken_without_a_mistake() {
            $(assert!(!breaks(M::None, $clause), "{}", $clause);)+
        }
    };
}

caught! {
    a_storage_that_ignores_the_expected_revision_is_caught: IgnoresTheExpectedRevision breaks "of_concurrent_writers_exactly_one_wins",
    a_storage_that_applies_a_repeat_again_is_caught: AppliesARepeatedCommitTwice breaks "a_repeated_transaction_gives_the_same_answer",
    a_storage_that_takes_another_request_under_a_used_id_is_caught: TakesAnotherRequestUnderAUsedId breaks "a_reused_id_with_other_writes_is_refused",
    a_storage_that_forgets_the_answer_is_caught: ForgetsTheAnswer breaks "the_answer_is_kept_and_given_back",
    a_storage_that_forgets_the_filter_by_theme_is_caught: ForgetsTheThemeFilter breaks "the_filter_by_theme_holds_the_rows_of_it",
    a_storage_that_forgets_the_filter_by_activity_is_caught: ForgetsTheActiveFilter breaks "the_filter_by_activity_holds_the_rows_in_play",
    a_storage_that_pages_with_a_gap_is_caught: PagesWithAGap breaks "seven_rows_in_pages_of_three",
    a_storage_that_ends_a_list_too_early_is_caught: EndsAListTooEarly breaks "seven_rows_in_pages_of_three",
    a_storage_that_promises_more_at_the_end_is_caught: SaysThatThereIsMoreAtTheEnd breaks "a_full_last_page_has_no_next",
    a_storage_that_loses_an_event_is_caught: LosesAnEvent breaks "events_come_with_their_transaction",
    a_storage_that_serves_deleted_rows_is_caught: ServesDeletedRows breaks "a_find_leaves_deleted_rows_out_unless_asked",
    a_storage_that_hides_deleted_rows_from_who_asks_is_caught: IgnoresRequestsForDeletedRows breaks "a_list_leaves_deleted_rows_out_unless_asked",
    a_storage_that_applies_half_a_transaction_is_caught: AppliesTheFirstWriteOfARefusedTransaction breaks "a_refused_write_undoes_the_whole_transaction",
    a_storage_that_rounds_large_integers_is_caught: RoundsLargeIntegers breaks "integers_come_back_exact",
    a_storage_that_cleans_what_it_should_refuse_is_caught: TakesWhatOthersCannotKeep breaks "nul_in_a_text_is_invalid",
    a_storage_that_excludes_no_other_relay_is_caught: NeverExcludesOtherRelays breaks "a_lease_excludes_others",
    a_storage_that_gives_events_out_of_order_is_caught: GivesEventsInTheWrongOrder breaks "events_of_a_subject_keep_their_order",
    a_storage_that_answers_from_a_cache_for_ever_is_caught: AnswersFromACacheForEver breaks "reads_follow_a_replacement",
    a_storage_that_calls_an_existing_row_a_conflict_is_caught: CallsAnExistingRowAConflict breaks "a_creation_of_a_live_row_already_exists",
    a_storage_that_stops_a_batch_at_a_refusal_is_caught: StopsABatchAtTheFirstRefusal breaks "a_refused_transaction_of_a_batch_does_not_touch_the_others",
    a_storage_that_mixes_up_outcomes_is_caught: GivesOutcomesInTheWrongOrder breaks "outcomes_are_in_the_order_of_the_writes",
}
