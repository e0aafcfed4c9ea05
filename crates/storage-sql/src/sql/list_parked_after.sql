SELECT event, reason, parked_at, replay FROM parked_events
WHERE consumer = $1 AND event_id > $3
ORDER BY event_id
LIMIT $2
