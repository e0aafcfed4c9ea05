//! Several kinds of row together: in one transaction, under one id, in one history.

use crate::{
    kinds::{Sample, SomeRow, held, listed, must_commit, one_of_each, page, put, twin, with},
    sample::{at, character, event, kept, logged_events, numbers, revision},
};
use character_domain::{
    Character, CharacterId, CharacterProgress, ExperienceEntry, InventoryItem, InventoryItemId, JournalEntry, Meta,
    Quest, QuestId, Revision,
};
use character_storage_port::{
    Change, CharacterQuery, Committed, ErrorKind, Expect, ExperienceEntryQuery, InventoryItemQuery, MemoryStorage,
    PageRequest, QuestQuery, StoragePort, Transaction, Write,
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::{slice, sync::Arc};
use uuid::Uuid;

fn all(rows: &[SomeRow], write: fn(&SomeRow) -> &Write) -> Transaction {
    Transaction { writes: rows.iter().map(|row| write(row).clone()).collect(), ..Transaction::new() }
}

fn creation(rows: &[SomeRow]) -> Transaction {
    all(rows, |row| &row.create)
}

/// What each row looks like to a reader.
async fn states(storage: &Arc<dyn StoragePort>, rows: &[SomeRow]) -> Vec<Option<Value>> {
    let mut states = Vec::new();
    for row in rows {
        states.push(row.held(storage).await);
    }
    states
}

fn created(rows: &[SomeRow]) -> Vec<Option<Value>> {
    rows.iter().map(|row| Some(row.created.clone())).collect()
}

/// A transaction may create, replace, delete or restore a row of every kind at once.
pub async fn one_transaction_changes_rows_of_every_kind(storage: Arc<dyn StoragePort>) {
    let rows = one_of_each(Uuid::new_v4);
    storage.commit(creation(&rows)).await.expect("the rows are new and valid");
    assert_eq!(states(&storage, &rows).await, created(&rows));
    storage.commit(all(&rows, |row| &row.replace)).await.expect("the rows are live");
    let replaced: Vec<_> = rows.iter().map(|row| Some(row.replaced.clone())).collect();
    assert_eq!(states(&storage, &rows).await, replaced);
    storage.commit(all(&rows, |row| &row.delete)).await.expect("the rows are live");
    for state in states(&storage, &rows).await {
        assert_eq!(state.expect("a deleted row is held")["meta"]["deleted_at"], json!(at(500)));
    }
    storage.commit(all(&rows, |row| &row.restore)).await.expect("the rows are deleted");
    for state in states(&storage, &rows).await {
        assert_eq!(state.expect("the row is held")["meta"]["deleted_at"], Value::Null);
    }
}

/// The outcome of a transaction over every kind is in the order of the writes, whatever that order is.
pub async fn outcomes_of_every_kind_are_in_the_order_of_the_writes(storage: Arc<dyn StoragePort>) {
    for turn in [0, 4, 7] {
        let mut rows = one_of_each(Uuid::new_v4);
        rows.rotate_left(turn);
        // Two rows of one kind with another kind between them.
        rows.extend(one_of_each(Uuid::new_v4).into_iter().skip(turn).take(2));
        let expected: Vec<Value> = rows.iter().map(|row| row.created["meta"].clone()).collect();
        let committed = storage.commit(creation(&rows)).await.expect("the rows are new and valid");
        let written: Vec<Value> = committed.written.iter().map(|meta| json!(meta)).collect();
        assert_eq!(written, expected);
    }
}

/// A refused write of any kind undoes the writes of all others, and its refusal names it.
pub async fn a_refused_write_of_any_kind_undoes_all_others(storage: Arc<dyn StoragePort>) {
    for place in 0..one_of_each(Uuid::new_v4).len() {
        let (rows, absent) = (one_of_each(Uuid::new_v4), one_of_each(Uuid::new_v4));
        let mut transaction = creation(&rows).with_event(event(CharacterId::new(), 1));
        transaction.writes[place] = absent[place].delete.clone();
        let error = storage.commit(transaction).await.expect_err("one row is absent");
        let named = Some((absent[place].kind, absent[place].id));
        assert_eq!((error.kind(), error.entity()), (&ErrorKind::NotFound, named), "{error}");
        assert!(states(&storage, &rows).await.iter().all(Option::is_none), "beside {:?}", absent[place].kind);
    }
    assert_eq!(logged_events(&storage).await, [], "a refused transaction brought an event");
}

/// In a batch, a refused write of any kind undoes the other writes of its transaction wherever it is among them, and its refusal
/// names it.
pub async fn a_refused_write_in_a_batch_is_named_and_undoes_its_transaction(storage: Arc<dyn StoragePort>) {
    let places = one_of_each(Uuid::new_v4).len();
    let (mut batch, mut kept, mut undone, mut named) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for place in 0..places {
        let (rows, absent) = (one_of_each(Uuid::new_v4), one_of_each(Uuid::new_v4));
        let mut transaction = creation(&rows).with_event(event(CharacterId::new(), 1));
        transaction.writes[place] = absent[place].delete.clone();
        named.push((absent[place].kind, absent[place].id));
        batch.push(transaction);
        undone.extend(rows);
        let rows = one_of_each(Uuid::new_v4);
        batch.push(creation(&rows));
        kept.extend(rows);
    }
    let outcomes = storage.commit_each(batch).await;
    let refusals: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    let expected: Vec<_> = named.into_iter().map(|row| (&ErrorKind::NotFound, Some(row))).collect();
    assert_eq!(refusals.iter().map(|error| (error.kind(), error.entity())).collect::<Vec<_>>(), expected);
    assert_eq!(states(&storage, &kept).await, created(&kept));
    assert!(states(&storage, &undone).await.iter().all(Option::is_none), "a write beside a refused one was applied");
    assert_eq!(logged_events(&storage).await, [], "a refused transaction brought an event");
}

/// Of several refused writes of different kinds, the first in order decides the error.
pub async fn the_first_refused_write_decides_the_error(storage: Arc<dyn StoragePort>) {
    let (rows, absent) = (one_of_each(Uuid::new_v4), one_of_each(Uuid::new_v4));
    storage.commit(creation(&rows)).await.expect("the rows are new and valid");
    for (place, other) in (0..rows.len()).map(|place| (place, (place + 3) % rows.len())) {
        let (present, missing) = (&rows[place], &absent[other]);
        let exists = (ErrorKind::AlreadyExists, Some((present.kind, present.id)));
        let lacks = (ErrorKind::NotFound, Some((missing.kind, missing.id)));
        for (writes, expected) in [
            ([present.create.clone(), missing.delete.clone()], exists),
            ([missing.delete.clone(), present.create.clone()], lacks),
        ] {
            let transaction = Transaction { writes: writes.to_vec(), ..Transaction::new() };
            let error = storage.commit(transaction).await.expect_err("both writes are refused");
            assert_eq!((error.kind().clone(), error.entity()), expected);
        }
    }
}

/// An invalid row of any kind undoes the writes of all others, and the violation names its place.
pub async fn an_invalid_row_of_any_kind_undoes_all_others(storage: Arc<dyn StoragePort>) {
    for place in 0..one_of_each(Uuid::new_v4).len() {
        let rows = one_of_each(Uuid::new_v4);
        let mut transaction = creation(&rows);
        transaction.writes[place] = rows[place].create_broken.clone();
        let error = storage.commit(transaction).await.expect_err("one row breaks a rule");
        let ErrorKind::Invalid(violations) = error.kind() else { panic!("{error}") };
        assert!(violations[0].field.starts_with(&format!("writes[{place}].")), "{error}");
        assert!(states(&storage, &rows).await.iter().all(Option::is_none), "beside {:?}", rows[place].kind);
    }
}

/// Of a transaction that replaces rows of every kind and loses one, no row is changed.
pub async fn a_conflict_leaves_rows_of_every_kind_as_they_were(storage: Arc<dyn StoragePort>) {
    let rows = one_of_each(Uuid::new_v4);
    let item = InventoryItem::full();
    storage.commit(creation(&rows)).await.expect("the rows are new and valid");
    put(&storage, slice::from_ref(&item)).await;
    for place in 0..=rows.len() {
        let mut transaction = all(&rows, |row| &row.replace);
        let late = Change::Replace { entity: item.clone(), expect: revision(5) };
        transaction.writes.insert(place, Write::InventoryItem(late));
        let error = storage.commit(transaction).await.expect_err("one row is at another revision");
        assert!(matches!(error.kind(), ErrorKind::Conflict { .. }), "{error}");
        assert_eq!(states(&storage, &rows).await, created(&rows));
    }
}

/// Rows of different kinds may have one id, and nothing done to one of them touches the others.
pub async fn rows_of_different_kinds_may_have_one_id(storage: Arc<dyn StoragePort>) {
    let id = Uuid::new_v4();
    let rows = one_of_each(|| id);
    storage.commit(creation(&rows)).await.expect("a row is named by its kind and its id");
    let mut expected = created(&rows);
    assert_eq!(states(&storage, &rows).await, expected);
    for (place, row) in rows.iter().enumerate() {
        let one = |write: &Write| Transaction { writes: vec![write.clone()], ..Transaction::new() };
        storage.commit(one(&row.replace)).await.expect("the row is live");
        expected[place] = Some(row.replaced.clone());
        assert_eq!(states(&storage, &rows).await, expected, "after the {} was replaced", row.kind);
        storage.commit(one(&row.delete)).await.expect("the row is live");
        expected[place] = row.held(&storage).await;
        assert_eq!(states(&storage, &rows).await, expected, "after the {} was deleted", row.kind);
    }
}

/// A quest and an item with one id are listed each under their own kind, also when a list was read before.
pub async fn lists_of_kinds_with_one_id_stay_apart(storage: Arc<dyn StoragePort>) {
    let (id, character_id) = (Uuid::new_v4(), CharacterId::new());
    let quest = Quest { id: QuestId(id), character_id, ..Quest::full() };
    let item = InventoryItem { id: InventoryItemId(id), character_id, ..InventoryItem::full() };
    let quests = QuestQuery { character_id: Some(character_id), ..QuestQuery::default() };
    let items = InventoryItemQuery { character_id: Some(character_id), ..InventoryItemQuery::default() };
    put(&storage, slice::from_ref(&quest)).await;
    assert_eq!(
        (listed::<Quest>(&storage, &quests).await, listed::<InventoryItem>(&storage, &items).await),
        (vec![quest.clone()], vec![])
    );
    assert_eq!(held::<InventoryItem>(&storage, item.id).await, None);
    put(&storage, slice::from_ref(&item)).await;
    assert_eq!(
        (listed::<Quest>(&storage, &quests).await, listed::<InventoryItem>(&storage, &items).await),
        (vec![quest.clone()], vec![item.clone()])
    );
    must_commit(&storage, Change::<Quest>::Delete { id: quest.id, expect: revision(1), at: at(9) }).await;
    assert_eq!(
        (listed::<Quest>(&storage, &quests).await, listed::<InventoryItem>(&storage, &items).await),
        (vec![], vec![item])
    );
}

/// Repeating a transaction over every kind has one effect and gives the first answer.
pub async fn a_repeat_over_every_kind_has_one_effect(storage: Arc<dyn StoragePort>) {
    let rows = one_of_each(Uuid::new_v4);
    let mut transaction = creation(&rows);
    transaction.answer = Some(kept(&json!(rows.iter().map(|row| row.created.clone()).collect::<Vec<_>>())));
    let first = storage.commit(transaction.clone()).await.expect("the rows are new and valid");
    let replacement = all(&rows, |row| &row.replace);
    let second = storage.commit(replacement.clone()).await.expect("the rows are live");
    for _ in 0..2 {
        assert_eq!(storage.commit(transaction.clone()).await.expect("it is a repeat"), first);
        assert_eq!(storage.commit(replacement.clone()).await.expect("it is a repeat"), second);
    }
    let replaced: Vec<_> = rows.iter().map(|row| Some(row.replaced.clone())).collect();
    assert_eq!(states(&storage, &rows).await, replaced);
}

/// The same change of a row of another kind under a used id is `TransactionReused`.
pub async fn a_used_id_with_a_write_of_another_kind_is_refused(storage: Arc<dyn StoragePort>) {
    let id = Uuid::new_v4();
    let rows = one_of_each(|| id);
    storage.commit(creation(&rows)).await.expect("the rows are new and valid");
    let first = Transaction { writes: vec![rows[0].delete.clone()], ..Transaction::new() };
    storage.commit(first.clone()).await.expect("the row is live");
    for row in &rows[1..] {
        let other = Transaction { writes: vec![row.delete.clone()], ..first.clone() };
        let error = storage.commit(other).await.expect_err("the id was used for a row of another kind");
        assert_eq!(error.kind(), &ErrorKind::TransactionReused);
        assert_eq!(row.held(&storage).await.as_ref(), Some(&row.created), "a refused deletion was applied");
    }
}

/// In a batch, transactions over several kinds are judged each for itself and read at once.
pub async fn a_batch_over_every_kind_is_read_at_once(storage: Arc<dyn StoragePort>) {
    let rows = one_of_each(Uuid::new_v4);
    let mut expected = states(&storage, &rows).await;
    let mut batch = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        let writes = if place % 3 == 1 { &row.create_broken } else { &row.create };
        batch.push(Transaction { writes: vec![writes.clone()], ..Transaction::new() });
        expected[place] = Some(row.created.clone()).filter(|_| place % 3 != 1);
    }
    let outcomes = storage.commit_each(batch).await;
    let applied: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(applied, expected.iter().map(Option::is_some).collect::<Vec<_>>());
    assert_eq!(states(&storage, &rows).await, expected);
}

