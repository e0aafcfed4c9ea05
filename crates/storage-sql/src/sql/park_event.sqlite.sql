-- $1 consumer; $2 id of the event; $3 event; $4 reason; $5 replay.
INSERT INTO parked_events (consumer, event_id, event, reason, parked_at, replay)
VALUES ($1, $2, $3, $4, CAST(unixepoch('now', 'subsec') * 1000000 AS integer), $5)
ON CONFLICT (consumer, event_id) DO UPDATE
SET event = excluded.event, reason = excluded.reason, parked_at = excluded.parked_at, replay = excluded.replay
