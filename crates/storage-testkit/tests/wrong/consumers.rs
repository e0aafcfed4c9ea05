//! Storages with a right log whose consumers are kept wrongly.

use crate::{PATIENCE, consumers::ConsumerMistake as M};
use async_trait::async_trait;
use character_storage_port::{
    ConsumerName, ConsumerState, Consumers, DomainEvent, ErrorKind, EventId, HolderId, LeaseToken, Leased, Log,
    LogCursor, MAX_PARK_REASON, MAX_PARKED, MemoryStorage, PARK, ParkedEvent, Result, StorageError, StoragePort,
    delegate_port,
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// What is wrong with the consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConsumerMistake {
    None,
    // Leases.
    LetsTwoHoldersAdvance,
    LeasesToEveryHolder,
    KeepsOneTokenForAllHolders,
    RenewsTheTokenOfAHolder,
    KeepsTheFirstEndOfALease,
    NeverEndsLeases,
    LosesALeaseAtItsEnd,
    ReleasesWithAnyToken,
    ForgetsReleases,
    LetsReleasedTokensAdvance,
    ChecksLeasesBeforeItTakesThem,
    // Cursors.
    BeginsAtTheHead,
    ForgetsAdvances,
    ForgetsAdvancesAtTheEndOfALease,
    SharesOneCursor,
    AdvancesToAnyEpoch,
    CutsNames,
    // Parked events.
    LetsTwoHoldersPark,
    ParksForAllConsumers,
    ListsTheNewestFirst,
    IgnoresWhereTheListBegins,
    IgnoresTheLimit,
    TakesAnyNumberOfIds,
    KeepsTheFirstReason,
    KeepsTheMarkOfAnEventThatIsParkedAgain,
    RefusesLongReasons,
    CutsReasonsInBytes,
    NeverReplays,
    ReplaysOnce,
    ReplaysTheNewestFirst,
    ForgetsDiscards,
    CountsUnknownIds,
    CountsIdsTwice,
    // The list of consumers.
    NamesHoldersOfOldLeases,
    SaysThatNobodyIsBehind,
    ListsConsumersBackwards,
}

/// The clauses wait for these without end.
fn patience(mistake: ConsumerMistake) -> Duration {
    match mistake {
        M::NeverEndsLeases => crate::IMPATIENCE,
        _ => PATIENCE,
    }
}

#[derive(Debug)]
struct WrongConsumers {
    mistake: ConsumerMistake,
    inner: MemoryStorage,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The last lease of each consumer, with its holder and its first end.
    last: HashMap<ConsumerName, (Leased, HolderId, Instant)>,
    /// The tokens of the storage behind those that were returned.
    tokens: HashMap<LeaseToken, LeaseToken>,
    replayed: HashSet<EventId>,
    released: Option<ConsumerName>,
}

fn storage(mistake: ConsumerMistake) -> Arc<dyn StoragePort> {
    Arc::new(WrongConsumers { mistake, inner: MemoryStorage::new(), state: Mutex::default() })
}

delegate_port!(Store, Commit, Log, Snapshot, Probe for [] WrongConsumers, storage => storage.inner);

impl WrongConsumers {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn has(&self, mistake: ConsumerMistake) -> bool {
        self.mistake == mistake
    }

    /// The name under which the consumer is kept.
    fn kept(&self, name: &ConsumerName) -> ConsumerName {
        match self.mistake {
            M::CutsNames => name.as_str()[..name.as_str().len().min(63)].parse().unwrap(),
            _ => name.clone(),
        }
    }

    /// The name under which its parked events are kept.
    fn parked_under(&self, name: &ConsumerName) -> ConsumerName {
        if self.has(M::ParksForAllConsumers) { "parked".parse().unwrap() } else { name.clone() }
    }

    fn token(&self, token: &LeaseToken) -> LeaseToken {
        self.state().tokens.get(token).cloned().unwrap_or_else(|| token.clone())
    }

    /// A token that is current, of any holder.
    fn current(&self, name: &ConsumerName) -> Option<LeaseToken> {
        self.state().last.get(name).map(|(leased, ..)| leased.token.clone())
    }

