UPDATE parked_events SET replay = true
WHERE consumer = $1 AND event_id IN (SELECT unhex(value) FROM json_each($2))
RETURNING 1
