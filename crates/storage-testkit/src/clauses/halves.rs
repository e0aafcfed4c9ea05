//! Invariant 1 as readers see it: no list shows half of a transaction, of whatever kind and change.

use crate::{
    kinds::{Sample, each_filter, held, page, put, twin, with},
    sample::{Call, at},
};
use character_domain::Revision;
use character_storage_port::{
    Change, Entity, Expect, Limit, MemoryStorage, PageRequest, StoragePort, Transaction, every_kind,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// How many rows each transaction changes.
const ROWS: usize = 4;
/// The fewest transactions that change them, and the fewest times that each list is read meanwhile.
const CHANGES: usize = 12;
const LOOKS: usize = 3;

/// One transaction that makes the same change of each row.
fn each<E: Entity>(rows: &[E], change: impl Fn(&E) -> Change<E>) -> Transaction {
    rows.iter().fold(Transaction::new(), |transaction, row| transaction.with(change(row)))
}

/// The transaction of this number, in turn: the rows lose what they may lose, get it back, move to other owners and back, are
/// deleted and restored.
fn change<E: Sample>(rows: &[E], number: usize) -> Transaction {
    let expect = Expect::Any;
    match number % 6 {
        0 => each(rows, |row| Change::Replace { entity: row.bare(), expect }),
        2 => each(rows, |row| Change::Replace { entity: row.changed(), expect }),
        4 => each(rows, |row| Change::Delete { id: row.id(), expect, at: at(9) }),
        5 => each(rows, |row| Change::Restore { id: row.id(), expect, at: at(9) }),
        _ => each(rows, |row| Change::Replace { entity: row.clone(), expect }),
    }
}

/// The list of the owner of the rows, and that by each other filter within it, with deleted rows and without.
fn lists<E: Sample>(row: &E) -> Vec<E::Query> {
    let filters = E::filters();
    let of_owner = with(&E::every_live(), |query| (filters[0].narrow)(query, row));
    let mut queries: Vec<_> =
        filters.iter().map(|filter| with(&of_owner, |query| (filter.narrow)(query, row))).collect();
    queries.push(with(&of_owner, E::include_deleted));
    queries
}

async fn no_half_is_shown<E: Sample>(storage: &Arc<dyn StoragePort>) {
    let row = E::full();
    let rows: Vec<E> = (0..ROWS).map(|_| twin(&row)).collect();
    put(&**storage, &rows).await;
    let (changes, is_over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let writer = tokio::spawn({
        let (storage, rows) = (Arc::clone(storage), rows.clone());
        let (changes, is_over) = (Arc::clone(&changes), Arc::clone(&is_over));
        async move {
            for (number, call) in (0..).zip(Call::BOTH.iter().copied().cycle()) {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                call.commit_one(&*storage, change(&rows, number)).await.expect("no other call writes");
                changes.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        }
    });
    let queries = lists(&row);
    let mut looks = 0;
    while looks < LOOKS || changes.load(Ordering::SeqCst) < CHANGES && !writer.is_finished() {
        looks += 1;
        for query in &queries {
            let items = page::<E>(&**storage, query, PageRequest::first(Limit::MAX)).await.items;
            let revisions: Vec<u64> = items.iter().map(|row| row.meta().revision.0).collect();
            assert!(matches!(revisions.len(), 0 | ROWS), "{} of {ROWS} rows in the list for {query:?}", items.len());
            assert!(revisions.windows(2).all(|pair| pair[0] == pair[1]), "{revisions:?} in the list for {query:?}");
        }
        // A storage that answers without waiting must still let the writer run.
        tokio::task::yield_now().await;
    }
    is_over.store(true, Ordering::SeqCst);
    writer.await.expect("the writer ends");
}

/// No list of any kind, by whatever filter, ever shows some of the rows as a transaction left them and others as they were
/// before, whether it replaces, moves, deletes or restores them, alone or in a batch.
pub async fn a_list_never_shows_half_a_change(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => no_half_is_shown::<Row>(&storage).await);
}

/// Transactions of which each builds on the one before: the whole life of a row, and an import of another.
fn a_life<E: Sample>() -> (Vec<Transaction>, Vec<E::Query>) {
    let row = twin(&E::full());
    let (changed, expect, id) = (row.changed(), Expect::Any, row.id());
    let imported = with(&twin(&row), |row| row.meta_mut().revision = Revision(5));
    let mut queries = each_filter(&row);
    queries.extend(each_filter(&changed));
    queries.extend(queries.clone().iter().map(|query| with(query, E::include_deleted)));
    let changes = [
        Change::Create(row.clone()),
        Change::Replace { entity: changed, expect },
        Change::Delete { id, expect, at: at(1) },
        Change::Restore { id, expect, at: at(2) },
        Change::Delete { id, expect, at: at(3) },
        Change::Revive { entity: row, expect },
        Change::Import(imported),
    ];
    (changes.into_iter().map(|change| Transaction::new().with(change)).collect(), queries)
}

async fn follow_batches<E: Sample>(storage: &Arc<dyn StoragePort>) {
    let reference: Arc<dyn StoragePort> = Arc::new(MemoryStorage::new());
    // One transaction in each batch, then all of another life in one batch.
    for size in [1, 3, 7] {
        let (transactions, queries) = a_life::<E>();
        for batch in transactions.chunks(size) {
            for outcome in reference.commit_each(batch.to_vec()).await {
                outcome.expect("each builds on the one before");
            }
            for outcome in storage.commit_each(batch.to_vec()).await {
                outcome.expect("each builds on the one before");
            }
            let mut shown: Vec<E> = Vec::new();
            for query in &queries {
                let request = PageRequest::first(Limit::MAX);
                let rows = page::<E>(&**storage, query, request.clone()).await.items;
                assert_eq!(rows, page::<E>(&*reference, query, request).await.items, "the list for {query:?}");
                shown.extend(rows);
            }
            shown.sort_by_key(|row| row.id().into());
            shown.dedup();
            for row in shown {
                assert_eq!(held::<E>(&**storage, row.id()).await, Some(row));
            }
        }
    }
}

/// Finds and every list of every kind follow each change that `commit_each` makes, one in a batch or several of one row.
pub async fn reads_follow_batches_of_every_kind(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => follow_batches::<Row>(&storage).await);
}
