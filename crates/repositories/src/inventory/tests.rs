//! The acts on items, over the memory storage; what a storage may do to them, over a mock of the port.

use super::*;
use crate::{
    Atomicity,
    testing::{all, key, other_request, over_memory, plain},
};
use character_domain::{Character, CharacterVersion, Document, Revision, UserId, Violations};
use character_storage_port::{
    CHARACTER_INVENTORY_CHANGED, COMMIT, CharacterVersionQuery, ErrorKind, Expect, MemoryStorage, Page, PageRequest,
    StorageError, StorageExt, Store,
};
use character_storage_testkit::{MockStorage, sample::logged_events};
use serde_json::{Value, json};
use std::sync::Arc;

struct World {
    inventory: InventoryRepository,
    storage: MemoryStorage,
    hero: CharacterId,
}

async fn world() -> World {
    let storage = MemoryStorage::new();
    let mut hero = Character::new(UserId::new(), "Torormir", character_domain::now());
    hero.data = document(json!({ "currency": { "gp": 10, "note": "kept" }, "ability_scores": { "strength": 10 } }));
    let hero = storage.create_character(hero).await.unwrap().id;
    let inventory = InventoryRepository::new(over_memory(&storage));
    World { inventory, storage, hero }
}

fn document(value: Value) -> Document {
    Document::from(value.as_object().cloned().unwrap())
}

fn item(name: &str, data: Value) -> NewItem {
    NewItem { data: document(data), ..NewItem::new(name) }
}

fn rule<T: std::fmt::Debug>(outcome: Result<T>) -> String {
    match outcome {
        Err(RepositoryError::Refused(refusal)) => refusal.rule.into_owned(),
        other => panic!("{other:?}"),
    }
}

impl World {
    async fn has(&self, new: NewItem) -> InventoryItem {
        self.inventory.create(self.hero, new, &plain()).await.unwrap()
    }

    async fn now(&self, id: InventoryItemId) -> InventoryItem {
        self.inventory.get(self.hero, id, &plain()).await.unwrap().value
    }

    async fn versions(&self) -> Vec<CharacterVersion> {
        let query = CharacterVersionQuery { character_id: Some(self.hero), ..CharacterVersionQuery::default() };
        Store::<CharacterVersion>::list(&self.storage, &query, PageRequest::default())
            .await
            .unwrap()
            .value
            .items
            .into_vec()
    }
}

#[tokio::test]
async fn an_act_changes_the_item_the_version_and_the_log_together() {
    let world = world().await;
    let sword = world.has(item("Sword", json!({ "weight": 3 }))).await;
    let equipped = world.inventory.equip(world.hero, sword.id, &plain()).await.unwrap();
    assert!(equipped.equipped);
    assert_eq!(equipped, world.now(sword.id).await, "the answer is what is stored");
    let version = world.versions().await.remove(0);
    assert_eq!((version.reason.as_str(), version.related.len()), ("inventory.equipped", 1));
    assert_eq!((version.related[0].id, version.related[0].change.as_str()), (sword.id.0, "replace"));
    let events = logged_events(&world.storage).await;
    let last = events.last().unwrap();
    assert_eq!((last.event_type.as_ref(), &last.data["change"]), (CHARACTER_INVENTORY_CHANGED, &json!("equipped")));
}

#[tokio::test]
async fn equipping_takes_an_item_out_of_its_container_and_moving_takes_it_off() {
    let world = world().await;
    let bag = world.has(item("Bag", json!({ "capacity": 30 }))).await;
    let sword = world.has(NewItem { container: Some(bag.id), ..item("Sword", json!({ "weight": 3 })) }).await;
    let worn = world.inventory.equip(world.hero, sword.id, &plain()).await.unwrap();
    assert_eq!((worn.equipped, worn.container), (true, None));
    let packed = world.inventory.move_to(world.hero, sword.id, Some(bag.id), &plain()).await.unwrap();
    assert_eq!((packed.equipped, packed.container), (false, Some(bag.id)));
    let carried = world.inventory.move_to(world.hero, sword.id, None, &plain()).await.unwrap();
    assert_eq!(carried.container, None);
}

