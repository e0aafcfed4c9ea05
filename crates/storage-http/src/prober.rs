//! Probes the upstream while a circuit breaker is open.

use crate::{
    ApiRequest, TimedOut, Transport,
    breakers::CircuitBreakers,
    transport::RequestSize,
    verdict::{Evidence, evidence},
};
use character_storage_port::PROBE;
use character_storage_wire as wire;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};

/// Consecutive successes that close the breakers. A single one may come from an upstream that is about to fail again.
const ANSWERS_TO_CLOSE: u32 = 2;

/// Sends `GET /storage/v1/probe`, at most one in each interval, for all callers together.
#[derive(Debug)]
pub(crate) struct Prober<T> {
    transport: T,
    /// Time between two probes; zero turns the background probes off.
    interval: Duration,
    /// How long one probe may take.
    patience: Duration,
    /// When the last probe was sent.
    last: Mutex<Option<Instant>>,
    is_running: AtomicBool,
}

impl<T: Transport> Prober<T> {
    pub(crate) fn new(transport: T, interval: Duration, attempt_timeout: Duration) -> Self {
        let patience = if interval.is_zero() { attempt_timeout } else { attempt_timeout.min(interval) };
        Self { transport, interval, patience, last: Mutex::default(), is_running: AtomicBool::new(false) }
    }

    /// Sends one probe. Returns no evidence, at once, while another probe is in flight and until the interval after it
    /// is over.
    pub(crate) async fn probe(&self) -> Evidence {
        let Ok(mut last) = self.last.try_lock() else { return Evidence::Nothing };
        if last.is_some_and(|sent| sent.elapsed() < self.interval) {
            return Evidence::Nothing;
        }
        *last = Some(Instant::now());
        let request = ApiRequest::get(PROBE, wire::PROBE);
        let silence = |_| Err(TimedOut::Attempt(self.patience).of_attempt(PROBE));
        let answer = timeout(self.patience, self.transport.call(request)).await.unwrap_or_else(silence);
        evidence(RequestSize::Ordinary, &answer)
    }

    /// Probes in the background until no breaker waits for it, unless that is off or already running. Ends with the
    /// client.
    pub(crate) fn start(self: &Arc<Self>, breakers: &CircuitBreakers) {
        if self.interval.is_zero() || self.is_running.swap(true, SeqCst) {
            return;
        }
        let (prober, breakers) = (Arc::downgrade(self), breakers.clone());
        let interval = self.interval;
        tokio::spawn(async move {
            let mut answers = 0;
            loop {
                // Never shorter than the interval. Longer by chance, so that processes do not probe together.
                sleep(interval.mul_f64(rand::random_range(1.0..=1.2))).await;
                let Some(prober) = prober.upgrade() else { return };
                if !prober.is_needed(&breakers) {
                    return;
                }
                answers = match prober.probe().await {
                    Evidence::Alive => answers + 1,
                    Evidence::Failing => 0,
                    Evidence::Nothing => answers,
                };
                if answers >= ANSWERS_TO_CLOSE {
                    answers = 0;
                    for breaker in breakers.all() {
                        if breaker.recovered() {
                            tracing::info!(
                                client = breakers.client,
                                breaker = breaker.name(),
                                "the circuit breaker is closed: the storage answers again"
                            );
                        }
                    }
                }
            }
        });
    }

    /// Whether a breaker waits for the upstream. If none does, the next breaker that opens starts the background probes
    /// again.
    fn is_needed(&self, breakers: &CircuitBreakers) -> bool {
        let waits = || breakers.all().iter().any(|breaker| breaker.awaits_recovery());
        if waits() {
            return true;
        }
        self.is_running.store(false, SeqCst);
        // A breaker that opened before the line above did not start anything.
        waits() && !self.is_running.swap(true, SeqCst)
    }
}
