//! What keeps the events of the hub: the one place that knows the adapters.

use crate::{config::MessageHubServiceConfig, folder_lock::FolderLock, hub_responder::ResponderPlan, private_files};
use character_message_hub::{HubOperations, MessageHub, PeerChannel};
use character_message_hub_file::{FileHub, FileHubConfig, OpenError};
use character_message_hub_nats::{Credentials, NatsChannel, NatsHub, NatsHubConfig, Subscribers};
use character_message_hub_server::PEER_PREFIX;
use secrecy::ExposeSecret as _;
use std::{error::Error, sync::Arc};
use tokio::task::spawn_blocking;
use uuid::Uuid;

/// The file with the events, under the data folder.
pub(super) const FILE: &str = "message-hub.sqlite";

/// The name under which the processes over one NATS report registrations to one another: the permissions of NATS for the names of
/// the processes include it.
const INSTANCES: &str = "message-hub-instances";

/// What keeps the events.
#[derive(Debug)]
pub(super) struct ConfiguredHub {
    pub(super) hub: Arc<dyn MessageHub>,
    pub(super) operations: Arc<dyn HubOperations>,
    /// The file, which is closed last; `None`: another system keeps the events.
    pub(super) file: Option<FileHub>,
    /// The client of NATS; `None`: the file keeps the events.
    pub(super) nats: Option<NatsHub>,
    /// How the other processes over the same NATS reach this one; `None`: there are no others.
    pub(super) peer: Option<ResponderPlan>,
    /// On which they hear of the instances that register themselves at one of them; `None`: there are no others.
    pub(super) peers: Option<Arc<dyn PeerChannel>>,
    /// What it is, for a person.
    pub(super) summary: String,
    /// Held as long as the file is in use.
    _lock: Option<FolderLock>,
}

/// Opens what the configuration names.
///
/// # Errors
/// When the file cannot be opened. A NATS that is down is no error.
pub(super) async fn open(config: &MessageHubServiceConfig) -> Result<ConfiguredHub, Box<dyn Error + Send + Sync>> {
    if let Some(url) = &config.nats_url {
        let settings = NatsHubConfig {
            client_name: super::SERVICE.to_owned(),
            max_age: config.retention,
            max_messages: Some(config.max_events),
            replicas: config.replicas,
            credentials: Credentials::OfUrl(url.clone()),
            tls: config.nats_tls.clone(),
            // The processes agree on which one makes the deliveries of a subscription.
            subscribers: Subscribers::One,
            ..NatsHubConfig::new(url.get().expose_secret())
        };
        let service = format!("{PEER_PREFIX}{}", Uuid::new_v4().simple()).parse()?;
        let peer = Some(ResponderPlan { nats: settings.clone(), service, within: config.shutdown });
        let hub = NatsHub::connect(settings).await?;
        let peers = NatsChannel::open(&hub, &INSTANCES.parse()?).await?;
        let operations = Arc::new(hub.clone());
        let summary = "events in NATS JetStream".to_owned();
        let nats = Some(hub.clone());
        let (hub, peers) = (Arc::new(hub), Some(Arc::new(peers) as _));
        return Ok(ConfiguredHub { hub, operations, file: None, nats, peer, peers, summary, _lock: None });
    }
    let lock = FolderLock::serving(&config.data_dir)?;
    let path = config.data_dir.join(FILE);
    let summary = format!("events in {}", path.display());
    let files = private_files::of_database(&path);
    let settings = FileHubConfig {
        max_age: config.retention,
        max_events: config.max_events,
        max_bytes: config.max_bytes,
        ..FileHubConfig::at(path)
    };
    let file = spawn_blocking(move || FileHub::open(settings)).await??;
    private_files::warn_of_open(&files);
    let operations = Arc::new(file.clone());
    let hub = Arc::new(file.clone());
    let (file, _lock) = (Some(file), Some(lock));
    Ok(ConfiguredHub { hub, operations, file, nats: None, peer: None, peers: None, summary, _lock })
}

/// Whether the file cannot be opened because another process has it.
pub(super) fn is_in_use(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(OpenError::InUse(_)))
}
