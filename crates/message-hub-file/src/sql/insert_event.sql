INSERT INTO events (published_at, type, subject, message_id, bytes, event) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (message_id) DO NOTHING
RETURNING sequence
