//! Applies an event to a sheet, and reverts it without touching later changes.

#[cfg(test)]
mod tests;

use super::{CampaignEvent, EventImpact, ImpactType};
use crate::{
    Document, Refusal,
    member::{Member, Unreadable},
    sheet::{self, ABILITY_SCORES, HIT_POINTS, HitPoints},
};
use serde_json::{Map, Value};

const LOWEST_SCORE: i64 = 1;
const HIGHEST_SCORE: i64 = 30;
/// The score of an ability that the sheet does not name.
const USUAL_SCORE: i64 = 10;

const NO_ABILITY_SCORE: &str = "no-ability-score";
const NO_HIT_POINTS: &str = "no-hit-points";
const NOT_REVERSIBLE: &str = "not-reversible";

/// Beside a `null` that an impact keeps of the sheet: the sheet had no such member at all.
const WAS_MISSING: &str = "was_missing";

/// The effect of applying or reverting an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effect {
    /// The member of the sheet that changes, and its new value; `None` removes it.
    change: Option<(&'static str, Option<Value>)>,
    /// Experience to add, which also makes levels.
    pub experience: i64,
    /// The size of the change, as an impact records it.
    pub impact_data: Document,
    /// The part of the earlier sheet that an impact keeps.
    pub reversion_data: Document,
}

impl Effect {
    /// Puts the effect on the sheet, except for the experience.
    pub fn write_on(&self, sheet: &mut Document) {
        match &self.change {
            Some((name, Some(value))) => drop(sheet.0.insert((*name).to_owned(), value.clone())),
            Some((name, None)) => drop(sheet.0.remove(*name)),
            None => {}
        }
    }
}

impl EventImpact {
    /// The experience that it brought, or took when it is below 0.
    #[must_use]
    pub fn experience(&self) -> i64 {
        let amount = Member::of(&self.impact_data, "impact_data", "amount").any_whole().ok().flatten();
        if self.impact_type == ImpactType::Experience { amount.unwrap_or(0) } else { 0 }
    }
}

/// What `event` does to the sheet. A gain never lowers a number that is above its usual range already, and a loss never
/// raises one that is below it.
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
            let before = sheet::hit_points(sheet, "data").map_err(|it| it.refused_by(NO_HIT_POINTS))?;
            let before = before.ok_or_else(no_hit_points)?;
            effect.reversion_data = one(HIT_POINTS, Value::Object(before.members.clone()));
            effect.change = Some((HIT_POINTS, Some(with_current(&before, moved_hit_points(&before, amount).into()))));
        }
        ImpactType::Experience => {
            effect.impact_data.0.insert("amount".to_owned(), amount.into());
            effect.reversion_data = one("experience_points", experience.into());
            effect.experience = amount;
        }
        ImpactType::AbilityScore => {
            let ability = event.event_data.0.get("ability").and_then(Value::as_str).unwrap_or_default();
            effect.impact_data.0.insert("adjustment".to_owned(), amount.into());
            let no_score = |unreadable: Unreadable| unreadable.refused_by(NO_ABILITY_SCORE);
            let scores = sheet::ability_scores(sheet, "data").map_err(no_score)?;
            let before = sheet::score(scores, "data", ability).map_err(no_score)?.unwrap_or(USUAL_SCORE);
            let kept = sheet.0.get(ABILITY_SCORES);
            effect.reversion_data = one(ABILITY_SCORES, kept.cloned().unwrap_or(Value::Null));
            if kept.is_none() {
                effect.reversion_data.0.insert(WAS_MISSING.to_owned(), true.into());
            }
            let mut scores = scores.cloned().unwrap_or_default();
            scores.insert(ability.to_owned(), moved_score(before, amount).into());
            effect.change = Some((ABILITY_SCORES, Some(Value::Object(scores))));
        }
        ImpactType::Other => {
            effect.impact_data.0.insert("amount".to_owned(), amount.into());
        }
    }
    Ok(effect)
}

/// Reverts `impact` on the current sheet: the opposite of what it actually changed.
///
/// # Errors
/// `not-reversible` when that cannot be known, because the record lacks what is needed or the sheet does, or when a score
/// would leave the range of scores further than it was.
pub fn revert(impact: &EventImpact, sheet: &Document) -> Result<Effect, Refusal> {
    let mut effect = Effect::default();
    let recorded = |name: &str| {
        let number = Member::of(&impact.impact_data, "impact_data", name).any_whole().map_err(irreversible)?;
        number.ok_or_else(|| unknown(&format!("impact_data.{name}")))
    };
    match impact.impact_type {
        ImpactType::HitPoints => {
            effect.change = Some((HIT_POINTS, Some(reverted_hit_points(impact, recorded("amount")?, sheet)?)))
        }
        ImpactType::Experience => effect.experience = recorded("amount")?.saturating_neg(),
        ImpactType::AbilityScore => {
            effect.change = Some((ABILITY_SCORES, reverted_scores(impact, recorded("adjustment")?, sheet)?));
        }
        ImpactType::Other => {}
    }
    Ok(effect)
}

