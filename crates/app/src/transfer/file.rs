//! One file of an import: read, judged, and sent in batches.

use super::{
    RejectedLine, TransferError,
    diverged::is_later_state,
    import::{Import, Imported},
    line::{Line, Origin, too_large},
    lines::{Lines, Text},
    manifest::Summary,
    references::LOOKUPS,
    row::{Reference, Row},
    verdict::{Verdict, inner, is_of_diverged, judge, names_stored_character, why_stuck},
};
use character_domain::CharacterId;
use character_storage_port::{Deleted, EntityKind, ErrorKind, PageRequest, StoragePort, Store};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::{
    collections::{HashMap, HashSet},
    io::ErrorKind as IoErrorKind,
};
use uuid::Uuid;

/// Most rows sent to the storage together; one round trip and, on a database, one disk flush each.
const BATCH: usize = 500;
/// Maximum size of a batch in bytes, which a storage behind a network accepts in one request; a larger one is sent
/// early.
const BATCH_BYTES: usize = 4 << 20;

/// A row, with the place it came from.
pub(super) struct Placed<E> {
    line: usize,
    bytes: usize,
    pub(super) origin: Origin,
    pub(super) row: E,
}

/// The rest of a file.
struct Pending<E> {
    outcome: Imported,
    refused: Vec<RejectedLine>,
    batch: Vec<Placed<E>>,
    bytes: usize,
    /// Rows that name one of the same file that is not stored yet; it may come later.
    waiting: Vec<Placed<E>>,
    /// The rows that were read and are neither stored nor refused.
    coming: HashSet<Uuid>,
    /// Rows of which there may be but one for a character.
    sole: HashMap<CharacterId, Uuid>,
}

/// Takes one file. One that is not there is passed over, unless it is that of the characters.
pub(super) async fn take<E: Row, P: FnMut(u64)>(import: &mut Import<'_, P>) -> Result<(), TransferError>
where
    dyn StoragePort: Store<E>,
{
    let path = import.folder.join(E::FILE);
    let unreadable = |source| TransferError::File { path: path.clone(), action: "read", source };
    let mut lines = match Lines::open(&path) {
        Err(error) if error.kind() == IoErrorKind::NotFound && E::KIND != EntityKind::Character => {
            import.compare(E::FILE, None);
            return Ok(());
        }
        opened => opened.map_err(unreadable)?,
    };
    let mut pending = Pending::<E>::new();
    let (mut line, mut rows) = (0, 0);
    while let Some((text, read)) = lines.next().map_err(unreadable)? {
        line += 1;
        import.read += read;
        let bytes = match text {
            Text::Whole(bytes) => bytes,
            Text::TooLong => {
                rows += 1;
                pending.refuse(line, too_large());
                continue;
            }
        };
        // Editors of some systems put a byte-order mark in front of a file.
        let bytes = if line == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes };
        let text = bytes.trim_ascii();
        if !text.is_empty() {
            rows += 1;
            match parse(text) {
                Ok((row, origin)) => pending.add(Placed { line, bytes: text.len(), origin, row }),
                Err(reason) => pending.refuse(line, reason),
            }
        }
        if pending.is_full() {
            pending.send(import).await?;
        }
        (import.progress)(import.read);
    }
    import.compare(E::FILE, Some(&Summary { rows, sha256: lines.sha256() }));
    pending.adopt(import).await?;
    pending.refused.sort_by_key(|refusal| refusal.line);
    pending.outcome.refused = pending.refused.len();
    import.report.files.push(pending.outcome);
    import.report.refused.append(&mut pending.refused);
    Ok(())
}

/// The row of a line, checked by itself; the reason as a sentence when it is refused.
fn parse<E: Row>(text: &[u8]) -> Result<(E, Origin), String> {
    let (mut line, origin) = Line::parse(text)?;
    let row = E::from_line(&mut line)?;
    line.finish()?;
    row.check().into_result().map_err(|violations| violations.to_string())?;
    Ok((row, origin))
}

