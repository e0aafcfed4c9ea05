//! Deliberately wrong adapters, one mistake each. The suite catches every one by a clause that says what is broken.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up has failed")]

mod mistake;
mod rows;
mod storage;

use character_storage_port::StoragePort;
use character_storage_testkit::{Clause, PATIENCE, clauses};
use mistake::Mistake::{self, self as M};
use std::{sync::Arc, time::Duration};
use storage::Wrong;

/// How long a clause is given over a storage that makes it wait without end. It ends in milliseconds over a right storage.
const IMPATIENCE: Duration = Duration::from_secs(2);

/// Whether the storage breaks the clause. Each clause has a runtime of its own, as in the suite.
/// A clause that is run for each kind of row is named with one: `reads_follow_a_row::Quest`.
fn breaks(storage: impl FnOnce() -> Arc<dyn StoragePort>, patience: Duration, clause: &str) -> bool {
    let name = |listed: &Clause| match listed.kind {
        Some(kind) => format!("{}::{kind:?}", listed.name),
        None => listed.name.to_owned(),
    };
    let clause = clauses().into_iter().find(|listed| name(listed) == clause).expect("the clause is listed");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let judged = runtime.block_on(async {
        let clause = (clause.run)(storage());
        tokio::spawn(tokio::time::timeout(patience, clause)).await
    });
    runtime.shutdown_background();
    !matches!(judged, Ok(Ok(())))
}

/// How long a clause is given over a storage with this mistake.
fn patience(mistake: Mistake) -> Duration {
    if mistake == M::LosesPermitsWhenDropped { IMPATIENCE } else { PATIENCE }
}

/// A test for each mistake, over the storages that `$storage` makes, and one over a storage without a mistake.
macro_rules! caught {
    ($storage:path; $($test:ident: $mistake:ident breaks $($clause:literal),+;)+) => {
        $(
            #[test]
            fn $test() {
                $(
                    let is_caught = $crate::breaks(|| $storage(M::$mistake), patience(M::$mistake), $clause);
                    assert!(is_caught, "{} does not notice {:?}", $clause, M::$mistake);
                )+
            }
        )+

        #[test]
        fn none_of_these_clauses_is_broken_without_a_mistake() {
            let clauses = std::collections::BTreeSet::from([$($($clause),+),+]);
            for clause in clauses {
                assert!(!$crate::breaks(|| $storage(M::None), PATIENCE, clause), "{clause}");
            }
        }
    };
}

// Behind the macros that they use.
mod commits;
mod consumers;
mod counts;
mod durability;
mod log;
mod log_order;
mod reads;

