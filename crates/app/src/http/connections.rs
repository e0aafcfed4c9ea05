//! All client connections of a server: how many there may be, how long each may wait, and how they ended.

use character_http_kit::ProblemTypes;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};
use tokio::{
    task::spawn_local,
    time::{Instant, sleep_until},
};

/// How long a client may keep a crowded server waiting for a head or a next request.
const CROWDED_PATIENCE: Duration = Duration::from_secs(2);

/// How often the lag of a thread is measured.
const LAG_EVERY: Duration = Duration::from_millis(250);

/// What clients may take of the sockets of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SocketLimits {
    /// Maximum number of connections.
    pub(crate) most: usize,
    /// How long a request head may take to arrive, and 64 KiB of an answer to be taken.
    pub(crate) patience: Duration,
    /// How long an idle connection is kept.
    pub(crate) keep_alive: Duration,
}

impl SocketLimits {
    /// How long a client may take to close its side of a connection that is ended.
    pub(crate) fn disconnect(&self) -> Duration {
        self.patience.min(CROWDED_PATIENCE)
    }
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In good order after at least one request.
    Done,
    /// Before a request arrived, or with the answer that it did not arrive in time.
    NoRequest,
    /// What arrived was no request that can be read.
    Unreadable,
    /// A later request did not arrive in time, or the rest of a body that no handler reads.
    HeadTimeout,
    /// The client did not take its answer.
    AnswerTimeout,
    /// It was idle while most of the connections that may be open were.
    Crowded,
    /// The client did not speak TLS as expected, or showed no accepted certificate.
    TlsFailed,
    /// The network or the client cut it.
    Cut,
}

impl End {
    const ALL: [Self; 8] = [
        Self::Done,
        Self::NoRequest,
        Self::Unreadable,
        Self::HeadTimeout,
        Self::AnswerTimeout,
        Self::Crowded,
        Self::TlsFailed,
        Self::Cut,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NoRequest => "no_request",
            Self::Unreadable => "unreadable",
            Self::HeadTimeout => "head_timeout",
            Self::AnswerTimeout => "answer_timeout",
            Self::Crowded => "crowded",
            Self::TlsFailed => "tls_failed",
            Self::Cut => "cut",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    reason: &'static str,
}

/// The connections of one server.
#[derive(Debug)]
pub(crate) struct Connections {
    pub(crate) limits: SocketLimits,
    /// The types of the problems that are answered for the server before a request reaches it.
    pub(crate) problem_types: ProblemTypes,
    open: AtomicUsize,
    /// Each ends with its next answer.
    are_ending: AtomicBool,
    open_gauge: Gauge,
    ended: Family<Ended, Counter>,
    lag: Histogram,
}

impl Connections {
    pub(crate) fn new(limits: SocketLimits, problem_types: ProblemTypes) -> Self {
        let ended = Family::<Ended, Counter>::default();
        // Shown from the start, so that the first of each is an increase.
        for end in End::ALL {
            drop(ended.get_or_create(&Ended { reason: end.label() }));
        }
        // 1 ms, the resolution of the timers, to 16 s.
        let lag = Histogram::new(exponential_buckets(0.001, 2.0, 15));
        let are_ending = AtomicBool::new(false);
        let (open, open_gauge) = (AtomicUsize::new(0), Gauge::default());
        Self { limits, problem_types, open, are_ending, open_gauge, ended, lag }
    }

    /// Shows `http_server_connections`, `http_server_connections_max`, `http_server_connections_ended_total` and
    /// `http_server_worker_lag_seconds`.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("http_server_connections", "Open client connections", self.open_gauge.clone());
        let most = Gauge::<i64>::default();
        most.set(i64::try_from(self.limits.most).unwrap_or(i64::MAX));
        registry.register("http_server_connections_max", "Maximum number of client connections", most);
        let help = "Client connections that ended, by reason";
        registry.register("http_server_connections_ended", help, self.ended.clone());
        let help = "How late a task runs on a thread that serves sockets, measured every 250 ms on each";
        registry.register_with_unit("http_server_worker_lag", help, Unit::Seconds, self.lag.clone());
    }

    /// Measures, from now on and until this thread ends, how late its tasks run. Must be called on a thread that serves
    /// sockets.
    pub(super) fn watch_thread(&self) {
        let lag = self.lag.clone();
        spawn_local(async move {
            loop {
                let due = Instant::now() + LAG_EVERY;
                sleep_until(due).await;
                lag.observe(due.elapsed().as_secs_f64());
            }
        });
    }

    /// From now on each answer tells its client that the connection ends with it, so that the client sends its next request
    /// over another one, and none is lost on a connection that the server closes.
    pub(crate) fn end_with_their_answers(&self) {
        self.are_ending.store(true, Ordering::Relaxed);
    }

    /// Whether each connection ends with its next answer.
    pub(super) fn are_ending(&self) -> bool {
        self.are_ending.load(Ordering::Relaxed)
    }

    /// Whether no connection is open.
    pub(crate) fn are_none(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
    }

    pub(super) fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.open_gauge.inc();
    }

    pub(super) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.open_gauge.dec();
    }

    pub(super) fn ended(&self, reason: End) {
        self.ended.get_or_create(&Ended { reason: reason.label() }).inc();
    }

    /// Whether three quarters of the connections that may be open are. Idle ones then make room.
    pub(super) fn are_crowded(&self) -> bool {
        self.open.load(Ordering::Relaxed) * 4 > self.limits.most * 3
    }

    /// How long a head may take to arrive at present.
    pub(super) fn head_patience(&self) -> Duration {
        if self.are_crowded() { self.limits.patience.min(CROWDED_PATIENCE) } else { self.limits.patience }
    }

    /// How long a connection may be idle at present.
    pub(super) fn idle_patience(&self) -> Duration {
        if self.are_crowded() { self.limits.keep_alive.min(CROWDED_PATIENCE) } else { self.limits.keep_alive }
    }
}
