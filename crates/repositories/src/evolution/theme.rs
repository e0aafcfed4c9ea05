//! A character goes on in another theme, as a new character: its journal goes with it, its items are adapted, and the
//! old row stays as it was.

mod carried;
mod equipment;

use super::EvolutionRepository;
use crate::{
    RepositoryError, Result, Terms,
    act::{Act, Changes},
    idempotency::Repeatable,
    race::Race,
};
use carried::Carried;
use character_domain::{
    Character, CharacterId, CharacterVersion, InventoryItem, InventoryItemId, Meta, Refusal, Violations,
};
use character_storage_port::{
    CHARACTER_CREATED, CHARACTER_THEME_CHANGED, Deleted, EntityKind, InventoryItemQuery, MAX_WRITES, character_event,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::HashMap;
use uuid::Uuid;

/// The old character, its version, the new one and its first version.
const OWN_WRITES: usize = 4;

/// What becomes of an item when its character changes theme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// It is again what it was when it was first in the new theme, or else what it was at first.
    ThemeReset,
    /// It is taken over into the new theme.
    AdaptNew,
    /// It stays what it is.
    #[default]
    KeepCurrent,
}

/// What becomes of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EquipmentTransition {
    /// Which.
    pub equipment_id: InventoryItemId,
    /// What becomes of it.
    pub transition: Transition,
}

/// A change of theme, as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ThemeTransition {
    /// The theme to be.
    pub new_theme: String,
    /// The chapter of the campaign in which it happens.
    pub chapter_id: Option<Uuid>,
    /// What becomes of the items; those that are not named stay what they are.
    pub equipment_transitions: Vec<EquipmentTransition>,
}

/// A change of theme that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThemeChange {
    /// The new character.
    pub character: Character,
    /// Its items, in the order in which the old ones came to be.
    pub items: Vec<InventoryItem>,
}

impl EvolutionRepository {
    /// Has a character go on in another theme, as a new one whose `parent_id` it is.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Invalid`, `Refused` (by `too-many-rows`, or a rule of the inventory that an
    /// item would break as what it was), `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "evolution.change_theme", level = "debug", skip_all)]
    pub async fn change_theme(
        &self,
        of: CharacterId,
        transition: &ThemeTransition,
        terms: &Terms,
    ) -> Result<ThemeChange> {
        let repeatable = terms.repeatable("character.theme_transition", &(of, transition))?;
        let outcome = self.change_theme_checked(of, transition, repeatable.as_ref(), terms).await;
        self.backing.or_first_answer(outcome, repeatable.as_ref()).await
    }

    async fn change_theme_checked(
        &self,
        of: CharacterId,
        transition: &ThemeTransition,
        repeatable: Option<&Repeatable>,
        terms: &Terms,
    ) -> Result<ThemeChange> {
        let mut race = Race::default();
        loop {
            // The character is read before what belongs to it: whoever changes that in between changes its revision.
            let old = self.backing.character(of, Deleted::Exclude).await?;
            terms.condition.judge(old.meta.revision)?;
            let query = InventoryItemQuery { character_id: Some(of), ..InventoryItemQuery::default() };
            let mut items: Vec<InventoryItem> = self.backing.all(&query).await?;
            items.reverse();
            let wanted = transition.judge(&old, &items)?;
            let carried = Carried::of(&self.backing, of).await?;
            room_for(OWN_WRITES + items.len() + carried.rows())?;

            let mut act = Act::on(old.clone(), CHARACTER_THEME_CHANGED, terms.author.as_ref(), self.backing.now());
            let mut born = Changes::at(act.changes.at);
            let new = Character {
                id: CharacterId::new(),
                parent_id: Some(of),
                theme: transition.new_theme.clone(),
                meta: Meta::created(born.at),
                ..old
            };
            let new = born.create(new)?;
            let mut changed = Vec::with_capacity(items.len());
            for item in self.adapted(&items, &new, &wanted).await? {
                changed.push(born.create(item)?);
            }
            carried.go_with(&mut born, new.id)?;

            act.changes.relate(EntityKind::Character.as_str(), new.id.into(), "create");
            if let Some(chapter) = transition.chapter_id {
                act.changes.relate("chapter", chapter, "entered");
                born.relate("chapter", chapter, "entered");
            }
            let told = json!({
                "character_id": of,
                "new_character_id": new.id,
                "old_theme": act.after.theme,
                "new_theme": new.theme,
                "chapter_id": transition.chapter_id,
                "items": changed.len(),
            });
            act.changes.event(CHARACTER_THEME_CHANGED, of, told);
            let (mut transaction, left) = act.into_transaction()?;
            let first = CharacterVersion {
                author: terms.author.clone(),
                ..CharacterVersion::of(Some(&left), new.clone(), CHARACTER_THEME_CHANGED, new.meta.created_at)
            };
            born.born_in(&mut transaction, first);
            transaction.events.push(character_event(CHARACTER_CREATED, &new));
            let change = ThemeChange { character: new, items: changed };
            if let Some(done) = self.backing.settle(transaction, repeatable, change, &mut race).await? {
                return Ok(done);
            }
        }
    }
}

impl ThemeTransition {
    /// What becomes of each item that is named, when all that is asked for can be.
    fn judge(&self, old: &Character, items: &[InventoryItem]) -> Result<HashMap<InventoryItemId, Transition>> {
        let renamed = Character { theme: self.new_theme.clone(), ..old.clone() };
        let mut faults = Violations::default();
        for fault in renamed.check().0 {
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

fn room_for(rows: usize) -> Result<()> {
    if rows <= MAX_WRITES {
        return Ok(());
    }
    let reason = format!("{rows} rows would change together, and at most {MAX_WRITES} can");
    Err(Refusal::new("too-many-rows", reason).into())
}
