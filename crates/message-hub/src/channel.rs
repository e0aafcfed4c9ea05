//! What the processes of one service send to one another, beside the port of the hub.

use crate::Result;
use async_trait::async_trait;
use bytes::Bytes;
use std::fmt;

/// What a process hears of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A message.
    Message(Bytes),
    /// The way to the others was interrupted and works again: messages may have been lost in both directions.
    Interrupted,
}

/// Messages between the processes of one service. Each goes to every process that listens, at most once: it is lost for a process
/// whose connection is lost, so a message is repeated, or nothing depends on it for long.
#[async_trait]
pub trait PeerChannel: Send + Sync + fmt::Debug {
    /// Sends a message to every process that listens, this one included.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`, `Unauthorized`: no process receives it.
    async fn send(&self, message: Bytes) -> Result<()>;

    /// Waits for the next message, or for the end of an interruption. Each is returned once, by whichever call waits.
    ///
    /// # Cancel safety
    /// A dropped call loses no message.
    async fn receive(&self) -> Heard;
}
