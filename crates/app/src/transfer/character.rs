//! A character as a line of the export format.

use character_domain::{
    CampaignId, Character, CharacterId, Document, Meta, Revision, Timestamp, UserId, character::DEFAULT_THEME, json,
    meta::truncate,
};
use serde::{Deserialize, Serialize, Serializer};

/// The line. `is_deleted` and `deleted_at` are written for soft-deleted characters alone, since the format of
/// old has no such fields for characters.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    character_id: CharacterId,
    parent_id: Option<CharacterId>,
    #[serde(default = "default_theme")]
    theme: String,
    name: String,
    user_id: UserId,
    campaign_id: Option<CampaignId>,
    #[serde(default)]
    data: Document,
    #[serde(default = "yes")]
    is_active: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_deleted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "option_micros")]
    deleted_at: Option<Timestamp>,
    #[serde(serialize_with = "micros")]
    created_at: Timestamp,
    #[serde(serialize_with = "micros")]
    updated_at: Timestamp,
}

fn default_theme() -> String {
    DEFAULT_THEME.to_owned()
}

fn yes() -> bool {
    true
}

fn micros<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.6}"))
}

fn option_micros<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => micros(time, serializer),
        None => serializer.serialize_none(),
    }
}

impl Line {
    /// The character of one line, checked by itself; the reason as a sentence when it is refused.
    pub(super) fn parse(text: &str, max_bytes: usize) -> Result<Character, String> {
        if text.len() > max_bytes {
            return Err(format!("larger than {max_bytes} bytes"));
        }
        json::scan(text.as_bytes(), json::MAX_DEPTH + 1).map_err(|error| error.to_string())?;
        let line: Self = json::parse(text.as_bytes()).map_err(|error| error.to_string())?;
        if line.is_deleted && line.deleted_at.is_none() {
            return Err("is_deleted without deleted_at".to_owned());
        }
        let character = Character::from(line);
        character.check().into_result().map_err(|violations| violations.to_string())?;
        Ok(character)
    }
}

impl From<Line> for Character {
    fn from(line: Line) -> Self {
        Self {
            id: line.character_id,
            parent_id: line.parent_id,
            theme: line.theme,
            name: line.name,
            user_id: line.user_id,
            campaign_id: line.campaign_id,
            data: line.data,
            is_active: line.is_active,
            meta: Meta {
                revision: Revision::FIRST,
                created_at: truncate(line.created_at),
                updated_at: truncate(line.updated_at),
                deleted_at: line.deleted_at.map(truncate),
            },
        }
    }
}

impl From<Character> for Line {
    fn from(character: Character) -> Self {
        Self {
            character_id: character.id,
            parent_id: character.parent_id,
            theme: character.theme,
            name: character.name,
            user_id: character.user_id,
            campaign_id: character.campaign_id,
            data: character.data,
            is_active: character.is_active,
            is_deleted: character.meta.is_deleted(),
            deleted_at: character.meta.deleted_at,
            created_at: character.meta.created_at,
            updated_at: character.meta.updated_at,
        }
    }
}
