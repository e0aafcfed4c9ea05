use super::*;
use crate::postgres::{
    connect::Sessions,
    scripted::{Scripted, Serving, address},
};
use futures_util::FutureExt as _;
use std::pin::pin;

fn pools(connections: usize) -> Pools {
    pools_of("postgres://nobody@127.0.0.1:1/none", connections)
}

fn pools_of(url: &str, connections: usize) -> Pools {
    let connector = Connector::new(address(url), String::new(), Duration::from_secs(1), Sessions::Current);
    Pools::new(&connector, connections, Duration::from_secs(1)).unwrap()
}

fn single() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

#[test]
fn all_pools_together_have_the_limit_and_each_caller_has_a_connection() {
    for connections in 0..20 {
        let pools = pools(connections);
        let limit = |connections: usize| assert_eq!(pools.status().limit, connections.max(1));
        limit(connections);
        let runtimes: Vec<_> = std::iter::repeat_with(single).take(pools.homes.len() + 2).collect();
        for other in (0..20).rev() {
            for runtime in &runtimes {
                let _entered = runtime.enter();
                assert!(pools.own().get().status().max_size > 0, "{connections} and then {other}");
            }
            assert!(pools.shared.get().status().max_size > 0, "{connections} and then {other}");
            pools.resize(other);
            limit(other);
        }
    }
}

#[test]
fn a_runtime_of_one_thread_has_a_pool_of_its_own_and_all_others_share_one() {
    let pools = pools(100);
    let is_shared = |pool: &Resizable| std::ptr::eq(pool, &raw const pools.shared);
    assert!(is_shared(pools.own()), "outside any runtime");
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let entered = threads.enter();
    assert!(is_shared(pools.own()), "of several threads");
    drop(entered);
    let mut seen: Vec<*const Resizable> = Vec::new();
    for runtime in std::iter::repeat_with(single).take(pools.homes.len()).collect::<Vec<_>>() {
        let _entered = runtime.enter();
        let own = pools.own();
        assert!(!is_shared(own) && !seen.contains(&&raw const *own) && std::ptr::eq(own, pools.own()));
        seen.push(own);
    }
    let late = single();
    let _entered = late.enter();
    assert!(is_shared(pools.own()), "more than there are pools");
}

async fn serves() -> Scripted {
    Scripted::serves(Serving::default()).await
}

#[tokio::test]
async fn a_pool_that_grows_or_keeps_its_size_keeps_its_connections() {
    let server = serves().await;
    let pools = pools_of(&server.url(), 3);
    drop(pools.get().await.unwrap());
    for (connections, open) in [(3, 1), (5, 1), (5, 1), (2, 0)] {
        pools.resize(connections);
        let status = pools.status();
        assert_eq!((status.limit, status.open, status.idle), (connections, open, open));
    }
    drop(pools.get().await.unwrap());
    pools.forget_idle();
    assert_eq!((pools.status().limit, pools.status().open), (2, 0));
}

#[tokio::test]
async fn pools_that_were_closed_stay_closed() {
    let server = serves().await;
    for connections in [1, 3, 5] {
        let pools = pools_of(&server.url(), 3);
        pools.close();
        pools.resize(connections);
        assert!(matches!(pools.get().await, Err(PoolError::Closed)));
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_caller_that_waits_is_counted_and_is_served_by_the_pools_that_replace_others() {
    let server = serves().await;
    let pools = pools_of(&server.url(), 2);
    let (first, second) = (pools.get().await.unwrap(), pools.get().await.unwrap());
    assert_eq!((pools.status().open, pools.status().idle, pools.status().waiting), (2, 0, 0));
    {
        let mut waits = pin!(pools.get());
        assert!(waits.as_mut().now_or_never().is_none());
        assert_eq!(pools.status().waiting, 1);
        pools.resize(1);
        assert!(waits.as_mut().now_or_never().is_none());
        assert_eq!((pools.status().limit, pools.status().waiting), (1, 1));
        drop((first, second));
        drop(waits.await.unwrap());
    }
    let status = pools.status();
    assert_eq!((status.open, status.idle, status.waiting), (1, 1, 0));
}

#[tokio::test]
async fn a_caller_borrows_from_other_pools_when_its_own_has_nothing_left() {
    let server = serves().await;
    let pools = pools_of(&server.url(), 3);
    let held = [pools.get().await.unwrap(), pools.get().await.unwrap(), pools.get().await.unwrap()];
    assert_eq!((pools.status().open, server.connections()), (3, 3));
    let mut waits = pin!(pools.get());
    assert!(waits.as_mut().now_or_never().is_none());
    drop(held);
    drop(waits.await.unwrap());
    assert_eq!(server.connections(), 0);
}
