//! Applying and undoing, by example and on any sheet.

use super::*;
use crate::{CharacterId, campaign::MAX_MAGNITUDE};
use proptest::prelude::*;
use serde_json::json;

fn document(value: &Value) -> Document {
    Document::from(value.as_object().cloned().unwrap())
}

fn event(impact_type: ImpactType, magnitude: i64, data: &Value) -> CampaignEvent {
    CampaignEvent {
        event_data: document(data),
        ..CampaignEvent::new(CharacterId::new(), impact_type, magnitude, crate::now())
    }
}

fn after(sheet: &Document, effect: &Effect) -> Document {
    let mut sheet = sheet.clone();
    effect.write_on(&mut sheet);
    sheet
}

fn round(event: &CampaignEvent, sheet: &Document, meanwhile: impl Fn(&mut Document)) -> Result<Document, Refusal> {
    let effect = apply(event, sheet, 0)?;
    let impact = EventImpact::of(event, &effect, crate::now());
    let mut today = after(sheet, &effect);
    meanwhile(&mut today);
    let undone = revert(&impact, &today)?;
    Ok(after(&today, &undone))
}

fn points(current: i64) -> Document {
    document(&json!({ "hit_points": { "current": current, "maximum": 40, "temporary": 3 } }))
}

#[test]
fn hit_points_stay_between_none_and_the_maximum() {
    for (amount, expected) in [(5, 35), (50, 40), (-12, 18), (-99, 0)] {
        let effect = apply(&event(ImpactType::HitPoints, amount, &json!({})), &points(30), 0).unwrap();
        assert_eq!(after(&points(30), &effect), points(expected));
    }
}

#[test]
fn undoing_takes_back_what_was_really_changed_and_nothing_since() {
    let hurt = event(ImpactType::HitPoints, -50, &json!({}));
    let undone = round(&hurt, &points(30), |today| *today = points(4)).unwrap();
    assert_eq!(undone, points(34), "30 were lost, 4 won since");
}

#[test]
fn an_ability_that_is_absent_counts_as_10_and_is_absent_again_afterwards() {
    let stronger = event(ImpactType::AbilityScore, 3, &json!({ "ability": "strength" }));
    let sheet = document(&json!({ "ability_scores": { "wisdom": 12 } }));
    let effect = apply(&stronger, &sheet, 0).unwrap();
    assert_eq!(after(&sheet, &effect).0["ability_scores"], json!({ "wisdom": 12, "strength": 13 }));
    assert_eq!(round(&stronger, &sheet, |_| {}).unwrap(), sheet);
}

#[test]
fn an_ability_stays_between_1_and_30_and_undoing_knows_it() {
    let up = event(ImpactType::AbilityScore, 9, &json!({ "ability": "wisdom" }));
    let sheet = document(&json!({ "ability_scores": { "wisdom": 28 } }));
    let effect = apply(&up, &sheet, 0).unwrap();
    assert_eq!(after(&sheet, &effect).0["ability_scores"], json!({ "wisdom": 30 }));
    assert_eq!(round(&up, &sheet, |_| {}).unwrap(), sheet);
}

#[test]
fn what_cannot_be_computed_is_refused() {
    let up = event(ImpactType::AbilityScore, 2, &json!({ "ability": "wisdom" }));
    let sheet = document(&json!({ "ability_scores": { "wisdom": 10 } }));
    let refused = round(&up, &sheet, |today| today.0.clear()).unwrap_err();
    assert_eq!(refused.rule, "not-reversible");
    let low = round(&up, &sheet, |today| *today = document(&json!({ "ability_scores": { "wisdom": 2 } })));
    assert_eq!(low.unwrap_err().rule, "not-reversible");
    let none = apply(&event(ImpactType::HitPoints, 1, &json!({})), &sheet, 0).unwrap_err();
    assert_eq!(none.rule, "no-hit-points");
    for sheet in [json!({ "ability_scores": { "wisdom": "high" } }), json!({ "ability_scores": [10] })] {
        assert_eq!(apply(&up, &document(&sheet), 0).unwrap_err().rule, "no-ability-score");
    }
}

#[test]
fn no_number_on_a_sheet_or_in_a_record_is_too_large_to_compute_with() {
    for (impact_type, name) in [
        (ImpactType::HitPoints, "amount"),
        (ImpactType::Experience, "amount"),
        (ImpactType::AbilityScore, "adjustment"),
    ] {
        for (number, amount, other) in [i64::MIN, -1, 0, i64::MAX].into_iter().flat_map(|number| {
            [(number, -1, i64::MIN), (number, -1, i64::MAX), (number, 1, i64::MIN), (number, 1, i64::MAX)]
        }) {
            let sheet = document(&json!({
                "hit_points": { "current": number, "maximum": number },
                "ability_scores": { "wisdom": number },
            }));
            let event = event(impact_type, amount, &json!({ "ability": "wisdom" }));
            let mut impact = EventImpact::of(&event, &apply(&event, &sheet, 0).unwrap(), crate::now());
            impact.impact_data.0.insert(name.to_owned(), other.into());
            let refused = revert(&impact, &sheet).err().map(|refusal| refusal.rule);
            assert!(matches!(refused.as_deref(), None | Some("not-reversible")), "{refused:?}");
        }
    }
}

#[test]
fn beyond_their_range_hit_points_lose_what_they_lose_and_healing_and_damage_keep_their_direction() {
    for (current, maximum, amount, expected) in [
        (15, 10, -3, 12),
        (15, 10, 3, 15),
        (15, 10, -99, 0),
        (-4, 10, -3, -4),
        (-4, 10, 3, -1),
        (-4, 10, 99, 10),
        (9, 10, 3, 10),
        (2, 10, -3, 0),
        (3, -5, 2, 3),
    ] {
        let sheet = document(&json!({ "hit_points": { "current": current, "maximum": maximum } }));
        let effect = apply(&event(ImpactType::HitPoints, amount, &json!({})), &sheet, 0).unwrap();
        assert_eq!(after(&sheet, &effect).0["hit_points"]["current"], json!(expected), "{current}/{maximum} {amount}");
    }
}

