//! Versions that are thinned, in both engines.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use super::{character, create, everything};
use character_domain::{
    Character, CharacterVersion, CharacterVersionId, RelatedChange, Revision, Timestamp, now, version::changes,
};
use character_storage_port::{
    Change, CharacterVersionQuery, Commit, Deleted, EntityKind, Expect, Limit, Log, PageRequest, Scope, Store,
    Transaction,
};
use character_storage_sql::{SqlStorage, Thinned};
use serde_json::json;
use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};
use uuid::Uuid;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

fn newest(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

/// The beginning of a day some days ago.
fn then() -> Timestamp {
    let day = i64::try_from(DAY * 1_000_000).unwrap();
    let today = now().as_microsecond().div_euclid(day);
    Timestamp::from_microsecond((today - 30) * day).unwrap()
}

/// A character with its first version.
async fn hero(storage: &SqlStorage) -> Character {
    let mut hero = character("Torormir");
    hero.meta.created_at = then();
    hero.meta.updated_at = then();
    let version = CharacterVersion::of(None, hero.clone(), "character.created", then());
    storage.commit(create(&hero).with(Change::Create(version))).await.unwrap();
    hero
}

/// Changes the character, and records the version as `set` made it.
async fn change(
    storage: &SqlStorage,
    hero: &mut Character,
    after: u64,
    set: impl FnOnce(CharacterVersion) -> CharacterVersion,
) -> CharacterVersion {
    let at = then().saturating_add(Duration::from_secs(after));
    let before = hero.clone();
    hero.data.0.insert("time".into(), json!(after));
    hero.meta.revision = hero.meta.revision.next();
    hero.meta.updated_at = at;
    let version = set(CharacterVersion::of(Some(&before), hero.clone(), "character.updated", at));
    let expect = Expect::Revision(before.meta.revision);
    let transaction =
        Transaction::new().with(Change::Replace { entity: hero.clone(), expect }).with(Change::Create(version.clone()));
    storage.commit(transaction).await.unwrap();
    version
}

async fn versions(storage: &SqlStorage, hero: &Character) -> Vec<CharacterVersion> {
    let query = CharacterVersionQuery {
        character_id: Some(hero.id),
        include_deleted: true,
        ..CharacterVersionQuery::default()
    };
    let request = PageRequest::first(Limit::MAX);
    let page = Store::<CharacterVersion>::list(storage, &query, request).await.unwrap().value;
    assert!(page.next.is_none() && page.unreadable.is_empty());
    page.items.into_iter().rev().collect()
}

/// Each version is the successor of the one before it, and holds the changes between both, or leaves them to its reader.
fn assert_whole(history: &[CharacterVersion]) {
    for (before, after) in history.iter().zip(&history[1..]) {
        assert_eq!(after.parent_id, Some(before.id));
        if !after.changes.is_empty() {
            assert_eq!(after.changes, changes(&before.state, &after.state));
        }
    }
}

fn numbers(history: &[CharacterVersion]) -> Vec<u64> {
    history.iter().map(|version| version.state.meta.revision.0).collect()
}

fn related(kind: EntityKind, id: u128, change: &str) -> RelatedChange {
    RelatedChange { kind: kind.as_str().to_owned(), id: Uuid::from_u128(id), change: change.to_owned() }
}

/// The newest, the first, labelled ones, the last of each day, and what others refer to stay; what stays is whole.
pub(crate) async fn keeps_what_the_api_needs(storage: &SqlStorage) {
    let mut hero = hero(storage).await;
    let item = related(EntityKind::InventoryItem, 1, "replace");
    let impact = related(EntityKind::EventImpact, 2, "replace");
    let with = |rows: &[&RelatedChange]| {
        let related: Vec<_> = rows.iter().copied().cloned().collect();
        move |version| CharacterVersion { related, ..version }
    };
    change(storage, &mut hero, HOUR, with(&[&item, &impact])).await; // 2
    let third = change(storage, &mut hero, 2 * HOUR, with(&[&item])).await; // 3
    change(storage, &mut hero, 3 * HOUR, with(&[&impact])).await; // 4
    change(storage, &mut hero, 4 * HOUR, |version| CharacterVersion {
        label: Some("Kept".into()),
        // As an earlier release has stored them: those since the fourth version, which is removed.
        changes: vec![json!({ "op": "remove", "path": "/data/of_the_fourth" })],
        ..version
    })
    .await; // 5
    change(storage, &mut hero, DAY + HOUR, with(&[])).await; // 6
    let seventh = change(storage, &mut hero, DAY + 2 * HOUR, with(&[])).await; // 7
    change(storage, &mut hero, DAY + 3 * HOUR, with(&[])).await; // 8
    for number in 0..4 {
        change(storage, &mut hero, 2 * DAY + number * HOUR, with(&[])).await; // 9 to 12
    }
    change(storage, &mut hero, 2 * DAY + 5 * HOUR, |version| CharacterVersion {
        restored_from: Some(third.id),
        ..version
    })
    .await; // 13
    // A character of another theme continues from the seventh version.
    let other = character("Torormir elsewhere");
    let first =
        CharacterVersion { parent_id: Some(seventh.id), ..CharacterVersion::of(None, other.clone(), "theme", now()) };
    storage.commit(create(&other).with(Change::Create(first.clone()))).await.unwrap();

    let all = versions(storage, &hero).await;
    assert_eq!(storage.thin_versions(newest(3)).await.unwrap(), Thinned::Complete { removed: 5 });
    let kept = versions(storage, &hero).await;
    assert_eq!(numbers(&kept), [1, 3, 5, 7, 8, 11, 12, 13]);
    assert_whole(&kept);
    for version in &kept {
        let before = all.iter().find(|before| before.id == version.id).unwrap();
        assert_eq!((&version.state, &version.label, &version.reason), (&before.state, &before.label, &before.reason));
        assert_eq!(version.meta.created_at, before.meta.created_at);
        let is_joined = version.meta.revision > before.meta.revision;
        assert_eq!(version.meta.updated_at > before.meta.updated_at, is_joined, "a change of a row has a time");
    }
    assert_eq!(kept[1].related, [item.clone(), impact.clone()], "a row that changed twice is named once");
    assert_eq!(kept[2].related, [impact]);
    assert_eq!(kept[2].changes, [json!(null); 0], "stored changes since a removed version are left to the reader");
    assert_eq!(versions(storage, &other).await, [first]);
    let removed = Store::<CharacterVersion>::find(storage, all[1].id, Deleted::Include).await.unwrap().value;
    assert_eq!(removed, None);
    let status = storage.thinning_status().await.unwrap();
    assert_eq!((status.removed, status.is_active, status.last_pass.is_some()), (5, false, true));
}

/// Also those that no other rule keeps.
pub(crate) async fn keeps_labelled_and_deleted_versions(storage: &SqlStorage) {
    let mut hero = hero(storage).await;
    for number in 2..8 {
        let label = (number == 3).then(|| "Mine".to_owned());
        let version = change(storage, &mut hero, number, |version| CharacterVersion { label, ..version }).await;
        if number == 5 {
            let delete = Change::<CharacterVersion>::Delete { id: version.id, expect: Expect::Any, at: now() };
            storage.commit(Transaction::new().with(delete)).await.unwrap();
        }
    }
    assert_eq!(storage.thin_versions(newest(1)).await.unwrap(), Thinned::Complete { removed: 3 });
    let kept = versions(storage, &hero).await;
    assert_eq!(numbers(&kept), [1, 3, 5, 7]);
    assert_whole(&kept);
}

/// A label that is set while the job runs is judged with it.
pub(crate) async fn leaves_what_changed_meanwhile(storage: &SqlStorage) {
    let mut hero = hero(storage).await;
    for number in 1..60 {
        change(storage, &mut hero, number, |version| version).await;
    }
    let all = versions(storage, &hero).await;
    let thinning = {
        let storage = storage.clone();
        tokio::spawn(async move { storage.thin_versions(newest(2)).await })
    };
    // A client of the port that knows nothing of characters: only the row itself tells.
    let mut labelled = Vec::new();
    for version in all[5..50].iter().step_by(9) {
        let entity = CharacterVersion { label: Some("Mine".into()), ..version.clone() };
        let change = Change::Replace { entity, expect: Expect::Revision(version.meta.revision) };
        if storage.commit(Transaction::new().with(change)).await.is_ok() {
            labelled.push(version.id);
        }
    }
    thinning.await.unwrap().unwrap();
    let kept = versions(storage, &hero).await;
    assert_whole(&kept);
    for id in labelled {
        assert!(kept.iter().any(|version| version.id == id), "a labelled version was removed");
    }
}

/// A pass is not repeated within a day, a change of the setting begins another one, and no second process joins a pass.
pub(crate) async fn is_done_by_one_process_once_a_day(storage: &SqlStorage) {
    let mut heroes = Vec::new();
    for _ in 0..4 {
        let mut hero = hero(storage).await;
        for number in 1..30 {
            change(storage, &mut hero, number, |version| version).await;
        }
        heroes.push(hero);
    }
    let passes = (0..4).map(|_| {
        let storage = storage.clone();
        tokio::spawn(async move { storage.thin_versions(newest(10)).await.unwrap() })
    });
    let mut complete = Vec::new();
    for pass in passes.collect::<Vec<_>>() {
        match pass.await.unwrap() {
            Thinned::Complete { removed } => complete.push(removed),
            Thinned::Held | Thinned::Rested => {}
        }
    }
    assert_eq!(complete, [4 * 19]);
    assert_eq!(storage.thin_versions(newest(10)).await.unwrap(), Thinned::Rested);
    assert_eq!(storage.thin_versions(newest(5)).await.unwrap(), Thinned::Complete { removed: 4 * 5 });
    for hero in &heroes {
        assert_eq!(numbers(&versions(storage, hero).await), [1, 26, 27, 28, 29, 30]);
    }
}

/// The log names each removed row, with the lists that it was in, and the version that stays behind it.
pub(crate) async fn is_heard_by_followers(storage: &SqlStorage) {
    let mut hero = hero(storage).await;
    for number in 1..4 {
        change(storage, &mut hero, number, |version| version).await;
    }
    let before = everything(storage).await.len();
    assert_eq!(storage.thin_versions(newest(1)).await.unwrap(), Thinned::Complete { removed: 2 });
    let log = everything(storage).await;
    assert_eq!(log.len(), before + 1);
    let mut rows = log.last().unwrap().rows.clone().unwrap();
    rows.sort_by_key(|row| row.id != CharacterVersionId::of(hero.id, Revision(4)).0);
    assert_eq!(rows.len(), 3);
    let (kept, removed) = rows.split_first().unwrap();
    assert_eq!((kept.revision.0, kept.after.len()), (2, 2));
    for row in removed {
        assert_eq!((row.kind, row.revision.0), (EntityKind::CharacterVersion, 2));
        assert!(row.before.contains(&Scope::Owner("character_id", hero.id.0)) && row.before.len() == 2);
        assert!(row.after.is_empty());
    }
}

/// The process that thins polls its log later than this test waits.
pub(crate) async fn is_heard_without_a_poll(storage: &SqlStorage, wait: Duration) {
    let mut hero = hero(storage).await;
    for number in 1..4 {
        change(storage, &mut hero, number, |version| version).await;
    }
    let head = storage.head().await.unwrap();
    assert!(storage.follow(&head, 10, Duration::ZERO).await.unwrap().commits.is_empty());
    let began = Instant::now();
    let (heard, thinned) = tokio::join!(storage.follow(&head, 10, wait), storage.thin_versions(newest(1)));
    assert!(began.elapsed() < wait / 2, "it was found when the wait was over");
    assert_eq!((heard.unwrap().commits.len(), thinned.unwrap()), (1, Thinned::Complete { removed: 2 }));
}

/// Versions that are recorded meanwhile are all there, and the chain stays whole.
pub(crate) async fn beside_writers_loses_nothing(storage: &SqlStorage) {
    let mut hero = hero(storage).await;
    for number in 1..40 {
        change(storage, &mut hero, number, |version| version).await;
    }
    let writer = {
        let (storage, mut hero) = (storage.clone(), hero.clone());
        tokio::spawn(async move {
            for number in 40..120 {
                change(&storage, &mut hero, number, |version| version).await;
            }
        })
    };
    let mut keep = 30;
    while !writer.is_finished() {
        storage.thin_versions(newest(keep)).await.unwrap();
        keep = if keep > 20 { keep - 1 } else { 30 };
        let history = versions(storage, &hero).await;
        assert_whole(&history);
        let last = history.last().unwrap().state.meta.revision.0;
        assert!(numbers(&history).ends_with(&(last - 19..=last).collect::<Vec<_>>()));
    }
    writer.await.unwrap();
    storage.thin_versions(newest(5)).await.unwrap();
    let history = versions(storage, &hero).await;
    assert_eq!(numbers(&history), [1, 116, 117, 118, 119, 120]);
    assert_whole(&history);
}

/// The characters are counted in parts of fifty.
pub(crate) async fn passes_over_no_character(storage: &SqlStorage) {
    const HEROES: u64 = 60;
    for _ in 0..HEROES {
        let mut hero = hero(storage).await;
        change(storage, &mut hero, 1, |version| version).await;
        change(storage, &mut hero, 2, |version| version).await;
    }
    assert_eq!(storage.thin_versions(newest(1)).await.unwrap(), Thinned::Complete { removed: HEROES });
}

/// A pass that is complete is not the last one.
pub(crate) async fn begins_again_after_a_day(storage: &SqlStorage, passes: impl AsyncFn(u64)) {
    const MICROSECONDS: u64 = 1_000_000;
    let mut hero = hero(storage).await;
    assert_eq!(storage.thin_versions(newest(1)).await.unwrap(), Thinned::Complete { removed: 0 });
    for number in 1..4 {
        change(storage, &mut hero, number, |version| version).await;
    }
    for hours in [0, 23] {
        passes(hours * HOUR * MICROSECONDS).await;
        assert_eq!(storage.thin_versions(newest(1)).await.unwrap(), Thinned::Rested);
    }
    passes(HOUR * MICROSECONDS).await;
    assert_eq!(storage.thin_versions(newest(1)).await.unwrap(), Thinned::Complete { removed: 2 });
}
