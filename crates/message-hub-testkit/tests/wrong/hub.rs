//! The hub in memory with one mistake in publishing, subscribing or requests.

use crate::{
    deliveries::WrongDeliveries,
    mistake::Mistake::{self as M},
};
use character_message_hub::{
    Applied, CloudEvent, Deliveries, ErrorKind, Filter, Headers, HubError, MAX_BATCH, MemoryHub, Message, MessageHub,
    PUBLISH, Published, REQUEST, Reply, Result, ServiceName, ServiceRequest, Subscription, async_trait,
};
use character_message_hub_testkit::Handler;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// The most of a small event, and of a small batch.
const SMALL: usize = 100_000;
const LONG: Duration = Duration::from_secs(3_600);

#[derive(Debug)]
pub(crate) struct WrongHub {
    mistake: Option<M>,
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) hub: Mutex<MemoryHub>,
    services: Mutex<HashMap<ServiceName, Vec<Handler>>>,
    filters: Mutex<HashMap<String, Filter>>,
    late: Mutex<Vec<Reply>>,
    unkept: Mutex<Vec<Message>>,
    count: AtomicUsize,
    busy: AtomicUsize,
    pub(crate) crashes: AtomicUsize,
    broken: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

/// Marks a call that has not ended.
struct Begun<'a>(&'a AtomicBool);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn refusal(kind: ErrorKind) -> HubError {
    HubError::new(kind, PUBLISH)
}

fn changed(mistake: Option<M>, event: &CloudEvent) -> CloudEvent {
    let mut map = serde_json::to_value(event).unwrap();
    let map = map.as_object_mut().unwrap();
    match mistake {
        Some(M::DropsExtensions) => drop(map.remove("traceparent")),
        Some(M::DropsTheTime) => drop(map.remove("time")),
        Some(M::TakesAnyAttribute) => {
            map.insert("source".into(), "/any".into());
            map.remove("dataschema");
            map.insert("datacontenttype".into(), "application/octet-stream".into());
        }
        // The name of the order goes where the hub does not look for it; it is put back on delivery.
        Some(M::DropsTheOrderOfASubject) => {
            if let Some(subject) = map.remove("subject") {
                map.insert("realsubject".into(), subject);
            }
        }
        Some(M::OneOrderForAll) => {
            if let Some(subject) = map.insert("subject".into(), "all".into()) {
                map.insert("realsubject".into(), subject);
            }
        }
        Some(M::OneOrderForEventsWithoutSubject) => drop(map.entry("subject").or_insert_with(|| "none".into())),
        _ => return event.clone(),
    }
    CloudEvent::try_from(map.clone()).unwrap()
}

impl WrongHub {
    pub(crate) fn new(mistake: Option<M>) -> Self {
        let shared = Shared {
            hub: Mutex::new(MemoryHub::new()),
            services: Mutex::default(),
            filters: Mutex::default(),
            late: Mutex::default(),
            unkept: Mutex::default(),
            count: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            crashes: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        };
        Self { mistake, shared: Arc::new(shared) }
    }

    pub(crate) fn respond(&self, service: ServiceName, handler: Handler) {
        self.shared.services.lock().unwrap().entry(service.clone()).or_default().push(Arc::clone(&handler));
        self.hub().respond(service, move |request| handler(request));
    }

    /// The hub after a crash. The memory of the hub takes the place of its disk.
    pub(crate) fn crashed(&self) -> Arc<dyn MessageHub> {
        self.shared.crashes.fetch_add(1, Ordering::SeqCst);
        self.shared.unkept.lock().unwrap().clear();
        if self.is(M::LosesOnDisconnect) {
            *self.shared.hub.lock().unwrap() = MemoryHub::new();
        }
        Arc::new(Self { mistake: self.mistake, shared: Arc::clone(&self.shared) })
    }

    fn is(&self, mistake: M) -> bool {
        self.mistake == Some(mistake)
    }

    fn hub(&self) -> MemoryHub {
        self.shared.hub.lock().unwrap().clone()
    }

    fn number(&self) -> usize {
        self.shared.count.fetch_add(1, Ordering::SeqCst)
    }

    fn has_crashed(&self) -> bool {
        self.shared.crashes.load(Ordering::SeqCst) > 0
    }

