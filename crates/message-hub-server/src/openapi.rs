//! The OpenAPI document of the contract.

/// The document of version 1 of the contract, OpenAPI 3.1, as JSON.
#[must_use]
pub fn openapi() -> &'static str {
    include_str!("openapi.json")
}