/// Finds follow every row of every transaction of a batch, of whatever kind it is, also when the row was read before.
pub async fn finds_follow_every_row_of_a_batch(storage: Arc<dyn StoragePort>) {
    let reference: Arc<dyn StoragePort> = Arc::new(MemoryStorage::new());
    let mut rows = one_of_each(Uuid::new_v4);
    rows.extend(one_of_each(Uuid::new_v4));
    let writes: [fn(&SomeRow) -> &Write; 5] =
        [|row| &row.create, |row| &row.replace, |row| &row.delete, |row| &row.restore, |row| &row.replace];
    for write in writes {
        assert_eq!(states(&storage, &rows).await, states(&reference, &rows).await);
        let batch: Vec<_> = rows.chunks(5).map(|some| all(some, write)).collect();
        reference.commit_each(batch.clone()).await;
        for outcome in storage.commit_each(batch).await {
            outcome.expect("no other call writes");
        }
    }
    assert_eq!(states(&storage, &rows).await, states(&reference, &rows).await);
}

/// Of many reads at the same time each gets its own answer: rows of every kind with one id and with ids of their own, and pages
/// of one list with different limits and offsets.
pub async fn concurrent_reads_get_their_own_answers(storage: Arc<dyn StoragePort>) {
    let id = Uuid::new_v4();
    let mut rows = one_of_each(|| id);
    rows.extend(one_of_each(Uuid::new_v4));
    let absent = one_of_each(Uuid::new_v4);
    storage.commit(creation(&rows)).await.expect("the rows are new and valid");
    let party: Vec<Character> = crate::sample::party(12);
    put(&*storage, &party).await;
    let query = crate::sample::of_user(party[0].user_id);
    for _ in 0..5 {
        let finds = join_all(rows.iter().chain(&absent).map(|row| row.held(&storage)));
        let pages = join_all((0..12_u32).flat_map(|offset| (1..5).map(move |limit| (offset, limit))).map(
            async |(offset, limit)| {
                let request = PageRequest::first(crate::sample::limit(limit)).offset(offset);
                let items = page::<Character>(&*storage, &query, request).await.items;
                (offset, limit, items.into_iter().map(|row| row.name).collect::<Vec<_>>())
            },
        ));
        let (found, pages) = futures_util::future::join(finds, pages).await;
        let mut expected = created(&rows);
        expected.extend(absent.iter().map(|_| None));
        assert_eq!(found, expected);
        for (offset, limit, names) in pages {
            let newest_first = party.iter().rev().map(|row| row.name.clone());
            let expected: Vec<_> = newest_first.skip(offset as usize).take(limit as usize).collect();
            assert_eq!(names, expected, "{limit} rows behind {offset}");
        }
    }
}

