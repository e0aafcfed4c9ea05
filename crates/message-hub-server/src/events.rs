//! Events: published, delivered and settled.

mod batch;
mod binary;
mod deliver;
mod elsewhere;
mod holders;
mod holding;
mod known;
mod passed;
mod peers;
mod pollers;
mod publish;
mod sessions;
mod settle;
mod stream;

pub(crate) use deliver::{deliver, leave};
pub(crate) use holders::Holders;
pub(crate) use passed::Passed;
pub(crate) use pollers::Pollers;
pub(crate) use publish::publish;
pub(crate) use sessions::Sessions;
pub(crate) use settle::settle;

use character_message_hub::{ErrorKind, HubError};

/// The failure of a call that needs another server, or of one that this server does not take any more.
fn unavailable(operation: &'static str, detail: &'static str) -> HubError {
    HubError::new(ErrorKind::Unavailable { retry_after: None }, operation).with_detail(detail)
}
