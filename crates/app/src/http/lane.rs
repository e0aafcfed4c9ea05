//! Threads for large requests. Parsing a body of 32 MiB or rendering a list of 8 MiB takes a processor for a while, and a
//! thread that serves sockets would leave hundreds of others waiting meanwhile, probes of liveness among them.

use super::{MayBeLong, Threads};
use actix_http::{
    BoxedPayloadStream, Payload, Request, RequestHead, Response, StatusCode,
    body::{BodySize, BodyStream, BoxBody, MessageBody},
    error::PayloadError,
    header::HeaderMap,
};
use actix_service::{IntoServiceFactory, Service, ServiceFactory};
use actix_web::{Error, body::to_bytes, dev::AppConfig};
use bytes::Bytes;
use character_error_reporter::redacted;
use character_http_kit::middleware::may_have_large_body;
use futures_util::{Stream, StreamExt, stream};
use std::{
    future::{pending, poll_fn, ready},
    io,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    task::{LocalSet, spawn_local},
};

/// Maximum number of parts of a body that wait between two threads.
const PARTS: usize = 8;

/// The threads for requests with large bodies, and those for lists, which do not wait for each other.
#[derive(Debug)]
pub(crate) struct Lanes {
    bodies: Arc<Lane>,
    lists: Arc<Lane>,
    may_be_long: MayBeLong,
}

impl Lanes {
    /// Starts the threads of each kind; `None`: there are to be none.
    pub(crate) fn start<F, I, S, B>(threads: Threads, application: &F) -> io::Result<Option<Arc<Self>>>
    where
        F: Fn() -> I + Clone + Send + 'static,
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig> + 'static,
        S::Error: Into<Error> + 'static,
        S::Response: Into<Response<B>> + 'static,
        S::Service: 'static,
        B: MessageBody + 'static,
    {
        if threads.large == 0 {
            return Ok(None);
        }
        let (bodies, lists) = (Lane::start(threads.large, application)?, Lane::start(threads.large, application)?);
        Ok(Some(Arc::new(Self { bodies, lists, may_be_long: threads.may_be_long })))
    }

    /// The threads for this request; `None`: it is small.
    pub(super) fn of(&self, head: &RequestHead) -> Option<Arc<Lane>> {
        if may_have_large_body(&head.headers) {
            return Some(Arc::clone(&self.bodies));
        }
        (self.may_be_long)(&head.method, head.uri.path()).then(|| Arc::clone(&self.lists))
    }
}

/// A request on its way to the application, which may be on another thread.
pub(super) struct Job {
    pub(super) head: RequestHead,
    pub(super) body: JobBody,
    pub(super) answer: oneshot::Sender<Answer>,
}

pub(super) enum JobBody {
    Whole(Bytes),
    Parts(mpsc::Receiver<Result<Bytes, PayloadError>>),
}

/// An answer on its way back. `Response` cannot be sent to another thread.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: AnswerBody,
}

pub(super) enum AnswerBody {
    None,
    Whole(Bytes),
    /// Of a length that is not known before its end.
    Parts(mpsc::Receiver<io::Result<Bytes>>),
}

/// Threads, each with the whole application.
#[derive(Debug)]
pub(super) struct Lane {
    threads: Vec<LaneThread>,
}

#[derive(Debug)]
struct LaneThread {
    jobs: mpsc::UnboundedSender<Job>,
    /// Requests that it has not answered. Each has a client that waits, so that their number is bounded.
    load: AtomicUsize,
}

/// One more request for a thread, until it is answered or given up.
pub(super) struct Loaded<'a>(&'a LaneThread);

impl<'a> Loaded<'a> {
    fn new(thread: &'a LaneThread) -> Self {
        thread.load.fetch_add(1, Ordering::Relaxed);
        Self(thread)
    }
}

