//! What a caller demands of the revision that its act changes.

use character_domain::Revision;
use character_storage_port::Expect;

/// Which revisions of a row an act may change. The default is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// It must be one of these, when given. Empty: none will do.
    pub one_of: Option<Vec<Revision>>,
    /// It must be none of these.
    pub none_of: Vec<Revision>,
    /// The row must not exist, which no act on an existing row fulfils.
    pub absent: bool,
}

impl Condition {
    /// Any revision.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Exactly this revision.
    #[must_use]
    pub fn revision(revision: Revision) -> Self {
        Self { one_of: Some(vec![revision]), ..Self::default() }
    }

    /// Whether a row at `revision` fulfils it.
    #[must_use]
    pub fn holds(&self, revision: Revision) -> bool {
        !self.absent
            && self.one_of.as_ref().is_none_or(|all| all.contains(&revision))
            && !self.none_of.contains(&revision)
    }

    /// The same demand in the words of the storage, when it has them; else the row must be read first.
    pub(crate) fn expect(&self) -> Option<Expect> {
        match (&self.one_of, self.none_of.is_empty() && !self.absent) {
            (None, true) => Some(Expect::Any),
            (Some(revisions), true) => match revisions.as_slice() {
                [revision] => Some(Expect::Revision(*revision)),
                _ => None,
            },
            _ => None,
        }
    }
}
