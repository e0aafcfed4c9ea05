//! The `storage-service` binary.

use crate::{
    admin::{AdminListener, Operator},
    check,
    cli::{self, StorageServiceCommand},
    config::{ProcessEnvironment, STORAGE_AT_HUB, StorageServiceConfig, pool_size, with_passwords},
    folder_lock::FolderLock,
    hub::{self, Hub, HubClient},
    hub_presence::PresencePlan,
    listeners::Listeners,
    log_queue::LogQueue,
    observed::OperationMetrics,
    otlp, private_files,
    process_metrics::ProcessState,
    reporting::Reporting,
    restore, retention,
    run::{CommandResult, run},
    serve::{self, Counted, Server},
    signals, stack,
    state_metrics::{show_database, show_health, show_readiness, show_reports},
    token_warnings, traced_events,
    waiting::{self, Opened},
    watch::WatchPlan,
};
use actix_service::apply;
use actix_web::{HttpResponse, middleware::from_fn, web};
use character_http_kit::{
    AcceptedTokens, AllowedHosts, BrowserGuard, Endpoint, Endpoints, Health, HostNames, LongAnswers, ProblemTypes,
    RequestLimit, health, middleware,
};
use character_storage_port::{MAX_PAGE_BYTES, StoragePort};
use character_storage_server::{BASE, Limits, StorageServer, is_limited, is_list, openapi, overloaded};
use character_storage_sql::{Migrations, SqlOptions, SqlStorage};
use prometheus_client::registry::Registry;
use std::{
    net::SocketAddr,
    process::ExitCode,
    sync::{Arc, OnceLock},
};

const SERVICE: &str = "storage-service";

/// The problems of the contract have types of their own. The others say nothing but their status and their code.
const PROBLEM_TYPES: ProblemTypes = ProblemTypes::BLANK;

/// Parses arguments and environment and runs the command.
#[must_use]
pub fn main() -> ExitCode {
    let (command, migrations) = cli::storage_service();
    run(
        || StorageServiceConfig::read(&ProcessEnvironment),
        |config| &config.log,
        StorageServiceConfig::secrets,
        async |config, log| execute(command, migrations, config, &log).await,
    )
}

async fn execute(
    command: StorageServiceCommand,
    migrations: Migrations,
    config: StorageServiceConfig,
    log: &LogQueue,
) -> CommandResult {
    let location = config.database();
    let process = ProcessState::new(SERVICE, location.folder());
    let options = SqlOptions {
        connections: config.pool_size,
        timeout: config.database_timeout,
        log_poll: config.commit_log.poll,
        slow: config.database_slow,
        migrations,
        ..SqlOptions::default()
    };
    let (Opened { database, listeners }, _lock) = match command {
        StorageServiceCommand::Serve => {
            signals::outlive()?;
            let lock = location.folder().map(FolderLock::serving).transpose()?;
            let files = location.path().map(private_files::of_database).unwrap_or_default();
            let (guard, registry) = (guard(config.listen, config.hosts.clone()), registry(log, &process));
            let Some(opened) = waiting::open(&config, location, options, guard, registry).await? else {
                return Ok(ExitCode::SUCCESS);
            };
            private_files::warn_of_open(&files);
            retention::forget_old_commits(&opened.database, config.commit_log);
            retention::thin_versions(&opened.database, config.versions_keep);
            (opened, lock)
        }
        StorageServiceCommand::Migrate => {
            // As for serving: a service may run beside it, an import may not.
            let _lock = location.folder().map(FolderLock::serving).transpose()?;
            let options = SqlOptions { migrations: Migrations::Apply, ..options };
            let database = SqlStorage::open(location, options).await?;
            return stack::closing(Some(database), stack::say_migrated()).await;
        }
        StorageServiceCommand::NewEpoch => {
            let database = SqlStorage::open(location, options).await?;
            let outcome = stack::begin_new_epoch(&database).await;
            return stack::closing(Some(database), outcome).await;
        }
        StorageServiceCommand::Backup { ref file } => return restore::copy_database(location.path(), file).await,
        StorageServiceCommand::Restore { ref file } => return restore::restore_database(location.path(), file).await,
        StorageServiceCommand::Check => {
            check::configuration(&config.effective)?;
            (Opened { database: SqlStorage::open_existing(location, options).await?, listeners: None }, None)
        }
    };
    let registry = registry(log, &process);
    let opened = Opened { database: database.clone(), listeners };
    let outcome = work(command, config, opened, registry).await;
    stack::closing(Some(database), outcome).await
}

