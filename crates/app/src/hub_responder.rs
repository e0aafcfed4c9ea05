//! Answers requests that arrive through NATS with the application of the listener, without a socket of the listener.

use crate::http::{Entrance, Lanes, RoutedAnswer, Threads};
use actix_http::{
    Method, Request, RequestHead, Response,
    body::MessageBody,
    header::{self, HeaderName, HeaderValue},
};
use actix_service::{IntoServiceFactory, ServiceFactory};
use actix_web::{Error, dev::AppConfig};
use async_trait::async_trait;
use character_error_reporter::redacted;
use character_http_kit::REQUEST_TIMEOUT;
use character_message_hub::{Headers, HubError, Reply, ServiceName, ServiceRequest};
use character_message_hub_nats::{NatsHub, NatsHubConfig, NatsResponder, ServiceHandler, problem};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};
use tokio::{
    runtime::Builder,
    sync::{oneshot, watch},
    task::LocalSet,
    time::timeout,
};

/// The shortest and the longest pause before a hub is asked again for the requests of the service.
pub(crate) const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// The largest message that NATS can be configured to take, in bytes: 64 MiB. No larger reply is passed on.
const MAX_NATS_MESSAGE: usize = 64 * 1024 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Which requests are answered, and how that ends.
#[derive(Clone, Debug)]
pub struct ResponderPlan {
    /// The NATS servers. Each thread has a connection of its own.
    pub nats: NatsHubConfig,
    /// The name of the service at the hub.
    pub service: ServiceName,
    /// How long requests in flight may take at a shutdown.
    pub within: Duration,
}

/// An instance of a service at NATS: threads that each have a connection, a runtime and the application, so that a small request
/// is answered on the thread that received it. Large requests go to separate threads, as those of the listener do.
#[derive(Debug)]
pub struct HubResponder {
    stop: watch::Sender<bool>,
    threads: Vec<oneshot::Receiver<()>>,
}

impl HubResponder {
    /// Takes requests until [`stop`](Self::stop), with a thread for each processor. Servers that are down are waited for.
    /// `may_be_long` finds the requests, by method and path, that may have a long answer. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start<F, I, S, B>(
        plan: ResponderPlan,
        may_be_long: fn(&Method, &str) -> bool,
        application: F,
    ) -> io::Result<Self>
    where
        F: Fn() -> I + Clone + Send + 'static,
        I: IntoServiceFactory<S, Request> + 'static,
        S: ServiceFactory<Request, Config = AppConfig> + 'static,
        S::Error: Into<Error> + 'static,
        S::Response: Into<Response<B>> + 'static,
        S::Service: 'static,
        B: MessageBody + 'static,
    {
        let threads = Threads::of_processors(usize::MAX, may_be_long);
        let lanes = Lanes::start(threads, &application)?;
        Self::with_lanes(plan, threads.workers(), lanes, application)
    }

    /// The same, with this number of threads, and `lanes` for large requests.
    pub(crate) fn with_lanes<F, I, S, B>(
        plan: ResponderPlan,
        threads: usize,
        lanes: Option<Arc<Lanes>>,
        application: F,
    ) -> io::Result<Self>
    where
        F: Fn() -> I + Clone + Send + 'static,
        I: IntoServiceFactory<S, Request> + 'static,
        S: ServiceFactory<Request, Config = AppConfig> + 'static,
        S::Error: Into<Error> + 'static,
        S::Response: Into<Response<B>> + 'static,
        S::Service: 'static,
        B: MessageBody + 'static,
    {
        let (stop, stopped) = watch::channel(false);
        let said = Arc::new(Said::default());
        let start = |number| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (entrance, waiting) = Entrance::open(lanes.clone());
            let answering = Answering { plan: plan.clone(), stopped: stopped.clone(), said: Arc::clone(&said) };
            let application = application.clone();
            let (ends, ended) = oneshot::channel();
            let thread = thread::Builder::new().name(format!("requests of the hub {number}"));
            thread.spawn(move || {
                let local = LocalSet::new();
                local.spawn_local(waiting.serve(application()));
                runtime.block_on(local.run_until(answering.run(entrance)));
                // A process that does not wait for the end needs no word.
                let _ = ends.send(());
            })?;
            Ok(ended)
        };
        let threads = (0..threads).map(start).collect::<io::Result<_>>()?;
        Ok(Self { stop, threads })
    }

    /// Takes no more requests, and returns when those in flight are answered or their time is over.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for ended in self.threads {
            if ended.await.is_err() {
                tracing::error!("a thread for requests of the Message Hub has panicked");
            }
        }
    }
}

/// One thread.
struct Answering {
    plan: ResponderPlan,
    stopped: watch::Receiver<bool>,
    said: Arc<Said>,
}

