use crate::{
    Fence, Key, Settlement,
    local::{Hold, Outcome, Value},
    tiers::Tiers,
    weight::{weigh, written},
};
use bytes::Bytes;
use character_domain::{Meta, Revision};
use character_storage_port::{
    Change, Committed, Entity, EntityKind, ErrorKind, Result, Scope, StorageError, Transaction, for_write,
};
use std::{
    collections::{BTreeSet, HashSet},
    fmt,
    sync::Arc,
};
use tracing::Instrument;

/// The keys that one transaction touches, held until its outcome is known.
#[derive(Debug)]
pub(crate) struct Plan {
    rows: Vec<Row>,
    generations: Vec<Hold>,
}

struct Row {
    hold: Hold,
    kind: EntityKind,
    /// Which revision the write makes if the row is what we believe it to be.
    predicted: Option<Revision>,
    /// The new state, when it may be kept.
    new: Option<Box<dyn FnOnce(Meta) -> New + Send + Sync>>,
}

struct New {
    value: Value,
    weight: u32,
    bytes: Option<Bytes>,
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("key", &self.hold.key).finish_non_exhaustive()
    }
}

/// How a transaction ended, as far as the cache is concerned.
enum Ending<'a> {
    Applied(&'a [Meta]),
    /// Not applied, and what we hold was right.
    Refused,
    /// Not applied, and what we hold may be why: it may be old.
    Outdated,
    Unknown,
}

fn ending(outcome: &Result<Committed>) -> Ending<'_> {
    match outcome {
        Ok(committed) => Ending::Applied(&committed.written),
        Err(error) if !error.certainly_not_applied() => Ending::Unknown,
        Err(error) => match error.kind() {
            ErrorKind::Conflict { .. } | ErrorKind::NotFound | ErrorKind::AlreadyExists => Ending::Outdated,
            _ => Ending::Refused,
        },
    }
}

impl Tiers {
    /// Before a commit: holds every key that the transaction touches, in this process.
    pub(crate) fn plan(&self, transaction: &Transaction) -> Plan {
        let mut generations = BTreeSet::new();
        let mut rows = Vec::with_capacity(transaction.writes.len());
        let mut seen = HashSet::with_capacity(transaction.writes.len());
        for write in &transaction.writes {
            // A row written twice makes the storage refuse the transaction; one hold is enough.
            if seen.insert(write.row()) {
                rows.push(for_write!(write, change => self.plan_row(change, &mut generations)));
            }
        }
        let generations = generations.into_iter().map(|key| self.local.hold(key)).collect();
        Plan { rows, generations }
    }

    fn plan_row<E: Entity>(&self, change: &Change<E>, generations: &mut BTreeSet<Key>) -> Row {
        let hold = self.local.hold(Key::row(E::KIND, change.id().into()));
        let known = hold.before().and_then(|stored| stored.value.downcast_ref::<Option<E>>());
        let scopes: Option<Vec<Scope>> = match (change, known) {
            (Change::Create(entity) | Change::Import(entity), _) => Some(entity.scopes()),
            // Only of what is current is it known which lists the row leaves.
            (_, Some(Some(old))) if hold.was_fresh() => {
                Some(old.scopes().into_iter().chain(change.entity().iter().flat_map(|new| new.scopes())).collect())
            }
            _ => None,
        };
        match scopes {
            Some(scopes) => generations.extend(scopes.into_iter().map(|scope| Key::generation(E::KIND, scope))),
            None => drop(generations.insert(Key::kind_generation(E::KIND))),
        }
        let first = change.first_revision();
        let predicted = first.or_else(|| Some(known?.as_ref()?.meta().revision.next()));
        // A repeated transaction gets its first answer again, which may be older than the row is by now. Only one
        // that follows directly upon what we know to be current is certainly no repeat.
        let follows = hold.was_fresh() && first.is_some() == known.is_some_and(Option::is_none);
        let shared = self.shared.is_some();
        let new = change.entity().filter(|_| follows).cloned().map(|mut entity| {
            let make = move |meta: Meta| {
                *entity.meta_mut() = meta;
                let value = Some(entity);
                let (bytes, weight) = if shared { written(&value) } else { (None, weigh(&value)) };
                // What was written is kept as text: a clone leaves behind what acts found inside.
                New { weight, bytes, value: Arc::new(value.clone()) }
            };
            Box::new(make) as Box<dyn FnOnce(Meta) -> New + Send + Sync>
        });
        Row { hold, kind: E::KIND, predicted, new }
    }

    /// Before the commits: holds the keys of `plans` in the shared tier.
    pub(crate) async fn fence(&self, plans: &[Plan]) -> Option<Fence> {
        let shared = self.shared.as_ref()?;
        let keys: BTreeSet<&Key> = plans.iter().flat_map(Plan::keys).collect();
        if keys.is_empty() {
            return None;
        }
        Some(shared.fence(&keys.into_iter().cloned().collect::<Vec<_>>()).await)
    }

