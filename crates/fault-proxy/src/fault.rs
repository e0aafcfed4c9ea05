//! The faults of a connection.

use std::time::Duration;

/// What happens to one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: bytes pass.
    Pass,
    /// The port is closed: the kernel refuses the connection. As the only fault it lasts until the plan changes; as one
    /// of several it lasts [`REFUSAL`](crate::REFUSAL), however many try meanwhile.
    Refuse,
    /// Accepted and reset at once (`RST`).
    Reset,
    /// Accepted; what is sent is swallowed, and nothing ever comes back.
    AcceptAndNeverAnswer,
    /// Bytes pass up to the mark, then none do, and the connection stays open.
    Stall {
        /// Which bytes.
        way: Way,
        /// The last byte that passes.
        at: Mark,
    },
    /// Bytes pass up to the mark, then both sides are closed in an orderly way, as by a server that dies while its
    /// kernel lives.
    Cut {
        /// Which bytes.
        way: Way,
        /// The last byte that passes.
        at: Mark,
    },
    /// Bytes pass a few at a time.
    Drip {
        /// Which bytes.
        way: Way,
        /// How many pass at once.
        bytes: usize,
        /// The pause after them.
        every: Duration,
    },
    /// Bytes wait before they pass; those that arrive together wait together.
    Delay {
        /// Which bytes.
        way: Way,
        /// How long.
        by: Duration,
    },
    /// Some bytes pass with one of their bits turned over.
    Corrupt {
        /// Which bytes.
        way: Way,
        /// One byte in this number, on average.
        one_in: u32,
        /// Where in the connection depends on nothing else.
        seed: u64,
    },
}

impl Fault {
    /// The head of an answer arrives and its body never does.
    #[must_use]
    pub fn stall_after_headers() -> Self {
        Self::Stall { way: Way::ToClient, at: Mark::Head { and: 0 } }
    }

    /// An answer ends after this number of bytes of its body.
    #[must_use]
    pub fn cut_in_mid_body(after: u64) -> Self {
        Self::Cut { way: Way::ToClient, at: Mark::Head { and: after } }
    }

    /// A stable name: `pass`, `refuse`, `reset`, `never_answer`, `stall`, `cut`, `drip`, `delay`, `corrupt`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Refuse => "refuse",
            Self::Reset => "reset",
            Self::AcceptAndNeverAnswer => "never_answer",
            Self::Stall { .. } => "stall",
            Self::Cut { .. } => "cut",
            Self::Drip { .. } => "drip",
            Self::Delay { .. } => "delay",
            Self::Corrupt { .. } => "corrupt",
        }
    }
}

/// The direction of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From who connected to the upstream: requests.
    ToUpstream,
    /// From the upstream to who connected: answers.
    ToClient,
    /// Each direction for itself.
    Both,
}

impl Way {
    pub(crate) fn covers(self, way: Self) -> bool {
        self == way || self == Self::Both
    }
}

/// A place in the bytes of one direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// After this number of bytes.
    Bytes(u64),
    /// After the empty line that ends the first head of HTTP, and this number of bytes more.
    Head {
        /// Bytes after the head.
        and: u64,
    },
}
