//! Use cases of progress. Experience and level are in the progress row and on the sheet; every act writes both, and the
//! row follows edits of the sheet.

mod attain;
mod award;
mod standing;
#[cfg(test)]
mod tests;

pub use attain::{Attained, NewAttainment};
pub use award::{Award, Awarded};

pub(crate) use standing::{Standing, experience_event};

use crate::{RequestContext, Result, StorageContext};
use character_domain::{Character, CharacterId, CharacterProgress, Revision};
use character_storage_port::{CharacterProgressQuery, Limit, PageRequest, Read, Source, Store};

/// The progress of a character.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The progress. Without a stored row it comes from the sheet, at revision 0.
    pub row: CharacterProgress,
    /// The revision of the character, which every change of its progress moves.
    pub revision: Revision,
}

/// The use cases of progress. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ProgressRepository {
    context: StorageContext,
}

impl ProgressRepository {
    /// Creates it over this storage.
    #[must_use]
    pub fn new(context: StorageContext) -> Self {
        Self { context }
    }

    /// Returns the progress of this character.
    ///
    /// # Errors
    /// `NotFound` (the character), `PreconditionFailed` (of the character), `Refused` by `unreadable-member`
    /// (of its sheet), `Storage`.
    #[tracing::instrument(name = "progress.get", level = "debug", skip_all)]
    pub async fn get(&self, of: CharacterId, request: &RequestContext) -> Result<Read<Progress>> {
        // The character first: should a change come in between, its old revision tells the client to ask again.
        let character = self.context.get::<Character>(of, request).await?;
        let query = of_character(of);
        let first = PageRequest::first(Limit::default());
        let rows = Store::<CharacterProgress>::list(self.context.storage(), &query, first).await?;
        let source = less_fresh(character.source, rows.source);
        let character = character.value;
        let row = Standing::of(&character, rows.value.complete()?.items.into_vec())?.into_row();
        Ok(Read { value: Progress { row, revision: character.meta.revision }, source })
    }
}

/// Rows that were imported have ids of their own, so progress is found by its character.
pub(crate) fn of_character(of: CharacterId) -> CharacterProgressQuery {
    CharacterProgressQuery { character_id: Some(of), ..CharacterProgressQuery::default() }
}

/// A result from two reads has the age of the older one.
fn less_fresh(one: Source, other: Source) -> Source {
    match (one, other) {
        (Source::Stale { .. }, _) | (Source::Cache { .. }, Source::Origin) => one,
        (Source::Cache { age, .. }, Source::Cache { age: other_age, .. }) if age >= other_age => one,
        _ => other,
    }
}
