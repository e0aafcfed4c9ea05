//! What the servers over one hub report to each other about the instances that register themselves.

use super::router::{News, Router};
use crate::config::InstanceUrl;
use character_error_reporter::redacted;
use character_message_hub::{Bytes, Heard, PeerChannel, ServiceName};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, mpsc},
    time::{MissedTickBehavior, interval},
};

/// The maximum number of notices that wait to be sent; a further one is dropped. The instance repeats its registration.
const WAITING: usize = 4_096;
/// The pause before the other servers are asked again, when the question could not be sent.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// What a server reports to the others.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Notice {
    /// An instance has registered or prolonged its registration.
    Registered(Registration),
    /// An instance is registered, in reply to `Asked`.
    Known(Registration),
    /// An instance was removed.
    Removed { service: ServiceName, id: String },
    /// A server has started, or could not hear the others for a while.
    Asked,
}

/// A registration, and the rest of its time when it is sent.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Registration {
    pub(super) service: ServiceName,
    pub(super) id: String,
    pub(super) url: String,
    pub(super) ttl_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    /// The server that sends it.
    from: ServiceName,
    #[serde(flatten)]
    notice: Notice,
}

/// The way to the other servers.
pub(crate) struct Sharing {
    own: ServiceName,
    channel: Arc<dyn PeerChannel>,
    outbox: mpsc::Sender<Notice>,
    queued: Mutex<mpsc::Receiver<Notice>>,
}

impl fmt::Debug for Sharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sharing").field("own", &self.own).field("channel", &self.channel).finish_non_exhaustive()
    }
}

impl Sharing {
    /// `own`: the name of this server among those that share `channel`.
    pub(crate) fn new(own: ServiceName, channel: Arc<dyn PeerChannel>) -> Self {
        let (outbox, queued) = mpsc::channel(WAITING);
        Self { own, channel, outbox, queued: Mutex::new(queued) }
    }

    /// Has the others hear of a change, soon. A change here does not wait for it.
    pub(super) fn report(&self, notice: Notice) {
        if self.outbox.try_send(notice).is_err() {
            tracing::debug!("too many changes of instances wait for the other processes of the hub");
        }
    }

    /// Sends what is reported, and takes what the others report, until it is dropped.
    pub(crate) async fn run(&self, router: &Router) {
        let mut queued = self.queued.lock().await;
        let (mut questions, mut has_asked) = (interval(ASK_AGAIN), false);
        questions.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                heard = self.channel.receive() => match heard {
                    Heard::Message(message) => self.hear(router, &message).await,
                    Heard::Interrupted => has_asked = false,
                },
                Some(notice) = queued.recv() => {
                    self.send(notice).await;
                }
                _ = questions.tick(), if !has_asked => {
                    has_asked = self.send(Notice::Asked).await;
                    // What was registered here meanwhile, the others have not heard.
                    if has_asked {
                        self.repeat(router).await;
                    }
                }
            }
        }
    }

    /// Sends every registration that is known here.
    async fn repeat(&self, router: &Router) {
        for registration in router.registrations() {
            self.send(Notice::Known(registration)).await;
        }
    }

    /// Whether it was sent.
    async fn send(&self, notice: Notice) -> bool {
        let message = match serde_json::to_vec(&Envelope { from: self.own.clone(), notice }) {
            Ok(message) => Bytes::from(message),
            Err(error) => {
                tracing::error!(error = %redacted(&error), "a change of instances cannot be written");
                return false;
            }
        };
        let sent = self.channel.send(message).await;
        if let Err(error) = &sent {
            tracing::debug!(error = %redacted(error), "the other processes of the hub do not hear of a change of instances");
        }
        sent.is_ok()
    }

    async fn hear(&self, router: &Router, message: &[u8]) {
        let notice = match serde_json::from_slice(message) {
            Ok(Envelope { from, .. }) if from == self.own => return,
            Ok(Envelope { notice, .. }) => notice,
            Err(error) => {
                tracing::debug!(error = %redacted(&error), "a message of another process of the hub cannot be read");
                return;
            }
        };
        match notice {
            Notice::Registered(registration) => learn(router, &registration, News::Change),
            Notice::Known(registration) => learn(router, &registration, News::Repeat),
            Notice::Removed { service, id } => {
                if let Err(refused) = router.deregister(&service, &id) {
                    tracing::debug!(%service, instance = id, reason = ?refused, "an instance is not removed");
                }
            }
            Notice::Asked => self.repeat(router).await,
        }
    }
}

