//! Evolution: what a character was, how it became what it is, and what it grew into.

mod compare;
mod graph;
mod lineage;
#[cfg(test)]
mod tests;
mod theme;
mod tree;

pub use compare::Comparison;
pub use graph::{EdgeKind, GraphEdge, GraphNode, MAX_GRAPH_ITEMS, NodeKind, VersionGraph};
pub use lineage::MAX_LINEAGE;
pub use theme::{EquipmentTransition, ThemeChange, ThemeTransition, Transition};
pub use tree::VersionNode;

use crate::{Backing, RepositoryError, Result, Terms, act::Act, idempotency::Repeatable, race::Race};
use character_domain::{Character, CharacterId, CharacterVersion, CharacterVersionId, Timestamp};
use character_storage_port::{
    CHARACTER_UPDATED, CharacterVersionQuery, Cursor, Deleted, EntityKind, Limit, Page, PageRequest, Read, Store,
    character_event,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// What the record of versions calls the act that brings back a state.
const RESTORED: &str = "character.version_restored";

/// What can be done with the versions of a character. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EvolutionRepository {
    backing: Backing,
}

impl EvolutionRepository {
    /// Over this storage.
    #[must_use]
    pub fn new(backing: Backing) -> Self {
        Self { backing }
    }

    /// One page of this character's versions, newest first.
    ///
    /// # Errors
    /// `NotFound` (the character), `Storage`.
    #[tracing::instrument(name = "evolution.versions", level = "debug", skip_all)]
    pub async fn versions(&self, of: CharacterId, page: PageRequest) -> Result<Read<Page<CharacterVersion>>> {
        self.backing.exists(of).await?;
        Ok(self.backing.storage.list(&versions_of(of), page).await?)
    }

    /// A version of this character, with the whole state.
    ///
    /// # Errors
    /// `NotFound`, `Storage`.
    #[tracing::instrument(name = "evolution.version", level = "debug", skip_all)]
    pub async fn version(&self, of: CharacterId, id: CharacterVersionId) -> Result<Read<CharacterVersion>> {
        self.backing.look(of, id).await
    }

    /// The character as it was at this time, also when it was deleted since.
    ///
    /// # Errors
    /// `NotFound` (it was not there yet, or deleted at that time), `Storage`.
    #[tracing::instrument(name = "evolution.at", level = "debug", skip_all)]
    pub async fn at(&self, of: CharacterId, time: Timestamp) -> Result<Read<Character>> {
        let storage = self.backing.storage.as_ref();
        let page = PageRequest { limit: Limit::new(1).unwrap_or_default(), ..PageRequest::default() }
            .after(Cursor { created_at: time, id: Uuid::max() });
        let Read { value: versions, source } = Store::<CharacterVersion>::list(storage, &versions_of(of), page).await?;
        let found = match versions.items.into_iter().next() {
            Some(version) => Read { value: Some(version.state), source },
            // A row that was imported has no versions before its first change; till then it was as it is.
            None => Store::<Character>::find(storage, of, Deleted::Include)
                .await?
                .map(|row| row.filter(|row| row.meta.created_at <= time && row.meta.updated_at <= time)),
        };
        let Read { value, source } = found.map(|state| state.filter(|state| !state.meta.is_deleted()));
        let value = value.ok_or(RepositoryError::NotFound(EntityKind::Character))?;
        Ok(Read { value, source })
    }

    /// Calls a version something, or nothing: the one change that a version may see.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Invalid`, `Contended`, `Storage`.
    #[tracing::instrument(name = "evolution.label", level = "debug", skip_all)]
    pub async fn label(
        &self,
        of: CharacterId,
        id: CharacterVersionId,
        label: Option<String>,
        terms: &Terms,
    ) -> Result<CharacterVersion> {
        let labelled = |version: &CharacterVersion| Ok(CharacterVersion { label: label.clone(), ..version.clone() });
        self.backing.change_row(of, id, terms, labelled).await
    }

    /// Makes the state of an earlier version that of today, as a new version on top. Nothing is erased. What says where
    /// the character comes from, and whether it is deleted, stays.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed` (of the character), `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "evolution.restore", level = "debug", skip_all)]
    pub async fn restore(&self, of: CharacterId, id: CharacterVersionId, terms: &Terms) -> Result<Character> {
        let repeatable = terms.repeatable(RESTORED, &(of, id))?;
        let outcome = self.restore_checked(of, id, repeatable.as_ref(), terms).await;
        self.backing.or_first_answer(outcome, repeatable.as_ref()).await
    }

    async fn restore_checked(
        &self,
        of: CharacterId,
        id: CharacterVersionId,
        repeatable: Option<&Repeatable>,
        terms: &Terms,
    ) -> Result<Character> {
        let mut race = Race::default();
        loop {
            let current = self.backing.character(of, Deleted::Exclude).await?;
            terms.condition.judge(current.meta.revision)?;
            let version: CharacterVersion = self.backing.owned_row(of, id, Deleted::Exclude).await?;
            let (parent_id, meta) = (current.parent_id, current.meta);
            let mut act = Act::on(current, RESTORED, terms.author.as_ref(), self.backing.now());
            act.after = Character { id: of, parent_id, meta, ..version.state };
            act.restored_from = Some(id);
            let (mut transaction, after) = act.into_transaction()?;
            let mut event = character_event(CHARACTER_UPDATED, &after);
            if let Value::Object(data) = &mut event.data {
                data.insert("restored_from".to_owned(), json!(id));
            }
            transaction.events.push(event);
            if let Some(done) = self.backing.settle(transaction, repeatable, after, &mut race).await? {
                return Ok(done);
            }
        }
    }
}

fn versions_of(character: CharacterId) -> CharacterVersionQuery {
    CharacterVersionQuery { character_id: Some(character), ..CharacterVersionQuery::default() }
}
