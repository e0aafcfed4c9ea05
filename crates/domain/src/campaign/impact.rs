//! What an event does to a sheet, and how that is undone without touching what happened since.

use super::{CampaignEvent, EventImpact, ImpactType};
use crate::{Document, Refusal};
use serde_json::{Map, Value, json};

const LOWEST_SCORE: i64 = 1;
const HIGHEST_SCORE: i64 = 30;
/// The score of an ability that the sheet does not name.
const USUAL_SCORE: i64 = 10;

/// What applying or undoing an event comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effect {
    /// Members of the sheet to put in place.
    pub sheet: Map<String, Value>,
    /// Experience to add, which also makes levels.
    pub experience: i64,
    /// What an impact says of how much.
    pub impact_data: Document,
    /// What an impact keeps of the sheet as it was.
    pub reversion_data: Document,
}

/// What `event` does to the sheet.
///
/// # Errors
/// `no-hit-points` when the sheet has no hit points to change, `no-ability-score` when what it has in place of the score
/// is no whole number.
pub fn apply(event: &CampaignEvent, sheet: &Document, experience: i64) -> Result<Effect, Refusal> {
    let amount = event.impact_magnitude;
    let mut effect = Effect { impact_data: event.event_data.clone(), ..Effect::default() };
    match event.impact_type {
        ImpactType::HitPoints => {
            effect.impact_data.0.insert("amount".to_owned(), amount.into());
            let before = HitPoints::of(&sheet.0).ok_or_else(no_hit_points)?;
            effect.reversion_data = one("hit_points", sheet.0.get("hit_points").cloned().unwrap_or_default());
            effect.sheet = before.set(&sheet.0, before.changed_by(amount));
        }
        ImpactType::Experience => {
            effect.impact_data.0.insert("amount".to_owned(), amount.into());
            effect.reversion_data = one("experience_points", experience.into());
            effect.experience = amount;
        }
        ImpactType::AbilityScore => {
            let ability = event.event_data.0.get("ability").and_then(Value::as_str).unwrap_or_default();
            effect.impact_data.0.insert("adjustment".to_owned(), amount.into());
            let scores = scores(&sheet.0).ok_or_else(|| no_ability_score("ability_scores"))?;
            let before = score(&scores, ability).ok_or_else(|| no_ability_score(ability))?;
            effect.reversion_data = one("ability_scores", Value::Object(scores.clone()));
            effect.sheet = with_score(scores, ability, Some(clamped(before.saturating_add(amount))));
        }
        ImpactType::Other => {
            effect.impact_data.0.insert("amount".to_owned(), amount.into());
        }
    }
    Ok(effect)
}

/// What undoes `impact` on today's sheet: the opposite of what it really changed, after clamping.
///
/// # Errors
/// `not-reversible` when that cannot be known, because the record lacks what is needed or the sheet does.
pub fn revert(impact: &EventImpact, sheet: &Document) -> Result<Effect, Refusal> {
    let mut effect = Effect::default();
    let number = |name: &str| impact.impact_data.0.get(name).and_then(Value::as_i64);
    match impact.impact_type {
        ImpactType::HitPoints => {
            let amount = number("amount").ok_or_else(|| unknown("impact_data.amount"))?;
            let then = HitPoints::of(&impact.reversion_data.0).ok_or_else(|| unknown("reversion_data.hit_points"))?;
            let changed = then.changed_by(amount).saturating_sub(then.current);
            let today = HitPoints::of(&sheet.0).ok_or_else(|| not_reversible("the sheet has no hit points today"))?;
            effect.sheet = today.set(&sheet.0, today.changed_by(changed.saturating_neg()));
        }
        ImpactType::Experience => {
            let amount = number("amount").ok_or_else(|| unknown("impact_data.amount"))?;
            effect.experience = amount.saturating_neg();
        }
        ImpactType::AbilityScore => {
            let adjustment = number("adjustment").ok_or_else(|| unknown("impact_data.adjustment"))?;
            let ability = impact.impact_data.0.get("ability").and_then(Value::as_str);
            let ability = ability.ok_or_else(|| unknown("impact_data.ability"))?;
            let then = impact.reversion_data.0.get("ability_scores").and_then(Value::as_object);
            let then = then.ok_or_else(|| unknown("reversion_data.ability_scores"))?;
            let before = score(then, ability).ok_or_else(|| unknown("reversion_data.ability_scores"))?;
            let changed = clamped(before.saturating_add(adjustment)).saturating_sub(before);
            let gone = || not_reversible(format!("the sheet has no score for {ability} today"));
            let today = scores(&sheet.0).filter(|scores| scores.contains_key(ability)).ok_or_else(gone)?;
            let undone = score(&today, ability).ok_or_else(gone)?.saturating_sub(changed);
            if !(LOWEST_SCORE..=HIGHEST_SCORE).contains(&undone) {
                let reason =
                    format!("{ability} would be {undone}, and must stay from {LOWEST_SCORE} to {HIGHEST_SCORE}");
                return Err(not_reversible(reason));
            }
            let was_named = then.contains_key(ability) || undone != USUAL_SCORE;
            effect.sheet = with_score(today, ability, was_named.then_some(undone));
        }
        ImpactType::Other => {}
    }
    Ok(effect)
}

