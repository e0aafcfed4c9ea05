UPDATE parked_events SET replay = true
WHERE consumer = $1 AND event_id = ANY(CAST($2 AS uuid[]))
RETURNING 1
