//! Whether a row of a file may be stored.

use super::{
    file::Placed,
    import::Import,
    line::Origin,
    row::{Reference, Row, Tie},
};
use character_storage_port::EntityKind;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// The decision about a row.
pub(super) enum Verdict {
    Take,
    Wait,
    Refuse(String),
}

/// The row of the same kind that this one names.
pub(super) fn inner<E: Row>(row: &E) -> Option<Reference> {
    row.references().into_iter().find(|reference| reference.kind == E::KIND)
}

/// Whether a row of a backup belongs to a character that is not in the storage as in the export, or not in the export at all.
pub(super) fn is_of_diverged<E: Row, P>(placed: &Placed<E>, import: &Import<'_, P>) -> bool {
    let fits = || placed.row.owner().is_none_or(|owner| import.fitting.contains(&owner));
    E::KIND != EntityKind::Character && placed.origin == Origin::Backup && !fits()
}

/// Whether a row names a character that is stored.
pub(super) fn names_stored_character<E: Row, P>(row: &E, import: &Import<'_, P>) -> bool {
    let is_stored = |it: &Reference| it.kind == EntityKind::Character && import.known.get(it).is_some();
    row.references().iter().any(is_stored)
}

pub(super) fn judge<E: Row, P>(placed: &mut Placed<E>, import: &Import<'_, P>) -> Verdict {
    let Placed { row, origin, .. } = placed;
    for reference in row.references() {
        let Reference { field, kind, id, tie } = reference;
        let Some(stored) = import.known.get(&reference) else {
            return if kind == E::KIND { Verdict::Wait } else { Verdict::Refuse(missing(&reference)) };
        };
        match (tie, stored.owner) {
            (Tie::GivesCharacter, Some(owner)) => row.belong_to(owner),
            (Tie::SameCharacterAtFirst, _) if *origin == Origin::Backup => {}
            (Tie::SameCharacter | Tie::SameCharacterAtFirst, owner) if owner != row.owner() => {
                return Verdict::Refuse(format!("{field}: {kind} {id} belongs to another character"));
            }
            _ => {}
        }
        if let Some(least) =
            row.least_revision().filter(|least| kind == EntityKind::Character && *least > stored.revision)
        {
            let reason = format!("state.meta.revision: is {least}, above {}, that of its character", stored.revision);
            return Verdict::Refuse(reason);
        }
    }
    Verdict::Take
}

fn missing(reference: &Reference) -> String {
    format!("{}: there is no {} {}", reference.field, reference.kind, reference.id)
}

/// Why a row that waits for another of its file is never taken.
pub(super) fn why_stuck(id: Uuid, next: &HashMap<Uuid, Reference>) -> Option<String> {
    let reference = next.get(&id)?;
    let (mut seen, mut current) = (HashSet::from([id]), reference);
    while let Some(further) = next.get(&current.id) {
        if !seen.insert(current.id) {
            let Reference { field, kind, id: other, .. } = reference;
            return Some(format!("{field}: {kind} {other} leads back to itself"));
        }
        current = further;
    }
    if current.id == reference.id {
        return Some(missing(reference));
    }
    let Reference { field, kind, id: other, .. } = reference;
    Some(format!("{field}: {kind} {other} was refused as well"))
}