    async fn keep(&self, messages: &[Message], timeout: Duration) -> Vec<Result<Published>> {
        let changed = |message: &Message| {
            let message_id = match self.mistake {
                Some(M::KeepsRepeats | M::HidesDuplicates)
                    if !message.message_id.is_empty() && message.message_id.len() < 200 =>
                {
                    format!("{}#{}", message.message_id, self.number()).into()
                }
                Some(M::ForgetsSettledIds) if !self.hub().published().is_empty() => {
                    format!("{}#{}", message.message_id, self.number()).into()
                }
                Some(M::ForgetsIdsInACrash) if self.has_crashed() => format!("{}#crash", message.message_id).into(),
                Some(M::IdentifiesByTheIdOfTheEvent) => message.event.id().into(),
                Some(M::TakesAnyMessageId) => {
                    format!("{:?}#{}", message.message_id.chars().next(), self.number()).into()
                }
                _ => Arc::clone(&message.message_id),
            };
            Message { event: Arc::new(changed(self.mistake, &message.event)), message_id }
        };
        let messages: Vec<_> = messages.iter().map(changed).collect();
        self.hub().publish(&messages, timeout).await
    }

    async fn each(&self, messages: &[Message], timeout: Duration) -> Vec<Result<Published>> {
        let mut results = Vec::new();
        for message in messages {
            results.extend(self.keep(std::slice::from_ref(message), timeout).await);
        }
        results
    }

    async fn instance(&self, request: ServiceRequest) -> Result<Reply> {
        let inner = request.timeout;
        timeout(inner, self.hub().request(request))
            .await
            .unwrap_or_else(|_| Err(HubError::new(ErrorKind::Timeout, REQUEST)))
    }

    /// Asks the service in a task that continues when the caller has given up.
    async fn late(&self, request: ServiceRequest) -> Result<Reply> {
        if let Some(reply) = self.shared.late.lock().unwrap().pop() {
            return Ok(reply);
        }
        let (hub, shared, limit) = (self.hub(), Arc::clone(&self.shared), request.timeout);
        let longer = ServiceRequest { timeout: LONG, ..request };
        let mut asked = tokio::spawn(async move { hub.request(longer).await });
        match timeout(limit, &mut asked).await {
            Ok(replied) => replied.unwrap(),
            Err(_) => {
                tokio::spawn(async move {
                    if let Ok(Ok(reply)) = asked.await {
                        shared.late.lock().unwrap().push(reply);
                    }
                });
                Err(HubError::new(ErrorKind::Timeout, REQUEST))
            }
        }
    }
}

