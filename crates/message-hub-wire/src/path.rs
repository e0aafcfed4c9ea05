//! The paths of the contract. Braces stand for placeholders.

use character_message_hub::ServiceName;

/// The beginning of every path.
pub const BASE: &str = "/v1";
/// Publishes events, and returns the deliveries of a subscription.
pub const EVENTS: &str = "/v1/events";
/// Settles deliveries.
pub const SETTLE: &str = "/v1/events/settle";
/// Lists the services and their instances.
pub const SERVICES: &str = "/v1/services";
/// Sends a request to a service.
pub const ROUTED: &str = "/v1/services/{name}/{*path}";
/// Sends a request to the root of a service.
pub const ROUTED_ROOT: &str = "/v1/services/{name}/";
/// Registers an instance of a service. A service itself cannot be sent requests to paths `/instances/{id}`.
pub const INSTANCE: &str = "/v1/services/{name}/instances/{id}";
/// Lists the subscriptions, for operators.
pub const SUBSCRIPTIONS: &str = "/v1/subscriptions";
/// One subscription, for operators.
pub const SUBSCRIPTION: &str = "/v1/subscriptions/{name}";
/// The events that a subscription has rejected, for operators.
pub const REJECTED: &str = "/v1/subscriptions/{name}/rejected";
/// Checks that the hub answers and accepts the token.
pub const PROBE: &str = "/v1/probe";

/// The path at the hub of a path, with its query, at a service. `path` begins with `/`.
#[must_use]
pub fn routed(service: &ServiceName, path: &str) -> String {
    format!("{SERVICES}/{service}{path}")
}