#[tokio::test]
async fn a_refused_act_changes_nothing_and_says_why() {
    let world = world().await;
    let bag = world.has(item("Bag", json!({ "capacity": 5 }))).await;
    let pouch = world.has(NewItem { container: Some(bag.id), ..item("Pouch", json!({ "capacity": 2 })) }).await;
    let anvil = world.has(item("Anvil", json!({ "weight": 300 }))).await;
    let none = world.has(NewItem { quantity: 0, ..item("Arrow", json!({})) }).await;
    let ring = world.has(item("Plain ring", json!({}))).await;
    let before = world.storage.get_character(world.hero).await.unwrap().value;
    let (inventory, hero, terms) = (&world.inventory, world.hero, &plain());
    assert_eq!(rule(inventory.move_to(hero, bag.id, Some(bag.id), terms).await), "container-cycle");
    assert_eq!(rule(inventory.move_to(hero, bag.id, Some(pouch.id), terms).await), "container-cycle");
    assert_eq!(rule(inventory.move_to(hero, anvil.id, Some(bag.id), terms).await), "container-full");
    assert_eq!(rule(inventory.move_to(hero, ring.id, Some(anvil.id), terms).await), "not-a-container");
    assert_eq!(rule(inventory.move_to(hero, ring.id, Some(InventoryItemId::new()), terms).await), "no-such-container");
    assert_eq!(rule(inventory.equip(hero, none.id, terms).await), "nothing-there");
    assert_eq!(rule(inventory.attune(hero, ring.id, terms).await), "attunement-not-required");
    let poor = inventory.change_currency(hero, &Purse([("gp".to_owned(), -11)].into()), terms).await;
    assert_eq!(rule(poor), "not-enough-coins");
    assert_eq!(world.storage.get_character(hero).await.unwrap().value, before);
}

#[tokio::test]
async fn an_item_of_another_character_is_no_container_and_not_found() {
    let world = world().await;
    let other = Character::new(UserId::new(), "Other", character_domain::now());
    let other = world.storage.create_character(other).await.unwrap().id;
    let bag = world.inventory.create(other, item("Bag", json!({ "capacity": 5 })), &plain()).await.unwrap();
    let coin = world.has(item("Coin", json!({}))).await;
    let moved = world.inventory.move_to(world.hero, coin.id, Some(bag.id), &plain()).await;
    assert_eq!(rule(moved), "no-such-container");
    for outcome in [
        world.inventory.equip(world.hero, bag.id, &plain()).await.map(drop),
        world.inventory.delete(world.hero, bag.id, &plain()).await,
        world.inventory.restore(world.hero, bag.id, &plain()).await.map(drop),
        world.inventory.get(world.hero, bag.id, &plain()).await.map(drop),
    ] {
        assert!(matches!(outcome, Err(RepositoryError::NotFound(EntityKind::InventoryItem))), "{outcome:?}");
    }
}

#[tokio::test]
async fn two_acts_at_once_do_not_attune_a_fourth_item() {
    let world = world().await;
    let mut tasks = Vec::new();
    for index in 0..8 {
        let ring = world.has(item(&format!("Ring {index}"), json!({ "requires_attunement": true }))).await;
        let (inventory, hero) = (world.inventory.clone(), world.hero);
        tasks.push(tokio::spawn(async move { inventory.attune(hero, ring.id, &plain()).await }));
    }
    let mut attuned = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => attuned += 1,
            Err(error) => assert_eq!(rule::<()>(Err(error)), "too-many-attuned"),
        }
    }
    assert_eq!(attuned, 3);
}

#[tokio::test]
async fn deleting_a_container_leaves_its_contents_where_it_was_and_restoring_brings_it_back_empty() {
    let world = world().await;
    let chest = world.has(item("Chest", json!({ "capacity": 50 }))).await;
    let bag = world.has(NewItem { container: Some(chest.id), ..item("Bag", json!({ "capacity": 9 })) }).await;
    let coin = world.has(NewItem { container: Some(bag.id), ..item("Coin", json!({})) }).await;
    world.inventory.delete(world.hero, bag.id, &plain()).await.unwrap();
    assert_eq!(world.now(coin.id).await.container, Some(chest.id));
    let back = world.inventory.restore(world.hero, bag.id, &plain()).await.unwrap();
    assert_eq!((back.item.container, back.item.meta.revision), (Some(chest.id), Revision(3)));
    assert_eq!(back.loosened, []);
    world.inventory.delete(world.hero, bag.id, &plain()).await.unwrap();
    world.inventory.delete(world.hero, chest.id, &plain()).await.unwrap();
    let loose = world.inventory.restore(world.hero, bag.id, &plain()).await.unwrap();
    assert_eq!((loose.item.container, loose.item.meta.revision), (None, Revision(5)));
    assert_eq!(loose.loosened.iter().map(|refusal| refusal.rule.as_ref()).collect::<Vec<_>>(), ["no-such-container"]);
    assert_eq!(world.now(bag.id).await, loose.item, "the answer is what is stored");
}

