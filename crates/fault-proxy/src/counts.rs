//! The numbers of connections, bytes and faults.

use crate::Fault;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// What a proxy has seen so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Connections that are open now.
    pub open: u64,
    /// Connections that could not be carried on because the upstream took none; they were reset.
    pub upstream_failures: u64,
    /// Heads of HTTP/1.1 requests that arrived, whatever became of them.
    pub requests: u64,
    /// Bytes handed to the upstream.
    pub to_upstream: u64,
    /// Bytes handed to who connected.
    pub to_client: u64,
    /// Connections that met a fault, and times at which the port was closed.
    pub injected: u64,
    /// The same for each fault by its name; `pass` is none.
    pub by_fault: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) open: AtomicU64,
    pub(crate) upstream_failures: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) to_upstream: AtomicU64,
    pub(crate) to_client: AtomicU64,
    by_fault: Mutex<BTreeMap<&'static str, u64>>,
}

impl Counters {
    fn by_fault(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.by_fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn injected(&self, fault: Fault) {
        if fault != Fault::Pass {
            *self.by_fault().entry(fault.as_str()).or_default() += 1;
        }
    }

    pub(crate) fn read(&self) -> Counts {
        let by_fault = self.by_fault().clone();
        Counts {
            connections: self.connections.load(Relaxed),
            open: self.open.load(Relaxed),
            upstream_failures: self.upstream_failures.load(Relaxed),
            requests: self.requests.load(Relaxed),
            to_upstream: self.to_upstream.load(Relaxed),
            to_client: self.to_client.load(Relaxed),
            injected: by_fault.values().sum(),
            by_fault,
        }
    }
}
