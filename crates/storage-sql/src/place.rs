//! A place in the log: which commits have been returned, as a snapshot of the ticks.

use character_storage_port::{Tick, TransactionId};
use std::{fmt, str::FromStr};

/// The ticks whose commits were visible at one moment: those below `xmax`, without those that were open then. PostgreSQL
/// writes it as `xmin:xmax:open,open`, and so do we for SQLite, where nothing is ever open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ticks {
    pub(crate) xmax: u64,
    /// Below `xmax`, ascending.
    pub(crate) open: Vec<u64>,
}

impl Ticks {
    /// Everything below `xmax`.
    pub(crate) fn below(xmax: u64) -> Self {
        Self { xmax, open: Vec::new() }
    }

    /// Every smaller tick is in it.
    pub(crate) fn xmin(&self) -> u64 {
        self.open.first().copied().unwrap_or(self.xmax)
    }

    pub(crate) fn holds(&self, tick: u64) -> bool {
        tick < self.xmax && self.open.binary_search(&tick).is_err()
    }

    /// What it holds below `xmax`.
    pub(crate) fn limited_to(&self, xmax: u64) -> Self {
        Self { xmax, open: self.open.iter().copied().filter(|tick| *tick < xmax).collect() }
    }

    /// Whether everything in `other` is also in it.
    fn holds_all(&self, other: &Self) -> bool {
        other.xmax <= self.xmax
            && self.open.iter().all(|tick| *tick >= other.xmax || other.open.binary_search(tick).is_ok())
    }
}

impl fmt::Display for Ticks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.xmin(), self.xmax)?;
        for (index, tick) in self.open.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{tick}")?;
        }
        Ok(())
    }
}

/// Not the text of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoPlace;

impl FromStr for Ticks {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let mut parts = text.splitn(3, ':');
        let (_xmin, xmax, open) = (parts.next(), parts.next(), parts.next());
        let xmax = number(xmax.ok_or(NoPlace)?)?;
        let open = open.ok_or(NoPlace)?.split(',').filter(|tick| !tick.is_empty());
        let mut open = open.map(number).collect::<Result<Vec<_>, _>>()?;
        open.sort_unstable();
        open.dedup();
        open.retain(|tick| *tick < xmax);
        Ok(Self { xmax, open })
    }
}

/// A number that both engines can hold.
fn number(text: &str) -> Result<u64, NoPlace> {
    i64::from_str(text).ok().and_then(|number| u64::try_from(number).ok()).ok_or(NoPlace)
}

/// An entry's own place: its tick, and its number among the entries of this tick.
pub(crate) type Spot = (u64, u32);

/// Which entries have been returned. The text is `TICKS[~TICK~ORDINAL…][_TICK_TRANSACTION]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) ticks: Ticks,
    /// Of further ticks, that were open or are `xmax`, entries have been returned, up to these.
    partly: Vec<Spot>,
    /// The last commit that was returned. A storage that does not have it was restored from a backup.
    pub(crate) witness: Option<(Tick, TransactionId)>,
}

/// How many commits a tick can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// One, and a later one has a higher tick: SQLite.
    One,
    /// Several: those that PostgreSQL made durable together.
    Several,
}

impl Place {
    /// Behind everything in `ticks`.
    pub(crate) fn behind(ticks: Ticks) -> Self {
        Self { ticks, partly: Vec::new(), witness: None }
    }

    /// In front of everything that is kept, when everything up to `purged` is not.
    pub(crate) fn oldest(purged: Spot, target: &Ticks) -> Self {
        let (xmax, _) = purged;
        // What is open now and has a lower tick will be kept when it is committed.
        Self { ticks: target.limited_to(xmax), partly: vec![purged], witness: None }
    }

    /// The entry from which on nothing above `xmax` has been returned: the range to read begins behind it. -1 stands for "no
    /// entry of this tick".
    pub(crate) fn told_to(&self) -> (u64, i64) {
        (self.ticks.xmax, self.told_of(self.ticks.xmax))
    }

