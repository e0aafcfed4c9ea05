//! One connection through the proxy.

use crate::{
    Fault, Way,
    counts::Counters,
    shape::{End, Heads, Shape, corrupt},
};
use std::{
    future::pending,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    time::{sleep, timeout},
};

/// The upstream is near; who does not answer by then does not take connections.
const CONNECT: Duration = Duration::from_secs(5);
const PIECE: usize = 16 * 1024;

/// What is to happen to the connections that are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Reset,
    Freeze,
}

pub(crate) struct Connection {
    pub(crate) number: u64,
    pub(crate) client: TcpStream,
    pub(crate) upstream: SocketAddr,
    pub(crate) fault: Fault,
    pub(crate) counters: Arc<Counters>,
    pub(crate) orders: watch::Receiver<Option<Order>>,
}

/// How a connection ends.
enum Ended {
    InOrder,
    ByReset,
}

/// Counts a connection for as long as it is open, however it ends.
struct Open(Arc<Counters>);

impl Open {
    fn counted(counters: &Arc<Counters>) -> Self {
        counters.open.fetch_add(1, Relaxed);
        Self(Arc::clone(counters))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

impl Connection {
    pub(crate) async fn carry(mut self) {
        let _open = Open::counted(&self.counters);
        let mut server = None;
        let mut orders = self.orders.clone();
        let ended = tokio::select! {
            biased;
            order = next(&mut orders) => match order {
                Order::Reset => Ended::ByReset,
                Order::Freeze => tokio::select! {
                    () = resets(&mut orders) => Ended::ByReset,
                    () = swallow(&mut self.client, &self.counters) => Ended::InOrder,
                },
            },
            ended = exchange(&mut self.client, &mut server, self.fault, self.upstream, self.number, &self.counters) => ended,
        };
        if let Ended::ByReset = ended {
            for side in [Some(&self.client), server.as_ref()].into_iter().flatten() {
                // On a socket that is gone already there is nothing to reset.
                let _ = side.set_zero_linger();
            }
        }
    }
}

async fn next(orders: &mut watch::Receiver<Option<Order>>) -> Order {
    loop {
        if orders.changed().await.is_err() {
            return pending().await;
        }
        if let Some(order) = *orders.borrow_and_update() {
            return order;
        }
    }
}

async fn resets(orders: &mut watch::Receiver<Option<Order>>) {
    while next(orders).await != Order::Reset {}
}

/// Reads until the other side closes, and forgets it all.
async fn swallow(client: &mut TcpStream, counters: &Counters) {
    let mut buffer = vec![0; PIECE];
    let mut heads = Heads::of_requests();
    while let Ok(read @ 1..) = client.read(&mut buffer).await {
        count(&mut heads, buffer.get(..read).unwrap_or_default(), &counters.requests);
    }
}

fn count(heads: &mut Heads, bytes: &[u8], requests: &AtomicU64) {
    let found = bytes.iter().filter(|byte| heads.see(**byte)).count();
    requests.fetch_add(u64::try_from(found).unwrap_or_default(), Relaxed);
}

async fn exchange(
    client: &mut TcpStream,
    server: &mut Option<TcpStream>,
    fault: Fault,
    upstream: SocketAddr,
    number: u64,
    counters: &Counters,
) -> Ended {
    match fault {
        Fault::Reset => return Ended::ByReset,
        Fault::AcceptAndNeverAnswer => {
            swallow(client, counters).await;
            return Ended::InOrder;
        }
        _ => {}
    }
    let Ok(Ok(connected)) = timeout(CONNECT, TcpStream::connect(upstream)).await else {
        counters.upstream_failures.fetch_add(1, Relaxed);
        return Ended::ByReset;
    };
    let server = server.insert(connected);
    // What a fault makes of pieces must arrive as such.
    if client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
        return Ended::ByReset;
    }
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let silent = AtomicBool::new(false);
    let requests = Pump {
        from: from_client,
        to: to_server,
        shape: Shape::of(fault, Way::ToUpstream, number),
        passed: &counters.to_upstream,
        requests: Some(&counters.requests),
        silent: &silent,
    };
    let answers = Pump {
        from: from_server,
        to: to_client,
        shape: Shape::of(fault, Way::ToClient, number),
        passed: &counters.to_client,
        requests: None,
        silent: &silent,
    };
    match tokio::try_join!(requests.run(), answers.run()) {
        Ok(_) => Ended::InOrder,
        Err(ended) => ended,
    }
}

/// One direction of a connection.
struct Pump<'a> {
    from: ReadHalf<'a>,
    to: WriteHalf<'a>,
    shape: Shape,
    passed: &'a AtomicU64,
    /// For the direction of requests, where they are counted.
    requests: Option<&'a AtomicU64>,
    /// Whether either direction has fallen silent.
    silent: &'a AtomicBool,
}

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Self {
        Self::ByReset
    }
}

impl Pump<'_> {
    /// Until the sender has said all; an error ends the other direction too.
    async fn run(mut self) -> Result<(), Ended> {
        let mut buffer = vec![0; PIECE];
        let mut heads = Heads::of_requests();
        loop {
            let read = self.from.read(&mut buffer).await?;
            let bytes = buffer.get_mut(..read).unwrap_or_default();
            if bytes.is_empty() {
                return self.finish().await;
            }
            if let Some(requests) = self.requests {
                count(&mut heads, bytes, requests);
            }
            self.forward(bytes).await?;
        }
    }

    async fn finish(mut self) -> Result<(), Ended> {
        let silent = self.silent.load(Relaxed);
        if silent && self.requests.is_some() {
            // Who waits in vain has given up.
            return Err(Ended::InOrder);
        }
        if matches!(self.shape, Shape::Silent) {
            return pending().await;
        }
        Ok(self.to.shutdown().await?)
    }

    async fn forward(&mut self, bytes: &mut [u8]) -> Result<(), Ended> {
        match &mut self.shape {
            Shape::Pass => {}
            Shape::Silent => return Ok(()),
            Shape::Delay(by) => sleep(*by).await,
            Shape::Corrupt { one_in, random } => corrupt(bytes, *one_in, random),
            Shape::Drip { bytes: at_once, every } => {
                let (at_once, every) = (*at_once, *every);
                for piece in bytes.chunks(at_once) {
                    self.write(piece).await?;
                    sleep(every).await;
                }
                return Ok(());
            }
            Shape::Until { mark, then } => {
                let ((passes, reached), then) = (mark.take(bytes), *then);
                self.write(bytes.get(..passes).unwrap_or_default()).await?;
                return match then {
                    _ if !reached => Ok(()),
                    End::Close => Err(self.close().await),
                    End::Silence => {
                        self.shape = Shape::Silent;
                        self.silent.store(true, Relaxed);
                        Ok(())
                    }
                };
            }
        }
        self.write(bytes).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        self.to.write_all(bytes).await?;
        self.passed.fetch_add(u64::try_from(bytes.len()).unwrap_or_default(), Relaxed);
        Ok(())
    }

    /// Says that this was all, so that the bytes before it arrive.
    async fn close(&mut self) -> Ended {
        match self.to.shutdown().await {
            Ok(()) => Ended::InOrder,
            Err(error) => error.into(),
        }
    }
}
