//! How a subscriber becomes the one of its name that receives from JetStream, or finds the one that does.

use crate::{
    feed::{Feed, Role},
    lease::{Kept, RENEWAL, Record, TERM},
    pump::unavailable,
};
use character_message_hub::{ErrorKind, NEXT, Result};
use tokio::time::Instant;

/// The number of times that another subscriber may be faster.
const ATTEMPTS: usize = 3;

/// What a subscriber is among those of its name.
#[derive(Debug)]
pub(crate) enum Position {
    /// It receives from JetStream.
    Holds(Tenure),
    /// Another one does, by this record.
    Follows(Kept),
}

/// How long a subscriber holds the subscription, unless it renews its record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tenure {
    /// The place of its record in the stream.
    pub(crate) sequence: u64,
    pub(crate) until: Instant,
    pub(crate) renews_at: Instant,
}

impl Tenure {
    /// By a record that was asked for at this time.
    pub(crate) fn from(asked: Instant, sequence: u64) -> Self {
        Self { sequence, until: asked + TERM, renews_at: asked + RENEWAL }
    }
}

impl Feed {
    /// Takes the subscription unless another subscriber holds it.
    pub(crate) async fn campaign(&self, deadline: Instant) -> Result<Position> {
        let begun = Instant::now();
        let result = self.try_to_hold(deadline).await;
        if result.as_ref().is_err_and(|error| *error.kind() == ErrorKind::Timeout) {
            self.link.suspect(begun);
        }
        result
    }

    async fn try_to_hold(&self, deadline: Instant) -> Result<Position> {
        for _ in 0..ATTEMPTS {
            let kept = self.lease.read(deadline).await?;
            let holder = kept.as_ref().and_then(|kept| kept.record.holder.as_deref());
            let is_own = holder == Some(&self.address);
            if let Some(kept) = kept.as_ref().filter(|kept| holder.is_some() && !is_own && !self.lease.has_lapsed(kept))
            {
                self.choose(&kept.record.filter);
                self.stands_behind();
                return Ok(Position::Follows(kept.clone()));
            }
            let (expected, asked) = (kept.map_or(0, |kept| kept.sequence), Instant::now());
            let Some(sequence) = self.lease.write(&self.record(), expected, deadline).await? else { continue };
            // What this subscriber had before another one did is no longer its own.
            if !is_own {
                self.held().clear();
            }
            self.passed().clear();
            let tenure = Tenure::from(asked, sequence);
            self.set_role(Role::Holds(tenure.until));
            self.open(NEXT, deadline).await?;
            return Ok(Position::Holds(tenure));
        }
        Err(unavailable().with_detail("other subscribers of the name replace the record of its holder"))
    }

    /// The record of this subscriber as the holder.
    pub(crate) fn record(&self) -> Record {
        Record { holder: Some(self.address.clone()), filter: self.filter() }
    }

    /// Another subscriber holds the subscription: what was received here is its own now.
    fn stands_behind(&self) {
        if self.role() != Role::Follows {
            self.held().clear();
            self.set_role(Role::Follows);
        }
    }
}
