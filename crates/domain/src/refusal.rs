//! Acts that the rules of the game forbid.

use crate::violation::{MAX_REASON, cut};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt};

/// An act that the rules of the game forbid. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The rule, for programs; stable: `container-cycle`.
    pub rule: Cow<'static, str>,
    /// Why, as a sentence fragment.
    pub reason: String,
}

impl Refusal {
    /// A refusal by `rule`. A long reason, which may quote a sheet, is cut.
    pub fn new(rule: &'static str, reason: impl Into<String>) -> Self {
        Self { rule: Cow::Borrowed(rule), reason: cut(reason.into(), MAX_REASON) }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.reason)
    }
}

impl std::error::Error for Refusal {}
