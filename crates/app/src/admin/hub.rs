//! `/admin/hub`, for a person on call: what the hub holds, its subscriptions and its services.

use actix_web::{HttpResponse, http::header::CACHE_CONTROL, web::Data};
use character_error_reporter::redacted;
use character_http_kit::Problem;
use character_message_hub::{HubOperations, SubscriptionState};
use character_message_hub_file::FileHub;
use character_message_hub_server::HubServer;
use character_message_hub_wire::ServiceState;
use serde::Serialize;
use std::sync::Arc;

/// The page.
pub(super) const PATH: &str = "/admin/hub";

/// The handles of everything that the page shows.
#[derive(Clone, Debug)]
pub(crate) struct HubOperator {
    pub(crate) server: HubServer,
    pub(crate) operations: Arc<dyn HubOperations>,
    /// The file with the events; `None`: another system keeps them.
    pub(crate) file: Option<FileHub>,
}

#[derive(Debug, Serialize)]
struct Report {
    service: &'static str,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<FileReport>,
    subscriptions: Vec<SubscriptionState>,
    services: Vec<ServiceState>,
}

#[derive(Debug, Serialize)]
struct FileReport {
    events: u64,
    bytes: u64,
    expired_unsettled: u64,
}

pub(super) async fn show(operator: Data<HubOperator>) -> Result<HttpResponse, Problem> {
    let subscriptions = operator.operations.subscriptions().await.map_err(|error| {
        tracing::warn!(error = %redacted(&error), "the subscriptions cannot be read");
        Problem::internal()
    })?;
    let file = operator.file.as_ref().map(|file| {
        let status = file.status();
        FileReport { events: status.events, bytes: status.bytes, expired_unsettled: status.expired_unsettled }
    });
    let services = operator.server.services().services;
    let (service, version) = (crate::message_hub::SERVICE, env!("CARGO_PKG_VERSION"));
    let report = Report { service, version, file, subscriptions, services };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(report))
}
