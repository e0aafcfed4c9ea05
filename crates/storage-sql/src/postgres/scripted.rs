//! A server of PostgreSQL for tests, whose answers each test chooses.

use super::connector::Address;
use character_credentials::{ClientTls, ClientTlsFiles, Verification};
use std::{
    collections::BTreeMap,
    mem::take,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_postgres::Config;

/// What it does with a new connection.
#[derive(Clone, Debug)]
pub(super) enum Script {
    /// It answers with an error of these fields: letters of the protocol with their texts.
    Refuses(Vec<(char, String)>),
    /// It asks for a password.
    AsksForPassword,
    /// It accepts the connection, and never answers.
    Silent,
    /// It closes the connection.
    Closes,
    /// It begins a session.
    Serves(Serving),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Serving {
    /// The parameters that it reports first.
    pub(super) reported: Vec<(&'static str, &'static str)>,
    /// The parameters that it reports when the command is [`NEWS`]. A notice follows.
    pub(super) news: Vec<(&'static str, &'static str)>,
    /// What it answers to `SHOW transaction_read_only`; empty: `off`.
    pub(super) read_only: &'static str,
    /// It answers `on` when that is asked at the begin of a transaction, and not of a new connection.
    pub(super) read_only_later: bool,
    /// The beginning of the commands that it does not carry out, and what it does instead.
    pub(super) refuses: Option<(&'static str, Refusal)>,
}

#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// It answers with an error of these fields.
    Error(Vec<(char, String)>),
    NoAnswer,
}

pub(super) const NEWS: &str = "NEWS";

/// What clients have sent.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The parameters of each new connection.
    pub(super) startups: Vec<BTreeMap<String, String>>,
    /// The commands and statements; those that are prepared under a name with `PREPARE` in front.
    pub(super) commands: Vec<String>,
}

/// A server, until it is dropped.
pub(super) struct Scripted {
    pub(super) port: u16,
    heard: Arc<Mutex<Heard>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The fields of an error with this SQLSTATE and message, which ends no session.
pub(super) fn error(state: &str, message: &str) -> Vec<(char, String)> {
    error_of(state, message, "ERROR")
}

pub(super) fn error_of(state: &str, message: &str, severity: &str) -> Vec<(char, String)> {
    [('S', severity), ('V', severity), ('C', state), ('M', message)].map(|(letter, text)| (letter, text.into())).into()
}

/// The error of a client that connects to such a server.
pub(super) async fn refused(script: Script) -> tokio_postgres::Error {
    let server = Scripted::start(script).await;
    server.config().connect(tokio_postgres::NoTls).await.map(drop).unwrap_err()
}

pub(super) fn no_tls() -> ClientTls {
    ClientTls::load(ClientTlsFiles::default(), Verification::Nothing).unwrap()
}

pub(super) fn address(text: &str) -> Address {
    Address { config: Box::new(text.parse().unwrap()), tls: no_tls() }
}

impl Scripted {
    pub(super) async fn serves(serving: Serving) -> Self {
        Self::start(Script::Serves(serving)).await
    }

    pub(super) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard: Arc<Mutex<Heard>> = Arc::default();
        let all = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                // It fails when the client is gone.
                let (script, all) = (script.clone(), Arc::clone(&all));
                connections.spawn(async move { drop(serve(stream, script, &all).await) });
            }
        });
        Self { port, heard, task }
    }

    pub(super) fn heard(&self) -> Heard {
        take(&mut self.heard.lock().unwrap())
    }

    /// How many connections were made since the last question.
    pub(super) fn connections(&self) -> usize {
        self.heard().startups.len()
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://user@127.0.0.1:{}/database?sslmode=disable", self.port)
    }

    pub(super) fn config(&self) -> Config {
        self.url().parse().unwrap()
    }
}

fn message(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 4).unwrap().to_be_bytes();
    [&[kind][..], &length, content].concat()
}

fn fields(kind: u8, fields: &[(char, String)]) -> Vec<u8> {
    let texts: String = fields.iter().map(|(letter, text)| format!("{letter}{text}\0")).collect();
    message(kind, format!("{texts}\0").as_bytes())
}

fn reports(parameters: &[(&str, &str)]) -> Vec<u8> {
    parameters.iter().flat_map(|(name, value)| message(b'S', format!("{name}\0{value}\0").as_bytes())).collect()
}

/// Idle, outside any transaction.
fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

