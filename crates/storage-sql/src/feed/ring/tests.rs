use super::*;
use crate::{
    SqlStorage,
    log::{ReadHead, ReadLog},
    place::Ticks,
};
use character_storage_port::{Commit, FOLLOW, Transaction, TransactionId};

/// A new storage of each engine that this build has.
async fn engines() -> (Vec<SqlStorage>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut engines = vec![SqlStorage::sqlite(folder.path().join("db")).await.unwrap()];
    if cfg!(feature = "postgres") {
        let url = character_tests::PostgresServer::shared().fresh_schema_url();
        engines.push(SqlStorage::connect(&url, crate::SqlOptions::default()).await.unwrap());
    }
    (engines, folder)
}

async fn commit(storage: &SqlStorage, number: usize) {
    let together = (0..number).map(|_| Transaction::new()).collect();
    storage.commit_each(together).await.into_iter().for_each(|outcome| drop(outcome.unwrap()));
}

async fn at_the_end(storage: &SqlStorage) -> Ring {
    Ring::new(&storage.read(FOLLOW, ReadHead).await.unwrap(), Instant::now())
}

async fn read(storage: &SqlStorage, place: &Place, limit: usize) -> LogPage {
    storage.read(FOLLOW, ReadLog { place: place.clone(), target: None, limit }).await.unwrap()
}

fn transactions(page: &LogPage) -> Vec<TransactionId> {
    page.entries.iter().map(|entry| entry.commit.transaction).collect()
}

/// Everything behind the place, `limit` at a time.
fn walked(ring: &mut Ring, place: &Place, limit: usize) -> Vec<TransactionId> {
    let (mut place, mut all) = (place.to_string(), Vec::new());
    loop {
        let batch = ring.batch(&place, limit).expect("the ring knows its own cursors");
        assert!(batch.commits.len() == limit || !batch.more, "{} of {limit}", batch.commits.len());
        all.extend(batch.commits.iter().map(|commit| commit.transaction));
        if !batch.more {
            return all;
        }
        place = batch.next.place().to_owned();
    }
}

#[tokio::test]
async fn what_is_behind_each_cursor_is_returned_in_portions_of_any_size() {
    let (engines, _folder) = engines().await;
    for storage in engines {
        commit(&storage, 1).await;
        let mut ring = at_the_end(&storage).await;
        let (start, mut known) = (ring.newest.clone(), vec![(ring.newest.clone(), 0)]);
        for number in [1, 3, 1, 4, 7] {
            commit(&storage, number).await;
            loop {
                let page = read(&storage, &ring.newest, 3).await;
                let (before, read, more) =
                    (known.last().map_or(0, |(_, before)| *before), page.entries.len(), page.more);
                ring.extend(page, Instant::now());
                assert_eq!(ring.is_behind, more);
                known.push((ring.newest.clone(), before + read));
                if !more {
                    break;
                }
            }
        }
        let all = transactions(&read(&storage, &start, 100).await);
        assert_eq!(all.len(), 16);
        for (cursor, passed) in &known {
            for limit in 1..=5 {
                assert_eq!(walked(&mut ring, cursor, limit), all[*passed..], "{limit} at a time behind {passed}");
            }
        }
    }
}

#[tokio::test]
async fn a_batch_is_cut_by_the_length_of_its_texts_behind_its_first_entry() {
    let (engines, _folder) = engines().await;
    for storage in engines {
        let mut ring = at_the_end(&storage).await;
        let start = ring.newest.clone();
        commit(&storage, 5).await;
        let mut page = read(&storage, &start, 5).await;
        page.entries.iter_mut().for_each(|entry| entry.bytes = 3 * 1024 * 1024);
        ring.extend(page, Instant::now());
        let batch = ring.batch(&start.to_string(), 5).unwrap();
        assert_eq!((batch.commits.len(), batch.more), (2, true));
    }
}

/// Adds a step with one commit, this number of times, with texts of this length each. Returns the cursor in front of it.
async fn step(storage: &SqlStorage, ring: &mut Ring, number: usize, bytes: usize) -> String {
    commit(storage, 1).await;
    let front = ring.newest.clone();
    let mut page = read(storage, &front, 1).await;
    page.entries = vec![Entry { bytes, ..page.entries[0].clone() }; number];
    ring.extend(page, Instant::now());
    front.to_string()
}

#[tokio::test]
async fn the_oldest_entries_are_forgotten_with_their_cursors_when_there_are_too_many_or_too_long_ones() {
    let (engines, _folder) = engines().await;
    for (number, bytes, steps, kept) in [(1_000, 1, 13, 10), (1, MAX_BYTES / 3 + 1, 7, 2), (1, 2 * MAX_BYTES, 3, 1)] {
        let mut ring = at_the_end(&engines[0]).await;
        let mut cursors = Vec::new();
        for _ in 0..steps {
            cursors.push(step(&engines[0], &mut ring, number, bytes).await);
        }
        let known: Vec<bool> = cursors.iter().map(|cursor| ring.batch(cursor, 1).is_some()).collect();
        assert_eq!(known, (0..steps).map(|step| step >= steps - kept).collect::<Vec<_>>(), "{number} of {bytes}");
        assert_eq!((ring.entries.len(), ring.bytes), (kept * number, kept * number * bytes));
        assert_eq!(ring.positions.len(), ring.cursors.len());
    }
}

#[tokio::test]
async fn no_more_cursors_are_recognised_than_permitted() {
    let (engines, _folder) = engines().await;
    let mut ring = at_the_end(&engines[0]).await;
    for tick in 0..=MAX_CURSORS as u64 {
        ring.know(&Place::behind(Ticks::below(1_000_000 + tick)), 0);
    }
    ring.forget();
    assert_eq!((ring.cursors.len(), ring.positions.len()), (MAX_CURSORS, MAX_CURSORS));
}
