//! `/admin/hub`, for a person on call: what the hub holds, its subscriptions and its services.

use actix_web::{HttpResponse, http::header::CACHE_CONTROL, web::Data};
use character_error_reporter::{Chain, redacted};
use character_message_hub::{ErrorKind, HubError, HubOperations, ServiceName, SubscriptionName, SubscriptionState};
use character_message_hub_file::FileHub;
use character_message_hub_server::HubServer;
use character_message_hub_wire::ServiceState;
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long the page waits for the subscriptions.
const PATIENCE: Duration = Duration::from_secs(3);
const READ: &str = "hub.subscriptions";

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
    #[serde(flatten)]
    held: Option<HeldReport>,
    #[serde(flatten)]
    subscriptions: Subscriptions,
    services: Vec<ServiceState>,
}

/// The subscriptions, or why they cannot be read.
#[derive(Debug, Serialize)]
enum Subscriptions {
    #[serde(rename = "subscriptions")]
    Known(Vec<SubscriptionState>),
    #[serde(rename = "subscriptions_unknown")]
    Unknown(Chain),
}

/// Of several processes over one NATS.
#[derive(Debug, Serialize)]
struct HeldReport {
    /// The name of this one.
    process: ServiceName,
    /// The subscriptions whose deliveries it makes.
    holds: Vec<SubscriptionName>,
}

#[derive(Debug, Serialize)]
struct FileReport {
    events: u64,
    bytes: u64,
    expired_unsettled: u64,
}

pub(super) async fn show(operator: Data<HubOperator>) -> HttpResponse {
    let late = |_| HubError::new(ErrorKind::Timeout, READ).within("the limit of reading the subscriptions", PATIENCE);
    let read = timeout(PATIENCE, operator.operations.subscriptions()).await.map_err(late);
    let subscriptions = match read.flatten() {
        Ok(subscriptions) => Subscriptions::Known(subscriptions),
        // The page is read when something is wrong, so it shows the rest all the same.
        Err(error) => {
            tracing::warn!(error = %redacted(&error), "the subscriptions cannot be read");
            Subscriptions::Unknown(redacted(&error))
        }
    };
    let file = operator.file.as_ref().map(|file| {
        let status = file.status();
        FileReport { events: status.events, bytes: status.bytes, expired_unsettled: status.expired_unsettled }
    });
    let services = operator.server.services().services;
    let held = operator.server.held().map(|(process, holds)| HeldReport { process, holds });
    let (service, version) = (crate::message_hub::SERVICE, env!("CARGO_PKG_VERSION"));
    let report = Report { service, version, file, held, subscriptions, services };
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;
    use async_trait::async_trait;
    use character_http_kit::AcceptedTokens;
    use character_message_hub::{Filter, MemoryHub, RejectedEvent, Result as HubResult};
    use character_message_hub_server::HubServerConfig;
    use serde_json::{Value, json};
    use tokio::time::Instant;

    /// `None`: no answer ever comes.
    #[derive(Debug)]
    struct Broken(Option<HubError>);

    #[async_trait]
    impl HubOperations for Broken {
        async fn subscriptions(&self) -> HubResult<Vec<SubscriptionState>> {
            match &self.0 {
                Some(error) => Err(error.clone()),
                None => std::future::pending().await,
            }
        }

        async fn types(&self, _: &SubscriptionName) -> HubResult<Option<Filter>> {
            Ok(None)
        }

        async fn rejected(&self, _: &SubscriptionName, _: usize) -> HubResult<Option<Vec<RejectedEvent>>> {
            Ok(None)
        }

        async fn remove_subscription(&self, _: &SubscriptionName) -> HubResult<bool> {
            Ok(false)
        }
    }

    async fn shown(operations: Broken) -> Value {
        let tokens = AcceptedTokens::new(["token".to_owned().into()]).unwrap();
        let url = "http://127.0.0.1:1".parse().unwrap();
        let config = HubServerConfig { services: vec![("sheets".parse().unwrap(), url)], ..HubServerConfig::default() };
        let server = HubServer::new(Arc::new(MemoryHub::new()), tokens, config).unwrap();
        let response = show(Data::new(HubOperator { server, operations: Arc::new(operations), file: None })).await;
        assert_eq!(response.status(), 200);
        serde_json::from_slice(&to_bytes(response.into_body()).await.unwrap()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn the_page_shows_the_services_and_the_cause_when_the_subscriptions_cannot_be_read() {
        let refused = std::io::Error::other("connection refused");
        let unavailable = HubError::new(ErrorKind::Unavailable { retry_after: None }, READ).with_source(refused);
        let chain = json!(["hub.subscriptions failed: unavailable", "connection refused"]);
        let limit = "no answer within 3s, the limit of reading the subscriptions";
        let late = json!([format!("hub.subscriptions failed: timeout: {limit}")]);
        let begun = Instant::now();
        for (operations, cause) in [(Broken(Some(unavailable)), chain), (Broken(None), late)] {
            let report = shown(operations).await;
            assert_eq!((&report["service"], report["version"].is_string()), (&json!("message-hub"), true));
            assert_eq!(report["services"][0]["name"], "sheets");
            assert_eq!((report.get("subscriptions"), &report["subscriptions_unknown"]), (None, &cause));
        }
        assert!(begun.elapsed() <= PATIENCE + Duration::from_secs(1));
    }
}
