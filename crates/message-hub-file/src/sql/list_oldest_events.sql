SELECT sequence, published_at, bytes FROM events ORDER BY sequence LIMIT ?
