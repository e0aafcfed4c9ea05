//! Storages that count wrongly.

use crate::{PATIENCE, counts::CountMistake as M};
use async_trait::async_trait;
use character_storage_port::{
    Deleted, Entity, EntityKind, MemoryStorage, Page, PageRequest, Query, Read, Result, StoragePort, Store,
    delegate_port,
};
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

/// What is wrong with the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CountMistake {
    None,
    CountsDeletedRows,
    LeavesOutDeletedRows,
    CountsByOwnersAlone,
    CountsQuestsByOwnersAlone,
    CountsOnePage,
    AnswersCountsFromACache,
    ChecksNoFilter,
    CountsOtherOrdersAsNothing,
}

fn patience(_: CountMistake) -> Duration {
    PATIENCE
}

#[derive(Debug)]
struct WrongCounts {
    mistake: CountMistake,
    inner: MemoryStorage,
    known: Mutex<HashMap<(EntityKind, String), u64>>,
}

fn storage(mistake: CountMistake) -> Arc<dyn StoragePort> {
    Arc::new(WrongCounts { mistake, inner: MemoryStorage::new(), known: Mutex::default() })
}

delegate_port!(Commit, Log, Consumers, Snapshot, Probe for [] WrongCounts, storage => storage.inner);

/// The query without the filters whose name does not end in `_id`, but for those about deletion and activity.
fn of_owners<E: Entity>(query: &E::Query) -> E::Query {
    crate::rows::edited(query, |filters| {
        filters.retain(|name, _| name.ends_with("_id") || ["include_deleted", "active_only"].contains(&name.as_str()));
    })
}

#[async_trait]
impl<E: Entity> Store<E> for WrongCounts {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        self.inner.find(id, deleted).await
    }

    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        self.inner.list(query, page).await
    }

    async fn count(&self, query: &E::Query) -> Result<u64> {
        let count = |query: E::Query| async move { Store::<E>::count(&self.inner, &query).await };
        let deletion = |wanted: bool| {
            crate::rows::edited(query, |filters| {
                filters.insert("include_deleted".to_owned(), json!(wanted));
            })
        };
        match self.mistake {
            M::CountsDeletedRows => count(deletion(true)).await,
            M::LeavesOutDeletedRows => count(deletion(false)).await,
            M::CountsByOwnersAlone => count(of_owners::<E>(query)).await,
            M::CountsQuestsByOwnersAlone if E::KIND == EntityKind::Quest => count(of_owners::<E>(query)).await,
            M::CountsOnePage => Ok(count(query.clone()).await?.min(1_000)),
            M::AnswersCountsFromACache => {
                let key = (E::KIND, json!(query).to_string());
                if let Some(known) = self.known.lock().unwrap().get(&key) {
                    return Ok(*known);
                }
                let counted = count(query.clone()).await?;
                self.known.lock().unwrap().insert(key, counted);
                Ok(counted)
            }
            M::ChecksNoFilter if !query.check().is_empty() => Ok(0),
            M::CountsOtherOrdersAsNothing if !query.order().is_default() => Ok(0),
            _ => count(query.clone()).await,
        }
    }
}

caught! {
    storage;
    a_storage_that_counts_deleted_rows_is_caught: CountsDeletedRows breaks
        "a_count_is_the_length_of_the_list_by_every_filter", "a_count_follows_every_change",
        "a_count_is_the_same_in_every_order";
    a_storage_that_leaves_deleted_rows_out_of_counts_is_caught: LeavesOutDeletedRows breaks
        "a_count_is_the_length_of_the_list_by_every_filter", "a_count_follows_every_change";
    a_storage_that_counts_by_owners_alone_is_caught: CountsByOwnersAlone breaks
        "a_count_is_the_length_of_the_list_by_every_filter", "a_count_checks_its_filters";
    a_storage_that_counts_quests_by_owners_alone_is_caught: CountsQuestsByOwnersAlone breaks
        "a_count_is_the_length_of_the_list_by_every_filter";
    a_storage_that_counts_one_page_is_caught: CountsOnePage breaks
        "a_count_is_not_limited_by_a_page";
    a_storage_that_answers_counts_from_a_cache_is_caught: AnswersCountsFromACache breaks
        "a_count_follows_every_change";
    a_storage_that_checks_no_filter_of_a_count_is_caught: ChecksNoFilter breaks
        "a_count_checks_its_filters";
    a_storage_that_counts_nothing_in_other_orders_is_caught: CountsOtherOrdersAsNothing breaks
        "a_count_is_the_same_in_every_order";
}
