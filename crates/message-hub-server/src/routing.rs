//! Requests to services: which instances there are, which one is tried, and what is sent on.

mod attempts;
mod forward;
mod headers;
mod instance;
mod register;
mod router;
mod sharing;

pub(crate) use forward::forward;
pub(crate) use register::{deregister, register, services};
pub(crate) use router::Router;
pub(crate) use sharing::Sharing;
