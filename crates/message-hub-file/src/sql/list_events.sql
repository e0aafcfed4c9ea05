SELECT sequence, event FROM events WHERE sequence >= ? ORDER BY sequence LIMIT ?
