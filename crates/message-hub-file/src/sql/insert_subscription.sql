INSERT INTO subscriptions (name, filter) VALUES (?, ?)
