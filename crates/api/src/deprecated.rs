//! What is deprecated: the one list behind the headers `Deprecation` and `Sunset` and behind `deprecated` in the document.

use character_http_kit::{Deprecated, Deprecations};

/// The operations and parameters that are to be removed. The policy is in `docs/api.md`: at least six months between `since`
/// and `sunset`, and a line in the changelog.
pub const DEPRECATED: &[Deprecated] = &[];

/// The same, with the page about changes of the API.
pub(crate) const DEPRECATIONS: Deprecations = Deprecations { parts: DEPRECATED, page: "/docs/guides/api.md" };
