//! A quest in requests and responses.

use super::{READ_ONLY, Record, check, rewritten, words};
use crate::{
    fields::Fields,
    query::Parameters,
    resource::{Filter, INCLUDE_DELETED, Paths, Resource, Words, paths, word},
    writable::Examples,
};
use character_domain::{CharacterId, JournalEntryId, Quest, QuestImportance, QuestStatus, Violations};
use character_repositories::NewQuest;
use character_storage_port::QuestQuery;
use serde_json::json;

const STATUSES: &str = "must be active, completed, failed or abandoned";
const IMPORTANCES: &str = "must be low, normal, high or critical";

impl Resource for Quest {
    type Parent = (CharacterId, JournalEntryId);
    type New = NewQuest;

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

    fn examples() -> Examples {
        Examples {
            new: json!({
                "title": "Recover the lost heir", "importance": "high", "rewards": { "gold": 71 },
                "progress": [{ "step": 1, "text": "Ask in Redwater", "done": false }],
            }),
            patch: json!({ "status": "completed" }),
        }
    }

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