    /// The ticks that were open, each with the last entry of it that has been returned, or -1.
    pub(crate) fn open(&self) -> impl Iterator<Item = (u64, i64)> + '_ {
        self.ticks.open.iter().map(|tick| (*tick, self.told_of(*tick)))
    }

    fn told_of(&self, tick: u64) -> i64 {
        self.partly.iter().find(|(partly, _)| *partly == tick).map_or(-1, |(_, ordinal)| i64::from(*ordinal))
    }

    /// The last entries that have been returned of ticks of which not all need have been.
    pub(crate) fn partly(&self) -> &[Spot] {
        &self.partly
    }

    /// Whether the entry has been returned.
    pub(crate) fn has_told(&self, (tick, ordinal): Spot) -> bool {
        self.ticks.holds(tick) || self.partly.iter().any(|(partly, told)| *partly == tick && ordinal <= *told)
    }

    /// Whether it can be reached from here: `target` holds everything that has been returned.
    pub(crate) fn is_within(&self, target: &Ticks) -> bool {
        target.holds_all(&self.ticks) && self.partly.iter().all(|(tick, _)| target.holds(*tick))
    }

    /// Whether something behind this place is no longer kept, when everything up to `purged` is not.
    pub(crate) fn has_lost(&self, purged: Spot, target: &Ticks) -> bool {
        let (tick, ordinal) = purged;
        // One that is still open has lost nothing: what it will have written is kept.
        let lost_an_open_one = self.ticks.open.iter().any(|open| *open <= tick && target.holds(*open));
        self.told_to() < (tick, i64::from(ordinal)) || lost_an_open_one
    }

    /// Where to continue, when of what `target` holds everything behind this place has been returned up to `last`, in order.
    pub(crate) fn cut(&self, target: &Ticks, last: Spot, share: Share) -> Self {
        let (tick, _) = last;
        if share == Share::One {
            return Self::behind(Ticks::below(tick + 1));
        }
        let xmax = self.ticks.xmax;
        if tick >= xmax {
            return Self { ticks: target.limited_to(tick), partly: vec![last], witness: None };
        }
        // Of those that were open the ones below the last are done, if they have ended.
        let is_left = |open: &u64| *open >= tick || !target.holds(*open);
        let open: Vec<u64> = self.ticks.open.iter().copied().filter(is_left).collect();
        // One that was committed before may lie behind one that was committed since.
        let others = self.partly.iter().copied();
        let others = others.filter(|(other, _)| *other != tick && (*other == xmax || open.contains(other)));
        let partly = std::iter::once(last).chain(others).collect();
        Self { ticks: Ticks { xmax, open }, partly, witness: None }
    }

    /// Where to continue, when everything behind this place that `target` holds has been returned, up to the tick `highest`.
    ///
    /// It claims nothing above the highest tick that was returned, although `target` does: after a crash PostgreSQL gives the
    /// numbers of transactions again that left no trace, and a commit with such a number would count as returned.
    pub(crate) fn end(&self, target: &Ticks, highest: Option<u64>) -> Self {
        let (xmax, told) = self.told_to();
        let xmax = if told < 0 { xmax } else { xmax + 1 };
        let xmax = highest.map_or(xmax, |tick| xmax.max(tick + 1));
        Self::behind(target.limited_to(xmax))
    }

    pub(crate) fn with_witness(mut self, witness: Option<(Tick, TransactionId)>) -> Self {
        self.witness = witness;
        self
    }

    /// Every commit with a smaller tick has been returned.
    pub(crate) fn settled(&self) -> Tick {
        Tick(self.ticks.xmin())
    }

    /// No commit with this tick or a higher one has been returned.
    pub(crate) fn ceiling(&self) -> Tick {
        let (xmax, told) = self.told_to();
        Tick(if told < 0 { xmax } else { xmax + 1 })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.ticks)?;
        for (tick, ordinal) in &self.partly {
            write!(f, "~{tick}~{ordinal}")?;
        }
        if let Some((tick, transaction)) = self.witness {
            write!(f, "_{tick}_{transaction}")?;
        }
        Ok(())
    }
}

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (place, witness) = text.split_once('_').map_or((text, None), |(place, rest)| (place, Some(rest)));
        let mut parts = place.split('~');
        let ticks = parts.next().ok_or(NoPlace)?.parse()?;
        let mut partly = Vec::new();
        while let Some(tick) = parts.next() {
            let ordinal = i32::from_str(parts.next().ok_or(NoPlace)?).ok();
            partly.push((number(tick)?, ordinal.and_then(|ordinal| u32::try_from(ordinal).ok()).ok_or(NoPlace)?));
        }
        let witness = witness.map(|text| {
            let (tick, transaction) = text.split_once('_').ok_or(NoPlace)?;
            Ok((Tick(number(tick)?), TransactionId(transaction.parse().map_err(|_| NoPlace)?)))
        });
        Ok(Self { ticks, partly, witness: witness.transpose()? })
    }
}

#[cfg(test)]
mod tests;
