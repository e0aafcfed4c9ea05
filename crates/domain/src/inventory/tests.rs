//! The rules of an inventory, by example and for whatever is done to one.

use super::*;
use crate::{Refusal, number};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};

fn item(character: CharacterId, name: &str, data: Value) -> InventoryItem {
    let data = Document::from(data.as_object().cloned().unwrap_or_default());
    InventoryItem { data, ..InventoryItem::new(character, name, crate::now()) }
}

fn inside(item: InventoryItem, container: &InventoryItem) -> InventoryItem {
    InventoryItem { container: Some(container.id), ..item }
}

fn rule(result: Result<(), Refusal>) -> String {
    result.err().map_or_else(String::new, |refusal| refusal.rule.into_owned())
}

#[test]
fn a_container_cannot_hold_itself_directly_or_through_others() {
    let of = CharacterId::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| item(of, name, json!({ "capacity": 100 })));
    let b = inside(b, &a);
    let c = inside(c, &b);
    let mut inventory = Inventory::new([a.clone(), b.clone(), c.clone()]);
    assert_eq!(rule(inventory.put(inside(a.clone(), &a))), "container-cycle");
    assert_eq!(rule(inventory.put(inside(a.clone(), &c))), "container-cycle");
    assert_eq!(inventory.get(a.id), Some(&a), "a refused act changes nothing");
}

#[test]
fn a_container_must_be_there_and_be_one() {
    let of = CharacterId::new();
    let (sword, absent) = (item(of, "sword", json!({})), item(of, "absent", json!({ "capacity": 5 })));
    let mut inventory = Inventory::new([sword.clone()]);
    assert_eq!(rule(inventory.put(inside(item(of, "x", json!({})), &sword))), "not-a-container");
    assert_eq!(rule(inventory.put(inside(item(of, "x", json!({})), &absent))), "no-such-container");
}

#[test]
fn what_is_too_heavy_does_not_go_in_and_a_bag_that_is_too_full_may_be_emptied() {
    let of = CharacterId::new();
    let chest = item(of, "chest", json!({ "capacity": 20, "weight": 10 }));
    let bag = inside(item(of, "bag", json!({ "capacity": 10, "weight": 1 })), &chest);
    let full = inside(item(of, "lead", json!({ "weight": 8 })), &bag);
    let mut inventory = Inventory::new([chest.clone(), bag.clone(), full.clone()]);
    assert_eq!(rule(inventory.put(inside(item(of, "x", json!({ "weight": 3 })), &bag))), "container-full");
    assert_eq!(rule(inventory.put(inside(item(of, "x", json!({ "weight": 12 })), &chest))), "container-full");
    assert_eq!(rule(inventory.put(inside(item(of, "x", json!({ "weight": 2 })), &bag))), "");
    assert_eq!(inventory.loads().carried(), Ok(21.into()));
    let mut crammed = Inventory::new([chest, bag.clone(), InventoryItem { quantity: 5, ..full.clone() }]);
    assert_eq!(rule(crammed.put(InventoryItem { quantity: 6, ..full.clone() })), "container-full");
    assert_eq!(rule(crammed.put(InventoryItem { quantity: 4, ..full })), "");
    let smaller = item(of, "bag", json!({ "capacity": 1 }));
    assert_eq!(rule(crammed.put(InventoryItem { data: smaller.data, ..bag })), "container-full");
}

#[test]
fn nothing_weighs_nothing_and_not_less() {
    let bag = item(CharacterId::new(), "bag", json!({ "capacity": 5 }));
    let inventory = Inventory::new([bag.clone()]);
    assert_eq!(inventory.loads().contents(bag.id).unwrap().to_string(), "0");
    assert_eq!(Inventory::default().loads().carried().unwrap().to_string(), "0");
}

#[test]
fn what_lies_in_a_magical_container_weighs_nothing_outside() {
    let of = CharacterId::new();
    let bag = item(of, "bag of holding", json!({ "capacity": 500, "weight": 5, "is_magical": true }));
    let anvil = inside(item(of, "anvil", json!({ "weight": 300 })), &bag);
    let inventory = Inventory::new([bag.clone(), anvil]);
    assert_eq!(inventory.loads().carried(), Ok(5.into()));
    assert_eq!(inventory.loads().contents(bag.id), Ok(300.into()));
}

