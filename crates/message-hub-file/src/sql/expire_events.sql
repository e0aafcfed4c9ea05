DELETE FROM events WHERE sequence <= ?
