-- The ticks of an earlier epoch do not compare with those of this one.
SELECT fingerprint, outcome, news,
       CASE WHEN epoch = (SELECT number FROM storage_log) THEN CAST(CAST(tick AS text) AS bigint) ELSE 0 END
FROM transactions
WHERE id = $1
