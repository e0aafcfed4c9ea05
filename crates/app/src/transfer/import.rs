//! Import: in bulk, restartable, every refused row with its reason.

use super::{TransferError, file, references::Known, row::Row};
use character_domain::{
    Campaign, CampaignEvent, Character, CharacterProgress, EventImpact, ExperienceEntry, InventoryItem, JournalEntry,
    NpcRelationship, Quest,
};
use character_storage_port::StoragePort;
use std::path::Path;

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

/// What an import did with one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The file.
    pub file: &'static str,
    /// Rows created.
    pub created: usize,
    /// Rows that were there already, exactly so.
    pub unchanged: usize,
    /// Rows not taken.
    pub refused: usize,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Each file that was there, in the order read.
    pub files: Vec<Imported>,
    /// Rows not taken, in the order of the files and lines.
    pub refused: Vec<Refusal>,
}

impl ImportReport {
    /// Rows created, in all files.
    #[must_use]
    pub fn created(&self) -> usize {
        self.files.iter().map(|file| file.created).sum()
    }

    /// Rows that were there already, exactly so, in all files.
    #[must_use]
    pub fn unchanged(&self) -> usize {
        self.files.iter().map(|file| file.unchanged).sum()
    }
}

/// The files, in an order in which each row comes after those it names.
const FILES: [&str; 10] = [
    Campaign::FILE,
    Character::FILE,
    InventoryItem::FILE,
    JournalEntry::FILE,
    ExperienceEntry::FILE,
    Quest::FILE,
    NpcRelationship::FILE,
    CampaignEvent::FILE,
    EventImpact::FILE,
    CharacterProgress::FILE,
];

/// The bytes that an import of `folder` reads.
#[must_use]
pub fn size(folder: &Path) -> u64 {
    FILES.iter().filter_map(|file| Some(std::fs::metadata(folder.join(file)).ok()?.len())).sum()
}

/// Imports `folder`, of whose files only that of the characters must be there. Rows that exist are never overwritten,
/// so a second run changes nothing and an interrupted one may be started again. `progress` is called with the bytes
/// read so far.
///
/// # Errors
/// When a file cannot be read or the storage fails; rows taken until then stay.
pub async fn import(
    storage: &dyn StoragePort,
    folder: &Path,
    progress: impl FnMut(u64),
) -> Result<ImportReport, TransferError> {
    let mut import = Import {
        storage,
        folder,
        known: Known::default(),
        // Campaigns are led elsewhere: who brings none with the characters cannot be held to them.
        campaigns_are_known: folder.join(Campaign::FILE).exists(),
        report: ImportReport::default(),
        read: 0,
        progress,
    };
    file::take::<Campaign, _>(&mut import).await?;
    file::take::<Character, _>(&mut import).await?;
    file::take::<InventoryItem, _>(&mut import).await?;
    file::take::<JournalEntry, _>(&mut import).await?;
    file::take::<ExperienceEntry, _>(&mut import).await?;
    file::take::<Quest, _>(&mut import).await?;
    file::take::<NpcRelationship, _>(&mut import).await?;
    file::take::<CampaignEvent, _>(&mut import).await?;
    file::take::<EventImpact, _>(&mut import).await?;
    file::take::<CharacterProgress, _>(&mut import).await?;
    Ok(import.report)
}

/// What the files of one import have in common.
pub(super) struct Import<'a, P> {
    pub(super) storage: &'a dyn StoragePort,
    pub(super) folder: &'a Path,
    pub(super) known: Known,
    pub(super) campaigns_are_known: bool,
    pub(super) report: ImportReport,
    /// Bytes read so far, of all files.
    pub(super) read: u64,
    pub(super) progress: P,
}
