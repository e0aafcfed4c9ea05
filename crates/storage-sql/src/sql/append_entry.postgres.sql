-- $1 id; $2 fingerprint; $3 outcome; $4 news; $5 events; $6 traceparent; $7 ordinal.
INSERT INTO transactions (
    id, fingerprint, outcome, news, events, traceparent, committed_at, ordinal, epoch
)
VALUES (
    $1, $2, $3, $4, $5, $6, CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint),
    CAST(CAST($7 AS bigint) AS integer), (SELECT number FROM storage_log)
)
RETURNING CAST(CAST(tick AS text) AS bigint)
