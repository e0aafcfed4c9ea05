//! The change of theme: a new character continues the old one. The journal moves to it, its items are adapted, and the
//! old row stays unchanged.

mod carried;
mod equipment;

use super::EvolutionRepository;
use crate::{
    RepositoryError, RequestContext, Result,
    act::Decision,
    unit_of_work::{Changes, room_for},
};
use carried::Carried;
use character_domain::{
    Character, CharacterId, CharacterVersion, InventoryItem, InventoryItemId, Meta, Violations, event::ThemeChanged,
};
use character_storage_port::{CHARACTER_THEME_CHANGED, DomainEvent, EntityKind, EventData, InventoryItemQuery};
use equipment::adapted;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use uuid::Uuid;

/// The old character, its version, the new one and its first version.
const OWN_WRITES: usize = 4;

/// How an item changes with the theme of its character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// It returns to its first state in the new theme, or else to its original state, of those that this character or a
    /// predecessor of it had.
    ThemeReset,
    /// It is adapted to the new theme.
    AdaptNew,
    /// It stays unchanged.
    #[default]
    KeepCurrent,
}

/// How one item changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EquipmentTransition {
    /// The id of the item.
    pub equipment_id: InventoryItemId,
    /// Its change.
    pub transition: Transition,
}

/// A requested change of theme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ThemeTransition {
    /// The new theme.
    pub new_theme: String,
    /// The chapter of the campaign in which it happens.
    pub chapter_id: Option<Uuid>,
    /// The changes of items; items that are not listed stay unchanged.
    pub equipment_transitions: Vec<EquipmentTransition>,
}

/// The result of a change of theme.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThemeChange {
    /// The new character.
    pub character: Character,
    /// Its items, in the order in which the old ones were created.
    pub items: Vec<InventoryItem>,
}

impl EvolutionRepository {
    /// Continues a character in another theme, as a new one whose `parent_id` is the old one.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Invalid`, `Refused` (by `too-many-rows`, or a rule of the inventory that a
    /// reset item would break), `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "evolution.change_theme", level = "debug", skip_all)]
    pub async fn change_theme(
        &self,
        of: CharacterId,
        transition: &ThemeTransition,
        request: &RequestContext,
    ) -> Result<ThemeChange> {
        self.context
            .act(CHARACTER_THEME_CHANGED, request, move |attempt| async move {
                // The character is read before what belongs to it: a change of that in between moves its revision.
                let old = attempt.accept(attempt.character(of).await?)?;
                let query = InventoryItemQuery { character_id: Some(of), ..InventoryItemQuery::default() };
                let mut items: Vec<InventoryItem> = attempt.all(&query).await?;
                items.reverse();
                let wanted = transition.judge(&old, &items)?;
                let carried = Carried::of(&attempt, of).await?;
                room_for(OWN_WRITES + items.len() + carried.rows())?;

                let mut work = attempt.work_on(old.clone());
                let mut created = Changes::at(work.changes.at);
                let new = created.create(Character {
                    id: CharacterId::new(),
                    parent_id: Some(of),
                    theme: transition.new_theme.clone(),
                    meta: Meta::created(created.at),
                    ..old
                })?;
                let mut changed = Vec::with_capacity(items.len());
                for item in adapted(&attempt, &items, &new, &wanted).await? {
                    changed.push(created.create(item)?);
                }
                carried.go_with(&mut created, new.id)?;

                work.changes.relate(EntityKind::Character.as_str(), new.id.into(), "create");
                if let Some(chapter) = transition.chapter_id {
                    work.changes.relate("chapter", chapter, "entered");
                    created.relate("chapter", chapter, "entered");
                }
                let data = EventData::CharacterThemeChanged(ThemeChanged {
                    character_id: of,
                    new_character_id: new.id,
                    old_theme: work.after.theme.clone(),
                    new_theme: new.theme.clone(),
                    chapter_id: transition.chapter_id,
                    items: changed.len(),
                });
                work.changes.event(of, &data);
                let (mut transaction, left) = work.into_transaction()?;
                let first = CharacterVersion {
                    author: attempt.author(),
                    ..CharacterVersion::of(Some(&left), new.clone(), CHARACTER_THEME_CHANGED, new.meta.created_at)
                };
                created.join_creation(&mut transaction, first);
                transaction.events.push(DomainEvent::created(&new));
                Ok(Decision::commit(transaction, ThemeChange { character: new, items: changed }))
            })
            .await
    }
}

impl ThemeTransition {
    /// The change of each listed item, when all of them are possible.
    fn judge(&self, old: &Character, items: &[InventoryItem]) -> Result<HashMap<InventoryItemId, Transition>> {
        let renamed = Character { theme: self.new_theme.clone(), ..old.clone() };
        let mut faults = Violations::default();
        for fault in renamed.check() {
            faults.push(if fault.field == "theme" { "new_theme".to_owned() } else { fault.field }, fault.reason);
        }
        if self.new_theme == old.theme {
            faults.push("new_theme", "is the theme of the character already");
        }
        let mut wanted = HashMap::with_capacity(self.equipment_transitions.len());
        let owned: std::collections::HashSet<_> = items.iter().map(|item| item.id).collect();
        for (index, EquipmentTransition { equipment_id, transition }) in self.equipment_transitions.iter().enumerate() {
            let field = format!("equipment_transitions[{index}].equipment_id");
            if !owned.contains(equipment_id) {
                faults.push(field, "the character has no such item");
            } else if wanted.insert(*equipment_id, *transition).is_some() {
                faults.push(field, "must not be given twice");
            }
        }
        faults.into_result().map_err(RepositoryError::Invalid)?;
        Ok(wanted)
    }
}
