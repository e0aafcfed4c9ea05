use super::*;
use crate::{
    SqlStorage,
    engines::engines,
    log::{ReadHead, ReadLog},
    place::Ticks,
};
use character_storage_port::{Commit, FOLLOW, Transaction, TransactionId};
use std::collections::BTreeSet;

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

/// A ring, and what was read into it.
struct Filled {
    storage: SqlStorage,
    ring: Ring,
    order: Vec<TransactionId>,
    /// The cursors between the pages, each with the number of entries in front of it.
    cursors: Vec<(Place, usize)>,
}

impl Filled {
    async fn new(storage: SqlStorage) -> Self {
        let ring = at_the_end(&storage).await;
        let cursors = vec![(ring.newest.clone(), 0)];
        Self { storage, ring, order: Vec::new(), cursors }
    }

    /// Reads what is new in pages of this size.
    async fn fill(&mut self, limit: usize) {
        loop {
            let page = read(&self.storage, &self.ring.newest, limit).await;
            let more = page.more;
            self.order.extend(transactions(&page));
            self.ring.extend(page, Instant::now());
            assert_eq!(self.ring.is_behind, more);
            self.cursors.push((self.ring.newest.clone(), self.order.len()));
            if !more {
                return;
            }
        }
    }

    /// From each cursor, in portions of each size, the ring returns what is behind it. At the cursor that it returns continues
    /// also who reads the log.
    async fn check(&mut self) {
        let sorted = |ids: &[TransactionId]| ids.iter().copied().collect::<BTreeSet<_>>();
        for (cursor, passed) in &self.cursors {
            for limit in 1..=5 {
                let (mut place, mut passed, mut more) = (cursor.clone(), *passed, true);
                while more {
                    let batch = self.ring.batch(&place.to_string(), limit).expect("the ring knows its own cursors");
                    let found: Vec<_> = batch.commits.iter().map(|commit| commit.transaction).collect();
                    let end = self.order.len().min(passed + limit);
                    assert_eq!(found, self.order[passed..end], "{limit} behind {place}");
                    (place, passed, more) = (batch.next.place().parse().unwrap(), end, batch.more);
                    let rest = transactions(&read(&self.storage, &place, 100).await);
                    assert_eq!(sorted(&rest), sorted(&self.order[passed..]), "behind {place}");
                    assert_eq!(more, passed < self.order.len());
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_behind_each_cursor_is_returned_in_portions_of_any_size() {
    let (engines, _folder) = engines().await;
    for storage in engines {
        commit(&storage, 1).await;
        let mut filled = Filled::new(storage).await;
        for number in [1, 3, 1, 4, 7] {
            commit(&filled.storage, number).await;
            filled.fill(3).await;
        }
        assert_eq!(filled.order.len(), 16);
        filled.check().await;
    }
}

/// Transactions of PostgreSQL that end later than others with higher numbers.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn what_was_open_is_returned_once_behind_each_cursor() {
    let url = character_tests::PostgresServer::shared().fresh_schema_url();
    let open = async || {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let entry = "INSERT INTO transactions (id, fingerprint, committed_at, news, ordinal, epoch) \
                     SELECT gen_random_uuid(), '', 0, '[]', n, number FROM storage_log, generate_series(0, 2) AS n";
        client.batch_execute(&format!("BEGIN; {entry}")).await.unwrap();
        client
    };
    let mut filled = Filled::new(SqlStorage::connect(&url, crate::SqlOptions::default()).await.unwrap()).await;
    let first = open().await;
    commit(&filled.storage, 2).await;
    filled.fill(1).await;
    let second = open().await;
    commit(&filled.storage, 3).await;
    filled.fill(2).await;
    let third = open().await;
    second.batch_execute("COMMIT").await.unwrap();
    commit(&filled.storage, 1).await;
    filled.fill(2).await;
    first.batch_execute("COMMIT").await.unwrap();
    filled.fill(2).await;
    filled.check().await;
    third.batch_execute("COMMIT").await.unwrap();
    commit(&filled.storage, 2).await;
    filled.fill(4).await;
    assert_eq!(filled.order.len(), 17);
    filled.check().await;
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
        assert_eq!(
            (ring.cursors.len(), ring.positions.len()),
            (kept + 1, kept + 1),
            "what is behind none is forgotten"
        );
        let known: Vec<bool> = cursors.iter().map(|cursor| ring.batch(cursor, 1).is_some()).collect();
        assert_eq!(known, (0..steps).map(|step| step >= steps - kept).collect::<Vec<_>>(), "{number} of {bytes}");
        assert_eq!((ring.entries.len(), ring.bytes), (kept * number, kept * number * bytes));
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
