//! Storages that commit wrongly: by one of both calls, in one field of a request, beyond some number, or only at once.

use crate::{PATIENCE, commits::CommitMistake as M};
use async_trait::async_trait;
use character_domain::{Revision, Timestamp, Violations};
use character_storage_port::{
    Applied, COMMIT, Change, Commit, Committed, Deleted, Entity, EntityKind, ErrorKind, Expect, Fingerprint,
    MemoryStorage, Result, StorageError, StoragePort, Store, Transaction, TransactionId, Write, check_batch,
    delegate_port, for_write,
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

/// What is wrong with the commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CommitMistake {
    None,
    // Of `commit_each` alone.
    ForgetsAnswersOfBatches,
    IgnoresFingerprintsOfBatches,
    AnswersEveryUsedIdOfABatch,
    NamesNoRowInBatches,
    NamesTheFirstRowOfABatch,
    IsUnsureOfRefusalsInBatches,
    IgnoresExpectationsOfBatches,
    TakesInvalidRowsInBatches,
    AnswersOnlyWithTheAnswerOfThisCall,
    CommitsBatchesRowByRow,
    // What tells requests apart.
    LeavesExpectationsOut,
    LeavesTheTimesOfChangesOut,
    LeavesMetaOut,
    LeavesDocumentsOut,
    LeavesNamesOut,
    LeavesOwnersOut,
    LeavesTheSortOfAChangeOut,
    LeavesTheOrderOfWritesOut,
    LeavesIdsOfEventsOut,
    LeavesTypesOfEventsOut,
    LeavesSubjectsOfEventsOut,
    LeavesTimesOfEventsOut,
    LeavesDataOfEventsOut,
    LeavesTheOrderOfEventsOut,
    ComparesTheFirstEventOnly,
    FoldsTheCaseOfFingerprints,
    TrimsFingerprints,
    CutsFingerprints,
    TakesAnEmptyFingerprintForNone,
    TakesNulInFingerprints,
    // Revisions.
    ComparesRevisionsIn32Bits,
    ReportsRevisionsIn32Bits,
    RefusesRevisionsAbove32Bits,
    CutsExpectationsTo63Bits,
    SwapsTheRevisionsOfAConflict,
    // Changes of one kind or sort.
    RevivesLiveRows,
    IgnoresExpectationsOfRevivals,
    CallsALiveRowAConflict,
    ImportsDeletedRowsAsLive,
    CutsTimesOfDeletions,
    CutsTimesOfEvents,
    // At once.
    ChecksRevisionsBeforeItWrites,
    ChecksRevisionsOfQuestsBeforeItWrites,
    ChecksRevisionsInBatchesBeforeItWrites,
    ChecksForAbsenceBeforeItCreates,
    ChecksIdsBeforeItWrites,
    ChecksIdsInBatchesBeforeItWrites,
    // Beyond some number.
    ForgetsIdsAfterAThousandCommits,
    ForgetsAnswersAfterAThousandCommits,
    RefusesFullBatches,
    RefusesFullTransactions,
    RefusesManyEvents,
    CutsManyEvents,
    CutsTraceparents,
}

fn patience(_: CommitMistake) -> Duration {
    PATIENCE
}

/// Which call commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Commit,
    CommitEach,
}

#[derive(Debug)]
struct WrongCommits {
    mistake: CommitMistake,
    inner: MemoryStorage,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// In the order in which they were first committed.
    ids: Vec<TransactionId>,
    outcomes: HashMap<TransactionId, Committed>,
}

fn storage(mistake: CommitMistake) -> Arc<dyn StoragePort> {
    Arc::new(WrongCommits { mistake, inner: MemoryStorage::new(), state: Mutex::default() })
}

delegate_port!(Store, Log, Consumers, Snapshot, Probe for [] WrongCommits, storage => storage.inner);

/// Removes the members of these names, however deep they are.
fn without(value: &mut Value, names: &[&str]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| without(item, names)),
        Value::Object(members) => {
            members.retain(|name, _| !names.contains(&name.as_str()));
            members.values_mut().for_each(|member| without(member, names));
        }
        _ => {}
    }
}

fn sorted(value: &mut Value) {
    if let Value::Array(items) = value {
        items.sort_by_key(Value::to_string);
    }
}

