SELECT event FROM events WHERE sequence = ?
