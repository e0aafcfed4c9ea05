//! Bulk creation of rows in one act: all or none, or each on its own. Both are one transaction, with one stored answer.

mod creations;

use crate::{
    RepositoryError, RequestContext, Result, StorageContext,
    act::{Attempt, Decision, TakenIds},
};
use character_domain::{Refusal, Violations};
use character_storage_port::{Deleted, Entity, EntityKind, StoragePort, Store, Transaction};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The maximum number of lookups of one bulk that run at the same time.
const LOOKUPS: usize = 16;

/// The maximum number of faults that the outcomes of one bulk list together, apart from the first of each row.
const MOST_FAULTS: usize = 1_000;

/// The effect of one rejected row of a bulk on the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atomicity {
    /// Either every row is stored or none is.
    AllOrNone,
    /// Each row is stored or refused on its own.
    EachOnItsOwn,
}

/// The outcome of each row of a bulk, in the order given.
pub type BulkOutcome<E> = Vec<Result<E>>;

/// Why one row of a bulk was refused, as it is kept for a repeat of the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BulkItemRefusal {
    Invalid(Violations),
    AlreadyExists { kind: EntityKind, deleted: bool },
    Refused(Refusal),
}

impl TryFrom<RepositoryError> for BulkItemRefusal {
    type Error = RepositoryError;

    /// A failure that is not about the one row is no refusal of it.
    fn try_from(error: RepositoryError) -> Result<Self> {
        match error {
            RepositoryError::Invalid(violations) => Ok(Self::Invalid(violations)),
            RepositoryError::AlreadyExists { kind, deleted } => Ok(Self::AlreadyExists { kind, deleted }),
            RepositoryError::Refused(refusal) => Ok(Self::Refused(refusal)),
            other => Err(other),
        }
    }
}

