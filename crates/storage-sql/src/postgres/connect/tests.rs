use super::*;
use crate::postgres::scripted::{NEWS, Script, Scripted, Serving, error, no_tls, refused};
use futures_util::FutureExt as _;
use std::{
    pin::{Pin, pin},
    slice::from_ref,
    task::Context,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::{ChannelBinding, SslNegotiation};

fn config(text: &str) -> Config {
    text.parse().unwrap()
}

fn stands_by() -> Script {
    Script::Serves(Serving { read_only: "on", ..Serving::default() })
}

fn serves() -> Script {
    Script::Serves(Serving::default())
}

fn starting() -> Script {
    Script::Refuses(error("57P03", "the database system is starting up"))
}

/// A configuration of these servers in this order.
fn of(servers: &[&Scripted]) -> Config {
    let mut config = Config::new();
    config.user("user").ssl_mode(SslMode::Disable);
    for server in servers {
        config.host("127.0.0.1").port(server.port);
    }
    config
}

fn that_takes_writes(servers: &[&Scripted]) -> Config {
    let mut config = of(servers);
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    config
}

async fn reached(config: &Config, first: &AtomicUsize) -> Result<(Client, Link), Error> {
    reach(config, &no_tls(), Sessions::Current, first).await
}

/// How many connections each of them has got since the last question.
fn connections(servers: &[&Scripted]) -> Vec<usize> {
    servers.iter().map(|server| server.connections()).collect()
}

#[test]
fn each_server_has_its_own_address_and_everything_else_of_all() {
    let common = "user=u password=p dbname=d options='-c a=b' application_name=x connect_timeout=3 tcp_user_timeout=4 \
                  keepalives=0 keepalives_idle=7 keepalives_interval=5 keepalives_retries=2 sslmode=require \
                  sslnegotiation=direct channel_binding=disable target_session_attrs=read-write";
    let addresses = [
        ("host=one,two port=1,2", ["host=one port=1", "host=two port=2"]),
        ("host=one,two port=7", ["host=one port=7", "host=two port=7"]),
        ("host=one,two", ["host=one", "host=two"]),
        ("hostaddr=127.0.0.1,127.0.0.2 port=1,2", ["hostaddr=127.0.0.1 port=1", "hostaddr=127.0.0.2 port=2"]),
        ("host=one,two hostaddr=127.0.0.1,127.0.0.2", ["host=one hostaddr=127.0.0.1", "host=two hostaddr=127.0.0.2"]),
    ];
    for (all, each) in addresses {
        for options in [common, ""] {
            let each = each.map(|one| config(&format!("{one} {options}")));
            assert_eq!(servers(&config(&format!("{all} {options}"))), each, "{all} {options}");
        }
    }
    let direct = &servers(&config(&format!("host=one,two {common}")))[1];
    assert_eq!(
        (direct.get_ssl_mode(), direct.get_ssl_negotiation(), direct.get_channel_binding(), direct.get_keepalives()),
        (SslMode::Require, SslNegotiation::Direct, ChannelBinding::Disable, false)
    );
}

#[test]
fn one_server_keeps_its_configuration() {
    let one = config("host=one load_balance_hosts=random");
    assert_eq!(servers(&one), from_ref(&one));
    assert_eq!(servers(&Config::new()), [Config::new()]);
}

#[cfg(unix)]
#[test]
fn only_a_unix_socket_is_used_without_tls() {
    let modes = |text: &str| servers(&config(text)).iter().map(Config::get_ssl_mode).collect::<Vec<_>>();
    assert_eq!(modes("host=/run sslmode=require"), [SslMode::Disable]);
    assert_eq!(modes("host=/run,one,/tmp sslmode=require"), [SslMode::Disable, SslMode::Require, SslMode::Disable]);
    assert_eq!(modes("host=/run hostaddr=127.0.0.1 sslmode=require"), [SslMode::Require]);
    assert_eq!(modes("hostaddr=127.0.0.1 sslmode=require"), [SslMode::Require]);
    assert_eq!(servers(&config("host=/run,/tmp"))[1].get_hosts(), [Host::Unix("/tmp".into())]);
}

#[tokio::test]
async fn the_server_that_could_be_used_last_is_tried_first() {
    let (gone, one, two) =
        (Scripted::start(Script::Closes).await, Scripted::start(serves()).await, Scripted::start(serves()).await);
    let (all, first) = ([&gone, &one, &two], AtomicUsize::new(0));
    reached(&of(&all), &first).await.unwrap();
    assert_eq!((connections(&all), first.load(Ordering::Relaxed)), (vec![1, 1, 0], 1));
    reached(&of(&all), &first).await.unwrap();
    assert_eq!((connections(&all), first.load(Ordering::Relaxed)), (vec![0, 1, 0], 1));
    // From then on in their order.
    let others = [&one, &two, &gone];
    first.store(2, Ordering::Relaxed);
    reached(&of(&others), &first).await.unwrap();
    assert_eq!((connections(&others), first.load(Ordering::Relaxed)), (vec![1, 0, 1], 0));
    // The address has fewer servers than before.
    first.store(3, Ordering::Relaxed);
    reached(&of(&[&one, &two]), &first).await.unwrap();
    assert_eq!((connections(&others), first.load(Ordering::Relaxed)), (vec![0, 1, 0], 1));
}

#[tokio::test]
async fn servers_take_turns_where_that_is_wanted_and_one_that_fails_is_passed_over() {
    let (one, two, gone) =
        (Scripted::start(serves()).await, Scripted::start(serves()).await, Scripted::start(Script::Closes).await);
    let (all, first) = ([&one, &two, &gone], AtomicUsize::new(0));
    let mut config = of(&all);
    config.load_balance_hosts(LoadBalanceHosts::Random);
    for expected in [[1, 0, 0], [0, 1, 0], [1, 0, 1], [1, 0, 0]] {
        reached(&config, &first).await.unwrap();
        assert_eq!(connections(&all), expected);
    }
    first.store(1, Ordering::Relaxed);
    let mut config = of(&[&two, &gone, &one]);
    config.load_balance_hosts(LoadBalanceHosts::Random);
    reached(&config, &first).await.unwrap();
    assert_eq!(connections(&all), [1, 0, 1], "behind the one that fails comes the next, not the first");
}

#[tokio::test]
async fn another_server_is_tried_beside_one_that_does_not_answer() {
    let (silent, one, two) =
        (Scripted::start(Script::Silent).await, Scripted::start(serves()).await, Scripted::start(serves()).await);
    let first = AtomicUsize::new(0);
    reached(&of(&[&silent, &one, &two]), &first).await.unwrap();
    assert_eq!((connections(&[&silent, &one, &two]), first.load(Ordering::Relaxed)), (vec![1, 1, 0], 1));
}

#[tokio::test]
async fn the_error_of_several_servers_is_the_first_of_those_that_say_the_most() {
    let (standby, gone, starts, full) = (
        Scripted::start(stands_by()).await,
        Scripted::start(Script::Closes).await,
        Scripted::start(starting()).await,
        Scripted::start(Script::Refuses(error("53300", "too many clients"))).await,
    );
    let failure = async |servers: &[&Scripted]| {
        let error = reached(&that_takes_writes(servers), &AtomicUsize::new(0)).await.map(drop).unwrap_err();
        (error.code().map(|state| state.code().to_owned()), is_read_only(&error))
    };
    let state = |state: &str| (Some(state.to_owned()), false);
    assert_eq!(failure(&[&standby]).await, (None, true));
    assert_eq!(failure(&[&standby, &gone]).await, (None, false));
    assert_eq!(failure(&[&gone, &standby]).await, (None, false));
    assert_eq!(failure(&[&gone, &standby, &starts]).await, state("57P03"));
    assert_eq!(failure(&[&starts, &gone, &standby]).await, state("57P03"));
    assert_eq!(failure(&[&starts, &full]).await, state("57P03"));
    assert_eq!(failure(&[&full, &starts]).await, state("53300"));
}

/// A connection that fails with this error.
struct Failing(io::ErrorKind, &'static str);

impl AsyncRead for Failing {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::new(self.0, self.1)))
    }
}

