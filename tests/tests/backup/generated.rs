//! Rows of every kind as chance has it, that name each other as the rows of a service do.

use character_domain::{
    Attunement, Campaign, CampaignEvent, Character, CharacterProgress, CharacterVersion, CharacterVersionId, Document,
    EventImpact, ExperienceEntry, ImpactType, InventoryItem, JournalEntry, Meta, NpcRelationship, Quest,
    QuestImportance, QuestStatus, Revision,
};
use character_storage_port::{Entity, StoredRow};
use character_storage_testkit::{kinds::Sample, sample::at};
use proptest::{
    collection::{btree_map, vec},
    prelude::{Just, Strategy, any},
    prop_oneof,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::Value;

/// A source of rows. The same seed makes the same choices; ids are always new.
pub(crate) struct Chance(TestRunner);

impl Chance {
    pub(crate) fn seeded(seed: u8) -> Self {
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        Self(TestRunner::new_with_rng(Config::default(), random))
    }

    fn draw<T: std::fmt::Debug>(&mut self, strategy: impl Strategy<Value = T>) -> T {
        strategy.new_tree(&mut self.0).expect("every value is allowed").current()
    }

    fn below(&mut self, bound: usize) -> usize {
        self.draw(0..bound)
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    fn maybe<T>(&mut self, value: T) -> Option<T> {
        self.draw(any::<bool>()).then_some(value)
    }

    fn meta(&mut self) -> Meta {
        let moment = -1_000_000_000_000_i64..1_000_000_000_000;
        let (created, updated, deleted) = self.draw((moment.clone(), moment.clone(), moment));
        Meta {
            revision: Revision(self.draw(1..1_000_u64)),
            created_at: at(created),
            updated_at: at(updated),
            deleted_at: self.maybe(at(deleted)),
        }
    }

    fn document(&mut self) -> Document {
        let members = self.draw(btree_map(text(), json(), 0..4));
        Document::from(members.into_iter().collect::<serde_json::Map<_, _>>())
    }

    /// A valid row with something of its own in any of its places.
    fn row<E: Sample>(&mut self) -> E {
        let full = E::full();
        let mut row = self.pick(&[full.clone(), full.changed(), full.bare()]);
        row.set_id(uuid::Uuid::new_v4());
        for (_, set) in E::documents() {
            if self.draw(any::<bool>()) {
                set(&mut row, self.document());
            }
        }
        for (_, set) in E::texts() {
            if self.draw(any::<bool>()) {
                set(&mut row, self.draw(word()));
            }
        }
        for (_, set) in E::times() {
            if self.draw(any::<bool>()) {
                set(&mut row, at(self.draw(-1_000_000_000_i64..1_000_000_000)));
            }
        }
        *row.meta_mut() = self.meta();
        row
    }
}

/// Any text that every adapter can keep.
fn text() -> impl Strategy<Value = String> {
    let letter = any::<char>().prop_filter("U+0000 is refused", |letter| *letter != '\0');
    vec(letter, 0..12).prop_map(|letters| letters.into_iter().collect())
}

/// A text that may be a name.
fn word() -> impl Strategy<Value = String> {
    vec(prop_oneof![Just('a'), Just('ß'), Just('🐉'), Just('"'), Just('Z')], 1..8)
        .prop_map(|letters| letters.into_iter().collect())
}

fn json() -> impl Strategy<Value = Value> {
    let float = proptest::num::f64::NORMAL | proptest::num::f64::ZERO;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        float.prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(text(), inner, 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Characters with everything that belongs to them, campaigns and versions.
pub(crate) fn world(seed: u8) -> Vec<StoredRow> {
    let mut chance = Chance::seeded(seed);
    let mut rows = Vec::new();
    let campaigns: Vec<Campaign> = (0..3).map(|_| chance.row()).collect();
    let mut characters: Vec<Character> = Vec::new();
    for _ in 0..6 {
        let mut character: Character = chance.row();
        character.parent_id = if characters.is_empty() { None } else { Some(chance.pick(&characters).id) };
        character.parent_id = character.parent_id.filter(|_| chance.draw(any::<bool>()));
        // Some are in a campaign that is stored, some in one of another service, some in none.
        if chance.draw(any::<bool>()) {
            character.campaign_id = Some(chance.pick(&campaigns).id);
        }
        belongings(&mut chance, &character, &mut rows);
        characters.push(character);
    }
    rows.extend(campaigns.into_iter().map(Entity::into_row));
    rows.extend(characters.into_iter().map(Entity::into_row));
    rows
}

fn belongings(chance: &mut Chance, character: &Character, rows: &mut Vec<StoredRow>) {
    let character_id = character.id;
    let mut container = None;
    for attunement in [Attunement::None, Attunement::Attuning, Attunement::Attuned, Attunement::Broken] {
        let item = InventoryItem { character_id, container, attunement, ..chance.row() };
        container = chance.maybe(item.id);
        rows.push(item.into_row());
    }
    let importances = [QuestImportance::Low, QuestImportance::Normal, QuestImportance::High, QuestImportance::Critical];
    for (status, importance) in
        [QuestStatus::Active, QuestStatus::Completed, QuestStatus::Failed, QuestStatus::Abandoned]
            .into_iter()
            .zip(importances)
    {
        let entry = JournalEntry { character_id, ..chance.row() };
        let journal_entry_id = entry.id;
        rows.push(Quest { character_id, journal_entry_id, status, importance, ..chance.row() }.into_row());
        rows.push(ExperienceEntry { character_id, journal_entry_id, ..chance.row() }.into_row());
        rows.push(NpcRelationship { character_id, journal_entry_id, ..chance.row() }.into_row());
        for impact_type in [ImpactType::HitPoints, ImpactType::Experience, ImpactType::AbilityScore, ImpactType::Other]
        {
            let journal_entry_id = chance.maybe(journal_entry_id);
            let mut event = CampaignEvent { character_id, journal_entry_id, impact_type, ..chance.row() };
            if impact_type == ImpactType::AbilityScore {
                event.event_data.0.insert("ability".to_owned(), "strength".into());
            }
            rows.push(EventImpact { character_id, event_id: event.id, impact_type, ..chance.row() }.into_row());
            rows.push(event.into_row());
        }
        rows.push(entry.into_row());
    }
    // At most one progress of a character is live.
    let mut dead = CharacterProgress { character_id, ..chance.row() };
    dead.meta.deleted_at = Some(at(7));
    rows.extend([dead, CharacterProgress { character_id, ..chance.row() }].map(Entity::into_row));
    for revision in (1..=character.meta.revision.0).rev().take(3) {
        let mut state = character.clone();
        state.meta.revision = Revision(revision);
        let id = CharacterVersionId::of(character_id, state.meta.revision);
        let mut version = CharacterVersion { id, character_id, state, ..chance.row() };
        version.meta.revision = Revision(chance.draw(1..4_u64));
        rows.push(version.into_row());
    }
}
