//! What a changed setting does, for those that several services have.

use super::WatchPlan;
use crate::{
    config::{
        AdminConfig, HubConfig, hub_token, in_flight_bytes, reports_per_minute, requests_in_flight, sentry_dsn, tls,
        tokens, with_passwords,
    },
    reporting::Reporting,
    telemetry,
};
use character_credentials::Secret;
use character_http_kit::{AcceptedTokens, Admission, RequestLimit};
use secrecy::SecretString;
use std::sync::Arc;

impl WatchPlan {
    /// `LOG_LEVEL`, and the limit of large requests in flight.
    pub(crate) fn common(&mut self, admission: &Admission) {
        self.setting("LOG_LEVEL", telemetry::change_filter);
        let admission = admission.clone();
        self.setting("MAX_IN_FLIGHT_BYTES", move |text| {
            admission.resize(in_flight_bytes(text)?);
            Ok(())
        });
    }

    /// The limit of requests that are handled at the same time.
    pub(crate) fn requests(&mut self, limit: &RequestLimit) {
        let limit = limit.clone();
        self.setting("MAX_REQUESTS_IN_FLIGHT", move |text| {
            limit.resize(requests_in_flight(text)?);
            Ok(())
        });
    }

    /// The limit of reports, and the Sentry that receives them.
    pub(crate) fn reports(&mut self, reporting: &Arc<Reporting>) {
        let redirected = Arc::clone(reporting);
        let redirect = move |text: &str| redirected.redirect(&sentry_dsn(text)?);
        self.secret("SENTRY_DSN", redirect, |text| with_passwords(&text.into()));
        let reporting = Arc::clone(reporting);
        self.setting("ERROR_REPORTS_PER_MINUTE", move |text| {
            reporting.set_per_minute(reports_per_minute(text)?);
            Ok(())
        });
    }

    /// Tokens that a listener accepts.
    pub(crate) fn accepted(&mut self, name: &'static str, accepted: &AcceptedTokens) {
        let accepted = accepted.clone();
        let replace = move |text: &str| accepted.replace(tokens(text)?).map_err(|error| error.to_string());
        self.secret(name, replace, |text| tokens(text).unwrap_or_default());
    }

    /// Tokens of the admin listener.
    pub(crate) fn admin(&mut self, admin: Option<&AdminConfig>) {
        if let Some(accepted) = admin.and_then(|admin| admin.accepted.as_ref()) {
            self.accepted("ADMIN_TOKEN", accepted);
        }
    }

    /// A secret that a client sends, after `check`.
    pub(crate) fn sent(
        &mut self,
        name: &'static str,
        secret: &Secret,
        check: fn(&str) -> Result<SecretString, String>,
        parts: impl Fn(&str) -> Vec<SecretString> + Send + 'static,
    ) {
        let secret = secret.clone();
        let replace = move |text: &str| {
            secret.replace(check(text)?);
            Ok(())
        };
        self.secret(name, replace, parts);
    }

    /// Token and certificates of the Message Hub.
    pub(crate) fn hub(&mut self, hub: Option<&HubConfig>) {
        let Some(hub) = hub else { return };
        if let Some(token) = &hub.token {
            self.sent("MESSAGE_HUB_TOKEN", token, hub_token, itself);
        }
        self.client("MESSAGE_HUB", &tls::MESSAGE_HUB, "message_hub", hub.tls.as_ref());
    }
}

/// A text that is a secret as a whole.
pub(crate) fn itself(text: &str) -> Vec<SecretString> {
    vec![text.into()]
}