/// The exact amount comes back, even when the result is outside the usual range: other events may be reverted later.
fn reverted_hit_points(impact: &EventImpact, amount: i64, sheet: &Document) -> Result<Value, Refusal> {
    let then = sheet::hit_points(&impact.reversion_data, "reversion_data").map_err(irreversible)?;
    let then = then.ok_or_else(|| unknown("reversion_data.hit_points"))?;
    let today = sheet::hit_points(sheet, "data").map_err(irreversible)?;
    let today = today.ok_or_else(|| not_reversible("the sheet has no hit points today"))?;
    let current = undone(then.current, moved_hit_points(&then, amount), today.current)?;
    Ok(with_current(&today, as_then(then.members, "current", then.current, current).unwrap_or_else(|| current.into())))
}

/// The ability scores; `None` when the sheet had no such member and has no other score today.
fn reverted_scores(impact: &EventImpact, adjustment: i64, sheet: &Document) -> Result<Option<Value>, Refusal> {
    let ability = impact.impact_data.0.get("ability").and_then(Value::as_str);
    let ability = ability.ok_or_else(|| unknown("impact_data.ability"))?;
    let kept = impact.reversion_data.0.get(ABILITY_SCORES).ok_or_else(|| unknown("reversion_data.ability_scores"))?;
    let scores_then = sheet::ability_scores(&impact.reversion_data, "reversion_data").map_err(irreversible)?;
    let then = sheet::score(scores_then, "reversion_data", ability).map_err(irreversible)?.unwrap_or(USUAL_SCORE);
    let gone = || not_reversible(format!("the sheet has no score for {ability} today"));
    let scores = sheet::ability_scores(sheet, "data").map_err(irreversible)?.ok_or_else(gone)?;
    let today = sheet::score(Some(scores), "data", ability).map_err(irreversible)?.ok_or_else(gone)?;
    let score = undone(then, moved_score(then, adjustment), today)?;
    let (lowest, highest) = (LOWEST_SCORE.min(then).min(today), HIGHEST_SCORE.max(then).max(today));
    if !(lowest..=highest).contains(&score) {
        let reason = format!("{ability} would be {score}, and must stay from {LOWEST_SCORE} to {HIGHEST_SCORE}");
        return Err(not_reversible(reason));
    }
    let mut scores = scores.clone();
    if score == then && !scores_then.is_some_and(|scores| scores.contains_key(ability)) {
        scores.remove(ability);
    } else {
        let written = scores_then.and_then(|scores| as_then(scores, ability, then, score));
        scores.insert(ability.to_owned(), written.unwrap_or_else(|| score.into()));
    }
    if kept.is_null() && scores.is_empty() {
        let was_missing = impact.reversion_data.0.contains_key(WAS_MISSING);
        return Ok((!was_missing).then_some(Value::Null));
    }
    Ok(Some(Value::Object(scores)))
}

/// `today` without the change from `before` to `after`.
fn undone(before: i64, after: i64, today: i64) -> Result<i64, Refusal> {
    let undone = after.checked_sub(before).and_then(|changed| today.checked_sub(changed));
    undone.ok_or_else(|| not_reversible("the result would not fit 64 bits"))
}

/// The value of a member as it was written then, when it is the same number again.
fn as_then(members: &Map<String, Value>, name: &str, then: i64, number: i64) -> Option<Value> {
    if then == number { members.get(name).cloned() } else { None }
}

fn moved_hit_points(points: &HitPoints<'_>, amount: i64) -> i64 {
    moved(points.current, amount, 0, points.maximum)
}

fn moved_score(score: i64, amount: i64) -> i64 {
    moved(score, amount, LOWEST_SCORE, HIGHEST_SCORE)
}

/// A number after a gain, which leads at most to `highest`, or a loss, which leads at least to `lowest`. A number that
/// is already beyond that stays unchanged.
fn moved(number: i64, amount: i64, lowest: i64, highest: i64) -> i64 {
    let moved = number.saturating_add(amount);
    if amount < 0 { moved.max(lowest.min(number)) } else { moved.min(highest.max(number)) }
}

fn with_current(points: &HitPoints<'_>, current: Value) -> Value {
    let mut members = points.members.clone();
    members.insert("current".to_owned(), current);
    Value::Object(members)
}

fn one(name: &str, value: Value) -> Document {
    Document(std::iter::once((name.to_owned(), value)).collect())
}

fn no_hit_points() -> Refusal {
    Refusal::new(NO_HIT_POINTS, "the sheet has no hit_points with current and maximum")
}

fn unknown(field: &str) -> Refusal {
    not_reversible(format!("the record does not show what was changed: {field} is missing"))
}

fn irreversible(unreadable: Unreadable) -> Refusal {
    unreadable.refused_by(NOT_REVERSIBLE)
}

fn not_reversible(reason: impl Into<String>) -> Refusal {
    Refusal::new(NOT_REVERSIBLE, reason)
}
