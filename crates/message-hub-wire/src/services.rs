//! Services and their instances.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long an instance stays registered when its registration names no time.
pub const DEFAULT_TTL: Duration = Duration::from_secs(30);
/// The shortest registration.
pub const MIN_TTL: Duration = Duration::from_secs(1);
/// The longest registration.
pub const MAX_TTL: Duration = Duration::from_secs(600);

/// An instance that registers itself. It repeats the request before `ttl_ms` has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceBody {
    /// Where it listens: an address of HTTP without credentials and query, such as `http://10.0.0.7:8100`.
    pub url: String,
    /// How long the registration holds, in milliseconds. Default: 30000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
}

/// A registration that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseBody {
    /// How long it holds from now on, in milliseconds.
    pub ttl_ms: u64,
}

/// Every service that has an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicesBody {
    /// The services, by name.
    pub services: Vec<ServiceState>,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    /// The name.
    pub name: String,
    /// Its instances.
    pub instances: Vec<InstanceState>,
}

/// An instance of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceState {
    /// Its id. An instance of the configuration has its address as id.
    pub id: String,
    /// Where it listens.
    pub url: String,
    /// `false`: it refused connections or failed, and is set aside for a while.
    pub healthy: bool,
    /// Requests that it has not answered yet.
    pub in_flight: usize,
    /// The rest of its registration, in milliseconds. Absent: it is of the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
}