/// The fingerprint that the mistaken adapter makes of the contents.
fn derived(mistake: CommitMistake, transaction: &Transaction) -> Fingerprint {
    let (mut writes, mut events) = (json!(transaction.writes), json!(transaction.events));
    match mistake {
        M::LeavesExpectationsOut => without(&mut writes, &["expect"]),
        M::LeavesTheTimesOfChangesOut => without(&mut writes, &["at"]),
        M::LeavesMetaOut => without(&mut writes, &["meta"]),
        M::LeavesDocumentsOut => without(&mut writes, &["data"]),
        M::LeavesNamesOut => without(&mut writes, &["name", "title"]),
        M::LeavesOwnersOut => without(&mut writes, &["character_id", "campaign_id", "user_id"]),
        M::LeavesTheOrderOfWritesOut => sorted(&mut writes),
        M::LeavesIdsOfEventsOut => without(&mut events, &["id"]),
        M::LeavesTypesOfEventsOut => without(&mut events, &["type"]),
        M::LeavesSubjectsOfEventsOut => without(&mut events, &["subject"]),
        M::LeavesTimesOfEventsOut => without(&mut events, &["time"]),
        M::LeavesDataOfEventsOut => without(&mut events, &["data"]),
        M::LeavesTheOrderOfEventsOut => sorted(&mut events),
        M::ComparesTheFirstEventOnly => events = json!(transaction.events.first()),
        _ => {}
    }
    let mut text = json!([writes, events]).to_string();
    if mistake == M::LeavesTheSortOfAChangeOut {
        text = text.replace("\"import\"", "\"create\"").replace("\"restore\"", "\"delete\"");
    }
    Fingerprint::of(text.as_bytes())
}

/// The fingerprint as the mistaken adapter compares it.
fn compared(mistake: CommitMistake, given: &Fingerprint) -> Fingerprint {
    Fingerprint(match mistake {
        M::FoldsTheCaseOfFingerprints => given.0.to_lowercase(),
        M::TrimsFingerprints => given.0.trim().to_owned(),
        M::CutsFingerprints => given.0.chars().take(64).collect(),
        _ => given.0.clone(),
    })
}

impl WrongCommits {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn ignores_expectations<E: Entity>(&self, call: Call, change: &Change<E>) -> bool {
        match self.mistake {
            M::IgnoresExpectationsOfBatches => call == Call::CommitEach,
            M::IgnoresExpectationsOfRevivals => matches!(change, Change::Revive { .. }),
            _ => false,
        }
    }

    fn checks_before_it_writes(&self, call: Call, kind: EntityKind) -> bool {
        match self.mistake {
            M::ChecksRevisionsBeforeItWrites | M::ChecksForAbsenceBeforeItCreates => true,
            M::ChecksRevisionsOfQuestsBeforeItWrites => kind == EntityKind::Quest,
            M::ChecksRevisionsInBatchesBeforeItWrites => call == Call::CommitEach,
            _ => false,
        }
    }

    /// The change as the mistaken adapter makes it.
    async fn made<E: Entity>(&self, call: Call, change: Change<E>) -> Result<Write> {
        let id = change.id();
        let held = async || Store::<E>::find(&self.inner, id, Deleted::Include).await.map(|read| read.value);
        let mut change = change;
        if self.ignores_expectations(call, &change) {
            set_expect(&mut change, Expect::Any);
        }
        if self.mistake == M::ComparesRevisionsIn32Bits
            && let (Some(Expect::Revision(expected)), Some(row)) = (change.expect(), held().await?)
            && u64::from(expected.0 as u32) == u64::from(row.meta().revision.0 as u32)
        {
            set_expect(&mut change, Expect::Revision(row.meta().revision));
        }
        if self.mistake == M::CutsExpectationsTo63Bits
            && let Some(Expect::Revision(expected)) = change.expect()
        {
            set_expect(&mut change, Expect::Revision(Revision(expected.0.min(i64::MAX as u64))));
        }
        if self.mistake == M::ImportsDeletedRowsAsLive
            && let Change::Import(row) = &mut change
        {
            row.meta_mut().deleted_at = None;
        }
        if self.mistake == M::CutsTimesOfDeletions
            && let Change::Delete { at, .. } = &mut change
        {
            *at = in_milliseconds(*at);
        }
        if self.mistake == M::RevivesLiveRows
            && let Change::Revive { entity, expect } = &change
            && held().await?.is_some_and(|row| !row.meta().is_deleted())
        {
            change = Change::Replace { entity: entity.clone(), expect: *expect };
        }
        if self.checks_before_it_writes(call, E::KIND) {
            let before = held().await?;
            tokio::time::sleep(Duration::from_millis(3)).await;
            let was_expected = match (change.expect(), &before) {
                (Some(Expect::Revision(expected)), Some(row)) => expected == row.meta().revision,
                _ => false,
            };
            if was_expected && self.mistake != M::ChecksForAbsenceBeforeItCreates {
                set_expect(&mut change, Expect::Any);
            }
            if self.mistake == M::ChecksForAbsenceBeforeItCreates
                && let (Change::Create(entity), None, Some(_)) = (&change, &before, held().await?)
            {
                change = Change::Replace { entity: entity.clone(), expect: Expect::Any };
            }
        }
        Ok(E::write(change))
    }