struct HitPoints {
    current: i64,
    maximum: i64,
}

impl HitPoints {
    fn of(sheet: &Map<String, Value>) -> Option<Self> {
        let points = sheet.get("hit_points")?;
        let maximum = points.get("maximum")?.as_i64()?;
        Some(Self { current: points.get("current")?.as_i64()?, maximum: maximum.max(0) })
    }

    fn changed_by(&self, amount: i64) -> i64 {
        self.current.saturating_add(amount).clamp(0, self.maximum)
    }

    fn set(&self, sheet: &Map<String, Value>, current: i64) -> Map<String, Value> {
        let mut points = sheet.get("hit_points").cloned().unwrap_or_default();
        if let Value::Object(points) = &mut points {
            points.insert("current".to_owned(), current.into());
        }
        one("hit_points", points).0.into_map()
    }
}

/// The scores of a sheet, none when it names none; `None` when it holds something else in their place.
fn scores(sheet: &Map<String, Value>) -> Option<Map<String, Value>> {
    sheet.get("ability_scores").map_or_else(|| Some(Map::new()), |scores| scores.as_object().cloned())
}

/// A score, the usual one when it is not named; `None` when it is no whole number.
fn score(scores: &Map<String, Value>, ability: &str) -> Option<i64> {
    scores.get(ability).map_or(Some(USUAL_SCORE), Value::as_i64)
}

fn with_score(mut scores: Map<String, Value>, ability: &str, score: Option<i64>) -> Map<String, Value> {
    match score {
        Some(score) => scores.insert(ability.to_owned(), json!(score)),
        None => scores.remove(ability),
    };
    one("ability_scores", Value::Object(scores)).0.into_map()
}

fn clamped(score: i64) -> i64 {
    score.clamp(LOWEST_SCORE, HIGHEST_SCORE)
}

fn one(name: &str, value: Value) -> Document {
    Document(std::iter::once((name.to_owned(), value)).collect())
}

fn no_hit_points() -> Refusal {
    Refusal::new("no-hit-points", "the sheet has no hit_points with current and maximum")
}

fn no_ability_score(place: &str) -> Refusal {
    Refusal::new("no-ability-score", format!("what the sheet has as {place} is no score"))
}

fn unknown(field: &str) -> Refusal {
    not_reversible(format!("the record does not say what was changed: {field} is missing"))
}

fn not_reversible(reason: impl Into<String>) -> Refusal {
    Refusal::new("not-reversible", reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CharacterId;

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
        sheet.0.extend(effect.sheet.clone());
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
            for number in [i64::MIN, i64::MAX] {
                let sheet = document(&json!({
                    "hit_points": { "current": number, "maximum": number },
                    "ability_scores": { "wisdom": number },
                }));
                let event = event(impact_type, -1, &json!({ "ability": "wisdom" }));
                let mut impact = EventImpact::of(&event, &apply(&event, &sheet, 0).unwrap(), crate::now());
                impact.impact_data.0.insert(name.to_owned(), number.into());
                let refused = revert(&impact, &sheet).is_err();
                assert_eq!(refused, impact_type == ImpactType::AbilityScore, "{number} as {name}");
            }
        }
    }
}
