//! The kinds of row in the export format.

use super::line::{Deletion, Line, Origin, codec};
use character_domain::{
    Campaign, CampaignEvent, Character, CharacterId, CharacterProgress, CharacterVersion, EventImpact, ExperienceEntry,
    InventoryItem, JournalEntry, NpcRelationship, Quest, Revision,
};
use character_storage_port::{
    CHARACTER_CREATED, Change, ChangeKind, CharacterProgressQuery, DomainEvent, Entity, EntityKind, Transaction,
    row_event,
};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Who makes the first version of an imported character, in the record of versions.
const IMPORTER: &str = "import";

/// A kind of row, and its line in its file.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no kind of row here: it does not implement `Row`",
    note = "implement it in crates/app/src/transfer/row.rs: step 10 of docs/adding-an-aggregate.md"
)]
pub(super) trait Row: Entity {
    /// The file that holds the rows of this kind.
    const FILE: &'static str;

    /// The row of a line, as far as the line itself tells.
    fn from_line(line: &mut Line) -> Result<Self, String>;
    /// Writes the line.
    fn put_into(&self, line: &mut Line) -> serde_json::Result<()>;
    /// The rows that must be there before this one.
    fn references(&self) -> Vec<Reference>;
    /// What stores it, when its line is of this origin.
    fn storing(&self, origin: Origin) -> Transaction;
    /// Whose it is.
    fn owner(&self) -> Option<CharacterId> {
        None
    }
    /// The revision that its character has at least.
    fn least_revision(&self) -> Option<Revision> {
        None
    }
    /// Takes over the owner of its journal entry, when its line does not name one.
    fn belong_to(&mut self, _owner: CharacterId) {}
    /// The query for other rows that would take its place, when there may be but one.
    fn rivals(&self) -> Option<Self::Query> {
        None
    }
}

/// A row that another one names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reference {
    /// The member that names it.
    pub(super) field: &'static str,
    /// Of which kind it is.
    pub(super) kind: EntityKind,
    /// Its id.
    pub(super) id: Uuid,
    /// What the two have in common.
    pub(super) tie: Tie,
}

/// What a row has in common with one that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tie {
    /// They have nothing in common.
    None,
    /// Their character.
    SameCharacter,
    /// Their character when the row was created. The other one may have another since, so a backup is taken as it is.
    SameCharacterAtFirst,
    /// Their character, which the line does not name.
    GivesCharacter,
}

fn named(field: &'static str, kind: EntityKind, id: impl Into<Uuid>, tie: Tie) -> Reference {
    Reference { field, kind, id: id.into(), tie }
}

fn of_character(id: CharacterId) -> Reference {
    named("character_id", EntityKind::Character, id, Tie::None)
}

/// The row as a backup holds it, or as the first state of a new one.
fn first<E: Entity>(row: &E, origin: Origin) -> Change<E> {
    match origin {
        Origin::Backup => Change::Import(row.clone()),
        Origin::Elsewhere => Change::Create(row.clone()),
    }
}

/// What every kind of row that belongs to a character has in common.
macro_rules! owned {
    () => {
        fn storing(&self, origin: Origin) -> Transaction {
            let event = row_event::<Self>(self.character_id, self.id, ChangeKind::Create, self.meta.updated_at);
            Transaction::new().with(first(self, origin)).with_event(event)
        }
        fn owner(&self) -> Option<CharacterId> {
            Some(self.character_id)
        }
    };
}

/// A kind of row by its file, the member that holds its id, and its fields, each with how it is read and written.
macro_rules! row {
    (
        $entity:ident, $file:literal, $key:literal, $deletion:ident,
        { $($field:ident: $codec:ident),+ $(,)? }, { $($rest:tt)* } $(, $lift:ident, $lower:ident)?
    ) => {
        impl Row for $entity {
            const FILE: &'static str = $file;

            fn from_line(line: &mut Line) -> Result<Self, String> {
                $($lift(line);)?
                Ok(Self {
                    id: line.take($key)?,
                    $($field: codec::$codec::take(line, stringify!($field))?,)+
                    meta: line.take_meta()?,
                })
            }
            fn put_into(&self, line: &mut Line) -> serde_json::Result<()> {
                line.put($key, &self.id)?;
                $(codec::$codec::put(line, stringify!($field), &self.$field)?;)+
                line.put_meta(&self.meta, Deletion::$deletion)?;
                $($lower(line);)?
                Ok(())
            }
            $($rest)*
        }
    };
}

