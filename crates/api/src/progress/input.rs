//! From JSON objects to what the repository takes, with every fault found.

use crate::{fields::Fields, object::Object};
use character_domain::Violations;
use character_repositories::{Award, NewAttainment};

/// Experience to be won.
pub(crate) fn award(members: Object) -> Result<Award, Violations> {
    let mut fields = Fields::of(members);
    let amount = fields.number("amount");
    let award = Award {
        amount: fields.require("amount", amount).unwrap_or(1),
        source: fields.text("source").unwrap_or_else(|| "story".to_owned()),
        reason: fields.text("reason").unwrap_or_default(),
        journal_entry_id: fields.id("journal_entry_id"),
        session_id: fields.id("session_id"),
    };
    fields.finish(award, |award| award.check())
}

/// A milestone or an achievement to be.
pub(crate) fn attainment(members: Object) -> Result<NewAttainment, Violations> {
    let mut fields = Fields::of(members);
    fields.refuse(&["id"], "is read-only");
    let title = fields.text("title");
    let plain = NewAttainment::new(fields.require("title", title).unwrap_or_else(|| "untitled".to_owned()));
    let new = NewAttainment {
        description: fields.text("description").unwrap_or(plain.description),
        kind: fields.text("type").unwrap_or(plain.kind),
        achieved_at: fields.time("achieved_at"),
        data: fields.document("data").unwrap_or_default(),
        title: plain.title,
    };
    fields.finish(new, |new| new.check())
}