/// Waits until the process stops; `false`: `pause` was over before.
pub(crate) async fn stops_within(stopped: &mut watch::Receiver<bool>, pause: Duration) -> bool {
    // A sender that is gone is a stop too.
    timeout(pause, stopped.wait_for(|stopped| *stopped)).await.is_ok()
}

impl Answering {
    /// Answers until the process stops. A hub that is down is waited for.
    async fn run(mut self, entrance: Entrance) {
        let ResponderPlan { nats, service, within } = self.plan;
        let hub = match NatsHub::connect(nats).await {
            Ok(hub) => hub,
            Err(error) => return tracing::error!(error = %redacted(&error), "requests from NATS cannot be answered"),
        };
        let (entrance, mut backoff) = (Arc::new(entrance), BACKOFF.0);
        let responder = loop {
            match NatsResponder::serve(&hub, service.clone(), Arc::clone(&entrance) as _).await {
                Ok(responder) => break responder,
                Err(error) => self.said.failed(&error),
            }
            if stops_within(&mut self.stopped, backoff).await {
                return;
            }
            backoff = (backoff * 2).min(BACKOFF.1);
        };
        self.said.works(&service);
        // The client resubscribes by itself after an outage.
        drop(self.stopped.wait_for(|stopped| *stopped).await);
        if let abandoned @ 1.. = responder.drain(within).await {
            tracing::warn!(abandoned, "requests from NATS were not answered before the end");
        }
    }
}

/// Logs the first failure and the beginning, for all threads together.
#[derive(Default)]
struct Said {
    has_failed: AtomicBool,
    works: AtomicBool,
}

impl Said {
    fn failed(&self, error: &HubError) {
        if !self.has_failed.swap(true, Ordering::Relaxed) {
            tracing::warn!(reason = error.kind().code(), "the service cannot take requests from NATS yet");
        }
    }

    fn works(&self, service: &ServiceName) {
        if !self.works.swap(true, Ordering::Relaxed) {
            tracing::info!(%service, "requests from NATS are answered");
        }
    }
}

#[async_trait]
impl ServiceHandler for Entrance {
    async fn reply(&self, request: ServiceRequest) -> Reply {
        let Some(head) = head(&request) else {
            return problem(400, "method, path or a header of the request is none of HTTP");
        };
        match self.answer(head, request.body, MAX_NATS_MESSAGE).await {
            RoutedAnswer::Answered { status, headers, body } => {
                let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
                let retry_after = text(header::RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
                let sent = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
                let mut others = Headers::of_message(sent);
                if retry_after.is_some() {
                    others.remove(header::RETRY_AFTER.as_str());
                }
                Reply {
                    status: status.as_u16(),
                    content_type: text(header::CONTENT_TYPE).map(Arc::from),
                    retry_after: retry_after.map(Duration::from_secs),
                    headers: others,
                    body,
                }
            }
            RoutedAnswer::TooLarge => {
                problem(502, &format!("the reply of the service has more than {MAX_NATS_MESSAGE} bytes"))
            }
            RoutedAnswer::Broken(error) => {
                tracing::warn!(error = %redacted(&error), "the body of a reply could not be produced");
                problem(502, "the reply of the service ended before it was whole")
            }
            RoutedAnswer::Gone => {
                tracing::error!("the application behind the hub has ended");
                problem(500, "the service cannot answer")
            }
        }
    }
}

/// The head of the request as a client of the listener sends it. `None`: a part of it is none of HTTP.
fn head(request: &ServiceRequest) -> Option<RequestHead> {
    let mut head = RequestHead::default();
    head.method = Method::from_bytes(request.method.as_bytes()).ok()?;
    // A target that begins with a slash has no authority, whatever follows.
    head.uri = request.path.parse().ok().filter(|_| request.path.starts_with('/'))?;
    // It came to this process, under whatever name.
    head.headers.insert(header::HOST, HeaderValue::from_static("localhost"));
    if !request.body.is_empty() {
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(request.body.len()));
    }
    let request_id = match request.headers.get(REQUEST_ID.as_str()) {
        Some(_) => &None,
        None => &request.correlation_id,
    };
    let given = [
        (header::CONTENT_TYPE, &request.content_type),
        (header::AUTHORIZATION, &request.authorization),
        (TRACEPARENT, &request.traceparent),
        (CORRELATION_ID, &request.correlation_id),
        (REQUEST_ID, request_id),
    ];
    let timeout = u64::try_from(request.timeout.as_millis()).unwrap_or(u64::MAX);
    head.headers.insert(REQUEST_TIMEOUT, HeaderValue::from(timeout.max(1)));
    for (name, value) in given {
        if let Some(value) = value {
            head.headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
        }
    }
    for (name, value) in request.headers.iter() {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        head.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    Some(head)
}
