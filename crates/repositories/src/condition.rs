//! The revisions that a caller accepts for its act.

use crate::{RepositoryError, Result};
use character_domain::Revision;

/// Which revisions of a row an act may change. The default is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// It must be one of these, when given. Empty: none will do.
    pub one_of: Option<Vec<Revision>>,
    /// It must be none of these.
    pub none_of: Vec<Revision>,
    /// Whether some revisions were named by weak entity tags, which accept none; the rejection mentions it.
    pub named_weakly: bool,
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

    /// Refuses a row at a revision that does not fulfil it.
    pub(crate) fn judge(&self, actual: Revision) -> Result<()> {
        if self.holds(actual) {
            return Ok(());
        }
        Err(RepositoryError::PreconditionFailed {
            expected: self.one_of.clone().unwrap_or_default(),
            actual,
            named_weakly: self.named_weakly,
        })
    }
}
