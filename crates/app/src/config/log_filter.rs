//! The check of `LOG_LEVEL`: a filter that would log nothing because of a typing error is a mistake.

use character_error_reporter::without_credentials;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// The first parts of the targets that lines of this program can have: its crates, and the libraries that log.
const TARGETS: &[&str] = &[
    "access",
    "actix_http",
    "actix_server",
    "actix_web",
    "async_nats",
    "character_api",
    "character_app",
    "character_cache",
    "character_cache_redis",
    "character_campaign_events",
    "character_credentials",
    "character_domain",
    "character_error_report",
    "character_error_reporter",
    "character_error_reporter_hub",
    "character_error_reporter_sentry",
    "character_http_kit",
    "character_inbox",
    "character_live_updates",
    "character_log",
    "character_message_hub",
    "character_message_hub_file",
    "character_message_hub_http",
    "character_message_hub_nats",
    "character_message_hub_server",
    "character_message_hub_wire",
    "character_otlp",
    "character_relay",
    "character_repositories",
    "character_rfc3339",
    "character_storage_http",
    "character_storage_hub",
    "character_storage_port",
    "character_storage_server",
    "character_storage_sql",
    "character_storage_wire",
    "h2",
    "hyper",
    "hyper_util",
    "mio",
    "moka",
    "redis",
    "reqwest",
    "rustls",
    "tokio_postgres",
    "tracing",
];

/// The filter as given. A part that is one word must be a level or a target; `EnvFilter` takes any word for a target.
pub(crate) fn log_filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map_err(|error| error.to_string())?;
    let mut parts = 0;
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        parts += 1;
        if part.contains(['=', '[']) || part.parse::<LevelFilter>().is_ok() {
            continue;
        }
        let target = part.split("::").next().unwrap_or(part);
        if !TARGETS.contains(&target) {
            return Err(format!(
                "{:?} is neither a level (error, warn, info, debug, trace, off) nor a target of this program, such as \
                 character_api or access",
                without_credentials(part)
            ));
        }
    }
    if parts == 0 { Err("must name a level or a target".to_owned()) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_filter_that_names_neither_a_level_nor_a_known_target_is_a_mistake() {
        for right in [
            "info",
            "WARN",
            "off",
            "warn,character_cache=debug",
            "access",
            "character_api::health,error",
            "info,mine=debug",
        ] {
            assert!(log_filter(right).is_ok(), "{right}");
        }
        for wrong in ["verbose", "inf", "charcter_api", "info,verbos", "character_api=loud", ",", "access=info=x"] {
            assert!(log_filter(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_library_crate_of_the_workspace_that_can_log_is_a_known_target() {
        let crates = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).unwrap();
        for entry in crates {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if ["asyncapi", "fault-proxy", "message-hub-testkit", "storage-testkit"].contains(&name.as_str()) {
                continue;
            }
            let target = format!("character_{}", name.replace('-', "_"));
            assert!(TARGETS.contains(&target.as_str()), "{target}");
        }
    }
}