#[tokio::test]
async fn an_act_repeated_under_its_key_gets_the_first_answer_even_when_it_would_be_refused_now() {
    let world = world().await;
    let key = key("once");
    let change = Purse([("gp".to_owned(), -10)].into());
    let first = world.inventory.change_currency(world.hero, &change, &key).await.unwrap();
    let again = world.inventory.change_currency(world.hero, &change, &key).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(Purse::of(&first.data).unwrap().0["gp"], 0);
    let other = world
        .inventory
        .change_currency(world.hero, &Purse([("gp".to_owned(), 1)].into()), &other_request("once"))
        .await;
    assert!(matches!(other, Err(RepositoryError::IdempotencyMismatch)), "{other:?}");
    let new = || NewItem { id: Some(InventoryItemId(uuid::Uuid::from_u128(7))), ..item("Sword", json!({})) };
    let made = world.inventory.create(world.hero, new(), &self::key("new")).await.unwrap();
    assert_eq!(world.inventory.create(world.hero, new(), &self::key("new")).await.unwrap(), made);
}

#[tokio::test]
async fn coins_that_are_no_coins_are_named_and_other_members_stay() {
    let world = world().await;
    let wrong = Purse([("gp".to_owned(), 1), ("dollars".to_owned(), 1)].into());
    let Err(RepositoryError::Invalid(violations)) = world.inventory.change_currency(world.hero, &wrong, &plain()).await
    else {
        panic!()
    };
    assert_eq!(violations[0].field, "dollars");
    let paid = Purse([("gp".to_owned(), -3), ("sp".to_owned(), 7)].into());
    let after = world.inventory.change_currency(world.hero, &paid, &plain()).await.unwrap();
    assert_eq!(after.data.0["currency"], json!({ "cp": 0, "sp": 7, "ep": 0, "gp": 7, "pp": 0, "note": "kept" }));
}

#[tokio::test]
async fn many_items_are_made_together_or_not_at_all_and_every_fault_names_its_place() {
    let world = world().await;
    let bag = InventoryItemId::new();
    let sound = || Ok(NewItem { id: Some(bag), ..item("Bag", json!({ "capacity": 10 })) });
    let inside = |weight: i64| Ok(NewItem { container: Some(bag), ..item("Stone", json!({ "weight": weight })) });
    let unreadable = Err(Violations::one("name", "is required"));
    let wrong = vec![sound(), inside(8), inside(8), Ok(item(" ", json!({}))), unreadable, sound()];
    let outcome = all(world.inventory.create_many(world.hero, wrong.clone(), Atomicity::AllOrNone, &plain()).await);
    let Err(RepositoryError::Invalid(violations)) = outcome else { panic!() };
    let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["items[2]", "items[3].name", "items[4].name", "items[5].id"]);
    assert_eq!(world.versions().await.len(), 0, "nothing was changed");

    let key = key("each");
    let outcomes = world.inventory.create_many(world.hero, wrong.clone(), Atomicity::EachOnItsOwn, &key).await.unwrap();
    let made: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(made, [true, true, false, false, false, false]);
    assert_eq!(world.versions().await.len(), 1, "one act, one version");
    let again = world.inventory.create_many(world.hero, wrong, Atomicity::EachOnItsOwn, &key).await.unwrap();
    let ids = |outcomes: &[Result<InventoryItem>]| -> Vec<_> {
        outcomes.iter().map(|outcome| outcome.as_ref().ok().map(|item| item.id)).collect()
    };
    assert_eq!(ids(&again), ids(&outcomes));
    let taken = all(world.inventory.create_many(world.hero, vec![sound()], Atomicity::AllOrNone, &plain()).await);
    assert!(matches!(taken, Err(RepositoryError::Invalid(violations)) if violations[0].field == "items[0].id"));
    let more =
        all(world.inventory.create_many(world.hero, vec![inside(1), inside(1)], Atomicity::AllOrNone, &plain()).await);
    assert_eq!(more.unwrap().len(), 2);
}

