//! The follower in `docs/storage-contract-log.md`, run as it stands there. It needs `python3`.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod direct;
mod serving;

use character_domain::{Character, UserId, now};
use character_storage_port::{Expect, MemoryStorage, StorageExt};
use character_storage_server::Limits;
use serving::Serving;
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    time::Duration,
};

const PAGE: &str = include_str!("../../../docs/storage-contract-log.md");

/// A running program; killed when dropped.
struct Program {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Program {
    fn start(python: &str, server: &Serving) -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", python]).stdout(Stdio::piped());
        command
            .env("STORAGE_SERVICE_URL", format!("http://{}", server.address))
            .env("STORAGE_SERVICE_TOKEN", "current");
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    /// The next line, besides those about failures.
    fn line(&self) -> String {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(30)).unwrap();
            if !line.starts_with("asking again") {
                return line;
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn the_follower_in_python_hears_each_commit_and_begins_anew_when_its_cursor_is_gone() {
    let (_, python) = PAGE.split_once("```python\n").unwrap();
    let (python, _) = python.split_once("```").unwrap();
    let server = Serving::start(Limits::default());
    let program = Program::start(python, &server);
    assert_eq!(program.line(), "everything may have changed");

    let storage = server.storage("current");
    let hero = storage.create_character(Character::new(UserId::new(), "Torormir", now())).await.unwrap();
    assert_eq!(program.line(), format!("character {} is at revision 1", hero.id));
    storage.delete_character(hero.id, Expect::Any).await.unwrap();
    assert_eq!(program.line(), format!("character {} is at revision 2", hero.id));

    let address = server.address;
    drop((storage, server));
    let server = Serving::at(address, Arc::new(MemoryStorage::new()), Limits::default());
    assert_eq!(program.line(), "everything may have changed");
    let storage = server.storage("current");
    let hero = storage.create_character(Character::new(UserId::new(), "Torormir", now())).await.unwrap();
    assert_eq!(program.line(), format!("character {} is at revision 1", hero.id));
}
