//! Applies a commit of this process to its own cache.

use crate::{
    Key,
    change_table::{Generation, Mark},
    key::Subject,
    tiers::Tiers,
    weight::weigh,
};
use character_domain::Meta;
use character_storage_port::{
    Change, Committed, Entity, EntityKind, ErrorKind, Result, StorageError, Tier, Transaction, for_write,
};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// The new state of a row, cached when the commit has returned its revision and times.
type NewState = Box<dyn FnOnce(&Tiers, Meta, Mark) + Send + Sync>;

fn new_state<E: Entity>(change: &Change<E>) -> Option<NewState> {
    if E::KIND == EntityKind::CharacterVersion {
        // Each change of a character makes one, and few are read: they would take the place of rows that are.
        return None;
    }
    let mut entity = change.entity()?.clone();
    Some(Box::new(move |tiers, meta, mark| {
        *entity.meta_mut() = meta;
        let key = Key::row(E::KIND, entity.id().into());
        let value = Some(entity);
        let weight = weigh(&value);
        // What was written is kept as text: a clone leaves behind what acts found inside.
        tiers.keep(&key, mark, &Arc::new(value.clone()), weight, (Duration::ZERO, Tier::Local));
    }))
}

/// The changes of a transaction, before it is sent.
pub(crate) struct Written {
    since: Generation,
    rows: Vec<(EntityKind, Uuid)>,
    states: Vec<Option<NewState>>,
}

impl Written {
    pub(crate) fn of(transaction: &Transaction, since: Generation) -> Self {
        // With a fingerprint of its own a repeat may carry other writes than the first, and gets the outcome of the first.
        let is_what_is_committed = transaction.fingerprint.is_none();
        let writes = transaction.writes.iter();
        let states =
            writes.filter(|_| is_what_is_committed).map(|write| for_write!(write, change => new_state(change)));
        let rows = transaction.writes.iter().map(|write| write.row());
        Self { since, rows: rows.collect(), states: states.collect() }
    }
}

impl Tiers {
    /// Applies the outcome of a commit, before it is acknowledged. An unknown outcome needs no action: if the commit
    /// was applied, the log reports it.
    pub(crate) async fn apply(&self, written: Written, outcome: &Result<Committed>) {
        match outcome {
            Ok(committed) => self.apply_commit(written, committed),
            Err(error) => self.apply_refusal(&written, error).await,
        }
    }

    fn apply_commit(&self, written: Written, committed: &Committed) {
        let marks = self.table.tell_own(written.since, committed);
        self.metrics.told(1);
        // A storage that does not say what it changed, such as for a commit of an older release, said nothing new either:
        // only a repeat gets such an answer.
        for ((state, meta), mark) in written.states.into_iter().zip(&committed.written).zip(marks) {
            if let (Some(state), Some(mark)) = (state, mark) {
                state(self, *meta, mark);
            }
        }
    }

    /// A rejection may show that a cached value differs from the storage.
    async fn apply_refusal(&self, written: &Written, error: &StorageError) {
        let disproves =
            matches!(error.kind(), ErrorKind::Conflict { .. } | ErrorKind::NotFound | ErrorKind::AlreadyExists);
        if let Some(row) = error.entity().filter(|row| disproves && written.rows.contains(row)) {
            self.disprove(row, Vec::new()).await;
        }
    }

    /// Drops a row and lists, because the storage returned another state.
    pub(crate) async fn disprove(&self, (kind, id): (EntityKind, Uuid), lists: Vec<Subject>) {
        self.table.disprove(std::iter::once(Subject::Row(kind, id)).chain(lists));
        self.metrics.disproved();
        if let Some((tier, name)) = self.shared.as_ref().zip(self.shared_name(&Key::row(kind, id))) {
            tier.remove(&[name]).await;
        }
    }
}
