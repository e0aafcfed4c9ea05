//! One request, one attempt: the socket without the transport stack.

use character_storage_http::{HttpStorageConfig, ReqwestTransport};

/// A transport to this address with this token.
pub(crate) fn direct(base: impl AsRef<str>, token: &str) -> ReqwestTransport {
    let config = HttpStorageConfig::new(base.as_ref().parse().unwrap(), token.to_owned().into());
    ReqwestTransport::new(&config).unwrap()
}