#[tokio::test]
async fn the_load_tells_what_is_carried_and_what_lies_in_each_container() {
    let world = world().await;
    let bag = world.has(item("Bag", json!({ "capacity": 30, "weight": 5 }))).await;
    world.has(NewItem { container: Some(bag.id), quantity: 2, ..item("Stone", json!({ "weight": 4 })) }).await;
    let load = world.inventory.weight(world.hero, &plain()).await.unwrap();
    assert_eq!((load.carried, load.capacity), (13.into(), Some(150.into())));
    assert_eq!(load.containers[0].contents, 8.into());
}

#[tokio::test(start_paused = true)]
async fn an_act_that_loses_its_race_is_judged_anew_and_a_storage_failure_is_passed_on() {
    let hero = Character::new(UserId::new(), "Torormir", character_domain::now());
    let sword = InventoryItem::new(hero.id, "Sword", character_domain::now());
    let (of, id) = (hero.id, sword.id);
    let mut mock = MockStorage::new();
    mock.expect_find::<Character>().times(3).returning(move |_, _| Ok(Read::origin(Some(hero.clone()))));
    mock.expect_list::<InventoryItem>()
        .times(3)
        .returning(move |_, _| Ok(Read::origin(Page::new(vec![sword.clone()], None))));
    let mut answers = vec![
        StorageError::new(ErrorKind::Timeout, COMMIT),
        StorageError::new(ErrorKind::Conflict { expected: Revision(1), actual: Revision(2) }, COMMIT),
        StorageError::new(ErrorKind::Conflict { expected: Revision(1), actual: Revision(2) }, COMMIT),
    ];
    mock.expect_commit().times(3).returning(move |_| Err(answers.pop().unwrap()));
    let inventory = InventoryRepository::new(StorageContext::new(Arc::new(mock)));
    let outcome = inventory.equip(of, id, &plain()).await;
    assert!(matches!(outcome, Err(RepositoryError::Storage(error)) if *error.kind() == ErrorKind::Timeout));
}

impl World {
    async fn other_hero(&self) -> CharacterId {
        let other = Character::new(UserId::new(), "Ilse", character_domain::now());
        self.storage.create_character(other).await.unwrap().id
    }

    async fn revision(&self, of: CharacterId) -> Revision {
        self.storage.get_character(of).await.unwrap().value.meta.revision
    }
}

#[tokio::test]
async fn a_container_is_given_with_all_that_lies_in_it_and_nothing_stays_worn_or_attuned() {
    let world = world().await;
    let other = world.other_hero().await;
    let chest = world.has(item("Chest", json!({ "capacity": 100 }))).await;
    let bag = world.has(NewItem { container: Some(chest.id), ..item("Bag", json!({ "capacity": 50 })) }).await;
    let ring = NewItem { container: Some(bag.id), ..item("Ring", json!({ "requires_attunement": true })) };
    let ring = world.has(NewItem { attunement: Attunement::Attuned, ..ring }).await;
    let before = (world.revision(world.hero).await, world.revision(other).await);
    let given = world.inventory.give(world.hero, bag.id, other, None, &plain()).await.unwrap();
    assert_eq!((given.item.id, given.item.container, given.remaining), (bag.id, None, None));
    let theirs = world.inventory.get(other, ring.id, &plain()).await.unwrap().value;
    assert_eq!((theirs.container, theirs.attunement), (Some(bag.id), Attunement::None));
    let missing = world.inventory.get(world.hero, bag.id, &plain()).await;
    assert!(matches!(missing, Err(RepositoryError::NotFound(_))), "{missing:?}");
    assert_eq!((world.revision(world.hero).await, world.revision(other).await), (before.0.next(), before.1.next()));
    let query = CharacterVersionQuery { character_id: Some(other), ..CharacterVersionQuery::default() };
    let versions =
        Store::<CharacterVersion>::list(&world.storage, &query, PageRequest::default()).await.unwrap().value.items;
    assert_eq!((versions[0].reason.as_str(), versions[0].related.len()), ("inventory.received", 2));
    let events = logged_events(&world.storage).await;
    let sides: Vec<_> = events.iter().rev().take(2).map(|it| it.data["change"].clone()).collect();
    assert_eq!(sides, ["received", "given"]);
}

