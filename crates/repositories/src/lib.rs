//! Repositories: use cases per aggregate, each of which reads, checks and commits.
//!
//! They hold the port and nothing below it, and know no HTTP. A caller gets either the state after the act or
//! a [`RepositoryError`] that says why it was refused.
//!
//! Every method takes a [`RequestContext`]. Under an [`Idempotency`] key a changing method has one effect however often
//! it is called, and returns its first answer: also when it changed nothing then, and when it would be refused now.
#![warn(missing_debug_implementations)]

mod act;
mod bulk;
mod campaign;
mod character;
mod condition;
mod conflict_retry;
mod context;
mod error;
mod evolution;
mod inventory;
mod journal;
mod progress;
mod request;
mod rows;
#[cfg(test)]
mod testing;
mod unit_of_work;

pub use bulk::{Atomicity, BulkOutcome};
pub use campaign::{CampaignRepository, NewCampaign, NewCampaignEvent};
pub use character::{CharacterRepository, NewCharacter, StatedParent};
pub use condition::Condition;
pub use context::StorageContext;
pub use error::{RepositoryError, Result};
pub use evolution::{
    Comparison, EdgeKind, EquipmentTransition, EvolutionRepository, GraphEdge, GraphNode, MAX_GRAPH_ITEMS, MAX_LINEAGE,
    MAX_NOT_RESTORED, NodeKind, ThemeChange, ThemeTransition, Transition, UnrestoredRow, VersionGraph, VersionNode,
    VersionRestored,
};
pub use inventory::{COINS, ContainerLoad, Given, InventoryRepository, ItemRestored, Load, NewItem, Purse};
pub use journal::{
    JournalRecord, JournalRepository, NewExperienceEntry, NewJournalEntry, NewNpcRelationship, NewQuest,
};
pub use progress::{Attained, Award, Awarded, NewAttainment, Progress, ProgressRepository};
pub use request::{Idempotency, IdempotencyKey, RequestContext};

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
    pub fn new(context: &StorageContext) -> Self {
        Self {
            characters: CharacterRepository::new(context.clone()),
            inventory: InventoryRepository::new(context.clone()),
            journal: JournalRepository::new(context.clone()),
            progress: ProgressRepository::new(context.clone()),
            campaigns: CampaignRepository::new(context.clone()),
            evolution: EvolutionRepository::new(context.clone()),
        }
    }
}
