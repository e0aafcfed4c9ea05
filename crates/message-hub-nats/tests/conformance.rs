//! The hub over NATS keeps the contract, with the oldest server that is supported, with a current one, and with
//! a cluster of three.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use character_message_hub_testkit::{message_hub_conformance, message_hub_durability};
use support::{Clustered, CrashingCurrent, CrashingOldest, Current, Oldest};

message_hub_conformance!(oldest, Oldest);
message_hub_conformance!(current, Current);
message_hub_conformance!(cluster, Clustered);
message_hub_durability!(oldest_after_a_crash, CrashingOldest);
message_hub_durability!(current_after_a_crash, CrashingCurrent);
