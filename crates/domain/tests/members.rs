//! Every member that an act reads, in every form that JSON can give it: the act has its right effect, or it is refused,
//! names the member and changes nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use character_domain::{
    CampaignEvent, Character, CharacterId, CharacterProgress, Document, EventImpact, ImpactType, InventoryItem,
    Refusal, UserId, campaign,
    inventory::{Attunement, Capacity, Inventory, Purse, carrying_capacity},
    now, number, sheet,
};
use serde_json::{Map, Value, json};

/// What an act reads in a form.
#[derive(Clone, Debug)]
enum Reads {
    /// The same as in this form; `None`: as when the member is missing.
    As(Option<Value>),
    /// Nothing: the act is refused.
    Refused,
}

struct Form {
    name: &'static str,
    /// JSON text; `None`: the member is missing.
    text: Option<&'static str>,
}

const FORMS: [Form; 15] = [
    Form { name: "missing", text: None },
    Form { name: "null", text: Some("null") },
    Form { name: "whole", text: Some("10") },
    Form { name: "whole with a point", text: Some("10.0") },
    Form { name: "whole with an exponent", text: Some("1e1") },
    Form { name: "fraction", text: Some("12.5") },
    Form { name: "text", text: Some("\"15\"") },
    Form { name: "object", text: Some("{\"value\":10}") },
    Form { name: "list", text: Some("[10]") },
    Form { name: "flag", text: Some("true") },
    Form { name: "more than 64 bits", text: Some("18446744073709551615") },
    Form { name: "far too large", text: Some("1e300") },
    Form { name: "too small for a decimal", text: Some("1e-300") },
    Form { name: "large", text: Some("4000000000000") },
    Form { name: "negative", text: Some("-1") },
];

impl Form {
    fn value(&self) -> Option<Value> {
        self.text.map(|text| serde_json::from_str(text).unwrap())
    }

    fn reads_as_whole(&self, lowest: i64, highest: i64) -> Reads {
        match self.name {
            "missing" | "null" => Reads::As(None),
            "whole" | "whole with a point" | "whole with an exponent" => Reads::As(Some(json!(10))),
            "large" if highest >= 4_000_000_000_000 => Reads::As(Some(json!(4_000_000_000_000_i64))),
            "negative" if lowest < 0 => Reads::As(Some(json!(-1))),
            _ => Reads::Refused,
        }
    }

    fn reads_as_object(&self) -> Reads {
        match self.name {
            "missing" | "null" => Reads::As(None),
            "object" => Reads::As(Some(json!({ "value": 10 }))),
            _ => Reads::Refused,
        }
    }
}

fn document(value: &Value) -> Document {
    Document::from(value.as_object().cloned().unwrap())
}

fn sound() -> Document {
    document(&json!({
        "currency": { "cp": 1, "sp": 2, "ep": 3, "gp": 4, "pp": 5, "note": "kept" },
        "experience_points": 950, "level": 3, "proficiency_bonus": 2,
        "hit_points": { "current": 12, "maximum": 20, "temporary": "some" },
        "ability_scores": { "strength": 12, "luck": "high" },
        "species": "Dwarf",
    }))
}

/// The sheet with the member at `path` in this form.
fn with(path: &[&str], value: Option<&Value>) -> Document {
    fn set(members: &mut Map<String, Value>, path: &[&str], value: Option<&Value>) {
        match (path, value) {
            ([name], Some(value)) => drop(members.insert((*name).to_owned(), value.clone())),
            ([name], None) => drop(members.remove(*name)),
            ([name, rest @ ..], value) => set(members[*name].as_object_mut().unwrap(), rest, value),
            ([], _) => {}
        }
    }
    let mut sheet = sound();
    set(&mut sheet.0, path, value);
    sheet
}

type Act = fn(&mut Document) -> Result<Value, Refusal>;

fn pay(sheet: &mut Document) -> Result<Value, Refusal> {
    let coins = [("gp", 1), ("pp", -1)].map(|(coin, count)| (coin.to_owned(), count));
    // A coin that is absent counts as 0, and of that none can be taken.
    let change = if Purse::of(sheet)?.0["pp"] > 0 { Purse(coins.into()) } else { Purse([coins[0].clone()].into()) };
    change.add_to(sheet)?;
    Ok(json!(Purse::of(sheet)?))
}

fn award_by_sheet(sheet: &mut Document) -> Result<Value, Refusal> {
    let character = Character { data: sheet.clone(), ..Character::new(UserId::new(), "Torormir", now()) };
    let mut progress = CharacterProgress::of_sheet(&character)?;
    progress.add_experience(100, now())?;
    progress.write_on(sheet)?;
    Ok(json!([progress.experience_points, progress.current_level]))
}