    /// After the commits and before their answers: settles what was held, in the shared tier first, so that
    /// nothing old is read back from there.
    pub(crate) async fn settle(
        self: &Arc<Self>,
        fence: Option<Fence>,
        plans: Vec<Plan>,
        outcomes: &[Result<Committed>],
    ) {
        let (mut here, mut there, mut doubtful) = (Vec::new(), Vec::new(), Vec::new());
        let mut outdated_kinds = HashSet::new();
        let unknown = Err(StorageError::new(ErrorKind::Corrupt, character_storage_port::COMMIT));
        for (index, plan) in plans.into_iter().enumerate() {
            match ending(outcomes.get(index).unwrap_or(&unknown)) {
                Ending::Unknown => doubtful.push(plan),
                Ending::Applied(written) => {
                    for (index, row) in plan.rows.into_iter().enumerate() {
                        let meta = written.get(index).copied();
                        let as_predicted = meta.is_some() && row.predicted == meta.map(|meta| meta.revision);
                        if !as_predicted {
                            outdated_kinds.insert(row.kind);
                        }
                        let new = row.new.filter(|_| as_predicted).zip(meta).map(|(new, meta)| new(meta));
                        let key = row.hold.key.clone();
                        match new {
                            Some(New { value, weight, bytes }) => {
                                there.push((key, bytes.map_or(Settlement::Remove, Settlement::Store)));
                                let fresh = self.options.fresh;
                                here.push((row.hold, Outcome::Stored { value, weight, fresh }));
                            }
                            None => {
                                there.push((key, Settlement::Remove));
                                here.push((row.hold, Outcome::Removed));
                            }
                        }
                    }
                    for hold in plan.generations {
                        there.push((hold.key.clone(), Settlement::Remove));
                        here.push((hold, Outcome::Removed));
                    }
                }
                ending @ (Ending::Refused | Ending::Outdated) => {
                    let restored = matches!(ending, Ending::Refused);
                    for hold in plan.rows.into_iter().map(|row| row.hold).chain(plan.generations) {
                        there.push((hold.key.clone(), if restored { Settlement::Restore } else { Settlement::Remove }));
                        here.push((hold, if restored { Outcome::Restored } else { Outcome::Removed }));
                    }
                }
            }
        }
        let outdated: Vec<Key> = outdated_kinds.into_iter().map(Key::kind_generation).collect();
        if let (Some(shared), Some(fence)) = (&self.shared, fence) {
            if !there.is_empty() {
                shared.settle(fence, there).await;
            }
            if !outdated.is_empty() {
                shared.remove(&outdated).await;
            }
        }
        for (hold, outcome) in here {
            hold.settle(outcome);
        }
        for key in &outdated {
            self.local.remove(key);
        }
        self.doubt(doubtful).await;
    }

    /// Holds on for a while to what a write may have touched: it may still be on its way to the storage.
    async fn doubt(self: &Arc<Self>, plans: Vec<Plan>) {
        if plans.is_empty() {
            return;
        }
        // Anew, because another transaction of the same batch may have settled a key that this one touches too.
        let fence = self.fence(&plans).await;
        let kinds: HashSet<EntityKind> = plans.iter().flat_map(|plan| &plan.rows).map(|row| row.kind).collect();
        let tiers = Arc::clone(self);
        let wait = async move {
            tokio::time::sleep(tiers.options.doubt).await;
            tiers.leave_in_doubt(fence, plans).await;
            // Another process may have moved the rows just before, between lists that are not among these.
            let every = kinds.into_iter().map(|kind| tiers.local.hold(Key::kind_generation(kind))).collect();
            let plans = vec![Plan { rows: Vec::new(), generations: every }];
            let fence = tiers.fence(&plans).await;
            tiers.leave_in_doubt(fence, plans).await;
        };
        tokio::spawn(wait.in_current_span());
    }

    async fn leave_in_doubt(&self, fence: Option<Fence>, plans: Vec<Plan>) {
        if let (Some(shared), Some(fence)) = (&self.shared, fence) {
            let keys = plans.iter().flat_map(Plan::keys).map(|key| (key.clone(), Settlement::Doubt));
            shared.settle(fence, keys.collect()).await;
        }
        for hold in plans.into_iter().flat_map(|plan| plan.rows.into_iter().map(|row| row.hold).chain(plan.generations))
        {
            hold.settle(Outcome::Doubtful);
        }
    }
}

impl Plan {
    fn keys(&self) -> impl Iterator<Item = &Key> {
        self.rows.iter().map(|row| &row.hold).chain(&self.generations).map(|hold| &hold.key)
    }
}
