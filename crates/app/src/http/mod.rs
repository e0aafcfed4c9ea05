//! HTTP servers whose connections cannot be held by a client that is slow, silent or gone.
//!
//! actix-http has deadlines for the first head, for idle connections and for the end of a connection. What it lacks is
//! here: deadlines for later heads and for answers, bounded pieces of large answers, problem documents for requests that it
//! cannot read, and an account of every connection.

mod answer;
mod connection;
mod connections;
mod entrance;
mod lane;
mod refusal;
mod socket;
mod stream;

pub(crate) use connections::{Connections, SocketLimits};
pub(crate) use entrance::{Entrance, RoutedAnswer};
pub(crate) use lane::Lanes;
pub(crate) use socket::ListenerTls;

use actix_http::{HttpService, Method, Protocol, Request, Response, body::MessageBody};
use actix_server::{Server, ServerBuilder};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, apply_fn_factory, fn_service, map_config};
use actix_web::{Error, dev::AppConfig, dev::Service};
use answer::InFlight;
use connection::Connection;
use futures_util::future::Either;
use rustix::net::sockopt;
use socket::accepted;
use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    rc::Rc,
    sync::Arc,
    thread,
    time::Duration,
};
use stream::GuardedStream;
use tokio::net::{TcpSocket, TcpStream};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Bytes of an answer that the system keeps for a client that does not read. It is set, because a buffer that grows by
/// itself takes up to 4 MiB a connection, and reports progress in steps that are too large to set a deadline for.
const SEND_BUFFER: u32 = 128 * 1024;

/// The silence of a connection after which, and then every so often, the system asks whether the client is still there.
const SILENCE: Duration = Duration::from_secs(4);
/// When a client that acknowledges nothing counts as gone, at the earliest. With [`SILENCE`], a stream of live updates ends within
/// 20 s of the disappearance of its client.
const GONE_AFTER: Duration = Duration::from_secs(12);
/// To the system, a client that does not read is gone too. It must not end a connection before our own limit does.
const AFTER_OURS: Duration = Duration::from_secs(2);

/// Binds a socket for [`start`] with connections that have this [`patience`](SocketLimits::patience). Needs a Tokio runtime.
pub(crate) fn bind(address: SocketAddr, patience: Duration) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit it.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_keepalive(true)?;
    sockopt::set_tcp_keepidle(&socket, SILENCE)?;
    sockopt::set_tcp_keepintvl(&socket, SILENCE)?;
    let gone_after = GONE_AFTER.max(patience + AFTER_OURS);
    sockopt::set_tcp_user_timeout(&socket, u32::try_from(gone_after.as_millis()).unwrap_or(u32::MAX))?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Finds the requests, by method and path, that may have a long answer.
pub(crate) type MayBeLong = fn(&Method, &str) -> bool;

/// The threads of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threads {
    /// Threads that serve sockets.
    workers: usize,
    /// Threads for requests with large bodies, and as many for lists; with none the workers answer them.
    large: usize,
    may_be_long: MayBeLong,
}

impl Threads {
    /// A worker for each processor, but not more than connections, and as many threads for large requests.
    pub(crate) fn of_processors(connections: usize, may_be_long: MayBeLong) -> Self {
        let processors = thread::available_parallelism().map_or(2, usize::from);
        Self { workers: processors.min(connections).max(1), large: processors, may_be_long }
    }

    /// One, for a listener of a few small requests.
    pub(crate) const ONE: Self = Self { workers: 1, large: 0, may_be_long: |_, _| false };

    /// Threads that serve sockets.
    pub(crate) fn workers(self) -> usize {
        self.workers
    }
}

/// Starts a server of the application, with TLS or without. `lanes` answer its large requests; without them the workers do.
/// `shutdown` is the time for active requests at a shutdown.
pub(crate) fn start<F, I, S, B>(
    listener: TcpListener,
    threads: Threads,
    lanes: Option<Arc<Lanes>>,
    shutdown: Duration,
    connections: Arc<Connections>,
    tls: Option<ListenerTls>,
    application: F,
) -> io::Result<Server>
where
    F: Fn() -> I + Clone + Send + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Future: 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    S::Service: 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    let builder = ServerBuilder::new();
    let stopping = builder.graceful_shutdown_signal();
    let server = builder
        .workers(threads.workers)
        .max_concurrent_connections((connections.limits.most / threads.workers).max(1))
        .shutdown_timeout(shutdown.as_secs())
        .disable_signals()
        .listen("http", listener, move || {
            let (stopping, connections, lanes) = (stopping.clone(), Arc::clone(&connections), lanes.clone());
            let tls = tls.clone();
            let limits = connections.limits;
            connections.watch_thread();
            let application = application().into_factory().map_err(|error| error.into().error_response());
            let application = map_config(application, |()| AppConfig::default());
            let answering = apply_fn_factory(application, move |request: Request, application| {
                let in_flight = InFlight::begin(request.conn_data::<Rc<Connection>>());
                let answer = match lanes.as_ref().and_then(|lanes| lanes.of(request.head())) {
                    Some(lane) => Either::Left((lane, request)),
                    None => Either::Right(application.call(request)),
                };
                async move {
                    match answer {
                        Either::Left((lane, request)) => Ok(in_flight.over(lane.answer(request).await)),
                        Either::Right(answer) => Ok(in_flight.over(answer.await?.into())),
                    }
                }
            });
            let http = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let stopping = stopping.clone();
                    async move { stopping.notified().await }
                })
                .keep_alive(limits.keep_alive)
                .client_request_timeout(limits.patience)
                .client_disconnect_timeout(limits.disconnect())
                .on_connect_ext(|stream: &GuardedStream, data| {
                    let connection = stream.connection();
                    data.insert(connection.client_end());
                    data.insert(connection);
                })
                .finish(answering);
            let http = apply_fn_factory(http, |stream: GuardedStream, http| {
                let (connection, peer) = (stream.connection(), stream.peer());
                let serving = http.call((stream, Protocol::Http1, peer));
                async move {
                    let result = serving.await;
                    connection.ended(&result);
                    result
                }
            });
            fn_service(move |stream: TcpStream| accepted(stream, Arc::clone(&connections), tls.clone())).and_then(http)
        })?;
    Ok(server.run())
}

#[cfg(test)]
mod tests;