/// Of sixteen transactions that create the progress of one character, one wins, and only its other rows are there.
pub async fn of_concurrent_first_awards_exactly_one_wins(storage: Arc<dyn StoragePort>) {
    let progress = CharacterProgress::new(CharacterId::new(), 0, 1, at(0));
    let awards = (0..16).map(|number| {
        let entry = ExperienceEntry { amount: number, character_id: progress.character_id, ..ExperienceEntry::full() };
        let progress = CharacterProgress { experience_points: number, ..progress.clone() };
        let transaction = Transaction::new().with(Change::Create(entry)).with(Change::Create(progress));
        let storage = Arc::clone(&storage);
        tokio::spawn(async move { storage.commit(transaction).await })
    });
    let mut applied = 0;
    for outcome in join_all(awards.collect::<Vec<_>>()).await {
        match outcome.expect("no task panics") {
            Ok(_) => applied += 1,
            Err(error) => assert_eq!(error.kind(), &ErrorKind::AlreadyExists, "{error}"),
        }
    }
    assert_eq!(applied, 1);
    let held = held::<CharacterProgress>(&storage, progress.id).await.expect("one of them was created");
    let query = ExperienceEntryQuery { character_id: Some(progress.character_id), ..Default::default() };
    let amounts: Vec<_> = listed(&storage, &query).await.iter().map(|entry: &ExperienceEntry| entry.amount).collect();
    assert_eq!(amounts, [held.experience_points]);
}

