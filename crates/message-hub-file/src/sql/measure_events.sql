SELECT count(*), coalesce(sum(bytes), 0) FROM events