fn award_on_record(sheet: &mut Document) -> Result<Value, Refusal> {
    let mut progress = CharacterProgress::new(CharacterId::new(), 950, 3, now()).as_on(sheet)?;
    progress.add_experience(100, now())?;
    progress.write_on(sheet)?;
    Ok(json!([progress.experience_points, progress.current_level]))
}

fn event(kind: ImpactType, amount: i64) -> CampaignEvent {
    let event_data = document(&json!({ "ability": "strength" }));
    CampaignEvent { event_data, ..CampaignEvent::new(CharacterId::new(), kind, amount, now()) }
}

fn apply(kind: ImpactType, sheet: &mut Document) -> Result<Value, Refusal> {
    campaign::apply(&event(kind, -2), sheet, 0)?.write_on(sheet);
    Ok(Value::Null)
}

fn revert(kind: ImpactType, sheet: &mut Document) -> Result<Value, Refusal> {
    let event = event(kind, -2);
    let impact = EventImpact::of(&event, &campaign::apply(&event, &sound(), 0).unwrap(), now());
    campaign::revert(&impact, sheet)?.write_on(sheet);
    Ok(Value::Null)
}

const ACTS: [(&str, Act); 8] = [
    ("pay", pay),
    ("award by sheet", award_by_sheet),
    ("award on record", award_on_record),
    ("damage", |sheet| apply(ImpactType::HitPoints, sheet)),
    ("undo damage", |sheet| revert(ImpactType::HitPoints, sheet)),
    ("weaken", |sheet| apply(ImpactType::AbilityScore, sheet)),
    ("undo weakening", |sheet| revert(ImpactType::AbilityScore, sheet)),
    ("load", |sheet| carrying_capacity(sheet).map(|capacity| json!(capacity.map(number::json)))),
];

struct Member {
    path: &'static [&'static str],
    /// The acts that read it.
    read_by: &'static [&'static str],
    reads: fn(&Form) -> Reads,
    /// What a missing member counts as, for the acts that have a default of it.
    default: Option<&'static str>,
}

const COINS: [&[&str]; 2] = [&["currency", "gp"], &["currency", "sp"]];
const AWARDS: &[&str] = &["award by sheet", "award on record"];
const HIT_POINTS: &[&str] = &["damage", "undo damage"];
const SCORES: &[&str] = &["weaken", "undo weakening", "load"];

const MEMBERS: [Member; 11] = [
    Member { path: &["currency"], read_by: &["pay"], reads: Form::reads_as_object, default: Some("{}") },
    Member {
        path: COINS[0],
        read_by: &["pay"],
        reads: |form| form.reads_as_whole(i64::MIN, i64::MAX),
        default: Some("0"),
    },
    Member {
        path: COINS[1],
        read_by: &["pay"],
        reads: |form| form.reads_as_whole(i64::MIN, i64::MAX),
        default: Some("0"),
    },
    Member {
        path: &["experience_points"],
        read_by: AWARDS,
        reads: |form| form.reads_as_whole(0, 1_000_000_000_000),
        default: None,
    },
    Member { path: &["level"], read_by: AWARDS, reads: |form| form.reads_as_whole(1, 20), default: Some("3") },
    Member {
        path: &["proficiency_bonus"],
        read_by: AWARDS,
        reads: |form| form.reads_as_whole(i64::MIN, i64::MAX),
        default: Some("2"),
    },
    Member { path: &["hit_points"], read_by: HIT_POINTS, reads: |_| Reads::Refused, default: None },
    Member {
        path: &["hit_points", "current"],
        read_by: HIT_POINTS,
        reads: |form| form.reads_as_whole(i64::MIN, i64::MAX),
        default: None,
    },
    Member {
        path: &["hit_points", "maximum"],
        read_by: HIT_POINTS,
        reads: |form| form.reads_as_whole(i64::MIN, i64::MAX),
        default: None,
    },
    Member { path: &["ability_scores"], read_by: SCORES, reads: Form::reads_as_object, default: None },
    Member {
        path: &["ability_scores", "strength"],
        read_by: SCORES,
        reads: |form| form.reads_as_whole(i64::MIN, i64::MAX),
        default: None,
    },
];

/// A document with every whole number in its shortest spelling.
fn plain(value: &Value) -> Value {
    match value {
        Value::Number(_) => number::whole(value).map_or_else(|| value.clone(), Into::into),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        _ => value.clone(),
    }
}

fn outcome(act: Act, sheet: &Document) -> Result<(Value, Value), Refusal> {
    let mut sheet = sheet.clone();
    let answer = act(&mut sheet)?;
    Ok((plain(&answer), plain(&Value::Object(sheet.0.into_map()))))
}