/// The metrics that the service shows from its start, also while it waits for its database.
fn registry(log: &LogQueue, process: &ProcessState) -> Registry {
    let mut registry = Registry::default();
    log.register(&mut registry);
    process.show(&mut registry);
    registry
}

async fn work(
    command: StorageServiceCommand,
    config: StorageServiceConfig,
    opened: Opened,
    mut registry: Registry,
) -> CommandResult {
    let Opened { database, listeners } = opened;
    // Metrics of what is asked of the database, outside of which there is no cache here: the contract cannot say that
    // an answer is stale.
    let operations = OperationMetrics::register(&mut registry);
    show_database(&database, config.versions_keep, &mut registry);
    let client = match &config.hub {
        Some(hub) => {
            hub::show(hub, &mut registry);
            Some(hub::connect(hub).await?)
        }
        None => None,
    };
    let reporter = client.as_ref().map(HubClient::port);
    let reporting = Reporting::start(SERVICE, &config.reports, config.secrets(), None, reporter)?;
    show_reports(&reporting, &mut registry);
    let port = database.clone().into_port();
    let storage = stack::watched(Arc::clone(&port), &operations, &reporting);
    let hub = match client.zip(config.hub.as_ref()) {
        Some((client, hub)) => {
            let relayed = Hub::new(
                traced_events::over(client.port(), traced_events::Role::Publishes, &config.log),
                hub.address.to_string(),
                Arc::clone(&port),
                Arc::clone(&reporting),
            )?
            .with_stream_of(&client);
            let (service, advertised) = (STORAGE_AT_HUB.parse()?, config.advertised.clone());
            Some((relayed, PresencePlan::new(client, hub, service, advertised, config.shutdown)))
        }
        None => None,
    };
    let operator = Operator {
        service: SERVICE,
        operations,
        reporting,
        transport: None,
        cache: None,
        redis: None,
        consumers: Arc::clone(&port),
        database: Some(database),
        hub: hub.as_ref().map(|(hub, _)| hub.handles(None, &mut registry)),
    };
    let mut checks = vec![stack::storage_check("database", port)];
    checks.extend(hub.as_ref().map(|(hub, _)| hub.check()));
    let health = Arc::new(Health::new(env!("CARGO_PKG_VERSION"), checks));
    if let StorageServiceCommand::Serve = command {
        serve(config, listeners, storage, registry, health, operator, hub).await
    } else {
        if let Some((hub, _)) = &hub {
            hub.say_of_stream().await?;
        }
        check::dependencies(&health).await
    }
}

