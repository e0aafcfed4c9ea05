//! Each fault, seen from both ends over real sockets.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use character_fault_proxy::{Fault, FaultProxy, Mark, Plan, REFUSAL, Way};
use std::{
    io::{ErrorKind, Read, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
const BODY: &[u8] = b"0123456789";
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: it\r\n\r\n";
/// Long for what happens on one machine, and short for a test.
const SILENCE: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers every request on every connection, until the process ends.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            thread::spawn(move || {
                let mut request = [0; REQUEST.len()];
                while client.read_exact(&mut request).is_ok() {
                    if client.write_all(&[HEAD, BODY].concat()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Sends back what it gets.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            thread::spawn(move || {
                let mut client = client.unwrap();
                let mut answers = client.try_clone().unwrap();
                std::io::copy(&mut client, &mut answers).and_then(|_| answers.shutdown(Shutdown::Write))
            });
        }
    });
    address
}

fn proxy(fault: Fault) -> FaultProxy {
    let proxy = FaultProxy::start(upstream()).unwrap();
    proxy.set(fault);
    proxy
}

fn connected(proxy: &FaultProxy) -> TcpStream {
    let client = TcpStream::connect(proxy.address()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

/// A connection that has sent a request.
fn asked(proxy: &FaultProxy) -> TcpStream {
    let mut client = connected(proxy);
    client.write_all(REQUEST).unwrap();
    client
}

/// What comes until it ends, and how it ends: `None` in order, `TimedOut` when it stays open.
fn rest(client: &mut TcpStream, patience: Duration) -> (Vec<u8>, Option<ErrorKind>) {
    client.set_read_timeout(Some(patience)).unwrap();
    let (mut all, mut piece) = (Vec::new(), [0; 4_096]);
    loop {
        match client.read(&mut piece) {
            Ok(0) => return (all, None),
            Ok(read) => all.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return (all, Some(ErrorKind::TimedOut)),
            Err(error) => return (all, Some(error.kind())),
        }
    }
}

fn answer(proxy: &FaultProxy) -> Vec<u8> {
    let mut answer = vec![0; HEAD.len() + BODY.len()];
    asked(proxy).read_exact(&mut answer).unwrap();
    answer
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn what_passes_arrives_whole_in_both_directions_and_ends_in_order() {
    let proxy = FaultProxy::start(echo()).unwrap();
    let sent: Vec<u8> = (0..1_000_000u32).map(|number| number.to_le_bytes()[0]).collect();
    let mut client = connected(&proxy);
    let mut sender = client.try_clone().unwrap();
    let sending = {
        let sent = sent.clone();
        thread::spawn(move || sender.write_all(&sent).and_then(|()| sender.shutdown(Shutdown::Write)))
    };
    assert_eq!(rest(&mut client, PATIENCE), (sent, None));
    sending.join().unwrap().unwrap();
    until("the connection is closed", || proxy.counts().open == 0);
    let counts = proxy.counts();
    assert_eq!((counts.connections, counts.to_upstream, counts.to_client), (1, 1_000_000, 1_000_000));
    assert_eq!(counts.injected, 0);
}

#[test]
fn a_refused_client_meets_no_listener_and_the_port_is_the_same_afterwards() {
    let proxy = proxy(Fault::Refuse);
    for _ in 0..3 {
        assert_eq!(TcpStream::connect(proxy.address()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
    assert!(TcpListener::bind(proxy.address()).is_err(), "nobody is given the port meanwhile");
    assert_eq!((proxy.counts().connections, proxy.counts().by_fault["refuse"]), (0, 1));
    proxy.set(Fault::Pass);
    assert!(answer(&proxy).ends_with(BODY));
}

#[test]
fn a_refusal_leaves_open_connections_alone() {
    let proxy = proxy(Fault::Pass);
    let mut open = asked(&proxy);
    let mut answer = vec![0; HEAD.len() + BODY.len()];
    open.read_exact(&mut answer).unwrap();
    proxy.set(Fault::Refuse);
    open.write_all(REQUEST).unwrap();
    open.read_exact(&mut answer).unwrap();
    assert!(TcpStream::connect(proxy.address()).is_err());
}

#[test]
fn a_refusal_in_a_script_lasts_its_time_and_the_script_goes_on() {
    let proxy = FaultProxy::start(upstream()).unwrap();
    let begin = Instant::now();
    proxy.set(Plan::script([Fault::Refuse, Fault::Reset]));
    assert!(TcpStream::connect(proxy.address()).is_err());
    until("somebody listens again", || {
        TcpStream::connect(proxy.address()).is_ok_and(|mut client| {
            assert_eq!(rest(&mut client, PATIENCE).1, Some(ErrorKind::ConnectionReset));
            true
        })
    });
    assert!(begin.elapsed() >= REFUSAL);
    assert!(answer(&proxy).ends_with(BODY), "after the script, connections pass");
}

#[test]
fn a_reset_is_a_reset_and_not_an_end() {
    let proxy = proxy(Fault::Reset);
    assert_eq!(rest(&mut connected(&proxy), PATIENCE), (Vec::new(), Some(ErrorKind::ConnectionReset)));
}

#[test]
fn who_is_never_answered_waits_and_its_requests_are_counted_and_go_nowhere() {
    let proxy = proxy(Fault::AcceptAndNeverAnswer);
    let mut client = asked(&proxy);
    client.write_all(REQUEST).unwrap();
    assert_eq!(rest(&mut client, SILENCE), (Vec::new(), Some(ErrorKind::TimedOut)));
    assert_eq!((proxy.counts().requests, proxy.counts().to_upstream, proxy.counts().open), (2, 0, 1));
    drop(client);
    until("a client that gave up is let go", || proxy.counts().open == 0);
}

#[test]
fn after_the_head_of_an_answer_nothing_comes_and_the_connection_stays_open() {
    let proxy = proxy(Fault::stall_after_headers());
    let mut client = asked(&proxy);
    assert_eq!(rest(&mut client, SILENCE), (HEAD.to_vec(), Some(ErrorKind::TimedOut)));
    drop(client);
    until("a client that gave up is let go", || proxy.counts().open == 0);
}

#[test]
fn a_stalled_request_does_not_arrive_whole() {
    let proxy = proxy(Fault::Stall { way: Way::ToUpstream, at: Mark::Bytes(5) });
    let mut client = asked(&proxy);
    assert_eq!(rest(&mut client, SILENCE), (Vec::new(), Some(ErrorKind::TimedOut)));
    assert_eq!(proxy.counts().to_upstream, 5);
    drop(client);
    until("a client that gave up is let go", || proxy.counts().open == 0);
}

#[test]
fn an_answer_cut_in_its_body_ends_there() {
    let proxy = proxy(Fault::cut_in_mid_body(4));
    assert_eq!(rest(&mut asked(&proxy), PATIENCE), ([HEAD, b"0123"].concat(), None));
    until("both sides are closed", || proxy.counts().open == 0);
}

#[test]
fn bytes_that_drip_arrive_late_and_whole() {
    let every = Duration::from_millis(20);
    let proxy = proxy(Fault::Drip { way: Way::ToClient, bytes: 10, every });
    let begin = Instant::now();
    assert_eq!(answer(&proxy), [HEAD, BODY].concat());
    let pauses = u32::try_from((HEAD.len() + BODY.len()) / 10).unwrap();
    assert!(begin.elapsed() >= every * pauses, "{:?}", begin.elapsed());
}

#[test]
fn a_delay_holds_back_one_direction() {
    let by = Duration::from_millis(150);
    for (way, times) in [(Way::ToUpstream, 1), (Way::ToClient, 1), (Way::Both, 2)] {
        let proxy = proxy(Fault::Delay { way, by });
        let begin = Instant::now();
        assert!(answer(&proxy).ends_with(BODY));
        assert!(begin.elapsed() >= by * times, "{way:?}: {:?}", begin.elapsed());
    }
}

#[test]
fn corruption_keeps_the_length_and_repeats_with_its_seed() {
    let echoed = |seed| {
        let proxy = FaultProxy::start(echo()).unwrap();
        proxy.set(Fault::Corrupt { way: Way::ToClient, one_in: 20, seed });
        let mut client = connected(&proxy);
        client.write_all(&[0; 2_000]).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        rest(&mut client, PATIENCE).0
    };
    let first = echoed(1);
    assert_eq!(first.len(), 2_000);
    let wrong = first.iter().filter(|byte| **byte != 0).count();
    assert!((40..250).contains(&wrong), "{wrong} of 2000 bytes, one in 20");
    assert_eq!(echoed(1), first);
    assert_ne!(echoed(2), first);
}

#[test]
fn an_upstream_that_is_not_there_is_a_reset_and_is_counted() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = FaultProxy::start(nobody).unwrap();
    assert_eq!(rest(&mut connected(&proxy), PATIENCE).1, Some(ErrorKind::ConnectionReset));
    assert_eq!(proxy.counts().upstream_failures, 1);
}

#[test]
fn a_reset_of_the_upstream_reaches_the_client_as_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = FaultProxy::start(listener.local_addr().unwrap()).unwrap();
    let mut client = asked(&proxy);
    let (server, _) = listener.accept().unwrap();
    until("the request arrived", || proxy.counts().to_upstream > 0);
    let mut byte = [0];
    assert_eq!(server.peek(&mut byte).unwrap(), 1);
    // With unread bytes, a closed socket resets.
    drop(server);
    assert_eq!(rest(&mut client, PATIENCE).1, Some(ErrorKind::ConnectionReset));
}

#[test]
fn open_connections_are_reset_on_demand() {
    let proxy = proxy(Fault::Pass);
    let mut open: Vec<_> = (0..5).map(|_| asked(&proxy)).collect();
    for client in &mut open {
        client.read_exact(&mut vec![0; HEAD.len() + BODY.len()]).unwrap();
    }
    proxy.strike(Fault::AcceptAndNeverAnswer);
    assert_eq!(proxy.counts().open, 0);
    for mut client in open {
        assert_eq!(rest(&mut client, PATIENCE).1, Some(ErrorKind::ConnectionReset));
    }
    assert_eq!(rest(&mut asked(&proxy), SILENCE).1, Some(ErrorKind::TimedOut));
}

#[test]
fn open_connections_are_frozen_on_demand_while_new_ones_pass() {
    let proxy = proxy(Fault::Pass);
    let mut open = asked(&proxy);
    open.read_exact(&mut vec![0; HEAD.len() + BODY.len()]).unwrap();
    proxy.freeze_open();
    open.write_all(REQUEST).unwrap();
    assert_eq!(rest(&mut open, SILENCE), (Vec::new(), Some(ErrorKind::TimedOut)));
    assert!(answer(&proxy).ends_with(BODY));
    proxy.reset_open();
    assert_eq!(rest(&mut open, PATIENCE).1, Some(ErrorKind::ConnectionReset));
}

#[test]
fn a_random_plan_meets_the_same_connections_again() {
    let outcomes = |seed| -> Vec<bool> {
        let proxy = FaultProxy::start(upstream()).unwrap();
        proxy.set(Plan::random(seed, [(1, Fault::Reset), (1, Fault::Pass)]));
        let answers = (0..40).map(|_| {
            let mut answer = vec![0; HEAD.len() + BODY.len()];
            let mut client = connected(&proxy);
            client.write_all(REQUEST).and_then(|()| client.read_exact(&mut answer)).is_ok()
        });
        answers.collect()
    };
    let first = outcomes(11);
    assert!(first.contains(&true) && first.contains(&false));
    assert_eq!(outcomes(11), first);
}

#[test]
fn a_dropped_proxy_leaves_neither_a_listener_nor_a_connection() {
    let proxy = FaultProxy::start(upstream()).unwrap();
    let address = proxy.address();
    let mut open = asked(&proxy);
    open.read_exact(&mut vec![0; HEAD.len() + BODY.len()]).unwrap();
    proxy.set(Fault::AcceptAndNeverAnswer);
    let mut waiting = asked(&proxy);
    drop(proxy);
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    for client in [&mut open, &mut waiting] {
        assert_ne!(rest(client, PATIENCE).1, Some(ErrorKind::TimedOut));
    }
}

#[test]
fn a_hundred_connections_at_once_are_carried() {
    let proxy = proxy(Fault::Pass);
    thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| assert!(answer(&proxy).ends_with(BODY)));
        }
    });
    assert_eq!((proxy.counts().connections, proxy.counts().requests), (100, 100));
    until("all are closed", || proxy.counts().open == 0);
}