#[test]
fn every_member_in_every_form_has_its_right_effect_or_is_refused_by_its_name() {
    for member in &MEMBERS {
        for form in &FORMS {
            let value = form.value();
            let before = with(member.path, value.as_ref());
            for (name, act) in ACTS {
                let context = format!("{name} with {:?} {}", member.path, form.name);
                let found = outcome(act, &before);
                if !member.read_by.contains(&name) {
                    // The act goes on as on a sound sheet, and the member stays to the letter.
                    let mut after = before.clone();
                    assert_eq!(act(&mut after), act(&mut sound()), "{context}");
                    let pointer = format!("/{}", member.path.join("/"));
                    let at = |sheet: &Document| Value::Object(sheet.0.clone().into_map()).pointer(&pointer).cloned();
                    assert_eq!(at(&after), at(&before), "{context}");
                    continue;
                }
                match (member.reads)(form) {
                    Reads::As(Some(canonical)) => {
                        assert_eq!(found, outcome(act, &with(member.path, Some(&canonical))), "{context}");
                        // Of the forms that are read, only the game may forbid the act.
                        let game = found.err().map(|refusal| refusal.rule);
                        assert!(
                            matches!(game.as_deref(), None | Some("not-reversible" | "too-many-coins")),
                            "{context}: {game:?}"
                        );
                    }
                    Reads::As(None) => {
                        let default = member.default.map(|text| serde_json::from_str(text).unwrap());
                        if let Some(default) = &default {
                            assert_eq!(found, outcome(act, &with(member.path, Some(default))), "{context}");
                            assert!(found.is_ok(), "{context}");
                        } else if member.path[0] == "hit_points" || name == "undo weakening" {
                            let rule = found.unwrap_err().rule;
                            assert!(matches!(rule.as_ref(), "no-hit-points" | "not-reversible"), "{context}: {rule}");
                        } else {
                            assert!(found.is_ok(), "{context}");
                        }
                    }
                    Reads::Refused
                        if form.name == "missing" || form.name == "null" || member.path == ["hit_points"] =>
                    {
                        assert!(found.is_err(), "{context}");
                    }
                    Reads::Refused => {
                        let refusal = found.unwrap_err();
                        let path = format!("data.{}", member.path.join("."));
                        assert!(refusal.reason.contains(&path), "{context}: {refusal}");
                        let shown: String = value.as_ref().unwrap().to_string().chars().take(20).collect();
                        assert!(refusal.reason.contains(&shown), "{context}: {refusal}");
                    }
                }
                let mut after = before.clone();
                if act(&mut after).is_err() {
                    assert_eq!(after, before, "{context}: a refused act changes nothing");
                }
            }
        }
    }
}

#[test]
fn the_faults_of_a_sheet_are_what_its_acts_refuse() {
    assert_eq!(sheet::faults(&sound()).len(), 1, "luck is no number");
    assert_eq!(sheet::faults(&Document::default()), []);
    for member in &MEMBERS {
        for form in &FORMS {
            let sheet = with(member.path, form.value().as_ref());
            let path = format!("data.{}", member.path.join("."));
            let named = sheet::faults(&sheet).iter().any(|fault| fault.reason.starts_with(&format!("{path} ")));
            let unreadable = |refusal: Refusal| refusal.reason.starts_with(&format!("{path} is "));
            let refused = ACTS.iter().any(|(_, act)| act(&mut sheet.clone()).err().is_some_and(unreadable));
            assert_eq!(named, refused, "{path} {}", form.name);
        }
    }
}

#[test]
fn a_missing_member_counts_as_its_default() {
    let awarded = |value: &Value| award_by_sheet(&mut document(value)).unwrap();
    assert_eq!(awarded(&json!({})), json!([100, 1]));
    assert_eq!(awarded(&json!({ "level": 4 })), json!([100, 4]));
    assert_eq!(awarded(&json!({ "experience_points": 900 })), json!([1_000, 3]));
    let mut sheet = document(&json!({}));
    assert_eq!(award_on_record(&mut sheet), Ok(json!([1_050, 3])));
    let mut sheet = document(&json!({ "ability_scores": null }));
    apply(ImpactType::AbilityScore, &mut sheet).unwrap();
    assert_eq!(sheet, document(&json!({ "ability_scores": { "strength": 8 } })));
    assert_eq!(carrying_capacity(&document(&json!({}))), Ok(None));
    assert_eq!(carrying_capacity(&document(&json!({ "ability_scores": { "strength": 12.0 } }))), Ok(Some(180.into())));
}

