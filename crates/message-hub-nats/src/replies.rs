//! One inbox for all replies: each goes to the call that waits for it, and to no other. A reply in several messages goes there when
//! its last one has come.

use crate::{
    NatsBudget,
    api::API,
    budget::{Account, Reserved},
    request::{MAX_SPLIT_REPLY, Part, part},
};
use async_nats::{Client, Message, Subject, SubscribeError};
use bytes::Bytes;
use futures_util::StreamExt as _;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{
    sync::oneshot,
    task::{AbortHandle, JoinHandle},
    time::Instant,
};

/// How a wait for a reply ended.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// The reply.
    Message(Message),
    /// The connection was lost after the call was sent.
    Lost,
    /// The server does not permit to publish to the subject.
    Forbidden,
    /// The messages of the reply do not follow one another, or are larger together than a reply may be.
    OutOfOrder,
    /// The budget of large replies is used up.
    NoRoom,
}

#[derive(Debug)]
struct Call {
    subject: Subject,
    sender: oneshot::Sender<Arrival>,
    /// What has come of a reply in several messages.
    partial: Option<Partial>,
}

#[derive(Debug)]
struct Partial {
    first: Message,
    /// The bodies of the messages that were received.
    bodies: Vec<Bytes>,
    bytes: usize,
    /// The number of messages that there are.
    total: usize,
    /// Its place in the budget of large replies.
    reserved: Reserved,
}

#[derive(Debug)]
struct Shared {
    calls: Mutex<HashMap<u64, Call>>,
    late: AtomicU64,
    last: Mutex<Instant>,
    budget: Arc<Account>,
}

impl Shared {
    fn calls(&self) -> MutexGuard<'_, HashMap<u64, Call>> {
        // Each change is complete before anything can panic.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, id: u64, arrival: Arrival) {
        if let Some(call) = self.calls().remove(&id) {
            // A call that was dropped meanwhile needs no reply.
            drop(call.sender.send(arrival));
        }
    }

    fn receive(&self, id: u64, message: Message) {
        let part = part(&message);
        let mut calls = self.calls();
        let Some(call) = calls.get_mut(&id) else {
            // The further messages of a late reply are no replies of their own.
            self.late.fetch_add(u64::from(!matches!(part, Part::Further(_))), Ordering::Relaxed);
            return;
        };
        let Some(received) = call.add(message, part, &self.budget) else { return };
        let call = calls.remove(&id);
        // Others do not wait while a long body is put together.
        drop(calls);
        if let Some(call) = call {
            // A call that was dropped meanwhile needs no reply.
            drop(call.sender.send(received.into()));
        }
    }
}

/// All that is received of a reply.
enum Received {
    Whole(Message),
    Parts(Partial),
    OutOfOrder,
    NoRoom,
}

impl From<Received> for Arrival {
    fn from(received: Received) -> Self {
        match received {
            Received::Whole(message) => Self::Message(message),
            Received::Parts(Partial { first, bodies, reserved, .. }) => {
                Self::Message(Message { payload: reserved.over(bodies.concat().into()), ..first })
            }
            Received::NoRoom => Self::NoRoom,
            Received::OutOfOrder => Self::OutOfOrder,
        }
    }
}

impl Call {
    /// Takes a message of the reply. `None`: there are further ones.
    fn add(&mut self, message: Message, part: Part, budget: &Arc<Account>) -> Option<Received> {
        let (mut partial, body) = match (part, self.partial.take()) {
            // What JetStream answers has bounds of its own, and operators need it also when the budget is used up.
            (Part::Whole, None) if self.subject.starts_with(API) => return Some(Received::Whole(message)),
            (Part::Whole, None) => {
                let held = budget.hold(message.payload.clone());
                return Some(held.map_or(Received::NoRoom, |payload| Received::Whole(Message { payload, ..message })));
            }
            (Part::FirstOf(total), None) => {
                let (body, first) = (message.payload.clone(), Message { payload: Bytes::new(), ..message });
                (Partial { first, bodies: Vec::new(), bytes: 0, total, reserved: Reserved::nothing(budget) }, body)
            }
            (Part::Further(number), Some(partial)) if number == partial.bodies.len() + 1 => (partial, message.payload),
            _ => return Some(Received::OutOfOrder),
        };
        partial.bytes += body.len();
        if partial.bytes > MAX_SPLIT_REPLY {
            return Some(Received::OutOfOrder);
        }
        if !partial.reserved.grow(body.len()) {
            return Some(Received::NoRoom);
        }
        partial.bodies.push(body);
        if partial.bodies.len() < partial.total {
            self.partial = Some(partial);
            return None;
        }
        Some(Received::Parts(partial))
    }
}

