//! The lineage of a character: its predecessors and successors by changes of theme.

use crate::{Result, StorageContext};
use character_domain::{Character, CharacterId, Timestamp};
use character_storage_port::{CharacterQuery, Deleted, Limit, PageRequest, Query, Store};
use std::collections::{HashSet, VecDeque};

/// The maximum number of characters that are read of one lineage.
pub const MAX_LINEAGE: usize = 100;

/// A character of a lineage without its sheet, which may be a megabyte large.
#[derive(Clone, Debug)]
pub(super) struct Relative {
    pub(super) id: CharacterId,
    pub(super) parent_id: Option<CharacterId>,
    pub(super) theme: String,
    pub(super) name: String,
    pub(super) is_deleted: bool,
    created_at: Timestamp,
}

impl From<Character> for Relative {
    fn from(character: Character) -> Self {
        let Character { id, parent_id, theme, name, meta, .. } = character;
        Self { id, parent_id, theme, name, is_deleted: meta.is_deleted(), created_at: meta.created_at }
    }
}

/// The characters of a lineage, including deleted ones, oldest first.
#[derive(Clone, Debug)]
pub(super) struct Lineage {
    pub(super) characters: Vec<Relative>,
    /// Whether the list is complete.
    pub(super) complete: bool,
}

impl Lineage {
    pub(super) fn has(&self, id: CharacterId) -> bool {
        self.characters.iter().any(|character| character.id == id)
    }

    /// The first character of a lineage. A client may name any parent, so the walk counts its steps.
    pub(super) async fn of(context: &StorageContext, id: CharacterId, deleted: Deleted) -> Result<Self> {
        let storage = context.storage();
        let first = Relative::from(context.character(id, deleted).await?);
        let (mut seen, mut parent) = (HashSet::from([id]), first.parent_id);
        let mut characters = vec![first];
        let mut complete = true;
        while let Some(id) = parent.filter(|id| !seen.contains(id)) {
            if characters.len() >= MAX_LINEAGE {
                complete = false;
                break;
            }
            let Some(found) = Store::<Character>::find(storage, id, Deleted::Include).await?.value else { break };
            parent = found.parent_id;
            seen.insert(id);
            characters.push(found.into());
        }
        let mut waiting: VecDeque<CharacterId> = characters.iter().map(|character| character.id).collect();
        while let Some(id) = waiting.pop_front() {
            if characters.len() >= MAX_LINEAGE {
                // Whoever is still waiting may have children that nobody asked for.
                complete = false;
                break;
            }
            let query = CharacterQuery { parent_id: Some(id), ..CharacterQuery::everything() };
            // One more than is wanted for each already seen one, which may be among the children.
            let limit = u32::try_from(MAX_LINEAGE + 1).ok().and_then(Limit::new).unwrap_or_default();
            let mut request = PageRequest::first(limit);
            loop {
                let page = Store::<Character>::list(storage, &query, request.clone()).await?.value.complete()?;
                for child in page.items {
                    if characters.len() >= MAX_LINEAGE {
                        complete &= seen.contains(&child.id);
                    } else if seen.insert(child.id) {
                        waiting.push_back(child.id);
                        characters.push(child.into());
                    }
                }
                let Some(cursor) = page.next else { break };
                if characters.len() >= MAX_LINEAGE {
                    complete = false;
                    break;
                }
                request = request.after(cursor);
            }
        }
        characters.sort_by_key(|character| (character.created_at, character.id));
        Ok(Self { characters, complete })
    }
}