/// Awards that read a row, write it again and add rows of two other kinds, each again after a conflict, add up exactly.
pub async fn concurrent_awards_over_several_kinds_add_up(storage: Arc<dyn StoragePort>) {
    let progress = CharacterProgress::new(CharacterId::new(), 0, 1, at(0));
    put(&storage, slice::from_ref(&progress)).await;
    let of = progress.character_id;
    let awards = (1..=12).map(|amount: i64| {
        let (storage, id) = (Arc::clone(&storage), progress.id);
        tokio::spawn(async move {
            for _ in 0..2_000 {
                let next = held::<CharacterProgress>(&storage, id).await.expect("the progress is there");
                tokio::task::yield_now().await;
                let expect = Expect::Revision(next.meta.revision);
                let journal = JournalEntry::new(of, format!("Award {amount}"), at(amount));
                let entry = ExperienceEntry::new(of, journal.id, amount, at(amount));
                let number = next.meta.revision.0;
                let next = with(&next, |next| next.experience_points += amount);
                let award = Transaction::new()
                    .with(Change::Create(journal))
                    .with(Change::Create(entry))
                    .with(Change::Replace { entity: next, expect })
                    .with_event(event(of, number));
                match storage.commit(award).await {
                    Ok(_) => return,
                    Err(error) => assert!(matches!(error.kind(), ErrorKind::Conflict { .. }), "{error}"),
                }
                tokio::task::yield_now().await;
            }
            panic!("an award that reads again after each conflict never gets through");
        })
    });
    for award in awards.collect::<Vec<_>>() {
        award.await.expect("every award gets through");
    }
    let total = held::<CharacterProgress>(&storage, progress.id).await.expect("the progress is there");
    assert_eq!((total.experience_points, total.meta.revision), (78, Revision(13)));
    let query = ExperienceEntryQuery { character_id: Some(of), ..Default::default() };
    let mut amounts: Vec<_> = listed(&storage, &query).await.iter().map(|it: &ExperienceEntry| it.amount).collect();
    amounts.sort_unstable();
    assert_eq!(amounts, (1..=12).collect::<Vec<_>>());
    assert_eq!(numbers(&logged_events(&storage).await, of), (1..=12).collect::<Vec<_>>());
}

