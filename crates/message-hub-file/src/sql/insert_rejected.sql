INSERT INTO rejected (subscription, sequence, rejected_at, reason, event_id, source, type)
VALUES (?, ?, ?, ?, ?, ?, ?)
