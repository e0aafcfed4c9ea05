INSERT OR REPLACE INTO probe (id, at) VALUES (1, ?)
