use crate::milliseconds;
use redis::{Pipeline, Script};
use std::time::Duration;

/// The time of Redis in seconds and microseconds; the value of a key, the millisecond it is as of, and whether it is in
/// doubt.
pub(crate) type Looked = ((u64, u64), (Option<Vec<u8>>, Option<u64>, Option<u8>));

/// Looks at `key` and changes nothing; answered with [`Looked`].
pub(crate) fn look(key: &str) -> Pipeline {
    let mut steps = Pipeline::new();
    steps.cmd("TIME").cmd("HMGET").arg(key).arg(&["v", "a", "d"]);
    steps
}

/// The value that was looked at and its age, when it is a hit: the first rule of [`Scripts::get_or_lease`], for which
/// Redis needs longer than for looking.
pub(crate) fn hit(((seconds, micros), (value, as_of, doubt)): Looked, fresh: Duration) -> Option<(Vec<u8>, u64)> {
    let age = (seconds * 1000 + micros / 1000).saturating_sub(as_of?);
    (doubt.is_none() && age <= milliseconds(fresh)).then_some((value?, age))
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
    /// whose data it is, channel, message; writes its key, so that a Redis that takes no writes is noticed
    pub(crate) heartbeat: Script,
}

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
                "local h = redis.call('HMGET', KEYS[1], 'v', 'a', 'd', 't', 'u', 'w')
local age = h[2] and math.max(0, now - h[2]) or 0
if h[1] and not h[3] and age <= tonumber(ARGV[2]) then return {1, h[1], age} end
if h[4] and tonumber(h[5]) > now then return {h[6] and 0 or 3, h[1], age} end
redis.call('HSET', KEYS[1], 't', ARGV[1], 'u', now + ARGV[3])
redis.call('HDEL', KEYS[1], 'w', 'c', 'r')
if not h[1] then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return {2, h[1], age}",
            ),
            fill: timed(
                "if redis.call('HGET', KEYS[1], 't') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if ARGV[3] == '1' then
  redis.call('HSET', KEYS[1], 'v', ARGV[4], 'a', now)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1",
            ),
            release: plain(
                "if redis.call('HGET', KEYS[1], 't') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 't', 'u')
return 1",
            ),
            fence: timed(
                "local h = redis.call('HMGET', KEYS[1], 'v', 'd', 'w', 'u')
local contended = h[3] and tonumber(h[4]) > now
redis.call('HDEL', KEYS[1], 'c', 'r')
if contended then redis.call('HSET', KEYS[1], 'c', 1)
elseif h[1] and not h[2] then redis.call('HSET', KEYS[1], 'r', 1) end
redis.call('HSET', KEYS[1], 'd', 1, 'w', 1, 't', ARGV[1], 'u', now + ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1",
            ),
            settle: timed(
                "local h = redis.call('HMGET', KEYS[1], 't', 'c', 'v', 'r', 'w', 'u')
local own = h[1] == ARGV[1]
if ARGV[3] == 'store' then
  redis.call('DEL', KEYS[1])
  if own and not h[2] then
    redis.call('HSET', KEYS[1], 'v', ARGV[4], 'a', now)
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end
elseif ARGV[3] == 'doubt' and not own and h[5] and tonumber(h[6]) > now then
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
            heartbeat: plain(
                "if ARGV[5] == '1' or redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[4])
end
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1",
            ),
        }
    }
}