/// The inbox.
#[derive(Debug)]
pub(crate) struct Replies {
    prefix: String,
    next: AtomicU64,
    shared: Arc<Shared>,
    task: AbortHandle,
}

impl Replies {
    /// Subscribes to the inbox.
    pub(crate) async fn new(client: &Client, budget: &NatsBudget) -> Result<Self, SubscribeError> {
        let prefix = client.new_inbox();
        let mut messages = client.subscribe(format!("{prefix}.*")).await?;
        let (late, last) = (AtomicU64::new(0), Mutex::new(Instant::now()));
        let shared = Arc::new(Shared { calls: Mutex::default(), late, last, budget: Arc::clone(&budget.replies) });
        let kept = Arc::clone(&shared);
        let task: JoinHandle<()> = tokio::spawn(async move {
            while let Some(message) = messages.next().await {
                *kept.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                let id = message.subject.rsplit('.').next().and_then(|id| id.parse().ok());
                if let Some(id) = id {
                    kept.receive(id, message);
                }
            }
        });
        Ok(Self { prefix, next: AtomicU64::new(0), shared, task: task.abort_handle() })
    }

    /// Prepares a call to `subject`: an address for its reply that no other call has.
    pub(crate) fn expect(&self, subject: &Subject) -> Awaited {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.shared.calls().insert(id, Call { subject: subject.clone(), sender, partial: None });
        Awaited { id, address: format!("{}.{id}", self.prefix).into(), receiver, shared: Arc::clone(&self.shared) }
    }

    /// Ends every wait: the replies were lost with the connection.
    pub(crate) fn lost(&self) {
        let calls = std::mem::take(&mut *self.shared.calls());
        for call in calls.into_values() {
            drop(call.sender.send(Arrival::Lost));
        }
    }

    /// Ends the waits of calls to a subject to which the server does not permit to publish, and returns whether there was one.
    pub(crate) fn forbidden(&self, subject: &str) -> bool {
        let refused: Vec<u64> =
            self.shared.calls().iter().filter(|(_, call)| *call.subject == *subject).map(|(id, _)| *id).collect();
        for id in &refused {
            self.shared.end(*id, Arrival::Forbidden);
        }
        !refused.is_empty()
    }

    /// The maximum number of bytes of large replies.
    pub(crate) fn capacity(&self) -> u64 {
        self.shared.budget.capacity()
    }

    /// When a reply came last.
    pub(crate) fn last(&self) -> Instant {
        *self.shared.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of replies that came after their calls had ended.
    pub(crate) fn late(&self) -> u64 {
        self.shared.late.load(Ordering::Relaxed)
    }

    /// The number of calls that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.calls().len()
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A call that waits for its reply. When it is dropped, its reply is late.
#[derive(Debug)]
pub(crate) struct Awaited {
    id: u64,
    /// Where the reply is sent to.
    pub(crate) address: Subject,
    receiver: oneshot::Receiver<Arrival>,
    shared: Arc<Shared>,
}

impl Awaited {
    /// Waits for the reply.
    pub(crate) async fn arrival(&mut self) -> Arrival {
        // Without a sender the inbox itself is gone.
        (&mut self.receiver).await.unwrap_or(Arrival::Lost)
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let call = self.shared.calls().remove(&self.id);
        // The rest of its reply is late.
        let is_late = call.is_some_and(|call| call.partial.is_some());
        self.shared.late.fetch_add(u64::from(is_late), Ordering::Relaxed);
    }
}