impl From<BulkItemRefusal> for RepositoryError {
    fn from(refusal: BulkItemRefusal) -> Self {
        match refusal {
            BulkItemRefusal::Invalid(violations) => Self::Invalid(violations),
            BulkItemRefusal::AlreadyExists { kind, deleted } => Self::AlreadyExists { kind, deleted },
            BulkItemRefusal::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

impl BulkItemRefusal {
    /// The same, as faults of the row at `place`.
    fn under(self, place: &str) -> Violations {
        match self {
            Self::Invalid(violations) => violations.under(place),
            Self::AlreadyExists { deleted: false, .. } => {
                Violations::one(format!("{place}.id"), "exists already, or occurs twice in the request")
            }
            Self::AlreadyExists { deleted: true, .. } => {
                Violations::one(format!("{place}.id"), "exists already; the row is soft-deleted and can be restored")
            }
            Self::Refused(Refusal { rule, reason }) => Violations::one(place, format!("{rule}: {reason}")),
        }
    }
}

/// What an attempt at a bulk came to: the outcome of each row, and the transaction that stores those that are accepted.
#[derive(Debug)]
struct Batch<E> {
    outcomes: BulkOutcome<E>,
    transaction: Transaction,
}

impl<E: Entity> Batch<E> {
    /// `list` is the field of the request that holds the rows.
    fn decide(self, atomicity: Atomicity, list: &str) -> Result<Decision<Vec<Result<E, BulkItemRefusal>>>> {
        let mut kept = Vec::with_capacity(self.outcomes.len());
        let (mut faults, mut room) = (Violations::default(), MOST_FAULTS);
        for (index, outcome) in self.outcomes.into_iter().enumerate() {
            let mut outcome = match outcome {
                Ok(row) => Ok(row),
                Err(error) => Err(BulkItemRefusal::try_from(error)?),
            };
            if let (Atomicity::EachOnItsOwn, Err(BulkItemRefusal::Invalid(violations))) = (atomicity, &mut outcome) {
                violations.shorten(room.max(1));
                room = room.saturating_sub(violations.len());
            }
            if let (Atomicity::AllOrNone, Err(refusal)) = (atomicity, &outcome) {
                faults.append(refusal.clone().under(&format!("{list}[{index}]")));
            }
            kept.push(outcome);
        }
        faults.into_result().map_err(RepositoryError::Invalid)?;
        Ok(if kept.iter().any(Result::is_ok) {
            Decision::Commit(self.transaction, kept, TakenIds::LookUp)
        } else {
            Decision::Unchanged(kept)
        })
    }
}

impl StorageContext {
    /// Stores many new rows. With [`Atomicity::AllOrNone`] every outcome is `Ok`, or all faults are named by their place
    /// in `list`: `items[3].name`.
    async fn create_many<E, F>(
        &self,
        name: &'static str,
        request: &RequestContext,
        atomicity: Atomicity,
        list: &'static str,
        attempt: impl Fn(Attempt) -> F,
    ) -> Result<BulkOutcome<E>>
    where
        E: Entity,
        F: Future<Output = Result<Batch<E>>>,
    {
        let attempt = &attempt;
        let decided = move |this: Attempt| async move {
            let decision = attempt(this.clone()).await?.decide(atomicity, list);
            if matches!(decision, Err(RepositoryError::Invalid(_))) && this.is_first() {
                // Nothing is stored, so that all faults are to be named: ids that are taken, too.
                return attempt(this.again()).await?.decide(atomicity, list);
            }
            decision
        };
        let kept: Vec<Result<E, BulkItemRefusal>> = self.act(name, request, decided).await?;
        Ok(kept.into_iter().map(|outcome| outcome.map_err(RepositoryError::from)).collect())
    }
}

/// Those of these ids that the storage holds, and whether their rows are soft-deleted.
pub(crate) async fn stored<E: Entity>(
    attempt: &Attempt,
    ids: impl IntoIterator<Item = E::Id>,
) -> Result<HashMap<E::Id, bool>>
where
    dyn StoragePort: Store<E>,
{
    stream::iter(ids)
        .map(|id| async move {
            let row = attempt.row_if_any::<E>(id, Deleted::Include).await?;
            Ok(row.map(|row| (id, row.meta().is_deleted())))
        })
        .buffer_unordered(LOOKUPS)
        .try_filter_map(async |found| Ok(found))
        .try_collect()
        .await
}

/// The outcome of each of these rows, as `store` decides it. Those that could not be read are refused in their place.
fn outcomes<N: Clone, E>(new: &[Result<N, Violations>], mut store: impl FnMut(N) -> Result<E>) -> BulkOutcome<E> {
    new.iter().map(|new| store(new.clone().map_err(RepositoryError::Invalid)?)).collect()
}

/// The ids that rows of one bulk chose, each of which may be used once.
#[derive(Debug)]
struct ChosenIds<E: Entity> {
    /// The ids that are taken, and whether their rows are soft-deleted.
    taken: HashMap<E::Id, bool>,
}

impl<E: Entity> ChosenIds<E> {
    /// Looks up which of the ids that these rows chose the storage holds. The first attempt takes them for free, because
    /// they usually are, and the commit reports it when they are not.
    async fn look_up<N>(
        attempt: &Attempt,
        new: &[Result<N, Violations>],
        chosen: impl Fn(&N) -> Option<E::Id>,
    ) -> Result<Self>
    where
        dyn StoragePort: Store<E>,
    {
        if attempt.is_first() {
            return Ok(Self { taken: HashMap::new() });
        }
        let taken = stored::<E>(attempt, new.iter().filter_map(|new| chosen(new.as_ref().ok()?))).await?;
        Ok(Self { taken })
    }

    /// Takes this id for a row. An id that is taken, or was chosen by an earlier row of the bulk, is refused.
    fn claim(&mut self, id: E::Id) -> Result<()> {
        match self.taken.insert(id, false) {
            None => Ok(()),
            Some(deleted) => Err(RepositoryError::AlreadyExists { kind: E::KIND, deleted }),
        }
    }
}
