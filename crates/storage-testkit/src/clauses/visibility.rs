//! Invariant 4: read your writes.

use crate::sample::{
    Model, at, character, create, creation, deletion, found, ids, limit, list, live, must, of_campaign, of_user, party,
    replacement, restoration, revision, stored,
};
use character_domain::{CampaignId, Character, Revision, UserId};
use character_storage_port::{
    Change, CharacterQuery, Deleted, Expect, PageRequest, Source, StorageExt, StoragePort, Store, Transaction,
};
use serde_json::json;
use std::{
    slice,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Two live rows of one user in one campaign and a deleted one, read in every way before the clause continues.
async fn warm(storage: &Arc<dyn StoragePort>) -> (Model, Vec<Character>) {
    let campaign = CampaignId::new();
    let rows: Vec<_> = party(3).into_iter().map(|row| Character { campaign_id: Some(campaign), ..row }).collect();
    create(storage, &rows).await;
    must(storage, deletion(rows[2].id, revision(1))).await;
    let mut model = Model::of(&rows);
    let mut deleted = rows[2].clone();
    deleted.meta.revision = Revision(2);
    deleted.meta.updated_at = at(500);
    deleted.meta.deleted_at = Some(at(500));
    model.put(deleted);
    model.agrees_with(storage).await;
    (model, rows)
}

/// The row after a replacement of the first revision by this state.
fn replaced(row: Character) -> Character {
    let mut row = row;
    row.meta.revision = Revision(2);
    row
}

/// Replaces the first row by `change` of it and compares every list before and after.
async fn follows(storage: Arc<dyn StoragePort>, change: impl FnOnce(Character) -> Character) {
    let (mut model, rows) = warm(&storage).await;
    let next = change(rows[0].clone());
    must(&storage, replacement(&next, revision(1))).await;
    model.put(replaced(next));
    model.agrees_with(&storage).await;
}

/// A row is found and listed as soon as its creation is acknowledged, also when its absence was read before.
pub async fn reads_follow_a_creation(storage: Arc<dyn StoragePort>) {
    let (mut model, rows) = warm(&storage).await;
    let row = Character { user_id: rows[0].user_id, campaign_id: rows[0].campaign_id, ..character() };
    assert_eq!((found(&storage, row.id).await, live(&storage, row.id).await), (None, None));
    must(&storage, Change::Create(row.clone())).await;
    model.put(stored(&row));
    model.agrees_with(&storage).await;
}

/// An empty list shows the first row that is created in it.
pub async fn an_empty_list_shows_the_first_row(storage: Arc<dyn StoragePort>) {
    let row = Character { campaign_id: Some(CampaignId::new()), theme: "Space Opera".to_owned(), ..character() };
    let queries = [
        CharacterQuery::live(),
        of_user(row.user_id),
        of_campaign(row.campaign_id.unwrap_or(CampaignId(row.id.0))),
        CharacterQuery { theme: Some(row.theme.clone()), ..CharacterQuery::live() },
    ];
    for query in &queries {
        assert_eq!(list(&storage, query).await, []);
    }
    create(&storage, slice::from_ref(&row)).await;
    for query in &queries {
        assert_eq!(list(&storage, query).await, slice::from_ref(&row), "{query:?}");
    }
}

/// Every read shows the new state as soon as a replacement is acknowledged.
pub async fn reads_follow_a_replacement(storage: Arc<dyn StoragePort>) {
    follows(storage, |row| crate::sample::with_data(row, &json!({ "level": 2 }))).await;
}

/// A row that moves to another campaign leaves the one list and enters the other at once.
pub async fn reads_follow_a_move_between_campaigns(storage: Arc<dyn StoragePort>) {
    let (here, there) = (CampaignId::new(), CampaignId::new());
    let row = Character { campaign_id: Some(here), ..character() };
    create(&storage, slice::from_ref(&row)).await;
    assert_eq!(ids(&list(&storage, &of_campaign(here)).await), [row.id]);
    assert_eq!(list(&storage, &of_campaign(there)).await, []);
    let moved = Character { campaign_id: Some(there), ..row };
    must(&storage, replacement(&moved, revision(1))).await;
    assert_eq!(list(&storage, &of_campaign(here)).await, []);
    assert_eq!(list(&storage, &of_campaign(there)).await, [replaced(moved.clone())]);
    must(&storage, replacement(&Character { campaign_id: None, ..moved }, revision(2))).await;
    assert_eq!(list(&storage, &of_campaign(there)).await, []);
}

/// A row that is given to another user leaves the one list and enters the other at once.
pub async fn reads_follow_a_change_of_user(storage: Arc<dyn StoragePort>) {
    let other = UserId::new();
    assert_eq!(list(&storage, &of_user(other)).await, []);
    follows(Arc::clone(&storage), |row| Character { user_id: other, ..row }).await;
    assert_eq!(list(&storage, &of_user(other)).await.len(), 1);
}

/// A row that changes its theme leaves the one list and enters the other at once.
pub async fn reads_follow_a_change_of_theme(storage: Arc<dyn StoragePort>) {
    let steampunk = CharacterQuery { theme: Some("steampunk".to_owned()), ..CharacterQuery::live() };
    assert_eq!(list(&storage, &steampunk).await, []);
    follows(Arc::clone(&storage), |row| Character { theme: "steampunk".to_owned(), ..row }).await;
    assert_eq!(list(&storage, &steampunk).await.len(), 1);
}

/// A row that is taken out of play leaves the lists of active rows at once.
pub async fn reads_follow_a_deactivation(storage: Arc<dyn StoragePort>) {
    follows(storage, |row| Character { is_active: false, ..row }).await;
}

/// A soft-deleted row is gone from every read that does not ask for it as soon as that is acknowledged.
pub async fn reads_follow_a_deletion(storage: Arc<dyn StoragePort>) {
    let (mut model, rows) = warm(&storage).await;
    must(&storage, deletion(rows[0].id, revision(1))).await;
    let mut deleted = replaced(rows[0].clone());
    deleted.meta.updated_at = at(500);
    deleted.meta.deleted_at = Some(at(500));
    model.put(deleted);
    model.agrees_with(&storage).await;
}

/// A restored row is back in every read as soon as that is acknowledged.
pub async fn reads_follow_a_restoration(storage: Arc<dyn StoragePort>) {
    let (mut model, rows) = warm(&storage).await;
    must(&storage, restoration(rows[2].id, revision(2))).await;
    let mut restored = rows[2].clone();
    restored.meta.revision = Revision(3);
    restored.meta.updated_at = at(600);
    model.put(restored);
    model.agrees_with(&storage).await;
}

/// The writes of `commit_each` are read like those of `commit`.
pub async fn reads_follow_a_batch(storage: Arc<dyn StoragePort>) {
    let (mut model, rows) = warm(&storage).await;
    let created = Character { user_id: rows[0].user_id, ..character() };
    let renamed = Character { name: "Renamed".to_owned(), ..rows[0].clone() };
    let batch = vec![
        creation(slice::from_ref(&created)),
        Transaction::new().with(replacement(&rows[1], revision(77))),
        Transaction::new().with(replacement(&renamed, revision(1))),
    ];
    assert_eq!(found(&storage, created.id).await, None);
    let outcomes = storage.commit_each(batch).await;
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    model.put(created);
    model.put(replaced(renamed));
    model.agrees_with(&storage).await;
}

/// Pages behind the first show a change too.
pub async fn later_pages_follow_a_change(storage: Arc<dyn StoragePort>) {
    let rows = party(6);
    create(&storage, &rows).await;
    let query = of_user(rows[0].user_id);
    let first = PageRequest::first(limit(2));
    let cursor = storage.list_characters(&query, first.clone()).await.expect("a list is answered").value.next;
    let later = [first.clone().after(cursor.expect("four rows follow")), first.offset(2)];
    for request in later.clone() {
        storage.list_characters(&query, request).await.expect("a list is answered");
    }
    let renamed = Character { name: "Renamed".to_owned(), ..rows[3].clone() };
    must(&storage, replacement(&renamed, revision(1))).await;
    for request in later {
        let page = storage.list_characters(&query, request).await.expect("a list is answered").value;
        assert_eq!(page.items, [replaced(renamed.clone()), rows[2].clone()]);
    }
}

/// A find that starts after a commit was acknowledged never answers an older revision, whatever runs beside it.
pub async fn a_find_never_goes_back_behind_an_acknowledged_commit(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    let acknowledged = Arc::new(AtomicU64::new(1));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (storage, acknowledged) = (Arc::clone(&storage), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                loop {
                    let at_least = acknowledged.load(Ordering::SeqCst);
                    let held = live(&storage, row.id).await.expect("the row is live");
                    assert!(held.meta.revision.0 >= at_least, "{} after {at_least}", held.meta.revision);
                    let listed = list(&storage, &of_user(row.user_id)).await;
                    assert!(listed[0].meta.revision.0 >= at_least, "{} after {at_least}", listed[0].meta.revision);
                    if at_least >= 31 {
                        break;
                    }
                    tokio::task::yield_now().await;
                    // A storage that never waits must not keep the writer from its turn.
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for _ in 0..30 {
        let committed = must(&storage, replacement(&row, Expect::Any)).await;
        acknowledged.store(committed.written[0].revision.0, Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
    for reader in readers {
        reader.await.expect("no reader sees an older revision");
    }
}

/// While the storage works, no read is answered with a value that is marked stale.
pub async fn a_working_storage_gives_no_stale_answer(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    for _ in 0..3 {
        let find = Store::<Character>::find(&*storage, row.id, Deleted::Exclude).await.expect("a find is answered");
        assert!(!matches!(find.source, Source::Stale { .. }), "{:?}", find.source);
        let list =
            storage.list_characters(&of_user(row.user_id), PageRequest::default()).await.expect("a list is answered");
        assert!(!matches!(list.source, Source::Stale { .. }), "{:?}", list.source);
        let _: (Option<Character>, usize) = (find.value, list.value.items.len());
    }
}
