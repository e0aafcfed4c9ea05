SELECT 1 FROM events WHERE message_id = ?