impl Drop for Loaded<'_> {
    fn drop(&mut self) {
        self.0.load.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lane {
    /// Starts the threads. They only run handlers: sockets and timers of the handlers are served by the current runtime.
    fn start<F, I, S, B>(threads: usize, application: &F) -> io::Result<Arc<Self>>
    where
        F: Fn() -> I + Clone + Send + 'static,
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig> + 'static,
        S::Error: Into<Error> + 'static,
        S::Response: Into<Response<B>> + 'static,
        S::Service: 'static,
        B: MessageBody + 'static,
    {
        let start = |number| {
            let (sender, jobs) = mpsc::unbounded_channel();
            let (application, runtime) = (application.clone(), Handle::current());
            let thread = thread::Builder::new().name(format!("large requests {number}"));
            thread.spawn(move || runtime.block_on(LocalSet::new().run_until(serve(application(), jobs))))?;
            Ok(LaneThread { jobs: sender, load: AtomicUsize::new(0) })
        };
        Ok(Arc::new(Self { threads: (0..threads).map(start).collect::<io::Result<_>>()? }))
    }

    /// Gives a request to the thread with the fewest; `None`: the thread has ended. Keep the returned value until the answer.
    pub(super) fn send(&self, job: Job) -> Option<Loaded<'_>> {
        let thread = self.threads.iter().min_by_key(|thread| thread.load.load(Ordering::Relaxed)).map(Loaded::new)?;
        thread.0.jobs.send(job).is_ok().then_some(thread)
    }

    /// Has the thread with the fewest requests answer this one, and brings it the body as it arrives.
    pub(super) async fn answer(&self, mut request: Request) -> Response<BoxBody> {
        let (parts, body) = mpsc::channel(PARTS);
        let (sender, answered) = oneshot::channel();
        let mut payload = request.take_payload();
        let job = Job { head: request.head().clone(), body: JobBody::Parts(body), answer: sender };
        let sent = self.send(job);
        let carry = async {
            while let Some(part) = payload.next().await {
                // A handler that has seen enough of the body drops it.
                if parts.send(part).await.is_err() {
                    break;
                }
            }
            drop(parts);
            pending().await
        };
        let answer = tokio::select! {
            answer = answered => answer.ok(),
            () = carry => None,
        };
        let Some(Answer { status, headers, body }) = answer.filter(|_| sent.is_some()) else {
            tracing::error!("a thread for large requests has ended");
            return Response::internal_server_error();
        };
        let body = match body {
            AnswerBody::None => BoxBody::new(()),
            AnswerBody::Whole(body) => BoxBody::new(body),
            AnswerBody::Parts(parts) => BoxBody::new(BodyStream::new(received(parts))),
        };
        let mut response = Response::with_body(status, body);
        *response.headers_mut() = headers;
        response
    }
}

/// Serves until those that send requests are gone.
pub(super) async fn serve<I, S, B>(application: I, mut jobs: mpsc::UnboundedReceiver<Job>)
where
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig>,
    S::Error: Into<Error>,
    S::Response: Into<Response<B>>,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let Ok(service) = application.into_factory().new_service(AppConfig::default()).await else {
        return tracing::error!("the application of a thread cannot start");
    };
    let service = Rc::new(service);
    while let Some(job) = jobs.recv().await {
        spawn_local(answer(Rc::clone(&service), job));
    }
}

async fn answer<S, B>(service: Rc<S>, job: Job)
where
    S: Service<Request>,
    S::Error: Into<Error>,
    S::Response: Into<Response<B>>,
    B: MessageBody + 'static,
{
    let Job { head, body, answer: mut sender } = job;
    let payload: Payload<BoxedPayloadStream> = match body {
        JobBody::Whole(body) if body.is_empty() => Payload::None,
        JobBody::Whole(body) => Payload::from(Box::pin(stream::once(ready(Ok(body)))) as BoxedPayloadStream),
        JobBody::Parts(parts) => Payload::from(Box::pin(received(parts)) as BoxedPayloadStream),
    };
    let mut request = Request::with_payload(payload);
    *request.head_mut() = head;
    let answering = async {
        let response = match service.call(request).await {
            Ok(response) => response.into().map_into_boxed_body(),
            Err(error) => error.into().error_response().into(),
        };
        let (response, body) = response.into_parts();
        let (status, headers) = (response.status(), response.headers().clone());
        match body.size() {
            BodySize::None => Answer { status, headers, body: AnswerBody::None },
            BodySize::Sized(_) => match whole(body).await {
                Ok(body) => Answer { status, headers, body: AnswerBody::Whole(body) },
                Err(error) => {
                    tracing::error!(error = %redacted(error.as_ref()), "the body of a response cannot be produced");
                    let status = StatusCode::INTERNAL_SERVER_ERROR;
                    Answer { status, headers: HeaderMap::new(), body: AnswerBody::None }
                }
            },
            BodySize::Stream => {
                let (parts, received) = mpsc::channel(PARTS);
                spawn_local(send_parts(body, parts));
                Answer { status, headers, body: AnswerBody::Parts(received) }
            }
        }
    };
    let answer = tokio::select! {
        answer = answering => answer,
        // The client is gone, and with it the request, as on the thread of its socket.
        () = sender.closed() => return,
    };
    // The client may leave at the last moment.
    drop(sender.send(answer));
}

/// The bytes of a body of known length; without a copy when they are in one piece, as they nearly always are.
async fn whole(body: BoxBody) -> Result<Bytes, <BoxBody as MessageBody>::Error> {
    match body.try_into_bytes() {
        Ok(bytes) => Ok(bytes),
        Err(body) => to_bytes(body).await,
    }
}

/// Sends a body as far as the client takes it.
async fn send_parts(mut body: BoxBody, parts: mpsc::Sender<io::Result<Bytes>>) {
    while let Some(part) = poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await {
        // The error itself cannot be sent to another thread.
        if parts.send(part.map_err(|error| io::Error::other(error.to_string()))).await.is_err() {
            return;
        }
    }
}

fn received<T>(parts: mpsc::Receiver<T>) -> impl Stream<Item = T> {
    stream::unfold(parts, |mut parts| async { parts.recv().await.map(|part| (part, parts)) })
}