row!(
    Campaign, "campaigns.ndjson", "campaign_id", Sparse,
    { name: value, theme: value, dm_user_id: value, dm_name: value, data: sparse },
    {
        fn references(&self) -> Vec<Reference> {
            Vec::new()
        }
        fn storing(&self, origin: Origin) -> Transaction {
            Transaction::new().with(first(self, origin))
        }
    }
);

row!(
    Character, "characters.ndjson", "character_id", Sparse,
    {
        parent_id: value, theme: theme, name: value, user_id: value, campaign_id: value, data: document, is_active: yes,
    },
    {
        fn references(&self) -> Vec<Reference> {
            // Its campaign may be kept by another service.
            self.parent_id.map(|id| named("parent_id", EntityKind::Character, id, Tie::None)).into_iter().collect()
        }
        fn storing(&self, origin: Origin) -> Transaction {
            let event = DomainEvent::created(self);
            let transaction = Transaction::new().with(first(self, origin)).with_event(event);
            if origin == Origin::Backup {
                // Its versions are in a file of their own.
                return transaction;
            }
            let version = CharacterVersion {
                author: Some(IMPORTER.to_owned()),
                ..CharacterVersion::of(None, self.clone(), CHARACTER_CREATED, self.meta.created_at)
            };
            transaction.with(Change::Create(version))
        }
        fn owner(&self) -> Option<CharacterId> {
            Some(self.id)
        }
    }
);

row!(
    InventoryItem, "inventory_items.ndjson", "item_id", Told,
    {
        root_id: value, theme: value, character_id: value, name: value, item_type: value, attunement: value,
        quantity: value, equipped: value, container: value, notes: value, data: document,
    },
    {
        fn references(&self) -> Vec<Reference> {
            // The container of a deleted item may have been given away.
            let tie = if self.meta.is_deleted() { Tie::SameCharacterAtFirst } else { Tie::SameCharacter };
            let container = self.container.map(|id| named("container", EntityKind::InventoryItem, id, tie));
            std::iter::once(of_character(self.character_id)).chain(container).collect()
        }
        owned!();
    },
    lift, lower
);

row!(
    JournalEntry, "journal_entries.ndjson", "entry_id", Told,
    {
        character_id: value, entry_type: value, timestamp: value, title: value, content: value, data: document,
        tags: value, session_number: value, session_date: value, dm_name: value, session_summary: value,
        is_active: yes,
    },
    {
        fn references(&self) -> Vec<Reference> {
            vec![of_character(self.character_id)]
        }
        owned!();
    }
);

/// The rest of a kind whose line need not name more than its journal entry.
macro_rules! under_entry {
    ($entity:ident, $file:literal, $key:literal, { $($fields:tt)+ }) => {
        row!($entity, $file, $key, Told, { character_id: of_entry, journal_entry_id: value, $($fields)+ }, {
            fn references(&self) -> Vec<Reference> {
                let entry = self.journal_entry_id;
                let is_named = !self.character_id.0.is_nil();
                // A change of theme leaves what is deleted under an entry that moves.
                let tie = if is_named { Tie::SameCharacterAtFirst } else { Tie::GivesCharacter };
                let entry = named("journal_entry_id", EntityKind::JournalEntry, entry, tie);
                std::iter::once(entry).chain(is_named.then(|| of_character(self.character_id))).collect()
            }
            owned!();
            fn belong_to(&mut self, owner: CharacterId) {
                self.character_id = owner;
            }
        });
    };
}
under_entry!(ExperienceEntry, "experience_entries.ndjson", "entry_id", {
    amount: value, source: value, reason: value, timestamp: value, session_id: value, data: document,
});
under_entry!(Quest, "quests.ndjson", "quest_id", {
    title: value, description: value, status: value, importance: value, assigned_by: value, rewards: document,
    progress: value, data: document,
});
under_entry!(NpcRelationship, "npc_relationships.ndjson", "relationship_id", {
    npc_id: value, npc_name: value, relationship_type: value, standing: value, notes: value,
    last_interaction: value, data: document,
});

