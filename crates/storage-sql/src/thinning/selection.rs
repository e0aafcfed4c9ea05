//! The rule by which versions of a character are removed.

use character_domain::Revision;
use std::{collections::HashSet, num::NonZeroU32};
use uuid::Uuid;

/// The maximum number of versions that one transaction removes.
const PART: usize = 100;
const DAY: i64 = 86_400_000_000;

/// What the rule needs of a version.
#[derive(Clone, Debug)]
pub(crate) struct StoredVersion {
    pub(crate) id: Uuid,
    /// In microseconds since 1970, UTC.
    pub(crate) created_at: i64,
    /// Whether it has a label or is soft-deleted.
    pub(crate) is_marked: bool,
    pub(crate) parent: Option<Uuid>,
    pub(crate) restored_from: Option<Uuid>,
}

/// What to remove of one character.
#[derive(Debug)]
pub(crate) struct Selection {
    /// The revision of the character that it was made at; `None`: there is no row of the character.
    pub(crate) revision: Option<Revision>,
    /// In the order in which they are to be removed.
    pub(crate) parts: Vec<Part>,
}

/// Versions that follow one another, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) removed: Vec<Uuid>,
    /// The version after them, which becomes the successor of the version before them.
    pub(crate) next: Uuid,
}

/// Selects from the versions of one character, newest first. These stay: the `newest`, the first, those that are marked, the
/// last of each day (UTC), those that a version that stays was restored from, those in `kept`, and those whose parent or
/// child is not the neighbour in time, as during an import.
pub(crate) fn select(versions: &[StoredVersion], newest: NonZeroU32, kept: &HashSet<Uuid>) -> Vec<Part> {
    let newest = usize::try_from(newest.get()).unwrap_or(usize::MAX);
    let mut restored: HashSet<Uuid> = HashSet::new();
    let mut parts: Vec<Part> = Vec::new();
    let mut last_kept: Option<Uuid> = None;
    for (index, version) in versions.iter().enumerate() {
        let newer = index.checked_sub(1).and_then(|index| versions.get(index));
        let older = versions.get(index + 1);
        let is_last_of_day = newer.is_none_or(|newer| day(newer) != day(version));
        let is_linked = newer.is_some_and(|newer| newer.parent == Some(version.id))
            && older.is_some_and(|older| version.parent == Some(older.id));
        let stays = index < newest
            || version.is_marked
            || is_last_of_day
            || !is_linked
            || restored.contains(&version.id)
            || kept.contains(&version.id);
        match last_kept.filter(|_| !stays) {
            None => {
                restored.extend(version.restored_from);
                last_kept = Some(version.id);
            }
            Some(next) => match parts.last_mut() {
                Some(part) if part.next == next && part.removed.len() < PART => part.removed.push(version.id),
                _ => parts.push(Part { removed: vec![version.id], next }),
            },
        }
    }
    parts
}

fn day(version: &StoredVersion) -> i64 {
    version.created_at.div_euclid(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Versions from the times given, newest first, in hours since the beginning of a day.
    fn chain(hours: &[i64]) -> Vec<StoredVersion> {
        let id = |index: usize| Uuid::from_u128(index as u128 + 1);
        let version = |(index, hour): (usize, &i64)| StoredVersion {
            id: id(index),
            created_at: hour * 3_600_000_000,
            is_marked: false,
            parent: Some(id(index + 1)),
            restored_from: None,
        };
        hours.iter().enumerate().map(version).collect()
    }

    fn removed(versions: &[StoredVersion], newest: u32) -> Vec<u128> {
        let parts = select(versions, NonZeroU32::new(newest).unwrap(), &HashSet::new());
        parts.iter().flat_map(|part| &part.removed).map(Uuid::as_u128).collect()
    }

    #[test]
    fn the_newest_the_first_and_the_last_of_each_day_stay() {
        let versions = chain(&[75, 74, 73, 50, 49, 48, 20, 10, 5]);
        assert_eq!(removed(&versions, 1), [2, 3, 5, 6, 8]);
        assert_eq!(removed(&versions, 3), [5, 6, 8]);
        assert_eq!(removed(&versions, 9), [0_u128; 0]);
    }

    #[test]
    fn marked_versions_and_the_sources_of_restores_stay() {
        let mut versions = chain(&[9, 8, 7, 6, 5, 4, 3]);
        versions[2].is_marked = true;
        versions[0].restored_from = Some(versions[4].id);
        versions[4].restored_from = Some(versions[5].id);
        versions[1].restored_from = Some(versions[3].id);
        assert_eq!(removed(&versions, 1), [2, 4], "what a removed version was restored from need not stay");
    }

    #[test]
    fn a_chain_with_a_gap_stays_at_the_gap() {
        let mut versions = chain(&[9, 8, 7, 6, 5, 4, 3]);
        versions[2].parent = Some(Uuid::max());
        assert_eq!(removed(&versions, 1), [2, 5, 6]);
    }

    #[test]
    fn a_long_run_is_removed_in_parts_that_end_at_the_same_version() {
        let versions = chain(&[0; 252]);
        let parts = select(&versions, NonZeroU32::MIN, &HashSet::new());
        assert_eq!(parts.iter().map(|part| part.removed.len()).collect::<Vec<_>>(), [100, 100, 50]);
        assert!(parts.iter().all(|part| part.next == versions[0].id));
        assert_eq!(parts[1].removed[0], versions[101].id);
    }
}
