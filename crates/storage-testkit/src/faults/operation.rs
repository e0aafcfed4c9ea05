//! The operations of the port, by which a script names calls.

use character_storage_port::{
    ADVANCE, COMMIT, CONSUMERS, DISCARD, FOLLOW, HEAD, LEASE, PARK, PARKED, RELEASE, SNAPSHOT, UNPARK,
};
#[cfg(doc)]
use character_storage_port::{Commit, Consumers, Log, Probe, Snapshot, Store};

/// The operations of the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// [`Store::find`].
    Find,
    /// [`Store::list`].
    List,
    /// [`Store::count`].
    Count,
    /// [`Commit::commit`].
    Commit,
    /// [`Commit::commit_each`].
    CommitEach,
    /// [`Log::follow`].
    Follow,
    /// [`Log::head`].
    Head,
    /// [`Consumers::lease`].
    Lease,
    /// [`Consumers::advance`].
    Advance,
    /// [`Consumers::release`].
    Release,
    /// [`Consumers::park`].
    Park,
    /// [`Consumers::parked`].
    Parked,
    /// [`Consumers::unpark`].
    Unpark,
    /// [`Consumers::discard`].
    Discard,
    /// [`Consumers::consumers`].
    Consumers,
    /// [`Snapshot::snapshot`]: its beginning.
    Snapshot,
    /// [`Probe::probe`].
    Probe,
}

impl Operation {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Find => "find",
            Self::List => "list",
            Self::Count => "count",
            Self::Commit | Self::CommitEach => COMMIT,
            Self::Follow => FOLLOW,
            Self::Head => HEAD,
            Self::Lease => LEASE,
            Self::Advance => ADVANCE,
            Self::Release => RELEASE,
            Self::Park => PARK,
            Self::Parked => PARKED,
            Self::Unpark => UNPARK,
            Self::Discard => DISCARD,
            Self::Consumers => CONSUMERS,
            Self::Snapshot => SNAPSHOT,
            Self::Probe => "probe",
        }
    }
}
