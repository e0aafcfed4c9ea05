//! The services with their instances.

use super::{attempts::cause, instance::Instance, sharing::Registration};
use crate::{
    config::{HubServerConfig, InstanceUrl},
    metrics::Metrics,
};
use character_message_hub::ServiceName;
use character_message_hub_wire::{ServiceState, ServicesBody};
use futures_util::{StreamExt as _, stream};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// The maximum number of registered instances.
const MAX_INSTANCES: usize = 1_000;
/// What an instance is asked for its health. A status below 500 means that it answers.
const HEALTH: &str = "/health/ready";
/// How long an instance may take to report its health.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a removed instance is not registered again by what another server has known, at least: longer than its messages are
/// on their way.
const REMOVED: Duration = Duration::from_secs(10);
/// The maximum number of removed instances that are remembered.
const MAX_REMOVED: usize = 10 * MAX_INSTANCES;
/// The maximum number of probes at the same time.
const PROBES: usize = 16;
/// Idle connections are closed before services of this platform do so (75 s); otherwise a request may use a closing one.
const POOL_IDLE: Duration = Duration::from_secs(60);

/// Why an instance cannot be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotRegistered {
    /// The hub has the maximum of instances.
    Full,
    /// The id is that of an instance of the configuration.
    OfConfiguration,
}

/// What is reported of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The instance has asked for it just now.
    Change,
    /// It is known to another server, which may not have heard of a later change yet.
    Repeat,
}

/// The instances that were removed lately, each until no other server can know it as registered any more.
type Removed = HashMap<(ServiceName, String), Instant>;

/// The services with their instances, and the connections to them.
#[derive(Debug)]
pub(crate) struct Router {
    services: Mutex<BTreeMap<ServiceName, Vec<Arc<Instance>>>>,
    removed: Mutex<Removed>,
    pub(super) client: reqwest::Client,
    metrics: Metrics,
    /// Counts requests, so that instances with the same load are taken in turn.
    turn: AtomicUsize,
}

impl Router {
    pub(crate) fn new(config: &HubServerConfig, metrics: Metrics) -> Result<Self, reqwest::Error> {
        let mut services: BTreeMap<ServiceName, Vec<Arc<Instance>>> = BTreeMap::new();
        for (name, url) in &config.services {
            let instance = Instance::new(url.as_str().to_owned(), url.clone(), None);
            services.entry(name.clone()).or_default().push(Arc::new(instance));
        }
        let builder = reqwest::Client::builder();
        #[cfg(feature = "rustls")]
        let builder = match &config.tls {
            Some(tls) => builder.tls_backend_preconfigured(tls.config()),
            None => builder,
        };
        let client = builder
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // Replies are sent on as they are.
            .no_gzip()
            .connect_timeout(config.connect_timeout)
            .pool_idle_timeout(POOL_IDLE)
            .build()?;
        let (services, removed) = (Mutex::new(services), Mutex::default());
        Ok(Self { services, removed, client, metrics, turn: AtomicUsize::new(0) })
    }

    fn services(&self) -> MutexGuard<'_, BTreeMap<ServiceName, Vec<Arc<Instance>>>> {
        // Each change of it is complete before anything can panic.
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn removed(&self) -> MutexGuard<'_, Removed> {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the instance was removed lately, so that another server may not have heard of it yet.
    fn was_removed(&self, name: &ServiceName, id: &str, now: Instant) -> bool {
        self.removed().get(&(name.clone(), id.to_owned())).is_some_and(|until| now < *until)
    }

    /// Remembers a removal until then. What is too much is not remembered: the instance may come back for the rest of its time.
    fn remember_removed(&self, name: &ServiceName, id: &str, until: Instant) {
        let now = Instant::now();
        let mut removed = self.removed();
        removed.retain(|_, until| now < *until);
        if removed.len() < MAX_REMOVED {
            removed.insert((name.clone(), id.to_owned()), until);
        }
    }

    /// The instances of a service in the order in which a request tries them: the healthy ones first, then by load, and in
    /// turn. Those that are set aside come last, since a request that no healthy instance takes has nothing to lose.
    pub(super) fn candidates(&self, name: &ServiceName) -> Vec<Arc<Instance>> {
        let now = Instant::now();
        let mut candidates: Vec<_> = self.services().get(name).cloned().unwrap_or_default();
        candidates.retain(|instance| instance.is_registered(now));
        if !candidates.is_empty() {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % candidates.len();
            candidates.rotate_left(turn);
            candidates.sort_by_key(|instance| (!instance.is_healthy(now), instance.load()));
        }
        candidates
    }

    /// Registers an instance, or prolongs its registration.
    pub(super) fn register(
        &self,
        name: &ServiceName,
        id: &str,
        url: InstanceUrl,
        ttl: Duration,
        news: News,
    ) -> Result<(), NotRegistered> {
        let now = Instant::now();
        let mut services = self.services();
        match news {
            News::Change => drop(self.removed().remove(&(name.clone(), id.to_owned()))),
            News::Repeat if self.was_removed(name, id, now) => return Ok(()),
            News::Repeat => {}
        }
        for instances in services.values_mut() {
            instances.retain(|instance| instance.is_registered(now));
        }
        services.retain(|_, instances| !instances.is_empty());
        let registered: usize = services.values().map(Vec::len).sum();
        let instances = services.entry(name.clone()).or_default();
        if let Some(known) = instances.iter().find(|instance| instance.id == id) {
            if known.is_of_configuration() {
                return Err(NotRegistered::OfConfiguration);
            }
            if news == News::Repeat {
                if known.url == url {
                    known.prolong_to_at_least(ttl);
                }
                return Ok(());
            }
            if known.url == url {
                known.prolong(ttl);
                return Ok(());
            }
        } else if registered >= MAX_INSTANCES {
            return Err(NotRegistered::Full);
        }
        instances.retain(|instance| instance.id != id);
        tracing::info!(service = %name, instance = id, url = url.as_str(), "an instance of a service is registered");
        instances.push(Arc::new(Instance::new(id.to_owned(), url, Some(ttl))));
        Ok(())
    }