#[test]
fn a_fourth_attuned_item_and_one_that_needs_none_are_refused() {
    let of = CharacterId::new();
    let attuned = |name| InventoryItem {
        attunement: Attunement::Attuned,
        ..item(of, name, json!({ "requires_attunement": true }))
    };
    let mut inventory = Inventory::new([attuned("a"), attuned("b")]);
    assert_eq!(rule(inventory.put(attuned("c"))), "");
    assert_eq!(rule(inventory.put(attuned("d"))), "too-many-attuned");
    let plain = InventoryItem { attunement: Attunement::Attuning, ..item(of, "plain", json!({})) };
    assert_eq!(rule(inventory.put(plain)), "attunement-not-required");
}

#[test]
fn an_equipped_item_does_not_lie_in_a_container() {
    let of = CharacterId::new();
    let bag = item(of, "bag", json!({ "capacity": 10 }));
    let mut inventory = Inventory::new([bag.clone()]);
    let sword = InventoryItem { equipped: true, ..inside(item(of, "sword", json!({})), &bag) };
    assert_eq!(rule(inventory.put(sword)), "equipped-in-container");
}

#[test]
fn what_lay_in_a_removed_container_lies_where_that_lay() {
    let of = CharacterId::new();
    let chest = item(of, "chest", json!({ "capacity": 50 }));
    let bag = inside(item(of, "bag", json!({ "capacity": 10 })), &chest);
    let coin = inside(item(of, "coin", json!({})), &bag);
    let mut inventory = Inventory::new([chest.clone(), bag.clone(), coin.clone()]);
    let moved = inventory.remove(bag.id).unwrap();
    assert_eq!(moved, [InventoryItem { container: Some(chest.id), ..coin }]);
}

fn bag(of: CharacterId, capacity: Value) -> InventoryItem {
    item(of, "bag", json!({ "capacity": capacity }))
}

fn piece(weight: &Value, quantity: i64, bag: &InventoryItem) -> InventoryItem {
    InventoryItem { quantity, ..inside(item(bag.character_id, "piece", json!({ "weight": weight })), bag) }
}

#[test]
fn twelve_times_a_tenth_fits_one_and_two_tenths_and_sums_are_exact() {
    let of = CharacterId::new();
    let tight = bag(of, json!(1.2));
    let mut inventory = Inventory::new([tight.clone()]);
    assert_eq!(inventory.put(piece(&json!(0.1), 12, &tight)), Ok(()));
    assert_eq!(rule(inventory.put(piece(&json!(0.1), 1, &tight))), "container-full");
    for weights in [[0.1, 0.2, 0.3], [0.3, 0.2, 0.1], [0.2, 0.3, 0.1]] {
        let small = bag(of, json!(0.6));
        let mut inventory = Inventory::new([small.clone()]);
        for weight in weights {
            assert_eq!(inventory.put(piece(&json!(weight), 1, &small)), Ok(()));
        }
        assert_eq!(inventory.loads().contents(small.id).unwrap().to_string(), "0.6");
    }
}

#[test]
fn a_weight_that_no_decimal_holds_is_named() {
    let fields = |data: Value, quantity| {
        let item = InventoryItem { quantity, ..item(CharacterId::new(), "x", data) };
        let fields: Vec<_> = item.check().into_iter().map(|violation| violation.field).collect();
        assert_eq!(fields.is_empty(), item.properties().is_ok(), "what passes the check is what the rules can read");
        fields
    };
    for sound in [json!(0), json!(1e9), json!(0.1), json!(1e-28), json!(null)] {
        assert!(fields(json!({ "weight": sound, "capacity": sound }), 1).is_empty(), "{sound}");
    }
    for broken in [json!(-0.1), json!(1e-29), json!(1e300), json!(1_000_000_001), json!("1"), json!([1]), json!(true)] {
        assert_eq!(fields(json!({ "weight": broken }), 1), ["data.weight"], "{broken}");
        assert_eq!(fields(json!({ "capacity": broken }), 1), ["data.capacity"], "{broken}");
    }
    for flag in ["requires_attunement", "is_magical"] {
        assert_eq!(fields(json!({ flag: "yes" }), 1), [format!("data.{flag}")]);
    }
    assert!(fields(json!({ "weight": 1e9 }), MAX_QUANTITY).is_empty());
    assert_eq!(fields(json!({ "weight": 0.123_456_789_012_345_68 }), MAX_QUANTITY), [""; 0]);
    assert_eq!(fields(json!({ "weight": 123_456_789.123_456_79 }), MAX_QUANTITY), [""; 0]);
}