    /// What the caller gets for a lease that the storage gave.
    async fn answered(&self, mut leased: Leased, holder: HolderId, end: Instant) -> Result<Leased> {
        let name = leased.token.consumer.clone();
        let is_new = !self.state().last.contains_key(&name);
        if is_new && self.has(M::BeginsAtTheHead) {
            leased.cursor = self.inner.head().await?;
            self.inner.advance(&leased.token, &leased.cursor).await?;
        }
        if self.has(M::ForgetsAdvancesAtTheEndOfALease)
            && !is_new
            && self.current(&name).as_ref() != Some(&leased.token)
        {
            leased.cursor = LogCursor::new(leased.cursor.epoch(), &0);
        }
        let mut state = self.state();
        let actual = leased.token.clone();
        state.last.insert(name, (leased.clone(), holder, end));
        match self.mistake {
            M::KeepsOneTokenForAllHolders => leased.token.lease = Uuid::nil(),
            M::RenewsTheTokenOfAHolder => leased.token.lease = Uuid::new_v4(),
            M::NeverReplays => leased.replays.clear(),
            M::ReplaysTheNewestFirst => leased.replays.reverse(),
            M::ReplaysOnce => leased.replays.retain(|parked| state.replayed.insert(parked.event.id)),
            _ => {}
        }
        state.tokens.insert(leased.token.clone(), actual);
        Ok(leased)
    }
}

#[async_trait]
impl Consumers for WrongConsumers {
    async fn lease(&self, name: &ConsumerName, holder: HolderId, lease: Duration) -> Result<Option<Leased>> {
        let name = &self.kept(name);
        let last = self.state().last.get(name).cloned();
        let time = if self.has(M::NeverEndsLeases) { Duration::MAX } else { lease };
        let end = Instant::now() + lease.min(Duration::from_secs(600));
        if let Some((leased, held_by, first_end)) = last {
            if self.has(M::KeepsTheFirstEndOfALease) && held_by == holder && Instant::now() < first_end {
                return Ok(Some(leased));
            }
            if self.has(M::KeepsTheFirstEndOfALease) && Instant::now() >= first_end {
                self.inner.release(&leased.token).await?;
            }
        }
        if self.has(M::ChecksLeasesBeforeItTakesThem) {
            let is_free =
                self.inner.consumers().await?.iter().all(|state| state.name != *name || state.holder.is_none());
            tokio::time::sleep(Duration::from_millis(1)).await;
            if is_free && let Some(token) = self.current(name) {
                self.inner.release(&token).await?;
            }
        }
        let leased = match self.inner.lease(name, holder, time).await? {
            None if self.has(M::LeasesToEveryHolder) => return Ok(self.state().last.get(name).map(|it| it.0.clone())),
            None => return Ok(None),
            Some(leased) => leased,
        };
        self.answered(leased, holder, end).await.map(Some)
    }

    async fn advance(&self, token: &LeaseToken, to: &LogCursor) -> Result<()> {
        let mut actual = self.token(token);
        let is_over = self.state().last.get(&token.consumer).is_some_and(|(_, _, end)| Instant::now() > *end);
        match self.mistake {
            M::ForgetsAdvances => return Ok(()),
            M::LosesALeaseAtItsEnd if is_over => {
                return Err(StorageError::new(ErrorKind::LeaseLost, "consumer.advance"));
            }
            M::LetsTwoHoldersAdvance => actual = self.current(&actual.consumer).unwrap_or(actual),
            M::LetsReleasedTokensAdvance if self.state().released.as_ref() == Some(&token.consumer) => return Ok(()),
            M::AdvancesToAnyEpoch => {
                let to = LogCursor::new(self.inner.head().await?.epoch(), &to.place());
                return self.inner.advance(&actual, &to).await;
            }
            M::SharesOneCursor => {
                let tokens: Vec<_> = self.state().last.values().map(|(leased, ..)| leased.token.clone()).collect();
                for token in tokens {
                    self.inner.advance(&token, to).await?;
                }
                return Ok(());
            }
            _ => {}
        }
        self.inner.advance(&actual, to).await
    }

    async fn release(&self, token: &LeaseToken) -> Result<()> {
        self.state().released = Some(token.consumer.clone());
        match self.mistake {
            M::ForgetsReleases => Ok(()),
            M::ReleasesWithAnyToken => match self.current(&token.consumer) {
                Some(token) => self.inner.release(&token).await,
                None => Ok(()),
            },
            _ => self.inner.release(&self.token(token)).await,
        }
    }

