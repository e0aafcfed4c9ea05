use crate::RedisTierMetrics;
use character_cache::{Invalidations, Key};
use std::{
    collections::VecDeque,
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
    /// For how long after a sign of life what was heard is trusted.
    silence: Duration,
    state: Mutex<State>,
    metrics: RedisTierMetrics,
}

#[derive(Debug, Default)]
struct State {
    /// Until when what was heard is trusted, if the channel is not lost.
    heard: Option<Instant>,
    /// The pings sent of late, and when. A message of this form is believed only if it is one of them.
    sent: VecDeque<(Uuid, Instant)>,
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
        Self { process: Uuid::new_v4(), silence, state: Mutex::default(), metrics }
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

    /// A sign of life. When it was sent is remembered here, since it may have lain somewhere for long when it is heard,
    /// and since anybody who reaches Redis can publish one.
    pub(crate) fn ping(&self) -> String {
        let (nonce, now) = (Uuid::new_v4(), Instant::now());
        let mut state = self.state();
        state.sent.retain(|(_, sent)| now.saturating_duration_since(*sent) < self.silence);
        state.sent.push_back((nonce, now));
        format!("{} {PING}{nonce}", self.process)
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
                let nonce = message.strip_prefix(PING).and_then(|nonce| nonce.parse().ok());
                let sent = state.sent.iter().find(|(sent, _)| process == own && Some(*sent) == nonce);
                if let Some((_, at)) = sent {
                    let until = *at + self.silence;
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
        // With the next one it is forgotten, so that what is remembered does not grow.
        channel.ping();
        assert_eq!((channel.hear(&ping), channel.state().sent.len()), (Heard::Other, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_ping_is_believed_only_if_it_was_sent_here() {
        let (channel, told) = (Channel::new(SILENCE, RedisTierMetrics::default()), Arc::new(Told::default()));
        channel.attach(Arc::clone(&told) as _);
        let ping = channel.ping();
        for forged in [
            format!("{} {PING}{}", channel.process, Uuid::new_v4()),
            format!("{} {PING}{}", channel.process, u64::MAX),
            format!("{} {PING}", channel.process),
            ping.replacen(&channel.process.to_string(), &Uuid::new_v4().to_string(), 1),
        ] {
            assert_eq!(channel.hear(&forged), Heard::Other, "{forged}");
        }
        assert!(!channel.is_heard() && told.0.lock().unwrap().is_empty());
        assert!(matches!(channel.hear(&ping), Heard::OwnPing(_)) && channel.is_heard());
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