#[test]
fn weights_whose_sum_no_decimal_holds_do_not_come_together() {
    let of = CharacterId::new();
    let heavy = InventoryItem { quantity: MAX_QUANTITY, ..item(of, "heavy", json!({ "weight": 1e9 })) };
    let fine = item(of, "fine", json!({ "weight": 1e-20 }));
    let mut inventory = Inventory::new([heavy.clone()]);
    assert_eq!(rule(inventory.put(fine.clone())), "weight-not-exact");
    let mut stored = Inventory::new([heavy, fine.clone()]);
    assert_eq!(stored.faults().len(), 1);
    assert_eq!(rule(stored.put(InventoryItem { name: "finer".to_owned(), ..fine.clone() })), "");
    assert_eq!(rule(stored.put(InventoryItem { data: Document::default(), ..fine })), "");
    assert_eq!(stored.faults(), []);
}

#[test]
fn an_attuned_item_keeps_requiring_attunement() {
    let of = CharacterId::new();
    let ring =
        InventoryItem { attunement: Attunement::Attuned, ..item(of, "ring", json!({ "requires_attunement": true })) };
    let plain = InventoryItem { data: Document::default(), ..ring.clone() };
    let mut inventory = Inventory::new([ring]);
    assert_eq!(rule(inventory.put(plain.clone())), "attunement-not-required");
    assert_eq!(rule(inventory.put(InventoryItem { attunement: Attunement::None, ..plain.clone() })), "");
    let mut stored = Inventory::new([plain.clone()]);
    assert_eq!(stored.faults()[0].refusal.rule, "attunement-not-required");
    assert_eq!(rule(stored.put(InventoryItem { name: "band".to_owned(), ..plain })), "", "it is not made worse");
}

#[test]
fn deleting_a_magical_container_does_not_overfill_what_it_lies_in() {
    let of = CharacterId::new();
    let chest = bag(of, json!(20));
    let holding = inside(item(of, "bag of holding", json!({ "capacity": 500, "is_magical": true })), &chest);
    let anvil = piece(&json!(300), 1, &holding);
    let mut inventory = Inventory::new([chest.clone(), holding.clone(), anvil.clone()]);
    assert_eq!(inventory.remove(holding.id).unwrap_err().rule, "container-full");
    assert_eq!(inventory.get(anvil.id), Some(&anvil), "a refused act changes nothing");
    let light = Document::from(json!({ "weight": 3 }).as_object().cloned().unwrap());
    assert_eq!(rule(inventory.put(InventoryItem { data: light, ..anvil })), "");
    assert_eq!(inventory.remove(holding.id).unwrap()[0].container, Some(chest.id));
    assert_eq!(inventory.remove(chest.id).unwrap()[0].container, None);
}

#[test]
fn only_an_item_that_is_there_becomes_equipped_and_its_last_piece_may_be_used_up() {
    let of = CharacterId::new();
    let torches = InventoryItem { equipped: true, ..item(of, "torch", json!({})) };
    let used_up = InventoryItem { quantity: 0, ..torches.clone() };
    let mut inventory = Inventory::default();
    assert_eq!(rule(inventory.put(used_up.clone())), "nothing-there");
    assert_eq!(rule(inventory.put(torches)), "");
    assert_eq!(rule(inventory.put(used_up.clone())), "");
    assert_eq!(rule(inventory.put(InventoryItem { name: "burnt torch".to_owned(), ..used_up.clone() })), "");
    assert_eq!(rule(inventory.put(InventoryItem { equipped: false, ..used_up.clone() })), "");
    assert_eq!(rule(inventory.put(used_up)), "nothing-there");
}

#[test]
fn several_items_are_judged_on_what_they_come_to_together() {
    let of = CharacterId::new();
    let small = bag(of, json!(5));
    let stone = piece(&json!(5), 1, &small);
    let mut inventory = Inventory::new([small.clone(), stone.clone()]);
    let shrunk = InventoryItem { data: bag(of, json!(2)).data, ..small };
    let lighter = InventoryItem { data: item(of, "", json!({ "weight": 2 })).data, ..stone };
    assert_eq!(rule(inventory.put(shrunk.clone())), "container-full");
    assert_eq!(rule(inventory.put_all([shrunk, lighter])), "");
    assert_eq!(inventory.faults(), []);
}

