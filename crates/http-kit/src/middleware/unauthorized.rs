//! Requests without an accepted token: counted, and reported to the log at most once a minute. Many of them mean a
//! guessing attack, or a failed rotation.

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::StatusCode,
    middleware::Next,
};
use futures_util::future::LocalBoxFuture;
use prometheus_client::{metrics::counter::Counter, registry::Registry};
use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The least time between two log lines.
const PAUSE: Duration = Duration::from_secs(60);

/// `http_server_unauthorized_total`. Clones share their numbers.
#[derive(Clone, Debug, Default)]
pub struct Unauthorized {
    count: Counter,
    pause: Arc<Mutex<Pause>>,
}

/// The time after a log line, in which no other is written.
#[derive(Debug, Default)]
struct Pause {
    is_running: bool,
    /// Requests since the last line.
    held_back: u64,
    /// The address that the last of them came from.
    peer: Option<IpAddr>,
}

impl Unauthorized {
    /// Shows the metric in this registry.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Requests without an accepted token, answered 401";
        registry.register("http_server_unauthorized", help, self.count.clone());
    }

    /// A middleware that watches for answers with status 401.
    pub fn middleware<B: MessageBody + 'static>(
        self,
    ) -> impl Fn(ServiceRequest, Next<B>) -> LocalBoxFuture<'static, Result<ServiceResponse<B>, Error>> + Clone {
        move |request, next| {
            let (watch, peer) = (self.clone(), request.peer_addr().map(|address| address.ip()));
            Box::pin(async move {
                let answer = next.call(request).await;
                let status = match &answer {
                    Ok(response) => response.status(),
                    Err(error) => error.as_response_error().status_code(),
                };
                if status == StatusCode::UNAUTHORIZED {
                    watch.note(peer);
                }
                answer
            })
        }
    }

    fn note(&self, peer: Option<IpAddr>) {
        self.count.inc();
        let mut pause = self.pause();
        pause.held_back += 1;
        pause.peer = peer;
        if !pause.is_running {
            pause.is_running = true;
            pause.report();
            drop(pause);
            tokio::spawn(self.clone().report_the_rest());
        }
    }

    /// After each pause, reports what came during it, until nothing did.
    async fn report_the_rest(self) {
        loop {
            tokio::time::sleep(PAUSE).await;
            let mut pause = self.pause();
            if pause.held_back == 0 {
                pause.is_running = false;
                return;
            }
            pause.report();
        }
    }

    fn pause(&self) -> MutexGuard<'_, Pause> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pause {
    fn report(&mut self) {
        tracing::warn!(
            requests = std::mem::take(&mut self.held_back),
            peer = self.peer.map(tracing::field::display),
            "requests without an accepted token were rejected (401)",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(text);
            Ok(text.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_two_lines_with_its_number_and_then_silence() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let reported = || -> Vec<u64> {
            let text = String::from_utf8(std::mem::take(&mut *lines.0.lock().unwrap())).unwrap();
            let line = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
            text.lines().map(|text| line(text)["fields"]["requests"].as_u64().unwrap()).collect()
        };
        let unauthorized = Unauthorized::default();
        for _ in 0..1_000 {
            unauthorized.note(None);
        }
        assert_eq!(reported(), [1]);
        tokio::time::sleep(PAUSE / 2).await;
        assert_eq!(reported(), Vec::<u64>::new());
        tokio::time::sleep(PAUSE).await;
        assert_eq!(reported(), [999]);
        tokio::time::sleep(PAUSE * 3).await;
        assert_eq!(reported(), Vec::<u64>::new());
        unauthorized.note(None);
        assert_eq!((reported(), unauthorized.count.get()), (vec![1], 1_001));
    }
}