    async fn apply(&self, call: Call, mut transaction: Transaction) -> Result<Committed> {
        let invalid = |field, reason| Err(StorageError::invalid(Violations::one(field, reason), COMMIT));
        let id = transaction.id;
        let known = self.state().outcomes.get(&id).cloned();
        let is_batch = call == Call::CommitEach;
        let answer = transaction.answer.clone();
        if self.mistake == M::TakesNulInFingerprints {
            transaction.fingerprint = transaction.fingerprint.map(|given| Fingerprint(given.0.replace('\0', "")));
        }
        transaction.check()?;
        // Before anything is changed, so that a change of the expectation is no other request.
        let given = transaction.fingerprint.clone().filter(|given| match self.mistake {
            M::IgnoresFingerprintsOfBatches => !is_batch,
            M::TakesAnEmptyFingerprintForNone => !given.0.is_empty(),
            _ => true,
        });
        transaction.fingerprint = Some(match given {
            Some(given) => compared(self.mistake, &given),
            None => derived(self.mistake, &transaction),
        });
        let age = {
            let state = self.state();
            state.ids.iter().position(|known| *known == id).map_or(0, |place| state.ids.len() - place)
        };
        match (self.mistake, known) {
            (M::AnswersEveryUsedIdOfABatch, Some(first)) if is_batch => return Ok(first),
            (M::ForgetsAnswersOfBatches, _) if is_batch => transaction.answer = None,
            (M::ForgetsIdsAfterAThousandCommits, _) if age > 1_000 => transaction.id = TransactionId::new(),
            (M::ChecksIdsBeforeItWrites, None) => {
                tokio::time::sleep(Duration::from_millis(3)).await;
                transaction.id = TransactionId::new();
            }
            (M::ChecksIdsInBatchesBeforeItWrites, None) if is_batch => {
                tokio::time::sleep(Duration::from_millis(3)).await;
                transaction.id = TransactionId::new();
            }
            (M::ChecksIdsBeforeItWrites | M::ChecksIdsInBatchesBeforeItWrites, Some(first)) => return Ok(first),
            (M::RefusesFullTransactions, _) if transaction.writes.len() > 4_999 => {
                return invalid("writes", "must be fewer");
            }
            (M::RefusesManyEvents, _) if transaction.events.len() > 9_999 => {
                return invalid("events", "must be fewer");
            }
            (M::CutsManyEvents, _) => transaction.events.truncate(4_096),
            (M::CutsTimesOfEvents, _) => {
                transaction.events.iter_mut().for_each(|event| event.time = in_milliseconds(event.time));
            }
            (M::CutsTraceparents, _) => {
                transaction.traceparent = transaction.traceparent.map(|text| text.chars().take(55).collect());
            }
            (M::RefusesRevisionsAbove32Bits, _) => {
                for write in &transaction.writes {
                    let revision = for_write!(write, change => change.entity().map(|row| row.meta().revision.0));
                    if revision.is_some_and(|revision| revision > u64::from(u32::MAX)) {
                        return invalid("writes[0].meta.revision", "must not be so large");
                    }
                }
            }
            _ => {}
        }
        let writes = std::mem::take(&mut transaction.writes);
        for write in writes {
            let made = for_write!(write, change => self.made(call, change).await)?;
            transaction.writes.push(made);
        }
        let mut committed = self.inner.commit(transaction).await?;
        committed.id = id;
        if self.mistake == M::ForgetsAnswersAfterAThousandCommits && age > 1_000 {
            committed.answer = None;
        }
        if self.mistake == M::AnswersOnlyWithTheAnswerOfThisCall {
            committed.answer = answer;
        }
        let mut state = self.state();
        if !state.ids.contains(&id) {
            state.ids.push(id);
        }
        state.outcomes.entry(id).or_insert_with(|| committed.clone());
        Ok(committed)
    }

