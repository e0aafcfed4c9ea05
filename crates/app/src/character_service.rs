//! The `character-service` binary.

mod transfers;

use crate::{
    admin::AdminListener,
    check,
    cli::{self, CharacterServiceCommand},
    config::{
        CharacterServiceConfig, HubConfig, ProcessEnvironment, StorageAddress, redis_url, storage_token, tls,
        with_passwords,
    },
    folder_lock::FolderLock,
    hub::Hub,
    listeners::Listeners,
    log_queue::LogQueue,
    otlp,
    process_metrics::ProcessState,
    restore,
    run::{CommandResult, print_document, run},
    serve::{self, Counted, Server},
    signals,
    stack::{self, Purpose, Stack},
    state_metrics::{show_health, show_readiness},
    token_warnings,
    traced_events::TracedHandler,
    watch::{WatchPlan, itself},
};
use character_api::{Api, ApiLimits, PROBLEM_TYPES, configure_for, may_be_long};
use character_campaign_events::{CampaignEvents, FILTER, SUBSCRIPTION};
use character_http_kit::{AllowedHosts, BrowserGuard, Health, RequestLimit};
use character_inbox::{Inbox, InboxOptions};
use character_message_hub::Subscription;
use character_repositories::{Repositories, StorageContext};
use prometheus_client::registry::Registry;
use std::{error::Error, path::PathBuf, process::ExitCode, sync::Arc};

/// The consumer of the log whose lease decides which process receives events.
const INBOX_CONSUMER: &str = "inbox-character-service";
/// Parses arguments and environment and runs the command.
#[must_use]
pub fn main() -> ExitCode {
    let command = cli::character_service();
    run(
        || CharacterServiceConfig::read(&ProcessEnvironment),
        |config| &config.log,
        CharacterServiceConfig::secrets,
        async |config, log| execute(command, config, &log).await,
    )
}

