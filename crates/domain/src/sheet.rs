//! The members of a character's sheet that acts compute with, and where each of them may lie. Acts read a sheet here and
//! in [`Purse::of`] alone.

use crate::{
    Document, Refusal,
    inventory::Purse,
    member::{Member, Unreadable},
    progress::{MAX_EXPERIENCE, MAX_LEVEL},
};
use serde_json::{Map, Value};

pub(crate) const ABILITY_SCORES: &str = "ability_scores";
pub(crate) const EXPERIENCE: &str = "experience_points";
pub(crate) const HIT_POINTS: &str = "hit_points";
pub(crate) const LEVEL: &str = "level";
pub(crate) const PROFICIENCY_BONUS: &str = "proficiency_bonus";

/// What an act cannot read of a sheet: each member for which some act would be refused, with the reason. Empty for a
/// sheet that every act can change.
#[must_use]
pub fn faults(sheet: &Document) -> Vec<Refusal> {
    let mut faults: Vec<Refusal> = Purse::of(sheet).err().into_iter().collect();
    let mut read = |unreadable: Option<Unreadable>| faults.extend(unreadable.map(Refusal::from));
    read(experience(sheet).err());
    read(level(sheet).err());
    read(proficiency_bonus(sheet).err());
    read(hit_points(sheet, "data").err());
    match ability_scores(sheet, "data") {
        Ok(scores) => scores.into_iter().flatten().for_each(|(name, _)| read(score(scores, "data", name).err())),
        Err(unreadable) => read(Some(unreadable)),
    }
    faults
}

/// `experience_points`: 0 to [`MAX_EXPERIENCE`].
pub(crate) fn experience(sheet: &Document) -> Result<Option<i64>, Unreadable> {
    Member::of(sheet, "data", EXPERIENCE).whole(0..=MAX_EXPERIENCE)
}

/// `level`: 1 to [`MAX_LEVEL`].
pub(crate) fn level(sheet: &Document) -> Result<Option<u8>, Unreadable> {
    let level = Member::of(sheet, "data", LEVEL).whole(1..=MAX_LEVEL.into())?;
    Ok(level.and_then(|level| u8::try_from(level).ok()))
}

/// `proficiency_bonus`: no act computes with it, but those that change the level overwrite it.
pub(crate) fn proficiency_bonus(sheet: &Document) -> Result<Option<i64>, Unreadable> {
    Member::of(sheet, "data", PROFICIENCY_BONUS).any_whole()
}

/// `hit_points`, current and maximum, of a sheet or of what an impact keeps of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HitPoints<'a> {
    pub(crate) members: &'a Map<String, Value>,
    pub(crate) current: i64,
    pub(crate) maximum: i64,
}

/// The hit points in the document that a row calls `field`; `None` when one of the two numbers is missing.
pub(crate) fn hit_points<'a>(document: &'a Document, field: &str) -> Result<Option<HitPoints<'a>>, Unreadable> {
    let points = Member::of(document, field, HIT_POINTS);
    let Some(members) = points.object()? else { return Ok(None) };
    let number = |name: &str| Member::within(Some(members), points.path(), name).any_whole();
    let (current, maximum) = (number("current")?, number("maximum")?);
    Ok(current.zip(maximum).map(|(current, maximum)| HitPoints { members, current, maximum }))
}

/// The ability scores in the document that a row calls `field`.
pub(crate) fn ability_scores<'a>(
    document: &'a Document,
    field: &str,
) -> Result<Option<&'a Map<String, Value>>, Unreadable> {
    Member::of(document, field, ABILITY_SCORES).object()
}

/// One of the ability scores in the document that a row calls `field`.
pub(crate) fn score(
    scores: Option<&Map<String, Value>>,
    field: &str,
    ability: &str,
) -> Result<Option<i64>, Unreadable> {
    Member::within(scores, &format!("{field}.{ABILITY_SCORES}"), ability).any_whole()
}