impl<E: Row> Pending<E>
where
    dyn StoragePort: Store<E>,
{
    fn new() -> Self {
        Self {
            outcome: Imported { file: E::FILE, created: 0, unchanged: 0, refused: 0 },
            refused: Vec::new(),
            batch: Vec::new(),
            bytes: 0,
            waiting: Vec::new(),
            coming: HashSet::new(),
            sole: HashMap::new(),
        }
    }

    fn refuse(&mut self, line: usize, reason: String) {
        self.refused.push(RejectedLine { file: E::FILE, line, reason });
    }

    fn add(&mut self, placed: Placed<E>) {
        self.coming.insert(placed.row.id().into());
        self.bytes += placed.bytes;
        self.batch.push(placed);
    }

    fn is_full(&self) -> bool {
        self.batch.len() >= BATCH || self.bytes >= BATCH_BYTES
    }

    /// Takes the rows that wait for others, generation by generation, and refuses those whose turn never comes.
    async fn adopt<P>(&mut self, import: &mut Import<'_, P>) -> Result<(), TransferError> {
        loop {
            self.send(import).await?;
            let waiting = std::mem::take(&mut self.waiting);
            let count = waiting.len();
            for placed in waiting {
                self.add(placed);
                if self.is_full() {
                    self.send(import).await?;
                }
            }
            self.send(import).await?;
            if self.waiting.len() == count {
                break;
            }
        }
        let stuck = std::mem::take(&mut self.waiting);
        let next: HashMap<Uuid, Reference> =
            stuck.iter().filter_map(|it| Some((it.row.id().into(), inner(&it.row)?))).collect();
        for Placed { line, row, .. } in stuck {
            if let Some(reason) = why_stuck(row.id().into(), &next) {
                self.refuse(line, reason);
            }
        }
        Ok(())
    }

    /// Sends those rows of the batch that may be taken now.
    async fn send<P>(&mut self, import: &mut Import<'_, P>) -> Result<(), TransferError> {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        let references = batch.iter().flat_map(|placed| placed.row.references());
        let elsewhere = references.filter(|it| it.kind != E::KIND || !self.coming.contains(&it.id));
        import.known.look_up(import.storage, elsewhere).await?;
        let mut accepted = Vec::with_capacity(batch.len());
        // A row of these is refused unless it is stored already.
        let mut of_diverged = Vec::new();
        for mut placed in batch {
            let is_decided = is_of_diverged(&placed, import) && names_stored_character(&placed.row, import);
            let verdict = if is_decided { Verdict::Take } else { judge(&mut placed, import) };
            match verdict {
                Verdict::Take if is_of_diverged(&placed, import) => {
                    self.coming.remove(&placed.row.id().into());
                    of_diverged.push(placed);
                }
                Verdict::Take => accepted.push(placed),
                Verdict::Wait => self.waiting.push(placed),
                Verdict::Refuse(reason) => {
                    self.coming.remove(&placed.row.id().into());
                    self.refuse(placed.line, reason);
                }
            }
        }
        self.compare(of_diverged, import).await?;
        let accepted = self.without_rivals(accepted, import.storage).await?;
        self.commit(accepted, import).await
    }

    /// Refuses rows of which there may be but one and is another already, stored or in this file.
    async fn without_rivals(
        &mut self,
        accepted: Vec<Placed<E>>,
        storage: &dyn StoragePort,
    ) -> Result<Vec<Placed<E>>, TransferError> {
        let queries = accepted.iter().filter_map(|placed| Some((placed.row.owner()?, placed.row.rivals()?)));
        let queries: Vec<_> = queries.filter(|(owner, _)| !self.sole.contains_key(owner)).collect();
        let mut stored = stream::iter(queries)
            .map(|(owner, query)| async move {
                let found = Store::<E>::list(storage, &query, PageRequest::default()).await;
                let found = found.and_then(|read| read.value.complete()).map_err(TransferError::Storage)?;
                Ok((owner, found.items))
            })
            .buffer_unordered(LOOKUPS);
        while let Some((owner, rows)) = stored.try_next().await? {
            if let Some(row) = rows.first() {
                self.sole.insert(owner, row.id().into());
            }
        }
        drop(stored);
        let mut alone = Vec::with_capacity(accepted.len());
        for placed in accepted {
            let id: Uuid = placed.row.id().into();
            let sole = placed.row.rivals().and(placed.row.owner()).map(|owner| *self.sole.entry(owner).or_insert(id));
            match sole {
                Some(other) if other != id => {
                    self.coming.remove(&id);
                    self.refuse(placed.line, format!("character_id: has another {} already, {other}", E::KIND));
                }
                _ => alone.push(placed),
            }
        }
        Ok(alone)
    }

    async fn commit<P>(&mut self, batch: Vec<Placed<E>>, import: &mut Import<'_, P>) -> Result<(), TransferError> {
        if batch.is_empty() {
            return Ok(());
        }
        let outcomes =
            import.storage.commit_each(batch.iter().map(|placed| placed.row.storing(placed.origin)).collect()).await;
        let mut there = Vec::new();
        for (placed, outcome) in batch.into_iter().zip(outcomes) {
            let id = placed.row.id().into();
            self.coming.remove(&id);
            match outcome {
                Ok(_) => {
                    import.known.add(&placed.row);
                    import.remember_fitting(&placed.row);
                    if E::KIND == EntityKind::InventoryItem && placed.origin == Origin::Elsewhere {
                        import.receivers.extend(placed.row.owner());
                    }
                    self.outcome.created += 1;
                }
                Err(error) if *error.kind() == ErrorKind::AlreadyExists => there.push(placed),
                Err(error) if matches!(error.kind(), ErrorKind::Invalid(_)) => {
                    self.refuse(placed.line, error.to_string());
                }
                Err(error) => return Err(TransferError::Storage(error)),
            }
        }
        self.compare(there, import).await
    }

    /// Tells rows that are stored exactly so from those that differ from what is stored.
    async fn compare<P>(&mut self, there: Vec<Placed<E>>, import: &mut Import<'_, P>) -> Result<(), TransferError> {
        let storage = import.storage;
        let mut compared = stream::iter(there)
            .map(|placed| async move {
                let found = Store::<E>::find(storage, placed.row.id(), Deleted::Include).await;
                let stored = found.map_err(TransferError::Storage)?.value;
                let is_later = match &stored {
                    Some(stored) if placed.origin == Origin::Backup && *stored != placed.row => {
                        is_later_state(storage, &placed.row, stored).await?
                    }
                    _ => false,
                };
                Ok((placed, stored, is_later))
            })
            .buffer_unordered(LOOKUPS);
        while let Some((mut placed, stored, is_later)) = compared.try_next().await? {
            if let Some(stored) = &stored {
                import.known.add(stored);
                if placed.origin == Origin::Elsewhere {
                    // How often it has changed is not in the file.
                    placed.row.meta_mut().revision = stored.meta().revision;
                }
            }
            let is_unchanged = stored.as_ref() == Some(&placed.row);
            if is_unchanged || is_later {
                import.remember_fitting(&placed.row);
            }
            if is_unchanged {
                self.outcome.unchanged += 1;
                continue;
            }
            let reason = match placed.row.owner() {
                Some(owner) if stored.is_none() && is_of_diverged(&placed, import) => {
                    format!(
                        "character_id: character {owner} exists in another state than in the export; nothing is added to it"
                    )
                }
                _ => format!("{} {} exists and differs; it is not overwritten", E::KIND, placed.row.id()),
            };
            self.refuse(placed.line, reason);
        }
        Ok(())
    }
}
