//! The judge of unreadable rows passes a storage that reports them, and catches those that hide or misplace rows.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use async_trait::async_trait;
use character_storage_port::{
    Cursor, Deleted, Entity, ErrorKind, MemoryStorage, Page, PageBuilder, PageRequest, Query, Read, Result, Start,
    StorageError, Store, delegate_port,
};
use character_storage_testkit::unreadable;
use futures_util::FutureExt;
use std::{collections::HashSet, panic::AssertUnwindSafe, sync::Mutex};
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    None,
    HidesTheRow,
    FailsTheList,
    LeavesItOutOfTheCount,
    EndsTheListAtIt,
    ReportsNoPosition,
    SaysItIsNotThere,
    CountsReadableRows,
}

/// A storage in memory, in which rows can be spoiled.
#[derive(Debug)]
struct Spoilable {
    inner: MemoryStorage,
    spoiled: Mutex<HashSet<Uuid>>,
    mistake: Mistake,
}

impl Spoilable {
    fn is_spoiled(&self, id: Uuid) -> bool {
        self.spoiled.lock().unwrap().contains(&id)
    }
}

#[async_trait]
impl<E: Entity> Store<E> for Spoilable {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        match self.is_spoiled(id.into()) {
            true if self.mistake == Mistake::SaysItIsNotThere => Ok(Read::origin(None)),
            true => Err(StorageError::new(ErrorKind::Corrupt, E::FIND).with_entity(E::KIND, id)),
            false => self.inner.find(id, deleted).await,
        }
    }

    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        let rows: Page<E> = self.inner.list(query, PageRequest::default()).await?.value;
        let place = |row: &E| Cursor::of(row, query.order());
        let from = match &page.start {
            Start::First => 0,
            Start::Offset(rows) => *rows as usize,
            Start::After(cursor) => rows.items.partition_point(|row| place(row).compare(cursor).is_le()),
        };
        let mut answer = PageBuilder::new(query, page.limit);
        for row in rows.items.into_iter().skip(from) {
            let fits = match (self.is_spoiled(row.id().into()), self.mistake) {
                (false, _) => answer.push(row),
                (true, Mistake::FailsTheList) => return Err(StorageError::new(ErrorKind::Corrupt, E::LIST)),
                (true, Mistake::LeavesItOutOfTheCount) => true,
                (true, Mistake::EndsTheListAtIt) => break,
                (true, _) => answer.push_unreadable(place(&row), 1, "the column data".to_owned()),
            };
            if !fits {
                break;
            }
        }
        let mut answer = answer.finish();
        match self.mistake {
            Mistake::HidesTheRow => answer.unreadable.clear(),
            Mistake::ReportsNoPosition => answer.unreadable.iter_mut().for_each(|row| row.position = 0),
            _ => {}
        }
        Ok(Read::origin(answer))
    }

    async fn count(&self, query: &E::Query) -> Result<u64> {
        let rows: Page<E> = self.inner.list(query, PageRequest::default()).await?.value;
        let is_counted = |row: &&E| self.mistake != Mistake::CountsReadableRows || !self.is_spoiled(row.id().into());
        Ok(rows.items.iter().filter(is_counted).count() as u64)
    }
}

delegate_port!(Commit, Log, Consumers, Snapshot, Probe for [] Spoilable, storage => storage.inner);

async fn is_caught(mistake: Mistake) -> bool {
    let storage = Spoilable { inner: MemoryStorage::new(), spoiled: Mutex::default(), mistake };
    let judge = async {
        unreadable::are_reported(&storage, async |id| {
            storage.spoiled.lock().unwrap().insert(id);
        })
        .await;
    };
    AssertUnwindSafe(judge).catch_unwind().await.is_err()
}

#[tokio::test]
async fn a_storage_that_reports_unreadable_rows_passes() {
    assert!(!is_caught(Mistake::None).await);
}

#[tokio::test]
async fn every_mistake_with_unreadable_rows_is_caught() {
    for mistake in [
        Mistake::HidesTheRow,
        Mistake::FailsTheList,
        Mistake::LeavesItOutOfTheCount,
        Mistake::EndsTheListAtIt,
        Mistake::ReportsNoPosition,
        Mistake::SaysItIsNotThere,
        Mistake::CountsReadableRows,
    ] {
        assert!(is_caught(mistake).await, "{mistake:?}");
    }
}
