SELECT sequence, type, subject FROM events ORDER BY sequence
