//! A TCP proxy for tests that does to connections what networks and dying servers do.
//!
//! It listens on a private port of `127.0.0.1` and carries bytes to one upstream; a [`Plan`] says what happens to
//! each connection. It runs on a thread of its own, so that a test may block, and is gone with its last byte when it
//! is dropped. It knows nothing of what it carries, except where the head of an HTTP message ends.
//!
//! ```
//! use character_fault_proxy::{Fault, FaultProxy, Plan};
//! use std::io::{Read as _, Write as _};
//! use std::net::{TcpListener, TcpStream};
//!
//! # fn main() -> std::io::Result<()> {
//! let upstream = TcpListener::bind("127.0.0.1:0")?;
//! let proxy = FaultProxy::start(upstream.local_addr()?)?;
//!
//! // The first connection is reset, the others pass.
//! proxy.set(Plan::script([Fault::Reset]));
//! let mut answer = Vec::new();
//! assert!(TcpStream::connect(proxy.address())?.read_to_end(&mut answer).is_err());
//!
//! TcpStream::connect(proxy.address())?.write_all(b"hello")?;
//! upstream.accept()?.0.read_to_end(&mut answer)?;
//! assert_eq!(answer, b"hello");
//! assert_eq!((proxy.counts().connections, proxy.counts().injected), (2, 1));
//! # Ok(())
//! # }
//! ```

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod connection;
mod counts;
mod fault;
mod plan;
mod proxy;
mod random;
mod shape;

pub use counts::Counts;
pub use fault::{Fault, Mark, Way};
pub use plan::Plan;
pub use proxy::{FaultProxy, REFUSAL};
pub use random::seed;
