use crate::RedisTierMetrics;
use character_cache::{Invalidations, Key};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// What processes tell each other: who says it, and which key.
const EVERYTHING: &str = "*";
const PING: &str = "ping";

/// Whom to tell what other processes invalidate, and whether they can be heard.
#[derive(Debug)]
pub(crate) struct Channel {
    process: Uuid,
    state: Mutex<State>,
    metrics: RedisTierMetrics,
}

#[derive(Debug, Default)]
struct State {
    heard: bool,
    sinks: Vec<Arc<dyn Invalidations>>,
}

/// Whether a message was the answer to our own heartbeat.
pub(crate) enum Heard {
    OwnPing,
    Other,
}

impl Channel {
    pub(crate) fn new(metrics: RedisTierMetrics) -> Self {
        Self { process: Uuid::new_v4(), state: Mutex::default(), metrics }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn about(&self, key: &Key) -> String {
        format!("{} {key}", self.process)
    }

    pub(crate) fn about_everything(&self) -> String {
        format!("{} {EVERYTHING}", self.process)
    }

    pub(crate) fn ping(&self) -> String {
        format!("{} {PING}", self.process)
    }

    pub(crate) fn is_heard(&self) -> bool {
        self.state().heard
    }

    pub(crate) fn attach(&self, sink: Arc<dyn Invalidations>) {
        let mut state = self.state();
        if state.heard {
            sink.channel_restored();
        }
        state.sinks.push(sink);
    }

    pub(crate) fn hear(&self, message: &str) -> Heard {
        let mut state = self.state();
        let own = self.process.to_string();
        match message.split_once(' ') {
            Some((process, PING)) if process == own => {
                if !state.heard {
                    state.heard = true;
                    self.metrics.channel.set(1);
                    state.sinks.iter().for_each(|sink| sink.channel_restored());
                }
                return Heard::OwnPing;
            }
            Some((_, PING)) => {}
            // What we wrote ourselves, we know.
            Some((process, _)) if process == own => {}
            Some((_, EVERYTHING)) => state.sinks.iter().for_each(|sink| sink.invalidate_all()),
            Some((_, key)) => {
                let key = Key::from(key);
                state.sinks.iter().for_each(|sink| sink.invalidate(&key));
            }
            // Not from a process of ours: nothing to be sure of.
            None => state.sinks.iter().for_each(|sink| sink.invalidate_all()),
        }
        Heard::Other
    }

    pub(crate) fn lost(&self) {
        let mut state = self.state();
        if state.heard {
            state.heard = false;
            self.metrics.channel.set(0);
            state.sinks.iter().for_each(|sink| sink.channel_lost());
        }
    }
}
