//! One transaction of several calls, and what becomes visible once it is on the disk.

use crate::{
    config::FileHubConfig,
    state::{State, Subscribed, lock},
    store::{self, Prepared},
    writer::{Command, Entry},
};
use character_message_hub::{
    Applied, ErrorKind, HubError, PROBE, PUBLISH, Published, Receipt, Result, SETTLE, Settlement,
};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};

/// How long a delivery is held while its settlement is written.
const HOLD: Duration = Duration::from_secs(60);

/// What happens in memory once the transaction is on the disk.
pub(crate) enum Effect {
    Published { sequence: u64, prepared: Prepared, receivers: Vec<Arc<Subscribed>> },
    Settled { to: Arc<Subscribed>, receipt: Receipt, settlement: Settlement, reply: oneshot::Sender<Result<()>> },
    Probed { reply: oneshot::Sender<Result<()>> },
    Answer { results: Vec<Result<Published>>, reply: oneshot::Sender<Vec<Result<Published>>> },
}

/// Does these calls in one transaction. Those that were not answered when it fails are in `waiting`.
pub(crate) fn write(
    connection: &mut Connection,
    config: &FileHubConfig,
    state: &State,
    now: i64,
    commands: Vec<Command>,
    waiting: &mut Waiting,
) -> std::result::Result<Vec<Effect>, (rusqlite::Error, Applied)> {
    let receivers = state.all();
    let mut effects = Vec::new();
    let mut commands = commands.into_iter();
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = match begun {
        Ok(transaction) => transaction,
        Err(error) => {
            waiting.rest = commands.collect();
            return Err((error, Applied::No));
        }
    };
    let written = (|| {
        for command in commands.by_ref() {
            let call = Call { transaction: &transaction, config, state, now };
            match command {
                Command::Publish { entries, deadline, reply } => {
                    let number = entries.len();
                    waiting.publishing = Some((number, reply));
                    let results = call.publish(entries, deadline, &receivers, &mut effects)?;
                    if let Some((_, reply)) = waiting.publishing.take() {
                        effects.push(Effect::Answer { results, reply });
                    }
                }
                Command::Settle { to, receipt, settlement, reply } => {
                    // No other subscriber gets it while it is written. A removed subscription has no row that could refer to it.
                    if to.is_removed() || to.prolong(receipt, HOLD).is_err() {
                        drop(reply.send(Err(HubError::new(ErrorKind::DeliveryLost, SETTLE))));
                        continue;
                    }
                    waiting.settling = Some((Arc::clone(&to), receipt, reply));
                    call.settle(&to, receipt, &settlement)?;
                    if let Some((to, receipt, reply)) = waiting.settling.take() {
                        effects.push(Effect::Settled { to, receipt, settlement, reply });
                    }
                }
                Command::Probe { reply } => {
                    waiting.probing = Some(reply);
                    transaction.prepare_cached(include_str!("sql/probe.sql"))?.execute([now])?;
                    effects.extend(waiting.probing.take().map(|reply| Effect::Probed { reply }));
                }
                _ => {}
            }
        }
        Ok(())
    })();
    let committed = match written {
        Ok(()) => transaction.commit().map_err(|error| (error, Applied::Unknown)),
        Err(error) => Err((error, Applied::No)),
    };
    match committed {
        Ok(()) => Ok(effects),
        Err(failed) => {
            waiting.rest = commands.collect();
            waiting.done = effects;
            Err(failed)
        }
    }
}

/// Shows in memory what is on the disk now, and answers.
pub(crate) fn apply(state: &State, effects: Vec<Effect>) {
    let mut changed: Vec<Arc<Subscribed>> = Vec::new();
    for effect in effects {
        match effect {
            Effect::Published { sequence, prepared, receivers } => {
                lock(&state.cache).insert(sequence, prepared.event, prepared.json.len());
                for receiver in receivers {
                    receiver.push(sequence, prepared.subject.as_ref());
                    if !changed.iter().any(|known| known.id == receiver.id) {
                        changed.push(receiver);
                    }
                }
            }
            Effect::Settled { to, receipt, settlement, reply } => {
                let settled = to.settle(receipt, &settlement);
                drop(reply.send(settled.map_err(|_| HubError::new(ErrorKind::DeliveryLost, SETTLE))));
            }
            Effect::Probed { reply } => drop(reply.send(Ok(()))),
            Effect::Answer { results, reply } => drop(reply.send(results)),
        }
    }
    for subscribed in changed {
        subscribed.changed.notify_waiters();
    }
}

/// One call within a transaction.
struct Call<'t> {
    transaction: &'t Transaction<'t>,
    config: &'t FileHubConfig,
    state: &'t State,
    now: i64,
}

