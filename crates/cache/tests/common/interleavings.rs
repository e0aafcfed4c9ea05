//! Every order in which loads, writes and an eviction can take their steps on one key of a shared tier. Each step is
//! atomic in the tier, so the orders are all that can happen.
//!
//! Lesson 53: the interleavings are written down, and checked one by one.

use super::{Fence, Key, Lease, Lookup, Settlement, SharedTier};
use bytes::Bytes;
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};
use uuid::Uuid;

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Looks the key up, asks the origin, fills.
    Load,
    /// Fences, commits, settles with the new value when it knows it.
    Write,
    /// The same without knowing the new value.
    Change,
    /// Fences, is refused, restores.
    Refused,
    /// Fences, commits, is not told, and leaves the key in doubt.
    Unanswered,
    /// Fences, commits and is never heard of again.
    Dies,
    /// The tier forgets the key.
    Evict,
}

impl Part {
    fn steps(self) -> usize {
        match self {
            Self::Evict => 1,
            Self::Dies => 2,
            _ => 3,
        }
    }
}

/// The casts that matter: up to three of them on one key.
pub(crate) fn casts() -> Vec<Vec<Part>> {
    let writes = [Part::Write, Part::Change, Part::Refused, Part::Unanswered];
    let mut casts = vec![vec![Part::Load, Part::Load, Part::Dies]];
    for (index, one) in writes.into_iter().enumerate() {
        casts.push(vec![Part::Load, one, Part::Evict]);
        casts.push(vec![Part::Load, Part::Load, one]);
        casts.extend(writes[index..].iter().map(|other| vec![Part::Load, one, *other]));
    }
    casts
}

/// Every order of the steps of a cast, as whose turn it is.
pub(crate) fn orders(cast: &[Part]) -> Vec<Vec<usize>> {
    fn extend(left: &mut [usize], order: &mut Vec<usize>, orders: &mut Vec<Vec<usize>>) {
        if left.iter().all(|steps| *steps == 0) {
            return orders.push(order.clone());
        }
        for part in 0..left.len() {
            if left[part] > 0 {
                left[part] -= 1;
                order.push(part);
                extend(left, order, orders);
                order.pop();
                left[part] += 1;
            }
        }
    }
    let mut orders = Vec::new();
    let mut left: Vec<_> = cast.iter().map(|part| part.steps()).collect();
    extend(&mut left, &mut Vec::new(), &mut orders);
    orders
}

pub(crate) type Evict = Arc<dyn Fn(Key) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

#[derive(Clone, Copy, Default)]
struct Progress {
    steps: usize,
    lease: Option<Lease>,
    fence: Option<Fence>,
    read: u64,
    /// What the writer believes that its write makes.
    predicted: u64,
    made: u64,
}

fn written(revision: u64) -> Bytes {
    Bytes::from(revision.to_string())
}

fn read(value: &Bytes) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

const FRESH: Duration = Duration::from_secs(3_600);

/// Plays one order on a key of its own, the parts taking turns between the processes; answers what went wrong.
async fn play(
    processes: &[Arc<dyn SharedTier>],
    evict: &Evict,
    cast: &[Part],
    order: &[usize],
    filled: bool,
) -> Result<(), String> {
    let key = Key::from(format!("character:row:{}", Uuid::new_v4()).as_str());
    let keys = std::slice::from_ref(&key);
    let (mut origin, mut acknowledged) = (1u64, 1u64);
    let mut parts = vec![Progress::default(); cast.len()];
    if filled && let Lookup::Leased { lease, .. } = processes[0].get_or_lease(&key, FRESH).await {
        processes[0].fill(&key, lease, Some(written(1))).await;
    }
    for turn in order {
        let (tier, part) = (&processes[turn % processes.len()], &mut parts[*turn]);
        match (cast[*turn], part.steps) {
            (Part::Load, 0) => match tier.get_or_lease(&key, FRESH).await {
                Lookup::Hit { value, .. } if read(&value).is_none_or(|found| found < acknowledged) => {
                    return Err(format!("{value:?} is current after {acknowledged} was acknowledged"));
                }
                Lookup::Leased { lease, .. } => part.lease = Some(lease),
                _ => {}
            },
            (Part::Load, 1) => part.read = origin,
            (Part::Load, _) => {
                if let Some(lease) = part.lease {
                    tier.fill(&key, lease, Some(written(part.read))).await;
                }
            }
            (Part::Evict, _) => evict(key.clone()).await,
            (_, 0) => {
                part.predicted = origin + 1;
                part.fence = Some(tier.fence(keys).await);
            }
            (Part::Refused, 1) => {}
            (_, 1) => {
                origin += 1;
                part.made = origin;
            }
            (kind, _) => {
                let settlement = match kind {
                    Part::Write if part.predicted == part.made => Settlement::Store(written(part.made)),
                    Part::Refused => Settlement::Restore,
                    Part::Unanswered => Settlement::Doubt,
                    _ => Settlement::Remove,
                };
                if let Some(fence) = part.fence {
                    tier.settle(fence, vec![(key.clone(), settlement)]).await;
                }
                acknowledged = acknowledged.max(part.made);
            }
        }
        part.steps += 1;
    }
    match processes[0].get_or_lease(&key, FRESH).await {
        Lookup::Hit { value, .. } if read(&value) != Some(origin) => {
            Err(format!("{value:?} stays instead of {origin}"))
        }
        // A dead writer's placeholder holds until it runs out.
        Lookup::Busy { .. } if cast.contains(&Part::Dies) => Ok(()),
        Lookup::Busy { .. } | Lookup::Loading { .. } => Err("the key stays locked".to_owned()),
        Lookup::Down => Err("the tier is down".to_owned()),
        _ => Ok(()),
    }
}

/// Plays every `share`-th order of every cast; answers how many were played, and the first that went wrong.
pub(crate) async fn explore(
    processes: Vec<Arc<dyn SharedTier>>,
    evict: Evict,
    share: usize,
) -> (usize, Option<String>) {
    let mut plays = Vec::new();
    for cast in casts() {
        for (index, order) in orders(&cast).into_iter().enumerate() {
            if rand::random_range(0..share) == 0 {
                plays.push((cast.clone(), order, index % 2 == 0));
            }
        }
    }
    let count = plays.len();
    let plays = Arc::new(std::sync::Mutex::new(plays));
    let players: Vec<_> = (0..16)
        .map(|_| {
            let (plays, processes, evict) = (Arc::clone(&plays), processes.clone(), Arc::clone(&evict));
            tokio::spawn(async move {
                loop {
                    let next = plays.lock().expect("no panic holds it").pop();
                    let (cast, order, filled) = next?;
                    if let Err(wrong) = play(&processes, &evict, &cast, &order, filled).await {
                        plays.lock().expect("no panic holds it").clear();
                        return Some(format!("{cast:?} in the order {order:?}: {wrong}"));
                    }
                }
            })
        })
        .collect();
    let mut first = None;
    for player in players {
        first = first.or(player.await.expect("a player does not panic"));
    }
    (count, first)
}
