//! A value for each runtime of one thread, for adapters whose connections belong to the runtime that opened them.

use std::{fmt, num::NonZero, sync::OnceLock, thread::available_parallelism};
use tokio::runtime::{Handle, Id, RuntimeFlavor};

/// The runtime of the caller when it has one thread.
///
/// The task that moves the bytes of a connection runs where the connection was opened. A runtime of one thread gains by
/// connections of its own: a request over any other costs two wake-ups across threads.
#[must_use]
pub fn runtime_of_one_thread() -> Option<Handle> {
    Handle::try_current().ok().filter(|handle| handle.runtime_flavor() == RuntimeFlavor::CurrentThread)
}

/// The maximum number of runtimes of one thread for which an adapter keeps something: two for each core, because a server may have
/// one for sockets and one for a Message Hub on each.
#[must_use]
pub fn max_homes() -> usize {
    2 * available_parallelism().map_or(1, NonZero::get)
}

/// A value for each runtime of one thread that has asked, for at most [`max_homes`].
///
/// ```
/// use character_storage_port::Homes;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let connections = Homes::new();
/// assert_eq!(connections.own(|| "opened"), Some(&"opened"));
/// assert_eq!(connections.own(|| "opened again"), Some(&"opened"));
/// # }
/// ```
pub struct Homes<T>(Vec<OnceLock<(Id, T)>>);

impl<T> Default for Homes<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Homes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Homes").field("taken", &self.iter().count()).finish_non_exhaustive()
    }
}

impl<T> Homes<T> {
    /// No runtime has asked.
    #[must_use]
    pub fn new() -> Self {
        Self(std::iter::repeat_with(OnceLock::new).take(max_homes()).collect())
    }

    /// The value of the caller's runtime, which `make` makes when it asks first. `None`: it has several threads or is none, or
    /// enough others have asked before.
    pub fn own(&self, make: impl Fn() -> T) -> Option<&T> {
        let caller = runtime_of_one_thread()?.id();
        let made = || (caller, make());
        let own = self.0.iter().map(|home| home.get_or_init(made)).find(|(runtime, _)| *runtime == caller);
        own.map(|(_, value)| value)
    }

    /// The values of all runtimes that have asked.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(|home| home.get().map(|(_, value)| value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::runtime::Builder;

    #[test]
    fn each_runtime_of_one_thread_has_its_own_and_all_others_have_none() {
        let (homes, next) = (Homes::new(), AtomicUsize::new(0));
        let own = || homes.own(|| next.fetch_add(1, Ordering::Relaxed)).copied();
        assert_eq!(own(), None, "outside any runtime");
        let threads = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let entered = threads.enter();
        assert_eq!(own(), None, "of several threads");
        drop(entered);
        let single = || Builder::new_current_thread().build().unwrap();
        let runtimes: Vec<_> = std::iter::repeat_with(single).take(max_homes() + 1).collect();
        for _ in 0..2 {
            for (number, runtime) in runtimes.iter().enumerate() {
                let _entered = runtime.enter();
                assert_eq!(own(), (number < max_homes()).then_some(number));
            }
        }
        assert!(homes.iter().copied().eq(0..max_homes()));
    }
}
