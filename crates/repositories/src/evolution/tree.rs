//! The versions of a whole lineage, without their states.

use super::{
    EvolutionRepository,
    lineage::{Lineage, Relative},
    versions_of,
};
use crate::{Listed, RequestContext, Result, Total};
use character_domain::{CharacterId, CharacterVersion, CharacterVersionId, Revision, Timestamp, size};
use character_storage_port::{Cursor, Deleted, Limit, MAX_PAGE_BYTES, PageRequest, Store};
use serde::Serialize;
use std::cmp::Ordering;

/// The maximum number of versions that are read together, because each has a whole state.
const AT_ONCE: u32 = 100;

/// A version as a node of the version tree.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct VersionNode {
    /// The unique id.
    pub id: CharacterVersionId,
    /// The id of the previous version.
    pub parent_id: Option<CharacterVersionId>,
    /// The id of the character.
    pub character_id: CharacterId,
    /// The revision of the character in this version.
    pub number: Revision,
    /// The operation that created it, such as `character.updated`.
    pub reason: String,
    /// The author: the `X-User-Id` of the request.
    pub author: Option<String>,
    /// The label that a user gave it.
    pub label: Option<String>,
    /// The id of the version whose state it restored.
    pub restored_from: Option<CharacterVersionId>,
    /// When it was created, UTC.
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

impl VersionNode {
    fn place(&self) -> Cursor {
        Cursor::newest_first(self.created_at, self.id.into())
    }
}

/// How far the versions of one character were read.
struct Part {
    of: CharacterId,
    /// The position of the last read version, or the start of the page. Every unread version follows it.
    read_to: Option<Cursor>,
    is_whole: bool,
}

impl Part {
    /// Which of two parts may hold the newer unread version; `Less` for this one.
    fn compare(&self, other: &Self) -> Ordering {
        match (&self.read_to, &other.read_to) {
            (Some(here), Some(there)) => here.compare(there),
            (here, there) => here.is_some().cmp(&there.is_some()),
        }
    }

    /// Whether every unread version follows this one.
    fn is_behind(&self, node: &VersionNode) -> bool {
        self.read_to.as_ref().is_some_and(|read_to| node.place().compare(read_to).is_le())
    }
}

impl EvolutionRepository {
    /// One page of the versions of this character, its predecessors and its successors, newest first. Each version is
    /// read with its whole state, so a page of large sheets has fewer than `limit` and is followed by another one.
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
        total: Total,
        _request: &RequestContext,
    ) -> Result<Listed<VersionNode>> {
        let lineage = Lineage::of(&self.context, of, deleted).await?;
        let part = |character: &Relative| Part { of: character.id, read_to: after.clone(), is_whole: false };
        let mut parts: Vec<Part> = lineage.characters.iter().map(part).collect();
        // The versions of all characters that may be among the newest are read, and few more.
        let share = u32::try_from(parts.len()).map_or(1, |parts| limit.get() / parts.max(1)).clamp(1, AT_ONCE);
        let first = PageRequest::first(Limit::new(share).unwrap_or_default());
        let most = usize::try_from(limit.get()).unwrap_or(usize::MAX);
        let (mut nodes, mut bytes) = (Vec::<VersionNode>::new(), 0);
        let front = loop {
            let front = parts.iter_mut().filter(|part| !part.is_whole).min_by(|one, other| one.compare(other));
            let Some(part) = front else { break None };
            let settled = nodes.iter().filter(|node| part.is_behind(node)).count();
            if settled >= most || (settled > 0 && bytes >= MAX_PAGE_BYTES) {
                break Some(&*part);
            }
            let request = part.read_to.iter().fold(first.clone(), |first, cursor| first.after(cursor.clone()));
            let page = Store::<CharacterVersion>::list(self.context.storage(), &versions_of(part.of), request).await?;
            let page = page.value.complete()?;
            bytes += page.items.iter().map(length).sum::<usize>();
            nodes.extend(page.items.into_iter().map(VersionNode::from));
            part.is_whole = page.next.is_none();
            part.read_to = page.next.or(part.read_to.take());
        };
        nodes.retain(|node| front.is_none_or(|part| part.is_behind(node)));
        nodes.sort_unstable_by(|one, other| one.place().compare(&other.place()));
        let is_last = front.is_none() && nodes.len() <= most;
        nodes.truncate(most);
        let next = nodes.last().filter(|_| !is_last).map(VersionNode::place);
        let total = match (total, &after, &next) {
            (Total::Omitted, ..) => None,
            (Total::Counted, None, None) => u64::try_from(nodes.len()).ok(),
            (Total::Counted, ..) => Some(self.count_versions(&lineage).await?),
        };
        Ok(Listed { items: nodes.into(), next, unreadable: Vec::new(), total })
    }

    /// The number of versions of these characters together.
    async fn count_versions(&self, lineage: &Lineage) -> Result<u64> {
        let mut versions = 0;
        for character in &lineage.characters {
            versions += Store::<CharacterVersion>::count(self.context.storage(), &versions_of(character.id)).await?;
        }
        Ok(versions)
    }
}

/// The length of the JSON text of the large parts of a version.
fn length(version: &CharacterVersion) -> usize {
    let data = version.state.data.0.text().map_or(0, |text| text.get().len());
    data + size::within(usize::MAX, &version.changes).unwrap_or(0)
}