    /// Removes a registered instance, and returns whether it was registered.
    pub(super) fn deregister(&self, name: &ServiceName, id: &str) -> Result<bool, NotRegistered> {
        let now = Instant::now();
        let mut services = self.services();
        let known = services.get_mut(name).and_then(|instances| {
            let index = instances.iter().position(|instance| instance.id == id)?;
            Some((instances, index))
        });
        let Some((instances, index)) = known else {
            self.remember_removed(name, id, now + REMOVED);
            return Ok(false);
        };
        if instances[index].is_of_configuration() {
            return Err(NotRegistered::OfConfiguration);
        }
        let instance = instances.remove(index);
        let left = instance.report(now).ttl_ms.map(Duration::from_millis);
        self.remember_removed(name, id, now + left.unwrap_or_default().max(REMOVED));
        if instances.is_empty() {
            services.remove(name);
        }
        tracing::info!(service = %name, instance = id, "an instance of a service is removed");
        Ok(instance.is_registered(now))
    }

    /// The instances that have registered themselves.
    pub(super) fn registrations(&self) -> Vec<Registration> {
        let now = Instant::now();
        let services = self.services();
        let of = |name: &ServiceName, instance: &Instance| {
            let state = instance.report(now);
            let registration = |ttl_ms| Registration { service: name.clone(), id: state.id, url: state.url, ttl_ms };
            state.ttl_ms.filter(|ttl_ms| *ttl_ms > 0).map(registration)
        };
        services.iter().flat_map(|(name, all)| all.iter().filter_map(move |instance| of(name, instance))).collect()
    }

    pub(crate) fn report(&self) -> ServicesBody {
        let now = Instant::now();
        let services = self.services();
        let states = services.iter().map(|(name, instances)| {
            let registered = instances.iter().filter(|instance| instance.is_registered(now));
            let instances = registered.map(|instance| instance.report(now)).collect();
            ServiceState { name: name.to_string(), instances }
        });
        ServicesBody { services: states.filter(|state| !state.instances.is_empty()).collect() }
    }

    /// Sets an instance aside for a while.
    pub(super) fn set_aside(&self, instance: &Instance, reason: &str) {
        let was_healthy = instance.is_healthy(Instant::now());
        let pause = instance.failed();
        if was_healthy {
            self.metrics.set_aside.inc();
            tracing::warn!(instance = instance.id, ?pause, reason, "an instance of a service is set aside");
        }
    }

    /// Sets an instance aside until a health probe of it succeeds.
    fn set_unready(&self, instance: &Instance, reason: &str) {
        let was_healthy = instance.is_healthy(Instant::now());
        instance.became_unready();
        if was_healthy {
            self.metrics.set_aside.inc();
            tracing::warn!(instance = instance.id, reason, "an instance of a service is set aside until it is ready");
        }
    }

    /// Asks every instance for its health.
    pub(crate) async fn probe_all(&self) {
        let now = Instant::now();
        let all: Vec<_> = self.services().values().flatten().cloned().collect();
        let registered = all.into_iter().filter(|instance| instance.is_registered(now));
        stream::iter(registered).for_each_concurrent(PROBES, |instance| self.probe(instance)).await;
    }

    /// Asks an instance for its health.
    pub(super) async fn probe(&self, instance: Arc<Instance>) {
        let url = format!("{}{HEALTH}", instance.url.as_str());
        match self.client.get(url).timeout(PROBE_TIMEOUT).send().await {
            // So answers a port with TLS to a request without it.
            Ok(response) if response.status().as_u16() == 400 => {
                self.set_unready(&instance, "400; a port with TLS answers so to http://");
            }
            Ok(response) if response.status().as_u16() < 500 => instance.became_ready(),
            Ok(response) => self.set_unready(&instance, response.status().as_str()),
            Err(error) if error.is_timeout() && !error.is_connect() => {
                self.set_unready(&instance, "no answer to the health probe in time");
            }
            // The next request may find it again before the next probe.
            Err(error) => self.set_aside(&instance, &cause(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_removal_of_an_instance_of_the_configuration_is_not_remembered() {
        let (name, url): (ServiceName, InstanceUrl) = ("sheets".parse().unwrap(), "http://a:1".parse().unwrap());
        let id = url.as_str().to_owned();
        let config = HubServerConfig { services: vec![(name.clone(), url)], ..HubServerConfig::default() };
        let router = Router::new(&config, Metrics::default()).unwrap();
        assert_eq!(router.deregister(&name, &id), Err(NotRegistered::OfConfiguration));
        assert!(!router.was_removed(&name, &id, Instant::now()));
    }
}
