SELECT position, event_id, event FROM outbox ORDER BY position LIMIT $1
