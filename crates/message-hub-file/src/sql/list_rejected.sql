SELECT rejected_at, reason, event_id, source, rejected.type, event
FROM rejected LEFT JOIN events USING (sequence)
WHERE subscription = ?
ORDER BY id DESC
LIMIT ?