    async fn park(&self, token: &LeaseToken, event: &DomainEvent, reason: &str) -> Result<()> {
        let mut actual = self.token(token);
        let parked = self.inner.parked(&token.consumer, None, MAX_PARKED).await?;
        let known = parked.into_iter().find(|parked| parked.event.id == event.id);
        let (short, mut end) = (reason.chars().count() <= MAX_PARK_REASON, reason.len().min(MAX_PARK_REASON));
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        let reason = match (self.mistake, &known) {
            (M::RefusesLongReasons, _) if !short => return Err(StorageError::new(ErrorKind::Corrupt, PARK)),
            (M::CutsReasonsInBytes, _) => &reason[..end],
            (M::KeepsTheFirstReason, Some(known)) => &known.reason,
            _ => reason,
        };
        match self.mistake {
            M::LetsTwoHoldersPark => actual = self.current(&actual.consumer).unwrap_or(actual),
            M::ParksForAllConsumers => {
                let (name, holder) = (self.parked_under(&token.consumer), HolderId(Uuid::nil()));
                actual = self.inner.lease(&name, holder, Duration::MAX).await?.unwrap().token;
            }
            _ => {}
        }
        self.inner.park(&actual, event, reason).await?;
        if self.has(M::KeepsTheMarkOfAnEventThatIsParkedAgain) && known.is_some_and(|known| known.replay) {
            self.inner.unpark(&token.consumer, &[event.id]).await?;
        }
        Ok(())
    }

    async fn parked(&self, name: &ConsumerName, after: Option<EventId>, limit: usize) -> Result<Vec<ParkedEvent>> {
        let after = after.filter(|_| !self.has(M::IgnoresWhereTheListBegins));
        let limit = if self.has(M::IgnoresTheLimit) { MAX_PARKED } else { limit };
        let mut listed = self.inner.parked(&self.parked_under(name), after, limit).await?;
        if self.has(M::ListsTheNewestFirst) {
            listed.reverse();
        }
        Ok(listed)
    }

    async fn unpark(&self, name: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        let taken = if self.has(M::TakesAnyNumberOfIds) { &ids[..ids.len().min(MAX_PARKED)] } else { ids };
        let mut marked = self.inner.unpark(&self.parked_under(name), taken).await?;
        if self.has(M::CountsIdsTwice) && marked > 0 {
            let unique: HashSet<_> = ids.iter().collect();
            marked += (ids.len() - unique.len()) as u64;
        }
        Ok(if self.has(M::CountsUnknownIds) { ids.len() as u64 } else { marked })
    }

    async fn discard(&self, name: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        if self.has(M::ForgetsDiscards) {
            return Ok(ids.len() as u64);
        }
        let taken = if self.has(M::TakesAnyNumberOfIds) { &ids[..ids.len().min(MAX_PARKED)] } else { ids };
        let dropped = self.inner.discard(&self.parked_under(name), taken).await?;
        Ok(if self.has(M::CountsUnknownIds) { ids.len() as u64 } else { dropped })
    }

    async fn consumers(&self) -> Result<Vec<ConsumerState>> {
        let mut listed = self.inner.consumers().await?;
        for state in &mut listed {
            match self.mistake {
                M::NamesHoldersOfOldLeases => state.holder = self.state().last.get(&state.name).map(|last| last.1),
                M::SaysThatNobodyIsBehind => state.behind_since = None,
                _ => {}
            }
        }
        if self.has(M::ListsConsumersBackwards) {
            listed.reverse();
        }
        Ok(listed)
    }
}

