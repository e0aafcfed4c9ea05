//! Names of ours as values of labels.

use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};
use std::fmt;

/// A name in snake case: `character.find` is `character_find`, `not-found` is `not_found`. Made when it is read, so that
/// counting costs nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SnakeCase(pub(crate) &'static str);

impl EncodeLabelValue for SnakeCase {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.replace(['.', '-'], "_").as_str().encode(encoder)
    }
}
