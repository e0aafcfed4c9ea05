//! The reports of failed operations: their limit, and Sentry.

use super::{
    Variable,
    variables::{Reader, number},
};
use secrecy::SecretString;

/// Where failed operations are reported, and how often.
#[derive(Clone, Debug)]
pub struct ReportConfig {
    /// Maximum number of reports for one cause in a minute. Further failures go into a summary.
    pub per_minute: u32,
    /// The Sentry that receives reports besides the log.
    pub sentry_dsn: Option<SecretString>,
}

pub(crate) const ERROR_REPORTS_PER_MINUTE: Variable = Variable::new(
    "ERROR_REPORTS_PER_MINUTE",
    "maximum number of reports per cause and minute; further failures are reported as one number",
    "5",
)
.changing();
pub(crate) const SENTRY_DSN: Variable = Variable::secret(
    "SENTRY_DSN",
    "Sentry that receives reports of failed operations; requires a build with the feature sentry",
)
.off_when_empty();

pub(crate) fn report_config(reader: &mut Reader<'_>) -> Option<ReportConfig> {
    let per_minute = reader.read(&ERROR_REPORTS_PER_MINUTE, reports_per_minute);
    let sentry_dsn = reader.read(&SENTRY_DSN, sentry_dsn);
    Some(ReportConfig { per_minute: per_minute?, sentry_dsn })
}

/// The value of [`ERROR_REPORTS_PER_MINUTE`].
pub(crate) fn reports_per_minute(text: &str) -> Result<u32, String> {
    let number = number(1, 1_000_000)(text)?;
    u32::try_from(number).map_err(|_| "must be a whole number from 1 to 1000000".to_owned())
}

/// The value of [`SENTRY_DSN`].
#[cfg(feature = "sentry")]
pub(crate) fn sentry_dsn(text: &str) -> Result<SecretString, String> {
    let dsn = character_error_reporter_sentry::Dsn::parse(text);
    dsn.map(|_| text.to_owned().into()).map_err(|error| error.to_string())
}

#[cfg(not(feature = "sentry"))]
pub(crate) fn sentry_dsn(_: &str) -> Result<SecretString, String> {
    Err("this build cannot report to Sentry; build it with the feature sentry, or unset the variable".to_owned())
}