#[test]
fn a_score_beyond_its_range_is_not_lowered_by_a_gain_and_comes_back_after_a_loss() {
    for (score, amount, expected) in [(35, 2, 35), (35, -2, 33), (-3, -2, -3), (-3, 2, -1)] {
        let sheet = document(&json!({ "ability_scores": { "wisdom": score } }));
        let event = event(ImpactType::AbilityScore, amount, &json!({ "ability": "wisdom" }));
        let changed = after(&sheet, &apply(&event, &sheet, 0).unwrap());
        assert_eq!(changed.0["ability_scores"]["wisdom"], json!(expected));
        assert_eq!(round(&event, &sheet, |_| {}).unwrap(), sheet);
    }
}

/// A whole number as JSON text, in one of its spellings.
fn spelled(range: std::ops::RangeInclusive<i64>) -> impl Strategy<Value = String> {
    (range, 0..4).prop_map(|(number, spelling)| match spelling {
        0 => format!("{number}.0"),
        1 => format!("{number}e0"),
        _ => number.to_string(),
    })
}

/// Hit points and scores in any state that a sheet can be in and an act can read.
fn any_sheet(range: std::ops::RangeInclusive<i64>) -> impl Strategy<Value = Document> {
    let number = || spelled(range.clone());
    let score = prop_oneof![Just(None), Just(Some("null".to_owned())), number().prop_map(Some)];
    let scores = prop_oneof![
        1 => Just(String::new()),
        1 => Just(r#""ability_scores":null,"#.to_owned()),
        1 => Just(r#""ability_scores":{},"#.to_owned()),
        4 => score.prop_map(|score| {
            let wisdom = score.map_or_else(String::new, |score| format!(r#","wisdom":{score}"#));
            format!(r#""ability_scores":{{"charisma":"high"{wisdom}}},"#)
        }),
    ];
    (number(), number(), number(), scores).prop_map(|(current, maximum, temporary, scores)| {
        let points = format!(r#"{{"current":{current},"maximum":{maximum},"temporary":{temporary}}}"#);
        serde_json::from_str(&format!(r#"{{{scores}"hit_points":{points},"species":"Dwarf"}}"#)).unwrap()
    })
}

fn any_event() -> impl Strategy<Value = CampaignEvent> {
    let kind = prop::sample::select(vec![ImpactType::HitPoints, ImpactType::AbilityScore, ImpactType::Other]);
    let amount = prop_oneof![-30_i64..=30, -MAX_MAGNITUDE..=MAX_MAGNITUDE];
    (kind, amount).prop_map(|(kind, amount)| event(kind, amount, &json!({ "ability": "wisdom" })))
}

fn text(sheet: &Document) -> String {
    serde_json::to_string(sheet).unwrap()
}

/// Today's hit points and wisdom as numbers, so that spellings compare equal.
fn numbers(sheet: &Document) -> (Option<i64>, Option<i64>) {
    let points = sheet::hit_points(sheet, "data").unwrap().map(|points| points.current);
    (points, sheet::score(sheet::ability_scores(sheet, "data").unwrap(), "data", "wisdom").unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn undoing_what_was_just_done_gives_back_the_sheet_to_the_letter(
        sheet in prop_oneof![any_sheet(-20..=40), any_sheet(i64::MIN..=i64::MAX)], event in any_event(),
    ) {
        let undone = round(&event, &sheet, |_| {}).unwrap();
        prop_assert_eq!(text(&undone), text(&sheet));
    }

    #[test]
    fn damage_never_raises_and_healing_never_lowers(sheet in any_sheet(-20..=40), event in any_event()) {
        let changed = after(&sheet, &apply(&event, &sheet, 0).unwrap());
        let ((points, wisdom), (points_after, wisdom_after)) = (numbers(&sheet), numbers(&changed));
        let (wisdom, wisdom_after) = (wisdom.or(Some(10)), wisdom_after.or(Some(10)));
        if event.impact_magnitude < 0 {
            prop_assert!(points_after <= points && wisdom_after <= wisdom);
        } else {
            prop_assert!(points_after >= points && wisdom_after >= wisdom);
        }
    }

    #[test]
    fn events_undone_in_any_order_leave_the_sheet_where_it_was(
        sheet in any_sheet(-20..=40), events in prop::collection::vec((any_event(), any::<u32>()), 1..6),
    ) {
        let (mut today, mut impacts) = (sheet.clone(), Vec::new());
        for (event, turn) in &events {
            let effect = apply(event, &today, 0).unwrap();
            today = after(&today, &effect);
            impacts.push((*turn, EventImpact::of(event, &effect, crate::now())));
        }
        impacts.sort_by_key(|(turn, _)| *turn);
        let mut refused = false;
        for (_, impact) in impacts {
            match revert(&impact, &today) {
                Ok(effect) => today = after(&today, &effect),
                Err(refusal) => {
                    prop_assert_eq!((refusal.rule.as_ref(), impact.impact_type), ("not-reversible", ImpactType::AbilityScore));
                    refused = true;
                }
            }
        }
        prop_assert_eq!(numbers(&today).0, numbers(&sheet).0);
        if !refused {
            prop_assert_eq!(numbers(&today).1.unwrap_or(10), numbers(&sheet).1.unwrap_or(10));
        }
    }
}
