//! The `message-hub` binary.

mod configured_hub;
mod metrics;

use crate::{
    admin::{AdminListener, HubOperator},
    check,
    cli::{self, MessageHubCommand},
    config::{MessageHubServiceConfig, ProcessEnvironment, nats_url, tls, with_passwords},
    hub::{create_stream, probe, say_of_stream},
    hub_presence::PresencePlan,
    listeners::Listeners,
    log_queue::LogQueue,
    nats_metrics::show_budget,
    otlp,
    process_metrics::ProcessState,
    run::{self, CommandResult, print_document, run},
    serve::{self, Counted, Server},
    signals,
    state_metrics::{show_health, show_readiness},
    token_warnings, traced_events,
    watch::WatchPlan,
};
use actix_service::apply;
use actix_web::{HttpResponse, http::Method, middleware::from_fn};
use character_api::register_docs_page;
use character_error_reporter::redacted;
use character_http_kit::{
    AcceptedTokens, AllowedHosts, BrowserGuard, Endpoint, Endpoints, Health, HealthCheck, HostNames, LongAnswers,
    RequestLimit, health, middleware,
};
use character_message_hub::MessageHub;
use character_message_hub_server::{BASE, HubServer, HubServerConfig, PROBLEM_TYPES, openapi, overloaded};
use configured_hub::ConfiguredHub;
use prometheus_client::registry::Registry;
use std::{net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};
use tokio::sync::oneshot;

/// How long the end of the process waits for the settlements of what it has delivered over NATS.
const SETTLING: Duration = Duration::from_secs(5);

/// The name of the service.
pub(crate) const SERVICE: &str = "message-hub";

/// Parses arguments and environment and runs the command.
#[must_use]
pub fn main() -> ExitCode {
    match cli::message_hub() {
        // It needs no configuration.
        MessageHubCommand::OpenApi => match print_document(openapi().trim_end()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        command => run(
            || MessageHubServiceConfig::read(&ProcessEnvironment),
            |config| &config.log,
            MessageHubServiceConfig::secrets,
            async |config, log| execute(command, config, &log).await,
        ),
    }
}

async fn execute(command: MessageHubCommand, config: MessageHubServiceConfig, log: &LogQueue) -> CommandResult {
    if let MessageHubCommand::Check = command {
        check::configuration(&config.effective)?;
        let file = config.data_dir.join(configured_hub::FILE);
        let is_there = file.try_exists().map_err(|error| format!("{} cannot be read: {error}", file.display()));
        if config.nats_url.is_none() && !is_there? {
            run::say("hub: the file with the events does not exist yet; the service creates it")?;
            return Ok(ExitCode::SUCCESS);
        }
    }
    if let MessageHubCommand::Serve = command {
        signals::outlive()?;
    }
    let configured = match (configured_hub::open(&config).await, &command) {
        (Ok(configured), _) => configured,
        (Err(error), MessageHubCommand::Check) if configured_hub::is_in_use(&*error) => {
            run::say("hub: a running process uses the file with the events; ask its /health")?;
            return Ok(ExitCode::SUCCESS);
        }
        (Err(error), _) => return Err(error),
    };
    let file = configured.file.clone();
    let health = Arc::new(Health::new(env!("CARGO_PKG_VERSION"), vec![hub_check(Arc::clone(&configured.hub))]));
    let outcome = match command {
        MessageHubCommand::Serve => serve(config, configured, health, log).await,
        MessageHubCommand::Check | MessageHubCommand::OpenApi => {
            if let Some(nats) = &configured.nats {
                say_of_stream(nats).await?;
            }
            check::dependencies(&health).await
        }
    };
    let Some(file) = file else { return outcome };
    match (file.close().await, outcome) {
        (Ok(()), outcome) => outcome,
        (Err(error), Ok(_)) => Err(error.into()),
        (Err(error), Err(outcome)) => {
            tracing::error!(error = %redacted(&error), "the file with the events was not closed cleanly");
            Err(outcome)
        }
    }
}

fn hub_check(hub: Arc<dyn MessageHub>) -> HealthCheck {
    let check = move || -> futures_util::future::BoxFuture<'static, Result<(), String>> {
        let hub = Arc::clone(&hub);
        Box::pin(async move { probe(&*hub).await })
    };
    HealthCheck { name: "hub", critical: true, probe: Arc::new(check) }
}

/// No response of the hub is long to make: replies of services are sent on as they arrive.
fn is_long(_: &Method, _: &str) -> bool {
    false
}