#[async_trait]
impl MessageHub for WrongHub {
    async fn publish(&self, messages: &[Message], limit: Duration) -> Vec<Result<Published>> {
        match self.mistake {
            Some(M::ReversesBatches) => {
                let reversed: Vec<_> = messages.iter().rev().cloned().collect();
                let mut results = self.keep(&reversed, limit).await;
                results.reverse();
                results
            }
            Some(M::PublishesAfterAFailure) => self.each(messages, limit).await,
            Some(M::TakesAnyBatch) if messages.len() > MAX_BATCH => self.each(messages, limit).await,
            Some(M::TakesSmallBatchesOnly) if messages.len() > 500 => {
                vec![Err(refusal(ErrorKind::Invalid)); messages.len()]
            }
            Some(M::TakesSmallEventsOnly) if serde_json::to_vec(&*messages[0].event).unwrap().len() > SMALL => {
                vec![Err(refusal(ErrorKind::TooLarge { limit: SMALL as u64, size: 2 * SMALL as u64 }))]
            }
            Some(M::LosesEventsOfOthersThatPublish) => {
                self.shared.busy.fetch_add(1, Ordering::SeqCst);
                sleep(Duration::from_millis(1)).await;
                let alone = self.shared.busy.fetch_sub(1, Ordering::SeqCst) == 1;
                match alone {
                    true => self.keep(messages, limit).await,
                    false => messages.iter().map(|_| Ok(Published { duplicate: false })).collect(),
                }
            }
            Some(M::ShufflesCalls) => {
                let mut waiting = std::mem::take(&mut *self.shared.unkept.lock().unwrap());
                if waiting.is_empty() && messages.len() > 1 {
                    *self.shared.unkept.lock().unwrap() = messages.to_vec();
                    return messages.iter().map(|_| Ok(Published { duplicate: false })).collect();
                }
                let results = self.keep(messages, limit).await;
                self.keep(&std::mem::take(&mut waiting), limit).await;
                results
            }
            Some(M::AcknowledgesBeforeKeeping) => {
                *self.shared.unkept.lock().unwrap() = messages.to_vec();
                let (hub, shared) = (self.hub(), Arc::clone(&self.shared));
                tokio::spawn(async move {
                    sleep(Duration::from_millis(5)).await;
                    let kept = std::mem::take(&mut *shared.unkept.lock().unwrap());
                    hub.publish(&kept, LONG).await;
                });
                messages.iter().map(|_| Ok(Published { duplicate: false })).collect()
            }
            Some(M::ForgetsHowToPublishInACrash) if self.has_crashed() => {
                vec![Err(refusal(ErrorKind::Unavailable { retry_after: None })); messages.len()]
            }
            Some(M::IgnoresTheTimeout) => {
                sleep(limit * 3 + Duration::from_secs(1)).await;
                self.keep(messages, limit).await
            }
            Some(M::LosesWhatADroppedCallBegan) => {
                // Remembers the ids before it keeps the events.
                if self.shared.broken.load(Ordering::SeqCst) {
                    return messages.iter().map(|_| Ok(Published { duplicate: true })).collect();
                }
                let begun = Begun(&self.shared.broken);
                sleep(Duration::from_millis(2)).await;
                std::mem::forget(begun);
                self.keep(messages, limit).await
            }
            Some(M::HoldsUpPublishing) => {
                while self.shared.busy.load(Ordering::SeqCst) > 0 {
                    sleep(Duration::from_millis(10)).await;
                }
                self.keep(messages, limit).await
            }
            _ => {
                let mut results = self.keep(messages, limit).await;
                for result in &mut results {
                    match (self.mistake, &mut *result) {
                        (Some(M::CountsADuplicateAsAFailure), Ok(Published { duplicate: true })) => {
                            *result = Err(refusal(ErrorKind::Invalid));
                        }
                        (Some(M::AcknowledgesWithoutKeeping), Err(_)) => *result = Ok(Published { duplicate: false }),
                        (Some(M::CallsEveryRefusalTransient), Err(_)) => {
                            *result =
                                Err(refusal(ErrorKind::Unavailable { retry_after: None }).with_applied(Applied::No));
                        }
                        (Some(M::CallsEveryRefusalUncertain), Err(error)) => {
                            *result = Err(error.clone().with_applied(Applied::Unknown));
                        }
                        _ => {}
                    }
                }
                let failed = results.iter().find_map(|result| result.as_ref().err().cloned());
                match (self.mistake, failed) {
                    (Some(M::FailsTheWholeBatch), Some(error)) => results = vec![Err(error); messages.len()],
                    (Some(M::HoldsBackEverythingAfterAFailure), Some(_)) => {
                        let first = results.iter().position(Result::is_err).unwrap();
                        for result in &mut results[first + 1..] {
                            *result =
                                Err(refusal(ErrorKind::Unavailable { retry_after: None }).with_applied(Applied::No));
                        }
                    }
                    (Some(M::ReversesResults), _) => results.reverse(),
                    (Some(M::LosesOneResult), _) => drop(results.pop()),
                    (Some(M::InventsAResult), _) if results.is_empty() => {
                        results.push(Ok(Published { duplicate: false }))
                    }
                    _ => {}
                }
                results
            }
        }
    }