#[test]
fn an_item_comes_back_where_the_rules_still_allow_it_and_loose_where_not() {
    let of = CharacterId::new();
    let chest = bag(of, json!(5));
    let stone = piece(&json!(5), 1, &chest);
    let back = |inventory: &mut Inventory, item: &InventoryItem| {
        let mut deleted = item.clone();
        deleted.meta.deleted_at = Some(crate::now());
        let Restored { item, loosened } = inventory.restore(deleted).unwrap();
        assert_eq!(inventory.get(item.id), Some(&item));
        assert_eq!((item.meta.deleted_at, inventory.faults()), (None, Vec::new()));
        (item, loosened.into_iter().map(|refusal| refusal.rule.into_owned()).collect::<Vec<_>>())
    };
    assert_eq!(back(&mut Inventory::new([chest.clone()]), &stone), (stone.clone(), vec![]));
    let loose = InventoryItem { container: None, ..stone.clone() };
    let full = [chest.clone(), piece(&json!(1), 1, &chest)];
    assert_eq!(back(&mut Inventory::new(full), &stone), (loose.clone(), vec!["container-full".to_owned()]));
    assert_eq!(back(&mut Inventory::default(), &stone), (loose.clone(), vec!["no-such-container".to_owned()]));
    let no_bag = InventoryItem { data: Document::default(), ..chest };
    assert_eq!(back(&mut Inventory::new([no_bag]), &stone), (loose, vec!["not-a-container".to_owned()]));

    let used_up = InventoryItem { quantity: 0, equipped: true, ..item(of, "torch", json!({})) };
    let put_down = InventoryItem { equipped: false, ..used_up.clone() };
    assert_eq!(back(&mut Inventory::default(), &used_up), (put_down, vec!["nothing-there".to_owned()]));

    let attuned = |container| InventoryItem {
        attunement: Attunement::Attuned,
        container,
        ..item(of, "ring", json!({ "requires_attunement": true }))
    };
    let (free, gone) = (attuned(None), attuned(Some(InventoryItemId::new())));
    assert_eq!(back(&mut Inventory::new([attuned(None), attuned(None)]), &free), (free.clone(), vec![]));
    let three = || Inventory::new([attuned(None), attuned(None), attuned(None)]);
    let unattuned = InventoryItem { attunement: Attunement::None, ..free.clone() };
    assert_eq!(back(&mut three(), &free), (unattuned, vec!["too-many-attuned".to_owned()]));
    let (item, mut rules) = back(&mut three(), &gone);
    rules.sort_unstable();
    assert_eq!((item.container, item.attunement), (None, Attunement::None));
    assert_eq!(rules, ["no-such-container", "too-many-attuned"]);
}

#[test]
fn containers_that_lie_in_each_other_are_found_and_can_be_taken_apart() {
    let of = CharacterId::new();
    let [a, b] = [bag(of, json!(100)), bag(of, json!(100))];
    let (a, b) = (inside(a.clone(), &b), inside(b, &a));
    let mut stored = Inventory::new([a.clone(), b]);
    let rules: Vec<_> = stored.faults().into_iter().map(|fault| (fault.item.is_some(), fault.refusal.rule)).collect();
    assert_eq!(rules, [(true, "container-cycle".into()), (true, "container-cycle".into())]);
    assert_eq!(stored.loads().carried().unwrap_err().rule, "container-cycle");
    assert_eq!(rule(stored.put(piece(&json!(1), 1, &a))), "container-cycle");
    assert_eq!(rule(stored.put(InventoryItem { container: None, ..a })), "");
    assert_eq!(stored.faults(), []);
}

#[test]
fn ten_thousand_containers_in_each_other_are_weighed() {
    let of = CharacterId::new();
    let mut nested = vec![bag(of, json!(null))];
    for _ in 0..10_000 {
        let last = nested.last().unwrap();
        let next = InventoryItem { item_type: "container".to_owned(), ..piece(&json!(0.1), 1, last) };
        nested.push(next);
    }
    nested[0].item_type = "container".to_owned();
    let inventory = Inventory::new(nested.clone());
    assert_eq!(inventory.loads().contents(nested[0].id), Ok(1000.into()));
    assert_eq!(inventory.faults(), []);
}

#[derive(Clone, Debug)]
enum Step {
    Put(prop::sample::Index, Option<prop::sample::Index>, Value, i64, Attunement, bool),
    Remove(prop::sample::Index),
    Restore(prop::sample::Index),
}

