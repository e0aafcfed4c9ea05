//! Messages between the processes of one service, over core NATS.

use crate::{NatsHub, link::State, request};
use async_nats::{Subject, Subscriber};
use bytes::Bytes;
use character_message_hub::{ErrorKind, Heard, HubError, PeerChannel, Result, ServiceName, async_trait};
use futures_util::StreamExt as _;
use std::{fmt, time::Duration};
use tokio::{
    sync::{Mutex, watch},
    time::{Instant, sleep, timeout_at},
};

/// The operation name of sending.
const SEND: &str = "hub.send_to_peers";
/// The limit of sending one message.
const LIMIT: Duration = Duration::from_secs(1);
/// The pause before another attempt to listen.
const PAUSE: Duration = Duration::from_secs(1);

/// A [`PeerChannel`] over NATS, on the subject of a service that answers nothing. The permission for that subject decides which
/// processes are heard.
pub struct NatsChannel {
    hub: NatsHub,
    subject: Subject,
    listening: Mutex<Listening>,
}

/// What is listened to.
struct Listening {
    /// `None`: it ended, and is opened again.
    messages: Option<Subscriber>,
    state: watch::Receiver<State>,
    /// The connection whose messages are heard; the first one interrupts nothing.
    epoch: u64,
}

impl fmt::Debug for NatsChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsChannel").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl NatsChannel {
    /// Listens to the processes of `service` from now on. A server that is down is waited for.
    ///
    /// # Errors
    /// `Unavailable`: the connection has ended for ever.
    pub async fn open(hub: &NatsHub, service: &ServiceName) -> Result<Self> {
        let subject = request::subject(hub.prefix(), service);
        let state = hub.link().state();
        let epoch = state.borrow().epoch.max(1);
        let listening = Listening { messages: Some(listen(hub, &subject).await?), state, epoch };
        Ok(Self { hub: hub.clone(), subject, listening: Mutex::new(listening) })
    }
}

async fn listen(hub: &NatsHub, subject: &Subject) -> Result<Subscriber> {
    let listening = hub.link().client.subscribe(subject.clone()).await;
    listening.map_err(|error| HubError::new(ErrorKind::Unavailable { retry_after: None }, SEND).with_source(error))
}

#[async_trait]
impl PeerChannel for NatsChannel {
    async fn send(&self, message: Bytes) -> Result<()> {
        let deadline = Instant::now() + LIMIT;
        let link = self.hub.link();
        // The client would keep it until there is a connection, and send what is no longer true.
        link.ready(SEND, deadline).await?;
        match timeout_at(deadline, link.client.publish(self.subject.clone(), message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(HubError::new(ErrorKind::Unavailable { retry_after: None }, SEND).with_source(error)),
            Err(_) => Err(HubError::new(ErrorKind::Timeout, SEND).within("the limit of sending to peers", LIMIT)),
        }
    }

    async fn receive(&self) -> Heard {
        let mut listening = self.listening.lock().await;
        let Listening { messages, state, epoch } = &mut *listening;
        loop {
            let Some(subscriber) = messages.as_mut() else {
                *messages = listen(&self.hub, &self.subject).await.ok();
                if messages.is_none() {
                    sleep(PAUSE).await;
                }
                continue;
            };
            let known = *epoch;
            let heard = tokio::select! {
                heard = subscriber.next() => heard,
                // Without a connection that is watched the messages end, too.
                Ok(state) = state.wait_for(|state| state.connected && state.epoch > known) => {
                    *epoch = state.epoch;
                    return Heard::Interrupted;
                }
            };
            match heard {
                // One that waits for a reply is a request, which a client has sent to the name of the service.
                Some(message) if message.reply.is_none() => return Heard::Message(message.payload),
                Some(_) => {}
                None => *messages = None,
            }
        }
    }
}