/// A change of theme is one transaction: the row before stays, the row after names it, and both are found by it at once.
pub async fn a_character_that_changes_theme_is_found_by_its_parent(storage: Arc<dyn StoragePort>) {
    let before = character();
    let grown = CharacterQuery { parent_id: Some(before.id), ..CharacterQuery::live() };
    put(&storage, slice::from_ref(&before)).await;
    assert_eq!(listed::<Character>(&storage, &grown).await, []);
    let after = Character { parent_id: Some(before.id), theme: "steampunk".to_owned(), ..twin(&before) };
    let item = InventoryItem { root_id: Some(InventoryItemId::new()), character_id: after.id, ..InventoryItem::full() };
    let transition = Transaction::new()
        .with(Change::Replace { entity: Character { is_active: false, ..before.clone() }, expect: revision(1) })
        .with(Change::Create(after.clone()))
        .with(Change::Create(item.clone()));
    storage.commit(transition).await.expect("no other call writes");
    assert_eq!(listed::<Character>(&storage, &grown).await, [after]);
    let adapted = InventoryItemQuery { root_id: item.root_id, ..InventoryItemQuery::default() };
    assert_eq!(listed::<InventoryItem>(&storage, &adapted).await, [item]);
    let meta = Meta { revision: Revision(2), ..before.meta };
    assert_eq!(held(&storage, before.id).await, Some(Character { is_active: false, meta, ..before }));
}