async fn execute(command: CharacterServiceCommand, config: CharacterServiceConfig, log: &LogQueue) -> CommandResult {
    if let CharacterServiceCommand::OpenApi = command {
        print_document(&format!("{:#}", character_api::openapi()))?;
        return Ok(ExitCode::SUCCESS);
    }
    if let CharacterServiceCommand::AsyncApi = command {
        print_document(&format!("{:#}", character_asyncapi::document()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let purpose = match &command {
        CharacterServiceCommand::Serve => {
            signals::outlive()?;
            Purpose::Serve
        }
        // A service may run beside: it starts anew in the new epoch.
        CharacterServiceCommand::NewEpoch => return new_epoch(&config).await,
        CharacterServiceCommand::Migrate => return migrate(&config).await,
        CharacterServiceCommand::Backup { file } => {
            return restore::copy_database(embedded(&config).as_deref(), file).await;
        }
        CharacterServiceCommand::Restore { file } => {
            return restore::restore_database(embedded(&config).as_deref(), file).await;
        }
        CharacterServiceCommand::Import { .. } => Purpose::Import,
        CharacterServiceCommand::Export { .. }
        | CharacterServiceCommand::OpenApi
        | CharacterServiceCommand::AsyncApi => Purpose::Read,
        CharacterServiceCommand::Check => {
            check::configuration(&config.effective)?;
            Purpose::Read
        }
    };
    let mut registry = Registry::default();
    log.register(&mut registry);
    let folder = config.remote.is_none().then_some(config.data_dir.as_path());
    ProcessState::new(stack::SERVICE, folder).show(&mut registry);
    let stack = stack::build(&config, &mut registry, purpose).await?;
    let database = stack.database();
    let outcome = match command {
        CharacterServiceCommand::Serve => serve(config, stack, registry).await,
        CharacterServiceCommand::Import { folder } => transfers::import(&stack, &folder).await,
        CharacterServiceCommand::Export { folder } => transfers::export(&stack, &folder).await,
        CharacterServiceCommand::Check => {
            if let Some(hub) = &stack.hub {
                hub.say_of_stream().await?;
            }
            check::dependencies(&Health::new(env!("CARGO_PKG_VERSION"), stack.checks)).await
        }
        CharacterServiceCommand::OpenApi
        | CharacterServiceCommand::AsyncApi
        | CharacterServiceCommand::NewEpoch
        | CharacterServiceCommand::Migrate
        | CharacterServiceCommand::Backup { .. }
        | CharacterServiceCommand::Restore { .. } => Ok(ExitCode::SUCCESS),
    };
    stack::closing(database, outcome).await
}

/// The file of the embedded database, unless the data is in a central Storage Service.
fn embedded(config: &CharacterServiceConfig) -> Option<PathBuf> {
    config.remote.is_none().then(|| stack::embedded_file(config))
}

async fn new_epoch(config: &CharacterServiceConfig) -> CommandResult {
    if config.remote.is_some() {
        return Err(
            "the data is in a central Storage Service: run storage-service new-epoch with its configuration".into()
        );
    }
    let database = stack::open_embedded(config).await?;
    let outcome = stack::begin_new_epoch(&database).await;
    stack::closing(Some(database), outcome).await
}

async fn migrate(config: &CharacterServiceConfig) -> CommandResult {
    if config.remote.is_some() {
        return Err(
            "the data is in a central Storage Service: run storage-service migrate with its configuration".into()
        );
    }
    let _lock = FolderLock::serving(&config.data_dir)?;
    let database = stack::create_embedded(config).await?;
    stack::closing(Some(database), stack::say_migrated()).await
}

async fn serve(config: CharacterServiceConfig, stack: Stack, mut registry: Registry) -> CommandResult {
    let Counted { connections, http_metrics, admission, unauthorized } = serve::counted(
        &config.sockets,
        config.max_in_flight_bytes,
        PROBLEM_TYPES,
        stack.database().as_ref(),
        &mut registry,
    )?;
    let requests = RequestLimit::new(config.max_requests_in_flight);
    requests.register(&mut registry);
    let health = Arc::new(Health::new(env!("CARGO_PKG_VERSION"), stack.checks));
    show_readiness(&health, &mut registry);
    if config.remote.is_none() {
        show_health(&health, &mut registry);
    }
    let live = stack.live;
    let context = StorageContext::new(stack.storage).with_origin(stack.origin).with_recent(stack.recent);
    let repositories = Repositories::new(&context);
    let mut operator = stack.operator;
    let hub = match (stack.hub, &config.hub) {
        (Some(hub), Some(settings)) => {
            let inbox = campaign_inbox(&config, settings, &hub, &repositories)?;
            operator.hub = Some(hub.handles(Some(&inbox), &mut registry));
            let turn = hub.turn(INBOX_CONSUMER.parse()?);
            Some((hub, inbox, turn))
        }
        _ => None,
    };
    let mut plan = WatchPlan::new(config.files.clone(), &mut registry);
    plan.common(&admission);
    plan.requests(&requests);
    plan.reports(&operator.reporting);
    plan.admin(config.admin.as_ref());
    if let Some(remote) = &config.remote {
        plan.sent("STORAGE_SERVICE_TOKEN", &remote.token, storage_token, itself);
        plan.client("STORAGE", &tls::STORAGE, "storage", remote.tls.as_ref());
    }
    if let Some(url) = &config.redis_url {
        plan.sent("REDIS_URL", url, redis_url, |text| with_passwords(&text.into()));
        plan.client("REDIS", &tls::REDIS, "redis", config.redis_tls.as_ref());
    }
    plan.hub(config.hub.as_ref());
    plan.server(config.tls.as_ref());
    plan.collector(&config.log);
    let watch = plan.start()?;
    let registry = Arc::new(registry);
    otlp::send_metrics(&config.log, &registry)?;
    let api = Arc::new(Api {
        live: live.clone(),
        repositories,
        limits: ApiLimits {
            bulk_body: config.max_bulk_bytes,
            body_timeout: config.sockets.client_timeout,
            body_rate: config.sockets.upload_rate,
            ..ApiLimits::default()
        },
        repository: config.repository,
        health: Arc::clone(&health),
        http_metrics,
        admission,
        requests,
        registry: Arc::clone(&registry),
    });
    let operator = Arc::new(operator);
    let admin = config.admin.as_ref().map(|admin| {
        let (operator, health) = (Arc::clone(&operator), Arc::clone(&health));
        let hosts = config.hosts.clone();
        AdminListener::new(admin, hosts, operator, health, registry, unauthorized, PROBLEM_TYPES)
    });
    let is_nameless = config.hosts.is_empty();
    let hosts = Some(AllowedHosts::new(config.listen.ip(), config.hosts));
    let guard = BrowserGuard { hosts, any_host_below: None, origins: config.cors };
    let server = Server {
        listeners: Listeners::bind(config.listen, &config.sockets, config.admin.as_ref())?,
        may_be_long,
        live: Some(live),
        presence: None,
        left: None,
        drain: config.sockets.drain,
        tls: config.tls,
        watch,
        shutdown: config.shutdown,
        health,
        connections,
        problem_types: PROBLEM_TYPES,
        admin,
    };
    let operators = config.admin.into_iter().flat_map(|admin| admin.tokens).collect::<Vec<_>>();
    let running = hub.map(|(hub, inbox, turn)| hub.start(Some((inbox, turn))));
    let (loopback, summary) = (config.listen.ip().is_loopback(), stack.summary);
    server
        .run(configure_for(api, guard, config.health_paths), move |listening| {
            let address = listening.address;
            tracing::info!("character-service listens on {listening}, API documentation: {listening}/docs");
            token_warnings::warn_of_short("ADMIN_TOKEN", &operators);
            if let Some(remote) = &config.remote {
                token_warnings::warn_of_short("STORAGE_SERVICE_TOKEN", [&*remote.token.get()]);
                if let StorageAddress::Http(url) = &remote.address {
                    token_warnings::warn_of_plain("STORAGE_SERVICE_URL", url);
                }
            }
            token_warnings::warn_of_hub(config.hub.as_ref());
            for line in summary {
                tracing::info!("{line}");
            }
            if loopback {
                tracing::info!("access control: none; only this machine can reach the service");
            } else {
                tracing::warn!(
                    "access control: none; others can reach {address}, as ALLOW_UNAUTHENTICATED=true permits"
                );
                if is_nameless {
                    tracing::warn!(
                        "ALLOWED_HOSTS is not set: requests to other host names than localhost are rejected"
                    );
                }
            }
        })
        .await?;
    if let Some(running) = running {
        running.stop().await;
    }
    if let Some(cache) = &operator.cache {
        // The embedded database is closed next.
        cache.stop_following();
    }
    operator.reporting.finish();
    Ok(ExitCode::SUCCESS)
}

/// The inbox for what other services report of campaigns.
fn campaign_inbox(
    config: &CharacterServiceConfig,
    settings: &HubConfig,
    hub: &Hub,
    repositories: &Repositories,
) -> Result<Inbox, Box<dyn Error + Send + Sync>> {
    let subscription = Subscription::new(SUBSCRIPTION.parse()?, FILTER.parse()?);
    let options = InboxOptions {
        stream_max_age: Some(settings.max_age),
        // How long a central Storage Service remembers ids is its own configuration.
        ids_kept: config.remote.is_none().then_some(config.commit_log.retention),
        ..InboxOptions::new(subscription)
    };
    let handler = CampaignEvents::new(repositories.campaigns.clone());
    Ok(match config.log.otlp {
        Some(_) => Inbox::new(hub.client(), TracedHandler(handler), options)?,
        None => Inbox::new(hub.client(), handler, options)?,
    })
}