#[test]
fn a_noted_level_that_is_none_refuses_every_change_of_experience() {
    for form in &FORMS {
        let mut progress = CharacterProgress::new(CharacterId::new(), 1_000, 10, now());
        if let Some(value) = form.value() {
            progress.data.0.insert("granted_level".to_owned(), value);
        }
        let before = progress.clone();
        let outcome = progress.add_experience(-10, now());
        match form.reads_as_whole(1, 20) {
            Reads::As(_) => assert_eq!(outcome.map(|change| change.to), Ok(10), "{}", form.name),
            Reads::Refused => {
                assert!(outcome.unwrap_err().reason.contains("granted_level"), "{}", form.name);
                assert_eq!(progress, before);
            }
        }
    }
}

#[test]
fn coins_beyond_their_range_may_only_come_nearer_to_it() {
    let after = |count: i64, change: i64| {
        let mut sheet = document(&json!({ "currency": { "gp": count } }));
        let change = Purse([("gp".to_owned(), change)].into());
        change.add_to(&mut sheet).map(|()| sheet.0["currency"]["gp"].clone()).map_err(|refusal| refusal.rule)
    };
    let rich = 4_000_000_000_000_i64;
    assert_eq!((after(rich, -1), after(rich, 1)), (Ok(json!(rich - 1)), Err("too-many-coins".into())));
    assert_eq!((after(-5, 3), after(-5, -3)), (Ok(json!(-2)), Err("not-enough-coins".into())));
    let mut sheet: Document = serde_json::from_str(r#"{"currency":{"gp":10.0,"sp":7.0,"note":1.50}}"#).unwrap();
    Purse([("gp".to_owned(), 1)].into()).add_to(&mut sheet).unwrap();
    let kept: Document =
        serde_json::from_str(r#"{"currency":{"cp":0,"sp":7.0,"ep":0,"gp":11,"pp":0,"note":1.50}}"#).unwrap();
    assert_eq!(sheet, kept, "what does not change keeps its spelling");
}

/// What an item reads of a form, as a decimal from 0 to a billion.
fn reads_as_pounds(form: &Form) -> Option<&'static str> {
    match form.name {
        "missing" | "null" => Some("0"),
        "whole" | "whole with a point" | "whole with an exponent" => Some("10"),
        "fraction" => Some("12.5"),
        _ => None,
    }
}

#[test]
fn every_member_of_an_item_in_every_form_is_read_or_refused_and_the_check_agrees() {
    let of = CharacterId::new();
    let chest = InventoryItem { item_type: "container".to_owned(), ..InventoryItem::new(of, "Chest", now()) };
    for name in ["weight", "capacity", "requires_attunement", "is_magical"] {
        for form in &FORMS {
            let context = format!("{name} {}", form.name);
            let data = form.value().map(|value| (name.to_owned(), value)).into_iter().collect::<Map<_, _>>();
            let item = InventoryItem { data: Document::from(data), ..InventoryItem::new(of, "Thing", now()) };
            let properties = item.properties();
            let readable = match name {
                "weight" | "capacity" => reads_as_pounds(form).is_some(),
                _ => matches!(form.name, "missing" | "null" | "flag"),
            };
            assert_eq!((properties.is_ok(), item.check().is_empty()), (readable, readable), "{context}");

            let mut inventory = Inventory::new([chest.clone(), item.clone()]);
            for next in [
                InventoryItem { container: Some(chest.id), ..item.clone() },
                InventoryItem { equipped: true, ..item.clone() },
                InventoryItem { attunement: Attunement::Broken, ..item.clone() },
            ] {
                match inventory.clone().put(next) {
                    Ok(()) => assert!(readable, "{context}"),
                    Err(refusal) => assert!(refusal.reason.contains(&format!("data.{name}")), "{context}: {refusal}"),
                }
            }
            assert_eq!(inventory.loads().carried().is_ok(), readable, "{context}");
            // It can be taken out in any form.
            assert_eq!(inventory.remove(item.id), Ok(vec![]), "{context}");

            let Ok(properties) = properties else { continue };
            let pounds = reads_as_pounds(form).map(|text| text.parse().unwrap());
            let given = !matches!(form.name, "missing" | "null");
            match name {
                "weight" => assert_eq!(Some(properties.weight), pounds, "{context}"),
                "capacity" => {
                    assert_eq!(properties.capacity, pounds.filter(|_| given).map(Capacity::Pounds), "{context}")
                }
                "is_magical" => assert_eq!(properties.is_magical, given, "{context}"),
                _ => assert_eq!(properties.requires_attunement, given, "{context}"),
            }
        }
    }
}
