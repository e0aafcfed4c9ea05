//! What a storage should hold.

use super::{found, list, live, of_campaign, sort};
use character_domain::{Character, CharacterId};
use character_storage_port::{CharacterQuery, Query, StoragePort};
use std::collections::HashMap;

/// What a storage should hold, row by row, to be compared with every list that it can be asked for.
#[derive(Clone, Debug, Default)]
pub struct Model(HashMap<CharacterId, Character>);

impl Model {
    /// A storage that holds these rows.
    #[must_use]
    pub fn of(rows: &[Character]) -> Self {
        Self(rows.iter().map(|row| (row.id, row.clone())).collect())
    }

    /// Puts in the row or takes over its new state.
    pub fn put(&mut self, row: Character) {
        self.0.insert(row.id, row);
    }

    /// Asks for every row and every list, twice, so that caches are warm afterwards, and compares.
    pub async fn agrees_with(&self, storage: &dyn StoragePort) {
        for _ in 0..2 {
            for (id, row) in &self.0 {
                assert_eq!(found(storage, *id).await.as_ref(), Some(row), "the row, deleted or not");
                let expected = Some(row).filter(|row| !row.meta.is_deleted());
                assert_eq!(live(storage, *id).await.as_ref(), expected, "the row, if it is live");
            }
            for query in self.queries() {
                let mut expected: Vec<_> = self.0.values().filter(|row| query.matches(row)).cloned().collect();
                sort(&mut expected);
                assert_eq!(list(storage, &query).await, expected, "the list for {query:?}");
            }
        }
    }

    fn queries(&self) -> Vec<CharacterQuery> {
        let mut queries = vec![CharacterQuery::live()];
        for row in self.0.values() {
            queries.push(CharacterQuery { user_id: Some(row.user_id), ..CharacterQuery::live() });
            queries.push(CharacterQuery { theme: Some(row.theme.clone()), ..CharacterQuery::live() });
            queries.extend(row.campaign_id.map(of_campaign));
        }
        let active = queries.iter().map(|query| CharacterQuery { active_only: true, ..query.clone() });
        let deleted = queries.iter().map(|query| CharacterQuery { include_deleted: true, ..query.clone() });
        let mut all: Vec<_> = active.chain(deleted).collect();
        all.extend(queries);
        let mut unique: Vec<CharacterQuery> = Vec::new();
        for query in all {
            if !unique.contains(&query) {
                unique.push(query);
            }
        }
        unique
    }
}
