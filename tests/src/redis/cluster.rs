//! A Redis Cluster whose slots move and whose nodes die.

use super::{Persistence, RedisServer, RedisTls, START};
use crate::{free_port, wait};

const SLOTS: u16 = 16_384;

/// Three primaries, each with a third of the slots. A node that does not answer for a second counts as failed.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
    tls: Option<RedisTls>,
}

/// What a node must be able to do before the fixture continues.
const WORKS: (&[&str], &str) = (&["CLUSTER", "INFO"], "cluster_state:ok");

fn node(tls: Option<&RedisTls>) -> RedisServer {
    let bus = free_port().to_string();
    let options = [
        "--tls-cluster",
        if tls.is_some() { "yes" } else { "no" },
        "--cluster-enabled",
        "yes",
        "--cluster-node-timeout",
        "1000",
        "--cluster-port",
        &bus,
        "--repl-diskless-sync-delay",
        "0",
    ];
    RedisServer::launch(Persistence::Nothing, &options, tls)
}

/// The port of the bus, which is part of the address by which nodes meet.
fn bus(node: &RedisServer) -> String {
    node.command(&["CONFIG", "GET", "cluster-port"]).lines().nth(1).expect("a name and a value").to_owned()
}

fn meet(node: &RedisServer, other: &RedisServer) {
    node.command(&["CLUSTER", "MEET", "127.0.0.1", &other.served_port().to_string(), &bus(other)]);
}

fn id(node: &RedisServer) -> String {
    node.command(&["CLUSTER", "MYID"])
}

impl RedisCluster {
    /// Three nodes that know each other and serve every slot.
    pub fn start() -> Self {
        Self::launch(None)
    }

    /// The same, where everyone speaks TLS with everyone.
    pub fn start_with_tls(tls: &RedisTls) -> Self {
        Self::launch(Some(tls))
    }

    fn launch(tls: Option<&RedisTls>) -> Self {
        let nodes: Vec<_> = (0..3).map(|_| node(tls)).collect();
        for (node, index) in nodes.iter().zip(0_u16..) {
            let (first, last) = (SLOTS / 3 * index, if index == 2 { SLOTS - 1 } else { SLOTS / 3 * (index + 1) - 1 });
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
            node.command(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
        }
        nodes[1..].iter().for_each(|other| meet(&nodes[0], other));
        nodes.iter().for_each(|node| node.waits_for(WORKS.0, WORKS.1));
        let cluster = Self { nodes, tls: tls.cloned() };
        cluster.nodes.iter().for_each(|node| node.waits_for(&["CLUSTER", "INFO"], "cluster_known_nodes:3"));
        cluster
    }

    /// `redis+cluster://<the nodes>`, with TLS `rediss+cluster://…`.
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.served_port())).collect();
        let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
        format!("{scheme}+cluster://{}", hosts.join(","))
    }

    /// A node. 0 to 2 begin as primaries; replicas follow.
    pub fn node(&self, index: usize) -> &RedisServer {
        &self.nodes[index]
    }

    /// Adds a replica, which takes over when its primary fails; returns its index.
    pub fn replicate(&mut self, primary: usize) -> usize {
        let replica = node(self.tls.as_ref());
        meet(&replica, &self.nodes[primary]);
        replica.waits_for(WORKS.0, WORKS.1);
        replica.command(&["CLUSTER", "REPLICATE", &id(&self.nodes[primary])]);
        replica.waits_for(&["INFO", "replication"], "master_link_status:up");
        let id = id(&replica);
        // Its place among the others must be known to those that will vote for it.
        self.nodes.iter().for_each(|node| node.waits_for(&["CLUSTER", "NODES"], &id));
        let mut replicas = String::new();
        let known = wait::until(START, || {
            replicas = self.nodes.iter().map(|node| node.command(&["CLUSTER", "NODES"])).collect();
            (replicas.matches("slave").count() == self.nodes.len()).then_some(())
        });
        assert!(known.is_some(), "the replica is not known as one: {replicas}");
        self.nodes.push(replica);
        self.nodes.len() - 1
    }

    /// The slot of a key.
    pub fn slot(&self, key: &str) -> u16 {
        self.nodes[1].command(&["CLUSTER", "KEYSLOT", key]).parse().expect("a number")
    }

    /// The primary of 0 to 2 that serves a slot.
    pub fn owner(&self, slot: u16) -> usize {
        let owns = |node: &RedisServer| {
            let nodes = node.command(&["CLUSTER", "NODES"]);
            let own = nodes.lines().find(|line| line.contains("myself")).expect("a node knows itself");
            own.split(' ').skip(8).any(|range| {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                matches!((first.parse(), last.parse()), (Ok(first), Ok(last)) if (first..=last).contains(&slot))
            })
        };
        self.nodes.iter().take(3).position(owns).expect("a node serves the slot")
    }

    /// Begins to move a slot: keys that its owner no longer has are asked for at the other node (`ASK`).
    pub fn begin_move(&self, slot: u16, to: usize) {
        let (from, slot) = (self.owner(slot), slot.to_string());
        self.nodes[to].command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id(&self.nodes[from])]);
        self.nodes[from].command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id(&self.nodes[to])]);
    }

    /// Ends the move of a slot: its keys are moved, and the other node is its owner (`MOVED`).
    pub fn end_move(&self, slot: u16, to: usize) {
        let (from, slot) = (&self.nodes[self.owner(slot)], slot.to_string());
        let keys = from.command(&["CLUSTER", "GETKEYSINSLOT", &slot, "1000"]);
        for key in keys.lines() {
            let port = self.nodes[to].served_port().to_string();
            from.command(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000", "REPLACE"]);
        }
        for node in [&self.nodes[to], from] {
            node.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &id(&self.nodes[to])]);
        }
    }
}
