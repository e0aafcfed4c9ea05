//! The admin listener: its address and its tokens.

use super::{
    Variable,
    variables::{Reader, boolean, socket},
};
use character_http_kit::AcceptedTokens;
use secrecy::SecretString;
use std::net::SocketAddr;

/// The admin listener.
#[derive(Clone, Debug)]
pub struct AdminConfig {
    /// Its address.
    pub listen: SocketAddr,
    /// The bearer tokens, one of which every request must carry; empty: no token is required.
    pub tokens: Vec<SecretString>,
    /// The same as the listener checks them, shared with what replaces them; `None`: no token is required.
    pub(crate) accepted: Option<AcceptedTokens>,
}

pub(crate) const ADMIN_ADDR: Variable = Variable::optional(
    "ADMIN_ADDR",
    "address and port of the admin listener for operators: /admin/storage, /health and /metrics; unset: off",
)
.off_when_empty();
pub(crate) const ADMIN_TOKEN: Variable = Variable::secret(
    "ADMIN_TOKEN",
    "bearer tokens for ADMIN_ADDR, separated by commas or line breaks to allow rotation; unset: changes need X-Requested-By",
);
pub(crate) const ADMIN_ALLOW_REMOTE: Variable = Variable::new(
    "ADMIN_ALLOW_REMOTE",
    "permit an ADMIN_ADDR that other machines can reach, true or false; also requires ADMIN_TOKEN",
    "false",
);

/// `None` when it is off, or when a value is wrong, which is recorded.
pub(crate) fn admin_config(reader: &mut Reader<'_>, listen: Option<SocketAddr>) -> Option<AdminConfig> {
    let tokens = reader.read(&ADMIN_TOKEN, tokens);
    let remote = reader.read(&ADMIN_ALLOW_REMOTE, boolean);
    let address = reader.read(&ADMIN_ADDR, socket);
    if tokens.is_some() && !reader.is_set(&ADMIN_ADDR) {
        reader.faults.push("ADMIN_ADDR: must be set together with ADMIN_TOKEN".to_owned());
    }
    let address = address?;
    if listen == Some(address) && address.port() != 0 {
        reader.faults.push(format!("ADMIN_ADDR=\"{address}\": is LISTEN_ADDR already; choose another port"));
    }
    if !address.ip().is_loopback() {
        if remote == Some(false) {
            reader.faults.push(format!(
                "ADMIN_ADDR=\"{address}\": other machines can reach it; listen on loopback, or set \
                 ADMIN_ALLOW_REMOTE=true and ADMIN_TOKEN"
            ));
        } else if !reader.is_set(&ADMIN_TOKEN) {
            reader
                .faults
                .push(format!("ADMIN_TOKEN: must be set, because other machines can reach ADMIN_ADDR=\"{address}\""));
        }
    }
    let accepted = tokens.clone().map(AcceptedTokens::new).transpose();
    let accepted = accepted.map_err(|error| reader.faults.push(format!("ADMIN_TOKEN: {error}"))).ok()?;
    Some(AdminConfig { listen: address, tokens: tokens.unwrap_or_default(), accepted })
}

/// Bearer tokens separated by commas or line breaks.
pub(crate) fn tokens(text: &str) -> Result<Vec<SecretString>, String> {
    let tokens: Vec<_> =
        text.split([',', '\n']).map(str::trim).filter(|token| !token.is_empty()).map(SecretString::from).collect();
    AcceptedTokens::new(tokens.clone()).map_err(|error| error.to_string())?;
    Ok(tokens)
}
