INSERT INTO pending (subscription, sequence) VALUES (?, ?)
