//! The events that were read and are not published yet, in order.

use crate::convert::{Envelope, cloud_event, replay_message};
use character_domain::CharacterId;
use character_error_reporter::redacted;
use character_message_hub::{HubError, MAX_BATCH, Message, Published};
use character_storage_port::{DomainEvent, EntityKind, EventId, LoggedCommit, ParkedEvent, Timestamp};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    mem,
    sync::Arc,
};

/// Where an event comes from.
#[derive(Clone, Debug)]
enum Origin {
    /// The event with this index of a commit.
    Logged(Arc<LoggedCommit>, usize),
    /// A parked event that is to be replayed.
    Parked(Box<ParkedEvent>),
}

/// An event on its way to the hub.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    origin: Origin,
    /// Made when its turn is near, so that a long queue holds no second copy of the data.
    message: Option<Message>,
    refusals: u32,
    /// Set when it is to be parked instead of published.
    pub(crate) verdict: Option<Verdict>,
}

/// Why an event is parked.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) reason: String,
    pub(crate) error: Option<HubError>,
}

impl Outgoing {
    fn new(origin: Origin) -> Self {
        Self { origin, message: None, refusals: 0, verdict: None }
    }

    pub(crate) fn event(&self) -> Option<&DomainEvent> {
        match &self.origin {
            Origin::Logged(commit, index) => commit.events.get(*index),
            Origin::Parked(parked) => Some(&parked.event),
        }
    }

    fn subject(&self) -> Option<CharacterId> {
        self.event().map(|event| event.subject)
    }

    fn prepare(&mut self, envelope: &Envelope) {
        if self.message.is_some() || self.verdict.is_some() {
            return;
        }
        let message = match &self.origin {
            Origin::Parked(parked) => replay_message(parked, envelope),
            Origin::Logged(commit, index) => {
                let traceparent = commit.traceparent.as_deref();
                let event = commit.events.get(*index).map(|event| {
                    let row = commit
                        .rows
                        .iter()
                        .flatten()
                        .find(|row| row.kind == EntityKind::Character && row.id == event.subject.0);
                    cloud_event(event, envelope, row.map(|row| row.revision), traceparent)
                });
                let Some(event) = event else {
                    self.verdict = Some(Verdict { reason: "the commit has no such event".to_owned(), error: None });
                    return;
                };
                event.map(|event| Message::of(Arc::new(event)))
            }
        };
        match message {
            Ok(message) => self.message = Some(message),
            Err(invalid) => {
                let reason = format!("the event cannot be a CloudEvent: {invalid}");
                self.verdict = Some(Verdict { reason, error: None });
            }
        }
    }
}

/// What came of one call of the hub.
#[derive(Debug, Default)]
pub(crate) struct PublishOutcome {
    pub(crate) published: u64,
    pub(crate) duplicates: u64,
    /// The parked events that were replayed.
    pub(crate) replayed: Vec<EventId>,
    /// The code of each failure; an event that was not published because of an earlier one of its character is none.
    pub(crate) failures: Vec<&'static str>,
    /// How often the event was refused that was refused most often, if one was refused in this call.
    pub(crate) refusals: Option<u32>,
    /// The first failure that says nothing about its event.
    pub(crate) trouble: Option<HubError>,
}

/// Events in the order in which they are to be published.
#[derive(Debug, Default)]
pub(crate) struct Queue(VecDeque<Outgoing>);

impl Queue {
    pub(crate) fn push_commit(&mut self, commit: &Arc<LoggedCommit>) {
        let logged = |index| Outgoing::new(Origin::Logged(Arc::clone(commit), index));
        self.0.extend((0..commit.events.len()).map(logged));
    }

    /// Replaces the queue by these replays. Those that are in it already keep their count of refusals.
    pub(crate) fn set_replays(&mut self, replays: Vec<ParkedEvent>) {
        let known = mem::take(&mut self.0).into_iter();
        let mut known: HashMap<_, _> = known.filter_map(|known| Some((known.event()?.id, known))).collect();
        let item = |parked: ParkedEvent| match known.remove(&parked.event.id) {
            Some(item) if matches!(&item.origin, Origin::Parked(same) if same.parked_at == parked.parked_at) => item,
            _ => Outgoing::new(Origin::Parked(Box::new(parked))),
        };
        self.0 = replays.into_iter().map(item).collect();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// When the commit of the first event was committed.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        match &self.0.front()?.origin {
            Origin::Logged(commit, _) => Some(commit.committed_at),
            Origin::Parked(_) => None,
        }
    }

    /// Makes the messages of the next batch.
    pub(crate) fn prepare(&mut self, envelope: &Envelope) {
        self.0.iter_mut().take(MAX_BATCH).for_each(|item| item.prepare(envelope));
    }

    /// The first event of the next batch that is to be parked, and its index.
    pub(crate) fn to_park(&self) -> Option<(usize, &Outgoing)> {
        self.0.iter().enumerate().take(MAX_BATCH).find(|(_, item)| item.verdict.is_some())
    }

    pub(crate) fn remove(&mut self, index: usize) {
        self.0.remove(index);
    }

    /// The next batch. Call it when nothing is to be parked.
    pub(crate) fn messages(&self) -> Vec<Message> {
        self.0.iter().take(MAX_BATCH).map_while(|item| item.message.clone()).collect()
    }

    /// Removes what was published of the first events, and keeps the rest in its order.
    pub(crate) fn settle(&mut self, results: Vec<Result<Published, HubError>>, max_refusals: u32) -> PublishOutcome {
        let mut outcome = PublishOutcome::default();
        let later = self.0.split_off(results.len().min(self.0.len()));
        let sent = mem::replace(&mut self.0, later);
        let (mut failed, mut kept) = (HashSet::new(), Vec::new());
        for (mut item, result) in sent.into_iter().zip(results) {
            match result {
                Ok(Published { duplicate }) => {
                    outcome.published += 1;
                    outcome.duplicates += u64::from(duplicate);
                    if let Origin::Parked(parked) = &item.origin {
                        outcome.replayed.push(parked.event.id);
                    }
                }
                // The hub publishes nothing of a character behind an event that failed.
                Err(_) if failed.contains(&item.subject()) => kept.push(item),
                Err(error) => {
                    failed.insert(item.subject());
                    outcome.failures.push(error.kind().code());
                    if error.is_permanent() {
                        item.refuse(error, max_refusals);
                        outcome.refusals = outcome.refusals.max(Some(item.refusals));
                    } else {
                        outcome.trouble.get_or_insert(error);
                    }
                    kept.push(item);
                }
            }
        }
        for item in kept.into_iter().rev() {
            self.0.push_front(item);
        }
        outcome
    }
}

impl Outgoing {
    fn refuse(&mut self, error: HubError, max_refusals: u32) {
        self.refusals += 1;
        if self.refusals >= max_refusals {
            let reason = format!("the hub refused the event {} times: {}", self.refusals, redacted(&error));
            self.verdict = Some(Verdict { reason, error: Some(error) });
        }
    }
}
