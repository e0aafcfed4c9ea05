//! Repositories: use cases per aggregate, each of which reads, checks and commits.
//!
//! They use only the port, and do not depend on HTTP. A caller gets either the state after the act or a
//! [`RepositoryError`] with the reason.
//!
//! Every method takes a [`RequestContext`]. With an [`Idempotency`] key a changing method has one effect, however often
//! it is called, and returns its first answer: also when it changed nothing then, and when it would be rejected now.
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

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
mod list;
mod progress;
mod replay;
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
pub use list::{ListRequest, Listed, Total};
pub use progress::{Attained, Award, Awarded, NewAttainment, Progress, ProgressRepository};
pub use replay::{Replay, noting_replay};
pub use request::{Idempotency, IdempotencyKey, RequestContext};

/// Every repository, over one storage.
#[derive(Clone, Debug)]
pub struct Repositories {
    /// The characters.
    pub characters: CharacterRepository,
    /// Their items and coins.
    pub inventory: InventoryRepository,
    /// Their journals.
    pub journal: JournalRepository,
    /// Their progress.
    pub progress: ProgressRepository,
    /// Their campaigns and events.
    pub campaigns: CampaignRepository,
    /// Their versions and lineages.
    pub evolution: EvolutionRepository,
}

impl Repositories {
    /// Creates all of them over this storage.
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
