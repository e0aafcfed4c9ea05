//! The host names of the listeners, their health paths, and what their first page leads to.

use super::{
    Variable,
    admin::ADMIN_ADDR,
    variables::{Reader, url},
};
use character_http_kit::{HealthPaths, HostNames};

pub(crate) const ALLOWED_HOSTS: Variable = Variable::optional(
    "ALLOWED_HOSTS",
    "host names under which the listeners answer besides localhost and their address, such as play.example, separated by \
     commas",
)
.unquoted()
.off_when_empty();
pub(crate) const METRICS_ON: Variable = Variable::new(
    "METRICS_ON",
    "listener that serves /metrics and the dependencies in /health: api (both listeners) or admin (ADMIN_ADDR only)",
    "api",
);

pub(crate) const REPOSITORY_URL: Variable = Variable::optional(
    "REPOSITORY_URL",
    "address of the source code of this build, http or https, to which the page at / links; unset: no link",
)
.unquoted()
.off_when_empty();

/// The address of the source code; `None`: none, or it is wrong, which is recorded.
pub(crate) fn repository(reader: &mut Reader<'_>) -> Option<String> {
    reader.read(&REPOSITORY_URL, |text| match url(&["http", "https"])(text)? {
        address if address.username().is_empty() && address.password().is_none() => Ok(address.into()),
        _ => Err("must have no user and no password, because the page shows it".to_owned()),
    })
}

/// Host names besides those that are always permitted; the default is none. `None` when a part is wrong, which is
/// recorded.
pub(crate) fn allowed_hosts(reader: &mut Reader<'_>) -> Option<HostNames> {
    reader.read(&ALLOWED_HOSTS, |text| HostNames::parse(text).map_err(|error| error.to_string()))
}

/// The health paths that the listener of the API serves.
pub(crate) fn health_paths(reader: &mut Reader<'_>) -> Option<HealthPaths> {
    let paths = reader.read(&METRICS_ON, |text| match text {
        "api" => Ok(HealthPaths::All),
        "admin" => Ok(HealthPaths::ProbesOnly),
        _ => Err("must be api or admin".to_owned()),
    });
    if paths == Some(HealthPaths::ProbesOnly) && !reader.is_set(&ADMIN_ADDR) {
        reader
            .faults
            .push("METRICS_ON=\"admin\": ADMIN_ADDR must be set too, otherwise nothing serves /metrics".to_owned());
    }
    paths
}
