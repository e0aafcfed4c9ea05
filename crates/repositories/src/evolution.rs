//! Use cases of evolution: versions, their restore, changes of theme, and the graph of a lineage.

mod changes;
mod compare;
mod graph;
mod lineage;
mod restore;
#[cfg(test)]
mod tests;
mod theme;
mod trace;
mod tree;

pub use compare::Comparison;
pub use graph::{EdgeKind, GraphEdge, GraphNode, MAX_GRAPH_ITEMS, NodeKind, VersionGraph};
pub use lineage::MAX_LINEAGE;
pub use restore::{MAX_NOT_RESTORED, UnrestoredRow, VersionRestored};
pub use theme::{EquipmentTransition, ThemeChange, ThemeTransition, Transition};
pub use tree::VersionNode;

use crate::{ListRequest, Listed, RepositoryError, RequestContext, Result, StorageContext, rows::Under};
use character_domain::{Character, CharacterId, CharacterVersion, CharacterVersionId, Timestamp};
use character_storage_port::{
    CharacterVersionQuery, Cursor, Deleted, EntityKind, Limit, PageRequest, Read, StorageExt as _, Store,
};
use uuid::Uuid;

/// The use cases of versions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EvolutionRepository {
    context: StorageContext,
}

impl EvolutionRepository {
    /// Creates it over this storage.
    #[must_use]
    pub fn new(context: StorageContext) -> Self {
        Self { context }
    }

    /// One page of this character's versions, newest first. With `deleted`, also of a soft-deleted character.
    ///
    /// # Errors
    /// `NotFound` (the character), `Storage`.
    #[tracing::instrument(name = "evolution.versions", level = "debug", skip_all)]
    pub async fn versions(
        &self,
        of: CharacterId,
        deleted: Deleted,
        wanted: impl Into<ListRequest>,
        _request: &RequestContext,
    ) -> Result<Read<Listed<CharacterVersion>>> {
        self.context.exists(of, deleted).await?;
        let mut read = self.context.list(&versions_of(of), wanted.into()).await?;
        let mut versions = std::mem::take(&mut read.value.items).into_vec();
        self.add_changes(&mut versions).await?;
        read.value.items = versions.into();
        Ok(read)
    }

    /// A version of this character, with the whole state. With `deleted`, also of a soft-deleted character.
    ///
    /// # Errors
    /// `NotFound`, `Storage`.
    #[tracing::instrument(name = "evolution.version", level = "debug", skip_all)]
    pub async fn version(
        &self,
        of: CharacterId,
        id: CharacterVersionId,
        deleted: Deleted,
        request: &RequestContext,
    ) -> Result<Read<CharacterVersion>> {
        let mut read = self.find_version(of, id, deleted).await?;
        request.condition.judge(read.value.meta.revision)?;
        self.add_changes(std::slice::from_mut(&mut read.value)).await?;
        Ok(read)
    }

    /// The state of the character in a version. The condition of the request is about the revision that the character had then.
    ///
    /// # Errors
    /// As [`version`](Self::version).
    #[tracing::instrument(name = "evolution.state", level = "debug", skip_all)]
    pub async fn state(
        &self,
        of: CharacterId,
        id: CharacterVersionId,
        deleted: Deleted,
        request: &RequestContext,
    ) -> Result<Read<Character>> {
        let state = self.find_version(of, id, deleted).await?.map(|version| version.state);
        request.condition.judge(state.value.meta.revision)?;
        Ok(state)
    }

    /// A version of this character, as it is stored.
    async fn find_version(
        &self,
        of: CharacterId,
        id: CharacterVersionId,
        deleted: Deleted,
    ) -> Result<Read<CharacterVersion>> {
        self.context.exists(of, deleted).await?;
        let read: Read<CharacterVersion> = self.context.storage().get(id).await?;
        if read.value.character_id == of {
            Ok(read)
        } else {
            Err(RepositoryError::NotFound(EntityKind::CharacterVersion))
        }
    }

    /// The state of the character at this time, also when it was deleted since.
    ///
    /// # Errors
    /// `NotFound` (it did not exist yet, or was deleted at that time), `StateNotKept`, `Storage`.
    #[tracing::instrument(name = "evolution.at", level = "debug", skip_all)]
    pub async fn at(&self, of: CharacterId, time: Timestamp, request: &RequestContext) -> Result<Read<Character>> {
        let storage = self.context.storage();
        let page = PageRequest { limit: Limit::new(1).unwrap_or_default(), ..PageRequest::default() }
            .after(Cursor::newest_first(time, Uuid::max()));
        let Read { value: versions, source } = Store::<CharacterVersion>::list(storage, &versions_of(of), page).await?;
        let found = match versions.complete()?.items.into_iter().next() {
            // No time comes after the last one, so that versions may share it: the row itself is the newest of them.
            Some(version) if version.meta.created_at < Timestamp::MAX => {
                Read { value: Some(self.state_at(version, time).await?), source }
            }
            // A row that a program has written without versions was as it is until its first change.
            _ => Store::<Character>::find(storage, of, Deleted::Include)
                .await?
                .map(|row| row.filter(|row| row.meta.created_at <= time && row.meta.updated_at <= time)),
        };
        let Read { value, source } = found.map(|state| state.filter(|state| !state.meta.is_deleted()));
        let value = value.ok_or(RepositoryError::NotFound(EntityKind::Character))?;
        request.condition.judge(value.meta.revision)?;
        Ok(Read { value, source })
    }

    /// The state at a time before which this version is the last one that is kept. When its successor was removed, that one
    /// may be the state at that time, and is not known.
    async fn state_at(&self, version: CharacterVersion, time: Timestamp) -> Result<Character> {
        let (of, number) = (version.character_id, version.state.meta.revision);
        // The character first: a version that it has by then is there afterwards, unless it was removed.
        let row = Store::<Character>::find(self.context.storage(), of, Deleted::Include).await?.value;
        let Some(row) = row.filter(|row| row.meta.revision > number) else { return Ok(version.state) };
        let next = CharacterVersionId::of(of, number.next());
        match self.context.find_anywhere::<CharacterVersion>(next).await? {
            Some(_) => Ok(version.state),
            None if row.meta.updated_at <= time => Ok(row),
            None => Err(RepositoryError::StateNotKept { version: version.id, at: version.meta.created_at }),
        }
    }

    /// Sets or removes the label of a version, the only change of a version.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Invalid`, `Contended`, `Storage`.
    #[tracing::instrument(name = "evolution.label", level = "debug", skip_all)]
    pub async fn label(
        &self,
        of: CharacterId,
        id: CharacterVersionId,
        label: Option<String>,
        request: &RequestContext,
    ) -> Result<CharacterVersion> {
        let labelled = |version: &CharacterVersion| Ok(CharacterVersion { label: label.clone(), ..version.clone() });
        let mut version = self.context.change_row(of, id, request, Under::Character, labelled).await?;
        self.add_changes(std::slice::from_mut(&mut version)).await?;
        Ok(version)
    }
}

fn versions_of(character: CharacterId) -> CharacterVersionQuery {
    CharacterVersionQuery { character_id: Some(character), ..CharacterVersionQuery::default() }
}
