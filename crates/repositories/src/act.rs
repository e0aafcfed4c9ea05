//! The only way to run an act: retried after a conflict, committed as a whole, and repeatable with a key.

use crate::{
    Condition, Idempotency, RepositoryError, RequestContext, Result, StorageContext,
    conflict_retry::ConflictRetry,
    replay::note_replay,
    unit_of_work::{Changes, UnitOfWork},
};
use character_domain::{Character, CharacterId, Meta, Revision, Timestamp};
use character_storage_port::{
    COMMIT, Change, Committed, Deleted, Entity, ErrorKind, Expect, KeptAnswer, Owned, StorageError, StoragePort, Store,
    Transaction, Write, note_position,
};
use serde::{Serialize, de::DeserializeOwned};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// The decision of one attempt at an act.
#[derive(Debug)]
pub(crate) enum Decision<T> {
    /// Nothing changes; the answer.
    Unchanged(T),
    /// The changes, and the answer once they are committed.
    Commit(Transaction, T, TakenIds),
}

/// How an act that creates rows treats an id that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TakenIds {
    /// The act is rejected.
    Refuse,
    /// The act starts again, and looks up which of its ids exist.
    LookUp,
}

impl<T> Decision<T> {
    pub(crate) fn commit(transaction: Transaction, answer: T) -> Self {
        Self::Commit(transaction, answer, TakenIds::Refuse)
    }
}

/// One attempt at an act. It reads from the origin, past every cache, so that no rule is checked against an old state;
/// only the first attempt may find the character that it changes among the recent rows of this process.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    context: StorageContext,
    name: &'static str,
    condition: Condition,
    author: Option<String>,
    number: u32,
    recent: Option<Recent>,
}

/// Whether an attempt found a recent row, which may be old.
#[derive(Clone, Debug, Default)]
struct Recent(Arc<AtomicBool>);

