//! The processes that an event passes through, and what is done to them.

use super::{HUB_TOKEN, TOKEN};
use character_fault_proxy::{Fault, FaultProxy};
use character_tests::{NatsRelease, NatsServer, PostgresServer, Service};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread::sleep,
    time::Duration,
};

/// What keeps the events of the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    InFile,
    InNats,
}

/// All processes, with a proxy on each way between them.
pub(crate) struct World {
    pub(crate) hub: Service,
    /// Where the hub keeps the events, unless in its file.
    nats: Option<(NatsServer, FaultProxy)>,
    pub(crate) to_hub: FaultProxy,
    storage: Service,
    to_storage: FaultProxy,
    pub(crate) characters: Vec<(Service, FaultProxy)>,
}

impl World {
    pub(crate) fn start(postgres: &PostgresServer, processes: usize, kept: Kept) -> Self {
        let nats = (kept == Kept::InNats).then(|| {
            let nats = NatsServer::start(NatsRelease::Current);
            let address = SocketAddr::from(([127, 0, 0, 1], nats.port()));
            (nats, FaultProxy::start(address).unwrap())
        });
        let hub = Service::message_hub().env("MESSAGE_HUB_TOKEN", HUB_TOKEN);
        let hub = match &nats {
            Some((_, to_nats)) => hub.env("NATS_URL", format!("nats://{}", to_nats.address())).start(),
            None => hub.start(),
        };
        let to_hub = FaultProxy::start(hub.address()).unwrap();
        let of_hub = |builder: character_tests::ServiceBuilder| {
            builder
                .env("MESSAGE_HUB_URL", format!("http://{}", to_hub.address()))
                .env("MESSAGE_HUB_TOKEN", HUB_TOKEN)
                .env("LOG_LEVEL", "error")
        };
        let storage = of_hub(
            Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).env("DATABASE_URL", postgres.fresh_schema_url()),
        )
        .start();
        let to_storage = FaultProxy::start(storage.address()).unwrap();
        let character = || {
            let service = of_hub(
                Service::character()
                    .env("STORAGE_SERVICE_URL", format!("http://{}", to_storage.address()))
                    .env("STORAGE_SERVICE_TOKEN", TOKEN)
                    .env("STORAGE_RETRY_BASE_MS", "20")
                    .env("STORAGE_BREAKER_RECOVERY_SECS", "1"),
            )
            .start();
            let proxy = FaultProxy::start(service.address()).unwrap();
            (service, proxy)
        };
        let characters = (0..processes).map(|_| character()).collect();
        Self { hub, nats, to_hub, storage, to_storage, characters }
    }

    /// The addresses of the characters, each behind the proxy of its process.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.characters.iter().map(|(_, proxy)| format!("http://{}/api/v2/characters", proxy.address())).collect()
    }

    /// The kinds of trouble that these processes can have.
    pub(crate) fn troubles(&self) -> &'static [Trouble] {
        let without_nats = Trouble::ALL.len() - 3;
        if self.nats.is_some() { &Trouble::ALL } else { &Trouble::ALL[..without_nats] }
    }

    /// Makes one trouble, for about as long as the pause, and ends it.
    fn make(&self, trouble: Trouble, process: usize, pause: Duration) {
        let (character, to_character) = &self.characters[process];
        match trouble {
            Trouble::HubKilled => killed(&self.hub),
            Trouble::HubStopped => stopped(&self.hub, pause),
            Trouble::HubCutOff => struck(&self.to_hub, Fault::Reset, pause),
            Trouble::HubSilent => struck(&self.to_hub, Fault::AcceptAndNeverAnswer, pause),
            Trouble::StorageKilled => killed(&self.storage),
            Trouble::StorageStopped => stopped(&self.storage, pause),
            Trouble::StorageCutOff => struck(&self.to_storage, Fault::Reset, pause),
            Trouble::CharacterServiceKilled => killed(character),
            Trouble::CharacterServiceStopped => stopped(character, pause),
            Trouble::CharacterServiceCutOff => struck(to_character, Fault::Reset, pause),
            Trouble::NatsKilled | Trouble::NatsStopped | Trouble::NatsCutOff => {
                let (nats, to_nats) = self.nats.as_ref().unwrap();
                match trouble {
                    Trouble::NatsKilled => {
                        nats.kill();
                        sleep(pause / 2);
                        nats.restart();
                    }
                    Trouble::NatsStopped => {
                        nats.freeze();
                        sleep(pause * 2);
                        nats.thaw();
                    }
                    _ => struck(to_nats, Fault::Reset, pause),
                }
            }
        }
    }

    /// Kills, stops and cuts off until the test stops it; leaves everything running and connected. The troubles of `first` come
    /// first, so that they come at all.
    pub(crate) fn trouble(
        &self,
        seed: u64,
        first: &[Trouble],
        has_been_shaken: &AtomicBool,
        calm: &AtomicBool,
    ) -> BTreeMap<Trouble, u32> {
        let (mut random, mut done) = (StdRng::seed_from_u64(seed), BTreeMap::new());
        let mut first = first.iter();
        while !calm.load(Relaxed) {
            sleep(Duration::from_millis(random.random_range(200..800)));
            let process = random.random_range(0..self.characters.len());
            let pause = Duration::from_millis(random.random_range(100..1_500));
            let any = self.troubles()[random.random_range(0..self.troubles().len())];
            let trouble = first.next().copied().unwrap_or(any);
            self.make(trouble, process, pause);
            *done.entry(trouble).or_default() += 1;
            if first.as_slice().is_empty() {
                has_been_shaken.store(true, Relaxed);
            }
        }
        done
    }
}

fn killed(service: &Service) {
    service.kill();
    service.restart();
}

fn stopped(service: &Service, pause: Duration) {
    service.suspend();
    sleep(pause);
    service.resume();
}

fn struck(way: &FaultProxy, fault: Fault, pause: Duration) {
    way.strike(fault);
    sleep(pause);
    way.strike(Fault::Pass);
}

/// What happens to a process, or to the way to it. Those of NATS are the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    HubKilled,
    HubStopped,
    HubCutOff,
    HubSilent,
    StorageKilled,
    StorageStopped,
    StorageCutOff,
    CharacterServiceKilled,
    CharacterServiceStopped,
    CharacterServiceCutOff,
    NatsKilled,
    NatsStopped,
    NatsCutOff,
}

impl Trouble {
    const ALL: [Self; 13] = [
        Self::HubKilled,
        Self::HubStopped,
        Self::HubCutOff,
        Self::HubSilent,
        Self::StorageKilled,
        Self::StorageStopped,
        Self::StorageCutOff,
        Self::CharacterServiceKilled,
        Self::CharacterServiceStopped,
        Self::CharacterServiceCutOff,
        Self::NatsKilled,
        Self::NatsStopped,
        Self::NatsCutOff,
    ];
}
