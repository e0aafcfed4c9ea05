use crate::RedisTierMetrics;
use character_cache::{Invalidations, Key};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use uuid::Uuid;

/// What processes tell each other: who says it, and which key.
const EVERYTHING: &str = "*";
const PING: &str = "ping ";

/// Whom to tell what other processes invalidate, and whether they can be heard.
#[derive(Debug)]
pub(crate) struct Channel {
    process: Uuid,
    began: Instant,
    /// For how long after a sign of life what was heard is trusted.
    silence: Duration,
    state: Mutex<State>,
    metrics: RedisTierMetrics,
}

#[derive(Debug, Default)]
struct State {
    /// Until when what was heard is trusted, if the channel is not lost.
    heard: Option<Instant>,
    sinks: Vec<Arc<dyn Invalidations>>,
}

/// Whether a message was our own sign of life.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It was, and everything that was said before it was sent has been heard: trusted until then.
    OwnPing(Instant),
    Other,
}

impl Channel {
    pub(crate) fn new(silence: Duration, metrics: RedisTierMetrics) -> Self {
        Self { process: Uuid::new_v4(), began: Instant::now(), silence, state: Mutex::default(), metrics }
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

    /// A sign of life, which tells when it was sent: it may have lain somewhere for long when it is heard.
    pub(crate) fn ping(&self) -> String {
        format!("{} {PING}{}", self.process, self.began.elapsed().as_micros())
    }

    pub(crate) fn is_heard(&self) -> bool {
        self.state().heard.is_some()
    }

    pub(crate) fn attach(&self, sink: Arc<dyn Invalidations>) {
        let mut state = self.state();
        if let Some(until) = state.heard {
            sink.channel_heard(until);
        }
        state.sinks.push(sink);
    }

    pub(crate) fn hear(&self, message: &str) -> Heard {
        let mut state = self.state();
        let own = self.process.to_string();
        match message.split_once(' ') {
            Some((process, message)) if message.starts_with(PING) => {
                let sent = message.strip_prefix(PING).and_then(|sent| sent.parse().ok());
                if let Some(sent) = sent.filter(|_| process == own) {
                    let until = self.began + Duration::from_micros(sent) + self.silence;
                    // One that comes late, or after a later one, tells nothing that is not known.
                    if until > Instant::now() && state.heard.is_none_or(|known| until > known) {
                        state.heard = Some(until);
                        self.metrics.channel.set(1);
                        state.sinks.iter().for_each(|sink| sink.channel_heard(until));
                    }
                    return Heard::OwnPing(until);
                }
            }
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
        if state.heard.take().is_some() {
            self.metrics.channel.set(0);
            state.sinks.iter().for_each(|sink| sink.channel_lost());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Duration = Duration::from_secs(3);

    #[derive(Debug, Default)]
    struct Told(Mutex<Vec<String>>);

    impl Invalidations for Told {
        fn invalidate(&self, key: &Key) {
            self.0.lock().unwrap().push(key.to_string());
        }
        fn invalidate_all(&self) {
            self.0.lock().unwrap().push("all".into());
        }
        fn channel_lost(&self) {
            self.0.lock().unwrap().push("lost".into());
        }
        fn channel_heard(&self, until: Instant) {
            let left = until.saturating_duration_since(Instant::now());
            self.0.lock().unwrap().push(format!("heard for {} ms", left.as_millis()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_heard_is_trusted_from_when_the_sign_of_life_was_sent() {
        let (channel, told) = (Channel::new(SILENCE, RedisTierMetrics::default()), Arc::new(Told::default()));
        channel.attach(Arc::clone(&told) as _);
        let other = Channel::new(SILENCE, RedisTierMetrics::default());
        assert_eq!(channel.hear(&other.ping()), Heard::Other);
        let ping = channel.ping();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(channel.hear(&ping), Heard::OwnPing(Instant::now() + Duration::from_secs(2)));
        assert_eq!(told.0.lock().unwrap().split_off(0), ["heard for 2000 ms"]);
        // One that lay somewhere for long is no sign of life.
        let ping = channel.ping();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(channel.hear(&ping), Heard::OwnPing(Instant::now() - Duration::from_secs(2)));
        channel.lost();
        assert_eq!(channel.hear(&ping), Heard::OwnPing(Instant::now() - Duration::from_secs(2)));
        assert!(!channel.is_heard());
        assert_eq!(told.0.lock().unwrap().split_off(0), ["lost"]);
    }

    #[tokio::test(start_paused = true)]
    async fn whom_nobody_understands_invalidates_everything() {
        let (channel, told) = (Channel::new(SILENCE, RedisTierMetrics::default()), Arc::new(Told::default()));
        channel.attach(Arc::clone(&told) as _);
        for message in ["?", "somebody *", "somebody ping", "somebody character:row:1"] {
            assert_eq!(channel.hear(message), Heard::Other);
        }
        assert_eq!(told.0.lock().unwrap().split_off(0), ["all", "all", "ping", "character:row:1"]);
    }
}