row!(
    CampaignEvent, "campaign_events.ndjson", "event_id", Told,
    {
        character_id: value, journal_entry_id: value, event_type: value, event_data: document, impact_type: value,
        impact_magnitude: value, timestamp: value, applied: value, applied_at: value, data: document,
    },
    {
        fn references(&self) -> Vec<Reference> {
            let entry = self
                .journal_entry_id
                .map(|id| named("journal_entry_id", EntityKind::JournalEntry, id, Tie::SameCharacterAtFirst));
            std::iter::once(of_character(self.character_id)).chain(entry).collect()
        }
        owned!();
    }
);

row!(
    EventImpact, "event_impacts.ndjson", "impact_id", Sparse,
    {
        event_id: value, character_id: value, impact_type: value, impact_data: document, applied: value,
        applied_at: value, reversion_data: document, is_reverted: value, reverted_at: value, notes: value,
        data: document,
    },
    {
        fn references(&self) -> Vec<Reference> {
            let event = named("event_id", EntityKind::CampaignEvent, self.event_id, Tie::SameCharacter);
            vec![of_character(self.character_id), event]
        }
        owned!();
    }
);

row!(
    CharacterProgress, "character_progress.ndjson", "progress_id", Sparse,
    {
        character_id: value, experience_points: value, milestones: value, achievements: value, current_level: value,
        previous_level: value, level_updated_at: value, data: document,
    },
    {
        fn references(&self) -> Vec<Reference> {
            vec![of_character(self.character_id)]
        }
        owned!();
        fn rivals(&self) -> Option<CharacterProgressQuery> {
            let of = CharacterProgressQuery { character_id: Some(self.character_id), ..Default::default() };
            (!self.meta.is_deleted()).then_some(of)
        }
    }
);

row!(
    CharacterVersion, "character_versions.ndjson", "version_id", Sparse,
    {
        character_id: value, parent_id: value, restored_from: value, author: value, reason: value, label: value,
        state: value, changes: value, related: value,
    },
    {
        fn references(&self) -> Vec<Reference> {
            vec![of_character(self.character_id)]
        }
        fn storing(&self, origin: Origin) -> Transaction {
            // A version comes with the change of which it is the record, and has no event of its own.
            Transaction::new().with(first(self, origin))
        }
        fn least_revision(&self) -> Option<Revision> {
            Some(self.state.meta.revision)
        }
        fn owner(&self) -> Option<CharacterId> {
            Some(self.character_id)
        }
    }
);

/// The fields of an item that the format keeps in its `data`, and what they are called there.
const LIFTED: [(&str, &str); 3] = [("name", "name"), ("item_type", "item_type"), ("attunement", "attunement_state")];

/// Takes those fields out of `data`, unless the line has them beside it.
fn lift(line: &mut Line) {
    let beside = LIFTED.iter().any(|(field, _)| line.0.contains_key(*field));
    if let (false, Some(Value::Object(data))) = (beside, line.0.get_mut("data")) {
        let lifted: Map<_, _> =
            LIFTED.iter().filter_map(|(field, member)| Some(((*field).to_owned(), data.remove(*member)?))).collect();
        line.0.extend(lifted);
    }
    let otherwise = [("item_type", "other"), ("attunement", "none")];
    for (field, usual) in otherwise {
        line.0.entry(field).or_insert_with(|| usual.into());
    }
}

/// Puts them back. They stay beside `data` when that has members of their names, which are something else.
fn lower(line: &mut Line) {
    let taken = |data: &Map<String, Value>| LIFTED.iter().any(|(_, member)| data.contains_key(*member));
    if line.0.get("data").and_then(Value::as_object).is_some_and(taken) {
        return;
    }
    for (field, member) in LIFTED {
        if let Some(value) = line.0.remove(field)
            && let Some(Value::Object(data)) = line.0.get_mut("data")
        {
            data.insert(member.to_owned(), value);
        }
    }
}
