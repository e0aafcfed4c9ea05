//! A Storage Service of the reference storage, over a real socket.

use crate::direct::direct;
use actix_web::{App, HttpServer, dev::ServerHandle, rt::System};
use character_http_kit::AcceptedTokens;
use character_storage_http::{HttpStorage, ReqwestTransport};
use character_storage_port::{MemoryStorage, StoragePort};
use character_storage_server::{Limits, StorageServer};
use std::{
    net::SocketAddr,
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

/// A server on a port of its own; stopped when dropped.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    pub(crate) handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    pub(crate) fn start(limits: Limits) -> Self {
        Self::over(Arc::new(MemoryStorage::new()), limits)
    }

    pub(crate) fn over(storage: Arc<dyn StoragePort>, limits: Limits) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), storage, limits)
    }

    /// A server at this address.
    pub(crate) fn at(address: SocketAddr, storage: Arc<dyn StoragePort>, limits: Limits) -> Self {
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            System::new().block_on(async move {
                let tokens = AcceptedTokens::new(["current".to_owned().into(), "next".to_owned().into()]).unwrap();
                let storage = StorageServer::new(storage, tokens, limits).unwrap();
                let server = HttpServer::new(move || App::new().configure(|config| storage.configure(config)))
                    .workers(1)
                    .disable_signals()
                    .bind(address)
                    .unwrap();
                let address = *server.addrs().first().unwrap();
                let server = server.run();
                sender.send((address, server.handle())).unwrap();
                server.await.unwrap();
            });
        });
        let (address, handle) = receiver.recv().unwrap();
        Self { address, handle, thread: Some(thread) }
    }

    pub(crate) fn storage(&self, token: &'static str) -> HttpStorage<ReqwestTransport> {
        HttpStorage::over(direct(format!("http://{}", self.address), token))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // The command is sent by the call; the future would only wait for its end, as the join does.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the server panicked");
        }
    }
}
