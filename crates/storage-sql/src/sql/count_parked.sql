SELECT count(*) FROM parked_events