impl Recent {
    fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_used(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Attempt {
    pub(crate) fn now(&self) -> Timestamp {
        self.context.now()
    }

    /// Whether this is the first attempt, without an earlier conflict.
    pub(crate) fn is_first(&self) -> bool {
        self.number == 0
    }

    /// The next attempt.
    pub(crate) fn again(self) -> Self {
        Self { number: self.number + 1, ..self }
    }

    /// The author, for the record of versions.
    pub(crate) fn author(&self) -> Option<String> {
        self.author.clone()
    }

    /// Rejects a row whose revision the request does not accept.
    pub(crate) fn accept<E: Entity>(&self, row: E) -> Result<E> {
        self.condition.judge(row.meta().revision)?;
        Ok(row)
    }

    /// A row.
    pub(crate) async fn row<E: Entity>(&self, id: E::Id, deleted: Deleted) -> Result<E>
    where
        dyn StoragePort: Store<E>,
    {
        self.context.decide_row(id, deleted).await
    }

    /// A row, or `None` when it is absent.
    pub(crate) async fn row_if_any<E: Entity>(&self, id: E::Id, deleted: Deleted) -> Result<Option<E>>
    where
        dyn StoragePort: Store<E>,
    {
        match self.row(id, deleted).await {
            Ok(row) => Ok(Some(row)),
            Err(RepositoryError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A row of this character. One of another character counts as absent.
    pub(crate) async fn owned_row<E: Owned>(&self, of: CharacterId, id: E::Id, deleted: Deleted) -> Result<E>
    where
        dyn StoragePort: Store<E>,
    {
        let row: E = self.row(id, deleted).await?;
        if row.character_id() == of { Ok(row) } else { Err(RepositoryError::NotFound(E::KIND)) }
    }

    /// Every row of a list.
    pub(crate) async fn all<E: Entity>(&self, query: &E::Query) -> Result<Vec<E>>
    where
        dyn StoragePort: Store<E>,
    {
        self.context.decide_all(query).await
    }

    /// Reads the rows of a list one page at a time, newest first, for as long as `take` returns true.
    pub(crate) async fn each<E: Entity>(&self, query: &E::Query, take: impl FnMut(E) -> bool) -> Result<()>
    where
        dyn StoragePort: Store<E>,
    {
        self.context.decide_each(query, take).await
    }

    /// A live character that this act changes, so that its commit expects the revision that is read here. Read it before
    /// what belongs to it: a change in between moves its revision, and the commit of this attempt fails. For the same
    /// reason a recent row serves: when its revision is still the current one at the commit, it was so all the time.
    pub(crate) async fn character(&self, id: CharacterId) -> Result<Character> {
        let Some(recent) = &self.recent else { return self.existing(id).await };
        let (character, is_cached) = self.context.recent_character(id).await?;
        if is_cached {
            recent.note();
        }
        Ok(character)
    }

    /// A live character that this act leaves as it is.
    pub(crate) async fn existing(&self, id: CharacterId) -> Result<Character> {
        self.row(id, Deleted::Exclude).await
    }

    /// The changes of an act on this character.
    pub(crate) fn work_on(&self, character: Character) -> UnitOfWork {
        UnitOfWork::on(character, self.name, self.author.clone(), self.now())
    }

    /// The changes of an act that decides nothing about the character.
    pub(crate) fn changes(&self) -> Changes {
        Changes::at(self.now())
    }
}

impl StorageContext {
    /// Runs an act, which the record of versions calls `name`. An attempt reads, checks the rules, and returns the
    /// changes; after a conflict with another writer it starts again. What the first attempt decides on a recent row holds
    /// only when it is committed: when it refuses or changes nothing, the origin decides.
    ///
    /// With an idempotency key the answer is stored with the transaction, and a repeat returns the first answer: also
    /// of an act that changed nothing, and of one that would be rejected now.
    pub(crate) async fn act<T, F>(
        &self,
        name: &'static str,
        request: &RequestContext,
        attempt: impl Fn(Attempt) -> F,
    ) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<Decision<T>>>,
    {
        let outcome = self.attempts(name, request, attempt).await;
        match (outcome, &request.idempotency) {
            (Err(refusal), Some(idempotency)) if says_nothing_of_earlier_requests(&refusal) => {
                self.first_answer(idempotency).await?.ok_or(refusal)
            }
            (outcome, _) => outcome,
        }
    }

    async fn attempts<T, F>(
        &self,
        name: &'static str,
        request: &RequestContext,
        attempt: impl Fn(Attempt) -> F,
    ) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<Decision<T>>>,
    {
        let mut retry = ConflictRetry::default();
        let mut recent = Some(Recent::default());
        loop {
            let this = Attempt {
                context: self.clone(),
                name,
                condition: request.condition.clone(),
                author: request.author.clone(),
                number: retry.lost(),
                recent: recent.clone(),
            };
            let decision = attempt(this).await;
            let may_be_old = recent.take().is_some_and(|recent| recent.is_used());
            if may_be_old && !matches!(decision, Ok(Decision::Commit(..)) | Err(RepositoryError::Storage(_))) {
                continue;
            }
            let (mut transaction, answer, taken) = match decision? {
                Decision::Commit(transaction, answer, taken) => (transaction, answer, taken),
                Decision::Unchanged(answer) if request.idempotency.is_none() => return Ok(answer),
                // The answer is kept all the same: the row may have changed when the request is repeated.
                Decision::Unchanged(answer) => (Transaction::new(), answer, TakenIds::Refuse),
            };
            let revisions: Vec<_> = transaction.writes.iter().map(Write::revision).collect();
            if let Some(idempotency) = &request.idempotency {
                transaction = stamped(transaction, idempotency);
                transaction.answer = Some(KeptAnswer::of(&answer).map_err(unreadable)?);
            }
            let own = transaction.answer.clone();
            let error = match self.commit(transaction).await {
                Ok(Committed { answer: Some(kept), written, .. }) => {
                    // Two attempts of which one changed something differ in the revisions that they make, or in their answers.
                    if own.as_ref() != Some(&kept) || !are_made(&revisions, &written) {
                        note_replay();
                    }
                    return kept.read().map_err(unreadable);
                }
                Ok(Committed { written, .. }) if written.len() == revisions.len() => return Ok(answer),
                Ok(_) => return Err(broken("the outcome does not name every row").into()),
                Err(error) => error,
            };
            match (error.kind(), taken) {
                (ErrorKind::Conflict { .. } | ErrorKind::NotFound | ErrorKind::AlreadyExists, _) if may_be_old => {}
                // What was read is there no longer.
                (ErrorKind::Conflict { .. } | ErrorKind::NotFound, _)
                | (ErrorKind::AlreadyExists, TakenIds::LookUp) => retry.pause().await?,
                _ => return Err(error.into()),
            }
        }
    }

    /// Commits, and notes the position of a change for a caller that asks for it.
    async fn commit(&self, transaction: Transaction) -> Result<Committed, StorageError> {
        let is_change = !transaction.writes.is_empty();
        let committed = self.storage().commit(transaction).await?;
        if is_change {
            note_position(committed.tick);
        }
        Ok(committed)
    }

    /// The answer that the storage keeps under this key.
    async fn first_answer<T: DeserializeOwned>(&self, idempotency: &Idempotency) -> Result<Option<T>> {
        // No row is ever at revision 0, so no storage applies this: it returns the answer kept under the id, or refuses
        // and forgets.
        let nobody = CharacterId(uuid::Uuid::nil());
        let expect = Expect::Revision(Revision(0));
        let question = Transaction::new().with(Change::<Character>::Delete { id: nobody, expect, at: self.now() });
        match self.commit(stamped(question, idempotency)).await {
            Ok(Committed { answer: Some(kept), .. }) => {
                note_replay();
                kept.read().map(Some).map_err(unreadable)
            }
            Ok(_) => Ok(None),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Conflict { .. }) => Ok(None),
            // Another request, or unknown: a refusal would tell a caller whose act was done that it was not.
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether this may reject a request that succeeded when it was first sent.
fn says_nothing_of_earlier_requests(refusal: &RepositoryError) -> bool {
    !matches!(refusal, RepositoryError::Storage(_) | RepositoryError::IdempotencyMismatch)
}

/// Whether these rows can be those of writes that make these revisions.
fn are_made(revisions: &[Option<Revision>], written: &[Meta]) -> bool {
    let is_made = |(wanted, row): (&Option<Revision>, &Meta)| wanted.is_none_or(|wanted| wanted == row.revision);
    revisions.len() == written.len() && revisions.iter().zip(written).all(is_made)
}

fn stamped(transaction: Transaction, idempotency: &Idempotency) -> Transaction {
    Transaction { id: idempotency.id(), fingerprint: Some(idempotency.fingerprint()), ..transaction }
}

fn unreadable(error: serde_json::Error) -> RepositoryError {
    RepositoryError::Storage(broken("the kept answer cannot be read").with_source(error))
}

fn broken(detail: &'static str) -> StorageError {
    StorageError::new(ErrorKind::Corrupt, COMMIT).with_detail(detail)
}
