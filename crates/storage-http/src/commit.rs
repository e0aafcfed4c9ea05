//! Commits over a [`Transport`]: one by one, and many in few requests.

use crate::{
    HttpStorage,
    storage::{corrupt, encoded, message},
    transport::Transport,
};
use async_trait::async_trait;
use bytes::Bytes;
use character_storage_port::{
    Applied, COMMIT, Commit, Committed, EntityKind, MAX_TRANSACTIONS, Result, StorageError, Transaction, TransactionId,
    Write, check_batch,
};
use character_storage_wire as wire;
use uuid::Uuid;

/// Maximum size of the transactions in one batch request, in bytes, unless a single transaction is larger.
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Transport + ?Sized> Commit for HttpStorage<T> {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        transaction.check()?;
        let response = self.post(COMMIT, wire::TRANSACTIONS, encoded(COMMIT, &transaction)?).await?;
        Expected::of(&transaction).verify(message(COMMIT, &response)?)
    }

    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        if let Err(error) = check_batch(&transactions) {
            return transactions.iter().map(|_| Err(error.clone())).collect();
        }
        let mut outcomes: Vec<Option<Result<Committed>>> = Vec::with_capacity(transactions.len());
        let mut chunks: Vec<Chunk> = Vec::new();
        for (place, transaction) in transactions.into_iter().enumerate() {
            match transaction.check().and_then(|()| encoded(COMMIT, &transaction)) {
                Ok(text) => {
                    outcomes.push(None);
                    let expected = Expected::of(&transaction);
                    match chunks.last_mut().filter(|chunk| chunk.has_room_for(&text)) {
                        Some(chunk) => chunk.push(place, expected, text),
                        None => chunks.push(Chunk::of(place, expected, text)),
                    }
                }
                Err(error) => outcomes.push(Some(Err(error))),
            }
        }
        // One after the other: a later transaction may build on an earlier one.
        let mut outage: Option<StorageError> = None;
        for chunk in chunks {
            let answers = match &outage {
                Some(error) => Err(error.clone()),
                None => self.commit_chunk(&chunk).await,
            };
            if let Err(error) = &answers
                && error.is_outage()
            {
                // What has not been sent yet is not tried against a storage that is out of reach.
                outage = Some(error.clone().with_applied(Applied::No));
            }
            let mut answers = answers.map(Vec::into_iter);
            for place in chunk.places {
                let answer = match &mut answers {
                    Ok(answers) => answers.next(),
                    Err(error) => Some(Err(error.clone())),
                };
                if let Some(outcome) = outcomes.get_mut(place) {
                    *outcome = answer;
                }
            }
        }
        let missing = || Err(corrupt(COMMIT, "the storage answered no outcome"));
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect()
    }
}

impl<T: Transport + ?Sized> HttpStorage<T> {
    async fn commit_chunk(&self, chunk: &Chunk) -> Result<Vec<Result<Committed>>> {
        let response = self.post(COMMIT, wire::BATCH, chunk.body()).await?;
        let answer: wire::OutcomesBody<wire::CommittedBody> = message(COMMIT, &response)?;
        if answer.outcomes.len() != chunk.expected.len() {
            return Err(corrupt(COMMIT, "the storage answered another number of outcomes than it was asked for"));
        }
        let outcomes = answer.outcomes.into_iter().zip(&chunk.expected);
        Ok(outcomes
            .map(|(outcome, expected)| match outcome {
                wire::TransactionOutcome::Committed(committed) => expected.verify(committed),
                wire::TransactionOutcome::Problem(problem) => Err(problem.into_error(COMMIT)),
            })
            .collect())
    }
}

/// The expected outcome of a transaction.
#[derive(Debug)]
struct Expected {
    id: TransactionId,
    /// The written rows, in order. `None`: the transaction has a fingerprint, so it may repeat one that wrote other
    /// rows.
    rows: Option<Vec<(EntityKind, Uuid)>>,
}

impl Expected {
    fn of(transaction: &Transaction) -> Self {
        let rows = || transaction.writes.iter().map(Write::row).collect();
        Self { id: transaction.id, rows: transaction.fingerprint.is_none().then(rows) }
    }

    fn verify(&self, committed: wire::CommittedBody) -> Result<Committed> {
        let older = "the storage answered no tick or no changes: the storage-service must be upgraded first";
        let committed = committed.into_committed().ok_or_else(|| corrupt(COMMIT, older))?;
        if committed.id != self.id {
            return Err(corrupt(COMMIT, "the storage answered about another transaction"));
        }
        let changed = || committed.changes.iter().map(|change| (change.kind, change.id));
        if committed.changes.len() != committed.written.len() {
            return Err(corrupt(COMMIT, "the storage answered another number of changes than of rows written"));
        }
        if self.rows.as_ref().is_some_and(|rows| rows.len() != committed.written.len()) {
            return Err(corrupt(COMMIT, "the storage answered another number of rows than were written"));
        }
        if self.rows.as_ref().is_some_and(|rows| !changed().eq(rows.iter().copied())) {
            return Err(corrupt(COMMIT, "the storage answered changes of other rows than were written"));
        }
        Ok(committed)
    }
}

/// Transactions that are sent together.
#[derive(Debug)]
struct Chunk {
    places: Vec<usize>,
    expected: Vec<Expected>,
    texts: Vec<Bytes>,
    bytes: usize,
}

impl Chunk {
    fn of(place: usize, expected: Expected, text: Bytes) -> Self {
        Self { places: vec![place], expected: vec![expected], bytes: text.len(), texts: vec![text] }
    }

    fn has_room_for(&self, text: &Bytes) -> bool {
        self.places.len() < MAX_TRANSACTIONS && self.bytes + text.len() <= MAX_BATCH_BYTES
    }

    fn push(&mut self, place: usize, expected: Expected, text: Bytes) {
        self.bytes += text.len();
        self.places.push(place);
        self.expected.push(expected);
        self.texts.push(text);
    }

    /// The text of a [`wire::BatchBody`], put together from parts that are serialized already.
    fn body(&self) -> Bytes {
        let mut body = Vec::with_capacity(self.bytes + self.texts.len() + 24);
        body.extend_from_slice(b"{\"transactions\":[");
        for (index, text) in self.texts.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            body.extend_from_slice(text);
        }
        body.extend_from_slice(b"]}");
        body.into()
    }
}
