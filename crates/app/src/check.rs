//! `check`: the effective configuration, and whether each dependency answers.

use crate::run::{Outcome, say};
use character_api::Health;
use std::process::ExitCode;

/// Prints both; fails when a dependency does not answer.
pub(crate) async fn check(effective: &[(&'static str, String)], health: &Health) -> Outcome {
    for (name, value) in effective {
        say(format!("{name}={value}"))?;
    }
    let report = health.report().await;
    for (name, dependency) in &report.dependencies {
        say(format!(
            "{name}: {}{}",
            dependency.status,
            dependency.detail.as_ref().map_or(String::new(), |d| format!(" ({d})"))
        ))?;
    }
    Ok(if report.status == "ok" { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
