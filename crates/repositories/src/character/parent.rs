//! The character that another one grew out of, when a writer names it.

use crate::{RepositoryError, Result, act::Attempt};
use character_domain::{Character, CharacterId, Violations, character::Ancestry};
use character_storage_port::Deleted;

/// The maximum number of parents that are read to find out whether they lead in a circle.
const LONGEST_LINE: usize = 1_000;

pub(super) const NO_SUCH_PARENT: &str = "no such character";

/// The parent that a writer names for a character. A soft-deleted one is still the one that it grew out of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parent(Option<CharacterId>);

impl Parent {
    pub(super) fn of(character: &Character) -> Self {
        Self(character.parent_id)
    }

    /// For a new character, from which no other can come yet.
    pub(super) async fn must_exist(self, attempt: &Attempt) -> Result<()> {
        match self.0 {
            Some(id) => read(id, attempt).await?.map(drop).ok_or_else(|| refused(NO_SUCH_PARENT)),
            None => Ok(()),
        }
    }

    /// For a character that exists: neither its parent nor any before that is the character itself.
    pub(super) async fn must_not_come_from(self, character: CharacterId, attempt: &Attempt) -> Result<()> {
        let Some(first) = self.0 else { return Ok(()) };
        let mut line = Ancestry::of(character);
        line.climb(first).map_err(RepositoryError::Invalid)?;
        let mut next = read(first, attempt).await?.ok_or_else(|| refused(NO_SUCH_PARENT))?.parent_id;
        for _ in 0..LONGEST_LINE {
            let Some(id) = next else { return Ok(()) };
            line.climb(id).map_err(RepositoryError::Invalid)?;
            next = read(id, attempt).await?.and_then(|parent| parent.parent_id);
        }
        Err(refused(&format!("must not have more than {LONGEST_LINE} characters before it")))
    }
}

async fn read(id: CharacterId, attempt: &Attempt) -> Result<Option<Character>> {
    match attempt.row::<Character>(id, Deleted::Include).await {
        Ok(parent) => Ok(Some(parent)),
        Err(RepositoryError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn refused(reason: &str) -> RepositoryError {
    RepositoryError::Invalid(Violations::one("parent_id", reason))
}
