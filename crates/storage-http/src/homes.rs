//! A value for each runtime of one thread.

use std::{num::NonZero, sync::OnceLock, thread::available_parallelism};
use tokio::runtime::{Handle, Id, RuntimeFlavor};

/// One for all, and one for each runtime of one thread that has asked, up to two for each core: a server may have one thread for
/// sockets and one for a Message Hub on each.
pub(crate) struct Homes<T> {
    shared: T,
    make: Box<dyn Fn() -> Option<T> + Send + Sync>,
    homes: Vec<OnceLock<(Id, T)>>,
}

impl<T: Clone> Homes<T> {
    /// `make` makes another one like `shared`, where it can.
    pub(crate) fn new(shared: T, make: impl Fn() -> Option<T> + Send + Sync + 'static) -> Self {
        let homes = 2 * available_parallelism().map_or(1, NonZero::get);
        Self { shared, make: Box::new(make), homes: std::iter::repeat_with(OnceLock::new).take(homes).collect() }
    }

    /// The one of the caller's runtime.
    pub(crate) fn own(&self) -> &T {
        let caller =
            Handle::try_current().ok().filter(|handle| handle.runtime_flavor() == RuntimeFlavor::CurrentThread);
        let Some(caller) = caller.map(|handle| handle.id()) else { return &self.shared };
        let made = || (caller, (self.make)().unwrap_or_else(|| self.shared.clone()));
        let own = self.homes.iter().map(|home| home.get_or_init(made)).find(|(runtime, _)| *runtime == caller);
        own.map_or(&self.shared, |(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::runtime::{Builder, Runtime};

    fn single() -> Runtime {
        Builder::new_current_thread().build().unwrap()
    }

    #[test]
    fn each_runtime_of_one_thread_has_its_own_and_all_others_share_one() {
        let next = AtomicUsize::new(1);
        let homes = Homes::new(0, move || Some(next.fetch_add(1, Ordering::Relaxed)));
        assert_eq!(*homes.own(), 0, "outside any runtime");
        let threads = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let entered = threads.enter();
        assert_eq!(*homes.own(), 0, "of several threads");
        drop(entered);
        let most = 2 * available_parallelism().unwrap().get();
        let runtimes: Vec<_> = std::iter::repeat_with(single).take(most + 1).collect();
        for _ in 0..2 {
            for (number, runtime) in (1..).zip(&runtimes) {
                let _entered = runtime.enter();
                assert_eq!(*homes.own(), if number > most { 0 } else { number });
            }
        }
    }

    #[test]
    fn one_that_cannot_be_made_is_the_shared_one() {
        let homes = Homes::new("shared", || None);
        let runtime = single();
        let _entered = runtime.enter();
        assert_eq!(*homes.own(), "shared");
    }
}
