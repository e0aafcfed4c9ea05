//! The clauses, by what they are about. Each takes a stage with an empty hub and panics when the hub breaks it.

use crate::Stage;
use futures_util::future::LocalBoxFuture;
use std::fmt;

pub mod durability;
pub mod order;
pub mod publishing;
pub mod requests;
pub mod settling;
pub mod subscriptions;

/// A clause of the contract as a value, for programs that run the suite themselves.
#[derive(Clone, Copy)]
pub struct Clause {
    /// Its name in `CONTRACT.md`.
    pub name: &'static str,
    /// Panics when the hub breaks it.
    pub run: for<'a> fn(Stage<'a>) -> LocalBoxFuture<'a, ()>,
}

impl fmt::Debug for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clause").field(&self.name).finish()
    }
}

/// Every clause of the suite but those of durability.
#[must_use]
pub fn clauses() -> Vec<Clause> {
    crate::__each_hub_clause!(__hub_clauses_as_values)
}

/// Every clause about what a hub keeps over a crash.
#[must_use]
pub fn durable_clauses() -> Vec<Clause> {
    crate::__each_durable_hub_clause!(__hub_clauses_as_values)
}

/// The sentence of the contract under the name of a clause.
#[must_use]
pub fn sentence(name: &str) -> Option<&'static str> {
    let contract = include_str!("../../message-hub/CONTRACT.md");
    contract.lines().find_map(|line| line.strip_prefix("- `")?.strip_prefix(name)?.strip_prefix("`: "))
}

/// One test for each clause, in a module of this name.
#[macro_export]
macro_rules! message_hub_conformance {
    ($module:ident, $harness:ty) => {
        $crate::__each_hub_clause!(__hub_clauses_as_tests run, $module, $harness);
    };
}

/// One test for each clause of durability, in a module of this name. The harness is a
/// [`DurableHubHarness`](crate::DurableHubHarness).
#[macro_export]
macro_rules! message_hub_durability {
    ($module:ident, $harness:ty) => {
        $crate::__each_durable_hub_clause!(__hub_clauses_as_tests run_durable, $module, $harness);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __hub_clauses_as_tests {
    ({ $run:ident, $module:ident, $harness:ty } $($group:ident { $($clause:ident)+ })+) => {
        #[cfg(test)]
        mod $module {
            #[allow(unused_imports, clippy::allow_attributes, reason = "the harness may be named by a full path")]
            use super::*;
            $($(
                #[test]
                fn $clause() {
                    $crate::$run::<$harness>($crate::Clause {
                        name: stringify!($clause),
                        run: |stage| Box::pin($crate::clauses::$group::$clause(stage)),
                    });
                }
            )+)+
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __hub_clauses_as_values {
    ({} $($group:ident { $($clause:ident)+ })+) => {
        vec![$($(
            $crate::Clause {
                name: stringify!($clause),
                run: |stage| Box::pin($crate::clauses::$group::$clause(stage)),
            },
        )+)+]
    };
}

/// The one list of clauses about what a hub keeps over a crash.
#[doc(hidden)]
#[macro_export]
macro_rules! __each_durable_hub_clause {
    ($target:ident $($arguments:tt)*) => {
        $crate::$target! {
            { $($arguments)* }
            durability {
                acknowledged_events_survive_a_crash
                publishing_continues_after_a_crash
                duplicates_are_known_after_a_crash
                settlements_survive_a_crash
                unsettled_events_are_delivered_again_after_a_crash
                an_open_subscription_continues_after_a_crash
            }
        }
    };
}

/// The one list of clauses of every hub.
#[doc(hidden)]
#[macro_export]
macro_rules! __each_hub_clause {
    ($target:ident $($arguments:tt)*) => {
        $crate::$target! {
            { $($arguments)* }
            publishing {
                each_message_has_one_result
                no_message_has_no_result
                results_are_independent
                the_largest_batch_is_kept
                a_larger_batch_is_invalid
                events_of_a_subject_are_kept_in_order
                events_of_successive_calls_are_kept_in_order
                calls_at_the_same_time_lose_nothing
                a_repeat_is_a_duplicate_and_a_success
                a_repeat_is_delivered_once
                a_repeat_of_a_settled_event_is_a_duplicate
                the_message_id_decides_what_is_a_repeat
                an_event_of_another_source_is_no_repeat
                a_replay_is_delivered_again
                a_too_large_event_is_refused_by_size
                an_event_of_half_a_mebibyte_is_kept
                a_wrong_message_id_is_invalid
                an_attribute_of_another_format_is_invalid
                a_failed_event_holds_back_later_ones_of_its_subject
                a_failed_event_without_a_subject_holds_back_nothing
                events_arrive_unchanged
                publishing_ends_within_its_timeout
                a_dropped_publish_can_be_repeated
                a_probe_of_a_working_hub_succeeds
            }
            subscriptions {
                a_new_name_begins_with_the_oldest_event
                next_waits_for_an_event
                a_subscription_is_durable
                an_unsettled_event_passes_to_the_next_subscriber
                subscribers_of_a_name_share_the_events
                subscriptions_are_independent
                a_filter_takes_whole_types
                a_filter_takes_beginnings_of_types
                a_filter_of_several_patterns_delivers_once
                a_filter_may_accept_nothing
                a_changed_filter_counts_for_later_events
                limits_outside_their_range_are_invalid
                a_dropped_next_loses_nothing
            }
            order {
                one_event_of_a_subject_is_delivered_at_a_time
                many_subjects_are_in_flight_at_once
                events_without_a_subject_do_not_wait_for_each_other
                a_busy_subject_holds_up_no_other
                the_maximum_in_flight_is_kept
                a_maximum_of_one_delivers_one_by_one
                a_retried_event_delays_its_subject_and_nothing_else
                delayed_events_take_no_place_in_flight
                the_order_holds_through_retries
            }
            settling {
                an_acknowledged_event_is_not_delivered_again
                an_unsettled_event_is_delivered_again
                a_late_settlement_is_lost
                a_late_settlement_settles_no_later_delivery
                progress_prolongs_the_time_for_settling
                late_progress_is_lost
                a_retry_is_not_before_its_pause
                a_pause_may_be_longer_than_the_time_for_settling
                the_attempt_counts_the_deliveries
                a_rejected_event_is_never_delivered_again
                a_delivery_outlives_its_subscription
                settling_ends_soon
            }
            requests {
                a_reply_arrives_unchanged
                a_request_arrives_unchanged
                marks_of_a_request_are_passed_on
                the_deadline_travels_with_the_request
                a_failure_of_the_service_is_a_reply
                without_an_instance_there_is_no_responder
                a_request_ends_within_its_timeout
                a_late_reply_answers_no_other_request
                requests_at_the_same_time_get_their_own_replies
                a_request_that_is_not_idempotent_is_not_repeated
                a_request_goes_to_one_instance_of_its_service
                bodies_of_half_a_mebibyte_pass
                a_dropped_request_disturbs_no_other
                slow_requests_hold_up_no_publishing
            }
        }
    };
}