caught! {
    Wrong::storage;
    a_storage_that_revives_a_row_unchanged_is_caught: RevivesUnchanged breaks "a_restoration_may_bring_another_state";
    a_storage_that_ignores_the_expected_revision_is_caught: IgnoresTheExpectedRevision breaks
        "of_concurrent_writers_exactly_one_wins", "a_refused_change_of_a_row_says_why_and_changes_nothing::Quest",
        "concurrent_awards_over_several_kinds_add_up";
    a_storage_that_applies_a_repeat_again_is_caught: AppliesARepeatedCommitTwice breaks
        "a_repeated_transaction_is_logged_once", "a_repeated_transaction_gives_the_same_answer", "a_repeat_over_every_kind_has_one_effect";
    a_storage_that_takes_another_request_under_a_used_id_is_caught: TakesAnotherRequestUnderAUsedId breaks
        "a_reused_id_with_other_writes_is_refused";
    a_storage_that_tells_requests_apart_by_ids_alone_is_caught: TellsRequestsApartByIdsAlone breaks
        "a_used_id_with_a_write_of_another_kind_is_refused";
    a_storage_that_remembers_refusals_is_caught: RemembersRefusals breaks
        "a_refused_transaction_may_be_sent_again";
    a_storage_that_forgets_the_answer_is_caught: ForgetsTheAnswer breaks
        "the_answer_is_kept_and_given_back";
    a_storage_that_forgets_deep_answers_is_caught: ForgetsDeepAnswers breaks
        "an_answer_that_holds_a_deep_document_is_kept";
    a_storage_that_takes_null_for_no_answer_is_caught: TakesNullForNoAnswer breaks
        "an_answer_of_any_json_is_kept";
    a_storage_that_applies_half_a_transaction_is_caught: AppliesTheFirstWriteOfARefusedTransaction breaks
        "a_refused_write_undoes_the_whole_transaction", "a_refused_write_of_any_kind_undoes_all_others";
    a_storage_that_commits_writes_one_by_one_is_caught: CommitsWritesOneByOne breaks
        "a_refused_write_of_any_kind_undoes_all_others", "a_conflict_leaves_rows_of_every_kind_as_they_were";
    a_storage_that_judges_the_last_write_first_is_caught: JudgesTheLastWriteFirst breaks
        "the_first_refused_write_decides_the_error";
    a_storage_that_forgets_writes_of_another_kind_is_caught: ForgetsWritesOfAnotherKind breaks
        "one_transaction_changes_rows_of_every_kind";
    a_storage_that_stops_a_batch_at_a_refusal_is_caught: StopsABatchAtTheFirstRefusal breaks
        "a_refused_transaction_of_a_batch_does_not_touch_the_others", "a_batch_over_every_kind_is_read_at_once";
    a_storage_that_mixes_up_outcomes_is_caught: GivesOutcomesInTheWrongOrder breaks
        "outcomes_are_in_the_order_of_the_writes", "outcomes_of_every_kind_are_in_the_order_of_the_writes";
    a_storage_that_calls_an_existing_row_a_conflict_is_caught: CallsAnExistingRowAConflict breaks
        "a_creation_of_a_live_row_already_exists", "of_concurrent_first_awards_exactly_one_wins";
    a_storage_that_never_knows_the_outcome_is_caught: NeverKnowsTheOutcome breaks
        "a_refusal_says_certainly_not_applied", "a_refused_change_of_a_row_says_why_and_changes_nothing::InventoryItem";
    a_storage_that_names_no_row_is_caught: NamesNoRow breaks
        "a_refusal_names_the_row", "a_refused_change_of_a_row_says_why_and_changes_nothing::CharacterVersion";
    a_storage_that_checks_references_is_caught: ChecksReferences breaks
        "a_row_may_name_rows_that_are_not_there";
    a_storage_that_cleans_what_it_should_refuse_is_caught: TakesWhatOthersCannotKeep breaks
        "nul_in_a_text_is_invalid", "a_document_of_any_kind_that_is_too_deep_is_invalid";
    a_storage_that_overwrites_the_time_of_creation_is_caught: OverwritesCreatedAt breaks
        "a_replacement_keeps_created_at_and_takes_updated_at", "a_row_has_revisions_times_and_an_end::Campaign";
    a_storage_that_loses_a_permit_with_each_dropped_call_is_caught: LosesPermitsWhenDropped breaks
        "dropped_calls_use_nothing_up";
    a_storage_that_imports_at_revision_one_is_caught: ImportsAtRevisionOne breaks
        "an_import_keeps_revision_times_and_deletion", "an_imported_row_counts_on_from_its_revision",
        "reads_follow_an_import", "a_snapshot_that_is_imported_is_the_same_again",
        "an_import_at_a_revision_that_no_row_has_is_invalid";
    a_storage_that_imports_over_rows_is_caught: ImportsOverRows breaks
        "an_import_of_a_row_that_is_there_already_exists";
    a_storage_that_leaves_deleted_rows_out_of_snapshots_is_caught: LeavesDeletedRowsOutOfSnapshots breaks
        "a_snapshot_holds_every_row_of_every_kind", "a_snapshot_that_is_imported_is_the_same_again";
    a_storage_that_leaves_versions_out_of_snapshots_is_caught: LeavesVersionsOutOfSnapshots breaks
        "a_snapshot_holds_every_row_of_every_kind";
    a_storage_that_reads_snapshots_as_they_are_asked_for_is_caught: ReadsSnapshotsAsTheyAreAskedFor breaks
        "a_snapshot_shows_the_moment_at_which_it_was_begun", "a_snapshot_is_of_one_moment_while_others_write";
    a_storage_that_ends_snapshots_too_early_is_caught: EndsSnapshotsTooEarly breaks
        "a_snapshot_holds_every_row_of_every_kind", "a_dropped_snapshot_holds_up_nobody";
    a_storage_that_loses_an_event_is_caught: LosesAnEvent breaks
        "events_come_with_their_transaction", "an_entry_holds_its_events_in_their_order";
    a_storage_that_forgets_events_of_rows_is_caught: ForgetsEventsOfRows breaks
        "the_verbs_of_rows_keep_their_word", "events_of_several_kinds_keep_one_order";
    a_storage_that_sends_events_too_early_is_caught: SendsEventsTooEarly breaks
        "a_refused_transaction_is_never_logged", "a_refused_write_undoes_the_whole_transaction", "a_refused_write_of_any_kind_undoes_all_others";
    a_storage_that_gives_events_out_of_order_is_caught: GivesEventsInTheWrongOrder breaks
        "events_of_several_kinds_keep_one_order";
    a_storage_that_mixes_up_kinds_with_one_id_is_caught: MixesUpKindsWithOneId breaks
        "rows_of_different_kinds_may_have_one_id", "lists_of_kinds_with_one_id_stay_apart";
    a_storage_that_rounds_large_integers_is_caught: RoundsLargeIntegers breaks
        "integers_come_back_exact", "every_document_of_every_kind_comes_back";
    a_storage_that_rounds_numbers_is_caught: RoundsNumbers breaks
        "numbers_come_back_to_the_letter", "whatever_the_document_what_is_taken_comes_back";
    a_storage_that_rewrites_numbers_is_caught: RewritesNumbers breaks
        "numbers_come_back_to_the_letter", "whatever_the_document_what_is_taken_comes_back";
    a_storage_that_ends_before_the_end_of_time_is_caught: EndsBeforeTheEndOfTime breaks
        "times_in_every_field_keep_their_microseconds", "whatever_the_time_it_comes_back";
    a_storage_that_cuts_large_documents_is_caught: CutsLargeDocuments breaks
        "the_largest_documents_come_back_and_larger_ones_are_invalid";
    a_storage_that_cuts_times_to_milliseconds_is_caught: CutsTimesToMilliseconds breaks
        "times_in_every_field_keep_their_microseconds", "whatever_the_time_it_comes_back";
    a_storage_that_truncates_integers_is_caught: TruncatesIntegers breaks
        "integers_in_fields_come_back_at_their_bounds", "the_filter_by_session_holds_the_entries_of_it";
    a_storage_that_loses_fractions_of_seconds_is_caught: LosesFractionsOfSeconds breaks
        "times_in_every_field_keep_their_microseconds", "every_field_of_a_row_comes_back::JournalEntry";
    a_storage_that_trims_texts_is_caught: TrimsTexts breaks
        "whatever_the_text_what_is_taken_comes_back", "unicode_comes_back_exact", "texts_in_every_field_come_back_exact";
    a_storage_that_takes_empty_for_absent_is_caught: TakesEmptyForAbsent breaks
        "an_empty_text_is_not_an_absent_one", "every_field_of_a_row_comes_back::EventImpact";
    a_storage_that_drops_null_members_is_caught: DropsNullMembers breaks
        "null_members_come_back", "every_document_of_every_kind_comes_back";
    a_storage_that_cuts_deep_documents_is_caught: CutsDeepDocuments breaks
        "every_document_may_be_128_levels_deep", "a_version_of_a_sheet_of_128_levels_comes_back",
        "lists_of_any_json_come_back";
    a_storage_that_sorts_tags_is_caught: SortsTags breaks
        "tags_come_back_in_their_order";
    a_storage_that_forgets_what_changed_with_a_version_is_caught: ForgetsWhatChangedWithAVersion breaks
        "every_field_of_a_row_comes_back::CharacterVersion";
    a_storage_that_serves_deleted_rows_is_caught: ServesDeletedRows breaks
        "a_find_leaves_deleted_rows_out_unless_asked", "reads_follow_a_row::CharacterProgress", "lists_of_rows_hold_what_matches::Campaign";
    a_storage_that_hides_deleted_rows_from_who_asks_is_caught: IgnoresRequestsForDeletedRows breaks
        "a_list_leaves_deleted_rows_out_unless_asked", "a_row_has_revisions_times_and_an_end::EventImpact";
    a_storage_that_forgets_the_filter_by_theme_is_caught: ForgetsTheThemeFilter breaks
        "the_filter_by_theme_holds_the_rows_of_it";
    a_storage_that_forgets_the_filter_by_activity_is_caught: ForgetsTheActiveFilter breaks
        "the_filter_by_activity_holds_the_rows_in_play";
    a_storage_that_forgets_the_filter_by_equipment_is_caught: ForgetsTheEquippedFilter breaks
        "the_filter_by_equipment_holds_what_is_worn", "lists_of_rows_hold_what_matches::InventoryItem";
    a_storage_that_forgets_the_filter_by_container_is_caught: ForgetsTheContainerFilter breaks
        "the_filter_by_container_holds_what_lies_in_it", "reads_follow_a_row::InventoryItem";
    a_storage_that_forgets_the_filter_by_parent_is_caught: ForgetsTheParentFilter breaks
        "the_filter_by_parent_holds_what_grew_out_of_it", "lists_of_rows_hold_what_matches::CharacterVersion",
        "a_character_that_changes_theme_is_found_by_its_parent";
    a_storage_that_forgets_the_filter_by_tags_is_caught: ForgetsTheTagsFilter breaks
        "the_filter_by_tags_asks_for_all_of_them", "lists_of_rows_hold_what_matches::JournalEntry";
    a_storage_that_forgets_the_filter_by_session_is_caught: ForgetsTheSessionFilter breaks
        "the_filter_by_session_holds_the_entries_of_it";
    a_storage_that_forgets_the_filter_by_event_is_caught: ForgetsTheEventFilter breaks
        "lists_of_rows_hold_what_matches::EventImpact";
    a_storage_that_forgets_a_second_filter_is_caught: ForgetsASecondFilter breaks
        "lists_of_rows_hold_what_matches::Quest", "lists_of_rows_hold_what_matches::NpcRelationship",
        "the_filter_by_application_holds_events_with_effect";
    a_storage_that_matches_any_tag_is_caught: MatchesAnyTag breaks
        "the_filter_by_tags_asks_for_all_of_them";
    a_storage_that_folds_the_case_of_tags_is_caught: FoldsTheCaseOfTags breaks
        "tags_are_compared_by_their_normalized_form";
    a_storage_that_finds_tags_in_text_is_caught: FindsTagsInText breaks
        "tags_are_compared_by_their_normalized_form", "the_filter_by_tags_asks_for_all_of_them";
    a_storage_that_folds_the_case_of_types_is_caught: FoldsTheCaseOfTypes breaks
        "entry_types_are_compared_exactly";
    a_storage_that_takes_undone_impacts_for_applied_is_caught: TakesUndoneImpactsForApplied breaks
        "the_filters_by_effect_hold_such_impacts";
    a_storage_that_fails_on_odd_filters_is_caught: FailsOnOddFilters breaks
        "a_filter_that_no_row_can_match_gives_an_empty_list";
    a_storage_that_sorts_by_id_only_is_caught: SortsByIdOnly breaks
        "a_list_is_newest_first", "lists_of_rows_hold_what_matches::CampaignEvent";
    a_storage_that_lists_the_oldest_first_is_caught: ListsTheOldestFirst breaks
        "a_list_is_newest_first", "lists_of_rows_hold_what_matches::ExperienceEntry";
    a_storage_that_pages_with_a_gap_is_caught: PagesWithAGap breaks
        "seven_rows_in_pages_of_three", "lists_of_rows_hold_what_matches::Quest";
    a_storage_that_ends_a_list_too_early_is_caught: EndsAListTooEarly breaks
        "seven_rows_in_pages_of_three", "lists_of_rows_hold_what_matches::CharacterProgress";
    a_storage_that_takes_a_short_page_for_the_last_is_caught: EndsAListAtAShortPage breaks
        "a_page_ends_before_it_exceeds_its_bytes";
    a_storage_that_answers_pages_of_any_size_is_caught: PagesOfAnySize breaks
        "a_page_ends_before_it_exceeds_its_bytes", "a_page_by_offset_ends_before_it_exceeds_its_bytes";
    a_storage_that_ignores_the_order_is_caught: IgnoresTheOrder breaks
        "lists_of_characters_have_every_order", "lists_of_items_have_every_order", "an_ordered_list_follows_a_change";
    a_storage_that_ignores_the_direction_is_caught: ListsAscendingOrdersDescending breaks
        "lists_of_characters_have_every_order", "names_are_ordered_by_their_folded_form";
    a_storage_that_orders_names_by_their_letters_is_caught: OrdersNamesByTheirLetters breaks
        "names_are_ordered_by_their_folded_form", "lists_of_items_have_every_order";
    a_storage_that_passes_over_equal_names_is_caught: PassesOverEqualNames breaks
        "lists_of_characters_have_every_order";
    a_storage_that_takes_a_cursor_of_another_order_is_caught: TakesACursorOfAnotherOrder breaks
        "a_cursor_of_another_order_is_invalid";
    a_storage_that_forgets_the_filter_by_name_is_caught: ForgetsTheNameFilter breaks
        "the_filter_by_name_holds_the_characters_whose_name_contains_it", "lists_of_rows_hold_what_matches::InventoryItem";
    a_storage_that_does_not_fold_names_is_caught: FoldsNoNames breaks
        "the_filter_by_name_holds_the_characters_whose_name_contains_it",
        "the_filter_by_name_holds_the_items_whose_name_contains_it";
    a_storage_that_takes_wildcards_in_names_is_caught: TakesWildcardsInNames breaks
        "the_filter_by_name_holds_the_items_whose_name_contains_it";
    a_storage_that_lists_characters_out_of_play_is_caught: ListsCharactersOutOfPlay breaks
        "characters_that_are_not_in_play_are_listed_on_request_only";
    a_storage_that_promises_more_at_the_end_is_caught: SaysThatThereIsMoreAtTheEnd breaks
        "a_full_last_page_has_no_next", "lists_of_rows_hold_what_matches::InventoryItem";
    a_storage_that_answers_from_a_cache_for_ever_is_caught: AnswersFromACacheForEver breaks
        "reads_follow_a_replacement", "reads_follow_a_row::CharacterVersion", "a_read_after_a_batch_returns_what_it_reports";
    a_storage_that_remembers_absence_is_caught: RemembersAbsence breaks
        "reads_follow_a_creation", "reads_follow_a_row::Quest";
    a_storage_that_forgets_the_list_that_was_left_is_caught: ForgetsTheListThatWasLeft breaks
        "reads_follow_a_move_between_campaigns", "reads_follow_a_row::InventoryItem", "reads_follow_a_row::EventImpact";
}