async fn serve(
    config: StorageServiceConfig,
    listeners: Option<Listeners>,
    storage: Arc<dyn StoragePort>,
    mut registry: Registry,
    health: Arc<Health>,
    operator: Operator,
    hub: Option<(Hub, Option<PresencePlan>)>,
) -> CommandResult {
    show_readiness(&health, &mut registry);
    show_health(&health, &mut registry);
    let limits = Limits {
        body_bytes: config.max_request_bytes,
        body_timeout: config.sockets.client_timeout,
        body_rate: config.sockets.upload_rate,
    };
    let accepted = AcceptedTokens::new(config.tokens.clone())?;
    let contract = StorageServer::new(storage, accepted.clone(), limits)?;
    let Counted { connections, http_metrics, admission, unauthorized } = serve::counted(
        &config.sockets,
        config.max_in_flight_bytes,
        PROBLEM_TYPES,
        operator.database.as_ref(),
        &mut registry,
    )?;
    let requests = RequestLimit::new(config.max_requests_in_flight);
    requests.register(&mut registry);
    let mut plan = WatchPlan::new(config.files.clone(), &mut registry);
    plan.common(&admission);
    plan.requests(&requests);
    plan.reports(&operator.reporting);
    plan.accepted("STORAGE_SERVICE_TOKEN", &accepted);
    plan.admin(config.admin.as_ref());
    plan.hub(config.hub.as_ref());
    plan.server(config.tls.as_ref());
    plan.collector(&config.log);
    watch_database(&mut plan, operator.database.as_ref());
    let watch = plan.start()?;
    let registry = Arc::new(registry);
    otlp::send_metrics(&config.log, &registry)?;
    let operator = Arc::new(operator);
    let admin = config.admin.as_ref().map(|admin| {
        let (operator, health) = (Arc::clone(&operator), Arc::clone(&health));
        let (registry, unauthorized) = (Arc::clone(&registry), unauthorized.clone());
        let hosts = config.hosts.clone();
        AdminListener::new(admin, hosts, operator, health, registry, unauthorized, PROBLEM_TYPES)
    });
    let (health_paths, engine) = (config.health_paths, config.database().engine());
    let guard = guard(config.listen, config.hosts);
    let (hub, presence) = hub.unzip();
    let server = Server {
        live: None,
        presence: presence.flatten(),
        left: None,
        tls: config.tls,
        watch,
        listeners: match listeners {
            Some(listeners) => listeners,
            None => Listeners::bind(config.listen, &config.sockets, config.admin.as_ref())?,
        },
        may_be_long: is_list,
        drain: config.sockets.drain,
        shutdown: config.shutdown,
        health: Arc::clone(&health),
        connections,
        problem_types: PROBLEM_TYPES,
        admin,
    };
    let no_hub = || "Message Hub: none, events stay in the log of commits".to_owned();
    let summary = hub.as_ref().map_or_else(no_hub, Hub::summary);
    let running = hub.map(|hub| hub.start(None));
    server
        .run(
            move |app| {
                let json = || async { HttpResponse::Ok().content_type("application/json").body(document()) };
                let mut endpoints = Endpoints::default().counted_in(http_metrics.clone());
                health::register(&mut endpoints, health_paths, &health, &registry);
                Endpoint::at("/openapi.json").get(json).register(&mut endpoints);
                let service = contract.service(app, endpoints);
                let long = LongAnswers { of: is_list, bytes: MAX_PAGE_BYTES as u64 };
                // A list that waits for its turn holds no place of the requests that are handled.
                let limited =
                    apply(from_fn(middleware::limit_requests(requests.clone(), is_limited, overloaded)), service);
                let admitted = apply(from_fn(middleware::admit(admission.clone(), long, overloaded)), limited);
                let watched = apply(from_fn(unauthorized.clone().middleware()), admitted);
                let guarded = apply(from_fn(guard.clone().middleware()), watched);
                let accounted = apply(from_fn(middleware::account(PROBLEM_TYPES, http_metrics.clone())), guarded);
                app.default_service(apply(from_fn(middleware::security_headers), accounted));
            },
            move |listening| {
                tracing::info!("storage-service listens on {listening}, database: {engine}");
                tracing::info!("{summary}");
                token_warnings::warn_of_short("STORAGE_SERVICE_TOKEN", &config.tokens);
                token_warnings::warn_of_hub(config.hub.as_ref());
                token_warnings::warn_of_short("ADMIN_TOKEN", config.admin.iter().flat_map(|admin| &admin.tokens));
            },
        )
        .await?;
    if let Some(running) = running {
        running.stop().await;
    }
    operator.reporting.finish();
    Ok(ExitCode::SUCCESS)
}

/// The description of the contract, made for the first client that asks for it: it takes megabytes while it is made.
fn document() -> web::Bytes {
    static DOCUMENT: OnceLock<web::Bytes> = OnceLock::new();
    // The annotations consist of texts and numbers, which can always be written; a test reads the document.
    DOCUMENT.get_or_init(|| openapi().to_json().unwrap_or_default().into()).clone()
}

/// Address, certificates and pool of the database.
fn watch_database(plan: &mut WatchPlan, database: Option<&SqlStorage>) {
    let Some(database) = database.cloned() else { return };
    let (replaced, resized, reloaded, shown) = (database.clone(), database.clone(), database.clone(), database.clone());
    let replace = move |text: &str| replaced.replace_access(text).map_err(|error| error.to_string());
    plan.secret("DATABASE_URL", replace, |text| with_passwords(&text.into()));
    plan.setting("DATABASE_POOL_SIZE", move |text| {
        resized.resize_pool(pool_size(text)?);
        Ok(())
    });
    let reload = move || reloaded.reload_certificates().map_err(|error| error.to_string());
    plan.certificates(
        "DATABASE_URL_SSL",
        database.certificate_files(),
        reload,
        move || shown.certificate_expires_at(),
        "database",
    );
}

/// Other machines call the contract under a name that only they know, and no web page has the token that every request
/// to it needs. So unless an operator names the hosts, the contract answers under any, but for a listener on loopback.
fn guard(listen: SocketAddr, names: HostNames) -> BrowserGuard {
    let is_named = listen.ip().is_loopback() || !names.is_empty();
    let hosts = Some(AllowedHosts::new(listen.ip(), names));
    BrowserGuard { hosts, any_host_below: if is_named { None } else { Some(BASE) }, origins: None }
}