/// One row with this text.
fn row(text: &str) -> Vec<u8> {
    let column = [&1_u16.to_be_bytes()[..], b"column\0", &[0; 6], &25_u32.to_be_bytes(), &[0; 8]].concat();
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    let values = [&1_u16.to_be_bytes()[..], &length, text.as_bytes()].concat();
    [message(b'T', &column), message(b'D', &values)].concat()
}

async fn received(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let length = stream.read_u32().await?;
    let mut content = vec![0; length as usize - 4];
    stream.read_exact(&mut content).await?;
    Ok(content)
}

async fn serve(mut stream: TcpStream, script: Script, heard: &Mutex<Heard>) -> std::io::Result<()> {
    let startup = received(&mut stream).await?;
    // Behind the version of the protocol.
    let texts: Vec<_> = startup[4..].split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    let pairs = texts.chunks_exact(2).filter(|pair| !pair[0].is_empty());
    let parameters = pairs.map(|pair| (pair[0].clone().into_owned(), pair[1].clone().into_owned())).collect();
    heard.lock().unwrap().startups.push(parameters);
    let serving = match script {
        Script::Refuses(error) => return stream.write_all(&fields(b'E', &error)).await,
        Script::AsksForPassword => {
            stream.write_all(&message(b'R', &3_u32.to_be_bytes())).await?;
            return std::future::pending().await;
        }
        Script::Silent => return std::future::pending().await,
        Script::Closes => return Ok(()),
        Script::Serves(serving) => serving,
    };
    let begins = [message(b'R', &[0; 4]), reports(&serving.reported), message(b'K', &[0; 8]), ready()].concat();
    stream.write_all(&begins).await?;
    let mut fails = false;
    loop {
        let kind = stream.read_u8().await?;
        let content = received(&mut stream).await?;
        if fails && kind != b'S' {
            continue;
        }
        let empty = 0_u16.to_be_bytes();
        let answer = match kind {
            b'Q' => {
                let command = text_of(&content);
                heard.lock().unwrap().commands.push(command.clone());
                if command == NEWS {
                    let notice = fields(b'N', &error_of("00000", "there is news", "NOTICE"));
                    stream.write_all(&[reports(&serving.news), notice].concat()).await?;
                }
                let answer = match serving.refusal(&command).await {
                    Some(error) => error,
                    None if command.contains("SHOW transaction_read_only") => {
                        let is_later = serving.read_only_later && command != "SHOW transaction_read_only";
                        row(if is_later {
                            "on"
                        } else if serving.read_only.is_empty() {
                            "off"
                        } else {
                            serving.read_only
                        })
                    }
                    None => message(b'C', b"DONE\0"),
                };
                [answer, ready()].concat()
            }
            b'P' => {
                let (name, sql) = (text_of(&content), content.iter().position(|byte| *byte == 0).unwrap() + 1);
                let statement = text_of(&content[sql..]);
                let prepare = if name.is_empty() { "" } else { "PREPARE " };
                heard.lock().unwrap().commands.push(format!("{prepare}{statement}"));
                let refusal = serving.refusal(&statement).await;
                fails = refusal.is_some();
                refusal.unwrap_or_else(|| message(b'1', &[]))
            }
            b'D' if content.starts_with(b"S") => [message(b't', &empty), message(b'n', &[])].concat(),
            b'D' => message(b'n', &[]),
            b'B' => message(b'2', &[]),
            b'E' => message(b'C', b"DONE\0"),
            b'S' => {
                fails = false;
                ready()
            }
            _ => Vec::new(),
        };
        stream.write_all(&answer).await?;
    }
}

fn text_of(content: &[u8]) -> String {
    String::from_utf8_lossy(content.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

impl Serving {
    /// It answers the commands that begin so with an error of this SQLSTATE.
    pub(super) fn refusing(begin: &'static str, state: &str) -> Self {
        Self { refuses: Some((begin, Refusal::Error(error(state, "a message")))), ..Self::default() }
    }

    /// It never answers the commands that begin so.
    pub(super) fn without_answer(begin: &'static str) -> Self {
        Self { refuses: Some((begin, Refusal::NoAnswer)), ..Self::default() }
    }

    async fn refusal(&self, command: &str) -> Option<Vec<u8>> {
        match self.refuses.as_ref().filter(|(begin, _)| command.starts_with(begin))? {
            (_, Refusal::Error(error)) => Some(fields(b'E', error)),
            (_, Refusal::NoAnswer) => std::future::pending().await,
        }
    }
}
