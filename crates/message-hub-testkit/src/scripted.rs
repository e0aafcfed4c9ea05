//! A hub in memory that follows the script of a test.

use character_message_hub::{
    Deliveries, Delivery, ErrorKind, HubError, MemoryHub, Message, MessageHub, NEXT, PROBE, PUBLISH, Published,
    REQUEST, Reply, Result, SETTLE, SUBSCRIBE, ServiceRequest, Settle, Settlement, Subscription, async_trait,
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::sleep};

/// A call of a [`ScriptedHub`], or of its deliveries.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Call<'c> {
    /// [`MessageHub::publish`].
    Publish(&'c [Message]),
    /// [`MessageHub::request`].
    Request(&'c ServiceRequest),
    /// [`MessageHub::subscribe`].
    Subscribe(&'c Subscription),
    /// [`MessageHub::probe`].
    Probe,
    /// [`Deliveries::next`].
    Next,
    /// [`Settle::settle`].
    Settle(&'c Settlement),
    /// [`Settle::put_back`].
    PutBack,
    /// [`Settle::in_progress`].
    InProgress,
}

impl Call<'_> {
    /// The name of the operation in errors.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Publish(_) => PUBLISH,
            Self::Request(_) => REQUEST,
            Self::Subscribe(_) => SUBSCRIBE,
            Self::Probe => PROBE,
            Self::Next => NEXT,
            Self::Settle(_) | Self::PutBack | Self::InProgress => SETTLE,
        }
    }
}

/// What a [`ScriptedHub`] does with a call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Step {
    /// Passes it to the hub in memory.
    Pass,
    /// Fails. Of a batch, each message fails.
    Fail(HubError),
    /// Answers a request with this reply. Passes any other call.
    Reply(Reply),
    /// Does not answer: messages fail with `Timeout` when their time is over, and any other call never ends.
    Hang,
}

type Script = Arc<dyn Fn(Call<'_>) -> Step + Send + Sync>;

/// A hub in memory that asks a script before each call. Clones share the hub and the script.
///
/// ```
/// use character_message_hub::{ErrorKind, HubError, MemoryHub, MessageHub};
/// use character_message_hub_testkit::{Call, ScriptedHub, Step};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let hub = ScriptedHub::over(MemoryHub::new(), |call| match call {
///     Call::Probe => Step::Fail(HubError::new(ErrorKind::Unauthorized, call.operation())),
///     _ => Step::Pass,
/// });
/// assert_eq!(*hub.probe().await.unwrap_err().kind(), ErrorKind::Unauthorized);
/// # });
/// ```
#[derive(Clone)]
pub struct ScriptedHub {
    hub: MemoryHub,
    script: Script,
}

impl ScriptedHub {
    /// The hub, whose calls this script sees first.
    pub fn over(hub: MemoryHub, script: impl Fn(Call<'_>) -> Step + Send + Sync + 'static) -> Self {
        Self { hub, script: Arc::new(script) }
    }
}

impl fmt::Debug for ScriptedHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedHub").field("hub", &self.hub).finish_non_exhaustive()
    }
}

/// Ends a call that does not pass.
async fn asked(script: &Script, call: Call<'_>) -> Result<()> {
    match script(call) {
        Step::Pass | Step::Reply(_) => Ok(()),
        Step::Fail(error) => Err(error),
        Step::Hang => std::future::pending().await,
    }
}

#[async_trait]
impl MessageHub for ScriptedHub {
    async fn publish(&self, messages: &[Message], timeout: Duration) -> Vec<Result<Published>> {
        let error = match (self.script)(Call::Publish(messages)) {
            Step::Pass | Step::Reply(_) => return self.hub.publish(messages, timeout).await,
            Step::Fail(error) => error,
            Step::Hang => {
                sleep(timeout).await;
                HubError::new(ErrorKind::Timeout, PUBLISH)
            }
        };
        vec![Err(error); messages.len()]
    }

    async fn request(&self, request: ServiceRequest) -> Result<Reply> {
        match (self.script)(Call::Request(&request)) {
            Step::Pass => self.hub.request(request).await,
            Step::Reply(reply) => Ok(reply),
            Step::Fail(error) => Err(error),
            Step::Hang => std::future::pending().await,
        }
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<Box<dyn Deliveries>> {
        asked(&self.script, Call::Subscribe(subscription)).await?;
        let deliveries = self.hub.subscribe(subscription).await?;
        Ok(Box::new(ScriptedDeliveries { deliveries, script: Arc::clone(&self.script) }))
    }

    async fn probe(&self) -> Result<()> {
        asked(&self.script, Call::Probe).await?;
        self.hub.probe().await
    }
}

struct ScriptedDeliveries {
    deliveries: Box<dyn Deliveries>,
    script: Script,
}

impl fmt::Debug for ScriptedDeliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.deliveries, f)
    }
}

#[async_trait]
impl Deliveries for ScriptedDeliveries {
    async fn next(&mut self) -> Result<Delivery> {
        asked(&self.script, Call::Next).await?;
        let delivery = self.deliveries.next().await?;
        let (event, attempt) = (Arc::clone(delivery.event()), delivery.attempt());
        let settle = ScriptedSettle { delivery: Mutex::new(Some(delivery)), script: Arc::clone(&self.script) };
        Ok(Delivery::new(event, attempt, Box::new(settle)))
    }
}

struct ScriptedSettle {
    /// The delivery of the hub in memory, until it is settled.
    delivery: Mutex<Option<Delivery>>,
    script: Script,
}

impl fmt::Debug for ScriptedSettle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.delivery, f)
    }
}

#[async_trait]
impl Settle for ScriptedSettle {
    async fn settle(&self, settlement: Settlement) -> Result<()> {
        asked(&self.script, Call::Settle(&settlement)).await?;
        let delivery = self.delivery.lock().await.take();
        let delivery = delivery.ok_or_else(|| HubError::new(ErrorKind::DeliveryLost, SETTLE))?;
        match settlement {
            Settlement::Ack => delivery.ack().await,
            Settlement::RetryAfter(pause) => delivery.retry_after(pause).await,
            Settlement::Reject(reason) => delivery.reject(reason).await,
        }
    }

    async fn put_back(&self) -> Result<()> {
        asked(&self.script, Call::PutBack).await?;
        let delivery = self.delivery.lock().await.take();
        delivery.ok_or_else(|| HubError::new(ErrorKind::DeliveryLost, SETTLE))?.put_back().await
    }

    async fn in_progress(&self) -> Result<()> {
        asked(&self.script, Call::InProgress).await?;
        match &*self.delivery.lock().await {
            Some(delivery) => delivery.in_progress().await,
            None => Err(HubError::new(ErrorKind::DeliveryLost, SETTLE)),
        }
    }
}
