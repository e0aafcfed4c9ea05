//! The way into an application for requests that arrive without a socket.

use super::lane::{Answer, AnswerBody, Job, JobBody, Lanes, serve};
use actix_http::{Request, RequestHead, Response, StatusCode, body::MessageBody, header::HeaderMap};
use actix_service::{IntoServiceFactory, ServiceFactory};
use actix_web::{Error, dev::AppConfig};
use bytes::{Bytes, BytesMut};
use std::{io, sync::Arc};
use tokio::sync::{mpsc, oneshot};

/// Sends requests to an application that another future serves, and the large ones to the threads for them.
#[derive(Debug)]
pub(crate) struct Entrance {
    jobs: mpsc::UnboundedSender<Job>,
    lanes: Option<Arc<Lanes>>,
}

/// How a request ended.
pub(crate) enum RoutedAnswer {
    /// The answer, with its whole body.
    Answered {
        /// Its status.
        status: StatusCode,
        /// Its headers.
        headers: HeaderMap,
        /// Its body.
        body: Bytes,
    },
    /// The body of the answer is larger than is passed on.
    TooLarge,
    /// The body of the answer could not be produced to its end.
    Broken(io::Error),
    /// The application has ended.
    Gone,
}

/// Requests that wait for the application.
#[derive(Debug)]
pub(crate) struct Waiting(mpsc::UnboundedReceiver<Job>);

impl Entrance {
    /// An entrance, and the requests that come through it.
    pub(crate) fn open(lanes: Option<Arc<Lanes>>) -> (Self, Waiting) {
        let (jobs, waiting) = mpsc::unbounded_channel();
        (Self { jobs, lanes }, Waiting(waiting))
    }

    /// Has the application answer. When this is dropped, the application drops the request.
    ///
    /// The caller limits the number of requests that wait, and the time of each.
    pub(crate) async fn answer(&self, head: RequestHead, body: Bytes, most: usize) -> RoutedAnswer {
        let lane = self.lanes.as_ref().and_then(|lanes| lanes.of(&head));
        let (sender, answered) = oneshot::channel();
        let job = Job { head, body: JobBody::Whole(body), answer: sender };
        // It counts for its thread until the answer.
        let _loaded = match &lane {
            Some(lane) => match lane.send(job) {
                Some(loaded) => Some(loaded),
                None => return RoutedAnswer::Gone,
            },
            None if self.jobs.send(job).is_err() => return RoutedAnswer::Gone,
            None => None,
        };
        let Ok(Answer { status, headers, body }) = answered.await else { return RoutedAnswer::Gone };
        let body = match body {
            AnswerBody::None => Bytes::new(),
            AnswerBody::Whole(body) if body.len() > most => return RoutedAnswer::TooLarge,
            AnswerBody::Whole(body) => body,
            AnswerBody::Parts(parts) => match collected(parts, most).await {
                Ok(Some(body)) => body,
                Ok(None) => return RoutedAnswer::TooLarge,
                Err(error) => return RoutedAnswer::Broken(error),
            },
        };
        RoutedAnswer::Answered { status, headers, body }
    }
}

impl Waiting {
    /// Answers requests until the entrance is dropped. It runs on a `LocalSet`.
    pub(crate) async fn serve<I, S, B>(self, application: I)
    where
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig>,
        S::Error: Into<Error>,
        S::Response: Into<Response<B>>,
        S::Service: 'static,
        B: MessageBody + 'static,
    {
        serve(application, self.0).await;
    }
}

/// The whole body. `None`: it is larger than `most`.
async fn collected(mut parts: mpsc::Receiver<io::Result<Bytes>>, most: usize) -> io::Result<Option<Bytes>> {
    let mut whole = BytesMut::new();
    while let Some(part) = parts.recv().await {
        let part = part?;
        if whole.len() + part.len() > most {
            return Ok(None);
        }
        whole.extend_from_slice(&part);
    }
    Ok(Some(whole.freeze()))
}
