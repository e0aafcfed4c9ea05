//! A quest in requests and responses.

use super::{READ_ONLY, Record, check, rewritten, words};
use crate::{
    fields::Fields,
    query::Parameters,
    resource::{Filter, INCLUDE_DELETED, Paths, Resource, Words, paths, word},
};
use character_domain::{CharacterId, JournalEntryId, Quest, QuestImportance, QuestStatus, Violations};
use character_repositories::NewQuest;
use character_storage_port::QuestQuery;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

const STATUSES: &str = "must be active, completed, failed or abandoned";
const IMPORTANCES: &str = "must be low, normal, high or critical";

/// A new quest. Unknown fields are rejected; `null` means the same as an absent field.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "title": "Recover the lost heir", "importance": "high", "rewards": { "gold": 71 },
    "progress": [{ "step": 1, "text": "Ask in Redwater", "done": false }],
}))]
pub struct NewQuestBody {
    /// Default: a new UUID of version 7.
    pub id: Option<Uuid>,
    /// The title of the quest.
    #[schema(min_length = 1, max_length = 255)]
    pub title: String,
    /// The task, in free text.
    #[schema(default = "", max_length = 100_000)]
    pub description: Option<String>,
    /// The status: `active`, `completed`, `failed` or `abandoned`.
    #[schema(default = "active")]
    pub status: Option<QuestStatus>,
    /// The importance: `low`, `normal`, `high` or `critical`.
    #[schema(default = "normal")]
    pub importance: Option<QuestImportance>,
    /// The name of the one who assigned the quest.
    #[schema(min_length = 1, max_length = 255)]
    pub assigned_by: Option<String>,
    /// The rewards, as a JSON object.
    #[schema(value_type = Option<Object>)]
    pub rewards: Option<Map<String, Value>>,
    /// The steps, oldest first, each any JSON value.
    #[schema(max_items = 10_000)]
    pub progress: Option<Vec<Value>>,
    /// Any other data, as a JSON object.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

/// Changes of a quest (RFC 7396): absent fields stay, `null` removes a value or restores its default.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "status": "completed" }))]
pub struct QuestPatch {
    /// The title of the quest.
    #[schema(nullable = false)]
    pub title: Option<String>,
    /// The task, in free text.
    pub description: Option<String>,
    /// The status: `active`, `completed`, `failed` or `abandoned`.
    pub status: Option<QuestStatus>,
    /// The importance: `low`, `normal`, `high` or `critical`.
    pub importance: Option<QuestImportance>,
    /// The name of the one who assigned the quest.
    pub assigned_by: Option<String>,
    /// Merged into the stored object, member by member.
    #[schema(value_type = Option<Object>)]
    pub rewards: Option<Map<String, Value>>,
    /// The steps, oldest first. They replace all stored steps.
    pub progress: Option<Vec<Value>>,
    /// Merged into the stored object, member by member.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

impl Resource for Quest {
    type Parent = (CharacterId, JournalEntryId);
    type New = NewQuest;
    type NewBody = NewQuestBody;
    type PatchBody = QuestPatch;

    const PATHS: Paths = paths!("/api/v2/characters/{id}/journal/{entry}/quests", "quest");
    const READ_ONLY: &'static [&'static str] = &READ_ONLY;
    const FILTERS: &'static [Filter] = &[
        ("status", word::<QuestStatus>, "Only quests of this status: `active`, `completed`, `failed` or `abandoned`."),
        (
            "importance",
            word::<QuestImportance>,
            "Only quests of this importance: `low`, `normal`, `high` or `critical`.",
        ),
        INCLUDE_DELETED,
    ];

    fn words() -> Words {
        words("Quest", "listQuests", "quest")
    }

    fn query(parameters: &mut Parameters) -> QuestQuery {
        QuestQuery {
            status: parameters.word("status", STATUSES),
            importance: parameters.word("importance", IMPORTANCES),
            include_deleted: parameters.flag("include_deleted"),
            ..QuestQuery::default()
        }
    }

    fn read(fields: &mut Fields) -> NewQuest {
        let title = fields.text("title");
        NewQuest {
            title: fields.require("title", title).unwrap_or_else(|| "untitled".to_owned()),
            id: fields.id("id"),
            description: fields.text("description").unwrap_or_default(),
            status: fields.word("status", STATUSES).unwrap_or_default(),
            importance: fields.word("importance", IMPORTANCES).unwrap_or_default(),
            assigned_by: fields.text("assigned_by"),
            rewards: fields.document("rewards").unwrap_or_default(),
            progress: fields.values("progress").unwrap_or_default(),
            data: fields.document("data").unwrap_or_default(),
        }
    }

    fn check_new(new: NewQuest) -> Violations {
        check::<Self>(new)
    }

    fn rewritten(&self, fields: &mut Fields) -> Self {
        rewritten(self, Self::read(fields))
    }
}

impl Record for Quest {}
