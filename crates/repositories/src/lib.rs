//! Repositories: what one business act reads, checks and commits.
//!
//! They hold the port and nothing below it, and know no HTTP. A caller gets either the state after the act or
//! a [`RepositoryError`] that says why it was refused.
#![warn(missing_debug_implementations)]

mod act;
mod backing;
mod campaign;
mod character;
mod condition;
mod error;
mod evolution;
mod idempotency;
mod inventory;
mod journal;
mod progress;
mod race;
mod rows;
mod terms;

pub use backing::Backing;
pub use campaign::{CampaignRepository, NewCampaignEvent};
pub use character::{BulkOutcome, CharacterRepository, NewCharacter};
pub use condition::Condition;
pub use error::{RepositoryError, Result};
pub use evolution::{
    Comparison, EdgeKind, EquipmentTransition, EvolutionRepository, GraphEdge, GraphNode, MAX_GRAPH_ITEMS, MAX_LINEAGE,
    NodeKind, ThemeChange, ThemeTransition, Transition, VersionGraph, VersionNode,
};
pub use idempotency::IdempotencyKey;
pub use inventory::{COINS, ContainerLoad, InventoryRepository, Load, NewItem, Purse};
pub use journal::{Chapter, JournalRepository, NewExperienceEntry, NewJournalEntry, NewNpcRelationship, NewQuest};
pub use progress::{Attained, Award, Awarded, NewAttainment, Progress, ProgressRepository};
pub use terms::Terms;

/// Every repository, over one storage.
#[derive(Clone, Debug)]
pub struct Repositories {
    /// Characters.
    pub characters: CharacterRepository,
    /// What they own.
    pub inventory: InventoryRepository,
    /// What they wrote down, what they are to do, and whom they met.
    pub journal: JournalRepository,
    /// What they won, and how far that brought them.
    pub progress: ProgressRepository,
    /// Where they take part, and what that did to them.
    pub campaigns: CampaignRepository,
    /// What they were, and what they grew into.
    pub evolution: EvolutionRepository,
}

impl Repositories {
    /// All of them over this storage.
    #[must_use]
    pub fn new(backing: &Backing) -> Self {
        Self {
            characters: CharacterRepository::new(backing.clone()),
            inventory: InventoryRepository::new(backing.clone()),
            journal: JournalRepository::new(backing.clone()),
            progress: ProgressRepository::new(backing.clone()),
            campaigns: CampaignRepository::new(backing.clone()),
            evolution: EvolutionRepository::new(backing.clone()),
        }
    }
}
