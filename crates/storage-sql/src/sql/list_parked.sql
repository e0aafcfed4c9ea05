SELECT event, reason, parked_at, replay FROM parked_events
WHERE consumer = $1
ORDER BY event_id
LIMIT $2