    async fn answered(&self, call: Call, transaction: Transaction) -> Result<Committed> {
        let first = transaction.writes.first().map(Write::row);
        let is_batch = call == Call::CommitEach;
        match (self.mistake, self.apply(call, transaction).await) {
            (M::NamesNoRowInBatches, Err(error)) if is_batch => {
                Err(StorageError::new(error.kind().clone(), error.operation()))
            }
            (M::NamesTheFirstRowOfABatch, Err(error)) if is_batch && error.entity().is_some() => {
                let (kind, id) = first.unwrap();
                Err(StorageError::new(error.kind().clone(), error.operation()).with_entity(kind, id))
            }
            (M::IsUnsureOfRefusalsInBatches, Err(error)) if is_batch => Err(error.with_applied(Applied::Unknown)),
            (M::SwapsTheRevisionsOfAConflict, Err(error)) => match (error.kind(), error.entity()) {
                (ErrorKind::Conflict { expected, actual }, Some((kind, id))) => {
                    let swapped = ErrorKind::Conflict { expected: *actual, actual: *expected };
                    Err(StorageError::new(swapped, error.operation()).with_entity(kind, id))
                }
                _ => Err(error),
            },
            (M::CallsALiveRowAConflict, Err(error)) => match (error.kind(), error.entity()) {
                (ErrorKind::AlreadyExists, Some((kind, id))) => {
                    let conflict = ErrorKind::Conflict { expected: Revision(0), actual: Revision(1) };
                    Err(StorageError::new(conflict, error.operation()).with_entity(kind, id))
                }
                _ => Err(error),
            },
            (M::ReportsRevisionsIn32Bits, Ok(mut committed)) => {
                committed.written.iter_mut().for_each(|meta| meta.revision.0 &= u64::from(u32::MAX));
                Ok(committed)
            }
            (_, outcome) => outcome,
        }
    }
}

/// The time without its microseconds.
fn in_milliseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond().div_euclid(1_000) * 1_000).unwrap()
}

fn set_expect<E: Entity>(change: &mut Change<E>, to: Expect) {
    if let Change::Replace { expect, .. }
    | Change::Delete { expect, .. }
    | Change::Restore { expect, .. }
    | Change::Revive { expect, .. } = change
    {
        *expect = to;
    }
}

#[async_trait]
impl Commit for WrongCommits {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        self.answered(Call::Commit, transaction).await
    }

    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let mut refusal = check_batch(&transactions);
        if self.mistake == M::RefusesFullBatches && transactions.len() > 999 {
            refusal = Err(StorageError::invalid(Violations::one("transactions", "must be fewer"), COMMIT));
        }
        if let Err(error) = refusal {
            return transactions.iter().map(|_| Err(error.clone())).collect();
        }
        let mut outcomes = Vec::new();
        for mut transaction in transactions {
            if self.mistake == M::TakesInvalidRowsInBatches && transaction.check().is_err() {
                // What breaks a rule is left out, and the rest is taken.
                let alone = |write: &Write| Transaction { writes: vec![write.clone()], ..Transaction::new() };
                transaction.writes.retain(|write| alone(write).check().is_ok());
            }
            if self.mistake == M::CommitsBatchesRowByRow {
                for write in std::mem::take(&mut transaction.writes) {
                    let alone = Transaction { writes: vec![write], ..Transaction::new() };
                    let _whatever_it_says = self.inner.commit(alone).await;
                    tokio::task::yield_now().await;
                }
            }
            outcomes.push(self.answered(Call::CommitEach, transaction).await);
        }
        outcomes
    }
}

