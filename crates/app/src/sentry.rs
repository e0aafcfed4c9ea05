//! The way to a Sentry, in builds that can report to one.

use crate::config::ReportConfig;
use character_error_reporter::ErrorReporter;
use secrecy::SecretString;
use std::{error::Error, sync::Arc};

#[cfg(feature = "sentry")]
use character_error_reporter_sentry::{Dsn, Sentry};
#[cfg(feature = "sentry")]
use secrecy::ExposeSecret as _;

/// The Sentry of the configuration, if there is one.
#[derive(Debug, Default)]
pub(crate) struct SentryLink(#[cfg(feature = "sentry")] Option<Arc<Sentry>>);

#[cfg(feature = "sentry")]
impl SentryLink {
    /// Does not connect yet. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub(crate) fn of(config: &ReportConfig) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let Some(dsn) = &config.sentry_dsn else { return Ok(Self::default()) };
        let dsn = Dsn::parse(dsn.expose_secret())?;
        Ok(Self(Some(Arc::new(Sentry::connect(&dsn, env!("CARGO_PKG_VERSION"))?))))
    }

    pub(crate) fn reporter(&self) -> Option<Arc<dyn ErrorReporter>> {
        self.0.clone().map(|sentry| sentry as _)
    }

    /// The next report goes to the Sentry of this DSN. Without a Sentry at the start there is none later.
    pub(crate) fn redirect(&self, dsn: &SecretString) -> Result<(), String> {
        let Some(sentry) = &self.0 else { return Err("changes with a restart only".to_owned()) };
        let dsn = Dsn::parse(dsn.expose_secret());
        dsn.map(|dsn| sentry.redirect(dsn)).map_err(|error| error.to_string())
    }
}

#[cfg(not(feature = "sentry"))]
impl SentryLink {
    #[expect(clippy::unnecessary_wraps, reason = "with the feature there is something that can fail")]
    pub(crate) fn of(_: &ReportConfig) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self::default())
    }

    #[expect(clippy::unused_self, reason = "with the feature there may be one")]
    pub(crate) fn reporter(&self) -> Option<Arc<dyn ErrorReporter>> {
        None
    }

    #[expect(clippy::unused_self, reason = "with the feature there may be one")]
    pub(crate) fn redirect(&self, _: &SecretString) -> Result<(), String> {
        Err("this build cannot report to Sentry".to_owned())
    }
}
