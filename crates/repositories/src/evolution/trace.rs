//! The experience and the level that a character had at a version. Only the sheet is part of a version, and a client may write a sheet
//! without them: then the progress has them, as the last act that changed it left them. Each act that changes experience writes both
//! on the sheet of its own version; the others take from the sheet what it has.

use character_domain::{
    CharacterVersion, CharacterVersionId, RelatedChange, Revision,
    progress::{OnSheet, Standing},
};
use character_storage_port::EntityKind;

pub(super) fn is_of_progress(related: &RelatedChange) -> bool {
    related.kind == EntityKind::CharacterProgress.as_str()
}

/// Reads versions, newest first, until the standing at one of them is known.
pub(super) struct Trace {
    state: State,
    /// Whether a version that was passed has created the progress, so that there was none before it.
    is_created_later: bool,
    /// What later sheets have changed of the standing, newest first.
    sheets: Vec<OnSheet>,
}

#[derive(Clone, Copy)]
enum State {
    /// The version is not read yet.
    Before(CharacterVersionId),
    /// The progress is as an older version left it.
    Behind,
    /// The version with this revision changed the progress. That tells the standing unless a version right before it was removed, whose
    /// changes it names as its own.
    Changed(Revision, Found),
    Known(Standing),
    Unknown,
}

#[derive(Clone, Copy)]
enum Found {
    Standing(Standing),
    /// The standing of another version, which was restored.
    AsAt(CharacterVersionId),
    /// The standing of before, with what the sheet has.
    Over(OnSheet),
}

impl Trace {
    pub(super) fn to(version: CharacterVersionId) -> Self {
        Self { state: State::Before(version), is_created_later: false, sheets: Vec::new() }
    }

    /// Takes the next version. Returns whether an older one is needed.
    pub(super) fn take(&mut self, version: &CharacterVersion) -> bool {
        let revision = version.state.meta.revision;
        if let State::Changed(later, found) = self.state {
            self.state = if revision.next() == later { self.after(found) } else { State::Unknown };
        }
        self.state = match self.state {
            State::Before(id) if id == version.id => self.at(version),
            State::Behind => behind(version),
            other => other,
        };
        self.is_created_later |= change_of_progress(version) == Some("create");
        if let State::Changed(_, found) = self.state
            && revision == Revision::FIRST
        {
            self.state = self.after(found);
        }
        revision != Revision::FIRST && !matches!(self.state, State::Known(_) | State::Unknown)
    }

    fn at(&mut self, version: &CharacterVersion) -> State {
        let sheet = OnSheet::of(&version.state.data);
        if self.is_created_later {
            return State::Known(sheet.alone());
        }
        match (sheet.whole(), behind(version)) {
            (Some(standing), _) => State::Known(standing),
            (None, State::Behind) => {
                self.sheets.push(sheet);
                State::Behind
            }
            (None, changed) => changed,
        }
    }

    fn after(&mut self, found: Found) -> State {
        match found {
            Found::Standing(standing) => State::Known(standing),
            Found::AsAt(version) => State::Before(version),
            Found::Over(sheet) => {
                self.sheets.push(sheet);
                State::Behind
            }
        }
    }

    /// `None`: no version that is stored shows it.
    pub(super) fn standing(&self) -> Option<Standing> {
        let State::Known(oldest) = self.state else { return None };
        Some(self.sheets.iter().rev().fold(oldest, |known, sheet| sheet.over(known)))
    }
}

/// The state after a version that is not the one in question.
fn behind(version: &CharacterVersion) -> State {
    let Some(change) = change_of_progress(version) else { return State::Behind };
    let (revision, sheet) = (version.state.meta.revision, OnSheet::of(&version.state.data));
    let found = match (version.restored_from, sheet.whole()) {
        (Some(restored), _) => Found::AsAt(restored),
        (None, Some(standing)) => Found::Standing(standing),
        // The progress of a character that comes from another theme is a copy.
        (None, None) if change == "create" && revision == Revision::FIRST => return State::Unknown,
        (None, None) if change == "create" => Found::Standing(sheet.alone()),
        (None, None) => Found::Over(sheet),
    };
    State::Changed(revision, found)
}

fn change_of_progress(version: &CharacterVersion) -> Option<&str> {
    let changes = || version.related.iter().filter(|related| is_of_progress(related));
    let created = changes().find(|related| related.change == "create");
    created.or_else(|| changes().next()).map(|related| related.change.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use character_domain::{Character, Document, UserId, now};
    use serde_json::{Value, json};

    /// A version with this revision and sheet, of an act that changed the progress or did not.
    fn version(hero: &Character, revision: u64, sheet: &Value, change: Option<&str>) -> CharacterVersion {
        let mut state = Character { data: Document::from(sheet.as_object().cloned().unwrap()), ..hero.clone() };
        state.meta.revision = Revision(revision);
        let mut version = CharacterVersion::of(None, state, "some.act", now());
        let kind = EntityKind::CharacterProgress.as_str().to_owned();
        version.related.extend(change.map(|change| RelatedChange { kind, id: hero.id.0, change: change.to_owned() }));
        version
    }

    #[test]
    fn what_a_removed_version_has_changed_is_not_taken_for_the_work_of_the_next_one() {
        let hero = Character::new(UserId::new(), "Torormir", now());
        let award = json!({ "experience_points": 1000, "level": 3 });
        for (rewritten, expected) in [(2, Some(Standing { experience: 1000, level: 3 })), (3, None)] {
            let versions = [
                version(&hero, rewritten + 1, &json!({}), None),
                version(&hero, rewritten, &award, Some("create")),
                version(&hero, 1, &json!({}), None),
            ];
            let mut trace = Trace::to(versions[0].id);
            let _needed = versions.iter().take_while(|version| trace.take(version)).count();
            assert_eq!(trace.standing(), expected, "with revision {rewritten}");
        }
    }

    #[test]
    fn the_progress_that_came_from_another_theme_is_not_known_from_the_versions() {
        let hero = Character::new(UserId::new(), "Torormir", now());
        let versions = [version(&hero, 2, &json!({}), None), version(&hero, 1, &json!({}), Some("create"))];
        let mut trace = Trace::to(versions[0].id);
        assert!(trace.take(&versions[0]) && !trace.take(&versions[1]));
        assert_eq!(trace.standing(), None);
    }
}
