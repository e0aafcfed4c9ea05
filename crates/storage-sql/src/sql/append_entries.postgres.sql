-- Several entries of one transaction of the database. The order of the lists is that of the ordinals.
-- $1 ids; $2 fingerprints; $3 outcomes; $4 news; $5 events; $6 traceparents.
INSERT INTO transactions (
    id, fingerprint, outcome, news, events, traceparent, committed_at, ordinal, epoch
)
SELECT id, fingerprint, outcome, news, events, traceparent,
       CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint),
       CAST(ordinality - 1 AS integer), (SELECT number FROM storage_log)
FROM UNNEST(
    CAST($1 AS uuid[]), CAST($2 AS text[]), CAST($3 AS text[]), CAST($4 AS text[]), CAST($5 AS text[]), CAST($6 AS text[])
) WITH ORDINALITY AS new (id, fingerprint, outcome, news, events, traceparent, ordinality)
RETURNING CAST(CAST(tick AS text) AS bigint)