async fn serve(
    config: MessageHubServiceConfig,
    configured: ConfiguredHub,
    health: Arc<Health>,
    log: &LogQueue,
) -> CommandResult {
    let mut registry = Registry::default();
    log.register(&mut registry);
    let folder = config.nats_url.is_none().then_some(config.data_dir.as_path());
    ProcessState::new(SERVICE, folder).show(&mut registry);
    show_readiness(&health, &mut registry);
    show_health(&health, &mut registry);
    let requests = RequestLimit::new(config.max_requests_in_flight);
    requests.register(&mut registry);
    let limits = HubServerConfig {
        requests: requests.clone(),
        services: config.services,
        tls: config.services_tls.clone(),
        max_request_bytes: config.max_request_bytes,
        body_timeout: config.sockets.client_timeout,
        body_rate: config.sockets.upload_rate,
        peer: configured.peer.as_ref().map(|peer| peer.service.clone()),
        peers: configured.peers.clone(),
        holders: configured.nats.clone().map(|nats| Arc::new(nats) as _),
        ..HubServerConfig::default()
    };
    let tokens = AcceptedTokens::new(config.tokens.clone())?;
    let hub = traced_events::over(Arc::clone(&configured.hub), traced_events::Role::Keeps, &config.log);
    let operations = Arc::clone(&configured.operations);
    let contract = HubServer::with_operations(hub, operations, tokens.clone(), limits)?;
    contract.register(&mut registry);
    if let Some(file) = &configured.file {
        metrics::show_file(file, &mut registry);
    }
    if let Some(peer) = &configured.peer {
        show_budget(&peer.nats.budget, &mut registry);
    }
    let Counted { connections, http_metrics, admission, unauthorized } =
        serve::counted(&config.sockets, config.max_in_flight_bytes, PROBLEM_TYPES, None, &mut registry)?;
    let mut plan = WatchPlan::new(config.files.clone(), &mut registry);
    plan.common(&admission);
    plan.requests(&requests);
    plan.accepted("MESSAGE_HUB_TOKEN", &tokens);
    plan.admin(config.admin.as_ref());
    if let Some(url) = &config.nats_url {
        plan.sent("NATS_URL", url, nats_url, |text| with_passwords(&text.into()));
        plan.client("NATS", &tls::NATS, "nats", config.nats_tls.as_ref());
    }
    plan.client("SERVICES", &tls::SERVICES, "services", config.services_tls.as_ref());
    plan.server(config.tls.as_ref());
    plan.collector(&config.log);
    let watch = plan.start()?;
    let registry = Arc::new(registry);
    otlp::send_metrics(&config.log, &registry)?;
    let admin = config.admin.as_ref().map(|admin| {
        let operations = Arc::clone(&configured.operations);
        let operator = Arc::new(HubOperator { server: contract.clone(), operations, file: configured.file.clone() });
        let (health, registry, unauthorized) = (Arc::clone(&health), Arc::clone(&registry), unauthorized.clone());
        let hosts = config.hosts.clone();
        AdminListener::new(admin, hosts, operator, health, registry, unauthorized, PROBLEM_TYPES)
    });
    let guard = guard(config.listen, config.hosts);
    let health_paths = config.health_paths;
    // What other processes pass on is answered until the deliveries of this one are settled.
    let (leaves, left) = oneshot::channel();
    let server = Server {
        live: None,
        presence: configured.peer.map(|peer| PresencePlan::Answers(Box::new(peer))),
        left: Some(left),
        tls: config.tls,
        watch,
        listeners: Listeners::bind(config.listen, &config.sockets, config.admin.as_ref())?,
        may_be_long: is_long,
        drain: config.sockets.drain,
        shutdown: config.shutdown,
        health: Arc::clone(&health),
        connections,
        problem_types: PROBLEM_TYPES,
        admin,
    };
    if let Some(nats) = configured.nats {
        tokio::spawn(create_stream(nats));
    }
    let within = config.shutdown.min(SETTLING);
    let (background, stopping, stopped) = (contract.clone(), contract.clone(), Arc::clone(&health));
    tokio::spawn(async move { background.background().await });
    tokio::spawn(async move {
        stopped.ended().await;
        stopping.leave(within).await;
        // A server that has failed does not wait.
        let _ = leaves.send(());
    });
    let running = server.run(
        move |app| {
            let json = || async { HttpResponse::Ok().content_type("application/json").body(openapi()) };
            let mut endpoints = Endpoints::default().counted_in(http_metrics.clone());
            health::register(&mut endpoints, health_paths, &health, &registry);
            Endpoint::at("/openapi.json").get(json).register(&mut endpoints);
            register_docs_page(&mut endpoints, "Message Hub API");
            let service = contract.service(app, endpoints);
            let long = LongAnswers { of: is_long, bytes: 0 };
            let admitted = apply(from_fn(middleware::admit(admission.clone(), long, overloaded)), service);
            let watched = apply(from_fn(unauthorized.clone().middleware()), admitted);
            let guarded = apply(from_fn(guard.clone().middleware()), watched);
            let accounted = apply(from_fn(middleware::account(PROBLEM_TYPES, http_metrics.clone())), guarded);
            app.default_service(apply(from_fn(middleware::security_headers), accounted));
        },
        move |listening| {
            tracing::info!(
                "{SERVICE} listens on {listening}, {}, API documentation: {listening}/docs",
                configured.summary
            );
            token_warnings::warn_of_short("MESSAGE_HUB_TOKEN", &config.tokens);
            token_warnings::warn_of_short("ADMIN_TOKEN", config.admin.iter().flat_map(|admin| &admin.tokens));
        },
    );
    running.await?;
    Ok(ExitCode::SUCCESS)
}

/// Other machines call the contract under a name that only they know, and no web page has the token that every request
/// to it needs. So unless an operator names the hosts, the contract answers under any, but for a listener on loopback.
fn guard(listen: SocketAddr, names: HostNames) -> BrowserGuard {
    let is_named = listen.ip().is_loopback() || !names.is_empty();
    let hosts = Some(AllowedHosts::new(listen.ip(), names));
    BrowserGuard { hosts, any_host_below: if is_named { None } else { Some(BASE) }, origins: None }
}
