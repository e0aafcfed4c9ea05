//! The versions of a whole lineage, without their states.

use super::{EvolutionRepository, lineage::Lineage, versions_of};
use crate::{RequestContext, Result};
use character_domain::{CharacterId, CharacterVersion, CharacterVersionId, Revision, Timestamp};
use character_storage_port::{Cursor, Deleted, Limit, Page, PageRequest, Store};
use std::cmp::Reverse;
use uuid::Uuid;

/// So many versions are read at once, since each comes with a whole state.
const AT_ONCE: u32 = 100;

/// A version as a node of the tree: all but its state and its changes.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionNode {
    /// Identity.
    pub id: CharacterVersionId,
    /// The version it grew out of.
    pub parent_id: Option<CharacterVersionId>,
    /// Whose it is.
    pub character_id: CharacterId,
    /// The revision that the character had.
    pub number: Revision,
    /// Which act made it.
    pub reason: String,
    /// Who did that.
    pub author: Option<String>,
    /// What somebody called it.
    pub label: Option<String>,
    /// The version whose state it brought back.
    pub restored_from: Option<CharacterVersionId>,
    /// When it came to be.
    pub created_at: Timestamp,
}

impl From<CharacterVersion> for VersionNode {
    fn from(version: CharacterVersion) -> Self {
        Self {
            id: version.id,
            parent_id: version.parent_id,
            character_id: version.character_id,
            number: version.state.meta.revision,
            reason: version.reason,
            author: version.author,
            label: version.label,
            restored_from: version.restored_from,
            created_at: version.meta.created_at,
        }
    }
}

fn place(node: &VersionNode) -> (Timestamp, Uuid) {
    (node.created_at, node.id.into())
}

impl EvolutionRepository {
    /// One page of the versions of this character and of those that it grew out of and into, newest first.
    ///
    /// # Errors
    /// `NotFound` (the character), `Storage`.
    #[tracing::instrument(name = "evolution.tree", level = "debug", skip_all)]
    pub async fn tree(
        &self,
        of: CharacterId,
        deleted: Deleted,
        limit: Limit,
        after: Option<Cursor>,
        _request: &RequestContext,
    ) -> Result<Page<VersionNode>> {
        let lineage = Lineage::of(&self.context, of, deleted).await?;
        let most = usize::try_from(limit.get()).unwrap_or(usize::MAX);
        let first = PageRequest::first(Limit::new(limit.get().min(AT_ONCE)).unwrap_or_default());
        let (mut nodes, mut more) = (Vec::<VersionNode>::new(), false);
        for character in &lineage.characters {
            let (query, mut start) = (versions_of(character.id), after.clone());
            loop {
                let request = start.map_or_else(|| first.clone(), |cursor| first.clone().after(cursor));
                let page = Store::<CharacterVersion>::list(self.context.storage(), &query, request).await?.value;
                let page = page.complete()?;
                nodes.extend(page.items.into_iter().map(VersionNode::from));
                nodes.sort_unstable_by_key(|node| Reverse(place(node)));
                more |= nodes.len() > most;
                nodes.truncate(most);
                let Some(cursor) = page.next else { break };
                let oldest = nodes.last().filter(|_| nodes.len() == most).map(place);
                // The rows that follow are older than the cursor, and those that are kept are not.
                let behind = |(created_at, id)| Cursor::newest_first(created_at, id).compare(&cursor).is_le();
                if oldest.is_some_and(behind) {
                    more = true;
                    break;
                }
                start = Some(cursor);
            }
        }
        let next = nodes.last().filter(|_| more).map(|node| {
            let (created_at, id) = place(node);
            Cursor::newest_first(created_at, id)
        });
        Ok(Page::new(nodes, next))
    }
}