/// A long history of changes of rows of every kind, sensible and not, has the same outcomes as over the reference adapter.
pub async fn a_long_history_of_every_kind_agrees_with_the_reference(storage: Arc<dyn StoragePort>) {
    let reference: Arc<dyn StoragePort> = Arc::new(MemoryStorage::new());
    let rows = one_of_each(Uuid::new_v4);
    // A linear congruential generator with a fixed seed: the same history in every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or_default() % bound
    };
    for step in 0..100 {
        let mut transaction = Transaction::new();
        for _ in 0..=below(3) {
            let row = &rows[below(rows.len())];
            let write = match below(9) {
                0 | 1 => &row.create,
                2..=4 => &row.replace,
                5 | 6 => &row.delete,
                7 => &row.restore,
                _ => &row.create_broken,
            };
            transaction.writes.push(write.clone());
        }
        let expected = reference.commit(transaction.clone()).await;
        let outcome = storage.commit(transaction.clone()).await;
        match (&outcome, &expected) {
            (Ok(outcome), Ok(expected)) => {
                // Each storage counts in its own way.
                let expected = Committed { tick: outcome.tick, ..expected.clone() };
                assert_eq!(*outcome, expected, "step {step}: {transaction:?}");
            }
            (Err(error), Err(expected)) => assert_eq!(
                (error.kind(), error.entity()),
                (expected.kind(), expected.entity()),
                "step {step}: {transaction:?}"
            ),
            _ => panic!("step {step}: {outcome:?} instead of {expected:?} for {transaction:?}"),
        }
    }
    assert_eq!(states(&storage, &rows).await, states(&reference, &rows).await);
}