impl Call<'_> {
    fn publish(
        &self,
        entries: Vec<Entry>,
        deadline: Instant,
        subscriptions: &[Arc<Subscribed>],
        effects: &mut Vec<Effect>,
    ) -> rusqlite::Result<Vec<Result<Published>>> {
        if Instant::now() >= deadline {
            // Its caller waits no longer, and has named the limit itself.
            let late = HubError::new(ErrorKind::Timeout, PUBLISH).with_applied(Applied::No);
            return Ok(vec![Err(late); entries.len()]);
        }
        let mut failed = HashSet::new();
        let mut results = Vec::with_capacity(entries.len());
        for Entry { subject, prepared } in entries {
            if subject.as_ref().is_some_and(|subject| failed.contains(subject)) {
                let error = HubError::new(ErrorKind::Unavailable { retry_after: None }, PUBLISH);
                let detail = "an earlier event of its subject was not published";
                results.push(Err(error.with_detail(detail).with_applied(Applied::No)));
                continue;
            }
            let result = match prepared {
                Ok(prepared) => self.publish_one(prepared, subscriptions, effects)?,
                Err(error) => Err(error),
            };
            if result.is_err() {
                failed.extend(subject);
            }
            results.push(result);
        }
        Ok(results)
    }

    fn publish_one(
        &self,
        prepared: Prepared,
        subscriptions: &[Arc<Subscribed>],
        effects: &mut Vec<Effect>,
    ) -> rusqlite::Result<Result<Published>> {
        let (events, bytes) = (&self.state.events, &self.state.bytes);
        let size = prepared.json.len() as u64;
        let is_full = events.load(Ordering::Relaxed) >= self.config.max_events
            || bytes.load(Ordering::Relaxed).saturating_add(size) > self.config.max_bytes;
        if is_full && !store::has_message(self.transaction, &prepared.message_id)? {
            return Ok(Err(HubError::new(ErrorKind::Full, PUBLISH)));
        }
        let Some(sequence) = store::insert_event(self.transaction, &prepared, self.now)? else {
            return Ok(Ok(Published { duplicate: true }));
        };
        events.fetch_add(1, Ordering::Relaxed);
        bytes.fetch_add(size, Ordering::Relaxed);
        let mut receivers = Vec::new();
        for subscribed in subscriptions {
            if lock(&subscribed.filter).accepts(&prepared.event) {
                store::insert_pending(self.transaction, subscribed.id, sequence)?;
                receivers.push(Arc::clone(subscribed));
            }
        }
        effects.push(Effect::Published { sequence, prepared, receivers });
        Ok(Ok(Published { duplicate: false }))
    }

    fn settle(&self, to: &Subscribed, receipt: Receipt, settlement: &Settlement) -> rusqlite::Result<()> {
        store::delete_pending(self.transaction, to.id, receipt.sequence)?;
        if let Settlement::Reject(reason) = settlement
            && let Some(event) = store::event(self.transaction, receipt.sequence)?
        {
            let place = (to.id, receipt.sequence);
            store::insert_rejected(self.transaction, place, &event, reason, self.now, self.config.max_rejected)?;
        }
        Ok(())
    }
}

/// Those that wait for a transaction that failed.
#[derive(Default)]
pub(crate) struct Waiting {
    publishing: Option<(usize, oneshot::Sender<Vec<Result<Published>>>)>,
    settling: Option<(Arc<Subscribed>, Receipt, oneshot::Sender<Result<()>>)>,
    probing: Option<oneshot::Sender<Result<()>>>,
    done: Vec<Effect>,
    rest: Vec<Command>,
}

impl Waiting {
    pub(crate) fn fail(self, error: &Arc<rusqlite::Error>, applied: Applied) {
        let failed = |operation| {
            let failed = HubError::new(ErrorKind::Unavailable { retry_after: None }, operation);
            failed.with_applied(applied).with_source(Shared(Arc::clone(error)))
        };
        let release = |to: &Subscribed, receipt, reply: oneshot::Sender<Result<()>>| {
            // When its time was over, it is delivered again anyway.
            let _ = to.settle(receipt, &Settlement::RetryAfter(Duration::from_secs(1)));
            drop(reply.send(Err(failed(SETTLE))));
        };
        if let Some((number, reply)) = self.publishing {
            drop(reply.send(vec![Err(failed(PUBLISH)); number]));
        }
        if let Some((to, receipt, reply)) = self.settling {
            release(&to, receipt, reply);
        }
        if let Some(reply) = self.probing {
            drop(reply.send(Err(failed(PROBE))));
        }
        for effect in self.done {
            match effect {
                Effect::Answer { results, reply } => {
                    // A refusal stays one, whatever became of the transaction.
                    let results = results.into_iter().map(|result| result.and_then(|_| Err(failed(PUBLISH))));
                    drop(reply.send(results.collect()));
                }
                Effect::Settled { to, receipt, reply, .. } => release(&to, receipt, reply),
                Effect::Probed { reply } => drop(reply.send(Err(failed(PROBE)))),
                Effect::Published { .. } => {}
            }
        }
        for command in self.rest {
            match command {
                Command::Publish { entries, reply, .. } => drop(reply.send(vec![Err(failed(PUBLISH)); entries.len()])),
                Command::Settle { reply, .. } => drop(reply.send(Err(failed(SETTLE)))),
                Command::Probe { reply } => drop(reply.send(Err(failed(PROBE)))),
                _ => {}
            }
        }
    }
}

/// An error of SQLite that several calls share.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
struct Shared(Arc<rusqlite::Error>);
