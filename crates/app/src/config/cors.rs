//! The origins whose pages may use the API from a browser.

use super::{Variable, variables::Reader};
use character_http_kit::AllowedOrigins;

pub(crate) const CORS_ALLOWED_ORIGINS: Variable = Variable::optional(
    "CORS_ALLOWED_ORIGINS",
    "origins whose web pages may use the API, such as https://play.example, separated by commas; unset: none",
)
.unquoted()
.off_when_empty();

/// `None` when nothing is allowed, or when a part is wrong, which is recorded.
pub(crate) fn allowed_origins(reader: &mut Reader<'_>) -> Option<AllowedOrigins> {
    reader.read(&CORS_ALLOWED_ORIGINS, |text| AllowedOrigins::parse(text).map_err(|error| error.to_string()))
}
