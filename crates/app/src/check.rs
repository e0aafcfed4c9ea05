//! `check`: the effective configuration, and whether each dependency answers.

use crate::run::{CommandResult, say};
use character_http_kit::{Health, HealthStatus};
use std::process::ExitCode;

/// Prints the configuration. It comes first, since a dependency that cannot even be opened ends the command.
pub(crate) fn configuration(effective: &[(&'static str, String)]) -> std::io::Result<()> {
    effective.iter().try_for_each(|(name, value)| say(format!("{name}={value}")))
}

/// Asks and prints the state of each dependency; fails when one does not answer.
pub(crate) async fn dependencies(health: &Health) -> CommandResult {
    let report = health.report().await;
    for (name, dependency) in &report.dependencies {
        say(format!(
            "{name}: {}{}",
            dependency.status.as_str(),
            dependency.detail.as_ref().map_or(String::new(), |d| format!(" ({d})"))
        ))?;
    }
    Ok(if report.status == HealthStatus::Ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
