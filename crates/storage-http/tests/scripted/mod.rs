//! A transport that follows a script, and records what it is asked for.

use async_trait::async_trait;
use character_storage_http::{ApiRequest, ApiResponse, Sent, Transport, TransportError, TransportErrorKind};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;

/// The outcome of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// A response with this status.
    Answer(u16),
    /// The same, with a `Retry-After` of this number of seconds.
    After(u16, u64),
    /// No connection: the request was certainly not sent.
    Refuse,
    /// The connection breaks after the request was sent.
    LoseAnswer,
    /// Nothing, without end.
    Silence,
}

/// Follows a script, one step a request, the last one without end. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Scripted(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    steps: VecDeque<Step>,
    calls: usize,
    /// When each request arrived, with its method and path.
    asked: Vec<(Instant, String)>,
}

impl Scripted {
    pub(crate) fn new(steps: &[Step]) -> Self {
        Self(Arc::new(Mutex::new(State { steps: steps.iter().copied().collect(), calls: 0, asked: Vec::new() })))
    }

    /// Repeats this step from now on.
    pub(crate) fn now(&self, step: Step) {
        self.0.lock().unwrap().steps = [step].into();
    }

    /// The number of requests.
    pub(crate) fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    /// The requests since this was called last.
    pub(crate) fn take(&self) -> Vec<(Instant, String)> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }
}

#[async_trait]
impl Transport for Scripted {
    async fn call(&self, request: ApiRequest) -> Result<ApiResponse, TransportError> {
        let step = {
            let mut state = self.0.lock().unwrap();
            state.calls += 1;
            state.asked.push((Instant::now(), format!("{} {}", request.method, request.path)));
            if state.steps.len() > 1 { state.steps.pop_front().unwrap() } else { state.steps[0] }
        };
        let failed = |kind, sent| Err(TransportError::of_attempt(kind, request.operation, sent));
        let answer = |status, retry_after| Ok(ApiResponse { retry_after, ..ApiResponse::of_status(status) });
        match step {
            Step::Answer(status) => answer(status, None),
            Step::After(status, seconds) => answer(status, Some(Duration::from_secs(seconds))),
            Step::Refuse => failed(TransportErrorKind::Connect, Sent::Never),
            Step::LoseAnswer => failed(TransportErrorKind::Interrupted, Sent::Perhaps),
            Step::Silence => std::future::pending().await,
        }
    }
}
