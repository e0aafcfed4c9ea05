SELECT name, position,
       CASE WHEN leased_until > CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) THEN holder END,
       (SELECT count(*) FROM parked_events WHERE consumer = name)
FROM consumers
ORDER BY name