caught! {
    storage;
    a_storage_that_forgets_answers_of_batches_is_caught: ForgetsAnswersOfBatches breaks
        "an_answer_of_any_json_is_kept", "a_batch_judges_every_change_as_a_commit_does";
    a_storage_that_ignores_fingerprints_of_batches_is_caught: IgnoresFingerprintsOfBatches breaks
        "a_batch_keeps_to_the_fingerprints_given";
    a_storage_that_answers_every_used_id_of_a_batch_is_caught: AnswersEveryUsedIdOfABatch breaks
        "a_batch_keeps_to_the_fingerprints_given", "every_part_of_the_contents_tells_requests_apart",
        "thousands_of_commits_are_remembered";
    a_storage_that_names_no_row_in_batches_is_caught: NamesNoRowInBatches breaks
        "a_batch_judges_every_change_as_a_commit_does", "of_concurrent_changes_of_any_kind_exactly_one_wins";
    a_storage_that_names_the_first_row_of_a_transaction_of_a_batch_is_caught: NamesTheFirstRowOfABatch breaks
        "a_refused_write_in_a_batch_is_named_and_undoes_its_transaction";
    a_storage_that_is_unsure_of_refusals_in_batches_is_caught: IsUnsureOfRefusalsInBatches breaks
        "a_batch_judges_every_change_as_a_commit_does";
    a_storage_that_ignores_expectations_of_batches_is_caught: IgnoresExpectationsOfBatches breaks
        "a_batch_judges_every_change_as_a_commit_does", "of_concurrent_changes_of_any_kind_exactly_one_wins";
    a_storage_that_takes_invalid_rows_in_batches_is_caught: TakesInvalidRowsInBatches breaks
        "a_refused_transaction_of_a_batch_does_not_touch_the_others";
    a_storage_that_answers_with_what_it_was_just_sent_is_caught: AnswersOnlyWithTheAnswerOfThisCall breaks
        "the_first_answer_stays";
    a_storage_that_leaves_expectations_out_of_requests_is_caught: LeavesExpectationsOut breaks
        "every_part_of_the_contents_tells_requests_apart";
    a_storage_that_leaves_times_of_changes_out_of_requests_is_caught: LeavesTheTimesOfChangesOut breaks
        "every_part_of_the_contents_tells_requests_apart";
    a_storage_that_leaves_meta_out_of_requests_is_caught: LeavesMetaOut breaks
        "every_part_of_the_contents_tells_requests_apart";
    a_storage_that_leaves_documents_out_of_requests_is_caught: LeavesDocumentsOut breaks
        "every_part_of_the_contents_tells_requests_apart";
    a_storage_that_leaves_names_out_of_requests_is_caught: LeavesNamesOut breaks
        "every_part_of_the_contents_tells_requests_apart";
    a_storage_that_leaves_owners_out_of_requests_is_caught: LeavesOwnersOut breaks
        "every_part_of_the_contents_tells_requests_apart";
    a_storage_that_leaves_the_sort_of_a_change_out_of_requests_is_caught: LeavesTheSortOfAChangeOut breaks
        "every_part_of_the_contents_tells_requests_apart";
    a_storage_that_leaves_the_order_of_writes_out_of_requests_is_caught: LeavesTheOrderOfWritesOut breaks
        "the_order_of_the_writes_tells_requests_apart";
    a_storage_that_leaves_ids_of_events_out_of_requests_is_caught: LeavesIdsOfEventsOut breaks
        "every_part_of_the_contents_tells_requests_apart";
    a_storage_that_leaves_types_of_events_out_of_requests_is_caught: LeavesTypesOfEventsOut breaks
        "every_part_of_the_contents_tells_requests_apart";
    a_storage_that_leaves_subjects_of_events_out_of_requests_is_caught: LeavesSubjectsOfEventsOut breaks
        "every_part_of_the_contents_tells_requests_apart";
    a_storage_that_leaves_times_of_events_out_of_requests_is_caught: LeavesTimesOfEventsOut breaks
        "every_part_of_the_contents_tells_requests_apart";
    a_storage_that_leaves_data_of_events_out_of_requests_is_caught: LeavesDataOfEventsOut breaks
        "every_part_of_the_contents_tells_requests_apart";
    a_storage_that_leaves_the_order_of_events_out_of_requests_is_caught: LeavesTheOrderOfEventsOut breaks
        "every_part_of_the_contents_tells_requests_apart";
    a_storage_that_compares_the_first_event_only_is_caught: ComparesTheFirstEventOnly breaks
        "every_part_of_the_contents_tells_requests_apart";
    a_storage_that_folds_the_case_of_fingerprints_is_caught: FoldsTheCaseOfFingerprints breaks
        "a_batch_keeps_to_the_fingerprints_given";
    a_storage_that_trims_fingerprints_is_caught: TrimsFingerprints breaks
        "a_batch_keeps_to_the_fingerprints_given";
    a_storage_that_cuts_fingerprints_is_caught: CutsFingerprints breaks
        "a_batch_keeps_to_the_fingerprints_given";
    a_storage_that_takes_an_empty_fingerprint_for_none_is_caught: TakesAnEmptyFingerprintForNone breaks
        "a_batch_keeps_to_the_fingerprints_given";
    a_storage_that_takes_nul_in_fingerprints_is_caught: TakesNulInFingerprints breaks
        "nul_in_a_fingerprint_is_invalid";
    a_storage_that_commits_batches_row_by_row_is_caught: CommitsBatchesRowByRow breaks
        "a_dropped_batch_applies_each_transaction_whole_or_not_at_all",
        "a_refused_write_in_a_batch_is_named_and_undoes_its_transaction";
    a_storage_that_cuts_times_of_deletions_is_caught: CutsTimesOfDeletions breaks
        "a_change_keeps_any_time";
    a_storage_that_cuts_times_of_events_is_caught: CutsTimesOfEvents breaks
        "a_change_keeps_any_time";
    a_storage_that_compares_revisions_in_32_bits_is_caught: ComparesRevisionsIn32Bits breaks
        "every_change_in_every_state_is_judged_right", "a_batch_judges_every_change_as_a_commit_does";
    a_storage_that_reports_revisions_in_32_bits_is_caught: ReportsRevisionsIn32Bits breaks
        "every_change_in_every_state_is_judged_right";
    a_storage_that_refuses_revisions_above_32_bits_is_caught: RefusesRevisionsAbove32Bits breaks
        "every_change_in_every_state_is_judged_right";
    a_storage_that_cuts_expectations_to_63_bits_is_caught: CutsExpectationsTo63Bits breaks
        "every_change_in_every_state_is_judged_right";
    a_storage_that_swaps_the_revisions_of_a_conflict_is_caught: SwapsTheRevisionsOfAConflict breaks
        "every_change_in_every_state_is_judged_right", "a_replacement_of_another_revision_is_a_conflict";
    a_storage_that_revives_live_rows_is_caught: RevivesLiveRows breaks
        "every_change_in_every_state_is_judged_right";
    a_storage_that_ignores_expectations_of_revivals_is_caught: IgnoresExpectationsOfRevivals breaks
        "every_change_in_every_state_is_judged_right", "of_concurrent_changes_of_any_kind_exactly_one_wins";
    a_storage_that_calls_a_live_row_a_conflict_is_caught: CallsALiveRowAConflict breaks
        "every_change_in_every_state_is_judged_right";
    a_storage_that_imports_deleted_rows_as_live_is_caught: ImportsDeletedRowsAsLive breaks
        "an_import_keeps_revision_times_and_deletion";
    a_storage_that_checks_revisions_before_it_writes_is_caught: ChecksRevisionsBeforeItWrites breaks
        "of_concurrent_changes_of_any_kind_exactly_one_wins", "of_concurrent_writers_exactly_one_wins";
    a_storage_that_checks_revisions_of_quests_before_it_writes_is_caught: ChecksRevisionsOfQuestsBeforeItWrites breaks
        "of_concurrent_changes_of_any_kind_exactly_one_wins";
    a_storage_that_checks_revisions_in_batches_before_it_writes_is_caught: ChecksRevisionsInBatchesBeforeItWrites breaks
        "of_concurrent_changes_of_any_kind_exactly_one_wins";
    a_storage_that_checks_for_absence_before_it_creates_is_caught: ChecksForAbsenceBeforeItCreates breaks
        "of_concurrent_changes_of_any_kind_exactly_one_wins", "of_concurrent_creations_exactly_one_wins";
    a_storage_that_checks_ids_before_it_writes_is_caught: ChecksIdsBeforeItWrites breaks
        "of_concurrent_requests_with_one_id_exactly_one_wins", "concurrent_repeats_have_one_effect";
    a_storage_that_checks_ids_in_batches_before_it_writes_is_caught: ChecksIdsInBatchesBeforeItWrites breaks
        "concurrent_repeats_in_batches_have_one_effect";
    a_storage_that_forgets_ids_after_a_thousand_commits_is_caught: ForgetsIdsAfterAThousandCommits breaks
        "thousands_of_commits_are_remembered";
    a_storage_that_forgets_answers_after_a_thousand_commits_is_caught: ForgetsAnswersAfterAThousandCommits breaks
        "thousands_of_commits_are_remembered";
    a_storage_that_refuses_full_batches_is_caught: RefusesFullBatches breaks
        "thousands_of_commits_are_remembered";
    a_storage_that_refuses_full_transactions_is_caught: RefusesFullTransactions breaks
        "a_filter_reaches_the_oldest_of_thousands_of_rows";
    a_storage_that_refuses_many_events_is_caught: RefusesManyEvents breaks
        "a_transaction_of_the_most_events_commits";
    a_storage_that_cuts_many_events_is_caught: CutsManyEvents breaks
        "a_transaction_of_the_most_events_commits";
    a_storage_that_cuts_traceparents_is_caught: CutsTraceparents breaks
        "the_longest_traceparent_comes_back";
}