fn learn(router: &Router, registration: &Registration, news: News) {
    let Registration { service, id, url, ttl_ms } = registration;
    let Ok(url) = url.parse::<InstanceUrl>() else { return };
    if let Err(refused) = router.register(service, id, url, Duration::from_millis(*ttl_ms), news) {
        tracing::warn!(%service, instance = id, reason = ?refused, "an instance of another process of the hub is not known here");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::HubServerConfig, metrics::Metrics};
    use character_message_hub::{Result, async_trait};
    use tokio::sync::{broadcast, watch};

    /// A channel in memory, which can be cut.
    #[derive(Debug)]
    struct Memory {
        all: broadcast::Sender<Bytes>,
        /// What the others send, and whether the way to them is cut.
        incoming: Mutex<(broadcast::Receiver<Bytes>, watch::Receiver<bool>)>,
        is_cut: watch::Receiver<bool>,
    }

    #[async_trait]
    impl PeerChannel for Memory {
        async fn send(&self, message: Bytes) -> Result<()> {
            if *self.is_cut.borrow() {
                let kind = character_message_hub::ErrorKind::Unavailable { retry_after: None };
                return Err(character_message_hub::HubError::new(kind, "test"));
            }
            self.all.send(message).unwrap();
            Ok(())
        }

        async fn receive(&self) -> Heard {
            let mut incoming = self.incoming.lock().await;
            let (messages, cut) = &mut *incoming;
            loop {
                tokio::select! {
                    biased;
                    Ok(()) = cut.changed() => if !*cut.borrow_and_update() {
                        return Heard::Interrupted;
                    },
                    message = messages.recv() => if !*cut.borrow() {
                        return Heard::Message(message.unwrap());
                    },
                }
            }
        }
    }

    struct Server {
        sharing: Arc<Sharing>,
        router: Arc<Router>,
        is_cut: watch::Sender<bool>,
    }

    fn server(name: &str, all: &broadcast::Sender<Bytes>) -> Server {
        let is_cut = watch::Sender::new(false);
        let incoming = Mutex::new((all.subscribe(), is_cut.subscribe()));
        let channel = Arc::new(Memory { all: all.clone(), incoming, is_cut: is_cut.subscribe() });
        let sharing = Arc::new(Sharing::new(name.parse().unwrap(), channel));
        let router = Arc::new(Router::new(&HubServerConfig::default(), Metrics::default()).unwrap());
        let (running, routing) = (Arc::clone(&sharing), Arc::clone(&router));
        tokio::spawn(async move { running.run(&routing).await });
        Server { sharing, router, is_cut }
    }

    fn registration(id: &str, ttl_ms: u64) -> Registration {
        Registration { service: "sheets".parse().unwrap(), id: id.to_owned(), url: "http://a:1".to_owned(), ttl_ms }
    }

    impl Server {
        /// Registers an instance here and reports it.
        fn register(&self, id: &str, ttl_ms: u64) {
            let registration = registration(id, ttl_ms);
            learn(&self.router, &registration, News::Change);
            self.sharing.report(Notice::Registered(registration));
        }

        /// The registered instances, after everything that was sent has arrived.
        async fn known(&self) -> Vec<(String, u64)> {
            // The clock stands until no task has anything to do.
            tokio::time::sleep(Duration::from_millis(1)).await;
            let known = self.router.registrations().into_iter();
            let mut known: Vec<_> = known.map(|known| (known.id, known.ttl_ms)).collect();
            known.sort();
            known
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_starts_hears_what_the_others_know_and_no_repeat_shortens_a_registration() {
        let all = broadcast::Sender::new(64);
        let (one, other) = (server("one", &all), server("other", &all));
        one.register("a", 1_000);
        other.register("b", 60_000);
        for server in [&one, &other, &server("late", &all)] {
            let known = server.known().await;
            assert!(
                matches!(&known[..], [(a, 900..=1_000), (b, 59_000..=60_000)] if a == "a" && b == "b"),
                "{known:?}"
            );
        }
        let late = server("another", &all);
        // What one knows of `b` is older than the renewal, of which the others have heard.
        late.register("b", 90_000);
        late.sharing.report(Notice::Known(registration("b", 10_000)));
        late.sharing.report(Notice::Known(registration("a", 5_000)));
        let known = one.known().await;
        assert!(known[0].1 > 4_000 && known[1].1 > 80_000, "{known:?}");
        late.register("b", 2_000);
        assert!(one.known().await[1].1 <= 2_000, "an instance may shorten its registration");
        tokio::time::sleep(Duration::from_secs(6)).await;
        assert_eq!((one.known().await, late.known().await), (vec![], vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_that_is_removed_at_one_server_is_removed_at_each() {
        let all = broadcast::Sender::new(64);
        let (one, other) = (server("one", &all), server("other", &all));
        one.register("a", 60_000);
        assert_eq!(other.known().await.len(), 1);
        other.sharing.report(Notice::Removed { service: "sheets".parse().unwrap(), id: "a".into() });
        assert_eq!(one.known().await, []);
        all.send("no notice".into()).unwrap();
        one.register("b", 60_000);
        assert_eq!(other.known().await.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_that_was_removed_does_not_come_back_by_what_another_server_still_knows() {
        let all = broadcast::Sender::new(64);
        let (one, other) = (server("one", &all), server("other", &all));
        one.register("a", 600_000);
        assert_eq!(other.known().await.len(), 1);
        let late = server("late", &all);
        assert_eq!(late.known().await.len(), 1);
        one.sharing.report(Notice::Removed { service: "sheets".parse().unwrap(), id: "a".into() });
        one.sharing.report(Notice::Removed { service: "sheets".parse().unwrap(), id: "unheard".into() });
        assert_eq!(late.known().await, []);
        // For as long as the registration would have lasted. Of one that was not known here, for as long as messages take.
        for (id, rest) in [("a", 500_000), ("unheard", 9_000)] {
            one.sharing.report(Notice::Known(registration(id, rest)));
        }
        assert_eq!(late.known().await, []);
        tokio::time::sleep(Duration::from_secs(300)).await;
        one.sharing.report(Notice::Known(registration("a", 299_000)));
        assert_eq!(late.known().await, []);
        one.register("a", 60_000);
        assert_eq!(late.known().await.len(), 1, "it has registered again");
        one.sharing.report(Notice::Known(registration("a", 59_000)));
        assert_eq!(late.known().await.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn servers_that_could_not_hear_each_other_learn_what_each_has_missed_when_they_can_again() {
        let all = broadcast::Sender::new(64);
        let (one, other) = (server("one", &all), server("other", &all));
        assert_eq!(one.known().await, []);
        other.is_cut.send_replace(true);
        one.register("a", 600_000);
        other.register("b", 600_000);
        assert_eq!((one.known().await.len(), other.known().await.len()), (1, 1));
        other.is_cut.send_replace(false);
        tokio::time::sleep(ASK_AGAIN).await;
        assert_eq!((one.known().await.len(), other.known().await.len()), (2, 2));
    }
}