    async fn request(&self, mut request: ServiceRequest) -> Result<Reply> {
        match self.mistake {
            Some(M::AnswersALateReplyToAnotherRequest) => self.late(request).await,
            Some(M::SwapsReplies) => {
                let reply = self.instance(request).await?;
                self.shared.late.lock().unwrap().push(reply);
                sleep(Duration::from_millis(3)).await;
                Ok(self.shared.late.lock().unwrap().pop().unwrap())
            }
            Some(M::DropsPartsOfReplies) => {
                self.instance(request).await.map(|reply| Reply { retry_after: None, ..reply })
            }
            Some(M::DropsHeadersOfReplies) => {
                self.instance(request).await.map(|reply| Reply { headers: Headers::new(), ..reply })
            }
            Some(M::DropsHeadersOfRequests) => {
                request.headers = Headers::new();
                self.instance(request).await
            }
            Some(M::DropsPartsOfRequests) => {
                request.authorization = None;
                self.instance(request).await
            }
            Some(M::DropsMarks) => {
                request.correlation_id = None;
                self.instance(request).await
            }
            Some(M::RenewsTheDeadline) => {
                request.timeout = Duration::from_secs(30);
                self.instance(request).await
            }
            Some(M::FailsOnFailuresOfTheService) => match self.instance(request).await? {
                reply if reply.status >= 500 => {
                    Err(HubError::new(ErrorKind::Unavailable { retry_after: None }, REQUEST))
                }
                reply => Ok(reply),
            },
            Some(M::NeverReportsTheAbsenceOfResponders) => match self.hub().request(request).await {
                Err(error) if *error.kind() == ErrorKind::NoResponder => {
                    Err(HubError::new(ErrorKind::Timeout, REQUEST))
                }
                replied => replied,
            },
            Some(M::WaitsForEver) => self.hub().request(ServiceRequest { timeout: LONG, ..request }).await,
            Some(M::RepeatsWhatMayBeApplied) => {
                let limit = request.timeout;
                let once = ServiceRequest { timeout: limit / 2, ..request };
                match self.hub().request(once.clone()).await {
                    Err(error) if *error.kind() == ErrorKind::Timeout => self.hub().request(once).await,
                    replied => replied,
                }
            }
            Some(M::AsksEveryInstance) => {
                let instances = self.shared.services.lock().unwrap().get(&request.to).cloned().unwrap_or_default();
                let mut last = Err(HubError::new(ErrorKind::NoResponder, REQUEST));
                for instance in instances {
                    last = Ok(instance(request.clone()).await);
                }
                last
            }
            Some(M::CutsBodies) => {
                let reply = self.instance(request).await?;
                let body = reply.body.slice(..reply.body.len().min(SMALL));
                Ok(Reply { body, ..reply })
            }
            Some(M::BreaksAfterADroppedRequest) => {
                if self.shared.broken.load(Ordering::SeqCst) {
                    return Err(HubError::new(ErrorKind::Unavailable { retry_after: None }, REQUEST));
                }
                let begun = Begun(&self.shared.broken);
                let replied = self.instance(request).await;
                std::mem::forget(begun);
                replied
            }
            Some(M::HoldsUpPublishing) => {
                self.shared.busy.fetch_add(1, Ordering::SeqCst);
                let replied = self.instance(request).await;
                self.shared.busy.fetch_sub(1, Ordering::SeqCst);
                replied
            }
            _ => self.instance(request).await,
        }
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<Box<dyn Deliveries>> {
        let mut inner = subscription.clone();
        let mut skipped = Vec::new();
        match self.mistake {
            Some(M::BeginsWithTheNewest) => skipped = self.hub().published(),
            Some(M::ForgetsSubscriptions) => inner.name = format!("n{}", self.number()).parse().unwrap(),
            Some(M::ForgetsSettlementsInACrash) if self.has_crashed() => inner.name = "crashed".parse().unwrap(),
            Some(M::ForgetsUnsettledEventsInACrash) if self.has_crashed() => {
                inner.name = "crashed".parse().unwrap();
                skipped = self.hub().published();
            }
            Some(M::SharesAllNames) => inner.name = "all".parse().unwrap(),
            Some(M::IgnoresTheFilter | M::ReadsPatternsAsWholeTypes | M::ReadsTypesAsBeginnings) => {
                inner.filter = Filter::all()
            }
            Some(M::LosesEventsThatNobodyWants) => inner.name = "all".parse().unwrap(),
            Some(M::KeepsTheFirstFilter) => {
                let mut filters = self.shared.filters.lock().unwrap();
                inner.filter = filters.entry(inner.name.to_string()).or_insert(inner.filter).clone();
            }
            Some(M::TakesAnyLimit) => {
                inner.max_in_flight = inner.max_in_flight.clamp(1, 1_000);
                inner.settle_within = inner.settle_within.clamp(Duration::from_secs(1), LONG);
            }
            Some(M::IgnoresTheMaximumInFlight) => inner.max_in_flight = 1_000,
            Some(M::DeliversOneAtATime) => inner.max_in_flight = 1,
            _ => {}
        }
        let deliveries = self.hub().subscribe(&inner).await?;
        let shared = Arc::clone(&self.shared);
        Ok(Box::new(WrongDeliveries::new(self.mistake, deliveries, subscription.clone(), skipped, shared)))
    }

    async fn probe(&self) -> Result<()> {
        if self.is(M::ProbesForEver) {
            sleep(LONG).await;
        }
        Ok(())
    }
}
