//! Changes of theme.

use super::*;
use character_domain::{
    Attunement, CharacterProgress, CharacterProgressId, ExperienceEntry, JournalEntry, NpcRelationship, Quest,
};
use character_storage_port::{CHARACTER_CREATED, CHARACTER_THEME_CHANGED, MAX_WRITES};

pub(super) fn to(theme: &str) -> ThemeTransition {
    ThemeTransition { new_theme: theme.to_owned(), chapter_id: None, equipment_transitions: Vec::new() }
}

fn with(theme: &str, items: &[(InventoryItemId, Transition)]) -> ThemeTransition {
    let equipment = |(id, transition): &(InventoryItemId, Transition)| EquipmentTransition {
        equipment_id: *id,
        transition: *transition,
    };
    ThemeTransition { equipment_transitions: items.iter().map(equipment).collect(), ..to(theme) }
}

fn item(name: &str, data: &Value) -> NewItem {
    NewItem { data: document(data), ..NewItem::new(name) }
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T>) -> Refusal {
    match outcome {
        Err(RepositoryError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

impl World {
    async fn has(&self, new: NewItem) -> InventoryItem {
        self.inventory.create(self.hero, new, &plain()).await.unwrap()
    }

    async fn changes_to(&self, of: CharacterId, transition: &ThemeTransition) -> ThemeChange {
        self.evolution.change_theme(of, transition, &plain()).await.unwrap()
    }
}

fn named<'a>(change: &'a ThemeChange, name: &str) -> &'a InventoryItem {
    change.items.iter().find(|item| item.name == name).unwrap()
}

#[tokio::test]
async fn the_new_character_is_the_old_one_in_another_theme_and_the_old_row_stays() {
    let world = world().await;
    let old = world.renamed("Grey").await;
    let chapter = Uuid::from_u128(7);
    let terms = RequestContext { author: Some("gm".to_owned()), ..plain() };
    let transition = ThemeTransition { chapter_id: Some(chapter), ..to("steampunk") };
    let new = world.evolution.change_theme(world.hero, &transition, &terms).await.unwrap().character;
    let expected =
        Character { id: new.id, parent_id: Some(old.id), theme: "steampunk".to_owned(), meta: new.meta, ..old.clone() };
    assert_eq!(new, expected);
    assert_eq!(world.characters.get(new.id, &plain()).await.unwrap().value, new, "the answer is what is stored");
    let kept = world.characters.get(old.id, &plain()).await.unwrap().value;
    assert_eq!((Character { meta: old.meta, ..kept.clone() }, kept.meta.revision), (old.clone(), Revision(3)));

    let (last, first) = (world.versions(old.id).await.remove(0), world.versions(new.id).await.remove(0));
    assert_eq!((last.reason.as_str(), last.changes.len()), (CHARACTER_THEME_CHANGED, 0));
    assert_eq!((first.parent_id, first.reason.as_str()), (Some(last.id), CHARACTER_THEME_CHANGED));
    assert_eq!((first.author.as_deref(), last.author.as_deref()), (Some("gm"), Some("gm")));
    let has = |version: &CharacterVersion, kind: &str, id: Uuid| {
        version.related.iter().any(|related| related.kind == kind && related.id == id)
    };
    assert!(has(&last, "chapter", chapter) && has(&first, "chapter", chapter) && has(&last, "character", new.id.0));

    let mut events = world.events().await;
    let (kind, subject, _) = events.pop().unwrap();
    assert_eq!((kind.as_str(), subject), (CHARACTER_CREATED, new.id));
    let (kind, subject, data) = events.pop().unwrap();
    assert_eq!((kind.as_str(), subject), (CHARACTER_THEME_CHANGED, old.id));
    let told = json!({ "character_id": old.id, "new_character_id": new.id, "old_theme": "traditional",
        "new_theme": "steampunk", "chapter_id": chapter, "items": 0 });
    assert_eq!(data, told);
}

#[tokio::test]
async fn a_journey_through_three_themes_and_back_brings_the_original_items_back() {
    let world = world().await;
    let sword = world.has(NewItem { equipped: true, ..item("Sword", &json!({ "weight": 3 })) }).await;
    let bag = world.has(item("Bag", &json!({ "capacity": 30 }))).await;
    let rope = world.has(NewItem { container: Some(bag.id), quantity: 2, ..item("Rope", &json!({})) }).await;
    let gone = world.has(item("Gone", &json!({}))).await;
    world.inventory.delete(world.hero, gone.id, &plain()).await.unwrap();

    let adapted = with("steampunk", &[(sword.id, Transition::AdaptNew), (bag.id, Transition::KeepCurrent)]);
    let steam = world.changes_to(world.hero, &adapted).await;
    let names: Vec<_> = steam.items.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(names, ["Sword", "Bag", "Rope"], "in the order in which they came to be, without what is deleted");
    let themes: Vec<_> = steam.items.iter().map(|item| item.theme.as_str()).collect();
    assert_eq!(themes, ["steampunk", "traditional", "traditional"]);
    let roots: Vec<_> = steam.items.iter().map(|item| item.root_id).collect();
    assert_eq!(roots, [Some(sword.id), Some(bag.id), Some(rope.id)]);
    assert!(steam.items.iter().all(|item| item.character_id == steam.character.id));
    assert!(named(&steam, "Sword").equipped);
    let lies_in = named(&steam, "Rope");
    assert_eq!((lies_in.container, lies_in.quantity), (Some(named(&steam, "Bag").id), 2));
    for item in &steam.items {
        let stored = world.inventory.get(steam.character.id, item.id, &plain()).await.unwrap().value;
        assert_eq!(&stored, item, "the answer is what is stored");
    }
    assert_eq!(world.inventory.get(world.hero, sword.id, &plain()).await.unwrap().value, sword, "the old items stay");

    let steam_sword = named(&steam, "Sword").id;
    let forged = |it: &InventoryItem| {
        Ok(InventoryItem {
            name: "Piston blade".to_owned(),
            item_type: "engine".to_owned(),
            notes: Some("hot".to_owned()),
            data: document(&json!({ "weight": 9 })),
            ..it.clone()
        })
    };
    world.inventory.patch(steam.character.id, steam_sword, &plain(), forged).await.unwrap();

    let neon = with("cyberpunk", &[(steam_sword, Transition::AdaptNew)]);
    let neon = world.changes_to(steam.character.id, &neon).await;
    let blade = named(&neon, "Piston blade");
    assert_eq!((blade.theme.as_str(), blade.root_id), ("cyberpunk", Some(sword.id)));
    let sharper = |it: &InventoryItem| Ok(InventoryItem { name: "Mono-wire".to_owned(), ..it.clone() });
    world.inventory.patch(neon.character.id, blade.id, &plain(), sharper).await.unwrap();
    let again_steam = with("steampunk", &[(blade.id, Transition::ThemeReset)]);
    let again_steam = world.changes_to(neon.character.id, &again_steam).await;
    let blade = named(&again_steam, "Piston blade");
    assert_eq!((blade.theme.as_str(), blade.item_type.as_str()), ("steampunk", "engine"), "as it was when first there");

    let home: Vec<_> = again_steam.items.iter().map(|item| (item.id, Transition::ThemeReset)).collect();
    let home = world.changes_to(again_steam.character.id, &with("traditional", &home)).await;
    for (item, original) in home.items.iter().zip([&sword, &bag, &rope]) {
        assert_eq!(item.root_id, Some(original.id));
        let what = |it: &InventoryItem| {
            (it.theme.clone(), it.name.clone(), it.item_type.clone(), it.data.clone(), it.notes.clone())
        };
        assert_eq!(what(item), what(original));
    }
    assert!(named(&home, "Sword").equipped);
    assert_eq!(named(&home, "Rope").container, Some(named(&home, "Bag").id));
    assert_eq!(home.character.parent_id, Some(again_steam.character.id));

    let tree = world
        .evolution
        .tree(neon.character.id, Deleted::Exclude, Limit::default(), None, crate::Total::Omitted, &plain())
        .await
        .unwrap();
    let characters: BTreeSet<_> = tree.items.iter().map(|node| node.character_id).collect();
    assert_eq!(characters.len(), 5, "every member of the lineage sees all of it");
    let ids: BTreeSet<_> = tree.items.iter().map(|node| node.id).collect();
    assert_eq!(tree.items.iter().filter(|node| node.parent_id.is_none()).count(), 1, "it has one root");
    assert!(tree.items.iter().filter_map(|node| node.parent_id).all(|parent| ids.contains(&parent)));
}

#[tokio::test]
async fn an_item_that_never_was_in_the_new_theme_is_reset_to_what_it_was_at_first() {
    let world = world().await;
    let ring = json!({ "requires_attunement": false });
    let ring = world.has(item("Ring", &ring)).await;
    let steam = world.changes_to(world.hero, &with("steampunk", &[(ring.id, Transition::AdaptNew)])).await;
    let copy = named(&steam, "Ring").id;
    let magic = |it: &InventoryItem| {
        let data = document(&json!({ "requires_attunement": true }));
        Ok(InventoryItem { name: "Coil".to_owned(), data, ..it.clone() })
    };
    world.inventory.patch(steam.character.id, copy, &plain(), magic).await.unwrap();
    world.inventory.attune(steam.character.id, copy, &plain()).await.unwrap();
    let noir = world.changes_to(steam.character.id, &with("noir", &[(copy, Transition::ThemeReset)])).await;
    let ring = named(&noir, "Ring");
    assert_eq!((ring.theme.as_str(), ring.attunement), ("traditional", Attunement::None));
}

#[tokio::test]
async fn a_part_that_was_given_is_never_reset_to_what_the_giver_made_of_the_rest() {
    let world = world().await;
    let friend = world.characters.create(NewCharacter::new(UserId::new(), "Friend"), &plain()).await.unwrap().id;
    let arrows = world.has(NewItem { quantity: 20, ..item("Arrow", &json!({})) }).await;
    let part = world.inventory.give(world.hero, arrows.id, friend, Some(5), &plain()).await.unwrap().item;
    let slaying = |it: &InventoryItem| {
        let notes = Some("secret".to_owned());
        Ok(InventoryItem { name: "Arrow of slaying".to_owned(), notes, ..it.clone() })
    };
    world.inventory.patch(world.hero, arrows.id, &plain(), slaying).await.unwrap();
    let steam = world.changes_to(friend, &with("steampunk", &[(part.id, Transition::ThemeReset)])).await;
    let copy = named(&steam, "Arrow");
    assert_eq!((copy.quantity, copy.root_id, copy.notes.as_deref()), (5, Some(arrows.id), None));
}

#[tokio::test]
async fn the_journal_goes_along_and_the_progress_is_copied() {
    let world = world().await;
    let (storage, of, at) = (&world.storage, world.hero, now());
    let entry = storage.create(JournalEntry::new(of, "Day one", at)).await.unwrap();
    let gone = storage.create(JournalEntry::new(of, "Torn out", at)).await.unwrap();
    let won = ExperienceEntry::new(of, entry.id, 50, at);
    let won = storage.create(won).await.unwrap();
    let quest = storage.create(Quest::new(of, entry.id, "Find it", at)).await.unwrap();
    let lost = storage.create(Quest::new(of, gone.id, "Lost", at)).await.unwrap();
    let friend = storage.create(NpcRelationship::new(of, entry.id, "Bruno", at)).await.unwrap();
    storage.create(CharacterProgress::new(of, 950, 3, at)).await.unwrap();
    storage.delete(&gone, Expect::Any).await.unwrap();

    let new = world.changes_to(of, &to("steampunk")).await.character;
    assert_eq!(storage.get::<JournalEntry>(entry.id).await.unwrap().value.character_id, new.id);
    assert_eq!(storage.get::<ExperienceEntry>(won.id).await.unwrap().value.character_id, new.id);
    assert_eq!(storage.get::<Quest>(quest.id).await.unwrap().value.character_id, new.id);
    assert_eq!(storage.get::<NpcRelationship>(friend.id).await.unwrap().value.character_id, new.id);
    assert_eq!(
        storage.get::<Quest>(lost.id).await.unwrap().value.character_id,
        of,
        "what hangs on a deleted entry stays"
    );
    let copy = storage.get::<CharacterProgress>(CharacterProgressId::of(new.id)).await.unwrap().value;
    assert_eq!((copy.character_id, copy.experience_points, copy.current_level), (new.id, 950, 3));
    assert_eq!(storage.get::<CharacterProgress>(CharacterProgressId::of(of)).await.unwrap().value.current_level, 3);
    let first = world.versions(new.id).await.remove(0);
    let carried: Vec<_> = first.related.iter().filter(|it| it.change == "replace").map(|it| it.id).collect();
    assert_eq!(carried, [entry.id.0, won.id.0, quest.id.0, friend.id.0]);
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_and_named_and_changes_nothing() {
    let world = world().await;
    let sword = world.has(item("Sword", &json!({}))).await.id;
    let gone = world.has(item("Gone", &json!({}))).await.id;
    world.inventory.delete(world.hero, gone, &plain()).await.unwrap();
    let other = world.characters.create(NewCharacter::new(UserId::new(), "Other"), &plain()).await.unwrap().id;
    let foreign = world.inventory.create(other, item("Foreign", &json!({})), &plain()).await.unwrap().id;
    let (before, events) = (world.all::<CharacterVersion>().await, world.events().await.len());
    let refused = async |transition: &ThemeTransition| {
        faults(world.evolution.change_theme(world.hero, transition, &plain()).await)
    };
    assert_eq!(refused(&to("traditional")).await, ["new_theme"]);
    assert_eq!(refused(&to(" ")).await, ["new_theme"]);
    assert_eq!(refused(&to(&"x".repeat(65))).await, ["new_theme"]);
    let keep = Transition::KeepCurrent;
    let wrong =
        with("x", &[(gone, keep), (sword, keep), (foreign, keep), (sword, keep), (InventoryItemId::new(), keep)]);
    let fields = [0, 2, 3, 4].map(|index| format!("equipment_transitions[{index}].equipment_id"));
    assert_eq!(refused(&wrong).await, fields);
    let condition = Condition::revision(Revision(1)).into();
    let stale = world.evolution.change_theme(world.hero, &to("x"), &condition).await;
    assert!(matches!(stale, Err(RepositoryError::PreconditionFailed { .. })), "{stale:?}");
    assert_eq!((world.all::<CharacterVersion>().await, world.events().await.len()), (before, events));
}

#[tokio::test]
async fn a_reset_that_would_break_a_rule_of_the_inventory_is_refused() {
    let world = world().await;
    world.has(item("Sack", &json!({ "capacity": 5 }))).await;
    world.has(item("Stone", &json!({ "weight": 4 }))).await;
    let change = world.changes_to(world.hero, &to("steampunk")).await;
    let (of, sack, stone) = (change.character.id, named(&change, "Sack").id, named(&change, "Stone").id);
    let data = |data: Value| move |it: &InventoryItem| Ok(InventoryItem { data: document(&data), ..it.clone() });
    world.inventory.patch(of, sack, &plain(), data(json!({ "capacity": 50 }))).await.unwrap();
    world.inventory.patch(of, stone, &plain(), data(json!({ "weight": 40 }))).await.unwrap();
    world.inventory.move_to(of, stone, Some(sack), &plain()).await.unwrap();
    let smaller = with("traditional", &[(sack, Transition::ThemeReset)]);
    assert_eq!(refusal(world.evolution.change_theme(of, &smaller, &plain()).await).rule, "container-full");
    // Both at once fit, whichever is named first.
    for order in [[sack, stone], [stone, sack]] {
        let both = with("traditional", &order.map(|id| (id, Transition::ThemeReset)));
        let change = world.changes_to(of, &both).await;
        assert_eq!(named(&change, "Stone").container, Some(named(&change, "Sack").id));
    }
}

#[tokio::test]
async fn a_bag_that_is_too_full_already_keeps_nobody_from_another_theme() {
    let world = world().await;
    let bag =
        InventoryItem { data: document(&json!({ "capacity": 1 })), ..InventoryItem::new(world.hero, "Bag", now()) };
    let lead = InventoryItem {
        data: document(&json!({ "weight": 9 })),
        container: Some(bag.id),
        ..InventoryItem::new(world.hero, "Lead", now())
    };
    world.storage.bulk_create(vec![bag, lead]).await.unwrap();
    assert_eq!(world.changes_to(world.hero, &to("steampunk")).await.items.len(), 2);
}

#[tokio::test]
async fn more_rows_than_one_transaction_takes_are_refused_with_the_reason() {
    let world = world().await;
    for part in 0..MAX_WRITES / 1000 {
        let entry = |index: usize| JournalEntry::new(world.hero, format!("{part}.{index}"), now());
        world.storage.bulk_create((0..1000).map(entry).collect()).await.unwrap();
    }
    let refused = refusal(world.evolution.change_theme(world.hero, &to("steampunk"), &plain()).await);
    assert_eq!(refused.rule, "too-many-rows");
    assert_eq!(refused.reason, "5004 rows would change in one transaction; at most 5000 can");
    let entries: Vec<JournalEntry> = world.all().await;
    assert!(entries.iter().all(|entry| entry.character_id == world.hero));
    for entry in &entries[..4] {
        world.storage.delete(entry, Expect::Any).await.unwrap();
    }
    world.changes_to(world.hero, &to("steampunk")).await;
}

#[tokio::test]
async fn a_repeat_under_the_same_key_gets_the_first_answer_and_makes_no_second_character() {
    let world = world().await;
    world.has(item("Sword", &json!({ "deep": { "er": [1] } }))).await;
    let first = world.evolution.change_theme(world.hero, &to("steampunk"), &key("once")).await.unwrap();
    let again = world.evolution.change_theme(world.hero, &to("steampunk"), &key("once")).await.unwrap();
    assert_eq!(again, first);
    let mut theme = to("noir");
    let other = world.evolution.change_theme(world.hero, &theme, &other_request("once")).await;
    assert!(matches!(other, Err(RepositoryError::IdempotencyMismatch)), "{other:?}");
    theme.new_theme = "traditional".to_owned();
    let other = world.evolution.change_theme(world.hero, &theme, &other_request("once")).await;
    assert!(matches!(other, Err(RepositoryError::IdempotencyMismatch)), "also when it would be refused: {other:?}");
    assert_eq!(world.all::<Character>().await.len(), 2);
    world.characters.delete(world.hero, &plain()).await.unwrap();
    let later = world.evolution.change_theme(world.hero, &to("steampunk"), &key("once")).await.unwrap();
    assert_eq!(later, first, "even when the character is gone");
}
