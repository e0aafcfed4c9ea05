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
