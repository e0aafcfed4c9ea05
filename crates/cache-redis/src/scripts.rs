use crate::milliseconds;
use redis::{Pipeline, Script};
use std::time::Duration;

/// How far ahead of the clock of Redis a value may have been written: clocks are set, and a replica has one of its own.
const SKEW_MS: i64 = 5_000;

/// The time of Redis in seconds and microseconds; the value of a key, the millisecond it is as of, and whether it is in
/// doubt. Nothing but the first was certainly written by us.
pub(crate) type Looked = ((i64, i64), (Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>));

/// What of a value can be ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plausible {
    /// The largest value, in bytes.
    pub(crate) largest: usize,
    /// The greatest age.
    pub(crate) keep: Duration,
}

impl Plausible {
    /// The age of a value, unless it is too large, from the future, or older than anything that is kept.
    pub(crate) fn age(self, value: &[u8], age_ms: i64) -> Option<Duration> {
        let keep = i64::try_from(milliseconds(self.keep)).unwrap_or(i64::MAX).saturating_add(SKEW_MS);
        let is_plausible = value.len() <= self.largest && (-SKEW_MS..=keep).contains(&age_ms);
        is_plausible.then(|| Duration::from_millis(u64::try_from(age_ms).unwrap_or(0)))
    }
}

/// What a look at a key found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A current value and its age.
    Hit(Vec<u8>, Duration),
    /// None.
    Nothing,
    /// Something that is not ours.
    Foreign,
}

/// Looks at `key` and changes nothing; answered with [`Looked`].
pub(crate) fn look(key: &str) -> Pipeline {
    let mut steps = Pipeline::new();
    steps.cmd("TIME").cmd("HMGET").arg(key).arg(&["v", "a", "d"]);
    steps
}

/// The value that was looked at, when it is a hit: the first rule of [`Scripts::get_or_lease`], for which Redis needs longer
/// than for looking.
pub(crate) fn hit(((seconds, micros), (value, as_of, doubt)): Looked, fresh: Duration, plausible: Plausible) -> Found {
    let Some(value) = value else { return Found::Nothing };
    let as_of = as_of.and_then(|text| std::str::from_utf8(&text).ok()?.parse::<i64>().ok());
    let now = seconds.saturating_mul(1000).saturating_add(micros / 1000);
    match as_of.and_then(|as_of| plausible.age(&value, now.saturating_sub(as_of))) {
        None => Found::Foreign,
        Some(age) if doubt.is_none() && age <= fresh => Found::Hit(value, age),
        Some(_) => Found::Nothing,
    }
}

/// The steps, each atomic and over one key.
pub(crate) struct Scripts {
    /// token, fresh ms, lease ms → {0 being written | 1 hit | 2 leased | 3 being loaded, value or nil, age ms}
    pub(crate) get_or_lease: Script,
    /// token, keep ms, whether there is a value, value → whether it landed
    pub(crate) fill: Script,
    /// token
    pub(crate) release: Script,
    /// token, lease ms, channel, message
    pub(crate) fence: Script,
    /// token, keep ms, `store` | `restore` | `doubt`, value, channel, message
    pub(crate) settle: Script,
    /// channel, message
    pub(crate) remove: Script,
    /// largest value in bytes; removes what is larger or no hash at all → whether it did
    pub(crate) inspect: Script,
    /// whose data it is, channel, message; writes its key, so that a Redis that takes no writes is noticed
    pub(crate) heartbeat: Script,
}

// Another program may have written anything at a key of ours. `pcall` catches that it is no hash, and what is no number
// counts as 0: a script that fails would put the whole tier out of use.
const NOW: &str = "local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
";

impl Scripts {
    pub(crate) fn new() -> Self {
        Self::written_by(str::to_owned)
    }

    /// The scripts as `rewrite` leaves them, so that a test can break one.
    pub(crate) fn written_by(rewrite: impl Fn(&str) -> String) -> Self {
        let plain = |code: &str| Script::new(&rewrite(code));
        let timed = |code: &str| Script::new(&format!("{NOW}{}", rewrite(code)));
        Self {
            get_or_lease: timed(
                "local h = redis.pcall('HMGET', KEYS[1], 'v', 'a', 'd', 't', 'u', 'w')
if h.err then redis.call('DEL', KEYS[1]) h = {} end
local age = now - (tonumber(h[2] or 0) or 0)
local till = tonumber(h[5] or 0) or 0
if h[1] and not h[3] and age <= tonumber(ARGV[2]) then return {1, h[1], age} end
if h[4] and till > now and till <= now + ARGV[3] then return {h[6] and 0 or 3, h[1], age} end
redis.call('HSET', KEYS[1], 't', ARGV[1], 'u', now + ARGV[3])
redis.call('HDEL', KEYS[1], 'w', 'c', 'r')
if not h[1] then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return {2, h[1], age}",
            ),
            fill: timed(
                "if redis.pcall('HGET', KEYS[1], 't') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if ARGV[3] == '1' then
  redis.call('HSET', KEYS[1], 'v', ARGV[4], 'a', now)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1",
            ),
            release: plain(
                "if redis.pcall('HGET', KEYS[1], 't') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 't', 'u')
return 1",
            ),
            fence: timed(
                "local h = redis.pcall('HMGET', KEYS[1], 'v', 'd', 'w', 'u')
if h.err then redis.call('DEL', KEYS[1]) h = {} end
local contended = h[3] and (tonumber(h[4] or 0) or 0) > now
redis.call('HDEL', KEYS[1], 'c', 'r')
if contended then redis.call('HSET', KEYS[1], 'c', 1)
elseif h[1] and not h[2] then redis.call('HSET', KEYS[1], 'r', 1) end
redis.call('HSET', KEYS[1], 'd', 1, 'w', 1, 't', ARGV[1], 'u', now + ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1",
            ),
            settle: timed(
                "local h = redis.pcall('HMGET', KEYS[1], 't', 'c', 'v', 'r', 'w', 'u')
if h.err then redis.call('DEL', KEYS[1]) h = {} end
local own = h[1] == ARGV[1]
if ARGV[3] == 'store' then
  redis.call('DEL', KEYS[1])
  if own and not h[2] then
    redis.call('HSET', KEYS[1], 'v', ARGV[4], 'a', now)
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end
elseif ARGV[3] == 'doubt' and not own and h[5] and (tonumber(h[6] or 0) or 0) > now then
  redis.call('HSET', KEYS[1], 'd', 1, 'c', 1)
  redis.call('HDEL', KEYS[1], 'r')
elseif own or ARGV[3] == 'doubt' then
  if not h[3] then redis.call('DEL', KEYS[1])
  else
    if ARGV[3] == 'doubt' then redis.call('HSET', KEYS[1], 'd', 1) end
    if ARGV[3] == 'restore' and h[4] then redis.call('HDEL', KEYS[1], 'd') end
    redis.call('HDEL', KEYS[1], 't', 'u', 'w', 'c', 'r')
  end
end
redis.call('PUBLISH', ARGV[5], ARGV[6])
return 1",
            ),
            remove: plain(
                "redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 1",
            ),
            inspect: plain(
                "local bytes = redis.pcall('HSTRLEN', KEYS[1], 'v')
if type(bytes) == 'number' and bytes <= tonumber(ARGV[1]) then return 0 end
redis.call('UNLINK', KEYS[1])
return 1",
            ),
            heartbeat: plain(
                "if ARGV[5] == '1' or redis.pcall('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[4])
end
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1",
            ),
        }
    }
}
