SELECT name, position,
       CASE WHEN leased_until > CAST(unixepoch('now', 'subsec') * 1000000 AS integer) THEN holder END,
       (SELECT count(*) FROM parked_events WHERE consumer = name)
FROM consumers
ORDER BY name
