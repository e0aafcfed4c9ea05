//! The addresses of hubs and of instances.

use url::Url;

/// Refuses an address that cannot be the base of requests over HTTP: another scheme than `http` and `https`, no host, a user or a
/// password, a query or a fragment.
///
/// # Errors
/// What is wrong, as the end of a sentence. It quotes nothing of the address.
pub fn check_address(url: &Url) -> Result<(), &'static str> {
    if !matches!(url.scheme(), "http" | "https") {
        Err("must begin with http:// or https://")
    } else if !url.has_host() {
        Err("must have a host")
    } else if !url.username().is_empty() || url.password().is_some() {
        Err("must have no user and no password")
    } else if url.query().is_some() || url.fragment().is_some() {
        Err("must have no query and no fragment")
    } else {
        Ok(())
    }
}
