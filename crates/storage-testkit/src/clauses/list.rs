//! The lists of clauses.

/// The one list of clauses. Those behind the semicolon are run once for each kind of row.
#[doc(hidden)]
#[macro_export]
macro_rules! __each_clause {
    ($target:ident $($arguments:tt)*) => {
        $crate::$target! {
            { $($arguments)* }
            atomicity {
                a_commit_applies_every_write
                a_transaction_mixes_every_kind_of_change
                outcomes_are_in_the_order_of_the_writes
                a_refused_write_undoes_the_whole_transaction
                an_invalid_write_undoes_the_whole_transaction
                a_bulk_creation_is_all_or_nothing
                a_list_never_shows_half_a_transaction
                events_come_with_their_transaction
                a_transaction_of_events_alone_commits
                an_empty_transaction_commits
                a_row_written_twice_in_one_transaction_is_invalid
                too_many_writes_are_invalid
                too_many_events_are_invalid
                a_transaction_of_a_thousand_rows_commits
            }
            repetition {
                a_repeated_transaction_has_one_effect
                a_repeated_transaction_gives_the_same_answer
                a_repeated_transaction_brings_its_events_once
                a_repeat_after_later_changes_gives_the_first_answer
                a_repeated_create_is_not_already_exists
                concurrent_repeats_have_one_effect
                an_empty_transaction_can_be_repeated
                a_reused_id_with_other_writes_is_refused
                a_reused_id_with_other_events_is_refused
                a_reused_id_with_one_other_field_is_refused
                a_given_fingerprint_decides_what_is_a_repeat
                another_fingerprint_is_another_request
                the_answer_is_kept_and_given_back
                the_first_answer_stays
                a_refused_transaction_may_be_sent_again
                a_refused_transaction_does_not_use_up_its_id
                a_reused_id_is_seen_before_the_rows_are
                an_invalid_transaction_is_refused_before_its_id_is_looked_at
                an_id_made_from_a_key_is_an_id_like_any_other
                an_answer_of_any_json_is_kept
            }
            concurrency {
                a_replacement_of_another_revision_is_a_conflict
                a_deletion_of_another_revision_is_a_conflict
                a_restoration_of_another_revision_is_a_conflict
                a_writer_that_lost_against_a_deletion_gets_a_conflict
                a_restoration_that_came_too_late_gets_a_conflict
                a_refusal_names_the_row
                any_expectation_takes_whatever_revision_is_there
                of_concurrent_writers_exactly_one_wins
                of_concurrent_creations_exactly_one_wins
                of_concurrent_deletions_exactly_one_wins
                concurrent_writers_without_an_expectation_all_succeed
                transactions_in_opposite_order_do_not_lock_each_other_out
                concurrent_increments_add_up
                writers_of_different_rows_all_succeed
            }
            visibility {
                reads_follow_a_creation
                an_empty_list_shows_the_first_row
                reads_follow_a_replacement
                reads_follow_a_move_between_campaigns
                reads_follow_a_change_of_user
                reads_follow_a_change_of_theme
                reads_follow_a_deactivation
                reads_follow_a_deletion
                reads_follow_a_restoration
                reads_follow_a_batch
                later_pages_follow_a_change
                a_find_never_goes_back_behind_an_acknowledged_commit
                a_working_storage_gives_no_stale_answer
            }
            deletion {
                a_creation_starts_at_revision_one
                a_creation_keeps_the_times_given
                a_row_may_be_created_soft_deleted
                times_keep_their_microseconds
                a_creation_of_a_live_row_already_exists
                a_creation_of_a_deleted_row_already_exists
                a_replacement_keeps_created_at_and_takes_updated_at
                a_replacement_ignores_the_rest_of_meta
                a_replacement_changes_every_field
                a_change_of_an_absent_row_is_not_found
                a_change_of_a_deleted_row_is_not_found
                a_restoration_of_a_live_row_already_exists
                a_deletion_sets_the_times_and_keeps_the_rest
                a_restoration_clears_the_deletion_and_keeps_the_rest
                a_restoration_may_bring_another_state
                a_row_can_be_deleted_and_restored_again_and_again
                a_find_leaves_deleted_rows_out_unless_asked
                a_list_leaves_deleted_rows_out_unless_asked
            }
            documents {
                every_field_comes_back
                unicode_comes_back_exact
                integers_come_back_exact
                floats_come_back_exact
                a_whole_float_stays_a_float
                numbers_come_back_to_the_letter
                empty_names_and_values_come_back
                null_members_come_back
                look_alikes_stay_what_they_are
                quotes_backslashes_and_control_characters_come_back
                odd_member_names_come_back
                a_reserved_member_name_is_invalid
                a_document_of_128_levels_comes_back
                a_document_of_129_levels_is_invalid
                a_document_of_one_mebibyte_comes_back
                a_document_of_many_members_comes_back
                nul_in_a_text_is_invalid
                nul_in_a_member_name_is_invalid
                nul_in_a_name_is_invalid
                nul_in_an_event_is_invalid
                a_row_that_breaks_a_rule_is_invalid
                the_longest_name_and_theme_come_back
                identifiers_of_any_kind_come_back
                an_event_comes_back_exact
            }
            lists {
                a_list_is_newest_first
                rows_of_the_same_microsecond_are_ordered_by_id
                a_list_without_a_filter_holds_every_live_row
                the_filter_by_user_holds_the_rows_of_that_user
                the_filter_by_campaign_holds_the_rows_in_it
                the_filter_by_theme_holds_the_rows_of_it
                the_filter_by_activity_holds_the_rows_in_play
                filters_given_together_all_apply
                a_list_of_nothing_is_empty
                themes_are_compared_exactly
                seven_rows_in_pages_of_three
                pages_of_one_row
                pages_of_a_thousand_rows
                a_full_last_page_has_no_next
                a_page_holds_a_hundred_rows_unless_said_otherwise
                pages_go_through_rows_of_the_same_microsecond
                pages_of_a_filtered_list
                a_cursor_is_not_shifted_by_rows_that_come_and_go
                pages_are_stable_while_others_write
                a_cursor_is_a_place_and_needs_no_row
                a_cursor_names_the_last_row_and_survives_text
                an_offset_leaves_out_so_many_rows
                a_page_by_offset_goes_on_by_cursor
                an_offset_past_the_end_is_empty
                find_and_every_list_agree
            }
            orders {
                characters_that_are_not_in_play_are_listed_on_request_only
                lists_of_characters_have_every_order
                lists_of_items_have_every_order
                names_are_ordered_by_their_folded_form
                a_cursor_of_every_order_is_a_place_and_needs_no_row
                a_cursor_of_another_order_is_invalid
                an_ordered_list_follows_a_change
                the_filter_by_name_holds_the_characters_whose_name_contains_it
                the_filter_by_name_holds_the_items_whose_name_contains_it
                the_longest_names_are_searched_and_ordered
            }
            pages {
                a_page_ends_before_it_exceeds_its_bytes
                a_page_by_offset_ends_before_it_exceeds_its_bytes
            }
            outcomes {
                a_refusal_says_certainly_not_applied
                a_refusal_in_a_batch_says_certainly_not_applied
                a_message_is_one_line
                absence_is_not_an_error
                a_working_storage_answers_its_probe
                a_refusal_does_not_hurt_what_comes_after
            }
            cancellation {
                a_dropped_commit_is_applied_whole_or_not_at_all
                dropped_calls_use_nothing_up
                a_dropped_call_does_not_take_others_with_it
                a_dropped_batch_applies_each_transaction_whole_or_not_at_all
            }
            batches {
                a_batch_gives_one_outcome_each_in_order
                a_refused_transaction_of_a_batch_does_not_touch_the_others
                each_transaction_of_a_batch_is_atomic
                a_batch_that_is_too_large_is_invalid_throughout
                a_transaction_twice_in_one_batch_has_one_effect
                an_id_twice_in_one_batch_with_other_contents_is_refused
                a_batch_and_a_commit_share_their_ids
                a_batch_of_a_hundred_commits
                an_empty_batch_has_no_outcome
            }
            log {
                a_refused_transaction_is_never_logged
                an_empty_transaction_is_logged
                a_repeated_transaction_is_logged_once
                each_transaction_of_a_batch_has_an_entry
                an_acknowledged_commit_is_returned_at_once
                batches_of_every_limit_join_to_the_whole_log
                the_id_of_every_entry_is_remembered
                large_commits_are_received_complete_and_once
                every_cursor_leads_to_the_rest_of_the_log
                the_head_lies_before_every_later_commit
                the_head_passes_acknowledged_commits
                every_cursor_has_the_epoch_of_the_storage
                an_entry_stays_the_same_and_has_the_time_of_its_commit
            }
            log_entries {
                an_entry_names_each_row_in_the_order_of_the_writes
                an_entry_names_the_owners_before_and_after_every_change
                an_entry_names_the_fields_that_changed
                an_entry_holds_no_contents
                an_entry_holds_its_events_in_their_order
                an_entry_of_a_thousand_rows_is_complete
                an_entry_holds_the_traceparent
                a_traceparent_is_no_part_of_the_contents
                the_outcome_of_a_commit_equals_its_entry
                a_repeat_returns_the_first_tick_and_changes
            }
            log_order {
                every_follower_receives_every_commit_exactly_once
                changes_of_a_row_are_received_in_the_order_of_its_revisions
                events_of_a_subject_are_received_in_one_order
                settled_never_falls_and_never_passes_a_later_commit
                the_ceiling_is_above_every_received_tick
                settled_passes_an_acknowledged_commit
                a_creation_is_received_before_the_changes_that_follow_it
                a_read_after_a_batch_returns_what_it_reports
                a_later_commit_of_a_row_has_a_higher_tick
            }
            log_waits {
                a_follow_with_nothing_new_returns_an_empty_batch_after_its_wait
                a_follow_that_may_not_wait_returns_at_once
                a_commit_wakes_a_waiting_follow
                a_follow_outside_its_limits_is_invalid
                a_cursor_of_another_epoch_is_gone_at_once
                a_cursor_without_a_meaning_is_refused_at_once
                a_cursor_that_lies_ahead_of_the_log_is_gone
                a_dropped_follow_leaves_nothing_behind
                a_thousand_follows_may_wait_at_once
                a_batch_wakes_a_waiting_follow
            }
            leases {
                a_consumer_has_one_holder_at_a_time
                a_holder_prolongs_its_lease_and_keeps_its_token
                a_lease_that_has_ended_passes_to_another_holder
                a_lease_counts_until_another_is_given
                of_concurrent_leases_exactly_one_is_given
                a_release_frees_the_consumer_at_once
                holders_that_take_turns_handle_every_commit_in_order
            }
            consumers {
                a_new_consumer_begins_with_the_oldest_commit
                an_advance_is_kept_across_leases
                an_advance_may_be_repeated
                an_advance_to_another_epoch_is_gone
                consumers_do_not_touch_each_other
                consumers_are_known_by_their_names
                the_list_of_consumers_describes_each
            }
            parking {
                a_parked_event_comes_back_exact
                parked_events_are_listed_by_their_ids
                an_event_that_is_parked_again_has_the_new_reason
                marked_events_come_with_the_lease_until_they_are_discarded
                ids_that_are_not_parked_are_passed_over
                parked_events_belong_to_one_consumer
                a_long_reason_is_cut
                lists_of_parked_events_have_bounds
            }
            verbs {
                the_verb_create_gives_back_what_is_stored
                the_verb_get_gives_live_rows_only
                the_verb_list_gives_a_page
                the_verb_update_gives_back_what_is_stored
                the_verbs_delete_and_restore_give_back_what_is_stored
                the_verb_bulk_create_is_all_or_nothing
                the_verbs_bring_their_events
                a_long_history_agrees_with_the_reference
            }
            fields {
                every_document_of_every_kind_comes_back
                every_document_may_be_128_levels_deep
                a_document_of_any_kind_that_is_too_deep_is_invalid
                a_document_of_too_many_values_is_invalid
                lists_of_any_json_come_back
                a_version_of_a_sheet_of_128_levels_comes_back
                an_answer_that_holds_a_deep_document_is_kept
                times_in_every_field_keep_their_microseconds
                texts_in_every_field_come_back_exact
                the_longest_texts_come_back
                an_empty_text_is_not_an_absent_one
                tags_come_back_in_their_order
                integers_in_fields_come_back_at_their_bounds
                every_state_of_a_field_comes_back
                a_row_may_name_rows_that_are_not_there
                a_thousand_items_commit_together
            }
            values {
                whatever_the_document_what_is_taken_comes_back
                whatever_the_text_what_is_taken_comes_back
                whatever_the_time_it_comes_back
                the_largest_documents_come_back_and_larger_ones_are_invalid
                the_largest_version_comes_back
            }
            counts {
                a_count_is_the_length_of_the_list_by_every_filter
                a_count_follows_every_change
                a_count_is_not_limited_by_a_page
                a_count_checks_its_filters
                a_count_is_the_same_in_every_order
            }
            filters {
                the_filter_by_tags_asks_for_all_of_them
                tags_are_compared_by_their_normalized_form
                reads_by_tag_follow_a_change
                entry_types_are_compared_exactly
                relationship_types_are_compared_exactly
                the_filter_by_session_holds_the_entries_of_it
                the_filters_by_status_and_importance_hold_such_quests
                the_filter_by_container_holds_what_lies_in_it
                the_filter_by_equipment_holds_what_is_worn
                the_filter_by_root_holds_what_an_item_became
                the_filter_by_parent_holds_what_grew_out_of_it
                the_filter_by_application_holds_events_with_effect
                the_filters_by_effect_hold_such_impacts
                a_filter_that_is_larger_than_its_field_is_invalid
                a_filter_that_no_row_can_match_gives_an_empty_list
            }
            together {
                one_transaction_changes_rows_of_every_kind
                outcomes_of_every_kind_are_in_the_order_of_the_writes
                a_refused_write_of_any_kind_undoes_all_others
                the_first_refused_write_decides_the_error
                an_invalid_row_of_any_kind_undoes_all_others
                a_conflict_leaves_rows_of_every_kind_as_they_were
                rows_of_different_kinds_may_have_one_id
                lists_of_kinds_with_one_id_stay_apart
                a_repeat_over_every_kind_has_one_effect
                a_used_id_with_a_write_of_another_kind_is_refused
                a_batch_over_every_kind_is_read_at_once
                of_concurrent_first_awards_exactly_one_wins
                concurrent_awards_over_several_kinds_add_up
                a_character_that_changes_theme_is_found_by_its_parent
                a_long_history_of_every_kind_agrees_with_the_reference
                a_refused_write_in_a_batch_is_named_and_undoes_its_transaction
                finds_follow_every_row_of_a_batch
                concurrent_reads_get_their_own_answers
            }
            row_verbs {
                the_verbs_of_rows_keep_their_word
                events_of_several_kinds_keep_one_order
            }
            imports {
                an_import_keeps_revision_times_and_deletion
                an_import_of_a_row_that_is_there_already_exists
                an_imported_row_counts_on_from_its_revision
                an_import_at_a_revision_that_no_row_has_is_invalid
                an_import_that_breaks_a_rule_is_invalid
                reads_follow_an_import
            }
            snapshots {
                a_snapshot_holds_every_row_of_every_kind
                a_snapshot_of_nothing_is_empty
                a_snapshot_shows_the_moment_at_which_it_was_begun
                a_snapshot_is_of_one_moment_while_others_write
                a_snapshot_that_is_imported_is_the_same_again
                a_dropped_snapshot_holds_up_nobody
            }
            judgements {
                every_change_in_every_state_is_judged_right
                a_batch_judges_every_change_as_a_commit_does
                a_change_keeps_any_time
            }
            contents {
                every_part_of_the_contents_tells_requests_apart
                the_order_of_the_writes_tells_requests_apart
                a_batch_keeps_to_the_fingerprints_given
                nul_in_a_fingerprint_is_invalid
            }
            races {
                of_concurrent_changes_of_any_kind_exactly_one_wins
                concurrent_changes_without_an_expectation_follow_each_other
                of_concurrent_requests_with_one_id_exactly_one_wins
                concurrent_repeats_in_batches_have_one_effect
            }
            halves {
                a_list_never_shows_half_a_change
                reads_follow_batches_of_every_kind
            }
            long_lists {
                a_filter_reaches_the_oldest_of_thousands_of_rows
                a_list_of_thousands_of_rows_is_reached_by_offset_and_cursor
                lists_and_snapshots_of_many_rows_are_complete
            }
            limits {
                a_transaction_of_the_most_events_commits
                thousands_of_commits_are_remembered
                the_most_parked_events_are_listed_marked_and_discarded
                the_longest_traceparent_comes_back
            }
            ;
            rows {
                every_field_of_a_row_comes_back
                a_row_has_revisions_times_and_an_end
                a_refused_change_of_a_row_says_why_and_changes_nothing
                reads_follow_a_row
                lists_of_rows_hold_what_matches
            }
        }
    };
}

/// The one list of clauses about what a storage keeps.
#[doc(hidden)]
#[macro_export]
macro_rules! __each_durable_clause {
    ($target:ident $($arguments:tt)*) => {
        $crate::$target! {
            { $($arguments)* }
            rows_survive_a_restart
            the_last_commit_survives_a_restart
            hundreds_of_concurrent_commits_survive_a_restart_in_their_order
            what_a_dropped_commit_has_shown_survives_a_restart
            repeats_are_known_after_a_restart
            the_log_goes_on_after_a_restart
            consumers_survive_a_restart
        }
    };
}
