//! What the receiving of one subscription, its deliveries and their settlements share.

use crate::{
    codec,
    consumer::{self, ACK_WAIT},
    follower::Passed,
    held::Held,
    lane::Taker,
    lease::{ChosenFilter, Lease},
    link::Link,
    peers::milliseconds,
    publish::keep_rejected,
    rejections,
    stream::{EnsuredStream, holder_of, is_passing},
    subject,
};
use async_nats::{HeaderMap, Message, Subject, Subscriber};
use bytes::Bytes;
use character_error_reporter::redacted;
use character_message_hub::{CloudEvent, ErrorKind, Filter, HubError, NEXT, Result, Subscription};
use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// The limit of one call of the interface of JetStream.
pub(crate) const CALL: Duration = Duration::from_secs(5);

/// The pause before the next attempt to open a subscription.
const PAUSE: Duration = Duration::from_millis(100);

/// A received event with the message that it came in.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) event: Arc<CloudEvent>,
    pub(crate) sequence: u64,
    pub(crate) subject: Subject,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Bytes,
}

/// Where the deliveries of a subscriber come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It has found no place yet, or leaves.
    Idle,
    /// From JetStream, until this time unless it is renewed.
    Holds(Instant),
    /// From another subscriber of its name.
    Follows,
}

/// The streams of a hub.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    pub(crate) events: Arc<EnsuredStream>,
    pub(crate) rejected: Arc<EnsuredStream>,
    pub(crate) holders: Arc<EnsuredStream>,
}

/// What the pump, the deliveries and their settlements share.
pub(crate) struct Feed {
    pub(crate) link: Arc<Link>,
    pub(crate) subscription: Subscription,
    pub(crate) events: Arc<EnsuredStream>,
    rejected: Arc<EnsuredStream>,
    pub(crate) prefix: Arc<str>,
    /// The subject on which this subscriber listens to the others, while it holds the subscription. No other one has it.
    pub(crate) address: String,
    pub(crate) lease: Arc<Lease>,
    role: Mutex<Role>,
    filter: Mutex<ChosenFilter>,
    held: Mutex<Held<Arc<Received>>>,
    passed: Mutex<VecDeque<Passed>>,
    /// The number of calls that wait for a delivery.
    waiting: AtomicUsize,
    /// Nothing is delivered: events that an earlier subscriber had not settled must arrive first.
    pub(crate) gated: AtomicBool,
    fault: Mutex<Option<HubError>>,
    /// Something can be delivered, or a fault is to be reported.
    pub(crate) changed: Notify,
    /// The pump has something to do.
    pub(crate) nudged: Notify,
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("subscription", &self.subscription).finish_non_exhaustive()
    }
}

