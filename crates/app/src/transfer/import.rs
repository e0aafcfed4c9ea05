//! Import: in bulk, restartable, every refused row with its reason.

use super::{CHARACTERS_FILE, TransferError, character::Line};
use character_domain::{Character, CharacterId};
use character_storage_port::{
    CHARACTER_CREATED, Change, Deleted, ErrorKind, StoragePort, Store, Transaction, character_event,
};
use std::{
    collections::HashSet,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

/// Rows sent to the storage together; one round trip and, on a database, one disk flush each.
const BATCH: usize = 200;

/// One row that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The file.
    pub file: &'static str,
    /// The line, counted from 1.
    pub line: usize,
    /// Why, as a sentence fragment.
    pub reason: String,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Rows created.
    pub created: usize,
    /// Rows that were there already, exactly so.
    pub unchanged: usize,
    /// Rows not taken.
    pub refused: Vec<Refusal>,
}

/// Imports `folder`. Rows that exist are never overwritten, so a second run changes nothing and an interrupted one
/// may be started again. `progress` is called with the bytes read so far.
///
/// # Errors
/// When a file cannot be read or the storage fails; rows taken until then stay.
pub async fn import(
    storage: &dyn StoragePort,
    folder: &Path,
    max_bytes: usize,
    mut progress: impl FnMut(u64),
) -> Result<ImportReport, TransferError> {
    let path = folder.join(CHARACTERS_FILE);
    let unreadable = |source| TransferError::File { path: path.clone(), action: "read", source };
    let reader = BufReader::new(File::open(&path).map_err(unreadable)?);
    let mut import = Import {
        storage,
        report: ImportReport::default(),
        known: HashSet::new(),
        batch: Vec::new(),
        orphans: Vec::new(),
    };
    let mut read = 0;
    for (index, line) in reader.split(b'\n').enumerate() {
        let bytes = line.map_err(unreadable)?;
        read += bytes.len() as u64 + 1;
        let text = String::from_utf8_lossy(&bytes);
        if !text.trim().is_empty() {
            match Line::parse(text.trim(), max_bytes) {
                Ok(character) => import.take(index + 1, character).await?,
                Err(reason) => import.refuse(index + 1, reason),
            }
        }
        progress(read);
    }
    import.adopt().await?;
    import.report.refused.sort_by_key(|refusal| refusal.line);
    Ok(import.report)
}

struct Import<'a> {
    storage: &'a dyn StoragePort,
    report: ImportReport,
    /// Characters known to be stored, so that a parent is looked up once.
    known: HashSet<CharacterId>,
    batch: Vec<(usize, Character)>,
    /// Characters whose parent is not stored yet; it may come later in the file.
    orphans: Vec<(usize, Character)>,
}

impl Import<'_> {
    fn refuse(&mut self, line: usize, reason: impl Into<String>) {
        self.report.refused.push(Refusal { file: CHARACTERS_FILE, line, reason: reason.into() });
    }

    async fn take(&mut self, line: usize, character: Character) -> Result<(), TransferError> {
        if let Some(parent) = character.parent_id
            && !self.is_stored(parent).await?
        {
            self.orphans.push((line, character));
            return Ok(());
        }
        self.batch.push((line, character));
        if self.batch.len() >= BATCH { self.send().await } else { Ok(()) }
    }

    async fn is_stored(&mut self, id: CharacterId) -> Result<bool, TransferError> {
        if !self.known.contains(&id) {
            let found = Store::<Character>::find(self.storage, id, Deleted::Include).await;
            if found.map_err(TransferError::Storage)?.value.is_none() {
                return Ok(false);
            }
            self.known.insert(id);
        }
        Ok(true)
    }

    /// Takes the orphans, generation by generation, and refuses those whose parent is nowhere.
    async fn adopt(&mut self) -> Result<(), TransferError> {
        loop {
            self.send().await?;
            let orphans = std::mem::take(&mut self.orphans);
            let waiting = orphans.len();
            for (line, character) in orphans {
                self.take(line, character).await?;
            }
            if self.orphans.len() == waiting {
                break;
            }
        }
        for (line, character) in std::mem::take(&mut self.orphans) {
            let parent = character.parent_id.map(|id| id.to_string()).unwrap_or_default();
            self.refuse(line, format!("parent_id: there is no character {parent}"));
        }
        self.send().await
    }

    async fn send(&mut self) -> Result<(), TransferError> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let transaction = |(_, character): &(usize, Character)| {
            let event = character_event(CHARACTER_CREATED, character);
            Transaction::new().with(Change::Create(character.clone())).with_event(event)
        };
        let outcomes = self.storage.commit_each(batch.iter().map(transaction).collect()).await;
        for ((line, character), outcome) in batch.into_iter().zip(outcomes) {
            match outcome {
                Ok(_) => {
                    self.known.insert(character.id);
                    self.report.created += 1;
                }
                Err(error) if *error.kind() == ErrorKind::AlreadyExists => self.compare(line, &character).await?,
                Err(error) if matches!(error.kind(), ErrorKind::Invalid(_)) => self.refuse(line, error.to_string()),
                Err(error) => return Err(TransferError::Storage(error)),
            }
        }
        Ok(())
    }

    async fn compare(&mut self, line: usize, character: &Character) -> Result<(), TransferError> {
        let found = Store::<Character>::find(self.storage, character.id, Deleted::Include).await;
        let stored = found.map_err(TransferError::Storage)?.value;
        self.known.insert(character.id);
        let same = stored.is_some_and(|stored| {
            let revision = stored.meta.revision;
            let mut imported = character.clone();
            imported.meta.revision = revision;
            imported == stored
        });
        if same {
            self.report.unchanged += 1;
        } else {
            self.refuse(line, format!("character {} exists and differs; it is not overwritten", character.id));
        }
        Ok(())
    }
}