#[tokio::test]
async fn a_part_of_an_item_is_given_as_an_item_of_its_own() {
    let world = world().await;
    let other = world.other_hero().await;
    let arrows = world.has(NewItem { quantity: 20, equipped: true, ..item("Arrow", json!({ "weight": 0.05 })) }).await;
    let given = world.inventory.give(world.hero, arrows.id, other, Some(15), &plain()).await.unwrap();
    let left = given.remaining.unwrap();
    assert_eq!((left.id, left.quantity, left.equipped), (arrows.id, 5, true));
    assert_eq!((given.item.quantity, given.item.equipped, given.item.root_id), (15, false, Some(arrows.id)));
    assert_eq!((given.item.character_id, given.item.meta.revision), (other, Revision(1)));
    let too_many = world.inventory.give(world.hero, arrows.id, other, Some(6), &plain()).await;
    assert_eq!(rule(too_many), "not-enough-items");
    for (to, quantity, field) in
        [(world.hero, None, "to"), (CharacterId::new(), None, "to"), (other, Some(0), "quantity")]
    {
        let outcome = world.inventory.give(world.hero, arrows.id, to, quantity, &plain()).await;
        let Err(RepositoryError::Invalid(violations)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(violations[0].field, field);
    }
    assert_eq!(world.now(arrows.id).await.quantity, 5, "a refusal changes nothing");
}

#[tokio::test]
async fn coins_are_given_once_however_many_give_and_take_at_the_same_time() {
    let world = world().await;
    let other = world.other_hero().await;
    let one = Purse([("gp".to_owned(), 1)].into());
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let (inventory, one, pair) = (world.inventory.clone(), one.clone(), (world.hero, other));
            tokio::spawn(async move {
                let (of, to) = if task % 4 == 3 { (pair.1, pair.0) } else { pair };
                inventory.give_coins(of, to, &one, &plain()).await.map(drop)
            })
        })
        .collect();
    for task in tasks {
        let outcome = task.await.unwrap();
        assert!(outcome.is_ok() || rule(outcome) == "not-enough-coins");
    }
    let gold = async |of| Purse::of(&world.storage.get_character(of).await.unwrap().value.data).unwrap().0["gp"];
    assert_eq!(gold(world.hero).await + gold(other).await, 10, "none is lost and none is made");
    let negative = Purse([("gp".to_owned(), -1)].into());
    let refused = world.inventory.give_coins(world.hero, other, &negative, &plain()).await;
    assert!(matches!(refused, Err(RepositoryError::Invalid(_))), "{refused:?}");
    let too_many = Purse([("gp".to_owned(), 11)].into());
    assert_eq!(rule(world.inventory.give_coins(world.hero, other, &too_many, &plain()).await), "not-enough-coins");
}

#[tokio::test]
async fn coins_that_the_receiver_cannot_take_are_refused_by_its_name_and_without_its_contents() {
    let world = world().await;
    let other = world.other_hero().await;
    let one = Purse([("gp".to_owned(), 1)].into());
    for (currency, rule, reason) in [
        (json!("a private note"), "unreadable-member", "data.currency of the receiver cannot be read"),
        (json!({ "gp": 1_000_000_000_000_i64 }), "too-many-coins", "the receiver would have too many coins"),
    ] {
        let row = world.storage.get_character(other).await.unwrap().value;
        let data = Document::from(json!({ "currency": currency }).as_object().cloned().unwrap());
        world.storage.update_character(Character { data, ..row }, Expect::Any).await.unwrap();
        match world.inventory.give_coins(world.hero, other, &one, &plain()).await {
            Err(RepositoryError::Refused(refusal)) => assert_eq!((&*refusal.rule, &*refusal.reason), (rule, reason)),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_item_that_may_not_be_attuned_again_is_restored_without_its_attunement() {
    let world = world().await;
    let ring = || item("Ring", json!({ "requires_attunement": true }));
    let lost = world.has(NewItem { attunement: Attunement::Attuned, ..ring() }).await;
    world.inventory.delete(world.hero, lost.id, &plain()).await.unwrap();
    for _ in 0..3 {
        world.has(NewItem { attunement: Attunement::Attuned, ..ring() }).await;
    }
    let restored = world.inventory.restore(world.hero, lost.id, &plain()).await.unwrap();
    assert_eq!((restored.item.attunement, restored.item.meta.revision), (Attunement::None, Revision(3)));
    assert_eq!(restored.loosened[0].rule, "too-many-attuned");
    assert_eq!(world.now(lost.id).await, restored.item);
    let again = world.inventory.restore(world.hero, lost.id, &plain()).await.unwrap();
    assert_eq!((again.item, again.loosened), (restored.item, Vec::new()), "it is live already");
}
