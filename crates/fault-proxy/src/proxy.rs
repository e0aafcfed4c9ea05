//! The proxy: its port, its thread and its connections.

use crate::{
    Counts, Fault, Plan,
    connection::{Connection, Order},
    counts::Counters,
    random::Random,
};
use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, atomic::Ordering::Relaxed, mpsc as blocking},
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpSocket},
    runtime,
    sync::{mpsc, watch},
    task::JoinSet,
    time::sleep,
};

/// How long the port is closed when [`Fault::Refuse`] comes up in a script or by chance.
pub const REFUSAL: Duration = Duration::from_millis(50);

/// Below the range from which the kernel takes ports for outgoing connections, so that no connection is given ours.
const PORTS: (u16, u16) = (15_000, 32_000);
const BACKLOG: u32 = 1_024;
/// The proxy has a thread of its own and never works long; longer than this, it is gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// A proxy on a private port of `127.0.0.1`; everything passes until [`set`](Self::set) says otherwise. Gone, with
/// every connection through it, when it is dropped.
pub struct FaultProxy {
    address: SocketAddr,
    upstream: SocketAddr,
    counters: Arc<Counters>,
    commands: Option<mpsc::UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread of the proxy is asked to do. It answers when it is done.
struct Command {
    what: What,
    done: blocking::Sender<()>,
}

enum What {
    Set(Plan),
    Open(Order),
}

impl FaultProxy {
    /// A proxy in front of `upstream`, which need not be there yet.
    ///
    /// # Errors
    /// When there is no free port or no thread.
    pub fn start(upstream: SocketAddr) -> io::Result<Self> {
        let counters = Arc::new(Counters::default());
        let (commands, orders) = mpsc::unbounded_channel();
        let (started, address) = blocking::channel();
        let ours = Arc::clone(&counters);
        let thread = thread::Builder::new().name("fault-proxy".to_owned()).spawn(move || {
            let began = runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
                let _inside = runtime.enter();
                let door = Door::on_a_free_port()?;
                Ok((runtime, door))
            });
            let (runtime, door) = match began {
                Ok(began) => began,
                Err(error) => return drop(started.send(Err(error))),
            };
            if started.send(Ok(door.address)).is_ok() {
                runtime.block_on(serve(door, upstream, orders, ours));
            }
        })?;
        let gone = |_| io::Error::other("the thread of the proxy ended at once");
        let address = address.recv().map_err(gone).flatten()?;
        Ok(Self { address, upstream, counters, commands: Some(commands), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the bytes go.
    #[must_use]
    pub fn upstream(&self) -> SocketAddr {
        self.upstream
    }

    /// What connections meet that are made from now on; those that are open stay as they are. When this returns, it
    /// is so.
    pub fn set(&self, plan: impl Into<Plan>) {
        self.order(What::Set(plan.into()));
    }

    /// As [`set`](Self::set), and resets what is open, so that pooled connections meet it too.
    pub fn strike(&self, plan: impl Into<Plan>) {
        self.set(plan);
        self.reset_open();
    }

    /// Resets every open connection, both sides.
    pub fn reset_open(&self) {
        self.order(What::Open(Order::Reset));
    }

    /// From now on nothing passes over the open connections, which stay open: what a dead machine or a firewall that
    /// has forgotten them looks like.
    pub fn freeze_open(&self) {
        self.order(What::Open(Order::Freeze));
    }

    /// What it has seen so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    fn order(&self, what: What) {
        let (done, answer) = blocking::channel();
        let sent = self.commands.as_ref().is_some_and(|commands| commands.send(Command { what, done }).is_ok());
        let obeyed = sent && answer.recv_timeout(PATIENCE).is_ok();
        assert!(obeyed, "the fault proxy on {} is gone", self.address);
    }
}

impl fmt::Debug for FaultProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultProxy")
            .field("address", &self.address)
            .field("upstream", &self.upstream)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed where it happened.
            let _ = thread.join();
        }
    }
}

async fn serve(
    mut door: Door,
    upstream: SocketAddr,
    mut commands: mpsc::UnboundedReceiver<Command>,
    counters: Arc<Counters>,
) {
    let mut plan = Plan::always(Fault::Pass);
    let mut connections = JoinSet::new();
    let orders = watch::Sender::new(None);
    let mut fault = plan.next();
    loop {
        while connections.try_join_next().is_some() {}
        if fault == Fault::Refuse {
            door.close();
        } else {
            door.open().await;
        }
        let (refusing, lasting) = (fault == Fault::Refuse, plan.only_refuses());
        let command = tokio::select! {
            biased;
            command = commands.recv() => match command {
                Some(command) => command,
                None => return,
            },
            () = sleep(REFUSAL), if refusing && !lasting => {
                fault = drawn(&mut plan, &counters);
                continue;
            }
            client = door.accept(), if !refusing => {
                let number = counters.connections.fetch_add(1, Relaxed);
                counters.injected(fault);
                let counters_of_it = Arc::clone(&counters);
                let connection =
                    Connection { number, client, upstream, fault, counters: counters_of_it, orders: orders.subscribe() };
                connections.spawn(connection.carry());
                fault = drawn(&mut plan, &counters);
                continue;
            }
        };
        match command.what {
            What::Set(new) => {
                plan = new;
                fault = drawn(&mut plan, &counters);
                if fault == Fault::Refuse {
                    door.close();
                } else {
                    door.open().await;
                }
            }
            What::Open(order) => {
                orders.send_replace(Some(order));
                if order == Order::Reset {
                    while connections.join_next().await.is_some() {}
                }
            }
        }
        // Who asked may have stopped waiting; it is done all the same.
        let _ = command.done.send(());
    }
}

/// The fault of the next connection. A refusal is counted here, since no connection comes of it.
fn drawn(plan: &mut Plan, counters: &Counters) -> Fault {
    let fault = plan.next();
    if fault == Fault::Refuse {
        counters.injected(fault);
    }
    fault
}

/// The port: open with a listener, or closed and kept from others by a socket that does not listen.
struct Door {
    address: SocketAddr,
    listener: Option<TcpListener>,
    kept: Option<TcpSocket>,
}

impl Door {
    fn on_a_free_port() -> io::Result<Self> {
        let mut random = Random::new(crate::random::fresh());
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..1_000 {
            let offset = random.below(u64::from(PORTS.1 - PORTS.0));
            let port = PORTS.0.saturating_add(u16::try_from(offset).unwrap_or_default());
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            match bound(address).and_then(|socket| socket.listen(BACKLOG)) {
                Ok(listener) => return Ok(Self { address, listener: Some(listener), kept: None }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn close(&mut self) {
        if self.listener.take().is_some() {
            // Without leave to share the address, nobody else is given the port meanwhile.
            self.kept = bound(self.address).and_then(|kept| kept.set_reuseaddr(false).map(|()| kept)).ok();
        }
    }

    async fn open(&mut self) {
        while self.listener.is_none() {
            let kept = self.kept.take().map_or_else(|| bound(self.address), Ok);
            let listener =
                kept.and_then(|kept| kept.set_reuseaddr(true).map(|()| kept)).and_then(|kept| kept.listen(BACKLOG));
            match listener {
                Ok(listener) => self.listener = Some(listener),
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    }

    async fn accept(&self) -> tokio::net::TcpStream {
        loop {
            match &self.listener {
                None => return std::future::pending().await,
                Some(listener) => match listener.accept().await {
                    Ok((client, _)) => return client,
                    // Such as too many open files: others may close some.
                    Err(_) => sleep(Duration::from_millis(10)).await,
                },
            }
        }
    }
}

/// A socket on that address, also while old connections of it linger.
fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
