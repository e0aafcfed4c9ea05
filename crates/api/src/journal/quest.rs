//! A quest on the wire, both ways.

use super::READ_ONLY;
use crate::{MetaBody, fields::Fields, merge::Writable};
use character_domain::{Members, Quest, QuestImportance, QuestStatus, Violations};
use character_repositories::NewQuest;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

pub(super) const STATUSES: &str = "must be active, completed, failed or abandoned";
pub(super) const IMPORTANCES: &str = "must be low, normal, high or critical";

/// A quest.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuestBody {
    /// Identity; never changes.
    pub id: Uuid,
    /// Whose it is.
    pub character_id: Uuid,
    /// The journal entry that tells of it.
    pub journal_entry_id: Uuid,
    /// What it is called.
    pub title: String,
    /// What is to be done.
    pub description: String,
    /// How it stands: `active`, `completed`, `failed`, `abandoned`.
    #[schema(value_type = String)]
    pub status: QuestStatus,
    /// How much it matters: `low`, `normal`, `high`, `critical`.
    #[schema(value_type = String)]
    pub importance: QuestImportance,
    /// Who gave it.
    pub assigned_by: Option<String>,
    /// What there is to win.
    #[schema(value_type = Object)]
    pub rewards: Members,
    /// The steps, oldest first.
    pub progress: Vec<Value>,
    /// Everything else.
    #[schema(value_type = Object)]
    pub data: Members,
    /// Revision and times.
    #[serde(flatten)]
    pub meta: MetaBody,
}

impl From<Quest> for QuestBody {
    fn from(quest: Quest) -> Self {
        Self {
            id: quest.id.0,
            character_id: quest.character_id.0,
            journal_entry_id: quest.journal_entry_id.0,
            title: quest.title,
            description: quest.description,
            status: quest.status,
            importance: quest.importance,
            assigned_by: quest.assigned_by,
            rewards: quest.rewards.0,
            progress: quest.progress,
            data: quest.data.0,
            meta: quest.meta.into(),
        }
    }
}

/// A quest to be. Unknown fields are refused; `null` is as good as absent.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "title": "Recover the lost heir", "importance": "high", "rewards": { "gold": 71 },
    "progress": [{ "step": 1, "text": "Ask in Redwater", "done": false }],
}))]
pub struct NewQuestBody {
    /// Chosen by the client, or by the service when absent.
    pub id: Option<Uuid>,
    /// What it is called.
    #[schema(min_length = 1, max_length = 255)]
    pub title: String,
    /// What is to be done.
    #[schema(default = "", max_length = 100_000)]
    pub description: Option<String>,
    /// `active`, `completed`, `failed`, `abandoned`.
    #[schema(default = "active")]
    pub status: Option<String>,
    /// `low`, `normal`, `high`, `critical`.
    #[schema(default = "normal")]
    pub importance: Option<String>,
    /// Who gave it.
    #[schema(min_length = 1, max_length = 255)]
    pub assigned_by: Option<String>,
    /// What there is to win.
    #[schema(value_type = Option<Object>)]
    pub rewards: Option<Map<String, Value>>,
    /// The steps, oldest first: any JSON.
    #[schema(max_items = 10_000)]
    pub progress: Option<Vec<Value>>,
    /// Everything else.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

/// What is to change of a quest (RFC 7396): absent members stay, `null` removes or goes back to the default.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "status": "completed" }))]
pub struct QuestPatch {
    /// What it is called.
    #[schema(nullable = false)]
    pub title: Option<String>,
    /// What is to be done.
    pub description: Option<String>,
    /// `active`, `completed`, `failed`, `abandoned`.
    pub status: Option<String>,
    /// `low`, `normal`, `high`, `critical`.
    pub importance: Option<String>,
    /// Who gave it.
    pub assigned_by: Option<String>,
    /// Merged member by member.
    #[schema(value_type = Option<Object>)]
    pub rewards: Option<Map<String, Value>>,
    /// The steps, oldest first; all of them anew.
    pub progress: Option<Vec<Value>>,
    /// Merged member by member.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

/// A quest to be. A field that cannot be read is stood in for, so that all faults are told at once.
pub(super) fn new(members: Map<String, Value>) -> Result<NewQuest, Violations> {
    let mut fields = Fields::of(members);
    fields.refuse(&READ_ONLY, "is read-only");
    let title = fields.text("title");
    let title = fields.require("title", title).unwrap_or_else(|| "untitled".to_owned());
    let new = NewQuest {
        id: fields.id("id"),
        description: fields.text("description").unwrap_or_default(),
        status: fields.word("status", STATUSES).unwrap_or_default(),
        importance: fields.word("importance", IMPORTANCES).unwrap_or_default(),
        assigned_by: fields.text("assigned_by"),
        rewards: fields.document("rewards").unwrap_or_default(),
        progress: fields.values("progress").unwrap_or_default(),
        data: fields.document("data").unwrap_or_default(),
        ..NewQuest::new(title)
    };
    fields.refuse_the_rest();
    fields.faults.into_result().map(|()| new)
}

impl Writable for Quest {
    fn as_written(&self) -> Map<String, Value> {
        let written = json!({
            "title": self.title,
            "description": self.description,
            "status": self.status,
            "importance": self.importance,
            "assigned_by": self.assigned_by,
            "rewards": self.rewards,
            "progress": self.progress,
            "data": self.data,
        });
        if let Value::Object(members) = written { members } else { Map::new() }
    }

    fn rewritten(&self, fields: &mut Fields) -> Self {
        let title = fields.text("title");
        Self {
            title: fields.require("title", title).unwrap_or_else(|| self.title.clone()),
            description: fields.text("description").unwrap_or_default(),
            status: fields.word("status", STATUSES).unwrap_or_default(),
            importance: fields.word("importance", IMPORTANCES).unwrap_or_default(),
            assigned_by: fields.text("assigned_by"),
            rewards: fields.document("rewards").unwrap_or_default(),
            progress: fields.values("progress").unwrap_or_default(),
            data: fields.document("data").unwrap_or_default(),
            ..self.clone()
        }
    }
}