caught! {
    storage;
    consumers_that_two_holders_advance_are_caught: LetsTwoHoldersAdvance breaks
        "a_lease_that_has_ended_passes_to_another_holder";
    consumers_that_every_holder_gets_are_caught: LeasesToEveryHolder breaks
        "a_consumer_has_one_holder_at_a_time", "of_concurrent_leases_exactly_one_is_given",
        "holders_that_take_turns_handle_every_commit_in_order";
    consumers_with_one_token_for_all_holders_are_caught: KeepsOneTokenForAllHolders breaks
        "a_lease_that_has_ended_passes_to_another_holder", "a_release_frees_the_consumer_at_once";
    consumers_that_renew_the_token_of_a_holder_are_caught: RenewsTheTokenOfAHolder breaks
        "a_holder_prolongs_its_lease_and_keeps_its_token";
    consumers_that_keep_the_first_end_of_a_lease_are_caught: KeepsTheFirstEndOfALease breaks
        "a_holder_prolongs_its_lease_and_keeps_its_token";
    consumers_that_never_end_leases_are_caught: NeverEndsLeases breaks
        "a_lease_that_has_ended_passes_to_another_holder", "a_lease_counts_until_another_is_given";
    consumers_that_lose_a_lease_at_its_end_are_caught: LosesALeaseAtItsEnd breaks
        "a_lease_counts_until_another_is_given";
    consumers_that_any_token_releases_are_caught: ReleasesWithAnyToken breaks
        "a_lease_that_has_ended_passes_to_another_holder";
    consumers_that_forget_releases_are_caught: ForgetsReleases breaks
        "a_release_frees_the_consumer_at_once";
    consumers_that_released_tokens_advance_are_caught: LetsReleasedTokensAdvance breaks
        "a_release_frees_the_consumer_at_once";
    consumers_that_are_checked_before_they_are_taken_are_caught: ChecksLeasesBeforeItTakesThem breaks
        "of_concurrent_leases_exactly_one_is_given";
    consumers_that_begin_at_the_head_are_caught: BeginsAtTheHead breaks
        "a_new_consumer_begins_with_the_oldest_commit";
    consumers_that_forget_advances_are_caught: ForgetsAdvances breaks
        "an_advance_is_kept_across_leases", "an_advance_may_be_repeated";
    consumers_that_forget_advances_at_the_end_of_a_lease_are_caught: ForgetsAdvancesAtTheEndOfALease breaks
        "an_advance_is_kept_across_leases", "a_lease_counts_until_another_is_given";
    consumers_that_share_one_cursor_are_caught: SharesOneCursor breaks
        "consumers_do_not_touch_each_other";
    consumers_that_advance_to_any_epoch_are_caught: AdvancesToAnyEpoch breaks
        "an_advance_to_another_epoch_is_gone";
    consumers_with_cut_names_are_caught: CutsNames breaks
        "consumers_are_known_by_their_names";
    consumers_that_two_holders_park_for_are_caught: LetsTwoHoldersPark breaks
        "a_lease_that_has_ended_passes_to_another_holder";
    events_that_are_parked_for_all_consumers_are_caught: ParksForAllConsumers breaks
        "parked_events_belong_to_one_consumer";
    a_list_of_parked_events_with_the_newest_first_is_caught: ListsTheNewestFirst breaks
        "parked_events_are_listed_by_their_ids";
    a_list_of_parked_events_that_begins_anywhere_is_caught: IgnoresWhereTheListBegins breaks
        "parked_events_are_listed_by_their_ids";
    a_list_of_parked_events_without_a_limit_is_caught: IgnoresTheLimit breaks
        "parked_events_are_listed_by_their_ids", "lists_of_parked_events_have_bounds";
    a_storage_that_takes_any_number_of_ids_is_caught: TakesAnyNumberOfIds breaks
        "lists_of_parked_events_have_bounds";
    a_storage_that_keeps_the_first_reason_is_caught: KeepsTheFirstReason breaks
        "an_event_that_is_parked_again_has_the_new_reason";
    a_storage_that_keeps_the_mark_of_an_event_is_caught: KeepsTheMarkOfAnEventThatIsParkedAgain breaks
        "an_event_that_is_parked_again_has_the_new_reason";
    a_storage_that_refuses_long_reasons_is_caught: RefusesLongReasons breaks
        "a_long_reason_is_cut";
    a_storage_that_cuts_reasons_in_bytes_is_caught: CutsReasonsInBytes breaks
        "a_long_reason_is_cut";
    a_storage_that_never_replays_is_caught: NeverReplays breaks
        "marked_events_come_with_the_lease_until_they_are_discarded";
    a_storage_that_replays_once_is_caught: ReplaysOnce breaks
        "marked_events_come_with_the_lease_until_they_are_discarded";
    a_storage_that_replays_the_newest_first_is_caught: ReplaysTheNewestFirst breaks
        "marked_events_come_with_the_lease_until_they_are_discarded";
    a_storage_that_forgets_discards_is_caught: ForgetsDiscards breaks
        "marked_events_come_with_the_lease_until_they_are_discarded", "ids_that_are_not_parked_are_passed_over";
    a_storage_that_counts_unknown_ids_is_caught: CountsUnknownIds breaks
        "ids_that_are_not_parked_are_passed_over";
    a_storage_that_counts_ids_twice_is_caught: CountsIdsTwice breaks
        "ids_that_are_not_parked_are_passed_over";
    a_list_of_consumers_with_old_holders_is_caught: NamesHoldersOfOldLeases breaks
        "the_list_of_consumers_describes_each";
    a_list_of_consumers_that_are_never_behind_is_caught: SaysThatNobodyIsBehind breaks
        "the_list_of_consumers_describes_each";
    a_list_of_consumers_without_an_order_is_caught: ListsConsumersBackwards breaks
        "consumers_are_known_by_their_names";
}