fn data() -> impl Strategy<Value = Value> {
    let pounds = || prop::sample::select(vec![json!(null), json!(0.1), json!(0.2), json!(0.30), json!(1.2), json!(3)]);
    (pounds(), pounds(), any::<bool>(), any::<bool>()).prop_map(|(weight, capacity, magical, attunement)| {
        json!({ "weight": weight, "capacity": capacity, "is_magical": magical, "requires_attunement": attunement })
    })
}

fn step() -> impl Strategy<Value = Step> {
    let any_index = any::<prop::sample::Index>;
    let attunement = prop::sample::select(vec![Attunement::None, Attunement::Attuned, Attunement::Attuning]);
    let put = (any_index(), prop::option::of(any_index()), data(), 0_i64..12, attunement, any::<bool>());
    prop_oneof![
        6 => put.prop_map(|(which, container, data, quantity, attunement, equipped)| {
            Step::Put(which, container, data, quantity, attunement, equipped)
        }),
        1 => any_index().prop_map(Step::Remove),
        1 => any_index().prop_map(Step::Restore),
    ]
}

/// The same inventory, computed in the plainest way: by walking down, in floats of whole tenths.
fn tenths_inside(items: &[InventoryItem], id: InventoryItemId) -> i64 {
    let tenths = |item: &InventoryItem| {
        let properties = item.properties().unwrap();
        let own = i64::try_from((properties.weight * Decimal::TEN).normalize().mantissa()).unwrap() * item.quantity;
        own + if properties.passes_weight_on() { tenths_inside(items, item.id) } else { 0 }
    };
    items.iter().filter(|item| item.container == Some(id)).map(tenths).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_to_an_inventory_breaks_no_rule(steps in prop::collection::vec(step(), 1..60)) {
        let of = CharacterId::new();
        let ids: Vec<_> = (0..9_u128).map(|id| InventoryItemId(uuid::Uuid::from_u128(id + 1))).collect();
        let mut inventory = Inventory::default();
        let mut deleted = std::collections::BTreeMap::new();
        for step in steps {
            let before = inventory.clone();
            let outcome = match step {
                Step::Put(which, container, data, quantity, attunement, equipped) => {
                    let id = ids[which.index(ids.len())];
                    let container = container.map(|which| ids[which.index(ids.len())]);
                    inventory.put(InventoryItem { id, container, quantity, attunement, equipped, ..item(of, "x", data) })
                }
                Step::Remove(which) => {
                    let id = ids[which.index(ids.len())];
                    let gone = inventory.get(id).cloned();
                    inventory.remove(id).map(|_| drop(gone.map(|gone| deleted.insert(id, gone))))
                }
                Step::Restore(which) => {
                    let id = ids[which.index(ids.len())];
                    match deleted.remove(&id).filter(|_| inventory.get(id).is_none()) {
                        Some(item) => inventory.restore(item).map(drop),
                        None => Ok(()),
                    }
                }
            };
            let items = |inventory: &Inventory| -> Vec<_> { ids.iter().filter_map(|id| inventory.get(*id).cloned()).collect() };
            if outcome.is_err() {
                prop_assert_eq!(items(&before), items(&inventory), "a refused act changes nothing");
            }
            prop_assert_eq!(inventory.faults(), vec![]);
            let (items, loads) = (items(&inventory), inventory.loads());
            for item in &items {
                let inside = loads.contents(item.id).unwrap() * Decimal::TEN;
                prop_assert_eq!(inside, Decimal::from(tenths_inside(&items, item.id)));
                prop_assert!(item.properties().unwrap().capacity.is_none_or(|it| it.fits(inside / Decimal::TEN)));
            }
        }
    }

    #[test]
    fn the_load_does_not_depend_on_the_order_of_the_items(
        weights in prop::collection::vec((0_i64..1_000_000, 0_u32..9, 0_i64..100), 0..12), seed in any::<u64>(),
    ) {
        let of = CharacterId::new();
        let mut items: Vec<_> = weights.iter().map(|(mantissa, scale, quantity)| {
            let weight = number::json(Decimal::new(*mantissa, *scale));
            InventoryItem { quantity: *quantity, ..item(of, "x", json!({ "weight": weight })) }
        }).collect();
        let load = Inventory::new(items.clone()).loads().carried().unwrap().to_string();
        items.sort_by_key(|item| item.id.0.as_u128() as u64 ^ seed);
        // New ids change the order inside as well.
        items.iter_mut().for_each(|item| item.id = InventoryItemId(uuid::Uuid::new_v4()));
        prop_assert_eq!(Inventory::new(items).loads().carried().unwrap().to_string(), load);
    }
}
