-- $1 id; $2 fingerprint; $3 outcome; $4 news; $5 events; $6 traceparent.
INSERT INTO transactions (
    id, fingerprint, outcome, news, events, traceparent, committed_at, tick
)
VALUES (
    $1, $2, $3, $4, $5, $6, CAST(unixepoch('now', 'subsec') * 1000000 AS integer),
    (SELECT MAX(COALESCE((SELECT MAX(tick) FROM transactions), 0), purged_tick) + 1 FROM storage_log)
)
RETURNING tick
