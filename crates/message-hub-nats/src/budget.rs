//! The bytes of large requests and replies that are held for NATS at the same time.

use bytes::Bytes;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// A body of at most this length is small, in bytes: it does not count, and is never refused. 64 KiB.
pub(crate) const SMALL: usize = 64 * 1024;

/// What is held of a [`NatsBudget`], and how often it was used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetUse {
    /// The bytes that are held now.
    pub held_bytes: u64,
    /// The number of bodies that were refused because they did not fit.
    pub refused: u64,
}

/// The maximum number of bytes that large requests and large replies may have together, each, while this process holds them for NATS:
/// bodies of more than 64 KiB. A request counts until its reply is made. A reply counts at the responder until NATS has
/// taken it, and at the caller from its first message until its body is dropped. What does not fit is refused; a body that is
/// alone always fits. Clones share it.
#[derive(Clone)]
pub struct NatsBudget {
    pub(crate) requests: Arc<Account>,
    pub(crate) replies: Arc<Account>,
}

impl NatsBudget {
    /// The budget when none is chosen, in bytes, of requests and of replies each: two replies of the largest size. 32 MiB.
    pub const DEFAULT_BYTES: u64 = 32 * 1024 * 1024;

    /// A budget of this many bytes for requests, and of as many for replies.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        Self { requests: Account::new(bytes), replies: Account::new(bytes) }
    }

    /// What is held of requests.
    #[must_use]
    pub fn requests(&self) -> BudgetUse {
        self.requests.current()
    }

    /// What is held of replies.
    #[must_use]
    pub fn replies(&self) -> BudgetUse {
        self.replies.current()
    }
}

impl Default for NatsBudget {
    fn default() -> Self {
        Self::new(Self::DEFAULT_BYTES)
    }
}

impl fmt::Debug for NatsBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsBudget")
            .field("bytes", &self.requests.capacity)
            .field("requests", &self.requests())
            .field("replies", &self.replies())
            .finish()
    }
}

/// The bytes of one kind.
#[derive(Debug)]
pub(crate) struct Account {
    capacity: u64,
    held: AtomicU64,
    refused: AtomicU64,
}

impl Account {
    pub(crate) fn new(capacity: u64) -> Arc<Self> {
        Arc::new(Self { capacity, held: AtomicU64::new(0), refused: AtomicU64::new(0) })
    }

    /// The maximum number of bytes.
    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }

    fn current(&self) -> BudgetUse {
        BudgetUse { held_bytes: self.held.load(Ordering::Relaxed), refused: self.refused.load(Ordering::Relaxed) }
    }

    /// Takes a place for a body of this length. `None`: it does not fit.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: usize) -> Option<Reserved> {
        let mut reserved = Reserved::nothing(self);
        reserved.grow(bytes).then_some(reserved)
    }

    /// The same body, which holds its place until the last reference to its bytes is dropped. `None`: it does not fit.
    pub(crate) fn hold(self: &Arc<Self>, body: Bytes) -> Option<Bytes> {
        Some(self.reserve(body.len())?.over(body))
    }
}

/// The place of one body, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Reserved {
    account: Arc<Account>,
    /// The length of the body so far.
    length: usize,
    /// What of it counts.
    counted: u64,
}

impl Reserved {
    /// The place of a body of which nothing has come.
    pub(crate) fn nothing(account: &Arc<Account>) -> Self {
        Self { account: Arc::clone(account), length: 0, counted: 0 }
    }

    /// Makes the place larger by this many bytes. `false`: they do not fit.
    pub(crate) fn grow(&mut self, more: usize) -> bool {
        let length = self.length.saturating_add(more);
        let counted = if length > SMALL { length as u64 } else { 0 };
        let (own, more) = (self.counted, counted - self.counted);
        let grown = |held: u64| {
            let fits = held == own || held.saturating_add(more) <= self.account.capacity;
            fits.then(|| held.saturating_add(more))
        };
        if more > 0 && self.account.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_err() {
            self.account.refused.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        (self.length, self.counted) = (length, counted);
        true
    }

    /// The body, which holds the place until the last reference to its bytes is dropped.
    pub(crate) fn over(self, body: Bytes) -> Bytes {
        if self.counted == 0 { body } else { Bytes::from_owner(Held { body, _reserved: self }) }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.account.held.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

struct Held {
    body: Bytes,
    _reserved: Reserved,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = SMALL + 1;

    #[test]
    fn bodies_fit_until_the_budget_is_used_up_and_again_when_one_is_dropped() {
        let account = Account::new(2 * LARGE as u64);
        let first = account.hold(vec![1; LARGE].into()).unwrap();
        let part = first.slice(5..6);
        let second = account.reserve(LARGE).unwrap();
        assert!(account.reserve(LARGE).is_none());
        assert_eq!(account.current(), BudgetUse { held_bytes: 2 * LARGE as u64, refused: 1 });
        drop(first);
        assert!(account.reserve(LARGE).is_none(), "a part of the first body is still in use");
        drop((part, second));
        assert_eq!(account.current(), BudgetUse { held_bytes: 0, refused: 2 });
    }

    #[test]
    fn a_small_body_always_fits_and_so_does_a_body_that_is_alone() {
        let account = Account::new(LARGE as u64);
        let mut alone = Reserved::nothing(&account);
        assert!(alone.grow(SMALL) && account.current().held_bytes == 0);
        assert!(alone.grow(10 * LARGE));
        assert_eq!(account.current().held_bytes, (SMALL + 10 * LARGE) as u64);
        assert!(alone.grow(LARGE), "it is still alone");
        assert!(account.reserve(SMALL).is_some() && account.reserve(LARGE).is_none());
        drop(alone);
        assert_eq!(account.current(), BudgetUse { held_bytes: 0, refused: 1 });
    }
}
