use super::*;
use character_domain::{Revision, now};
use character_storage_port::EntityKind;
use std::sync::Arc;
use uuid::Uuid;

fn table() -> ChangeTable {
    let table = ChangeTable::new(1024, Duration::from_secs(1));
    table.begin();
    table.listen(Epoch::new(), Tick(10), Tick(10));
    table
}

fn row(id: u128) -> RowChange {
    let owner = vec![Scope::Owner("user_id", Uuid::from_u128(id))];
    let (kind, id, revision) = (EntityKind::Character, Uuid::from_u128(id), Revision(1));
    RowChange { kind, id, revision, before: owner.clone(), after: owner, changed: Vec::new() }
}

fn commit(tick: u64, rows: Option<Vec<RowChange>>) -> LoggedCommit {
    let (events, traceparent, committed_at) = (Vec::new(), None, now());
    LoggedCommit { tick: Tick(tick), transaction: TransactionId::new(), committed_at, rows, events, traceparent }
}

fn own(id: TransactionId, tick: u64, row_id: u128) -> Committed {
    Committed { id, tick: Tick(tick), written: Vec::new(), changes: vec![row(row_id)], answer: None }
}

fn subject(id: u128) -> Subject {
    Subject::Row(EntityKind::Character, Uuid::from_u128(id))
}

#[test]
fn news_void_the_marks_of_the_row_and_of_the_lists_of_its_owners() {
    let table = table();
    let list = |id| Subject::Lists(EntityKind::Character, Scope::Owner("user_id", Uuid::from_u128(id)));
    let subjects = [subject(1), list(1), Subject::Lists(EntityKind::Character, Scope::All)];
    let marks = subjects.map(|subject| table.mark(&subject));
    let others = [subject(2), list(2)].map(|subject| table.mark(&subject));
    table.tell([commit(12, Some(vec![row(1)]))].iter(), Tick(13));
    assert!(marks.iter().all(|mark| !table.holds(*mark)) && others.iter().all(|mark| table.holds(*mark)));
}

#[test]
fn a_shared_value_counts_when_it_was_loaded_behind_the_last_change_that_is_known() {
    let table = table();
    let is_current = |as_of| table.is_current(table.mark(&subject(1)), Tick(as_of));
    assert!(!is_current(9) && is_current(10), "nothing is known of what came before");
    table.tell([commit(12, Some(vec![row(1)]))].iter(), Tick(13));
    assert!(!is_current(12) && is_current(13));
    table.tell([commit(15, None)].iter(), Tick(16));
    assert!(!is_current(15) && is_current(16), "any row may have changed");
}

#[test]
fn the_own_commit_is_applied_once_and_its_new_state_may_be_kept_unless_a_later_one_is_known() {
    let table = table();
    let told = commit(12, Some(vec![row(1)]));
    let kept = table.tell_own(table.generation(), &own(told.transaction, 12, 1))[0].unwrap();
    table.tell(std::iter::empty(), Tick(12));
    assert!(!table.has_reached(Tick(12)), "another process may have committed with the same tick");
    assert_eq!(table.tell([told].iter(), Tick(13)), 0);
    assert!(table.has_reached(Tick(12)) && !table.has_reached(Tick(13)));
    assert!(table.holds(kept), "the log told nothing new");
    table.tell([commit(14, Some(vec![row(1)]))].iter(), Tick(15));
    assert!(!table.holds(kept));
    let repeat = |tick, id| table.tell_own(table.generation(), &own(TransactionId::new(), tick, id));
    assert_eq!(repeat(12, 1), [None], "the repeat of an old commit");
    assert_eq!(repeat(9, 2), [None], "one from before it listened");
}

#[test]
fn an_answer_from_before_the_log_began_anew_is_not_kept_and_does_not_hide_what_the_log_tells() {
    let table = table();
    let (since, told) = (table.generation(), commit(12, Some(vec![row(1)])));
    table.begin();
    table.listen(Epoch::new(), Tick(10), Tick(10));
    assert_eq!(table.tell_own(since, &own(told.transaction, 500, 1)), [None]);
    assert!(!table.has_reached(Tick(500)));
    // The restored storage has lost the transaction, and takes it once more.
    let mark = table.mark(&subject(1));
    assert_eq!(table.tell([told].iter(), Tick(13)), 1);
    assert!(!table.holds(mark));
}

#[test]
fn an_own_commit_of_the_time_in_which_the_log_was_asked_is_not_forgotten() {
    let table = table();
    table.begin();
    table.tell_own(table.generation(), &own(TransactionId::new(), 12, 1));
    let since = table.generation();
    table.begin_to_listen();
    table.listen(Epoch::new(), Tick(10), Tick(10));
    table.tell(std::iter::empty(), Tick(12));
    table.tell_own(since, &own(TransactionId::new(), 14, 2));
    for (id, tick) in [(1, 12), (2, 14)] {
        let mark = table.mark(&subject(id));
        assert!(!table.is_current(mark, Tick(tick)) && table.is_current(mark, Tick(tick + 1)), "{id}");
    }
}

#[test]
fn a_shared_value_that_was_looked_up_before_the_log_began_anew_does_not_count_after() {
    let table = table();
    table.tell([commit(12, Some(vec![row(1)]))].iter(), Tick(13));
    let mark = table.mark(&subject(1));
    assert!(!table.is_current(mark, Tick(11)) && table.is_current(mark, Tick(13)));
    table.begin();
    table.listen(Epoch::new(), Tick(5), Tick(5));
    assert!(!table.is_current(mark, Tick(11)), "the change at 12 is forgotten");
    assert!(!table.is_current(mark, Tick(13)), "and so is which epoch the value is of");
}

#[tokio::test(start_paused = true)]
async fn nothing_counts_as_current_a_second_after_the_last_question_that_was_answered() {
    let table = Arc::new(table());
    assert!(!table.is_trusted(Instant::now()));
    tokio::time::advance(Duration::from_millis(1)).await;
    let asked = Instant::now();
    tokio::time::advance(Duration::from_millis(900)).await;
    table.hear(asked);
    assert!(table.is_trusted(Instant::now()));
    tokio::time::advance(Duration::from_millis(100)).await;
    assert!(!table.is_trusted(Instant::now()));
}