impl AsyncWrite for Failing {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::Error::new(self.0, self.1)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_standby_is_known_from_other_failures() {
    let standby = Scripted::start(stands_by()).await;
    let reported = that_takes_writes(&[&standby]).connect(tokio_postgres::NoTls).await.map(drop).unwrap_err();
    assert!(is_read_only(&reported), "{reported:?}");
    let alike = refused(Script::Refuses(error("42501", "database does not allow writes"))).await;
    assert!(!is_read_only(&alike), "{alike:?}");
    for failing in [
        Failing(io::ErrorKind::PermissionDenied, "the system does not permit it"),
        Failing(io::ErrorKind::Other, "database does not allow writes"),
    ] {
        let failed = of(&[&standby]).connect_raw(failing, tokio_postgres::NoTls).await.map(drop).unwrap_err();
        assert!(failed.source().is_some_and(|source| source.is::<io::Error>()), "{failed:?}");
        assert!(!is_read_only(&failed), "{failed:?}");
    }
}

/// Whether the session continues when its server reports this after its start.
async fn continues(news: (&'static str, &'static str), target: TargetSessionAttrs, sessions: Sessions) -> bool {
    let server = Scripted::serves(Serving { news: vec![news], ..Serving::default() }).await;
    let mut config = of(&[&server]);
    config.target_session_attrs(target);
    let (client, mut link) = reach(&config, &no_tls(), sessions, &AtomicUsize::new(0)).await.unwrap();
    let mut asked = pin!(client.batch_execute(NEWS));
    assert!(asked.as_mut().now_or_never().is_none());
    match link.next_message().await {
        Some(Ok(AsyncMessage::Notice(_))) => true,
        None => false,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_session_that_needs_writes_ends_when_its_server_takes_none() {
    let (writes, any) = (TargetSessionAttrs::ReadWrite, TargetSessionAttrs::Any);
    for name in ["in_hot_standby", "default_transaction_read_only"] {
        assert!(!continues((name, "on"), writes, Sessions::Current).await, "{name}");
        assert!(continues((name, "off"), writes, Sessions::Current).await, "{name}");
        assert!(continues((name, "on"), any, Sessions::Current).await, "{name}");
        assert!(continues((name, "on"), writes, Sessions::ReadOnly).await, "{name}");
        assert!(continues((name, "on"), writes, Sessions::Pooled).await, "{name}");
    }
    assert!(continues(("is_superuser", "on"), writes, Sessions::Current).await);
}

#[tokio::test]
async fn a_link_is_driven_until_its_server_has_gone() {
    let server = Scripted::start(serves()).await;
    let (client, link) = reached(&of(&[&server]), &AtomicUsize::new(0)).await.unwrap();
    let driver = tokio::spawn(link.drive());
    client.batch_execute("SELECT 1").await.unwrap();
    drop(server);
    driver.await.unwrap();
    assert!(client.is_closed());
    let server = Scripted::start(serves()).await;
    let (client, link) = reached(&of(&[&server]), &AtomicUsize::new(0)).await.unwrap();
    let driver = tokio::spawn(link.unwatched());
    client.batch_execute("SELECT 1").await.unwrap();
    drop(client);
    driver.await.unwrap().unwrap();
}