impl Feed {
    pub(crate) fn new(link: Arc<Link>, streams: Streams, prefix: Arc<str>, subscription: Subscription) -> Self {
        let Streams { events, rejected, holders } = streams;
        let address = link.client.new_inbox();
        let record = holder_of(&prefix, events.name(), subscription.name.as_str());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let filter = ChosenFilter { types: subscription.filter.clone(), at_ms: milliseconds(now) };
        Self {
            lease: Arc::new(Lease::new(Arc::clone(&link), holders, record)),
            link,
            events,
            rejected,
            prefix,
            subscription,
            address,
            role: Mutex::new(Role::Idle),
            filter: Mutex::new(filter),
            held: Mutex::new(Held::new(ACK_WAIT)),
            passed: Mutex::default(),
            waiting: AtomicUsize::new(0),
            gated: AtomicBool::new(true),
            fault: Mutex::default(),
            changed: Notify::new(),
            nudged: Notify::new(),
        }
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, Held<Arc<Received>>> {
        // Each change is complete before anything can panic.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The deliveries that another subscriber has made, and that were not taken yet.
    pub(crate) fn passed(&self) -> MutexGuard<'_, VecDeque<Passed>> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn role(&self) -> Role {
        *self.role.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_role(&self, role: Role) {
        *self.role.lock().unwrap_or_else(PoisonError::into_inner) = role;
    }

    /// Whether what was received from JetStream may be delivered now.
    pub(crate) fn delivers(&self) -> bool {
        let is_held = matches!(self.role(), Role::Holds(until) if Instant::now() < until);
        is_held && !self.gated.load(Ordering::Acquire)
    }

    /// The filter of the name.
    pub(crate) fn filter(&self) -> ChosenFilter {
        self.filter.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Another subscriber has chosen a filter, perhaps later than that which is known.
    pub(crate) fn choose(&self, filter: &ChosenFilter) {
        let mut known = self.filter.lock().unwrap_or_else(PoisonError::into_inner);
        if filter.at_ms > known.at_ms {
            known.clone_from(filter);
        }
    }

    /// Whether the filter of the name accepts an event.
    pub(crate) fn accepts(&self, event: &CloudEvent) -> bool {
        self.filter.lock().unwrap_or_else(PoisonError::into_inner).types.accepts(event)
    }

    /// The number of calls that wait for a delivery.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Notes that a call waits for a delivery, until the result is dropped.
    pub(crate) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        self.nudged.notify_one();
        Waiting(self)
    }

    /// The number of events that are left to the calls that wait here.
    pub(crate) fn reserved(&self, held: &Held<Arc<Received>>) -> usize {
        let room = self.subscription.max_in_flight.saturating_sub(held.in_flight_of(Taker::Own));
        self.waiting().min(room)
    }

    /// Listens to a subject.
    pub(crate) async fn listen(&self, subject: String) -> Result<Subscriber> {
        let unavailable = HubError::new(ErrorKind::Unavailable { retry_after: None }, NEXT);
        self.link.client.subscribe(subject).await.map_err(|error| unavailable.with_source(error))
    }

    /// The failure to report next.
    pub(crate) fn fault(&self) -> Option<HubError> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn report(&self, error: HubError) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        self.changed.notify_waiters();
    }

    /// Makes sure that stream and consumer are there, in as many attempts as a cluster needs that elects a leader.
    pub(crate) async fn open(&self, operation: &'static str, deadline: Instant) -> Result<()> {
        loop {
            let error = match self.attempt_to_open(operation, deadline).await {
                Err(error) if is_passing(&error) => error,
                ended => return ended,
            };
            let next = Instant::now() + PAUSE;
            if next >= deadline {
                return Err(error);
            }
            sleep_until(next).await;
        }
    }

    async fn attempt_to_open(&self, operation: &'static str, deadline: Instant) -> Result<()> {
        self.link.ready(operation, deadline).await?;
        let filter: Filter = self.filter().types;
        let kinds = filter.patterns().map(|pattern| subject::kind_of_pattern(&self.prefix, pattern));
        // A subscription to every kind needs the stream itself.
        let any = self.events.subjects().first().filter(|_| kinds.len() == 0).cloned();
        for kind in kinds.chain(any) {
            self.events.ensure(operation, &kind, deadline).await?;
        }
        let subscription = Subscription { filter, ..self.subscription.clone() };
        consumer::create(&self.link, &self.events, &self.prefix, &subscription, operation, deadline).await
    }

    /// Sends a word about a delivery for which no answer is needed.
    pub(crate) async fn send(&self, address: Subject, word: &'static str) {
        if let Err(error) = self.link.client.publish(address, Bytes::from_static(word.as_bytes())).await {
            tracing::debug!(error = %redacted(&error), word, "JetStream does not hear of a delivery");
        }
    }

    /// Takes a message that is no event out of the subscription, and keeps it for operators. The subscriber learns of it only when
    /// that fails: an error would end the polls that wait for events.
    pub(crate) async fn refuse(&self, sequence: u64, address: Subject, message: Message, reason: String) {
        tracing::warn!(subscription = %self.subscription.name, sequence, reason, "a message is no event");
        let headers = message.headers.unwrap_or_default();
        match self.keep(sequence, &message.subject, headers, message.payload, &reason).await {
            Ok(()) => self.send(address, "+TERM").await,
            Err(error) => {
                tracing::warn!(error = %redacted(&error), sequence, "the message could not be kept for operators; it comes again");
                self.report(
                    HubError::new(ErrorKind::Corrupt, NEXT).with_detail(format!("message {sequence}: {reason}")),
                );
            }
        }
    }

    /// Keeps a rejected event for operators.
    ///
    /// # Errors
    /// It may not have been kept.
    pub(crate) async fn keep_rejected(&self, received: &Received, reason: &str) -> Result<()> {
        let headers = received.headers.clone();
        self.keep(received.sequence, &received.subject, headers, received.payload.clone(), reason).await
    }

    async fn keep(
        &self,
        sequence: u64,
        subject: &Subject,
        mut headers: HeaderMap,
        payload: Bytes,
        reason: &str,
    ) -> Result<()> {
        let name = &self.subscription.name;
        headers.insert(codec::MESSAGE_ID, format!("{name}/{sequence}"));
        headers.insert("Hub-Rejected-By", name.as_str());
        headers.insert(rejections::REASON, crate::percent::header(reason));
        headers.insert("Hub-Rejected-Sequence", sequence.to_string());
        headers.insert("Hub-Rejected-Subject", subject.as_str());
        // A message of the largest size has no room for more headers.
        let fits = crate::publish::header_size(&headers) + payload.len() <= self.link.max_payload();
        let payload = if fits { payload } else { Bytes::new() };
        let target = rejections::subject_of(&self.prefix, name);
        let kept = keep_rejected(&self.link, &self.rejected, target, headers, payload, Instant::now() + CALL).await;
        kept.map_err(|error| error.within("the limit of keeping a rejected event", CALL))
    }
}

/// A call that waits for a delivery.
pub(crate) struct Waiting<'a>(&'a Feed);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
        // What was left to it may go to another subscriber.
        self.0.nudged.notify_one();
    }
}
