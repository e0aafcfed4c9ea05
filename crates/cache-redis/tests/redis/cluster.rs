//! A Cluster spreads the names over its nodes, moves slots, and loses nodes.

use crate::*;
use character_tests::RedisCluster;

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_serves_every_name_moves_a_slot_and_is_cleared() {
    let cluster = RedisCluster::start();
    let rights = ["+cluster|info", "+cluster|slots", "+asking"];
    let urls = [0, 1, 2].map(|node| as_modest_user(cluster.node(node), &cluster.url(), &rights));
    let options = options(&urls[0]);
    let (process, other) = (Process::start(&options).await, Process::start(&self::options(&cluster.url())).await);
    other.puts("row:1", "other").await;
    let names: Vec<_> = (0..300).map(|number| format!("row:{number}")).collect();
    for (number, name) in names.iter().enumerate() {
        assert_eq!(process.lock(name).await, Lock::Taken);
        assert!(process.put(name, text(number)).await);
        assert_eq!(process.get(name).await, Lookup::Found(text(number)));
        assert_eq!(process.lock(name).await, Lock::Taken, "the value ends the lock");
    }
    for node in 0..3 {
        let keys: u64 = cluster.node(node).command(&["DBSIZE"]).parse().expect("a number");
        assert!(keys > 50, "node {node} has {keys}");
    }
    process.remove(&names[..100]).await;
    assert_eq!(process.get(&names[99]).await, Lookup::Absent);

    // The slot of a name that is there, and of one that is not.
    let slot = cluster.slot(&format!("{}{{row:200}}", options.prefix));
    let to = (cluster.owner(slot) + 1) % 3;
    process.remove(&["row:200".into()]).await;
    process.unlock("row:200").await;
    cluster.begin_move(slot, to);
    assert_eq!(process.get("row:200").await, Lookup::Absent);
    assert_eq!((process.lock("row:200").await, process.lock("row:200").await), (Lock::Taken, Lock::Busy));
    process.puts("row:200", "while it moves").await;
    process.finds("row:200", "while it moves").await;
    assert_eq!(process.lock("row:200").await, Lock::Taken);
    process.remove(&["row:200".into()]).await;
    process.puts("row:200", "while it moves").await;
    cluster.end_move(slot, to);
    for _ in 0..20 {
        process.finds("row:200", "while it moves").await;
    }
    process.puts("row:200", "after").await;
    process.finds("row:200", "after").await;
    assert_eq!(process.count("failures"), 0, "{:?}", process.failure());

    process.clear().await;
    for name in &names {
        assert_eq!(process.get(name).await, Lookup::Absent, "{name}");
    }
    other.finds("row:1", "other").await;
    assert_eq!(process.count("failures"), 0, "{:?}", process.failure());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_loses_a_node_is_used_again_when_its_slots_are_served() {
    let mut cluster = RedisCluster::start();
    let replica = cluster.replicate(0);
    let options = options(&cluster.url());
    let process = Process::start(&options).await;
    let names: Vec<_> = (0..50).map(|number| format!("row:{number}")).collect();
    for name in &names {
        assert!(process.put(name, "before".into()).await);
    }
    let serves_all = async |case: &str| {
        for name in &names {
            assert!(process.put(name, "after".into()).await, "{case} {name}: {:?}", process.failure());
            assert_eq!(
                process.get(name).await,
                Lookup::Found("after".into()),
                "{case} {name}: {:?}",
                process.failure()
            );
        }
    };
    cluster.node(0).kill();
    let begun = Instant::now();
    for name in &names {
        process.get(name).await;
    }
    // One caller waits, and those after it do not.
    assert!(begun.elapsed() < Duration::from_millis(1_500), "{:?}", begun.elapsed());
    process.is_skipped().await;
    let until = Instant::now() + PATIENCE;
    while !cluster.node(1).command(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
        || !cluster.node(replica).command(&["ROLE"]).starts_with("master")
    {
        assert!(Instant::now() < until, "the replica never takes over");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let served = Instant::now();
    process.is_used(SOON).await;
    eprintln!("used {:?} after the replica took over", served.elapsed());
    serves_all("a replica took over").await;

    // A node without a replica is missed until it is there again.
    cluster.node(1).kill();
    process.is_skipped().await;
    assert_eq!(process.get("row:1").await, Lookup::Down);
    cluster.node(1).restart();
    process.is_used(PATIENCE).await;
    serves_all("it is back").await;
    assert_eq!(process.count("outages"), 2);
}
